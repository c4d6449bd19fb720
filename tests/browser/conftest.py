"""A real page in a real browser; a screenshot of what failed stays in artifacts/."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import ROOT
from tests.browser.steps import CHROMIUM, FLAGS, open_page, serving

expect.set_options(timeout=120_000)


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


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of the page with the shipped models."""
    store = tmp_path_factory.mktemp("store") / "verdicts.sqlite3"
    with serving(DSSM_STORE=str(store)) as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the shipped model and few pairs, each query with a wrong document."""
    path = tmp_path_factory.mktemp("inspect")
    model = path / "models" / "debian-packages"
    shutil.copytree(ROOT / "sample_models" / "debian-packages", model)
    pairs = pd.read_csv(model / "pairs.csv")[["query", "document", "label"]].head(40)
    # every other query's own document is called irrelevant, so that there are errors to judge
    pairs.loc[pairs.index % 2 == 1, "label"] = 0
    others = pairs.assign(document=pairs["document"].to_numpy()[::-1], label=0)
    pd.concat([pairs, others]).to_csv(model / "pairs.csv", index=False)
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium once."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


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
