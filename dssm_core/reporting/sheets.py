"""Tables as files: CSV that no spreadsheet runs, and verdicts out and in again."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import IO, Any

import pandas as pd

from dssm_core.errors import UserError
from dssm_core.store import COLUMNS, VERDICTS

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet may take for the start of a formula."""


def escape_cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; `unescape_cell` undoes it.

    Example:
        >>> escape_cell("=1+1"), escape_cell("'=1+1"), escape_cell("it's")
        ("'=1+1", "''=1+1", "it's")
    """
    return "'" + text if _is_risky(text) else text


def unescape_cell(text: str) -> str:
    """Return what `escape_cell` was given.

    Example:
        >>> unescape_cell("'=1+1"), unescape_cell("'tis")
        ('=1+1', "'tis")
    """
    return text[1:] if text.startswith("'") and _is_risky(text) else text


def _is_risky(text: str) -> bool:
    # quotes in front count for nothing, or a text that brings its own could not be told apart
    bare = text.lstrip("'")
    return bare.startswith(FORMULA) or bare.lstrip().startswith(FORMULA)


def safe_csv(frame: pd.DataFrame) -> bytes:
    """Return a CSV whose texts no spreadsheet takes for a formula, UTF-8 with BOM."""
    safe = frame.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = [escape_cell(c) if isinstance(c, str) else c for c in safe[column]]
    text = safe.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)
    return ("\ufeff" + text).encode("utf-8", "replace")


def verdicts_jsonl(verdicts: pd.DataFrame) -> bytes:
    """Return verdicts as JSON, one a line, UTF-8; as CSV, they are `safe_csv`'s."""
    if verdicts.empty:
        return b""
    text: str = verdicts.to_json(orient="records", lines=True, force_ascii=False)
    return text.encode("utf-8", "replace")


def read_verdicts(source: Path | str | bytes | IO[Any], name: str | None = None) -> pd.DataFrame:
    """Read verdicts from CSV, TSV or JSONL, such as an export of this or another store.

    Formula cells that an export escaped come back as they were; JSONL has no such cells.

    Args:
        source: a path, the file's bytes, or a file opened for reading.
        name: the file's name, for the format and for messages; the path's if None.

    Returns:
        Columns as `Store.verdicts` has them, for `Store.add_verdicts`; "" where the file has no
        such column. The index is the 1-based line where each verdict starts.

    Raises:
        UserError: naming the line and column that cannot be taken.
    """
    from dssm_core.corpus.pairs import NEEDED, is_empty  # and SciPy, which the first page spares
    from dssm_core.corpus.reading import Choices, read_table

    content = source if isinstance(source, (str, Path, bytes)) else source.read()
    table = read_table(content, name, Choices(header=True))
    if table.format.encoding and not table.format.encoding.is_certain:
        table = read_table(content, name, Choices(header=True, encoding="UTF-8"))
    name = table.name
    where = {column.strip().lower(): n for n, column in enumerate(table.columns)}
    for column in (*NEEDED, "verdict"):
        if column not in where:
            found = ", ".join(table.columns)
            if column in NEEDED:
                raise UserError("columns.unknown", found, column=column, name=name)
            raise UserError("verdicts.no column", found, name=name, names=", ".join(VERDICTS))
    lines, rows = zip(*table.records, strict=True)
    given = {c: [row[where[c]] for row in rows] for c in COLUMNS if c in where}
    frame = pd.DataFrame(given, index=pd.Index(lines, name="line"))
    frame = frame.reindex(columns=list(COLUMNS), fill_value="").astype(object)
    for column in NEEDED:
        if empty := [line for line, cell in frame[column].items() if is_empty(cell)]:
            raise UserError("pairs.empty cell", column=column, line=int(str(empty[0])), name=name)
    if not _is_jsonl(name):
        frame = frame.map(unescape_cell)
    frame["verdict"] = [verdict.strip().lower() for verdict in frame["verdict"]]
    for line, verdict in frame["verdict"].items():
        if verdict not in VERDICTS:
            raise UserError(
                "verdicts.wrong",
                verdict or '""',
                line=int(str(line)),
                name=name,
                names=", ".join(VERDICTS),
            )
    return frame


def _is_jsonl(name: str) -> bool:
    return name.lower().removesuffix(".gz").endswith((".jsonl", ".ndjson"))
