"""The page Inspect in Chromium, with the shipped model and its own pairs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.steps import ROWS, open_inspect, settled, violations, wait_until_painted

pytestmark = pytest.mark.browser
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def bench(browser: Browser, address: str) -> Iterator[Page]:
    """Yield the page on a desktop, in light mode."""
    page = open_inspect(browser, address, "light", DESKTOP)
    yield page
    page.context.close()


def finding(page: Page) -> Locator:
    return page.locator(".dssm-lead").first


def chart(page: Page, title: str) -> Locator:
    # an old chart stays behind, hidden, until the rerun that replaced it is over
    shown = page.get_by_test_id("stVegaLiteChart").filter(visible=True)
    return shown.filter(has_text=re.compile(title)).first


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_first_screen_is_filled_fits_and_axe_finds_nothing(
    browser: Browser, address: str, scheme: str, viewport: dict[str, int]
) -> None:
    page = open_inspect(browser, address, scheme, viewport)
    settled(page)
    box = finding(page).bounding_box()
    assert box is not None
    assert box["y"] < viewport["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert violations(page) == []
    page.context.close()


def test_the_threshold_moves_by_cosine_by_suggestion_and_by_a_click_on_a_curve(
    bench: Page,
) -> None:
    before = finding(bench).inner_text()
    cosine = bench.get_by_label("… as a cosine").first
    cosine.fill("0.2")
    cosine.press("Enter")
    expect(finding(bench)).not_to_have_text(before)
    settled(bench)
    bench.get_by_role(
        "button", name="Best F1"
    ).first.click()  # a rerun leaves its old self a moment
    expect(cosine).not_to_have_value("0.200")
    wait_until_painted(bench)
    best = cosine.input_value()
    plot = chart(bench, "Precision and recall").locator("svg").bounding_box()
    assert plot is not None
    # far left on the curve: high precision, low recall, so a high threshold
    bench.mouse.click(plot["x"] + plot["width"] * 0.35, plot["y"] + plot["height"] * 0.5)
    expect(cosine).not_to_have_value(best)
    settled(bench)
    assert float(cosine.input_value()) > float(best)


def test_a_click_on_a_slice_filters_the_errors_and_can_be_taken_back(bench: Page) -> None:
    plot = chart(bench, "Error rate by slice").locator("svg")
    plot.scroll_into_view_if_needed()
    settled(bench)
    box = plot.bounding_box()
    assert box is not None
    bench.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.45)
    shown = bench.get_by_text(re.compile(r"^Only word overlap = .*: [\d,]+ errors?\."))
    expect(shown.first).to_be_visible()
    settled(bench)
    bench.get_by_role("button", name="Show all pairs").click()
    expect(shown).to_have_count(0)


def test_a_chosen_row_is_seen_through_below(bench: Page) -> None:
    table = bench.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    settled(bench)
    about = bench.get_by_text(re.compile(r"^(line|assumed pair) \d+")).first
    before = about.inner_text()
    box = table.bounding_box()
    assert box is not None
    bench.mouse.click(box["x"] + 18, box["y"] + 35 * 3 + 17)  # the box of the third row
    expect(about).not_to_have_text(before)


def test_a_file_of_ones_own_is_mapped_and_scored(bench: Page) -> None:
    bench.get_by_role("button", name="Load your own pairs").click()
    bench.get_by_test_id("stPopoverBody").locator("input[type=file]").set_input_files(
        {"name": "mine.csv", "mimeType": "text/csv", "buffer": ROWS.encode()}
    )
    expect(bench.get_by_text("mine.csv: 4 pairs").first).to_be_visible()
    bench.keyboard.press("Escape")
    expect(bench.get_by_label("Column of the queries").first).to_have_value("suche")
    labels = bench.get_by_label("Column of the labels")
    labels.click()
    bench.get_by_role("option", name="urteil").click()
    expect(bench.get_by_text("mine.csv: 4 pairs, 2 labelled relevant.").first).to_be_visible()
    expect(finding(bench)).to_contain_text("of 4 pairs")
