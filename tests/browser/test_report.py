"""The report of an inspection in a real browser: with JavaScript off, on a phone, in the dark."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from dssm_core.reporting.report import report_html
from dssm_core.scoring import Scorer
from tests.reporting.findings import awkward_findings
from tests.tiny import WordTowers, bare_folder

pytestmark = pytest.mark.browser


@pytest.fixture
def report(tmp_path: Any) -> str:
    """Return the address of a report on texts that try to break it."""
    path = tmp_path / "report.html"
    scorer = Scorer(bare_folder(tmp_path / "doors"), WordTowers())
    path.write_bytes(report_html(awkward_findings(scorer)))
    return path.as_uri()


def test_the_report_asks_for_nothing_and_fits_a_phone_without_javascript(browser, report):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, java_script_enabled=False, color_scheme="dark"
    )
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report)
    assert asked == [report]
    assert page.locator("svg").first.is_visible()
    wide = page.locator("body > main > *, svg, article")
    for place in range(wide.count()):
        box = wide.nth(place).bounding_box()
        assert box is None or box["x"] + box["width"] <= 390
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_of(browser, report, scheme):
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)  # axe is a script
    page = context.new_page()
    page.goto(report)
    violations = Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in violations] == []
    context.close()
