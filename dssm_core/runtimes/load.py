"""From a model folder to its towers: one table of loaders, each imported when it is asked for.

An adopted folder holds no weights: `encoders` opens what it refers to.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.towers import Towers


def _numpy(folder: ModelFolder) -> Towers | None:
    from dssm_core.runtimes.numpy_lstm import load_plain

    return load_plain(folder)


def _keras(folder: ModelFolder) -> Towers:
    from dssm_core.models.compiled import load_towers as load_compiled

    return load_compiled(folder)


def _adopted(folder: ModelFolder) -> Towers:
    from dssm_core.runtimes.encoder import EncoderTowers, is_alike
    from dssm_core.runtimes.encoders import open_encoder

    wanted = folder.config["encoder"]
    embedder = open_encoder(wanted["reference"], wanted["options"])
    facts = embedder.facts
    if facts.fingerprint != wanted["fingerprint"] or not is_alike(
        facts.samples, wanted.get("samples", [])
    ):
        raise UserError(
            "encoder.changed",
            facts.fingerprint,
            name=folder.name,
            fingerprint=wanted["fingerprint"],
            reference=wanted["reference"],
        )
    return EncoderTowers(embedder, wanted["prompts"], folder.scale, folder.bias)


RUNTIMES: dict[str, Callable[[ModelFolder], Towers | None]] = {"numpy": _numpy, "keras": _keras}
"""Loaders, the fastest first; one that cannot run a folder's model returns None."""


def load_towers(folder: ModelFolder, by: Literal["fastest", "keras"] = "fastest") -> Towers:
    """Load a folder's model and warm it up.

    Args:
        folder: the model folder.
        by: "fastest", the first runtime that reproduces the folder's stored examples (NumPy takes
            half a second); "keras", TensorFlow in any case (seconds).

    Raises:
        UserError: if no runtime can read the model, or the encoder that the folder refers to is
            not there, or is another than it was.
    """
    if folder.is_adopted:
        return _adopted(folder)
    loaders = RUNTIMES.values() if by == "fastest" else [RUNTIMES[by]]
    return next(towers for load in loaders if (towers := load(folder)) is not None)


@cache
def towers_at(path: Path) -> Towers:
    """Load a folder's model once for all the tasks of a process."""
    return load_towers(ModelFolder.open(path))
