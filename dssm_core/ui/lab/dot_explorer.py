"""The Lab's tab on two vectors: their cosine by hand and by Keras's Dot, and where both fail."""

from __future__ import annotations

import math
from typing import get_args

import streamlit as st

from dssm_core import charts
from dssm_core.errors import UserError
from dssm_core.quantities import MINUS
from dssm_core.ui.common import components, theme
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.common.tables import Column, show_table
from dssm_core.ui.lab.dot import PRESETS, Precision, explain_pair

ENTRIES = ("qx", "qy", "dx", "dy")


def show() -> None:
    """Show two vectors to type or drag, a drawing of them, and each step to the probability."""
    components.show_quiet(tr("lab.dot.about"))
    if "lab.qx" not in st.session_state:
        st.session_state["lab.preset"] = "alike"
        _put_preset()
    preset = st.pills(
        tr("lab.preset"),
        list(PRESETS),
        format_func=lambda name: tr(f"lab.preset.{name}"),
        key="lab.preset",
        on_change=_put_preset,
    )
    if preset:
        components.show_message("note", tr(f"lab.preset.{preset}.about"))
    left, middle, right = st.columns([2, 3, 4], gap="medium")
    with left:
        typed = [st.text_input(tr(f"lab.{name}"), key=f"lab.{name}") for name in ENTRIES]
    with right:
        head = st.columns(2)
        scale = head[0].slider(tr("lab.scale"), -20.0, 20.0, 4.0, 0.5, key="lab.scale")
        bias = head[1].slider(tr("lab.bias"), -10.0, 10.0, 0.0, 0.5, key="lab.bias")
        st.segmented_control(
            tr("lab.precision"), get_args(Precision), key="lab.precision", required=True
        )
    with components.failures_shown("two vectors"):
        qx, qy, dx, dy = map(_number, typed)
        with middle:
            drawing = charts.vectors_chart((qx, qy), (dx, dy), ink=theme.ink(), tr=translator())
            st.vega_lite_chart(drawing, key="lab.vectors", width="content")
        with right:
            _show_steps((qx, qy), (dx, dy), scale, bias)


def _put_preset() -> None:
    query, document, precision = PRESETS[st.session_state["lab.preset"] or "alike"]
    for name, value in zip(ENTRIES, (*query, *document), strict=True):
        st.session_state[f"lab.{name}"] = f"{value:g}"
    st.session_state["lab.precision"] = precision


def _number(text: str) -> float:
    """Return the number that was typed.

    Raises:
        UserError: if it is none, or not finite.
    """
    try:
        value = float(text.strip().replace(MINUS, "-"))
    except ValueError:
        raise UserError("lab.no number", text) from None
    if not math.isfinite(value):
        raise UserError("lab.no number", text)
    return value


def _show_steps(
    query: tuple[float, float], document: tuple[float, float], scale: float, bias: float
) -> None:
    steps = explain_pair(query, document, scale, bias, st.session_state["lab.precision"])
    steps["value"] = [_written(value) for value in steps["value"]]
    steps["name"] = [tr(f"lab.step.{name}") for name in steps["name"]]
    columns = {"name": Column(tr("lab.step")), "value": Column(tr("lab.value"))}
    show_table(steps, columns, tr("lab.dot"), width="stretch")
    components.show_quiet(tr("lab.dot.typed"))


def _written(value: float) -> str:
    """Return a number with eight digits, as what is to be seen is how far rounding goes."""
    return "NaN" if math.isnan(value) else f"{value:.8g}".replace("-", MINUS)
