"""Lines of text as a table: its format, separator, quotes and header, found or given."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from dssm_core.corpus.json_tables import json_columns_of, json_kind
from dssm_core.corpus.names import is_usual, names_both, number_of
from dssm_core.corpus.opening import MAX_BYTES, Encoding, Source, find_encoding, text_lines
from dssm_core.corpus.records import MAX_COLUMNS, Format, Record, check_size, lines_of
from dssm_core.errors import UserError, line_of
from dssm_core.process import read_long_cells
from dssm_core.words import Sentence

SEPARATORS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar", "\x01": "control-A"}
ABOVE = 10
"""Rows that a title and notes may take above a table."""

HEAD = 1 << 18
"""Characters that a format is guessed from."""
ROWS = 100
"""Rows, likewise."""

_SEP = re.compile(r'"?sep=(.)"?\r?\n?', re.IGNORECASE)


@dataclass(frozen=True)
class Rows:
    """The rows of a separated file, or of what a list holds, to be gone through again and again."""

    source: Source
    format: Format

    def __iter__(self) -> Iterator[Record]:
        """Yield the header, or names made up, then each row with the line where it starts."""
        lines = lines_of(self.source, self.format)
        return _separated(lines, self.source.name, self.format)


def find_format(
    source: Source,
    encoding: str | None = None,
    separator: str | None = None,
    header: bool | None = None,
    is_whole: bool = True,
) -> Format:
    """Return a file's format, from its bytes and its name.

    Args:
        source: the file.
        encoding: of its bytes; None to find it, as for what follows.
        separator: one character.
        header: whether the first row has names.
        is_whole: whether the file is to be read whole.

    Raises:
        UserError: where the file cannot be read.
    """
    with source.open() as stream:
        if stream.read(4) == b"PAR1":
            return Format("parquet")
    found = find_encoding(source, encoding, is_whole)
    head = _head(source, found)
    if not "".join(head).strip():
        raise UserError("pairs.empty file", name=source.name)
    kind = json_kind(source, head) if separator is None else None
    if kind:
        return Format(kind, found)
    stated = _SEP.fullmatch(head[0])
    first = 2 if stated else 1
    head = head[first - 1 :]
    if separator is None:
        separator = stated[1] if stated else _separator(head, source.ending)
    elif len(separator) != 1:
        raise UserError("format.separator", repr(separator))
    given = Format("separated", found, separator, True, True, first)
    if separator == "\t":
        given = replace(given, is_quoted=_is_quoted(source, given))
    if header is None:
        sample = _sample(head, given)
        if above := header_place(sample):
            return replace(given, first=first + _line_of(head, given, above), above=above)
        header = has_header(sample)
    return replace(given, has_header=header)


def read_columns(source: Source, format: Format) -> tuple[tuple[str, ...], Iterable[Record]]:
    """Return a table's columns, and its rows, to be gone through again and again.

    Raises:
        UserError: where the file is not of its format; names the line.
    """
    if format.kind == "separated":
        rows = Rows(source, format)
        columns = tuple(next(iter(rows), (1, ()))[1])
        return columns, _Without(rows)
    if format.kind == "parquet":
        from dssm_core.corpus.parquet import ParquetRows

        parquet = ParquetRows.of(source)
        return parquet.columns, parquet
    return json_columns_of(source, format)


@dataclass(frozen=True)
class _Without:
    """Rows without the header."""

    rows: Rows

    def __iter__(self) -> Iterator[Record]:
        return islice(self.rows, 1, None)


def _head(source: Source, encoding: Encoding) -> list[str]:
    """Return the first lines, at most HEAD characters of them, and one line at least."""
    head: list[str] = []
    size = 0
    for line in text_lines(source, encoding):
        if head and size + len(line) > HEAD and "".join(head).strip():
            break
        head.append(line)
        size += len(line)
    return head


def _separated(lines: Iterable[str], name: str, format: Format) -> Iterator[Record]:
    """Yield the names of the columns, then each row, with the line where it starts."""
    read_long_cells(MAX_BYTES)
    reader = _reader(lines, format)
    columns: Sequence[str] = ()
    before, start = format.first - 1, format.first
    try:
        for cells in reader:
            if cells and not columns:
                check_size(name, len(cells))
                columns = names_of(cells, format.has_header)
                yield start, columns
                if not format.has_header:
                    yield start, cells
            elif any(cells):  # Excel writes an empty row as ",,"
                if len(cells) != len(columns):
                    raise _wrong_width(cells, columns, line_of(start, name))
                yield start, cells
            start = before + reader.line_num + 1
    except csv.Error as trouble:
        raise UserError("pairs.broken quoting", str(trouble), line=start, name=name) from trouble


def names_of(cells: Sequence[str], are_names: bool) -> tuple[str, ...]:
    """Return the names of a table's columns by its first row, made up where it has none."""
    made_up = tuple(f"column {n}" for n in range(1, len(cells) + 1))
    if not are_names:
        return made_up
    return tuple(" ".join(cell.split()) or made_up[n] for n, cell in enumerate(cells))


def _reader(lines: Iterable[str], format: Format) -> Any:
    if format.is_quoted:
        return csv.reader(lines, delimiter=format.separator, strict=True)
    return csv.reader(lines, delimiter=format.separator, quoting=csv.QUOTE_NONE)


def _wrong_width(cells: Sequence[str], columns: Sequence[str], where: Sentence) -> UserError:
    found, number = ", ".join(cells), len(cells)
    return UserError("pairs.wrong width", found, where=where, number=number, columns=len(columns))


def _line_of(head: Sequence[str], format: Format, row: int) -> int:
    """Return how many lines stand before a row that has cells."""
    reader, before = _reader(head, format), 0
    for cells in reader:
        if cells and row == 0:
            break
        row, before = row - bool(cells), reader.line_num
    return before


def _sample(head: Sequence[str], format: Format) -> list[list[str]]:
    """Return the first rows, as far as they can be read."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows += islice(filter(None, _reader(head, format)), ROWS)
    return rows


def _separator(head: Sequence[str], ending: str) -> str:
    """Return what separates most rows into as many cells as the first has, two at least."""
    usual = ["\t", ",", ";", "|"] if ending in (".tsv", ".tab") else [*SEPARATORS]
    best, most = usual[0], 0.0
    for separator in usual:
        format = Format("separated", None, separator, separator != "\t")
        widths = [len(row) for row in _sample(head, format)]
        if widths and widths[0] > 1:
            share = widths.count(widths[0]) / len(widths)
            if share > most:
                best, most = separator, share
    return best


def header_place(rows: Iterable[Sequence[str]]) -> int | None:
    """Return the place of the first row that names query and document; None where none does.

    Rows above it, such as a title, are none of the table.
    """
    first = enumerate(islice(rows, ABOVE))
    return next((at for at, row in first if len(row) <= MAX_COLUMNS and names_both(row)), None)


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first of some rows has names, and not the first pair.

    1. A cell that is there again below it is no name; a usual name is one.
    2. Names are no numbers, not empty, and of three words at most.
    """
    if not rows or len(rows[0]) > MAX_COLUMNS:
        return True
    first = [cell.strip() for cell in rows[0]]
    below = [[cell.strip() for cell in row] for row in rows[1:] if len(row) == len(first)]
    again = sum(any(row[n] == cell for row in below) for n, cell in enumerate(first) if cell)
    usual = sum(map(is_usual, first))
    if again and again >= usual:
        return False
    if usual:
        return True
    named = [cell for cell in first if cell and number_of(cell) is None and len(cell.split()) <= 3]
    return len(named) == len(first) or not below


@dataclass
class _Quotes:
    """How the cells of a tab-separated file are quoted.

    Attributes:
        bare: rows without a quote.
        spared: columns in which a cell stands without quotes, in rows that have some.
        needless: columns in which a cell is quoted that need not be.
        is_closed: whether each quoted cell is closed, and the quotes in it are doubled.
    """

    bare: int = 0
    spared: set[int] = field(default_factory=set)
    needless: set[int] = field(default_factory=set)
    is_closed: bool = True

    def look(self, cells: Sequence[str]) -> None:
        """Note a row's cells."""
        for column, cell in enumerate(cells):
            if not cell.startswith('"'):
                if cell:
                    self.spared.add(column)
                continue
            bare = cell[1:-1].replace('""', "")
            if len(cell) < 2 or not cell.endswith('"') or '"' in bare:
                self.is_closed = False
            elif len(bare) == len(cell) - 2:
                self.needless.add(column)

    @property
    def are_around(self) -> bool:
        """Whether quotes stand around cells: where one is needed, or around a whole column."""
        is_mixed = bool(self.needless) and (self.bare > 0 or bool(self.needless & self.spared))
        return self.is_closed and not is_mixed


def _is_quoted(source: Source, format: Format) -> bool:
    """Return whether quotes around cells of a tab-separated file are not of its texts.

    1. Where each line has as many tabs as the first, no quoted cell spans lines; so a quote is of
       the text unless each is well closed within its cell, and stands where one is needed or
       around all cells of its column.
    2. Otherwise cells hold tabs or breaks, if reading them so succeeds.
    """
    width, quotes = -1, _Quotes()
    for line in lines_of(source, format):
        row = line.rstrip("\r\n")
        tabs = row.count("\t")
        if width < 0:  # the header may be quoted otherwise
            width = tabs if row else width
        elif row and tabs != width:
            return _can_be_read(Rows(source, format))
        elif '"' in row:
            quotes.look(row.split("\t"))
        elif row:
            quotes.bare += 1
    return quotes.are_around


def _can_be_read(rows: Iterable[Record]) -> bool:
    try:
        return all(True for _ in rows)
    except UserError:
        return False
