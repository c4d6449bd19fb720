"""What all charts share: colours, words, and texts made safe to draw."""

from __future__ import annotations

import re
from collections.abc import Iterable

import altair as alt

COSINE, PROBABILITY, CHOSEN, QUIET = "#0072B2", "#D55E00", "#CC79A7", "#7A7F87"
PALETTE = {"cosine": COSINE, "probability": PROBABILITY, "chosen": CHOSEN, "quiet": QUIET}
"""Okabe and Ito's colours, for colour-blind readers too, and a grey that shows on both themes."""

INK = "#1B2430"
"""Text inside a chart on a light page."""

_UNDRAWABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")

Chart = alt.LayerChart | alt.FacetChart


def drawable(texts: Iterable[str], most: int) -> list[str]:
    """Return texts cut short, without what XML cannot hold: it ends the process of vl-convert."""
    return [_UNDRAWABLE.sub(" ", text[:most]) for text in texts]


def in_words(probability: float) -> str:
    """Return three decimals, but never a 0 or 1 that is there by rounding only."""
    if 0.0005 <= probability < 0.9995:
        return f"{probability:.3f}"
    return "<0.001" if probability < 0.5 else ">0.999"


def headline(text: str, *reads_as: str, ink: str = QUIET) -> alt.TitleParams:
    """Return a chart's title with lines below it that say how to read it."""
    lines = [line for line in reads_as if line]
    return alt.Title(text, subtitle=lines, subtitleColor=ink)
