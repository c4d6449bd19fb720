"""The language of the page, and its texts in that language."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dssm_core.words import LANGUAGES, Say, speaker


def language() -> str:
    """Return the chosen language, at first the browser's."""
    chosen = st.session_state.get("page.language")
    if chosen in LANGUAGES:
        return str(chosen)
    return "zh" if (st.context.locale or "").lower().startswith("zh") else "en"


def voice() -> Say:
    """Return what says texts in the chosen language, also where no session is at hand."""
    return speaker(language())


def say(key: str, /, **values: Any) -> str:
    """Return a text of the page in the chosen language, with values put in."""
    return voice()(key, **values)
