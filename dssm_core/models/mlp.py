"""The notebook's multi-hot MLP of a pair, which trains a sigmoid on one cosine, as the LSTM does.

Source: notebook, `build_mlp_model` (row 3). Shape letters: N rows, L width of a
multi-hot input, T tokens, P pieces, E vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from dssm_core.families import Config
from dssm_core.models.layers import Cosine, Shape, Tensor, UnitVector, check_least, register
from dssm_core.models.lstm import cosine_dot, probability_head


@register
class MultiHot(keras.layers.Layer):
    """How often each of the table's rows is among a text's hashed pieces.

    Args:
        rows: rows of the table, padding row 0 included.

    Call arguments:
        pieces: int32 [N, T, P], from `dssm_core.text.hash_pieces`.

    Masking:
        Column 0, the padding's, is always 0; a text without tokens is a row of zeros.

    Source: Huang et al. 2013, section 3.2, the bag of letter trigrams.
    """

    def __init__(self, rows: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows = rows

    def call(self, pieces: Tensor) -> Tensor:
        pieces = ops.cast(pieces, "int32")
        inside = tf.debugging.assert_less(pieces, self.rows, message="MultiHot: a piece past rows")
        with tf.control_dependencies([inside] if inside is not None else []):
            rows = tf.shape(pieces)[0]
        cells = pieces + self.rows * tf.range(rows)[:, None, None]  # [N, T, P]
        there = tf.cast(pieces > 0, self.compute_dtype)
        counts = tf.math.unsorted_segment_sum(there, cells, rows * self.rows)  # [N * rows]
        return tf.reshape(counts, (rows, self.rows))

    def compute_output_shape(self, pieces_shape: Shape) -> tuple[int | None, int]:
        return (pieces_shape[0], self.rows)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rows": self.rows}


@dataclass(frozen=True)
class MLPConfig(Config):
    """Every size and choice of the MLP model; the defaults are the notebook's.

    Attributes:
        query_length: words read of a query; without pieces the width of the multi-hot query,
            the notebook's query_max_len.
        document_length: the same of a document, the notebook's doc_max_len.
        pieces: hashed pieces a word (P), so that the model reads what the LSTM reads; 0 reads
            multi-hot texts, as the notebook does, and no `vocabulary`.
        vector: E, width of a text's vector, the notebook's vec_dim.
        hidden: width of the first Dense.
    """

    query_length: int = 10
    document_length: int = 100
    vector: int = 256
    hidden: int = 1024

    def __post_init__(self) -> None:
        sizes = dict.fromkeys(("vector", "query_length", "document_length", "hidden"), 1)
        check_least(self, vocabulary=3, pieces=0, **sizes)


def build_mlp_model(config: MLPConfig | None = None) -> keras.Model:
    """Build the MLP model of a pair: two towers of two Dense layers each.

    1. Texts as multi-hot rows, [N, L]; counted from their pieces when there are pieces.
    2. `query_dense_1`, `query_dense_2` and the same of `doc`, to length 1 as `query_vec` and
       `doc_vec`, [N, E]; an empty text is the zero vector, also once the biases are learnt.
    3. `cos`, the hand-written cosine, and `out`, the sigmoid on `Dot`, [N, 1] each.

    Args:
        config: sizes and choices; the notebook's without it.

    Returns:
        An uncompiled functional model; inputs `query_input` and `doc_input`, multi-hot [N, L], or
        with pieces `query` and `doc`, int32 [N, T, P]; outputs by name: `out`, `cos`. The loss
        goes on `out` alone: `compile(loss={"out": ...})`.

    Source: notebook, `build_mlp_model`, cut off there after its first line (row 3).
    """
    config = config or MLPConfig()
    inputs, vectors = [], []
    multi_hot_layer = MultiHot(config.vocabulary, name="multi_hot")
    for side, width in (("query", config.query_length), ("doc", config.document_length)):
        if config.pieces:
            texts = keras.Input((None, config.pieces), name=side, dtype="int32")
            counts = multi_hot_layer(texts)  # [N, vocabulary]
        else:
            counts = texts = keras.Input((width,), name=f"{side}_input")
        hidden = keras.layers.Dense(config.hidden, name=f"{side}_dense_1")(counts)
        vector = keras.layers.Dense(config.vector, name=f"{side}_dense_2")(hidden)  # [N, E]
        inputs.append(texts)
        vectors.append(UnitVector(name=f"{side}_vec")(vector, ops.not_equal(counts, 0)))
    out = probability_head(config.head)(cosine_dot(is_unit=True)(vectors))  # [N, 1]
    outputs = {"out": out, "cos": Cosine(name="cos")(vectors)}
    return keras.Model(inputs, outputs, name="mlp_model")
