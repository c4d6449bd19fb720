"""The best documents of all shards merged into each query's ranking.

Shape letters: Q queries of a part, K best documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dssm_core.bulk.asked import asked_at, blocks
from dssm_core.bulk.score import BEST, NOTHING, Scores, open_best
from dssm_core.evaluation import DEPTH
from dssm_core.files import whole_file

FILES = 16
"""Shards merged at a time, so that memory does not grow with their number."""

PART = 512
"""Queries that are merged at a time."""


@dataclass(frozen=True)
class Merge:
    """The task of each part of the queries.

    Attributes:
        scores: what was found where.
        shards: of the corpus.
    """

    scores: Scores
    shards: int

    def __call__(self, part: int) -> int:
        """Write the best documents of a part's queries, and the best relevant one, by system."""
        number = len(asked_at(self.scores.work / "asked.json").queries)
        here = slice(part * PART, min((part + 1) * PART, number))
        merged = {}
        for name in self.scores.systems:
            best = np.full((here.stop - here.start, DEPTH), NOTHING)
            relevant = np.full((here.stop - here.start, 1), NOTHING)
            for files in blocks(self.shards, FILES):
                paths = [self.scores.found_path(shard, name) for shard in files]
                found = [open_best(path, (number, DEPTH + 1))[here] for path in paths]
                best = first_of([best, *(one[:, :DEPTH] for one in found)], DEPTH)
                relevant = first_of([relevant, *(one[:, DEPTH:] for one in found)], 1)
            merged[str(self.scores.systems.index(name))] = np.hstack([best, relevant])
        with whole_file(self.path(part)) as file:
            np.savez(file, allow_pickle=False, **merged)
        return part

    def read(self, part: int) -> dict[str, np.ndarray]:
        """Return what is merged of a part, BEST [Q, K + 1] by system."""
        with np.load(self.path(part), allow_pickle=False) as arrays:
            return {name: arrays[str(i)] for i, name in enumerate(self.scores.systems)}

    def path(self, part: int) -> Path:
        """Return where what is merged lies."""
        return self.scores.work / "found" / f"merged-{part:05}.npz"


def first_of(lists: list[np.ndarray], number: int) -> np.ndarray:
    """Return the first documents of several lists, BEST [Q, number].

    Args:
        lists: BEST [Q, any].
        number: of documents.
    """
    every = np.hstack(lists)
    assert every.dtype == BEST
    order = np.lexsort((every["document"], every["worst"], -every["score"]), axis=-1)
    return np.take_along_axis(every, order[:, :number], axis=1)
