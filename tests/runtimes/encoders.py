"""Encoders that other libraries wrote, with what those libraries give for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from dssm_core.errors import UserError
from dssm_core.runtimes.encoder import EncoderTowers
from dssm_core.runtimes.encoders import open_encoder
from tests import ROOT

ENCODERS = ROOT / "tests" / "fixtures" / "encoders"
"""Folders that make.py there wrote."""
NAMES = sorted(path.parent.name for path in ENCODERS.glob("*/vectors.json"))
TEXTS: list[str] = json.loads((ENCODERS / "texts.json").read_text("utf-8"))
"""The first is empty; the last is longer than any encoder but mpnet reads."""

EVERY_KIND = ["bert-dense-tanh", "distilbert", "mpnet", "model2vec", "old-style", "onnx", "router"]
"""Of all files and weights there are."""


def towers(name: str, **options: Any) -> EncoderTowers:
    """Return a folder's towers."""
    return EncoderTowers(open_encoder(str(ENCODERS / name), options))


def refusal(path: Path) -> UserError:
    """Open what cannot be opened; return what a person is told."""
    with pytest.raises(UserError) as caught:
        open_encoder(str(path))
    assert "\n" not in str(caught.value)
    return caught.value


def outcome(path: Path, texts: Sequence[str] = TEXTS) -> str:
    """Open and use what may be wrong; return "encoded", or what a person is told."""
    told = "encoded"
    try:
        towers = EncoderTowers(open_encoder(str(path)))
        for side in ("query", "document"):
            towers.encode(texts, side)
    except UserError as error:
        told = str(error)
    assert "\n" not in told
    return told


@st.composite
def spoilt(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes with a few of them changed, left out or put in."""
    result = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(result)))
        length = draw(st.integers(0, 4))
        result[start : start + length] = draw(st.binary(max_size=4))
    return bytes(result)


def files_of(name: str) -> list[str]:
    """Return the paths of all files of a fixture, within it."""
    folder = ENCODERS / name
    return sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file())
