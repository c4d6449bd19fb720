"""Every part of every page, to axe in light and dark, at 200 % zoom, on a phone, by keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect

from tests import ROOT
from tests.browser.steps import serving, settled, violations, wait_until_ready

pytestmark = pytest.mark.browser
SLOW = 240_000
WIDTHS = {"200 % zoom of 1280": 640, "a phone": 390}

CUT = """width => {
    const cuts = style => style.overflowX !== "visible";
    const isOut = e => e.getBoundingClientRect().right > width + 1 && e.checkVisibility();
    const scrolls = e => {
        for (let up = e.parentElement; up !== document.body && up; up = up.parentElement)
            if (cuts(getComputedStyle(up)) && up.getBoundingClientRect().right <= width + 1)
                return true;
        return false;
    };
    return [...document.querySelectorAll("body *")]
        .filter(e => isOut(e) && !scrolls(e))
        .map(e => e.outerHTML.slice(0, 120));
}"""
"""What reaches beyond the right edge, aside from what stands in a box of its own that scrolls."""

FOCUSED = """() => {
    const e = document.activeElement;
    if (!e || e === document.body) return null;
    window.met ??= new Map();
    if (!met.has(e)) met.set(e, met.size);
    const name = e.ariaLabel || e.labels?.[0]?.innerText || e.innerText || e.dataset.testid || "";
    return [met.get(e), name.split("\\n").pop().trim()];
}"""
"""The element that has the keyboard: its number, and what it is called."""

Walk = Callable[[Page], Iterator[str]]


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[str]:
    """Start the page with few pairs, a second model and a broken one, and yield its address."""
    shutil.copytree(ROOT / "sample_models" / "notebook-toy", folder / "models" / "notebook-toy")
    (folder / "models" / "broken").mkdir()
    (folder / "models" / "broken" / "config.json").write_text("{}")
    with serving(
        DSSM_MODELS=str(folder / "models"), DSSM_STORE=str(folder / "verdicts.sqlite3")
    ) as found:
        yield found


def pick(page: Page, label: str, option: str) -> None:
    """Choose an option of a list, below which something is text then; again where it closed."""
    box = page.get_by_role("combobox", name=label).last
    for _ in range(5):  # a list closes when it is scrolled, and when the page is painted anew
        box.evaluate("e => e.scrollIntoView({block: 'center'})")
        settled(page)
        box.fill("")
        box.fill(option)
        try:
            page.get_by_role("option", name=option, exact=True).first.click(timeout=30_000)
        except TimeoutError:
            continue
        settled(page)
        return
    raise AssertionError(f"{label} does not offer {option}")


def compare(page: Page) -> Iterator[str]:
    """Walk through the page Compare; yield the name of each part as it is open."""
    wait_until_ready(page)
    expect(page.get_by_role("combobox", name="Second model")).to_be_visible()
    yield "the example"
    page.get_by_test_id("stExpander").locator("summary").first.click()
    yield "a broken model"
    page.get_by_role("button", name="Find candidates").click()
    expect(page.get_by_text("1 · cosine", exact=False).first).to_be_visible(timeout=SLOW)
    yield "candidates"
    page.get_by_role("button", name="Find candidates").click()
    pick(page, "Second model", "notebook-toy")
    page.get_by_role("radio", name="Table").click()
    settled(page)
    yield "a table, and a second model"
    page.get_by_label("Query", exact=True).fill("🙂")
    page.get_by_label("Query", exact=True).press("Enter")
    expect(page.locator(".dssm-message").first).to_be_visible()
    settled(page)
    yield "warnings"


def inspect(page: Page) -> Iterator[str]:
    """Walk through the page Inspect."""
    expect(page.get_by_text("Your verdict").first).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("combobox", name="Second model")).to_be_visible(timeout=SLOW)
    settled(page)
    yield "the first pair"
    page.get_by_test_id("stExpander").locator("summary").first.click()
    yield "the verdicts"
    for view, sign in (
        ("Why A above B", "Ranked higher"),
        ("What if", "Nothing is changed yet"),
        ("Nearest pairs", "has rank"),
        ("Map", "PCA: the two axes"),
    ):
        page.get_by_role("radio", name=view).click()
        expect(page.get_by_text(sign).first).to_be_visible(timeout=SLOW)
        settled(page)
        yield view
    pick(page, "Second model", "notebook-toy")
    yield "a second model"
    page.get_by_role("button", name="Load your own pairs").click()
    expect(page.get_by_test_id("stPopoverBody")).to_be_visible()
    yield "a file of one's own"


def lab(page: Page) -> Iterator[str]:
    """Walk through the Lab."""
    expect(page.get_by_text("639,488 parameters").first).to_be_visible(timeout=SLOW)
    yield "the layers"
    pick(page, "System", "One LSTM for each side, shared embedding")
    page.get_by_label("Epochs").first.fill("2")
    page.get_by_label("Epochs").first.press("Enter")
    page.get_by_role("button", name="Fit and predict").click()
    expect(page.get_by_text("probability = sigmoid(")).to_be_visible(timeout=SLOW)
    settled(page)
    yield "a run"
    page.get_by_role("tab", name="Train").click()
    yield "training"
    page.get_by_role("tab", name="Dot explorer").click()
    for case in ("Opposite", "A zero vector"):
        page.get_by_text(case, exact=True).click()
        settled(page)
        yield case
    page.get_by_role("tab", name="Backwards head").click()
    yield "the backwards head"


def is_theirs(violation: str) -> bool:
    """Return whether a violation is in what a library draws, and lets nobody change.

    Vega calls the frame of a selection, and a layer with nothing in it, an image without a name;
    Streamlit names the field that a file is dropped on, which has no role (its button has both).
    """
    if violation.startswith("presentation-role-conflict"):
        return "stFileUploaderDropzone" in violation
    return "area_brush" in violation or violation.endswith('mark container"></g>')


PAGES: dict[str, Walk] = {"": compare, "inspect": inspect, "lab": lab}


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, site: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Yield an empty page in light or dark mode, each of whose pixels is four as in a zoom."""
    context = browser.new_context(
        base_url=site,
        color_scheme=request.param,
        device_scale_factor=2,
        viewport={"width": 1280, "height": 900},
    )
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_in_any_part_and_each_chart_says_what_it_shows(
    page: Page, path: str
) -> None:
    page.goto(f"/{path}")
    found = []
    for part in PAGES[path](page):
        found += [f"{part}: {one}" for one in violations(page) if not is_theirs(one)]
        for chart in page.get_by_test_id("stVegaLiteChart").filter(visible=True).all():
            text = chart.get_attribute("aria-label") or ""
            found += [] if text.endswith(".") else [f"{part}: a chart that says {text!r}"]
    assert found == []


def too_wide(page: Page, width: int) -> list[str]:
    """Return what is wider than the window, once charts and tables have drawn themselves anew."""
    found: list[str] = []
    for _ in range(40):  # they do so some time after the window has its new size
        settled(page)
        wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
        found = [f"{wide} wide"] if wide > width else []
        found += page.evaluate(CUT, width)
        if not found:
            break
    return found


@pytest.mark.parametrize("page", ["light"], indirect=True)
@pytest.mark.parametrize("path", PAGES)
def test_no_part_is_cut_or_scrolls_sideways_at_200_percent_or_on_a_phone(
    page: Page, path: str
) -> None:
    page.goto(f"/{path}")
    found = []
    for part in PAGES[path](page):
        for where, width in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": 800})
            found += [f"{part} on {where}: {one}" for one in too_wide(page, width)]
        page.set_viewport_size({"width": 1280, "height": 900})
        settled(page)
    assert found == []


ORDER = {
    "": [
        *("Skip to main content", "Compare", "Inspect", "Lab", "Main menu", "English", "Model"),
        *("Example", "Query", "Documents, one a line", "Score", "Find candidates", "Lines"),
        *("Threshold on probability", "Document in detail", "Second model", "Numbers as CSV"),
        "Page as HTML",
    ],
    "inspect": [
        *("Skip to main content", "English", "Model", "Threshold as a probability"),
        *("… as a cosine", "Search in query and document", "Cause", "Note"),
        *("Effect of each word", "Slice by", "Second model", "Report as HTML"),
    ],
    "lab": ["Skip to main content", "English", "Systems", "System", "Seed", "Fit and predict"],
}
"""What a person meets on the way through a page, other things between."""


@pytest.mark.parametrize("page", ["light"], indirect=True)
@pytest.mark.parametrize("path", PAGES)
def test_the_tab_key_meets_everything_in_order_and_leaves(page: Page, path: str) -> None:
    page.goto(f"/{path}")
    next(PAGES[path](page))
    settled(page)
    names, numbers = [], []
    for _ in range(200):
        page.keyboard.press("Tab")
        met = page.evaluate(FOCUSED)
        if met is None:
            break
        numbers.append(met[0])
        names.append(met[1])
    else:
        raise AssertionError(f"no way out: {names[-5:]}")
    left = iter(names)
    missed = [name for name in ORDER[path] if name not in left]
    assert missed == [], names
    assert numbers == sorted(numbers), "nothing is met again after something else"
    for kind in ("button", "textbox", "combobox", "slider", "spinbutton", "tab", "radio"):
        for one in page.get_by_role(kind).filter(visible=True).all():  # type: ignore[arg-type]
            # of radios the chosen one is met, and the arrow keys lead on
            is_met = one.evaluate(
                "e => met.has(e) || e.tabIndex < 0 || e.disabled || e.ariaChecked === 'false'"
            )
            assert is_met, one.evaluate("e => e.outerHTML.slice(0, 200)")


@pytest.mark.parametrize("page", ["light"], indirect=True)
def test_a_threshold_and_a_document_are_chosen_by_keyboard_alone(page: Page) -> None:
    page.goto("/")
    next(compare(page))
    settled(page)
    page.get_by_role("slider", name="Threshold on probability").last.focus()
    for shown in ("0.510", "0.520"):
        page.keyboard.press("ArrowRight")
        shown_line = page.get_by_text(f"probability {shown}", exact=True)  # beside its line
        expect(shown_line.first).to_be_visible()
        settled(page)  # a rerun removes what moved when it is over
        kept = page.evaluate("document.activeElement.ariaLabel")
        assert kept == "Threshold on probability", "the next press would go nowhere"
    page.get_by_role("combobox", name="Document in detail").last.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    rank = page.locator(".dssm-chain .number").filter(has_text="of 5")
    expect(rank.first).not_to_have_text("1 of 5")
