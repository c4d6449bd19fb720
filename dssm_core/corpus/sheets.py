"""A sheet of a workbook as a table of text."""

from __future__ import annotations

from collections.abc import Iterable

from dssm_core.corpus.formats import ROWS, has_header, names_of
from dssm_core.corpus.opening import MAX_BYTES, Source
from dssm_core.corpus.records import Format, Record, check_size
from dssm_core.corpus.workbook import Workbook
from dssm_core.errors import UserError, line_of

Rows = list[tuple[int, dict[int, str]]]


def sheet_names(source: Source) -> tuple[str, ...]:
    """Return the names of a workbook's sheets that can be seen; () for another file.

    Raises:
        UserError: where it is damaged or too large.
    """
    book = Workbook.of(source)
    return tuple(book.sheets) if book else ()


def read_sheet(
    book: Workbook, sheet: str | None = None, header: bool | None = None
) -> tuple[Format, tuple[str, ...], list[Record]]:
    """Return how a sheet is read, its columns, and its rows by their numbers in the sheet.

    Empty rows, and empty columns before the table, are left out.

    Args:
        book: the workbook.
        sheet: name of the sheet; None for the first with two rows, or else with one.
        header: whether the first row has names; None to find it.

    Raises:
        UserError: where the workbook is damaged or too large, has no such sheet, or a formula
            without its value; where a row has cells beyond the table's columns.
    """
    if sheet is not None and sheet not in book.sheets:
        raise UserError("sheet.unknown", ", ".join(book.sheets), name=book.name, sheet=sheet)
    used, rows = _first(book, book.sheets if sheet is None else (sheet,))
    start = min(min(cells) for _, cells in rows)
    widest = 1 + max(max(cells) for _, cells in rows) - start
    table = [(number, _listed(cells, start, widest)) for number, cells in rows]
    if header is None:
        header = has_header([cells for _, cells in table[:ROWS]])
    width = 1 + max(rows[0][1]) - start if header else widest
    for number, cells in table:
        if any(cells[width:]):
            where = line_of(number, book.name)
            raise UserError("sheet.wide row", ", ".join(cells), where=where, columns=width)
    columns = names_of(table[0][1][:width], header)
    records: list[Record] = [(number, cells[:width]) for number, cells in table[header:]]
    return Format("sheet", has_header=header, sheet=used, sheets=len(book.sheets)), columns, records


def _first(book: Workbook, sheets: Iterable[str]) -> tuple[str, Rows]:
    """Return the first sheet with two rows, as a table has, or else the first with one."""
    best, found = "", Rows()
    for sheet in sheets:
        rows = _held(book, sheet)
        if len(rows) > min(1, len(found)):
            best, found = sheet, rows
        if len(found) > 1:
            break
    if not found:
        raise UserError("pairs.empty file", name=book.name)
    return best, found


def _held(book: Workbook, sheet: str) -> Rows:
    """Return a sheet's rows, if they are not too many for a table; texts may be shared by cells."""
    rows, widest, size = Rows(), 0, 0
    for number, cells in book.rows(sheet):
        rows.append((number, cells))
        widest = max(widest, 1 + max(cells))
        size += sum(map(len, cells.values()))
        check_size(book.name, widest, len(rows))
        if size > MAX_BYTES:
            raise UserError("file.too large", name=book.name, most=MAX_BYTES >> 20)
    return rows


def _listed(cells: dict[int, str], start: int, width: int) -> list[str]:
    return [cells.get(start + place, "") for place in range(width)]
