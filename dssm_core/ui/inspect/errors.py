"""The wrong pairs, worst first: searched, filtered by cause, and one of them seen through below."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import streamlit as st

from dssm_core.inspection import measure
from dssm_core.inspection.causes import cause_name, find_causes
from dssm_core.store import Store
from dssm_core.ui.common import components
from dssm_core.ui.common.jobs import Job, wait_for
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.inspect import slices
from dssm_core.ui.inspect.load import Bench
from dssm_core.ui.inspect.pair import show_pair
from dssm_core.ui.inspect.selected_pair import LINE
from dssm_core.words import join_sentences

AT_FIRST = 200
"""Errors whose cause is found without being asked; and how many more a click adds."""

MOST_ROWS = 1_000
"""Errors in the table; search and filters look at all."""

LONGEST_CELL = 300

PATIENCE = 0.5
"""Seconds that the page waits for causes before it shows itself without them."""

KINDS = ["false positive", "false negative"]

OFFERED, MARKED, TABLE = "inspect.offered", "inspect.marked", "inspect.tables"
"""The line shown until a person chooses; what the table marks; how many tables there were."""


@dataclass
class Found:
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


def show_errors(bench: Bench, threshold: float, mask: pd.Series | None, store: Store) -> None:
    """Show the errors at a threshold with their causes, and the chosen pair below.

    Args:
        bench: the pairs.
        threshold: a cosine.
        mask: whether each pair is in the chosen slice; None: all are.
        store: where verdicts are kept.
    """
    st.header(tr("inspect.errors"), anchor=False)
    wrong = bench.kept("errors", threshold, lambda: measure.errors(bench.frame, threshold))
    if mask is not None:
        wrong = wrong[mask.loc[wrong.index]]
    slices.show_filter(bench, len(wrong))
    _show(bench, threshold, wrong, store)


@st.fragment
def _show(bench: Bench, threshold: float, wrong: pd.DataFrame, store: Store) -> None:
    """Show table and pair; in a fragment, so that choosing a row draws no chart of all pairs."""
    with components.failures_shown("the errors"):
        found = bench.kept("causes", threshold, Found)
        shown = _filters(wrong, found)
        place = st.empty()
        line = _line(bench, wrong, shown)
        if shown.empty:
            components.show_message("note", tr("inspect.errors.none"))
        else:
            _show_table(bench, shown, found, line, threshold)
            _show_more(wrong, found)
        if line is not None:
            known = line in found.causes.index
            st.session_state["inspect.cause"] = found.causes.at[line, "cause"] if known else ""
            st.header(tr("inspect.pair"), anchor=False)
            queue = shown.index.tolist()
            show_pair(bench.inspection, line, bench.scorer, threshold, store, queue)
        _find(bench, threshold, wrong, found, place)


def _filters(wrong: pd.DataFrame, found: Found) -> pd.DataFrame:
    """Show search and filters; return the errors that pass them."""
    left, right = st.columns(2, vertical_alignment="bottom")
    text = left.text_input(
        tr("inspect.search"), key="inspect.search", icon=":material/search:"
    ).strip()
    kind: Any = right.segmented_control(
        tr("inspect.kind"),
        KINDS,
        format_func=lambda name: f"{tr(f'kind.{name}')} · {int((wrong['error'] == name).sum()):,}",
        key="inspect.kind",
    )
    causes = found.causes[found.causes.index.isin(wrong.index)]
    counts = causes["cause"].value_counts()
    key = "inspect.causes"
    if st.session_state.get(key) not in counts.index:
        st.session_state[key] = None
    cause: Any = None
    if len(counts):
        cause = st.pills(
            tr("inspect.causes", number=len(causes)),
            counts.index.tolist(),
            format_func=lambda name: f"{cause_name(name, translator())} · {counts[name]:,}",
            key=key,
            help=tr("inspect.causes.help"),
        )
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


def _line(bench: Bench, wrong: pd.DataFrame, shown: pd.DataFrame) -> Any | None:
    """Return the line of the pair to look at; the worst that is shown until a person chooses."""
    line = st.session_state.get(LINE)
    is_here = st.session_state.get("inspect.line.of") == bench.key and line in bench.frame.index
    is_hidden = line in wrong.index and line not in shown.index
    if not is_here or is_hidden or line == st.session_state.get(OFFERED):
        line = shown.index[0] if len(shown) else None
        st.session_state[OFFERED] = line
    st.session_state["inspect.line.of"] = bench.key
    st.session_state[LINE] = line
    return line


def _show_table(
    bench: Bench, shown: pd.DataFrame, found: Found, line: Any, threshold: float
) -> None:
    cut = shown.head(MOST_ROWS)
    lines = cut.index.tolist()
    row = lines.index(line) if line in lines else None
    content = f"{bench.key} {threshold} {lines[:1]} {len(shown)} {hash(tuple(lines))}"
    if st.session_state.get(MARKED) != (content, line):  # a new table, so that it marks the row
        st.session_state[TABLE] = st.session_state.get(TABLE, 0) + 1
        st.session_state[MARKED] = content, line
    key = f"inspect.table.{st.session_state[TABLE]}"

    def select() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        if rows:
            st.session_state[LINE] = lines[rows[0]]
            st.session_state[OFFERED] = None
            st.session_state[MARKED] = content, lines[rows[0]]

    causes = found.causes.reindex(cut.index)
    table = pd.DataFrame(
        {
            "error": [tr(f"kind.{kind}") for kind in cut["error"]],
            "cause": [
                cause_name(c, translator()) if isinstance(c, str) else "…" for c in causes["cause"]
            ],
            "query": cut["query"].str.slice(0, LONGEST_CELL),
            "document": cut["document"].str.slice(0, LONGEST_CELL),
            "cosine": cut["cosine"],
            "probability": cut["probability"],
            "by": cut["by"],
            "evidence": [
                join_sentences(one, translator()) for one in causes["evidence"].fillna("")
            ],
        }
    )
    text, number = st.column_config.TextColumn, st.column_config.NumberColumn
    st.dataframe(
        table,
        key=key,
        hide_index=True,
        width="stretch",
        height=330,
        on_select=select,
        selection_mode="single-row",
        selection_default={"selection": {"rows": [] if row is None else [row]}},
        column_config={
            "error": text(tr("inspect.column.error"), width="small"),
            "cause": text(tr("inspect.column.cause"), width="medium"),
            "query": text(tr("query"), width="medium"),
            "document": text(tr("document"), width="medium"),
            "cosine": number(tr("cosine"), format="%.3f", width="small"),
            "probability": number(tr("probability"), format="%.3f", width="small"),
            "by": number(
                tr("inspect.column.by"),
                help=tr("inspect.column.by.help"),
                format="%.3f",
                width="small",
            ),
            "evidence": text(tr("inspect.column.evidence"), width="large"),
        },
        alt=tr("inspect.table.alt"),
    )


def _show_more(wrong: pd.DataFrame, found: Found) -> None:
    """Say what is not shown or not known yet, and offer more causes."""
    if len(wrong) > MOST_ROWS:
        components.show_quiet(tr("inspect.table.cut", most=MOST_ROWS, number=len(wrong)))
    rest = len(wrong) - int(wrong.index.isin(found.causes.index).sum())
    if rest and found.wanted < len(wrong):

        def more() -> None:
            found.wanted += AT_FIRST

        st.button(
            tr("inspect.more", number=min(AT_FIRST, rest), rest=rest),
            key="inspect.more",
            on_click=more,
        )


def _find(bench: Bench, threshold: float, wrong: pd.DataFrame, found: Found, place: Any) -> None:
    """Find the causes that are wanted and not there, beside the page: people type meanwhile."""
    first = wrong.head(found.wanted)
    missing = first[~first.index.isin(found.causes.index)]
    if missing.empty:
        return
    seconds = 0.0
    if found.job is None:
        seconds = PATIENCE
        found.job = Job(
            lambda tell: find_causes(bench.inspection, missing, bench.scorer, threshold, tell),
            "inspect.no causes",
        )
    if not found.job.is_over(seconds):
        with place.container():
            wait_for(found.job, "inspect.finding causes", number=len(missing))
        return
    job, found.job = found.job, None
    if job.error is not None:
        found.wanted = len(found.causes)
        raise job.error
    found.causes = pd.concat([found.causes, job.value])
    st.rerun()
