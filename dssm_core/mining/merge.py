"""The candidates of all shards of the corpus merged, judged, and written as negatives."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from dssm_core.corpus.negatives import choose
from dssm_core.corpus.pair_index import IndexedPair, PairIndex
from dssm_core.corpus.shards import shard_path, write_shard
from dssm_core.files import write_whole
from dssm_core.mining.search import BLOCK, Scorer, Search, limits

FILES = 16
"""Shards of the corpus merged at a time, so that memory does not grow with their number."""

TRIES = 4
"""Documents drawn at random for each negative that a pair needs, where it has too few."""

ASKED = 8192
"""Of these, so many are scored at a time."""

Candidate = tuple[float, int]
"""A document as (score below zero, id): a heap's order is the best first."""


class Found:
    """The candidates of one shard of the corpus, as arrays, for the pairs of one file.

    Args:
        table: as `Search` writes it.

    Attributes:
        above: int [N], documents of each pair that were left out above its limit.
    """

    def __init__(self, table: pa.Table) -> None:
        scores, documents = (table[name].combine_chunks() for name in ("scores", "documents"))
        self._ends = scores.offsets.to_numpy()
        self._scores, self._documents = scores.values.to_numpy(), documents.values.to_numpy()
        self.above: np.ndarray = table["above"].to_numpy()

    def candidates(self, pair: int) -> Iterator[Candidate]:
        """Yield those of a pair, best first."""
        here = slice(self._ends[pair], self._ends[pair + 1])
        documents = self._documents[here].tolist()
        yield from zip((-self._scores[here]).tolist(), documents, strict=True)


@dataclass(frozen=True)
class Merge:
    """What the merge of each file of pairs needs to know; its task is `merge`.

    Attributes:
        search: what was found where.
        out: folder to write the shards into.
        shards: of the corpus.
        number: negatives of each pair.
        epochs: draws; each takes the next best.
        seed: of what is drawn at random where candidates run short.
        skip: candidates of each pair that are left out, from the best on.
        judge: another encoder; what it scores near the pair's own is left out, too.
    """

    search: Search
    out: Path
    shards: int
    number: int
    epochs: int
    seed: int
    skip: int
    judge: Scorer | None

    def merge(self, part: int) -> int:
        """Write the negatives of a file of pairs, and what was left out."""
        counts: Counter[str] = Counter()
        with PairIndex.open(self.search.index) as index:
            rows = index.pairs(part * self.search.shard, self.search.shard)
            candidates = self._candidates(part, len(rows), counts)
            if self.judge is not None:
                candidates = self._judged(rows, candidates, counts)
            if self.search.margin is not None:
                self._fill(index, rows, candidates, part, self.search.margin, counts)
            for epoch in range(self.epochs):
                ids = self._choose(index, rows, candidates, epoch, part, counts)
                distinct = sorted({one for row in ids for one in row})
                texts = {
                    one: text
                    for one, (text, _) in zip(distinct, index.counted(distinct), strict=True)
                }
                write_shard(
                    shard_path(self.out, epoch, part),
                    [row.query for row in rows],
                    [row.document for row in rows],
                    [[texts[one] for one in row] for row in ids],
                )
        write_whole(self.counts_path(part), json.dumps(counts).encode())
        return part

    def _candidates(self, part: int, pairs: int, counts: Counter[str]) -> list[list[int]]:
        """Return the best documents of each pair, by a heap over the shards of the corpus."""
        merged: list[list[Candidate]] = [[] for _ in range(pairs)]
        above = np.zeros(pairs, int)
        for start in range(0, self.shards, FILES):
            files = range(start, min(start + FILES, self.shards))
            found = [Found(self.search.open_found(number, part)) for number in files]
            for i, best in enumerate(merged):
                lists = (one.candidates(i) for one in found)
                merged[i] = list(islice(heapq.merge(best, *lists), self.search.depth))
            above += sum(one.above for one in found)
        skips = np.maximum(0, self.skip - above)  # what is above the limit has the first ranks
        counts["above margin"] += int(above.sum())
        counts["first ranks"] += int(np.minimum(skips, [len(row) for row in merged]).sum())
        return [[one for _, one in row[skip:]] for row, skip in zip(merged, skips, strict=True)]

    def _judged(
        self, rows: Sequence[IndexedPair], candidates: list[list[int]], counts: Counter[str]
    ) -> list[list[int]]:
        """Leave out what the judge, too, scores near the pair's own document."""
        assert self.judge is not None
        kept: list[list[int]] = []
        for start in range(0, len(rows), BLOCK):
            block, found = rows[start : start + BLOCK], candidates[start : start + BLOCK]
            most = limits(self.judge.pairs(block), self.search.margin or 0.0)
            asked = [
                row._replace(document_id=one)
                for row, ids in zip(block, found, strict=True)
                for one in ids
            ]
            scores = iter(self.judge.pairs(asked) if asked else ())
            for ids, limit in zip(found, most, strict=True):
                kept.append([one for one in ids if next(scores) <= limit])
        counts["judged"] += sum(map(len, candidates)) - sum(map(len, kept))
        return kept

    def _fill(
        self,
        index: PairIndex,
        rows: Sequence[IndexedPair],
        candidates: list[list[int]],
        part: int,
        margin: float,
        counts: Counter[str],
    ) -> None:
        """Where candidates lack, add documents drawn at random that score within the limits."""
        number, documents = self.number * self.epochs, index.counts().documents
        scorers = [one for one in (self.search.scorer, self.judge) if one is not None]
        rng = np.random.default_rng([self.seed, self.epochs, part])  # the epochs have their own
        short = [place for place, found in enumerate(candidates) if len(found) < number]
        size = max(1, ASKED // (TRIES * number))
        for start in range(0, len(short), size):
            block = short[start : start + size]
            drawn = rng.integers(1, documents + 1, (len(block), TRIES * number))
            distinct = np.unique(drawn).tolist()
            texts = dict(zip(distinct, index.counted(distinct), strict=True))
            asked = [
                rows[place]._replace(document_id=one, document=texts[one][0])
                for place, ids in zip(block, drawn.tolist(), strict=True)
                for one in ids
            ]
            fits = np.ones(drawn.shape, bool)
            for scorer in scorers:
                most = limits(scorer.pairs([rows[place] for place in block]), margin)
                fits &= scorer.pairs(asked).reshape(drawn.shape) <= most[:, None]
            for place, ids, fit in zip(block, drawn, fits, strict=True):
                found = candidates[place]
                taken = {*found, *index.relevant(rows[place].query_id)}
                fresh = [one for one in dict.fromkeys(ids[fit].tolist()) if one not in taken]
                counts["at random"] += len(fresh[: number - len(found)])
                found += fresh[: number - len(found)]

    def _choose(
        self,
        index: PairIndex,
        rows: Sequence[IndexedPair],
        candidates: Sequence[Sequence[int]],
        epoch: int,
        part: int,
        counts: Counter[str],
    ) -> list[list[int]]:
        """Return the documents of each pair's negatives in one epoch."""
        documents = index.counts().documents
        rng = np.random.default_rng([self.seed, epoch, part])
        chosen = []
        for row, found in zip(rows, candidates, strict=True):
            relevant = {one - 1 for one in index.relevant(row.query_id)}
            own = found[epoch * self.number : (epoch + 1) * self.number]
            counts["at random"] += self.number - len(own)
            counts["unchecked"] += self.number - len(own)
            counts["known"] += len(relevant) if epoch == 0 else 0
            places = choose([one - 1 for one in own], relevant, self.number, documents, rng)
            chosen.append([place + 1 for place in places])
        return chosen

    def counts_path(self, part: int) -> Path:
        """Return where it is written what was left out; it is there once the file is done."""
        return self.search.work / f"counts-{part:05}.json"


def worst_suspects(search: Search, shards: int) -> Iterator[dict[str, float]]:
    """Yield the suspects of all shards of the corpus, by a heap, the worst first."""
    tables = (search.open_suspects(number).to_pylist() for number in range(shards))
    yield from heapq.merge(*tables, key=lambda row: (-row["excess"], row["place"], row["document"]))
