"""A Keras model as `Towers`: compiled once, warmed up, safe to call from several threads.

`model.predict` costs 70 ms for ten documents and an eager call 147 ms, where this costs 4
(DESIGN.md section 6): one `tf.function` a tower with an open signature, fed in length buckets.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dssm_core.text import hash_pieces, read
from dssm_core.towers import Encoding, Side

LENGTHS = (8, 16, 32, 64, 128, 256)
"""Texts are padded to the least of these that holds them, so that few tokens are padding."""

BATCH = 512
"""Texts that go through a tower at a time, so that memory does not grow with their number."""


class CompiledTowers:
    """Two towers cut out of a model with layers `query_vec` and `doc_vec`.

    Args:
        model: as `build_lstm_model` returns it, with pieces.
        vocabulary: words seen in training.
        rows: rows of the hashed table.
        query_length: words read of a query.
        document_length: words read of a document.
    """

    def __init__(
        self,
        model: keras.Model,
        vocabulary: Container[str],
        rows: int,
        query_length: int,
        document_length: int,
    ) -> None:
        self._vocabulary, self._rows = vocabulary, rows
        self._lengths = {"query": query_length, "document": document_length}
        names = {layer.name for layer in model.layers}
        self.has_attention = "query_attention" in names
        kernel, bias = model.get_layer("out").get_weights()
        self.scale, self.bias = float(kernel[0, 0]), float(bias[0])
        self._towers = {
            "query": _compile(model, model.inputs[0], "query", self.has_attention),
            "document": _compile(model, model.inputs[1], "doc", self.has_attention),
        }

    def encode(self, texts: Sequence[str], side: Side) -> list[Encoding]:
        """Encode texts in order, those of like length together.

        Args:
            texts: any strings.
            side: which tower.

        Returns:
            One encoding a text; zero vector and zero attention where nothing is read.
        """
        tokens = [tuple(read(t, self._vocabulary, self._lengths[side])) for t in texts]
        words = [[t.text for t in row if t.is_read] for row in tokens]
        distinct = list(dict.fromkeys(w for row in words for w in row))
        pieces = hash_pieces(distinct, self._rows, self._vocabulary)  # [U, P]
        place = {word: i for i, word in enumerate(distinct)}
        buckets: dict[int, list[int]] = {}
        for i, row in enumerate(words):
            if row:
                length = next((n for n in LENGTHS if n >= len(row)), len(row))
                buckets.setdefault(length, []).append(i)
        encodings = [Encoding(t, k, *self._nothing(k)) for t, k in zip(texts, tokens, strict=True)]
        parts = (
            (length, members[start : start + BATCH])
            for length, members in buckets.items()
            for start in range(0, len(members), BATCH)
        )
        for length, members in parts:
            batch = np.zeros((len(members), length, pieces.shape[1]), np.int32)
            for at, i in enumerate(members):
                batch[at, : len(words[i])] = pieces[[place[w] for w in words[i]]]
            vectors, attention = self._towers[side](batch)
            for at, i in enumerate(members):
                weights = None
                if self.has_attention:
                    weights = np.zeros(len(tokens[i]), np.float32)
                    weights[[t.is_read for t in tokens[i]]] = attention[at, : len(words[i])]
                encodings[i] = Encoding(texts[i], tokens[i], vectors[at], weights)
        return encodings

    def warm_up(self) -> None:
        """Trace and run both towers once, so that the first person does not wait."""
        self.encode(["warm up"], "query")
        self.encode(["warm up"], "document")

    def _nothing(self, tokens: Sequence[Any]) -> tuple[np.ndarray, np.ndarray | None]:
        weights = np.zeros(len(tokens), np.float32) if self.has_attention else None
        return np.zeros(self._width, np.float32), weights

    @property
    def _width(self) -> int:
        return self._towers["query"].width


class _compile:
    """One tower of a model as a compiled function from pieces [N, T, P] to NumPy arrays."""

    def __init__(self, model: keras.Model, ids: Any, side: str, has_attention: bool) -> None:
        outputs = [model.get_layer(f"{side}_vec").output]
        if has_attention:
            outputs.append(model.get_layer(f"{side}_attention").output)
        tower = keras.Model(ids, outputs)
        self.width = int(outputs[0].shape[-1])
        signature = tf.TensorSpec((None, *ids.shape[1:]), tf.int32)
        self._call = tf.function(lambda x: tower(x, training=False), input_signature=[signature])

    def __call__(self, batch: np.ndarray) -> tuple[np.ndarray, Any]:
        outputs = [output.numpy() for output in self._call(batch)]
        return outputs[0], outputs[1] if len(outputs) > 1 else None
