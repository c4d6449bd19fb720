"""Somebody else's encoder as `Towers`: what it was sent, what came back, and whose head it is.

A format is one module here that opens an `Embedder`; everything that is the same for all formats
is in `EncoderTowers`. Shape letters: N texts, P pieces of a text, T tokens, E embedding.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from dssm_core.errors import UserError
from dssm_core.text import Token, segment
from dssm_core.towers import Encoding, Side

SIDES: tuple[Side, Side] = ("query", "document")
SAMPLES = ("a red door", "how do I paint a wall?", "红色的门")
"""What an encoder without files is asked, to tell it from another."""
ALIKE = 0.03
"""Share of its length by which a vector may differ from another to be taken for that of the same
encoder: rounding to 16 bits, and a server that batches as it likes, move it by less."""


def no_prompts() -> dict[Side, str]:
    """Return an empty prompt for each side."""
    return {"query": "", "document": ""}


class Reading(NamedTuple):
    """A text as an encoder is sent it.

    Attributes:
        sent: the prompt and the text, in full.
        tokens: what the page shows, in reading order, those not read included.
        ids: the tokenizer's pieces, [P]; empty where the encoder takes text.
        owners: index of the token that each piece belongs to, [P].
        prompted: how many pieces in front are the prompt's and what stands before it, as the
            prompt alone is cut; 0 without a prompt.
    """

    sent: str
    tokens: tuple[Token, ...]
    ids: Sequence[int] = ()
    owners: Sequence[int] = ()
    prompted: int = 0


@dataclass(frozen=True)
class Facts:
    """What is known of an encoder once it is open.

    Attributes:
        name: how people call it.
        format: key of the table of formats.
        fingerprint: twelve hex digits that change whenever the encoder's files do, or without
            files its name or settings.
        width: E, of a vector.
        modules: what is applied to a text, in order, in the encoder's own words.
        max_length: pieces that it reads, its own special tokens included; None if it does not say.
        attention: what the weights are, as a key of the catalogues; empty without weights.
        prompts: the encoder's own.
        samples: vectors of SAMPLES to know an encoder again by that has no files; empty else.
        can_encode_any: whether it takes any text; if not, no word can be left out.
    """

    name: str
    format: str
    fingerprint: str
    width: int
    modules: tuple[str, ...] = ()
    max_length: int | None = None
    attention: str = ""
    prompts: Mapping[Side, str] = field(default_factory=no_prompts)
    can_encode_any: bool = True
    samples: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)), compare=False)


class Embedder(Protocol):
    """One format's way from texts to vectors; safe to call from several threads.

    Attributes:
        facts: what is known of it.
        batch: texts that go through it at a time.
    """

    @property
    def facts(self) -> Facts:
        """Return what is known of it."""
        ...

    @property
    def batch(self) -> int:
        """Return how many texts go through it at a time."""
        ...

    def read(self, text: str, prompt: str, side: Side) -> Reading:
        """Return a text as it will be sent."""
        ...

    def embed(
        self, readings: Sequence[Reading], side: Side
    ) -> tuple[np.ndarray, Sequence[np.ndarray] | None]:
        """Return vectors float [N, E], and of each text the weights of its pieces, [P], or None.

        Raises:
            UserError: if the encoder fails, in one sentence.
        """
        ...


class EncoderTowers:
    """An encoder with its prompts and a head, as `Towers`.

    Args:
        embedder: the encoder.
        prompts: in front of queries and documents; the encoder's own without.
        scale: w of the head; NaN where none was fitted.
        bias: b of the head; NaN likewise.
    """

    def __init__(
        self,
        embedder: Embedder,
        prompts: Mapping[Side, str] | None = None,
        scale: float = math.nan,
        bias: float = math.nan,
    ) -> None:
        self.embedder = embedder
        self.prompts = dict(embedder.facts.prompts if prompts is None else prompts)
        self.scale, self.bias = scale, bias
        self.has_attention = bool(embedder.facts.attention)
        self.can_encode_any = embedder.facts.can_encode_any

    def with_prompts(self, prompts: Mapping[Side, str]) -> EncoderTowers:
        """Return the same encoder and head with other prompts."""
        return EncoderTowers(self.embedder, prompts, self.scale, self.bias)

    def encode(self, texts: Sequence[str], side: Side) -> list[Encoding]:
        """Encode texts in order, those of like length together.

        Args:
            texts: any strings.
            side: which tower.

        Returns:
            One encoding a text; zero vector and zero attention where nothing is read.

        Raises:
            UserError: if the encoder fails, or returns something else than vectors of numbers.
        """
        readings = [self.embedder.read(text, self.prompts[side], side) for text in texts]
        readable = [i for i, r in enumerate(readings) if any(t.is_read for t in r.tokens)]
        readable.sort(key=lambda i: len(readings[i].ids) or len(readings[i].sent))
        vectors: dict[int, np.ndarray] = {}
        weights: dict[int, np.ndarray] = {}
        for start in range(0, len(readable), self.embedder.batch):
            part = readable[start : start + self.embedder.batch]
            embedded, attention = self.embedder.embed([readings[i] for i in part], side)
            vectors |= zip(part, self._checked(embedded, len(part)), strict=True)
            if attention is not None:
                weights |= zip(part, attention, strict=True)
        nothing = np.zeros(self.embedder.facts.width, np.float32)
        return [
            Encoding(
                text,
                reading.tokens,
                vectors.get(i, nothing),
                self._by_token(reading, weights.get(i)),
            )
            for i, (text, reading) in enumerate(zip(texts, readings, strict=True))
        ]

    def shares(self, text: str, side: Side) -> np.ndarray | None:
        """Return what each token adds to the direction of a text's vector, [T, E].

        None where the vector is no sum over tokens, or the format does not show it.
        """
        by_piece = getattr(self.embedder, "shares", None)
        reading = self.embedder.read(text, self.prompts[side], side)
        if by_piece is None or not any(token.is_read for token in reading.tokens):
            return None
        pieces = by_piece(reading, side)
        if pieces is None:
            return None
        result = np.zeros((len(reading.tokens), pieces.shape[1]))
        np.add.at(result, np.asarray(reading.owners), pieces.astype(np.float64))
        return result

    def _checked(self, vectors: np.ndarray, number: int) -> np.ndarray:
        """Return vectors as float32 [number, E], once they are known to be that."""
        facts = self.embedder.facts
        result = np.asarray(vectors)
        if result.dtype.kind not in "fiu" or result.shape != (number, facts.width):
            raise UserError(
                "encoder.other shape",
                " × ".join(map(str, result.shape)),
                name=facts.name,
                number=number,
                width=facts.width,
            )
        if not np.isfinite(result).all():
            raise UserError("encoder.not numbers", name=facts.name)
        return result.astype(np.float32)

    def _by_token(self, reading: Reading, weights: np.ndarray | None) -> np.ndarray | None:
        """Return the weights of a text's tokens from those of its pieces, [T], summing to 1."""
        if not self.has_attention:
            return None
        result = np.zeros(len(reading.tokens), np.float32)
        if weights is not None:
            np.add.at(result, np.asarray(reading.owners), weights)
        return result


def read_words(text: str, prompt: str) -> Reading:
    """Return a text as it is sent to an encoder that takes text: its tokens are our own words.

    Symbols count as read, too, for the encoder gets them; how it cuts a word is not known.
    """
    own = (Token(t.text, t.start, t.end, "seen") for t in segment(text))
    added = [Token(prompt, 0, 0, "prompt")] if prompt else []
    return Reading(prompt + text, (*added, *own))


def identify(
    embed: Callable[[Sequence[str], Side], np.ndarray], name: str, *parts: str
) -> tuple[str, np.ndarray]:
    """Return a fingerprint, and vectors to know it again by, of an encoder that has no files.

    Args:
        embed: from texts and a side to what should be vectors [N, E].
        name: what it is called.
        parts: what tells it from others, beside its vectors.

    Returns:
        Twelve hex digits of the parts and E; and the vectors of SAMPLES on each side, [2 * S, E].
        The vectors are not hashed: their last bits may differ from run to run.

    Raises:
        UserError: as `embed` does, or if it returns something else than vectors of one width.
    """
    query, document = (embed(SAMPLES, side) for side in SIDES)
    for vectors in (query, document):
        is_table = vectors.dtype.kind in "fiu" and vectors.ndim == 2 and vectors.size
        if not is_table or len(vectors) != len(SAMPLES):
            shape = " × ".join(map(str, vectors.shape))
            raise UserError("encoder.no vectors", shape, name=name, number=len(SAMPLES))
        if not np.isfinite(vectors).all():
            raise UserError("encoder.not numbers", name=name)
    if query.shape != document.shape:
        widths = f"{query.shape[1]} ≠ {document.shape[1]}"
        raise UserError("encoder.two widths", widths, name=name)
    digest = hashlib.sha256("\0".join([*parts, str(query.shape[1])]).encode())
    return digest.hexdigest()[:12], np.concatenate([query, document]).astype(np.float64)


def is_alike(samples: np.ndarray, stored: Sequence[Sequence[float]]) -> bool:
    """Whether an encoder's vectors of SAMPLES are those that were stored when it was adopted.

    Args:
        samples: as `identify` returns them.
        stored: the same, rounded.
    """
    before = np.asarray(stored, np.float64)
    if not samples.size or before.shape != samples.shape:
        return samples.size == before.size
    gaps, lengths = (np.linalg.norm(v, axis=1) for v in (samples - before, before))
    return bool((gaps <= ALIKE * lengths).all())


def fingerprint(files: Iterable[Path]) -> str:
    """Return twelve hex digits of files' names and contents, in the order given."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:12]
