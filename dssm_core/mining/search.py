"""The best documents of one shard of the corpus for every pair, without likely false negatives.

Shape letters: N pairs, D documents of a shard, K candidates of a pair.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dssm_core.corpus.pair_index import IndexedPair, PairIndex
from dssm_core.engines import Engine
from dssm_core.errors import UserError
from dssm_core.files import whole_file, write_whole

BLOCK = 256
"""Pairs that are scored at a time against a shard: 20 MB for 20,000 documents."""

SUSPECTS = 1000
"""Likely false negatives that are kept for a person to look at, the worst of them."""

FOUND = pa.schema(
    [
        ("documents", pa.list_(pa.int64())),
        ("scores", pa.list_(pa.float32())),
        ("above", pa.int32()),
    ]
)
"""A pair's candidates in a shard, best first, and how many were left out above its limit."""

SUSPECT = pa.schema(
    [
        ("excess", pa.float32()),
        ("place", pa.int64()),
        ("document", pa.int64()),
        ("score", pa.float32()),
        ("own", pa.float32()),
    ]
)
"""A document that scores as high as a pair's own, or nearly; the pair by its place in the index."""


class Scorer(Protocol):
    """Scores queries against an index of documents, a shard at a time; it is sent to workers.

    Attributes:
        name: of its score, as a column.
    """

    @property
    def name(self) -> str:
        """Return the name of its score."""
        ...

    def prepare(self, engine: Engine, log: Callable[[str], None]) -> None:
        """Write to disk what the other methods need, so far as it is not there."""
        ...

    def pairs(self, rows: Sequence[IndexedPair]) -> np.ndarray:
        """Return each pair's score, float32 [N]."""
        ...

    def shard(self, number: int) -> Callable[[Sequence[IndexedPair]], np.ndarray]:
        """Return a function from N pairs to their queries' scores, float32 [N, D]; -inf: never."""
        ...


@dataclass(frozen=True)
class Search:
    """What the search of each shard needs to know; its tasks are methods.

    Attributes:
        index: file of the index.
        work: folder of what is found.
        scorer: scores queries against documents.
        pairs: how many there are.
        shard: pairs of a file.
        corpus_shard: documents of a shard.
        depth: K, candidates of each pair and shard.
        margin: a document that scores above (1 - margin) times the pair's own is left out; None for
            no limit.
    """

    index: Path
    work: Path
    scorer: Scorer
    pairs: int
    shard: int
    corpus_shard: int
    depth: int
    margin: float | None

    def score_own(self, number: int) -> int:
        """Write the score of each pair of a file, as the limits hang on them."""
        with PairIndex.open(self.index) as index:
            rows = index.pairs(number * self.shard, self.shard)
        own = np.concatenate([self.scorer.pairs(part) for part in _blocks(rows)])
        write_array(self.own_path(number), own)
        return number

    def search(self, number: int) -> int:
        """Write the candidates that a shard of the corpus has for every pair, and its suspects."""
        score = self.scorer.shard(number)
        suspects: list[np.ndarray] = []
        with (
            PairIndex.open(self.index) as index,
            whole_file(self.found_path(number)) as file,
            pq.ParquetWriter(file, FOUND, compression="zstd") as writer,
        ):
            for part in range(-(-self.pairs // self.shard)):
                rows = index.pairs(part * self.shard, self.shard)
                own = self.open_own(part)
                tables = []
                for start in range(0, len(rows), BLOCK):
                    block, limits = rows[start : start + BLOCK], own[start : start + BLOCK]
                    scores = score(block)
                    self._mask_known(index, block, scores, number)
                    above = self._mask_suspects(
                        scores, limits, part * self.shard + start, number, suspects
                    )
                    tables.append(self._best(scores, above, number))
                writer.write_table(pa.concat_tables(tables), row_group_size=self.shard)
            self._write_suspects(number, suspects)
        return number

    def _mask_known(
        self, index: PairIndex, rows: Sequence[IndexedPair], scores: np.ndarray, number: int
    ) -> None:
        """Leave out each query's relevant documents."""
        first = number * self.corpus_shard + 1
        known = {row.query_id: index.relevant(row.query_id) for row in rows}
        for row, own in zip(rows, scores, strict=True):
            here = [d - first for d in known[row.query_id] if 0 <= d - first < len(own)]
            own[here] = -np.inf

    def _mask_suspects(
        self,
        scores: np.ndarray,
        own: np.ndarray,
        place: int,
        number: int,
        suspects: list[np.ndarray],
    ) -> np.ndarray:
        """Leave out what scores above the limit, count it, int32 [N], and keep the worst."""
        if self.margin is None:
            return np.zeros(len(scores), np.int32)
        above = scores > limits(own, self.margin)[:, None]  # [N, D]
        rows, documents = np.nonzero(above)
        found = scores[rows, documents]
        excess = found - own[rows]
        worst = _highest(excess, SUSPECTS)
        ids = documents[worst] + number * self.corpus_shard + 1
        columns = [excess[worst], place + rows[worst], ids, found[worst], own[rows[worst]]]
        suspects.append(np.stack(columns).astype(np.float64))
        if len(suspects) > 8:
            suspects[:] = [_worst(suspects)]
        scores[above] = -np.inf
        counted: np.ndarray = above.sum(axis=1, dtype=np.int32)
        return counted

    def _best(self, scores: np.ndarray, above: np.ndarray, number: int) -> pa.Table:
        """Return the candidates of each pair, best first; of equal ones the first of the corpus."""
        documents, values = [], []
        for row in scores:
            best = _highest(row, self.depth)
            best = best[row[best] > -np.inf]
            documents.append(best + number * self.corpus_shard + 1)
            values.append(row[best])
        return pa.table({"documents": documents, "scores": values, "above": above}, schema=FOUND)

    def _write_suspects(self, number: int, suspects: Sequence[np.ndarray]) -> None:
        worst = _worst(suspects) if suspects else np.zeros((5, 0))
        arrays = [pa.array(c).cast(f.type) for c, f in zip(worst, SUSPECT, strict=True)]
        with whole_file(self.suspects_path(number)) as file:
            pq.write_table(pa.Table.from_arrays(arrays, schema=SUSPECT), file)

    def open_own(self, number: int) -> np.ndarray:
        """Return the scores of a file's pairs, float32 [N]."""
        path = self.own_path(number)
        try:
            own: np.ndarray = np.load(path, allow_pickle=False)
        except (ValueError, EOFError):
            raise UserError("mining.damaged", name=str(path)) from None
        return own

    def open_found(self, number: int, part: int) -> pa.Table:
        """Return what a shard of the corpus has for the pairs of a file."""
        path = self.found_path(number)
        try:
            with pq.ParquetFile(path) as file:
                return file.read_row_group(part)
        except (pa.ArrowException, OSError):
            raise UserError("mining.damaged", name=str(path)) from None

    def open_suspects(self, number: int) -> pa.Table:
        """Return the worst suspects of a shard of the corpus, the worst first."""
        path = self.suspects_path(number)
        try:
            return pq.read_table(path)
        except (pa.ArrowException, OSError):
            raise UserError("mining.damaged", name=str(path)) from None

    def own_path(self, number: int) -> Path:
        """Return where the scores of a file's pairs lie."""
        return self.work / f"own-{number:05}.npy"

    def found_path(self, number: int) -> Path:
        """Return where the candidates of a shard of the corpus lie."""
        return self.work / f"found-{number:05}.parquet"

    def suspects_path(self, number: int) -> Path:
        """Return where the suspects of a shard of the corpus lie."""
        return self.work / f"suspects-{number:05}.parquet"


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an .npy file; `numpy.save` alone does not name the file where the disk is full."""
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    write_whole(path, content.getvalue())


def limits(own: np.ndarray, margin: float) -> np.ndarray:
    """Return how high another document of each pair may score, given the pair's own, [N]."""
    highest: np.ndarray = own - margin * np.abs(own)
    return highest


def _blocks(rows: Sequence[IndexedPair]) -> Iterator[Sequence[IndexedPair]]:
    for start in range(0, len(rows), BLOCK):
        yield rows[start : start + BLOCK]


def _highest(values: np.ndarray, number: int) -> np.ndarray:
    """Return the places of the highest values, best first, of equal ones the first."""
    if number < len(values):
        edge = np.partition(values, len(values) - number)[len(values) - number]
        above, equal = np.flatnonzero(values > edge), np.flatnonzero(values == edge)
        places = np.sort(np.concatenate([above, equal[: number - len(above)]]))
    else:
        places = np.arange(len(values))
    highest: np.ndarray = places[np.argsort(-values[places], kind="stable")]
    return highest


def _worst(suspects: Sequence[np.ndarray]) -> np.ndarray:
    """Return the worst columns of several tables, [5, SUSPECTS] at most."""
    whole = np.concatenate(suspects, axis=1)
    return whole[:, _highest(whole[0], SUSPECTS)]
