"""Which word of a query met which word of a document."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from dssm_core.charts.base import (
    AROUND,
    COSINE,
    INK,
    QUIET,
    Drawing,
    Row,
    Tip,
    drawable,
    headline,
    rows,
    template,
    tips,
)
from dssm_core.quantities import format_number
from dssm_core.words import ENGLISH, Translate

SIDES = ("query", "document")
"""The texts that are set against each other: columns that start with these are theirs."""

MAX_WORDS = 10
"""Words of each text that are drawn: those with the largest interactions, in reading order."""

MAX_LINES = 12
"""Lines between words."""

MEETS = 0.03
"""Interaction from which two words are said to meet."""

LEAST = 0.1
"""Share of the largest interaction below which no line is drawn and no number printed."""


def interaction_map(
    frame: pd.DataFrame,
    *,
    title: str = "",
    reads_as: str = "",
    ink: str = INK,
    tr: Translate = ENGLISH,
) -> Drawing:
    """Return a heat map of the interactions of a query's words with a document's.

    Frame columns: query, document (the words), query_index, document_index (where they stand),
    interaction.

    Reads as: a strong blue cell is a pair of words that the cosine needs together; a grey one is a
    pair that stands in for each other.

    Args:
        frame: one row a pair of words.
        title: of the chart, if it is not the usual one.
        reads_as: how to read it, if it shows something else than interactions.
        ink: colour of the text inside the chart.
        tr: gives the texts.
    """
    shown = _strongest(frame)
    largest = max([1e-9, *(abs(row["interaction"]) for row in shown)])
    for row in shown:
        row["strength"] = row["interaction"] / largest
    is_cut = any(len(np.unique(frame[f"{side}_index"])) > MAX_WORDS for side in SIDES)
    return Drawing(
        _map_template(ink, tr),
        {"pairs": shown},
        {},
        {
            "title": headline(
                title or tr("chart.interactions"),
                reads_as or tr("chart.interactions.reads"),
                tr("chart.interactions.cut", most=MAX_WORDS) if is_cut else "",
                ink=ink,
            ),
            "description": describe_interactions(frame, tr),
        },
    )


def word_links(frame: pd.DataFrame, *, ink: str = INK, tr: Translate = ENGLISH) -> Drawing:
    """Return a query's words on the left, a document's on the right, and lines between them.

    Frame columns: as of `interaction_map`.

    Reads as: the thicker a line, the more the cosine rests on its two words together.

    Args:
        frame: one row a pair of words.
        ink: colour of the text inside the chart.
        tr: gives the texts.
    """
    shown = _strongest(frame)
    top = sorted(shown, key=lambda row: -row["interaction"])[:MAX_LINES]
    largest = max([1e-9, *(row["interaction"] for row in top)])
    lines = [
        row | {"width": 8 * row["interaction"] / largest, "left": 0.0, "right": 1.0}
        for row in top
        if row["interaction"] >= LEAST * largest
    ]
    return Drawing(
        _links_template(ink, tr),
        {
            "links": lines,
            "queries": _column(shown, "query"),
            "documents": _column(shown, "document"),
        },
        {},
        {
            "title": headline(tr("chart.links"), tr("chart.links.reads"), ink=ink),
            "description": describe_interactions(frame, tr),
        },
    )


def describe_interactions(frame: pd.DataFrame, tr: Translate = ENGLISH) -> str:
    """Return the pairs of words that the match rests on, at most three, in a sentence."""
    values = frame["interaction"].to_numpy()
    top = rows(frame.iloc[np.argsort(-values, kind="stable")[:3]])
    largest = max([0.0, *(row["interaction"] for row in top)])
    if largest < MEETS:
        return tr("chart.interactions.none")
    pairs = [
        tr(
            "chart.interactions.pair",
            **dict(zip(SIDES, drawable([row[side] for side in SIDES], 40), strict=True)),
            interaction=row["interaction"],
        )
        for row in top
        if row["interaction"] >= largest / 3
    ]
    return tr("chart.interactions.finding", pairs=tr("comma").join(pairs))


def _strongest(frame: pd.DataFrame) -> list[Row]:
    """Return the pairs of the words with the largest interactions, with their labels."""
    strength, is_shown = frame["interaction"].abs().to_numpy(), np.ones(len(frame), bool)
    for side in SIDES:
        index = frame[f"{side}_index"].to_numpy()
        words, place = np.unique(index[is_shown], return_inverse=True)
        largest = np.zeros(len(words))
        np.maximum.at(largest, place, strength[is_shown])
        is_shown &= np.isin(index, words[np.argsort(-largest, kind="stable")[:MAX_WORDS]])
    shown = rows(frame[is_shown])
    least = LEAST * max((abs(row["interaction"]) for row in shown), default=0.0)
    for row in shown:
        value = row["interaction"]
        row["number"] = format_number(value, "effect") if abs(value) >= least else ""
    for side in SIDES:
        order = sorted({row[f"{side}_index"] for row in shown})
        for row in shown:  # each word takes the same part of the whole height
            row[f"{side}_row"] = (order.index(row[f"{side}_index"]) + 0.5) / len(order)
            (row[side],) = drawable([row[side]], 40)
    return shown


def _column(shown: Sequence[Row], side: str) -> list[Row]:
    """Return the words of one side, each once, with the row it stands in."""
    words = {row[f"{side}_row"]: row[side] for row in shown}
    return [{"word": words[row], "row": row} for row in sorted(words)]


def _tips(tr: Translate) -> dict[str, Any]:
    return tips(
        Tip("query", tr("query")),
        Tip("document", tr("document")),
        Tip("interaction", tr("chart.interactions.value"), "effect"),
    )


@lru_cache(maxsize=16)
def _map_template(ink: str, tr: Translate) -> str:
    """Return the template of `interaction_map`, with data "pairs"."""
    scale = alt.Scale(domain=[-1, 0, 1], range=[QUIET, "transparent", COSINE])
    word = "slice(datum.label, indexof(datum.label, '·') + 1)"
    axis: dict[str, Any] = {"ticks": False, "domain": False, "labelExpr": word, "labelLimit": 110}
    base = (
        alt.Chart(alt.NamedData("pairs"))
        # the number in front keeps the order of the text, and two equal words apart
        .transform_calculate(
            across="format(datum.document_index, '06') + '·' + datum.document",
            down="format(datum.query_index, '06') + '·' + datum.query",
        )
        .encode(
            alt.X("across:N", title=tr("chart.interactions.document")).axis(
                orient="top", labelAngle=-30, labelOverlap=False, **axis
            ),
            alt.Y("down:N", title=tr("chart.interactions.query")).axis(**axis),
            **_tips(tr),
        )
    )
    cells = base.mark_rect(opacity=0.5, stroke=QUIET, strokeWidth=0.3).encode(
        alt.Color("strength:Q", title=tr("chart.interactions.value"), scale=scale).legend(None)
    )
    numbers = base.mark_text(fontSize=11, color=ink, aria=False).encode(text="number:N")
    return template(alt.layer(cells, numbers).properties(height=alt.Step(26), padding=AROUND))


@lru_cache(maxsize=16)
def _links_template(ink: str, tr: Translate) -> str:
    """Return the template of `word_links`, with data "links", "queries" and "documents"."""
    across = alt.Scale(domain=[-0.55, 1.55])
    hidden: dict[str, Any] = {"axis": None}

    def row(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", title=tr("chart.links.order"), **hidden).scale(
            domain=[0, 1], reverse=True
        )

    def x(field: str) -> alt.X:
        return alt.X(f"{field}:Q", title=tr("chart.links.sides"), scale=across, **hidden)

    lines = (
        alt.Chart(alt.NamedData("links"))
        .mark_rule(color=COSINE, opacity=0.6, strokeCap="round")
        .encode(
            x("left"),
            row("query_row"),
            x2="right:Q",
            y2="document_row:Q",
            strokeWidth=alt.StrokeWidth("width:Q", scale=None),
            **_tips(tr),
        )
    )
    style: dict[str, Any] = {"color": ink, "fontSize": 13, "limit": 130}
    left: dict[str, Any] = {"align": "right", "dx": -8}
    right: dict[str, Any] = {"align": "left", "dx": 8}
    words = [
        alt.Chart(alt.NamedData(name))
        .mark_text(**style, **beside)
        .encode(
            row("row"),
            x=alt.datum(end, type="quantitative"),
            text="word:N",
            description="word:N",
        )
        for name, end, beside in (("queries", 0.0, left), ("documents", 1.0, right))
    ]
    return template(alt.layer(lines, *words).properties(height=300, padding=AROUND))
