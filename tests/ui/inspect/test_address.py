"""What the address of Inspect may hold: anybody may have written it."""

from __future__ import annotations

import math
from dataclasses import asdict

import pytest

from dssm_core.corpus.labels import MAX_VALUES
from dssm_core.ui.inspect import address
from dssm_core.ui.inspect.address import MAX_TEXT, ROLE, InspectView
from tests.encoders import refusal

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
