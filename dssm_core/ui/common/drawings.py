"""Charts on a page: shown, kept while their data change, and open to a click."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import streamlit as st

from dssm_core import charts
from dssm_core.ui.common.language import tr


def show_chart(
    chart: charts.Drawing | charts.Chart, key: str, *, is_moving: bool = False, **more: Any
) -> Any:
    """Show a chart; return what is selected in it, where `more` lets a person select.

    Args:
        chart: the chart.
        key: of the element.
        is_moving: as for `pick_chart`.
        more: as for `st.vega_lite_chart`.
    """
    if isinstance(chart, charts.Drawing):
        specification = _specification(chart, is_moving)
        return st.vega_lite_chart(specification, key=key, **{"width": "stretch", **more})
    return st.altair_chart(chart, key=key, **{"width": "stretch", **more})


def _specification(chart: charts.Drawing | charts.Chart, is_moving: bool) -> dict[str, Any]:
    """Return what Streamlit draws of a chart, with its data in the form that it sends."""
    specification = chart.to_dict()
    if is_moving:
        specification["description"] = tr("chart.beside", title=specification["title"]["text"])
    specification.pop("config", None)  # Altair's sizes; the page has its own
    datasets = specification.get("datasets", {})
    # by way of pandas each takes 1 ms more, and there are some ten on a page
    return specification | {
        "datasets": {name: pa.Table.from_pylist(rows) for name, rows in datasets.items()}
    }


def pick_chart(
    chart: charts.Drawing | charts.Chart,
    key: str,
    name: str,
    on_pick: Callable[[Mapping[str, Any]], None],
    *,
    is_moving: bool = False,
) -> None:
    """Show a chart of which a click picks a point.

    Args:
        chart: the chart.
        key: of the element; another with each choice: Vega keeps what was clicked under its key,
            and does not report a second click on it.
        name: of the chart's selection parameter.
        on_pick: called before the next run with the fields of the point.
        is_moving: whether its marks move to new data, for which the rest of it must not change:
            its finding then stands beside it, and not in its description.
    """

    def select() -> None:
        points = st.session_state[key]["selection"].get(name, [])
        if points:
            on_pick(points[0])

    specification = _specification(chart, is_moving)
    st.vega_lite_chart(
        specification, key=key, width="stretch", on_select=select, selection_mode=name
    )
