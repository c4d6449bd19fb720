"""A model folder made on purpose: what it would do or fill is refused.

Beside tests/folder, which damages folders by accident.
"""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from dataclasses import replace

import pytest

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.runtimes.load import load_towers
from tests.project.hostile import KERAS, Touch, measured
from tests.tiny import CONFIG, bare_folder


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
        (layer("Embedding", input_dim=2**31 - 1, output_dim=1024), "268,435,456 weights"),
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
