"""Find candidates: what a corpus holds nearest to the typed query, by the model and by BM25."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import streamlit as st

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.scoring import Scorer
from dssm_core.search.nearest import Hit, Near, index_command
from dssm_core.ui.common import components, state
from dssm_core.ui.common.language import tr
from dssm_core.ui.common.work import Job, wait_for
from dssm_core.ui.compare import inputs
from dssm_core.ui.compare.corpora import Corpus, search_of
from dssm_core.words import shortened

By = Literal["cosine", "bm25"]

NUMBER = 10
"""Documents in each list."""

MAX_MISSED = 3
"""Documents judged relevant that are shown below a list which they did not reach."""

MAX_SHOWN = 600
"""Characters of a document that are shown."""

PATIENCE = 0.4
"""Seconds that a repaint waits for work in the background before it says what is going on."""


def show_button() -> None:
    """Show the button that opens the candidates."""
    st.button(tr("find"), key="compare.find", on_click=_open, args=(True,))


def _open(is_open: bool) -> None:
    st.session_state["compare.find.open"] = is_open


def show(folder: ModelFolder, live: state.LiveModel, request: inputs.ScoreRequest) -> None:
    """Show the candidates of the typed query while they are open, and the way back after."""
    if st.session_state.get("compare.find.open"):
        with st.container(border=True):
            _show_head()
            if not request.query.strip():
                components.show_message("warning", tr("error.query"))
            elif len(request.query) > inputs.MAX_TEXT:
                components.show_message("warning", request.trouble() or "")
            else:
                _show_open(folder, live, request)
    elif st.session_state.get("compare.before"):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(width="content"):
                components.show_quiet(tr("find.filled"))
            st.button(tr("find.back"), key="compare.find.back", on_click=inputs.swap_documents)


def _show_head() -> None:
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.header(tr("find.title"), anchor=False, width="content")
        st.button(
            tr("find.close"),
            key="compare.find.close",
            on_click=_open,
            args=(False,),
            type="tertiary",
        )


def _show_open(folder: ModelFolder, live: state.LiveModel, request: inputs.ScoreRequest) -> None:
    search = search_of(folder)
    if not search.corpus.wait(PATIENCE):
        wait_for(search.corpus, "find.reading")
    elif search.corpus.value:
        vectors = search.encode(live.scorer, search.corpus.value) if live.scorer else None
        if vectors:
            vectors.wait(PATIENCE)
        _show_lists(live, request, search.corpus.value, vectors)
    elif search.corpus.error:
        components.show_error(search.corpus.error)


@st.fragment
def _show_lists(
    live: state.LiveModel,
    request: inputs.ScoreRequest,
    corpus: Corpus,
    vectors: Job[Near] | None,
) -> None:
    """Show both lists, and what to do with them; a tick paints no more than this."""
    if corpus.trouble:
        components.show_error(corpus.trouble)
    judged = corpus.own.judged(request.query)
    components.show_quiet(_judged(judged))
    actions = st.container()
    left, right = st.columns(2, gap="medium")
    with left:
        st.subheader(tr("find.by.model"), anchor=False)
        near, far = _by_model(live, request.query, vectors, judged)
    words = corpus.words
    alike = words.nearest(request.query, NUMBER)
    missed = _missed(judged, alike, lambda document: words.locate(request.query, document))
    both = {one.document for one in near} & {one.document for one in alike}
    with left:
        ticked = _show_list("cosine", near, far, judged, both)
    with right:
        st.subheader(tr("find.by.words"), anchor=False)
        components.show_quiet(tr("find.words.over", number=words.number))
        if not alike:
            components.show_message("note", tr("find.no words"))
        ticked += _show_list("bm25", alike, missed, judged, both)
    with actions:
        every = [one.document for one in (*near, *alike)]
        _show_actions(request, ticked, list(dict.fromkeys(every)), len(both) if near else None)


def _judged(judged: Mapping[str, int]) -> str:
    if not judged:
        return tr("find.unjudged")
    relevant = sum(judged.values())
    return tr("find.judged", relevant=relevant, irrelevant=len(judged) - relevant)


def _by_model(
    live: state.LiveModel,
    query: str,
    vectors: Job[Near] | None,
    judged: Mapping[str, int],
) -> tuple[list[Hit], list[Hit]]:
    """Return what lies nearest, and what was missed; nothing, and say why, while there is none."""
    search = vectors.value if vectors else None
    if live.error:
        components.show_message("note", tr("failed"))
    elif live.scorer is None or vectors is None:
        components.show_quiet(tr("find.waiting"), is_wait=True)
    elif vectors.error:
        components.show_error(vectors.error)
    elif search is None:
        wait_for(vectors, "find.encoding")
    else:
        return _nearest(live.scorer, query, search, judged)
    return [], []


def _nearest(
    scorer: Scorer, query: str, search: Near, judged: Mapping[str, int]
) -> tuple[list[Hit], list[Hit]]:
    said = {"number": search.number, "recall": search.recall, "engine": search.engine}
    components.show_quiet(tr("find.exact" if search.recall is None else "find.approximate", **said))
    encoded = scorer.cache.encode([query], "query")[0]
    if not encoded.is_readable:
        components.show_message("note", tr("error.query.unread"))
        return [], []
    if search.width != len(encoded.vector):  # its fingerprint is right, so it was made by a mistake
        widths = f"{search.width} ≠ {len(encoded.vector)}"
        command = index_command(scorer.folder)
        components.show_error(
            UserError("index.other width", widths, engine=search.engine, command=command)
        )
        return [], []
    near = search.nearest(encoded.vector, NUMBER)
    far = _missed(judged, near, lambda document: search.locate(encoded.vector, document))
    # as Score will show them: an index's vectors are rounded to float16
    results = scorer.score(query, [one.document for one in (*near, *far)]).results
    exact = [
        replace(one, number=one.number if result.cosine is None else result.cosine)
        for one, result in zip((*near, *far), results, strict=True)
    ]
    return exact[: len(near)], exact[len(near) :]


def _missed(
    judged: Mapping[str, int],
    rows: Sequence[Hit],
    locate: Callable[[str], Hit | None],
) -> list[Hit]:
    """Return the documents judged relevant that a list did not reach, where they stand."""
    reached = {one.document for one in rows}
    relevant = [d for d, label in judged.items() if label == 1 and d not in reached]
    placed = [locate(document) for document in relevant[:MAX_MISSED]]
    return sorted((one for one in placed if one), key=lambda one: one.rank)


def _show_list(
    by: By,
    rows: Sequence[Hit],
    missed: Sequence[Hit],
    judged: Mapping[str, int],
    both: Collection[str],
) -> list[str]:
    """Show a list with a box to tick for each document; return those ticked."""
    ticked = []
    for number, one in enumerate([*rows, *missed]):
        if number == len(rows):
            components.show_quiet(tr("find.missed"))
        digest = hashlib.sha256(one.document.encode()).hexdigest()[:16]
        label = tr("find.cosine" if by == "cosine" else "find.bm25", rank=one.rank, n=one.number)
        if st.checkbox(label, key=f"compare.find.{by}.{digest}"):
            ticked.append(one.document)
        st.html(_row_html(one.document, judged.get(one.document), one.document in both))
    return ticked


def _row_html(document: str, label: int | None, in_both: bool) -> str:
    """Return a document with its marks, all of it plain text."""
    shown = shortened(document, MAX_SHOWN)
    key, kind = {
        1: ("find.relevant", "relevant"),
        0: ("find.irrelevant", "irrelevant"),
        None: ("find.not judged", "open"),
    }[label]
    marks = f'<span class="{kind}">{components.escape(tr(key))}</span>'
    if in_both:
        marks += f'<span class="both">{components.escape(tr("find.both"))}</span>'
    return (
        f'<div class="dssm-candidate"><div class="text" dir="auto">{components.escape(shown)}</div>'
        f'<div class="marks">{marks}</div></div>'
    )


def _show_actions(
    request: inputs.ScoreRequest, ticked: Sequence[str], every: Sequence[str], both: int | None
) -> None:
    """Offer to score the ticked documents or all of them, in place of those typed or with them."""
    if not every:
        return
    chosen = list(dict.fromkeys(ticked))
    with st.container(horizontal=True, vertical_alignment="center"):
        if request.documents:
            st.segmented_control(
                tr("find.mode"),
                ["replace", "add"],
                format_func=lambda mode: tr(
                    "find.replace" if mode == "replace" else "find.add",
                    number=len(request.documents),
                ),
                key="compare.find.mode",
                default="replace",
                required=True,
                label_visibility="collapsed",
                persist_state="session",
            )
        clicked = [
            st.button(
                tr("find.use ticked", number=len(chosen)),
                key="compare.find.ticked",
                on_click=_use,
                args=(request.documents, chosen),
                disabled=not chosen,
            ),
            st.button(
                tr("find.use all", number=len(every)),
                key="compare.find.all",
                on_click=_use,
                args=(request.documents, every),
            ),
        ]
        if both is not None:
            components.show_quiet(tr("find.overlap", both=both))
    if any(clicked):  # the documents stand outside this fragment
        st.rerun()


def _use(there: Sequence[str], chosen: Sequence[str]) -> None:
    """Put documents in place of those that are there, or behind them; then close the lists."""
    is_added = st.session_state.get("compare.find.mode") == "add"
    inputs.fill_documents(list(dict.fromkeys([*there, *chosen] if is_added else chosen)))
    _open(False)
