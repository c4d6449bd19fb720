"""Texts encoded in blocks, what the model could read of each, and cosines of many at once.

Shape letters: Q queries, D documents, N texts, E embedding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dssm_core.numeric import l2_normalise
from dssm_core.towers import Encoding, Side, Towers

BLOCK = 4096
"""Texts encoded at a time, so that the tokens of a large corpus are never held at once."""


@dataclass(frozen=True)
class Encoded:
    """Texts of one side, encoded.

    Attributes:
        vectors: float32 [N, E].
        readable: bool [N], whether the tower read anything.
        unseen: bool [N], whether a word that it read was never seen in training.
        truncated: bool [N], whether words were left unread because the text is too long.
        words: int [N], words of the text, those left unread included.
    """

    vectors: np.ndarray
    readable: np.ndarray
    unseen: np.ndarray
    truncated: np.ndarray
    words: np.ndarray

    @classmethod
    def of(cls, towers: Towers, texts: Sequence[str], side: Side) -> Encoded:
        """Encode texts, in order."""
        vectors, facts = [], []
        for start in range(0, len(texts), BLOCK):
            for found in towers.encode(texts[start : start + BLOCK], side):
                vectors.append(found.vector)
                facts.append(_facts(found))
        readable, unseen, truncated, words = np.array(facts).T
        return cls(
            np.stack(vectors),
            readable.astype(bool),
            unseen.astype(bool),
            truncated.astype(bool),
            words,
        )


def _facts(encoding: Encoding) -> tuple[bool, bool, bool, int]:
    states = [token.state for token in encoding.tokens]
    unseen, truncated = "letters" in states, "truncated" in states
    return encoding.is_readable, unseen, truncated, len(states) - states.count("skipped")


def cosine_rows(
    queries: np.ndarray, documents: np.ndarray, readable: np.ndarray, block: int = 256
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
        cosines = l2_normalise(queries[start : start + block]) @ documents.T  # [block, D]
        cosines[:, ~readable] = np.nan
        yield from cosines


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
