"""The page Inspect on pairs of the model's own folder, and a page of one pair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dssm_core.inspection.score_pairs import Inspection, inspect_pairs
from dssm_core.scoring import Scorer
from dssm_core.store import Store
from dssm_core.ui.common import state
from dssm_core.ui.inspect import errors as errors_page
from tests.pages import LABELLED, Ready, inspect_page, sound
from tests.tiny import WordTowers, bare_folder
from tests.ui.inspect.opened import PAIRS, Bench, Open, harness


@pytest.fixture
def scorer(tmp_path: Path) -> Scorer:
    return Scorer(bare_folder(tmp_path / "models" / "doors"), WordTowers())


@pytest.fixture
def inspection(scorer: Scorer) -> Inspection:
    return inspect_pairs(scorer, PAIRS)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "kept" / "verdicts.sqlite3")


@pytest.fixture
def bench(inspection: Inspection, scorer: Scorer, store: Store) -> Bench:
    """Return a function that opens a page of one pair."""

    def open_bench(
        line: int = 3, view: str | None = None, is_sound: bool = True, **other: Any
    ) -> AppTest:
        given = {"inspection": inspection, "scorer": scorer, "store": store} | other
        app = AppTest.from_function(harness, default_timeout=120, kwargs=given)
        app.session_state["inspect.line"] = line
        if view:
            app.session_state["inspect.view"] = view
        app.run()
        assert not app.exception
        if is_sound:
            sound(app)
        return app

    return open_bench


@pytest.fixture
def page(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Return a function that opens the page on pairs of the model's own folder."""

    def open_page(
        pairs: str | None = LABELLED,
        live: type = Ready,
        patience: float = 300.0,
        view: str | None = None,
    ) -> AppTest:
        if pairs is not None:
            (models / "doors" / "pairs.csv").write_text(pairs)
        monkeypatch.setenv("DSSM_MODELS", str(models))
        monkeypatch.setenv("DSSM_STORE", str(tmp_path / "verdicts.sqlite3"))
        monkeypatch.setattr(state, "live_model", live)
        monkeypatch.setattr(errors_page, "PATIENCE", patience)  # AppTest has no clock
        app = AppTest.from_function(inspect_page, default_timeout=120)
        if view is not None:
            app.query_params["view"] = view
        return app.run()

    return open_page
