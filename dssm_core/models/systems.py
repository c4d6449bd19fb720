"""The notebook's systems as they are built, layer by layer: what the Lab page draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras

from dssm_core.families import FAMILIES, Family
from dssm_core.models.lstm import LSTMConfig, LSTMModel, build_lstm_model, build_subclass
from dssm_core.models.mlp import build_mlp_model
from dssm_core.models.negative_sampling import MLPNegativeSamplingModelBuilder


class System(NamedTuple):
    """One of the notebook's systems; the catalogues' `system.NAME` is its title.

    Attributes:
        notebook: what the notebook calls it.
        build: with the notebook's defaults.
    """

    notebook: str
    build: Callable[[], keras.Model]


def _standard(family: Family) -> keras.Model:
    return family.build(family.config)


SYSTEMS = {
    "negative sampling MLP": System(
        "MLPNegativeSamplingModelBuilder", lambda: MLPNegativeSamplingModelBuilder().build_model()
    ),
    "MLP": System("build_mlp_model", build_mlp_model),
    "LSTM": System("build_lstm_model", build_lstm_model),
    "LSTMModel": System("LSTMModel", lambda: build_subclass(LSTMConfig())),
    "LSTM with attention": System(
        "build_lstm_model, Attention", lambda: _standard(FAMILIES["lstm"])
    ),
}


def describe_systems() -> list[dict[str, Any]]:
    """Return every system: name, name in the notebook, parameters, and its layers in order.

    A layer has name, kind, shape (of its output), parameters, and inputs (names of layers).
    """
    described = []
    for name, system in SYSTEMS.items():
        model = system.build()
        described.append(
            {
                "name": name,
                "notebook": system.notebook,
                "parameters": model.count_params(),
                "layers": list(_layers(model)),
            }
        )
    return described


def _layers(model: keras.Model) -> Iterator[dict[str, Any]]:
    if isinstance(model, LSTMModel):
        yield from _subclass_layers(model)
        return
    inbound = {
        layer["name"]: list(_tensors(layer.get("inbound_nodes", [])))
        for layer in model.get_config()["layers"]
    }
    shapes: dict[str, dict[str, None]] = {}  # a shared layer has one for each side
    for tensors in inbound.values():
        for source, shape in tensors:
            shapes.setdefault(source, {})[shape] = None
    for layer in model.layers:
        shape = " and ".join(shapes.get(layer.name, {})) or str(layer.output.shape)
        yield _row(layer, shape, list(dict.fromkeys(source for source, _ in inbound[layer.name])))


def _row(layer: keras.Layer, shape: str, inputs: list[str]) -> dict[str, Any]:
    return {
        "name": layer.name,
        "kind": type(layer).__name__,
        "shape": shape,
        "parameters": sum(weight.size for weight in layer.get_weights()),
        "inputs": inputs,
    }


def _subclass_layers(model: LSTMModel) -> Iterator[dict[str, Any]]:
    """Yield the subclass's layers in the order of `call`, which no graph records."""
    for side in ("query", "doc"):
        yield {
            "name": side,
            "kind": "Input",
            "shape": "(None, None)",
            "parameters": 0,
            "inputs": [],
        }
    yield _row(model.embedding, f"(None, None, {model.config.embedding})", ["query", "doc"])
    for side, lstm, dense in (
        ("query", model.query_lstm, model.query_dense_2),
        ("doc", model.doc_lstm, model.doc_dense_2),
    ):
        yield _row(lstm, f"(None, {lstm.units})", ["embedding"])
        yield _row(dense, f"(None, {dense.units})", [f"{side}_lstm"])
    yield _row(model.cosine, "(None, 1)", ["query_vec", "doc_vec"])
    yield _row(model.dot, "(None, 1)", ["query_vec", "doc_vec"])
    yield _row(model.out, "(None, 1)", [model.dot.name])


def _tensors(value: Any) -> Iterator[tuple[str, str]]:
    """Yield (layer, shape) of each tensor that a layer's inbound nodes name."""
    if isinstance(value, dict):
        if "keras_history" in value:
            shape = ", ".join(str(size) for size in value["shape"])
            yield value["keras_history"][0], f"({shape})"
        for inner in value.values():
            yield from _tensors(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _tensors(inner)
