"""One model on all pages, whatever Streamlit makes of a picker that is on several."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dssm_core.folder import ModelFolder
from tests.tiny import bare_folder


def pages(folders):  # Streamlit runs its text alone, so no types
    import streamlit as st

    from dssm_core.ui.common.models import choose_model, pick_model

    if "link" in st.session_state:
        choose_model(st.session_state.pop("link"))
    page = st.session_state.setdefault("page", "compare")
    st.text(pick_model(folders, page).name)


@pytest.fixture
def app(tmp_path: Path) -> AppTest:
    names = ("a-first", "debian-packages", "z-last")
    folders = {name: ModelFolder.open(bare_folder(tmp_path / name)) for name in names}
    return AppTest.from_function(pages, kwargs={"folders": folders}).run()


def go(app: AppTest, page: str) -> AppTest:
    app.session_state["page"] = page
    return app.run()


@pytest.mark.slow
def test_the_main_sample_is_used_at_first_and_on_every_page(app: AppTest) -> None:
    for page in ("compare", "inspect", "compare"):
        go(app, page)
        assert (app.text[0].value, app.selectbox[0].value) == ("debian-packages",) * 2


def test_a_choice_on_either_page_holds_on_the_other(app: AppTest) -> None:
    app.selectbox[0].set_value("z-last").run()
    assert go(app, "inspect").text[0].value == "z-last"
    app.selectbox[0].set_value("a-first").run()
    for page in ("compare", "inspect"):
        go(app, page)
        assert (app.text[0].value, app.selectbox[0].value) == ("a-first", "a-first")


@pytest.mark.slow
def test_a_link_chooses_the_model_before_its_picker_is_shown(app: AppTest) -> None:
    go(app, "inspect")
    app.session_state["link"] = "z-last"
    assert go(app, "compare").selectbox[0].value == "z-last"
