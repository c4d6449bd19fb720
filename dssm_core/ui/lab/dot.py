"""The notebook's two cosines as plain NumPy, so that the Dot explorer needs no Keras.

tests/models/test_dot_or_cosine.py holds both against the real layers.
Source: docs/notebook.md, question 2.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from dssm_core.numeric import sigmoid

Precision = Literal["float32", "float16"]

EPSILON = 1e-7
"""Keras counts a shorter vector as this long."""

PRESETS: dict[str, tuple[tuple[float, float], tuple[float, float], Precision]] = {
    "alike": ((1.0, 0.5), (0.9, 0.7), "float32"),
    "opposite": ((1.0, 0.5), (-1.0, -0.5), "float32"),
    "zero": ((0.0, 0.0), (0.8, 0.6), "float32"),
    "tiny": ((6e-9, 8e-9), (0.6, 0.8), "float32"),
    "huge": ((6e19, 8e19), (0.6, 0.8), "float32"),
    "float16": ((240.0, 180.0), (240.0, 180.0), "float16"),
}
"""Two vectors and a precision for each edge of the question."""


def hand_written_cosine(query: np.ndarray, document: np.ndarray) -> float:
    """Return q.d / (|q| |d|) in the vectors' own precision, as the notebook writes it.

    Args:
        query: [E].
        document: [E].

    Returns:
        in [-1, 1] up to rounding; NaN where either vector is zero, or a square overflows.
    """
    with np.errstate(all="ignore"):
        lengths = np.sqrt((query * query).sum()) * np.sqrt((document * document).sum())
        return float((query * document).sum() / lengths)


def dot_layer(query: np.ndarray, document: np.ndarray, normalize: bool = True) -> float:
    """Return what `keras.layers.Dot(axes=1, normalize=normalize)` gives, in the same precision.

    Args:
        query: [E].
        document: [E].
        normalize: bring both to length 1 first, those shorter than 1e-7 excepted.
    """
    with np.errstate(all="ignore"):
        if normalize:
            query, document = _normalise(query), _normalise(document)
        return float((query * document).sum())


def explain_pair(
    query: tuple[float, float],
    document: tuple[float, float],
    scale: float,
    bias: float,
    precision: Precision = "float32",
) -> pd.DataFrame:
    """Return each step from two vectors to a probability, one row a step: name, value.

    Args:
        query: a vector of two numbers.
        document: the other.
        scale: w of the head.
        bias: b of the head.
        precision: of the arithmetic.
    """
    one, other = (np.array(vector).astype(precision) for vector in (query, document))
    cosine = dot_layer(one, other)
    logit = scale * cosine + bias
    rows = {
        "hand": hand_written_cosine(one, other),
        "dot": cosine,
        "plain": dot_layer(one, other, normalize=False),
        "logit": logit,
        "probability": sigmoid(logit),
    }
    return pd.DataFrame({"name": list(rows), "value": list(rows.values())})


def _normalise(vector: np.ndarray) -> np.ndarray:
    longest = np.asarray(1 / EPSILON).astype(vector.dtype)
    inverse = 1 / np.sqrt((vector * vector).sum())
    result: np.ndarray = vector * np.minimum(inverse, longest)
    return result
