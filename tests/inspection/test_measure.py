"""Counts and curves against loops that do the same the long way."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssm_core import evaluation
from dssm_core.evaluation import Collection, evaluate_run
from dssm_core.evaluation.intervals import wilson
from dssm_core.inspection.measure import (
    MAX_POINTS,
    Rates,
    calibration,
    calibration_error,
    curve,
    errors,
    ranking,
    ranking_by_query,
    suggest_threshold,
)
from dssm_core.numeric import sigmoid
from tests.examples import examples
from tests.inspection.frames import COSINES, NAN, SCORED, frame_of


def random_frame(number: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, number)
    cosines = np.tanh(rng.normal(0.3 * labels, 0.3))  # no two the same
    return frame_of(list(zip(cosines.tolist(), labels.tolist(), strict=True)))


def cost_at(rows: list[tuple[float, int]], threshold: float, cost: float) -> float:
    """Count, pair by pair, what the errors at a threshold cost."""
    total = 0.0
    for cosine, label in rows:
        predicted = cosine >= threshold
        total += cost * (predicted and not label) + (label and not predicted)
    return total


def f1_at(rows: list[tuple[float, int]], threshold: float) -> float:
    hits = sum(c >= threshold and label == 1 for c, label in rows)
    false = sum(c >= threshold and label == 0 for c, label in rows)
    missed = sum(label for _, label in rows) - hits
    return 2 * hits / max(1, 2 * hits + false + missed)


# confusion


def test_the_counts_by_hand():
    frame = frame_of([(0.9, 1), (0.5, 0), (0.5, 1), (0.4, 1), (0.1, 0), (NAN, 1), (NAN, 0)])
    assert Rates.at(frame, 0.5).counts() == {
        "true positive": 2,
        "false positive": 1,
        "false negative": 2,
        "true negative": 2,
        "no score": 2,
    }


@given(SCORED, st.floats(-1, 1))
@examples(100)
def test_the_four_counts_sum_to_the_pairs_and_the_errors_to_the_wrong_ones(rows, threshold):
    frame = frame_of(rows)
    counts = Rates.at(frame, threshold).counts()
    assert counts.pop("no score") == sum(c != c for c, _ in rows)
    assert sum(counts.values()) == len(rows)
    wrong = errors(frame, threshold)["error"].value_counts().to_dict()
    for kind in ("false positive", "false negative"):
        assert wrong.get(kind, 0) == counts[kind]


# the curve


@given(SCORED)
@examples(150)
def test_each_point_of_the_curve_is_what_its_threshold_gives(rows):
    found = curve(frame_of(rows))
    assert found["cosine"].tolist() == sorted({c for c, _ in rows if c == c}, reverse=True)
    positives = sum(label for _, label in rows)
    for point in found.itertuples():
        counts = Rates.at(frame_of(rows), point.cosine).counts()
        hits, false = counts["true positive"], counts["false positive"]
        assert point.precision == pytest.approx(hits / (hits + false))
        assert point.f1 == pytest.approx(f1_at(rows, point.cosine))
        assert point.probability == pytest.approx(sigmoid(4 * point.cosine - 1))
        if positives:
            assert point.recall == pytest.approx(hits / positives)
        else:
            assert math.isnan(point.recall)
        if positives < len(rows):
            assert point.false_positive_rate == pytest.approx(false / (len(rows) - positives))
        else:
            assert math.isnan(point.false_positive_rate)


@given(SCORED)
@examples(100)
def test_lower_thresholds_never_find_less(rows):
    found = curve(frame_of(rows))
    assert (found["cosine"].diff().dropna() < 0).all()
    for column in ("recall", "false_positive_rate"):
        assert (found[column].diff().dropna() >= 0).all()


def test_a_relevant_pair_that_cannot_be_read_is_never_found():
    found = curve(frame_of([(0.5, 1), (NAN, 1), (NAN, 0), (0.1, 0)]))
    assert found["recall"].tolist() == [0.5, 0.5]
    assert found["false_positive_rate"].tolist() == [0, 0.5]
    assert curve(frame_of([(NAN, 1), (NAN, 0)])).empty


@pytest.mark.slow
def test_a_long_curve_is_thinned_but_keeps_its_ends_its_order_and_its_best():
    frame = random_frame(5_000)
    found = curve(frame)
    assert 0.9 * MAX_POINTS < len(found) <= MAX_POINTS
    assert found["cosine"].iloc[[0, -1]].tolist() == [frame["cosine"].max(), frame["cosine"].min()]
    assert (found["cosine"].diff().dropna() < 0).all()
    rows = list(zip(frame["cosine"], frame["label"], strict=True))
    best = max(f1_at(rows, threshold) for threshold in frame["cosine"].sort_values()[::7])
    assert found["f1"].max() >= best


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("cost", [0.1, 0.5, 1.0, 3.0, 20.0])
def test_thinning_loses_no_threshold_of_least_cost(seed, cost):
    frame = random_frame(3_000, seed)
    rows = list(zip(frame["cosine"], frame["label"], strict=True))
    order = frame.sort_values("cosine", ascending=False)
    false = (1 - order["label"]).cumsum()
    missed = order["label"].sum() - order["label"].cumsum()
    least = min(float((cost * false + missed).min()), float(order["label"].sum()))
    assert cost_at(rows, suggest_threshold(curve(frame), frame, cost), cost) == pytest.approx(least)


# suggestions


@given(SCORED, st.sampled_from([0.0, 0.2, 1.0, 2.5, 10.0]))
@examples(200)
def test_no_threshold_costs_less_than_the_suggested_one(rows, cost):
    frame = frame_of(rows)
    found = suggest_threshold(curve(frame), frame, cost)
    assert -1 <= found <= 1
    thresholds = [c for c, _ in rows if c == c]
    if thresholds and max(thresholds) < 1:
        thresholds.append(1.0)  # nothing is relevant
    if thresholds:
        assert cost_at(rows, found, cost) <= min(cost_at(rows, t, cost) for t in thresholds) + 1e-9


@given(SCORED)
@examples(150)
def test_no_threshold_has_a_better_f1_than_the_suggested_one(rows):
    frame = frame_of(rows)
    found = suggest_threshold(curve(frame), frame, None)
    scored = [c for c, _ in rows if c == c]
    assert f1_at(rows, found) == pytest.approx(max((f1_at(rows, c) for c in scored), default=0.0))


def test_a_suggestion_stands_between_two_pairs_so_that_rounding_moves_none():
    frame = frame_of([(0.9, 1), (0.6, 1), (0.2, 0), (0.1, 0)])
    assert suggest_threshold(curve(frame), frame, None) == pytest.approx(0.4)
    assert suggest_threshold(curve(frame), frame, 2.0) == pytest.approx(0.4)


def test_where_every_hit_costs_too_much_nothing_is_relevant():
    frame = frame_of([(0.8, 0), (0.8, 0), (0.6, 1)])
    found = suggest_threshold(curve(frame), frame, 5.0)
    assert Rates.at(frame, found).counts()["false positive"] == 0
    assert found == pytest.approx(0.9)


def test_where_no_pair_has_a_score_the_suggestion_is_0():
    frame = frame_of([(NAN, 1), (NAN, 0)])
    assert suggest_threshold(curve(frame), frame, None) == 0
    assert suggest_threshold(curve(frame_of([])), frame_of([]), 1.0) == 0


# ranking

LISTS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 14), COSINES, st.integers(0, 1)), max_size=45
)


@pytest.mark.slow
@given(LISTS)
@examples(200)
def test_a_querys_metrics_are_those_of_ir_measures_on_its_own_list(rows):
    # the model has one cosine for a pair, however often it is listed
    known = {(q, d): c for q, d, c, _ in rows}
    frame = pd.DataFrame(
        [(q, f"d{d}", known[q, d], label) for q, d, _, label in rows],
        columns=["query", "document", "cosine", "label"],
    ).astype({"label": int, "cosine": float})
    found = ranking_by_query(frame)
    for query in "abc":
        own = frame[frame["query"] == query]
        documents = own.groupby("document").agg(cosine=("cosine", "max"), label=("label", "max"))
        relevant = frozenset(np.flatnonzero(documents["label"] == 1).tolist())
        if not relevant or len(relevant) == len(documents):
            assert query not in found.index
            continue
        collection = Collection((query,), tuple(documents.index), (relevant,))
        expected = evaluate_run(collection, [documents["cosine"].to_numpy()]).iloc[0]
        for metric in ("MRR@10", "recall@1", "nDCG@10"):
            assert found.loc[query, metric] == pytest.approx(expected[metric])


def test_a_model_that_says_nan_or_the_same_of_all_wins_nothing():
    for cosine in (NAN, 0.5):
        rows = [("q", f"d{i}", cosine, int(i == 0)) for i in range(20)]
        frame = pd.DataFrame(rows, columns=["query", "document", "cosine", "label"])
        assert {metric: v["mean"] for metric, v in ranking(frame).items()} == {
            "MRR@10": 0,
            "recall@1": 0,
            "nDCG@10": 0,
        }


def test_the_ranking_has_an_interval_around_its_mean():
    rng = np.random.default_rng(2)
    rows = [(f"q{i // 5}", f"d{i}", rng.random(), int(i % 5 == 0)) for i in range(300)]
    frame = pd.DataFrame(rows, columns=["query", "document", "cosine", "label"])
    found = ranking(frame)
    values = ranking_by_query(frame)
    assert len(values) == 60
    for metric, value in found.items():
        assert value["mean"] == pytest.approx(values[metric].mean())
        assert value["low"] < value["mean"] < value["high"]


@pytest.mark.parametrize("rows", [[], [(0.5, 1), (0.2, 0)], [(NAN, 1)]])
def test_there_is_no_ranking_where_each_query_has_one_document(rows):
    assert ranking(frame_of(rows)) is None


def test_a_query_of_relevant_documents_alone_would_win_for_nothing_and_is_left_out():
    frame = frame_of([(0.9, 1), (0.8, 1), (0.7, 0), (0.9, 1)])
    frame["query"] = ["a", "a", "b", "b"]
    assert list(ranking_by_query(frame).index) == ["b"]


# calibration


def test_the_calibration_is_that_of_the_pairs_with_a_probability():
    frame = frame_of([(0.9, 1), (0.5, 0), (NAN, 1), (-0.9, 0)])
    found = calibration(frame)
    known = frame.dropna()
    expected = evaluation.calibration(known["probability"].to_numpy(), known["label"].to_numpy())
    pd.testing.assert_frame_equal(found, expected)
    assert 0 < calibration_error(found) < 1
    assert calibration(frame_of([(NAN, 1)])).empty


# errors


def test_errors_come_worst_first_and_say_how_far_off_they_are():
    frame = frame_of([(0.6, 0), (0.9, 1), (-0.5, 1), (NAN, 1), (NAN, 0), (1.0, 0), (0.4, 1)])
    found = errors(frame, 0.5)
    assert list(found.index) == [5, 4, 7, 2, 8]
    kinds = ["negative", "negative", "positive", "positive", "negative"]
    assert found["error"].tolist() == [f"false {kind}" for kind in kinds]
    assert found["by"].tolist() == pytest.approx([NAN, 1.0, 0.5, 0.1, 0.1], nan_ok=True)
    assert list(found.columns) == [*frame.columns, "error", "by"]
    assert errors(frame_of([(0.9, 1)]), 0.5).empty


@pytest.mark.slow
def test_wilsons_interval_is_scipys():
    from scipy.stats import binomtest

    events, number = np.array([0, 1, 5, 10, 500]), np.array([1, 10, 7, 10, 1000])
    low, high = wilson(events, number)
    for i, (event, n) in enumerate(zip(events.tolist(), number.tolist(), strict=True)):
        expected = binomtest(event, n).proportion_ci(method="wilson")
        assert low[i] == pytest.approx(expected.low, abs=1e-6)
        assert high[i] == pytest.approx(expected.high, abs=1e-6)
