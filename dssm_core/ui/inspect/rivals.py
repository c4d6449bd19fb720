"""Why one document stands above another for a query, and what would turn them round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from dssm_core import charts, explain
from dssm_core.explain import Comparison
from dssm_core.inspection.neighbours import nearest
from dssm_core.quantities import format_number
from dssm_core.text import READ_STATES
from dssm_core.ui.common import components, drawings, theme
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.inspect.changes import changes_html
from dssm_core.ui.inspect.selected_pair import SelectedPair
from dssm_core.words import join_texts

MAX_RIVALS = 200
"""Documents offered to compare with."""
MAX_WORDS = 3
"""Words named in the sentence on the gap."""


@dataclass(frozen=True)
class _Rival:
    text: str
    cosine: float
    label: int | None  # None: the set has no such texts


def show_rivals(pair: SelectedPair) -> None:
    """Offer the query's other documents, and show why the one of the two is above the other."""
    if pair.scored.cosine is None:
        components.show_message("note", tr("nothing"))
        return
    rivals = _rivals(pair)
    if not rivals:
        components.show_message("note", tr("rivals.none"))
        return
    number = st.selectbox(
        tr("rivals.pick"),
        range(len(rivals)),
        index=_first(pair, rivals),
        format_func=lambda i: _option(rivals[i]),
        key=f"inspect.rival.{pair.key}",
        help=tr("rivals.help"),
    )
    rival = rivals[number or 0]
    # this document is called A where it is above, and B where it is below
    is_above = pair.scored.cosine >= rival.cosine
    texts = (pair.document, rival.text) if is_above else (rival.text, pair.document)
    with st.spinner(tr("rivals.wait")):
        comparison = explain.compare(pair.scorer.cache, pair.scorer.head, pair.query, *texts)
    this, that = tr("rivals.this"), tr("rivals.that")
    names = (this, that) if is_above else (that, this)
    components.show_lead(_gap(comparison, names))
    components.show_quiet(_holds(comparison))
    _show_flip(pair, comparison, texts, names)
    _show_charts(pair, comparison, names)


def _rivals(pair: SelectedPair) -> list[_Rival]:
    """Return the set's other documents of the query, then near ones that it has no label for."""
    others = pair.others().dropna(subset=["cosine"]).head(MAX_RIVALS)
    rivals = [
        _Rival(text, float(cosine), int(label))
        for text, cosine, label in others[["document", "cosine", "label"]].itertuples(index=False)
    ]
    known = {pair.document, *(rival.text for rival in rivals)}
    near = nearest(pair.inspection, pair.line, "query", "document", 10)
    rivals += [
        _Rival(text, float(cosine), None)
        for text, cosine in near[["text", "cosine"]].itertuples(index=False)
        if text not in known
    ]
    return rivals


def _first(pair: SelectedPair, rivals: list[_Rival]) -> int:
    """Return the best rival on the wrong side of this document, or else the best of all."""
    cosine = pair.scored.cosine or 0.0
    for number, rival in enumerate(rivals):
        above = rival.cosine > cosine
        if rival.label is not None and rival.label != pair.label and above == bool(pair.label):
            return number
    return 0


def _option(rival: _Rival) -> str:
    keys = {1: "pair.relevant", 0: "pair.not relevant", None: "rivals.unlabelled"}
    text = " ".join(rival.text[:160].split())
    return f"{format_number(rival.cosine, 'cosine')} · {tr(keys[rival.label])} · {text}"


def _gap(comparison: Comparison, names: tuple[str, str]) -> str:
    if abs(comparison.gap) < 5e-5:
        return tr("rivals.level")
    return tr("rivals.gap", higher=names[0], lower=names[1], gap=comparison.gap)


def _holds(comparison: Comparison) -> str:
    """Return which of the query's words hold the gap open, and which would close it."""
    frame = comparison.query.frame()
    frame = frame[frame["state"].isin(READ_STATES)].sort_values("cosine")
    opens = frame[frame["cosine"] > 5e-4].iloc[::-1].head(MAX_WORDS)
    closes = frame[frame["cosine"] < -5e-4].head(MAX_WORDS)
    sentences = []
    for key, words in (("rivals.open", opens), ("rivals.close", closes)):
        if len(words):
            named = zip(words["text"], words["cosine"], strict=True)
            quoted = (f"“{word}” {format_number(effect, 'effect')}" for word, effect in named)
            sentences.append(tr(key, words=tr("comma").join(quoted)))
    return join_texts(*sentences) or tr("rivals.no word")


def _show_flip(
    pair: SelectedPair, comparison: Comparison, texts: tuple[str, str], names: tuple[str, str]
) -> None:
    flip = comparison.flip
    if flip is None:
        components.show_message("note", tr("rivals.no flip", most=explain.MOST_EDITS))
        return
    text_name = tr("the query") if flip.where == "query" else names[0]
    words = tr("comma").join(f"“{word}”" for word in flip.tokens)
    components.show_message(
        "note",
        tr("rivals.flip", words=words, place=text_name, lower=names[1], gap=-flip.gap),
    )
    text = pair.query if flip.where == "query" else texts[0]
    before, after = pair.scorer.cache.encode([text, flip.edited], flip.where)
    st.html(changes_html(tr("rivals.edited"), before.tokens, after.tokens))


def _show_charts(pair: SelectedPair, comparison: Comparison, names: tuple[str, str]) -> None:
    drawn = (
        (tr("rivals.query"), comparison.query),
        (tr("rivals.effects", name=names[0]), comparison.higher),
        (tr("rivals.effects", name=names[1]), comparison.lower),
    )
    reach = max((abs(t.cosine) for _, one in drawn[1:] for t in one.tokens), default=0.0)
    columns = [st.container(), *st.columns(2, gap="medium")]
    for number, ((title, one), column) in enumerate(zip(drawn, columns, strict=True)):
        frame = one.frame()
        if number == 0:  # the gap is not what attention weighs
            frame = frame.assign(attention=np.nan)
        with column:
            chart = charts.effects_chart(
                frame,
                title=title,
                reach=reach if number else 0.0,
                ink=theme.ink(),
                tr=translator(),
            )
            drawings.show_chart(chart, f"inspect.rivals.{number}.{pair.key}")
