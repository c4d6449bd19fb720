"""The charts, through `to_dict()`: what each shows, whatever it is given."""

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
from tests.charts.helpers import (
    HISTORY,
    HOSTILE,
    NAN,
    check,
    data,
    drawn,
    encodings,
    everything,
    rows,
    scores,
    tokens,
)

Build = Callable[..., charts.Chart]


def score_chart(frame: pd.DataFrame, **more: Any) -> charts.Chart:
    given: dict[str, Any] = {
        "curve": charts.probability_curve(4.0, -1.0),
        "background": charts.background_bins(np.array([0.0, 0.1, -0.2])),
        "threshold": (0.25, 0.5),
    }
    return charts.score_chart(frame, **(given | more))


def ranked_bars(frame: pd.DataFrame, **more: Any) -> charts.Chart:
    return charts.ranked_bars(frame, **({"threshold": (0.25, 0.5)} | more))


def heatmap_of(cosines: list[float], text: str = "word") -> charts.Chart:
    return charts.attention_heatmap(tokens([abs(c) for c in cosines], text=text))


SCORE_CHARTS: list[Build] = [score_chart, ranked_bars]
EVERY: dict[str, tuple[Build, list[str], list[str]]] = {
    # how it is built of numbers and a text; its axis and legend titles; its second channels
    "score_chart": (
        lambda c, **text: score_chart(scores(c, **text), selected=1),
        ["cosine (−1 to 1)", "probability (0 to 1)"],
        ["shape", "size"],
    ),
    "ranked_bars": (
        lambda c, **text: ranked_bars(scores(c, **text), selected=1),
        ["cosine (−1 to 1)", "probability (0 to 1)"],
        ["stroke", "text"],
    ),
    "attention_heatmap": (heatmap_of, ["attention weight (0 to 1)"], ["text"]),
}
CASES = {
    "empty": [],
    "one row": [0.5],
    "nothing but NaN": [NAN, NAN],
    "infinite": [math.inf, 0.5],
    "a thousand rows": list(np.linspace(-1, 1, 1000)),
}


def words_by_height(svg: str, word: str) -> list[int]:
    """Return how many times a word is drawn at each height, from the top."""
    found = re.findall(rf'translate\([\d.]+,([\d.]+)\)"[^>]*>{word}<', svg)
    return [found.count(height) for height in dict.fromkeys(found)]


@pytest.mark.parametrize("cosines", CASES.values(), ids=CASES)
@pytest.mark.parametrize(("build", "titles", "channels"), EVERY.values(), ids=EVERY)
def test_every_chart_is_whole_whatever_the_frame(
    build: Build, titles: list[str], channels: list[str], cosines: list[float]
) -> None:
    if build is heatmap_of and math.inf in cosines:
        cosines = [1.0, 0.5]  # a weight is a softmax's
    chart = build(cosines)
    parts = list(everything(check(chart)))
    assert set(titles) <= {p["title"] for p in parts if isinstance(p.get("title"), str)}
    assert all(any(channel in e for e in encodings(chart)) for channel in channels)


@pytest.mark.parametrize("cosines", CASES.values(), ids=CASES)
@pytest.mark.parametrize("name", EVERY)
def test_every_chart_can_be_drawn_wide_and_narrow(name: str, cosines: list[float]) -> None:
    for width in (1200, 340):
        assert drawn(EVERY[name][0](cosines[:300]), width).startswith("<svg")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("name", EVERY)
def test_texts_are_data_and_nothing_else(name: str, text: str) -> None:
    chart = EVERY[name][0]([0.1, 0.2], text=text)
    specification = chart.to_dict()
    datasets = json.dumps(specification.pop("datasets"))
    del specification["description"]  # is read aloud, and never run
    assert json.dumps(text[:20])[1:-1] not in json.dumps(specification)
    assert len(datasets) < 30_000
    assert "<script" not in drawn(chart)


@pytest.mark.parametrize("build", SCORE_CHARTS)
def test_control_characters_are_not_drawn(build: Build) -> None:
    shown = json.dumps(data(build(scores([0.5], "a\x07b\n\tc"))))
    assert "a b c" in shown
    assert "u0007" not in shown


@pytest.mark.parametrize("build", SCORE_CHARTS)
def test_documents_without_a_score_are_left_out(build: Build) -> None:
    chart = build(scores([0.5, NAN, 0.2]))
    assert {row["position"] for row in data(chart) if "position" in row} == {1, 3}
    assert "1 without a score" in chart.to_dict()["description"]


def row_order(chart: charts.Chart) -> list[int]:
    return next(e["y"]["scale"]["domain"] for e in encodings(chart) if "y" in e)


def test_the_best_document_comes_first_and_ties_keep_their_order() -> None:
    assert row_order(ranked_bars(scores([0.1, 0.9, 0.5, 0.9]))) == [2, 4, 3, 1]


def test_each_document_adds_the_same_height() -> None:
    def height(number: int) -> int:
        found = re.search(r'height="(\d+)"', drawn(ranked_bars(scores([0.1] * number))))
        assert found
        return int(found[1])

    assert height(200) - height(100) == 100 * (height(11) - height(10)) > 2_000


def test_past_the_best_200_only_the_chosen_one_has_bars() -> None:
    chart = ranked_bars(scores(list(np.linspace(1, -1, 1000))), selected=900)
    assert row_order(chart) == [*range(1, 201), 900]
    assert "The best 201 of 1,000 documents." in chart.to_dict()["title"]["subtitle"]


def test_ten_thousand_documents_stay_light() -> None:
    chart = score_chart(scores(list(np.linspace(-1, 1, 10_000))), selected=1)
    assert len(data(chart)) < 5_000
    assert 1 in {row.get("position") for row in data(chart)}


def test_the_threshold_crosses_the_curve_at_both_its_values() -> None:
    found = [row for row in data(score_chart(scores([]))) if len(row) == 1]
    assert found == [{"probability": 0.5}, {"cosine": 0.25}]
    svg = drawn(score_chart(scores([])))
    assert ">probability 0.500<" in svg
    assert ">cosine 0.250<" in svg


def test_each_row_shows_the_threshold_on_both_scales() -> None:
    found = [e["x"]["datum"] for e in encodings(ranked_bars(scores([0.5]))) if "datum" in e["x"]]
    assert found == [0.25, 0.5]


@pytest.mark.parametrize("build", SCORE_CHARTS)
def test_a_threshold_that_no_cosine_reaches_is_shown_on_one_scale(build: Build) -> None:
    chart = build(scores([0.5]), threshold=(None, 0.99))
    lines = [list(row) for row in data(chart) if len(row) == 1]
    strokes = [e["x"]["datum"] for e in encodings(chart) if "datum" in e.get("x", {})]
    assert (lines, strokes) in [([["probability"]], []), ([], [0.99])]


@pytest.mark.parametrize("build", SCORE_CHARTS)
def test_a_click_selects_by_position_and_only_documents(build: Build) -> None:
    (selection,) = build(scores([0.5, 0.1])).to_dict()["params"]
    assert selection["name"] == "document"
    assert selection["select"]["fields"] == ["position"]
    # `datum` is undefined in a filter under Vega's interpreter, which Streamlit uses
    assert "event.item.datum.position" in selection["select"]["on"]


def test_the_chosen_document_differs_by_shape_and_not_by_colour_alone() -> None:
    def circles(selected: int | None) -> int:
        svg = drawn(score_chart(scores([0.5, 0.1]), selected=selected))
        return len(re.findall(r'aria-roledescription="point"[^>]* d="M[^"]*A', svg))

    assert (circles(None), circles(2)) == (2, 1)


def test_points_in_one_place_share_one_label() -> None:
    found = [r["numbers"] for r in data(score_chart(scores([0.5, -0.5, 0.5]))) if "numbers" in r]
    assert found == ["2", "1, 3"]


def test_the_chosen_document_has_its_number_in_a_crowd() -> None:
    chart = score_chart(scores(list(np.linspace(1, -1, 100))), selected=100)
    assert "100" in [row["numbers"] for row in data(chart) if "numbers" in row]


@pytest.mark.parametrize(("scale", "align"), [(4.0, "right"), (-4.0, "left")])
def test_numbers_stand_clear_of_the_curve(scale: float, align: str) -> None:
    chart = score_chart(scores([0.5]), curve=charts.probability_curve(scale, 0.0))
    marks = [p for p in everything(chart.to_dict()) if p.get("fontWeight") == "bold"]
    assert [mark["align"] for mark in marks] == [align]


def test_a_percentile_that_does_not_exist_is_not_shown() -> None:
    frame = scores([0.5])
    assert "percentile" in json.dumps(encodings(score_chart(frame)))
    assert "percentile" not in json.dumps(encodings(score_chart(frame.assign(percentile=NAN))))


def test_a_probability_is_never_rounded_to_certainty() -> None:
    frame = scores([0.9, -0.9]).assign(probability=[0.99999, 0.00001])
    assert [r["probability_text"] for r in data(ranked_bars(frame))] == [">0.999", "<0.001"]


def test_long_texts_wrap_to_the_width_there_is() -> None:
    chart = charts.attention_heatmap(tokens([0.02] * 50))
    assert words_by_height(drawn(chart, 1000), "word") == [12, 12, 12, 12, 2]
    assert words_by_height(drawn(chart, 320), "word") == [6] * 8 + [2]
    narrow = charts.attention_heatmap(tokens([0.02] * 50), per_line=5)
    assert words_by_height(drawn(narrow, 1000), "word") == [5] * 10


def test_texts_keep_their_order_and_their_names() -> None:
    both = pd.concat([tokens([0.5] * 14), tokens([0.5]).assign(position=12)])
    names = re.findall(r">(Query|Document 12|[^<]* · \d+)<", drawn(charts.attention_heatmap(both)))
    assert names == ["Query", "Document 12"]


@pytest.mark.parametrize(
    ("state", "word", "weight"),
    [("seen", "word", "0.30"), ("letters", "~word", "0.30")]
    + [(state, "×word", "none") for state in ("truncated", "skipped")],
)
def test_a_state_shows_without_colour(state: str, word: str, weight: str) -> None:
    chart = charts.attention_heatmap(tokens([0.3], state))
    assert (data(chart)[0]["word"], data(chart)[0]["weight"]) == (word, weight)
    assert f">{word}<" in drawn(chart)
    assert ('stroke-dasharray="4,3"' in drawn(chart)) == (state == "letters")


def test_two_heat_maps_can_share_one_scale() -> None:
    chart = charts.attention_heatmap(tokens([0.3]), highest=0.8)
    colours = [e["color"]["scale"]["domain"] for e in encodings(chart) if "color" in e]
    assert colours == [[0, 0.8]]


def test_the_curve_is_the_head_and_does_not_overflow() -> None:
    curve = charts.probability_curve(2.0, 0.5)
    assert len(curve) == 201
    assert curve["cosine"].iloc[[0, -1]].tolist() == [-1.0, 1.0]
    assert curve["probability"].iloc[-1] == pytest.approx(1 / (1 + math.exp(-2.5)))
    assert charts.probability_curve(1e6, 0.0)["probability"].iloc[[0, -1]].tolist() == [0.0, 1.0]


def test_the_background_adds_up_to_one() -> None:
    bins = charts.background_bins(np.array([-1.0, -0.99, 0.5, 1.0000001, NAN]))
    assert bins["share"].sum() == pytest.approx(1)
    assert bins["share"].iloc[0] == 0.5
    assert charts.background_bins(np.array([]))["share"].sum() == 0


def test_the_finding_is_told_in_words() -> None:
    told = charts.describe_scores(scores([0.1, 0.9, NAN]), (0.25, 0.5))
    assert "Document 2 has the highest cosine, 0.900, and probability 0.931." in told
    assert "1 of 2 documents reach the threshold of 0.500. 1 without a score." in told
    assert "(shared by 1 more)" in charts.describe_scores(scores([0.9, 0.9]), (0.25, 0.5))
    assert charts.describe_scores(scores([NAN]), (0.25, 0.5)) == "No document has a score."


def test_attention_is_told_in_words() -> None:
    told = charts.describe_attention(tokens([0.7, 0.3]))
    assert told == "In the query, word 0.70, word 0.30 have the largest weights."
    assert charts.describe_attention(tokens([NAN])) == "There are no attention weights."
    many = pd.concat([tokens([1.0]).assign(position=p) for p in range(9)])
    assert charts.describe_attention(many).endswith("And 4 more texts.")


@pytest.mark.parametrize("frame", [HISTORY, HISTORY.head(0), HISTORY.tail(1)], ids=str)
def test_the_history_takes_any_frame_and_draws_what_is_there(frame: pd.DataFrame) -> None:
    chart = charts.history_chart(frame, measure="loss", title="loss (0 and up)", reads_as="Lower.")
    specification = check(chart)
    assert [r["value"] for r in rows(specification)] == frame["loss"].dropna().tolist()


def test_the_history_tells_the_last_epoch_of_each_run() -> None:
    chart = charts.history_chart(HISTORY, measure="loss", title="loss", reads_as="Lower.")
    assert "one 0.250" in chart.to_dict()["description"]


@pytest.mark.parametrize("query", [(3.0, 4.0), (0.0, 0.0), (1e-8, 0.0), (1e20, 1.0)])
def test_vectors_are_drawn_to_the_longer_one(query: tuple[float, float]) -> None:
    found = rows(check(charts.vectors_chart(query, (0.0, 0.0))))
    assert math.hypot(found[0]["x"], found[0]["y"]) == pytest.approx(1.0 if any(query) else 0.0)


def test_the_angle_between_two_vectors_is_true_on_the_page() -> None:
    import vl_convert

    fitted = {"autosize": {"type": "fit", "contains": "padding"}}  # what Streamlit sets by itself
    specification = fitted | charts.vectors_chart((1.0, 0.0), (0.0, 1.0)).to_dict()
    svg = vl_convert.vegalite_to_svg(specification)
    (size, *_) = re.findall(r'class="background"[^>]*d="M[\d.,]+h(\d+)v(\d+)h', svg)
    assert size[0] == size[1]


def test_no_attention_weight_is_rounded_on_its_axis() -> None:
    frame = tokens([0.25, 0.75]).assign(cosine=[0.5, -0.5], probability=0.0)
    svg = drawn(charts.effects_chart(frame, reach=30.0), 300)  # whole numbers on the other axis
    found = re.findall(r">(0\.\d+|1\.0)<", svg)
    assert {"0.5", "1.0"} <= set(found)
    assert not {"0.3", "0.8"} & set(found)


def test_a_model_that_read_no_document_keeps_its_place_and_no_change_is_told() -> None:
    ranked = scores([0.5, 0.1])
    unread = scores([NAN, NAN]).assign(model="second")
    chart = charts.slope_chart(pd.concat([ranked.assign(model="first"), unread]))
    assert chart.to_dict()["description"] == "No document has a rank by both models."
    assert ">second<" in drawn(chart)
    half = scores([0.9, NAN]).assign(model="second")
    chart = charts.slope_chart(pd.concat([ranked.assign(model="first"), half]))
    assert chart.to_dict()["description"].endswith("between the two models is 0.")


def test_the_legend_of_runs_shows_their_dashes_as_lines() -> None:
    both = HISTORY.assign(loss=0.5)
    svg = drawn(charts.history_chart(both, measure="loss", title="loss", reads_as="Lower."))
    symbols = re.findall(r'role-legend-symbol".*?</g>', svg)
    assert symbols
    assert "stroke-dasharray" in symbols[0]
    assert not re.search(r'd="M[^"]*A', symbols[0])


def test_the_numbers_of_both_models_stand_beside_the_lines_and_not_on_them() -> None:
    both = pd.concat(scores([0.5, 0.1]).assign(model=name) for name in ("first", "second"))
    svg = drawn(charts.slope_chart(both))
    points = {
        float(x)
        for x in re.findall(r'aria-roledescription="point" transform="translate\(([\d.]+)', svg)
    }
    numbers = {float(x) for x in re.findall(r'translate\(([\d.]+),[\d.]+\)"[^>]*>[12]</text>', svg)}
    first, second = sorted(points)
    assert {first - 14, second + 14} <= numbers
