"""All queries and documents of a set as points: what lies near what, and where the errors are."""

from __future__ import annotations

from collections.abc import Sequence

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
    drawable,
    headline,
    tips,
)
from dssm_core.quantities import format_number
from dssm_core.words import ENGLISH, Translate

SIX_COLOURS = [COSINE, PROBABILITY, "#009E73", "#E69F00", QUIET, "#56B4E9"]
"""Okabe and Ito's, less the colour of what is chosen."""
SIX_SHAPES = ["circle", "triangle-up", "square", "diamond", "cross", "triangle-down"]


def vector_map(
    points: pd.DataFrame,
    *,
    share: tuple[float, float],
    total: int,
    colour: str = "label",
    order: Sequence[str] = (),
    ink: str = INK,
    tr: Translate = ENGLISH,
) -> Chart:
    """Return the vectors of a set in two dimensions, the chosen pair joined by a line.

    Frame columns: side, row, x, y, text, line, pairs, value (what colour and shape show), chosen.

    Reads as: points near each other have vectors alike, as far as two directions can show it;
    filled points are documents, hollow ones queries.

    Args:
        points: one row a vector; those without x and y are left out.
        share: of the variance along x and along y, in [0, 1].
        total: vectors of the set; where there are more than points, the title says so.
        colour: what `value` is, such as "label", as people read it.
        order: its values in the order of the legend; the rest follow.
        ink: colour of the text inside the chart.
        tr: gives the texts.
    """
    shown = points[np.isfinite(points["x"]) & np.isfinite(points["y"])].copy()
    shown["text"] = drawable(shown["text"].astype(str), 200)
    shown["value"] = drawable(shown["value"].astype(str), 60)
    shown["point"] = [f"{s} {r}" for s, r in zip(shown["side"], shown["row"], strict=True)]
    shown["kind"] = [tr(side) for side in shown["side"]]
    x, y = (_axis(shown, name, part, tr) for name, part in zip("xy", share, strict=True))
    is_cut = len(shown) < total
    cut = tr("chart.map.cut", shown=len(shown), number=total) if is_cut else ""
    notes = tr("chart.map.reads"), tr("chart.map.filled"), cut
    return alt.layer(
        _marks(shown, (x, y), colour, order, tr), *_chosen_pair(shown, ink, tr)
    ).properties(
        title=headline(tr("chart.map"), *notes, ink=ink),
        height=560,
        padding=AROUND,
        description=describe_map(shown, share, total, tr),
    )


def _marks(
    shown: pd.DataFrame, titles: tuple[str, str], colour: str, order: Sequence[str], tr: Translate
) -> alt.Chart:
    """Return the points, which a click or a drawn area selects, in the colours of their values."""
    has = set(shown["value"])
    values = [value for value in dict.fromkeys([*order, *sorted(has)]) if value in has]
    scale = alt.Scale(domain=values, range=_repeated(SIX_COLOURS, len(values)))
    shapes = alt.Scale(domain=values, range=_repeated(SIX_SHAPES, len(values)))
    legend = alt.Legend(orient="top", title=colour, symbolFillColor="transparent")
    is_document = "datum.side == 'document'"
    click = alt.selection_point(name="point", fields=["point"], empty=False)
    size = 40 if len(shown) < 1_500 else 18
    points = alt.Chart(shown).mark_point(strokeWidth=1.2)
    encoded: alt.Chart = points.encode(
        alt.X("x:Q").scale(zero=False, nice=True).axis(tickCount=8).title(titles[0]),
        alt.Y("y:Q").scale(zero=False, nice=True).axis(tickCount=8).title(titles[1]),
        stroke=alt.Stroke("value:N", scale=scale, legend=legend),
        fill=alt.Fill("value:N", scale=scale, legend=None),
        fillOpacity=alt.condition(is_document, alt.value(0.65), alt.value(0.0)),
        shape=alt.Shape("value:N", scale=shapes, legend=legend),
        size=alt.condition(click, alt.value(150), alt.value(size)),
        **tips(
            Tip("kind", tr("chart.map.tip.kind")),
            Tip("text", tr("chart.map.tip.text")),
            Tip("value", colour),
            Tip("line", tr("pair.column.line")),
            Tip("pairs", tr("chart.map.tip.pairs"), "count"),
        ),
    )
    area = alt.selection_interval(name="area", encodings=["x", "y"], empty=False)
    return encoded.add_params(area, click)


def _chosen_pair(shown: pd.DataFrame, ink: str, tr: Translate) -> list[alt.Chart]:
    """Return the chosen pair's line, points and names; nothing where none is chosen."""
    # filtered here: a layer that Vega filters to nothing is an image without a name
    chosen = shown[shown["chosen"].astype(bool)].sort_values("side", ascending=False)
    if chosen.empty:
        return []
    chosen = chosen.assign(name=[tr(f"chart.map.this.{side}") for side in chosen["side"]])
    pair = alt.Chart(chosen).encode(alt.X("x:Q"), alt.Y("y:Q"))
    names = (
        pair.transform_filter(f"datum.side == '{side}'")
        .mark_text(dy=dy, fontWeight="bold", color=ink)
        .encode(text="name:N", description="name:N")
        for side, dy in (("query", -18), ("document", 20))
    )
    return [
        pair.mark_line(color=CHOSEN, strokeWidth=2, strokeDash=[5, 3], aria=False),
        pair.mark_point(color=CHOSEN, size=260, strokeWidth=3, aria=False),
        *names,
    ]


def describe_map(
    points: pd.DataFrame, share: tuple[float, float], total: int, tr: Translate = ENGLISH
) -> str:
    """Return what the map shows in a few sentences."""
    if points.empty:
        return tr("chart.map.none")
    counts = points["value"].value_counts()
    counted = tr("comma").join(
        tr("chart.map.count", value=value, number=number)
        for value, number in counts.head(6).items()
    )
    return tr(
        "chart.map.finding", shown=len(points), number=total, share=sum(share), values=counted
    )


def _axis(shown: pd.DataFrame, name: str, share: float, tr: Translate) -> str:
    """Return an axis title with its share of the variance and its range."""
    low, high = (format_number(end, "cosine") for end in (shown[name].min(), shown[name].max()))
    ends = tr("range", low=low, high=high) if len(shown) else tr("chart.map.no points")
    return tr({"x": "chart.map.x", "y": "chart.map.y"}[name], share=share, ends=ends)


def _repeated(values: list[str], number: int) -> list[str]:
    return [values[i % len(values)] for i in range(number)]
