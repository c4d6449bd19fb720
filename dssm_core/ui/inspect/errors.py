"""The wrong pairs, worst first: a list on the left, and on the right why one of them is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from dssm_core.errors import UserError
from dssm_core.inspection import measure
from dssm_core.inspection.causes import cause_name, find_causes
from dssm_core.quantities import format_number
from dssm_core.store import Store
from dssm_core.ui.common import components
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.common.tables import Column, pick_table
from dssm_core.ui.common.work import Job, wait_for
from dssm_core.ui.inspect import address, slices
from dssm_core.ui.inspect.load import ScoredPairs
from dssm_core.ui.inspect.pair import Cause, show_pair
from dssm_core.ui.inspect.selected_pair import LINE

AT_FIRST = 200
"""Errors whose cause is found without being asked; and how many more a click adds."""

MAX_ROWS = 1_000
"""Errors in the table; search and filters look at all."""

PATIENCE = 0.2
"""Seconds that the page waits for causes before it shows itself without them."""

MARKS = {"relevant": "✓", "not relevant": "✗", "unsure": "?", "bad data": "∅"}
"""The sign of each verdict in the table."""

KINDS = ["false positive", "false negative"]

OFFERED = "inspect.offered"
"""Session key of the line that is shown until a person chooses one."""


@dataclass
class CauseSearch:
    """Causes found so far of the errors at one threshold.

    Attributes:
        causes: index line; cause and evidence.
        job: what is finding more of them.
        wanted: how many errors to find the cause of, worst first.
    """

    causes: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame({"cause": [], "evidence": []}, dtype=object)
    )
    job: Job[pd.DataFrame] | None = None
    wanted: int = AT_FIRST

    def stop(self) -> None:
        """Find no more."""
        if self.job is not None:
            self.job.stop()

    def cause_of(self, line: Any) -> Cause | None:
        """Return the cause of an error; None where it is not known, or no error."""
        if line not in self.causes.index:
            return None
        cause: Any = self.causes.loc[line]
        return Cause(str(cause["cause"]), cause["evidence"])


def show_errors(
    scored: ScoredPairs, threshold: float, mask: pd.Series | None, store: Store
) -> None:
    """Show the errors at a threshold with their causes, and the chosen pair below.

    Args:
        scored: the pairs.
        threshold: a cosine.
        mask: whether each pair is in the chosen slice; None: all are.
        store: where verdicts are kept.
    """
    wrong = scored.cached("errors", threshold, lambda: measure.errors(scored.frame, threshold))
    if mask is not None:
        wrong = wrong[mask.loc[wrong.index]]
    slices.show_filter(scored, len(wrong))
    _show(scored, threshold, wrong, store)


@st.fragment
def _show(scored: ScoredPairs, threshold: float, wrong: pd.DataFrame, store: Store) -> None:
    """Show list and pair; in a fragment, so that choosing a row draws no chart of all pairs."""
    with components.failures_shown("the errors"):
        search = scored.cached("causes", threshold, CauseSearch, CauseSearch.stop)
        trouble = _find(scored, threshold, wrong, search)
        list_column, pair_column = st.columns([5, 8], gap="medium")
        with list_column.container(gap="xsmall", key="inspect-list"):
            st.header(tr("inspect.errors"), anchor=False)
            shown = _filters(wrong, search)
            status, number = st.empty(), len(_missing(wrong, search))
            if search.job is not None and number:
                with status.container():
                    wait_for(search.job, "inspect.finding causes", number=number)
            line = _line(scored, wrong, shown)
            if shown.empty:
                why = "none" if len(wrong) else "no wrong"
                components.show_message("note", tr(f"inspect.errors.{why}"))
            else:
                _show_table(scored, shown, search, line, store)
                _show_more(wrong, search)
        if line is not None:
            with pair_column.container(gap="xsmall", key="inspect-pair"):
                show_pair(
                    scored.inspection,
                    line,
                    scored.scorer,
                    threshold,
                    store,
                    shown.index.tolist(),
                    search.cause_of(line),
                )
        address.keep(scored, line)
        address.show_link()
        if trouble is not None:
            raise trouble


def _filters(wrong: pd.DataFrame, search: CauseSearch) -> pd.DataFrame:
    """Show search and filters; return the errors that pass them."""
    text = st.text_input(
        tr("inspect.search"),
        key="inspect.search",
        icon=":material/search:",
        placeholder=tr("inspect.search"),
        label_visibility="collapsed",
    ).strip()
    kinds = {kind: int((wrong["error"] == kind).sum()) for kind in KINDS}
    left, right = st.columns([9, 7], gap="xsmall")
    kind: Any = left.segmented_control(
        tr("inspect.kind"),
        KINDS,
        format_func=lambda name: _counted(tr(f"kind.{name}"), kinds[name]),
        key="inspect.kind",
        label_visibility="collapsed",
    )
    causes = search.causes[search.causes.index.isin(wrong.index)]
    with right:
        cause = _pick_cause(causes)
    if kind:
        wrong = wrong[wrong["error"] == kind]
    if cause:
        wrong = wrong[wrong.index.isin(causes.index[causes["cause"] == cause])]
    if text:
        has = [
            wrong[side].str.contains(text, case=False, regex=False)
            for side in ("query", "document")
        ]
        wrong = wrong[has[0] | has[1]]
    return wrong


def _pick_cause(causes: pd.DataFrame) -> str | None:
    counts = causes["cause"].value_counts()
    key = "inspect.causes"
    if st.session_state.get(key) not in counts.index:  # other pairs have other causes
        st.session_state[key] = None
    if counts.empty:
        return None
    picked: str | None = st.selectbox(
        tr("inspect.causes", number=len(causes)),
        counts.index.tolist(),
        index=None,
        format_func=lambda name: _counted(cause_name(name, translator()), counts[name]),
        key=key,
        placeholder=tr("inspect.causes.every"),
        label_visibility="collapsed",
    )
    return picked


def _counted(name: str, number: int) -> str:
    return f"{name} · {format_number(number, 'count')}"


def _line(scored: ScoredPairs, wrong: pd.DataFrame, shown: pd.DataFrame) -> Any | None:
    """Return the line of the pair to look at; the worst that is shown until a person chooses."""
    line = st.session_state.get(LINE)
    wanted = st.session_state.pop(address.LINE_WANTED, None)
    if wanted in scored.frame.index:
        line, st.session_state[OFFERED] = wanted, None
        st.session_state["inspect.line.of"] = scored.key
    is_here = st.session_state.get("inspect.line.of") == scored.key and line in scored.frame.index
    is_hidden = line in wrong.index and line not in shown.index
    if not is_here or is_hidden or line == st.session_state.get(OFFERED):
        line = shown.index[0] if len(shown) else None
        st.session_state[OFFERED] = line
    st.session_state["inspect.line.of"] = scored.key
    st.session_state[LINE] = line
    return line


def _show_table(
    scored: ScoredPairs, shown: pd.DataFrame, search: CauseSearch, line: Any, store: Store
) -> None:
    rows = shown.head(MAX_ROWS)
    lines = rows.index

    def pick(row: int) -> None:
        st.session_state[LINE], st.session_state[OFFERED] = int(lines[row]), None

    pick_table(
        _table(rows, search.causes.reindex(rows.index), store),
        _columns(),
        tr("inspect.table.alt"),
        key=f"inspect.table.{hash((scored.key, *lines))}",  # other rows are another table
        row=lines.tolist().index(line) if line in lines else None,
        on_pick=pick,
        width="stretch",
        height=430,
    )


def _table(rows: pd.DataFrame, causes: pd.DataFrame, store: Store) -> pd.DataFrame:
    """Return errors as the table shows them; causes that are not known yet as "…"."""
    names = [cause_name(c, translator()) if isinstance(c, str) else "…" for c in causes["cause"]]
    given = _verdicts(store)
    marks = [
        MARKS.get(given.get(pair, ""), "")
        for pair in zip(rows["query"], rows["document"], strict=True)
    ]
    numbers = rows[["query", "document", "cosine", "probability", "by"]]
    table = numbers.assign(error=[tr(f"kind.{kind}") for kind in rows["error"]])
    return table.assign(cause=names, verdict=marks)[list(_columns())]


def _verdicts(store: Store) -> dict[tuple[str, str], str]:
    """Return what was said of each pair of texts; nothing where the store cannot be read."""
    try:
        verdicts = store.verdicts()
    except UserError:  # the verdict's panel shows it
        return {}
    texts = zip(verdicts["query"], verdicts["document"], strict=True)
    return dict(zip(texts, verdicts["verdict"], strict=True))


def _columns() -> dict[str, Column]:
    return {
        "verdict": Column(
            tr("inspect.column.verdict"), width=36, help=tr("inspect.column.verdict.help")
        ),
        "query": Column(tr("query"), width=170),
        "by": Column(tr("inspect.column.by"), "cosine", 70, tr("inspect.column.by.help")),
        "cause": Column(tr("inspect.column.cause"), width=125),
        "error": Column(tr("inspect.column.error"), width="small"),
        "document": Column(tr("document"), width="medium"),
        "cosine": Column(tr("cosine"), "cosine", "small"),
        "probability": Column(tr("probability"), "probability", "small"),
    }


def _show_more(wrong: pd.DataFrame, search: CauseSearch) -> None:
    """Say what is not shown or not known yet, and offer more causes."""
    if len(wrong) > MAX_ROWS:
        components.show_quiet(tr("inspect.table.cut", most=MAX_ROWS, number=len(wrong)))
    rest = len(wrong) - int(wrong.index.isin(search.causes.index).sum())
    if rest and search.wanted < len(wrong):

        def more() -> None:
            search.wanted += AT_FIRST

        st.button(
            tr("inspect.more", number=min(AT_FIRST, rest), rest=rest),
            key="inspect.more",
            on_click=more,
        )


def _find(
    scored: ScoredPairs, threshold: float, wrong: pd.DataFrame, search: CauseSearch
) -> UserError | None:
    """Find the causes that are wanted and not there, beside the page: people type meanwhile.

    Returns:
        Why they could not be found; None where they are there, or will be.
    """
    while not (missing := _missing(wrong, search)).empty:
        if search.job is None:
            search.job = Job(
                partial(find_causes, scored.inspection, missing, scored.scorer, threshold),
                "inspect.no causes",
            ).start()
            search.job.wait(PATIENCE)
        if not search.job.is_done:
            return None
        job, search.job = search.job, None
        if job.error is not None:
            search.wanted = len(search.causes)
            return job.error
        search.causes = pd.concat([search.causes, job.value])
    return None


def _missing(wrong: pd.DataFrame, search: CauseSearch) -> pd.DataFrame:
    """Return the errors whose causes are wanted and not known."""
    first = wrong.head(search.wanted)
    return first[~first.index.isin(search.causes.index)]
