"""Why one document stands above another for a query, and what would turn them round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from dssm_core import charts, explain
from dssm_core.explain import Comparison
from dssm_core.inspection.neighbours import nearest
from dssm_core.ui.common import components
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.inspect.changes import changes_html
from dssm_core.ui.inspect.selected_pair import Chosen
from dssm_core.words import join_texts

MOST_RIVALS = 200
"""Documents offered to compare with."""
MOST_WORDS = 3
"""Words named in the sentence on the gap."""


@dataclass(frozen=True)
class _Rival:
    text: str
    cosine: float
    label: int | None  # None: the set has no such pair


def show_rivals(chosen: Chosen) -> None:
    """Offer the query's other documents, and show why the one of the two is above the other."""
    if chosen.scored.cosine is None:
        components.show_message("note", tr("nothing"))
        return
    rivals = _rivals(chosen)
    if not rivals:
        components.show_message("note", tr("rivals.none"))
        return
    number = st.selectbox(
        tr("rivals.pick"),
        range(len(rivals)),
        index=_first(chosen, rivals),
        format_func=lambda i: _told(rivals[i]),
        key=f"inspect.rival.{chosen.key}",
        help=tr("rivals.help"),
    )
    rival = rivals[number or 0]
    # this document is called A where it is above, and B where it is below
    is_above = chosen.scored.cosine >= rival.cosine
    pair = (chosen.document, rival.text) if is_above else (rival.text, chosen.document)
    with st.spinner(tr("rivals.wait")):
        found = explain.compare(chosen.scorer.cache, chosen.scorer.head, chosen.query, *pair)
    this, that = tr("rivals.this"), tr("rivals.that")
    names = (this, that) if is_above else (that, this)
    components.show_lead(_gap(found, names))
    components.show_quiet(_holds(found))
    _show_flip(chosen, found, pair, names)
    _show_charts(chosen, found, names)


def _rivals(chosen: Chosen) -> list[_Rival]:
    """Return the set's other documents of the query, then near ones that it has no label for."""
    others = chosen.others().dropna(subset=["cosine"]).head(MOST_RIVALS)
    found = [
        _Rival(text, float(cosine), int(label))
        for text, cosine, label in others[["document", "cosine", "label"]].itertuples(index=False)
    ]
    known = {chosen.document, *(rival.text for rival in found)}
    near = nearest(chosen.inspection, chosen.line, "query", "document", 10)
    found += [
        _Rival(text, float(cosine), None)
        for text, cosine in near[["text", "cosine"]].itertuples(index=False)
        if text not in known
    ]
    return found


def _first(chosen: Chosen, rivals: list[_Rival]) -> int:
    """Return the best rival on the wrong side of this document, or else the best of all."""
    cosine = chosen.scored.cosine or 0.0
    for number, rival in enumerate(rivals):
        above = rival.cosine > cosine
        if rival.label is not None and rival.label != chosen.label and above == bool(chosen.label):
            return number
    return 0


def _told(rival: _Rival) -> str:
    keys = {1: "pair.relevant", 0: "pair.not relevant", None: "rivals.unlabelled"}
    text = " ".join(rival.text[:160].split())
    return f"{rival.cosine:.3f} · {tr(keys[rival.label])} · {text}"


def _gap(found: Comparison, names: tuple[str, str]) -> str:
    if abs(found.gap) < 5e-5:
        return tr("rivals.level")
    return tr("rivals.gap", higher=names[0], lower=names[1], gap=found.gap)


def _holds(found: Comparison) -> str:
    """Return which of the query's words hold the gap open, and which would close it."""
    frame = found.query.frame()
    frame = frame[frame["state"].isin(["seen", "letters"])].sort_values("cosine")
    opens = frame[frame["cosine"] > 5e-4].iloc[::-1].head(MOST_WORDS)
    closes = frame[frame["cosine"] < -5e-4].head(MOST_WORDS)
    told = []
    for key, words in (("rivals.open", opens), ("rivals.close", closes)):
        if len(words):
            named = zip(words["text"], words["cosine"], strict=True)
            told.append(tr(key, words=tr("comma").join(f"“{w}” {e:+.3f}" for w, e in named)))
    return join_texts(*told) or tr("rivals.no word")


def _show_flip(
    chosen: Chosen, found: Comparison, pair: tuple[str, str], names: tuple[str, str]
) -> None:
    flip = found.flip
    if flip is None:
        components.show_message("note", tr("rivals.no flip", most=explain.MOST_EDITS))
        return
    place = tr("the query") if flip.where == "query" else names[0]
    words = tr("comma").join(f"“{word}”" for word in flip.tokens)
    components.show_message(
        "note",
        tr("rivals.flip", words=words, place=place, lower=names[1], gap=-flip.gap),
    )
    text = chosen.query if flip.where == "query" else pair[0]
    before, after = chosen.scorer.cache.encode([text, flip.edited], flip.where)
    st.html(changes_html(tr("rivals.edited"), before.tokens, after.tokens))


def _show_charts(chosen: Chosen, found: Comparison, names: tuple[str, str]) -> None:
    drawn = (
        (tr("rivals.query"), found.query),
        (tr("rivals.effects", name=names[0]), found.higher),
        (tr("rivals.effects", name=names[1]), found.lower),
    )
    reach = max((abs(t.cosine) for _, one in drawn[1:] for t in one.tokens), default=0.0)
    first, *rest = drawn
    columns = [st.container(), *st.columns(2, gap="medium")]
    for number, ((title, one), column) in enumerate(zip((first, *rest), columns, strict=True)):
        frame = one.frame()
        if number == 0:  # the gap is not what attention weighs
            frame = frame.assign(attention=np.nan)
        with column:
            chart = charts.effects_chart(
                frame,
                title=title,
                reach=reach if number else 0.0,
                ink=components.ink(),
                tr=translator(),
            )
            components.show_chart(chart, f"inspect.rivals.{number}.{chosen.key}")
