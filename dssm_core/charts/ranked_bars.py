"""A query's documents as ranked bars: cosine beside probability."""

from __future__ import annotations

from functools import lru_cache

import altair as alt
import pandas as pd

from dssm_core.charts.base import (
    AROUND,
    INK,
    PALETTE,
    QUIET,
    Chart,
    Drawing,
    headline,
    rows,
    template,
)
from dssm_core.charts.documents import (
    SAME,
    Documents,
    Threshold,
    document_tips,
    if_chosen,
    percentiles,
    selection,
)
from dssm_core.words import ENGLISH, Translate

MAX_BARS = 20
"""The best documents, which are drawn with the chosen one: more are taller than a screen."""


def ranked_bars(
    frame: pd.DataFrame,
    *,
    threshold: Threshold,
    selected: int | None = None,
    second: pd.DataFrame | None = None,
    ink: str = INK,
    tr: Translate = ENGLISH,
) -> Drawing:
    """Return two bars a document, cosine beside probability, the best document first.

    Args:
        frame: one row a document.
        threshold: on both scales.
        selected: position of the chosen document.
        second: another model's cosine and probability by position, drawn as circles.
        ink: colour of the text inside the chart.
        tr: gives the texts.

    Frame columns: position, document, cosine, probability, rank, percentile; rows without a
    cosine are left out.

    Reads as: longer to the right is more alike; a bar that passes its upright stroke reaches the
    threshold.
    """
    documents = Documents.of(frame)
    at = {"cosine_at": threshold[0], "probability_at": threshold[1]}
    shown = [row | at for row in documents.shown(selected, MAX_BARS)]
    if second is not None:
        others = {row["position"]: row for row in rows(second)}
        for row in shown:
            other = others.get(row["position"], {})
            row |= {f"{name}_second": other.get(name) for name in ("cosine", "probability")}
    title = headline(
        tr("chart.bars"),
        tr("chart.bars.reads"),
        tr("chart.bars.second") if second is not None else "",
        documents.cut_note(MAX_BARS, tr),
        ink=ink,
    )
    return Drawing(
        _bars_template(percentiles(shown), second is not None, ink, tr),
        {"documents": shown},
        {},
        {"title": title, "description": documents.describe(threshold, tr)},
    )


@lru_cache(maxsize=64)
def _bars_template(has_percentile: bool, has_second: bool, ink: str, tr: Translate) -> str:
    """Return the template of `ranked_bars`, with data "documents"."""
    whole = alt.Scale(padding=0)
    y = alt.Y("row:O", title=tr("chart.bars.rows"), scale=whole, axis=None)
    base = alt.Chart(alt.NamedData("documents")).encode(
        y, SAME, **document_tips(has_percentile, tr)
    )
    # a click anywhere in a row chooses its document, however short its bars
    row = (
        base.mark_bar(height={"band": 0.96}, cornerRadius=4, aria=False, fill=QUIET)
        .encode(
            x=alt.value(0),
            x2=alt.value("width"),
            fillOpacity=if_chosen(0.16, 0),
            stroke=if_chosen(QUIET, "transparent"),
        )
        .add_params(selection())
    )
    fits = alt.ExprRef("width - 12")
    labels = base.mark_text(align="left", dy=-8, fontSize=12, color=ink, limit=fits)
    left, right = ["6", "width / 2 - 50"], ["width / 2 + 6", "width - 48"]
    cosines = _bars(base, "cosine", [-1, 0, 1], left, has_second, ink, tr("chart.cosine"))
    probabilities = _bars(
        base, "probability", [0, 0.5, 1], right, has_second, ink, tr("chart.probability")
    )
    labels = labels.encode(x=alt.value(6), text="label:N")
    whole = alt.layer(row, cosines, probabilities, labels).resolve_scale(x="independent")
    return template(whole.properties(height=alt.Step(34), padding=AROUND))


def _bars(
    base: alt.Chart,
    name: str,
    ticks: list[float],
    ends: list[str],
    has_second: bool,
    ink: str,
    title: str,
) -> Chart:
    """Return a panel of bars, their numbers right of it, and the threshold on each row."""
    scale = alt.Scale(domain=[ticks[0], 1], clamp=True, range=[alt.ExprRef(end) for end in ends])
    axis = alt.Axis(orient="top", values=ticks, format="~g", ticks=False, titlePadding=2)
    bars = base.mark_bar(color=PALETTE[name], height=11, yOffset=8)
    bars = bars.encode(alt.X(f"{name}:Q", title=title, scale=scale, axis=axis))
    end = alt.value(alt.ExprRef(f"{ends[1]} + 42"))
    numbers = base.mark_text(align="right", dy=8, fontSize=11, color=ink)
    numbers = numbers.encode(x=end, text=f"{name}_text:N")
    stroke = base.mark_tick(color=ink, orient="vertical", thickness=2, height=17, yOffset=8)
    layers = [bars, numbers, stroke.encode(x=alt.X(f"{name}_at:Q", title=title))]
    if has_second:
        circle = base.mark_point(shape="circle", size=70, strokeWidth=2, color=ink, yOffset=8)
        layers.append(circle.encode(x=alt.X(f"{name}_second:Q", title=title)))
    return alt.layer(*layers)
