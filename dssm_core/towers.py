"""What a tower does, as a protocol: a text in, a vector and its attention weights out.

All later stages speak to `Towers` and never to Keras, so they run on fakes in tests and paint
before TensorFlow is loaded. `TextTowers` is what is the same whatever computes a tower.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, groupby
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from dssm_core.text import READ_STATES, Reader, State, Token

Side = Literal["query", "document"]

PART_CHARACTERS = 20_000
"""Characters of the texts that are encoded at a time, between two calls of a progress bar: a tenth
of a second or so."""

LISTED = 2048
"""Documents of the candidate lists that are at hand: 16 MB with vectors of 1,024 numbers."""

SHORTEST = 1e-4
"""Length below which a vector is not stretched to length 1, so that gradients stay bounded."""


@dataclass(frozen=True, slots=True)
class ScoredToken:
    """A token with its attention weight.

    Attributes:
        text: the word as the model sees it.
        start: offset of its first character in the text.
        end: offset after its last character.
        state: as in `dssm_core.text`.
        attention: in [0, 1], summing to 1 over the tokens in the vector; None without attention.
        pieces: how a tokenizer cuts it; empty where it is one piece.
    """

    text: str
    start: int
    end: int
    state: State
    attention: float | None
    pieces: str = ""

    @property
    def is_read(self) -> bool:
        """Whether the model reads this token of the person's text at all."""
        return self.state in READ_STATES


@dataclass(frozen=True)
class Encoding:
    """One text, encoded by one tower.

    Attributes:
        text: the text as it was given.
        tokens: its tokens in reading order, those not read included.
        vector: float32 [E], any length; zeros where nothing was read.
        attention: float32 [tokens], summing to 1 over the tokens in the vector and 0 elsewhere;
            None where the model has no attention.
    """

    text: str
    tokens: tuple[Token, ...]
    vector: np.ndarray
    attention: np.ndarray | None

    @cached_property
    def is_readable(self) -> bool:
        """Whether the tower read at least one token."""
        return any(token.state in READ_STATES for token in self.tokens)

    @cached_property
    def scored_tokens(self) -> tuple[ScoredToken, ...]:
        """The tokens with their attention weights, made once for all queries."""
        weights: Sequence[float | None] = (
            [None] * len(self.tokens) if self.attention is None else self.attention.tolist()
        )
        return tuple(
            ScoredToken(t.text, t.start, t.end, t.state, weight, t.pieces)
            for t, weight in zip(self.tokens, weights, strict=True)
        )


@dataclass(frozen=True)
class Candidates:
    """Encoded documents of one list, with what every query needs of them.

    Attributes:
        texts: D of them.
        encodings: theirs.
        vectors: float64 [D, E], of the encodings.
        squares: float64 [D], of the vectors' lengths.
        readable: bool [D], whether the tower read anything of each.
    """

    texts: Sequence[str]
    encodings: Sequence[Encoding]
    vectors: np.ndarray
    squares: np.ndarray
    readable: np.ndarray

    @classmethod
    def of(cls, encodings: Sequence[Encoding]) -> Candidates:
        """Put encoded documents side by side."""
        vectors = np.stack([e.vector for e in encodings] or [np.zeros(0)], dtype=np.float64)
        readable = np.array([e.is_readable for e in encodings], bool)
        texts = [e.text for e in encodings]
        return cls(texts, encodings, vectors, np.vecdot(vectors, vectors), readable)


class Towers(Protocol):
    """A pair of towers and the head on top of them.

    Attributes:
        scale: w of the head, probability = sigmoid(w * cosine + b); NaN where none was fitted.
        bias: b of the head; NaN likewise.
        has_attention: whether encodings carry attention weights.
    """

    @property
    def scale(self) -> float:
        """Return w."""

    @property
    def bias(self) -> float:
        """Return b."""

    @property
    def has_attention(self) -> bool:
        """Return whether encodings carry attention weights."""

    def encode(self, texts: Sequence[str], side: Side) -> list[Encoding]:
        """Encode texts in order; an unreadable text gets a zero vector, never an exception."""


@runtime_checkable
class PromptedTowers(Towers, Protocol):
    """Towers that put a prompt of their own in front of each text.

    Attributes:
        prompts: in front of queries and of documents; empty for none.
    """

    @property
    def prompts(self) -> Mapping[Side, str]:
        """Return the prompts."""

    def with_prompts(self, prompts: Mapping[Side, str]) -> Towers:
        """Return the same towers with other prompts."""


@runtime_checkable
class LimitedTowers(Towers, Protocol):
    """Towers that may know the vectors of some texts alone, such as those of a file.

    Attributes:
        can_encode_any: whether they encode every text.
    """

    @property
    def can_encode_any(self) -> bool:
        """Return whether they encode every text."""


@runtime_checkable
class SummedTowers(Protocol):
    """Towers whose vectors may be sums over their tokens, as those of mean pooling are."""

    def shares(self, text: str, side: Side) -> np.ndarray | None:
        """Return what each token adds to the vector's direction, [T, E]; None if it is no sum."""


class BatchTower(Protocol):
    """One tower, from a batch of texts as numbers to vectors and attention.

    Attributes:
        width: E, of a vector.
        has_attention: whether there are attention weights.
        batch: texts that go through it at a time, so that memory does not grow with their number.
    """

    width: int
    has_attention: bool
    batch: int

    def padded(self, words: int) -> int:
        """Return the length that a text is padded to; 0 for that of the longest beside it."""

    def __call__(
        self, pieces: np.ndarray, places: np.ndarray, lengths: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Encode texts that have at least one word each.

        Args:
            pieces: int32 [1 + U, P], of padding and of each distinct word.
            places: int [N, T], which of them each word is; 0 where the text has ended.
            lengths: int [N], words of each text, at least 1.

        Returns:
            vectors float32 [N, E], and attention float32 [N, T] or None.
        """


class TextTowers:
    """The two towers of a model, as `Towers`; safe to call from several threads.

    Args:
        reader: reads texts as the model does.
        lengths: words read of a query and of a document.
        towers: what encodes them.
        scale: w of the head.
        bias: b of the head.
    """

    def __init__(
        self,
        reader: Reader,
        lengths: Mapping[Side, int],
        towers: Mapping[Side, BatchTower],
        scale: float,
        bias: float,
    ) -> None:
        self._reader, self._lengths, self._towers = reader, lengths, towers
        self.scale, self.bias = scale, bias
        self.has_attention = towers["query"].has_attention

    def encode(self, texts: Sequence[str], side: Side) -> list[Encoding]:
        """Encode texts in order, those of like length together.

        Args:
            texts: any strings.
            side: which tower.

        Returns:
            One encoding a text; zero vector and zero attention where nothing is read.
        """
        tokens = [tuple(self._reader.read(t, self._lengths[side])) for t in texts]
        words = [[t.text for t in row if t.state in READ_STATES] for row in tokens]
        distinct = list(dict.fromkeys(chain.from_iterable(words)))
        nothing = np.zeros((1, self._reader.width), np.int32)
        pieces = np.concatenate([nothing, self._reader.numbers(distinct)])  # [1 + U, P]
        place = {word: i for i, word in enumerate(distinct, 1)}
        tower = self._towers[side]
        found: dict[int, Encoding] = {}
        for length, members in _parts([len(row) for row in words], tower):
            places = np.zeros((len(members), length), np.int64)
            for row, i in zip(places, members, strict=True):
                row[: len(words[i])] = [place[word] for word in words[i]]
            lengths = np.array([len(words[i]) for i in members])
            vectors, attention = tower(pieces, places, lengths)
            for at, i in enumerate(members):
                weights = None if attention is None else _spread(attention[at], tokens[i], words[i])
                found[i] = Encoding(texts[i], tokens[i], vectors[at], weights)
        return [
            found.get(i) or Encoding(text, tokens[i], *self._nothing(tokens[i], tower.width))
            for i, text in enumerate(texts)
        ]

    def _nothing(self, tokens: Sequence[Token], width: int) -> tuple[np.ndarray, np.ndarray | None]:
        weights = np.zeros(len(tokens), np.float32) if self.has_attention else None
        return np.zeros(width, np.float32), weights


def _spread(attention: np.ndarray, tokens: Sequence[Token], words: Sequence[str]) -> np.ndarray:
    """Return a text's attention [tokens] from that of its words, padded; 0 for what is not read."""
    if len(words) == len(tokens):
        return attention[: len(words)].copy()
    weights = np.zeros(len(tokens), np.float32)
    weights[[t.state in READ_STATES for t in tokens]] = attention[: len(words)]
    return weights


def _parts(lengths: Sequence[int], tower: BatchTower) -> Iterator[tuple[int, list[int]]]:
    """Yield readable texts in parts of like length, and to which length each is padded."""
    readable = sorted((i for i, n in enumerate(lengths) if n), key=lambda i: lengths[i])
    for padded, group in groupby(readable, lambda i: tower.padded(lengths[i])):
        members = list(group)
        for start in range(0, len(members), tower.batch):
            part = members[start : start + tower.batch]
            yield padded or lengths[part[-1]], part


class EncodingCache:
    """The most recently used encodings by side and text; safe to call from several threads.

    Args:
        towers: what encodes the texts that are not here yet.
        size: encodings that are cached.
        max_tokens: their tokens in all, so that a few long texts do not fill the memory.

    Attributes:
        towers: what encodes.
    """

    def __init__(self, towers: Towers, size: int = 4096, max_tokens: int = 1_000_000) -> None:
        self.towers = towers
        self._size, self._max_tokens, self._tokens = size, max_tokens, 0
        self._cached: OrderedDict[tuple[Side, str], Encoding] = OrderedDict()
        self._lists: OrderedDict[tuple[str, ...], Candidates] = OrderedDict()
        self._lock = threading.Lock()

    def candidates(
        self, documents: Sequence[str], progress: Callable[[int, int], None] | None = None
    ) -> Candidates:
        """Encode a list of documents, side by side; the lists of late are at hand.

        Args:
            documents: any strings.
            progress: as for `encode`.
        """
        texts = tuple(documents)
        with self._lock:
            found = self._lists.pop(texts, None)
        if found is None:
            found = Candidates.of(self.encode(texts, "document", progress))
        elif progress:
            progress(len(texts), len(texts))
        with self._lock:
            self._lists[texts] = found  # the latest stands last
            while sum(map(len, self._lists)) > LISTED:
                self._lists.popitem(last=False)
        return found

    def encode(
        self,
        texts: Sequence[str],
        side: Side,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Encoding]:
        """Encode texts in order, each distinct one at most once.

        Args:
            texts: any strings; repeats are welcome.
            side: which tower.
            progress: called with (done, total) texts before each part of PART_CHARACTERS and at
                the end; may raise to cancel, and what is encoded by then stays cached.
        """
        with self._lock:
            cached = ((text, self._cached.get((side, text))) for text in texts)
            encodings = {text: encoding for text, encoding in cached if encoding is not None}
            for text in encodings:
                self._cached.move_to_end((side, text))
        missing = [text for text in dict.fromkeys(texts) if text not in encodings]
        for done, part in _in_parts(missing):
            if progress:
                progress(len(texts) - len(missing) + done, len(texts))
            new = dict(zip(part, self.towers.encode(part, side), strict=True))
            self._store(new, side)
            encodings |= new
        if progress:
            progress(len(texts), len(texts))
        return [encodings[text] for text in texts]

    def _store(self, encodings: Mapping[str, Encoding], side: Side) -> None:
        with self._lock:
            for text, encoding in encodings.items():
                self._drop((side, text))
                self._cached[side, text] = encoding
                self._tokens += len(encoding.tokens)
            while len(self._cached) > self._size or self._tokens > self._max_tokens:
                self._drop(next(iter(self._cached)))

    def _drop(self, key: tuple[Side, str]) -> None:
        if old := self._cached.pop(key, None):
            self._tokens -= len(old.tokens)


def can_encode_any(towers: Towers | EncodingCache) -> bool:
    """Return whether towers encode every text: only then can a word be left out or changed."""
    inner = towers.towers if isinstance(towers, EncodingCache) else towers
    return not isinstance(inner, LimitedTowers) or inner.can_encode_any


def _in_parts(texts: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield runs of texts of about PART_CHARACTERS in all, with how many came before."""
    part: list[str] = []
    characters = 0
    for number, text in enumerate(texts):
        if part and characters + len(text) > PART_CHARACTERS:
            yield number - len(part), part
            part, characters = [], 0
        part.append(text)
        characters += len(text)
    if part:
        yield len(texts) - len(part), part
