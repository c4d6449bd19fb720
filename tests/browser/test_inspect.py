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
    bench.get_by_role("button", name="Set by a rule").first.click()
    bench.get_by_role("button", name="Best F1").first.click()  # a rerun leaves its old self a while
    bench.keyboard.press("Escape")
    expect(cosine).not_to_have_value("0.200")
    wait_until_painted(bench)
    best = cosine.input_value()
    drawn = chart(bench, "Precision and recall").locator("svg")
    drawn.scroll_into_view_if_needed()
    settled(bench)
    plot = drawn.bounding_box()
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
    shown = bench.get_by_text(re.compile(r"^Only .* = .*: [\d,]+ errors?\."))
    expect(shown.first).to_be_visible()
    settled(bench)
    bench.get_by_role("button", name="Show all pairs").click()
    expect(shown).to_have_count(0)


def reason(page: Page) -> Locator:
    return page.locator(".st-key-inspect-pair .dssm-reason").first


def in_sight(page: Page, what: Locator) -> bool:
    """Return whether all of it is in the window."""
    box, size = what.bounding_box(), page.viewport_size
    assert size is not None
    return box is not None and box["y"] >= 0 and box["y"] + box["height"] <= size["height"]


def test_list_and_reason_are_in_sight_together_and_a_click_in_a_row_opens_it(
    browser: Browser, address: str
) -> None:
    page = open_inspect(browser, address, "light", {"width": 1280, "height": 720})
    expect(reason(page)).to_be_visible()
    settled(page)
    table = page.locator(".st-key-inspect-list").get_by_test_id("stDataFrame").first
    box = table.bounding_box()
    assert box is not None
    assert box["y"] + 35 * 4 < 720, "the first rows are seen"
    assert in_sight(page, reason(page))
    assert in_sight(page, page.locator(".st-key-inspect-judge-1 button").first)
    about = page.get_by_text(re.compile(r"^(line|assumed pair) \d+")).first
    before = about.inner_text()
    page.mouse.click(box["x"] + 200, box["y"] + 35 * 3 + 17)
    expect(about).not_to_have_text(before)
    settled(page)
    # the list stays in sight beside a long pair
    page.get_by_role("radio", name="Effect of each word").scroll_into_view_if_needed()
    page.mouse.wheel(0, 300)
    settled(page)
    box = table.bounding_box()
    assert box is not None
    assert 0 <= box["y"] < 360
    page.context.close()


def test_a_reload_keeps_file_threshold_and_pair(bench: Page) -> None:
    load_own(bench)
    settled(bench)  # while the new pairs are scored, the field is filled anew
    expect(bench).to_have_url(re.compile("view="))
    before = bench.url
    cosine = bench.get_by_label("… as a cosine").first
    cosine.fill("0.9")
    cosine.press("Enter")
    expect(bench).not_to_have_url(before)
    settled(bench)
    about = bench.get_by_text(re.compile(r"^line \d+")).first.inner_text()
    bench.reload()
    expect(bench.get_by_text("mine.csv: 4 pairs, 2 labelled relevant.").first).to_be_visible()
    expect(bench.get_by_label("… as a cosine").first).to_have_value("0.900")
    expect(bench.get_by_text(re.compile(r"^line \d+")).first).to_have_text(about)


def load_own(page: Page) -> None:
    page.get_by_role("button", name="Load your own pairs").click()
    page.get_by_test_id("stPopoverBody").locator("input[type=file]").set_input_files(
        {"name": "mine.csv", "mimeType": "text/csv", "buffer": ROWS.encode()}
    )
    expect(page.get_by_text("mine.csv: 4 pairs").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Column of the queries").first).to_have_value("suche")
    labels = page.get_by_label("Column of the labels")
    labels.click()
    page.get_by_role("option", name="urteil").click()
    page.get_by_role("combobox", name="Labels that mean relevant").first.click()
    page.get_by_role("option", name="gut", exact=True).click()
    page.keyboard.press("Escape")
    expect(page.get_by_text("mine.csv: 4 pairs, 2 labelled relevant.").first).to_be_visible()


def test_a_file_of_ones_own_is_mapped_and_scored(bench: Page) -> None:
    load_own(bench)
    expect(finding(bench)).to_contain_text("of 4 pairs")
