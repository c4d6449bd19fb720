"""Steps on a page in Chromium."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from tests import ROOT
from tests.servers import free_port, page_command, running

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


LOCAL = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")


@contextmanager
def serving(**environment: str) -> Iterator[str]:
    """Start the page as the README does, and yield its address once it answers.

    Args:
        environment: variables of its own.
    """
    port = free_port()
    server = subprocess.Popen(
        page_command(port),
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with running(server, port) as address:
        yield address


def open_page(browser: Browser, address: str, **context: Any) -> Page:
    """Open the page and wait for its first charts; any request beyond this machine fails it."""
    page = browser.new_context(**context).new_page()
    beyond: list[str] = []
    page.on("request", lambda r: None if r.url.startswith(LOCAL) else beyond.append(r.url))
    page.goto(address, timeout=240_000)
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    expect(page.get_by_text("Numbers as CSV").first).to_be_visible()
    assert not beyond, beyond
    return page


MODELS = Path(os.environ.get("DSSM_MODELS") or ROOT / "sample_models")


EXAMPLES = sorted(
    MODELS.glob("*/examples.jsonl"), key=lambda p: p.parent.name != "debian-packages"
)[0]


FIRST = json.loads(EXAMPLES.read_text("utf-8").splitlines()[0])


def link(page: Page, label: str) -> Locator:
    """Return a number of the score chain."""
    named = page.locator(".name", has_text=re.compile(f"^{label}$"))
    # the first: while a rerun paints, an old chain may still stand below the new one
    return page.locator(".dssm-chain > div").filter(has=named).locator(".number").first


def metric(page: Page, label: str) -> str:
    return link(page, label).inner_text().lstrip("<>")


def wait_until_ready(page: Page) -> None:
    expect(page.get_by_text("Live model ready").first).to_be_visible(timeout=120_000)


def ask(page: Page, query: str, documents: list[str]) -> None:
    """Type a query and documents, and wait until they are scored."""
    wait_until_ready(page)
    page.get_by_label("Query", exact=True).fill(query)
    page.get_by_label("Query", exact=True).press("Enter")
    box = page.get_by_label("Documents, one a line", exact=True)
    box.fill("\n".join(documents))
    box.press("Control+Enter")
    expect(link(page, "Rank")).to_contain_text(f"of {len(documents)}")
    settled(page)


IS_SETTLED = """quiet => {
    const app = document.querySelector("[data-testid=stApp]");
    if (!window.watched) {
        window.watched = true;
        new MutationObserver(() => window.changedAt = performance.now())
            .observe(document.body, {subtree: true, childList: true, characterData: true});
    }
    const isMoving = a => a.playState === "running" && a.effect?.getComputedTiming().endTime < 1e9;
    const isBusy = app?.dataset.testScriptState !== "notRunning"
        || app.querySelector("[data-stale=true], [data-testid=stSkeleton]")
        || document.getAnimations().some(isMoving);
    if (isBusy || window.changedAt === undefined) window.changedAt = performance.now();
    return performance.now() - window.changedAt > quiet;
}"""
"""Whether no run of the script is under way, and for so many milliseconds nothing has changed."""


def settled(page: Page) -> None:
    """Wait until the page is at rest: no run, nothing stale, nothing that moves or changes."""
    wait_until(page, lambda: page.evaluate(IS_SETTLED, 500), "the page comes to rest")


def wait_until(page: Page, is_so: Callable[[], bool], what: str) -> None:
    """Wait for what no locator tells; Playwright's own wait needs the eval that a policy bans."""
    for _ in range(2_400):
        if is_so():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"in vain until {what}")


def violations(page: Page) -> list[str]:
    """Return what axe finds on a page at rest."""
    settled(page)
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {n['html'][:160]}" for v in found for n in v["nodes"]]


ROWS = """suche,text,urteil
spell checker,Checks the spelling of words.,gut
spell checker,A card game for children.,schlecht
card game,A card game for children.,gut
card game,Checks the spelling of words.,schlecht
"""


def wait_until_painted(page: Page) -> None:
    """Wait until the pairs are scored, and nothing runs any more."""
    expect(page.get_by_text("on the wrong side of the threshold").first).to_be_visible(
        timeout=180_000
    )
    expect(page.get_by_text("A second model").first).to_be_visible(timeout=120_000)
    settled(page)


def open_inspect(browser: Browser, address: str, scheme: str, viewport: dict[str, int]) -> Page:
    context = browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{address}/inspect", timeout=120_000)
    wait_until_painted(page)
    return page
