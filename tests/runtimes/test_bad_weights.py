"""Tokenizers and weights that do not fit an encoder are refused, by name, before a text is read."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from dssm_core.runtimes import pooling, sentence_transformers
from tests.examples import examples
from tests.runtimes.encoders import ENCODERS, EVERY_KIND, files_of, outcome, refusal, spoilt


@pytest.mark.parametrize("number", [160, 100_000])
@pytest.mark.parametrize("name", ["bert-mean", "static", "model2vec"])
def test_a_tokenizer_with_more_entries_than_the_model_is_refused(folder_of, name, number):
    folder = folder_of(name)
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    tokenizer["model"]["vocab"]["newcomer"] = number  # one entry, far away
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert refusal(folder).key == "encoder.other tokenizer"


def test_a_tokenizer_that_fails_says_so(folder_of):
    folder = folder_of("bert-mean")
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    tokenizer["model"]["unk_token"] = "nowhere"
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert "nowhere" in outcome(folder) or "UNK" in outcome(folder)


# weights


def weights_of() -> list[tuple[str, str]]:
    return [(n, f) for n in EVERY_KIND for f in files_of(n) if f.endswith(".safetensors")]


def other_shapes(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield arrays of the shapes that a careless program would not notice, or only when it runs."""
    yield array[..., None]
    yield array[None]
    yield array[:0]
    yield array[:1]
    yield array.reshape(-1)[0]
    for axis in range(array.ndim):
        yield np.delete(array, -1, axis)
        yield np.concatenate([array, array], axis)


def is_model(name: str, tensor: str, array: np.ndarray, other: np.ndarray) -> bool:
    """Whether weights of another shape fit all the others, so that it is just another model."""
    if "pooler" in tensor:  # never used
        return True
    if other.ndim != array.ndim or not other.size:
        return False
    same_width = other.shape[1:] == array.shape[1:]
    more = len(other) >= len(array)
    if "position_embeddings" in tensor or "token_type_embeddings" in tensor:
        return same_width
    if tensor in ("embeddings", "embedding.weight") and name != "router":
        return more
    if tensor.endswith("word_embeddings.weight") or tensor == "embedding.weight":
        return same_width and more
    return False


@pytest.mark.slow
@pytest.mark.parametrize(("name", "file"), weights_of())
def test_weights_of_a_wrong_shape_are_refused_when_the_folder_is_opened(folder_of, name, file):
    folder = folder_of(name)
    weights = load_file(folder / file)
    for tensor, array in weights.items():
        for other in other_shapes(array):
            if other.shape == array.shape:
                continue
            save_file(weights | {tensor: np.ascontiguousarray(other)}, folder / file)
            if is_model(name, tensor, array, other):
                outcome(folder)
            else:
                refusal(folder)


def test_an_embedding_of_no_rows_is_refused_before_a_text_is_read(folder_of):
    folder = folder_of("bert-mean")
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if "position_embeddings" in name)
    save_file(weights | {name: weights[name][:0].copy()}, folder / "model.safetensors")
    assert "has the shape 0 ×" in refusal(folder).received


TABLE, ROWS = np.ones((4, 3), np.float32), np.arange(4)


@pytest.mark.parametrize(
    "weights",
    [
        {"embeddings": TABLE[..., None]},
        {"embeddings": TABLE[0]},
        {"embeddings": TABLE, "mapping": ROWS[:, None], "weights": np.ones((4, 1))},
        {"embeddings": TABLE, "weights": np.ones(3)},
    ],
)
def test_a_table_and_its_factors_have_one_shape(weights):
    assert sentence_transformers._rows({"embeddings": TABLE, "mapping": ROWS}).shape == (4, 3)
    with pytest.raises(ValueError, match="another shape"):
        sentence_transformers._rows(weights)


@pytest.mark.parametrize(("rows", "residual"), [(3, (4, 3)), (4, (4, 4)), (4, (3,))])
def test_what_goes_past_a_layer_has_its_shape(rows, residual):
    weights = {"linear.weight": TABLE, "linear.bias": np.zeros(rows, np.float32)}
    weights["residual.weight"] = np.zeros(residual, np.float32)
    with pytest.raises(ValueError, match="another shape"):
        pooling.dense({"use_residual": True}, weights)


@pytest.mark.parametrize(("name", "file"), weights_of())
def test_a_missing_weight_is_refused_by_name(folder_of, name, file):
    folder = folder_of(name)
    weights = load_file(folder / file)
    for tensor in weights:
        if tensor == "weights" or "pooler" in tensor or "token_type" in tensor:
            continue
        save_file({key: array for key, array in weights.items() if key != tensor}, folder / file)
        refusal(folder)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("name", "file"), weights_of())
def test_weights_that_are_no_numbers_are_refused(folder_of, name, file, bad):
    folder = folder_of(name)
    weights = load_file(folder / file)
    for tensor, array in weights.items():
        if array.dtype.kind == "f":
            spoilt = array.copy()
            spoilt.reshape(-1)[-1] = bad
            save_file(weights | {tensor: spoilt}, folder / file)
            assert refusal(folder).key == "encoder.damaged file"


def test_weights_so_large_that_the_vectors_are_no_numbers_are_told_without_a_warning(folder_of):
    folder = folder_of("bert-dense-tanh")
    weights = load_file(folder / "model.safetensors")
    huge = {name: np.full_like(array, 1e38) for name, array in weights.items()}
    save_file(huge, folder / "model.safetensors")
    assert outcome(folder) != "encoded"


def test_weights_of_other_kinds_are_read_or_refused(folder_of):
    folder = folder_of("static")
    weights = load_file(folder / "model.safetensors")
    for kind in (np.float64, np.float16):
        save_file({k: a.astype(kind) for k, a in weights.items()}, folder / "model.safetensors")
        assert outcome(folder) == "encoded"
    save_file({k: a.astype(np.complex64) for k, a in weights.items()}, folder / "model.safetensors")
    error = refusal(folder)
    assert error.key == "encoder.damaged file"
    assert "of the kind C64" in error.received


@examples(150)
@given(st.data())
def test_damaged_safetensors_are_refused_or_other_numbers(tmp_path_factory, data):
    source = ENCODERS / "static"
    folder = tmp_path_factory.mktemp("damaged")
    for name in ("modules.json", "tokenizer.json"):
        shutil.copy(source / name, folder)
    (folder / "1_Normalize").mkdir()
    content = (source / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data.draw(spoilt(content[:400])) + content[400:])
    outcome(folder)
    (folder / "model.safetensors").write_bytes(
        content[: data.draw(st.integers(0, len(content) - 1))]
    )
    assert refusal(folder).key == "encoder.damaged file"
