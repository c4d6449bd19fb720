"""The Content-Security-Policy in Chromium: nothing of ours breaks it, and nothing foreign runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.steps import ROWS, ask, settled, wait_until

pytestmark = pytest.mark.browser
LISTEN = """
window.refused = [];
document.addEventListener("securitypolicyviolation", event =>
    window.refused.push(`${event.effectiveDirective}: ${event.blockedURI}`));
"""
INJECT = """() => setTimeout(() => {
    const made = (name, set) => Object.assign(document.createElement(name), set);
    const add = (name, set) => document.body.append(made(name, set));
    window.ran = [];
    add("script", {textContent: "ran.push('inline script')"});
    add("script", {src: "http://192.0.2.1/x.js"});
    add("div", {innerHTML: "<b onclick=\\"ran.push('handler')\\">x</b>"});
    document.body.lastChild.firstChild.click();
    try { new Function("ran.push('eval')")(); } catch { }
    add("img", {src: "http://192.0.2.1/x.png"});
    add("iframe", {src: "http://192.0.2.1/"});
    add("object", {data: "/favicon.png"});
    add("link", {rel: "stylesheet", href: "http://192.0.2.1/x.css"});
    add("base", {href: "http://192.0.2.1/"});
    const form = made("form", {action: "http://192.0.2.1/"});
    document.body.append(form);
    form.submit();
    fetch("http://192.0.2.1/x").catch(() => 0);
})"""
"""Later, because what a debugger evaluates at once may evaluate more."""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Yield an empty page that writes down what the policy refuses."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(LISTEN)
    yield context.new_page()
    context.close()


def refused(page: Page) -> list[str]:
    settled(page)
    return page.evaluate("window.refused")  # type: ignore[no-any-return]


def test_compare_works_and_breaks_no_rule(page: Page, address: str) -> None:
    page.goto(address, timeout=120_000)
    ask(page, "chess engine", ["A strong chess engine.", "Mail server for small offices."])
    chart = page.get_by_test_id("stVegaLiteChart").first
    chart.hover()  # a tooltip
    for name in ("Numbers as CSV", "Page as HTML", "Download as PNG"):
        with page.expect_download() as download:
            if name == "Download as PNG":
                chart.hover()  # its tools are there while the pointer is on it
            page.get_by_role("button", name=name).first.click()
        assert Path(download.value.path()).stat().st_size > 100, name
    chart.hover()
    page.get_by_role("button", name="Fullscreen", exact=True).first.click()
    page.keyboard.press("Escape")
    assert refused(page) == []


def test_inspect_takes_a_file_and_breaks_no_rule(page: Page, address: str) -> None:
    page.goto(f"{address}/inspect", timeout=120_000)
    page.get_by_role("button", name="Load your own pairs").click()
    page.get_by_test_id("stPopoverBody").locator("input[type=file]").set_input_files(
        {"name": "mine.csv", "mimeType": "text/csv", "buffer": ROWS.encode()}
    )
    expect(page.get_by_text("mine.csv: 4 pairs").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("on the wrong side of the threshold").first).to_be_visible(
        timeout=180_000
    )
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    assert refused(page) == []


def test_the_lab_draws_its_graph_and_breaks_no_rule(page: Page, address: str) -> None:
    page.goto(f"{address}/lab", timeout=120_000)
    graph = page.get_by_test_id("stGraphVizChart").locator("svg text")
    expect(graph.first).to_be_visible(timeout=120_000)
    page.get_by_role("tab", name="Dot explorer").click()
    expect(page.get_by_test_id("stVegaLiteChart").filter(visible=True).first).to_be_visible()
    assert refused(page) == []


def test_what_is_injected_does_not_run_and_asks_nobody(page: Page, address: str) -> None:
    asked: list[str] = []
    page.on("requestfinished", lambda request: asked.append(request.url))
    page.goto(address, timeout=120_000)
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    page.evaluate(INJECT)
    rules = {
        *("script-src-elem", "script-src-attr", "script-src", "img-src", "frame-src"),
        *("object-src", "style-src-elem", "base-uri", "form-action", "connect-src"),
    }

    def broken() -> set[str]:
        return {one.split(":")[0] for one in page.evaluate("window.refused")}

    wait_until(page, lambda: rules <= broken(), "each rule is broken")
    assert page.evaluate("window.ran") == []
    assert not [url for url in asked if "192.0.2.1" in url]


def test_no_other_page_may_frame_it(page: Page, address: str) -> None:
    html = f"<iframe src='{address}'></iframe>"
    page.route("http://other.invalid/", lambda r: r.fulfill(body=html, content_type="text/html"))
    page.goto("http://other.invalid/")
    expect(page.locator("iframe")).to_be_attached()
    frame = page.frames[1]
    wait_until(page, lambda: frame.url.startswith("chrome-error:"), "the frame is refused")
