"""The charts, through `to_dict()`: what each shows, whatever it is given."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest

from dssm_core import charts
from tests.conftest import AWKWARD


def scores(cosines: list[float], text: str = "a document") -> pd.DataFrame:
    values = np.array(cosines, float)
    order = pd.Series(values).rank(ascending=False, method="min")
    return pd.DataFrame(
        {
            "position": np.arange(1, len(values) + 1),
            "document": [text] * len(values),
            "cosine": values,
            "logit": 4 * values - 1,
            "probability": 1 / (1 + np.exp(1 - 4 * values)),
            "rank": order,
            "percentile": 50.0,
        }
    )


def tokens(weights: list[float], state: str = "seen", text: str = "word") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "position": [0] * len(weights),
            "index": range(len(weights)),
            "text": [text] * len(weights),
            "start": range(len(weights)),
            "end": range(1, len(weights) + 1),
            "state": [state] * len(weights),
            "attention": np.array(weights, float),
        }
    )


def score_chart(frame: pd.DataFrame, **more: Any) -> charts.Chart:
    return charts.score_chart(
        frame,
        curve=charts.probability_curve(4.0, -1.0),
        background=charts.background_bins(np.array([0.0, 0.1, -0.2])),
        threshold=(0.25, 0.5),
        **more,
    )


def ranked_bars(frame: pd.DataFrame, **more: Any) -> charts.Chart:
    return charts.ranked_bars(frame, threshold=(0.25, 0.5), **more)


SCORE_CHARTS = [score_chart, ranked_bars]
NAN = math.nan
CASES = {
    "empty": [],
    "one row": [0.5],
    "nothing but NaN": [NAN, NAN],
    "a thousand rows": list(np.linspace(-1, 1, 1000)),
}


def everything(specification: Any) -> Iterator[Any]:
    """Yield every dict of a nested specification."""
    if isinstance(specification, dict):
        yield specification
        for value in specification.values():
            yield from everything(value)
    elif isinstance(specification, list):
        for value in specification:
            yield from everything(value)


def rows(specification: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for part in specification["datasets"].values() for row in part]


def check(chart: charts.Chart) -> dict[str, Any]:
    """Check what every chart must have, and return its specification."""
    specification = chart.to_dict()
    assert alt.Chart.from_json(json.dumps(specification), validate=True) is not None
    assert specification["title"]["text"]
    assert len(specification["description"]) > 10
    assert "background" not in specification
    parts = list(everything(specification))
    assert any("tooltip" in part for part in parts)
    assert not any("href" in part or "url" in part for part in parts)
    for row in rows(specification):
        assert all(
            value is None or not isinstance(value, float) or math.isfinite(value)
            for value in row.values()
        )
    return specification


@pytest.mark.parametrize("cosines", CASES.values(), ids=CASES)
@pytest.mark.parametrize("build", SCORE_CHARTS)
def test_every_score_chart_takes_any_frame(build: Callable[..., Any], cosines: list[float]) -> None:
    specification = check(build(scores(cosines), selected=1))
    titles = [p["title"] for p in everything(specification) if isinstance(p.get("title"), str)]
    assert any("−1 to 1" in title for title in titles)
    assert any("0 to 1" in title for title in titles)


@pytest.mark.parametrize("weights", [[], [1.0], [NAN, NAN], [0.001] * 1000], ids=CASES)
def test_the_heat_map_takes_any_frame(weights: list[float]) -> None:
    check(charts.attention_heatmap(tokens(weights)))


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD)
def test_texts_are_data_and_nothing_else(text: str) -> None:
    for chart in (
        score_chart(scores([0.1, 0.2], text)),
        ranked_bars(scores([0.1, 0.2], text)),
        charts.attention_heatmap(tokens([0.5, 0.5], text=text)),
    ):
        specification = check(chart)
        del specification["datasets"]
        for part in everything(specification):
            for name, value in part.items():
                # a description is read aloud, and never run
                if isinstance(value, str) and name != "description":
                    assert text[:20] not in value


@pytest.mark.parametrize("build", SCORE_CHARTS)
def test_documents_without_a_score_are_left_out(build: Callable[..., Any]) -> None:
    shown = {
        r["position"] for r in rows(build(scores([0.5, NAN, 0.2])).to_dict()) if "position" in r
    }
    assert shown == {1, 3}


def test_the_best_document_comes_first() -> None:
    specification = ranked_bars(scores([0.1, 0.9, 0.5])).to_dict()
    order = next(p["sort"] for p in everything(specification) if p.get("field") == "label")
    assert [label[0] for label in order] == ["2", "3", "1"]


def test_the_threshold_stands_at_both_its_values() -> None:
    for build in SCORE_CHARTS:
        values = [r["value"] for r in rows(build(scores([0.5])).to_dict()) if set(r) == {"value"}]
        assert sorted(values) == [0.25, 0.5]


def test_a_threshold_that_no_cosine_reaches_has_one_line() -> None:
    chart = charts.ranked_bars(scores([0.5]), threshold=(None, 0.99))
    assert [r["value"] for r in rows(chart.to_dict()) if set(r) == {"value"}] == [0.99]


@pytest.mark.parametrize("build", SCORE_CHARTS)
def test_a_click_selects_by_position(build: Callable[..., Any]) -> None:
    params = build(scores([0.5, 0.1])).to_dict()["params"]
    assert [(p["name"], p["select"]["fields"]) for p in params] == [("document", ["position"])]


def test_the_chosen_document_differs_by_shape_and_not_by_colour_alone() -> None:
    encodings = [
        p["encoding"] for p in everything(score_chart(scores([0.5])).to_dict()) if "encoding" in p
    ]
    assert any("shape" in e and "size" in e and "color" in e for e in encodings)


def test_long_texts_wrap_into_lines() -> None:
    found = rows(charts.attention_heatmap(tokens([0.05] * 20), per_line=8).to_dict())
    assert {(r["line"], r["column"]) for r in found if r["index"] in (0, 8, 19)} == {
        ("query", 0),
        ("query · 2", 0),
        ("query · 3", 3),
    }


def test_tokens_that_were_not_read_say_so() -> None:
    found = rows(charts.attention_heatmap(tokens([0.0], state="truncated")).to_dict())
    assert found[0]["word"].startswith("×")
    assert found[0]["weight"] == "not read"
    assert rows(charts.attention_heatmap(tokens([1.0], "letters")).to_dict())[0]["word"] == "~word"


def test_the_curve_is_the_head() -> None:
    curve = charts.probability_curve(2.0, 0.5)
    assert curve["cosine"].iloc[[0, -1]].tolist() == [-1.0, 1.0]
    assert curve["probability"].iloc[-1] == pytest.approx(1 / (1 + math.exp(-2.5)))


def test_the_background_adds_up_to_one() -> None:
    bins = charts.background_bins(np.array([-1.0, -0.99, 0.5, 1.0]))
    assert bins["share"].sum() == pytest.approx(1)
    assert bins["share"].iloc[0] == 0.5
    assert charts.background_bins(np.array([]))["share"].sum() == 0


def test_the_finding_is_told_in_words() -> None:
    told = charts.describe_scores(scores([0.1, 0.9, NAN]), (0.25, 0.5))
    assert "Document 2 has the highest cosine, 0.900" in told
    assert "1 of 2 documents reach the threshold of 0.50" in told
    assert charts.describe_scores(scores([NAN]), (0.25, 0.5)) == "No document has a score."
    assert "In the query most weight is on word 0.70" in charts.describe_attention(
        tokens([0.7, 0.3])
    )


HISTORY = pd.DataFrame({"run": ["one"] * 2 + ["two"], "epoch": [1, 2, 1], "loss": [0.5, 0.25, NAN]})


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
