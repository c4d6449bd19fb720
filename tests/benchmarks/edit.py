"""Seconds from the Enter key after an edit to the first chart with the new numbers.

    python -m tests.benchmarks.edit --times 20 --json edit.json

Both pages stay open in one browser and are edited in turn: our query, our documents, the box of an
empty page of one chart. Each text is new, so that nothing comes from a cache. The browser itself
takes the time, from the key to the frame in which the points of the chart say something else; once
the page has come to rest they must still say the same, or what was timed was not the answer.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import defaultdict
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

from tests.benchmarks.pages import EMPTY, IDLE, OURS, POINTS, opened, print_medians, started
from tests.browser.steps import CHROMIUM, FLAGS

QUERY, DOCUMENT, BARE = "edit of the query", "edit of a document", "edit of an empty page"

TIMED = f"""() => {{
  window.edited = null;
  addEventListener('keydown', function pressed(event) {{
    if (event.key !== 'Enter') return;
    removeEventListener('keydown', pressed, true);
    const begun = performance.now(), before = {POINTS};
    const look = () => {{
      const now = {POINTS};
      if (now && now !== before) window.edited = [performance.now() - begun, now];
      else requestAnimationFrame(look);
    }};
    requestAnimationFrame(look);
  }}, true);
}}"""


def seconds_to_edit(page: Page, box: Locator, text: str, key: str) -> float:
    """Return the seconds from the key that sends a text to the redrawn chart."""
    box.fill(text)
    page.evaluate(TIMED)
    box.press(key)
    page.wait_for_function("window.edited", polling="raf")
    milliseconds, points = page.evaluate("window.edited")
    at_rest(page)
    if page.evaluate(POINTS) != points:
        raise AssertionError(f"the chart changed again after {text!r}")
    return float(milliseconds) / 1000


def at_rest(page: Page) -> None:
    """Wait until the script has not been running for a while."""
    still = 0
    while still < 5:
        page.wait_for_timeout(100)
        still = 0 if page.evaluate(IDLE) == "running" else still + 1


def main() -> None:
    """Measure, print a table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--json", default="")
    options = parser.parse_args()
    seconds: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        os.environ["DSSM_STORE"] = str(Path(place) / "verdicts.sqlite3")
        empty = Path(place) / "empty.py"
        empty.write_text(EMPTY)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with started(empty) as (_, there), started(OURS) as (_, here):
            bare, ours = opened(browser, there), opened(browser, here)
            bare.wait_for_function(f"{POINTS}.length > 0")
            ours.get_by_text("Live model ready").first.wait_for()
            boxes = [page.get_by_label("Query", exact=True).first for page in (bare, ours)]
            lines = ours.get_by_label("Documents, one a line", exact=True)
            at_rest(ours)
            documents = lines.input_value()
            for number in range(-2, options.times):
                text = f"chess engine {1_000_000 + number}"
                found = {
                    BARE: seconds_to_edit(bare, boxes[0], text, "Enter"),
                    QUERY: seconds_to_edit(ours, boxes[1], text, "Enter"),
                    DOCUMENT: seconds_to_edit(
                        ours, lines, f"{documents}\nboard game {number}", "Control+Enter"
                    ),
                }
                for name, value in found.items():
                    if number >= 0:  # the first two warm up
                        seconds[name].append(value)
        browser.close()
    print_medians(seconds, [(QUERY, BARE, 1.5), (DOCUMENT, BARE, 1.5)], options.json)


if __name__ == "__main__":
    main()
