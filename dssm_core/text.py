"""Text to words, and words to hashed letter pieces.

Words as Unicode says they are (UAX #29, through the `regex` library's WORD flag), because people
read words; each enters the model as itself and its letter trigrams, hashed into a fixed table.

Source: Huang et al. 2013, "Learning Deep Structured Semantic Models for Web Search", section 3.2
(word hashing); docs/design.md, "The recipe".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise
from typing import Literal, NamedTuple

import numpy as np
import regex

State = Literal["seen", "letters", "pieces", "unknown", "truncated", "skipped", "prompt", "special"]

READ_STATES: tuple[State, ...] = ("seen", "letters", "pieces", "unknown")
"""States of a person's own words that take part in a vector: each can be left out by itself."""
ADDED_STATES: tuple[State, ...] = ("prompt", "special")
"""States of tokens that an encoder adds to a person's text; they take part in a vector, too."""
VECTOR_STATES = READ_STATES + ADDED_STATES
"""States of tokens that take part in a vector."""

LONGEST_WORD = 20
"""Code points in one token, as `normalise` returns it; a longer run is read as several tokens, so
that no letter goes unread. (Save where one cluster has more: what it has past 20 is not hashed.)"""

PIECES = LONGEST_WORD + 1
"""The word itself, and at most one trigram for each of its letters."""

HASHED = 20_000
"""Words whose pieces are remembered, at 200 bytes each."""

UNSEEN = 1
"""The table's row for a word never seen in training."""

# A picture with what is joined to it: skin, selector, tags, further pictures.
_SKIN = r"[\p{Emoji_Modifier}\uFE0E\uFE0F\U000E0020-\U000E007F]{0,8}"
_PICTURE = rf"(?!\p{{L}})\p{{Extended_Pictographic}}{_SKIN}"
_EMOJI = rf"\p{{RI}}\p{{RI}}|[0-9#*]\uFE0F?\u20E3|{_PICTURE}(?:\u200D{_PICTURE}){{0,8}}"
# What changes a meaning and is no \p{S}: C#, 5%, R&D, -3, !x, .NET.
_SIGN = r"[#%‰&@]|(?<!\w)(?:[-‐–](?=\p{N})|!(?=[\w=])|(?<!\.)\.(?=\p{L}))"
# A word, a number that is no \w such as ½, or a symbol, which is found so that it can be marked.
# (?<!\w), because Unicode counts some marks, such as a lone cedilla, as the start of a word; no
# word starts with a character that nobody sees.
_FOUND = regex.compile(
    rf"(?V1)(?P<symbol>(?![\p{{L}}\s])(?:{_EMOJI}|{_SIGN}))"
    r"|(?w)(?P<word>(?:\b|(?<![\w--\p{DI}]))(?!\p{DI})\w.*?\b|\p{N})"
    r"|(?P<mark>[\p{S}\p{Emoji_Presentation}])"
)
# The same for a text of ASCII alone, for which `re` is enough and fast.
_ASCII = re.compile(
    r"(\w+(?:(?:(?<=[A-Za-z])[.:'](?=[A-Za-z])|(?<=[0-9])[.,;'](?=[0-9]))\w+)*)"
    r"|[#%&@$+<=>^`|~]|(?<!\w)(?:-(?=[0-9])|!(?=[\w=])|(?<!\.)\.(?=[A-Za-z]))",
    re.ASCII,
)
_SINGLE = regex.compile(
    r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]\p{M}*|(?:(?!\p{Script=Han}"
    rf"|\p{{Script=Hiragana}}|\p{{Script=Katakana}})\X){{1,{LONGEST_WORD}}}"
)

_CLUSTER = regex.compile(r"\X")

MAX_RUN = 32
"""Characters in a row that cling to the one before them (marks, joiners, halves of flags); a longer
run is cut. Boundaries of words and Unicode's normal forms take time that grows with its square."""

MAX_SPAN = 128
"""Code points of one token; only a cluster that no script has is longer, and it is cut."""

# Even, so that the two halves of a flag stay together.
_RUN = regex.compile(
    rf"(?V1)[\p{{Regional_Indicator}}||\p{{Word_Break=Extend}}||\p{{Word_Break=Format}}"
    rf"||\p{{Word_Break=ZWJ}}||\p{{M}}]{{{MAX_RUN}}}"
)


class Token(NamedTuple):  # made by the thousand, in a third of a dataclass's time
    """One word of a text, where it stands, and how the model reads it.

    Attributes:
        text: the word as the model sees it: NFKC, lower case.
        start: offset of its first character in the original text.
        end: offset after its last character.
        state: "seen" in training, or one entry of a tokenizer's vocabulary; "letters", read only
            by its letter pieces; "pieces", cut in several by the tokenizer; "unknown", read as
            the tokenizer's unknown token; "truncated", past the length that the model reads;
            "skipped", not read at all: a symbol, or a word that is not in the vocabulary of a
            model that reads whole words alone; "prompt" or "special", added by the encoder, with
            no characters of the text.
        pieces: how the tokenizer cuts it, as "em ##bed ##ding"; empty where it is one piece.
    """

    text: str
    start: int
    end: int
    state: State = "letters"
    pieces: str = ""

    @property
    def is_read(self) -> bool:
        """Whether the model reads this token of the person's text at all."""
        return self.state in READ_STATES

    @property
    def is_word(self) -> bool:
        """Whether it is a word of the person's text, read or cut off, and no mark between words."""
        is_own = self.state in READ_STATES or self.state == "truncated"
        return is_own and any(map(str.isalnum, self.text))


_token = tuple.__new__  # a Token from its fields, in a third of the time

# A space of no width parts words only in scripts that have no other space.
_NO_SPACE = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_INNER = regex.compile(rf"(?<![{_NO_SPACE}])\u200B(?![{_NO_SPACE}])")
_UNSEEN = regex.compile(r"[\p{Cf}\p{DI}]")
_APOSTROPHES = str.maketrans("’‘ʼ", "'''")


def normalise(word: str) -> str:
    """Return the word as models see it: NFKC, lower case, straight apostrophes, all visible."""
    folded = unicodedata.normalize("NFKC", word).lower().translate(_APOSTROPHES)
    return folded if folded.isascii() else _UNSEEN.sub("", folded)


def segment(text: str) -> list[Token]:
    """Cut a text into words with their offsets.

    1. Find word spans by Unicode's word boundaries; punctuation and white space fall away.
    2. Cut Chinese and Japanese into characters, and words over 20 code points between clusters.
    3. Normalise each; symbols stay, in the state "skipped": arrows, +, # and other signs that
       change a meaning, and an emoji with all that is joined to it as one.

    Args:
        text: any string.

    Returns:
        Tokens in reading order, in the state "letters" or "skipped".

    Example:
        >>> [(t.text, t.start, t.end) for t in segment("Don't panic, 你好")]
        [("don't", 0, 5), ('panic', 6, 11), ('你', 13, 14), ('好', 14, 15)]
    """
    if text.isascii():
        return list(_ascii_tokens(text))
    tokens = []
    text = _INNER.sub("\u2060", text)  # as long, and Unicode parts no word there
    for first, last in _stretches(text):
        for match in _FOUND.finditer(text[first:last]):  # cut out: a boundary looks back, too
            whole, start, end = match.group(), first + match.start(), first + match.end()
            if match.lastgroup != "word":
                tokens.append(Token(whole, start, end, "skipped"))
            elif len(whole) <= LONGEST_WORD and whole.isascii():  # most words, and soon normalised
                tokens.append(Token(whole.lower(), start, end))
            else:
                tokens += _parts(whole, start)
    return tokens


def _ascii_tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text of ASCII alone: the same, in a third of the time."""
    for match in _ASCII.finditer(text):
        whole, start = match[0], match.start()
        if match.lastindex is None:
            yield Token(whole, start, match.end(), "skipped")
        elif len(whole) <= LONGEST_WORD:
            yield _token(Token, (whole.lower(), start, match.end(), "letters", ""))
        else:
            yield from _parts(whole, start)


def _stretches(text: str) -> list[tuple[int, int]]:
    """Return the spans of a text that are segmented by themselves: all of it, but for long runs."""
    ends = [0, *(match.end() for match in _RUN.finditer(text)), len(text)]
    return list(pairwise(ends))


def _parts(whole: str, start: int) -> Iterator[Token]:
    """Yield the tokens of a word that is long or not ASCII, and stands at an offset."""
    for match in _SINGLE.finditer(whole):
        for first, last in _short(whole, *match.span()):
            if word := normalise(whole[first:last]):
                yield Token(word, start + first, start + last)


def _short(whole: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of a stretch that are short enough for tokens, cut between clusters."""
    cuts, letters = [start], 0
    if end - start > MAX_SPAN or len(normalise(whole[start:end])) > LONGEST_WORD:
        for cluster in _CLUSTER.finditer(whole, start, end):
            more = len(normalise(cluster.group()[:MAX_SPAN]))
            if letters and letters + more > LONGEST_WORD:
                cuts.append(cluster.start())
                letters = 0
            letters += more
    for first, last in pairwise([*cuts, end]):
        for cut in range(first, last, MAX_SPAN):  # a cluster that no script has
            yield cut, min(cut + MAX_SPAN, last)


def read(
    text: str, vocabulary: Container[str], length: int, by_letters: bool = True
) -> list[Token]:
    """Segment a text and say of every token how a model reads it.

    Args:
        text: any string.
        vocabulary: the words seen in training.
        length: how many words the model reads; later ones are "truncated".
        by_letters: whether it reads a word that is not in the vocabulary; if not, that word is
            "skipped" and takes no room.

    Returns:
        Tokens in reading order; at most `length` of them have `is_read`.
    """
    tokens, room = [], length
    for token in segment(text):
        word, start, end, state, _ = token
        if state != "skipped":
            is_seen = word in vocabulary
            if is_seen or by_letters:
                seen: State = "seen" if is_seen else "letters"
                state = seen if room > 0 else "truncated"
                room -= 1
            else:
                state = "skipped"
            token = _token(Token, (word, start, end, state, ""))
        tokens.append(token)
    return tokens


def hash_pieces(
    words: Sequence[str], rows: int, vocabulary: Container[str] | None = None
) -> np.ndarray:
    """Hash each word and its letter trigrams into the rows of an embedding table.

    1. Letters as code points, [N, 20], longer words cut.
    2. Trigrams of #word# packed into 63 bits, [N, 20]; the word itself folded letter by letter.
    3. Mixed by splitmix64 and reduced to rows 2 to rows - 1; row 0 is padding, and row 1
       stands for a word that was never seen, so that its letters alone tell it from others.

    The same on every machine and run: integer arithmetic only.

    Args:
        words: N words, as `normalise` returns them.
        rows: rows of the table, at least 3.
        vocabulary: the words seen in training; without it all count as seen.

    Returns:
        int32 [N, 21]: column 0 the word itself, then its trigrams, then zeros.

    Raises:
        ValueError: if rows is under 3.

    Source: Huang et al. 2013, section 3.2; mixing from Steele et al. 2014, "Fast splittable
    pseudorandom number generators".
    """
    if rows < 3:
        raise ValueError(f"hash_pieces needs a table of at least 3 rows, not {rows}")
    if not len(words):
        return np.zeros((0, PIECES), np.int32)
    points = np.zeros((len(words), LONGEST_WORD + 2), np.uint64)  # [N, 22], room for both #
    points[:, 0] = ord("#")
    letters = np.array([w[:LONGEST_WORD] for w in words], dtype=f"<U{LONGEST_WORD}")
    points[:, 1:-1] = letters.view(np.uint32).reshape(len(words), LONGEST_WORD)
    ends = (points != 0).sum(1)
    points[np.arange(len(words)), ends] = ord("#")
    whole = np.zeros(len(words), np.uint64)
    for column in points.T:
        whole = np.where(column == 0, whole, mix(whole ^ column))
    shift = np.uint64(21)
    trigrams = ((points[:, :-2] << shift | points[:, 1:-1]) << shift) | points[:, 2:]  # [N, 20]
    hashed = np.column_stack([whole, mix(trigrams)]) % np.uint64(rows - 2) + np.uint64(2)
    hashed[:, 1:][points[:, 2:] == 0] = 0
    if vocabulary is not None:
        hashed[[word not in vocabulary for word in words], 0] = UNSEEN
    return hashed.astype(np.int32)


@dataclass(frozen=True)
class Reader:
    """What a model reads of a text, and as which numbers.

    Attributes:
        vocabulary: the words seen in training, in order, most frequent first.
        rows: rows of the model's table, of which row 0 is padding.
        pieces: PIECES, words are hashed with their letters; 0, a word is its plain id, and only
            the first `rows - 1` words of the vocabulary have one.
    """

    vocabulary: Collection[str]
    rows: int
    pieces: int = PIECES

    @cached_property
    def ids(self) -> dict[str, int]:
        """The plain id of each word that has one, from 1."""
        return {word: i for i, word in enumerate(islice(self.vocabulary, self.rows - 1), 1)}

    @property
    def width(self) -> int:
        """Numbers a word (P): 1 for plain ids."""
        return self.pieces or 1

    def read(self, text: str, length: int) -> list[Token]:
        """Return a text's tokens, at most `length` of them read."""
        known = self.vocabulary if self.pieces else self.ids
        return read(text, known, length, by_letters=bool(self.pieces))

    def numbers(self, words: Sequence[str]) -> np.ndarray:
        """Return the numbers of words that are read, int32 [N, P]."""
        if self.pieces:
            return self._hashed(words)
        return np.array([self.ids[word] for word in words], np.int32).reshape(-1, 1)

    def _hashed(self, words: Sequence[str]) -> np.ndarray:
        """Return the pieces of words, from those hashed lately where they are among them."""
        hashed = self._hashes
        found = {word: hashed.get(word) for word in words}  # others may clear it meanwhile
        if new := [word for word, row in found.items() if row is None]:
            rows = hash_pieces(new, self.rows, self.vocabulary)
            found |= zip(new, map(np.ndarray.tobytes, rows), strict=True)
            if len(hashed) + len(new) > HASHED:
                hashed.clear()
            hashed.update((word, found[word]) for word in new[:HASHED])
        pieces = b"".join(found[word] or b"" for word in words)
        return np.frombuffer(pieces, np.int32).reshape(-1, PIECES)

    @cached_property
    def _hashes(self) -> dict[str, bytes | None]:
        return {}


def mix(values: np.ndarray) -> np.ndarray:
    """Return uint64 values spread over all 64 bits (splitmix64's finaliser)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: np.ndarray = values ^ (values >> np.uint64(31))
    return result


def random_signs(rows: int, width: int) -> np.ndarray:
    """Return fixed random signs, int8 [rows, width] of -1 and 1; width is a multiple of 64.

    A row's signs follow from its number alone, on every machine and run.
    """
    numbers = mix(np.arange(rows * width // 64, dtype=np.uint64)).astype("<u8")
    bits = np.unpackbits(numbers.view(np.uint8)).reshape(rows, width)
    return bits.view(np.int8) * np.int8(2) - np.int8(1)
