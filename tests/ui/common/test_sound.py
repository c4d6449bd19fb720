"""What the tests of pages rest on: a page with a part that failed is not sound."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from dssm_core.words import LANGUAGES
from tests.pages import shown_text, sound


def part_of_a_page(fails: bool) -> None:
    import streamlit as st

    from dssm_core.ui.common.components import failures_shown

    with failures_shown("a part"):
        st.html("whole" if not fails else str(1 / 0))


def opened(fails: bool, language: str = "en") -> AppTest:
    app = AppTest.from_function(part_of_a_page, default_timeout=120, args=(fails,))
    app.session_state["page.language"] = language
    return app.run()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_whose_part_raised_is_not_sound_in_any_language(language: str) -> None:
    app = opened(True, language)
    assert not app.exception, "no exception leaves a part"
    with pytest.raises(AssertionError, match="a part of the page failed"):
        sound(app)


def test_a_page_whose_parts_are_whole_is_sound() -> None:
    assert "whole" in shown_text(sound(opened(False)))
