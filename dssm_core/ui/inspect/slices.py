"""Where the model is worst: the share of wrong pairs by any column, and the slice to look into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dssm_core import charts
from dssm_core.inspection import measure, separation
from dssm_core.inspection.slices import (
    Sliced,
    column_name,
    slice_columns,
    slice_names,
    sliced,
)
from dssm_core.ui.common import components, theme
from dssm_core.ui.common.drawings import pick_chart
from dssm_core.ui.common.language import language, tr, translator
from dssm_core.ui.common.tables import Column, pick_table
from dssm_core.ui.inspect.load import ScoredPairs

COLUMN, NAME = "inspect.slice", "inspect.slice.name"


def chosen(scored: ScoredPairs) -> pd.Series | None:
    """Return whether each pair is in the chosen slice, bool [N]; None while none is chosen."""
    columns = _columns(scored)
    if st.session_state.get(COLUMN) not in columns:
        st.session_state[COLUMN] = columns[0] if columns else None
        _clear()
    column, name = st.session_state[COLUMN], st.session_state.get(NAME)
    if name is None or name not in _names(scored, column):  # the new pairs do not have it
        _clear()
        return None
    return pd.Series(_slices(scored)[column].are(name), index=scored.frame.index)


def show_slices(scored: ScoredPairs, threshold: float) -> None:
    """Show which column separates the errors most, and the slices of one, worst first."""
    st.header(tr("inspect.slices"), anchor=False)
    if not _columns(scored):
        components.show_quiet(tr("inspect.slices.none"))
        return
    components.show_quiet(tr("inspect.slices.about"))
    overview, slices = st.columns([5, 8], gap="medium")
    with overview:
        _show_columns(scored, threshold)
    with slices:
        _show_column(scored, threshold)


def _show_columns(scored: ScoredPairs, threshold: float) -> None:
    """Show by how much each column separates the errors; a click opens it."""
    table = scored.cached(
        "slice overview",
        threshold,
        lambda: separation.separation(scored.frame, _slices(scored), threshold),
    )
    names = table["column"].tolist()

    def pick(row: int) -> None:
        st.session_state[COLUMN] = names[row]
        _clear()

    shown = table.assign(
        column=[_name(name) for name in names],
        worst=[
            _names(scored, column)[worst]
            for column, worst in zip(names, table["worst"], strict=True)
        ],
    )
    pick_table(
        shown,
        {
            "column": Column(tr("inspect.separation.column"), width=130),
            "association": Column(
                tr("inspect.separation"), "correlation", 90, tr("inspect.separation.help")
            ),
            "worst": Column(tr("inspect.separation.worst"), width=130),
            "error_rate": Column(tr("inspect.separation.rate"), "percent", 80),
        },
        tr("inspect.separation.alt"),
        key=f"inspect.separation.{hash((scored.key, *names))}",
        row=names.index(st.session_state[COLUMN]),
        on_pick=pick,
        width="stretch",
    )


def _show_column(scored: ScoredPairs, threshold: float) -> None:
    left, right = st.columns(2)
    column = left.selectbox(
        tr("inspect.slice"),
        _columns(scored),
        format_func=_name,
        key=COLUMN,
        on_change=_clear,
        persist_state="session",
    )
    table = scored.cached(
        "slices",
        (column, threshold),
        lambda: measure.slice_table(scored.frame, _slices(scored)[column], threshold),
    )
    names = _names(scored, column)
    picked = right.selectbox(
        tr("inspect.slice.name"),
        table["slice"].tolist(),
        index=None,
        format_func=lambda name: names[name],
        key=NAME,
        placeholder=tr("inspect.slice.all"),
        persist_state="session",
    )
    _show_chart(table, names, picked, len(scored.frame))


def _slices(scored: ScoredPairs) -> dict[str, Sliced]:
    return scored.inspection.once(
        "slices", lambda: {c: sliced(scored.frame, c) for c in _columns(scored)}
    )


def _columns(scored: ScoredPairs) -> list[str]:
    return scored.inspection.once("slice columns", lambda: slice_columns(scored.frame))


def show_filter(scored: ScoredPairs, number: int) -> None:
    """Show the chosen slice as a filter that a click takes away.

    Args:
        scored: the pairs.
        number: of errors in it.
    """
    picked = st.session_state.get(NAME)
    if picked is not None:
        column = st.session_state[COLUMN]
        name = _names(scored, column)[picked]
        with st.container(horizontal=True, vertical_alignment="center"):
            components.show_quiet(
                tr("inspect.filter", column=_name(column), name=name, number=number)
            )
            st.button(
                tr("inspect.filter.off"),
                icon=":material/close:",
                key="inspect.filter.off",
                on_click=_clear,
            )


def _name(column: str) -> str:
    return column_name(column, translator())


def _names(scored: ScoredPairs, column: str) -> dict[str, str]:
    """Return what each slice of a column is called in the page's language."""
    return scored.inspection.once(
        ("slice names", column, language()),
        lambda: slice_names(scored.frame, column, translator()),
    )


def _clear() -> None:
    st.session_state[NAME] = None


def _show_chart(
    table: pd.DataFrame, names: dict[str, str], picked: str | None, number: int
) -> None:
    overall = float(table["errors"].sum()) / max(1, number)
    chart = charts.slices_chart(
        table.assign(slice=table["slice"].map(names)),
        overall=overall,
        selected=None if picked is None else names[picked],
        ink=theme.ink(),
        tr=translator(),
    )

    def select(point: Mapping[str, Any]) -> None:
        st.session_state[NAME] = table["slice"].iloc[int(point["row"])]

    pick_chart(chart, f"inspect.slices.{st.session_state[COLUMN]}.{picked}", "slice", select)
