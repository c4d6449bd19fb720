"""The Lab: the notebook's systems to look into, train and break."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pandas as pd
import streamlit as st

from dssm_core import charts
from dssm_core.corpus.pairs import read_pairs
from dssm_core.errors import UserError
from dssm_core.families import FAMILIES
from dssm_core.paths import new_models
from dssm_core.ui.common import components, state, style
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.lab import systems
from dssm_core.ui.lab.dot import PRESETS, Precision, explain_pair
from dssm_core.ui.lab.progress import watch
from dssm_core.ui.lab.runs import Run


def render() -> None:
    """Show the page."""
    st.html(style.SHEET)
    components.show_title(tr("lab.title"))
    st.markdown(tr("lab.intro"))
    tabs = st.tabs([tr(f"lab.{name}") for name in ("systems", "train", "dot", "backwards")])
    # the first tab last: building the systems takes seconds, and the others need not wait
    for tab, show in reversed(
        list(zip(tabs, (systems.show, _train, _dot, _backwards), strict=True))
    ):
        with tab:
            try:
                show()
            except UserError as error:
                components.show_error(error)


def _pairs(number: int) -> pd.DataFrame:
    """Return a slice of the first model folder's held-out pairs, to be split anew."""
    folders, _ = state.model_folders()
    for folder in folders.values():
        path = folder.path / "pairs.csv"
        if path.exists():
            return _read(str(path)).head(number)
    raise UserError("lab.no pairs", str(new_models()))


@st.cache_data(show_spinner=False)
def _read(path: str) -> pd.DataFrame:
    return read_pairs(Path(path))[["query", "document", "label"]]


def _train() -> None:
    st.markdown(tr("lab.train.about"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        family = st.selectbox(tr("lab.family"), list(FAMILIES), key="lab.family", width=180)
        number = st.selectbox(tr("lab.pairs"), (500, 1000, 2000), index=1, key="lab.n", width=120)
        epochs = st.number_input(tr("lab.epochs"), 1, 30, 6, key="lab.epochs", width=120)
        losses = FAMILIES[family].lab.losses
        loss = st.selectbox(tr("lab.loss"), losses, key="lab.loss", width=160)
        name = st.text_input(tr("lab.name"), "lab", key="lab.name", width=180)
    run: Run | None = st.session_state.get("lab.run")
    is_running = run is not None and not run.is_over
    with st.container(horizontal=True):
        if st.button(tr("lab.start"), disabled=is_running, key="lab.start"):
            st.session_state["lab.run"] = _start(family, number, epochs, loss, name)
            st.rerun()
        if st.button(tr("lab.stop"), disabled=not is_running, key="lab.stop") and run:
            run.stop()
            st.rerun()
    if run is not None:
        watch([run], "lab.watch.train", ("loss", "validation MRR@10"))
        if run.is_over and not run.error and not run.is_stopped:
            st.success(tr("lab.saved", name=run.out.name))  # the name is letters and hyphens


def _start(family: str, number: int, epochs: int, loss: str, name: str) -> Run:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", name):
        raise UserError("lab.wrong name", name=name)
    out = new_models() / name
    if out.exists() and not name.startswith("lab"):
        raise UserError("lab.taken name", name=name)
    training = {"epochs": epochs, "batch": 64, "loss": loss, "learning_rate": 0.003, "patience": 0}
    lab = FAMILIES[family].lab
    config = {"model": lab.sizes, "training": training}
    return Run(family, _pairs(number), out, ["--family", family], config, lab.negatives)


def _dot() -> None:
    st.markdown(tr("lab.dot.about"))

    def put() -> None:
        query, document, precision = PRESETS[st.session_state["lab.preset"] or "alike"]
        for name, value in zip(("qx", "qy", "dx", "dy"), (*query, *document), strict=True):
            st.session_state[f"lab.{name}"] = value
        st.session_state["lab.precision"] = precision

    if "lab.qx" not in st.session_state:
        st.session_state["lab.preset"] = "alike"
        put()
    st.pills(
        tr("lab.preset"),
        list(PRESETS),
        format_func=lambda name: tr(f"lab.preset.{name}"),
        key="lab.preset",
        on_change=put,
    )
    left, right = st.columns([2, 3], gap="large")
    with left:
        numbers = {
            name: st.number_input(tr(f"lab.{name}"), key=f"lab.{name}", format="%g", step=0.1)
            for name in ("qx", "qy", "dx", "dy")
        }
        scale = st.slider(tr("lab.scale"), -20.0, 20.0, 4.0, 0.5, key="lab.scale")
        bias = st.slider(tr("lab.bias"), -10.0, 10.0, 0.0, 0.5, key="lab.bias")
        st.segmented_control(
            tr("lab.precision"), get_args(Precision), key="lab.precision", required=True
        )
    precision: Precision = st.session_state["lab.precision"]
    query, document = (numbers["qx"], numbers["qy"]), (numbers["dx"], numbers["dy"])
    with right:
        chart = charts.vectors_chart(query, document, tr=translator())
        st.altair_chart(chart, width="content", key="lab.vectors")
        steps = explain_pair(query, document, scale, bias, precision)
        steps["value"] = [f"{value:.8g}" for value in steps["value"]]
        steps["name"] = [tr(f"lab.step.{name}") for name in steps["name"]]
        st.dataframe(
            steps,
            hide_index=True,
            width="stretch",
            column_config={"name": tr("lab.step"), "value": tr("lab.value")},
        )
        if st.session_state["lab.preset"]:
            st.info(tr(f"lab.preset.{st.session_state['lab.preset']}.about"))


def _backwards() -> None:
    st.markdown(tr("lab.backwards.about"))
    runs: list[Run] = st.session_state.get("lab.runs", [])
    is_running = any(not run.is_over for run in runs)
    with st.container(horizontal=True):
        if st.button(tr("lab.backwards.start"), disabled=is_running, key="lab.both"):
            st.session_state["lab.runs"] = [_free_run(5.0), _free_run(-5.0)]
            st.rerun()
        if st.button(tr("lab.stop"), disabled=not is_running, key="lab.both.stop"):
            for run in runs:
                run.stop()
            st.rerun()
    if runs:
        watch(runs, "lab.watch.backwards", ("scale", "AUC"))
        if not is_running and all(run.history for run in runs):
            st.warning(tr("lab.backwards.end"))


def _free_run(first_scale: float) -> Run:
    training = {
        "epochs": 6,
        "batch": 32,
        "loss": "binary",
        "learning_rate": 0.003,
        "patience": 0,
        "spans": 0,
        "first_scale": first_scale,
    }
    model = {**FAMILIES["lstm"].lab.sizes, "head": "free"}
    name = tr("lab.run.first", scale=first_scale)
    out = new_models() / f"lab-w-{'positive' if first_scale > 0 else 'negative'}"
    config = {"model": model, "training": training}
    return Run(name, _pairs(1000), out, ["--family", "lstm"], config)
