"""The module of a family that somebody adds: its own layer, its sizes, its builder."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from dssm_core.families import Config
from dssm_core.models.layers import Cosine, UnitVector, WordHashing, register, token_mask
from dssm_core.models.lstm import cosine_dot, probability_head


@register
class Doubled(keras.layers.Layer):
    """A layer that no family of ours has."""

    def call(self, values):
        return 2.0 * values


@dataclass(frozen=True)
class ToyConfig(Config):
    """Sizes of the toy family: the mean of its words' embeddings."""

    width: int = 8


def build_toy(config: ToyConfig) -> keras.Model:
    embedding = WordHashing(config.vocabulary, config.width, name="embedding")
    inputs, vectors = [], []
    for side in ("query", "doc"):
        texts = keras.Input((None, config.pieces), name=side, dtype="int32")
        mask = token_mask(texts)
        total = Doubled()(keras.ops.sum(embedding(texts), axis=1))
        inputs.append(texts)
        vectors.append(UnitVector(name=f"{side}_vec")(total, mask))
    out = probability_head()(cosine_dot(is_unit=True)(vectors))
    return keras.Model(inputs, {"out": out, "cos": Cosine(name="cos")(vectors)})
