"""Arrays and formulas that the tests of models share."""

from __future__ import annotations

import math

import numpy as np


def softmax_loss(right: float, others: list[float]) -> float:
    return math.log(sum(math.exp(v - right) for v in [right, *others]))


SMALL = {"vec_dim": 6, "query_max_len": 5, "doc_max_len": 7, "batch_size": 4}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def hot(*shape, seed=0):
    return (np.random.default_rng(seed).random(shape) < 0.4).astype(np.float32)


def tiled(by_query):
    """[B, K + 1, E] to the notebook's order: all positives, then all first negatives, and so on."""
    return np.concatenate([by_query[:, k] for k in range(by_query.shape[1])])
