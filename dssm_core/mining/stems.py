"""BM25 over a whole corpus: how many documents hold each stem is counted once and kept on disk.

Each shard is then scored by itself, with the whole corpus's figures, so that scores of different
shards can be compared and are those of one index over all documents.

Shape letters: N pairs, Q queries, D documents of a shard, V stems of a shard.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse

from dssm_core.corpus.pair_index import IndexedPair, PairIndex
from dssm_core.engines import Engine
from dssm_core.errors import UserError
from dssm_core.evaluation import damping, idf, read_stems
from dssm_core.files import whole_database, whole_file

AT_ONCE = 10_000
"""Stems that are looked up by one statement."""

LENGTH = " "
"""In the place of a stem: the number of all stems. No stem has a space."""


@dataclass(frozen=True)
class StemScores:
    """BM25 of queries with the documents of an index.

    Attributes:
        index: file of the index.
        work: folder of the counts.
        size: documents of a shard.
    """

    index: Path
    work: Path
    size: int

    name = "bm25"

    def prepare(self, engine: Engine, log: Callable[[str], None]) -> None:
        """Count the stems of every shard that is not counted yet, and add the counts up."""
        self.work.mkdir(exist_ok=True)
        if self._totals.exists():
            return
        with PairIndex.open(self.index) as index:
            shards = -(-index.counts().documents // self.size)
        tasks = [n for n in range(shards) if not self._path(n).exists()]
        for number in engine.map(self.count, tasks):
            log(f"BM25: {number + 1}/{shards} shards counted")
        self._add_up(map(self._path, range(shards)))

    def count(self, number: int) -> int:
        """Write how many documents of a shard hold each stem, and how many stems they have."""
        documents = read_stems(self._texts(number))
        holding = Counter(stem for document in documents for stem in set(document))
        holding[LENGTH] = sum(map(len, documents))
        table = pa.table({"stem": sorted(holding), "number": [holding[s] for s in sorted(holding)]})
        with whole_file(self._path(number)) as file:
            pq.write_table(table, file, compression="zstd")
        return number

    def pairs(self, rows: Sequence[IndexedPair]) -> np.ndarray:
        """Return the score of each pair, float32 [N]."""
        queries = read_stems([row.query for row in rows])
        documents = read_stems([row.document for row in rows])
        weights, places = self._weights(documents)
        asked = _counts(queries, places)
        scores: np.ndarray = np.asarray(asked.multiply(weights).sum(axis=1), np.float32).ravel()
        return scores

    def shard(self, number: int) -> Callable[[Sequence[IndexedPair]], np.ndarray]:
        """Return a function to the scores of pairs' queries with a shard's documents.

        Returns:
            From N pairs to float32 [N, D]; -inf for a document without any of the query's stems.
        """
        weights, places = self._weights(read_stems(self._texts(number)))
        by_stem = weights.T.tocsr()  # [V, D]

        def scores(rows: Sequence[IndexedPair]) -> np.ndarray:
            place = {text: i for i, text in enumerate(dict.fromkeys(row.query for row in rows))}
            found = (_counts(read_stems([*place]), places) @ by_stem).toarray()  # [Q, D]
            found[found <= 0] = -np.inf
            spread: np.ndarray = found[[place[row.query] for row in rows]]  # [N, D]
            return spread

        return scores

    def _weights(
        self, documents: Sequence[Sequence[str]]
    ) -> tuple[sparse.csr_array, dict[str, int]]:
        """Return what each stem of each document adds, [D, V], and each stem's place."""
        stems = sorted({stem for document in documents for stem in document})
        places = {stem: i for i, stem in enumerate(stems)}
        holding = self._look_up([LENGTH, *stems])
        with PairIndex.open(self.index) as index:
            total = index.counts().documents
        weights = _counts(documents, places)
        lengths = np.array([len(document) for document in documents])
        damped = damping(lengths, max(1, holding[LENGTH]) / total)
        rows = np.repeat(np.arange(len(documents)), np.diff(weights.indptr))
        rare = idf(total, np.array([holding[stem] for stem in stems], np.float64))
        counts = weights.data
        weights.data = (rare[weights.indices] * counts / (counts + damped[rows])).astype(np.float32)
        return weights, places

    def _texts(self, number: int) -> list[str]:
        with PairIndex.open(self.index) as index:
            return index.documents(range(number * self.size + 1, (number + 1) * self.size + 1))

    def _add_up(self, parts: Iterable[Path]) -> None:
        with whole_database(self._totals) as totals:
            totals.execute("CREATE TABLE stem (stem TEXT PRIMARY KEY, number INT) WITHOUT ROWID")
            for path in parts:
                totals.executemany(
                    "INSERT INTO stem VALUES (?, ?) "
                    "ON CONFLICT (stem) DO UPDATE SET number = number + excluded.number",
                    _read_counts(path),
                )
                totals.commit()

    def _look_up(self, stems: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        place = f"{self._totals.resolve().as_uri()}?immutable=1"
        with closing(sqlite3.connect(place, uri=True)) as totals:
            for start in range(0, len(stems), AT_ONCE):
                part = stems[start : start + AT_ONCE]
                marks = ",".join("?" * len(part))
                select = f"SELECT stem, number FROM stem WHERE stem IN ({marks})"
                found.update(totals.execute(select, part))
        return found

    @property
    def _totals(self) -> Path:
        return self.work / "stems.sqlite"

    def _path(self, number: int) -> Path:
        return self.work / f"stems-{number:05}.parquet"


def _read_counts(path: Path) -> list[tuple[str, int]]:
    try:
        table = pq.read_table(path)
        return list(zip(table["stem"].to_pylist(), table["number"].to_pylist(), strict=True))
    except (pa.ArrowException, KeyError):
        raise UserError("mining.damaged", name=str(path)) from None


def _counts(texts: Sequence[Sequence[str]], places: dict[str, int]) -> sparse.csr_array:
    """Return how often each text has each stem that has a place, float32 [N, V]."""
    known = [[places[stem] for stem in text if stem in places] for text in texts]
    ends = np.cumsum([0, *map(len, known)])
    columns = np.array([place for row in known for place in row], np.int64)
    shape = len(texts), len(places)
    counts = sparse.csr_array((np.ones(len(columns), np.float32), columns, ends), shape)
    counts.sum_duplicates()
    return counts
