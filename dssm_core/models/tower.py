"""A model of any family, cut into its two towers.

Shape letters: N rows, T tokens, P pieces, E vector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import keras
import tensorflow as tf

from dssm_core.towers import Side


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

    call: Callable[..., list[tf.Tensor]]
    width: int
    has_attention: bool
    pieces: int
    parts: tuple[int, ...]


@runtime_checkable
class HasTowers(Protocol):
    """A model that is no graph of layers and so cuts itself in two."""

    def towers(self) -> dict[Side, Tower]:
        """Return its two towers."""


def cut_towers(model: keras.Model) -> dict[Side, Tower]:
    """Return the two towers of a model of any family.

    A functional model has layers `query_vec`, `doc_vec` and `out`; `query_attention` and
    `doc_attention` where it has attention; and `lexical`, with a `width`, where the last numbers
    of a vector are its lexical part. Another model has a method `towers`.

    Raises:
        ValueError: if it is neither.
    """
    if isinstance(model, HasTowers):
        return model.towers()
    names = {layer.name for layer in model.layers}
    if not {"query_vec", "doc_vec", "out"} <= names:
        raise ValueError(f"no layers query_vec, doc_vec and out among {', '.join(sorted(names))}")
    return {
        "query": _functional(model, model.inputs[0], "query", names),
        "document": _functional(model, model.inputs[1], "doc", names),
    }


def table_rows(model: keras.Model) -> int:
    """Return the rows of a model's table of words.

    Raises:
        ValueError: if no layer has any.
    """
    for layer in model.layers:
        rows = getattr(layer, "rows", None) or getattr(layer, "input_dim", None)
        if rows is not None:
            return int(rows)
    raise ValueError("no layer has a table of words")


def model_input(texts: tf.Tensor, pieces: int) -> tf.Tensor:
    """Return texts [N, T, P] as a model takes them: [N, T] where it reads plain ids."""
    return texts if pieces else texts[..., 0]


def _functional(model: keras.Model, ids: keras.KerasTensor, side: str, names: set[str]) -> Tower:
    outputs = [model.get_layer(f"{side}_vec").output]
    has_attention = f"{side}_attention" in names
    if has_attention:
        outputs.append(model.get_layer(f"{side}_attention").output)
    tower = keras.Model(ids, outputs)
    pieces = int(ids.shape[2]) if len(ids.shape) == 3 else 0

    def call(texts: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        result = tower(model_input(texts, pieces), training=training)
        return result if has_attention else [result]  # Keras unpacks a list of one

    width = int(outputs[0].shape[-1])
    lexical = model.get_layer("lexical").width if "lexical" in names else 0
    parts = (width - lexical, lexical) if lexical else (width,)
    return Tower(call, width, has_attention, pieces, parts)
