"""Whether an encoder is loaded right: what wrong loading looks like from outside.

A wrong pooling, a module left out or a prompt forgotten raise nothing: the scores merely are those
of another model. These checks see their traces.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dssm_core.errors import UserError
from dssm_core.evaluation import Encoded, random_pairs
from dssm_core.numeric import l2_normalise
from dssm_core.towers import Side, Towers
from dssm_core.words import Sentence

NARROW = 0.15
"""Distance from 5 % to 95 % of random cosines under which they are said to be squeezed together.

Measured on 60 pairs of debian-packages: MiniLM 0.32, WordLlama 0.32, e5-small 0.06."""
ALIKE = 1e-3
"""The same distance under which all scores are alike, as of a model that is loaded wrong."""
SAME = 0.05
"""Share of texts with the vector of another text above which that is said."""
CUT = 0.01
"""Share of texts that are cut above which that is said."""
CLOSE = 1e-3
"""Difference of a vector's component from a known one that rounding to 16 bits may make."""


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        level: "note", as it should be; "warning", to be known; "error", the scores are not to be
            trusted.
        sentence: what was found, with its numbers.
    """

    level: Literal["note", "warning", "error"]
    sentence: Sentence

    @classmethod
    def of(cls, level: Literal["note", "warning", "error"], key: str, **values: Any) -> Finding:
        """Return a finding by the key of its text."""
        return cls(level, Sentence(f"adopt.{key}", values))


def check_encoder(
    queries: Encoded, documents: Encoded, related: np.ndarray, seed: int = 0
) -> list[Finding]:
    """Look for what wrong loading leaves behind.

    Args:
        queries: distinct queries, encoded.
        documents: distinct documents, encoded.
        related: the relevant pairs, as `random_pairs` takes them.
        seed: of the random pairs.

    Returns:
        Findings, those that matter most first.
    """
    found = [
        *_zeros(queries, documents),
        *_spread(queries, documents, related, seed),
        *_same(queries, documents),
        *_cut(queries, documents),
    ]
    order = ("error", "warning", "note")
    return sorted(found, key=lambda finding: order.index(finding.level))


def _zeros(queries: Encoded, documents: Encoded) -> Iterator[Finding]:
    for side, encoded in (("query", queries), ("document", documents)):
        zero = encoded.readable & ~encoded.vectors.any(axis=1)
        if zero.any():
            yield Finding.of("error", f"zero.{side}", number=int(zero.sum()), total=len(zero))


def _spread(
    queries: Encoded, documents: Encoded, related: np.ndarray, seed: int
) -> Iterator[Finding]:
    cosines, _ = random_pairs(queries, documents, related, seed)
    low, middle, high = np.quantile(cosines, [0.05, 0.5, 0.95]).tolist()
    values = {"low": low, "middle": middle, "high": high}
    if high - low < ALIKE:
        yield Finding.of("error", "alike", **values)
    elif high - low < NARROW:
        yield Finding.of("warning", "narrow", **values)
    else:
        yield Finding.of("note", "spread", **values)


def _same(queries: Encoded, documents: Encoded) -> Iterator[Finding]:
    for side, encoded in (("query", queries), ("document", documents)):
        vectors = l2_normalise(encoded.vectors[encoded.readable])
        distinct = len(np.unique(vectors.round(5), axis=0))
        repeated = len(vectors) - distinct
        if repeated > SAME * len(vectors):
            yield Finding.of("warning", f"same.{side}", number=repeated, total=len(vectors))


def _cut(queries: Encoded, documents: Encoded) -> Iterator[Finding]:
    for side, encoded in (("query", queries), ("document", documents)):
        number = int(encoded.truncated.sum())
        if number > CUT * len(encoded.truncated):
            total = len(encoded.truncated)
            yield Finding.of("warning", f"cut.{side}", number=number, total=total)


def compare_known(towers: Towers, path: Path) -> Finding:
    """Recompute vectors that are known, and say by how much they differ.

    Args:
        towers: the encoder with its prompts.
        path: JSONL of text, vector, and side ("query" or "document", which is meant where it is
            left out).

    Raises:
        UserError: naming the line that is something else, or if there is none.
    """
    known = list(_read_known(path))
    largest, closest = 0.0, 1.0
    for text, side, vector in known:
        ours = towers.encode([text], side)[0].vector
        if len(ours) != len(vector):
            raise UserError(
                "known.other width", f"{len(vector):,}", name=path.name, width=len(ours)
            )
        largest = max(largest, float(np.abs(ours - vector).max()))
        one, other = l2_normalise(ours), l2_normalise(vector)
        closest = min(closest, float(one @ other))
    level: Literal["note", "error"] = "note" if largest <= CLOSE else "error"
    key = "known.right" if level == "note" else "known.wrong"
    return Finding.of(level, key, number=len(known), largest=largest, cosine=closest)


def _read_known(path: Path) -> Iterator[tuple[str, Side, np.ndarray]]:
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("known.unreadable", str(error), name=path.name) from None
    if not any(map(str.strip, lines)):
        raise UserError("known.unreadable", name=path.name)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            side: Side = entry.get("side", "document")
            vector = np.asarray(entry["vector"], np.float32)
            is_good = isinstance(entry["text"], str) and side in ("query", "document")
            if not is_good or vector.ndim != 1 or not np.isfinite(vector).all():
                raise ValueError("text, vector and side expected")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UserError("known.damaged line", str(error), name=path.name, line=number) from None
        yield entry["text"], side, vector


def as_values(findings: Sequence[Finding]) -> list[Mapping[str, Any]]:
    """Return findings as plain values, for metrics.json."""
    return [
        {"level": f.level, "key": f.sentence.key, "values": dict(f.sentence.values)}
        for f in findings
    ]
