"""What tests of Inspect share: pairs, a page of one of them, and what they look up on a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pandas as pd
from streamlit.testing.v1 import AppTest

from tests.pages import sound

Open = Bench = Callable[..., AppTest]
"""Opens a page of a whole file; a page of one pair."""

PAIRS = pd.DataFrame(
    [
        ["red door", "a red door", 1, "house"],
        ["red door", "red wall", 0, "house"],
        ["red door", "blue wall", 1, "garden"],
        ["blue wall", "blue door", 0, "garden"],
        ["blue wall", "the wall", 1, "<b>"],
        ["+++", "red", 1, "house"],
    ],
    columns=["query", "document", "label", "place"],
    index=[2, 3, 4, 5, 6, 9],
)
# with WordTowers and a threshold of 0.4, lines 3 and 5 (not relevant, cosine 0.5) are wrong, and
# so are 4 and 9 (relevant, cosine 0 and none)


def harness(inspection, scorer, store, queue=None, cause=""):
    # Streamlit runs its text alone, so no types
    import streamlit as st

    from dssm_core.ui.inspect.pair import Cause, show_pair
    from dssm_core.words import Sentence

    line = st.session_state.setdefault("inspect.line", 3)
    cause = st.session_state.get("test.cause", cause)
    evidence = [Sentence("evidence.none")]
    found = Cause(cause, evidence) if cause else None
    show_pair(inspection, line, scorer, 0.4, store, queue, found)


def keyed(widgets: Any, start: str) -> Any:
    """Return the one widget whose key starts so."""
    (found,) = [w for w in widgets if str(w.key).startswith(start)]
    return found


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    sound(app)
    return app


def errors(app: AppTest) -> Any:
    """Return the table of errors."""
    return next(d.value for d in app.dataframe if "by" in d.value and "verdict" in d.value)


def group(app: AppTest, key: str) -> Any:
    return next(g for g in app.get("button_group") if g.key == key)


def titles(app: AppTest) -> list[str]:
    return [json.loads(c.proto.spec)["title"]["text"] for c in app.get("vega_lite_chart")]


def upload(app: AppTest, content: str | bytes, name: str = "mine.csv") -> AppTest:
    raw = content.encode() if isinstance(content, str) else content
    app.file_uploader(key="inspect.file").set_value((name, raw, "text/csv")).run()
    sound(app)
    return app


def relevant_labels(app: AppTest) -> Any:
    return next(box for box in app.multiselect if box.label == "Labels that mean relevant")
