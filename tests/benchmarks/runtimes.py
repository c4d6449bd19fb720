"""The document tower by TensorFlow's compiled function, by NumPy, and by ONNX Runtime.

    pip install onnx onnxruntime
    python -m tests.benchmarks.runtimes --json runtimes.json

In turns on 1 to 1,000 held-out documents, reading the texts included; all must agree with the
compiled function to 1e-5, attention too. NumPy is the live path (`PlainTower`). The ONNX graph is
written by hand for the shipped family, because no exporter takes the whole tower: tf2onnx 1.17
stops at `unsorted_segment_min`, and LiteRT's builtins know no list of unknown length, so that it
would need its Flex delegate, which is TensorFlow again. A batch's distinct words are embedded by
NumPy, and what follows is the graph, with the fused LSTM. Without the two packages, the other two
are measured.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from dssm_core.runtimes.load import load_towers

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from dssm_core.corpus.pairs import read_pairs
from dssm_core.folder import ModelFolder
from dssm_core.runtimes.numpy_lstm import Words
from dssm_core.runtimes.weights import read_weights
from dssm_core.text import Reader
from tests.benchmarks.figures import alternately, median, print_rows, resident

SIZES = (1, 10, 100, 1000)

BATCH = 128
"""Texts that go through the ONNX graph at a time, as through `PlainTower`."""


class OnnxWords(Words):
    """A model folder's words, read as `PlainTower` reads them."""

    def __init__(self, folder: ModelFolder) -> None:
        config = folder.config["model"]
        self.weights = read_weights(folder.path / "model.keras", config)
        super().__init__(self.weights, config["lexical"])
        self.length = config["document_length"]
        self.reader = Reader(folder.vocabulary, config["vocabulary"])

    def read(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return embedded [U, E] and lexical [U, L] words, their places [N, T], lengths [N]."""
        words = [[t.text for t in self.reader.read(x, self.length) if t.is_read] for x in texts]
        distinct = list(dict.fromkeys(word for row in words for word in row))
        place = {word: i for i, word in enumerate(distinct)}
        pieces = self.reader.numbers(distinct)  # [U, P]
        lengths = np.array([len(row) for row in words], np.int32)
        places = np.zeros((len(words), lengths.max()), np.int64)
        for into, row in zip(places, words, strict=True):
            into[: len(row)] = [place[word] for word in row]
        return self.embedded(pieces), self.signed(pieces), places, lengths


class OnnxTower:
    """The tower as an ONNX graph behind NumPy's embedding of the distinct words."""

    def __init__(self, folder: ModelFolder) -> None:
        import onnxruntime

        self.words = OnnxWords(folder)
        self.session = onnxruntime.InferenceSession(
            _graph(self.words.weights), providers=["CPUExecutionProvider"]
        )

    def __call__(self, texts: Sequence[str]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return vectors [N, E] and each text's attention, padded."""
        names = ("embedded", "lexical", "places", "lengths")
        vectors, attention = [], []
        for start in range(0, len(texts), BATCH):
            read = self.words.read(texts[start : start + BATCH])
            found, weights = self.session.run(None, dict(zip(names, read, strict=True)))
            vectors.append(found)
            attention += list(weights)
        return np.concatenate(vectors), attention


def _graph(of: dict[str, list[np.ndarray]]) -> bytes:
    """Return the ONNX model from words to vectors and attention."""
    from onnx import TensorProto, helper, numpy_helper

    kernel, recurrent, bias = of["lstm"]
    units = len(recurrent)

    def gates(values: np.ndarray) -> np.ndarray:
        """Return Keras's input, forget, fresh, output as ONNX's input, output, forget, fresh."""
        enter, forget, fresh, out = np.split(values.T, 4)
        return np.concatenate([enter, out, forget, fresh])[None]

    held = {
        "W": gates(kernel),
        "R": gates(recurrent),
        "B": np.concatenate([gates(bias), np.zeros((1, 4 * units))], axis=1),
        "gain": np.exp(of["beside"][0]),
        "skip": of["skip"][0],
        "least": np.array(-3e4),
    }
    held["w1"], held["b1"], held["w2"], held["b2"], held["wV"], _ = of["attention"]
    held["wH"], held["bH"], held["wE"], held["bE"] = *of["dense"], *of["vec"]
    tensors = [numpy_helper.from_array(v.astype(np.float32), name) for name, v in held.items()]
    axes = {"0": [0], "1": [1], "2": [2], "zero": 0, "one": 1}
    tensors += [numpy_helper.from_array(np.array(v, np.int64), f"i{k}") for k, v in axes.items()]
    nodes: list[Any] = []

    def add(kind: str, inputs: str, outputs: str, **settings: Any) -> None:
        names = ["" if name == "-" else name for name in inputs.split()]
        nodes.append(helper.make_node(kind, names, outputs.split(), **settings))

    add("Gather", "embedded places", "words")  # [N, T, E]
    add("Gather", "lexical places", "signs")  # [N, T, L]
    add("Transpose", "words", "by_step", perm=[1, 0, 2])
    add("LSTM", "by_step W R B lengths", "states last", hidden_size=units)
    add("Squeeze", "states i1", "steps")  # [T, N, H]
    add("Transpose", "steps", "outputs", perm=[1, 0, 2])
    add("Squeeze", "last i0", "state")  # [N, H]
    add("Concat", "outputs words", "features", axis=2)
    for name, value in (("1", "features"), ("2", "state")):
        add("MatMul", f"{value} w{name}", f"m{name}")
        add("Add", f"m{name} b{name}", f"d{name}")
    add("Unsqueeze", "d2 i1", "beside")
    add("Add", "d1 beside", "sum")
    add("Tanh", "sum", "compared")
    add("MatMul", "compared wV", "logits")  # [N, T, 1]
    add("Shape", "places", "shape")
    add("Gather", "shape ione", "longest")
    add("Range", "izero longest ione", "steps_of")
    add("Cast", "lengths", "many", to=TensorProto.INT64)
    add("Unsqueeze", "many i1", "column")
    add("Less", "steps_of column", "there")
    add("Unsqueeze", "there i2", "present")
    add("Where", "present logits least", "masked")
    add("Softmax", "masked", "weights", axis=1)
    add("Squeeze", "weights i2", "attention")
    for value, name in (("features", "context"), ("signs", "read")):
        add("Mul", f"{value} weights", f"weighed_{name}")
        add("ReduceSum", f"weighed_{name} i1", name, keepdims=0)
    sizes = np.array([units, kernel.shape[0]], np.int64)
    tensors.append(numpy_helper.from_array(sizes, "sizes"))
    add("Split", "context sizes", "seen attended", axis=1)
    add("Concat", "seen state", "summary", axis=1)
    add("Gemm", "summary wH bH", "hidden")
    add("Gemm", "hidden wE bE", "dense")
    add("MatMul", "attended skip", "skipped")
    add("Add", "dense skipped", "whole")
    for name in ("whole", "read"):
        add("LpNormalization", name, f"{name}_unit", axis=1)
    add("Mul", "read_unit gain", "gained")
    add("Concat", "whole_unit gained", "both", axis=1)
    add("LpNormalization", "both", "vectors", axis=1)
    floats, ints = TensorProto.FLOAT, TensorProto.INT64
    inputs = [
        helper.make_tensor_value_info("embedded", floats, ["U", kernel.shape[0]]),
        helper.make_tensor_value_info("lexical", floats, ["U", "L"]),
        helper.make_tensor_value_info("places", ints, ["N", "T"]),
        helper.make_tensor_value_info("lengths", TensorProto.INT32, ["N"]),
    ]
    outputs = [
        helper.make_tensor_value_info("vectors", floats, ["N", "V"]),
        helper.make_tensor_value_info("attention", floats, ["N", "T"]),
    ]
    graph = helper.make_graph(nodes, "tower", inputs, outputs, tensors)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()


class LiveTower:
    """The towers that a model folder loads: in NumPy, or by Keras."""

    def __init__(self, folder: ModelFolder, by: Literal["fastest", "keras"] = "fastest") -> None:
        self.towers = load_towers(folder, by)

    def __call__(self, texts: Sequence[str]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return vectors [N, E] and each text's attention."""
        found = self.towers.encode(texts, "document")
        attention = [one.attention[[t.is_read for t in one.tokens]] for one in found]
        return np.stack([one.vector for one in found]), attention


TOWERS: dict[str, Any] = {
    "TensorFlow": lambda folder: LiveTower(folder, "keras"),
    "NumPy": LiveTower,
    "ONNX Runtime": OnnxTower,
}


def start(name: str, model: Path) -> None:
    """Load a tower, encode once, and print seconds since the process began and MiB."""
    began = float(os.environ["BEGAN"])
    TOWERS[name](ModelFolder.open(model))(["chess engine"])
    print(time.time() - began, resident())


def starts(names: Sequence[str], model: Path, times: int) -> list[dict[str, Any]]:
    """Return a row for each runtime: seconds from nothing to the first vector, and memory."""
    found: dict[str, list[list[float]]] = {name: [] for name in names}
    for _ in range(times):
        for name in names:
            command = [sys.executable, "-m", "tests.benchmarks.runtimes", "--start", name]
            environment = {**os.environ, "BEGAN": str(time.time())}
            ran = subprocess.run(
                [*command, "--model", str(model)],
                env=environment,
                check=True,
                capture_output=True,
                text=True,
            )
            found[name].append([float(value) for value in ran.stdout.split()[-2:]])
    return [
        {"runtime": name, "first vector, s": median(s for s, _ in rows), "MiB": rows[-1][1]}
        for name, rows in found.items()
    ]


def encoded(names: Sequence[str], folder: ModelFolder, times: int) -> list[dict[str, Any]]:
    """Return a row for each number of documents: milliseconds of each runtime."""
    towers = {name: TOWERS[name](folder) for name in names}
    documents = list(dict.fromkeys(read_pairs(folder.path / "pairs.csv")["document"]))
    vectors, attention = towers["TensorFlow"](documents[:64])
    gaps = {}
    for name in names[1:]:
        others, weights = towers[name](documents[:64])
        pairs = zip(attention, weights, strict=True)
        most = max(np.abs(one - other[: len(one)]).max() for one, other in pairs)
        gaps[name] = float(max(most, np.abs(vectors - others).max()))
        assert gaps[name] < 1e-5, f"{name} disagrees by {gaps[name]}"
    rows = []
    for number in SIZES:

        def texts(turn: int, number: int = number) -> list[str]:
            return [documents[(turn * number + i) % len(documents)] for i in range(number)]

        acts = {n: (lambda turn, t=t, of=texts: t(of(turn))) for n, t in towers.items()}
        seconds = alternately(acts, times if number < 1000 else max(3, times // 4))
        rows.append(
            {"documents": number} | {f"{n}, ms": 1000 * median(s) for n, s in seconds.items()}
        )
    print("largest difference: " + ", ".join(f"{n} {gap:.1e}" for n, gap in gaps.items()) + "\n")
    return rows


def main() -> None:
    """Measure, print both tables and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path("sample_models/debian-packages"))
    parser.add_argument("--times", type=int, default=24)
    parser.add_argument("--json", default="")
    parser.add_argument("--start", choices=TOWERS, help="load this one and say what it took")
    options = parser.parse_args()
    if options.start:
        return start(options.start, options.model)
    names = list(TOWERS)
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401

    except ImportError:
        print("onnx or onnxruntime is not installed: ONNX Runtime is left out")
        names.remove("ONNX Runtime")
    loads = starts(names, options.model, 5)
    rows = encoded(names, ModelFolder.open(options.model), options.times)
    print_rows(rows, options.json, loads=loads)
    print()
    print_rows(loads, "")


if __name__ == "__main__":
    main()
