"""The index of pairs: what it holds, and that a part of it costs no more in a large file."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from dssm_core.corpus.negatives import DrawShard, NegativesConfig
from dssm_core.corpus.pair_index import Counts, IndexedPair, PairIndex, build_index
from dssm_core.corpus.shards import INDEX
from dssm_core.errors import UserError
from tests.tiny import quiet

Row = tuple[str, str, int]

ROWS = [
    ("sea", "a grey boat", 0),
    ("red", "a red door", 1),
    ("Sea", "A  Grey Boat", 1),
    ("RED", "a red  wall", 1),
    ("red", "a RED door", 1),
    ("sky", "a grey boat", 0),
]


def built(path: Path, rows: list[Row]) -> Path:
    build_index(lambda: iter(rows), path, quiet)
    return path


def test_texts_are_numbered_by_their_first_rows_and_written_as_they_stand_there(tmp_path):
    with PairIndex.open(built(tmp_path / INDEX, ROWS)) as index:
        assert index.counts() == Counts(pairs=3, documents=3, queries=2, rows=6)
        assert index.documents(range(1, 9)) == ["a grey boat", "a red door", "a red  wall"]
        assert index.queries(range(1, 9)) == ["red", "Sea"]
        assert index.counted([1, 2, 3]) == [
            ("a grey boat", 3),
            ("a red door", 2),
            ("a red  wall", 1),
        ]
        assert index.pairs(0, 9) == [
            IndexedPair(1, 2, "red", "a red door"),
            IndexedPair(2, 1, "Sea", "a grey boat"),
            IndexedPair(1, 3, "red", "a red  wall"),
        ]
        assert index.pairs(1, 1) == [IndexedPair(2, 1, "Sea", "a grey boat")]
        assert [index.relevant(query) for query in (1, 2)] == [[2, 3], [1]]
        assert index.most_relevant() == 2


def test_an_index_is_what_dictionaries_make_of_the_same_rows(tmp_path):
    draw = random.Random(5)
    rows = [
        (f"q{draw.randrange(300)}", f"d{draw.randrange(900)}", int(draw.random() < 0.8))
        for _ in range(3000)
    ]
    documents = list(dict.fromkeys(document for _, document, _ in rows))
    queries = list(dict.fromkeys(query for query, _, label in rows if label))
    pairs = list(dict.fromkeys((query, document) for query, document, label in rows if label))
    with PairIndex.open(built(tmp_path / INDEX, rows)) as index:
        assert index.documents(range(1, 2000)) == documents
        assert index.queries(range(1, 2000)) == queries
        assert [(row.query, row.document) for row in index.pairs(0, 9999)] == pairs
        for row in index.pairs(0, 9999):
            assert documents[row.document_id - 1] == row.document
            assert queries[row.query_id - 1] == row.query


def test_an_index_without_relevant_pairs_says_so(tmp_path):
    with PairIndex.open(built(tmp_path / INDEX, [("q", "d", 0)])) as index:
        assert index.counts() == Counts(pairs=0, documents=1, queries=0, rows=1)
    with PairIndex.open(built(tmp_path / "none.sqlite", [])) as index:
        assert index.counts() == Counts(0, 0, 0, 0)


def test_a_file_that_loses_rows_while_it_is_read_leaves_no_index(tmp_path):
    passes = iter([ROWS, ROWS[:2]])
    with pytest.raises(UserError, match="became shorter"):
        build_index(lambda: iter(next(passes)), tmp_path / INDEX, quiet)
    assert not list(tmp_path.iterdir())


def steps_of_a_draw(folder: Path, pairs: int, monkeypatch) -> int:
    """Return how many hundreds of instructions SQLite runs to draw one shard of 50 pairs."""
    rows = [(f"query {n}", f"document {n}", 1) for n in range(pairs)]
    folder.mkdir()
    built(folder / INDEX, rows)
    steps = []
    connect = sqlite3.connect

    def counting(*args, **kwargs):
        connection = connect(*args, **kwargs)
        connection.set_progress_handler(lambda: steps.append(1), 100)
        return connection

    with monkeypatch.context() as patch:
        patch.setattr("sqlite3.connect", counting)
        DrawShard(folder, NegativesConfig(2, shard=50, pool=50), None)((0, 1))
    return len(steps)


def test_a_shard_costs_as_much_in_a_large_file_as_in_a_small_one(tmp_path, monkeypatch):
    small = steps_of_a_draw(tmp_path / "small", 200, monkeypatch)
    large = steps_of_a_draw(tmp_path / "large", 20_000, monkeypatch)
    assert small > 10
    assert large < 1.1 * small


def test_the_rows_of_an_index_lie_in_the_order_of_the_file(tmp_path):
    """Or else reading a shard of pairs would jump to and fro in a file that no memory holds."""
    rows = [(f"query {n}", f"document {n}", 1) for n in np.random.default_rng(1).permutation(500)]
    with closing(sqlite3.connect(built(tmp_path / INDEX, rows))) as index:
        for table in ("query", "document"):
            texts = [text for (text,) in index.execute(f"SELECT text FROM {table}")]
            assert texts == [row[table == "document"] for row in rows]
