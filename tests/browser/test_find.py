"""Find candidates in Chromium, with the shipped model and its own pairs."""

from __future__ import annotations

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import EXAMPLES, FIRST, settled, violations, wait_until_ready

pytestmark = pytest.mark.browser
SLOW = 120_000


def find(page: Page, query: str) -> None:
    """Ask for the candidates of a query, and wait for both lists."""
    wait_until_ready(page)
    page.get_by_label("Query", exact=True).fill(query)
    page.get_by_label("Query", exact=True).press("Enter")
    page.get_by_role("button", name="Find candidates").click()
    expect(page.get_by_text("1 · BM25", exact=False).first).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("1 · cosine", exact=False).first).to_be_visible(timeout=SLOW)


def test_a_judged_document_is_found_ticked_scored_and_the_typed_ones_come_back(page: Page) -> None:
    pairs = pd.read_csv(EXAMPLES.parent / "pairs.csv")
    pair = pairs[pairs["query"].str.len().between(25, 60)].iloc[0]
    find(page, pair["query"])
    expect(page.get_by_text("exact search of 2,000 documents").first).to_be_visible()
    row = page.locator(".dssm-candidate", has_text="✓ judged relevant").first
    expect(row.locator(".text")).to_contain_text(pair["document"][:40])
    page.get_by_text("1 · BM25", exact=False).first.click()
    page.get_by_role("button", name="Score the ticked (1)").click()
    box = page.get_by_label("Documents, one a line", exact=True)
    expect(box).not_to_have_value("\n".join(FIRST["documents"]))
    expect(page.get_by_text("1 · BM25", exact=False)).to_have_count(0)
    page.get_by_role("button", name="Swap back").click()
    expect(box).to_have_value("\n".join(FIRST["documents"]))


def test_the_open_lists_have_no_accessibility_violation(page: Page, dark: Page) -> None:
    for opened in (page, dark):
        find(opened, FIRST["query"])
        assert violations(opened) == []


def test_on_a_phone_nothing_is_wider_than_the_screen(phone: Page) -> None:
    find(phone, FIRST["query"])
    settled(phone)
    width = phone.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert width <= 390
