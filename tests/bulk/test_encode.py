"""Texts encoded into shards: what is read, what is written, what is refused, and what resumes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dssm_core.adoption import Adoption, adopt
from dssm_core.bulk.encode import encode_texts, stamp, vectors_path
from dssm_core.bulk.vectors import VectorFolder
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.numeric import l2_normalise
from dssm_core.paths import sample_model
from dssm_core.runtimes.load import load_towers
from dssm_core.scoring import Scorer
from dssm_core.search.index import open_index
from tests import tiny
from tests.encoders import labelled_pairs, static_folder
from tests.tiny import quiet

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saving under NumPy 2."""


@pytest.fixture
def model():
    return ModelFolder.open(tiny.trained())


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.jsonl"
    texts = [*tiny.pairs(110)["document"], "👍", ""]
    lines = [json.dumps({"_id": f"d{i}", "text": text}) for i, text in enumerate(texts)]
    path.write_text("\n".join(lines), "utf-8")
    return path


def whole(out) -> pd.DataFrame:
    return pd.concat(
        [pd.read_parquet(path) for path in sorted(out.glob("vectors-*.parquet"))], ignore_index=True
    )


def test_each_text_has_its_id_and_the_vector_of_the_model(tmp_path, model, corpus):
    manifest = encode_texts(corpus, tmp_path / "out", model, dtype="float32", shard=50, log=quiet)
    found = whole(tmp_path / "out")
    assert found["id"].tolist() == [f"d{i}" for i in range(112)]
    towers = load_towers(model)
    for row, encoding in enumerate(towers.encode(found["text"].tolist(), "document")):
        wanted = l2_normalise(encoding.vector)
        np.testing.assert_allclose(found["vector"][row], wanted, atol=1e-5)
        assert found["is_readable"][row] == encoding.is_readable
    assert not np.stack(found["vector"])[-2:].any(), "nothing is read of 👍 and of nothing"
    assert (manifest["texts"], manifest["readable"], manifest["vector"]) == (112, 110, 76)
    names = [f"vectors-0000{i}.parquet" for i in range(3)]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(
        ["manifest.json", "run.json", *names]
    )
    assert pq.read_schema(vectors_path(tmp_path / "out", 0)).field("vector").type == pa.list_(
        pa.float32(), 76
    )


def write_lines(path):
    path.write_text("boat anchor\n\nguitar\tpiano\n", "utf-8")
    return ["1", "3"], ["boat anchor", "guitar\tpiano"]


def write_pairs(path):
    path.write_text('query,document\nsea,"boat, anchor"\nmusic,guitar\n', "utf-8")
    return ["1", "2"], ["boat, anchor", "guitar"]


def write_tsv(path):
    path.write_text("docid\ttitle\ttext\nx\tBoat\tanchor\ny\t\tguitar\n", "utf-8")
    return ["x", "y"], ["Boat anchor", "guitar"]


def write_parquet(path):
    pd.DataFrame({"n": [1, 2], "id": [7, 8], "text": ["boat", "guitar"]}).to_parquet(path)
    return ["7", "8"], ["boat", "guitar"]


def write_bare_parquet(path):
    pd.DataFrame({"passage": ["boat", None]}).to_parquet(path)
    return ["1", "2"], ["boat", ""]


def write_bare_json(path):
    path.write_text('{"text": "boat"}\n{"text": "guitar", "more": 1}\n', "utf-8")
    return ["1", "2"], ["boat", "guitar"]


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.txt", write_lines),
        ("a.csv", write_pairs),
        ("a.tsv", write_tsv),
        ("a.parquet", write_parquet),
        ("a.parquet", write_bare_parquet),
        ("a.jsonl", write_bare_json),
    ],
)
def test_a_file_is_read_with_ids_where_it_has_them(tmp_path, model, name, write):
    ids, texts = write(tmp_path / name)
    encode_texts(tmp_path / name, tmp_path / "out", model, log=quiet)
    found = whole(tmp_path / "out")
    assert (found["id"].tolist(), found["text"].tolist()) == (ids, texts)


def test_queries_are_encoded_by_their_own_tower(tmp_path, model):
    write_pairs(tmp_path / "a.csv")
    encode_texts(tmp_path / "a.csv", tmp_path / "out", model, "query", "float32", log=quiet)
    found = whole(tmp_path / "out")
    assert found["text"].tolist() == ["sea", "music"]
    (wanted, _) = load_towers(model).encode(["sea", "music"], "query")
    np.testing.assert_allclose(found["vector"][0], l2_normalise(wanted.vector), atol=1e-5)


def test_an_encoder_of_other_people_encodes_as_well(tmp_path):
    encoder = static_folder(tmp_path / "theirs")
    adopt(Adoption(str(encoder), labelled_pairs(), tmp_path / "model"), quiet)
    labelled_pairs().to_csv(tmp_path / "pairs.csv", index=False)
    folder = ModelFolder.open(tmp_path / "model")
    encode_texts(tmp_path / "pairs.csv", tmp_path / "out", folder, dtype="float32", log=quiet)
    found = whole(tmp_path / "out")
    wanted = load_towers(folder).encode(found["text"].tolist(), "document")
    vectors = l2_normalise(np.stack([one.vector for one in wanted]))
    np.testing.assert_allclose(np.stack(found["vector"]), vectors, atol=1e-5)


def test_no_file_an_empty_one_and_shards_of_nothing_are_refused(tmp_path, model, corpus):
    empty = tmp_path / "empty.txt"
    for content in ("", "\n \n"):
        empty.write_text(content)
        with pytest.raises(UserError) as caught:
            encode_texts(empty, tmp_path / f"{len(content)}", model, log=quiet)
        assert caught.value.key == "trec.empty file"
    pd.DataFrame({"text": []}, dtype=str).to_parquet(tmp_path / "empty.parquet")
    with pytest.raises(UserError) as caught:
        encode_texts(tmp_path / "empty.parquet", tmp_path / "none", model, log=quiet)
    assert caught.value.key == "trec.empty file"
    with pytest.raises(UserError) as caught:
        encode_texts(tmp_path / "absent.txt", tmp_path / "new", model, log=quiet)
    assert caught.value.key == "file.missing"
    with pytest.raises(UserError) as caught:
        encode_texts(corpus, tmp_path / "new", model, shard=0, log=quiet)
    assert caught.value.key == "negatives.below 1"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl"])
def test_a_file_without_texts_is_refused(tmp_path, model, name):
    frame = pd.DataFrame({"price": [1, 2]})
    if name == "a.parquet":
        frame.to_parquet(tmp_path / name)
    else:
        frame.to_json(tmp_path / name, orient="records", lines=True)
    with pytest.raises(UserError, match="No column of a"):
        encode_texts(tmp_path / name, tmp_path / "out", model, log=quiet)


def test_an_id_that_comes_twice_in_different_shards_is_refused(tmp_path, model, corpus):
    text = corpus.read_text("utf-8").replace('"d99"', '"d3"')
    corpus.write_text(text, "utf-8")
    with pytest.raises(UserError, match="a second time at line 100 of corpus.jsonl"):
        encode_texts(corpus, tmp_path / "out", model, shard=50, log=quiet)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_run_that_was_cut_off_makes_what_is_missing_and_nothing_else(tmp_path, model, corpus):
    class Stop(Exception):
        pass

    def stop(line: str) -> None:
        if line.startswith("2/3"):
            raise Stop

    encode_texts(corpus, tmp_path / "whole", model, shard=50, log=quiet)
    out = tmp_path / "out"
    with pytest.raises(Stop):
        encode_texts(corpus, out, model, shard=50, log=stop)
    before = {path: path.stat().st_mtime_ns for path in out.glob("vectors-*")}
    assert len(before) == 2
    said: list[str] = []
    encode_texts(corpus, out, model, shard=50, log=said.append)
    assert said == ["3/3 shards of document texts encoded"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert {p.name: p.read_bytes() for p in out.iterdir()} == {
        p.name: p.read_bytes() for p in (tmp_path / "whole").iterdir()
    }


def test_a_folder_of_another_run_is_left_alone(tmp_path, model, corpus):
    encode_texts(corpus, tmp_path / "out", model, log=quiet)
    with pytest.raises(UserError, match="the data of another run"):
        encode_texts(corpus, tmp_path / "out", model, dtype="float32", log=quiet)


def test_an_index_of_vectors_finds_what_one_of_the_texts_finds(run, tmp_path, model, corpus):
    with corpus.open("a", encoding="utf-8") as lines:  # a text that comes twice
        first = json.loads(corpus.read_text("utf-8").split("\n")[0])["text"]
        lines.write("\n" + json.dumps({"_id": "again", "text": first}))
    arguments = ("--model", tiny.trained(), "--out")
    vectors, one, other = (tmp_path / name for name in ("vectors", "one", "other"))
    status, output, _ = run("encode", corpus, *arguments, vectors, "--shard", 50)
    assert status == 0
    assert "113 vectors of 76 numbers (2 of zeros: nothing in them" in output
    said = run("index", "--vectors", vectors, *arguments, one)[1]
    assert said.startswith("exact over 110 documents (2 left out")
    assert run("index", "--corpus", corpus, *arguments, other)[1][:40] == said[:40]
    found, wanted = (open_index(path, model) for path in (one, other))
    assert found.documents == wanted.documents
    (query,) = Scorer(model).cache.encode(["harbour boat"], "query")
    hits, right = (index.nearest(query.vector, 10) for index in (found, wanted))
    assert [hit.document for hit in hits] == [hit.document for hit in right]
    np.testing.assert_allclose([h.number for h in hits], [h.number for h in right], atol=1e-3)


def test_vectors_of_another_model_are_refused(refused, tmp_path, model, corpus):
    encode_texts(corpus, tmp_path / "out", model, log=quiet)
    said = refused("index", "--vectors", tmp_path / "out", "--model", sample_model())
    assert "are another model's, not those of debian-packages" in said
    assert model.fingerprint in said


def test_only_whole_folders_of_documents_as_they_were_written_are_read(tmp_path, model, corpus):
    out = tmp_path / "out"
    encode_texts(corpus, out, model, shard=50, log=quiet)
    path = vectors_path(out, 1)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"vectors-00001.parquet is not as"):
        VectorFolder.open(out, model).distinct()
    path.unlink()
    with pytest.raises(UserError, match=r"vectors-00001.parquet is not as"):
        VectorFolder.open(out, model).distinct()
    (out / "manifest.json").unlink()
    with pytest.raises(UserError, match="no folder of vectors that `encode` wrote to its end"):
        VectorFolder.open(out, model)
    shutil.rmtree(out)
    encode_texts(corpus, out, model, "query", log=quiet)
    with pytest.raises(UserError, match="are those of queries"):
        VectorFolder.open(out, model)


@pytest.mark.parametrize("column", ["NaN", "whole", "text", "empty"])
def test_vectors_that_are_no_numbers_are_refused(tmp_path, model, corpus, column):
    out = tmp_path / "out"
    encode_texts(corpus, out, model, log=quiet)
    path, table = vectors_path(out, 0), pq.read_table(vectors_path(out, 0))
    rows = len(table)
    wrong = {
        "NaN": pa.FixedSizeListArray.from_arrays(pa.array([float("nan")] * rows * 2), 2),
        "whole": pa.FixedSizeListArray.from_arrays(pa.array([1] * rows * 2), 2),
        "text": table["text"],
        "empty": pa.array([None] * rows, pa.list_(pa.float32(), 2)),
    }
    table = table.set_column(table.column_names.index("vector"), "vector", wrong[column])
    pq.write_table(table, path)
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps({**manifest, "files": {path.name: stamp(path)}}))
    with pytest.raises(UserError, match=r"vectors-00000.parquet is damaged"):
        VectorFolder.open(out, model).distinct()


@pytest.mark.parametrize(
    "changed",
    [
        {"format": 99},
        {"texts": "112"},
        {"vector": None},
        {"files": {"../vectors-00000.parquet": {}}},
    ],
)
def test_a_manifest_of_another_format_or_of_other_files_is_refused(
    tmp_path, model, corpus, changed
):
    encode_texts(corpus, tmp_path, model, log=quiet)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, **changed}))
    with pytest.raises(UserError, match="no folder of vectors"):
        VectorFolder.open(tmp_path, model)


def test_a_folder_of_texts_that_the_model_cannot_read_is_refused(tmp_path, model):
    (tmp_path / "a.txt").write_text("👍\n☂\n", "utf-8")
    encode_texts(tmp_path / "a.txt", tmp_path / "out", model, log=quiet)
    with pytest.raises(UserError) as caught:
        VectorFolder.open(tmp_path / "out", model).distinct()
    assert caught.value.key == "corpus.nothing readable"


def test_a_model_whose_vectors_are_no_numbers_writes_none(tmp_path, model, corpus, monkeypatch):
    class Broken:
        def encode(self, texts, side):
            found = load_towers(model).encode(texts, side)
            return [replace(one, vector=one.vector * np.float32("nan")) for one in found]

    monkeypatch.setattr("dssm_core.bulk.encode.towers_at", lambda path: Broken())
    with pytest.raises(UserError) as caught:
        encode_texts(corpus, tmp_path / "out", model, log=quiet)
    assert caught.value.key == "mining.not finite"
    assert not list((tmp_path / "out").glob("vectors-*"))


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}', '{"format": "x", "files": 3}'])
def test_a_manifest_of_something_else_is_refused(tmp_path, model, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UserError, match="no folder of vectors"):
        VectorFolder.open(tmp_path, model)


def test_it_must_be_clear_what_is_indexed(refused, tmp_path):
    assert "It is not clear what to index" in refused("index")
    both = ("--corpus", tmp_path / "a", "--vectors", tmp_path)
    assert "It is not clear what to index" in refused("index", *both)
