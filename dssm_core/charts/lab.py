"""The Lab's charts: training runs, and two vectors."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from dssm_core.charts.base import (
    AROUND,
    CHOSEN,
    COSINE,
    PROBABILITY,
    QUIET,
    Chart,
    headline,
    tip,
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
            alt.Tooltip("run:N", title=tr("chart.history.tip.run")),
            alt.Tooltip("epoch:O", title=tr("chart.history.tip.epoch")),
            tip("value", "loss", title),
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


def vectors_chart(
    query: tuple[float, float], document: tuple[float, float], *, tr: Translate = ENGLISH
) -> Chart:
    """Return two 2-D vectors as arrows from the origin, each scaled to the longer one.

    Reads as: the smaller the angle between the arrows, the nearer the cosine is to 1; their
    lengths do not matter to it.

    Args:
        query: its two entries.
        document: its two entries.
        tr: gives the texts.
    """
    names = [tr("query"), tr("document")]
    frame = _arrows(names, (query, document))
    base = alt.Chart(frame).encode(
        alt.X("x:Q").scale(domain=[-1.1, 1.1]).title(tr("chart.vectors.first")),
        alt.Y("y:Q").scale(domain=[-1.1, 1.1]).title(tr("chart.vectors.second")),
        color=alt.Color("vector:N")
        .scale(domain=names, range=[COSINE, PROBABILITY])
        .legend(orient="top", title=None),
        **tips(
            alt.Tooltip("vector:N", title=tr("chart.vectors.tip.vector")),
            alt.Tooltip("entries:N", title=tr("chart.vectors.tip.entries")),
        ),
    )
    lines = base.mark_rule(strokeWidth=3).encode(x2="zero:Q", y2="zero:Q")
    heads = base.mark_point(filled=True, size=180).encode(
        shape=alt.Shape("vector:N").scale(domain=names, range=["circle", "square"]).legend(None)
    )
    return alt.layer(lines, heads).properties(
        title=headline(tr("chart.vectors"), tr("chart.vectors.reads")),
        width=230,
        height=230,  # as wide as high, or the angle would be false
        padding=AROUND,
        autosize="pad",  # the page would take axes and title from the height alone
        description=tr(
            "chart.vectors.finding", query=frame["entries"][0], document=frame["entries"][1]
        ),
    )


def _arrows(names: Sequence[str], vectors: Sequence[tuple[float, float]]) -> pd.DataFrame:
    """Return each vector's end, scaled so that the longest has length 1, and its entries."""
    longest = max(float(np.hypot(*vector)) for vector in vectors) or 1.0
    return pd.DataFrame(
        [
            {
                "vector": name,
                "x": x / longest,
                "y": y / longest,
                "zero": 0.0,
                "entries": f"({x:g}, {y:g})",
            }
            for name, (x, y) in zip(names, vectors, strict=True)
        ]
    )
