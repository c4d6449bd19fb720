"""The charts of labelled pairs, through `to_dict()`: what each shows, whatever it is given."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dssm_core import charts
from dssm_core.evaluation import calibration
from dssm_core.inspection import measure
from dssm_core.inspection.measure import Rates
from tests.charts.helpers import (
    HOSTILE,
    NAN,
    POINT,
    check,
    data,
    drawn,
    encodings,
    everything,
    pairs,
    params,
    slice_table,
)


def distribution(cosines: list[float]) -> charts.Chart:
    frame = pairs(cosines)
    above = charts.shares_above(frame, 0.25)
    return charts.distribution_chart(charts.cosine_bins(frame), above, cosine=0.25, probability=0.5)


def precision_recall(cosines: list[float]) -> charts.Chart:
    return charts.precision_recall_chart(measure.curve(pairs(cosines)), POINT, relevant=0.5)


def roc(cosines: list[float]) -> charts.Chart:
    return charts.roc_chart(measure.curve(pairs(cosines)), POINT, area=0.75)


def reliability(cosines: list[float]) -> charts.Chart:
    frame = pairs(cosines).dropna()
    table = calibration(frame["probability"].to_numpy(), frame["label"].to_numpy())
    return charts.reliability_chart(table, error=0.125)


def slices(cosines: list[float], text: str = "shop") -> charts.Chart:
    names = [f"{text} {n}" for n in range(len(cosines))]
    return charts.slices_chart(slice_table(names, [3] * len(names)), overall=0.1)


Build = Callable[..., charts.Chart]
EVERY: dict[str, tuple[Build, list[str]]] = {
    "distribution": (distribution, ["cosine (−1 to 1)", "share of the label's pairs"]),
    "precision_recall": (precision_recall, ["recall (0 to 1)", "precision (0 to 1)"]),
    "roc": (roc, ["false positive rate (0 to 1)", "recall (0 to 1)"]),
    "reliability": (
        reliability,
        ["mean probability of the bin (0 to 1)", "share that is relevant (0 to 1)"],
    ),
    "slices": (slices, ["share of pairs that are wrong (0 to 1), 95% interval"]),
}
CASES = {
    "empty": [],
    "one row": [0.5],
    "nothing but NaN": [NAN, NAN],
    "some NaN": [0.1, NAN, 0.3],
    "all alike": [0.5, 0.5, 0.5],
    "a thousand rows": list(np.linspace(-1, 1, 1000)),
}


@pytest.mark.parametrize("cosines", params(CASES))
@pytest.mark.parametrize(("build", "titles"), EVERY.values(), ids=EVERY)
def test_every_chart_is_whole_whatever_the_frame(
    build: Build, titles: list[str], cosines: list[float]
) -> None:
    parts = list(everything(check(build(cosines))))
    assert set(titles) <= {p["title"] for p in parts if isinstance(p.get("title"), str)}


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_every_chart_can_be_drawn_wide_and_narrow(name: str) -> None:
    for width in (1200, 340):
        assert drawn(EVERY[name][0](CASES["some NaN"]), width).startswith("<svg")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_names_of_slices_are_data_and_nothing_else(text: str) -> None:
    chart = slices([0.1], text=text)
    specification = chart.to_dict()
    datasets = json.dumps(specification.pop("datasets"))
    del specification["description"]  # is read aloud, and never run
    assert json.dumps(text[:20])[1:-1] not in json.dumps(specification)
    assert len(datasets) < 5_000
    assert "<script" not in drawn(chart)


def test_each_label_has_a_histogram_that_adds_up_to_one() -> None:
    bins = charts.cosine_bins(pairs([0.1, 0.9, 0.2, NAN, 0.15]))
    assert bins.groupby("label")["share"].sum().to_dict() == {"relevant": 1, "not relevant": 1}
    assert bins.groupby("label")["pairs"].sum().to_dict() == {"relevant": 1, "not relevant": 3}


def test_a_label_without_pairs_has_no_histogram() -> None:
    frame = pairs([0.1, 0.9]).assign(label=1)
    assert set(charts.cosine_bins(frame)["label"]) == {"relevant"}


def test_the_two_labels_differ_by_dashes_and_not_by_colour_alone() -> None:
    assert any("strokeDash" in e for e in encodings(distribution([0.1, 0.2]).to_dict()))
    assert 'stroke-dasharray="4,3"' in drawn(distribution([0.1, 0.2]))


def test_the_threshold_stands_on_the_cosine_axis_with_its_number() -> None:
    assert ">cosine 0.250<" in drawn(distribution([0.1, 0.9]))
    assert any(row.get("start") == 0.25 and "text" in row for row in data(distribution([0.1])))


def test_the_current_threshold_is_told_with_what_it_gives() -> None:
    now = POINT.iloc[0]
    assert (now["precision"], now["recall"]) == (0.8, pytest.approx(2 / 3))
    assert now["false_positive_rate"] == 0.25
    told = precision_recall([0.1, 0.9]).to_dict()["description"]
    assert told == "At cosine 0.250, probability 0.500, precision is 0.800 and recall 0.667."
    assert "at a false positive rate of 0.250" in roc([0.1, 0.9]).to_dict()["description"]


def test_a_threshold_that_predicts_nothing_has_no_precision_and_no_point_on_its_chart() -> None:
    none = Rates(hits=0, false_alarms=0, misses=3, rejections=0).point(1.0, 0.9)
    assert none.isna().loc[0].tolist() == [False, False, True, False, True]
    drawn = charts.precision_recall_chart(
        measure.curve(pairs([0.1, 0.9])), none, relevant=0.5
    ).to_dict()
    assert "precision is – and recall 0.000" in drawn["description"]
    assert "diamond" not in str(drawn["layer"])
    assert "diamond" in str(precision_recall([0.1, 0.9]).to_dict()["layer"])


@pytest.mark.parametrize("build", [precision_recall, roc])
def test_a_click_anywhere_on_a_curve_gives_the_cosine_of_its_nearest_point(build: Build) -> None:
    (selection,) = build([0.1, 0.9, 0.4]).to_dict()["params"]
    assert selection["name"] == "threshold"
    assert selection["select"]["fields"] == ["cosine"]
    assert selection["select"]["nearest"]


def test_the_worst_slice_comes_first_and_is_told() -> None:
    chart = charts.slices_chart(slice_table(["b", "a"], [9, 2]), overall=0.3, selected="a")
    labels = [row["label"] for row in data(chart) if "label" in row]
    assert labels == ["b · 9 of 20 wrong", "a · 2 of 20 wrong"]
    assert "the worst is b · 9 of 20 wrong" in chart.to_dict()["description"]
    assert [row["label"][0] for row in data(chart) if row.get("chosen")] == ["a"]


def test_a_click_on_a_row_gives_its_place_and_only_rows_can_be_clicked() -> None:
    (selection,) = slices([0.1, 0.2]).to_dict()["params"]
    assert selection["select"]["fields"] == ["row"]
    # `datum` is undefined in a filter under Vega's interpreter, which Streamlit uses
    assert "event.item.datum.row" in selection["select"]["on"]


def test_names_that_are_alike_once_cut_keep_a_row_each() -> None:
    chart = slices([0.1, 0.2], text="x" * 100)
    assert {row["row"] for row in data(chart) if "row" in row} == {0, 1}


def test_only_the_worst_slices_are_drawn_and_the_others_are_counted() -> None:
    chart = slices([0.1] * 40)
    assert "The worst 12 of 40." in chart.to_dict()["title"]["subtitle"]


def test_a_slice_of_few_pairs_is_hollow() -> None:
    table = slice_table(["a"], [2])
    few = (drawn(charts.slices_chart(table.assign(few=f), overall=0.1)) for f in (False, True))
    assert [svg.count('fill="#D55E00"') for svg in few] == [1, 0]


def test_the_calibration_error_is_told() -> None:
    chart = reliability([0.1, 0.9])
    assert chart.to_dict()["title"]["text"] == "Calibration, error 0.125"
    assert "over 2 pairs" in chart.to_dict()["description"]


def test_a_hundred_thousand_pairs_stay_light() -> None:
    cosines = list(np.random.default_rng(0).uniform(-1, 1, 100_000))
    frame: Any = pairs(cosines)
    assert len(charts.cosine_bins(frame)) == 80
    assert len(data(precision_recall(cosines))) < 1_000
    assert math.isclose(sum(charts.cosine_bins(frame)["share"]), 2)


def test_the_shares_above_a_threshold_count_pairs_and_not_bins() -> None:
    frame = pd.DataFrame({"label": [1] * 100 + [0], "cosine": [0.817] * 99 + [0.9, 0.8]})
    above = charts.shares_above(frame, 0.811)
    assert above == {"relevant": 1.0, "not relevant": 0.0}
    chart = charts.distribution_chart(
        charts.cosine_bins(frame), above, cosine=0.811, probability=0.5
    )
    assert "100.0% of the relevant pairs" in chart.to_dict()["description"]


def test_curves_of_a_model_without_a_probability_are_there_and_say_that_it_has_none() -> None:
    frame = pairs([0.1, 0.4, 0.6, 0.9])
    curve = measure.curve(frame).assign(probability=np.nan)
    point = POINT.assign(probability=np.nan)
    for chart in (
        charts.precision_recall_chart(curve, point, relevant=0.5),
        charts.roc_chart(curve, point, area=0.75),
    ):
        assert len(data(chart)) > 4
        assert re.search("[Pp]robability: –", drawn(chart))
