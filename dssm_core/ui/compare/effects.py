"""Why a document scores as it does: what each token adds."""

from __future__ import annotations

import streamlit as st

from dssm_core import charts, explain
from dssm_core.card import trust_sentence
from dssm_core.scoring import ScoredDocument, Scorer
from dssm_core.towers import Side, can_encode_any
from dssm_core.ui.common import components, theme
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.compare.result import ResultView

PART, ALIKE = 0.3, 0.6
"""Rank agreements of attention and effect between which they agree in part."""


def show_effects(view: ResultView, scorer: Scorer) -> None:
    """Show the effect of every token of query and chosen document, and how attention compares."""
    st.header(tr("effects"), anchor=False)
    chosen = view.scores.results[view.selected - 1]
    titles = (tr("query"), f"{tr('document')} {view.selected}")
    show_pair_effects(scorer, view.scores.query.text, chosen, titles, "compare.effects")


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
    if not can_encode_any(scorer.cache):
        components.show_message("note", tr("effects.no encoder"))
        return
    components.show_quiet(tr("effects.note"))
    if scored.cosine is None:
        components.show_message("note", tr("nothing"))
        return
    if trust := trust_sentence(scorer.folder, translator()):
        components.show_quiet(trust)
    sides: tuple[Side, Side] = ("query", "document")
    both = [
        explain.effects(scorer.cache, scorer.head, query, scored.document, side) for side in sides
    ]
    reach = max((abs(token.cosine) for effects in both for token in effects.tokens), default=0.0)
    for effects, title, column in zip(both, titles, st.columns(2, gap="medium"), strict=True):
        with column:
            chart = charts.effects_chart(
                effects.frame(), title=title, reach=reach, ink=theme.ink(), tr=translator()
            )
            components.show_chart(chart, f"{key}.{effects.side}")
            agreement = effects.agreement()
            if agreement is not None:
                components.show_quiet(tr(_verdict(agreement), agreement=agreement))


def _verdict(agreement: float) -> str:
    if agreement < PART:
        return "effects.part"
    return "effects.agree" if agreement >= ALIKE else "effects.partly"
