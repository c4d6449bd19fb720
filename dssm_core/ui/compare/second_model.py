"""A second model beside the first, for the same query and documents."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dssm_core import charts
from dssm_core.folder import ModelFolder
from dssm_core.scoring import Scorer
from dssm_core.ui.common import components, theme
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.common.models import pick_second, second_scorer
from dssm_core.ui.common.tables import Column, show_table
from dssm_core.ui.compare.result import ResultView

NUMBERS = {"cosine": "cosine", "probability": "probability", "rank": "count"}
"""What is shown of each model, with the quantity that it is."""


def show_second(view: ResultView, folders: dict[str, ModelFolder]) -> None:
    """Offer another model for the same texts, and show both side by side."""
    others = [name for name in folders if name != view.folder.name]
    if not others:
        return
    st.header(tr("second"), anchor=False)
    name = pick_second(others, "compare.second", tr("second.help"))
    scorer = second_scorer(folders[name], tr("waiting")) if name else None
    if scorer:
        _show_both(view, scorer)


def _show_both(view: ResultView, scorer: Scorer) -> None:
    texts = [result.document for result in view.scores.results]
    mine, other = view.frame, scorer.score(view.scores.query.text, texts).frame()
    names = view.folder.name, scorer.folder.name
    both = pd.concat([mine.assign(model=names[0]), other.assign(model=names[1])])
    chart = charts.slope_chart(both, ink=theme.ink(), tr=translator())
    components.show_chart(chart, "compare.slope")
    joined = mine[["position", "document", *NUMBERS]].merge(
        other[["position", *NUMBERS]], on="position", suffixes=("", " 2")
    )
    joined = joined.sort_values(
        "rank", key=lambda rank: -(rank - joined["rank 2"]).abs(), kind="stable"
    )
    columns = {"position": Column("#", "count"), "document": Column(tr("document"))}
    for suffix, model in zip(("", " 2"), names, strict=True):
        for number, quantity in NUMBERS.items():
            columns[number + suffix] = Column(f"{tr(number)} · {model}", quantity)
    show_table(joined, columns, tr("second"), width="stretch")
