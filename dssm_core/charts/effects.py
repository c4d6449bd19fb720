"""Why a score is what it is: what tokens add, and how two models rank."""

from __future__ import annotations

from functools import lru_cache

import altair as alt
import numpy as np
import pandas as pd

from dssm_core.charts.base import (
    AROUND,
    COSINE,
    INK,
    QUIET,
    Chart,
    Drawing,
    Tip,
    headline,
    rows,
    template,
    tips,
)
from dssm_core.quantities import format_number
from dssm_core.text import READ_STATES
from dssm_core.words import ENGLISH, Translate

SIGNS = ("chart.effects.up", "chart.effects.down")
"""What the two colours are called."""


def effects_chart(
    frame: pd.DataFrame,
    *,
    title: str = "",
    reach: float = 0.0,
    most: int | None = None,
    ink: str = INK,
    tr: Translate = ENGLISH,
) -> Drawing:
    """Return what each token adds to the cosine.

    Frame columns: side, index, text, state, attention, cosine, probability; tokens that were not
    read are left out.

    Reads as: bars to the right hold the score up, bars to the left hold it down.

    Args:
        frame: one row a token of one text, as `Effects.frame` gives it.
        title: of the chart, if it is not the usual one.
        reach: the axis reaches at least so far, to compare two charts.
        most: tokens that are drawn, those with the largest effects, in reading order; None: all.
        ink: colour of the text inside the chart.
        tr: gives the texts.
    """
    read = [row for row in rows(frame) if row["state"] in (*READ_STATES, "prompt")]
    strongest = sorted(read, key=lambda row: -abs(row["cosine"]))
    shown = sorted(strongest[:most], key=lambda row: row["index"])
    up, down = map(tr, SIGNS)
    for row in shown:
        row["label"] = f"{row['index'] + 1} · {row['text']}"
        row["sign"] = down if row["cosine"] < 0 else up
    largest = max([reach, 0.01, *(abs(row["cosine"]) for row in shown)]) * 1.1
    strengths = tr("comma").join(
        f"{row['text']} {format_number(row['cosine'], 'effect')}" for row in strongest[:3]
    )
    cut = tr("chart.effects.cut", shown=len(shown), number=len(read))
    line = headline(
        title or tr("effects"),
        tr("chart.effects.reads"),
        cut if len(shown) < len(read) else "",
        ink=ink,
    )
    return Drawing(
        _effects_template(any(row["attention"] is not None for row in shown), tr),
        {"tokens": shown, "reach": [{"cosine": -largest}, {"cosine": largest}]},
        {},
        {
            "title": line,
            "description": tr("chart.effects.finding", tokens=strengths)
            if strengths
            else tr("chart.effects.none"),
        },
    )


@lru_cache(maxsize=16)
def _effects_template(has_attention: bool, tr: Translate) -> str:
    """Return the template of `effects_chart`, with data "tokens" and "reach"."""
    x = alt.X("cosine:Q").scale(nice=False).title(tr("chart.effects.cosine"))
    told = [
        Tip("text", tr("chart.tip.token")),
        Tip("cosine", tr("chart.effects.tip.cosine"), "effect"),
        Tip("probability", tr("chart.effects.tip.probability"), "effect"),
        Tip("attention", tr("chart.tip.weight"), "weight"),
    ]
    bars = (
        alt.Chart(alt.NamedData("tokens"))
        .mark_bar()
        .encode(
            x,
            alt.Y("label:N")
            .sort(field="index", op="min")
            .title(None)
            .axis(ticks=False, labelLimit=130, labelOverlap=False, labelFlush=False),
            color=alt.Color("sign:N")
            .scale(domain=[tr(sign) for sign in SIGNS], range=[COSINE, QUIET])
            .legend(orient="top", title=None),
            **tips(*(told if has_attention else told[:-1])),
        )
    )
    # an axis that follows the data, for a chart whose scale changes is drawn anew
    ends = alt.Chart(alt.NamedData("reach")).mark_rule(opacity=0, aria=False).encode(x)
    return template(alt.layer(ends, bars).properties(height=alt.Step(18), padding=AROUND))


def slope_chart(frame: pd.DataFrame, *, ink: str = INK, tr: Translate = ENGLISH) -> Chart:
    """Return the documents' ranks by two models, a line a document.

    Frame columns: model, position, document, rank, cosine, probability; documents without a rank
    are left out.

    Reads as: a level line is a document that both models rank alike; the steeper a line, the more
    they disagree; a point alone is a document that one model could not read.

    Args:
        frame: one row a document and model, two models.
        ink: colour of the text inside the chart.
        tr: gives the texts.
    """
    models = list(dict.fromkeys(frame["model"]))
    changes = [tr("chart.slope.moved"), tr("chart.slope.same")]
    shown, moved = _rank_moves(frame, models)
    shown["change"] = np.where(shown["moved"] > 0, *changes)
    base = alt.Chart(shown).encode(
        alt.X("model:N").scale(domain=models).title(tr("model")).axis(labelAngle=0),
        alt.Y("rank:Q")
        .scale(reverse=True, nice=False, zero=False)
        .title(tr("chart.slope.rank"))
        .axis(tickMinStep=1),
        detail="position:N",
        color=alt.Color("change:N")
        .scale(domain=changes, range=[ink, QUIET])
        .legend(orient="top", title=None, symbolType="stroke", symbolStrokeWidth=3),
        **tips(*_slope_tooltip(tr)),
    )
    dash = alt.StrokeDash("change:N").scale(domain=changes, range=[[1, 0], [4, 3]])
    numbers = base.mark_text(dx=alt.ExprRef("datum.aside"), color=ink).encode(
        text="position:O", color=alt.value(ink)
    )
    none = tr("chart.slope.none")
    return alt.layer(
        base.mark_line(strokeWidth=2).encode(strokeDash=dash.legend(None)),
        base.mark_point(filled=True, size=70),
        numbers,
    ).properties(
        title=headline(tr("chart.slope"), tr("chart.slope.reads"), ink=ink),
        height=300,
        padding=AROUND,
        description=none if moved is None else tr("chart.slope.finding", most=moved),
    )


def _rank_moves(frame: pd.DataFrame, models: list[str]) -> tuple[pd.DataFrame, int | None]:
    """Return the rows that have a rank, with how far each document moved, and the largest move."""
    shown = frame.dropna(subset=["rank"]).copy()
    ranks = shown.pivot_table(index="position", columns="model", values="rank")
    by_both = ranks.reindex(columns=models).dropna()
    moved = by_both.max(axis=1) - by_both.min(axis=1)
    shown["moved"] = [float(moved.get(p, 0)) for p in shown["position"]]
    shown["document"] = shown["document"].astype(str).str.slice(0, 200)
    shown["aside"] = np.where(shown["model"] == "".join(models[:1]), -14, 14)  # off the lines
    return shown, int(moved.max()) if len(moved) else None


def _slope_tooltip(tr: Translate) -> list[Tip]:
    return [
        Tip("position", "#", "count"),
        Tip("document", tr("document")),
        Tip("model", tr("model")),
        Tip("rank", tr("rank"), "count"),
        Tip("cosine", tr("cosine"), "cosine"),
        Tip("probability", tr("probability"), "probability"),
    ]
