"""The notebook's toy run of a system: two pairs of word ids, learnt before one's eyes."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dssm_core import charts
from dssm_core.scoring import Head
from dssm_core.ui.common import components, drawings, theme
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.lab.progress import Measure, watch
from dssm_core.ui.lab.runs import Task

BUILDER = "negative sampling MLP"

TOYS = ("LSTMModel", "LSTM", BUILDER)
"""Systems that the command `toy` runs."""


def show(system: str) -> None:
    """Show the toy run of a system, and let it be started.

    Args:
        system: its name.
    """
    st.header(tr("lab.toy"), anchor=False)
    if system not in TOYS:
        components.show_quiet(tr("lab.toy.none"))
        return
    is_builder = system == BUILDER
    components.show_quiet(tr("lab.toy.about.bag" if is_builder else "lab.toy.about"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seed = st.number_input(tr("lab.seed"), 0, 10_000, 0, key="lab.toy.seed", width=140)
        epochs = st.number_input(tr("lab.epochs"), 1, 500, 20, key="lab.toy.epochs", width=140)
        run: Task | None = st.session_state.get("lab.toy")
        is_running = run is not None and not run.is_over
        if st.button(tr("lab.toy.run"), disabled=is_running, key="lab.toy.start"):
            arguments = ["toy", "--system", system, "--seed", f"{seed}", "--epochs", f"{epochs}"]
            name = tr(f"system.{system}")
            st.session_state["lab.toy"] = Task(name, arguments, epochs).start()
            st.session_state["lab.toy.system"] = system
            st.rerun()
        if st.button(tr("lab.stop"), disabled=not is_running, key="lab.toy.stop") and run:
            run.stop()
            st.rerun()
    if run is None or st.session_state["lab.toy.system"] != system:
        return
    drawn = [Measure("loss")] if is_builder else [Measure("loss"), Measure("scale")]
    watch([run], "lab.watch.toy", drawn)
    if run.result and is_builder:
        _show_shares(run.result)
    elif run.result:
        _show_predictions(run.result)


def _show_shares(result: dict[str, Any]) -> None:
    right, wrong = result["rows"][:2]
    components.show_message(
        "note",
        tr(
            "lab.toy.shares",
            right=right["probability"],
            wrong=wrong["probability"],
            cosine=right["cosine"],
            other=wrong["cosine"],
        ),
    )
    components.show_quiet(tr("lab.toy.bag"))


def _show_predictions(result: dict[str, Any]) -> None:
    frame = pd.DataFrame(result["rows"])
    head = Head(result["scale"], result["bias"])
    shown = pd.DataFrame(
        {
            "position": range(1, len(frame) + 1),
            "document": [tr("lab.toy.pair", n=1 + i % 2) for i in range(len(frame))],
            "cosine": frame["cosine"],
            "probability": frame["probability"],
            "rank": frame["cosine"].rank(ascending=False, method="min"),
            "percentile": float("nan"),
        }
    )
    drawings.show_chart(
        charts.score_chart(
            shown,
            curve=charts.probability_curve(head.scale, head.bias),
            background=charts.background_bins(frame["cosine"].to_numpy()),
            threshold=(head.cosine_at(0.5), 0.5),
            ink=theme.ink(),
            tr=translator(),
        ),
        key="lab.toy.chart",
    )
    recomputed = [head.probability(cosine) for cosine in frame["cosine"]]
    gap = max(abs(a - b) for a, b in zip(recomputed, frame["probability"], strict=True))
    components.show_quiet(tr("lab.toy.check", scale=head.scale, bias=head.bias, gap=gap))
