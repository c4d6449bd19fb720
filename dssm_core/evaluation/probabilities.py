"""Whether a model's probabilities mean something: against sampled negatives, and hard ones.

Shape letters: N pairs, Q queries, D documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dssm_core.evaluation.cosines import cosines_between
from dssm_core.evaluation.ranking import Collection
from dssm_core.numeric import l2_normalise, sigmoid

NEGATIVES = 10
"""Documents beside each relevant one, in every mix of pairs that is calibrated on."""


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the chance that a relevant pair scores above an irrelevant one, ties counted half.

    Args:
        scores: [N], any range; NaN counts as the lowest of relevant and the highest of others.
        labels: [N], 1 or 0, both present.

    Returns:
        in [0, 1]; 0.5 tells nothing, below it the scores rank backwards.
    """
    relevant = np.asarray(labels) == 1
    worst = np.where(relevant, -np.inf, np.inf)
    ranks = pd.Series(np.where(np.isnan(scores), worst, scores)).rank().to_numpy()
    number = int(relevant.sum())
    above = ranks[relevant].sum() - number * (number + 1) / 2
    return float(above / (number * (len(ranks) - number)))


def calibration(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> pd.DataFrame:
    """Return the reliability table: per bin of equal width, mean probability and share relevant.

    Args:
        probabilities: [N] in [0, 1].
        labels: [N], 1 or 0.
        bins: of equal width over [0, 1].

    Returns:
        One row a bin that holds pairs: start, end, probability, relevant, pairs.

    Raises:
        ValueError: if a probability is NaN.
    """
    if np.isnan(probabilities).any():
        raise ValueError("calibration needs numbers: a probability is NaN")
    place = np.minimum((np.asarray(probabilities) * bins).astype(int), bins - 1)
    frame = pd.DataFrame({"bin": place, "probability": probabilities, "relevant": labels})
    table = frame.groupby("bin").agg(
        probability=("probability", "mean"), relevant=("relevant", "mean"), pairs=("bin", "size")
    )
    table.insert(0, "start", table.index / bins)
    table.insert(1, "end", (table.index + 1) / bins)
    return table.reset_index(drop=True)


def calibration_error(table: pd.DataFrame) -> float:
    """Return the expected calibration error of a reliability table, in [0, 1].

    Source: Naeini et al. 2015, "Obtaining well calibrated probabilities using Bayesian binning".
    """
    gap = (table["probability"] - table["relevant"]).abs()
    return float((gap * table["pairs"]).sum() / table["pairs"].sum())


def sample_pairs(
    collection: Collection, negatives: int = NEGATIVES, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw pairs to calibrate on: every relevant pair, and so many random others to each.

    Args:
        collection: Q queries, D documents, more of them than any query has relevant ones.
        negatives: documents drawn to each relevant pair, never a relevant one of its query.
        seed: of the draw.

    Returns:
        query indices, document indices, labels; [N] each.
    """
    rng = np.random.default_rng(seed)
    queries, documents, labels = [], [], []
    for query, relevant in enumerate(collection.relevant):
        own = collection.own[query] if collection.own else None
        left_out = np.array(sorted(relevant if own is None else relevant | {own}))
        before = left_out - np.arange(len(left_out))  # others in front of each
        others = len(collection.documents) - len(left_out)
        for document in sorted(relevant):
            drawn = rng.choice(others, min(negatives, others), replace=False)
            drawn += np.searchsorted(before, drawn, side="right")
            queries += [query] * (1 + len(drawn))
            documents += [document, *drawn]
            labels += [1] + [0] * len(drawn)
    return np.array(queries), np.array(documents), np.array(labels)


def hardest_pairs(
    collection: Collection, orders: Sequence[np.ndarray], negatives: int = NEGATIVES
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take pairs to calibrate on: every relevant pair, and a system's top wrong documents to each.

    Args:
        collection: Q queries, D documents.
        orders: for each query the system's best documents, best first.
        negatives: documents to each relevant pair; a query's share them, and none comes twice.

    Returns:
        query indices, document indices, labels; [N] each.
    """
    queries, documents, labels = [], [], []
    for query, (relevant, order) in enumerate(zip(collection.relevant, orders, strict=True)):
        wrong = [int(d) for d in order if int(d) not in relevant][: negatives * len(relevant)]
        queries += [query] * (len(relevant) + len(wrong))
        documents += [*sorted(relevant), *wrong]
        labels += [1] * len(relevant) + [0] * len(wrong)
    return np.array(queries), np.array(documents), np.array(labels)


def pair_cosines(
    collection: Collection, queries: np.ndarray, documents: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosines and labels, [N] each, of the pairs that `sample_pairs` draws."""
    query, document, labels = sample_pairs(collection, seed=seed)
    unit = l2_normalise(queries), l2_normalise(documents)
    return cosines_between(*unit, query, document), labels


def fit_head(cosines: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return w >= 0 and b that make sigmoid(w * cosine + b) the likeliest.

    Args:
        cosines: [N].
        labels: [N], 1 or 0.

    Source: Platt 1999, "Probabilistic outputs for support vector machines".
    """
    from scipy.optimize import minimize

    def loss(head: np.ndarray) -> float:
        logits = head[0] * cosines + head[1]
        return float(np.mean(np.logaddexp(0, logits) - labels * logits))

    found = minimize(loss, [5.0, -2.0], bounds=[(0, None), (None, None)], method="L-BFGS-B")
    return float(found.x[0]), float(found.x[1])


def reliability(cosines: np.ndarray, labels: np.ndarray, scale: float, bias: float) -> Any:
    """Return how well sigmoid(scale * cosine + bias) holds on a mix of pairs, as plain values.

    Args:
        cosines: [N].
        labels: [N], 1 or 0.
        scale: w of the head.
        bias: b of the head.

    Returns:
        pairs, relevant (their share), said (the mean probability), error, table.
    """
    probabilities = sigmoid(scale * cosines + bias)
    table = calibration(probabilities, labels)
    return {
        "pairs": len(labels),
        "relevant": float(np.mean(labels)),
        "said": float(np.mean(probabilities)),
        "error": calibration_error(table),
        "table": table.to_dict("records"),
    }
