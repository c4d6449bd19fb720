"""A word of a text, with what the rules of the causes ask about it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from dssm_core.evaluation import stem_words, stop_words
from dssm_core.text import READ_STATES, State
from dssm_core.towers import Encoding

RARE = 3e-6
"""Share of the training words up to which a stem counts as rare: 10 of 3 million."""

MAX_CAPITALS = 0.6
"""Share of a text's words up to which a capital tells something."""

_NUMBER = re.compile(r"v?\d+([.,]\d+)*")
_STOP = re.compile(r"[.!?:。！？\n]")

# fmt: off
SMALL_NUMBERS = {
    "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "seven": 7.0, "eight": 8.0,
    "nine": 9.0, "ten": 10.0, "eleven": 11.0, "twelve": 12.0,
}
# fmt: on


@dataclass(frozen=True)
class Word:
    """A word of a text, with what the rules ask about it.

    Attributes:
        index: of its token in the text.
        shown: as it is written.
        text: as the model sees it.
        stem: of that.
        state: as in `dssm_core.text`.
        opens: whether a sentence begins with it.
        is_name: written with a capital that tells something, or rare, and no number.
    """

    index: int
    shown: str
    text: str
    stem: str
    state: State
    opens: bool
    is_name: bool

    @property
    def is_read(self) -> bool:
        """Whether the model reads it."""
        return self.state in READ_STATES


def common_stems(vocabulary: Mapping[str, int]) -> frozenset[str]:
    """Return the stems that are not rare in training.

    Args:
        vocabulary: words seen in training, with how often.
    """
    return _common_stems(tuple(vocabulary.items()))


@lru_cache(maxsize=4)  # stemming takes longer than the causes of a hundred errors
def _common_stems(vocabulary: Sequence[tuple[str, int]]) -> frozenset[str]:
    often = RARE * sum(count for _, count in vocabulary)
    stems = stem_words([word for word, _ in vocabulary])
    counts: dict[str, int] = {}
    for stem, (_, count) in zip(stems, vocabulary, strict=True):
        counts[stem] = counts.get(stem, 0) + count
    return frozenset(stem for stem, count in counts.items() if count > often)


def words_of(encoding: Encoding, common: frozenset[str]) -> tuple[Word, ...]:
    """Return a text's words as the rules see them.

    Capitals tell a name only inside a sentence, and only in a text that does not begin most of
    its words with one.

    Args:
        encoding: the text, with its tokens.
        common: stems that do not count as rare.
    """
    text = encoding.text
    tokens = [(i, t) for i, t in enumerate(encoding.tokens) if t.is_word]
    written = [text[token.start : token.end] for _, token in tokens]
    tell = sum(w[:1].isupper() for w in written) <= max(1, MAX_CAPITALS * len(written))
    stems = stem_words([token.text for _, token in tokens])
    words: list[Word] = []
    end = 0
    for (index, token), shown, stem in zip(tokens, written, stems, strict=True):
        opens = not words or bool(_STOP.search(text, end, token.start))
        capital = tell and (shown[1:] != shown[1:].lower() or (shown[0].isupper() and not opens))
        name = (
            (capital or stem not in common)
            and len(shown) > 1
            and shown.lower() != shown.upper()  # where there are no capitals, most words are rare
            and token.text not in stop_words()
            and number_of(token.text) is None
        )
        words.append(Word(index, shown, token.text, stem, token.state, opens, name))
        end = token.end
    return tuple(words)


def unread_difference(one: Encoding, other: Encoding) -> tuple[str, ...]:
    """Return what differs between two texts of which the model reads the same.

    Returns:
        Signs, symbols and words that one text has and the other has not, of both, in order; ()
        where the model reads a difference, or where there is none but of case and spaces.
    """
    if read_words(one) != read_words(other) or not one.is_readable:
        return ()
    here, there = _unread(one), _unread(other)
    lacking = (Counter(here) - Counter(there)).keys() | (Counter(there) - Counter(here)).keys()
    return tuple(dict.fromkeys(part for part in (*here, *there) if part in lacking))


def read_words(encoding: Encoding) -> list[str]:
    """Return what the model reads of a text."""
    return [token.text for token in encoding.tokens if token.is_read]


def _unread(encoding: Encoding) -> list[str]:
    """Return what stands between the words that are read, without spaces."""
    ends = [(0, 0), *((t.start, t.end) for t in encoding.tokens if t.is_read)]
    starts = [*(start for start, _ in ends[1:]), len(encoding.text)]
    between = (encoding.text[end:start] for (_, end), start in zip(ends, starts, strict=True))
    return [part for gap in between for part in gap.split()]


def number_of(word: str) -> float | str | None:
    """Return what a word counts as a number, 3 for "3", "3.0" and "three"; None if it is none."""
    if word in SMALL_NUMBERS:
        return SMALL_NUMBERS[word]
    if not word[-1:].isdecimal() or not _NUMBER.fullmatch(word):
        return None
    plain = word.removeprefix("v").replace(",", "")
    return float(plain) if plain.count(".") < 2 else plain
