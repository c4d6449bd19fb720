"""What a run leaves behind, and what collecting its garbage costs, which stops all sessions."""

from __future__ import annotations

import gc
import time
import tomllib

import pytest
from streamlit.testing.v1 import AppTest

from dssm_core.folder import ModelFolder
from dssm_core.runtimes.load import RUNTIMES
from dssm_core.scoring import Scorer
from dssm_core.ui.common import state
from tests import ROOT
from tests.pages import sound
from tests.tiny import WordTowers, bare_folder

pytestmark = pytest.mark.slow


def test_a_loaded_model_is_not_looked_through_for_garbage(tmp_path, monkeypatch):
    monkeypatch.setitem(RUNTIMES, "numpy", lambda folder: WordTowers())
    live = state.LiveModel(ModelFolder.open(bare_folder(tmp_path / "m")))
    gc.unfreeze()
    try:
        live.start()
        ends = time.monotonic() + 300
        while not gc.get_freeze_count() and time.monotonic() < ends:
            time.sleep(0.01)
        assert live.scorer
        assert len(gc.get_objects()) < 0.2 * gc.get_freeze_count()
    finally:
        gc.freeze()  # as conftest.py has it for the tests that follow


def test_no_run_ends_with_a_collection_of_all_sessions_garbage():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["runner"]["postScriptGC"] is False


def test_edits_leave_no_copies_of_the_examples_behind(models, monkeypatch):
    class Ready:
        is_done, error = True, None

        def __init__(self, folder: ModelFolder) -> None:
            self.scorer = Scorer(folder, WordTowers())

        def start(self) -> None:
            """Nothing is left to do."""

    def copies() -> int:
        gc.collect()
        kept = [one for one in gc.get_objects() if type(one) is dict]
        return sum({"title", "note", "scores"} <= {*one} for one in kept)

    monkeypatch.setenv("DSSM_MODELS", str(models))
    monkeypatch.setattr(state, "live_model", Ready)
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120).run()
    found = []
    for number in range(4):
        app.text_input(key="compare.query").set_value(f"red door {number}").run()
        sound(app)
        found.append(copies())
    assert found[0] > 0
    assert found[-1] == found[0]
