"""Files of vectors: read as data, asked for the texts they hold and no other."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from dssm_core.explain import compare, effects
from dssm_core.runtimes import vectors
from dssm_core.runtimes.encoder import EncoderTowers
from dssm_core.runtimes.encoders import format_of, open_encoder
from dssm_core.scoring import Head
from dssm_core.towers import EncodingCache, can_encode_any
from tests.encoders import refusal, static_folder
from tests.project.hostile import Touch

TEXTS = ["red door", "blue ☂ wall", "红色的门"]
VECTORS = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
SUFFIXES = [".npz", ".safetensors", ".parquet", ".jsonl", ".npy"]


def write(
    folder: Path,
    suffix: str,
    texts: list[str] = TEXTS,
    rows: np.ndarray = VECTORS,
    sides: list[str] | None = None,
) -> Path:
    """Write a file of vectors and return its path."""
    path = folder / f"mine{suffix}"
    if suffix == ".npz":
        np.savez_compressed(path, texts=texts, vectors=rows, **({"sides": sides} if sides else {}))
    elif suffix == ".safetensors":
        lists = {"texts": texts} | ({"sides": sides} if sides else {})
        save_file({"vectors": rows}, path, {name: json.dumps(v) for name, v in lists.items()})
    elif suffix == ".npy":
        np.save(path, rows)
        path.with_suffix(".txt").write_text("".join(f"{text}\n" for text in texts), "utf-8")
    else:
        frame = pd.DataFrame({"text": texts, "vector": list(rows), "other": 1})
        if sides:
            frame["side"] = sides
        if suffix == ".parquet":
            frame.to_parquet(path)
        else:
            frame.to_json(path, orient="records", lines=True, force_ascii=False)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_text_of_the_file_has_its_vector_and_no_other_text_has_one(suffix, tmp_path):
    encoder = open_encoder(str(write(tmp_path, suffix)))
    facts = encoder.facts
    assert (facts.format, facts.name, facts.width) == ("vectors", "mine", 2)
    assert not facts.can_encode_any
    towers = EncoderTowers(encoder, {"query": "query: ", "document": ""})
    for side in ("query", "document"):
        *known, unknown, empty = towers.encode([*TEXTS, "red wall ☂", ""], side)
        assert [e.vector.tolist() for e in known] == [row.tolist() for row in VECTORS]
        assert [t.state for t in known[1].tokens] == ["seen"] * 3
        assert [t.state for t in unknown.tokens] == ["skipped"] * 3
        assert not unknown.vector.any()
        assert not unknown.is_readable
        assert empty.tokens == ()


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix != ".npy"])
def test_a_text_may_have_a_vector_for_each_side(suffix, tmp_path):
    texts = ["red", "red", "blue", "blue", "wall"]
    rows = np.eye(5, dtype=np.float32)
    sides = ["query", "document", "", "document", "query"]
    towers = EncoderTowers(open_encoder(str(write(tmp_path, suffix, texts, rows, sides))))
    found = {
        side: [int(e.vector.argmax()) if e.is_readable else None for e in encodings]
        for side in ("query", "document")
        for encodings in [towers.encode(["red", "blue", "wall"], side)]
    }
    assert found == {"query": [0, 2, 4], "document": [1, 3, None]}


@pytest.mark.parametrize("kind", ["float16", "float64", "int8"])
def test_numbers_of_other_kinds_are_read(kind, tmp_path):
    rows = VECTORS.round().astype(kind)
    for suffix in SUFFIXES:
        towers = EncoderTowers(open_encoder(str(write(tmp_path, suffix, rows=rows))))
        (encoding,) = towers.encode(TEXTS[:1], "query")
        assert encoding.vector.dtype == np.float32
        assert encoding.vector.tolist() == [1, 0]


def test_parquet_with_lists_of_one_width_is_read(tmp_path):
    column = pa.FixedSizeListArray.from_arrays(VECTORS.ravel(), 2)
    table = pa.table({"text": TEXTS, "vector": column})
    pq.write_table(table, tmp_path / "v.parquet", row_group_size=2)
    towers = EncoderTowers(open_encoder(str(tmp_path / "v.parquet")))
    assert towers.encode(TEXTS, "query")[2].vector.tolist() == VECTORS[2].tolist()


def test_a_word_cannot_be_left_out_and_that_is_said(tmp_path):
    towers = EncoderTowers(open_encoder(str(write(tmp_path, ".npz"))))
    for asked in (towers, EncodingCache(towers)):
        assert not can_encode_any(asked)
        for side in ("query", "document"):
            error = refusal(lambda a=asked, s=side: effects(a, Head(5, 0), *TEXTS[:2], s))
            assert error.key == "encoder.no variants"
    assert refusal(lambda: compare(towers, Head(5, 0), *TEXTS)).key == "encoder.no variants"


def test_variants_that_are_in_the_file_are_used(tmp_path):
    path = write(tmp_path, ".npz", ["red door", "    door", "red     ", "wall"], np.eye(4))
    towers = EncoderTowers(open_encoder(str(path)))
    found = effects(towers, Head(5, 0), "red door", "wall", "query")
    assert len(found.tokens) == 2
    assert effects(towers, Head(5, 0), "red door", "wall", "document").tokens[0].cosine == 0


def test_any_other_encoder_takes_any_text(tmp_path):
    assert can_encode_any(EncoderTowers(open_encoder(str(static_folder(tmp_path / "static")))))


def test_the_fingerprint_is_of_the_files(tmp_path):
    path = write(tmp_path, ".npy")
    first = open_encoder(str(path)).facts.fingerprint
    assert open_encoder(str(path)).facts.fingerprint == first
    path.with_suffix(".txt").write_text("\n".join(["red", *TEXTS[1:]]))
    assert open_encoder(str(path)).facts.fingerprint != first


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_two_vectors_of_a_text_are_an_error_and_the_same_twice_is_none(suffix, tmp_path):
    path = write(tmp_path, suffix, [TEXTS[0], *TEXTS], VECTORS[[0, 0, 1, 2]])
    assert open_encoder(str(path)).facts.width == 2
    error = refusal(lambda: open_encoder(str(write(tmp_path, suffix, [TEXTS[0]] * 3))))
    assert error.key == "encoder.two vectors"
    assert TEXTS[0] in str(error)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e300])
def test_a_number_that_is_not_finite_is_refused(suffix, wrong, tmp_path):
    rows = VECTORS.astype(np.float64)
    rows[1, 1] = wrong
    error = refusal(lambda: open_encoder(str(write(tmp_path, suffix, rows=rows))))
    assert "finite" in str(error) or suffix == ".jsonl"  # which holds null there


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_is_damaged_is_refused(suffix, tmp_path):
    path = write(tmp_path, suffix)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"nothing of the sort", whole[:6] * 9):
        path.write_bytes(damaged)
        error = refusal(lambda: open_encoder(str(path)))
        assert error.key in ("encoder.wrong vectors", "encoder.damaged file")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_is_too_large_is_refused(suffix, tmp_path, monkeypatch):
    path = write(tmp_path, suffix)
    monkeypatch.setattr(vectors, "MAX_ROWS", 2)
    assert refusal(lambda: open_encoder(str(path))).key == "encoder.many vectors"
    monkeypatch.setattr(vectors, "MAX_BYTES", 20)
    assert refusal(lambda: open_encoder(str(path))).key == "encoder.large file"


def test_what_unpacks_to_very_much_is_refused_before_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(vectors, "MAX_BYTES", 100_000)
    rows = np.zeros((1000, 1000), np.float32)
    for suffix in (".npz", ".parquet"):
        path = write(tmp_path, suffix, [f"{i}" for i in range(1000)], rows)
        assert path.stat().st_size < 100_000
        assert refusal(lambda path=path: open_encoder(str(path))).key == "encoder.large file"


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ('{"text": "red"}', "encoder.wrong vectors"),
        ('{"vector": [1]}', "encoder.wrong vectors"),
        ('{"text": 1, "vector": [1]}', "encoder.wrong vectors"),
        ('{"text": ["a"], "vector": [1]}', "encoder.wrong vectors"),
        ('{"text": "red", "vector": [1], "side": "left"}', "encoder.wrong vectors"),
        ('{"text": "red", "vector": [1], "side": ["query"]}', "encoder.wrong vectors"),
        ('{"text": "red", "vector": [1]}\n{"text": "blue", "vector": [1, 2]}', "encoder.wrong"),
        ('{"text": "red", "vector": ["1"]}', "encoder.no vectors"),
        ('{"text": "red", "vector": [true]}', "encoder.no vectors"),
        ('{"text": "red", "vector": [null]}', "encoder.no vectors"),
        ('{"text": "red", "vector": []}', "encoder.no vectors"),
        ('{"text": "red", "vector": 1}', "encoder.no vectors"),
        ("[1]", "encoder.wrong vectors"),
        ("[" * 99_999, "encoder.wrong vectors"),
        ("\n\n", "encoder.wrong vectors"),
    ],
)
def test_lines_that_are_no_texts_with_vectors_are_refused(lines, key, tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text(lines)
    assert refusal(lambda: open_encoder(str(path))).key.startswith(key)


def test_columns_and_arrays_that_are_missing_or_of_another_length_are_refused(tmp_path):
    path = tmp_path / "mine.npz"
    for arrays, key in (
        ({"vectors": VECTORS}, "encoder.wrong vectors"),
        ({"texts": TEXTS}, "encoder.wrong vectors"),
        ({"texts": TEXTS[:2], "vectors": VECTORS}, "encoder.no vectors"),
        ({"texts": [1, 2, 3], "vectors": VECTORS}, "encoder.wrong vectors"),
        ({"texts": TEXTS, "vectors": VECTORS, "sides": ["query"]}, "encoder.no vectors"),
        ({"texts": TEXTS, "vectors": VECTORS.astype(str)}, "encoder.no vectors"),
        ({"texts": TEXTS[0], "vectors": VECTORS}, "encoder."),
        ({"texts": TEXTS, "vectors": VECTORS[0, 0]}, "encoder.no vectors"),
    ):
        np.savez(path, **arrays)
        assert refusal(lambda: open_encoder(str(path))).key.startswith(key), arrays
    for frame in (
        {"text": TEXTS},
        {"vector": list(VECTORS)},
        {"text": TEXTS, "vector": TEXTS},
        {"text": [1, 2, 3], "vector": list(VECTORS)},
        {"text": TEXTS, "vector": list(VECTORS), "side": [1, 2, 3]},
        {"text": TEXTS, "vector": [[1.0], [1.0, 2.0], [1.0]]},
        {"text": TEXTS, "vector": [[1.0], None, [1.0]]},
    ):
        pd.DataFrame(frame).to_parquet(tmp_path / "mine.parquet")
        error = refusal(lambda: open_encoder(str(tmp_path / "mine.parquet")))
        assert error.key in ("encoder.wrong vectors", "encoder.no vectors"), frame
    save_file({"embeddings": VECTORS}, tmp_path / "mine.safetensors")
    error = refusal(lambda: open_encoder(str(tmp_path / "mine.safetensors")))
    assert "vectors" in str(error)


def test_vectors_without_their_texts_are_refused(tmp_path):
    path = write(tmp_path, ".npy")
    path.with_suffix(".txt").write_text("one\ntwo\n")
    error = refusal(lambda: open_encoder(str(path)))
    assert error.values["number"] == 2
    path.with_suffix(".txt").unlink()
    assert "mine.txt" in str(refusal(lambda: open_encoder(str(path))))


def test_nothing_is_unpickled(tmp_path):
    evil = np.array([Touch(tmp_path / "run")], object)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name in ("texts", "vectors"):
            buffer = io.BytesIO()
            np.save(buffer, evil, allow_pickle=True)
            archive.writestr(f"{name}.npy", buffer.getvalue())
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Touch(tmp_path / "run")))
    np.save(tmp_path / "c.npy", evil, allow_pickle=True)
    (tmp_path / "c.txt").write_text("one\n")
    for name in ("a.npz", "b.npz", "c.npy"):
        error = refusal(lambda name=name: open_encoder(str(tmp_path / name)))
        assert error.key == "encoder.wrong vectors"
    assert not (tmp_path / "run").exists()


def test_a_header_that_promises_more_than_there_is_is_refused(tmp_path):
    path = write(tmp_path, ".npy")
    path.write_bytes(path.read_bytes().replace(b"(3, 2), ", b"(9999999999, 99), "))
    assert refusal(lambda: open_encoder(str(path))).key == "encoder.wrong vectors"


def test_the_format_is_seen_without_opening(tmp_path):
    for suffix in SUFFIXES:
        assert format_of(str(write(tmp_path, suffix))) == "vectors"
    assert format_of("endpoint:mine") == "endpoint"
    assert format_of("function:mine") == "function"
    assert refusal(lambda: format_of("vectors:mine")).key == "encoder.none here"
