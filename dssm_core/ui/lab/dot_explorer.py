"""The Lab's tab on two vectors: their cosine by hand and by Keras's Dot, and where both fail."""

from __future__ import annotations

from typing import get_args

import streamlit as st

from dssm_core import charts
from dssm_core.ui.common import components
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.common.tables import Column, show_table
from dssm_core.ui.lab.dot import PRESETS, Precision, explain_pair

ENTRIES = ("qx", "qy", "dx", "dy")


def show() -> None:
    """Show two vectors to change, a drawing of them, and each step to the probability."""
    components.show_quiet(tr("lab.dot.about"))
    if "lab.qx" not in st.session_state:
        st.session_state["lab.preset"] = "alike"
        _put_preset()
    st.pills(
        tr("lab.preset"),
        list(PRESETS),
        format_func=lambda name: tr(f"lab.preset.{name}"),
        key="lab.preset",
        on_change=_put_preset,
    )
    left, right = st.columns([2, 3], gap="large")
    with left:
        qx, qy, dx, dy = (
            st.number_input(tr(f"lab.{name}"), key=f"lab.{name}", format="%g", step=0.1)
            for name in ENTRIES
        )
        scale = st.slider(tr("lab.scale"), -20.0, 20.0, 4.0, 0.5, key="lab.scale")
        bias = st.slider(tr("lab.bias"), -10.0, 10.0, 0.0, 0.5, key="lab.bias")
        st.segmented_control(
            tr("lab.precision"), get_args(Precision), key="lab.precision", required=True
        )
    with right:
        _show_steps((qx, qy), (dx, dy), scale, bias)


def _put_preset() -> None:
    query, document, precision = PRESETS[st.session_state["lab.preset"] or "alike"]
    for name, value in zip(ENTRIES, (*query, *document), strict=True):
        st.session_state[f"lab.{name}"] = value
    st.session_state["lab.precision"] = precision


def _show_steps(
    query: tuple[float, float], document: tuple[float, float], scale: float, bias: float
) -> None:
    chart = charts.vectors_chart(query, document, tr=translator())
    components.show_chart(chart, "lab.vectors", width="content")
    steps = explain_pair(query, document, scale, bias, st.session_state["lab.precision"])
    # eight digits, not a quantity's decimals: what is to be seen is how far rounding goes
    steps["value"] = [f"{value:.8g}" for value in steps["value"]]
    steps["name"] = [tr(f"lab.step.{name}") for name in steps["name"]]
    columns = {"name": Column(tr("lab.step")), "value": Column(tr("lab.value"))}
    show_table(steps, columns, tr("lab.dot"), width="stretch")
    preset = st.session_state["lab.preset"]
    if preset:
        components.show_message("note", tr(f"lab.preset.{preset}.about"))
