"""What is known of a text besides its vector, and of a pair besides its cosine, defined once.

The page Inspect slices pairs by them, the model card slices queries by them, and the causes of
errors are named by them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from dssm_core.text import Token, segment

FEW = 0.2
"""Up to this word overlap, query and document have few words in common."""

FEW_IN_COMMON, UNSEEN, TRUNCATED = "few words in common", "unseen words", "truncated"
"""Causes that card and page share, each by the trait that it hangs on."""


class Counts(NamedTuple):
    """A text's words, symbols left out, and how a model reads them.

    Attributes:
        words: how many there are.
        unseen: how many are read that were never seen in training, or that a tokenizer does not
            know.
        truncated: how many are past the length that is read.
    """

    words: int
    unseen: int
    truncated: int


def count_words(tokens: Iterable[Token]) -> Counts:
    """Count a text's words, as a model read them."""
    states = Counter(token.state for token in tokens)
    unseen = states["letters"] + states["unknown"]
    read = states["seen"] + states["pieces"] + unseen
    return Counts(read + states["truncated"], unseen, states["truncated"])


def content_stems(text: str) -> frozenset[str]:
    """Return the distinct stems of a text's words, cut as models cut them, stop words left out.

    Example:
        >>> sorted(content_stems("The doors of 3 red houses, 红门"))
        ['3', 'door', 'hous', 'red', '红', '门']
    """
    words = [token.text for token in segment(text) if token.state != "skipped"]
    return frozenset(stem_words([word for word in words if word not in stop_words()]))


def word_overlap(query: frozenset[str], document: frozenset[str]) -> float:
    """Return the share of the query's stems that the document has, in [0, 1]; NaN of no stem.

    Args:
        query: its `content_stems`.
        document: likewise.
    """
    return len(query & document) / len(query) if query else math.nan


def stem_words(words: Sequence[str]) -> list[str]:
    """Return each word's English stem; other scripts stay as they are."""
    return list(_stemmer().stemWords(list(words)))


@cache
def stop_words() -> frozenset[str]:
    """Return the words, English and Chinese, that no overlap is made of."""
    from bm25s import stopwords

    chinese = {word for word in stopwords.STOPWORDS_CHINESE if len(word) == 1}
    return frozenset(stopwords.STOPWORDS_EN_PLUS) | chinese


@cache
def _stemmer() -> Any:
    import Stemmer

    return Stemmer.Stemmer("english")
