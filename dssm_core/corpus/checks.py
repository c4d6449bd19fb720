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
from dssm_core.words import Sentence, Values

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


def check_pairs(path: Path) -> list[Sentence]:
    """Return what a person should know of a file before training on it, a sentence a finding.

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


def _contents(survey: _Survey) -> Iterator[Sentence]:
    rows, relevant = len(survey.line), sum(survey.label)
    queries, documents = (np.unique(part).size for part in _arrays(survey)[:2])
    yield Sentence("check.contents", {"rows": rows, "queries": queries, "documents": documents})
    extra = tuple(c for c in survey.columns if c not in (*NEEDED, "label", "split"))
    if extra:
        yield Sentence("check.columns", {"names": extra})
    if "label" not in survey.columns:
        yield Sentence("check.no label")
    elif not relevant:
        yield Sentence("check.nothing relevant")
    else:
        yield Sentence("check.labels", {"relevant": relevant, "irrelevant": rows - relevant})
    if survey.has_split:
        counts = np.bincount(survey.split, minlength=len(SPLITS)).tolist()
        yield Sentence("check.splits", dict(zip(SPLITS, counts, strict=True)))


def _stoppers(survey: _Survey) -> Iterator[Sentence]:
    for column, lines in survey.empty.items():
        if lines:
            yield Sentence("check.empty", {"where": _at(lines), "column": column})
    for column, lines in survey.wrong.items():
        if lines:
            yield Sentence(f"check.wrong.{column}", {"where": _at(lines)})


def _repeats(survey: _Survey) -> Iterator[Sentence]:
    query, document, label, line = _arrays(survey)
    same = line[query == document]
    if len(same):
        yield Sentence("check.same text", {"where": _at(same)})
    order = np.lexsort((line, document, query))
    again = (np.diff(query[order]) == 0) & (np.diff(document[order]) == 0)
    one, other = order[:-1][again], order[1:][again]
    twice = label[one] == label[other]
    if twice.any():
        repeats = np.sort(line[other[twice]])
        first = int(line[one[twice]][np.argmin(line[other[twice]])])
        values: Values = {"where": _at(repeats), "repeat": int(repeats[0]), "first": first}
        yield Sentence("check.repeat" if len(repeats) == 1 else "check.repeats", values)
    if (~twice).any():
        yield Sentence("check.contradiction", {"where": _at(np.sort(line[other[~twice]]))})


def _leaks(survey: _Survey) -> Iterator[Sentence]:
    query, document, _, line = _arrays(survey)
    if survey.has_split:
        split = np.array(survey.split)
        for column, texts in (("query", query), ("document", document)):
            for number, held_out in enumerate(SPLITS[1:], 1):
                rows = (split == number) & np.isin(texts, texts[split == 0])
                if rows.any():
                    values: Values = {"where": _at(line[rows]), "column": column, "split": held_out}
                    yield Sentence("check.leak", values)
    elif len(line) <= LARGE:
        largest = _largest_group(query, document)
        if largest > 0.8 * len(line):
            yield Sentence("check.one group", {"largest": largest, "rows": len(line)})


def _largest_group(query: np.ndarray, document: np.ndarray) -> int:
    """Return how many rows the largest group has that shares texts, as `split_pairs` groups."""
    texts, codes = np.unique(np.concatenate([query, document]), return_inverse=True)
    left, right = codes[: len(query)], codes[len(query) :]
    links = coo_array((np.ones(len(query)), (left, right)), shape=(len(texts), len(texts)))
    _, group = connected_components(links, directed=False)
    return int(np.bincount(group[left]).max())


def _size(survey: _Survey, path: Path) -> Iterator[Sentence]:
    label, split = np.array(survey.label), np.array(survey.split)
    relevant = int(label.sum())
    if survey.has_split:
        held_out = int(label[split == SPLITS.index("test")].sum())
    else:
        held_out = relevant // 10
    if relevant < LEAST:
        yield Sentence("check.too few", {"relevant": relevant, "least": LEAST})
    elif held_out < TRUSTED // 10:
        # of a mean of values in [0, 1] that spread by 0.45, as reciprocal ranks do
        error = 1.96 * 0.45 / max(held_out, 1) ** 0.5
        yield Sentence("check.too small", {"held_out": held_out, "error": min(error, 1)})
    if len(survey.line) > LARGE:
        yield Sentence("check.large", {"most": LARGE, "name": path.name})


def _arrays(survey: _Survey) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    columns = survey.query, survey.document, survey.label, survey.line
    query, document, label, line = (np.array(values) for values in columns)
    return query, document, label, line


def _at(lines: Sequence[int] | np.ndarray) -> Sentence:
    """Return lines of the file, the first few named."""
    values: Values = {"lines": ", ".join(str(line) for line in lines[:SHOWN])}
    if len(lines) > SHOWN:
        return Sentence("check.at more", {**values, "number": len(lines) - SHOWN})
    return Sentence("check.at line" if len(lines) == 1 else "check.at lines", values)
