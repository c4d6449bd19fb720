"""Every text of the pages, in English and Simplified Chinese; one word for each idea."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dssm_core.ui.words import compare, inspect, lab, pair

LANGUAGES = {"en": "English", "zh": "中文"}

WORDS: dict[str, tuple[str, str]] = {
    **compare.WORDS,
    **lab.WORDS,
    **inspect.WORDS,
    **pair.WORDS,
}


def language() -> str:
    """Return the chosen language, at first the browser's."""
    chosen = st.session_state.get("page.language")
    if chosen in LANGUAGES:
        return str(chosen)
    return "zh" if (st.context.locale or "").lower().startswith("zh") else "en"


def say(key: str, **values: Any) -> str:
    """Return a text of the page in the chosen language, with values put in."""
    text = WORDS[key][list(LANGUAGES).index(language())]
    return text.format(**values) if values else text
