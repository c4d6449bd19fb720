"""Counts, curves and slices against loops that do the same the long way."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssm_core import evaluation
from dssm_core.errors import UserError
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
    slice_table,
    suggest_threshold,
)
from dssm_core.inspection.score_pairs import TRAITS
from dssm_core.inspection.slices import column_name, in_slice, slice_columns, slice_names, slice_of
from dssm_core.numeric import sigmoid
from dssm_core.words import translator_for
from tests.examples import examples

NAN = math.nan

# few distinct cosines, so that ties are common; NaN is a pair that cannot be read
COSINES = st.sampled_from([NAN, -1.0, -0.5, 0.0, 0.1, 0.25, 0.5, 0.75, 1.0])
SCORED = st.lists(st.tuples(COSINES, st.integers(0, 1)), max_size=30)


def frame_of(rows: list[tuple[float, int]], **columns: list) -> pd.DataFrame:
    cosines = np.array([c for c, _ in rows], float)
    return pd.DataFrame(
        {
            "query": [f"q{i}" for i in range(len(rows))],
            "document": [f"d{i}" for i in range(len(rows))],
            "label": [label for _, label in rows],
            "cosine": cosines,
            "probability": [sigmoid(4 * c - 1) if c == c else NAN for c in cosines],
            **columns,
        },
        index=pd.RangeIndex(2, len(rows) + 2, name="line"),
    ).astype({"label": int})


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


# slices


def test_traits_are_offered_in_words_and_columns_if_they_tell_pairs_apart():
    number = 500
    frame = frame_of(
        [(0.5, i % 2) for i in range(number)],
        overlap=[i / number for i in range(number)],
        query_words=[4] * number,
        script=["Latin"] * number,
        shop=[f"shop {i % 3}" for i in range(number)],
        many=[f"id {i}" for i in range(number)],
        price=[str(i * 1.5) for i in range(number)],
        one=["same"] * number,
        empty=[""] * (number - 1) + ["x"],
    )
    assert slice_columns(frame) == ["shop", "price", "empty", "word overlap"]


def test_a_trait_goes_by_its_words_or_its_name_and_nothing_else_goes():
    frame = frame_of([(0.5, 1), (0.1, 0)], query_words=[3, 5])
    for column in ("query words", "query_words"):
        assert slice_of(frame, column).tolist() == ["3", "5"]
    with pytest.raises(UserError, match="colour"):
        slice_table(frame, "colour", 0.5)
    with pytest.raises(UserError, match="word overlap"):
        slice_of(frame, "word overlap")


def test_a_slice_of_text_is_its_value_and_an_empty_one_is_named():
    frame = frame_of([(0.5, 1)] * 4, shop=["b", "", "a", " "])
    assert slice_of(frame, "shop").tolist() == ["b", "(empty)", "a", "(empty)"]
    assert in_slice(frame, "shop", "(empty)").tolist() == [False, True, False, True]
    year = frame.assign(year=["2024", "2024", "2023", ""])
    assert slice_of(year, "year").tolist() == ["2024", "2024", "2023", "(empty)"]


def bounds(name: str) -> tuple[float, float]:
    """Read a range's name as the half-open range it stands for."""
    words = name.split()
    if words[0] == "under":
        return -math.inf, float(words[1])
    if words[-1] == "over":
        return float(words[0]), math.inf
    return float(words[0]), float(words[-1])


@pytest.mark.slow
@given(
    st.lists(st.integers(0, 400), min_size=14, max_size=60, unique=True),
    st.sampled_from([1.0, 0.25, 10.0, 1e-3]),
    st.integers(0, 60),
)
@examples(150)
def test_a_number_is_in_the_range_that_is_named(values, scale, zeros):
    numbers = [v * scale for v in values] + [min(values) * scale] * zeros
    frame = frame_of([(0.5, 1)] * len(numbers), price=[str(n) for n in numbers])
    names = slice_of(frame, "price")
    whole = all(float(n).is_integer() for n in numbers)
    for number, name in zip(numbers, names, strict=True):
        low, high = bounds(name)
        assert low - 1e-9 <= number  # a name shows six digits
        assert number <= high + 1e-9 if whole or low == high else number < high + 1e-9
    assert 2 <= names.nunique() <= 7


def test_ranges_are_readable_and_hold_about_as_many_pairs_each():
    rng = np.random.default_rng(0)
    frame = frame_of([(0.5, 1)] * 1_000, price=rng.random(1_000), count=rng.integers(1, 99, 1_000))
    assert sorted(slice_of(frame, "price").unique()) == [
        *("0.2 to 0.4", "0.4 to 0.6", "0.6 to 0.8", "0.8 and over", "under 0.2")
    ]
    assert set(slice_of(frame, "count").unique()) == {
        *("under 20", "20 to 39", "40 to 59", "60 to 79", "80 and over")
    }


def test_many_zeros_and_missing_numbers_are_slices_of_their_own():
    numbers = [0.0] * 100 + [NAN] * 10 + [i / 7 for i in range(1, 101)]
    frame = frame_of([(0.5, 1)] * 210, unseen=numbers)
    counts = slice_of(frame, "unseen words").value_counts()
    assert counts["0"] == 100
    assert counts["(empty)"] == 10
    assert len(counts) == 7


def test_what_is_ours_in_a_slices_name_is_said_in_chinese_and_what_is_the_files_stays():
    numbers = [*map(float, range(1, 100)), NAN]
    frame = frame_of([(0.5, 1)] * 100, price=numbers, shop=["Latin", ""] * 50)
    frame["script"] = ["Latin", "Latin → Han"] * 50
    tr = translator_for("zh")
    ranges = slice_names(frame, "price", tr)
    assert set(ranges) == set(slice_of(frame, "price"))
    assert (ranges["under 20"], ranges["20 to 39"]) == ("小于 20", "20 到 39")
    assert (ranges["80 and over"], ranges["(empty)"]) == ("80 及以上", "（空）")
    assert slice_names(frame, "shop", tr) == {"Latin": "Latin", "(empty)": "（空）"}
    told = {"Latin": "拉丁文", "Latin → Han": "拉丁文 → 汉字"}
    assert slice_names(frame, "script", tr) == told
    assert column_name("word overlap", tr) == "词语重合"
    assert column_name("shop", tr) == "shop"


def test_a_column_with_an_infinite_number_is_text():
    frame = frame_of([(0.5, 1)] * 30, price=[*map(str, range(29)), "inf"])
    assert slice_of(frame, "price").nunique() == 30


@pytest.mark.slow
@given(
    st.lists(st.tuples(COSINES, st.integers(0, 1), st.sampled_from("abc")), max_size=60),
    st.sampled_from([-0.5, 0.1, 0.3]),
)
@examples(100)
def test_a_slices_figures_are_those_of_its_pairs_alone(rows, threshold):
    frame = frame_of([row[:2] for row in rows], shop=[shop for *_, shop in rows])
    table = slice_table(frame, "shop", threshold)
    assert table["pairs"].sum() == len(rows)
    for row in table.itertuples():
        own = frame[in_slice(frame, "shop", row.slice)]
        counts = Rates.at(own, threshold).counts()
        assert row.pairs == len(own)
        assert row.relevant == own["label"].sum()
        assert row.errors == counts["false positive"] + counts["false negative"]
        assert row.error_rate == pytest.approx(row.errors / row.pairs)
        assert row.low <= row.error_rate + 1e-12 <= row.high + 2e-12
        assert row.few == (row.pairs < 10)
        if own["label"].nunique() == 2:
            expected = evaluation.auc(own["cosine"].to_numpy(), own["label"].to_numpy())
            assert row.auc == pytest.approx(expected)
        else:
            assert math.isnan(row.auc)


def test_the_worst_slice_is_the_one_surely_bad_and_not_the_small_one():
    good, bad = [(0.9, 1)] * 50, [(0.1, 1)] * 30 + [(0.9, 1)] * 20
    frame = frame_of([*good, *bad, (0.1, 1)], shop=["good"] * 50 + ["bad"] * 50 + ["tiny"])
    table = slice_table(frame, "shop", 0.5)
    assert table["slice"].tolist() == ["bad", "tiny", "good"]
    assert table["few"].tolist() == [False, True, False]
    assert table["error_rate"].tolist() == [0.6, 1.0, 0.0]


def test_every_trait_has_its_words():
    frame = frame_of([(0.5, i % 2) for i in range(6)], **{t: list("abcdef") for t in TRAITS})
    assert len(slice_columns(frame)) == len(TRAITS)
    assert not any("_" in column for column in slice_columns(frame))


@pytest.mark.slow
def test_wilsons_interval_is_scipys():
    from scipy.stats import binomtest

    events, number = np.array([0, 1, 5, 10, 500]), np.array([1, 10, 7, 10, 1000])
    low, high = wilson(events, number)
    for i, (event, n) in enumerate(zip(events.tolist(), number.tolist(), strict=True)):
        expected = binomtest(event, n).proportion_ci(method="wilson")
        assert low[i] == pytest.approx(expected.low, abs=1e-6)
        assert high[i] == pytest.approx(expected.high, abs=1e-6)
