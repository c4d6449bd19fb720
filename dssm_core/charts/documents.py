"""What charts draw of a query's documents: which rows, their tooltips, how one is chosen."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from dssm_core.charts.base import drawable, tip, tips
from dssm_core.quantities import format_number
from dssm_core.words import ENGLISH, Translate, join_texts

SAME = alt.Key("position:Q")
"""Keeps the mark of a document when the data change, so that it moves to its new place."""

Threshold = tuple[float | None, float]
"""The threshold as (cosine, probability); no cosine where none reaches that probability."""


def known_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the documents that have a score, the best first, ties in the order given."""
    return frame[np.isfinite(frame["cosine"] + frame["probability"])].sort_values(
        ["rank", "position"]
    )


def shown_of(frame: pd.DataFrame, selected: int | None, most: int) -> pd.DataFrame:
    """Return what is drawn, the best documents and the chosen one, in the order they were given.

    In that order a chart whose data change moves each mark to its document's new place.
    """
    known = known_of(frame)
    known["chosen"] = known["position"] == selected
    shown = known[known["chosen"] | (np.arange(len(known)) < most)].copy()
    shown["document"] = drawable(shown["document"], 300)
    short = [text[:40] + "…" * (len(text) > 40) for text in shown["document"]]
    shown["row"] = np.arange(len(shown))
    shown["label"] = [f"{p} · {text}" for p, text in zip(shown["position"], short, strict=True)]
    shown["cosine_text"] = [format_number(value, "cosine") for value in shown["cosine"]]
    shown["probability_text"] = [format_number(p, "probability") for p in shown["probability"]]
    return shown.sort_values("position")


def describe_scores(frame: pd.DataFrame, threshold: Threshold, tr: Translate = ENGLISH) -> str:
    """Return the finding of the score charts in a few short sentences."""
    known = known_of(frame)
    unread = len(frame) - len(known)
    if known.empty:
        return tr("finding.none")
    best = known.iloc[0]
    alike = int((known["rank"] == best["rank"]).sum()) - 1
    return join_texts(
        tr(
            "chart.scores.shared" if alike else "chart.scores.best",
            best=int(best["position"]),
            cosine=best["cosine"],
            probability=format_number(best["probability"], "probability"),
            alike=alike,
        ),
        tr(
            "chart.scores.above",
            above=int((known["probability"] >= threshold[1]).sum()),
            number=len(known),
            at=threshold[1],
        ),
        tr("chart.scores.unread", number=unread) if unread else "",
    )


def if_chosen(then: Any, otherwise: Any) -> Any:
    """Return one value for the chosen document and another for the others."""
    return alt.condition("datum.chosen", alt.value(then), alt.value(otherwise))


def selection() -> alt.Parameter:
    """Return what a click on a document chooses, by its position."""
    # only what stands for a document can be chosen, and not the curve or the random pairs; a
    # filter's `datum` is nothing in the interpreter that Streamlit runs, hence event.item
    of_document = "event.item && event.item.datum && isValid(event.item.datum.position)"
    return alt.selection_point(name="document", fields=["position"], on=f"click[{of_document}]")


def percentiles(shown: pd.DataFrame) -> bool:
    """Return whether the model knows random pairs, and so percentiles."""
    return bool(shown["percentile"].notna().any())


def document_tips(has_percentile: bool, tr: Translate) -> dict[str, Any]:
    """Return the tooltip of a document."""
    numbers = [
        alt.Tooltip("position:Q", format="d", title="#"),
        alt.Tooltip("document:N", title=tr("document")),
        tip("cosine", "cosine", tr("cosine")),
        tip("probability", "probability", tr("probability")),
        alt.Tooltip("rank:Q", format="d", title=tr("rank")),
        tip("percentile", "percentile", tr("chart.tip.percentile")),
    ]
    return tips(*(numbers if has_percentile else numbers[:-1]))


def cut_note(frame: pd.DataFrame, shown: pd.DataFrame, tr: Translate) -> str:
    """Return how many of the documents are drawn, where it is not all."""
    known = len(known_of(frame))
    is_cut = len(shown) < known
    return tr("chart.scores.cut", shown=len(shown), number=known) if is_cut else ""
