"""Where a model wins and loses: slices that are what a person counts, errors with their causes."""

from __future__ import annotations

import pandas as pd
import pytest

from dssm_core.evaluation import (
    Collection,
    Encoded,
    evaluate_towers,
    telling_columns,
)
from dssm_core.evaluation.slices import Traits
from tests.tiny import WordTowers


@pytest.fixture
def mixed() -> tuple[WordTowers, pd.DataFrame]:
    """Return a model and pairs of every kind of overlap."""
    rows = [
        ["red door", "a red door", 1, "x"],
        ["red door blue", "blue sea sand", 1, "x"],
        ["zebra", "striped horse", 1, "y"],
        ["blue wall", "walls that are blue " + "word " * 12, 1, "y"],
    ]
    return WordTowers(), pd.DataFrame(rows, columns=["query", "document", "label", "kind"])


def test_traits_are_what_a_person_counts(mixed):
    towers, pairs = mixed
    found = Collection.of(pairs)
    traits = Traits.of(
        found,
        Encoded.of(towers, found.queries, "query"),
        Encoded.of(towers, found.documents, "document"),
    )
    assert traits.overlap == pytest.approx([1, 1 / 3, 0, 1])
    assert traits.rarest.tolist() == [1, 1, 0, 1]
    assert traits.query_words.tolist() == [2, 3, 1, 2]
    assert traits.document_words.tolist() == [3, 3, 2, 16]
    assert traits.unseen.tolist() == [False, False, True, False]
    assert traits.truncated.tolist() == [False, False, False, True]


def test_a_query_is_judged_by_the_relevant_document_that_shares_most_with_it():
    pairs = pd.DataFrame(
        [["red door", "wall", 1], ["red door", "red door", 1], ["x", "red", 0]],
        columns=["query", "document", "label"],
    )
    found = Collection.of(pairs)
    encoded = [
        Encoded.of(WordTowers(), texts, side)
        for texts, side in ((found.queries, "query"), (found.documents, "document"))
    ]
    traits = Traits.of(found, *encoded)
    assert (traits.overlap.tolist(), traits.document.tolist()) == ([1.0], [1])


def test_a_slice_of_one_length_is_not_called_a_range(mixed):
    towers, _ = mixed
    rows = [[f"red{i}" + " door" * (i % 3), "wall", 1] for i in range(9)]
    found = evaluate_towers(towers, pd.DataFrame(rows, columns=["query", "document", "label"]))
    lengths = [row["slice"] for row in found["slices"] if row["by"] == "query words"]
    assert lengths == ["to 1 word", "2 words", "over 2 words"]


def test_slices_of_one_kind_hold_every_query_once_and_average_to_the_whole(mixed):
    towers, pairs = mixed
    pairs = pd.concat([pairs.assign(query=pairs["query"] + f" {i}") for i in range(20)])
    found = evaluate_towers(towers, pairs)
    kinds = {row["by"] for row in found["slices"]}
    assert kinds == {
        *("word overlap", "query words", "document words", "rarest word"),
        *("unseen words", "kind"),
    }
    for kind in kinds:
        rows = [row for row in found["slices"] if row["by"] == kind]
        assert sum(row["queries"] for row in rows) == found["queries"]
        for system, figures in found["systems"].items():
            total = sum(row["queries"] * row["systems"][system]["mean"] for row in rows)
            assert total / found["queries"] == pytest.approx(figures["MRR@10"]["mean"])
            for row in rows:
                value = row["systems"][system]
                assert value["low"] - 1e-9 <= value["mean"] <= value["high"] + 1e-9
    none = next(row for row in found["slices"] if row["slice"].startswith("none"))
    assert none["queries"] == 20
    assert none["systems"]["BM25"]["mean"] == 1 / 4, "the last of four"


def test_only_a_column_that_groups_becomes_a_slice():
    number = 60
    pairs = pd.DataFrame(
        {
            "query": [f"q{i}" for i in range(number)],
            "document": [f"d{i}" for i in range(number)],
            "label": 1,
            "split": "test",
            "name": [f"n{i}" for i in range(number)],
            "section": ["a", "b", "c"] * 20,
            "constant": "x",
        }
    )
    found = telling_columns(pairs, Collection.of(pairs))
    assert list(found) == ["section"]
    assert found["section"][:3] == ["a", "b", "c"]


def test_the_worst_errors_come_first_with_their_causes(mixed):
    towers, pairs = mixed
    more = pd.DataFrame(
        [[f"wall {i}", f"wall wall blue {i}", 1, "x"] for i in range(20)], columns=pairs.columns
    )
    found = evaluate_towers(towers, pd.concat([pairs, more], ignore_index=True))
    assert [e["rank"] for e in found["errors"]] == sorted(
        (e["rank"] for e in found["errors"]), reverse=True
    )
    assert all(e["rank"] > 1 for e in found["errors"])
    (zebra,) = (e for e in found["errors"] if e["query"] == "zebra")
    assert zebra["document"] == "striped horse"
    assert zebra["BM25 rank"] == 24
    assert "few words in common" in zebra["causes"]
    assert "unseen words" in zebra["causes"]
    shares = found["common"]["few words in common"]
    assert 0 < shares["errors"] <= 1
    assert shares["all"] == pytest.approx(1 / 24)


def test_a_model_without_errors_has_none_to_show():
    rows = [["red door", "a red door", 1], ["blue wall", "the wall is blue", 1]]
    pairs = pd.DataFrame(rows, columns=["query", "document", "label"])
    found = evaluate_towers(WordTowers(), pairs)
    assert (found["errors"], found["common"]) == ([], {})
