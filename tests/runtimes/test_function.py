"""A Python function of an installed package as an encoder, and what it may do wrong."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from dssm_core.folder import ModelFolder
from dssm_core.runtimes.encoder import EncoderTowers, is_alike
from dssm_core.runtimes.encoders import open_encoder
from dssm_core.runtimes.load import load_towers
from dssm_core.towers import Towers
from tests.encoders import refusal
from tests.tiny import CONFIG, bare_folder

SOURCE = """
import numpy as np

def encode(texts):
    return np.array([[len(text), text.count("e"), 1] for text in texts], np.float32)

def listed(texts):
    return encode(texts).tolist()

class Sided:
    def encode_query(self, texts):
        return encode(texts)
    def encode_document(self, texts):
        return encode(texts) * 2

class WithSide:
    def encode(self, texts, side):
        return encode(texts) * {"query": 1, "document": 2}[side]

sided, with_side = Sided(), WithSide()

class TwoWidths(Sided):
    def encode_document(self, texts):
        return encode(texts)[:, :2]

two_widths = TwoWidths()

def fails(texts):
    raise RuntimeError("out of memory")

def leaves(texts):
    raise SystemExit("bye")

def bows_out(texts):
    if len(texts) == 1:
        raise KeyError("later")
    return encode(texts)

def one_short(texts):
    return encode(texts)[1:]

def flat(texts):
    return encode(texts)[:, 0]

def empty(texts):
    return encode(texts)[:, :0]

def worded(texts):
    return np.array([["a"] for _ in texts])

def ragged(texts):
    return [[1.0] * (i + 1) for i in range(len(texts))]

def not_finite(texts):
    return encode(texts) + np.nan

number = 7
"""


@pytest.fixture
def install(tmp_path, monkeypatch) -> Callable[..., None]:
    """Put a package with encoders where Python finds packages."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(source: str = SOURCE, version: str = "1.0", package: str = "mine", **names) -> None:
        (tmp_path / f"{package}_encoders.py").write_text(source)
        info = tmp_path / f"{package}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {package}\nVersion: {version}\n")
        points = [f"{name} = {package}_encoders:{value}" for name, value in names.items()]
        (info / "entry_points.txt").write_text("\n".join(["[dssm.encoders]", *points]))

    yield write
    for name in [name for name in sys.modules if name.endswith("_encoders")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("value", "ratio"), [("encode", 1), ("listed", 1), ("sided", 2), ("with_side", 2)]
)
def test_a_callable_and_objects_with_sides_encode(value, ratio, install):
    install(mine=value)
    encoder = open_encoder("function:mine")
    towers = EncoderTowers(encoder)
    assert (encoder.facts.width, encoder.facts.format) == (3, "function")
    (query,) = towers.encode(["red ☂"], "query")
    assert query.vector.tolist() == [5, 1, 1]
    assert [(t.text, t.state) for t in query.tokens] == [("red", "seen"), ("☂", "seen")]
    (document,) = towers.encode(["red ☂"], "document")
    assert (document.vector == query.vector * ratio).all()
    (prompted,) = towers.with_prompts({"query": "q: ", "document": ""}).encode(["red"], "query")
    assert prompted.tokens[0].state == "prompt"
    assert prompted.vector[0] == len("q: red")


@pytest.mark.parametrize(
    ("value", "key", "said"),
    [
        ("fails", "encoder.function failed", "RuntimeError: out of memory"),
        ("leaves", "encoder.function failed", "SystemExit: bye"),
        ("number", "encoder.function failed", "TypeError"),
        ("ragged", "encoder.function failed", "ValueError"),
        ("not_there", "encoder.function failed", "AttributeError"),
        ("one_short", "encoder.no vectors", "2 × 3"),
        ("flat", "encoder.no vectors", "3"),
        ("empty", "encoder.no vectors", "3 × 0"),
        ("worded", "encoder.no vectors", "3 × 1"),
        ("two_widths", "encoder.two widths", "3 ≠ 2"),
        ("not_finite", "encoder.not numbers", "finite"),
    ],
)
def test_a_function_that_is_wrong_is_said_in_one_sentence(value, key, said, install):
    install(mine=value)
    error = refusal(lambda: open_encoder("function:mine"))
    assert error.key == key
    assert said in str(error)


def test_a_function_that_fails_later_is_said_too(install):
    install(mine="bows_out")
    towers = EncoderTowers(open_encoder("function:mine"))
    error = refusal(lambda: towers.encode(["red"], "query"))
    assert "KeyError: 'later'" in str(error)


@pytest.mark.parametrize("given", [[["a", "b", "c"]], [[True] * 3], [[1j] * 3]], ids=str)
def test_what_turns_into_no_numbers_later_is_refused(install, given):
    install(mine="encode")
    encoder = replace(open_encoder("function:mine"), vectors=lambda *_: np.array(given))
    error = refusal(lambda: EncoderTowers(encoder).encode(["red"], "query"))
    assert error.key == "encoder.other shape"


def test_a_model_of_a_function_that_gives_other_vectors_now_is_refused(install, tmp_path):
    install(mine="encode", other="sided")
    facts = open_encoder("function:mine").facts
    kept = {"reference": "function:mine", "fingerprint": facts.fingerprint, "options": {}}
    kept |= {"prompts": {"query": "", "document": ""}, "samples": facts.samples.tolist()}

    def load(**changed: str) -> Towers:
        config = {**CONFIG, "family": "encoder", "encoder": kept | changed}
        path = bare_folder(tmp_path / "m", config_json=json.dumps(config).encode())
        return load_towers(ModelFolder.open(path))

    assert load().encode(["red"], "query")[0].is_readable
    for changed in ({"reference": "function:other"}, {"fingerprint": "0" * 12}):
        assert refusal(lambda changed=changed: load(**changed)).key == "encoder.changed"


def test_a_package_that_cannot_be_imported_is_said(install):
    install(source="import not_there_at_all", mine="encode")
    assert "not_there_at_all" in str(refusal(lambda: open_encoder("function:mine")))


def test_a_name_that_is_not_there_and_one_that_is_there_twice(install):
    install(mine="encode", other="encode")
    error = refusal(lambda: open_encoder("function:yours"))
    assert error.key == "encoder.no function"
    assert "mine, other" in str(error)
    install(package="rival", mine="encode")
    assert refusal(lambda: open_encoder("function:mine")).key == "encoder.two functions"
    assert open_encoder("function:other").facts.width == 3


def is_same(one, other):
    return one.fingerprint == other.fingerprint and is_alike(one.samples, other.samples.tolist())


def test_it_is_known_again_by_package_version_and_vectors(install, tmp_path):
    install(one="encode", same="listed", other="sided")
    install(package="rival", version="1.0", two="encode")
    install(package="late", version="1.1", three="encode")
    found = {
        name: open_encoder(f"function:{name}").facts
        for name in ("one", "same", "other", "two", "three")
    }
    assert is_same(found["one"], found.pop("same"))
    assert not any(is_same(one, other) for one, other in combinations(found.values(), 2))


def test_it_is_called_by_one_thread_at_a_time(install):
    install(mine="encode")
    encoder = open_encoder("function:mine")
    inside, most = threading.Semaphore(1), []

    def slow(texts: list[str]) -> np.ndarray:
        most.append(inside.acquire(blocking=False))
        threading.Event().wait(0.01)
        inside.release()
        return np.ones((len(texts), 3))

    sys.modules["mine_encoders"].encode = slow
    encoder = open_encoder("function:mine")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda text: EncoderTowers(encoder).encode([text], "query"), "abcdefgh"))
    assert len(most) == 10
    assert all(most)
