"""The Lab's charts: training runs, and two vectors, which Vega alone lets one drag."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from dssm_core.charts.base import (
    AROUND,
    CHOSEN,
    COSINE,
    INK,
    PROBABILITY,
    QUIET,
    Chart,
    Tip,
    headline,
    tips,
)
from dssm_core.quantities import format_number
from dssm_core.words import ENGLISH, Translate


def history_chart(
    frame: pd.DataFrame,
    *,
    measure: str,
    title: str,
    reads_as: str,
    is_share: bool = False,
    rival: tuple[str, float] | None = None,
    tr: Translate = ENGLISH,
) -> Chart:
    """Return one measure of training runs by epoch, a line a run.

    Frame columns: run, epoch (from 1), and the measure; rows without it are left out.

    Reads as: further right is later in training; each line is one run.

    Args:
        frame: one row an epoch of a run.
        measure: the column to draw.
        title: of the chart and its y axis, with the range in brackets.
        reads_as: one sentence below the title.
        is_share: whether the measure lies in [0, 1], all of which is then drawn.
        rival: name and value of what the runs are compared with, a dotted line.
        tr: gives the other texts.
    """
    shown = frame[["run", "epoch", measure]].dropna().rename(columns={measure: "value"})
    base = alt.Chart(shown).encode(
        alt.X("epoch:O").title(tr("chart.history.epoch")).axis(labelAngle=0),
        alt.Y("value:Q")
        .scale(**({"domain": [0, 1]} if is_share else {"zero": False}))
        .title(title),
        alt.Color("run:N")
        .scale(range=[COSINE, PROBABILITY, CHOSEN, QUIET])
        .legend(orient="top", title=None, symbolType="stroke", symbolStrokeWidth=3),
        strokeDash=alt.StrokeDash("run:N").legend(None),
        **tips(
            Tip("run", tr("chart.history.tip.run")),
            Tip("epoch", tr("chart.history.tip.epoch")),
            Tip("value", title, "loss"),
        ),
    )
    last = tr("comma").join(
        f"{run} {format_number(part['value'].iloc[-1], 'loss')}"
        for run, part in shown.groupby("run", sort=False)
    )
    layers = [base.mark_line(strokeWidth=2), base.mark_point(filled=True, size=60)]
    return alt.layer(*layers, *([_rival(*rival)] if rival else [])).properties(
        title=headline(title, reads_as),
        height=300,
        padding=AROUND,
        description=tr(
            "chart.history.finding" if last else "chart.history.none", title=title, last=last
        ),
    )


def _rival(name: str, value: float) -> Chart:
    """Return a dotted line across the chart, with its name and value on it."""
    label = f"{name} {format_number(value, 'metric')}"
    base = alt.Chart(pd.DataFrame({"value": [value], "label": [label]})).encode(alt.Y("value:Q"))
    line = base.mark_rule(strokeDash=[2, 3], color=QUIET, strokeWidth=2)
    text = base.mark_text(align="left", baseline="bottom", dx=4, color=QUIET, fontWeight="bold")
    return alt.layer(line, text.encode(x=alt.value(0), text="label:N"))


SIDE = 300
"""Pixels of the drawing of two vectors, as wide as high, or the angle would be false."""

FONT = '"Source Sans", sans-serif'
"""The page's, which Streamlit gives to Vega-Lite alone."""

_DRAG = "[@{name}:pointerdown, window:pointerup] > window:pointermove!"
_ANGLE = "atan2({name}y, {name}x)"


def vectors_chart(
    query: tuple[float, float],
    document: tuple[float, float],
    *,
    ink: str = INK,
    tr: Translate = ENGLISH,
) -> dict[str, Any]:
    """Return two 2-D vectors as arrows to drag, with their angle and cosine; a Vega specification.

    Reads as: the smaller the angle between the arrows, the nearer the cosine is to 1; their
    lengths do not matter to it.

    Args:
        query: its two entries; the longer of both vectors has length 1 in the drawing.
        document: its two entries.
        ink: colour of text inside the chart.
        tr: gives the texts.
    """
    names = {"q": tr("query"), "d": tr("document")}
    scaled = dict(zip("qd", _scaled(query, document), strict=True))
    arrows = [
        mark
        for name, colour in zip("qd", (COSINE, PROBABILITY), strict=True)
        for mark in _arrow(name, names[name], colour)
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega/v6.json",
        "description": tr(
            "chart.vectors.finding",
            query="({:g}, {:g})".format(*query),
            document="({:g}, {:g})".format(*document),
        ),
        "width": SIDE,
        "height": SIDE,
        "padding": AROUND,
        "autosize": "pad",  # the page would take the title from the height alone
        "background": "transparent",
        "config": {
            "title": {"font": FONT, "subtitleFont": FONT, "subtitleFontSize": 13},
            "text": {"font": FONT},
        },
        "title": {
            "text": tr("chart.vectors"),
            "subtitle": tr("chart.vectors.reads"),
            "anchor": "start",
            "color": ink,
            "subtitleColor": QUIET,
        },
        "signals": [*_ends(scaled), *_between(tr)],
        "scales": [
            {"name": "x", "domain": [-1.2, 1.2], "range": [0, SIDE]},
            {"name": "y", "domain": [-1.2, 1.2], "range": [SIDE, 0]},
        ],
        "marks": [*_frame(), *arrows, _told(ink)],
    }


def _scaled(*vectors: tuple[float, float]) -> list[tuple[float, float]]:
    """Return vectors scaled so that the longest has length 1."""
    longest = max(float(np.hypot(*vector)) for vector in vectors) or 1.0
    return [(x / longest, y / longest) for x, y in vectors]


def _ends(vectors: Mapping[str, tuple[float, float]]) -> list[dict[str, Any]]:
    """Return the signals of the arrows' ends, which a drag of a head changes."""
    return [
        {
            "name": f"{name}{axis}",
            "value": value,
            "on": [
                {
                    "events": _DRAG.format(name=name),
                    "update": f"clamp(invert('{axis}', {axis}()), -1.1, 1.1)",
                }
            ],
        }
        for name, vector in vectors.items()
        for axis, value in zip("xy", vector, strict=True)
    ]


def _between(tr: Translate) -> list[dict[str, Any]]:
    """Return the signals of what lies between the vectors: cosine, angle, and both as text."""
    lengths = "(sqrt(qx * qx + qy * qy) * sqrt(dx * dx + dy * dy))"
    told = (
        f"{json.dumps(tr('chart.vectors.cosine') + ' ')} + format(cosine, '.3f') + "
        f"{json.dumps(' · ' + tr('chart.vectors.angle') + ' ')} + format(degrees, '.0f') + '°'"
    )
    none = json.dumps(tr("chart.vectors.none"))
    return [
        {"name": "length", "update": lengths},
        {"name": "cosine", "update": "clamp((qx * dx + qy * dy) / length, -1, 1)"},
        {"name": "degrees", "update": "acos(cosine) * 180 / PI"},
        # an arc begins at noon and turns with the clock
        {"name": "start", "update": f"PI / 2 - {_ANGLE.format(name='q')}"},
        {"name": "turn", "update": "atan2(qx * dy - qy * dx, qx * dx + qy * dy)"},
        {"name": "told", "update": f"length > 0 ? {told} : {none}"},
    ]


def _frame() -> list[dict[str, Any]]:
    """Return the circle of length 1 and the wedge of the angle."""
    middle = {"x": {"value": SIDE / 2}, "y": {"value": SIDE / 2}}
    full = {"startAngle": {"value": 0}, "endAngle": {"value": 2 * math.pi}}
    radius = SIDE / 2.4
    circle = {**middle, **full, "innerRadius": {"value": radius - 1}}
    circle |= {"outerRadius": {"value": radius}, "fill": {"value": QUIET}}
    wedge = {**middle, "innerRadius": {"value": 0}, "outerRadius": {"value": radius / 3}}
    wedge |= {"startAngle": {"signal": "start"}, "endAngle": {"signal": "start - turn"}}
    wedge |= {"fill": {"value": CHOSEN}, "fillOpacity": {"signal": "length > 0 ? 0.35 : 0"}}
    return [
        {"type": "arc", "aria": False, "interactive": False, "encode": {"update": encoding}}
        for encoding in (circle, wedge)
    ]


def _arrow(name: str, title: str, colour: str) -> list[dict[str, Any]]:
    """Return the line of an arrow, its head, which can be dragged, and its name in the corner."""
    end = {
        "x": {"signal": f"scale('x', {name}x)"},
        "y": {"signal": f"scale('y', {name}y)"},
    }
    line = {
        "x": {"value": SIDE / 2},
        "y": {"value": SIDE / 2},
        "x2": end["x"],
        "y2": end["y"],
        "stroke": {"value": colour},
        "strokeWidth": {"value": 3},
    }
    head = {
        **end,
        "shape": {"value": "triangle-up"},
        "size": {"value": 260},
        "angle": {"signal": f"90 - {_ANGLE.format(name=name)} * 180 / PI"},
        "fill": {"value": colour},
        "cursor": {"value": "grab"},
        "tooltip": {
            "signal": f"'(' + format({name}x, '.2f') + ', ' + format({name}y, '.2f') + ')'"
        },
    }
    label = {
        "x": {"value": 6},
        "y": {"value": 14 if name == "q" else 32},
        "text": {"value": title},
        "fill": {"value": colour},
        "fontWeight": {"value": "bold"},
        "fontSize": {"value": 13},
    }
    return [
        {"type": "rule", "aria": False, "interactive": False, "encode": {"update": line}},
        {"type": "symbol", "aria": False, "name": name, "encode": {"update": head}},
        {"type": "text", "interactive": False, "encode": {"update": label}},
    ]


def _told(ink: str) -> dict[str, Any]:
    """Return the text with the cosine and the angle."""
    encoding = {"x": {"value": 6}, "y": {"value": SIDE - 8}, "text": {"signal": "told"}}
    encoding |= {"fill": {"value": ink}, "fontSize": {"value": 15}, "fontWeight": {"value": "bold"}}
    return {"type": "text", "interactive": False, "encode": {"update": encoding}}
