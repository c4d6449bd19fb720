"""BM25, the lexical rival, and its fusion with a model.

Shape letters: Q queries, D documents, N pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

K1, B = 1.5, 0.75
"""bm25s's own, its method "lucene"; named here because `BM25.pairs` computes with them too."""

UNSPACED = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Kana and Chinese characters, as a class of a regular expression."""

WORD = rf"[{UNSPACED}]|\b[^\W{UNSPACED}]{{2,}}\b"
"""bm25s's own pattern, words of at least two letters, and single characters of UNSPACED."""

WEIGHT = 0.55
"""Weight of the cosine in `blend` where none was fitted to a model; BM25's is the rest.

Chosen on the 2,000 validation pairs of debian-packages with the model as shipped in November 2026
(MRR@10 0.821 alone, BM25 0.781). Weighted sum with BM25 as a share of the query's idf: 0.853, or
0.850 with the weight fitted on one half and measured on the other, and from 0.850 for any weight of
0.40 to 0.60; with BM25 divided by the query's best document instead: 0.850 and 0.849, by z-scores:
0.849 and 0.848; reciprocal rank fusion: 0.819 (constant 60) and 0.828 (constant 5).
"""


class BM25:
    """BM25 over fixed documents: bm25s with English stop words and the Snowball stemmer.

    Scripts without spaces are read by characters, as a whole phrase would be one word.

    Args:
        documents: D texts.
    """

    def __init__(self, documents: Sequence[str]) -> None:
        import bm25s

        self._documents = documents
        self._index = bm25s.BM25(k1=K1, b=B)
        tokens = _tokens(documents, ids=True)
        if not any(tokens.ids):  # bm25s divides by the mean length
            tokens = [["no word"]] * len(documents)
        self._index.index(tokens, show_progress=False)

    def rows(self, queries: Sequence[str]) -> Iterator[np.ndarray]:
        """Yield each query's scores of all documents, float [D], from 0."""
        for tokens in _tokens(queries, ids=False):
            found = self._index.get_scores(tokens) if tokens else np.zeros(len(self._documents))
            yield found.astype(np.float64)

    def nearest(self, queries: Sequence[str], number: int) -> np.ndarray:
        """Return each query's best documents, int [Q, number]."""
        result: np.ndarray = self._index.retrieve(
            _tokens(queries, ids=False),
            k=number,
            return_as="documents",
            show_progress=False,
            sorted=True,
        )
        return result

    def ceilings(self, queries: Sequence[str]) -> np.ndarray:
        """Return what no document's score can pass: the sum of the query's idf, float [Q]."""
        idf = (sum(map(self._idf, tokens)) for tokens in _tokens(queries, ids=False))
        return np.array(list(idf), np.float64)

    def pairs(self, queries: Sequence[str], documents: Sequence[str]) -> np.ndarray:
        """Return the score of each query against a document that need not be in the index.

        Args:
            queries: N texts.
            documents: N texts, each scored as if it stood in the index: idf and mean length are
                the index's.

        Returns:
            float [N].
        """
        scores = np.zeros(len(queries))
        texts = zip(_tokens(queries, ids=False), _tokens(documents, ids=False), strict=True)
        for i, (query, document) in enumerate(texts):
            counts = Counter(document)
            damped = damping(len(document), self._mean_length)
            scores[i] = sum(self._idf(t) * counts[t] / (counts[t] + damped) for t in query)
        return scores

    def _idf(self, stem: str) -> float:
        return float(idf(len(self._documents), self._frequencies[stem]))

    @cached_property
    def _found(self) -> list[list[str]]:
        return list(_tokens(self._documents, ids=False))

    @cached_property
    def _frequencies(self) -> Counter[str]:
        return Counter(stem for document in self._found for stem in set(document))

    @cached_property
    def _mean_length(self) -> float:
        return max(1.0, sum(map(len, self._found))) / len(self._found)


def idf(documents: int, holding: Any) -> Any:
    """Return the weight of a stem that so many of the documents hold; of each of an array."""
    return np.log1p((documents - holding + 0.5) / (holding + 0.5))


def damping(length: Any, mean_length: float) -> Any:
    """Return what a document's length adds to the counts that a stem's count is divided by."""
    return K1 * (1 - B + B * length / mean_length)


def read_stems(texts: Sequence[str]) -> list[list[str]]:
    """Return the stems of each text, as BM25 reads it, in order and with repeats."""
    return list(_tokens(texts, ids=False))


def bm25_rows(queries: Sequence[str], documents: Sequence[str]) -> Iterator[np.ndarray]:
    """Yield each query's BM25 scores, float [D]."""
    yield from BM25(documents).rows(queries)


def bm25_nearest(queries: Sequence[str], documents: Sequence[str], number: int) -> np.ndarray:
    """Return each query's best documents by BM25, int [Q, number]."""
    return BM25(documents).nearest(queries, number)


def blend(
    cosines: np.ndarray, bm25: np.ndarray, ceiling: float, weight: float = WEIGHT
) -> np.ndarray:
    """Return weight * cosine + (1 - weight) * BM25 / ceiling, float [D].

    Args:
        cosines: [D], in [-1, 1]; NaN, a document that the model cannot read, counts as 0.
        bm25: [D], from 0.
        ceiling: the query's, as `BM25.ceilings` gives it; 0 where no word of it is read.
        weight: in [0, 1].
    """
    share = bm25 / ceiling if ceiling else bm25
    result: np.ndarray = weight * np.nan_to_num(cosines, nan=0.0) + (1 - weight) * share
    return result


def fuse_ranks(one: np.ndarray, other: np.ndarray, constant: int = 60) -> np.ndarray:
    """Return the reciprocal rank fusion of two systems' scores, float [D].

    Source: Cormack et al. 2009, "Reciprocal rank fusion outperforms Condorcet".
    """
    return 1 / (constant + _worst_ranks(one)) + 1 / (constant + _worst_ranks(other))


def _worst_ranks(scores: np.ndarray) -> np.ndarray:
    """Return each document's rank, 1 the best, tied ones all the worst of their ranks."""
    known = np.where(np.isnan(scores), -np.inf, scores)
    return len(known) - np.searchsorted(np.sort(known), known, side="left")


def _tokens(texts: Sequence[str], ids: bool) -> Any:
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("english")
    return bm25s.tokenize(
        list(texts),
        token_pattern=WORD,
        stopwords="en",
        stemmer=stemmer,
        return_ids=ids,
        show_progress=False,
    )
