"""The tower of the hashed LSTM with attention, in NumPy: for few texts several times as fast.

TensorFlow spends more on starting each of a step's small operations than on doing them. Here a
batch's distinct words go through the LSTM's kernel once, and a text leaves the batch where it
ends, so nothing is padded (docs/performance.md, "Runtimes"). Shape letters: N rows, T tokens,
P pieces, U distinct words, E embedding, H units, L lexical width.
"""

from __future__ import annotations

import ctypes
from importlib import import_module
from typing import Any

import numpy as np

from dssm_core.models.layers import SHORTEST, WordHashing
from dssm_core.towers import Side

BATCH = 128
"""Texts at a time: the more, the longer the rows of `counts`."""


class PlainTower:
    """One tower with weights of its own, read from a model of `build_lstm_model`.

    Args:
        model: with pieces and attention.
        side: which tower.

    Attributes:
        width: of a vector.

    Raises:
        ValueError: if it is no such model.
    """

    batch = BATCH

    def __init__(self, model: Any, side: Side) -> None:
        names = {layer.name for layer in model.layers}
        if not {"embedding", "lstm", "attention"} <= names:
            raise ValueError(f"no hashed LSTM with attention: {', '.join(sorted(names))}")
        if not isinstance(embedding := model.get_layer("embedding"), WordHashing):
            raise ValueError("its words are not hashed")

        def weights(shared: str, own: str = "") -> list[np.ndarray]:
            side_name = f"{'query' if side == 'query' else 'doc'}_{own}"
            return model.get_layer(shared if shared in names else side_name).get_weights()

        self.table, log_weight = embedding.get_weights()
        self.table = self.table * _weight(log_weight)
        self.lstm = [_reordered(values) for values in weights("lstm")]  # kernel, recurrent, bias
        self.attention = weights("attention")  # W1, b1, W2, b2, V, its bias
        (first, first_bias), (second, second_bias) = (
            weights("dense", "dense"),
            weights("vec", "dense_2"),
        )
        self.dense = first @ second, first_bias @ second + second_bias  # both are linear
        (self.skip,) = weights("skip", "skip")
        self.signs = None
        if "lexical" in names:
            self.signs = np.asarray(model.get_layer("lexical").table)  # int8
            self.rarity = _weight(*weights("lexical"))
            self.gain = np.exp(weights("beside")[0])
        self.width = len(self.dense[1]) + (0 if self.signs is None else self.signs.shape[1])

    def __call__(
        self, pieces: np.ndarray, places: np.ndarray, lengths: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Encode texts that have at least one word each.

        Args:
            pieces: int32 [1 + U, P], of padding and of each distinct word.
            places: int [N, T], which of them each word is; 0 where the text has ended.
            lengths: int [N], words of each text, at least 1.

        Returns:
            vectors float32 [N, width], and attention float32 [N, T].
        """
        order = np.argsort(-lengths, kind="stable")
        places, lengths = places[order], lengths[order]
        distinct, flat = np.unique(places, return_inverse=True)
        places, pieces = flat.reshape(places.shape), pieces[distinct]
        embedded = _summed(pieces, self.table)  # [U, E]
        kernel, _, bias = self.lstm
        outputs, state = self._states(embedded @ kernel + bias, places, lengths)  # [N, T, H]
        attention = self._attended(embedded, outputs, state, places, lengths)  # [N, T]
        context = np.matmul(attention[:, None], outputs)[:, 0]  # [N, H]
        counts = np.zeros((len(places), len(pieces)), np.float32)  # [N, U]
        np.add.at(counts, (np.arange(len(places))[:, None], places), attention)
        vectors = np.concatenate([context, state], axis=1) @ self.dense[0] + self.dense[1]
        vectors += counts @ embedded @ self.skip
        if self.signs is not None:
            lexical = counts @ _summed(pieces, self.signs, self.rarity)  # [N, L]
            vectors = np.concatenate([_unit(vectors), self.gain * _unit(lexical)], axis=1)
        back = np.argsort(order)
        return _unit(vectors)[back], attention[back]

    def _states(
        self, projected: np.ndarray, places: np.ndarray, lengths: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the LSTM's outputs [N, T, H] and last states [N, H]; the longest texts first."""
        recurrent = self.lstm[1]
        (rows, steps), units = places.shape, len(recurrent)
        outputs = np.zeros((rows, steps, units), np.float32)
        state, cell = np.zeros((2, rows, units), np.float32)
        left = np.searchsorted(-lengths, -np.arange(steps), side="left")  # rows not yet at an end
        for step, n in enumerate(left):
            gates = np.tanh(projected[places[:n, step]] + state[:n] @ recurrent)  # [n, 4H]
            opened = 0.5 * gates[:, : 3 * units] + 0.5  # the sigmoid of twice as much
            enter, forget, out = opened[:, :units], opened[:, units:-units], opened[:, -units:]
            cell[:n] = forget * cell[:n] + enter * gates[:, 3 * units :]
            outputs[:n, step] = state[:n] = out * np.tanh(cell[:n])
        return outputs, state

    def _attended(
        self,
        embedded: np.ndarray,
        outputs: np.ndarray,
        state: np.ndarray,
        places: np.ndarray,
        lengths: np.ndarray,
    ) -> np.ndarray:
        """Return the attention [N, T], 0 past a text's end."""
        w1, b1, w2, b2, v, _ = self.attention
        units = outputs.shape[2]
        words = embedded @ w1[units:] + (b1 + b2)  # [U, A]
        compared = outputs @ w1[:units] + words[places] + (state @ w2)[:, None]  # [N, T, A]
        logits = np.tanh(compared) @ v[:, 0]
        logits[np.arange(places.shape[1]) >= lengths[:, None]] = -np.inf
        attention = np.exp(logits - logits.max(axis=1, keepdims=True))
        return attention / attention.sum(axis=1, keepdims=True)


def use_one_thread() -> None:
    """Keep NumPy's matrix products on one thread, in the whole process.

    OpenBLAS's threads wait for each other at every product. On a busy machine these small ones
    then take ten times as long; on a quiet one a second thread saves next to nothing.
    """
    core = import_module("numpy._core._multiarray_umath")
    library = ctypes.CDLL(core.__file__)  # finds what it is linked against, too
    for name in ("scipy_openblas_set_num_threads64_", "openblas_set_num_threads"):
        if hasattr(library, name):  # other libraries, such as Apple's, see to it themselves
            getattr(library, name)(1)


def _reordered(values: np.ndarray) -> np.ndarray:
    """Return Keras's gates input, forget, fresh, output with fresh last, the others halved."""
    enter, forget, fresh, out = np.split(values, 4, axis=-1)
    return np.concatenate([enter / 2, forget / 2, out / 2, fresh], axis=-1)


def _weight(log_weight: np.ndarray) -> np.ndarray:
    return np.exp(np.clip(log_weight, -6.0, 6.0))[:, None]


def _summed(pieces: np.ndarray, table: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Return the sum [U, E] of each word's rows; words have their pieces from the left."""
    total = np.zeros((len(pieces), table.shape[1]), np.float32)
    for column in pieces.T:
        words = np.flatnonzero(column)
        rows = column[words]
        total[words] += table[rows] if weight is None else table[rows] * weight[rows]
    return total


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors as `unit_length` does."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), SHORTEST)
