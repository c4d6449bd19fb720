"""Encoders that other libraries wrote, with what those libraries give for them."""

from __future__ import annotations

import json
from typing import Any

from dssm_core.runtimes.encoder import EncoderTowers
from dssm_core.runtimes.encoders import open_encoder
from tests import ROOT

ENCODERS = ROOT / "tests" / "fixtures" / "encoders"
"""Folders that make.py there wrote."""
NAMES = sorted(path.parent.name for path in ENCODERS.glob("*/vectors.json"))
TEXTS: list[str] = json.loads((ENCODERS / "texts.json").read_text("utf-8"))
"""The first is empty; the last is longer than any encoder but mpnet reads."""


def towers(name: str, **options: Any) -> EncoderTowers:
    """Return a folder's towers."""
    return EncoderTowers(open_encoder(str(ENCODERS / name), options))
