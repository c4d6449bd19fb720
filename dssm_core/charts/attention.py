"""Attention weights, in words."""

from __future__ import annotations

import pandas as pd

from dssm_core.charts.base import drawable
from dssm_core.quantities import format_number
from dssm_core.words import ENGLISH, Translate, join_texts


def describe_attention(tokens: pd.DataFrame, tr: Translate = ENGLISH) -> str:
    """Return the words with the most weight, at most three of each text, in a sentence a text.

    Frame columns: position (0 is the query), text, attention.

    Args:
        tokens: one row a token of one or more texts.
        tr: gives the texts.
    """
    sentences = []
    for position, part in tokens.dropna(subset=["attention"]).groupby("position"):
        top = part[part["attention"] > 0].nlargest(3, "attention")
        words = tr("comma").join(
            f"{text} {format_number(weight, 'weight')}"
            for text, weight in zip(drawable(top["text"], 20), top["attention"], strict=True)
        )
        name = tr("the query") if position == 0 else tr("document n", n=position)
        if words:
            sentences.append(tr("chart.attention.most", name=name, words=words))
    return join_texts(*sentences)
