"""The page Compare, opened without a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dssm_core.ui.common import state
from tests.pages import APP, Ready


@pytest.fixture
def page(models: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Return a function that opens the page, with a link or a live model of one's own."""

    def open_page(live: type = Ready, view: str | None = None) -> AppTest:
        monkeypatch.setenv("DSSM_MODELS", str(models))
        monkeypatch.setattr(state, "live_model", live)
        app = AppTest.from_file(APP, default_timeout=120)
        if view is not None:
            app.query_params["view"] = view
        return app.run()

    return open_page
