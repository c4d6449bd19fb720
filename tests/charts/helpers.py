"""Data of charts, and what is looked for in their specifications."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest

from dssm_core import charts
from dssm_core.inspection.measure import Rates
from tests.tiny import AWKWARD

NAN = math.nan


HOSTILE = AWKWARD | {
    "expression": "datum.x",
    "quotes": '"\'`\\"];//',
    "Chinese": "加密备份到远程服务器",
    "5,000 characters": "z" * 5_000,
    "not in XML": "a\x00b\ufffec\uffffd",
}


def scores(cosines: list[float], text: str = "a document") -> pd.DataFrame:
    values = np.array(cosines, float)
    return pd.DataFrame(
        {
            "position": np.arange(1, len(values) + 1),
            "document": [text] * len(values),
            "cosine": values,
            "logit": 4 * values - 1,
            "probability": 1 / (1 + np.exp(1 - 4 * values)),
            "rank": pd.Series(values).rank(ascending=False, method="min"),
            "percentile": 50.0,
        }
    )


def tokens(weights: list[float], state: str = "seen", text: str = "word") -> pd.DataFrame:
    number = len(weights)
    return pd.DataFrame(
        {
            "position": [0] * number,
            "index": range(number),
            "text": [text] * number,
            "start": range(number),
            "end": range(1, number + 1),
            "state": [state] * number,
            "attention": np.array(weights, float),
        }
    )


def params(cases: dict[str, list[float]]) -> list[Any]:
    """Return cases as parameters of a test; those of many rows are slow."""
    marks = {name: [pytest.mark.slow] if len(rows) > 100 else [] for name, rows in cases.items()}
    return [pytest.param(rows, id=name, marks=marks[name]) for name, rows in cases.items()]


def everything(specification: Any) -> Iterator[dict[str, Any]]:
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


def data(chart: charts.Chart) -> list[dict[str, Any]]:
    return rows(chart.to_dict())


def encodings(specification: dict[str, Any]) -> list[dict[str, Any]]:
    return [part["encoding"] for part in everything(specification) if "encoding" in part]


def check(chart: charts.Chart) -> dict[str, Any]:
    """Check what every chart must have, and return its specification."""
    specification = chart.to_dict()
    assert alt.Chart.from_json(json.dumps(specification, allow_nan=False)).to_dict(validate=False)
    title = specification["title"]
    assert title["text"]
    assert title["subtitle"]
    assert max(map(len, title["subtitle"])) <= 56, "or a phone cuts it off"
    assert specification["description"].endswith(".")
    assert "background" not in specification
    assert min(specification["padding"].values()) >= 4, "or the page clips letters at the edge"
    assert any("tooltip" in e for e in encodings(specification))
    assert not any({"href", "url"} & set(part) for part in everything(specification))
    found = rows(specification)
    assert len(found) <= 5_000
    assert all(math.isfinite(v) for row in found for v in row.values() if type(v) is float)
    return specification


def drawn(chart: charts.Chart, width: int = 640) -> str:
    """Return a chart as SVG, drawn by Vega itself."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg({**chart.to_dict(), "width": width}))


HISTORY = pd.DataFrame({"run": ["one"] * 2 + ["two"], "epoch": [1, 2, 1], "loss": [0.5, 0.25, NAN]})


POINT = Rates(hits=8, false_alarms=2, misses=4, rejections=6).point(cosine=0.25, probability=0.5)


def pairs(cosines: list[float]) -> pd.DataFrame:
    """Return pairs, relevant and not in turn."""
    values = np.array(cosines, float)
    return pd.DataFrame(
        {
            "label": np.arange(len(values)) % 2,
            "cosine": values,
            "probability": 1 / (1 + np.exp(1 - 4 * values)),
        }
    )


def slice_table(names: list[str], errors: list[int]) -> pd.DataFrame:
    number = np.array([20] * len(names))
    wrong = np.array(errors)
    rate = wrong / np.maximum(1, number)
    return pd.DataFrame(
        {
            "slice": names,
            "pairs": number,
            "errors": wrong,
            "error_rate": rate,
            "low": rate / 2,
            "high": np.minimum(1, rate * 1.5),
            "auc": [NAN] * len(names),
            "few": [False] * len(names),
        }
    )


def points(number: int, text: str = "a document", value: str | None = None) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "side": ["query" if i % 2 else "document" for i in range(number)],
            "row": np.arange(number),
            "x": rng.normal(size=number),
            "y": rng.normal(size=number),
            "text": text,
            "line": np.arange(number),
            "pairs": 1,
            "value": [value or f"value {i % 3}" for i in range(number)],
            "chosen": [i < 2 for i in range(number)],
        }
    )
