"""Seconds from starting the process to the first true chart, and until live scoring is ready.

    python -m tests.benchmarks.first_paint --times 5 --json first_paint.json

Each time a fresh process and a browser that has kept nothing, alternately with an empty Streamlit
page of one chart, and with a process that does nothing but import TensorFlow. True: the chart's
points must be those of the stored example.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests import ROOT
from tests.benchmarks.pages import EMPTY, OURS, POINTS, opened, print_medians, started
from tests.browser.steps import CHROMIUM, FLAGS

PAINT, READY = "first chart", "live scoring ready"
BARE, IMPORT = "empty page", "import tensorflow"


def seconds_to_paint(browser: Browser, script: Path) -> tuple[float, float]:
    """Return seconds until the first chart has its points, and until live scoring is ready.

    An empty page has no live scoring: its second number is the first.
    """
    with started(script) as (begun, address):
        page = opened(browser, address)
        page.wait_for_function(f"{POINTS}.length > 0", polling="raf")
        painted = time.perf_counter() - begun
        ready = painted
        if script == OURS:
            points = page.evaluate(POINTS)
            page.get_by_text("Live model ready").first.wait_for()
            ready = time.perf_counter() - begun
            check(points)
        page.context.close()
        return painted, ready


def check(points: str) -> None:
    """Raise if the points are not those of the stored example."""
    lines = (ROOT / "sample_models/debian-packages/examples.jsonl").read_text("utf-8").splitlines()
    for result in json.loads(lines[0])["scores"]["results"]:
        if f"{result['cosine']:.4f}".replace("-", "−") not in points:
            raise AssertionError(f"cosine {result['cosine']} is not in the chart: {points}")


def seconds_to_import() -> float:
    """Return the seconds of a process that imports TensorFlow."""
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "import tensorflow"],
        check=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - begun


def main() -> None:
    """Measure, print a table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--json", default="")
    options = parser.parse_args()
    seconds: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        os.environ["DSSM_STORE"] = str(Path(place) / "verdicts.sqlite3")
        empty = Path(place) / "empty.py"
        empty.write_text(EMPTY)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for number in range(options.times + 1):
            bare, _ = seconds_to_paint(browser, empty)
            painted, ready = seconds_to_paint(browser, OURS)
            imported = seconds_to_import()
            if number:  # the first fills the disk's cache
                seconds[BARE].append(bare)
                seconds[PAINT].append(painted)
                seconds[READY].append(ready)
                seconds[IMPORT].append(imported)
        browser.close()
    print_medians(seconds, [(PAINT, BARE, 1.3), (READY, IMPORT, 1.5)], options.json)


if __name__ == "__main__":
    main()
