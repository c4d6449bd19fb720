"""Attention weights, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dssm_core.charts.base import drawable
from dssm_core.quantities import format_number
from dssm_core.towers import ScoredToken
from dssm_core.words import ENGLISH, Translate, join_texts


def describe_attention(texts: Mapping[str, Sequence[ScoredToken]], tr: Translate = ENGLISH) -> str:
    """Return the words with the most weight, at most three of each text, in a sentence a text.

    Args:
        texts: tokens of one or more texts, by what a text is called.
        tr: gives the words of the sentence.
    """
    sentences = []
    for name, tokens in texts.items():
        weighed = [(token.text, token.attention) for token in tokens if token.attention]
        top = sorted(weighed, key=lambda one: -one[1])[:3]
        words = tr("comma").join(
            f"{drawable([text], 20)[0]} {format_number(weight, 'weight')}" for text, weight in top
        )
        if words:
            sentences.append(tr("chart.attention.most", name=name, words=words))
    return join_texts(*sentences)
