"""Pairs to batches of pieces: from memory with the batch as negatives, or streamed with their own.

Shape letters: N rows of a batch, T tokens, P pieces, K negatives a row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain, compress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd

from dssm_core.corpus.shards import read_shards
from dssm_core.corpus.splitting import fold
from dssm_core.text import PIECES
from dssm_core.training.words import Column, Words, count_words
from dssm_core.workers import ALONE, Workers

STRETCH = 16
"""Batches that are shuffled and sorted by length together."""

SHORTEST_SPAN, LONGEST_SPAN = 3, 10
"""Words of a document that make a query."""


class Batch(NamedTuple):
    """What one step learns from.

    Attributes:
        query: int32 [N, T, P].
        document: int32 [N, T, P].
        negatives: int32 [N * K, T, P], K to each row in order; K is 0 without prepared ones.
        same: bool [N, N], True where row and column share a query or a document.
        label: float32 [N], 1 relevant, 0 not.
        share: of the step's rows, N over those of all workers; 0 where they are another's.
        said: the texts of queries, documents and negatives; "" for a span, which is no text.
        taught: what `TaughtBatches` adds.
    """

    query: np.ndarray
    document: np.ndarray
    negatives: np.ndarray
    same: np.ndarray
    label: np.ndarray
    share: np.float32 = np.float32(1)
    said: tuple[Sequence[str], Sequence[str], Sequence[str]] = ((), (), ())
    taught: tuple[np.ndarray, ...] = ()

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What a compiled step takes."""
        return (*self[: self._fields.index("said")], *self.taught)


class Batches(Protocol):
    """Where a training's batches come from.

    Attributes:
        vocabulary: words of the training texts with their counts, most frequent first; in front
            those of the model that the training starts from.
        pairs: rows of an epoch.
        negatives: prepared ones to each row (K).
        fingerprint: differs when the data does.
    """

    vocabulary: dict[str, int]
    pairs: int
    negatives: int
    fingerprint: str

    def epoch(
        self, number: int, size: int, rng: np.random.Generator, workers: Workers = ALONE
    ) -> Iterator[Batch]:
        """Yield every pair once, but for a lone last row, in batches of 2 to `size`.

        Each of several workers yields its own rows of the same batches; the order is the same on
        all if `rng` is.
        """
        ...


class PairBatches:
    """Batches of pairs held in memory: each text is cut into words once.

    Args:
        pairs: columns query, document, and label, without which all rows are relevant pairs.
        rows: rows of the table.
        query_length: words read of a query.
        document_length: words read of a document.
        spans: so many extra pairs to each document: a span of its words as the query, the rest
            of it as the document; other spans in each epoch.
        pieces: PIECES, or 0 for plain ids, as `Reader`; texts are then padded to their length.
        texts: others whose words are to be in the vocabulary.
        known: words of an earlier training, which come first in the vocabulary.

    Source: of the spans, Lee et al. 2019, "Latent Retrieval", section 4 (inverse cloze task).
    """

    def __init__(
        self,
        pairs: pd.DataFrame,
        rows: int,
        query_length: int,
        document_length: int,
        spans: float = 0.0,
        pieces: int = PIECES,
        texts: Sequence[str] = (),
        known: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        counts = count_words(chain(pairs["query"], pairs["document"], texts))
        words = Words({**known, **counts}, rows, pieces)
        self.vocabulary, self.negatives = words.vocabulary, 0
        hashed = pairs[[name for name in ("query", "document", "label") if name in pairs]]
        hashes = pd.util.hash_pandas_object(hashed, index=False)
        self._words, self._length = words, document_length
        self._query = Column.of(pairs["query"], words, query_length)
        self._document = Column.of(pairs["document"], words, document_length)
        long = (self._document.numbers != 0).sum(1) >= 2 * SHORTEST_SPAN
        self._long = np.flatnonzero(long)
        self._spans = int(spans * len(self._long))
        label = pairs["label"] if "label" in pairs else np.ones(len(pairs))
        self._label = np.append(label, np.ones(self._spans)).astype(np.float32)
        self.pairs = len(pairs) + self._spans
        self.fingerprint = f"{int(hashes.sum())} {spans}"

    def epoch(
        self, number: int, size: int, rng: np.random.Generator, workers: Workers = ALONE
    ) -> Iterator[Batch]:
        """Yield the pairs, those of like document length together, in random order."""
        query, document = self._query, self._document
        if self._spans:
            chosen = rng.choice(self._long, self._spans, replace=self._spans > len(self._long))
            query, document = self._with_spans(chosen, rng)
        for rows, share in _shares(_like_lengths(document.lengths(), size, rng), workers):
            yield Batch(
                self._words.pieces[query.words(rows, self._words.is_padded)],
                self._words.pieces[document.words(rows, self._words.is_padded)],
                np.zeros((0, 1, self._words.pieces.shape[1]), np.int32),
                _same(query.text[rows], document.text[rows]),
                self._label[rows],
                share,
                (query.said[query.row[rows]], document.said[document.row[rows]], ()),
            )

    def texts(self) -> tuple[Iterable[str], Iterable[str]]:
        """Return the texts of the queries and of the documents."""
        return self._query.said, self._document.said

    def read(self, texts: Sequence[str]) -> np.ndarray:
        """Return the pieces of texts as documents, int32 [M, T, P]."""
        return self._words.read(texts, self._length)

    def _with_spans(self, chosen: np.ndarray, rng: np.random.Generator) -> tuple[Column, Column]:
        """Return both columns with the span pairs of these documents behind."""
        spans = np.zeros((len(chosen), self._query.numbers.shape[1]), np.int32)
        rests = np.zeros((len(chosen), self._document.numbers.shape[1]), np.int32)
        for span, rest, row in zip(spans, rests, self._document.numbers[chosen], strict=True):
            words = row[row != 0]
            longest = min(len(span), LONGEST_SPAN, len(words) // 2)
            length = int(rng.integers(min(SHORTEST_SPAN, longest), longest + 1))
            start = int(rng.integers(len(words) - length + 1))
            span[:length] = words[start : start + length]
            rest[: len(words) - length] = np.delete(words, slice(start, start + length))
        # a span is no other's query, but what is left of a document is still that document
        texts = len(self._query.numbers) + np.arange(len(chosen))
        nothing = np.full(len(chosen), "", object)
        said = self._document.said[chosen]  # all but the span of it
        return (
            self._query.extended(spans, texts, nothing),
            self._document.extended(rests, chosen, said),
        )


class ShardBatches:
    """Batches streamed from prepared shards, each pair with its own negatives.

    Args:
        folder: as `prepare_negatives` wrote it.
        rows: rows of the table.
        query_length: words read of a query.
        document_length: words read of a document.
        negatives: use so many of the prepared ones; all without it.
        pieces: PIECES, or 0 for plain ids, as `Reader`; texts are then padded to their length.
        held_out: folded texts; rows that have one as query or document are not trained on.
        texts: others whose words are to be in the vocabulary.
        known: words of an earlier training, which come first in the vocabulary.
    """

    def __init__(
        self,
        folder: Path,
        rows: int,
        query_length: int,
        document_length: int,
        negatives: int | None = None,
        pieces: int = PIECES,
        held_out: Container[str] = (),
        texts: Sequence[str] = (),
        known: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._folder, self._held_out = folder, held_out
        self._lengths = query_length, document_length
        self.pairs = 0
        counts = count_words(chain(self._texts(), texts))
        self._words = Words({**known, **counts}, rows, pieces)
        self.vocabulary = self._words.vocabulary
        manifest = (folder / "manifest.json").read_bytes()  # says which pairs and which draw
        prepared = int(json.loads(manifest)["config"]["number"])
        self.negatives = prepared if negatives is None else min(negatives, prepared)
        self.fingerprint = f"{hashlib.sha256(manifest).hexdigest()} {negatives}"

    def epoch(
        self, number: int, size: int, rng: np.random.Generator, workers: Workers = ALONE
    ) -> Iterator[Batch]:
        """Yield the pairs, shuffled within stretches, with that epoch's negatives."""
        for part in self._parts(number, STRETCH * size):
            lengths = np.array([len(document) for document in part["document"]])
            for rows, share in _shares(_like_lengths(lengths, size, rng), workers):
                yield self._batch({name: [part[name][i] for i in rows] for name in part}, share)

    def _batch(self, part: dict[str, list[Any]], share: np.float32) -> Batch:
        query_length, document_length = self._lengths
        negatives = [text for row in part["negatives"] for text in row[: self.negatives]]
        return Batch(
            self._words.read(part["query"], query_length),
            self._words.read(part["document"], document_length),
            self._words.read(negatives, document_length),
            _same(*(pd.factorize(np.array(part[n]))[0] for n in ("query", "document"))),
            np.ones(len(part["query"]), np.float32),
            share,
            (part["query"], part["document"], negatives),
        )

    def _parts(self, number: int = 0, size: int = 4096) -> Iterator[dict[str, list[Any]]]:
        """Yield an epoch's rows in parts, less those of held-out texts."""
        for part in read_shards(self._folder, number, size):
            sides = zip(part["query"], part["document"], strict=True)
            kept = [not any(fold(text) in self._held_out for text in row) for row in sides]
            yield {name: list(compress(values, kept)) for name, values in part.items()}

    def texts(self) -> tuple[Iterable[str], Iterable[str]]:
        """Return the texts of the queries and of the documents, without the negatives."""
        query = (text for part in self._parts() for text in part["query"])
        return query, (text for part in self._parts() for text in part["document"])

    def read(self, texts: Sequence[str]) -> np.ndarray:
        """Return the pieces of texts as documents, int32 [M, T, P]."""
        return self._words.read(texts, self._lengths[1])

    def _texts(self) -> Iterator[str]:
        for part in self._parts():
            self.pairs += len(part["query"])
            yield from part["query"]
            yield from part["document"]


def _like_lengths(lengths: np.ndarray, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield row numbers in batches of like length, in random order: less padding, still mixed.

    Rows are shuffled, sorted by length within stretches of 16 batches, and the batches shuffled,
    so that a row has other neighbours in each epoch. A lone last row is no batch.
    """
    order = rng.permutation(len(lengths))
    parts: list[np.ndarray] = []
    for start in range(0, len(order), STRETCH * size):
        stretch = order[start : start + STRETCH * size]
        stretch = stretch[np.argsort(lengths[stretch], kind="stable")]
        parts += [stretch[i : i + size] for i in range(0, len(stretch), size)]
    for i in rng.permutation(len(parts)):
        if len(parts[i]) > 1:
            yield parts[i]


def _shares(
    batches: Iterable[np.ndarray], workers: Workers
) -> Iterator[tuple[np.ndarray, np.float32]]:
    """Yield a worker's rows of each batch, and which share of it they are.

    The rows go round, so that all get texts of like length. Where there are too few, one takes the
    first row along, at a share of 0, because all must take the step.
    """
    for rows in batches:
        own = rows[workers.rank :: workers.number]
        share = np.float32(len(own) / len(rows))
        yield (own if len(own) else rows[:1]), share


def _same(query: np.ndarray, document: np.ndarray) -> np.ndarray:
    result: np.ndarray = (query[:, None] == query) | (document[:, None] == document)
    return result
