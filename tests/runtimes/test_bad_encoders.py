"""An encoder that is half there, damaged or hostile: one sentence, and nothing else."""

from __future__ import annotations

import contextlib
import copy
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from dssm_core.runtimes import listing, onnx, pieces, tensors
from tests.runtimes.encoders import ENCODERS, EVERY_KIND, NAMES, TEXTS, files_of, outcome, refusal

NOT_NEEDED = {"config_sentence_transformers.json", "tokenizer_config.json", "vectors.json"}
"""Files without which an encoder is the same, but for prompts and the longest text."""
SAID_ELSEWHERE = ("bert_config.json", "Normalize/config.json", "LayerNorm/config.json")
"""Ends of files that say only what is the same everywhere, or what weights say, too."""
UNREAD = {
    ("bert-dense-tanh", "3_LayerNorm/config.json"),  # its weights say the size
    ("model2vec", "config.json"),  # modules.json and the tokenizer say it
    ("old-style", "tokenizer_config.json"),  # sentence_bert_config.json says the length
}
"""Files that are there for other libraries."""


# half folders


@pytest.mark.parametrize(
    ("name", "file"),
    [
        (name, file)
        for name in [*EVERY_KIND, "model2vec-bare"]
        for file in files_of(name)
        if Path(file).name not in NOT_NEEDED
    ],
)
def test_a_folder_without_one_of_its_files_is_refused(folder_of, name, file):
    folder = folder_of(name)
    (folder / file).unlink()
    if file.endswith(SAID_ELSEWHERE) or (name, file) in (
        ("onnx", "config.json"),
        ("model2vec", "config.json"),
        ("model2vec", "modules.json"),
    ):
        assert outcome(folder) == "encoded"
    else:
        named = {"model.onnx": "model.safetensors", "router_config.json": "config.json"}
        missing = Path(file).name
        error = refusal(folder)
        assert error.key in ("encoder.no file", "encoder.no tokenizer")
        assert named.get(missing, missing) in str(error)


def test_what_is_no_folder_is_refused(tmp_path):
    assert refusal(tmp_path / "nowhere").key == "encoder.none here"
    assert refusal(tmp_path).key == "encoder.no file"


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_pickled_weights_are_never_opened(folder_of, name):
    for fixture, place in (("bert-mean", "."), ("bert-dense-tanh", "2_Dense"), ("static", ".")):
        folder = folder_of(fixture)
        (folder / place / "model.safetensors").rename(folder / place / name)
        error = refusal(folder)
        assert error.key == "encoder.pickle"
        assert name in str(error)


@pytest.mark.parametrize(
    ("file", "key"),
    [
        *((f"model{suffix}", "encoder.pickle") for suffix in (".bin", ".PT", ".ckpt", ".pkl")),
        *((f"model{suffix}", "encoder.program") for suffix in (".pb", ".h5", ".gguf")),
        *((name, "encoder.unknown format") for name in ("notes.txt", "model", "onnx")),
    ],
)
def test_a_file_of_another_format_is_refused_unread(tmp_path, file, key):
    (tmp_path / file).write_bytes(b"anything")
    assert refusal(tmp_path / file).key == key


def test_a_saved_program_is_refused_whatever_lies_beside_it(folder_of):
    folder = folder_of("static")
    (folder / "saved_model.pb").write_bytes(b"")
    assert refusal(folder).key == "encoder.program"


@pytest.mark.parametrize(
    ("name", "file", "module", "limit"),
    [
        ("static", "modules.json", listing, "MAX_JSON"),
        ("static", "tokenizer.json", pieces, "MAX_FILE"),
        ("static", "model.safetensors", tensors, "MAX_BYTES"),
        ("onnx", "onnx/model.onnx", onnx, "MAX_BYTES"),
    ],
)
def test_a_file_over_its_limit_is_not_read(folder_of, monkeypatch, name, file, module, limit):
    folder = folder_of(name)
    size = (folder / file).stat().st_size
    monkeypatch.setattr(module, limit, size - 1)
    error = refusal(folder)
    assert error.key == "encoder.large file"
    assert error.values["file"] == Path(file).name
    assert f"{size:,}" in str(error)


@pytest.mark.parametrize(
    ("name", "library"),
    [("static", "safetensors"), ("static", "tokenizers"), ("onnx", "onnxruntime")],
)
def test_a_library_that_is_not_installed_is_named(folder_of, monkeypatch, name, library):
    monkeypatch.setitem(sys.modules, library, None)
    error = refusal(folder_of(name))
    assert (error.key, error.values["library"]) == ("encoder.no library", library)


# what the configurations say


def is_json(content: bytes) -> bool:
    with contextlib.suppress(ValueError, RecursionError):
        json.loads(content)
        return True
    return False


@pytest.mark.parametrize("file", ["modules.json", "1_Pooling/config.json", "config.json"])
def test_json_that_is_none_is_named(folder_of, file):
    for content in (b"", b"{", b"\xff", b"[" * 100_000):
        folder = folder_of("bert-mean")
        (folder / file).write_bytes(content)
        error = refusal(folder)
        assert (error.key, error.values["file"]) == ("encoder.damaged file", Path(file).name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"5", b'"x"', b"\xff\xfe", b"\0", b"[" * 100_000, b'{"a":NaN}'],
)
def test_damaged_json_is_refused_or_changes_nothing(folder_of, content):
    for name in EVERY_KIND:
        for file in files_of(name):
            if file.endswith(".json") and not file.endswith("vectors.json"):
                folder = folder_of(name)
                (folder / file).write_bytes(content)
                told = outcome(folder, TEXTS[1:3])
                if (name, file) not in UNREAD and not is_json(content):
                    assert told != "encoded", (name, file)


JUNK = [None, True, -1, 0, 2**70, 1e308, math.nan, "", "a\0b", "a/" * 5000, [], {}]


def changed(content: Any) -> Iterator[Any]:
    """Yield copies of JSON, in each another value put in another place, but for vocabularies."""
    for key in list(content) if isinstance(content, dict) else range(len(content)):
        for junk in JUNK:
            copied = copy.deepcopy(content)
            copied[key] = junk
            yield copied
        if key not in ("vocab", "merges") and isinstance(content[key], dict | list):
            for inner in changed(content[key]):
                copied = content.copy()
                copied[key] = inner
                yield copied


def json_files() -> list[tuple[str, str]]:
    """Return folders and files of each kind once, the tokenizers of all three kinds among them."""
    wanted = [("roberta", "tokenizer.json"), ("xlm-roberta", "tokenizer.json")]
    for name in ("bert-dense-tanh", "distilbert", "model2vec-bare", "old-style", "onnx", "router"):
        for file in files_of(name):
            is_new = not file.endswith("tokenizer.json") or name == "bert-dense-tanh"
            if file.endswith(".json") and not file.endswith("vectors.json") and is_new:
                wanted.append((name, file))
    return wanted


@pytest.fixture
def one_session(monkeypatch):
    """Have ONNX Runtime read a graph once: of what is wrong here, none of it is in the graph."""
    import onnxruntime

    make, made = onnxruntime.InferenceSession, {}

    def session(content, *given, **named):
        if content not in made:
            made[content] = make(content, *given, **named)
        return made[content]

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)


@pytest.mark.slow
@pytest.mark.usefixtures("one_session")
@pytest.mark.parametrize(("name", "file"), json_files())
def test_no_value_in_a_json_file_does_more_than_to_be_refused(folder_of, name, file):
    folder = folder_of(name)
    content = json.loads((folder / file).read_text("utf-8"))
    for other in changed(content):
        (folder / file).write_text(json.dumps(other))
        outcome(folder, TEXTS[1:3])


def with_module(folder: Path, **changes: Any) -> Path:
    modules = json.loads((folder / "modules.json").read_text())
    modules[-1] |= changes
    (folder / "modules.json").write_text(json.dumps(modules))
    return folder


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("sentence_transformers.models.LSTM", "encoder.unknown module"),
        ("sentence_transformers.models.Nothing", "encoder.unknown module"),
        ("evil.Module", "encoder.foreign module"),
        ("sentence_transformers_evil.models.Pooling", "encoder.foreign module"),
        ("os.system", "encoder.foreign module"),
        ("Pooling", "encoder.foreign module"),
    ],
)
def test_a_module_that_is_not_known_is_refused_by_name(folder_of, kind, key):
    error = refusal(with_module(folder_of("bert-mean"), type=kind))
    assert error.key == key
    assert kind.rsplit(".", 1)[-1] in str(error)


@pytest.mark.parametrize("path", ["..", "../router", "/etc", "1_Pooling/../..", "link"])
def test_a_path_outside_the_folder_is_refused(folder_of, tmp_path, path):
    folder = folder_of("bert-mean")
    (folder / "link").symlink_to(tmp_path)
    assert refusal(with_module(folder, path=path)).key == "encoder.path outside"
    router = folder_of("router")
    config = json.loads((router / "router_config.json").read_text())
    config["types"]["../x"] = config["types"]["query_0_StaticEmbedding"]
    config["structure"]["query"] = ["../x/../.."]
    (router / "router_config.json").write_text(json.dumps(config).replace('"../x"', '"../x/../.."'))
    assert refusal(router).key == "encoder.path outside"


@pytest.mark.parametrize(
    ("name", "file", "changes", "said"),
    [
        ("bert-mean", "1_Pooling/config.json", {"pooling_mode": "median"}, "median"),
        ("bert-mean", "sentence_bert_config.json", {"query_length": 8}, "query_length"),
        (
            "bert-mean",
            "sentence_bert_config.json",
            {"transformer_task": "fill-mask"},
            "transformer_task",
        ),
        (
            "bert-mean",
            "2_Normalize/config.json",
            {"module_input_name": "token_embeddings"},
            "module_input_name",
        ),
        (
            "bert-dense-tanh",
            "2_Dense/config.json",
            {"module_input_name": "token_embeddings"},
            "module_input_name",
        ),
        ("bert-dense-tanh", "2_Dense/config.json", {"use_residual": True}, "residual"),
        (
            "bert-dense-tanh",
            "2_Dense/config.json",
            {"activation_function": "evil.Tanh"},
            "evil.Tanh",
        ),
        ("bert-dense-tanh", "2_Dense/config.json", {"activation_function": "torch.nn.X"}, "nn.X"),
        ("bert-mean", "config.json", {"is_decoder": True}, "is_decoder"),
        ("bert-mean", "config.json", {"model_type": "t5"}, "t5"),
        ("bert-mean", "config.json", {"hidden_act": "silu"}, "silu"),
        ("bert-mean", "config.json", {"num_hidden_layers": 3}, "layer.2"),
        ("bert-mean", "config.json", {"num_attention_heads": 3}, "in 3 heads"),
        ("bert-mean", "config.json", {"num_attention_heads": -1}, "in -1 heads"),
        ("bert-mean", "config.json", {"position_embedding_type": "relative_key"}, "relative_key"),
        (
            "router",
            "router_config.json",
            {"parameters": {"route_mappings": {"x": "query"}}},
            "routes",
        ),
        ("router", "router_config.json", {"structure": {"document": []}}, "routes"),
    ],
)
def test_what_is_not_computed_here_is_refused_and_not_left_out(
    folder_of, name, file, changes, said
):
    folder = folder_of(name)
    content = json.loads((folder / file).read_text()) | changes
    (folder / file).write_text(json.dumps(content))
    error = refusal(folder)
    assert error.key == "encoder.unsupported"
    assert said in error.received


@pytest.mark.parametrize(
    ("order", "key", "said"),
    [
        ([0, 2, 1, 3], "encoder.unsupported", "Pooling after Dense"),
        ([0, 2, 3], "encoder.unsupported", "no Pooling"),
        ([1, 0, 2, 3], "encoder.unknown module", "Pooling"),
    ],
)
def test_modules_in_an_order_that_makes_no_vector_are_refused(folder_of, order, key, said):
    folder = folder_of("bert-dense-tanh")
    modules = json.loads((folder / "modules.json").read_text())
    kept = [modules[old] | {"idx": new} for new, old in enumerate(order)]
    (folder / "modules.json").write_text(json.dumps(kept))
    error = refusal(folder)
    assert error.key == key
    assert said in error.received


def test_sides_whose_vectors_have_two_widths_are_refused(folder_of):
    folder = folder_of("router")
    file = folder / "query_0_StaticEmbedding" / "model.safetensors"
    rows = load_file(file)["embedding.weight"]
    save_file({"embedding.weight": np.hstack([rows, rows])}, file)
    assert refusal(folder).key == "encoder.unsupported"


def test_a_cluster_below_0_is_refused(folder_of):
    folder = folder_of("model2vec-bare")
    weights = load_file(folder / "model.safetensors")
    weights["mapping"][-1] = -1  # for NumPy, the last row
    save_file(weights, folder / "model.safetensors")
    assert refusal(folder).key == "encoder.unsupported"


def test_every_fixture_is_accepted():
    assert len(NAMES) > 20
    for name in NAMES:
        assert outcome(ENCODERS / name) == "encoded"
