"""A person's file of pairs, looked over line by line before anything is trained on it.

One pass, in memory that grows with the rows and not with their texts: a text is kept as the hash of
itself folded, so two that differ in case and white space alone count as equal. 5,000,000 rows of a
668 MB file peaked at 0.6 GB, most of it while repeats are sought.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dssm_core.corpus.markup import markup_spans
from dssm_core.corpus.names import is_id
from dssm_core.corpus.pairs import NEEDED, Pair, is_empty, stream
from dssm_core.corpus.reading import Choices, Reading, open_table
from dssm_core.corpus.splitting import SPLITS, fold, text_hash
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


COMPARED = 20_000
"""Rows whose texts are compared with each other; of more, the first."""
RARE = 0.01
"""Share of pairs with HTML up to which it is likely what a text is about."""
FEW = 20
"""Rows below which shares say nothing."""

GARBLED = re.compile("\u00c3[\u0080-\u00bf\u0152-\u0192\u2013-\u203a\u20ac\u2122]|\u00e2\u20ac")
"""What UTF-8 looks like that was once read as Windows-1252: "Ã¼" for "ü", "â€" for quotes."""

Doubt = Literal[
    "ids",
    "one label",
    "one query",
    "one document",
    "same text",
    "same text irrelevant",
    "repeat",
    "contradiction",
    "reversed",
    "swapped",
    "encoding",
    "html",
    "garbled",
    "unread",
    "empty",
    "wrong label",
]


@dataclass(frozen=True)
class Finding:
    """What is doubtful in a file of pairs.

    Attributes:
        kind: of the doubt; None for what is no doubt: how much there is, and for what it is enough.
        sentence: says it, with the lines.
        rows: the numbers of the pairs that it is about; () where it is about all of them.
    """

    kind: Doubt | None
    sentence: Sentence
    rows: tuple[int, ...] = ()


@dataclass
class _Survey:
    """What one pass over pairs collects; a number a pair in each array."""

    line: array[int] = field(default_factory=lambda: array("q"))
    number: array[int] = field(default_factory=lambda: array("q"))
    query: array[int] = field(default_factory=lambda: array("q"))
    document: array[int] = field(default_factory=lambda: array("q"))
    label: array[int] = field(default_factory=lambda: array("b"))
    split: array[int] = field(default_factory=lambda: array("b"))
    empty: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in NEEDED})
    wrong: dict[str, list[int]] = field(default_factory=lambda: {"label": [], "split": []})
    ids: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NEEDED, 0))
    length: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NEEDED, 0))
    shared: dict[int, list[float]] = field(default_factory=lambda: {0: [], 1: []})
    example: dict[str, str] = field(default_factory=dict)
    marked_up: list[int] = field(default_factory=list)  # numbers of pairs with HTML
    garbled: list[int] = field(default_factory=list)  # and of those that were decoded wrongly
    last: tuple[str, int, set[str]] = ("\0", 0, set())  # the last query, its hash and its words
    unjudged: int = 0

    @property
    def has_split(self) -> bool:
        """Whether the file itself says what is held out."""
        return any(self.split)

    @property
    def compared(self) -> int:
        """How many rows were compared."""
        return min(len(self.line), COMPARED)


def check_pairs(path: Path, choices: Choices | None = None) -> list[Finding]:
    """Return what a person should know of a file before training on it.

    1. What there is: how it is read, rows, columns, labels.
    2. What training stops at: empty cells, labels and splits that are none.
    3. What makes figures lie: as `doubts`; texts of the held-out splits in training, rows that
       hang together so that none can be held out.
    4. Whether there is enough to trust the figures, and too much to read at once.

    Args:
        path: a file of pairs.
        choices: what a person says of it.

    Raises:
        UserError: where the file cannot be read as pairs at all; names the line and column.
    """
    survey = _survey(stream(path, choices))
    if not survey.line:
        raise UserError("pairs.no rows", name=path.name)
    reading = open_table(path, choices)[1]
    return [
        *_plain(_contents(survey, reading)),
        *_stoppers(survey),
        *_doubts(survey, reading),
        *_plain(_leaks(survey)),
        *_plain(_size(survey, path)),
    ]


def doubts(pairs: pd.DataFrame, reading: Reading | None = None) -> list[Finding]:
    """Return what is doubtful in pairs that were read.

    1. Texts that look like ids or have HTML; one label, query or document for all; an encoding
       that was guessed.
    2. Query and document alike, most of all where they are labelled not relevant.
    3. The same pair twice, or labelled both ways.
    4. Relevant pairs that share fewer words than the others; queries far longer than documents.

    Args:
        pairs: as `read_pairs` returns them.
        reading: how they were read.
    """
    lines = pairs.get("line", pairs.index)
    columns = (pairs[name] for name in (*NEEDED, "label"))
    rows = zip(lines, pairs.index, *columns, strict=True)
    survey = _survey(Pair(int(line), n, q, d, label, "", "") for line, n, q, d, label in rows)
    return list(_doubts(survey, reading))


def _survey(pairs: Iterable[Pair]) -> _Survey:
    survey = _Survey()
    for pair in pairs:
        if pair.label is None:
            survey.unjudged += 1
            continue
        for name in NEEDED:
            if is_empty(getattr(pair, name)):
                survey.empty[name].append(pair.line)
        if pair.label == -1:
            survey.wrong["label"].append(pair.line)
        if pair.split and pair.split not in SPLITS:
            survey.wrong["split"].append(pair.line)
        if len(survey.line) < COMPARED:
            _compare(pair, survey)
        survey.line.append(pair.line)
        survey.number.append(pair.number)
        survey.query.append(_last(pair.query, survey)[1])
        survey.document.append(text_hash(pair.document))
        survey.label.append(1 if pair.label else 0)
        survey.split.append(SPLITS.index(pair.split) if pair.split in SPLITS else 0)
    return survey


def _compare(pair: Pair, survey: _Survey) -> None:
    """Note lengths, ids, and the share of the query's words that the document has."""
    for name, text in zip(NEEDED, (pair.query, pair.document), strict=True):
        survey.example.setdefault(name, text.strip())
        survey.ids[name] += is_id(text.strip())
        survey.length[name] += len(text)
    if markup_spans(pair.query) or markup_spans(pair.document):
        survey.marked_up.append(pair.number)
    if GARBLED.search(pair.query) or GARBLED.search(pair.document):
        survey.garbled.append(pair.number)
    query, document = _last(pair.query, survey)[2], _words(pair.document)
    if query and pair.label is not None and pair.label >= 0:
        survey.shared[pair.label].append(len(query & document) / len(query))


def _last(query: str, survey: _Survey) -> tuple[str, int, set[str]]:
    """Return a query with its hash and its words, once for all pairs of it that follow."""
    if survey.last[0] != query:
        survey.last = query, text_hash(query), _words(query)
    return survey.last


def _words(text: str) -> set[str]:
    """Return a text's words, folded; of a script without spaces, its characters."""
    folded = fold(text)
    return set(folded.split()) if folded.isascii() or " " in folded else set(folded)


def _plain(sentences: Iterable[Sentence]) -> Iterator[Finding]:
    return (Finding(None, sentence) for sentence in sentences)


def _contents(survey: _Survey, reading: Reading) -> Iterator[Sentence]:
    yield replace(reading, pairs=len(survey.line), unjudged=survey.unjudged).sentence()
    rows, relevant = len(survey.line), sum(survey.label)
    queries, documents = (np.unique(part).size for part in _arrays(survey)[:2])
    yield Sentence("check.contents", {"rows": rows, "queries": queries, "documents": documents})
    roles = reading.roles
    known = {roles.query, roles.document, roles.label, *roles.negatives, "split"}
    extra = tuple(column for column in reading.columns if column not in known)
    if extra:
        yield Sentence("check.columns", {"names": extra})
    if not relevant:
        yield Sentence("check.nothing relevant")
    elif relevant < rows:
        yield Sentence("check.labels", {"relevant": relevant, "irrelevant": rows - relevant})
    if survey.has_split:
        counts = np.bincount(survey.split, minlength=len(SPLITS)).tolist()
        yield Sentence("check.splits", dict(zip(SPLITS, counts, strict=True)))


def _stoppers(survey: _Survey) -> Iterator[Finding]:
    for column, lines in survey.empty.items():
        if lines:
            sentence = Sentence("check.empty", {"where": _at(lines), "column": column})
            yield Finding("empty", sentence)
    for column, lines in survey.wrong.items():
        if lines:
            yield Finding("wrong label", Sentence(f"check.wrong.{column}", {"where": _at(lines)}))


def _doubts(survey: _Survey, reading: Reading | None) -> Iterator[Finding]:
    if reading and reading.format.encoding and not reading.format.encoding.is_certain:
        name = {"encoding": reading.format.encoding.name}
        yield Finding("encoding", Sentence("check.encoding", name))
    for column in NEEDED:
        if survey.ids[column] > 0.8 * survey.compared:
            values: Values = {"column": column, "example": survey.example[column][:80]}
            yield Finding("ids", Sentence("check.ids", values))
    if len(survey.marked_up) > RARE * survey.compared:
        values = {"number": len(survey.marked_up), "rows": survey.compared}
        yield Finding("html", Sentence("check.html", values), tuple(survey.marked_up))
    if survey.garbled:
        values = {"number": len(survey.garbled), "rows": survey.compared}
        yield Finding("garbled", Sentence("check.garbled", values), tuple(survey.garbled))
    yield from _one_of_all(survey, reading)
    yield from _repeats(survey)
    yield from _turned(survey)


def _one_of_all(survey: _Survey, reading: Reading | None) -> Iterator[Finding]:
    """Find what all pairs have: one label, one query, one document."""
    has_labels = reading is None or reading.labels.column is not None
    if has_labels and len(set(survey.label)) == 1:
        yield Finding("one label", Sentence("check.one label", {"label": survey.label[0]}))
    if len(survey.line) >= FEW:
        for column, texts in (("query", survey.query), ("document", survey.document)):
            if texts.count(texts[0]) == len(texts):
                kind: Doubt = "one query" if column == "query" else "one document"
                values: Values = {"column": column, "example": survey.example[column][:80]}
                yield Finding(kind, Sentence("check.one text", values))


def _repeats(survey: _Survey) -> Iterator[Finding]:
    query, document, label, line = _arrays(survey)
    number, same = np.array(survey.number), query == document
    kinds: dict[Doubt, np.ndarray] = {
        "same text": same & (label == 1),
        "same text irrelevant": same & (label == 0),
    }
    for kind, chosen in kinds.items():
        if chosen.any():
            sentence = Sentence(f"check.{kind}", {"where": _at(line[chosen])})
            yield Finding(kind, sentence, tuple(number[chosen].tolist()))
    order = np.lexsort((number, document, query))
    again = (np.diff(query[order]) == 0) & (np.diff(document[order]) == 0)
    one, other = order[:-1][again], order[1:][again]
    twice = label[one] == label[other]
    if twice.any():
        repeats = np.sort(line[other[twice]])
        first = int(line[one[twice]][np.argmin(line[other[twice]])])
        values: Values = {"where": _at(repeats), "repeat": int(repeats[0]), "first": first}
        sentence = Sentence("check.repeat" if len(repeats) == 1 else "check.repeats", values)
        yield Finding("repeat", sentence, _numbers(number, one[twice], other[twice]))
    if (~twice).any():
        sentence = Sentence("check.contradiction", {"where": _at(np.sort(line[other[~twice]]))})
        yield Finding("contradiction", sentence, _numbers(number, one[~twice], other[~twice]))


def _numbers(number: np.ndarray, *rows: np.ndarray) -> tuple[int, ...]:
    return tuple(np.unique(number[np.concatenate(rows)]).tolist())


def _turned(survey: _Survey) -> Iterator[Finding]:
    """Find labels that mean the opposite, and queries that look like documents."""
    least = min(map(len, survey.shared.values()))
    if least >= 4:
        relevant, irrelevant = (float(np.mean(survey.shared[label])) for label in (1, 0))
        if irrelevant > relevant + 0.1:
            shares: Values = {"relevant": relevant, "irrelevant": irrelevant}
            yield Finding("reversed", Sentence("check.reversed", shares))
    query, document = (survey.length[column] / max(1, survey.compared) for column in NEEDED)
    if survey.compared >= FEW and query > 3 * document:
        lengths: Values = {"query": round(query), "document": round(document)}
        yield Finding("swapped", Sentence("check.swapped", lengths))


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
