"""Texts encoded in blocks, what the model could read of each, and cosines of many at once.

Shape letters: Q queries, D documents, N texts, E embedding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dssm_core.evaluation.traits import count_words
from dssm_core.numeric import l2_normalise
from dssm_core.towers import Encoding, Side, Towers

BLOCK = 4096
"""Texts encoded at a time, so that the tokens of a large corpus are never held at once. Documents
of a matrix product, too, so that a part of so many has the cosines that it has in the whole."""

QUERIES = 256
"""Queries of a matrix product."""

PAIRS = 1_000
"""Pairs whose cosines are summed at a time."""


class Encoder(Protocol):
    """What encodes texts: towers, or a cache in front of them."""

    def encode(self, texts: Sequence[str], side: Side) -> list[Encoding]:
        """Encode texts in order."""
        ...


@dataclass(frozen=True)
class Encoded:
    """Texts of one side, encoded.

    Attributes:
        vectors: float32 [N, E].
        readable: bool [N], whether the tower read anything.
        words: int [N], as `count_words` counts them.
        unseen: int [N], likewise.
        truncated: int [N], likewise.
    """

    vectors: np.ndarray
    readable: np.ndarray
    words: np.ndarray
    unseen: np.ndarray
    truncated: np.ndarray

    @classmethod
    def of(
        cls,
        encoder: Encoder,
        texts: Sequence[str],
        side: Side,
        block: int = BLOCK,
        look: Callable[[Sequence[Encoding]], None] | None = None,
    ) -> Encoded:
        """Encode texts, in order.

        Args:
            encoder: towers or their cache.
            texts: N of them.
            side: which tower.
            block: texts encoded at a time.
            look: called with each block's encodings before they are dropped; may raise to cancel.
        """
        vectors = np.zeros((len(texts), 1), np.float32)
        facts = np.zeros((len(texts), 4), int)
        for start in range(0, len(texts), block):
            found = encoder.encode(texts[start : start + block], side)
            if start == 0:
                vectors = np.zeros((len(texts), len(found[0].vector)), np.float32)
            for row, encoding in enumerate(found, start):
                vectors[row] = encoding.vector
                facts[row] = encoding.is_readable, *count_words(encoding.tokens)
            if look:
                look(found)
        return cls(vectors, facts[:, 0].astype(bool), *facts[:, 1:].T)


def cosine_rows(
    queries: np.ndarray, documents: np.ndarray, readable: np.ndarray, block: int = QUERIES
) -> Iterator[np.ndarray]:
    """Yield each query's cosines [D], NaN for documents that the model cannot read.

    Args:
        queries: vectors [Q, E].
        documents: vectors [D, E].
        readable: bool [D].
        block: queries multiplied at a time.
    """
    documents = l2_normalise(documents)
    for start in range(0, len(queries), block):
        yield from cosine_block(l2_normalise(queries[start : start + block]), documents, readable)


def cosine_block(queries: np.ndarray, documents: np.ndarray, readable: np.ndarray) -> np.ndarray:
    """Return the cosines [Q, D] of a few queries, NaN for documents that the model cannot read.

    They are the same to the last bit where documents are cut into parts of a multiple of BLOCK:
    what a matrix product rounds depends on its shape.

    Args:
        queries: vectors [Q, E] of length 1, at most QUERIES of them.
        documents: likewise, [D, E].
        readable: bool [D].
    """
    cosines = np.empty((len(queries), len(documents)), np.result_type(queries, documents))
    for start in range(0, len(documents), BLOCK):
        cosines[:, start : start + BLOCK] = queries @ documents[start : start + BLOCK].T
    cosines[:, ~readable] = np.nan
    return cosines


def cosines_between(
    queries: np.ndarray, documents: np.ndarray, query_row: np.ndarray, document_row: np.ndarray
) -> np.ndarray:
    """Return the cosine of each of N pairs, float64 [N].

    The vectors of a block's pairs fit into the processor's cache; those of all would be copied
    through memory, a hundred times the texts' own vectors where texts come often.

    Args:
        queries: vectors [Q, E] of length 1.
        documents: likewise, [D, E].
        query_row: row of each pair's query, int [N].
        document_row: row of each pair's document, int [N].
    """
    cosines = np.empty(len(query_row))
    for start in range(0, len(cosines), PAIRS):
        rows = slice(start, start + PAIRS)
        block = queries[query_row[rows]], documents[document_row[rows]]
        cosines[rows] = np.einsum("ne,ne->n", *block, dtype=np.float64)
    return cosines


def cosine_nearest(towers: Towers) -> Callable[[Sequence[str], Sequence[str], int], np.ndarray]:
    """Return a function to each query's best documents by a model's cosine, int [Q, number]."""

    def nearest(queries: Sequence[str], documents: Sequence[str], number: int) -> np.ndarray:
        found = Encoded.of(towers, documents, "document")
        asked = Encoded.of(towers, queries, "query")
        rows = cosine_rows(asked.vectors, found.vectors, found.readable)
        return np.stack([_highest(row, number) for row in rows])

    return nearest


def _highest(row: np.ndarray, number: int) -> np.ndarray:
    """Return the places of a row's highest values, best first, NaN last; in linear time."""
    known = -np.where(np.isnan(row), -np.inf, row)
    best = np.sort(np.argpartition(known, min(number, len(row)) - 1)[:number])
    return best[np.argsort(known[best], kind="stable")]
