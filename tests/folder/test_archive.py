"""A model's archive from elsewhere is untrusted: damage is told, and nothing in it is run."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssm_core.errors import UserError
from dssm_core.folder import LARGEST, ModelFolder
from dssm_core.runtimes.load import load_towers
from tests.examples import examples
from tests.folder.opened import opened, refused
from tests.project.hostile import KERAS
from tests.tiny import archive, bare_folder


@pytest.mark.parametrize(
    "names",
    [
        [*KERAS, "evil.py"],
        [*KERAS, "../../evil"],
        [*KERAS, "/etc/cron.d/evil"],
        [*KERAS, "assets/"],
        [*KERAS[:2], "../model.weights.h5"],
        KERAS[:2],
        [],
    ],
    ids=str,
)
def test_an_archive_that_holds_anything_else_is_refused(tmp_path, names):
    found = refused(tmp_path, model_keras=archive(names))
    assert "m/model.keras is not a Keras model" in found
    for name in set(names) - set(KERAS):
        assert name in found


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_that_holds_a_file_twice_is_refused(tmp_path):
    assert "m/model.keras" in refused(tmp_path, model_keras=archive([*KERAS, "config.json"]))


def test_an_archive_that_unpacks_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(LARGEST, "model.keras", 10_000)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name in KERAS:
            target.writestr(name, b"0" * 5_000)
    assert len(buffer.getvalue()) < 1_000
    assert "m/model.keras unpacks to over" in refused(tmp_path, model_keras=buffer.getvalue())


@given(st.integers(0, 700), st.binary(min_size=1, max_size=6), st.booleans())
@examples(150)
def test_an_archive_with_any_bytes_damaged_is_refused_or_opens(tmp_path_factory, at, damage, cut):
    content = archive(KERAS)
    at %= len(content)
    content = content[:at] + damage + (b"" if cut else content[at + len(damage) :])
    path = bare_folder(tmp_path_factory.getbasetemp() / "fuzzed", model_keras=content)
    said = ""
    try:
        ModelFolder.open(path)
    except UserError as error:
        said = str(error)
    assert "fuzzed/model.keras" in said or not said


# what Keras is given


def test_a_lambda_layer_is_refused_and_its_code_is_not_run(tmp_path):
    import keras

    mark = tmp_path / "ran"
    inputs = keras.Input((None, 21), dtype="int32", name="query")
    place = str(mark)
    hostile = keras.layers.Lambda(lambda x: __import__("pathlib").Path(place).touch() or x)
    model = keras.Model(inputs, hostile(inputs))
    assert mark.exists()
    mark.unlink()  # building ran it
    model.save(tmp_path / "model.keras")
    folder = opened(tmp_path, model_keras=(tmp_path / "model.keras").read_bytes())
    with pytest.raises(UserError, match=r"m/model\.keras cannot be loaded"):
        load_towers(folder)
    assert not mark.exists()


def test_a_class_from_elsewhere_is_refused(tmp_path):
    hostile = {"module": "subprocess", "class_name": "Popen", "config": {"args": ["true"]}}
    content = {"metadata.json": b"{}", "config.json": json.dumps(hostile).encode()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name in KERAS:
            target.writestr(name, content.get(name, b""))
    folder = opened(tmp_path, model_keras=buffer.getvalue())
    with pytest.raises(UserError, match=r"m/model\.keras cannot be loaded"):
        load_towers(folder)


def test_an_archive_with_nothing_sensible_inside_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"m/model\.keras cannot be loaded.*train it again"):
        load_towers(opened(tmp_path))
