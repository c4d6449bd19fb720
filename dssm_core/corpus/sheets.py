"""A sheet of a workbook as a table of text."""

from __future__ import annotations

from collections.abc import Iterable

from dssm_core.corpus.formats import ROWS, has_header, header_place, names_of
from dssm_core.corpus.opening import MAX_BYTES, Source
from dssm_core.corpus.records import Format, Record, check_size
from dssm_core.corpus.workbook import Workbook, place_of
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

    Empty rows, empty columns before the table, and rows above its header are left out.

    Args:
        book: the workbook.
        sheet: name of the sheet; None for the first that names query and document, or else has
            two rows, or else one.
        header: whether the first row has names; None to find it.

    Raises:
        UserError: where the workbook is damaged or too large, has no such sheet, or a formula
            without its value; where a row has cells beyond the table's columns.
    """
    if sheet is not None and sheet not in book.sheets:
        raise UserError("sheet.unknown", ", ".join(book.sheets), name=book.name, sheet=sheet)
    used, rows = _first(book, book.sheets if sheet is None else (sheet,))
    above = (_header(rows) or 0) if header is None else 0
    rows = rows[above:]
    start = min(min(cells) for _, cells in rows)
    widest = 1 + max(max(cells) for _, cells in rows) - start
    if header is None:
        header = bool(above) or has_header([_listed(c, start, widest) for _, c in rows[:ROWS]])
    width = 1 + max(rows[0][1]) - start if header else widest
    for number, cells in rows:
        if outside := [
            f"{place_of(at, number)}: {cells[at]}" for at in cells if at - start >= width
        ]:
            where = line_of(number, book.name)
            raise UserError("sheet.wide row", ", ".join(outside), where=where, columns=width)
    table: list[Record] = [(number, _listed(cells, start, width)) for number, cells in rows]
    others = tuple(name for name in book.sheets if name != used)
    format = Format("sheet", has_header=header, above=above, sheet=used, others=others)
    return format, names_of(table[0][1], header), table[header:]


def _first(book: Workbook, sheets: Iterable[str]) -> tuple[str, Rows]:
    """Return the first sheet that is most like a table of pairs."""
    best, found, most = "", Rows(), 0
    for sheet in sheets:
        rows = _held(book, sheet)
        likeness = min(len(rows), 2) + (_header(rows) is not None)
        if likeness > most:
            best, found, most = sheet, rows, likeness
        if most == 3:
            break
    if not found:
        raise UserError("pairs.empty file", name=book.name)
    return best, found


def _header(rows: Rows) -> int | None:
    """Return the place of the row that names query and document; None where none does."""
    return header_place([*cells.values()] for _, cells in rows)


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
