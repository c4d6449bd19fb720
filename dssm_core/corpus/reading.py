"""How a file of pairs is read, from its bytes to roles and labels, and said in a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import IO, Any

from dssm_core.corpus.formats import SEPARATORS, find_format, read_columns
from dssm_core.corpus.labels import Labels, guess_labels
from dssm_core.corpus.lists import items_of
from dssm_core.corpus.markup import strip_markup
from dssm_core.corpus.opening import Source
from dssm_core.corpus.records import Format, Record, check_size
from dssm_core.corpus.roles import Roles, guess_roles
from dssm_core.corpus.sheets import read_sheet
from dssm_core.corpus.workbook import Workbook
from dssm_core.errors import UserError
from dssm_core.words import Sentence, Values

HEAD = 500
"""Rows that columns are guessed from."""
HEAD_SIZE = 1 << 20
"""Characters, likewise."""


@dataclass(frozen=True)
class Choices:
    """What a person says of a file; what is None is guessed.

    Attributes:
        query: column of the queries.
        document: column of the documents.
        label: column of the labels; "none" where there is none.
        relevant: labels that mean relevant.
        min_grade: the least label that does.
        header: whether the first row has the columns' names.
        encoding: of the file's text.
        separator: of its cells.
        sheet: of a workbook.
        strip_html: whether texts are read as a browser shows them, without tags and entities.
    """

    query: str | None = None
    document: str | None = None
    label: str | None = None
    relevant: tuple[str, ...] | None = None
    min_grade: float | None = None
    header: bool | None = None
    encoding: str | None = None
    separator: str | None = None
    sheet: str | None = None
    strip_html: bool = False


OWN = Choices("query", "document", header=True, encoding="UTF-8", separator=",")
"""How a model folder's own pairs.csv is read: as `train` writes it."""


@dataclass(frozen=True)
class Table:
    """A file's rows, before anybody said what they mean.

    Attributes:
        name: of the file.
        format: how its text makes rows.
        columns: their names, no two alike.
        records: for each row its line, from 1, and its cells as text; can be gone through again.
    """

    name: str
    format: Format
    columns: tuple[str, ...]
    records: Iterable[Record]

    @property
    def head(self) -> list[Record]:
        """The first rows; fewer where they are long."""
        head: list[Record] = []
        size = 0
        for record in islice(self.records, HEAD):
            head.append(record)
            size += sum(map(len, record[1]))
            if size > HEAD_SIZE:
                break
        return head

    def cells(self, column: str) -> Iterable[str]:
        """Return a column's cells, of all rows."""
        index = self.columns.index(column)
        return (cells[index] for _, cells in self.records)


@dataclass(frozen=True)
class Reading:
    """How a file is read.

    Attributes:
        name: of the file.
        format: how its text makes rows.
        columns: of the file.
        roles: which column is what.
        labels: what the labels mean.
        pairs: how many there are; None before they are counted.
        unjudged: rows left out because they have no label.
        strips_html: whether tags and entities of HTML are taken out of the texts.
    """

    name: str
    format: Format
    columns: tuple[str, ...]
    roles: Roles
    labels: Labels
    pairs: int | None = None
    unjudged: int = 0
    strips_html: bool = False

    def text(self, cell: str) -> str:
        """Return a cell of query or document as it is read."""
        return strip_markup(cell) if self.strips_html else cell

    def sentence(self) -> Sentence:
        """Return all that was guessed or given, to be checked at a glance."""
        roles = self.roles
        labels = self.labels.sentence()
        if roles.negatives:
            names = ", ".join(roles.negatives)
            labels = Sentence("reading.negatives", {"columns": names})
        values: Values = {
            "format": _format_of(self.format),
            "query": str(roles.query),
            "document": str(roles.document),
            "labels": labels,
        }
        sentence = Sentence("reading.uncounted", values)
        if self.pairs is not None:
            sentence = Sentence("reading", {**values, "number": self.pairs})
        besides = [
            (self.format.above, Sentence("reading.above", {"number": self.format.above})),
            (self.format.others, Sentence("reading.sheets", {"names": self.format.others})),
            (self.strips_html, Sentence("reading.without html")),
            (self.unjudged, Sentence("reading.unjudged", {"number": self.unjudged})),
        ]
        for is_said, more in besides:
            if is_said:
                sentence = Sentence("reading.both", {"one": sentence, "other": more})
        return sentence

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values for `json.dumps`."""
        format, labels = self.format, asdict(self.labels)
        known = format.encoding
        return {
            "file": self.name,
            "kind": format.kind,
            "encoding": known.name if known else None,
            "encoding_is_certain": known.is_certain if known else True,
            "separator": format.separator or None,
            "sheet": format.sheet or None,
            "header": format.has_header,
            "query": self.roles.query,
            "document": self.roles.document,
            "negatives": list(self.roles.negatives),
            "label": labels["column"],
            "relevant": list(labels["relevant"]),
            "irrelevant": list(labels["irrelevant"]),
            "min_grade": labels["least"],
            "pairs": self.pairs,
            "unjudged": self.unjudged,
            "html_stripped": self.strips_html,
        }


def read_table(
    source: Path | str | bytes | IO[Any],
    name: str | None = None,
    choices: Choices | None = None,
    is_whole: bool = True,
) -> Table:
    """Read a file's rows, whatever its columns are called.

    Args:
        source: a path, the file's bytes, or a file opened for reading.
        name: the file's name, for the format and for messages; the path's if None.
        choices: what a person says of it.
        is_whole: whether the rows are held, as a workbook's always are; otherwise they are read
            whenever they are gone through.

    Raises:
        UserError: where the file cannot be read; names the line.
    """
    choices = choices or Choices()
    origin = Source.of(source, name)
    records: Iterable[Record]
    if book := Workbook.of(origin):
        format, columns, records = read_sheet(book, choices.sheet, choices.header)
    elif choices.sheet is not None:
        raise UserError("sheet.no workbook", name=origin.name)
    else:
        format = find_format(origin, choices.encoding, choices.separator, choices.header, is_whole)
        columns, records = read_columns(origin, format)
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if twice is not None:
        raise UserError("pairs.repeated column", name=origin.name, column=twice)
    if is_whole:
        records = _held(records, origin.name, len(columns))
    if not any(True for _ in islice(records, 1)):
        raise UserError("pairs.no rows", name=origin.name)
    return Table(origin.name, format, columns, records)


def open_table(path: Path, choices: Choices | None = None) -> tuple[Table, Reading]:
    """Return a file's rows, streamed, and how they are read; looked into once while it stays.

    Raises:
        UserError: where the file cannot be read as pairs.
    """
    if not path.is_file():
        raise UserError("file.missing", name=str(path))
    status = path.stat()
    return _opened(path, (status.st_mtime_ns, status.st_size, status.st_ino), choices or Choices())


def interpret(table: Table, choices: Choices | None = None) -> Reading:
    """Return how a table is read: as a person says, or else as it is guessed.

    Raises:
        UserError: where it is not clear what is query, document, or relevant.
    """
    choices = choices or Choices()
    roles = roles_of(table, choices)
    for side in ("query", "document"):
        if getattr(roles, side) is None:
            raise UserError(f"columns.no {side}", ", ".join(table.columns), name=table.name)
    if not (roles.label or roles.inner_label) and (
        choices.relevant or choices.min_grade is not None
    ):
        raise UserError("columns.no label", ", ".join(table.columns), name=table.name)
    column, cells = label_cells(table, roles)
    given = choices.relevant, choices.min_grade
    labels = guess_labels(column, cells, *given, name=table.name)
    if roles.negatives and column is None:
        labels = Labels(None, ("1",), ("0",))
    strips = choices.strip_html
    return Reading(table.name, table.format, table.columns, roles, labels, strips_html=strips)


def label_cells(table: Table, roles: Roles) -> tuple[str | None, Iterable[str]]:
    """Return what the labels are called and each of them, also where they stand in lists."""
    if roles.inner_label and roles.document:
        lists = table.cells(roles.document)
        labels = (item.label for cell in lists for item in items_of(cell, roles.inner_label))
        return f"{roles.document}.{roles.inner_label}", labels
    return roles.label, table.cells(roles.label) if roles.label else ()


def roles_of(table: Table, choices: Choices) -> Roles:
    """Return which columns are what; None for what nobody knows.

    Raises:
        UserError: where a column that a person names is not there, or named twice.
    """
    given = [c for c in (choices.query, choices.document, choices.label) if c is not None]
    for column in given:
        if column not in table.columns and not (column == choices.label == "none"):
            names = ", ".join(table.columns)
            raise UserError("columns.unknown", names, column=column, name=table.name)
        if given.count(column) > 1:
            raise UserError("columns.chosen twice", column, name=table.name)
    said = Roles(choices.query, choices.document, choices.label)
    return guess_roles(table.columns, table.head, table.format.has_header, said)


@lru_cache(maxsize=4)
def _opened(path: Path, stamp: tuple[int, ...], choices: Choices) -> tuple[Table, Reading]:
    table = read_table(path, choices=choices, is_whole=False)
    return table, interpret(table, choices)


def _held(records: Iterable[Record], name: str, columns: int) -> list[Record]:
    held: list[Record] = []
    for record in records:
        held.append(record)
        if not len(held) % 10_000:
            check_size(name, columns, len(held))
    check_size(name, columns, len(held))
    return held


def _format_of(format: Format) -> Sentence:
    """Return "tab-separated UTF-8 with a header" and the like."""
    if format.kind == "sheet":
        key = "reading.sheet" if format.has_header else "reading.sheet.no header"
        return Sentence(key, {"sheet": format.sheet})
    if format.encoding is None:
        return Sentence("reading.parquet")
    encoding = format.encoding.sentence()
    if format.kind != "separated":
        return Sentence(f"reading.{format.kind}", {"encoding": encoding})
    name = SEPARATORS.get(format.separator)
    separator: str | Sentence = Sentence(f"reading.{name}") if name else repr(format.separator)
    kind = "reading.header" if format.has_header else "reading.no header"
    return Sentence(kind, {"separator": separator, "encoding": encoding})
