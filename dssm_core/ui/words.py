"""The language of the page, and its texts in that language."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dssm_core.words import LANGUAGES, speaker


def language() -> str:
    """Return the chosen language, at first the browser's."""
    chosen = st.session_state.get("page.language")
    if chosen in LANGUAGES:
        return str(chosen)
    return "zh" if (st.context.locale or "").lower().startswith("zh") else "en"


def say(key: str, /, **values: Any) -> str:
    """Return a text of the page in the chosen language, with values put in."""
    return speaker(language())(key, **values)
