"""ONNX files through ONNX Runtime, each looked through before the runtime opens it.

An ONNX file is a graph of known operations, so data; but it may point at files beside it, and name
operations of a library that is to be loaded. Both are refused here, from the file's own bytes, and
the runtime gets the bytes and no path.

Source: onnx/onnx.proto (field numbers) and protobuf's wire format.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dssm_core.errors import UserError

MAX_BYTES = 2_000_000_000
"""Of an ONNX file; protobuf itself allows no more."""

DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}
"""Of operations that ONNX Runtime brings itself; optimum writes no others."""

NAMES = ("model.onnx", "onnx/model.onnx")
"""Where optimum and sentence-transformers put it."""


def find_onnx(folder: Path) -> Path | None:
    """Return a folder's ONNX file, the plain one before quantised and optimised ones."""
    named = [folder / name for name in NAMES if (folder / name).is_file()]
    others = sorted([*folder.glob("*.onnx"), *folder.glob("onnx/*.onnx")])
    return next(iter([*named, *others]), None)


class OnnxEncoder:
    """An encoder in an ONNX file, from ids to the vectors of pieces or of texts.

    Args:
        path: of the file.

    Attributes:
        width: of a vector.
        is_pooled: whether the file itself makes one vector of a text.

    Raises:
        UserError: if the file is damaged, unsafe, or no text encoder.
    """

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise UserError("encoder.no library", library="onnxruntime") from None
        content = _read(path)
        check_graph(content, path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = min(4, os.cpu_count() or 1)
        options.add_session_config_entry(
            "session.intra_op.allow_spinning", "0"
        )  # on a shared machine
        # A file may look like the runtime's other format, too, which was not looked through.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the runtime's own classes share no base
            raise UserError("encoder.damaged file", _first_line(error), file=path.name) from None
        self._path = path
        self._inputs = {entry.name for entry in self._session.get_inputs()}
        unknown = self._inputs - {"input_ids", "attention_mask", "token_type_ids", "position_ids"}
        outputs = {entry.name: entry.shape for entry in self._session.get_outputs()}
        wanted = ("last_hidden_state", "token_embeddings", "sentence_embedding")
        self._output = next((name for name in wanted if name in outputs), "")
        if "input_ids" not in self._inputs or unknown or not self._output:
            names = ", ".join([*sorted(self._inputs), *outputs])
            raise UserError("encoder.no text encoder", names, file=path.name)
        self.is_pooled = self._output == "sentence_embedding"
        width = outputs[self._output][-1]
        self.width = width if isinstance(width, int) else self(*_one_piece())[0].shape[-1]

    def __call__(self, ids: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, None]:
        """Encode texts.

        Args:
            ids: int [N, T].
            mask: bool [N, T], True where there is a piece.

        Returns:
            float [N, T, H], or [N, E] if `is_pooled`; and no attention, which files do not give.

        Raises:
            UserError: if the runtime fails, as where an id has no row, or returns something else.
        """
        given: dict[str, np.ndarray] = {
            "input_ids": ids.astype(np.int64),
            "attention_mask": mask.astype(np.int64),
            "token_type_ids": np.zeros(ids.shape, np.int64),
            "position_ids": np.broadcast_to(np.arange(ids.shape[1]), ids.shape),
        }
        try:
            (result,) = self._session.run(
                [self._output], {name: given[name] for name in self._inputs}
            )
        except Exception as error:
            raise UserError("encoder.failed", _first_line(error), name=self._path.name) from None
        shape = getattr(result, "shape", ())
        first = ids.shape[: 1 if self.is_pooled else 2]
        if shape[:-1] != first:
            found = " × ".join(map(str, shape))
            raise UserError("encoder.failed", found, name=self._path.name)
        return result, None


def _one_piece() -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((1, 1), np.int64), np.ones((1, 1), bool)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300]


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise UserError("encoder.no file", str(path.parent), file=path.name)
    if path.stat().st_size > MAX_BYTES:
        raise UserError(
            "encoder.large file", f"{path.stat().st_size:,}", file=path.name, most=MAX_BYTES
        )
    return path.read_bytes()


# Field numbers of onnx.proto: of each message, which fields hold which other message.
_INSIDE = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_DOMAIN = {"node": 7, "opset": 1, "function": 10}
_EXTERNAL = 13
"""Field of a tensor that points at another file."""
MAX_DEPTH = 50
"""Of graphs in graphs."""


def check_graph(content: bytes, path: Path) -> None:
    """Refuse a graph that reads other files or calls operations that the runtime does not bring.

    Raises:
        UserError: naming what is refused, or that the file is damaged.
    """
    try:
        reasons = _refused(memoryview(content), "model", 0)
        reason = next(reasons, None)
    except (IndexError, ValueError) as error:
        raise UserError("encoder.damaged file", str(error), file=path.name) from None
    if reason is not None:
        raise UserError("encoder.unsafe graph", reason, file=path.name)


def _refused(message: memoryview, kind: str, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        raise ValueError(f"graphs in graphs, over {MAX_DEPTH} deep")
    for field, value in _fields(message):
        if kind == "tensor" and field == _EXTERNAL:
            yield "external data"
        elif field == _DOMAIN.get(kind) and isinstance(value, memoryview):
            domain = bytes(value).decode("utf-8", "replace")
            if domain not in DOMAINS:
                yield f"the domain {domain}"
        elif isinstance(value, memoryview) and (inner := _INSIDE.get(kind, {}).get(field)):
            yield from _refused(value, inner, depth + 1)


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Yield a protobuf message's fields: number and value, bytes where there are any."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind, field = key & 7, key >> 3
        if not 0 < field < 1 << 29:  # some parsers drop the upper bits, and see another field
            raise ValueError("no protobuf")
        if kind == 0:
            value, at = _varint(message, at)
            yield field, value
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        elif kind == 2:
            size, at = _varint(message, at)
            yield field, message[at : at + size]
            at += size
        else:
            raise ValueError("no protobuf")
    if at > len(message):
        raise ValueError("the file is cut off")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("no protobuf")
