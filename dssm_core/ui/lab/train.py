"""The Lab's tab that trains a small model, says honestly how good it is, and deletes it again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import streamlit as st

from dssm_core.errors import UserError
from dssm_core.families import FAMILIES
from dssm_core.paths import new_models
from dssm_core.store import is_read_only
from dssm_core.ui.common import components, models
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.lab.judge import judge_training
from dssm_core.ui.lab.pairs import pick_pairs
from dssm_core.ui.lab.progress import Measure, watch
from dssm_core.ui.lab.runs import Run
from dssm_core.words import has_text

START = 18.0
"""Seconds for TensorFlow, the first step and the figures at the end, on two cores."""

MRR = "validation MRR@10"


def show() -> None:
    """Show the choices, the training as it goes on, what it has shown, and what was trained."""
    components.show_quiet(tr("lab.train.about"))
    pairs = None
    with components.failures_shown("the pairs of the Lab"):
        pairs = pick_pairs()
    _show_buttons(_show_choices(pairs))
    run: Run | None = st.session_state.get("lab.run")
    if run is not None:
        rival = None if run.bm25 is None else ("BM25", run.bm25)
        watch([run], "lab.watch.train", (Measure("loss"), Measure(MRR, True, rival)))
        if run.is_saved:
            _show_end(run)
    _show_trained()


def _show_choices(pairs: pd.DataFrame | None) -> Run | None:
    """Show what can be chosen, what it means and how long it takes.

    Returns:
        The training to start; None where there are no pairs, or the name cannot be.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        family = st.selectbox(tr("lab.family"), list(FAMILIES), key="lab.family", width=180)
        losses = FAMILIES[family].lab.losses
        loss = st.selectbox(tr("lab.loss"), losses, key="lab.loss", width=160)
        epochs = st.number_input(tr("lab.epochs"), 1, 30, 6, key="lab.epochs", width=120)
        name = st.text_input(tr("lab.name"), "lab", key="lab.name", width=180)
    is_told = has_text(f"family.{family}.about")  # of a family added later perhaps not
    about = tr(f"family.{family}.about") if is_told else FAMILIES[family].title
    components.show_quiet(about)
    components.show_quiet(tr(f"loss.{loss}.about"))
    try:
        models.check_name(name)
    except UserError as trouble:
        components.show_error(trouble)
        return None
    if pairs is None:
        return None
    seconds = START + epochs * len(pairs) / 1000 * FAMILIES[family].lab.seconds
    components.show_quiet(tr("lab.estimate", number=len(pairs), seconds=_rounded(seconds)))
    return _run(family, pairs, epochs, loss, name)


def _show_buttons(ready: Run | None) -> None:
    """Show the buttons that start what is ready and stop what runs."""
    run: Run | None = st.session_state.get("lab.run")
    is_running = run is not None and not run.is_over
    with st.container(horizontal=True):
        cannot = is_running or ready is None
        if st.button(tr("lab.start"), disabled=cannot, key="lab.start", type="primary") and ready:
            st.session_state["lab.run"] = ready.start()
            st.rerun()
        if st.button(tr("lab.stop"), disabled=not is_running, key="lab.stop") and run:
            run.stop()
            st.rerun()


def _rounded(seconds: float) -> int:
    """Return seconds to five, as an estimate is no better."""
    return 5 * max(1, round(seconds / 5))


def _run(family: str, pairs: pd.DataFrame, epochs: int, loss: str, name: str) -> Run:
    training = {"epochs": epochs, "batch": 64, "loss": loss, "learning_rate": 0.003, "patience": 0}
    lab = FAMILIES[family].lab
    config = {"model": dict(lab.sizes), "training": training}
    return Run(family, pairs, new_models() / name, ["--family", family], config, lab.negatives)


def _show_end(run: Run) -> None:
    """Show what a training has shown, and the way to the model."""
    assert run.out is not None  # this tab's runs are saved
    for sentence in judge_training(run.history, run.bm25):
        is_good = sentence.key in ("lab.verdict.above", "lab.verdict.close")
        kind: components.Kind = "note" if is_good else "warning"
        components.show_message(kind, sentence.text(translator()))
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(tr("lab.open"), key="lab.open", icon=":material/compare_arrows:"):
            models.choose_model(run.out.name)
            st.switch_page(st.Page(_compare, default=True))
        components.show_quiet(tr("lab.saved", name=run.out.name))


def _compare() -> None:
    """Stand for the page Compare, which Streamlit knows by its address."""


def trained() -> list[Path]:
    """Return the folders of the models that were trained on this page."""
    root = new_models()
    marked = (
        sorted(mark.parent for mark in root.glob(f"*/{models.TRAINED_HERE}"))
        if root.is_dir()
        else []
    )
    return [path for path in marked if not path.is_symlink()]


def _show_trained() -> None:
    """List the models that were trained here, each to be deleted."""
    folders = trained()
    if not folders or is_read_only():
        return
    with st.expander(tr("lab.trained", number=len(folders))):
        components.show_quiet(tr("lab.trained.about"))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            names = [folder.name for folder in folders]
            name = st.selectbox(tr("model"), names, key="lab.delete.name", width=260)
            with st.popover(tr("lab.delete"), icon=":material/delete:"):
                components.show_quiet(tr("lab.delete.sure", name=name))
                if st.button(tr("lab.delete.yes", name=name), key="lab.delete.yes"):
                    shutil.rmtree(next(f for f in folders if f.name == name))
                    st.session_state.pop("lab.run", None)
                    st.rerun()
