"""The live path in NumPy: what Keras computes, without Keras, or not at all."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np
import pytest

from dssm_core.card.examples import score_towers
from dssm_core.corpus.pairs import read_pairs
from dssm_core.folder import ModelFolder
from dssm_core.runtimes.load import load_towers
from dssm_core.runtimes.numpy_lstm import PlainTower, Words, load_plain
from dssm_core.runtimes.weights import read_weights
from dssm_core.towers import Towers
from tests import ROOT, tiny

SAMPLES = ROOT / "sample_models"
WORDS = " ".join(tiny.TOPICS.values()).split()


def assert_alike(one: Towers, other: Towers, texts: list[str]) -> None:
    for side in ("query", "document"):
        for found, right in zip(one.encode(texts, side), other.encode(texts, side), strict=True):
            assert found.tokens == right.tokens
            assert found.vector == pytest.approx(right.vector, abs=1e-5)
            assert found.attention == pytest.approx(right.attention, abs=1e-5)


def store_examples(path: Path) -> ModelFolder:
    """Score a folder's examples by Keras, as `card` does."""
    folder = ModelFolder.open(path)
    towers = load_towers(folder, "keras")
    lines = []
    for example in folder.examples:
        scores = score_towers(towers, example, folder.random_pairs, folder.name).to_dict()
        lines.append(json.dumps({**example, "scores": scores}))
    (path / "examples.jsonl").write_text("\n".join(lines))
    return ModelFolder.open(path)


def copied(path: Path) -> Path:
    shutil.copytree(tiny.trained(), path)
    return path


def rewritten(path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """Change one file of a folder's archive."""
    with zipfile.ZipFile(path / "model.keras") as source:
        files = {entry: source.read(entry) for entry in source.namelist()}
    with zipfile.ZipFile(path / "model.keras", "w") as target:
        for entry, content in files.items():
            target.writestr(entry, change(content) if entry == name else content)


@pytest.mark.parametrize(
    ("dense", "lexical"),
    [
        ("per side", 0),
        pytest.param("shared", 0, marks=pytest.mark.slow),
        pytest.param("shared", 64, marks=pytest.mark.slow),
        pytest.param("per side", 64, marks=pytest.mark.slow),
    ],
)
def test_numpy_and_keras_encode_alike(tmp_path, dense, lexical):
    """Weights are drawn larger than a training starts with, so that every gate opens and shuts."""
    from dssm_core.models.lstm import LSTMConfig, build_lstm_model

    sizes = {"vocabulary": 50, "embedding": 12, "units": 9, "hidden": 7, "vector": 5, "pieces": 21}
    config = LSTMConfig(**sizes, attention=6, dense=dense, lexical=lexical)
    model = build_lstm_model(config)
    rng = np.random.default_rng(3)
    model.set_weights([rng.normal(0, 0.7, w.shape) for w in model.get_weights()])
    path = copied(tmp_path / "m")
    model.save(path / "model.keras")
    found = json.loads((path / "config.json").read_text())
    scale, bias = (float(w.ravel()[0]) for w in model.get_layer("out").get_weights())
    found |= {"model": asdict(config), "head": {"scale": scale, "bias": bias}}
    found["text"] |= {"rows": 50}
    (path / "config.json").write_text(json.dumps(found))
    folder = store_examples(path)
    plain = load_plain(folder)
    assert plain is not None
    texts = [" ".join(rng.choice(WORDS, rng.integers(1, 20))) for _ in range(200)]
    assert_alike(plain, load_towers(folder, "keras"), [*texts, "xylophones", "", "深度 👍"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["debian-packages", "cedict"])
def test_a_shipped_model_answers_without_keras_what_keras_would(name):
    folder = ModelFolder.open(SAMPLES / name)
    plain = load_plain(folder)
    assert plain is not None
    pairs = read_pairs(folder.path / "pairs.csv")
    texts = [*pairs["query"][:50], *pairs["document"][:50], "xylophonists", "", "深度 👍"]
    assert_alike(plain, load_towers(folder, "keras"), texts)


def test_a_word_goes_through_the_kernel_once_while_it_is_remembered(monkeypatch):
    """A full table is begun anew, under the eyes of several threads, and no vector changes."""
    folder = ModelFolder.open(tiny.trained())
    texts = [" ".join(WORDS[i : i + 5]) for i in range(0, len(WORDS) - 5, 2)]
    right = np.stack([e.vector for e in load_plain(folder).encode(texts, "document")])
    embedded: list[int] = []
    of = Words.embedded

    def counted(words, pieces):
        embedded.append(len(pieces))
        return of(words, pieces)

    monkeypatch.setattr(Words, "embedded", counted)
    towers = load_plain(folder)
    towers.encode(texts, "document")
    before = len(embedded)
    for side in ("document", "query"):
        towers.encode(texts, side)
    assert len(embedded) == before, "they are there"
    monkeypatch.setattr("dssm_core.runtimes.numpy_lstm.MET", 12)
    towers = load_plain(folder)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda text: towers.encode([text], "document")[0], 3 * texts))
    assert np.stack([e.vector for e in found]) == pytest.approx(np.tile(right, (3, 1)), abs=1e-6)
    assert len(embedded) > before + 10, "a table of twelve words is soon full"


def test_what_a_word_was_met_with_changes_no_digit_of_its_numbers():
    folder = ModelFolder.open(tiny.trained())
    config = folder.config["model"]
    weights = read_weights(folder.path / "model.keras", config)
    pieces = np.random.default_rng(0).integers(1, 50, (37, config["pieces"])).astype(np.int32)
    found = []
    for size in (1, 5, 37):
        words = Words(weights, config["lexical"])
        for start in range(0, len(pieces), size):
            table, _ = words.met(pieces[start : start + size])
        rows = slice(len(pieces))
        found.append(table.projected[rows].tobytes() + table.compared[rows].tobytes())
    assert len(set(found)) == 1


@pytest.mark.slow
def test_the_shipped_models_load_without_keras():
    code = f"""
import sys
from pathlib import Path
from dssm_core.scoring import Scorer
for name in ("debian-packages", "cedict"):
    scores = Scorer(Path({str(SAMPLES)!r}) / name).score("chess engine", ["plays chess", "a drum"])
    assert scores.results[0].cosine is not None
print([name for name in ("keras", "tensorflow", "streamlit") if name in sys.modules])
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_model_of_another_family_is_left_to_keras():
    folder = ModelFolder.open(SAMPLES / "notebook-lstm")
    assert load_plain(folder) is None
    assert load_towers(folder).encode(["chess"], "query")[0].is_readable


@pytest.mark.slow
def test_towers_that_give_other_numbers_than_are_stored_are_not_used(tmp_path, monkeypatch):
    folder = ModelFolder.open(copied(tmp_path / "m"))
    called = PlainTower.__call__

    def slightly_off(tower, *batch):
        vectors, attention = called(tower, *batch)
        return vectors, attention + 1e-4

    assert load_plain(folder) is not None
    monkeypatch.setattr(PlainTower, "__call__", slightly_off)
    assert load_plain(folder) is None
    towers = load_towers(folder)
    assert towers.encode(["piano"], "query")[0].attention.sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("kept", [[], ["title", "note", "query", "documents"]])
def test_without_stored_numbers_there_is_nothing_to_rely_on(tmp_path, kept):
    path = copied(tmp_path / "m")
    examples = [{key: example[key] for key in kept} for example in ModelFolder.open(path).examples]
    lines = [json.dumps(example) for example in examples if example]
    (path / "examples.jsonl").write_text("\n".join(lines))
    assert load_plain(ModelFolder.open(path)) is None


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("model", "units", 9),
        ("model", "units", 8.0),
        ("model", "hidden", -16),
        ("model", "lexical", 0),
        ("model", "dense", "per side"),
        ("model", "vocabulary", 2**40),
        ("text", "rows", 401),
        ("text", "pieces", 0),
        ("head", "scale", 3.0),
    ],
)
def test_a_configuration_that_says_otherwise_is_left_to_keras(tmp_path, part, key, value):
    path = copied(tmp_path / "m")
    config = json.loads((path / "config.json").read_text())
    config[part][key] = value
    (path / "config.json").write_text(json.dumps(config))
    assert load_plain(ModelFolder.open(path)) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"class_name": "Attention"', b'"class_name": "Dense"'),
        (b'"class_name": "SignHashing"', b'"class_name": "WordHashing"'),
        (b'"name": "attention"', b'"name": "attentive"'),
    ],
)
def test_layers_of_other_names_or_classes_are_left_to_keras(tmp_path, old, new):
    path = copied(tmp_path / "m")
    rewritten(path, "config.json", lambda content: content.replace(old, new))
    assert load_plain(ModelFolder.open(path)) is None


def swapped(layers: list[dict]) -> None:
    """Give the names of two layers to each other."""
    one, other = (next(x for x in layers if x["class_name"] == c) for c in ("LSTM", "Attention"))
    names = one["config"]["name"], other["config"]["name"]
    other["config"]["name"], one["config"]["name"] = names


def added(layers: list[dict]) -> None:
    """Add a layer with weights that no size or choice makes."""
    (more,) = (json.loads(json.dumps(x)) for x in layers if x["class_name"] == "Attention")
    more["config"]["name"] = "second"
    layers.append(more)


@pytest.mark.parametrize(
    ("change", "said"), [(swapped, "lstm is Attention, not LSTM"), (added, "other layers")]
)
def test_layers_that_are_not_those_of_the_sizes_are_refused(tmp_path, change, said):
    def changed(content: bytes) -> bytes:
        config = json.loads(content)
        change(config["config"]["layers"])
        return json.dumps(config).encode()

    path = copied(tmp_path / "m")
    rewritten(path, "config.json", changed)
    with pytest.raises(ValueError, match=said):
        read_weights(path / "model.keras", ModelFolder.open(path).config["model"])


def external(file: h5py.File, place: str) -> None:
    values, secret = file[place][()], Path(file.filename).with_name("secret.h5")
    with h5py.File(secret, "w") as other:
        other["values"] = values
    del file[place]
    file[place] = h5py.ExternalLink(secret, "values")


def soft(file: h5py.File, place: str) -> None:
    file["elsewhere"] = file[place][()]
    del file[place]
    file[place] = h5py.SoftLink("/elsewhere")


def raw(file: h5py.File, place: str) -> None:
    values, secret = file[place][()], Path(file.filename).with_name("secret.bin")
    secret.write_bytes(values.tobytes())
    del file[place]
    file.create_dataset(
        place, values.shape, values.dtype, external=[(str(secret), 0, values.nbytes)]
    )


def virtual(file: h5py.File, place: str) -> None:
    values, secret = file[place][()], Path(file.filename).with_name("secret.h5")
    with h5py.File(secret, "w") as other:
        other["values"] = values
    del file[place]
    layout = h5py.VirtualLayout(values.shape, values.dtype)
    layout[...] = h5py.VirtualSource(str(secret), "values", values.shape)
    file.create_virtual_dataset(place, layout)


def turned(file: h5py.File, place: str) -> None:
    values = file[place][()]
    del file[place]
    file[place] = values.T


def whole(file: h5py.File, place: str) -> None:
    values = file[place][()]
    del file[place]
    file[place] = values.astype(np.int32)


def no_number(file: h5py.File, place: str) -> None:
    file[place][0] = np.nan


def gone(file: h5py.File, place: str) -> None:
    del file[place]


@pytest.mark.parametrize(
    "change",
    [external, soft, raw, virtual, turned, whole, no_number, gone],
    ids=lambda f: f.__name__,
)
def test_weights_that_are_not_where_and_what_they_should_be_are_not_read(tmp_path, change):
    path, place = copied(tmp_path / "m"), "layers/word_hashing/vars/0"

    def changed(content: bytes) -> bytes:
        file = tmp_path / "weights.h5"
        file.write_bytes(content)
        with h5py.File(file, "r+") as weights:
            change(weights, place)
        return file.read_bytes()

    config = ModelFolder.open(path).config["model"]
    assert read_weights(path / "model.keras", config)["embedding"][0].shape == (400, 12)
    rewritten(path, "model.weights.h5", changed)
    with pytest.raises((ValueError, KeyError), match=place):
        read_weights(path / "model.keras", config)
    assert load_plain(ModelFolder.open(path)) is None


def test_weights_that_are_said_to_be_huge_are_never_made(tmp_path):
    path = copied(tmp_path / "m")
    config = {**ModelFolder.open(path).config["model"], "vocabulary": 2**27}

    def grown(content: bytes) -> bytes:
        file = h5py.File(buffer := io.BytesIO(content), "r+")
        del file["layers/word_hashing/vars/0"]
        file.create_dataset("layers/word_hashing/vars/0", (2**27, 12), "f4", chunks=True)
        file.close()
        return buffer.getvalue()

    rewritten(path, "model.weights.h5", grown)
    with pytest.raises(ValueError, match="weights"):
        read_weights(path / "model.keras", config)
