"""The families of models behind one door: built by name, cut into their two towers.

A family reads hashed pieces, [N, T, P], whatever is inside it, so that one reader, one trainer and
one page serve them all. Shape letters: N rows, T tokens, P pieces, E vector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import keras

from dssm_core.errors import UserError
from dssm_core.models.lstm import LSTMConfig, LSTMModel, build_lstm_model
from dssm_core.models.mlp import MLPConfig, build_mlp_model
from dssm_core.text import PIECES
from dssm_core.towers import Side

Config = LSTMConfig | MLPConfig

HASHED_LSTM = LSTMConfig(
    query_length=16,
    document_length=64,
    vocabulary=40_000,
    embedding=256,
    units=128,
    pieces=PIECES,
    vector=512,
    attention=64,
    dropout=0.3,
    lexical=512,
    dense="shared",
)
"""What `train` builds without a --config: see docs/design.md, "The recipe"."""

HASHED_MLP = MLPConfig(vocabulary=4_000, query_max_len=16, doc_max_len=64, pieces=PIECES)


@dataclass(frozen=True)
class Family:
    """One family.

    Attributes:
        title: what it is, in a line.
        config: the sizes that `train` starts from.
        build: from sizes to an uncompiled model.
        training: choices of a training run that differ from the defaults.
    """

    title: str
    config: Config
    build: Callable[[Any], keras.Model]
    training: Mapping[str, Any] = field(default_factory=dict)


def _built_subclass(config: LSTMConfig) -> LSTMModel:
    model = LSTMModel(config)
    model.build([(None, None, config.pieces)] * 2)
    return model


FAMILIES = {
    "lstm": Family("shared-embedding LSTM with attention", HASHED_LSTM, build_lstm_model),
    "lstm-plain": Family(
        "the notebook's functional LSTM: no attention, Dense per side",
        replace(
            HASHED_LSTM, attention=0, lexical=0, dense="per side", units=32, vector=256, dropout=0.0
        ),
        build_lstm_model,
    ),
    "lstm-subclass": Family(
        "the notebook's LSTMModel: an LSTM per side",
        replace(
            HASHED_LSTM, attention=0, lexical=0, dense="per side", units=32, vector=256, dropout=0.0
        ),
        _built_subclass,
    ),
    "mlp": Family("the notebook's MLP on multi-hot letter pieces", HASHED_MLP, build_mlp_model),
    "mlp-sampled": Family(
        "the notebook's MLPNegativeSamplingModelBuilder: a softmax over prepared negatives",
        HASHED_MLP,
        build_mlp_model,
        {"loss": "softmax"},
    ),
}


def family(name: str) -> Family:
    """Return a family by name.

    Raises:
        UserError: if there is none of that name.
    """
    if name not in FAMILIES:
        raise UserError("model.no such family", name, names=", ".join(FAMILIES))
    return FAMILIES[name]


def lengths(config: Config) -> tuple[int, int]:
    """Return how many words are read of a query and of a document."""
    if isinstance(config, MLPConfig):
        return config.query_max_len, config.doc_max_len
    return config.query_length, config.document_length


@dataclass(frozen=True)
class Tower:
    """One tower of a model.

    Attributes:
        call: (pieces [N, T, P], training) -> [vector [N, E]] or [vector, attention [N, T]].
        width: E.
        has_attention: whether there is attention.
        pieces: P; 0 for a model of plain ids, which come as [N, T, 1].
        parts: widths of the vector's parts, each of which can rank by itself; they add up to E.
    """

    call: Callable[..., list[Any]]
    width: int
    has_attention: bool
    pieces: int
    parts: tuple[int, ...]


def cut_towers(model: keras.Model) -> dict[Side, Tower]:
    """Return the two towers of a model of any family.

    Raises:
        ValueError: if it has no layers `query_vec` and `doc_vec` and is no LSTMModel.
    """
    if isinstance(model, LSTMModel):
        return {
            "query": _method(model.query_tower, model.config),
            "document": _method(model.document_tower, model.config),
        }
    names = {layer.name for layer in model.layers}
    if not {"query_vec", "doc_vec", "out"} <= names:
        raise ValueError(f"no layers query_vec, doc_vec and out among {', '.join(sorted(names))}")
    return {
        "query": _functional(model, model.inputs[0], "query", names),
        "document": _functional(model, model.inputs[1], "doc", names),
    }


def model_input(texts: Any, pieces: int) -> Any:
    """Return texts [N, T, P] as a model takes them: [N, T] where it reads plain ids."""
    return texts if pieces else texts[..., 0]


def _method(tower: Callable[..., Any], config: LSTMConfig) -> Tower:
    def call(texts: Any, training: bool = False) -> list[Any]:
        return [tower(model_input(texts, config.pieces), training)]

    return Tower(call, config.vector, False, config.pieces, (config.vector,))


def _functional(model: keras.Model, ids: Any, side: str, names: set[str]) -> Tower:
    outputs = [model.get_layer(f"{side}_vec").output]
    has_attention = f"{side}_attention" in names
    if has_attention:
        outputs.append(model.get_layer(f"{side}_attention").output)
    tower = keras.Model(ids, outputs)
    pieces = int(ids.shape[2]) if len(ids.shape) == 3 else 0

    def call(texts: Any, training: bool = False) -> list[Any]:
        found = tower(model_input(texts, pieces), training=training)
        return found if has_attention else [found]  # Keras unpacks a list of one

    width = int(outputs[0].shape[-1])
    lexical = model.get_layer("lexical").width if "lexical" in names else 0
    parts = (width - lexical, lexical) if lexical else (width,)
    return Tower(call, width, has_attention, pieces, parts)
