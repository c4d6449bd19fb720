"""The notebook's systems as they are built, layer by layer: what the Lab page draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, NamedTuple

import keras

from dssm_core.families import FAMILIES, Family
from dssm_core.models.lstm import LSTMConfig, LSTMModel, build_lstm_model, build_subclass
from dssm_core.models.mlp import build_mlp_model
from dssm_core.models.negative_sampling import MLPNegativeSamplingModelBuilder


class _Tensor(NamedTuple):
    source: str  # the layer or operation that it comes from
    shape: str
    is_mask: bool


class System(NamedTuple):
    """One of the notebook's systems; the catalogues' `system.NAME` is its title.

    Attributes:
        notebook: what the notebook calls it.
        traits: what sets it apart, by kind; the catalogues' `trait.KIND.VALUE` says it.
        build: with the notebook's defaults.
    """

    notebook: str
    traits: dict[str, str]
    build: Callable[[], keras.Model]


def _standard(family: Family) -> keras.Model:
    return family.build(family.config)


def _traits(reads: str, shares: str, output: str, loss: str) -> dict[str, str]:
    return {"reads": reads, "shares": shares, "output": output, "loss": loss}


SYSTEMS = {
    "negative sampling MLP": System(
        "MLPNegativeSamplingModelBuilder",
        _traits("bag", "nothing", "softmax", "one of eleven"),
        lambda: MLPNegativeSamplingModelBuilder().build_model(),
    ),
    "MLP": System("build_mlp_model", _traits("bag", "nothing", "sigmoid", "pair"), build_mlp_model),
    "LSTM": System(
        "build_lstm_model", _traits("sequence", "lstm", "sigmoid", "pair"), build_lstm_model
    ),
    "LSTMModel": System(
        "LSTMModel",
        _traits("sequence", "embedding", "sigmoid", "pair"),
        lambda: build_subclass(LSTMConfig()),
    ),
    "LSTM with attention": System(
        "build_lstm_model, Attention",
        _traits("attention", "all", "sigmoid", "batch"),
        lambda: _standard(FAMILIES["lstm"]),
    ),
}


def describe_systems() -> list[dict[str, Any]]:
    """Return every system: name, name in the notebook, traits, parameters, its layers in order.

    A layer has name, kind, shape (of its output), parameters, inputs (names of the layers whose
    values reach it, perhaps through operations between), and masks (likewise, what tells it where
    the padding is).
    """
    described = []
    for name, system in SYSTEMS.items():
        model = system.build()
        described.append(
            {
                "name": name,
                "notebook": system.notebook,
                "traits": system.traits,
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
        for tensor in tensors:
            shapes.setdefault(tensor.source, {})[tensor.shape] = None
    names = {layer.name for layer in model.layers}
    for layer in model.layers:
        shape = " and ".join(shapes.get(layer.name, {})) or str(layer.output.shape)
        values, masks = (
            [t.source for t in inbound[layer.name] if t.is_mask == is_mask]
            for is_mask in (False, True)
        )
        yield _row(layer, shape, _layers_behind(values, inbound, names)) | {
            "masks": _layers_behind(masks, inbound, names)
        }


def _layers_behind(
    sources: Iterable[str], inbound: Mapping[str, Sequence[_Tensor]], names: Set[str]
) -> list[str]:
    """Return the layers among the sources, and those that reach one through operations alone."""
    found: dict[str, None] = {}
    for source in sources:
        if source in names:
            found[source] = None
        else:
            found |= dict.fromkeys(
                _layers_behind((t.source for t in inbound[source]), inbound, names)
            )
    return list(found)


def _row(layer: keras.Layer, shape: str, inputs: list[str]) -> dict[str, Any]:
    return {
        "name": layer.name,
        "kind": type(layer).__name__,
        "shape": shape,
        "parameters": sum(weight.size for weight in layer.get_weights()),
        "inputs": inputs,
        "masks": [],
    }


def _subclass_layers(model: LSTMModel) -> Iterator[dict[str, Any]]:
    """Yield the subclass's layers in the order of `call`, which no graph records."""
    for side in ("query", "doc"):
        yield {
            "name": side,
            "kind": "InputLayer",
            "shape": "(None, None)",
            "parameters": 0,
            "inputs": [],
            "masks": [],
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


def _tensors(value: Any) -> Iterator[_Tensor]:
    """Yield each tensor that a layer's inbound nodes name."""
    if isinstance(value, dict):
        if "keras_history" in value:
            shape = ", ".join(str(size) for size in value["shape"])
            yield _Tensor(value["keras_history"][0], f"({shape})", value["dtype"] == "bool")
        for inner in value.values():
            yield from _tensors(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _tensors(inner)
