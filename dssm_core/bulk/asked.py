"""What every worker needs to know of a judged collection's queries: kept in a file beside them.

Shape letters: Q queries, D documents of a shard, E vector.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from dssm_core.evaluation import Collection, read_stems
from dssm_core.evaluation.traits import content_stems
from dssm_core.files import write_whole


@dataclass
class Here:
    """What a query has in one shard, by places in the shard.

    Attributes:
        worst: how its judged documents lose ties: 1 for a relevant one, its grade where it has one.
        relevant: its relevant documents.
        own: the document that is itself and no candidate; None for none.
    """

    worst: dict[int, int] = field(default_factory=dict)
    relevant: list[int] = field(default_factory=list)
    own: int | None = None


@dataclass(frozen=True)
class Asked:
    """The queries of a collection.

    Attributes:
        queries: Q texts.
        relevant: for each, the places of its relevant documents.
        grades: for each, (place, grade) of its judged documents; none at all where this is empty.
        own: for each, the place of the document that is itself; none at all where this is empty.
        documents: of the collection.
    """

    queries: list[str]
    relevant: list[list[int]]
    grades: list[list[tuple[int, int]]]
    own: list[int | None]
    documents: int

    @classmethod
    def write(cls, path: Path, collection: Collection) -> None:
        """Keep a collection's queries in a file."""
        values = {
            "queries": list(collection.queries),
            "relevant": [sorted(row) for row in collection.relevant],
            "grades": [sorted(row.items()) for row in collection.grades],
            "own": list(collection.own),
            "documents": len(collection.documents),
        }
        write_whole(path, json.dumps(values).encode())

    def here(self, first: int, size: int) -> dict[int, Here]:
        """Return what queries have in a shard, by query; nothing for most."""
        found: defaultdict[int, Here] = defaultdict(Here)
        for query, row in enumerate(self.relevant):
            for place in row:
                if first <= place < first + size:
                    found[query].worst[place - first] = 1
                    found[query].relevant.append(place - first)
        for query, judged in enumerate(self.grades):
            for place, grade in judged:
                if first <= place < first + size:
                    found[query].worst[place - first] = grade
        for query, own in enumerate(self.own):
            if own is not None and first <= own < first + size:
                found[query].own = own - first
        return dict(found)

    @cached_property
    def stems(self) -> list[list[str]]:
        """The stems of each query, as BM25 reads it."""
        return read_stems(self.queries)

    @cached_property
    def words(self) -> list[str]:
        """The distinct stems of all, in order."""
        return sorted({stem for row in self.stems for stem in row})

    @cached_property
    def content(self) -> list[str]:
        """The distinct `content_stems` of all, in order."""
        return sorted(frozenset().union(*map(content_stems, self.queries)))


@cache
def asked_at(path: Path) -> Asked:
    """Read a file of queries once for all the tasks of a process."""
    return Asked(**json.loads(path.read_text("utf-8")))


def blocks(number: int, size: int) -> Iterator[range]:
    """Yield the numbers below `number` in runs."""
    for start in range(0, number, size):
        yield range(start, min(start + size, number))
