"""A person's file of pairs, looked over line by line before anything is trained on it.

One pass, in memory that grows with the rows and not with their texts: a text is kept as the hash of
itself folded, so two that differ in case and white space alone count as equal. 5,000,000 rows of a
668 MB file peaked at 0.6 GB, most of it while repeats are sought.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dssm_core.corpus.pairs import ABSENT, NEEDED, is_empty, parse_label, rows
from dssm_core.corpus.splitting import SPLITS, fold
from dssm_core.errors import UserError

LEAST = 50
"""Relevant pairs below which too few can be held out to say anything."""
TRUSTED = 2000
"""Relevant pairs from which a tenth held out gives MRR@10 to within 0.06 or so."""
LARGE = 1_000_000
"""Rows above which a file is better streamed than read whole."""
SHOWN = 5
"""Lines that a finding names; it counts the others."""


@dataclass
class _Survey:
    """What one pass over a file collects; a number a row in each array."""

    columns: list[str] = field(default_factory=list)
    empty: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in NEEDED})
    wrong: dict[str, list[int]] = field(default_factory=lambda: {"label": [], "split": []})
    line: array[int] = field(default_factory=lambda: array("q"))
    query: array[int] = field(default_factory=lambda: array("q"))
    document: array[int] = field(default_factory=lambda: array("q"))
    label: array[int] = field(default_factory=lambda: array("b"))
    split: array[int] = field(default_factory=lambda: array("b"))

    @property
    def has_split(self) -> bool:
        """Whether the file itself says what is held out."""
        return any(self.split)


def check_pairs(path: Path) -> list[str]:
    """Return what a person should know of a file before training on it, a finding a line.

    1. What there is: rows, columns, labels.
    2. What training stops at: empty cells, labels and splits that are none.
    3. What makes figures lie: the same pair twice or labelled both ways, texts of the held-out
       splits in training, rows that hang together so that none can be held out.
    4. Whether there is enough to trust the figures, and too much to read at once.

    Args:
        path: CSV, TSV or JSONL, plain or gzipped, as `read_pairs` takes it.

    Raises:
        UserError: where the file cannot be read as pairs at all; names the line and column.
    """
    survey = _survey(path)
    return [
        *_contents(survey),
        *_stoppers(survey),
        *_repeats(survey),
        *_leaks(survey),
        *_size(survey, path),
    ]


def _survey(path: Path) -> _Survey:
    survey = _Survey()
    for line, row in rows(path):
        survey.columns = survey.columns or list(row)
        for name in NEEDED:
            if is_empty(row[name]):
                survey.empty[name].append(line)
        label = parse_label(row.get("label", ABSENT["label"]))
        if label is None:
            survey.wrong["label"].append(line)
        split = row.get("split", ABSENT["split"])
        if split not in SPLITS:
            survey.wrong["split"].append(line)
        survey.line.append(line)
        survey.query.append(text_hash(row["query"]))
        survey.document.append(text_hash(row["document"]))
        survey.label.append(1 if label is None else label)
        survey.split.append(SPLITS.index(split) if split in SPLITS else 0)
    if not survey.line:
        raise UserError("pairs.no rows", name=path.name)
    return survey


def text_hash(text: str) -> int:
    """Return 64 bits that are equal for texts that are equal, folded, and else hardly ever."""
    digest = blake2b(fold(text).encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _contents(survey: _Survey) -> Iterator[str]:
    rows, relevant = len(survey.line), sum(survey.label)
    extra = [c for c in survey.columns if c not in (*NEEDED, "label", "split")]
    kept = f"; kept beside them: {', '.join(extra)}" if extra else ""
    queries, documents = (np.unique(part).size for part in _arrays(survey)[:2])
    yield f"{rows:,} rows, {queries:,} different queries, {documents:,} different documents{kept}"
    if "label" not in survey.columns:
        yield "no column label: every row counts as relevant"
    elif not relevant:
        yield "no row is labelled 1: there is nothing to learn"
    else:
        yield (
            f"labels: {relevant:,} relevant, {rows - relevant:,} not; those that are not are "
            "candidates in the measuring, and training takes its negatives from the other rows "
            "(the loss labelled takes these)"
        )
    if survey.has_split:
        counts = np.bincount(survey.split, minlength=len(SPLITS))
        yield "splits: " + ", ".join(f"{n:,} {s}" for n, s in zip(counts, SPLITS, strict=True))


def _stoppers(survey: _Survey) -> Iterator[str]:
    for name, lines in survey.empty.items():
        if lines:
            yield f"{_at(lines)}: {name} is empty; fill it in, or take the line out"
    for name, lines in survey.wrong.items():
        if lines:
            allowed = "0 nor 1" if name == "label" else ", ".join(SPLITS[:2]) + " nor " + SPLITS[2]
            yield f"{_at(lines)}: {name} is neither {allowed}"


def _repeats(survey: _Survey) -> Iterator[str]:
    query, document, label, line = _arrays(survey)
    same = line[query == document]
    if len(same):
        yield f"{_at(same)}: the query is its document, which teaches nothing"
    order = np.lexsort((line, document, query))
    again = (np.diff(query[order]) == 0) & (np.diff(document[order]) == 0)
    one, other = order[:-1][again], order[1:][again]
    twice = label[one] == label[other]
    if twice.any():
        repeats = np.sort(line[other[twice]])
        first = f"the pair of line {line[one[twice]][np.argmin(line[other[twice]])]}"
        if len(repeats) == 1:
            yield f"{_at(repeats)} repeats {first}"
        else:
            yield f"{_at(repeats)} repeat earlier pairs; line {repeats[0]} repeats {first}"
    if (~twice).any():
        yield f"{_at(np.sort(line[other[~twice]]))}: a pair labelled both 1 and 0"


def _leaks(survey: _Survey) -> Iterator[str]:
    query, document, _, line = _arrays(survey)
    if survey.has_split:
        split = np.array(survey.split)
        for name, texts in (("query", query), ("document", document)):
            for place, held_out in enumerate(SPLITS[1:], 1):
                rows = (split == place) & np.isin(texts, texts[split == 0])
                if rows.any():
                    yield (
                        f"{_at(line[rows])}: the {name} of a {held_out} pair is in train, too, so "
                        "that figures may be too good"
                    )
    elif len(line) <= LARGE:
        largest = _largest_group(query, document)
        if largest > 0.8 * len(line):
            yield (
                f"{largest:,} of {len(line):,} rows hang together through texts that they share, "
                "and cannot be parted without leakage: add a column split"
            )


def _largest_group(query: np.ndarray, document: np.ndarray) -> int:
    """Return how many rows the largest group has that shares texts, as `split_pairs` groups."""
    texts, codes = np.unique(np.concatenate([query, document]), return_inverse=True)
    left, right = codes[: len(query)], codes[len(query) :]
    links = coo_array((np.ones(len(query)), (left, right)), shape=(len(texts), len(texts)))
    _, group = connected_components(links, directed=False)
    return int(np.bincount(group[left]).max())


def _size(survey: _Survey, path: Path) -> Iterator[str]:
    label, split = np.array(survey.label), np.array(survey.split)
    relevant = int(label.sum())
    if survey.has_split:
        held_out = int(label[split == SPLITS.index("test")].sum())
    else:
        held_out = relevant // 10
    if relevant < LEAST:
        yield f"too few to learn from: {relevant} relevant pairs; give {LEAST} at the very least"
    elif held_out < TRUSTED // 10:
        # of a mean of values in [0, 1] that spread by 0.45, as reciprocal ranks do
        error = 1.96 * 0.45 / max(held_out, 1) ** 0.5
        yield (
            f"too small to trust: about {held_out} pairs are held out, which tells MRR@10 to "
            f"within {min(error, 1):.2f} only; take the figures as a first impression"
        )
    if len(survey.line) > LARGE:
        yield (
            f"over {LARGE:,} rows: they are to be streamed, never read whole, as `prepare "
            f"{path.name} --negatives 4 --out DIR` and `train --data DIR` do"
        )


def _arrays(survey: _Survey) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    kept = survey.query, survey.document, survey.label, survey.line
    query, document, label, line = (np.array(values) for values in kept)
    return query, document, label, line


def _at(lines: Sequence[int] | np.ndarray) -> str:
    shown = ", ".join(str(line) for line in lines[:SHOWN])
    more = f" and {len(lines) - SHOWN:,} more" if len(lines) > SHOWN else ""
    return f"line{'s' if len(lines) > 1 else ''} {shown}{more}"
