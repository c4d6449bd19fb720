"""The Lab's tab on a head that starts with w below 0: what training then makes of the cosine."""

from __future__ import annotations

import streamlit as st

from dssm_core.corpus.toy import invented_pairs
from dssm_core.families import FAMILIES
from dssm_core.ui.common import components
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.lab.judge import judge_head
from dssm_core.ui.lab.progress import Measure, watch
from dssm_core.ui.lab.runs import Run

FIRST = (5.0, -5.0)
"""w of the head at the start of the two trainings."""


def show() -> None:
    """Show both trainings as they go on, and what they have shown."""
    components.show_quiet(tr("lab.backwards.about"))
    components.show_quiet(tr("lab.backwards.task"))
    runs: list[Run] = st.session_state.get("lab.runs", [])
    is_running = any(not run.is_over for run in runs)
    with st.container(horizontal=True):
        if st.button(
            tr("lab.backwards.start"), disabled=is_running, key="lab.both", type="primary"
        ):
            st.session_state["lab.runs"] = [_run(scale).start() for scale in FIRST]
            st.rerun()
        if st.button(tr("lab.stop"), disabled=not is_running, key="lab.both.stop"):
            for run in runs:
                run.stop()
            st.rerun()
    if not runs:
        return
    watch(
        runs,
        "lab.watch.backwards",
        (Measure("scale"), Measure("AUC", True), Measure("cosine AUC", True)),
    )
    if all(run.is_saved for run in runs):
        for first, run in zip(FIRST, runs, strict=True):
            sentence = judge_head(first, run.history[-1])
            kind: components.Kind = "note" if sentence.key == "lab.head.right" else "warning"
            components.show_message(kind, sentence.text(translator()))
        components.show_quiet(tr("lab.backwards.end"))


def _run(first_scale: float) -> Run:
    training = {
        "epochs": 8,
        "batch": 32,
        "loss": "binary",
        "learning_rate": 0.01,
        "patience": 0,
        "spans": 0,
        "first_scale": first_scale,
    }
    # two towers of their own, so that nothing but w decides which way vectors turn
    config = {"model": {**FAMILIES["mlp"].lab.sizes, "head": "free"}, "training": training}
    name = tr("lab.run.first", scale=first_scale)
    return Run(name, invented_pairs(), None, ["--family", "mlp"], config)
