"""What a person says of a pair: verdict, cause and note, by mouse or by keyboard.

What is typed lives in the widgets until the next pair; a verdict that cannot be kept leaves it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dssm_core.errors import UserError
from dssm_core.inspection.causes import CAUSES, cause_name
from dssm_core.inspection.findings import pair_position
from dssm_core.inspection.judging import is_judged, next_line
from dssm_core.reporting import sheets
from dssm_core.repro.cases import Case, write_cases
from dssm_core.store import VERDICTS, Store, Verdict
from dssm_core.ui.common import components
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.inspect.selected_pair import LINE, SelectedPair, pair_key
from dssm_core.words import shortened

LABELS: dict[Verdict, str] = {
    "relevant": "judge.relevant",
    "not relevant": "judge.not relevant",
    "unsure": "judge.unsure",
    "bad data": "judge.bad data",
}
"""The word of each verdict on its button."""

UNDONE = "\0undone"
"""What no widget holds."""

MAX_IN_CASE = 50
"""Documents of a query in one repro case, the highest cosines."""

JUDGED = "inspect.judged"
"""Numbers of the session's verdicts, for others judge in the same file.

A session that has none may take back one of before it."""

LAST_OUTCOME, TROUBLE = "inspect.last outcome", "inspect.trouble"
"""Where the session keeps what the last click did, or why it did not."""


def show_verdicts(pair: SelectedPair, store: Store, queue: Sequence[Any], cause: str = "") -> None:
    """Show the verdict on a pair, and take another.

    Args:
        pair: the pair.
        store: where verdicts are kept.
        queue: lines of the pairs to judge, in order; judging goes on to the next of them.
        cause: of the error, as the rules suspect it, which the picker offers.
    """
    st.html(f'<p class="dssm-label">{components.escape(tr("judge"))}</p>')
    try:
        verdicts = store.verdicts()
    except UserError as error:
        components.show_error(error)
        verdicts = pd.DataFrame(columns=["query", "document", "verdict", "cause", "note", "at"])
    judged = is_judged(pair.inspection, verdicts)
    standing = _standing(pair, verdicts)
    if store.read_only:
        components.show_message("note", tr("judge.read only"))
    _show_buttons(pair, store, queue, judged, standing)
    _show_cause_and_note(pair, store, standing, verdicts, cause)
    _show_moves(pair, store, queue, judged, verdicts)
    _show_outcome(standing)
    _show_progress(judged, queue)
    _show_files(store, verdicts)


def _standing(pair: SelectedPair, verdicts: pd.DataFrame) -> dict[str, str] | None:
    same = (verdicts["query"] == pair.query) & (verdicts["document"] == pair.document)
    rows = verdicts[same].to_dict("records")
    return {str(name): str(value) for name, value in rows[-1].items()} if rows else None


def _show_buttons(
    pair: SelectedPair,
    store: Store,
    queue: Sequence[Any],
    judged: pd.Series,
    standing: dict[str, str] | None,
) -> None:
    columns = [*st.columns(2), *st.columns(2)]
    for number, (verdict, column) in enumerate(zip(VERDICTS, columns, strict=True), 1):
        column.button(
            tr(LABELS[verdict]),
            key=f"inspect.judge.{number}",
            shortcut=str(number),
            type="primary" if standing and standing["verdict"] == verdict else "secondary",
            disabled=store.read_only,
            width="stretch",
            on_click=_judge,
            args=(pair, store, queue, judged, verdict),
        )


def _show_cause_and_note(
    pair: SelectedPair,
    store: Store,
    standing: dict[str, str] | None,
    verdicts: pd.DataFrame,
    cause: str,
) -> None:
    cause_key, note_key = _keys(pair)
    _offer(cause_key, standing["cause"] if standing else cause, None)
    _offer(note_key, standing["note"] if standing else "", "")
    causes = [*CAUSES, *verdicts["cause"], st.session_state[cause_key]]
    st.selectbox(
        tr("judge.cause"),
        list(dict.fromkeys(name for name in causes if name)),
        format_func=lambda name: cause_name(name, translator()),
        key=cause_key,
        index=None,
        accept_new_options=True,
        placeholder=tr("judge.cause.none"),
        help=tr("judge.cause.help"),
        disabled=store.read_only,
        persist_state="session",
    )
    st.text_area(
        tr("judge.note"),
        key=note_key,
        height=68,
        disabled=store.read_only,
        help=tr("judge.note.help"),
        persist_state="session",
    )


def _offer(key: str, value: str, empty: str | None) -> None:
    """Fill in a widget, unless a person did: the cause comes after the pair is first shown."""
    offered = st.session_state.get(f"{key}.offered", empty)
    if st.session_state.setdefault(key, empty) == offered and value:
        st.session_state[key] = st.session_state[f"{key}.offered"] = value


def _show_moves(
    pair: SelectedPair,
    store: Store,
    queue: Sequence[Any],
    judged: pd.Series,
    verdicts: pd.DataFrame,
) -> None:
    # buttons first: Streamlit takes no key while a switch or field has the focus, so that Tab from
    # the note must lead to a button
    _show_move_buttons(pair, store, queue, judged, verdicts)
    components.show_quiet(tr("judge.keys"))
    st.toggle(
        tr("judge.on"),
        value=True,
        key="inspect.on",
        disabled=store.read_only,
        persist_state="session",
    )


def _show_move_buttons(
    pair: SelectedPair,
    store: Store,
    queue: Sequence[Any],
    judged: pd.Series,
    verdicts: pd.DataFrame,
) -> None:
    with st.container(horizontal=True):
        st.button(
            tr("judge.next"),
            key="inspect.next",
            shortcut="N",
            icon=":material/skip_next:",
            disabled=next_line(queue, pair.line, judged) is None,
            on_click=_go_on,
            args=(pair, queue, judged),
        )
        st.button(
            tr("judge.undo"),
            key="inspect.undo",
            shortcut="U",
            icon=":material/undo:",
            disabled=store.read_only,
            on_click=_undo,
            args=(pair, store),
        )
        st.button(
            tr("judge.case"),
            key="inspect.case",
            shortcut="S",
            icon=":material/bookmark_add:",
            help=tr("judge.case.help"),
            disabled=store.read_only,
            on_click=_keep_case,
            args=(pair, store, verdicts),
        )


def _show_outcome(standing: dict[str, str] | None) -> None:
    """Say what the last click did, and what stands."""
    if trouble := st.session_state.pop(TROUBLE, None):
        components.show_error(trouble)
    elif outcome := st.session_state.pop(LAST_OUTCOME, None):
        st.toast(outcome, icon=":material/check:")
    if standing:
        verdict = tr(LABELS[_verdict(standing["verdict"])])
        components.show_quiet(
            tr("judge.stands", verdict=verdict, at=standing["at"].replace("T", " "))
        )


def _show_progress(judged: pd.Series, queue: Sequence[Any]) -> None:
    lines = [line for line in queue if line in judged.index]
    done = int(judged.loc[lines].sum())
    if lines:
        st.progress(done / len(lines), tr("judge.progress", done=done, number=len(lines)))
    else:
        components.show_quiet(tr("judge.no errors"))


def _show_files(store: Store, verdicts: pd.DataFrame) -> None:
    """Show where verdicts are kept, and let them out and in."""
    with st.expander(tr("judge.files", number=len(verdicts))):
        components.show_quiet(tr("judge.path"))
        st.code(str(store.path), language=None, wrap_lines=True)
        with st.container(horizontal=True):
            # made when clicked: what another tab judged meanwhile is in it, too
            for name, make, mime in (
                ("verdicts.csv", lambda: sheets.safe_csv(store.verdicts()), "text/csv"),
                (
                    "verdicts.jsonl",
                    lambda: sheets.verdicts_jsonl(store.verdicts()),
                    "application/jsonl",
                ),
                ("repro.cases.jsonl", lambda: _cases(store), "application/jsonl"),
            ):
                st.download_button(
                    tr("judge.download", name=name),
                    make,
                    name,
                    mime,
                    key=f"inspect.download.{name}",
                    on_click="ignore",
                )
        number = st.session_state.get("inspect.imports", 0)
        given = st.file_uploader(
            tr("judge.import"),
            type=["csv", "tsv", "jsonl"],
            key=f"inspect.import.{number}",
            help=tr("judge.import.help"),
            disabled=store.read_only,
        )
        if given is not None:
            st.button(
                tr("judge.import.go", name=components.unformatted(given.name)),
                key="inspect.import",
                on_click=_import,
                args=(store, given.getvalue(), given.name),
            )


def _cases(store: Store) -> bytes:
    return write_cases([Case.from_dict(case) for case in store.cases()])


def _keys(pair: SelectedPair) -> tuple[str, str]:
    return _keys_of(pair.query, pair.document)


def _keys_of(query: str, document: str) -> tuple[str, str]:
    key = pair_key(query, document)
    return f"inspect.cause.{key}", f"inspect.note.{key}"


def _verdict(text: str) -> Verdict:
    return next(verdict for verdict in VERDICTS if verdict == text)


def _or_trouble(work: Callable[[], None]) -> None:
    """Do what a click asks for; trouble is shown on the page, and what was typed stays."""
    try:
        work()
    except UserError as error:
        st.session_state[TROUBLE] = error


def _judge(
    pair: SelectedPair, store: Store, queue: Sequence[Any], judged: pd.Series, verdict: Verdict
) -> None:
    def work() -> None:
        cause, note = (str(st.session_state.get(key) or "") for key in _keys(pair))
        model, fingerprint = pair.inspection.model, pair.inspection.fingerprint
        number = store.judge(pair.query, pair.document, verdict, cause, note, model, fingerprint)
        st.session_state.setdefault(JUDGED, []).append(number)
        row = pair.inspection.frame.loc[pair.line].to_dict()
        st.session_state[LAST_OUTCOME] = tr(
            "judge.done",
            verdict=tr(LABELS[verdict]),
            place=pair_position(pair.line, row, translator()),
            query=components.unformatted(shortened(pair.query, 80)),
        )
        if st.session_state.get("inspect.on", True):
            _go_on(pair, queue, judged)

    _or_trouble(work)


def _go_on(pair: SelectedPair, queue: Sequence[Any], judged: pd.Series) -> None:
    line = next_line(queue, pair.line, judged)
    if line is not None:
        st.session_state[LINE] = line


def _undo(pair: SelectedPair, store: Store) -> None:
    def work() -> None:
        earlier = store.last() if JUDGED not in st.session_state else None
        numbers: list[int] = st.session_state.setdefault(JUDGED, [earlier] if earlier else [])
        taken = store.undo(numbers[-1]) if numbers else None
        del numbers[-1:]
        if taken is None:
            st.session_state[LAST_OUTCOME] = tr("judge.undo.none")
            return
        st.session_state[LAST_OUTCOME] = tr(
            "judge.undone",
            verdict=tr(LABELS[_verdict(taken["verdict"])]),
            query=components.unformatted(shortened(taken["query"], 80)),
        )
        for key, value in zip(
            _keys_of(taken["query"], taken["document"]),
            (taken["cause"], taken["note"]),
            strict=True,
        ):
            st.session_state[key] = value or st.session_state.get(key)
            st.session_state[f"{key}.offered"] = UNDONE  # so that it counts as typed
        frame = pair.inspection.frame
        same = (frame["query"] == taken["query"]) & (frame["document"] == taken["document"])
        if same.any():  # back to it, with what was typed
            st.session_state[LINE] = frame.index[same][0]

    _or_trouble(work)


def _keep_case(pair: SelectedPair, store: Store, verdicts: pd.DataFrame) -> None:
    def work() -> None:
        others = pair.others().head(MAX_IN_CASE - 1)
        documents = [pair.document, *others["document"]]
        mine = verdicts[verdicts["query"] == pair.query]
        given = dict(zip(mine["document"], mine["verdict"], strict=True))
        case = Case.of(
            pair.scorer,
            pair.query,
            documents,
            [pair.label, *map(int, others["label"])],
            [given.get(document) for document in documents],
            str(st.session_state.get(_keys(pair)[1]) or ""),
            float(np.clip(pair.at, 1e-6, 1 - 1e-6)),  # a case takes no 0 and no 1
        )
        store.add_case(case.to_dict())
        st.session_state[LAST_OUTCOME] = tr("judge.case.done", number=len(store.cases()))

    _or_trouble(work)


def _import(store: Store, content: bytes, name: str) -> None:
    def work() -> None:
        number = store.add_verdicts(sheets.read_verdicts(content, name))
        st.session_state[LAST_OUTCOME] = tr(
            "judge.import.done", number=number, name=components.unformatted(name)
        )
        # a new uploader, empty; trouble leaves the file where it is
        st.session_state["inspect.imports"] = st.session_state.get("inspect.imports", 0) + 1

    _or_trouble(work)
