"""Why a document scores as it does: what each token adds, and what a second model says."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dssm_core import charts, explain
from dssm_core.folder import ModelFolder
from dssm_core.scoring import ScoredDocument, Scorer
from dssm_core.towers import Side
from dssm_core.ui.common import components, state
from dssm_core.ui.common.jobs import wait_for_model
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.compare.result import Shown

PART, ALIKE = 0.3, 0.6
"""Rank agreements of attention and effect between which they agree in part."""


def show_effects(shown: Shown, scorer: Scorer) -> None:
    """Show the effect of every token of query and chosen document, and how attention compares."""
    st.header(tr("effects"), anchor=False)
    chosen = shown.scores.results[shown.selected - 1]
    titles = (tr("query"), f"{tr('document')} {shown.selected}")
    show_pair_effects(scorer, shown.scores.query.text, chosen, titles, "compare.effects")


def show_pair_effects(
    scorer: Scorer, query: str, scored: ScoredDocument, titles: tuple[str, str], key: str
) -> None:
    """Show the effects of both texts of a pair, on one scale, with attention beside them.

    Args:
        scorer: the model.
        query: the query's text.
        scored: the document, with its numbers for that query.
        titles: of the query's chart and the document's.
        key: what the charts' keys start with.
    """
    components.show_quiet(tr("effects.note"))
    if scored.cosine is None:
        components.show_message("note", tr("nothing"))
        return
    sides: tuple[Side, Side] = ("query", "document")
    both = [
        explain.effects(scorer.cache, scorer.head, query, scored.document, side) for side in sides
    ]
    reach = max((abs(token.cosine) for found in both for token in found.tokens), default=0.0)
    for found, title, column in zip(both, titles, st.columns(2, gap="medium"), strict=True):
        with column:
            chart = charts.effects_chart(
                found.frame(), title=title, reach=reach, ink=components.ink(), tr=translator()
            )
            components.show_chart(chart, f"{key}.{found.side}")
            agreement = found.agreement()
            if agreement is not None:
                components.show_quiet(tr(_verdict(agreement), agreement=agreement))


def _verdict(agreement: float) -> str:
    if agreement < PART:
        return "effects.part"
    return "effects.agree" if agreement >= ALIKE else "effects.partly"


def show_second(shown: Shown, folders: dict[str, ModelFolder]) -> None:
    """Offer another model for the same texts, and show both side by side."""
    others = [name for name in folders if name != shown.folder.name]
    if not others:
        return
    st.header(tr("second"), anchor=False)
    name = st.selectbox(
        tr("second.pick"),
        others,
        index=None,
        key="compare.second",
        placeholder=tr("none"),
        help=tr("second.help"),
        persist_state="session",
    )
    if name is None:
        return
    live = state.live_model(folders[name])
    live.start()
    if live.error:
        components.show_error(live.error)
    elif live.scorer is None:
        wait_for_model(live, tr("waiting"))
    else:
        _show_both(shown, live.scorer)


def _show_both(shown: Shown, scorer: Scorer) -> None:
    texts = [result.document for result in shown.scores.results]
    other = scorer.score(shown.scores.query.text, texts).frame()
    mine = shown.frame
    both = pd.concat([mine.assign(model=shown.folder.name), other.assign(model=scorer.folder.name)])
    chart = charts.slope_chart(both, ink=components.ink(), tr=translator())
    st.altair_chart(chart, width="stretch", key="compare.slope")
    numbers = ["cosine", "probability", "rank"]
    joined = mine[["position", "document", *numbers]].merge(
        other[["position", *numbers]], on="position", suffixes=("", " 2")
    )
    joined["document"] = joined["document"].str.slice(0, 500)
    joined = joined.sort_values(
        "rank", key=lambda rank: -(rank - joined["rank 2"]).abs(), kind="stable"
    )
    document = st.column_config.TextColumn(tr("document"))
    config: dict[str, Any] = {"position": "#", "document": document}
    for suffix, model in (("", shown.folder.name), (" 2", scorer.folder.name)):
        for number in numbers:
            form = "%d" if number == "rank" else "%.4f"
            label = f"{tr(number)} · {model}"
            config[number + suffix] = st.column_config.NumberColumn(label, format=form)
    st.dataframe(joined, hide_index=True, width="stretch", column_config=config)
