"""What if the texts were others: edit them, and see before and after side by side."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from dssm_core.quantities import format_number
from dssm_core.scoring import ScoredDocument, Scores
from dssm_core.towers import Side
from dssm_core.ui.common import components
from dssm_core.ui.common.language import tr
from dssm_core.ui.common.tables import Column, show_table
from dssm_core.ui.inspect.changes import changes_html
from dssm_core.ui.inspect.selected_pair import SelectedPair

NUMBERS = {
    "cosine": ("cosine", "effect"),
    "logit": ("logit", "effect"),
    "probability": ("probability", "effect"),
    "rank": ("count", "moves"),
    "percentile": ("percentile", "points"),
}
"""The quantity that each number is, and the one that its change is."""


def show_whatif(pair: SelectedPair) -> None:
    """Take other texts, score them, and show what changed."""
    components.show_quiet(tr("edit.note"))
    query_key, document_key = (f"inspect.edit.{side}.{pair.key}" for side in ("q", "d"))
    st.session_state.setdefault(query_key, pair.query)
    st.session_state.setdefault(document_key, pair.document)
    left, right = st.columns(2, gap="medium")
    query = left.text_area(tr("query"), key=query_key, height=150, persist_state="session")
    document = right.text_area(
        tr("document"), key=document_key, height=150, persist_state="session"
    )
    st.button(
        tr("edit.reset"),
        key="inspect.edit.reset",
        on_click=_reset,
        args=(pair, query_key, document_key),
    )
    scores = pair.scorer.score(query or "", [document or ""])
    after = replace(scores.results[0], rank=pair.rank_of(scores))
    if (query, document) == (pair.query, pair.document):
        components.show_lead(tr("edit.none"))
        _show_numbers(pair.scored, after)
        return
    _show_verdict(pair, after)
    _show_numbers(pair.scored, after)
    encoded = pair.scorer.cache.encode
    edited: dict[Side, tuple[str, str]] = {
        "query": (pair.query, query or ""),
        "document": (pair.document, document or ""),
    }
    names: dict[Side, str] = {"query": tr("query"), "document": tr("document")}
    for side, texts in edited.items():
        old, new = encoded(texts, side)
        st.html(changes_html(tr("edit.changed", name=names[side]), old.tokens, new.tokens))
    _show_texts(pair, scores)


def _reset(pair: SelectedPair, query_key: str, document_key: str) -> None:
    st.session_state[query_key] = pair.query
    st.session_state[document_key] = pair.document


def _show_verdict(pair: SelectedPair, after: ScoredDocument) -> None:
    before, now = pair.scored.cosine, after.cosine
    if before is None or now is None:
        components.show_lead(tr("edit.unread"))
        return
    was, is_now = before >= pair.threshold, now >= pair.threshold
    if was != is_now:
        key = "edit.up" if is_now else "edit.down"
    else:
        key = "edit.stays up" if is_now else "edit.stays down"
    components.show_lead(tr(key, change=now - before, at=format_number(pair.at, "probability")))


def _show_numbers(before: ScoredDocument, after: ScoredDocument) -> None:
    rows = []
    for name, (quantity, difference) in NUMBERS.items():
        old, new = getattr(before, name), getattr(after, name)
        change = None if old is None or new is None else new - old
        numbers = (format_number(number, quantity) for number in (old, new))
        rows.append([tr(name), *numbers, format_number(change, difference)])
    names = [tr("edit.number"), tr("edit.before"), tr("edit.after"), tr("edit.change")]
    show_table(
        pd.DataFrame(rows, columns=names), {name: Column(name) for name in names}, tr("edit.alt")
    )


def _show_texts(pair: SelectedPair, scores: Scores) -> None:
    """Show the shaded texts before and after."""
    versions = (
        (tr("edit.before"), pair.scores.query, pair.scored),
        (tr("edit.after"), scores.query, scores.results[0]),
    )
    for column, (when, query, document) in zip(st.columns(2, gap="medium"), versions, strict=True):
        column.html(
            components.token_html(f"{tr('query')} · {when}", query.text, query.tokens)
            + components.token_html(
                f"{tr('document')} · {when}", document.document, document.tokens
            )
        )
