"""The pairs of a file as an index on disk (SQLite), in memory that does not grow with the file.

It is built once, whole or not at all, and then only read, by any number of processes that see the
same file system.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from dssm_core.corpus.splitting import fold
from dssm_core.files import whole_database

TABLES = """
CREATE TABLE document (id INTEGER PRIMARY KEY, fold BLOB UNIQUE, text TEXT, count INTEGER);
CREATE TABLE query (id INTEGER PRIMARY KEY, fold BLOB UNIQUE, text TEXT);
CREATE TABLE pair (
    id INTEGER PRIMARY KEY, query INTEGER, document INTEGER, UNIQUE (query, document)
);
"""

NUMBERING = """
CREATE TABLE numbered AS
    SELECT row_number() OVER (ORDER BY id) - 1 AS place, query, document FROM pair;
DROP TABLE pair;
ALTER TABLE numbered RENAME TO pair;
CREATE UNIQUE INDEX pair_place ON pair (place);
CREATE INDEX pair_query ON pair (query, document);
"""
"""Gives pairs numbers without gaps, because shards are cut by them."""


class IndexedPair(NamedTuple):
    """A relevant pair: ids from 1, without gaps, and texts."""

    query_id: int
    document_id: int
    query: str
    document: str


class Counts(NamedTuple):
    """How many relevant pairs, distinct documents and distinct queries there are; and rows."""

    pairs: int
    documents: int
    queries: int
    rows: int


def build_index(
    rows: Iterator[tuple[str, str, int]], path: Path, log: Callable[[str], None]
) -> None:
    """Write the index of pairs, unless it was built to its end before.

    Args:
        rows: query, document and label of each; documents of any label are indexed, and texts that
            differ by case or white space alone are one.
        path: of the file.
        log: called with a line for people, now and then.

    Raises:
        OSError: naming `path`, if the disk is full or cannot be written.
    """
    if path.exists():
        return
    with whole_database(path) as index:
        _fill(index, rows, log)


def _fill(
    index: sqlite3.Connection, rows: Iterator[tuple[str, str, int]], log: Callable[[str], None]
) -> None:
    index.executescript(TABLES)
    for number, (query, document, label) in enumerate(rows, 1):
        (document_id,) = index.execute(
            "INSERT INTO document (fold, text, count) VALUES (?, ?, 1) "
            "ON CONFLICT (fold) DO UPDATE SET count = count + 1 RETURNING id",
            (_key(document), document),
        ).fetchone()
        if label == 1:
            (query_id,) = index.execute(
                "INSERT INTO query (fold, text) VALUES (?, ?) "
                "ON CONFLICT (fold) DO UPDATE SET text = text RETURNING id",
                (_key(query), query),
            ).fetchone()
            index.execute(
                "INSERT OR IGNORE INTO pair (query, document) VALUES (?, ?)",
                (query_id, document_id),
            )
        if number % 100_000 == 0:
            index.commit()
            log(f"read {number:,} pairs")
    index.executescript(NUMBERING)


def _key(text: str) -> bytes:
    """Return a digest that texts share when they differ by case or white space alone."""
    return hashlib.blake2b(fold(text).encode(), digest_size=16).digest()


class PairIndex:
    """An index that was built to its end, to be read.

    Args:
        connection: to its file.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._rows = connection.execute

    @staticmethod
    @contextmanager
    def open(path: Path) -> Iterator[PairIndex]:
        """Open an index to read it; `immutable`, as locks do not work on every shared disk.

        Raises:
            OSError: if it is not there.
        """
        os.stat(path)
        place = f"{path.resolve().as_uri()}?immutable=1"
        with closing(sqlite3.connect(place, uri=True)) as connection:
            connection.execute("PRAGMA cache_size = -32768")
            yield PairIndex(connection)

    def counts(self) -> Counts:
        """Return how many there are of each."""
        pairs, documents, queries = (
            int(self._rows(f"SELECT count(*) FROM {name}").fetchone()[0])
            for name in ("pair", "document", "query")
        )
        (rows,) = self._rows("SELECT total(count) FROM document").fetchone()
        return Counts(pairs, documents, queries, int(rows))

    def pairs(self, start: int, number: int) -> list[IndexedPair]:
        """Return the pairs from a place on, in the order of the file."""
        found = self._rows(
            "SELECT pair.query, pair.document, query.text, document.text FROM pair "
            "JOIN query ON query.id = pair.query JOIN document ON document.id = pair.document "
            "WHERE place >= ? AND place < ? ORDER BY place",
            (start, start + number),
        )
        return [IndexedPair(*row) for row in found]

    def relevant(self, query: int) -> list[int]:
        """Return the ids of a query's documents."""
        return [d for (d,) in self._rows("SELECT document FROM pair WHERE query = ?", (query,))]

    def most_relevant(self) -> int:
        """Return how many documents the query with the most of them has."""
        numbers = "SELECT count(*) AS number FROM pair GROUP BY query"
        (most,) = self._rows(f"SELECT max(number) FROM ({numbers})").fetchone()
        return most or 0

    def counted(self, ids: Iterable[int]) -> list[tuple[str, int]]:
        """Return the text of each document, and in how many rows of the file it stands."""
        select = "SELECT text, count FROM document WHERE id = ?"
        return [self._rows(select, (int(one),)).fetchone() for one in ids]

    def documents(self, ids: range) -> list[str]:
        """Return the texts of the documents with these ids, so far as there are any."""
        return self._texts("document", ids)

    def queries(self, ids: range) -> list[str]:
        """Return the texts of the queries with these ids, so far as there are any."""
        return self._texts("query", ids)

    def _texts(self, table: str, ids: range) -> list[str]:
        select = f"SELECT text FROM {table} WHERE id >= ? AND id < ? ORDER BY id"
        return [text for (text,) in self._rows(select, (ids.start, ids.stop))]
