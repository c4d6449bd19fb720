"""What every format makes of a file: records, each with the line where it starts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from dssm_core.corpus.opening import Encoding, Source, text_lines
from dssm_core.errors import UserError

Kind = Literal["separated", "json lines", "json", "json columns", "parquet", "sheet"]
Record = tuple[int, Sequence[str]]  # 1-based line, cells in the order of the columns

MAX_COLUMNS, MAX_CELLS = 1_000, 20_000_000  # of a table


@dataclass(frozen=True)
class Format:
    """How a file's text makes a table.

    Attributes:
        kind: "separated" is CSV, TSV and their kin.
        encoding: of its bytes; None in Parquet and workbooks, which say so themselves.
        separator: between cells; "" where there is none.
        is_quoted: whether a quote around a cell is not of its text.
        has_header: whether the first row has the names of the columns.
        first: the number of the line where the table starts; a line "sep=;" stands before it.
        above: rows above the header, such as a title, which are left out.
        sheet: name of the sheet, of a workbook.
        others: names of the workbook's other sheets.
    """

    kind: Kind
    encoding: Encoding | None = None
    separator: str = ""
    is_quoted: bool = True
    has_header: bool = True
    first: int = 1
    above: int = 0
    sheet: str = ""
    others: tuple[str, ...] = ()


def check_size(name: str, columns: int, rows: int = 1) -> None:
    """Refuse what would fill the memory: a small file can hold very many cells."""
    for what, count, most in (
        ("columns", columns, MAX_COLUMNS),
        ("cells", rows * columns, MAX_CELLS),
    ):
        if count > most:
            raise UserError(f"pairs.too many {what}", f"{count:,}", name=name, most=most)


def cell_of(value: Any) -> str:
    """Return a value of JSON, Parquet or a workbook as a cell's text; "" for none."""
    if value is None:
        return ""
    if isinstance(value, bytes):  # as Spark writes texts into Parquet
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, (bool, int, float, list, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def lines_of(source: Source, format: Format) -> Iterator[str]:
    """Yield the lines from the first of the table on, with their ends."""
    assert format.encoding is not None
    return islice(text_lines(source, format.encoding), format.first - 1, None)
