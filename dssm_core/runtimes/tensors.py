"""Weights of a .safetensors file as NumPy arrays: data only, never code.

Source: the safetensors format, huggingface/safetensors README, "Format".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dssm_core.errors import UserError

MAX_BYTES = 4_000_000_000
"""Of a file of weights."""

KINDS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "U8": "u1",
    "I8": "i1",
}


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Return a file's arrays by name; floats as float32.

    Raises:
        UserError: if the file is missing, too large, damaged, or its library is not installed.
    """
    try:
        import safetensors
    except ImportError:
        raise UserError("encoder.no library", library="safetensors") from None
    if not path.is_file():
        raise UserError("encoder.no file", str(path.parent), file=path.name)
    if path.stat().st_size > MAX_BYTES:
        raise UserError(
            "encoder.large file", f"{path.stat().st_size:,}", file=path.name, most=MAX_BYTES
        )
    try:
        stored: list[tuple[str, dict[str, Any]]]
        stored = safetensors.deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
        return {name: _array(values) for name, values in stored}
    except Exception as error:  # the library raises its own, NumPy ValueError
        raise UserError("encoder.damaged file", str(error), file=path.name) from None


def _array(values: dict[str, Any]) -> np.ndarray:
    shape, kind, data = values["shape"], values["dtype"], values["data"]
    if kind == "BF16":  # the upper half of a float32
        bits = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        result: np.ndarray = bits.view(np.float32)
    elif kind in KINDS:
        result = np.frombuffer(data, KINDS[kind])
    else:
        raise ValueError(f"numbers of the kind {kind}")
    if result.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what is too large for float32 is infinite, so refused
            result = result.astype(np.float32)
        if not np.isfinite(result).all():
            raise ValueError("a weight is no finite number")
    return result.reshape(shape)
