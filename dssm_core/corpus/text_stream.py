"""Texts of a file of any size, one after the other, with or without ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from dssm_core.corpus.opening import ENDINGS
from dssm_core.corpus.texts import (
    Kind,
    TextRows,
    cell_table,
    first_line,
    header,
    is_csv,
    joined,
    json_columns,
    lines_of,
    open_texts,
    rows_of,
    text_places,
    unquoted,
)
from dssm_core.errors import UserError, line_of

TABLES = {f".{ending}" for ending in ENDINGS if ending not in ("txt", "gz", "zst")}


def stream_texts(path: Path, kind: Kind = "document") -> TextRows:
    """Open a file of texts.

    1. Parquet, workbooks, JSONL, and tables (by their ending) that name an id, or of which each
       line is an id and a text: as `read_texts` reads them.
    2. Those without an id, of which a column is named as texts are, such as "document" in a file of
       pairs: an id is the number of the row.
    3. Any other file: each line that is not blank is a text.

    Args:
        path: plain, gzipped or zstd; or Parquet or a workbook.
        kind: which names of columns to prefer.

    Raises:
        UserError: if there is no such file, or nothing in it that could be a text.
    """
    if table := cell_table(path):
        places = text_places(table.names, kind)
        if header(table.names, kind) or not places:
            return open_texts(path, kind)
        rows = ((n, str(n), joined(cells)) for n, cells in table.cells(places))
        return TextRows("texts", tuple(table.names[i] for i in places), rows)
    if not (first := first_line(path)):
        raise UserError("trec.empty file", name=path.name)
    name = path.name.lower().removesuffix(".gz").removesuffix(".zst")
    if Path(name).suffix not in TABLES:
        return TextRows("texts", (), _lines(path))
    if first.lstrip().startswith("{"):
        if json_columns(first, kind):
            return open_texts(path, kind)
        return _json_texts(path, first, kind)
    _, cells = next(rows_of(path))
    named = cells if is_csv(path) else list(map(unquoted, cells))
    places = text_places(named, kind)
    if header(tuple(named), kind) or not places:
        return open_texts(path, kind)
    return TextRows("texts", tuple(named[i] for i in places), _column(path, places, len(named)))


def _lines(path: Path) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(lines_of(path), 1):
        if text := line.strip():
            yield number, str(number), text


def _column(path: Path, places: list[int], width: int) -> Iterator[tuple[int, str, str]]:
    undo = str if is_csv(path) else unquoted
    rows = rows_of(path)
    next(rows)
    for at, (number, cells) in enumerate(rows, 1):
        if len(cells) != width:
            where = line_of(number, path.name)
            raise UserError("trec.ragged row", where=where, number=len(cells), width=width)
        yield number, str(at), joined(undo(cells[place]) for place in places)


def _json_texts(path: Path, first: str, kind: Kind) -> TextRows:
    """Open JSONL whose objects have texts without ids."""
    try:
        names = list(json.loads(first))
    except (ValueError, RecursionError) as trouble:
        where = line_of(1, path.name)
        raise UserError("trec.not a text", str(trouble), where=where) from None
    columns = tuple(names[i] for i in text_places(names, kind))
    if not columns:
        raise UserError("texts.no column", ", ".join(names), name=path.name)

    def rows() -> Iterator[tuple[int, str, str]]:
        at = 0
        for number, line in enumerate(lines_of(path), 1):
            if line.strip():
                at += 1
                try:
                    item = json.loads(line)
                    yield number, str(at), joined(item[name] for name in columns)
                except (ValueError, TypeError, KeyError, RecursionError) as trouble:
                    received = f"{type(trouble).__name__}: {trouble}"
                    where = line_of(number, path.name)
                    raise UserError("trec.not a text", received, where=where) from None

    return TextRows("texts", columns, rows())
