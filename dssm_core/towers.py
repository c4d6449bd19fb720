"""What a tower does, as a protocol: a text in, a vector and its attention weights out.

All later stages speak to `Towers` and never to Keras, so they run on fakes in tests and paint
before TensorFlow is loaded.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from dssm_core.text import Token

Side = Literal["query", "document"]


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

    @property
    def is_readable(self) -> bool:
        """Whether the tower read at least one token."""
        return any(token.is_read for token in self.tokens)


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
    """

    def __init__(self, towers: Towers, size: int = 4096) -> None:
        self._towers = towers
        self._size = size
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
            found = {t: self._kept[side, t] for t in texts if (side, t) in self._kept}
        missing = [t for t in dict.fromkeys(texts) if t not in found]
        for start in range(0, len(missing), batch):
            part = missing[start : start + batch]
            found.update(zip(part, self._towers.encode(part, side), strict=True))
            if progress:
                progress(start + len(part), len(missing))
        with self._lock:
            for text, encoding in found.items():
                self._kept[side, text] = encoding
                self._kept.move_to_end((side, text))
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return [found[t] for t in texts]
