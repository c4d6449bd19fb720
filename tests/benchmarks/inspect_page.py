"""Seconds that the page Inspect takes to answer a click, with 100,000 pairs loaded.

    python -m tests.benchmarks.inspect_page --pairs 100000

The vectors are made up; the page is the real one, run by Streamlit's AppTest without a browser.
Beside it stands a page of one slider, rerun in the same way, to judge the machine by.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from dssm_core.scoring import Scorer
from dssm_core.ui.common import state
from dssm_core.ui.inspect import slices, threshold
from tests.benchmarks.inspection import FakeTowers, make_pairs
from tests.pages import sound
from tests.tiny import bare_folder


class Towers(FakeTowers):
    """The same, as a model's."""

    scale, bias, has_attention = 8.0, -1.0, False


class Ready:
    """A live model that has loaded; one for all runs."""

    is_done, error = True, None
    scorer: Any = None

    def __init__(self, folder: Any) -> None:
        Ready.scorer = Ready.scorer or Scorer(folder, Towers())

    def start(self) -> None:
        """Nothing is left to do."""


def inspect_page() -> None:
    """Run the page."""
    from dssm_core.ui.inspect.page import render

    render()


def bare_page() -> None:
    """Run a page of one slider."""
    import streamlit as st

    st.slider("x", 0.0, 1.0, key="x")


def timed(act: Callable[[], Any], times: int = 3) -> float:
    """Return the median of the seconds that an act takes."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        act()
        found.append(time.perf_counter() - started)
    return sorted(found)[times // 2]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=100_000)
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # AppTest warns that it has no browser
    bare = AppTest.from_function(bare_page, default_timeout=600).run()
    rows = [("a page of one slider", timed(lambda: bare.slider(key="x").set_value(0.5).run()))]
    with tempfile.TemporaryDirectory() as place:
        folder = bare_folder(Path(place) / "models" / "made-up")
        make_pairs(options.pairs).to_csv(folder / "pairs.csv", index=False)
        os.environ |= {
            "DSSM_MODELS": str(folder.parent),
            "DSSM_STORE": str(Path(place) / "verdicts.sqlite3"),
        }
        state.live_model = Ready  # type: ignore[assignment]
        app = AppTest.from_function(inspect_page, default_timeout=3_600)
        rows.append(("first scoring", timed(app.run, 1)))
        while any(d.value["cause"].iloc[0] == "…" for d in app.dataframe if "cause" in d.value):
            app.run()  # until the causes of the first errors are there
        sound(app)
        values = iter([0.31, 0.42, 0.53, 0.64])
        rows += [
            ("nothing changed", timed(app.run)),
            (
                "threshold",
                timed(lambda: app.slider(key=threshold.PROBABILITY).set_value(next(values)).run()),
            ),
            ("the same again", timed(app.run)),
            ("slice by section", timed(app.selectbox(key=slices.COLUMN).set_value("section").run)),
            ("search", timed(app.text_input(key="inspect.search").set_value("w12").run)),
        ]
        sound(app)
    print(f"{options.pairs:,} pairs; seconds to answer, and times the page of one slider")
    for name, seconds in rows:
        print(f"{name:24} {seconds:8.2f} {seconds / rows[0][1]:8.1f}")


if __name__ == "__main__":
    main()
