"""What a tower does, as a protocol: a text in, a vector and its attention weights out.

All later stages speak to `Towers` and never to Keras, so they run on fakes in tests and paint
before TensorFlow is loaded.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np

from dssm_core.text import State, Token

Side = Literal["query", "document"]


@dataclass(frozen=True, slots=True)
class ScoredToken:
    """A token with its attention weight.

    Attributes:
        text: the word as the model sees it.
        start: offset of its first character in the text.
        end: offset after its last character.
        state: "seen", "letters", "truncated" or "skipped", as in `dssm_core.text`.
        attention: in [0, 1], summing to 1 over the tokens read; None without attention.
    """

    text: str
    start: int
    end: int
    state: State
    attention: float | None


@dataclass(frozen=True)
class Encoding:
    """One text, encoded by one tower.

    Attributes:
        text: the text as it was given.
        tokens: its tokens in reading order, those not read included.
        vector: float32 [E], any length; zeros where nothing was read.
        attention: float32 [tokens], summing to 1 over the tokens read and 0 elsewhere; None
            where the model has no attention.
    """

    text: str
    tokens: tuple[Token, ...]
    vector: np.ndarray
    attention: np.ndarray | None

    @cached_property
    def is_readable(self) -> bool:
        """Whether the tower read at least one token."""
        return any(token.is_read for token in self.tokens)

    @cached_property
    def scored_tokens(self) -> tuple[ScoredToken, ...]:
        """The tokens with their attention weights, made once for all queries."""
        weights: Sequence[float | None] = (
            [None] * len(self.tokens) if self.attention is None else self.attention.tolist()
        )
        return tuple(
            ScoredToken(t.text, t.start, t.end, t.state, weight)
            for t, weight in zip(self.tokens, weights, strict=True)
        )


class Towers(Protocol):
    """A pair of towers and the head on top of them.

    Attributes:
        scale: w of the head, probability = sigmoid(w * cosine + b).
        bias: b of the head.
        has_attention: whether encodings carry attention weights.
    """

    @property
    def scale(self) -> float:
        """Return w."""
        ...

    @property
    def bias(self) -> float:
        """Return b."""
        ...

    @property
    def has_attention(self) -> bool:
        """Return whether encodings carry attention weights."""
        ...

    def encode(self, texts: Sequence[str], side: Side) -> list[Encoding]:
        """Encode texts in order; an unreadable text gets a zero vector, never an exception."""
        ...


class EncodingCache:
    """The most recently used encodings by side and text; safe to call from several threads.

    Args:
        towers: what encodes the texts that are not here yet.
        size: encodings kept.
        most_tokens: their tokens in all, so that a few long texts do not fill the memory.
    """

    def __init__(self, towers: Towers, size: int = 4096, most_tokens: int = 1_000_000) -> None:
        self._towers = towers
        self._size, self._most_tokens, self._tokens = size, most_tokens, 0
        self._kept: OrderedDict[tuple[Side, str], Encoding] = OrderedDict()
        self._lock = threading.Lock()

    def encode(
        self,
        texts: Sequence[str],
        side: Side,
        progress: Callable[[int, int], None] | None = None,
        batch: int = 256,
    ) -> list[Encoding]:
        """Encode texts in order, each distinct one at most once.

        Args:
            texts: any strings; repeats are welcome.
            side: which tower.
            progress: called with (done, total) after each batch of new texts; may raise to cancel.
            batch: texts encoded at a time.
        """
        with self._lock:
            kept = ((text, self._kept.get((side, text))) for text in texts)
            found = {text: encoding for text, encoding in kept if encoding is not None}
        missing = [t for t in dict.fromkeys(texts) if t not in found]
        for start in range(0, len(missing), batch):
            part = missing[start : start + batch]
            found.update(zip(part, self._towers.encode(part, side), strict=True))
            if progress:
                progress(start + len(part), len(missing))
        with self._lock:
            for text, encoding in found.items():
                self._drop((side, text))
                self._kept[side, text] = encoding
                self._tokens += len(encoding.tokens)
            while len(self._kept) > self._size or self._tokens > self._most_tokens:
                self._drop(next(iter(self._kept)))
        return [found[t] for t in texts]

    def _drop(self, key: tuple[Side, str]) -> None:
        if old := self._kept.pop(key, None):
            self._tokens -= len(old.tokens)
