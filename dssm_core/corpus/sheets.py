"""Workbooks as Excel writes them (XLSX): the rows of one sheet as a table of text."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from dssm_core.corpus.formats import ROWS, has_header, names_of
from dssm_core.corpus.opening import Source
from dssm_core.corpus.records import Format, Record, cell_of, check_size
from dssm_core.errors import UserError, line_of

MAX_UNPACKED, MAX_TAGS = 1 << 26, 2_000_000
"""Bytes of a workbook, unpacked, and tags in them, each of which may take 300 bytes of memory."""

MAX_ROWS = 1 << 20
"""Of a sheet, as Excel has it; a file may number its rows as it likes."""

_FORMULA = re.compile(rb"<(\w+:)?f[\s>/]")
_ESCAPED = re.compile("_x000([9AD])_")
"""How a tab, a line feed or a carriage return may stand in a cell."""


def is_workbook(source: Source) -> bool:
    """Return whether a file is a zip with a workbook in it."""
    try:
        with source.raw() as stream:
            is_zip = stream.read(4) == b"PK\x03\x04"
            return is_zip and "xl/workbook.xml" in zipfile.ZipFile(stream).namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def sheet_names(source: Source) -> tuple[str, ...]:
    """Return the names of a workbook's sheets that can be seen; () for another file.

    Raises:
        UserError: where it is damaged or too large.
    """
    return _Workbook.of(source).sheets() if is_workbook(source) else ()


def read_sheet(
    source: Source, sheet: str | None = None, header: bool | None = None
) -> tuple[Format, tuple[str, ...], list[Record]]:
    """Return how a sheet is read, its columns, and its rows by their numbers in the sheet.

    Empty rows, and empty columns before the table, are left out.

    Args:
        source: the workbook.
        sheet: name of the sheet; None for the first that has a cell.
        header: whether the first row has names; None to find it.

    Raises:
        UserError: where the file is damaged or too large, has no such sheet, or a formula without
            its value; where a row has cells beyond the table's columns.
    """
    book = _Workbook.of(source)
    names = book.sheets()
    if sheet is not None and sheet not in names:
        raise UserError("sheet.unknown", ", ".join(names), name=source.name, sheet=sheet)
    each = ((name, list(book.rows(name))) for name in (names if sheet is None else (sheet,)))
    used, found = next(((name, rows) for name, rows in each if rows), ("", []))
    if not found:
        raise UserError("pairs.empty file", name=source.name)
    start = min(next(n for n, cell in enumerate(cells) if cell) for _, cells in found)
    rows = [(number, cells[start:]) for number, cells in found]
    widest = max(len(cells) for _, cells in rows)
    if header is None:
        header = has_header([_padded(cells, widest) for _, cells in rows[:ROWS]])
    width = len(rows[0][1]) if header else widest
    check_size(source.name, width, len(rows))
    if width < widest:
        number, cells = next((number, cells) for number, cells in rows if len(cells) > width)
        where = line_of(number, source.name)
        raise UserError("sheet.wide row", ", ".join(cells), where=where, columns=width)
    records: list[Record] = [(number, _padded(cells, width)) for number, cells in rows[header:]]
    format = Format("sheet", has_header=header, sheet=used, sheets=len(names))
    return format, names_of(_padded(rows[0][1], width), header), records


@dataclass(frozen=True)
class _Workbook:
    """A workbook that may be read whole.

    Attributes:
        name: of its file.
        content: its bytes.
        has_formulas: whether a cell is computed.
    """

    name: str
    content: bytes
    has_formulas: bool

    @classmethod
    def of(cls, source: Source) -> _Workbook:
        """Look into a workbook without reading its XML, and refuse what would fill the memory."""
        too_large = UserError("file.too large", name=source.name, most=MAX_UNPACKED >> 20)
        tags, has_formulas = 0, False
        with source.raw() as stream:
            content = stream.read(MAX_UNPACKED + 1)
        if len(content) > MAX_UNPACKED:
            raise too_large
        with _told(source.name), zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_UNPACKED:
                raise too_large
            for name in archive.namelist():
                member = archive.read(name)
                tags += member.count(b"<")
                has_formulas = has_formulas or bool(_FORMULA.search(member))
        if tags > MAX_TAGS:
            raise UserError("pairs.too many cells", name=source.name, most=MAX_TAGS // 4)
        return cls(source.name, content, has_formulas)

    def sheets(self) -> tuple[str, ...]:
        """Return the names of the sheets that can be seen."""
        with self._open() as book:
            return tuple(one.title for one in book.worksheets if one.sheet_state == "visible")

    def rows(self, sheet: str) -> Iterator[tuple[int, list[str]]]:
        """Yield number and cells, up to the last that is not empty, of rows that have any."""
        with ExitStack() as stack:
            books = [stack.enter_context(self._open())]
            if self.has_formulas:  # one has its value only where something computed it
                books.append(stack.enter_context(self._open(is_computed=False)))
            pages = [book[sheet] for book in books]
            for page in pages:
                page.reset_dimensions()  # what the file says of its size may be untrue
            each = zip(*(page.iter_rows(values_only=True) for page in pages), strict=True)
            for number, (cells, *written) in enumerate(each, 1):
                if number > MAX_ROWS:
                    raise UserError("pairs.too many lines", name=self.name, most=MAX_ROWS)
                check_size(self.name, len(cells))
                for value, formula in zip(cells, written[0], strict=True) if written else ():
                    if value is None and formula is not None:
                        where = line_of(number, self.name)
                        raise UserError("sheet.no value", str(formula), where=where)
                texts = [_text_of(value) for value in cells]
                while texts and not texts[-1]:
                    texts.pop()
                if texts:
                    yield number, texts

    @contextmanager
    def _open(self, is_computed: bool = True) -> Iterator[Any]:
        """Give openpyxl's workbook, with the values of its formulas, or the formulas themselves."""
        import openpyxl

        with _told(self.name), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what openpyxl leaves out: charts, rules of input
            book = openpyxl.load_workbook(
                io.BytesIO(self.content), read_only=True, data_only=is_computed, keep_links=False
            )
            try:
                yield book
            finally:
                book.close()


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Tell of what openpyxl, zipfile and expat raise, which is whatever damage leads to."""
    try:
        yield
    except UserError:
        raise
    except Exception as trouble:
        raise UserError("file.damaged sheet", str(trouble), name=name) from trouble


def _text_of(value: Any) -> str:
    """Return a cell's value as people see it: 3 for 3.0, a day for its midnight."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    elif isinstance(value, datetime) and value.time() == time():
        value = value.date()
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), cell_of(value))


def _padded(cells: list[str], width: int) -> list[str]:
    return [*cells, *[""] * (width - len(cells))]
