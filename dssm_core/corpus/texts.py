"""Texts by their ids, in the layouts of BEIR, MS MARCO, TREC, DPR and WANDS, and Parquet."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from dssm_core.corpus.opening import UTF_8, Encoding, Source, find_encoding, text_lines
from dssm_core.corpus.parquet import column_names, is_parquet, stream_cells
from dssm_core.corpus.sheets import read_sheet
from dssm_core.corpus.workbook import Workbook
from dssm_core.errors import UserError, line_of
from dssm_core.process import read_long_cells
from dssm_core.words import Sentence, Values

Kind = Literal["query", "document"]
Layout = Literal["JSONL", "header", "lines", "Parquet", "workbook", "texts"]

QUERY_IDS = ("queryid", "qid", "questionid", "topicid", "topic")
DOCUMENT_IDS = (
    *("corpusid", "documentid", "docid", "did", "docno", "passageid", "pid", "productid"),
    *("itemid", "textid"),
)
IDS: dict[Kind, tuple[str, ...]] = {
    "query": (*QUERY_IDS, "id", *DOCUMENT_IDS),
    "document": (*DOCUMENT_IDS, "id", *QUERY_IDS),
}
"""Names of a column of ids, the likeliest first; without case, spaces, - and _."""

TITLES = ("title", "productname", "producttitle", "name")
BODIES = (
    *("text", "passage", "document", "doc", "body", "contents", "content", "productdescription"),
    *("description", "abstract"),
)
QUERIES = ("query", "question", "querytext", "text", "title", "contents", "topictitle")

MAX_CELL = 2**26
"""Characters of a cell of CSV; Python's own limit, 131,072, is shorter than some documents."""

_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


@dataclass(frozen=True)
class Texts:
    """Texts by their ids, and how their file was read.

    Attributes:
        name: of the file.
        texts: by id, in the file's order.
        layout: as of `TextRows`.
        columns: likewise.
        encoding: of its bytes.
        number: texts of the file, where `texts` has only some of them.
    """

    name: str
    texts: dict[str, str]
    layout: Layout
    columns: tuple[str, ...]
    encoding: Encoding = UTF_8
    number: int | None = None

    def sentence(self) -> Sentence:
        """Return how the file was read."""
        said: Values = {"name": self.name, "number": self._number}
        if self.columns:
            said = {**said, "id": self.columns[0], "text": self.columns[1:]}
        sentence = Sentence(f"collection.{self.layout}", said)
        if self.encoding == UTF_8:
            return sentence
        read = Sentence("collection.encoding", {"encoding": self.encoding.sentence()})
        return Sentence("reading.both", {"one": sentence, "other": read})

    def to_dict(self) -> dict[str, Any]:
        """Return the same as data."""
        return {
            "file": self.name,
            "texts": self._number,
            "layout": self.layout,
            "columns": list(self.columns),
            "encoding": self.encoding.name,
            "encoding_is_certain": self.encoding.is_certain,
        }

    @property
    def _number(self) -> int:
        return len(self.texts) if self.number is None else self.number


class TextRows(NamedTuple):
    """The texts of a file, to be gone through once.

    Attributes:
        layout: "JSONL"; "header", a table whose first line names its columns; "lines", a table
            without one, of which each line is an id and a text; "Parquet"; "workbook"; "texts",
            without ids.
        columns: the id's, then those of the text, as the file calls them; () for "lines"; those of
            the text alone for "texts", () where each line is a text.
        rows: each one's line, id (its number for "texts") and text.
        encoding: of its bytes.
    """

    layout: Layout
    columns: tuple[str, ...]
    rows: Iterator[tuple[int, str, str]]
    encoding: Encoding = UTF_8


def read_texts(path: Path, kind: Kind = "document") -> Texts:
    """Read texts by their ids.

    1. A file that starts with { is JSONL, as in BEIR; any other a table, of tabs or, called .csv,
       of commas.
    2. A first line that names an id is a header, and the columns are known by their names; else
       each line is id, tab, text. A title is put before the text.
    3. Quotes are undone in CSV, and in a TSV with a header (DPR) around whole cells.

    Args:
        path: plain, gzipped or zstd; or Parquet or a workbook.
        kind: which names of columns to prefer.

    Raises:
        UserError: where a line is something else, or an id comes twice; names the line.
    """
    found = open_texts(path, kind)
    texts: dict[str, str] = {}
    for number, name, text in found.rows:
        if name in texts:
            raise UserError("trec.repeated id", name, where=line_of(number, path.name))
        texts[name] = text
    if not texts:
        raise UserError("trec.empty file", name=path.name)
    return Texts(path.name, texts, found.layout, found.columns, found.encoding)


def open_texts(path: Path, kind: Kind = "document") -> TextRows:
    """Open a file of texts by their ids, to read one after the other; ids may come twice.

    Raises:
        UserError: as `read_texts`, in part only when the rows are read.
    """
    if whole := cell_table(path):
        columns = tuple(whole.names[i] for i in header(whole.names, kind))
        if not columns:
            raise UserError("texts.no column", ", ".join(whole.names), name=path.name)
        cells = whole.cells(header(whole.names, kind))
        rows = ((number, name, joined(texts)) for number, (name, *texts) in cells)
        return TextRows(whole.layout, columns, _checked(path, rows))
    if not (first := first_line(path)):
        raise UserError("trec.empty file", name=path.name)
    encoding = _encoding_of(path)
    if first.lstrip().startswith("{"):
        lines = _checked(path, _from_json(path, kind))
        return TextRows("JSONL", json_columns(first, kind), lines, encoding)
    undo = str if is_csv(path) else unquoted
    table = ((number, list(map(undo, cells))) for number, cells in rows_of(path))
    _, named = next(table)
    if places := header(tuple(named), kind):
        columns = tuple(named[i] for i in places)
        found = _checked(path, _from_table(path, table, places, len(named)))
        return TextRows("header", columns, found, encoding)
    return TextRows("lines", (), _checked(path, _from_lines(path)), encoding)


class CellTable(NamedTuple):
    """A file that is a table by itself, and not by how its text is read.

    Attributes:
        layout: "Parquet" or "workbook".
        names: of its columns.
        cells: yields the number of each row and its cells at some places.
    """

    layout: Layout
    names: tuple[str, ...]
    cells: Callable[[Sequence[int]], Iterator[tuple[int, list[str]]]]


def cell_table(path: Path) -> CellTable | None:
    """Open Parquet or a workbook; None where a file is neither."""
    if not path.is_file():
        raise UserError("file.missing", name=str(path))
    if is_parquet(path):
        names = column_names(path)
        return CellTable(
            "Parquet", names, lambda places: stream_cells(path, [names[i] for i in places])
        )
    if book := Workbook.of(Source.of(path)):
        _, columns, records = read_sheet(book)
        return CellTable(
            "workbook",
            columns,
            lambda places: ((n, [cells[i] for i in places]) for n, cells in records),
        )
    return None


def _checked(path: Path, rows: Iterable[tuple[int, str, str]]) -> Iterator[tuple[int, str, str]]:
    """Yield rows; an id is a word."""
    for number, name, text in rows:
        if not name or any(c.isspace() for c in name):
            raise UserError("trec.wrong id", repr(name), where=line_of(number, path.name))
        yield number, name, text


def has_ids(path: Path) -> bool:
    """Return whether a file says that it holds documents by their ids, and no queries."""
    try:
        if table := cell_table(path):
            return bool(header(table.names, "document")) and not _has_query(table.names)
        line = first_line(path)
        if line.lstrip().startswith("{"):
            names = json_columns(line, "document")
            return bool(names) and not _has_query(json.loads(line))
        _, cells = next(rows_of(path), (0, []))
    except UserError:  # such as another encoding, which the reader of pairs may know
        return False
    cells = [unquoted(cell) for cell in cells]
    return bool(header(tuple(cells), "document")) and not _has_query(cells)


def _has_query(columns: Iterable[str]) -> bool:
    return bool({plain(column) for column in columns} & {"query", "question", *QUERY_IDS})


def plain(column: str) -> str:
    """Return a column's name without case, spaces, - and _."""
    return re.sub(r"[\s_-]", "", column).lower()


@lru_cache
def header(columns: tuple[str, ...], kind: Kind) -> tuple[int, ...]:
    """Return the places of the id and of the texts in a header; () where it is none."""
    names = [plain(column) for column in columns]
    identity = next((names.index(name) for name in IDS[kind] if name in names), None)
    if identity is None:
        return ()
    read = [place for place in text_places(columns, kind) if place != identity]
    if not read and identity == 0:  # an id that is called id, and names that we do not know
        read = list(range(1, len(names)))
    return (identity, *read) if read else ()


def text_places(columns: Sequence[str], kind: Kind) -> list[int]:
    """Return the places of the columns whose names say that they hold the texts."""
    names = [plain(column) for column in columns]
    wanted = (QUERIES,) if kind == "query" else (TITLES, BODIES)
    found = (next((n for n in some if n in names), None) for some in wanted)
    return [names.index(name) for name in found if name is not None]


def json_columns(line: str, kind: Kind) -> tuple[str, ...]:
    """Return the fields of a JSON line that are its id and its texts; () where it has none."""
    try:
        item = json.loads(line)
    except (ValueError, RecursionError):
        return ()
    return _fields(item, kind)


def _fields(item: Any, kind: Kind) -> tuple[str, ...]:
    if not isinstance(item, dict):
        return ()
    names = tuple(item)
    places = header(names, kind)
    known = {*TITLES, *BODIES, *QUERIES}
    columns = tuple(names[i] for i in places)
    return columns if all(plain(column) in known for column in columns[1:]) else ()


def lines_of(path: Path) -> Iterator[str]:
    """Yield a text file's lines, with their ends; unpacked, in whatever encoding."""
    if not path.is_file():
        raise UserError("file.missing", name=str(path))
    yield from text_lines(Source.of(path), _encoding_of(path), "\n")


def _encoding_of(path: Path) -> Encoding:
    """Return a file's encoding, looked for once while the file stays."""
    status = path.stat()
    return _find_encoding(Source.of(path), (status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=8)
def _find_encoding(source: Source, stamp: tuple[int, int]) -> Encoding:
    return find_encoding(source, None, is_whole=False)


def rows_of(path: Path, separator: str | None = "\t") -> Iterator[tuple[int, list[str]]]:
    """Yield a table's rows that are not blank, each with the line that it ends on.

    Args:
        path: of a table of commas, whose quotes are undone, or of any other.
        separator: of the cells of any other; None for white space.
    """
    if is_csv(path):
        yield from _csv_rows(path)
        return
    for number, line in enumerate(lines_of(path), 1):
        if line.strip():
            yield number, line.rstrip("\r\n").split(separator)


def first_line(path: Path) -> str:
    """Return the first line that is not blank; "" where there is none."""
    return next((line for line in lines_of(path) if line.strip()), "")


def is_csv(path: Path) -> bool:
    """Return whether a table has commas: where it is called .csv and its first line has no tab."""
    return ".csv" in path.suffixes and "\t" not in first_line(path)


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    read_long_cells(MAX_CELL)
    reader = csv.reader(lines_of(path), strict=True)
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                yield reader.line_num, cells
    except csv.Error as trouble:
        where = line_of(reader.line_num, path.name)
        raise UserError("trec.wrong CSV", str(trouble), where=where) from trouble


def unquoted(cell: str) -> str:
    """Return a cell without the quotes around all of it, and those inside single."""
    whole = _QUOTED.fullmatch(cell)
    return whole[1].replace('""', '"') if whole else cell


def _from_table(
    path: Path, rows: Iterable[tuple[int, list[str]]], places: Sequence[int], width: int
) -> Iterator[tuple[int, str, str]]:
    for number, cells in rows:
        if len(cells) > width == 2:  # an id and a text, which holds tabs
            cells = [cells[0], " ".join(cells[1:])]
        if len(cells) != width:
            where = line_of(number, path.name)
            raise UserError("trec.ragged row", where=where, number=len(cells), width=width)
        name, *texts = (cells[place] for place in places)
        yield number, name.strip(), joined(texts)


def _from_lines(path: Path) -> Iterator[tuple[int, str, str]]:
    for number, cells in rows_of(path):
        if len(cells) < 2:
            raise UserError("trec.no tab", cells[0], where=line_of(number, path.name))
        yield number, cells[0], " ".join(cells[1:])


def _from_json(path: Path, kind: Kind) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(lines_of(path), 1):
        if line.strip():
            try:
                item = json.loads(line)
                name, *texts = (item[field] for field in _fields(item, kind))
                yield number, "" if name is None else str(name), joined(texts)
            except (ValueError, TypeError, RecursionError) as trouble:
                received = f"{type(trouble).__name__}: {trouble}"
                where = line_of(number, path.name)
                raise UserError("trec.not a text", received, where=where) from None


def joined(texts: Iterable[str | None]) -> str:
    """Return the parts of a text as one, such as a title and what it is the title of."""
    return " ".join(text for text in texts if text).strip()
