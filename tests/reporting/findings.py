"""Findings on a few pairs, and on texts that try to break a report."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dssm_core.inspection.findings import Findings, find
from dssm_core.inspection.score_pairs import inspect_pairs
from dssm_core.scoring import Scorer
from dssm_core.words import Sentence
from tests.tiny import AWKWARD

THRESHOLD = 0.6


PAIRS = [
    ("red door", "a red door", 1, "paint"),
    ("red door", "a blue wall", 0, "paint"),
    ("blue wall", "a wall of blue", 1, "paint"),
    ("blue wall", "the blue wall door", 0, "paint"),
    ("red wall", "zebra red door door", 1, "zoo"),
    ("red wall", "red wall red wall", 0, "zoo"),
    ("blue", "+ =", 1, "zoo"),
    ("blue", "red", 0, "zoo"),
]


def findings_on(
    scorer: Scorer, rows: Any = PAIRS, cosine: float = THRESHOLD, **choices: Any
) -> Findings:
    """Return the findings on some pairs."""
    pairs = pd.DataFrame(rows, columns=["query", "document", "label", "room"])
    pairs.index = pd.RangeIndex(2, 2 + len(pairs), name="line")
    inspection = inspect_pairs(scorer, pairs)
    given = {"data": "doors.csv", "date": "2025-11-25 10:00", **choices}
    return find(inspection, scorer, cosine, **given)


def awkward_findings(scorer: Scorer) -> Findings:
    """Return findings on texts, verdicts, a file name and a note that try to break a page."""
    rows = [
        (f"red {text}"[:3_000], f"blue {text}", label, text[:50])
        for label, text in zip([0, 1] * 10, AWKWARD.values(), strict=False)
    ]
    rows = [(q.replace("\0", ""), d, label, room) for q, d, label, room in rows]
    verdicts = pd.DataFrame(
        [[q, d, "unsure", d[:99], d, "2025"] for q, d, *_ in rows],
        columns=["query", "document", "verdict", "cause", "note", "at"],
    )
    return findings_on(
        scorer,
        rows,
        0.1,
        verdicts=verdicts,
        data="<img src=x>.csv",
        notes=[Sentence("evidence.unseen", {"words": ("<b>note",)})],
    )
