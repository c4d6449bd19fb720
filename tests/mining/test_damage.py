"""Whatever lies in the folder of an unfinished run may be damaged: the file is named, not used."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dssm_core.bulk.cut import read_shard
from dssm_core.bulk.score import BEST, NOTHING, open_best
from dssm_core.bulk.stems import StemCounts
from dssm_core.corpus.pair_index import build_index
from dssm_core.corpus.pairs import stream_pairs
from dssm_core.engines import LOCAL
from dssm_core.mining.search import Search
from dssm_core.mining.stems import _read_counts
from dssm_core.mining.vectors import Cosines
from tests.encoders import refusal
from tests.tiny import WordTowers, pairs_file


def saved(array: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array))
    return stream.getvalue()


def parquet(**columns: list[object]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def search(work: Path) -> Search:
    return Search(work, work, None, pairs=9, shard=9, corpus_shard=9, depth=3, margin=None)


def scorer(work: Path) -> Cosines:
    return Cosines(work, work, work, 9)


def test_a_model_whose_vectors_are_no_numbers_writes_none(tmp_path, monkeypatch):
    class Broken(WordTowers):
        def encode(self, texts, side):
            found = super().encode(texts, side)
            return [replace(one, vector=one.vector * np.float32("nan")) for one in found]

    index = tmp_path / "index"
    build_index(lambda: stream_pairs(pairs_file()), index, len)
    monkeypatch.setattr("dssm_core.mining.vectors.towers_at", lambda path: Broken())
    cosines = Cosines(tmp_path, index, tmp_path / "work", 9)
    error = refusal(lambda: cosines.prepare(LOCAL, len))
    assert error.key == "mining.not finite"
    assert not list((tmp_path / "work").iterdir())


READERS = {
    "own": lambda path: search(path.parent).open_own(0),
    "found": lambda path: search(path.parent).open_found(0, 0),
    "suspects": lambda path: search(path.parent).open_suspects(0),
    "vectors": lambda path: scorer(path.parent).shard(0),
    "counted": _read_counts,
    "best": lambda path: open_best(path, (2, 4)),
    "texts": lambda path: read_shard(path, ("id", "text")),
    "stems": lambda path: StemCounts(path, path, path.parent).read(path),
}
PLACES = {
    "own": lambda work: search(work).own_path(0),
    "found": lambda work: search(work).found_path(0),
    "suspects": lambda work: search(work).suspects_path(0),
    "vectors": lambda work: scorer(work)._path("document", 0),
}
FLOATS = np.ones((2, 4), np.float16)
GOOD = {
    "own": saved([0.5]),
    "found": parquet(documents=[[1]]),
    "suspects": parquet(score=[0.5]),
    "vectors": saved(FLOATS),
    "counted": parquet(stem=["boat"], number=[1]),
    "best": saved(np.full((2, 4), NOTHING)),
    "texts": parquet(id=["1"], text=["boat"]),
    "stems": b"",
}


def said(name: str, work: Path, content: bytes) -> str:
    path = PLACES.get(name, lambda work: work / "file")(work)
    path.write_bytes(content)
    error = refusal(lambda: READERS[name](path))
    assert error.values["name"] == str(path)
    return error.key


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_was_cut_emptied_or_written_over_is_named(tmp_path, name):
    for content in (b"", b"x" * 500, GOOD[name][:60], GOOD[name][:-9]):
        assert said(name, tmp_path, content) == "mining.damaged"


@pytest.mark.parametrize("name", [name for name in READERS if GOOD[name]])
def test_the_files_that_are_spoilt_here_are_read_when_they_are_whole(tmp_path, name):
    path = PLACES.get(name, lambda work: work / "file")(tmp_path)
    path.write_bytes(GOOD[name])
    assert READERS[name](path) is not None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("own", saved(np.array([None], object))),  # what only pickle reads
        ("vectors", saved(FLOATS.astype(np.float32))),
        ("vectors", saved(FLOATS[0])),
        ("vectors", saved(FLOATS * np.inf)),
        ("counted", parquet(stem=["boat"])),
        ("texts", parquet(id=["1"])),
        ("best", saved(np.full((2, 5), NOTHING))),
        ("best", saved(np.full((8,), NOTHING))),
        ("best", saved(np.zeros((2, 4), [(n, "f4") for n in BEST.names]))),
    ],
)
def test_a_file_of_another_shape_or_kind_is_named(tmp_path, name, content):
    assert said(name, tmp_path, content) == "mining.damaged"
