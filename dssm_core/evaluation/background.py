"""Cosines of random pairs: what a cosine is high or low against, overall and by length.

A cosine says nothing by itself: 0.80 is "unrelated" for one encoder and "certain" for another, and
short documents score higher than long ones by many. Shape letters: N pairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dssm_core.evaluation.cosines import Encoded
from dssm_core.numeric import l2_normalise

PAIRS = 5000
"""Random pairs that are drawn: a percentile is right to within one and a half points."""
BANDS = 3
"""Bands of document length, each with a like number of pairs."""
STEPS = 100
"""Quantiles that are kept of a band."""


TRIES = 50
"""Draws of a pair that turned out to be a relevant one, until it stays."""


def related_in(pairs: pd.DataFrame) -> np.ndarray:
    """Return the relevant pairs of a table, as `random_pairs` takes them.

    Args:
        pairs: columns query, document, label; distinct texts are numbered as they come.
    """
    query, _ = pd.factorize(pairs["query"])
    document, documents = pd.factorize(pairs["document"])
    related: np.ndarray = (query * len(documents) + document)[pairs["label"] == 1]
    return related


def random_pairs(
    queries: Encoded,
    documents: Encoded,
    related: np.ndarray,
    seed: int = 0,
    number: int = PAIRS,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw random pairs of a query and a document, which are not relevant as far as is known.

    Args:
        queries: Q encoded queries.
        documents: D encoded documents.
        related: the relevant pairs, each as query * D + document, int [M].
        seed: of the draw.
        number: N.

    Returns:
        cosines float32 [N], 0 where a text has nothing that is read; words of the documents [N].
    """
    rng = np.random.default_rng(seed)
    query = rng.integers(len(queries.vectors), size=number)
    document = rng.integers(len(documents.vectors), size=number)
    for _ in range(TRIES):
        again = np.flatnonzero(np.isin(query * len(documents.vectors) + document, related))
        if not len(again):
            break
        query[again] = rng.integers(len(queries.vectors), size=len(again))
        document[again] = rng.integers(len(documents.vectors), size=len(again))
    one, other = l2_normalise(queries.vectors[query]), l2_normalise(documents.vectors[document])
    return (one * other).sum(1).astype(np.float32), documents.words[document]


def length_bands(cosines: np.ndarray, words: np.ndarray) -> list[dict[str, Any]]:
    """Return the quantiles of random cosines by length of the document, as plain values.

    Args:
        cosines: [N].
        words: of each pair's document, [N].

    Returns:
        One entry a band, the shortest documents first: words from, words to, pairs, and
        `quantiles`, the cosines at 0, 1 … 100 %; bands of one length are one.
    """
    edges = np.unique(np.quantile(words, np.linspace(0, 1, BANDS + 1)[1:]).astype(int))
    band = np.searchsorted(edges, words)
    return [
        {
            "from": int(words[band == i].min()),
            "to": int(words[band == i].max()),
            "pairs": int((band == i).sum()),
            "quantiles": np.quantile(cosines[band == i], np.linspace(0, 1, STEPS + 1))
            .round(4)
            .tolist(),
        }
        for i in range(len(edges))
        if (band == i).any()
    ]
