"""The arithmetic that many parts share: the sigmoid, and vectors brought to length 1."""

from __future__ import annotations

from typing import overload

import numpy as np


@overload
def sigmoid(logit: float) -> float: ...


@overload
def sigmoid(logit: np.ndarray) -> np.ndarray: ...


def sigmoid(logit: float | np.ndarray) -> float | np.ndarray:
    """Return 1 / (1 + e^-logit) without overflow, of a number or of each of an array; NaN of NaN.

    Example:
        >>> sigmoid(0.0)
        0.5
    """
    small = np.exp(-np.abs(logit))  # in [0, 1]
    result: np.ndarray = np.where(np.greater_equal(logit, 0), 1.0, small) / (1.0 + small)
    return result if isinstance(logit, np.ndarray) else float(result)


def l2_normalise(vectors: np.ndarray, shortest: float = 0.0) -> np.ndarray:
    """Return vectors [..., E] divided by their length.

    Args:
        vectors: [..., E].
        shortest: a vector that is no longer is divided by this, or by 1 where this is 0, so that
            zeros stay.
    """
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)  # [..., 1]
    result: np.ndarray = vectors / np.where(lengths > shortest, lengths, shortest or 1.0)
    return result
