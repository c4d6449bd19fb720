"""From the vectors of a text's pieces to the vector of the text, as sentence-transformers does it.

Shape letters: N texts, T pieces, H hidden, E embedding.

Source: sentence-transformers, sentence_transformer/modules/pooling.py and dense.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""The names that configurations have had before sentence-transformers 5.4, and since."""


@dataclass(frozen=True)
class Pooling:
    """What becomes of the vectors of a text's pieces.

    Attributes:
        modes: values of MODES; the results of several stand one after the other.
        include_prompt: whether the prompt's pieces take part.
    """

    modes: tuple[str, ...] = ("mean",)
    include_prompt: bool = True

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Pooling:
        """Read a configuration, old or new.

        Raises:
            ValueError: if it names a mode that is not in MODES, or none.
        """
        named = config.get("pooling_mode")
        if named is not None:
            modes = [named] if isinstance(named, str) else list(named)
        else:
            modes = [
                MODES.get(key, key) for key, on in config.items() if on is True and "_mode_" in key
            ]
        unknown = [mode for mode in modes if mode not in MODES.values()]
        if unknown or not modes:
            raise ValueError(f"pooling: {', '.join(map(str, unknown)) or 'no mode'}")
        return cls(tuple(modes), config.get("include_prompt", True) is not False)

    def vectors(self, hidden: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Return one vector a text, [N, H * modes].

        Args:
            hidden: [N, T, H].
            mask: bool [N, T], the pieces that take part; at least one a text.
        """
        return np.concatenate([_pooled(hidden, mask, mode) for mode in self.modes], axis=-1)

    def weights(self, attention: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Return how much of the attention behind the pooled positions each piece gets, [N, T].

        Args:
            attention: [N, T, T], row t is how much position t takes from each other.
            mask: bool [N, T], the pieces that take part.
        """
        if self.modes == ("cls",):
            return attention[:, 0]
        return _pooled(attention, mask, "lasttoken" if self.modes == ("lasttoken",) else "mean")


def _pooled(hidden: np.ndarray, mask: np.ndarray, mode: str) -> np.ndarray:
    counted = mask[..., None].astype(np.float32)
    if mode == "cls":
        result = hidden[np.arange(len(mask)), mask.argmax(1)]
    elif mode == "lasttoken":
        result = hidden[np.arange(len(mask)), _last(mask)]
    elif mode == "max":
        result = np.where(counted > 0, hidden, -np.inf).max(1)
    else:
        if mode == "weightedmean":
            counted = counted * np.arange(1, mask.shape[1] + 1, dtype=np.float32)[:, None]
        number = counted.sum(1)
        total = (hidden * counted).sum(1)
        result = total / (np.sqrt(number) if mode == "mean_sqrt_len_tokens" else number)
    pooled: np.ndarray = result
    return pooled


def _last(mask: np.ndarray) -> np.ndarray:
    """Return the index of each text's last piece, [N]."""
    result: np.ndarray = mask.shape[1] - 1 - mask[:, ::-1].argmax(1)
    return result


Step = Callable[[np.ndarray], np.ndarray]
"""Vectors [N, E] to vectors [N, F]."""

ACTIVATIONS: dict[str, Step] = {
    "Identity": lambda values: values,
    "Tanh": np.tanh,
    "ReLU": lambda values: np.maximum(values, 0),
}


def dense(config: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> Step:
    """Return a Dense module.

    Raises:
        KeyError: if a weight is missing.
        ValueError: if its activation is not in ACTIVATIONS.
    """
    name = str(config.get("activation_function", "torch.nn.modules.activation.Tanh"))
    activate = ACTIVATIONS.get(name.rsplit(".", 1)[-1])
    if activate is None or not name.startswith("torch.nn."):
        raise ValueError(f"the activation {name}")
    kernel = weights["linear.weight"]
    bias = weights["linear.bias"] if config.get("bias", True) else np.zeros(len(kernel), np.float32)
    return lambda vectors: np.asarray(activate(vectors @ kernel.T + bias))


def layer_norm(weights: Mapping[str, np.ndarray]) -> Step:
    """Return a LayerNorm module.

    Raises:
        KeyError: if a weight is missing.
    """
    gain, shift = weights["norm.weight"], weights["norm.bias"]

    def step(vectors: np.ndarray) -> np.ndarray:
        centred = vectors - vectors.mean(-1, keepdims=True)
        result: np.ndarray = centred / np.sqrt(centred.var(-1, keepdims=True) + 1e-5) * gain + shift
        return result

    return step


def normalise(vectors: np.ndarray) -> np.ndarray:
    """Return vectors at length 1; those of zeros stay."""
    result: np.ndarray = vectors / np.maximum(
        np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12
    )
    return result


def pad(rows: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of ids as int64 [N, T] with zeros at their ends, and where an id is, bool."""
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(max(1, lengths.max(initial=1))) < lengths[:, None]
    ids = np.zeros(mask.shape, np.int64)
    ids[mask] = np.concatenate([np.asarray(row, np.int64) for row in rows])
    return ids, mask
