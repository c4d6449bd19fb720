"""Pages without a browser: models that have loaded, and what a page shows."""

from __future__ import annotations

import functools
import html
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from streamlit.components.v2 import manifest_scanner
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.testing.v1 import AppTest
from websockets.sync.client import connect

from dssm_core.folder import ModelFolder
from dssm_core.scoring import Scorer
from dssm_core.words import LANGUAGES, translator_for
from tests import ROOT
from tests.tiny import WordTowers

APP = str(ROOT / "streamlit_app.py")

# AppTest looks through all installed packages for components each time that it opens a page
manifest_scanner.scan_component_manifests = functools.cache(
    manifest_scanner.scan_component_manifests
)


def inspect_page() -> None:
    import streamlit as st

    from dssm_core.ui.inspect.page import render

    st.session_state.setdefault("inspect.search", "")
    render()


class Ready:
    """A live model that has loaded, with towers that count words; one for all runs."""

    is_done, error = True, None
    towers: Callable[[], Any] = WordTowers
    scorers: dict[tuple[type, Path], Scorer] = {}  # noqa: RUF012

    def __init__(self, folder: ModelFolder) -> None:
        scorer = Scorer(folder, type(self).towers())
        self.scorer = self.scorers.setdefault((type(self), folder.path), scorer)

    def start(self) -> None:
        """Nothing is left to do."""


class Loading(Ready):
    """A live model that is still on its way: the page shows the file alone, and quickly."""

    is_done, scorer = False, None  # type: ignore[assignment]

    def __init__(self, folder: ModelFolder) -> None:
        pass


def shown_text(app: AppTest) -> str:
    """Return all that the page says in its own HTML, as a person reads it."""
    bodies = [re.sub(r"<style>.*?</style>", "", e.proto.body, flags=re.S) for e in app.get("html")]
    text = re.sub(r"</?code>", "", "\n".join(bodies))  # stands within a sentence
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def sound(app: AppTest) -> AppTest:
    """Check that a page is whole, and return it.

    A part of a page that fails shows a message in its own place, and no exception leaves it.
    """
    assert not app.exception, app.exception
    text = shown_text(app)
    for language in LANGUAGES:
        assert translator_for(language)("crash") not in text, "a part of the page failed, see log"
    return app


def run_until(app: AppTest, is_so: Callable[[], bool], seconds: float = 300.0) -> None:
    """Run a page until something is so; a busy machine takes long to do what runs beside it."""
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends, shown_text(app)
        time.sleep(0.1)
        app.run()


LABELLED = (
    "query,document,label,room\n"
    "red door,a red door,1,hall\n"  # cosine 1
    "red door,a red door wall,0,hall\n"  # 0.816: false alarm
    "red door,a blue wall,0,hall\n"  # 0
    "blue wall,blue wall,1,cellar\n"  # 1
    "blue wall,red door,1,cellar\n"  # 0: missed
    "blue wall,red sofa,0,cellar\n"  # 0
)
"""With WordTowers and probability 0.5, which is cosine 0.25, two pairs are wrong."""


def numbers(app: AppTest) -> pd.DataFrame:
    """Return the table in the order the documents were given."""
    return app.dataframe[-1].value.sort_values("position")


def picker(app: AppTest) -> Any:
    return next(s for s in app.selectbox if str(s.key).startswith("compare.example"))


def sent_rows(chart: Any) -> list[dict[str, Any]]:
    """Return the rows that a chart of AppTest sends to the browser."""
    specification = json.loads(chart.proto.spec)
    found = [r for rows in specification.get("datasets", {}).values() for r in rows]
    for data in chart.proto.datasets:
        import pyarrow as pa

        found += pa.ipc.open_stream(io.BytesIO(data.data.data)).read_all().to_pylist()
    return found


def first_paint(port: int) -> Iterator[ForwardMsg]:
    """Open the page as a browser does; yield what it is sent until the page is whole."""
    asked = BackMsg()
    asked.rerun_script.query_string = ""
    with connect(f"ws://127.0.0.1:{port}/_stcore/stream", max_size=None) as line:
        line.send(asked.SerializeToString())
        while True:
            message = ForwardMsg.FromString(line.recv(300))
            yield message
            if message.WhichOneof("type") == "script_finished":
                return
