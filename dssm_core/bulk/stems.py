"""BM25 of one shard at a time, with the figures of the whole corpus: bm25s's scores, bit by bit.

1. Each shard is counted: where and how often it has each stem of the queries.
2. The counts are added up.
3. A shard's scores are computed in bm25s's order and in its types, as a tie decides a rank.

Shape letters: D documents of a shard, V stems of all queries.
"""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dssm_core.bulk.asked import Asked, asked_at
from dssm_core.bulk.cut import read_shard, texts_path
from dssm_core.errors import UserError
from dssm_core.evaluation import count_holding, damping, idf, read_stems
from dssm_core.files import write_whole


@dataclass(frozen=True)
class Totals:
    """What the whole corpus has.

    Attributes:
        documents: how many hold each stem of the queries, int [V].
        length: the mean number of stems of a document.
        content: documents that hold each of `Asked.content`.
    """

    documents: np.ndarray
    length: float
    content: np.ndarray


@dataclass(frozen=True)
class StemCounts:
    """The counts of each shard; its task is `count`.

    Attributes:
        queries: file of the queries.
        texts: folder of the texts.
        work: folder to write into.
    """

    queries: Path
    texts: Path
    work: Path

    def count(self, part: int) -> int:
        """Write where a shard has the queries' stems, and how often."""
        asked = asked_at(self.queries)
        texts = read_shard(texts_path(self.texts, part), ("text",))["text"].to_pylist()
        place = {stem: i for i, stem in enumerate(asked.words)}
        found: list[tuple[int, int, int]] = []  # stem, document, how often
        stems = read_stems(texts)
        for document, row in enumerate(stems):
            counts = Counter(place[stem] for stem in row if stem in place)
            found += [(stem, document, number) for stem, number in counts.items()]
        found.sort()
        columns = np.array(found, np.int64).reshape(-1, 3).T
        holding = count_holding(texts, frozenset(asked.content))
        content = io.BytesIO()
        np.savez(
            content,
            stems=columns[0],
            documents=columns[1],
            numbers=columns[2],
            lengths=np.array([len(row) for row in stems]),
            content=np.array([holding[stem] for stem in asked.content], np.int64),
        )
        write_whole(self.path(part), content.getvalue())
        return part

    def add_up(self, parts: Iterable[int]) -> Path:
        """Write the totals of all shards, unless they are there."""
        if not self.totals.exists():
            asked = asked_at(self.queries)
            holding, content = np.zeros(len(asked.words), np.int64), np.zeros(len(asked.content))
            length = 0
            for part in parts:
                counts = self.read(self.path(part))
                holding += np.bincount(counts["stems"], minlength=len(holding))
                content += counts["content"]
                length += int(counts["lengths"].sum())
            stream = io.BytesIO()
            mean = np.float64(length) / asked.documents
            np.savez(stream, documents=holding, length=mean, content=content.astype(np.int64))
            write_whole(self.totals, stream.getvalue())
        return self.totals

    def read_totals(self) -> Totals:
        """Return the totals."""
        found = self.read(self.totals)
        return Totals(found["documents"], float(found["length"]), found["content"])

    def read(self, path: Path) -> dict[str, np.ndarray]:
        """Return a file's arrays.

        Raises:
            UserError: if it is damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return dict(arrays)
        except Exception:  # NumPy's and zipfile's parsers raise whatever damage leads to
            raise UserError("mining.damaged", name=str(path)) from None

    def path(self, part: int) -> Path:
        """Return where the counts of a shard lie."""
        return self.work / f"stems-{part:05}.npz"

    @property
    def totals(self) -> Path:
        """Where the totals lie."""
        return self.work / "stems.npz"


class ShardStems:
    """BM25 of a shard's documents.

    Args:
        counts: of all shards.
        part: which shard.
    """

    def __init__(self, counts: StemCounts, part: int) -> None:
        asked, totals = asked_at(counts.queries), counts.read_totals()
        found = counts.read(counts.path(part))
        lengths, stems, self._documents = (found[n] for n in ("lengths", "stems", "documents"))
        numbers = found["numbers"].astype(np.float32)
        # as bm25s: float32 but for the division, and the sum in float32
        rare = np.array([_idf(asked.documents, n) for n in totals.documents.tolist()], np.float32)
        damped = damping(lengths, totals.length or 1.0)[self._documents]
        self._scores = (rare[stems] * (numbers / (damped + numbers))).astype(np.float32)
        self._ends = np.searchsorted(stems, np.arange(len(asked.words) + 1))
        self._place = {stem: i for i, stem in enumerate(asked.words)}
        self._size = len(lengths)

    def scores(self, stems: Sequence[str]) -> np.ndarray:
        """Return a query's score of each document, float64 [D]."""
        found = np.zeros(self._size, np.float32)
        for stem in stems:
            place = self._place[stem]
            here = slice(self._ends[place], self._ends[place + 1])
            found[self._documents[here]] += self._scores[here]
        return found.astype(np.float64)


def _idf(documents: int, holding: int) -> float:
    return math.log(1 + (documents - holding + 0.5) / (holding + 0.5))


def ceilings(asked: Asked, totals: Totals) -> list[float]:
    """Return what no document's score of each query can pass, as `BM25.ceilings`."""
    holding = dict(zip(asked.words, totals.documents.tolist(), strict=True))
    return [
        float(sum(float(idf(asked.documents, holding[stem])) for stem in row))
        for row in asked.stems
    ]
