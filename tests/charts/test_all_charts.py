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
from dssm_core.towers import ScoredToken
from dssm_core.words import translator_for
from tests.charts.helpers import (
    HISTORY,
    HOSTILE,
    NAN,
    check,
    data,
    drawn,
    encodings,
    everything,
    params,
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


def met(values: list[float], text: str = "word") -> pd.DataFrame:
    """Return interactions of two query words with document words."""
    known = [value for value in values if math.isfinite(value)]
    return pd.DataFrame(
        {
            "query": [text] * len(known),
            "document": [f"{text} too"] * len(known),
            "query_index": [n % 2 for n in range(len(known))],
            "document_index": [n // 2 for n in range(len(known))],
            "interaction": known,
        }
    )


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
    "interaction_map": (
        lambda c, **text: charts.interaction_map(met(c, **text)),
        ["words of the query", "words of the document"],
        ["text"],
    ),
    "word_links": (lambda c, **text: charts.word_links(met(c, **text)), [], ["strokeWidth"]),
}
CASES = {
    "empty": [],
    "one row": [0.5],
    "nothing but NaN": [NAN, NAN],
    "infinite": [math.inf, 0.5],
    "a thousand rows": list(np.linspace(-1, 1, 1000)),
}


@pytest.mark.parametrize("cosines", params(CASES))
@pytest.mark.parametrize(("build", "titles", "channels"), EVERY.values(), ids=EVERY)
def test_every_chart_is_whole_whatever_the_frame(
    build: Build, titles: list[str], channels: list[str], cosines: list[float]
) -> None:
    chart = build(cosines)
    specification = check(chart)
    parts = list(everything(specification))
    assert set(titles) <= {p["title"] for p in parts if isinstance(p.get("title"), str)}
    found = encodings(specification)
    assert all(any(channel in e for e in found) for channel in channels)


@pytest.mark.slow
@pytest.mark.parametrize("cosines", CASES.values(), ids=CASES)
@pytest.mark.parametrize("name", EVERY)
def test_every_chart_can_be_drawn_wide_and_narrow(name: str, cosines: list[float]) -> None:
    for width in (1200, 340):
        assert drawn(EVERY[name][0](cosines[:300]), width).startswith("<svg")


@pytest.mark.slow
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
    assert {row["position"] for row in data(chart) if "document" in row} == {1, 3}
    assert "1 without a score" in chart.to_dict()["description"]


def row_order(chart: charts.Chart) -> list[int]:
    found = sorted(data(chart), key=lambda row: row["row"])
    return [row["position"] for row in found]


def test_the_best_document_comes_first_and_ties_keep_their_order() -> None:
    assert row_order(ranked_bars(scores([0.1, 0.9, 0.5, 0.9]))) == [2, 4, 3, 1]


def test_each_document_adds_the_same_height() -> None:
    def height(number: int) -> int:
        found = re.search(r'height="(\d+)"', drawn(ranked_bars(scores([0.1] * number))))
        assert found
        return int(found[1])

    assert height(20) - height(10) == 10 * (height(11) - height(10)) > 200


def test_past_the_best_20_only_the_chosen_one_has_bars() -> None:
    chart = ranked_bars(scores(list(np.linspace(1, -1, 1000))), selected=900)
    assert row_order(chart) == [*range(1, 21), 900]
    assert (
        "The best 20 of 1,000 documents, and the chosen one."
        in chart.to_dict()["title"]["subtitle"]
    )


def test_ten_thousand_documents_stay_light() -> None:
    chart = score_chart(scores(list(np.linspace(-1, 1, 10_000))), selected=1)
    assert len(data(chart)) < 5_000
    assert 1 in {row.get("position") for row in data(chart)}


def test_the_threshold_crosses_the_curve_at_both_its_values() -> None:
    (found,) = [row for row in data(score_chart(scores([]))) if "upright" in row]
    assert (found["cosine"], found["probability"]) == (0.25, 0.5)
    svg = drawn(score_chart(scores([])))
    assert ">probability 0.500<" in svg
    assert ">cosine 0.250<" in svg


def test_each_row_shows_the_threshold_on_both_scales() -> None:
    (found,) = data(ranked_bars(scores([0.5])))
    assert (found["cosine_at"], found["probability_at"]) == (0.25, 0.5)


def test_a_threshold_that_no_cosine_reaches_is_shown_on_one_scale() -> None:
    never = (None, 0.99)
    svg = drawn(score_chart(scores([0.5]), threshold=never))
    assert ">probability 0.990<" in svg
    assert ">cosine" not in svg.replace(">cosine (", "")
    (found,) = data(ranked_bars(scores([0.5]), threshold=never))
    assert (found["cosine_at"], found["probability_at"]) == (None, 0.99)


def test_marks_keep_their_documents_when_the_data_change() -> None:
    """The specification is one and the same, so a browser moves the marks it has."""
    for build in SCORE_CHARTS:
        one, other = (build(scores(c), selected=1).to_dict() for c in ([0.1, 0.9], [0.8, 0.2]))
        for specification in (one, other):
            del specification["datasets"]["documents"], specification["description"]
            specification["datasets"].pop("numbers", None)
        assert one == other
    marks = [e for e in encodings(ranked_bars(scores([0.5])).to_dict()) if "key" in e]
    assert {e["key"]["field"] for e in marks} == {"position"}


def test_a_chart_has_as_many_labels_as_points_whether_they_share_them_or_not() -> None:
    def rows_of(cosines: list[float]) -> int:
        return len([row for row in data(score_chart(scores(cosines))) if "numbers" in row])

    assert rows_of([0.5, 0.5, 0.5]) == rows_of([-0.9, 0.0, 0.9]) == 3


@pytest.mark.slow
def test_labels_are_never_printed_over_each_other() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        frame = scores(list(rng.normal(0.3, 0.1, 12)))
        found = [r for r in data(score_chart(frame)) if r.get("numbers")]
        for number, one in enumerate(found):
            cosines = [frame["cosine"].iloc[int(n) - 1] for n in one["numbers"].split(", ")]
            assert cosines == sorted(cosines)
            for other in found[:number]:
                right = max(one, other, key=lambda label: label["cosine"])  # reaches to the left
                reach = 0.034 * len(right["numbers"])
                apart = abs(one["cosine"] - other["cosine"]) >= reach
                assert apart or abs(one["probability"] - other["probability"]) > 0.18


def test_a_second_model_is_drawn_as_circles() -> None:
    chart = ranked_bars(scores([0.5, 0.1]), second=scores([0.2, NAN]))
    assert [row["cosine_second"] for row in data(chart)] == [0.2, None]
    assert "Circles: the second model." in chart.to_dict()["title"]["subtitle"]
    assert len(re.findall(r'aria-roledescription="point"', drawn(chart))) == 2


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
    found = [r["numbers"] for r in data(score_chart(scores([0.5, -0.5, 0.5]))) if r.get("numbers")]
    assert found == ["2", "1, 3"]


def test_the_chosen_document_has_its_number_in_a_crowd() -> None:
    chart = score_chart(scores(list(np.linspace(1, -1, 100))), selected=100)
    found = [row["numbers"].split(", ") for row in data(chart) if row.get("numbers")]
    assert any("100" in numbers for numbers in found)


@pytest.mark.parametrize(("scale", "align"), [(4.0, "right"), (-4.0, "left")])
def test_numbers_stand_clear_of_the_curve(scale: float, align: str) -> None:
    chart = score_chart(scores([0.5]), curve=charts.probability_curve(scale, 0.0))
    marks = [p for p in everything(chart.to_dict()) if p.get("fontWeight") == "bold"]
    assert [mark["align"] for mark in marks] == [align]


def test_a_percentile_that_does_not_exist_is_not_shown() -> None:
    frame = scores([0.5])
    assert "percentile" in json.dumps(encodings(score_chart(frame).to_dict()))
    assert "percentile" not in json.dumps(
        encodings(score_chart(frame.assign(percentile=NAN)).to_dict())
    )


def test_a_probability_is_never_rounded_to_certainty() -> None:
    frame = scores([0.9, -0.9]).assign(probability=[0.99999, 0.00001])
    assert [r["probability_text"] for r in data(ranked_bars(frame))] == [">0.999", "<0.001"]
    told = drawn(ranked_bars(frame))  # what a screen reader reads is what a tooltip shows
    assert "Probability: &gt;0.999" in told
    assert "Probability: &lt;0.001" in told
    assert "Probability: 1.000" not in told


def test_of_long_texts_the_words_that_meet_most_are_drawn_in_reading_order() -> None:
    words = [f"w{n}" for n in range(40)]
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "query": np.repeat(words, 40),
            "document": words * 40,
            "query_index": np.repeat(range(40), 40),
            "document_index": list(range(40)) * 40,
            "interaction": rng.normal(0, 0.01, 1600),
        }
    )
    frame.loc[7 * 40 + 3, "interaction"] = 0.5
    chart = charts.interaction_map(frame)
    shown = pd.DataFrame(data(chart))
    assert len(shown) == 100
    assert ("w7", "w3") in set(zip(shown["query"], shown["document"], strict=True))
    assert shown["document_index"].head(10).is_monotonic_increasing
    assert "Of each text the 10 words that meet most." in chart.to_dict()["title"]["subtitle"]
    (line,) = [r for r in data(charts.word_links(frame)) if "width" in r]
    assert (line["query"], line["document"], line["width"]) == ("w7", "w3", 8)


def test_the_words_that_a_match_rests_on_are_told_and_noise_is_not() -> None:
    told = charts.describe_interactions(met([0.168, 0.01, -0.2, 0.09], "red"))
    assert told == "The cosine rests on red ↔ red too (+0.168), red ↔ red too (+0.090)."
    assert charts.describe_interactions(met([0.02])).startswith("No word of the query meets")
    assert charts.describe_interactions(met([])).startswith("No word of the query meets")


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
    told = charts.Documents.of(scores([0.1, 0.9, NAN])).describe((0.25, 0.5))
    assert "Document 2 has the highest cosine, 0.900, and probability 0.931." in told
    assert "1 of 2 documents reach the threshold of 0.500. 1 without a score." in told
    assert "(shared by 1 more)" in charts.Documents.of(scores([0.9, 0.9])).describe((0.25, 0.5))
    assert charts.Documents.of(scores([NAN])).describe((0.25, 0.5)) == "No document has a score."


def test_attention_is_told_in_words() -> None:
    red, door = ScoredToken("red", 0, 3, "seen", 0.3), ScoredToken("door", 4, 8, "seen", 0.7)
    told = charts.describe_attention({"the query": [red, door]})
    assert told == "In the query, door 0.70, red 0.30 have the largest weights."
    unweighed = [ScoredToken("red", 0, 3, "seen", None), ScoredToken("!", 3, 4, "skipped", 0.0)]
    assert charts.describe_attention({"the query": unweighed}) == ""


@pytest.mark.parametrize("frame", [HISTORY, HISTORY.head(0), HISTORY.tail(1)], ids=str)
def test_the_history_takes_any_frame_and_draws_what_is_there(frame: pd.DataFrame) -> None:
    chart = charts.history_chart(frame, measure="loss", title="loss (0 and up)", reads_as="Lower.")
    specification = check(chart)
    assert [r["value"] for r in rows(specification)] == frame["loss"].dropna().tolist()


def test_the_history_tells_the_last_epoch_of_each_run() -> None:
    chart = charts.history_chart(HISTORY, measure="loss", title="loss", reads_as="Lower.")
    assert "one 0.250" in chart.to_dict()["description"]


def drawn_vectors(query: tuple[float, float], document: tuple[float, float]) -> str:
    import vl_convert

    specification = charts.vectors_chart(query, document)
    return str(vl_convert.vega_to_svg(json.loads(json.dumps(specification))))


@pytest.mark.parametrize("query", [(3.0, 4.0), (0.0, 0.0), (1e-8, 0.0), (1e20, 1.0)])
def test_vectors_are_drawn_to_the_longer_one(query: tuple[float, float]) -> None:
    signals = {s["name"]: s for s in charts.vectors_chart(query, (0.0, 0.0))["signals"]}
    length = math.hypot(signals["qx"]["value"], signals["qy"]["value"])
    assert length == pytest.approx(1.0 if any(query) else 0.0)


@pytest.mark.parametrize(
    ("query", "document", "told"),
    [
        ((1.0, 0.0), (0.0, 1.0), "cosine 0.000 · angle 90°"),
        ((2.0, 0.0), (1.0, 1.0), "cosine 0.707 · angle 45°"),
        ((1.0, 0.5), (-1.0, -0.5), "cosine −1.000 · angle 180°"),
        ((6e19, 8e19), (6.0, 8.0), "cosine 1.000 · angle 0°"),
        ((0.0, 0.0), (1.0, 1.0), "no angle: a vector has length 0"),
    ],
)
def test_the_drawing_tells_angle_and_cosine(
    query: tuple[float, float], document: tuple[float, float], told: str
) -> None:
    assert told in drawn_vectors(query, document)


def test_the_drawing_speaks_the_pages_language() -> None:
    drawing = charts.vectors_chart((1.0, 0.0), (0.0, 1.0), tr=translator_for("zh"))
    said = {s["name"]: s for s in drawing["signals"]}["told"]["update"]
    marks = [mark["encode"]["update"].get("text", {}).get("value") for mark in drawing["marks"]]
    assert json.dumps("余弦")[:-1] in said
    assert [text for text in marks if text] == ["查询", "文档"]
    assert not re.search("[A-Za-z]", drawing["title"]["text"] + drawing["title"]["subtitle"])


def test_the_strongest_effects_are_drawn_in_reading_order() -> None:
    frame = tokens([0.1] * 5).assign(cosine=[0.1, -0.5, 0.0, 0.4, 0.2], probability=0.0)
    chart = charts.effects_chart(frame, most=3)
    assert [row["index"] for row in chart.data["tokens"]] == [1, 3, 4]
    subtitle = chart.to_dict()["title"]["subtitle"]
    assert "The 3 of 5 words with the largest effects." in subtitle
    assert len(charts.effects_chart(frame).data["tokens"]) == 5


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
