"""What collecting garbage costs: it stops all sessions, so it must not look at all there is."""

from __future__ import annotations

import gc
import time
import tomllib

from dssm_core.folder import ModelFolder
from dssm_core.ui import state
from tests.load.serving import ROOT
from tests.tiny import WordTowers, bare_folder


def test_a_loaded_model_is_not_looked_through_for_garbage(tmp_path, monkeypatch):
    monkeypatch.setattr(ModelFolder, "load_towers", lambda folder: WordTowers())
    live = state.LiveModel(ModelFolder.open(bare_folder(tmp_path / "m")))
    gc.unfreeze()
    try:
        live.start()
        ends = time.monotonic() + 20
        while not gc.get_freeze_count() and time.monotonic() < ends:
            time.sleep(0.01)
        assert live.scorer
        assert len(gc.get_objects()) < 0.2 * gc.get_freeze_count()
    finally:
        gc.unfreeze()


def test_no_run_ends_with_a_collection_of_all_sessions_garbage():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["runner"]["postScriptGC"] is False
