"""A model folder with some files changed, opened and read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from tests.tiny import CONFIG, bare_folder

NESTED = b"[" * 100_000
PARTS = ("vocabulary", "metrics", "random_pairs", "examples", "fingerprint", "scale", "bias")


def opened(path: Path, **changed: bytes | None) -> ModelFolder:
    return ModelFolder.open(bare_folder(path / "m", **changed))


def config(**changed: object) -> bytes:
    """Return config.json with some values changed; None takes one out."""
    values = json.loads(json.dumps({**CONFIG, **changed}))
    return json.dumps({k: v for k, v in values.items() if v is not None}).encode()


def refused(path: Path, **changed: bytes | None) -> str:
    """Open a folder and read all of it, return the refusal."""
    with pytest.raises(UserError) as caught:
        read_all(opened(path, **changed))
    return str(caught.value)


def read_all(folder: ModelFolder) -> None:
    for part in PARTS:
        getattr(folder, part)
