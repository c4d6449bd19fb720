"""Cosines of a whole corpus: its vectors encoded once, a shard at a time, and kept on disk.

Shape letters: N pairs, Q queries, D documents of a shard, E vector.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dssm_core.corpus.pair_index import IndexedPair, PairIndex
from dssm_core.engines import Engine
from dssm_core.errors import UserError
from dssm_core.evaluation import Encoded
from dssm_core.mining.search import write_array
from dssm_core.numeric import l2_normalise
from dssm_core.process import use_one_thread
from dssm_core.runtimes.load import towers_at
from dssm_core.towers import Side

SIDES: tuple[Side, ...] = ("document", "query")


@dataclass(frozen=True)
class Cosines:
    """Cosines of queries with the documents of an index, of float16 vectors on disk.

    Attributes:
        model: the model folder.
        index: file of the index.
        work: folder of the vectors.
        size: texts of a shard.
    """

    model: Path
    index: Path
    work: Path
    size: int

    name = "cosine"

    def prepare(self, engine: Engine, log: Callable[[str], None]) -> None:
        """Encode every document and every query that is not on disk yet."""
        self.work.mkdir(exist_ok=True)
        with PairIndex.open(self.index) as index:
            counts = index.counts()
        for side, number in zip(SIDES, (counts.documents, counts.queries), strict=True):
            shards = -(-number // self.size)
            tasks = [(side, n) for n in range(shards) if not self._path(side, n).exists()]
            for _, done in engine.map(self.encode, tasks):
                log(f"{self.model.name}: {done + 1}/{shards} shards of {side} texts encoded")

    def encode(self, task: tuple[Side, int]) -> tuple[Side, int]:
        """Write the vectors of a shard: float16 [D, E], of length 1, or 0 where nothing is read."""
        use_one_thread()
        side, number = task
        ids = range(number * self.size + 1, (number + 1) * self.size + 1)
        with PairIndex.open(self.index) as index:
            texts = index.documents(ids) if side == "document" else index.queries(ids)
        found = Encoded.of(towers_at(self.model), texts, side)
        vectors = l2_normalise(np.where(found.readable[:, None], found.vectors, 0))
        if not np.isfinite(vectors).all():
            raise UserError("mining.not finite", name=self.model.name)
        write_array(self._path(side, number), vectors.astype(np.float16))
        return task

    def pairs(self, rows: Sequence[IndexedPair]) -> np.ndarray:
        """Return the cosine of each pair, float32 [N]."""
        queries = self._rows("query", [row.query_id for row in rows])
        documents = self._rows("document", [row.document_id for row in rows])
        cosines: np.ndarray = np.einsum("ne,ne->n", queries, documents)
        return cosines

    def shard(self, number: int) -> Callable[[Sequence[IndexedPair]], np.ndarray]:
        """Return a function to the cosines of pairs' queries with a shard's documents.

        Returns:
            From N pairs to float32 [N, D]; -inf where the model cannot read the query or the
            document.
        """
        use_one_thread()
        documents = np.array(self._open("document", number), np.float32)  # [D, E]
        if not np.isfinite(documents).all():
            raise UserError("mining.damaged", name=str(self._path("document", number)))
        unreadable = ~documents.any(axis=1)

        def cosines(rows: Sequence[IndexedPair]) -> np.ndarray:
            distinct, places = np.unique([row.query_id for row in rows], return_inverse=True)
            queries = self._rows("query", distinct)  # [Q, E]
            found = queries @ documents.T  # [Q, D]
            found[:, unreadable] = -np.inf
            found[~queries.any(axis=1)] = -np.inf
            spread: np.ndarray = found[places]  # [N, D]
            return spread

        return cosines

    def _rows(self, side: Side, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the vectors of some texts, float32 [N, E], each shard opened once."""
        shards, places = np.divmod(np.asarray(ids) - 1, self.size)
        parts = {n: self._open(side, n) for n in np.unique(shards).tolist()}
        width = next(iter(parts.values())).shape[1]
        vectors = np.empty((len(places), width), np.float32)
        for number, part in parts.items():
            here = shards == number
            vectors[here] = part[places[here]]
        return vectors

    def _open(self, side: Side, number: int) -> np.ndarray:
        path = self._path(side, number)
        try:
            vectors = np.lib.format.open_memmap(path, mode="r")
        except (ValueError, EOFError):
            raise UserError("mining.damaged", name=str(path)) from None
        if vectors.dtype != np.float16 or vectors.ndim != 2:
            raise UserError("mining.damaged", name=str(path))
        return vectors

    def _path(self, side: Side, number: int) -> Path:
        return self.work / f"{side}-{number:05}.npy"
