"""Where the model is worst: the share of wrong pairs by any column, and the slice to look into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dssm_core import charts
from dssm_core.inspection import measure
from dssm_core.inspection.slices import column_name, in_slice, slice_columns, slice_names
from dssm_core.ui.common import components, theme
from dssm_core.ui.common.components import pick_chart
from dssm_core.ui.common.language import language, tr, translator
from dssm_core.ui.inspect.load import ScoredPairs

COLUMN, NAME = "inspect.slice", "inspect.slice.name"


def show_slices(scored: ScoredPairs, threshold: float) -> pd.Series | None:
    """Show the slices of a column, worst first, and let one of them be chosen.

    Returns:
        Whether each pair is in the chosen slice, bool [N]; None while none is chosen.
    """
    columns = scored.cached("slice columns", (), lambda: slice_columns(scored.frame))
    st.header(tr("inspect.slices"), anchor=False)
    if not columns:
        components.show_quiet(tr("inspect.slices.none"))
        return None
    components.show_quiet(tr("inspect.slices.about"))
    if st.session_state.get(COLUMN) not in columns:
        st.session_state[COLUMN] = columns[0]
        _clear()
    left, right = st.columns(2)
    column = left.selectbox(
        tr("inspect.slice"),
        columns,
        format_func=_name,
        key=COLUMN,
        on_change=_clear,
        persist_state="session",
    )
    table = scored.cached(
        "slices", (column, threshold), lambda: measure.slice_table(scored.frame, column, threshold)
    )
    names = _names(scored, column)
    # a choice that the new pairs do not have is none
    if st.session_state.get(NAME) not in set(table["slice"]):
        st.session_state[NAME] = None
    chosen = right.selectbox(
        tr("inspect.slice.name"),
        table["slice"].tolist(),
        index=None,
        format_func=lambda name: names[name],
        key=NAME,
        placeholder=tr("inspect.slice.all"),
    )
    _show_chart(table, names, chosen, len(scored.frame))
    if chosen is None:
        return None
    return scored.cached(
        "in slice", (column, chosen), lambda: in_slice(scored.frame, column, chosen)
    )


def show_filter(scored: ScoredPairs, number: int) -> None:
    """Show the chosen slice as a filter that a click takes away.

    Args:
        scored: the pairs.
        number: of errors in it.
    """
    chosen = st.session_state.get(NAME)
    if chosen is not None:
        column = st.session_state[COLUMN]
        name = _names(scored, column)[chosen]
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
    return scored.cached(
        "slice names", (column, language()), lambda: slice_names(scored.frame, column, translator())
    )


def _clear() -> None:
    st.session_state[NAME] = None


def _show_chart(
    table: pd.DataFrame, names: dict[str, str], chosen: str | None, number: int
) -> None:
    overall = float(table["errors"].sum()) / max(1, number)
    chart = charts.slices_chart(
        table.assign(slice=table["slice"].map(names)),
        overall=overall,
        selected=None if chosen is None else names[chosen],
        ink=theme.ink(),
        tr=translator(),
    )

    def select(point: Mapping[str, Any]) -> None:
        st.session_state[NAME] = table["slice"].iloc[int(point["row"])]

    pick_chart(chart, f"inspect.slices.{st.session_state[COLUMN]}.{chosen}", "slice", select)
