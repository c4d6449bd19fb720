"""The described systems against Keras's own graph: no edge is missing, none is invented."""

from __future__ import annotations

import functools
from typing import Any

import keras
import pytest

from dssm_core.models.systems import SYSTEMS, describe_systems
from dssm_core.ui.lab.systems import sentence
from dssm_core.words import ENGLISH

pytestmark = pytest.mark.slow

described = functools.cache(
    lambda: {s["name"]: {layer["name"]: layer for layer in s["layers"]} for s in describe_systems()}
)
FUNCTIONAL = [name for name in SYSTEMS if name != "LSTMModel"]


def edges(name: str) -> set[tuple[str, str]]:
    return {
        (source, layer["name"])
        for layer in described()[name].values()
        for source in [*layer["inputs"], *layer["masks"]]
    }


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_layer_is_on_a_way_from_an_input_to_an_output(name: str) -> None:
    layers, found = described()[name], edges(name)
    assert {end for edge in found for end in edge} == set(layers)
    outputs = {"out", "cos", "similarity", "query_attention", "doc_attention"}
    assert set(layers) - {source for source, _ in found} <= outputs
    sources = {kind["name"] for kind in layers.values() if kind["kind"] == "InputLayer"}
    assert set(layers) - {end for _, end in found} == sources


@pytest.mark.parametrize("name", FUNCTIONAL)
def test_the_edges_are_keras_own_with_operations_walked_through(name: str) -> None:
    model = SYSTEMS[name].build()

    def behind(operation: Any) -> set[str]:
        """Return the layers that reach an operation with nothing but operations between."""
        found: set[str] = set()
        for node in operation._inbound_nodes:
            for tensor in node.input_tensors:
                source = tensor._keras_history.operation
                is_layer = isinstance(source, keras.layers.Layer)
                found |= {source.name} if is_layer else behind(source)
        return found

    wanted = {(source, layer.name) for layer in model.layers for source in behind(layer)}
    plain = {tuple(part.rsplit("_", 1)[0] for part in edge) for edge in wanted}
    assert len(edges(name)) == len(wanted)
    assert {tuple(part.rsplit("_", 1)[0] for part in edge) for edge in edges(name)} == plain


def test_attention_and_the_lexical_part_reach_the_probability() -> None:
    found = edges("LSTM with attention")
    reached, front = set(), {"attention", "lexical"}
    while front:
        reached |= front
        front = {end for source, end in found if source in front} - reached
    assert {"skip", "beside", "query_vec", "doc_vec", "dot", "out"} <= reached
    assert "query" in described()["LSTM with attention"]["lstm"]["masks"]


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_and_layer_has_its_sentence(name: str) -> None:
    assert ENGLISH(f"system.{name}.about")
    for kind, value in SYSTEMS[name].traits.items():
        assert ENGLISH(f"trait.{kind}.{value}")
    assert all(map(sentence, described()[name].values()))


def test_what_is_said_to_be_shared_is_shared() -> None:
    def read_by_both(name: str) -> set[str]:
        found = edges(name)
        return {
            layer
            for layer in described()[name]
            if {"query", "doc"} <= {source for source, end in found if end == layer}
        }

    shares = {name: system.traits["shares"] for name, system in SYSTEMS.items()}
    assert shares.pop("MLP") == shares.pop("negative sampling MLP") == "nothing"
    assert not read_by_both("MLP")
    assert all("embedding" in read_by_both(name) for name in shares)
    lstms = {name: [x for x in described()[name] if x.endswith("lstm")] for name in shares}
    assert lstms["LSTMModel"] == ["query_lstm", "doc_lstm"]
    assert lstms["LSTM"] == lstms["LSTM with attention"] == ["lstm"]
