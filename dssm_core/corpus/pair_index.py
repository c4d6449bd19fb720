"""The pairs of a file as an index on disk (SQLite), in memory that does not grow with the file.

It is built once, whole or not at all, and then only read, by any number of processes that see the
same file system.

1. The file is read once for the hashes of its texts, 64 bits each.
2. Equal hashes are brought together by sorting, which SQLite does in runs of the size of its cache
   and merges: a row costs as much in a file of a hundred thousand as in one of twenty million. A
   tree that is filled in the order of the file would be read at a random place for each row.
3. The file is read again, and each text is written once, in the order of its first row.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from dssm_core.corpus.splitting import text_hash
from dssm_core.errors import UserError
from dssm_core.files import whole_database

RUN_KIB = 8192
"""Rows are sorted in runs of this size, several at once."""

HASHES = """
CREATE TABLE hashed (row INTEGER PRIMARY KEY, query INTEGER, document INTEGER);
"""
"""Rows that are not relevant have no query."""

NUMBERS = """
CREATE TABLE {side}_of (row INTEGER PRIMARY KEY, id INTEGER, count INTEGER);
INSERT INTO {side}_of
    SELECT row, dense_rank() OVER (ORDER BY first), iif(row = first, count, 0) FROM (
        SELECT row, min(row) OVER equal AS first, count(*) OVER equal AS count FROM hashed
        WHERE {side} IS NOT NULL WINDOW equal AS (PARTITION BY {side})
    ) ORDER BY row;
"""
"""Numbers the distinct texts of a side from 1, in the order of their first rows; `count` is above 0
in these alone."""

PAIRS = """
DROP TABLE hashed;
CREATE TABLE relevant (
    query INTEGER, document INTEGER, row INTEGER, PRIMARY KEY (query, document)
) WITHOUT ROWID;
INSERT INTO relevant
    SELECT query_of.id, document_of.id, min(row) FROM query_of JOIN document_of USING (row)
    GROUP BY 1, 2;
CREATE TABLE pair (place INTEGER PRIMARY KEY, query INTEGER, document INTEGER);
INSERT INTO pair
    SELECT row_number() OVER (ORDER BY row) - 1, query, document FROM relevant ORDER BY row;
CREATE TABLE query (id INTEGER PRIMARY KEY, text TEXT);
CREATE TABLE document (id INTEGER PRIMARY KEY, text TEXT, count INTEGER);
CREATE TABLE counts AS SELECT
    (SELECT count(*) FROM pair) AS pairs,
    (SELECT ifnull(max(id), 0) FROM document_of) AS documents,
    (SELECT ifnull(max(id), 0) FROM query_of) AS queries,
    (SELECT count(*) FROM document_of) AS rows;
"""


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


Rows = Callable[[], Iterator[tuple[str, str, int]]]
"""Gives query, document and label of each row of a file, whenever it is called."""


def build_index(rows: Rows, path: Path, log: Callable[[str], None]) -> None:
    """Write the index of pairs, unless it was built to its end before.

    Args:
        rows: documents of any label are indexed, and texts that differ by case or white space alone
            are one.
        path: of the file.
        log: called with a line for people, now and then.

    Raises:
        OSError: naming `path`, if the disk is full or cannot be written.
        UserError: if there are fewer rows the second time.
    """
    if path.exists():
        return
    with whole_database(path) as index:
        index.execute(f"PRAGMA cache_size = -{RUN_KIB}")
        index.executescript(HASHES)
        index.executemany(
            "INSERT INTO hashed (query, document) VALUES (?, ?)", _hashed(rows(), log)
        )
        for side in ("document", "query"):
            index.executescript(NUMBERS.format(side=side))
        index.executescript(PAIRS)
        _write_texts(index, rows())
        index.executescript("DROP TABLE query_of; DROP TABLE document_of;")


def _hashed(
    rows: Iterator[tuple[str, str, int]], log: Callable[[str], None]
) -> Iterator[tuple[int | None, int]]:
    for number, (query, document, label) in enumerate(rows, 1):
        yield (text_hash(query) if label == 1 else None), text_hash(document)
        if number % 100_000 == 0:
            log(f"read {number:,} pairs")


def _write_texts(index: sqlite3.Connection, rows: Iterator[tuple[str, str, int]]) -> None:
    """Write the texts of the rows in which they are first."""
    firsts = index.execute(
        "SELECT document_of.count, query_of.count FROM document_of "
        "LEFT JOIN query_of USING (row) ORDER BY row"
    )
    write = index.cursor().execute
    for (query, document, _), (count, is_query) in zip(rows, firsts, strict=False):
        if count:
            write("INSERT INTO document (text, count) VALUES (?, ?)", (document, count))
        if is_query:
            write("INSERT INTO query (text) VALUES (?)", (query,))
    if firsts.fetchone():
        raise UserError("negatives.file changed")


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
        return Counts(*self._rows("SELECT pairs, documents, queries, rows FROM counts").fetchone())

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
        return [d for (d,) in self._rows("SELECT document FROM relevant WHERE query = ?", (query,))]

    def most_relevant(self) -> int:
        """Return how many documents the query with the most of them has."""
        numbers = "SELECT count(*) AS number FROM relevant GROUP BY query"
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
