"""What is chosen, in Chromium: a row by a click anywhere in it, and one model on all pages."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.steps import link, open_inspect, open_page, settled, wait_until_ready

pytestmark = pytest.mark.browser
DESKTOP = {"width": 1280, "height": 900}
ROW = 35
"""Pixels of a row of a table; the heading is one, too."""


def click_row(page: Page, row: int, x: float, happened: Callable[[], None]) -> None:
    """Click a row of the first table, by position from 1; again where the page was moving."""
    table = page.get_by_test_id("stDataFrame").first
    for _ in range(5):
        table.scroll_into_view_if_needed()
        settled(page)
        box = table.bounding_box()
        if box is None:  # the page is being painted anew
            continue
        page.mouse.click(box["x"] + x, box["y"] + ROW * row + 17)
        try:
            happened()
        except AssertionError:
            continue
        return
    raise AssertionError(f"no click on row {row} picked it")


def about(page: Page) -> Locator:
    return page.get_by_text(re.compile(r"^(line|assumed pair) \d+")).first


def model(page: Page) -> Locator:
    return page.get_by_label("Model", exact=True).first


def test_a_click_on_a_text_of_compares_table_chooses_its_document(page: Page) -> None:
    wait_until_ready(page)

    def second() -> None:
        expect(link(page, "Rank")).to_contain_text("2 of", timeout=60_000)

    click_row(page, 2, 300, second)
    page.keyboard.press("ArrowDown")  # and so do the arrow keys, from there on
    expect(link(page, "Rank")).to_contain_text("3 of")


def test_a_click_on_a_text_of_an_error_opens_its_pair(browser: Browser, address: str) -> None:
    page = open_inspect(browser, address, "light", DESKTOP)
    before = about(page).inner_text()

    def other() -> None:
        expect(about(page)).not_to_have_text(before, timeout=60_000)

    click_row(page, 3, 200, other)
    settled(page)
    third = about(page).inner_text()
    page.keyboard.press("ArrowDown")
    expect(about(page)).not_to_have_text(third)
    assert about(page).inner_text() != before
    page.context.close()


def test_one_model_on_all_pages(browser: Browser, address: str) -> None:
    page = open_page(browser, address, viewport=DESKTOP)
    expect(model(page)).to_have_value("debian-packages")
    for _ in range(2):
        page.get_by_role("link", name="Inspect").first.click()
        expect(page.get_by_text("pairs.csv: 2,000 pairs").first).to_be_visible()
        expect(model(page)).to_have_value("debian-packages")
        page.get_by_role("link", name="Compare").first.click()
        expect(page.get_by_text("Numbers as CSV").first).to_be_visible()
        expect(model(page)).to_have_value("debian-packages")
    page.get_by_role("link", name="Lab").first.click()
    page.get_by_role("tab", name="Train").click()
    own = page.get_by_text("The pairs that debian-packages itself was not trained on")
    expect(own.first).to_be_visible()
    page.context.close()


def test_a_model_chosen_on_inspect_is_used_on_compare(browser: Browser, address: str) -> None:
    page = open_page(browser, address, viewport=DESKTOP)
    page.get_by_role("link", name="Inspect").first.click()
    expect(page.get_by_text("pairs.csv: 2,000 pairs").first).to_be_visible()
    model(page).click()
    page.get_by_role("option", name="cedict").click()
    expect(model(page)).to_have_value("cedict")
    page.get_by_role("link", name="Compare").first.click()
    expect(page.get_by_text("Numbers as CSV").first).to_be_visible()
    expect(model(page)).to_have_value("cedict")
    page.context.close()
