"""A real page in a real browser; a screenshot of what failed stays in artifacts/."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
LOCAL = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")

expect.set_options(timeout=60_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.exit("CI needs Chromium for the browser tests: apt-get install chromium", 1)
        skip = pytest.mark.skip(reason="no Chromium here: apt-get install chromium")
        for item in items:
            if "browser" in item.path.parts:
                item.add_marker(skip)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        (ROOT / "artifacts").mkdir(exist_ok=True)
        for name in ("page", "dark", "phone"):
            if name in item.funcargs:  # type: ignore[attr-defined]
                shot = ROOT / "artifacts" / f"{item.name}-{name}.png"
                item.funcargs[name].screenshot(path=shot)  # type: ignore[attr-defined]


@contextmanager
def serving(**environment: str) -> Iterator[str]:
    """Start the page as the README does, and yield its address once it answers.

    Args:
        environment: variables of its own.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py"]
    options = ["--server.headless", "true", "--server.port", str(port)]
    options += ["--server.fileWatcherType", "none"]  # a change would show as an endless run
    server = subprocess.Popen(
        [*command, *options],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()  # what it keeps is on disk, and a busy machine takes long to end politely
        server.wait(60)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of the page with the shipped models."""
    store = tmp_path_factory.mktemp("store") / "verdicts.sqlite3"
    with serving(DSSM_STORE=str(store)) as found:
        yield found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium once."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


def open_page(browser: Browser, address: str, **context: Any) -> Page:
    """Open the page and wait for its first charts; any request beyond this machine fails it."""
    page = browser.new_context(**context).new_page()
    beyond: list[str] = []
    page.on("request", lambda r: None if r.url.startswith(LOCAL) else beyond.append(r.url))
    page.goto(address, timeout=120_000)
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    expect(page.get_by_text("Numbers as CSV").first).to_be_visible()
    assert not beyond, beyond
    return page


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """Yield the page on a desktop, in light mode."""
    opened = open_page(browser, address, viewport={"width": 1280, "height": 900})
    yield opened
    opened.context.close()


@pytest.fixture
def dark(browser: Browser, address: str) -> Iterator[Page]:
    """Yield the page on a desktop, in dark mode."""
    opened = open_page(
        browser, address, viewport={"width": 1280, "height": 900}, color_scheme="dark"
    )
    yield opened
    opened.context.close()


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Page]:
    """Yield the page on a phone."""
    opened = open_page(browser, address, viewport={"width": 390, "height": 844}, has_touch=True)
    yield opened
    opened.context.close()
