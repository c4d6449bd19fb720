"""The Lab in Chromium: it opens, its tabs answer, and axe finds nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.steps import settled, violations

pytestmark = pytest.mark.browser


@pytest.fixture(params=["light", "dark"])
def lab(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Yield the Lab once the notebook's systems are listed."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, color_scheme=request.param
    )
    page = context.new_page()
    page.goto(f"{address}/lab", timeout=120_000)
    expect(page.get_by_text("639,488 parameters").first).to_be_visible(timeout=120_000)
    yield page
    context.close()


def test_every_tab_opens_and_axe_finds_nothing(lab: Page) -> None:
    for name in ("Systems", "Train", "Dot explorer", "Backwards head"):
        lab.get_by_role("tab", name=name).click()
        assert violations(lab) == [], name


def test_the_layer_graph_is_drawn_with_shapes_and_parameters(lab: Page) -> None:
    graph = lab.get_by_test_id("stGraphVizChart")
    for text in ("query_dense_1", "Dense · 11,264", "(None, 11)"):
        expect(graph.locator("text", has_text=text).first).to_be_visible()
    box = graph.locator("svg").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 1280
    ink = graph.locator("text", has_text="query_dense_1").get_attribute("fill")
    scheme = lab.evaluate("matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'")
    assert ink == {"light": "#1b2430", "dark": "#e8edf2"}[scheme]


def test_the_zero_vector_shows_where_the_two_cosines_part(lab: Page) -> None:
    lab.get_by_role("tab", name="Dot explorer").click()
    lab.get_by_text("A zero vector").click()
    expect(lab.get_by_text("one NaN row makes the loss").first).to_be_visible()


def test_a_run_that_is_stopped_ends_and_can_be_started_again(lab: Page) -> None:
    lab.get_by_role("combobox", name="System").click()
    lab.get_by_role("option", name="One LSTM for each side").click()
    lab.get_by_label("Epochs").first.fill("500")
    lab.get_by_label("Epochs").first.press("Enter")
    start, stop = (
        lab.get_by_role("button", name="Fit and predict"),
        lab.get_by_role("button", name="Stop"),
    )
    start.click()
    expect(lab.get_by_text("of 500").first).to_be_visible()
    expect(start).to_be_disabled()
    stop.click()
    expect(lab.get_by_text("Nothing was saved.").first).to_be_visible(timeout=120_000)
    expect(start).to_be_enabled()
    expect(stop).to_be_disabled()


def test_the_toy_run_draws_its_loss_and_its_curve(lab: Page) -> None:
    lab.get_by_role("combobox", name="System").click()
    lab.get_by_role("option", name="LSTM shared by").click()
    lab.get_by_role("button", name="Fit and predict").click()
    expect(lab.get_by_text("epoch 20 of 20").first).to_be_visible(timeout=120_000)
    expect(lab.get_by_text("probability = sigmoid(")).to_be_visible(timeout=120_000)
    expect(lab.get_by_test_id("stVegaLiteChart").first).to_be_visible()


def test_dragging_an_arrow_changes_the_cosine_in_the_drawing(lab: Page) -> None:
    lab.get_by_role("tab", name="Dot explorer").click()
    drawing = lab.get_by_test_id("stVegaLiteChart").filter(has_text="Drag the arrow heads")
    expect(drawing.get_by_text("cosine 0.981 · angle 11°")).to_be_visible()
    settled(lab)
    box = drawing.locator("g.mark-symbol path").first.bounding_box()
    assert box is not None
    lab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    lab.mouse.down()
    lab.mouse.move(box["x"] - 100, box["y"] - 40, steps=5)
    lab.mouse.up()
    expect(drawing.get_by_text("cosine 0.981")).to_have_count(0)
    expect(lab.get_by_label("Query, first entry")).to_have_value("1")
