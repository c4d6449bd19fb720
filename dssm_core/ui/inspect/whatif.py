"""What if the texts were others: edit them, and see before and after side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from dssm_core.quantities import format_number
from dssm_core.scoring import ScoredDocument, Scores
from dssm_core.towers import Side
from dssm_core.ui.common import components
from dssm_core.ui.common.language import tr
from dssm_core.ui.inspect.changes import changes_html
from dssm_core.ui.inspect.selected_pair import Chosen

FORMS = {
    "cosine": "{:.4f}",
    "logit": "{:.3f}",
    "probability": "{:.4f}",
    "rank": "{:.0f}",
    "percentile": "{:.1f}",
}


def show_whatif(chosen: Chosen) -> None:
    """Take other texts, score them, and show what changed."""
    components.show_quiet(tr("edit.note"))
    query_key, document_key = (f"inspect.edit.{side}.{chosen.key}" for side in ("q", "d"))
    st.session_state.setdefault(query_key, chosen.query)
    st.session_state.setdefault(document_key, chosen.document)
    left, right = st.columns(2, gap="medium")
    query = left.text_area(tr("query"), key=query_key, height=150, persist_state="session")
    document = right.text_area(
        tr("document"), key=document_key, height=150, persist_state="session"
    )
    st.button(
        tr("edit.reset"),
        key="inspect.edit.reset",
        on_click=_reset,
        args=(chosen, query_key, document_key),
    )
    scores = chosen.scorer.score(query or "", [document or ""])
    after = replace(scores.results[0], rank=_rank(chosen, scores))
    if (query, document) == (chosen.query, chosen.document):
        components.show_lead(tr("edit.none"))
        _show_numbers(chosen.scored, after)
        return
    _show_verdict(chosen, after)
    _show_numbers(chosen.scored, after)
    encoded = chosen.scorer.cache.encode
    edited: dict[Side, tuple[str, str]] = {
        "query": (chosen.query, query or ""),
        "document": (chosen.document, document or ""),
    }
    names: dict[Side, str] = {"query": tr("query"), "document": tr("document")}
    for side, texts in edited.items():
        old, new = encoded(texts, side)
        st.html(changes_html(tr("edit.changed", name=names[side]), old.tokens, new.tokens))
    _show_texts(chosen, scores)


def _reset(chosen: Chosen, query_key: str, document_key: str) -> None:
    st.session_state[query_key] = chosen.query
    st.session_state[document_key] = chosen.document


def _rank(chosen: Chosen, scores: Scores) -> int | None:
    """Return the edited document's rank among the set's other documents of the query."""
    cosine = scores.results[0].cosine
    if cosine is None:
        return None
    inspection = chosen.inspection
    place = int(np.flatnonzero(inspection.frame.index == chosen.line)[0])
    same = inspection.query_row == inspection.query_row[place]
    rows = np.unique(inspection.document_row[same])
    rows = rows[rows != inspection.document_row[place]]
    vector = chosen.scorer.cache.encode([scores.query.text], "query")[0].vector
    norm = float(np.linalg.norm(vector)) or 1.0
    return 1 + int((inspection.documents[rows] @ (vector / norm) > cosine).sum())


def _show_verdict(chosen: Chosen, after: ScoredDocument) -> None:
    before, now = chosen.scored.cosine, after.cosine
    if before is None or now is None:
        components.show_lead(tr("edit.unread"))
        return
    was, is_now = before >= chosen.threshold, now >= chosen.threshold
    if was != is_now:
        key = "edit.up" if is_now else "edit.down"
    else:
        key = "edit.stays up" if is_now else "edit.stays down"
    components.show_lead(tr(key, change=now - before, at=format_number(chosen.at, "probability")))


def _show_numbers(before: ScoredDocument, after: ScoredDocument) -> None:
    rows = []
    for name, form in FORMS.items():
        old, new = getattr(before, name), getattr(after, name)
        known = old is not None and new is not None
        change = form.replace(":", ":+").format(new - old) if known else ""
        rows.append([tr(name), *(_told(value, form) for value in (old, new)), change])
    columns = [tr("edit.number"), tr("edit.before"), tr("edit.after"), tr("edit.change")]
    st.dataframe(pd.DataFrame(rows, columns=columns), hide_index=True, alt=tr("edit.alt"))


def _told(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _show_texts(chosen: Chosen, scores: Scores) -> None:
    """Show the shaded texts before and after, on one scale."""
    pairs = (
        (tr("edit.before"), chosen.scores.query, chosen.scored),
        (tr("edit.after"), scores.query, scores.results[0]),
    )
    highest = components.highest_weight(
        *(tokens for _, query, document in pairs for tokens in (query.tokens, document.tokens))
    )
    for column, (when, query, document) in zip(st.columns(2, gap="medium"), pairs, strict=True):
        column.html(
            components.token_html(f"{tr('query')} · {when}", query.text, query.tokens, highest)
            + components.token_html(
                f"{tr('document')} · {when}", document.document, document.tokens, highest
            )
        )
