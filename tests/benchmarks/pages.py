"""What the benchmarks of the page share: an empty page beside it, fresh servers, and the figures.

The empty page is what Streamlit itself costs: one box of text and one chart of its hash.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests import ROOT
from tests.benchmarks.figures import machine
from tests.servers import free_port, page_command

OURS = ROOT / "streamlit_app.py"

EMPTY = """
import zlib

import altair as alt
import pandas as pd
import streamlit as st

text = st.text_input("Query", "chess engine")
height = [zlib.crc32(f"{i} {text}".encode()) / 2**32 for i in range(6)]
frame = pd.DataFrame({"x": range(6), "y": height})
st.altair_chart(alt.Chart(frame).mark_point().encode(x="x:Q", y="y:Q"), width="stretch")
"""

POINTS = """([...document.querySelectorAll('[data-testid=stVegaLiteChart]')]
  .map(chart => [...chart.querySelectorAll('.mark-symbol path')]).find(of => of.length) ?? [])
  .map(p => p.getAttribute('aria-label') ?? '').sort().join('|')"""
"""What the points of the first chart that has some say of themselves; empty while there is none."""

IDLE = "document.querySelector('[data-test-script-state]')?.dataset.testScriptState"


@contextmanager
def started(script: Path) -> Iterator[tuple[float, str]]:
    """Start a page in a fresh process; yield when that was, and its address once it listens."""
    port = free_port()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    begun = time.perf_counter()
    server = subprocess.Popen(
        page_command(port, script),
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        **quiet,
    )
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if server.poll() is not None or time.perf_counter() - begun > 120:
                    raise RuntimeError(f"{script.name} does not start") from None
                time.sleep(0.02)
        yield begun, f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait(60)


def opened(browser: Browser, address: str) -> Page:
    """Open a page as a first visitor would, with nothing kept from before."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True).new_page()
    page.set_default_timeout(600_000)
    page.goto(address, wait_until="commit")
    return page


def print_medians(
    seconds: Mapping[str, Sequence[float]], pairs: Sequence[tuple[str, str, float]], path: str
) -> None:
    """Print a Markdown table of medians, each beside its measure, and write them all as JSON.

    Args:
        seconds: all measured, by what was measured.
        pairs: ours, what it is measured against, and how many times that it may take.
        path: the JSON file; empty for none.
    """
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    here = machine()
    rows = []
    print(f"{here['date']}, {here['processor']}, {here['cores']} cores, load {here['load']}\n")
    print("| seconds, median | ours | measured against | ratio | at most |\n|---|---|---|---|---|")
    for ours, against, most in pairs:
        ratio = medians[ours] / medians[against]
        rows.append({"what": ours, "against": against, "ratio": ratio, "at most": most})
        print(
            f"| {ours} | {medians[ours]:.2f} | {medians[against]:.2f} ({against}) "
            f"| {ratio:.2f} | {most:g} |"
        )
    if path:
        found = {"machine": here, "medians": medians, "ratios": rows, "seconds": seconds}
        Path(path).write_text(json.dumps(found, indent=1) + "\n")
