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
from dssm_core.inspection.score_pairs import Inspection
from dssm_core.reporting import sheets
from dssm_core.repro.cases import Case, write_cases
from dssm_core.store import VERDICTS, Store, Verdict
from dssm_core.ui.common import components
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.inspect.selected_pair import LINE, Chosen, pair_key

LABELS: dict[Verdict, str] = {
    "relevant": "judge.relevant",
    "not relevant": "judge.not relevant",
    "unsure": "judge.unsure",
    "bad data": "judge.bad data",
}
"""The word of each verdict on its button."""

UNDONE = "\0undone"
"""What no widget holds."""

MOST_IN_CASE = 50
"""Documents of a query in one repro case, the highest cosines."""

SAID, TROUBLE = "inspect.said", "inspect.trouble"
"""Where the session keeps what the last click did, or why it did not."""


def show_verdicts(chosen: Chosen, store: Store, queue: Sequence[Any]) -> None:
    """Show the verdict on a pair, and take another.

    Args:
        chosen: the pair.
        store: where verdicts are kept.
        queue: lines of the pairs to judge, in order; judging goes on to the next of them.
    """
    st.subheader(tr("judge"), anchor=False)
    try:
        verdicts = store.verdicts()
    except UserError as error:
        components.show_error(error)
        verdicts = pd.DataFrame(columns=["query", "document", "verdict", "cause", "note", "at"])
    judged = is_judged(chosen.inspection, verdicts)
    standing = _standing(chosen, verdicts)
    if store.read_only:
        components.show_message("note", tr("judge.read only"))
    _show_buttons(chosen, store, queue, judged, standing)
    _show_cause_and_note(chosen, store, standing, verdicts)
    _show_moves(chosen, store, queue, judged, verdicts)
    _show_outcome(standing)
    _show_progress(judged, queue)
    _show_files(store, verdicts)


def is_judged(inspection: Inspection, verdicts: pd.DataFrame) -> pd.Series:
    """Return of each pair, by line, whether a verdict stands on it."""
    frame = inspection.frame
    known = pd.MultiIndex.from_frame(verdicts[["query", "document"]].astype(object))
    pairs = pd.MultiIndex.from_arrays([frame["query"], frame["document"]])
    return pd.Series(pairs.isin(known), index=frame.index)


def next_line(queue: Sequence[Any], line: Any, judged: pd.Series) -> Any | None:
    """Return the next line of the queue that is not judged, from the start again; or None.

    Example:
        >>> next_line([5, 2, 9], 2, pd.Series({5: False, 2: False, 9: True}))
        5
    """
    places = list(queue)
    start = places.index(line) + 1 if line in places else 0
    for candidate in [*places[start:], *places[:start]]:
        if candidate != line and candidate in judged.index and not judged[candidate]:
            return candidate
    return None


def _standing(chosen: Chosen, verdicts: pd.DataFrame) -> dict[str, str] | None:
    same = (verdicts["query"] == chosen.query) & (verdicts["document"] == chosen.document)
    found = verdicts[same].to_dict("records")
    return {str(name): str(value) for name, value in found[-1].items()} if found else None


def _show_buttons(
    chosen: Chosen,
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
            args=(chosen, store, queue, judged, verdict),
        )


def _show_cause_and_note(
    chosen: Chosen, store: Store, standing: dict[str, str] | None, verdicts: pd.DataFrame
) -> None:
    cause_key, note_key = _keys(chosen)
    automatic = str(st.session_state.get("inspect.cause") or "")
    _offer(cause_key, standing["cause"] if standing else automatic, None)
    _offer(note_key, standing["note"] if standing else "", "")
    causes = [*CAUSES, *verdicts["cause"], st.session_state[cause_key]]
    st.selectbox(
        tr("judge.cause"),
        list(dict.fromkeys(cause for cause in causes if cause)),
        format_func=lambda cause: cause_name(cause, translator()),
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
        height=80,
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
    chosen: Chosen,
    store: Store,
    queue: Sequence[Any],
    judged: pd.Series,
    verdicts: pd.DataFrame,
) -> None:
    # buttons first: Streamlit takes no key while a switch or field has the focus, so that Tab from
    # the note must lead to a button
    with st.container(horizontal=True):
        st.button(
            tr("judge.next"),
            key="inspect.next",
            shortcut="N",
            icon=":material/skip_next:",
            disabled=next_line(queue, chosen.line, judged) is None,
            on_click=_go_on,
            args=(chosen, queue, judged),
        )
        st.button(
            tr("judge.undo"),
            key="inspect.undo",
            shortcut="U",
            icon=":material/undo:",
            disabled=store.read_only,
            on_click=_undo,
            args=(chosen, store),
        )
        st.button(
            tr("judge.case"),
            key="inspect.case",
            shortcut="S",
            icon=":material/bookmark_add:",
            help=tr("judge.case.help"),
            disabled=store.read_only,
            on_click=_keep_case,
            args=(chosen, store, verdicts),
        )
    components.show_quiet(tr("judge.keys"))
    st.toggle(
        tr("judge.on"),
        value=True,
        key="inspect.on",
        disabled=store.read_only,
        persist_state="session",
    )


def _show_outcome(standing: dict[str, str] | None) -> None:
    """Say what the last click did, and what stands."""
    if trouble := st.session_state.pop(TROUBLE, None):
        components.show_error(trouble)
    elif said := st.session_state.pop(SAID, None):
        components.show_message("note", said)
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
                tr("judge.import.go", name=given.name),
                key="inspect.import",
                on_click=_import,
                args=(store, given.getvalue(), given.name),
            )


def _cases(store: Store) -> bytes:
    return write_cases([Case.from_dict(case) for case in store.cases()])


def _keys(chosen: Chosen) -> tuple[str, str]:
    return _keys_of(chosen.query, chosen.document)


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
    chosen: Chosen, store: Store, queue: Sequence[Any], judged: pd.Series, verdict: Verdict
) -> None:
    def work() -> None:
        cause, note = (str(st.session_state.get(key) or "") for key in _keys(chosen))
        model, fingerprint = chosen.inspection.model, chosen.inspection.fingerprint
        store.judge(chosen.query, chosen.document, verdict, cause, note, model, fingerprint)
        st.session_state[SAID] = tr(
            "judge.done", verdict=tr(LABELS[verdict]), line=chosen.line, query=chosen.query[:80]
        )
        if st.session_state.get("inspect.on", True):
            _go_on(chosen, queue, judged)

    _or_trouble(work)


def _go_on(chosen: Chosen, queue: Sequence[Any], judged: pd.Series) -> None:
    line = next_line(queue, chosen.line, judged)
    if line is not None:
        st.session_state[LINE] = line


def _undo(chosen: Chosen, store: Store) -> None:
    def work() -> None:
        taken = store.undo()
        if taken is None:
            st.session_state[SAID] = tr("judge.undo.none")
            return
        verdict, query = tr(LABELS[_verdict(taken["verdict"])]), taken["query"][:80]
        st.session_state[SAID] = tr("judge.undone", verdict=verdict, query=query)
        for key, value in zip(
            _keys_of(taken["query"], taken["document"]),
            (taken["cause"], taken["note"]),
            strict=True,
        ):
            st.session_state[key] = value or st.session_state.get(key)
            st.session_state[f"{key}.offered"] = UNDONE  # so that it counts as typed
        frame = chosen.inspection.frame
        same = (frame["query"] == taken["query"]) & (frame["document"] == taken["document"])
        if same.any():  # back to it, with what was typed
            st.session_state[LINE] = frame.index[same][0]

    _or_trouble(work)


def _keep_case(chosen: Chosen, store: Store, verdicts: pd.DataFrame) -> None:
    def work() -> None:
        others = chosen.others().head(MOST_IN_CASE - 1)
        documents = [chosen.document, *others["document"]]
        mine = verdicts[verdicts["query"] == chosen.query]
        given = dict(zip(mine["document"], mine["verdict"], strict=True))
        case = Case.of(
            chosen.scorer,
            chosen.query,
            documents,
            [chosen.label, *map(int, others["label"])],
            [given.get(document) for document in documents],
            str(st.session_state.get(_keys(chosen)[1]) or ""),
            float(np.clip(chosen.at, 1e-6, 1 - 1e-6)),  # a case takes no 0 and no 1
        )
        store.add_case(case.to_dict())
        st.session_state[SAID] = tr("judge.case.done", number=len(store.cases()))

    _or_trouble(work)


def _import(store: Store, content: bytes, name: str) -> None:
    def work() -> None:
        number = store.add_verdicts(sheets.read_verdicts(content, name))
        st.session_state[SAID] = tr("judge.import.done", number=number, name=name)
        # a new uploader, empty; trouble leaves the file where it is
        st.session_state["inspect.imports"] = st.session_state.get("inspect.imports", 0) + 1

    _or_trouble(work)
