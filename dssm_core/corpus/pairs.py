"""Query-document pairs from a person's own file: read whole, or one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, NamedTuple

import pandas as pd

from dssm_core.corpus.labels import NOT_RELEVANT, Labels
from dssm_core.corpus.lists import items_of
from dssm_core.corpus.reading import Choices, Reading, Table, interpret, open_table, read_table
from dssm_core.corpus.records import Record
from dssm_core.corpus.roles import Roles
from dssm_core.errors import UserError

MAX_CHARACTERS = 1_000_000  # of a cell
NEEDED = ("query", "document")
OURS = (*NEEDED, "label", "line", "assumed")
"""Names of columns that have a meaning of ours, which a file's own never get."""


class Pair(NamedTuple):
    """One pair of a file."""

    line: int  # where its row starts
    number: int  # the line; where rows hold several pairs, which of them all it is
    query: str
    document: str
    label: int | None  # 1 or 0; None: not judged; -1: no label that is known
    cell: str  # of the label
    split: str  # empty where the file says nothing of it


def read_pairs(
    source: Path | str | bytes | IO[Any],
    name: str | None = None,
    choices: Choices | None = None,
) -> pd.DataFrame:
    """Return the pairs of a file, as `read` does, without how they were read."""
    return read(source, name, choices)[0]


def read(
    source: Path | str | bytes | IO[Any],
    name: str | None = None,
    choices: Choices | None = None,
) -> tuple[pd.DataFrame, Reading]:
    """Read pairs from a file, of whatever format and under whatever names.

    Args:
        source: a path, the file's bytes, or a file opened for reading.
        name: the file's name, for the format and for messages; the path's if None.
        choices: what a person says of the file; the rest is guessed.

    Returns:
        The pairs as `to_pairs` makes them, and how they were read.

    Raises:
        UserError: where the file cannot be read as pairs; names the line and column.
    """
    table = read_table(source, name, choices)
    return to_pairs(table, interpret(table, choices))


def to_pairs(table: Table, reading: Reading) -> tuple[pd.DataFrame, Reading]:
    """Return a table's pairs.

    Args:
        table: its rows.
        reading: what they mean.

    Returns:
        N rows: query, document (text), label (int, 0 or 1), then the file's other columns as text,
        one that is called as one of `OURS` with " (file)" behind its name; rows that are not judged
        are left out. The index is the 1-based line where the row starts; where rows hold several
        pairs, it numbers the pairs, and the column line has the lines. And the reading, with its
        numbers.

    Raises:
        UserError: naming line and column, where a text is empty or a label is none that is known.
    """
    columns, shaped = _shaped(table, reading.roles)
    records = list(shaped)
    if not records:
        raise UserError("pairs.no rows", name=table.name)
    lines = pd.Index([line for line, _ in records], name="line")
    cells = dict(zip(columns, zip(*(row for _, row in records), strict=True), strict=True))
    for side in NEEDED:
        cells[side] = tuple(map(reading.text, cells[side]))
    where = [int(line) for line in cells["line"]] if "line" in cells else list(lines)
    for column, values in cells.items():
        _check_cells(_shown(column, reading), values, column in NEEDED, where, table.name)
    given = cells.pop("label", ("",) * len(lines))
    labels = _labels(given, reading, where, table.name)
    judged = [label is not None for label in labels]
    kept = {name: cells.pop(name) for name in NEEDED}
    if not reading.labels.is_plain:
        (column,) = free_names([str(reading.labels.column)], {*OURS, *cells})
        cells[column] = tuple("" if cell == NOT_RELEVANT else cell for cell in given)
    frame = pd.DataFrame({**kept, "label": labels, **cells}, index=lines)
    if not all(judged):
        frame = frame[judged].astype({"label": int})
    return frame, replace(reading, pairs=len(frame), unjudged=len(labels) - len(frame))


def stream(path: Path, choices: Choices | None = None) -> Iterator[Pair]:
    """Yield every pair of a file unchecked, in memory that a file of any size shares.

    Raises:
        UserError: where the file cannot be read as pairs.
    """
    table, reading = open_table(path, choices)
    columns, records = _shaped(table, reading.roles)
    query, document = (columns.index(name) for name in NEEDED)
    label, split, line = (
        columns.index(n) if n in columns else -1 for n in ("label", "split", "line")
    )
    parser = reading.labels.parser()
    for number, cells in records:
        cell = cells[label] if label >= 0 else ""
        at = int(cells[line]) if line >= 0 else number
        part = cells[split] if split >= 0 else ""
        texts = reading.text(cells[query]), reading.text(cells[document])
        yield Pair(at, number, *texts, parser.label(cell), cell, part)


def stream_checked(path: Path, choices: Choices | None = None) -> Iterator[Pair]:
    """Yield the judged pairs of a file, one at a time.

    Raises:
        UserError: where a text is empty or a label is none that is known; names the line.
    """
    for pair in stream(path, choices):
        for column in NEEDED:
            if is_empty(getattr(pair, column)):
                raise UserError("pairs.empty cell", column=column, line=pair.line, name=path.name)
        if pair.label == -1:
            labels = open_table(path, choices)[1].labels
            raise _wrong_label(pair.cell, labels, pair.line, path.name)
        if pair.label is not None:
            yield pair


def stream_pairs(path: Path, choices: Choices | None = None) -> Iterator[tuple[str, str, int]]:
    """Yield query, document and label one at a time, in memory that a file of any size shares.

    Where there is a column `split`, only the rows of "train": no draw may see the others.

    Raises:
        UserError: where the file cannot be read as pairs; names the line and column.
    """
    for pair in stream_checked(path, choices):
        if pair.split in ("", "train") and pair.label is not None:
            yield pair.query, pair.document, pair.label


def free_names(columns: Iterable[str], taken: Iterable[str]) -> list[str]:
    """Return names for a file's columns: each its own, with " (file)" behind where it is taken."""
    given, taken = list(columns), set(taken)
    used, names = {*taken, *given}, list[str]()
    for column in given:
        name = column
        while name in taken or (name != column and name in used):
            name += " (file)"
        used.add(name)
        names.append(name)
    return names


def is_empty(cell: str) -> bool:
    """Whether a cell has nothing but white space."""
    return not cell.strip()


def _shaped(table: Table, roles: Roles) -> tuple[list[str], Iterable[Record]]:
    """Return columns under our names, and rows of one pair each."""
    ours = {str(roles.query): "query", str(roles.document): "document"}
    if roles.label is not None:
        ours[roles.label] = "label"
    others = [c for c in table.columns if c not in ours and c not in roles.negatives]
    named = free_names(others, OURS)
    if roles.is_expanded:
        return [*NEEDED, "label", *named, "line"], _Expanded(table, roles, tuple(others))
    ours |= zip(others, named, strict=True)
    return [ours[column] for column in table.columns], table.records


class _Expanded:
    """The pairs of rows with several documents, to be gone through again and again."""

    def __init__(self, table: Table, roles: Roles, others: tuple[str, ...]) -> None:
        self.table, self.roles = table, roles
        self.others = [table.columns.index(column) for column in others]

    def __iter__(self) -> Iterator[Record]:
        at = self.table.columns.index
        roles, number = self.roles, 0
        query, document = at(str(roles.query)), at(str(roles.document))
        label = at(roles.label) if roles.label is not None else None
        negatives = [(at(column), column in roles.lists) for column in roles.negatives]
        for line, cells in self.table.records:
            said = "1" if label is None else cells[label]
            pairs = [(cells[document], said)]
            if roles.document in roles.lists:
                items = items_of(cells[document], roles.inner_label)
                pairs = [(text, own if roles.inner_label else said) for text, own in items]
            for column, are_lists in negatives:
                cell = cells[column]
                texts = [text for text, _ in items_of(cell)] if are_lists else [cell]
                pairs += [(text, NOT_RELEVANT) for text in texts if not is_empty(text)]
            rest = [*(cells[n] for n in self.others), str(line)]
            for text, cell in pairs:
                number += 1
                yield number, [cells[query], text, cell, *rest]


def _check_cells(
    column: str, values: Sequence[str], is_needed: bool, lines: Sequence[int], name: str
) -> None:
    if max(map(len, values)) > MAX_CHARACTERS:
        at = next(n for n, value in enumerate(values) if len(value) > MAX_CHARACTERS)
        raise UserError(
            "pairs.long cell",
            values[at],
            line=lines[at],
            name=name,
            column=column,
            most=MAX_CHARACTERS,
        )
    if is_needed and not all(map(str.strip, values)):
        at = next(n for n, value in enumerate(values) if is_empty(value))
        raise UserError("pairs.empty cell", column=column, line=lines[at], name=name)


def _labels(
    cells: Sequence[str], reading: Reading, lines: Sequence[int], name: str
) -> list[int | None]:
    parser = reading.labels.parser()
    labels = [parser.label(cell) for cell in cells]
    if -1 in labels:
        at = labels.index(-1)
        raise _wrong_label(cells[at], reading.labels, lines[at], name)
    return labels


def _wrong_label(cell: str, labels: Labels, line: int, name: str) -> UserError:
    if labels.least is not None:
        values = f"{labels.low:g}–{labels.high:g}"
    else:
        values = ", ".join([*labels.relevant, *labels.irrelevant])
    column = labels.column or "label"
    return UserError("pairs.wrong label", cell, line=line, name=name, column=column, values=values)


def _shown(column: str, reading: Reading) -> str:
    """Return what the file calls a column of ours."""
    return str(getattr(reading.roles, column, None) or column) if column in NEEDED else column
