"""The weights of a hashed LSTM with attention, read from its .keras archive without Keras.

Importing Keras takes seconds and 500 MB, of which reading needs nothing. Every array must be
where Keras puts it and of the shape that config.json says, so that a file of anybody's can make
this neither build nor open anything else.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from dssm_core.archive import MAX_WEIGHTS, check_archive

Shapes = dict[str, tuple[int, ...]]

FOLDERS = {
    "WordHashing": "word_hashing",
    "SignHashing": "sign_hashing",
    "LSTM": "lstm",
    "Attention": "attention",
    "Dense": "dense",
    "Beside": "beside",
}
"""A layer's folder in the file, less the "_1" that Keras adds to its second of a kind."""


def read_weights(path: Path, config: Mapping[str, Any]) -> dict[str, list[np.ndarray]]:
    """Return each layer's weights by its name, in Keras's order, as float32.

    Args:
        path: the archive.
        config: sizes and choices, those of `LSTMConfig`.

    Raises:
        Exception: if the archive holds another model, or is damaged.
    """
    check_archive(path)
    expected = _layers(config)
    if sum(math.prod(s) for _, shapes in expected.values() for s in shapes.values()) > MAX_WEIGHTS:
        raise ValueError(f"over {MAX_WEIGHTS:,} weights")
    with zipfile.ZipFile(path) as archive:
        layers = json.loads(archive.read("config.json"))["config"]["layers"]
        content = archive.read("model.weights.h5")
    kinds = {layer["config"]["name"]: layer["class_name"] for layer in layers}
    numbers: Counter[str] = Counter()
    places = {}
    for name, kind in kinds.items():
        places[name] = FOLDERS.get(kind, "") + (f"_{numbers[kind]}" if numbers[kind] else "")
        numbers[kind] += 1
    if {name for name, kind in kinds.items() if kind in FOLDERS} != set(expected):
        raise ValueError("other layers than these sizes and choices make")
    found = {}
    with h5py.File(io.BytesIO(content), "r") as file:
        for name, (kind, shapes) in expected.items():
            if kinds[name] != kind:
                raise ValueError(f"{name} is {kinds[name]}, not {kind}")
            found[name] = [
                _array(file, f"layers/{places[name]}/{place}", shape)
                for place, shape in shapes.items()
            ]
    return found


def _layers(config: Mapping[str, Any]) -> dict[str, tuple[str, Shapes]]:
    """Return the layers that have weights, by name: class, and shapes by place in its folder."""
    names = ("vocabulary", "embedding", "units", "hidden", "vector", "attention", "lexical")
    sizes = [config[name] for name in names]
    if not all(type(size) is int and size >= 0 for size in sizes):
        raise ValueError(f"sizes that are none: {sizes}")
    rows, width, units, hidden, vector, attention, lexical = sizes
    inside = {
        "W1": _dense(units + width, attention),
        "W2": _dense(units, attention),
        "V": _dense(attention, 1),
    }
    cell = [(width, 4 * units), (units, 4 * units), (4 * units,)]
    layers: dict[str, tuple[str, Shapes]] = {
        "embedding": ("WordHashing", {"vars/0": (rows, width), "vars/1": (rows,)}),
        "lstm": ("LSTM", {f"cell/vars/{i}": shape for i, shape in enumerate(cell)}),
        "attention": (
            "Attention",
            {
                f"{n}/{place}": shape
                for n, shapes in inside.items()
                for place, shape in shapes.items()
            },
        ),
        "out": ("Dense", _dense(1, 1)),
    }
    is_shared = config["dense"] == "shared"
    for side in ("",) if is_shared else ("query_", "doc_"):
        layers[f"{side}dense"] = ("Dense", _dense(2 * units, hidden))
        layers["vec" if is_shared else f"{side}dense_2"] = ("Dense", _dense(hidden, vector))
        layers[f"{side}skip"] = ("Dense", {"vars/0": (width, vector)})
    if lexical:
        layers["lexical"] = ("SignHashing", {"vars/0": (rows,)})
        layers["beside"] = ("Beside", {"vars/0": ()})
    return layers


def _dense(rows: int, columns: int) -> Shapes:
    return {"vars/0": (rows, columns), "vars/1": (columns,)}


def _array(file: h5py.File, place: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array that lies in this very file and has the shape, all of it numbers."""
    found: Any = file
    for part in place.split("/"):
        if not isinstance(found.get(part, getlink=True), h5py.HardLink):  # others lead elsewhere
            raise ValueError(f"{place} is not in the file")
        found = found[part]
    if found.external or found.is_virtual or found.shape != shape or found.dtype.kind != "f":
        raise ValueError(f"{place} is no array of {shape}")
    values = np.asarray(found[()], np.float32)
    if not np.isfinite(values).all():
        raise ValueError(f"{place} holds values that are no numbers")
    return values
