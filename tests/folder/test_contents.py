"""A model folder from elsewhere is untrusted: every kind of damage in its files is told."""

from __future__ import annotations

import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssm_core.errors import UserError
from dssm_core.folder import FAITHFULNESS, LARGEST, LengthBand, ModelFolder, find_folders
from dssm_core.runtimes.encoder import SIDES
from tests import tiny
from tests.examples import examples
from tests.folder.opened import NESTED, PARTS, config, opened, read_all, refused
from tests.project.hostile import KERAS, Touch
from tests.tiny import CONFIG, EXAMPLE, archive, bare_folder, npy


def test_a_good_folder_gives_all_that_it_holds(tmp_path):
    folder = opened(tmp_path)
    assert folder.name == "m"
    assert (folder.scale, folder.bias) == (4.0, -1.0)
    assert folder.vocabulary == {"red": 3, "door": 1}
    assert folder.metrics == {}
    assert folder.examples == [EXAMPLE]
    assert folder.random_pairs.tolist() == pytest.approx([-0.2, 0.0, 0.2, 0.4])
    assert folder.random_pairs.dtype == np.float32


@pytest.mark.parametrize("name", LARGEST)
def test_a_missing_file_is_named(tmp_path, name):
    found = refused(tmp_path, **{name.replace(".", "_"): None})
    assert f"m has no {name}" in found


@pytest.mark.parametrize("name", LARGEST)
def test_a_file_beyond_its_size_is_not_opened(tmp_path, name, monkeypatch):
    path = bare_folder(tmp_path / "m")
    with (path / name).open("ab") as file:
        os.truncate(file.fileno(), LARGEST[name] + 1)  # sparse: takes no room
    read_text = Path.read_text

    def only_small(file, *args):
        assert file.name != name
        return read_text(file, *args)

    monkeypatch.setattr(Path, "read_text", only_small)
    with pytest.raises(UserError, match=rf"m/{name} is larger than .* and was not opened"):
        ModelFolder.open(path)


@pytest.mark.parametrize("name", LARGEST)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"{", NESTED], ids=lambda c: repr(c[:3]))
def test_a_damaged_file_is_named(tmp_path, name, content):
    path = bare_folder(tmp_path / "m", **{name.replace(".", "_"): content})
    if name == "examples.jsonl" and not content:
        assert ModelFolder.open(path).examples == []
        return
    with pytest.raises(UserError, match=f"m/{name}"):
        read_all(ModelFolder.open(path))


@pytest.mark.parametrize("name", ["config.json", "vocabulary.json", "metrics.json"])
@pytest.mark.parametrize("content", [b"", b"{", NESTED, b'"\xff"'], ids=lambda c: repr(c[:3]))
def test_what_is_no_json_is_told_as_that(tmp_path, name, content):
    found = refused(tmp_path, **{name.replace(".", "_"): content})
    assert f"m/{name} is not readable JSON" in found


@pytest.mark.parametrize("name", ["config.json", "vocabulary.json", "metrics.json"])
@pytest.mark.parametrize("content", [b"[]", b"[1]", b'"text"', b"5", b"null", b"NaN"])
def test_json_of_the_wrong_kind_is_named(tmp_path, name, content):
    assert f"m/{name}" in refused(tmp_path, **{name.replace(".", "_"): content})


FIGURES = {**tiny.FAITHFULNESS, "fingerprint": "0" * 12}


@pytest.mark.parametrize(
    "changed",
    [
        {"fingerprint": 5},
        {"pairs": "40"},
        {"least": math.nan},
        {"times": []},
        {"times": {"effect": {"mean": 2.0, "low": 1.5}}},
        {"times": {"effect": {"mean": "2", "low": 1.5, "high": 2.5}}},
        {"sides": []},
        {"sides": {}},
        {"sides": {"query": {**FIGURES["sides"]["query"], "deletion": {}}}},
        {"sides": {"query": {"pairs": 40, "times": {}}}},
        {"sides": {"query": {**FIGURES["sides"]["query"], "deletion": {"random": "x"}}}},
        {"sides": {"query": {**FIGURES["sides"]["query"], "insertion": {"random": 5}}}},
    ],
    ids=str,
)
def test_figures_of_explanations_that_are_none_are_refused(tmp_path, changed):
    path = bare_folder(tmp_path / "m")
    (path / FAITHFULNESS).write_text(json.dumps(FIGURES))
    assert ModelFolder.open(path).faithfulness is None  # another model's
    (path / FAITHFULNESS).write_text(json.dumps({**FIGURES, **changed}))
    with pytest.raises(UserError, match=r"m/faithfulness\.json is damaged"):
        ModelFolder.open(path)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"{", NESTED, b"[]", b"5", b"x" * 200_000]
)
def test_a_file_of_figures_that_is_none_is_named(tmp_path, content):
    path = bare_folder(tmp_path / "m")
    (path / FAITHFULNESS).write_bytes(content)
    with pytest.raises(UserError, match=r"m/faithfulness\.json"):
        ModelFolder.open(path)


def test_another_version_is_told_with_both_numbers(tmp_path):
    assert "it reads format 1 (found: 2)" in refused(tmp_path, config_json=config(format=2))
    assert "does not read" in refused(tmp_path, config_json=config(format=None))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"family": 5}, "family"),
        ({"model": None}, "model"),
        ({"model": []}, "model"),
        ({"text": "long"}, "text"),
        ({"head": None}, "head"),
        ({"head": {"scale": "x", "bias": 0}}, "scale"),
        ({"head": {"scale": 1}}, "bias"),
        ({"head": {"scale": True, "bias": 0}}, "scale"),
        ({"head": {"scale": 1, "bias": float("inf")}}, "bias"),
        ({"head": {"scale": 10**400, "bias": 0}}, "scale"),
        ({"text": {**CONFIG["text"], "rows": "many"}}, "rows"),
        ({"text": {**CONFIG["text"], "rows": 2}}, "rows"),
        ({"text": {**CONFIG["text"], "query_length": 0}}, "query_length"),
        ({"text": {**CONFIG["text"], "document_length": 1.5}}, "document_length"),
        ({"text": {}}, "rows"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_configuration_of_the_wrong_kinds_names_the_field(tmp_path, changed, named):
    found = refused(tmp_path, config_json=config(**changed))
    assert "m/config.json" in found
    assert f'"{named}"' in found


ENCODER = {
    "reference": "endpoint:mine",
    "fingerprint": "0123",
    "options": {},
    "prompts": {"query": "", "document": "passage: "},
}
"""What a folder says of somebody else's encoder."""


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"encoder": None}, "encoder"),
        *(({"encoder": {**ENCODER, name: 5}}, "encoder") for name in ENCODER),
        *(({"encoder": {**ENCODER, name: None}}, "encoder") for name in ENCODER),
        *(({"encoder": {**ENCODER, "prompts": {side: ""}}}, "encoder") for side in SIDES),
        ({"encoder": {**ENCODER, "prompts": {"query": 1, "document": ""}}}, "encoder"),
        ({"head": {"scale": 1}}, "head"),
        ({"head": {"scale": 1, "bias": "x"}}, "head"),
        ({"head": {"scale": float("nan"), "bias": 0}}, "head"),
    ],
    ids=lambda value: str(value)[:90],
)
def test_a_reference_to_an_encoder_of_the_wrong_kinds_is_refused(tmp_path, changed, named):
    good = {"family": "encoder", "encoder": ENCODER, "head": {}}
    assert opened(tmp_path / "m", config_json=config(**good)).is_adopted
    assert f'"{named}"' in refused(tmp_path, config_json=config(**good | changed))


@pytest.mark.parametrize(
    "wrong", [[0.5] * 100, [0.5] * 102, 0.5, [math.nan] * 101, [math.inf] * 101]
)
def test_a_background_of_a_length_is_101_numbers(wrong):
    good = {"from": 1, "to": 9, "quantiles": [n / 100 for n in range(101)]}
    assert LengthBand.of(good).share_below(0.5) == 0.5
    with pytest.raises(ValueError, match="101 numbers"):
        LengthBand.of({**good, "quantiles": wrong})


# the random pairs


def huge_npy() -> bytes:
    """A hundred bytes that claim to hold 8 petabytes."""
    return npy(np.zeros(1)).replace(b"'shape': (1,)", b"'shape': (9" + b"0" * 14 + b",)")


@pytest.mark.parametrize(
    "content",
    [
        npy(np.array([os.system], dtype=object), allow_pickle=True),
        npy(np.array([0.1, np.nan])),
        npy(np.array([0.1, np.inf])),
        npy(np.array(["a"])),
        npy(np.array([1j])),
        npy(np.zeros(1, [("a", int)])),
        npy(np.zeros(100))[:-8],
        huge_npy(),
        archive(["arr_0.npy"], npy(np.zeros(1))),
    ],
    ids=["pickle", "nan", "inf", "text", "complex", "struct", "truncated", "huge", "npz"],
)
def test_random_pairs_that_are_no_plain_numbers_are_named(tmp_path, content):
    assert "m/random_pairs.npy" in refused(tmp_path, random_pairs_npy=content)


def test_what_a_pickle_would_do_is_not_done(tmp_path):
    mark = tmp_path / "ran"
    pickled = npy(np.array([Touch(mark)], dtype=object), allow_pickle=True)
    np.load(io.BytesIO(pickled), allow_pickle=True)
    mark.unlink()  # it works where it is let
    assert "m/random_pairs.npy" in refused(tmp_path, random_pairs_npy=pickled)
    assert not mark.exists()


@given(st.integers(0, 135), st.binary(min_size=1, max_size=6))
@examples(150)
def test_random_pairs_with_any_bytes_damaged_are_refused_or_numbers(
    tmp_path_factory, place, damage
):
    content = npy(np.array([0.5, 0.25], np.float32))
    content = content[:place] + damage + content[place + len(damage) :]
    path = tmp_path_factory.getbasetemp()
    (path / "random_pairs.npy").write_bytes(content)
    try:
        said, values = "", ModelFolder(path, {}).random_pairs
    except UserError as error:
        said, values = str(error), np.zeros(0)
    assert "random_pairs.npy" in said or not said
    assert np.isfinite(values).all()


# the examples


@pytest.mark.parametrize(
    "line",
    [
        b"5",
        b"[]",
        b"{}",
        json.dumps({**EXAMPLE, "query": 5}).encode(),
        json.dumps({**EXAMPLE, "documents": "a red door"}).encode(),
        json.dumps({**EXAMPLE, "documents": [1]}).encode(),
        json.dumps({k: v for k, v in EXAMPLE.items() if k != "title"}).encode(),
        NESTED,
    ],
    ids=lambda line: line[:40].decode(),
)
def test_an_example_of_the_wrong_kind_is_named_by_its_line(tmp_path, line):
    good = json.dumps(EXAMPLE).encode()
    found = refused(tmp_path, examples_jsonl=good + b"\n\n" + line + b"\n")
    assert "m/examples.jsonl" in found
    assert "line 3" in found


def test_examples_may_hold_any_character_that_json_may(tmp_path):
    awkward = {**EXAMPLE, "query": "a\u2028b\u0085c\u2029d\x1ce", "documents": ["\ud7ff\r"]}
    line = json.dumps(awkward, ensure_ascii=False).encode() + b"\n"
    assert opened(tmp_path, examples_jsonl=line * 2).examples == [awkward, awkward]


# the whole


def test_the_fingerprint_changes_with_the_model_its_words_and_its_configuration(tmp_path):
    changes = [
        {},
        {"model_keras": archive(KERAS, b"other")},
        {"vocabulary_json": b'{"blue": 1}'},
        {"config_json": config(head={"scale": 4.5, "bias": -1.0})},
    ]
    found = [opened(tmp_path / str(i), **change).fingerprint for i, change in enumerate(changes)]
    assert len(set(found)) == 4
    assert opened(tmp_path / "again").fingerprint == found[0]
    assert opened(tmp_path / "notes", metrics_json=b'{"a": 1}').fingerprint == found[0]


def test_no_folder_and_a_file_in_its_place_are_told_with_their_path(tmp_path):
    (tmp_path / "file").write_text("x")
    for name in ("absent", "file"):
        with pytest.raises(UserError, match=f"no model folder here.*{name}.*train"):
            ModelFolder.open(tmp_path / name)


def test_the_good_folders_are_found_beside_the_broken_one(tmp_path):
    bare_folder(tmp_path / "b")
    bare_folder(tmp_path / "a", config_json=b"{")
    bare_folder(tmp_path / "c")
    bare_folder(tmp_path / ".c.new")
    (tmp_path / "notes.txt").write_text("no folder")
    first, second, third = find_folders(tmp_path)
    assert isinstance(first, UserError)
    assert "a/config.json" in str(first)
    assert [second.name, third.name] == ["b", "c"]
    assert list(find_folders(tmp_path / "absent")) == []


def test_opening_and_reading_a_folder_never_imports_keras(tmp_path):
    path = bare_folder(tmp_path / "m")
    code = f"""
import sys
from pathlib import Path
from dssm_core.folder import ModelFolder, find_folders
folder = ModelFolder.open(Path({str(path)!r}))
for part in {PARTS!r}:
    getattr(folder, part)
list(find_folders(Path({str(tmp_path)!r})))
print([name for name in ("keras", "tensorflow") if name in sys.modules])
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
