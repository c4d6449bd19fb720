"""The Lab's first tab: the notebook's systems, layer by layer, and its toy run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dssm_core import charts
from dssm_core.quantities import format_number
from dssm_core.scoring import Head
from dssm_core.ui.common import components, theme
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.common.tables import Column, show_table
from dssm_core.ui.lab.progress import watch
from dssm_core.ui.lab.runs import Task, ask

BUILDER = "negative sampling MLP"

TOYS = ("LSTMModel", "LSTM", BUILDER)
"""Systems that the command `toy` runs."""


def show() -> None:
    """Show a system's layers as a table and as a graph, then the toy run."""
    with st.spinner(tr("lab.systems.wait")):
        systems = {system["name"]: system for system in _described()}
    name = st.selectbox(tr("lab.system"), list(systems), format_func=_title, key="lab.system")
    system = systems[name]
    components.show_quiet(
        tr("lab.system.about", notebook=system["notebook"], parameters=system["parameters"])
    )
    table, graph = st.columns([3, 2], gap="large")
    with table:
        show_table(
            _table(system["layers"]),
            {
                "name": Column(tr("lab.layer")),
                "kind": Column(tr("lab.kind")),
                "shape": Column(tr("lab.shape")),
                "parameters": Column(tr("lab.parameters"), "count"),
                "inputs": Column(tr("lab.inputs")),
            },
            tr("lab.layer"),
            width="stretch",
            height="content",
        )
    graph.graphviz_chart(
        layer_graph(system["layers"], theme.ink()),
        width="content",
        alt=tr("lab.graph", name=_title(name), layers=len(system["layers"])),
    )
    _toy(name)


@st.cache_data(show_spinner=False)
def _described() -> list[dict[str, Any]]:
    return list(ask("systems"))


def _title(name: str) -> str:
    return tr(f"system.{name}")


def _table(layers: Sequence[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(layers)
    frame["inputs"] = frame["inputs"].str.join(", ")
    return frame


def layer_graph(layers: Sequence[dict[str, Any]], ink: str) -> str:
    """Return a model's layers in Graphviz' language: name, kind, output shape and parameters.

    Args:
        layers: as the command `systems` describes them.
        ink: colour of text and lines, which suits the theme.
    """
    lines = [
        "digraph { bgcolor=transparent rankdir=TB ranksep=0.3 nodesep=0.2",
        f'node [shape=box style=rounded color="{ink}" fontcolor="{ink}" fontname="sans-serif" '
        "fontsize=12 margin=0.1]",
        f'edge [color="{ink}" arrowsize=0.7]',
    ]
    names = {layer["name"] for layer in layers}
    for layer in layers:
        kind = layer["kind"]
        if layer["parameters"]:
            kind += f" · {format_number(layer['parameters'], 'count')}"
        shapes = layer["shape"].replace(" and ", "\n")  # a shared layer has one for each side
        label = json.dumps(f"{layer['name']}\n{kind}\n{shapes}", ensure_ascii=False)
        lines.append(f"{json.dumps(layer['name'])} [label={label}]")
        lines += [
            f"{json.dumps(source)} -> {json.dumps(layer['name'])}"
            for source in layer["inputs"]
            if source in names
        ]
    return "\n".join([*lines, "}"])


def _toy(system: str) -> None:
    st.header(tr("lab.toy"), anchor=False)
    if system not in TOYS:
        components.show_quiet(tr("lab.toy.none"))
        return
    components.show_quiet(tr("lab.toy.about", name=_title(system)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seed = st.number_input(tr("lab.seed"), 0, 10_000, 0, key="lab.toy.seed", width=140)
        epochs = st.number_input(tr("lab.epochs"), 1, 500, 20, key="lab.toy.epochs", width=140)
        run: Task | None = st.session_state.get("lab.toy")
        is_running = run is not None and not run.is_over
        if st.button(tr("lab.toy.run"), disabled=is_running, key="lab.toy.start"):
            arguments = ["toy", "--system", system, "--seed", f"{seed}", "--epochs", f"{epochs}"]
            st.session_state["lab.toy"] = Task(_title(system), arguments, epochs).start()
            st.session_state["lab.toy.system"] = system
            st.rerun()
        if st.button(tr("lab.stop"), disabled=not is_running, key="lab.toy.stop") and run:
            run.stop()
            st.rerun()
    if run is None:
        return
    is_builder = st.session_state["lab.toy.system"] == BUILDER
    watch([run], "lab.watch.toy", ("loss",) if is_builder else ("loss", "scale"))
    if run.result and is_builder:
        components.show_quiet(tr("lab.toy.bag"))
    elif run.result:
        _show_toy(run.result)


def _show_toy(result: dict[str, Any]) -> None:
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
    components.show_chart(
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
