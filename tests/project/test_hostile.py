"""What comes from elsewhere is refused with a reason, in bounded time and memory, and is not run.

Beside tests/test_folder.py (model folders), tests/search/test_search.py (indexes),
tests/ui/compare/test_page.py
(links) and tests/inspection/test_compare.py (snapshots): what somebody would make on purpose.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import pickle
import random
import resource
import string
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dssm_core.corpus import opening, records
from dssm_core.corpus.pairs import read_pairs, stream_pairs
from dssm_core.corpus.reading import Choices, read_table, roles_of
from dssm_core.errors import UserError
from dssm_core.folder import LARGEST, ModelFolder
from dssm_core.inspection import compare
from dssm_core.inspection.compare import ENTRIES, load_snapshot, save_snapshot
from dssm_core.inspection.score_pairs import inspect_pairs
from dssm_core.runtimes.load import load_towers
from dssm_core.scoring import Scorer
from dssm_core.search.index import index_path, open_index, write_index
from dssm_core.search.nearest import VectorSearch
from dssm_core.towers import EncodingCache
from dssm_core.ui.common import state
from tests import ROOT
from tests.tiny import CONFIG, EXAMPLE, WordTowers, bare_folder, cpu_limit, npy

KERAS = ("metadata.json", "config.json", "model.weights.h5")


class Touch:
    """A value whose pickle makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def measured(work: Callable[[], object]) -> tuple[str, int, float]:
    """Return what a refusal says, the calls it made, and the MB of memory that it took at most.

    Calls of functions, in Python or C, are the work that can be counted on a busy machine.
    """
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    tracemalloc.start()
    sys.setprofile(count)
    try:
        with pytest.raises(UserError) as caught, cpu_limit():
            work()
        return str(caught.value), calls, tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        sys.setprofile(None)
        tracemalloc.stop()


# the archive of a model


def keras_archive(config: object, weights: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        content = {"config.json": json.dumps(config).encode(), "model.weights.h5": weights}
        for name in KERAS:
            target.writestr(name, content.get(name, b"{}"))
    return buffer.getvalue()


def functional(*layers: dict) -> dict:
    """Return a model's configuration of some layers, in a row."""
    config = {"name": "m", "trainable": True, "layers": list(layers)}
    config |= {"input_layers": [["query", 0, 0]], "output_layers": [["out", 0, 0]]}
    module = "keras.src.models.functional"
    return {
        "module": module,
        "class_name": "Functional",
        "config": config,
        "registered_name": "Functional",
    }


def layer(kind: str, module: str = "keras.layers", **config: object) -> dict:
    return {"module": module, "class_name": kind, "config": config, "registered_name": None}


def registered(name: str) -> dict:
    return {**layer("Dense", units=1), "registered_name": name}


@pytest.mark.parametrize(
    ("hostile", "said"),
    [
        (layer("Lambda", function="evil"), "names keras.layers.Lambda"),
        (layer("StringLookup", vocabulary="/etc/passwd"), "names keras.layers.StringLookup"),
        (layer("TextVectorization", vocabulary="/etc/passwd"), "TextVectorization"),
        (layer("TFSMLayer", filepath="/tmp/evil"), "names keras.layers.TFSMLayer"),
        (layer("TorchModuleWrapper", module=""), "TorchModuleWrapper"),
        (layer("RepeatVector", n=2**40), "names keras.layers.RepeatVector"),
        (layer("function", "builtins", name="eval"), "names builtins.function"),
        (layer("Popen", "subprocess", args=["true"]), "names subprocess.Popen"),
        (layer("Dense", "evil.module", units=1), "names evil.module.Dense"),
        (layer("get_file", "keras.utils", origin="http://example.invalid"), "get_file"),
        (registered("evil>Dense"), "which no model of ours has"),
        (layer("Dense", units=2**20), "268,435,456 weights"),
        (
            layer("Embedding", input_dim=2**31 - 1, output_dim=1024),
            "268,435,456 weights",
        ),
        (layer("LSTM", units=10**400), "268,435,456 weights"),
        (
            layer("WordHashing", "dssm_core.models.layers", rows=2**30, width=64),
            "268,435,456 weights",
        ),
        (
            layer("LSTMModel", "dssm_core.models.lstm", config={"units": 2**20}),
            "268,435,456 weights",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else value["class_name"],
)
def test_a_layer_that_no_family_has_or_of_any_size_is_never_built(
    tmp_path, monkeypatch, hostile, said
):
    import keras

    built: list[object] = []
    monkeypatch.setattr(keras.saving, "load_model", lambda *a, **b: built.append(a))
    content = keras_archive(functional(layer("InputLayer", name="query"), hostile))
    folder = ModelFolder.open(bare_folder(tmp_path / "m", model_keras=content))
    found, calls, megabytes = measured(lambda: load_towers(folder))
    assert "m/model.keras cannot be loaded" in found
    assert said in found
    assert built == []
    assert calls < 500_000
    assert megabytes < 100


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (functional(*[layer("Dense", units=8)] * 1_000), "1,000 layers, over"),
        ({"note": "x" * 5_000_000}, "config.json has 5,0"),
    ],
    ids=["many layers", "long"],
)
def test_a_configuration_that_goes_on_and_on_is_refused(tmp_path, config, said):
    folder = ModelFolder.open(bare_folder(tmp_path / "m", model_keras=keras_archive(config)))
    found, calls, _ = measured(lambda: load_towers(folder))
    assert said in found
    assert calls < 200_000


def test_an_object_hidden_deep_inside_a_known_layer_is_found(tmp_path):
    hidden: object = layer("Popen", "subprocess")
    for _ in range(50):
        hidden = [{"kernel_initializer": hidden}]
    content = keras_archive(functional(layer("Dense", units=1, activation=hidden)))
    folder = ModelFolder.open(bare_folder(tmp_path / "m", model_keras=content))
    with pytest.raises(UserError, match=r"names subprocess\.Popen"):
        load_towers(folder)


def test_weights_of_the_wrong_shape_are_refused(tmp_path):
    import keras

    from dssm_core.families import family
    from tests.training.runs import SIZES

    lstm = family("lstm")
    files = {}
    for name, units in (("one", 8), ("other", 10)):
        model = lstm.build(replace(lstm.config, **{**SIZES, "units": units}))
        path = tmp_path / f"{name}.keras"
        keras.saving.save_model(model, path)
        with zipfile.ZipFile(path) as archive:
            files[name] = {entry: archive.read(entry) for entry in archive.namelist()}
    config = json.loads(files["one"]["config.json"])
    content = keras_archive(config, files["other"]["model.weights.h5"])
    folder = ModelFolder.open(bare_folder(tmp_path / "m", model_keras=content))
    with pytest.raises(UserError, match=r"m/model\.keras cannot be loaded"):
        load_towers(folder)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name in KERAS:
            target.writestr(name, b"{}")
    # the directory claims 3 GB; the bytes are not there, and nobody looks for them
    content = bytearray(buffer.getvalue())
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = (3_000_000_000).to_bytes(4, "little")
    path = bare_folder(tmp_path / "m", model_keras=bytes(content))
    found, calls, megabytes = measured(lambda: ModelFolder.open(path))
    assert "unpacks to over" in found
    assert calls < 10_000
    assert megabytes < 10


# the other files of a model folder


@pytest.mark.parametrize("name", ["query_length", "document_length"])
def test_a_text_length_that_would_fill_the_memory_is_refused(tmp_path, name):
    config = {**CONFIG, "text": {**CONFIG["text"], name: 2_000_000_000, "pieces": 0}}
    with pytest.raises(UserError, match=f'no usable "{name}"'):
        ModelFolder.open(bare_folder(tmp_path / "m", config_json=json.dumps(config).encode()))


@pytest.mark.parametrize("fusion", [5, None, [], "x", {"weight": "x"}, {"weight": []}], ids=str)
def test_a_fusion_weight_that_is_no_number_is_refused(tmp_path, fusion):
    content = json.dumps({"fusion": fusion}).encode()
    folder = ModelFolder.open(bare_folder(tmp_path / "m", metrics_json=content))
    with pytest.raises(UserError, match=r"m/metrics\.json is damaged"):
        _ = folder.metrics


@pytest.mark.parametrize("name", ["vocabulary.json", "examples.jsonl", "random_pairs.npy"])
def test_a_pickle_in_the_place_of_any_file_is_not_loaded(tmp_path, name):
    mark = tmp_path / "ran"
    content = pickle.dumps(Touch(mark))
    pickle.loads(content)
    mark.unlink()  # it works where it is let
    path = bare_folder(tmp_path / "m", **{name.replace(".", "_"): content})
    folder = ModelFolder.open(path)
    with pytest.raises(UserError, match=f"m/{name}"):
        getattr(folder, name.split(".")[0])
    assert not mark.exists()


def test_a_link_out_of_the_folder_reads_no_more_than_the_file_may_have(tmp_path):
    path = bare_folder(tmp_path / "m", vocabulary_json=None)
    (path / "vocabulary.json").symlink_to("/dev/zero")
    with pytest.raises(UserError, match=r"no vocabulary\.json"):
        ModelFolder.open(path)


def test_huge_json_in_few_bytes_takes_little_memory(tmp_path):
    deep = b'{"a":' * 100_000
    long = b'{"a": ' + b"9" * 1_000_000 + b"}"
    for content in (deep, long):
        path = bare_folder(tmp_path / "m", vocabulary_json=content)
        found, calls, megabytes = measured(lambda path=path: ModelFolder.open(path).vocabulary)
        assert "m/vocabulary.json" in found
        assert calls < 10_000
        assert megabytes < 50


# tables


def test_many_short_lines_in_a_small_gzip_are_refused_before_they_are_cut():
    content = gzip.compress(b"query,document\n" + b"a,b\n" * 3_000_000)
    assert len(content) < 50_000
    for read in (read_pairs, read_table):
        found, calls, megabytes = measured(lambda read=read: read(content, "bomb.csv.gz"))
        assert "bomb.csv.gz has over 2,000,000 lines" in found
        assert calls < 10_000
        assert megabytes < 1.1 * opening.MAX_BYTES / 1e6


@pytest.mark.parametrize("is_packed", [True, False], ids=["gzip", "plain"])
def test_a_file_of_too_many_bytes_is_refused_in_little_memory(monkeypatch, is_packed):
    monkeypatch.setattr(opening, "MAX_BYTES", 1 << 20)
    content = b"query,document\na," + b"b" * (60 << 20) + b"\n"
    given = gzip.compress(content, 1) if is_packed else content
    for read in (read_pairs, read_table):
        found, _, megabytes = measured(lambda read=read: read(given, "f.csv"))
        assert "f.csv is larger than 1 MiB" in found
        assert megabytes < 8


def test_many_lines_of_json_are_refused_before_they_are_parsed():
    content = gzip.compress(b"{}\n" * 3_000_000)
    found, calls, megabytes = measured(lambda: read_table(content, "bomb.jsonl.gz"))
    assert "over 2,000,000 lines" in found
    assert calls < 10_000
    assert megabytes < 1.1 * opening.MAX_BYTES / 1e6


@pytest.mark.parametrize("read", [read_pairs, read_table])
@pytest.mark.parametrize("name", ["wide.csv", "wide.tsv"])
def test_a_header_of_a_million_columns_is_refused_at_once(read, name):
    separator = b"\t" if name.endswith("tsv") else b","
    content = b"query" + separator * 1_000_000 + b"document\n"
    found, calls, _ = measured(lambda: read(content, name))
    assert f"{name} has over 1,000 columns" in found
    assert calls < 10_000


@pytest.mark.slow
def test_a_stream_with_a_million_columns_is_refused_at_once(tmp_path):
    wide = {"query": "a", "document": "b", **dict.fromkeys(map(str, range(5_000)), "")}
    for name, content in (("w.csv", "query," * 500_000 + "\n"), ("w.jsonl", json.dumps(wide))):
        path = tmp_path / name
        path.write_text(content)
        found, calls, _ = measured(lambda path=path: next(stream_pairs(path)))
        assert "over 1,000 columns" in found
        assert calls < 50_000


def test_lines_of_json_with_a_key_each_do_not_make_a_square():
    lines = (json.dumps({f"k{i}": "v"}) for i in range(10_000))
    content = "\n".join(lines).encode()
    found, calls, _ = measured(lambda: read_table(content, "keys.jsonl"))
    assert "over 1,000 columns" in found
    assert calls < 2_000_000


def test_a_table_of_too_many_cells_is_refused(monkeypatch):
    monkeypatch.setattr(records, "MAX_CELLS", 1_000)
    rows = "\n".join(",".join("ab" * 10) for _ in range(60))
    header = ",".join(f"c{i}" for i in range(20))
    with pytest.raises(UserError, match="over 1,000 cells"):
        read_table(f"{header}\n{rows}".encode(), "cells.csv")


@pytest.mark.parametrize(
    "cell", ["1" * 300_000 + " x", "a1" * 150_000 + "é?", "-" * 300_000 + "!", "a" * 300_000 + "?"]
)
def test_a_long_cell_is_looked_at_once(cell):
    content = f"one,two\n{cell},b\n{cell},c\n".encode()
    with cpu_limit():  # looked at again from each character, it would take hours
        roles_of(read_table(content, "long.csv"), Choices())


def test_formulas_and_markup_in_a_table_stay_text():
    content = b"query,document\n\"=cmd|'/c calc'!A1\",<script>alert(1)</script>\n"
    (row,) = read_pairs(content, "f.csv").to_dict("records")
    assert row["query"] == "=cmd|'/c calc'!A1"
    assert row["document"] == "<script>alert(1)</script>"


# links


def test_a_link_that_is_longer_than_a_link_may_be_is_not_unpacked():
    def link(letters: int) -> str:
        text = "".join(random.Random(0).choices(string.ascii_letters, k=letters))
        view = {"model": "m", "query": text, "documents": ["d"], "threshold": 0.5}
        content = json.dumps({**view, "selected": 1, "second": ""}).encode()
        return base64.urlsafe_b64encode(zlib.compress(content)).decode().rstrip("=")

    assert len(link(7_000)) < 8_000 < len(link(9_000))
    assert len(state.unpack(link(7_000)).query) == 7_000
    with pytest.raises(UserError, match="too long"):
        state.unpack(link(9_000))


def test_a_link_that_unpacks_to_gigabytes_is_refused_in_little_memory():
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"a" * 1_000_000) for _ in range(5)) + packer.flush()
    link = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    assert len(link) <= state.MAX_LINK
    found, calls, megabytes = measured(lambda: state.unpack(link))
    assert "too large" in found
    assert calls < 10_000
    assert megabytes < 20


def test_every_link_that_is_made_can_be_read():
    def view(letters: int) -> state.View:
        return state.View("m", "a" * letters, ("d",), 0.5, 1)

    most = state.MAX_SHARED - len(json.dumps(asdict(view(0))))
    link = state.pack(view(most))
    assert link
    assert state.unpack(link) == view(most)
    assert state.pack(view(most + 1)) is None


@pytest.mark.parametrize(
    "values",
    [
        {"threshold": float("nan")},
        {"threshold": "1" * 5_000},
        {"selected": float("inf")},
        {"selected": "9" * 5_000},
        {"documents": [["a"]]},
        {"documents": {"a": "b"}},
        {"query": None},
        {"model": {}},
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_link_of_the_wrong_kinds_is_refused(values):
    good = {"model": "m", "query": "q", "documents": ["a"], "threshold": 0.5, "selected": 1}

    def link(**changed: object) -> str:
        content = json.dumps({**good, "second": "", **changed}).encode()
        return base64.urlsafe_b64encode(zlib.compress(content)).decode()

    assert state.unpack(link()).query == "q", "or it is refused for another reason"
    with pytest.raises(UserError, match="This link cannot be read"):
        state.unpack(link(**values))


# snapshots and indexes


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


# texts that are typed


def test_long_texts_do_not_fill_the_memory_that_all_sessions_share():
    towers = WordTowers()
    cache = EncodingCache(towers, max_tokens=2_000)
    texts = [f"{number} " + "a " * 900 for number in range(40)]
    for text in texts:
        assert cache.encode([text], "document")[0].text == text
    cache.encode(["a " * 3_000], "document")  # too long to keep at all, and answered all the same
    towers.calls.clear()
    short = [f"a {number}" for number in range(100)]
    cache.encode([texts[-1], *short], "document")
    cache.encode([texts[0], *short], "document")
    cache.encode(short, "document")
    assert towers.encoded() == [texts[-1], *short, texts[0]], "the shorter ones are kept"


# all of it under a limit that the system keeps


@pytest.mark.slow
def test_hostile_files_are_refused_by_a_process_that_may_not_take_much_memory(tmp_path):
    """The same refusals where memory beyond 3 GB of addresses is not given."""
    tables = {
        "lines.csv.gz": gzip.compress(b"query,document\n" + b"a,b\n" * 20_000_000, 1),
        "wide.csv": b"," * 2_000_000,
        "deep.jsonl": b'{"a":' * 200_000,
    }
    for name, content in tables.items():
        (tmp_path / name).write_bytes(content)
    bare_folder(tmp_path / "m", examples_jsonl=(json.dumps(EXAMPLE) + "\n").encode() * 10_000)
    assert LARGEST["examples.jsonl"] > (tmp_path / "m" / "examples.jsonl").stat().st_size
    code = """
import sys
from pathlib import Path
from dssm_core.corpus.reading import read_table
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
for name in sys.argv[2:]:
    try:
        read_table(Path(sys.argv[1], name))
    except UserError as error:
        print(error)
print(len(ModelFolder.open(Path(sys.argv[1], "m")).examples))
"""
    found = subprocess.run(
        [sys.executable, "-c", code, f"{tmp_path}", *tables],
        capture_output=True,
        text=True,
        timeout=600,
        env={"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30)),
    )
    lines = found.stdout.splitlines()
    assert found.returncode == 0, found.stderr
    assert "over 2,000,000 lines" in lines[0]
    assert "over 1,000 columns" in lines[1]
    assert "not JSON" in lines[2]
    assert lines[3] == "10000"
