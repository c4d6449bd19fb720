"""A table of LanceDB: written by `index --store`, searched, and refused where it is not ours."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dssm_core.bulk.encode import encode_texts
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.paths import sample_model
from dssm_core.scoring import Scorer
from dssm_core.search import lance
from dssm_core.search.index import index_path
from dssm_core.search.lance import Store, open_table, write_table
from dssm_core.search.nearest import encode_corpus
from tests import ROOT, tiny

needs_lance = pytest.mark.skipif(
    not find_spec("lancedb"), reason="the extra lancedb is not installed"
)
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.slow,  # its import alone takes seconds
]


@pytest.fixture
def model():
    return ModelFolder.open(tiny.trained())


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.jsonl"
    texts = [*tiny.pairs(110)["document"], "👍", "boat anchor", "boat anchor"]
    lines = [json.dumps({"_id": f"d{i}", "text": text}) for i, text in enumerate(texts)]
    path.write_text("\n".join(lines), "utf-8")
    return path


@needs_lance
@pytest.mark.parametrize("source", ["--corpus", "--vectors"])
def test_a_table_finds_what_the_exact_search_finds(run, tmp_path, model, corpus, source):
    given = corpus
    if source == "--vectors":
        given = tmp_path / "vectors"
        encode_texts(corpus, given, model, shard=50, log=len)
    store = f"lancedb:{tmp_path / 'db'}"
    arguments = ("--model", tiny.trained(), "--store", store)
    status, output, _ = run("index", source, given, *arguments)
    assert (status, output[:13]) == (0, f"{111 if source == '--corpus' else 112} documents")
    near, words = open_table(Store.parse(store), model)
    assert near.recall is None, "it is exact"
    scorer = Scorer(model)
    texts = [json.loads(line)["text"] for line in corpus.read_text("utf-8").split("\n")]
    exact = encode_corpus(scorer.cache, texts)
    assert near.width == exact.width
    (query,) = scorer.cache.encode(["harbour boat"], "query")
    hits, wanted = near.nearest(query.vector, 10), exact.nearest(query.vector, 10)
    assert [hit.document for hit in hits] == [hit.document for hit in wanted]
    assert [hit.rank for hit in hits] == list(range(1, 11))
    np.testing.assert_allclose([h.number for h in hits], [h.number for h in wanted], atol=1e-3)
    found = words.nearest("anchors' boat", 10)
    assert found[0].document == "boat anchor"
    assert len({hit.document for hit in found}) == len(found) > 1
    assert words.nearest('no"such^word (at all', 10) == []


@needs_lance
def test_the_command_says_what_it_wrote_and_nothing_else(tmp_path, corpus):
    arguments = ["--model", tiny.trained(), "--corpus", corpus, "--store", f"lancedb:{tmp_path}/db"]
    command = [sys.executable, "-m", "dssm_core", "index", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == f"111 documents, in the table documents of {tmp_path}/db\n"
    assert done.stderr == ""


@needs_lance
def test_a_table_is_written_anew_and_another_ones_is_left_alone(run, refused, tmp_path, corpus):
    import lancedb

    store = f"lancedb:{tmp_path / 'db'}#mine"
    arguments = ("index", "--corpus", corpus, "--model", tiny.trained(), "--store", store)
    assert run(*arguments)[0] == run(*arguments)[0] == 0
    database = lancedb.connect(tmp_path / "db")
    assert database.open_table("mine").count_rows() == 111
    database.create_table("theirs", data=[{"id": "1", "text": "a", "vector": [1.0, 0.0]}])
    said = refused(*arguments[:-1], f"lancedb:{tmp_path / 'db'}#theirs")
    assert "was not written by `index --store`" in said
    assert lancedb.connect(tmp_path / "db").open_table("theirs").count_rows() == 1
    with pytest.raises(UserError) as caught:
        open_table(Store(str(tmp_path / "db"), "theirs"), ModelFolder.open(tiny.trained()))
    assert caught.value.key == "store.something else"


@needs_lance
def test_a_table_of_another_model_or_none_is_refused(tmp_path, model):
    store = Store(str(tmp_path / "db"))
    with pytest.raises(UserError, match="There is no such table"):
        open_table(store, model)
    write_table(store, model, [(["1"], ["boat"], np.eye(1, 76))])
    with pytest.raises(UserError, match="another model's, not that of debian-packages"):
        open_table(store, ModelFolder.open(sample_model()))


@needs_lance
def test_the_recall_of_a_tables_own_index_is_measured(tmp_path, model):
    from lancedb.index import IvfFlat

    rng = np.random.default_rng(0)
    store = Store(str(tmp_path / "db"))
    vectors = rng.normal(size=(2000, 64))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [str(i) for i in range(2000)]
    write_table(store, model, [(names, names, vectors)])
    store.open().create_index("vector", config=IvfFlat(distance_type="cosine", num_partitions=200))
    near, _ = open_table(store, model)
    assert near.recall is not None
    assert 0.05 < near.recall < 1, "a few of 200 lists are far from all"


@needs_lance
def test_a_damaged_table_is_told(tmp_path, model):
    store = Store(str(tmp_path / "db"))
    write_table(store, model, [(["1"], ["boat"], np.eye(1, 76))])
    for path in (tmp_path / "db" / "documents.lance" / "_versions").iterdir():
        path.write_bytes(b"no manifest")
    with pytest.raises(UserError, match="cannot be read"):
        open_table(store, model)


@needs_lance
def test_a_place_that_cannot_be_written_is_told(tmp_path, model):
    (tmp_path / "db").write_text("a file")
    with pytest.raises(UserError) as caught:
        write_table(Store(str(tmp_path / "db")), model, [(["1"], ["boat"], np.eye(1, 76))])
    assert caught.value.key == "store.cannot write"


def test_a_table_that_fails_as_it_is_read_is_told(model, monkeypatch):
    class Table:
        schema = pa.schema(
            [], metadata={lance.KEY: json.dumps({"fingerprint": model.fingerprint, "model": "m"})}
        )

        def count_rows(self) -> int:
            raise RuntimeError("lance error: not found\nin file.rs")

    monkeypatch.setattr(Store, "open", lambda self: Table())
    with pytest.raises(UserError) as caught:
        open_table(Store("db"), model)
    assert (caught.value.key, caught.value.received) == (
        "store.unreadable",
        "lance error: not found",
    )


def test_a_missing_extra_is_told_with_the_way_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "lancedb", None)
    with pytest.raises(UserError, match=r"pip install '\.\[lancedb\]'"):
        Store(str(tmp_path)).connect()


@pytest.mark.parametrize("text", ["qdrant:x", "lancedb:", "lancedb:#t", ""])
def test_other_stores_are_refused(text):
    with pytest.raises(UserError, match="There is no such store"):
        Store.parse(text)


def test_a_store_has_a_table_by_name_and_is_no_place_of_an_index(monkeypatch, tmp_path):
    assert Store.parse("lancedb:a/b") == Store("a/b", "documents")
    assert Store.parse("lancedb:a#b") == Store("a", "b")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("DSSM_INDEX", "lancedb:a#b")
    assert Store.chosen() == Store("a", "b")
    assert index_path("0123") == tmp_path / "dssm-lens" / "indexes" / "0123"
    monkeypatch.setenv("DSSM_INDEX", str(tmp_path))
    assert Store.chosen() is None


def test_an_index_goes_to_one_place(refused, corpus, tmp_path):
    places = ("--out", tmp_path / "out", "--store", f"lancedb:{tmp_path}")
    assert "two places" in refused("index", "--corpus", corpus, *places)
    assert not Path(tmp_path / "out").exists()


def ranked(*rows: tuple[str, float]) -> Callable[[int], tuple[list[str], list[float]]]:
    return lambda limit: ([t for t, _ in rows[:limit]], [n for _, n in rows[:limit]])


def test_a_text_counts_once_at_its_best():
    found = lance._once(ranked(("a", 0.9), ("b", 0.5), ("c", 0.3), ("a", 0.1)), 2)
    assert [(hit.document, hit.rank, hit.number) for hit in found] == [("a", 1, 0.9), ("b", 2, 0.5)]


@pytest.mark.parametrize("number", [2, 4, 9])
def test_repeats_take_no_documents_place(number):
    rows = [("same", 0.9)] * 100 + [(f"other {n}", 0.5 - n / 100) for n in range(3)]
    found = [hit.document for hit in lance._once(ranked(*rows), number)]
    assert found == ["same", "other 0", "other 1", "other 2"][:number]
