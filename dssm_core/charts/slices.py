"""Slices of labelled pairs: which is worse than the whole."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from dssm_core.charts.base import (
    AROUND,
    INK,
    PROBABILITY,
    QUIET,
    Drawing,
    Tip,
    drawable,
    headline,
    rows,
    template,
    tips,
)
from dssm_core.words import ENGLISH, Translate

MAX_SLICES = 12
"""Slices that one chart draws, the worst ones."""


def slices_chart(
    table: pd.DataFrame,
    *,
    overall: float,
    selected: str | None = None,
    ink: str = INK,
    tr: Translate = ENGLISH,
) -> Drawing:
    """Return the share of wrong pairs of each slice with its interval, worst first.

    Frame columns: slice, pairs, errors, error_rate, low, high, auc, few.

    Reads as: further right is worse; where an interval passes the dashed line, the slice may well
    be as good as the whole. Hollow points: under ten pairs.

    Args:
        table: one row a slice, worst first.
        overall: share of all pairs that are wrong, in [0, 1].
        selected: the chosen slice.
        ink: colour of the text inside the chart.
        tr: gives the texts.
    """
    shown = _rows(table.head(MAX_SLICES), selected, tr)
    top = min(1.0, max([*shown["high"], overall, 0.01]) * 1.05)
    finding = tr("chart.slices.none")
    if len(shown):
        finding = tr("chart.slices.finding", number=len(table), worst=shown.iloc[0]["label"])
    is_cut = len(shown) < len(table)
    cut = tr("chart.slices.cut", shown=len(shown), number=len(table)) if is_cut else ""
    notes = tr("chart.slices.reads"), tr("chart.slices.few"), cut
    return Drawing(
        _template(ink, tr),
        {"slices": rows(shown), "average": [{"error_rate": overall}]},
        {"top": str(top), "rows": ", ".join(map(str, shown["row"]))},
        {"title": headline(tr("chart.slices"), *notes, ink=ink), "description": finding},
    )


@lru_cache(maxsize=16)
def _template(ink: str, tr: Translate) -> str:
    """Return the template of `slices_chart`, with data "slices" and "average"."""
    ends: list[Any] = [0, "@top"]
    x = alt.X("error_rate:Q").scale(domain=ends, nice=False)
    x = x.title(tr("chart.slices.share")).axis(orient="top", grid=False, tickCount=5)
    average = alt.Chart(alt.NamedData("average"))
    return template(
        alt.layer(
            average.mark_rule(color=QUIET, strokeDash=[4, 3], aria=False).encode(x),
            *_marks(x, ink, tr),
        ).properties(height=alt.Step(42), padding=AROUND)
    )


def _rows(table: pd.DataFrame, selected: str | None, tr: Translate) -> pd.DataFrame:
    """Return the slices as they are drawn: row from 0, label and AUC as texts, whether chosen."""
    shown = table.copy()
    shown["row"] = np.arange(len(shown))
    shown["chosen"] = shown["slice"] == selected
    names = drawable(shown.pop("slice").astype(str), 60)
    shown["label"] = [
        tr("chart.slices.row", name=name, errors=errors, pairs=pairs)
        for name, errors, pairs in zip(names, shown["errors"], shown["pairs"], strict=True)
    ]
    shown["auc_text"] = [tr("none") if np.isnan(auc) else f"{auc:.3f}" for auc in shown.pop("auc")]
    return shown


def _marks(x: alt.X, ink: str, tr: Translate) -> list[alt.Chart]:
    """Return each slice's row, which a click chooses, its interval, point and label."""
    order: list[Any] = ["@rows"]
    base = alt.Chart(alt.NamedData("slices")).encode(
        alt.Y("row:O").scale(domain=order, padding=0).axis(None),
        **tips(
            Tip("label", tr("chart.slices.tip.slice")),
            Tip("error_rate", tr("chart.slices.tip.share"), "percent"),
            Tip("low", tr("chart.tip.from"), "percent"),
            Tip("high", tr("chart.tip.to"), "percent"),
            Tip("auc_text", tr("chart.slices.tip.auc")),
        ),
    )
    row = base.mark_bar(height={"band": 0.96}, cornerRadius=4, aria=False, fill=QUIET).encode(
        x=alt.value(0),
        x2=alt.value("width"),
        fillOpacity=alt.condition("datum.chosen", alt.value(0.16), alt.value(0)),
        stroke=alt.condition("datum.chosen", alt.value(QUIET), alt.value("transparent")),
    )
    # a click anywhere in a row chooses its slice
    of_slice = "event.item && event.item.datum && isValid(event.item.datum.row)"
    click = alt.selection_point(name="slice", fields=["row"], on=f"click[{of_slice}]")
    interval = base.mark_rule(color=PROBABILITY, strokeWidth=3, opacity=0.55, yOffset=9)
    point = base.mark_point(size=90, strokeWidth=2, color=PROBABILITY, yOffset=9, opacity=1)
    fill = alt.condition("datum.few", alt.value("transparent"), alt.value(PROBABILITY))
    limit = alt.ExprRef("width - 12")
    label = base.mark_text(align="left", dy=-8, fontSize=12, color=ink, limit=limit)
    return [
        row.add_params(click),
        interval.encode(alt.X("low:Q"), x2="high:Q"),
        point.encode(x, fill=fill),
        label.encode(x=alt.value(6), text="label:N"),
    ]
