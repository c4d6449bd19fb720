"""From the vectors of a text's pieces to the vector of the text, as sentence-transformers does it.

Shape letters: N texts, T pieces, H hidden, E embedding.

Source: sentence-transformers, sentence_transformer/modules/pooling.py and dense.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dssm_core.numeric import l2_normalise

MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""The names that configurations have had before sentence-transformers 5.4, and since, in the order
in which the results of the old ones stand one after the other."""


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
            ValueError: if it names a mode that is not in MODES.
        """
        named = config.get("pooling_mode")
        if named is not None:
            modes = [named] if isinstance(named, str) else list(named)
        else:
            old = [key for key, on in config.items() if key.startswith("pooling_mode_") and on]
            modes = [mode for key, mode in MODES.items() if key in old]
            modes += [key for key in old if key not in MODES]
        unknown = [mode for mode in modes if mode not in MODES.values()]
        if unknown:
            raise ValueError(f"pooling: {', '.join(map(str, unknown))}")
        modes = modes or ["mean"]
        return cls(tuple(modes), config.get("include_prompt", True) is not False)

    def vectors(self, hidden: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Return one vector a text, [N, H * modes].

        Args:
            hidden: [N, T, H].
            mask: bool [N, T], the pieces that take part.
        """
        return np.concatenate([_pooled(hidden, mask, mode) for mode in self.modes], axis=-1)

    def shares(self, hidden: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
        """Return what each piece adds to the pooled vector, [N, T, H]; None where it is no sum.

        Args:
            hidden: [N, T, H].
            mask: bool [N, T], the pieces that take part.
        """
        if self.modes not in (("mean",), ("mean_sqrt_len_tokens",)):
            return None
        counted = mask[..., None].astype(np.float32)
        number = np.maximum(counted.sum(1, keepdims=True), np.float32(1e-9))
        if self.modes != ("mean",):
            number = np.sqrt(number)
        shares: np.ndarray = hidden * counted / number
        return shares

    def weights(self, attention: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Return how much of the attention behind the pooled positions each piece gets, [N, T].

        Args:
            attention: [N, T, T], row t is how much position t takes from each other.
            mask: bool [N, T], the pieces that take part.
        """
        one = self.modes[0] if self.modes in (("cls",), ("lasttoken",)) else "mean"
        return _pooled(attention, mask, one)


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
        number = np.maximum(counted.sum(1), np.float32(1e-9))
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
        ValueError: if its activation is not in ACTIVATIONS, or a weight has another shape.
    """
    name = str(config.get("activation_function", "torch.nn.modules.activation.Tanh"))
    activate = ACTIVATIONS.get(name.rsplit(".", 1)[-1])
    if activate is None or not name.startswith("torch.nn."):
        raise ValueError(f"the activation {name}")
    kernel = weights["linear.weight"]
    rows, columns = kernel.shape
    bias = weights["linear.bias"] if config.get("bias", True) else np.zeros(rows, np.float32)
    around = np.zeros((rows, columns), np.float32)  # what goes past the layer
    if config.get("use_residual"):
        around = np.eye(rows, dtype=np.float32) if rows == columns else weights["residual.weight"]
    if bias.shape != (rows,) or around.shape != kernel.shape:
        raise ValueError(f"Dense {columns} → {rows}: a weight of another shape")
    return lambda vectors: np.asarray(activate(vectors @ kernel.T + bias) + vectors @ around.T)


def layer_norm(weights: Mapping[str, np.ndarray]) -> Step:
    """Return a LayerNorm module.

    Raises:
        KeyError: if a weight is missing.
        ValueError: if vectors have another width, as the first of them shows.
    """
    gain, shift = weights["norm.weight"], weights["norm.bias"]

    def step(vectors: np.ndarray) -> np.ndarray:
        if not vectors.shape[1:] == gain.shape == shift.shape:
            raise ValueError(f"LayerNorm of {gain.shape[0]} for vectors of {vectors.shape[1]}")
        centred = vectors - vectors.mean(-1, keepdims=True)
        result: np.ndarray = centred / np.sqrt(centred.var(-1, keepdims=True) + 1e-5) * gain + shift
        return result

    return step


def normalise(vectors: np.ndarray) -> np.ndarray:
    """Return vectors at length 1; those of zeros stay."""
    return l2_normalise(vectors, 1e-12)


def pad(rows: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of ids as int64 [N, T] with zeros at their ends, and where an id is, bool."""
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(max(1, lengths.max(initial=1))) < lengths[:, None]
    ids = np.zeros(mask.shape, np.int64)
    ids[mask] = np.concatenate([np.asarray(row, np.int64) for row in rows])
    return ids, mask
