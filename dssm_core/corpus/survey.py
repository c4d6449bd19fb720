"""The two files of a sample corpus: the pairs, and the report of what was kept and dropped."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dssm_core.corpus.splitting import SPLITS, Row, digest
from dssm_core.errors import UserError
from dssm_core.files import write_whole


@dataclass(frozen=True)
class Report:
    """What a prepared corpus holds, and what was left out of it.

    Args:
        corpus: the corpus's name.
        source: where the texts come from, and their licence.
        inputs: SHA-256 of the text of each file read, by name.
        totals: what was read, counted by its unit.
        kept: pairs per split.
        dropped: pairs, paragraphs or entries left out, by reason.
        test_sha256: SHA-256 of the test split's rows, as CSV with a header.
        pairs_file: where the pairs were written.
    """

    corpus: str
    source: str
    inputs: dict[str, str]
    totals: dict[str, int]
    kept: dict[str, int]
    dropped: dict[str, int]
    test_sha256: str
    pairs_file: str

    def lines(self) -> list[str]:
        """Return the report as lines for people to read."""
        return [
            f"{self.corpus}: {sum(self.kept.values()):,} pairs in {self.pairs_file}",
            f"  {self.source}",
            *_table("read", self.totals),
            *_table("kept", self.kept),
            *_table("dropped", self.dropped),
            f"  test rows sha256 {self.test_sha256}",
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values for `json.dumps`."""
        return asdict(self)


def _table(title: str, counts: Mapping[str, int]) -> list[str]:
    return [f"  {title:8}{count:>9,}  {name}" for name, count in counts.items()]


@dataclass(frozen=True)
class Origin:
    """Where a corpus comes from: the first fields of its report."""

    corpus: str
    source: str
    inputs: dict[str, str]
    totals: dict[str, int]


def write_corpus(
    out: Path,
    origin: Origin,
    rows: Mapping[str, Sequence[Row]],
    extra: Sequence[str],
    dropped: Counter[str],
) -> Report:
    """Write `pairs.csv` and `report.json` into `out` and return the report.

    Args:
        out: a folder, made if absent.
        origin: what the report says first.
        rows: the rows of each split.
        extra: the names of the rows' further columns.
        dropped: how many were left out, by reason.

    Raises:
        UserError: where there are too few rows to hold any out, or `out` cannot be written.
    """
    if not rows["test"] or not rows["train"]:
        totals = ", ".join(f"{count:,} {what}" for what, count in origin.totals.items())
        raise UserError("corpus.too little text", totals, corpus=origin.corpus)
    frame = pd.DataFrame(
        [(r.query, r.document, 1, split, *r.extra) for split in SPLITS for r in rows[split]],
        columns=["query", "document", "label", "split", *extra],
    )
    report = Report(
        **asdict(origin),
        kept={split: len(rows[split]) for split in SPLITS},
        dropped=dict(sorted((+dropped).items())),
        test_sha256=digest(_csv(frame[frame["split"] == "test"])),
        pairs_file=str(out / "pairs.csv"),
    )
    text = json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n"
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / "pairs.csv", _csv(frame).encode())
        write_whole(out / "report.json", text.encode())
    except OSError as trouble:
        raise UserError("folder.not writable", str(trouble), path=str(out)) from trouble
    return report


def _csv(frame: pd.DataFrame) -> str:
    return str(frame.to_csv(index=False, lineterminator="\n"))
