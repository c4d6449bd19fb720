"""The main page in Chromium, with the shipped model."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dssm_core.quantities import format_number
from dssm_core.ui.common import state
from tests.browser.steps import (
    FIRST,
    ask,
    link,
    metric,
    open_page,
    settled,
    violations,
    wait_until,
    wait_until_ready,
)

pytestmark = pytest.mark.browser


def choose(page: Page, rank: int) -> None:
    """Click the bars of a rank; again where the chart was just being drawn anew."""
    bars = page.locator(".st-key-compare-bars").get_by_test_id("stVegaLiteChart").first
    shape = bars.locator(f"path[aria-roledescription='bar'][aria-label*='; Rank: {rank};']").first
    wanted = f"{rank} of {len(FIRST['documents'])}"
    for _ in range(5):
        settled(page)
        shape.click()
        try:
            expect(link(page, "Rank")).to_have_text(wanted, timeout=30_000)
        except AssertionError:
            continue
        return
    raise AssertionError(f"no click on the bars of rank {rank} chose their document")


def test_the_first_screen_is_filled_with_a_real_example(page: Page) -> None:
    expect(page.get_by_label("Query", exact=True).first).to_have_value(FIRST["query"])
    best = next(r for r in FIRST["scores"]["results"] if r["rank"] == 1)
    assert metric(page, "Cosine") == format_number(best["cosine"], "cosine")
    assert metric(page, "Probability") == format_number(best["probability"], "probability")


def test_cosine_probability_attention_and_reason_are_in_sight_without_a_scroll(
    browser: Browser, address: str
) -> None:
    page = open_page(browser, address, viewport={"width": 1280, "height": 720})
    wait_until_ready(page)
    settled(page)
    for what in (
        page.get_by_role("img", name="Logo"),
        page.get_by_role("button", name="Score", exact=True),
        page.locator(".st-key-compare-bars svg"),
        page.locator(".st-key-compare-result svg"),
        link(page, "Cosine"),
        link(page, "Probability"),
        page.locator(".dssm-text").nth(1),
        page.get_by_text("The cosine rests on"),
        page.get_by_text("have the largest weights"),
    ):
        box = what.first.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 720, what
    page.context.close()


def test_hovering_a_document_lights_it_in_every_chart(page: Page) -> None:
    wait_until_ready(page)
    settled(page)
    shape = page.locator(".st-key-compare-bars path[aria-label^='#: 2;']").first
    lit = page.locator(".st-key-compare-result path.dssm-lit")
    for _ in range(5):  # again where the chart was just being drawn anew
        page.mouse.move(0, 0)
        shape.hover()
        if lit.count():
            break
    expect(lit.first).to_have_attribute("aria-label", re.compile("^#: 2;"))
    page.mouse.move(0, 0)
    expect(lit).to_have_count(0)


def test_points_move_to_new_scores_and_old_results_are_dimmed_while_text_is_typed(
    page: Page,
) -> None:
    wait_until_ready(page)
    settled(page)
    points = "[...document.querySelectorAll('.st-key-compare-result path[aria-label^=\"#: \"]')]"
    page.evaluate(f"() => {points}.forEach(e => e.dataset.same = 'yes')")
    box = page.get_by_label("Query", exact=True).first
    box.fill("browser bookmarks")
    result = page.locator(".st-key-compare-result")

    def opacity() -> float:
        return float(result.evaluate("e => getComputedStyle(e).opacity"))

    wait_until(page, lambda: opacity() < 0.5, "the old results are dimmed")
    expect(page.get_by_text("The results are those of the text before").first).to_be_visible()
    box.press("Enter")
    expect(page.get_by_text("bookmarks ↔ bookmarks").first).to_be_visible()
    settled(page)
    assert opacity() == 1
    assert page.evaluate(f"() => {points}.every(e => e.dataset.same)"), "drawn anew, not moved"


def test_every_chart_takes_new_data_and_keeps_the_words_in_reading_order(page: Page) -> None:
    wait_until_ready(page)
    drawings = "[...document.querySelectorAll('[data-testid=stVegaLiteChart] svg')]"
    axes = f"{drawings}.map(e => [...e.querySelectorAll('.role-axis-label text')])"
    ask(page, "bookmarks", ["Keeps bookmarks and secrets in a safe place."])
    wait_until(page, lambda: page.evaluate(f"{drawings}.length") > 4, "the reasons are drawn")
    settled(page)
    page.evaluate(f"() => {drawings}.forEach(e => e.dataset.same = 'yes')")
    for query in ("secrets and bookmarks", "a safe place for bookmarks and secrets"):
        box = page.get_by_label("Query", exact=True).first
        box.fill(query)
        box.press("Enter")
        settled(page)
        assert set(page.evaluate(f"{drawings}.map(e => e.dataset.same)")) == {"yes"}
        texts = page.evaluate(f"{axes}.map(of => of.map(e => e.textContent))")
        words = [[text.split(" · ") for text in of if " · " in text] for of in texts]
        numbers = [[int(number) for number, _ in of] for of in words if of]
        assert numbers == [sorted(of) for of in numbers]
        assert query.split() in [[word for _, word in of] for of in words]


def test_a_query_and_documents_of_ones_own_are_scored(page: Page) -> None:
    ask(page, "chess engine", ["A strong chess engine.", "Mail server for small offices."])
    expect(link(page, "Rank")).to_have_text("1 of 2")
    settled(page)
    assert float(metric(page, "Probability")) > 0.5


def test_identical_texts_get_cosine_one(page: Page) -> None:
    ask(page, "a chess engine", ["a chess engine"])
    expect(link(page, "Cosine")).to_have_text("1.000")


def test_clicking_a_point_selects_its_document_everywhere(page: Page) -> None:
    wait_until_ready(page)
    settled(page)
    order = sorted(FIRST["scores"]["results"], key=lambda r: r["rank"])
    second = order[1]
    choose(page, 2)
    settled(page)
    shown = float(metric(page, "Cosine"))
    assert any(abs(shown - r["cosine"]) < 1e-3 for r in order[1:]), (shown, second)


def test_a_link_restores_the_view_for_somebody_else(page: Page, browser: Browser) -> None:
    ask(page, "weather forecast", ["Forecasts for a city.", "A card game."])
    address = (page.get_by_test_id("stCode").first.text_content() or "").strip()
    assert state.unpack(address.split("view=")[1]).documents[-1] == "A card game."
    other = open_page(browser, address, viewport={"width": 1280, "height": 900})
    expect(other.get_by_label("Query", exact=True).first).to_have_value("weather forecast")
    wait_until_ready(other)
    expect(link(other, "Rank")).to_contain_text("of 2")
    settled(other)
    assert metric(other, "Cosine") == metric(page, "Cosine")
    other.context.close()


def test_the_numbers_can_be_downloaded(page: Page) -> None:
    with page.expect_download() as download:
        page.get_by_text("Numbers as CSV").click()
    content = Path(download.value.path()).read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [row["document"] for row in rows] == FIRST["documents"]
    assert rows[0]["cosine"] == f"{FIRST['scores']['results'][0]['cosine']:.3f}"


def test_the_page_can_be_downloaded_and_opens_without_a_network(
    page: Page, browser: Browser, tmp_path: Path
) -> None:
    with page.expect_download() as download:
        page.get_by_text("Page as HTML").click()
    saved = tmp_path / "page.html"
    saved.write_bytes(Path(download.value.path()).read_bytes())
    offline = browser.new_context(offline=True).new_page()
    requests: list[str] = []
    offline.on("request", lambda request: requests.append(request.url))
    offline.goto(saved.as_uri())
    assert offline.locator("svg").count() >= 2
    expect(offline.get_by_text(FIRST["documents"][0]).first).to_be_visible()
    assert requests == [saved.as_uri()]
    offline.context.close()


def test_markup_in_a_text_shows_as_text(page: Page) -> None:
    alerts: list[str] = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    ask(page, "red", ["<img src=x onerror=alert(1)> <script>alert(2)</script> **bold** red", "x"])
    expect(page.locator(".dssm-text").filter(has_text="onerror").first).to_be_visible()
    assert not alerts


def test_a_phone_shows_all_of_it_without_sideways_scrolling(phone: Page) -> None:
    settled(phone)
    width = phone.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert width <= 390
    for chart in phone.get_by_test_id("stVegaLiteChart").all():
        box = chart.bounding_box()
        assert box is None or box["x"] + box["width"] <= 391


def test_the_light_page_has_no_accessibility_violation(page: Page) -> None:
    wait_until_ready(page)
    assert violations(page) == []


def test_the_dark_page_has_no_accessibility_violation(dark: Page) -> None:
    background = dark.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert background == "rgb(17, 22, 29)"
    wait_until_ready(dark)
    assert violations(dark) == []


def test_the_page_speaks_the_browsers_language(browser: Browser, address: str) -> None:
    chinese = browser.new_context(locale="zh-CN").new_page()
    chinese.goto(address, timeout=120_000)
    expect(chinese.get_by_role("heading", name="这篇文档为什么匹配？").first).to_be_visible()
    expect(chinese.locator("html")).to_have_attribute("lang", "zh-CN")
    chinese.context.close()


def test_a_reload_keeps_what_was_typed(page: Page) -> None:
    ask(page, "weather forecast", ["Forecasts for a city.", "A card game."])
    expect(page).to_have_url(re.compile("view="))
    page.reload()
    expect(page.get_by_label("Query", exact=True).first).to_have_value("weather forecast")
    expect(link(page, "Rank")).to_contain_text("of 2")


def test_text_that_is_being_typed_outlives_the_models_arrival(
    browser: Browser, address: str
) -> None:
    opened = open_page(browser, address, viewport={"width": 1280, "height": 900})
    opened.get_by_label("Query", exact=True).fill("half a thou")
    wait_until_ready(opened)
    expect(opened.get_by_label("Query", exact=True).first).to_have_value("half a thou")
    opened.context.close()


def test_one_choice_moves_all_and_can_be_made_again(page: Page) -> None:
    wait_until_ready(page)
    for rank in (2, 1, 2):
        choose(page, rank)


def test_a_damaged_link_gets_a_message_and_an_example(browser: Browser, address: str) -> None:
    opened = open_page(browser, f"{address}?view=xyz", viewport={"width": 1280, "height": 900})
    expect(opened.get_by_role("alert").first).to_contain_text("This link cannot be read")
    expect(opened.get_by_label("Query", exact=True).first).to_have_value(FIRST["query"])
    opened.context.close()


def test_fast_typing_in_two_boxes_loses_nothing(browser: Browser, address: str) -> None:
    for _ in range(5):  # an example picker that was set from the script gave the old text back
        opened = open_page(browser, address, viewport={"width": 1280, "height": 900})
        ask(opened, "red", ["a", "b"])
        expect(opened.get_by_label("Query", exact=True).first).to_have_value("red")
        opened.context.close()
