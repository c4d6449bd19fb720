"""Which module opens which encoder: one table, from a format to its loader.

A reference is how people name an encoder: a path, or `endpoint:NAME`, or `function:NAME`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dssm_core.errors import UserError
from dssm_core.runtimes.encoder import Embedder

Options = Mapping[str, Any]
"""What a person adds to a reference, such as the folder of a tokenizer."""


def _folder(reference: str, options: Options) -> Embedder:
    from dssm_core.runtimes.sentence_transformers import open_folder

    return open_folder(Path(reference), options.get("onnx", True) is True)


def _onnx(reference: str, options: Options) -> Embedder:
    from dssm_core.runtimes.sentence_transformers import open_file

    settings = options.get("tokenizer")
    return open_file(Path(reference), Path(settings) if settings else None)


def _endpoint(reference: str, options: Options) -> Embedder:
    from dssm_core.runtimes.endpoint import open_endpoint

    return open_endpoint(reference.partition(":")[2])


def _function(reference: str, options: Options) -> Embedder:
    from dssm_core.runtimes.function import open_function

    return open_function(reference.partition(":")[2])


def _vectors(reference: str, options: Options) -> Embedder:
    from dssm_core.runtimes.vectors import open_vectors

    return open_vectors(Path(reference))


FORMATS: dict[str, Callable[[str, Options], Embedder]] = {
    "folder": _folder,
    "onnx": _onnx,
    "endpoint": _endpoint,
    "function": _function,
    "vectors": _vectors,
}
"""Loaders by format; each imports its libraries when it is asked for."""

NAMED = {"endpoint", "function"}
"""Formats whose reference is a name, not a path."""
SUFFIXES = {
    ".onnx": "onnx",
    **dict.fromkeys((".npz", ".npy", ".safetensors", ".parquet", ".jsonl"), "vectors"),
}
"""Formats of files."""
PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib"}
"""Suffixes of files that can run any code when they are read."""
PROGRAMS = {".pb", ".tflite", ".h5", ".gguf"}
"""Suffixes of files that are programs, or that nothing here reads."""


def format_of(reference: str) -> str:
    """Return the format of a reference, a key of FORMATS, without opening it.

    Raises:
        UserError: if there is nothing there, or it is refused, with what to do instead.
    """
    scheme, separator, _ = reference.partition(":")
    if separator and scheme in NAMED:
        return scheme
    path = Path(reference)
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            raise UserError("encoder.program", reference)
        return "folder"
    if not path.is_file():
        raise UserError("encoder.none here", reference)
    suffix = path.suffix.lower()
    if suffix in PICKLES:
        raise UserError("encoder.pickle", reference, file=path.name)
    if suffix in PROGRAMS:
        raise UserError("encoder.program", reference)
    if suffix not in SUFFIXES:
        raise UserError("encoder.unknown format", path.name)
    return SUFFIXES[suffix]


def open_encoder(reference: str, options: Options | None = None) -> Embedder:
    """Open an encoder.

    Args:
        reference: a path, or `endpoint:NAME`, or `function:NAME`.
        options: what its loader takes besides.

    Raises:
        UserError: if it is not there, damaged, unsafe, or not known; in one sentence.
    """
    return FORMATS[format_of(reference)](reference, options or {})
