"""The Lab's first tab: the notebook's systems, what sets them apart, and one layer by layer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dssm_core.quantities import format_number
from dssm_core.ui.common import components, theme
from dssm_core.ui.common.components import escape
from dssm_core.ui.common.language import tr
from dssm_core.ui.common.tables import Column, show_table
from dssm_core.ui.lab import toy_run
from dssm_core.ui.lab.runs import ask

OWN_SENTENCE = frozenset(
    [
        *("query_dense_1", "doc_dense_1", "query_vec", "doc_vec", "out", "softmax"),
        *("lexical", "skip", "query_attention", "doc_attention"),
    ]
)
"""Layers that have a sentence by name; the others have that of their kind."""


def show() -> None:
    """Show what sets the systems apart, then the layers of one as a graph and in words."""
    with st.spinner(tr("lab.systems.wait")):
        systems = {system["name"]: system for system in _described()}
    name = st.selectbox(tr("lab.system"), list(systems), format_func=title, key="lab.system")
    system = systems[name]
    components.show_lead(tr(f"system.{name}.about"))
    components.show_quiet(
        tr("lab.system.about", notebook=system["notebook"], parameters=system["parameters"])
    )
    with st.expander(tr("lab.apart")):
        _show_traits(systems)
    graph, words = st.columns(2, gap="large")
    graph.graphviz_chart(
        layer_graph(system["layers"], theme.ink()),
        width="content",
        alt=tr("lab.graph", name=title(name), layers=len(system["layers"])),
    )
    with words:
        if any(layer["masks"] for layer in system["layers"]):
            components.show_quiet(tr("lab.graph.masks"))
        st.html(layers_html(system["layers"]))
    toy_run.show(name)


@st.cache_data(show_spinner=False)
def _described() -> list[dict[str, Any]]:
    return list(ask("systems"))


def title(name: str) -> str:
    """Return what the page calls a system."""
    return tr(f"system.{name}")


def _show_traits(systems: Mapping[str, Mapping[str, Any]]) -> None:
    rows = [
        {
            "name": title(name),
            **{kind: tr(f"trait.{kind}.{value}") for kind, value in system["traits"].items()},
        }
        for name, system in systems.items()
    ]
    columns = {kind: Column(tr(f"trait.{kind}")) for kind in ("reads", "shares", "output", "loss")}
    show_table(
        pd.DataFrame(rows),
        {"name": Column(tr("lab.system")), **columns},
        tr("lab.apart"),
        width="stretch",
    )


def layers_html(layers: Sequence[Mapping[str, Any]]) -> str:
    """Return each layer in words: its name, what it does, its kind, shape and parameters."""
    rows = "".join(
        f'<tr><th scope="row"><strong>{escape(layer["name"])}</strong></th>'
        f"<td>{escape(sentence(layer))}<br><small>{escape(_facts(layer, ' · '))}</small></td></tr>"
        for layer in layers
    )
    heads = "".join(
        f'<th scope="col">{escape(tr(key))}</th>' for key in ("lab.layer", "lab.layer.does")
    )
    return f'<table class="dssm-ruler"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def sentence(layer: Mapping[str, Any]) -> str:
    """Return what a layer does, in a sentence."""
    return tr(f"layer.{layer['name' if layer['name'] in OWN_SENTENCE else 'kind']}")


def _facts(layer: Mapping[str, Any], between: str) -> str:
    facts = [layer["kind"], layer["shape"]]
    if layer["parameters"]:
        facts.append(tr("lab.layer.parameters", number=layer["parameters"]))
    return between.join(facts)


def layer_graph(layers: Sequence[Mapping[str, Any]], ink: str) -> str:
    """Return a model's layers in Graphviz' language: name, kind, parameters and output shape.

    Args:
        layers: as the command `systems` describes them; a mask's way is dashed.
        ink: colour of text and lines, which suits the theme.
    """
    lines = [
        "digraph { bgcolor=transparent rankdir=TB ranksep=0.3 nodesep=0.2",
        f'node [shape=box style=rounded color="{ink}" fontcolor="{ink}" fontname="sans-serif" '
        'fontsize=12 margin="0.08,0.04" height=0.1]',
        f'edge [color="{ink}" arrowsize=0.7]',
    ]
    for layer in layers:
        kind = layer["kind"]
        if layer["parameters"]:
            kind += f" · {format_number(layer['parameters'], 'count')}"
        shapes = layer["shape"].replace(" and ", "\n")  # a shared layer has one for each side
        name = json.dumps(layer["name"])
        label = json.dumps(f"{layer['name']}\n{kind}\n{shapes}", ensure_ascii=False)
        lines.append(f"{name} [label={label}]")
        lines += [f"{json.dumps(source)} -> {name}" for source in layer["inputs"]]
        lines += [
            f"{json.dumps(source)} -> {name} [style=dashed constraint=false]"
            for source in layer["masks"]
        ]
    return "\n".join([*lines, "}"])
