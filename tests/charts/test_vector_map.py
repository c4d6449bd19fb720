"""The map of vectors, through `to_dict()`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from dssm_core.charts import vector_map
from tests.charts.helpers import check, everything, points, rows
from tests.tiny import AWKWARD


def draw(frame: pd.DataFrame, **more: Any) -> Any:
    return vector_map(frame, **({"share": (0.25, 0.125), "total": len(frame)} | more))


@pytest.mark.slow
@pytest.mark.parametrize(
    "frame",
    [points(0), points(1), points(1000), points(2).assign(x=np.nan), points(9, value="x")],
    ids=["empty", "one", "a thousand", "without places", "one value"],
)
def test_the_map_takes_any_frame(frame: pd.DataFrame) -> None:
    check(draw(frame))


@pytest.mark.slow
@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD)
def test_hostile_texts_and_values_are_data_only(text: str) -> None:
    specification = check(draw(points(4, text=text, value=text)))
    del specification["datasets"]
    if "<script>" in text:
        assert "alert" not in str(
            [p for p in everything(specification) if "expr" in p or "test" in p]
        )


def test_a_value_has_a_shape_as_well_as_a_colour() -> None:
    (marks,) = [
        p["encoding"]
        for p in everything(draw(points(9)).to_dict())
        if "shape" in p.get("encoding", {})
    ]
    assert marks["shape"]["field"] == marks["stroke"]["field"] == "value"
    assert len(set(marks["shape"]["scale"]["range"])) == 3
    assert marks["fillOpacity"]["condition"]["test"] == "datum.side == 'document'"


def test_the_legend_keeps_its_order() -> None:
    (marks,) = [
        p["encoding"]
        for p in everything(draw(points(9), order=["value 2", "absent"]).to_dict())
        if "shape" in p.get("encoding", {})
    ]
    assert marks["shape"]["scale"]["domain"] == ["value 2", "value 0", "value 1"]


def test_the_axes_tell_their_share_and_range() -> None:
    titles = [p["title"] for p in everything(draw(points(9)).to_dict()) if "title" in p]
    told = " ".join(str(title) for title in titles)
    assert "first axis, 25.0% of the variance (−" in told
    assert "second axis, 12.5% of the variance" in told


def test_a_thinned_map_says_so() -> None:
    assert "9 of 12,000 vectors, drawn at random" in str(draw(points(9), total=12_000).to_dict())
    assert "drawn by chance" not in str(draw(points(9)).to_dict())


def test_the_chosen_pair_is_joined_and_named() -> None:
    found = rows(draw(points(9)).to_dict())
    assert {r["name"] for r in found if "name" in r} == {"this query", "this document"}
    assert not [r for r in rows(draw(points(9).assign(chosen=False)).to_dict()) if "name" in r]


def test_points_can_be_clicked_and_framed() -> None:
    parameters = {p["name"]: p["select"] for p in draw(points(9)).to_dict()["params"]}
    assert parameters["point"]["type"] == "point"
    assert parameters["point"]["fields"] == ["point"]
    assert parameters["area"]["type"] == "interval"


def test_the_description_tells_the_finding() -> None:
    description = draw(points(9)).to_dict()["description"]
    assert "9 of 9 vectors" in description
    assert "37.5% of the variance" in description
    assert "3 value 0" in description
