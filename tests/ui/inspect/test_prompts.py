"""An encoder with prompts has them measured on the page; a model without is not asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dssm_core.adoption import Adoption, adopt
from dssm_core.scoring import Scorer
from tests.encoders import labelled_pairs, static_folder
from tests.pages import inspect_page, run_until, sound


class Live:
    """A live model that has loaded."""

    is_done, error = True, None

    def __init__(self, folder):
        self.scorer = Scorer(folder)

    def start(self) -> None:
        """Nothing is left to do."""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], AppTest]:
    encoder = str(static_folder(tmp_path / "static"))
    monkeypatch.setenv("DSSM_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("DSSM_STORE", str(tmp_path / "store.sqlite3"))
    live: dict[Path, Live] = {}
    monkeypatch.setattr(
        "dssm_core.ui.common.state.live_model",
        lambda folder: live.setdefault(folder.path, Live(folder)),
    )
    st.cache_resource.clear()

    def open_page(prompt: str) -> AppTest:
        out = tmp_path / "models/debian-packages"
        wanted = Adoption(encoder, labelled_pairs(40), out, prompts={"query": prompt})
        adopt(wanted, lambda line: None)
        return AppTest.from_function(inspect_page, default_timeout=120).run()

    return open_page


def buttons(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


@pytest.mark.slow
def test_the_prompts_are_measured(page):
    app = page("find : ")
    sound(app)
    next(b for b in app.button if b.label == "Measure the prompts").click().run()

    def tables() -> list[Any]:
        return [t.value for t in app.dataframe if "MRR@10" in t.value.columns]

    run_until(app, lambda: bool(tables()))
    sound(app)
    assert tables()[0]["name"].tolist() == ["as they are", "none", "the query's on both", "swapped"]


def test_without_prompts_nothing_is_offered(page):
    app = page("")
    sound(app)
    assert "Measure the prompts" not in buttons(app)
