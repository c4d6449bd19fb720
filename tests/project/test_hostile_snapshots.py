"""Snapshots and indexes made on purpose: nothing in them is run, and nothing grows.

Beside tests/search/test_search.py and tests/inspection/test_compare.py.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dssm_core.corpus.pairs import read_pairs
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.inspection import compare
from dssm_core.inspection.compare import ENTRIES, load_snapshot, save_snapshot
from dssm_core.inspection.score_pairs import inspect_pairs
from dssm_core.scoring import Scorer
from dssm_core.search.index import index_path, open_index, write_index
from dssm_core.search.nearest import VectorSearch
from tests.project.hostile import Touch, measured
from tests.tiny import WordTowers, bare_folder, npy


@pytest.fixture
def scorer(tmp_path):
    return Scorer(ModelFolder.open(bare_folder(tmp_path / "doors")), WordTowers())


@pytest.fixture
def snapshot(scorer, tmp_path):
    pairs = pd.DataFrame([("red", "a red door", 1), ("red", "a wall", 0)])
    pairs.columns = ["query", "document", "label"]
    path = tmp_path / "s.zip"
    save_snapshot(inspect_pairs(scorer, pairs), path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def repacked(tmp_path: Path, files: dict[str, bytes]) -> Path:
    path = tmp_path / "hostile.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_a_snapshot_unpacks_as_it_was(snapshot, tmp_path):
    assert set(snapshot) == ENTRIES
    assert len(load_snapshot(repacked(tmp_path, snapshot)).frame) == 2


@pytest.mark.parametrize("name", ["queries.npy", "query_row.npy", "pairs.parquet"])
def test_a_pickle_in_a_snapshot_is_not_loaded(snapshot, tmp_path, name):
    mark = tmp_path / "ran"
    content = npy(np.array([Touch(mark)], dtype=object), allow_pickle=True)
    path = repacked(tmp_path, {**snapshot, name: content})
    with pytest.raises(UserError, match="not a usable snapshot"):
        load_snapshot(path)
    assert not mark.exists()


def test_a_snapshot_with_a_path_out_of_it_is_refused(snapshot, tmp_path):
    for name in ("../evil.npy", "/etc/evil"):
        path = repacked(tmp_path, {**snapshot, name: b""})
        with pytest.raises(UserError, match="must hold just"):
            load_snapshot(path)


def test_a_snapshot_that_unpacks_to_much_is_refused_before_it_is_unpacked(
    snapshot, tmp_path, monkeypatch
):
    monkeypatch.setattr(compare, "MAX_BYTES", 1 << 20)
    path = repacked(tmp_path, {**snapshot, "queries.npy": npy(np.zeros(4 << 20))})
    assert path.stat().st_size < 100_000
    found, _, megabytes = measured(lambda: load_snapshot(path))
    assert "it unpacks to over 1,048,576 bytes" in found
    assert megabytes < 8


def test_a_parquet_table_that_unpacks_to_too_much_is_refused(monkeypatch):
    rows = pd.DataFrame({"query": ["q"] * 300, "document": ["x" * 10_000] * 300})
    content = io.BytesIO()
    rows.to_parquet(content, compression="zstd", use_dictionary=False)
    assert len(content.getvalue()) < 100_000
    assert len(read_pairs(content.getvalue(), "p.parquet")) == 300
    monkeypatch.setattr("dssm_core.corpus.parquet.MAX_BYTES", 2 << 20)
    with pytest.raises(UserError, match="2 MiB"):
        read_pairs(content.getvalue(), "p.parquet")


@pytest.mark.parametrize(("rows", "width"), [(1_100_000, 1), (200_000, 20_000)])
def test_a_parquet_that_grows_out_of_a_few_bytes_is_refused(
    snapshot, tmp_path, monkeypatch, rows, width
):
    import pyarrow as pa
    import pyarrow.parquet as pq

    file, index = io.BytesIO(), pa.DictionaryArray.from_arrays(np.zeros(rows, "i4"), ["x" * width])
    pq.write_table(pa.table({"query": index}), file, store_schema=False)
    assert len(file.getvalue()) < 50_000
    path = repacked(tmp_path, {**snapshot, "pairs.parquet": file.getvalue()})
    monkeypatch.setattr(compare, "MAX_BYTES", 1 << 26)
    before = pa.total_allocated_bytes()
    found, calls, _ = measured(lambda: load_snapshot(path))
    assert f"{rows:,} rows are too many" in found
    assert calls < 50_000
    assert pa.total_allocated_bytes() - before < 1e8


@pytest.fixture
def index(tmp_path, scorer):
    path = tmp_path / "index"
    vectors = np.eye(4, dtype=np.float32)[:3]
    write_index(path, scorer.folder, VectorSearch(("a", "b", "c"), vectors))
    return path


def reseal(path: Path, **changed: object) -> None:
    """Make a manifest fit what is now in the folder, as a stranger could."""
    manifest = json.loads((path / "index.json").read_text())
    for name in manifest["files"]:
        content = (path / name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        manifest["files"][name] = {"bytes": len(content), "sha256": digest}
    (path / "index.json").write_text(json.dumps({**manifest, **changed}))


@pytest.mark.parametrize("kind", ["pickle", "zip", "broken zip", "empty", "huge", "text"])
def test_vectors_of_an_index_made_with_care_are_never_run(index, scorer, tmp_path, kind):
    mark = tmp_path / "ran"
    good = (index / "vectors.npy").read_bytes()
    packed = io.BytesIO()
    np.savez(packed, vectors=np.zeros((3, 4), np.float16))
    content = {
        "pickle": npy(np.array([Touch(mark)], dtype=object), allow_pickle=True),
        "zip": packed.getvalue(),
        "broken zip": packed.getvalue()[:-30],
        "empty": b"",
        "huge": good.replace(b"(3, 4), }" + b" " * 14, b"(3" + b"0" * 14 + b", 4), }"),
        "text": pickle.dumps(Touch(mark)),
    }[kind]
    (index / "vectors.npy").write_bytes(content)
    reseal(index)
    found, calls, megabytes = measured(lambda: open_index(index, scorer.folder))
    assert "damaged" in found
    assert not mark.exists()
    assert calls < 10_000
    assert megabytes < 50


def test_an_index_names_no_file_but_its_own(index, scorer, tmp_path, monkeypatch):
    (tmp_path / "secret").write_text('"secret"\n' * 3)
    manifest = json.loads((index / "index.json").read_text())
    manifest["files"]["../secret"] = manifest["files"].pop("documents.jsonl")
    (index / "index.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="damaged"):
        open_index(index, scorer.folder)
    monkeypatch.setenv("DSSM_INDEX", f"{tmp_path}")
    assert index_path(scorer.folder.fingerprint).parent == tmp_path
