"""A model folder: everything that one trained model needs, as data and never as code.

A folder from elsewhere is untrusted: each file is checked for its presence, size and shape before
use, nothing is unpickled, and Keras loads registered layers only, under safe mode.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dssm_core.errors import UserError
from dssm_core.files import whole_folder

FORMAT = 1
"""Raised when a folder written by this code could no longer be read by older code."""

LARGEST = {
    "config.json": 1_000_000,
    "vocabulary.json": 64_000_000,
    "metrics.json": 4_000_000,
    "examples.jsonl": 16_000_000,
    "random_pairs.npy": 16_000_000,
    "model.keras": 512_000_000,
}
"""Bytes that a file of a model folder may have; the whole archive, unpacked, for model.keras."""

FAITHFULNESS = "faithfulness.json"
OPTIONAL = {FAITHFULNESS: 100_000}
"""The same of files that a folder may lack."""

ADOPTED = "encoder"
"""The family of a folder that refers to somebody else's encoder, and holds no weights itself."""

TRAINED_ONLY = {"vocabulary.json", "model.keras"}
"""Files that an adopted folder has not."""

MOST_WORDS = 10_000
"""Words that a model may read of a text; a model of plain ids pads every text to them."""

MODEL_FILES = {"metadata.json", "config.json", "model.weights.h5"}


@dataclass(frozen=True)
class LengthBand:
    """Random pairs whose documents are of like length.

    Attributes:
        first: words of the shortest document.
        last: words of the longest.
        quantiles: their cosines at 0, 1 … 100 %.
    """

    first: int
    last: int
    quantiles: np.ndarray

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> LengthBand:
        """Read an entry of metrics.json.

        Raises:
            KeyError, TypeError, ValueError: if it is something else.
        """
        quantiles = np.asarray(values["quantiles"], np.float64)
        if quantiles.shape != (101,) or not np.isfinite(quantiles).all():
            raise ValueError("quantiles are not 101 numbers")
        return cls(int(values["from"]), int(values["to"]), np.sort(quantiles))

    def share_below(self, cosine: float) -> float:
        """Return the share of its pairs with a lower cosine, in [0, 1], to one hundredth."""
        return min(1.0, float(np.searchsorted(self.quantiles, cosine)) / 100)


@dataclass(frozen=True)
class ModelFolder:
    """A validated model folder; reading it never loads Keras.

    Attributes:
        path: where it is.
        config: family, sizes, head, seed and library versions, as config.json holds them.
    """

    path: Path
    config: dict[str, Any]

    @classmethod
    def open(cls, path: Path) -> ModelFolder:
        """Check a folder and read its configuration.

        Raises:
            UserError: naming the file that is missing, damaged, too large or of another version.
        """
        if not path.is_dir():
            raise UserError("folder.none here", str(path))
        config = _json(path, "config.json")
        if not isinstance(config, dict) or config.get("format") != FORMAT:
            found = config.get("format") if isinstance(config, dict) else type(config).__name__
            raise UserError("folder.other version", str(found), name=path.name, format=FORMAT)
        is_adopted = config.get("family") == ADOPTED
        for name in LARGEST:
            if not (is_adopted and name in TRAINED_ONLY):
                _checked(path, name)
        if (path / FAITHFULNESS).exists():
            _faithfulness(path)
        sizes = "encoder" if is_adopted else "text"
        for key, kind in {"family": str, "model": dict, "head": dict, sizes: dict}.items():
            if not isinstance(config.get(key), kind):
                raise UserError(
                    "folder.wrong field", repr(config.get(key)), name=path.name, field=key
                )
        if is_adopted:
            _check_encoder(path, config)
        else:
            _check_numbers(path, config)
            _check_archive(path)
        return cls(path, config)

    @property
    def name(self) -> str:
        """The folder's own name, which the model picker shows."""
        return self.path.name

    @property
    def is_adopted(self) -> bool:
        """Whether it refers to somebody else's encoder."""
        return bool(self.config["family"] == ADOPTED)

    @property
    def scale(self) -> float:
        """w of the head; NaN where none was fitted."""
        return float(self.config["head"].get("scale", math.nan))

    @property
    def bias(self) -> float:
        """b of the head; NaN likewise."""
        return float(self.config["head"].get("bias", math.nan))

    @property
    def has_head(self) -> bool:
        """Whether there is a probability."""
        return not math.isnan(self.scale + self.bias)

    @property
    def model_files(self) -> list[Path]:
        """The files that say which model this is."""
        names = ("model.keras", "vocabulary.json", "config.json")
        return [self.path / n for n in names if not (self.is_adopted and n in TRAINED_ONLY)]

    @cached_property
    def vocabulary(self) -> dict[str, int]:
        """Words seen in training, with how often; empty for an encoder of somebody else's."""
        if self.is_adopted:
            return {}
        values = _json(self.path, "vocabulary.json")
        if not isinstance(values, dict):
            raise UserError("folder.damaged file", name=self.name, file="vocabulary.json")
        return values

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Held-out figures, as the commands measured them."""
        values = _json(self.path, "metrics.json")
        fusion = values.get("fusion", {}) if isinstance(values, dict) else None
        weight = fusion.get("weight") if isinstance(fusion, dict) else "none"
        if not (weight is None or _is_number(weight)):
            raise UserError("folder.damaged file", name=self.name, file="metrics.json")
        result: dict[str, Any] = values
        return result

    @cached_property
    def random_pairs(self) -> np.ndarray:
        """Cosines of random query-document pairs of the corpus, float32 [N], sorted."""
        try:
            with (self.path / "random_pairs.npy").open("rb") as file:
                values = np.lib.format.read_array(file, allow_pickle=False)
            if values.dtype.kind not in "fiu":
                raise ValueError(f"it holds {values.dtype}, not numbers")
            values = values.astype(np.float32).ravel()
        except Exception as error:  # NumPy's parser raises whatever a damaged header leads to
            raise UserError(
                "folder.damaged file", str(error), name=self.name, file="random_pairs.npy"
            ) from None
        if not np.isfinite(values).all():
            raise UserError("folder.not numbers", name=self.name)
        return np.sort(values)

    @cached_property
    def length_bands(self) -> list[LengthBand]:
        """Cosines of random pairs by length of the document; empty where they were not drawn."""
        try:
            bands = [LengthBand.of(band) for band in self.metrics.get("background", [])]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(
                "folder.damaged file", repr(error), name=self.name, file="metrics.json"
            ) from None
        return bands

    @cached_property
    def faithfulness(self) -> dict[str, Any] | None:
        """How well explanations find the words that matter, as `measure_faithfulness` has it.

        None where it was not measured, or with another model.
        """
        if not (self.path / FAITHFULNESS).exists():
            return None
        values = _faithfulness(self.path)
        return values if values["fingerprint"] == self.fingerprint else None

    @cached_property
    def examples(self) -> list[dict[str, Any]]:
        """What the first screen shows: title, note, query, documents and their stored scores."""
        try:
            text = (self.path / "examples.jsonl").read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                "folder.damaged file", str(error), name=self.name, file="examples.jsonl"
            ) from None
        return read_examples(text, f"{self.name}/examples.jsonl")

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits that change whenever the model or its vocabulary does."""
        digest = hashlib.sha256()
        for file in self.model_files:
            digest.update(file.read_bytes())
        return digest.hexdigest()[:12]


def read_examples(text: str, name: str) -> list[dict[str, Any]]:
    """Return the examples of JSON lines, each with title, note, query and documents.

    Args:
        text: one example a line.
        name: the file's name, for messages.

    Raises:
        UserError: naming the line that is something else.
    """
    examples = []
    for number, line in enumerate(text.split("\n"), 1):  # splitlines cuts at U+2028, too
        if not line.strip():
            continue
        try:
            example = json.loads(line)
            texts = [example["title"], example["note"], example["query"], *example["documents"]]
            if not all(isinstance(t, str) for t in texts) or isinstance(example["documents"], str):
                raise TypeError("title, note, query and each of documents must be text")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UserError(
                "examples.damaged line", f"{type(error).__name__}: {error}", name=name, line=number
            ) from None
        examples.append(example)
    return examples


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a model folder so that readers find the old one or the new one, never half of one.

    Args:
        path: the folder; replaced if it is there, save files in it by other names, which stay.
        files: contents by name.

    Raises:
        UserError: if the place cannot be written.
    """
    written = set(files)
    try:
        with whole_folder(path) as fresh:
            if path.is_dir():  # what is there by other names is somebody's own
                shutil.copytree(
                    path,
                    fresh,
                    symlinks=True,
                    ignore=lambda at, _: written if Path(at) == path else set(),
                    dirs_exist_ok=True,
                )
            for name, content in files.items():
                (fresh / name).write_bytes(content)
    except OSError as error:
        raise UserError("folder.cannot write", str(error), path=str(path)) from None


def find_folders(root: Path) -> Iterator[ModelFolder | UserError]:
    """Yield each model folder under a root in order of name; the broken ones as their trouble."""
    for path in sorted(root.iterdir()) if root.is_dir() else []:
        if path.is_dir() and not path.name.startswith("."):
            try:
                yield ModelFolder.open(path)
            except UserError as error:
                yield error


def _checked(path: Path, name: str) -> Path:
    file = path / name
    if not file.is_file():
        raise UserError("folder.missing file", name=path.name, file=name)
    size, most = file.stat().st_size, {**LARGEST, **OPTIONAL}[name]
    if size > most:
        raise UserError("folder.large file", f"{size:,}", name=path.name, file=name, most=most)
    return file


def _json(path: Path, name: str) -> Any:
    try:
        return json.loads(_checked(path, name).read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError("folder.not JSON", str(error), name=path.name, file=name) from None


def _check_numbers(path: Path, config: Mapping[str, Any]) -> None:
    """Refuse a configuration whose head or lengths are no numbers that a model can have."""
    head, text = config["head"], config["text"]
    fits = {
        **{name: _is_number(head.get(name)) for name in ("scale", "bias")},
        "rows": type(text.get("rows")) is int and 3 <= text["rows"] < 2**31,
        **{
            name: type(text.get(name)) is int and 1 <= text[name] <= MOST_WORDS
            for name in ("query_length", "document_length")
        },
    }
    for name, good in fits.items():
        if not good:
            raise UserError(
                "folder.wrong field", repr({**head, **text}.get(name)), name=path.name, field=name
            )


def _faithfulness(path: Path) -> dict[str, Any]:
    """Return what faithfulness.json holds, once it has every figure that page and card read."""
    values: dict[str, Any] = _json(path, FAITHFULNESS)
    try:
        sides = [*values["sides"].values()]
        numbers = [values["seed"], values["least"]]
        for row in (values, *sides):
            numbers.append(row["pairs"])
            for interval in row["times"].values():
                numbers += [interval["mean"], interval["low"], interval["high"]]
        for row in sides:
            for curves in (row["deletion"], row["insertion"]):
                numbers += [number for curve in curves.values() for number in curve] or [None]
        if not (sides and isinstance(values["fingerprint"], str) and all(map(_is_number, numbers))):
            raise ValueError("a figure is no number")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            "folder.damaged file", repr(error), name=path.name, file=FAITHFULNESS
        ) from None
    return values


def _check_encoder(path: Path, config: Mapping[str, Any]) -> None:
    """Refuse a configuration that does not say which encoder it refers to, or has half a head."""
    encoder, head = config["encoder"], config["head"]
    prompts = encoder.get("prompts")
    texts = [encoder.get("reference"), encoder.get("fingerprint")]
    if isinstance(prompts, dict):
        texts += [prompts.get("query"), prompts.get("document")]
    fits = {
        "head": not head or all(_is_number(head.get(name)) for name in ("scale", "bias")),
        "encoder": isinstance(prompts, dict)
        and isinstance(encoder.get("options"), dict)
        and all(isinstance(text, str) for text in texts),
    }
    for name, good in fits.items():
        if not good:
            raise UserError("folder.wrong field", repr(config[name]), name=path.name, field=name)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e30


def _check_archive(path: Path) -> None:
    """Refuse a model.keras that holds anything but Keras's three files, or unpacks too large."""
    try:
        with zipfile.ZipFile(path / "model.keras") as archive:
            entries = archive.infolist()
    except Exception as error:  # zipfile raises NotImplementedError, struct.error, ValueError
        raise UserError(
            "folder.damaged file", str(error), name=path.name, file="model.keras"
        ) from None
    names = sorted(entry.filename for entry in entries)
    if names != sorted(MODEL_FILES):
        raise UserError("folder.not Keras", ", ".join(names), name=path.name)
    if sum(entry.file_size for entry in entries) > LARGEST["model.keras"]:
        raise UserError("folder.large model", name=path.name, most=LARGEST["model.keras"])
