"""The page, where no command is given."""

from __future__ import annotations

import runpy
import sys


def open_page() -> None:
    """Serve the page until it is interrupted, as `streamlit run streamlit_app.py` does.

    Streamlit takes the settings beside the app file over those of the working directory, and
    STREAMLIT_* variables over both.
    """
    from dssm_core.paths import home

    sys.argv = ["streamlit", "run", str(home() / "streamlit_app.py")]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)
