"""A file of vectors that were computed elsewhere: an encoder that knows some texts and no other.

- .npz: arrays `texts` [N], `vectors` [N, E] and, if they differ by side, `sides` [N].
- .safetensors: the tensor `vectors`; its metadata holds `texts`, and `sides`, as JSON lists.
- .parquet, .jsonl: a row has `text`, `vector` and, if it is of one side alone, `side`.
- .npy: vectors, beside a .txt of the same name with a text a line.

A side is "query" or "document"; without one, a vector is of both. The file is data: nothing in it
is unpickled.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dssm_core.errors import UserError
from dssm_core.runtimes.encoder import SIDES, Facts, Reading, fingerprint, read_words
from dssm_core.runtimes.tensors import read_tensors
from dssm_core.text import Token
from dssm_core.towers import Side

MAX_BYTES = 2_000_000_000
"""Of a file, unpacked: all of it is held in memory."""
MAX_ROWS = 1_000_000
"""Vectors of a file."""


class Stored(NamedTuple):
    """What a file holds.

    Attributes:
        texts: N of them.
        vectors: [N, E].
        sides: of each; empty for both.
    """

    texts: Sequence[str]
    vectors: np.ndarray
    sides: Sequence[str]


@dataclass(frozen=True)
class StoredVectors:
    """A file of vectors, as `Embedder`. A text that is not in it reads as nothing.

    Attributes:
        facts: what is known of it.
        rows: of `vectors`, by side and text.
        vectors: float32 [N, E].
        batch: texts at a time.
    """

    facts: Facts
    rows: Mapping[tuple[Side, str], int]
    vectors: np.ndarray
    batch: int = 1024

    def read(self, text: str, prompt: str, side: Side) -> Reading:
        """Return a text's words; a prompt is not put in front, for the vectors are there."""
        reading = read_words(text, "")
        if (side, text) in self.rows:
            return reading
        tokens = (Token(t.text, t.start, t.end, "skipped") for t in reading.tokens)
        return Reading(text, tuple(tokens))

    def embed(self, readings: Sequence[Reading], side: Side) -> tuple[np.ndarray, None]:
        """Return the vectors of texts that are in the file."""
        return self.vectors[[self.rows[side, reading.sent] for reading in readings]], None


def open_vectors(path: Path) -> StoredVectors:
    """Open a file of vectors.

    Raises:
        UserError: if it is damaged or too large, or holds anything else than one vector of finite
            numbers for each text and side.
    """
    stored = _read(path)
    if len(stored.texts) > MAX_ROWS:
        raise UserError("encoder.many vectors", file=path.name, most=MAX_ROWS)
    vectors, number = stored.vectors, len(stored.texts)
    is_table = vectors.dtype.kind in "fiu" and vectors.ndim == 2 and vectors.size
    if not is_table or len(vectors) != number or len(stored.sides) not in (0, number):
        shape = " × ".join(map(str, vectors.shape))
        raise UserError("encoder.no vectors", shape, name=path.name, number=number)
    with np.errstate(over="ignore"):  # what is too large is not finite then
        vectors = vectors.astype(np.float32)
    if not np.isfinite(vectors).all():
        raise UserError("encoder.not numbers", name=path.name)
    facts = Facts(
        path.stem,
        "vectors",
        fingerprint(_files(path)),
        vectors.shape[1],
        (path.name,),
        can_encode_any=False,
    )
    return StoredVectors(facts, _rows(stored, vectors, path.name), vectors)


def _files(path: Path) -> list[Path]:
    """Return the files of a reference: one, or vectors and the texts beside them."""
    return [path, path.with_suffix(".txt")] if path.suffix.lower() == ".npy" else [path]


def _read(path: Path) -> Stored:
    for file in _files(path):
        if not file.is_file():
            raise UserError("encoder.no texts", str(path.parent), file=file.name)
        _check_size(path, file.stat().st_size)
    try:
        stored = READERS[path.suffix.lower()](path)
        if unknown := set(stored.sides) - {"", *SIDES}:
            raise ValueError(f"the side {min(unknown, key=str)!r}")
        if not all(isinstance(text, str) for text in stored.texts):
            raise ValueError("a text that is none")
    except UserError:
        raise
    except Exception as error:  # NumPy's, zipfile's, Arrow's
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise UserError("encoder.wrong vectors", reason, file=path.name) from None
    return stored


def _check_size(path: Path, number: int) -> None:
    if number > MAX_BYTES:
        raise UserError("encoder.large file", f"{number:,}", file=path.name, most=MAX_BYTES)


def _rows(stored: Stored, vectors: np.ndarray, name: str) -> dict[tuple[Side, str], int]:
    """Return the row of each text on each side; a side's own goes before one of both."""
    known: dict[tuple[str, str], int] = {}
    sides = stored.sides or [""] * len(stored.texts)
    for i, (side, text) in enumerate(zip(sides, stored.texts, strict=True)):
        first = known.setdefault((side, text), i)
        if not np.array_equal(vectors[first], vectors[i]):
            raise UserError("encoder.two vectors", text, file=name)
    rows: dict[tuple[Side, str], int] = {}
    for side in SIDES:
        for given in ("", side):
            rows |= {(side, text): i for (own, text), i in known.items() if own == given}
    return rows


def _npz(path: Path) -> Stored:
    with zipfile.ZipFile(path) as archive:
        _check_size(path, sum(entry.file_size for entry in archive.infolist()))
    with np.load(path, allow_pickle=False) as arrays:
        sides = arrays["sides"].tolist() if "sides" in arrays else []
        return Stored(arrays["texts"].tolist(), arrays["vectors"], sides)


def _npy(path: Path) -> Stored:
    vectors = np.load(path, mmap_mode="r", allow_pickle=False)  # so that no header lies
    texts = path.with_suffix(".txt").read_text("utf-8").removesuffix("\n").split("\n")
    return Stored(texts, vectors, [])


def _safetensors(path: Path) -> Stored:
    vectors = read_tensors(path)["vectors"]
    import safetensors

    with safetensors.safe_open(path, "numpy") as file:
        described = file.metadata() or {}
    return Stored(json.loads(described["texts"]), vectors, json.loads(described.get("sides", "[]")))


def _jsonl(path: Path) -> Stored:
    texts, vectors, sides = [], [], []
    with path.open(encoding="utf-8") as lines:
        for line in islice(filter(str.strip, lines), MAX_ROWS + 1):
            item = json.loads(line)
            texts.append(item["text"])
            vectors.append(np.array(item["vector"]))
            sides.append(item.get("side") or "")
    return Stored(texts, np.stack(vectors), sides)


def _parquet(path: Path) -> Stored:
    """Read the rows in parts; texts stay coded, for a small file can repeat a long one."""
    import pyarrow.parquet as pq

    names = pq.read_schema(path).names
    coded = [name for name in ("text", "side") if name in names]
    file = pq.ParquetFile(path, read_dictionary=coded)
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    columns = [group.column(i) for group in groups for i in range(group.num_columns)]
    _check_size(path, sum(max(c.total_uncompressed_size, 4 * c.num_values) for c in columns))
    texts, vectors, sides = [], [], []
    for batch in file.iter_batches(columns=[*coded, "vector"]):
        texts += _words(batch["text"])
        sides += _words(batch["side"]) if "side" in names else []
        numbers = batch["vector"].flatten().to_numpy(zero_copy_only=False)
        lengths = set(batch["vector"].value_lengths().to_pylist())
        if len(lengths) != 1:
            raise ValueError("vectors of different widths")
        vectors.append(numbers.reshape(batch.num_rows, -1))
    return Stored(texts, np.concatenate(vectors), sides)


def _words(column: Any) -> list[str]:
    """Return a column's strings, each held once; one that is missing is empty."""
    coded = column if hasattr(column, "indices") else column.dictionary_encode()
    words = coded.dictionary.to_pylist()
    return ["" if i is None else words[i] for i in coded.indices.to_pylist()]


READERS: dict[str, Callable[[Path], Stored]] = {
    ".npz": _npz,
    ".npy": _npy,
    ".safetensors": _safetensors,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
"""By a file's suffix."""
