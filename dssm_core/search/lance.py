"""A table of LanceDB in the place of our own index: written once, searched where it lies.

A table has the columns id, text and vector, an index of words over text, and in its metadata the
fingerprint of the model. Its vectors are compared exactly, unless somebody gave the table an index
of vectors by LanceDB's own means; the recall of that is measured when the table is opened.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.numeric import l2_normalise
from dssm_core.process import prepare_for_lance
from dssm_core.search.nearest import Hit, index_command

if TYPE_CHECKING:
    import pyarrow as pa

PREFIX = "lancedb:"

TABLE = "documents"

KEY = b"dssm-lens"
"""Of the table's metadata: JSON with the model's name and fingerprint."""

SPARE = 3
"""So many times as many rows are asked for first as documents are wanted: a text may come twice."""

TRIED = 20
"""Vectors of the table by which the recall of its index is measured."""

Part = tuple[Sequence[str], Sequence[str], np.ndarray]
"""Ids, texts and vectors [N, E] of a part of a corpus."""


@dataclass(frozen=True)
class Store:
    """Where a table is.

    Attributes:
        path: of the database, a folder.
        table: its name.
    """

    path: str
    table: str = TABLE

    @classmethod
    def parse(cls, text: str) -> Store:
        """Return the table of `lancedb:PATH` or `lancedb:PATH#TABLE`.

        Raises:
            UserError: if it is something else.
        """
        path, _, table = text.removeprefix(PREFIX).partition("#")
        if not text.startswith(PREFIX) or not path:
            raise UserError("store.unknown", text)
        return cls(path, table or TABLE)

    @classmethod
    def chosen(cls) -> Store | None:
        """Return the table that DSSM_INDEX names; None where it names none."""
        text = os.environ.get("DSSM_INDEX", "")
        return cls.parse(text) if text.startswith(PREFIX) else None

    @property
    def changed(self) -> int:
        """When the table was last written, in nanoseconds; 0 where there is none."""
        versions = Path(self.path) / f"{self.table}.lance" / "_versions"
        return versions.stat().st_mtime_ns if versions.is_dir() else 0

    def open(self) -> Any:
        """Open the table; None where there is none.

        Raises:
            UserError: if LanceDB is missing or the database cannot be opened.
        """
        if not self.changed:
            return None
        try:
            return self.connect().open_table(self.table)
        except UserError:
            raise
        except Exception as trouble:  # LanceDB raises whatever Rust says
            raise UserError("store.unreadable", _first_line(trouble), path=self.path) from None

    def connect(self) -> Any:
        """Connect with the database.

        Raises:
            UserError: if LanceDB is missing.
        """
        prepare_for_lance()
        try:
            import lancedb
        except ImportError:
            raise UserError("store.not installed") from None
        return lancedb.connect(self.path)


def write_table(store: Store, folder: ModelFolder, parts: Iterable[Part]) -> int:
    """Write a table, in the place of an older one of ours; readers find the old or the new one.

    Args:
        store: where.
        folder: the model that made the vectors.
        parts: of the corpus, at least one.

    Returns:
        How many documents it has.

    Raises:
        UserError: if a table is there that is not ours, or it cannot be written.
    """
    there = store.open()
    if there is not None and KEY not in (there.schema.metadata or {}):
        raise UserError("store.something else", store.table, path=store.path)
    import pyarrow as pa  # here: the first page can do without
    from lancedb.index import FTS

    iterator = iter(parts)
    first = next(iterator)
    about = {"model": folder.name, "fingerprint": folder.fingerprint}
    vector = pa.list_(pa.float16(), first[2].shape[1])
    columns = [("id", pa.string()), ("text", pa.string()), ("vector", vector)]
    schema = pa.schema(columns, metadata={KEY: json.dumps(about).encode()})

    def batches() -> Iterable[pa.RecordBatch]:
        for ids, texts, vectors in (first, *iterator):
            flat = pa.array(np.asarray(vectors, np.float16).ravel())
            lists = pa.FixedSizeListArray.from_arrays(flat, type=vector)
            yield pa.record_batch([pa.array(ids), pa.array(texts), lists], schema=schema)

    try:
        table = store.connect().create_table(
            store.table, data=batches(), schema=schema, mode="overwrite"
        )
        table.create_index("text", config=FTS())
        return int(table.count_rows())
    except UserError:
        raise
    except Exception as trouble:
        raise UserError("store.cannot write", _first_line(trouble), path=store.path) from None


@dataclass(frozen=True)
class LanceSearch:
    """A table's documents nearest to a query, by their vectors.

    Attributes:
        table: LanceDB's.
        number: documents of the table.
        recall: of the table's own index of vectors, in [0, 1]; None: the search is exact.
    """

    table: Any
    number: int
    recall: float | None = None

    engine = "LanceDB"

    @property
    def width(self) -> int:
        """E."""
        return int(self.table.schema.field("vector").type.list_size)

    def nearest(self, query: np.ndarray, number: int) -> list[Hit]:
        """Return at most `number` documents, the highest cosine first; each text once."""
        query = l2_normalise(query).astype(np.float32)
        if not query.any():
            return []
        search = self.table.search(query, vector_column_name="vector").distance_type("cosine")

        def rows(limit: int) -> tuple[list[str], list[float]]:
            found = search.limit(limit).to_arrow()
            vectors = np.array(found["vector"].to_pylist(), np.float32).reshape(len(found), -1)
            return found["text"].to_pylist(), np.vecdot(vectors, query).tolist()

        return _once(rows, number)

    def locate(self, query: np.ndarray, document: str) -> Hit | None:
        """Return None: LanceDB does not say which rank a document has."""
        return None


@dataclass(frozen=True)
class LanceWords:
    """A table's documents that share words with a query, by LanceDB's own BM25.

    Attributes:
        table: LanceDB's.
        number: documents of the table.
    """

    table: Any
    number: int

    def nearest(self, query: str, number: int) -> list[Hit]:
        """Return at most `number` documents, best first; each text once."""
        from lancedb.query import MatchQuery

        search = self.table.search(MatchQuery(query, "text"), query_type="fts")
        search = search.select(["text", "_score"])

        def rows(limit: int) -> tuple[list[str], list[float]]:
            found = search.limit(limit).to_arrow()
            return found["text"].to_pylist(), found["_score"].to_pylist()

        return _once(rows, number)

    def locate(self, query: str, document: str) -> Hit | None:
        """Return None: LanceDB does not say which rank a document has."""
        return None


def open_table(store: Store, folder: ModelFolder) -> tuple[LanceSearch, LanceWords]:
    """Check a table against a model, and open it.

    Raises:
        UserError: if there is none, it is another model's, or it cannot be read.
    """
    command = f"{index_command(folder)} --store ..."
    table = store.open()
    if table is None:
        raise UserError("store.no table", store.table, path=store.path, command=command)
    try:
        about = json.loads((table.schema.metadata or {})[KEY])
        made, name = about["fingerprint"], about["model"]
    except (KeyError, ValueError, TypeError):
        raise UserError("store.something else", store.table, path=store.path) from None
    if made != folder.fingerprint:
        wanted = f"{folder.name} {folder.fingerprint}"
        raise UserError(
            "store.other model", f"{name} {made}", path=store.path, model=wanted, command=command
        )
    try:
        number = int(table.count_rows())
        is_indexed = any("vector" in index.columns for index in table.list_indices())
        recall = _recall(table) if is_indexed else None
    except Exception as trouble:
        raise UserError("store.unreadable", _first_line(trouble), path=store.path) from None
    return LanceSearch(table, number, recall), LanceWords(table, number)


def _recall(table: Any) -> float:
    """Return the share of the exact 10 nearest that the table's index finds, of its first rows."""
    shares = []
    for vector in table.head(TRIED)["vector"].to_pylist():
        query = np.array(vector, np.float32)
        search = [
            table.search(query, vector_column_name="vector").distance_type("cosine")
            for _ in range(2)
        ]
        exact = set(search[0].bypass_vector_index().limit(10).to_arrow()["id"].to_pylist())
        found = set(search[1].limit(10).to_arrow()["id"].to_pylist())
        shares.append(len(exact & found) / max(1, len(exact)))
    return float(np.mean(shares)) if shares else 1.0


def _once(rows: Callable[[int], tuple[list[str], list[float]]], number: int) -> list[Hit]:
    """Return the best documents, each text once, the highest number first.

    Args:
        rows: returns the texts and numbers of at most so many best rows.
        number: of documents wanted; more rows are asked for until there are so many texts.
    """
    limit, best = SPARE * number, dict[str, float]()
    while True:
        texts, numbers = rows(limit)
        for text, value in zip(texts, numbers, strict=True):
            best[text] = max(value, best.get(text, value))
        if len(best) >= number or len(texts) < limit:
            break
        limit *= 4
    order = sorted(best, key=lambda text: -best[text])[:number]
    return [Hit(text, rank, best[text]) for rank, text in enumerate(order, 1)]


def _first_line(trouble: Exception) -> str:
    return str(trouble).strip().split("\n")[0]
