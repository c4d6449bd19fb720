"""Why a document scores as it does: which word met which, and what each word adds."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dssm_core import charts, explain
from dssm_core.card import trust_sentence
from dssm_core.scoring import ScoredDocument, Scorer
from dssm_core.text import READ_STATES
from dssm_core.towers import Side, can_encode_any
from dssm_core.ui.common import components, drawings, theme
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.compare.result import ResultView
from dssm_core.words import join_texts

PART, ALIKE = 0.3, 0.6
"""Rank agreements of attention and effect between which they agree in part."""

STRONGEST = 8
"""Words of a text whose effects are shown at once; the others are folded."""


def show_reason(view: ResultView, scorer: Scorer, sentence: DeltaGenerator) -> None:
    """Show which words met, and what each word adds.

    Args:
        view: what is on screen.
        scorer: the model.
        sentence: where the pairs of words that the match rests on are named.
    """
    chosen = view.scores.results[view.selected - 1]
    query = view.scores.query.text
    is_open = can_encode_any(scorer.cache) and chosen.cosine is not None
    if is_open:
        pairs = explain.interactions(scorer.cache, query, chosen.document)
        with sentence:
            components.show_reason(charts.describe_interactions(pairs, translator()))
        st.header(tr("interactions"), anchor=False)
        show_interactions(pairs, "compare")
        show_decomposition(scorer, query, chosen.document, pairs, "compare")
    st.header(tr("effects"), anchor=False)
    titles = (tr("query"), f"{tr('document')} {view.selected}")
    show_pair_effects(scorer, query, chosen, titles, "compare.effects")


def show_interactions(pairs: pd.DataFrame, key: str) -> None:
    """Show which word of the query met which of the document.

    Args:
        pairs: as `explain.interactions` returns them.
        key: what the charts' keys start with.
    """
    components.show_quiet(tr("interactions.note"))
    links, cells = st.columns([5, 7], gap="medium")
    with links:
        drawing = charts.word_links(pairs, ink=theme.ink(), tr=translator())
        drawings.show_chart(drawing, f"{key}.links", is_moving=True)
    with cells:
        drawing = charts.interaction_map(pairs, ink=theme.ink(), tr=translator())
        drawings.show_chart(drawing, f"{key}.interactions", is_moving=True)


def show_decomposition(
    scorer: Scorer, query: str, document: str, pairs: pd.DataFrame, key: str
) -> None:
    """Show where the cosine sits, word by word, for encoders whose vectors are sums of words.

    Args:
        scorer: the model.
        query: the query's text.
        document: the document's text.
        pairs: the interactions of the same texts, as `explain.interactions` returns them.
        key: what the chart's key starts with.
    """
    found = explain.decomposition(scorer.cache, query, document)
    if found is None:
        return
    agreement = found.agreement(pairs)
    said = tr("decomposition.note", special=found.special, cosine=found.cosine)
    if agreement is not None:
        said = join_texts(said, tr("decomposition.agreement", agreement=agreement))
    with st.expander(tr("decomposition")):
        components.show_quiet(said)
        drawing = charts.interaction_map(
            found.pairs,
            title=tr("decomposition"),
            reads_as=tr("decomposition.reads"),
            ink=theme.ink(),
            tr=translator(),
        )
        drawings.show_chart(drawing, f"{key}.decomposition")


def show_pair_effects(
    scorer: Scorer, query: str, scored: ScoredDocument, titles: tuple[str, str], key: str
) -> None:
    """Show the effects of both texts of a pair, on one scale, with how attention agrees.

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
            _show_effects(effects, title, reach, f"{key}.{effects.side}")


def _show_effects(effects: explain.Effects, title: str, reach: float, key: str) -> None:
    """Show the strongest effects of a text, and on demand all of them."""
    number = sum(token.state in READ_STATES for token in effects.tokens)
    draw = partial(charts.effects_chart, effects.frame(), title=title, reach=reach, tr=translator())
    drawing = draw(most=STRONGEST, ink=theme.ink())
    drawings.show_chart(drawing, key, is_moving=True)
    agreement = effects.agreement()
    verdict = "" if agreement is None else tr(_verdict(agreement), agreement=agreement)
    components.show_quiet(join_texts(drawing.more["description"], verdict))
    if number > STRONGEST:
        components.show_folded(
            tr("effects.all", number=number),
            f"{key}.folded",
            lambda: drawings.show_chart(draw(ink=theme.ink()), f"{key}.all", is_moving=True),
        )


def _verdict(agreement: float) -> str:
    if agreement < PART:
        return "effects.part"
    return "effects.agree" if agreement >= ALIKE else "effects.partly"
