"""What a run of the page leaves to do: Streamlit collects garbage at its end, before the next."""

from __future__ import annotations

import gc
import time

from dssm_core.folder import ModelFolder
from dssm_core.ui import state
from tests.tiny import WordTowers, bare_folder


def test_a_loaded_model_is_not_looked_through_for_garbage(tmp_path, monkeypatch):
    monkeypatch.setattr(ModelFolder, "load_towers", lambda folder: WordTowers())
    live = state.LiveModel(ModelFolder.open(bare_folder(tmp_path / "m")))
    gc.unfreeze()
    try:
        live.start()
        while not (live.is_done and gc.get_freeze_count()):
            time.sleep(0.01)
        assert live.scorer
        assert len(gc.get_objects()) < 0.2 * gc.get_freeze_count()
    finally:
        gc.unfreeze()
