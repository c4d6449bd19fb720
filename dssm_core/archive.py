"""What a .keras archive says of its layers, checked before Keras builds any of them.

Safe mode keeps Keras from running code, but it builds whatever layer the archive names: ones that
read files, and ones of any size. Only what our families consist of is let through.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

import h5py

from dssm_core.families import FAMILIES

MAX_BYTES = 4_000_000
"""Of the archive's config.json; our largest has 60,000."""

MAX_LAYERS = 200

MAX_WEIGHTS = 1 << 28
"""Estimated weights of all layers, 1 GB."""

COMMON = frozenset(
    {
        *("Functional", "InputLayer", "Dense", "Dropout", "SpatialDropout1D", "Add", "Concatenate"),
        *("Dot", "Flatten", "GetItem", "NotEqual", "Multiply", "Sum", "DTypePolicy"),
        *("GlorotUniform", "RandomUniform", "Orthogonal", "Ones", "Zeros", "NonNeg"),
        *("__keras_tensor__", "__ellipsis__", "__slice__"),
    }
)
"""Classes of Keras that a model of any family may name; a family adds its own layers."""

NO_WIDTHS = ("rows", "input_dim", "vocabulary", "query_length", "document_length")
"""Sizes that are no width of what comes out of a layer."""


def check_archive(path: Path) -> None:
    """Refuse an archive that names a class no family of ours has, or would grow without bound.

    Raises:
        ValueError: saying what is wrong.
        KeyError: if there is no config.json in it, or there are no weights.
    """
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("config.json").file_size
        if size > MAX_BYTES:
            raise ValueError(f"its config.json has {size:,} bytes, over {MAX_BYTES:,}")
        objects = list(_objects(json.loads(archive.read("config.json"))))
        content = archive.read("model.weights.h5")
    own = {layer for family in FAMILIES.values() for layer in family.layers}
    packages = {"keras", *(family.builder.split(".")[0] for family in FAMILIES.values())}
    for item in objects:
        name, module = item["class_name"], item.get("module")
        known = isinstance(name, str) and name in COMMON | own
        ours = module is None or str(module).split(".")[0] in packages
        if not known or not ours or item.get("registered_name") not in (None, name, f"dssm>{name}"):
            raise ValueError(f"it names {module}.{name}, which no model of ours has")
    sized = own | {"Dense"}  # layers whose sizes say how much memory is taken
    layers = [item.get("config") or {} for item in objects if item["class_name"] in sized]
    if len(layers) > MAX_LAYERS:
        raise ValueError(f"it has {len(layers):,} layers, over {MAX_LAYERS}")
    sizes = [list(_sizes(layer, sized)) for layer in layers]
    widths = [n for layer in sizes for key, n in layer if key not in NO_WIDTHS]
    widest = max(widths, default=1)
    weights = sum(max((n for _, n in layer), default=1) * widest for layer in sizes)
    if weights > MAX_WEIGHTS:
        raise ValueError(f"it would have over {MAX_WEIGHTS:,} weights")
    _check_chunks(content)


def _check_chunks(content: bytes) -> None:
    """Refuse arrays that are packed in parts larger than themselves: a part is unpacked whole."""

    def look(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and math.prod(item.chunks or (0,)) > item.size:
            raise ValueError(f"{name} is packed in parts of {item.chunks}, and is {item.shape}")

    try:
        weights = h5py.File(io.BytesIO(content), "r")
    except OSError:  # no HDF5, which whoever reads it says
        return
    with weights:
        weights.visititems(look)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield each object that names a class, however deep."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if "class_name" in item:
                yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _sizes(config: Any, sized: Container[str]) -> Iterator[tuple[str, int]]:
    """Yield the whole numbers of a layer's configuration by name, less seeds and ids.

    Those of a layer inside it are that one's own: layers in layers would be gone through again
    from each of them.
    """
    waiting = [config]
    while waiting:
        item = waiting.pop()
        for key, value in item.items() if isinstance(item, dict) else ():
            if type(value) is int and key not in ("seed", "shared_object_id"):
                yield key, value
            elif isinstance(value, dict) and value.get("class_name") not in sized:
                waiting.append(value)
