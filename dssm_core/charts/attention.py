"""Attention weights of a query and its documents."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from dssm_core.charts.base import AROUND, INK, QUIET, Drawing, drawable, headline, template, tips
from dssm_core.quantities import format_number
from dssm_core.words import ENGLISH, Translate, join_texts

MAX_TOKENS = 2_000
"""What the chart draws: the first tokens."""


MARKS = {"letters": "~", "truncated": "×", "skipped": "×"}
"""Signs in front of tokens that are not read as words; none for all others."""


def attention_heatmap(
    tokens: pd.DataFrame,
    *,
    highest: float | None = None,
    per_line: int = 12,
    ink: str = INK,
    tr: Translate = ENGLISH,
) -> Drawing:
    """Return the attention weight of every token, in reading order, wrapped into lines.

    Args:
        tokens: one row a token of one or more texts.
        highest: weight of the strongest shade; the largest there is without it.
        per_line: most tokens in a line; fewer where the screen is narrow.
        ink: colour of the text inside the chart.
        tr: gives the texts.

    Frame columns: position (0 is the query), index, text, state, attention.

    Reads as: a stronger colour is more weight; a text's weights sum to 1. A dashed cell and ~ mark
    a word read by its letters only, a grey cell and × one that was not read.
    """
    shown = _cells(tokens.head(MAX_TOKENS), tr)
    weights = shown["attention"][np.isfinite(shown["attention"])]
    top = highest or max(weights, default=0.0) or 1.0
    title = headline(
        tr("chart.attention"),
        tr("chart.attention.strong"),
        tr("chart.attention.marks"),
        tr("chart.attention.cut", most=MAX_TOKENS) if len(tokens) > MAX_TOKENS else "",
        ink=ink,
    )
    return Drawing(
        _heatmap_template(max(2, int(per_line)), ink, tr),
        {"tokens": shown},
        {"zero": "0", "top": str(top)},
        {"title": title, "description": describe_attention(tokens, tr)},
    )


@lru_cache(maxsize=16)
def _heatmap_template(per_line: int, ink: str, tr: Translate) -> str:
    """Return the template of `attention_heatmap`, with data "tokens"."""
    # the width is known to the browser only, so it is the browser that wraps
    fitting = f"clamp(floor(width / 52), 2, {per_line})"
    heading = "slice(datum.label, -4) == ' · 1' ? slice(datum.label, 0, -4) : ''"
    axis = alt.Axis(ticks=False, domain=False, labelExpr=heading, labelFlush=False)
    in_order: Any = alt.EncodingSortField("sequence", op="min")
    told = tips(
        alt.Tooltip("text:N", title=tr("chart.tip.token")),
        alt.Tooltip("weight:N", title=tr("chart.tip.weight")),
        alt.Tooltip("reading:N", title=tr("chart.tip.state")),
    )
    base = (
        alt.Chart(alt.NamedData("tokens"))
        .transform_calculate(
            column="datum.index % tokens_a_line",
            line="datum.name + ' · ' + (1 + floor(datum.index / tokens_a_line))",
        )
        .encode(
            alt.X("column:O", title=tr("chart.attention.order"), axis=None),
            alt.Y("line:N", title=None, sort=in_order, axis=axis),
            **told,
        )
    )
    return template(
        alt.layer(*_cell_layers(base, tr), *_text_layers(base, ink))
        .add_params(alt.param(name="tokens_a_line", expr=fitting))
        .properties(height=alt.Step(36), padding=AROUND)
    )


def _cell_layers(base: alt.Chart, tr: Translate) -> list[alt.Chart]:
    """Return the cells by weight, and the marks of tokens read by their letters or not at all."""
    # shaded at most half, so that the ink is readable on every cell
    top: list[Any] = ["@zero", "@top"]
    blues = ["rgba(0,114,178,0)", "rgba(0,114,178,0.5)"]
    scale = alt.Scale(domain=top, range=blues, clamp=True)
    legend = alt.Legend(orient="top", format=".2f", values=top, gradientLength=80)
    shade = alt.Color("attention:Q", title=tr("chart.weight"), scale=scale, legend=legend)
    quiet: dict[str, Any] = {"cornerRadius": 3, "stroke": QUIET}
    cells = base.mark_rect(strokeWidth=0.5, **quiet).encode(shade)
    quiet["aria"] = False  # a layer that happens to be empty would be an image without a name
    by_letters = base.transform_filter("datum.mark == '~'").mark_rect(
        fillOpacity=0, strokeDash=[4, 3], strokeWidth=2, **quiet
    )
    unread = base.transform_filter("datum.mark == '×'").mark_rect(
        fill=QUIET, fillOpacity=0.3, **quiet
    )
    return [cells, by_letters, unread]


def _text_layers(base: alt.Chart, ink: str) -> list[alt.Chart]:
    text: dict[str, Any] = {"limit": alt.ExprRef("bandwidth('x') - 4"), "color": ink}
    words = base.mark_text(fontSize=11, dy=-6, **text).encode(text="word:N")
    numbers = base.mark_text(fontSize=10, dy=8, **text).encode(text="short:N")
    return [words, numbers]


def describe_attention(tokens: pd.DataFrame, tr: Translate = ENGLISH) -> str:
    """Return the tokens with the most weight of each of the first five texts."""
    sentences = []
    texts = list(tokens.dropna(subset=["attention"]).groupby("position"))
    for position, part in texts[:5]:
        top = part[part["attention"] > 0].nlargest(3, "attention")
        words = tr("comma").join(
            f"{text} {format_number(weight, 'weight')}"
            for text, weight in zip(drawable(top["text"], 20), top["attention"], strict=True)
        )
        name = tr("the query") if position == 0 else tr("document n", n=position)
        if words:
            sentences.append(tr("chart.attention.most", name=name, words=words))
        else:
            sentences.append(tr("chart.attention.zero", name=name))
    if len(texts) > 5:
        sentences.append(tr("chart.attention.more", number=len(texts) - 5))
    return join_texts(*sentences) or tr("chart.attention.none")


def _cells(tokens: pd.DataFrame, tr: Translate) -> pd.DataFrame:
    """Return the tokens with the name of their text, their mark, and the words in their cell."""
    shown = tokens.assign(
        sequence=np.arange(len(tokens)),
        text=drawable(tokens["text"], 40),
        name=[f"{tr('document')} {p}" if p else tr("query") for p in tokens["position"]],
        mark=[MARKS.get(state, "") for state in tokens["state"]],
        reading=[tr(f"mark.{state}") for state in tokens["state"]],
    )
    is_read = (shown["mark"] != "×") & shown["attention"].notna()
    shown["word"] = shown["mark"] + shown["text"]
    weights = pd.Series([format_number(w, "weight") for w in shown["attention"]], shown.index)
    shown["short"], shown["weight"] = weights.where(is_read, ""), weights.where(is_read, tr("none"))
    return shown
