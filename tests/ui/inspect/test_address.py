"""What the address of Inspect may hold: anybody may have written it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dssm_core.corpus.labels import MAX_VALUES
from dssm_core.ui.common import state
from dssm_core.ui.inspect import address, load
from dssm_core.ui.inspect.address import MAX_TEXT, ROLE, InspectView
from tests.encoders import refusal
from tests.pages import shown_text, sound
from tests.ui.inspect.opened import Open, relevant_labels, upload

ROLES = {
    f"{ROLE}relevant.f": ["yes"],
    f"{ROLE}cut.f": 2.5,
    f"{ROLE}header.f": True,
    f"{ROLE}query.f": "question",
}
GOOD = asdict(InspectView("doors", "0123", 0.5, 7, "language", "de", "walls", "token", ROLES))


def test_what_the_page_writes_is_read_again():
    assert asdict(InspectView.of(GOOD)) == GOOD
    for cosine in (-1, 1):
        assert InspectView.of({**GOOD, "threshold": cosine}).threshold == cosine


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *((name, value) for name in ("model", "slice", "file") for value in (5, None, ["a"])),
        ("column", "x" * (MAX_TEXT + 1)),
        ("second", "half a \ud83d"),
        *(("threshold", value) for value in (math.nan, math.inf, -1.01, 1.01, "x", None)),
        *(("line", value) for value in (-1, 2**53, math.inf, "x", [])),
        ("roles", {f"{ROLE}query.{n}": "a" for n in range(21)}),
        ("roles", {"page.model": "a"}),
        ("roles", {"query.f": "a"}),
        ("roles", {f"{ROLE}relevant.f": ["a"] * (MAX_VALUES + 1)}),
        ("roles", {f"{ROLE}relevant.f": [1]}),
        ("roles", {f"{ROLE}cut.f": math.nan}),
        ("roles", {f"{ROLE}cut.f": "2"}),
        ("roles", {f"{ROLE}header.f": 1}),
        ("roles", {f"{ROLE}query.f": True}),
        ("roles", {f"{ROLE}query.f": "x" * (MAX_TEXT + 1)}),
        ("roles", {f"{ROLE}other.f": "a"}),
        ("roles", ["a"]),
    ],
)
def test_what_it_may_not_hold_is_refused(name, wrong):
    with pytest.raises((ValueError, TypeError, OverflowError)):
        InspectView.of({**GOOD, name: wrong})


@pytest.mark.parametrize("name", sorted(GOOD))
def test_what_it_lacks_is_missed(name):
    with pytest.raises(KeyError):
        InspectView.of({key: value for key, value in GOOD.items() if key != name})


def test_a_model_that_is_not_here_is_named():
    error = refusal(lambda: address._restore(InspectView.of(GOOD), {"walls": None}))
    assert (error.key, error.received) == ("page.no such model", "doors")


def link_of(app: AppTest) -> str:
    bodies = [e.proto.body for e in app.get("html")]
    found = [re.search(r'data-address="\?view=([\w-]+)"', body) for body in bodies]
    return next(match[1] for match in found if match)


@pytest.mark.slow
def test_the_address_restores_threshold_slice_and_pair(page: Open) -> None:
    app = page()
    app.number_input(key="inspect.cosine").set_value(0.9).run()
    app.selectbox(key="inspect.slice").set_value("room").run()
    app.selectbox(key="inspect.slice.name").set_value("cellar").run()
    link = link_of(app)
    other = page(view=link)
    sound(other)
    assert other.number_input(key="inspect.cosine").value == 0.9
    assert other.selectbox(key="inspect.slice.name").value == "cellar"
    assert other.session_state["inspect.line"] == app.session_state["inspect.line"]
    assert link_of(other) == link


@pytest.mark.slow
def test_a_loaded_file_is_found_again_by_its_own_browser_alone(
    page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "this_browser", lambda: "mine")
    monkeypatch.setattr(address, "this_browser", lambda: "mine")
    app = upload(page(), "query,document,label\nred,red,1\nred,blue,0\n")
    first = page().number_input(key="inspect.cosine").value
    link = link_of(app.number_input(key="inspect.cosine").set_value(0.99).run())
    again = page(view=link)
    assert "mine.csv: 2 pairs" in shown_text(again)
    assert again.number_input(key="inspect.cosine").value == 0.99
    monkeypatch.setattr(address, "this_browser", lambda: "theirs")
    other = page(view=link)
    sound(other)
    assert "is not on the server any more" in shown_text(other)
    assert "pairs.csv: 6 pairs" in shown_text(other)
    assert other.number_input(key="inspect.cosine").value == first, "its threshold is for its file"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "change"),
    [
        ("red,red,gut\nred,blue,schlecht\n", lambda app: relevant_labels(app).set_value(["gut"])),
        (
            "red,red,1\nred,blue,2\nred,wall,3\nred,door,4\n",
            lambda app: next(b for b in app.number_input if "grade" in b.label).set_value(2.0),
        ),
    ],
)
def test_the_address_restores_how_a_loaded_file_is_read(
    page: Open, monkeypatch: pytest.MonkeyPatch, rows: str, change: Callable[[AppTest], Any]
) -> None:
    monkeypatch.setattr(load, "this_browser", lambda: "mine")
    monkeypatch.setattr(address, "this_browser", lambda: "mine")
    app = upload(page(), "query,document,label\n" + rows)
    change(app).run()
    next(b for b in app.selectbox if b.label == "First row").set_value(True).run()
    other = page(view=link_of(app))
    sound(other)
    assert re.findall("mine.csv: .*? labelled", shown_text(other)) == re.findall(
        "mine.csv: .*? labelled", shown_text(app)
    )
    assert link_of(other) == link_of(app)


@pytest.mark.slow
@pytest.mark.parametrize(
    "roles",
    [
        {"x": "y"},
        {"inspect.role.cut.k": math.nan},
        {"inspect.role.relevant.k": ["a"] * 100},
        {"inspect.role.header.k": "yes"},
        {"inspect.role.query.k": ["a"]},
    ],
)
def test_roles_of_another_kind_are_not_restored(page: Open, roles: dict[str, Any]) -> None:
    view = {"model": "doors", "fingerprint": "", "threshold": 0.5, "line": 1, "column": ""}
    view |= {"slice": "", "second": "", "file": "", "roles": roles}
    assert "This link cannot be read" in shown_text(page(view=state.packed(view)))


@pytest.mark.slow
@pytest.mark.parametrize("link", ["x", "A" * 9000, state.packed({"model": "doors"})])
def test_a_damaged_address_gets_a_message_and_the_models_own_pairs(page: Open, link: str) -> None:
    app = page(view=link)
    sound(app)
    assert "This link cannot be read" in shown_text(app)
    assert "pairs.csv: 6 pairs" in shown_text(app)


def test_the_link_that_is_shown_is_the_address(page: Open) -> None:
    app = page()
    for line in (3, 6):  # which are wrong
        app.session_state["inspect.line"] = line
        app.run()
        (shown,) = [code.value for code in app.code if "?view=" in code.value]
        assert shown.endswith(link_of(app))
        assert state.unpacked(link_of(app), InspectView.of).line == line
