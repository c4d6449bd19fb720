"""What charts draw of a query's documents: which rows, their tooltips, how one is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from dssm_core.charts.base import Row, Tip, drawable, rows, tips
from dssm_core.quantities import format_number
from dssm_core.words import ENGLISH, Translate, join_texts, shortened

SAME = alt.Key("position:Q")
"""Keeps the mark of a document when the data change, so that it moves to its new place."""

Threshold = tuple[float | None, float]
"""The threshold as (cosine, probability); no cosine where none reaches that probability."""


@dataclass(frozen=True)
class Documents:
    """What a chart tells of a query's documents.

    Attributes:
        known: those that have a score, the best first, ties in the order given.
        number: of all documents.
    """

    known: Sequence[Row]
    number: int

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Documents:
        """Return the documents of a frame with columns cosine, probability, rank and position."""
        known = [
            row
            for row in rows(frame)
            if row["cosine"] is not None and row["probability"] is not None
        ]
        return cls(sorted(known, key=lambda row: (row["rank"], row["position"])), len(frame))

    def shown(self, selected: int | None, most: int) -> list[Row]:
        """Return what is drawn, the best ones and the chosen one, in the order they were given.

        In that order a chart whose data change moves each mark to its document's new place.
        """
        rest = [row for row in self.known[most:] if row["position"] == selected]
        shown = []
        for place, row in enumerate([*self.known[:most], *rest]):
            (text,) = drawable([row["document"]], 300)
            shown.append(
                row
                | {
                    "document": text,
                    "chosen": row["position"] == selected,
                    "row": place,
                    "label": f"{row['position']} · {shortened(text, 41)}",
                    "cosine_text": format_number(row["cosine"], "cosine"),
                    "probability_text": format_number(row["probability"], "probability"),
                }
            )
        return sorted(shown, key=lambda row: row["position"])

    def cut_note(self, most: int, tr: Translate) -> str:
        """Return how many of the documents are drawn, where it is not all."""
        number = len(self.known)
        return tr("chart.scores.cut", shown=most, number=number) if most < number else ""

    def describe(self, threshold: Threshold, tr: Translate = ENGLISH) -> str:
        """Return the finding of the score charts in a few short sentences."""
        if not self.known:
            return tr("finding.none")
        best, unread = self.known[0], self.number - len(self.known)
        alike = sum(row["rank"] == best["rank"] for row in self.known) - 1
        return join_texts(
            tr(
                "chart.scores.shared" if alike else "chart.scores.best",
                best=best["position"],
                cosine=best["cosine"],
                probability=format_number(best["probability"], "probability"),
                alike=alike,
            ),
            tr(
                "chart.scores.above",
                above=sum(row["probability"] >= threshold[1] for row in self.known),
                number=len(self.known),
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


def percentiles(shown: Sequence[Row]) -> bool:
    """Return whether the model knows random pairs, and so percentiles."""
    return any(row["percentile"] is not None for row in shown)


def document_tips(has_percentile: bool, tr: Translate) -> dict[str, Any]:
    """Return the tooltip of a document."""
    numbers = [
        Tip("position", "#", "count"),
        Tip("document", tr("document")),
        Tip("cosine", tr("cosine"), "cosine"),
        Tip("probability", tr("probability"), "probability"),
        Tip("rank", tr("rank"), "count"),
        Tip("percentile", tr("chart.tip.percentile"), "percentile"),
    ]
    return tips(*(numbers if has_percentile else numbers[:-1]))
