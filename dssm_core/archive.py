"""What a .keras archive says of its layers, checked before Keras builds any of them.

Safe mode keeps Keras from running code, but it builds whatever layer the archive names: ones that
read files, and ones of any size. Only what our families consist of is let through.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOST_BYTES = 4_000_000
"""Of the archive's config.json; our largest has 60,000."""

MOST_LAYERS = 200

MOST_WEIGHTS = 1 << 28
"""Estimated weights of all layers, 1 GB."""

_KERAS = """
    Functional InputLayer Embedding LSTM Dense Dropout SpatialDropout1D Add Concatenate Dot Flatten
    GetItem NotEqual Multiply Sum DTypePolicy GlorotUniform RandomUniform Orthogonal Ones Zeros
    NonNeg __keras_tensor__ __ellipsis__ __slice__
"""
_OURS = "LSTMModel WordHashing SignHashing MultiHot Attention Beside Cosine UnitVector"

KNOWN = frozenset([*_KERAS.split(), *_OURS.split()])
"""Classes that a model of ours may name."""

LAYERS = KNOWN & {
    "Embedding",
    "LSTM",
    "Dense",
    "LSTMModel",
    "WordHashing",
    "SignHashing",
    "Attention",
}
"""Those whose sizes say how much memory is taken."""

NO_WIDTHS = ("rows", "input_dim", "vocabulary", "query_length", "document_length")
"""Sizes that are no width of what comes out of a layer."""


def check_archive(path: Path) -> None:
    """Refuse an archive that names a class no family of ours has, or would grow without bound.

    Raises:
        ValueError: saying what is wrong.
        KeyError: if there is no config.json in it.
    """
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("config.json").file_size
        if size > MOST_BYTES:
            raise ValueError(f"its config.json has {size:,} bytes, over {MOST_BYTES:,}")
        objects = list(_objects(json.loads(archive.read("config.json"))))
    for item in objects:
        name, module = item["class_name"], item.get("module")
        known = isinstance(name, str) and name in KNOWN
        ours = module is None or str(module).split(".")[0] in ("keras", "dssm_core")
        if not known or not ours or item.get("registered_name") not in (None, name, f"dssm>{name}"):
            raise ValueError(f"it names {module}.{name}, which no model of ours has")
    layers = [item.get("config") or {} for item in objects if item["class_name"] in LAYERS]
    if len(layers) > MOST_LAYERS:
        raise ValueError(f"it has {len(layers):,} layers, over {MOST_LAYERS}")
    widths = [n for layer in layers for key, n in _sizes(layer) if key not in NO_WIDTHS]
    widest = max(widths, default=1)
    weights = sum(max((n for _, n in _sizes(layer)), default=1) * widest for layer in layers)
    if weights > MOST_WEIGHTS:
        raise ValueError(f"it would have over {MOST_WEIGHTS:,} weights")


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield each object that names a class, however deep."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            if "class_name" in found:
                yield found
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)


def _sizes(config: Any) -> Iterator[tuple[str, int]]:
    """Yield the whole numbers of a layer's configuration by name, less seeds and ids."""
    for key, value in config.items() if isinstance(config, dict) else ():
        if type(value) is int and key not in ("seed", "shared_object_id"):
            yield key, value
        yield from _sizes(value)
