"""Every query's best documents in one shard of a corpus, and what stands above a document there.

Shape letters: Q queries, D documents of a shard, E vector, K best documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from dssm_core.bulk.asked import Asked, Here, asked_at, blocks
from dssm_core.bulk.stems import ShardStems, StemCounts, ceilings
from dssm_core.bulk.vectors import read_vectors
from dssm_core.errors import UserError
from dssm_core.evaluation import DEPTH, FUSED, QUERIES, Fusion, cosine_block
from dssm_core.files import whole_file
from dssm_core.process import use_one_thread

BEST = np.dtype([("score", "<f8"), ("worst", "<i8"), ("document", "<i8")])
"""A document in a ranking: a higher score stands above, of equal ones a lower `worst` (0 for what
nobody judged, as a tie counts against the relevant), then the one that comes first."""

NOTHING = np.array((-np.inf, 1 << 40, 1 << 60), BEST)
"""In the place of a document where there is none: it stands below every one."""


@dataclass(frozen=True)
class Scores:
    """What the tasks of each shard need to know; they are `search` and `count`.

    Attributes:
        work: folder of the queries, the vectors, the counts and what is found.
        models: folders of vectors in it, by what each system is called.
        shard: documents of a shard.
        fusion: of the system "model" and BM25; None for none.
    """

    work: Path
    models: Mapping[str, str]
    shard: int
    fusion: Fusion | None = None

    @property
    def systems(self) -> list[str]:
        """The names of all that is ranked, in the order of `evaluate`."""
        return [*self.models, "BM25", *([FUSED] if self.fusion else [])]

    @property
    def stems(self) -> StemCounts:
        """What counts the stems."""
        return StemCounts(self.work / "asked.json", self.work / "texts", self.work / "stems")

    def search(self, part: int) -> int:
        """Write each query's best documents of a shard, and the best relevant one, by system."""
        asked = asked_at(self.work / "asked.json")
        number = len(asked.queries)
        first, here = self._here(asked, part)
        nothing = Here()
        with ExitStack() as stack:
            files = {
                name: stack.enter_context(_array(self.found_path(part, name), (number, DEPTH + 1)))
                for name in self.systems
            }
            for query, row in self._rows(part, {name: range(number) for name in self.systems}):
                own = here.get(query, nothing)
                for name, scores in row.items():
                    files[name].write(best_documents(scores, own, first).tobytes())
        return part

    def count(self, part: int) -> int:
        """Write how many documents of a shard stand above each query's best relevant one.

        That is for the queries of `wanted.npz`: those whose best relevant document is not among
        their best ones.
        """
        asked = asked_at(self.work / "asked.json")
        first, here = self._here(asked, part)
        with np.load(self.wanted_path, allow_pickle=False) as arrays:
            wanted = {name: arrays[name] for name in self.systems}
        found = {name: np.zeros(len(asked.queries), np.int64) for name in self.systems}
        missing = {name: np.flatnonzero(w["document"] >= 0) for name, w in wanted.items()}
        nothing = Here()
        for query, row in self._rows(part, missing):
            own = here.get(query, nothing)
            for name, scores in row.items():
                found[name][query] = count_above(scores, own, first, wanted[name][query])
        with whole_file(self.above_path(part)) as file:
            np.savez(file, allow_pickle=False, **found)
        return part

    def _here(self, asked: Asked, part: int) -> tuple[int, dict[int, Here]]:
        first = part * self.shard
        return first, asked.here(first, self.shard)

    def _rows(
        self, part: int, wanted: Mapping[str, np.ndarray | range]
    ) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """Yield queries and their scores of a shard's documents by system, float64 [D].

        Args:
            part: which shard.
            wanted: by system, the queries that are scored, in order.
        """
        use_one_thread()
        asked = asked_at(self.work / "asked.json")
        shards = {
            name: read_vectors(self.work / folder, part) for name, folder in self.models.items()
        }
        vectors = {
            name: np.load(self.work / folder / "queries.npy", mmap_mode="r", allow_pickle=False)
            for name, folder in self.models.items()
        }
        lexical = ShardStems(self.stems, part)
        tops = ceilings(asked, self.stems.read_totals()) if self.fusion else []
        sets = {name: set(np.asarray(queries).tolist()) for name, queries in wanted.items()}
        for block in blocks(len(asked.queries), QUERIES):
            needed = {name for name, queries in sets.items() if not queries.isdisjoint(block)}
            if FUSED in needed:
                needed |= {"model"}
            cosines = {
                name: cosine_block(np.array(vectors[name][block.start : block.stop]), *shards[name])
                for name in self.models
                if name in needed
            }
            for query in block:
                named = [name for name in self.systems if query in sets[name]]
                if not named:
                    continue
                row = {name: found[query - block.start] for name, found in cosines.items()}
                if "BM25" in named or FUSED in named:
                    row["BM25"] = lexical.scores(asked.stems[query])
                if self.fusion and FUSED in named:
                    row[FUSED] = self.fusion.rows(row["model"], row["BM25"], tops[query])
                yield query, {name: np.asarray(row[name], np.float64) for name in named}

    def found_path(self, part: int, system: str) -> Path:
        """Return where a system's best documents of a shard lie, BEST [Q, K + 1]."""
        return self.work / "found" / f"best-{part:05}-{self.systems.index(system)}.npy"

    def is_found(self, part: int) -> bool:
        """Return whether a shard was searched for all systems."""
        return all(self.found_path(part, system).exists() for system in self.systems)

    def above_path(self, part: int) -> Path:
        """Return where the counts of a shard lie."""
        return self.work / "found" / f"above-{part:05}.npz"

    @property
    def wanted_path(self) -> Path:
        """Where the documents lie that `count` counts for."""
        return self.work / "found" / "wanted.npz"


def best_documents(scores: np.ndarray, here: Here, first: int, depth: int = DEPTH) -> np.ndarray:
    """Return a query's best documents, and behind them its best relevant one, BEST [K + 1].

    They are those that `rank_documents` puts first.

    Args:
        scores: [D]; NaN ranks below everything.
        here: what the query has in this shard.
        first: place of the shard's first document in the corpus.
        depth: K.
    """
    known, worst = _standing(scores, here)
    found = np.full(depth + 1, NOTHING)
    places = _highest(known, worst, depth + 1)
    places = places[np.lexsort((worst[places], -known[places]))]
    places = places[places != here.own][:depth]
    found["score"][: len(places)] = known[places]
    found["worst"][: len(places)] = worst[places]
    found["document"][: len(places)] = first + places
    relevant = np.array([one for one in here.relevant if one != here.own], np.int64)
    if len(relevant):
        best = relevant[np.lexsort((relevant, worst[relevant], -known[relevant]))[0]]
        found[depth] = known[best], worst[best], first + best
    return found


def _standing(scores: np.ndarray, here: Here) -> tuple[np.ndarray, np.ndarray]:
    """Return by what documents are ranked: scores, -inf for NaN, and how each loses ties."""
    worst = np.zeros(len(scores), np.int64)
    worst[list(here.worst)] = list(here.worst.values())
    return np.where(np.isnan(scores), -np.inf, scores), worst


def _highest(known: np.ndarray, worst: np.ndarray, number: int) -> np.ndarray:
    """Return the places, in order, of some documents, the `number` best ones among them."""
    if number >= len(known):
        return np.arange(len(known))
    edge = np.partition(known, len(known) - number)[len(known) - number]
    equal = np.flatnonzero(known == edge)  # perhaps most of them, as BM25 says 0 of most
    plain = equal[worst[equal] == 0][:number]
    return np.sort(np.concatenate([np.flatnonzero(known > edge), plain, equal[worst[equal] > 0]]))


def count_above(scores: np.ndarray, here: Here, first: int, document: np.void) -> int:
    """Return how many of a query's candidates in a shard stand above one document.

    Args:
        scores: [D].
        here: what the query has in this shard.
        first: place of the shard's first document in the corpus.
        document: BEST.
    """
    known, worst = _standing(scores, here)
    before = np.arange(first, first + len(known)) < document["document"]
    lower = (worst < document["worst"]) | ((worst == document["worst"]) & before)
    above = (known > document["score"]) | ((known == document["score"]) & lower)
    if here.own is not None:
        above[here.own] = False
    return int(np.count_nonzero(above))


@contextmanager
def _array(path: Path, shape: tuple[int, ...]) -> Iterator[IO[bytes]]:
    """Give an .npy file of BEST to write into, a row after the other."""
    with whole_file(path) as file:
        header = {"descr": BEST.descr, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        yield file


def open_best(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Open a file of best documents.

    Raises:
        UserError: if it is damaged.
    """
    try:
        found = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, EOFError):
        raise UserError("mining.damaged", name=str(path)) from None
    if found.dtype != BEST or found.shape != shape:
        raise UserError("mining.damaged", name=str(path))
    return found
