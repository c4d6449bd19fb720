"""What is measured on the validation pairs, each text encoded once; and the head fitted on them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dssm_core import evaluation
from dssm_core.evaluation import Collection, Encoded
from dssm_core.towers import Towers

GAINS = (1.0, 1.25, 1.6, 2.0, 2.5, 3.2)
"""Factors on the lexical part that are tried."""


@dataclass(frozen=True)
class Validation:
    """The validation pairs as a model encodes them.

    Attributes:
        collection: the pairs.
        queries: of all its queries.
        documents: of all its documents.
    """

    collection: Collection
    queries: Encoded
    documents: Encoded

    @classmethod
    def of(cls, towers: Towers, pairs: pd.DataFrame) -> Validation:
        """Encode pairs: columns query, document, label."""
        collection = Collection.of(pairs)
        return cls(
            collection,
            Encoded.of(towers, collection.queries, "query"),
            Encoded.of(towers, collection.documents, "document"),
        )

    def rank(self) -> float:
        """Return MRR@10, each query against all documents."""
        documents = self.documents
        rows = evaluation.cosine_rows(self.queries.vectors, documents.vectors, documents.readable)
        return float(evaluation.evaluate_run(self.collection, rows)["MRR@10"].mean())

    def pair_cosines(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return cosines and labels, [N] each, of 1 relevant pair to 10 sampled ones."""
        vectors = self.queries.vectors, self.documents.vectors
        return evaluation.pair_cosines(self.collection, *vectors, seed=seed)

    def auc(self, scale: float, seed: int) -> float:
        """Return the AUC of the probability on `pair_cosines`, under a head of this scale."""
        cosines, labels = self.pair_cosines(seed)
        return evaluation.auc(scale * cosines, labels)

    def random_cosines(self, seed: int, number: int = 5000) -> np.ndarray:
        """Return cosines of random pairs that are not relevant, sorted, float32 [number]."""
        related = self.collection.related
        cosines, _ = evaluation.random_pairs(self.queries, self.documents, related, seed, number)
        return np.sort(cosines)


def best_gain(found: Validation, width: int) -> tuple[float, float]:
    """Return the factor on the second part of all vectors with the best MRR@10, and that.

    Args:
        found: the validation pairs, encoded.
        width: of the first part.
    """

    def weighed(gain: float) -> Validation:
        factor = np.where(np.arange(found.queries.vectors.shape[1]) < width, 1.0, gain)
        queries, documents = (
            replace(side, vectors=side.vectors * factor)
            for side in (found.queries, found.documents)
        )
        return replace(found, queries=queries, documents=documents)

    ranks = {gain: weighed(gain).rank() for gain in GAINS}
    gain = max(ranks, key=lambda gain: ranks[gain])
    return gain, ranks[gain]
