"""The Lab: the notebook's systems to look into, train and break."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import streamlit as st

from dssm_core.corpus.pairs import read_pairs
from dssm_core.errors import UserError
from dssm_core.families import FAMILIES
from dssm_core.folder import ModelFolder
from dssm_core.paths import new_models
from dssm_core.ui.common import components, models, state, theme
from dssm_core.ui.common.language import tr
from dssm_core.ui.lab import dot_explorer, systems
from dssm_core.ui.lab.progress import watch
from dssm_core.ui.lab.runs import Run


def render() -> None:
    """Show the page."""
    st.html(theme.SHEET)
    components.show_title(tr("lab.title"))
    components.show_quiet(tr("lab.intro"))
    tabs = st.tabs([tr(f"lab.{name}") for name in ("systems", "train", "dot", "backwards")])
    # the first tab last: building the systems takes seconds, and the others need not wait
    for tab, show in reversed(
        list(zip(tabs, (systems.show, _train, dot_explorer.show, _backwards), strict=True))
    ):
        with tab, components.failures_shown("a tab of the Lab"):
            show()


def _pairs_folder() -> ModelFolder:
    """Return the folder whose held-out pairs are trained on: the model in use, if it has some."""
    folders, _ = state.model_folders()
    names = [models.chosen_model(folders), models.DEFAULT, *folders] if folders else []
    for name in names:
        if name in folders and (folders[name].path / "pairs.csv").exists():
            return folders[name]
    raise UserError("lab.no pairs", str(new_models()))


def _pairs(number: int) -> pd.DataFrame:
    """Return a slice of the pairs, to be split anew."""
    return _read(str(_pairs_folder().path / "pairs.csv")).head(number)


@st.cache_data(show_spinner=False)
def _read(path: str) -> pd.DataFrame:
    return read_pairs(Path(path))[["query", "document", "label"]]


def _train() -> None:
    components.show_quiet(tr("lab.train.about"))
    components.show_quiet(tr("lab.pairs.of", name=_pairs_folder().name))
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
            st.session_state["lab.run"] = _run(family, number, epochs, loss, name).start()
            st.rerun()
        if st.button(tr("lab.stop"), disabled=not is_running, key="lab.stop") and run:
            run.stop()
            st.rerun()
    if run is not None:
        watch([run], "lab.watch.train", ("loss", "validation MRR@10"))
        if run.is_over and not run.error and not run.is_stopped:
            components.show_message("note", tr("lab.saved", name=run.out.name))


def _run(family: str, number: int, epochs: int, loss: str, name: str) -> Run:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", name):
        raise UserError("lab.wrong name", name=name)
    out = new_models() / name
    if out.exists() and not name.startswith("lab"):
        raise UserError("lab.taken name", name=name)
    training = {"epochs": epochs, "batch": 64, "loss": loss, "learning_rate": 0.003, "patience": 0}
    lab = FAMILIES[family].lab
    config = {"model": lab.sizes, "training": training}
    return Run(family, _pairs(number), out, ["--family", family], config, lab.negatives)


def _backwards() -> None:
    components.show_quiet(tr("lab.backwards.about"))
    runs: list[Run] = st.session_state.get("lab.runs", [])
    is_running = any(not run.is_over for run in runs)
    with st.container(horizontal=True):
        if st.button(tr("lab.backwards.start"), disabled=is_running, key="lab.both"):
            st.session_state["lab.runs"] = [_free_run(scale).start() for scale in (5.0, -5.0)]
            st.rerun()
        if st.button(tr("lab.stop"), disabled=not is_running, key="lab.both.stop"):
            for run in runs:
                run.stop()
            st.rerun()
    if runs:
        watch(runs, "lab.watch.backwards", ("scale", "AUC"))
        if not is_running and all(run.history for run in runs):
            components.show_message("note", tr("lab.backwards.end"))


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
