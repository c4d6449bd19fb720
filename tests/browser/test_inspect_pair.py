"""One pair of the page Inspect in Chromium: judged by keyboard, and seen through."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dssm_core.store import Store
from tests.browser.steps import serving, settled, violations

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[str]:
    """Start the page on these pairs with a store of its own, and yield its address."""
    models, store = folder / "models", folder / "verdicts.sqlite3"
    with serving(DSSM_MODELS=str(models), DSSM_STORE=str(store)) as found:
        yield found


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """Yield the page Inspect once its first pair is there."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    opened.goto(f"{site}/inspect", timeout=120_000)
    expect(opened.get_by_text("Your verdict").first).to_be_visible(timeout=240_000)
    expect(opened.get_by_text("Wrong because").first).to_be_visible(timeout=120_000)
    settled(opened)
    yield opened
    context.close()


def verdicts(folder: Path) -> list[dict[str, str]]:
    return Store(folder / "verdicts.sqlite3").verdicts().to_dict("records")


def test_errors_are_judged_one_after_the_other_by_keyboard_alone(page: Page, folder: Path) -> None:
    note = page.get_by_label("Note", exact=True)
    note.fill("1 and 2 stay in the note")
    note.press("Tab")
    for number, verdict in ((1, "Relevant"), (2, "Not relevant"), (4, "Bad data")):
        settled(page)
        page.keyboard.press(str(number))
        expect(page.get_by_text(f"Judged “{verdict}”").first).to_be_visible()
    found = verdicts(folder)[-3:]
    assert [one["verdict"] for one in found] == ["relevant", "not relevant", "bad data"]
    assert len({(one["query"], one["document"]) for one in found}) == 3
    assert [one["note"] for one in found] == ["1 and 2 stay in the note", "", ""]
    settled(page)
    page.keyboard.press("u")
    expect(page.get_by_text("Undone: “Bad data”").first).to_be_visible()
    assert verdicts(folder)[-1]["verdict"] == "not relevant"


def test_a_digit_typed_into_the_note_judges_nothing(page: Page, folder: Path) -> None:
    before = len(verdicts(folder))
    page.get_by_label("Note", exact=True).press_sequentially("1234")
    settled(page)
    assert len(verdicts(folder)) == before


def test_every_view_opens_and_axe_finds_nothing(page: Page) -> None:
    for view, sign in (
        ("Why A above B", "Ranked higher"),
        ("What if", "Nothing is changed yet"),
        ("Nearest pairs", "has rank"),
        ("Map", "PCA: the two axes"),
    ):
        page.get_by_role("radio", name=view).click()
        expect(page.get_by_text(sign).first).to_be_visible(timeout=120_000)
        settled(page)
        # Vega draws the frame of a selection as an image without a name, and lets nobody name it
        found = [one for one in violations(page) if "area_brush" not in one]
        assert found == [], view


def test_an_edit_is_seen_beside_the_text_as_it_was(page: Page) -> None:
    page.get_by_role("radio", name="What if").click()
    box = page.get_by_role("textbox", name="Query", exact=True)
    box.fill("a card game")
    box.press("Control+Enter")
    expect(page.locator("ins").first).to_have_text("a card game")
    expect(page.get_by_text("The cosine changes by").first).to_be_visible()
