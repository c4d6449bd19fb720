"""One pair on the page Inspect: its finding, its texts and its numbers."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from dssm_core.corpus.pairs import read_pairs
from dssm_core.errors import UserError
from dssm_core.inspection.score_pairs import inspect_pairs
from dssm_core.scoring import Head
from dssm_core.ui.inspect import pair as panel
from dssm_core.ui.inspect.selected_pair import SelectedPair
from tests.pages import shown_text
from tests.tiny import AWKWARD
from tests.ui.inspect.opened import Bench


def test_a_line_that_is_not_among_the_pairs_is_refused(inspection, scorer):
    with pytest.raises(UserError) as caught:
        SelectedPair.of(inspection, 7, scorer, 0.4)
    assert (caught.value.key, caught.value.received) == ("inspect.no such pair", "7")


def test_of_several_pairs_of_a_row_the_number_and_the_line_are_said(bench, scorer) -> None:
    row = {"query": "red", "positive": "a", "negative": "b"}
    loaded = inspect_pairs(scorer, read_pairs(json.dumps(row).encode(), "pairs.jsonl"))
    page = shown_text(bench(2, inspection=loaded))
    assert "pair 2, line 1" in page
    assert "line: 1" not in page


def test_without_an_edit_a_rank_stays(scorer):
    documents = ["red", "red red", "red red red", "door", "wall blue", "+++", "red", "blue wall"]
    pairs = pd.DataFrame(
        [("a red door", document, n % 2) for n, document in enumerate(documents * 20)],
        columns=["query", "document", "label"],
    )
    found = inspect_pairs(scorer, pairs)
    for line, rank in found.frame["rank"].items():
        pair = SelectedPair.of(found, line, scorer, 0.4)
        assert pair.rank_of(pair.scores) == (None if pd.isna(rank) else rank)


def test_the_pair_is_shown_with_its_finding_texts_and_every_number(bench: Bench) -> None:
    app = bench(3)
    page = shown_text(app)
    assert "False alarm: labelled not relevant" in page
    assert "line 3, place: house" in page
    for number in ("0.500", "1.000", "0.731", "2 of 3"):
        assert number in page


@pytest.mark.parametrize(
    ("line", "finding"),
    [(2, "Right: labelled relevant"), (4, "Missed: labelled relevant"), (9, "reads nothing")],
)
def test_the_finding_says_whether_model_and_label_agree(bench, line, finding) -> None:
    assert finding in shown_text(bench(line))


def test_of_two_probabilities_that_are_written_alike_the_cosines_are_said(scorer) -> None:
    scorer.head = Head(40.0, -4.0)
    pairs = pd.DataFrame([("red door", "red wall", 1)], columns=["query", "document", "label"])
    pair = SelectedPair.of(inspect_pairs(scorer, pairs), 0, scorer, 0.9)
    assert panel._finding(pair) == (
        "Missed: labelled relevant, but cosine 0.500 is below the threshold 0.900."
    )


def test_a_pair_that_was_drawn_stands_in_no_line_of_the_file(bench, scorer) -> None:
    rows = [["red", "red", 1, "no"], ["red", "blue", 0, "yes"]]
    pairs = pd.DataFrame(rows, columns=["query", "document", "label", "assumed"], index=[2, 3])
    loaded = inspect_pairs(scorer, pairs)
    assert "assumed pair 3, assumed: yes" in shown_text(bench(3, inspection=loaded))
    assert "line 2, assumed: no" in shown_text(bench(2, inspection=loaded))


def test_a_right_rejection_is_told_as_right(bench, scorer) -> None:
    pairs = pd.DataFrame([["red", "blue", 0]], columns=["query", "document", "label"], index=[2])
    app = bench(2, inspection=inspect_pairs(scorer, pairs))
    assert "Right: labelled not relevant" in shown_text(app)
    assert "No pair is on the wrong side" in shown_text(app)


@pytest.mark.slow
@pytest.mark.parametrize("view", ["effects", "rivals", "edit", "near", "map"])
def test_no_text_breaks_a_view(bench, scorer, view: str) -> None:
    hostile = "red " + " ".join(text[:200] for text in AWKWARD.values())
    rows = [
        [text, other, i % 2, text]
        for i, text in enumerate(AWKWARD.values())
        for other in (text, hostile, "red")
    ] + [[hostile, text, 1, text] for text in AWKWARD.values()]
    pairs = pd.DataFrame(rows, columns=["query", "document", "label", hostile])
    loaded = inspect_pairs(scorer, pairs)
    for line in (0, len(rows) - 1):
        app = bench(line, view, inspection=loaded)
        assert "<script>" not in "".join(e.proto.body for e in app.get("html"))
        assert "failed" not in shown_text(app)
