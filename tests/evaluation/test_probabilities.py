"""Reliability by hand, the mixes of pairs it is measured on, and the AUC."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssm_core.evaluation import (
    Collection,
    auc,
    calibration,
    calibration_error,
    pair_cosines,
)
from dssm_core.evaluation.probabilities import hardest_pairs, sample_pairs
from tests.examples import examples

NAN = float("nan")


def collection(*relevant: set[int], documents: int) -> Collection:
    queries = tuple(f"q{i}" for i in range(len(relevant)))
    names = tuple(f"d{i}" for i in range(documents))
    return Collection(queries, names, tuple(map(frozenset, relevant)))


def test_the_reliability_table_by_hand():
    table = calibration(np.array([0.05, 0.1, 0.95, 1.0, 0.0]), np.array([0, 1, 1, 1, 0]), bins=2)
    assert table.to_dict("records") == [
        {
            "start": 0.0,
            "end": 0.5,
            "probability": pytest.approx(0.05),
            "relevant": 1 / 3,
            "pairs": 3,
        },
        {
            "start": 0.5,
            "end": 1.0,
            "probability": pytest.approx(0.975),
            "relevant": 1.0,
            "pairs": 2,
        },
    ]
    assert calibration_error(table) == pytest.approx(3 / 5 * (1 / 3 - 0.05) + 2 / 5 * 0.025)


def test_certainty_falls_into_the_last_bin_and_empty_bins_are_left_out():
    table = calibration(np.array([1.0, 1.0]), np.array([1, 0]))
    assert len(table) == 1
    assert table.loc[0, "end"] == 1.0
    assert calibration_error(table) == 0.5


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=40))
@examples(60)
def test_the_reliability_table_counts_every_pair_once(pairs):
    probabilities, labels = map(np.array, zip(*pairs, strict=True))
    table = calibration(probabilities, labels)
    assert table["pairs"].sum() == len(pairs)
    assert (table["probability"] >= table["start"] - 1e-9).all()
    assert (table["probability"] <= table["end"] + 1e-9).all()
    assert (table["relevant"] * table["pairs"]).sum() == pytest.approx(labels.sum())
    assert 0 <= calibration_error(table) <= 1


def test_a_probability_that_is_no_number_is_not_averaged_away():
    with pytest.raises(ValueError, match="NaN"):
        calibration(np.array([0.5, NAN]), np.array([1, 0]))


def test_one_relevant_pair_comes_with_ten_others_and_none_of_them_is_relevant():
    found = collection({0, 3}, {1}, set(range(5, 25)), documents=30)
    queries, documents, labels = sample_pairs(found)
    assert labels.sum() == 23
    assert len(labels) == 23 * 11
    for query, document, label in zip(queries, documents, labels, strict=True):
        assert (document in found.relevant[query]) == (label == 1)
    for start in range(0, len(labels), 11):
        assert labels[start : start + 11].tolist() == [1] + [0] * 10
        assert len(set(documents[start : start + 11])) == 11, "no document is drawn twice"


def test_where_there_are_fewer_others_all_of_them_are_drawn():
    _, documents, labels = sample_pairs(collection({0}, documents=4))
    assert sorted(documents) == [0, 1, 2, 3]
    assert labels.tolist() == [1, 0, 0, 0]


def test_sampled_pairs_come_with_their_own_cosines():
    vectors = np.eye(3) * [[2], [3], [4]]
    cosines, labels = pair_cosines(collection({1}, {0}, documents=3), vectors[[1, 0]], vectors)
    assert cosines[labels == 1].tolist() == [1.0, 1.0]
    assert (cosines[labels == 0] == 0).all()


def test_the_hardest_pairs_are_the_first_wrong_documents():
    found = collection({1}, {0, 3}, documents=5)
    orders = [np.array([1, 4, 0, 2, 3]), np.array([3, 2, 0, 1, 4])]
    queries, documents, labels = hardest_pairs(found, orders, negatives=2)
    rows = list(zip(queries.tolist(), documents.tolist(), labels.tolist(), strict=True))
    assert rows == [
        *((0, 1, 1), (0, 4, 0), (0, 0, 0)),
        *((1, 0, 1), (1, 3, 1), (1, 2, 0), (1, 1, 0), (1, 4, 0)),
    ]


def test_auc_counts_pairs_by_hand():
    labels = np.array([1, 0, 1, 0])
    assert auc(np.array([0.9, 0.1, 0.8, 0.2]), labels) == 1.0
    assert auc(np.array([0.1, 0.9, 0.2, 0.8]), labels) == 0.0
    assert auc(np.array([0.5, 0.5, 0.5, 0.5]), labels) == 0.5
    assert auc(np.array([0.9, 0.8, 0.1, 0.2]), labels) == 0.5


def test_auc_counts_nan_against_the_model():
    assert auc(np.full(4, np.nan), np.array([1, 0, 1, 0])) == 0.0
