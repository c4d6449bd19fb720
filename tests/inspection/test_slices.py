"""Slices of pairs by a trait or a column, and the worst of them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssm_core import evaluation
from dssm_core.errors import UserError
from dssm_core.inspection.measure import Rates, slice_table
from dssm_core.inspection.score_pairs import TRAITS
from dssm_core.inspection.slices import (
    column_name,
    slice_columns,
    slice_names,
    slice_of,
    sliced,
)
from dssm_core.words import translator_for
from tests.examples import examples
from tests.inspection.frames import COSINES, NAN, frame_of


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
        sliced(frame, "colour")
    with pytest.raises(UserError, match="word overlap"):
        slice_of(frame, "word overlap")


def test_a_slice_of_text_is_its_value_and_an_empty_one_is_named():
    frame = frame_of([(0.5, 1)] * 4, shop=["b", "", "a", " "])
    assert slice_of(frame, "shop").tolist() == ["b", "(empty)", "a", "(empty)"]
    assert sliced(frame, "shop").are("(empty)").tolist() == [False, True, False, True]
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
    table = slice_table(frame, sliced(frame, "shop"), threshold)
    assert table["pairs"].sum() == len(rows)
    for row in table.itertuples():
        own = frame[sliced(frame, "shop").are(row.slice)]
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
    table = slice_table(frame, sliced(frame, "shop"), 0.5)
    assert table["slice"].tolist() == ["bad", "tiny", "good"]
    assert table["few"].tolist() == [False, True, False]
    assert table["error_rate"].tolist() == [0.6, 1.0, 0.0]


def test_every_trait_has_its_words():
    frame = frame_of([(0.5, i % 2) for i in range(6)], **{t: list("abcdef") for t in TRAITS})
    assert len(slice_columns(frame)) == len(TRAITS)
    assert not any("_" in column for column in slice_columns(frame))


def test_numbers_that_differ_in_every_row_are_ranges_also_of_few_pairs():
    frame = pd.DataFrame({"cosine": [0.1] * 12, "label": [1] * 12, "line (file)": range(100, 112)})
    assert slice_of(frame, "line (file)").value_counts().min() >= 2
    frame["line (file)"] = ["1", "2", "3", "4"] * 3
    assert set(slice_of(frame, "line (file)")) == {"1", "2", "3", "4"}
