"""The language of the page, and its texts in that language."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dssm_core.words import LANGUAGES, Translate, translator_for


def language() -> str:
    """Return the chosen language, at first the browser's."""
    chosen = st.session_state.get("page.language")
    if chosen in LANGUAGES:
        return str(chosen)
    spoken = (st.context.locale or "").split("-")[0].lower()
    return spoken if spoken in LANGUAGES else "en"


def translator() -> Translate:
    """Return what says texts in the chosen language, also where no session is at hand."""
    return translator_for(language())


def tr(key: str, /, **values: Any) -> str:
    """Return a text of the page in the chosen language, with values put in."""
    return translator()(key, **values)
