"""Training texts as numbers: their words counted, each text cut into words once.

Shape letters: G distinct texts, N pairs, T tokens, P pieces, V words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from dssm_core.text import Reader, segment

MAX_WORDS = 1_000_000
"""Words counted at a time; past that, those seen once are forgotten."""


class Words:
    """Words by number (0 is padding) and the pieces of each, as the model at work reads them.

    A word that was not counted, such as one of negatives alone, is read by its letters; by a model
    of plain ids, or past MAX_WORDS of them, not at all.
    """

    def __init__(self, counts: dict[str, int], rows: int, pieces: int) -> None:
        self._reader = reader = Reader(counts, rows, pieces)
        self.vocabulary = counts if pieces else {word: counts[word] for word in reader.ids}
        self._places = {word: i + 1 for i, word in enumerate(self.vocabulary)}
        self._new: list[str] = []
        nothing = np.zeros((1, reader.width), np.int32)
        self._pieces = np.concatenate([nothing, reader.numbers(list(self.vocabulary))])
        self.is_padded = not pieces  # to a model of plain ids padding is a word like any other
        self._numbers = lru_cache(maxsize=200_000)(self._look_up)

    @property
    def pieces(self) -> np.ndarray:
        """The pieces of all words that have a number, int32 [V + 1, P]."""
        if self._new:
            self._pieces = np.concatenate([self._pieces, self._reader.numbers(self._new)])
            self._new.clear()
        return self._pieces

    def numbers(self, text: str) -> np.ndarray:
        """Return the numbers of a text's words."""
        return self._numbers(text)

    def read(self, texts: Sequence[str], length: int) -> np.ndarray:
        """Return pieces int32 [len(texts), T, P], T the longest of these texts, at most length."""
        numbers = [self.numbers(text)[:length] for text in texts]
        longest = length if self.is_padded else max([1, *map(len, numbers)])
        words = np.zeros((len(texts), longest), np.int32)
        for row, found in zip(words, numbers, strict=True):
            row[: len(found)] = found
        return self.pieces[words]

    def _look_up(self, text: str) -> np.ndarray:
        places = [self._place(t.text) for t in segment(text) if t.state != "skipped"]
        return np.array([place for place in places if place], np.int32)

    def _place(self, word: str) -> int:
        place = self._places.get(word, 0)
        is_room = len(self._places) < len(self.vocabulary) + MAX_WORDS
        if not place and self._reader.pieces and is_room:
            place = self._places[word] = len(self._places) + 1
            self._new.append(word)
        return place


class Column(NamedTuple):
    """One side of all pairs.

    Attributes:
        numbers: word numbers of each distinct text, int32 [G, T].
        row: where each pair's text is in `numbers`, [N].
        text: equal where two pairs share their text, [N].
        said: each distinct text, object [G].
    """

    numbers: np.ndarray
    row: np.ndarray
    text: np.ndarray
    said: np.ndarray

    @classmethod
    def of(cls, texts: pd.Series, words: Words, length: int) -> Column:
        """Cut texts [N] into words, at most `length` of each; each distinct text once."""
        row, distinct = pd.factorize(texts)
        numbers = np.zeros((len(distinct), length), np.int32)
        for into, text in zip(numbers, distinct, strict=True):
            found = words.numbers(text)[:length]
            into[: len(found)] = found
        return cls(numbers, row, row, np.array(distinct, object))

    def extended(self, numbers: np.ndarray, text: np.ndarray, said: np.ndarray) -> Column:
        """Return the column with further texts behind, each a pair's own."""
        row = len(self.numbers) + np.arange(len(numbers))
        return Column(
            np.concatenate([self.numbers, numbers]),
            np.concatenate([self.row, row]),
            np.concatenate([self.text, text]),
            np.concatenate([self.said, said]),
        )

    def lengths(self) -> np.ndarray:
        """Return how many words each pair's text has, int [N]."""
        result: np.ndarray = (self.numbers != 0).sum(1)[self.row]
        return result

    def words(self, rows: np.ndarray, is_padded: bool) -> np.ndarray:
        """Return word numbers int32 [len(rows), T], T the longest of these rows unless padded."""
        found = self.numbers[self.row[rows]]
        result: np.ndarray = (
            found if is_padded else found[:, : max(1, int((found != 0).sum(1).max()))]
        )
        return result


def count_words(texts: Iterable[str]) -> dict[str, int]:
    """Return the words of texts with their counts, most frequent first.

    Args:
        texts: any number; memory is bounded by MAX_WORDS, not by them.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(t.text for t in segment(text) if t.state != "skipped")
        if len(counts) > MAX_WORDS:
            counts = Counter({word: count for word, count in counts.items() if count > 1})
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
