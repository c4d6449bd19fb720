"""JSON as a table: objects a line, a list of objects, or columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dssm_core.corpus.names import names_both
from dssm_core.corpus.opening import MAX_BYTES, Source
from dssm_core.corpus.records import Format, Kind, Record, cell_of, check_size, lines_of
from dssm_core.errors import UserError, line_of
from dssm_core.words import Sentence

UNFIT = re.compile("[\0\ud800-\udfff]")
"""Characters that an escape can bring in and no text may hold."""

LIST = re.compile(r'\s*{\s*"(?:[^"\\]|\\.)*"\s*:\s*\[')
"""The start of an object whose first value is a list."""

LINES = {".jsonl": "json lines", ".ndjson": "json lines"}


def json_columns_of(source: Source, format: Format) -> tuple[tuple[str, ...], Iterable[Record]]:
    """Return the columns of a file of JSON, and its rows, to be gone through again and again.

    A row's number is the line where it starts; of a list with several rows on a line, its place.

    Raises:
        UserError: where it is not of its format; names the line.
    """
    items: Iterable[tuple[int, dict[str, Any]]]
    if format.kind == "json lines":
        items = _JsonLines(source, format)
    else:
        items = list(_json_items(source, format))
        if len({line for line, _ in items}) < len(items):  # as `json.dump` writes them, on one line
            items = [(row, item) for row, (_, item) in enumerate(items, 1)]
    return _json_columns(items, source.name), _JsonRows(items, source.name)


def json_kind(source: Source, head: Sequence[str]) -> Kind | None:
    """Return which JSON a file's first lines are; None where they are none."""
    if source.ending in LINES:
        return "json lines"
    line = next(line for line in head if line.strip()).strip()
    is_json = source.ending == ".json"
    if source.ending in (".csv", ".tsv", ".tab") or not (
        is_json or re.match(r"\[\s*({|$)|{", line)
    ):
        return None
    if line.startswith("["):
        return "json"
    try:
        item = json.loads(line)
    except (ValueError, RecursionError):
        return "json" if is_json else "json lines"
    is_columns = isinstance(item, dict) and all(isinstance(v, (dict, list)) for v in item.values())
    return "json columns" if is_columns and item else "json lines"


def _json_items(source: Source, format: Format) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a JSON array with their lines, or the rows of JSON's columns."""
    text = "".join(lines_of(source, format))
    if len(text) > MAX_BYTES:
        raise UserError("file.too large", name=source.name, most=MAX_BYTES >> 20)
    start = len(text) - len(text.lstrip())
    if text.startswith("[", start):
        yield from _array_items(text, start + 1, source.name)
        return
    item = _object(text, line_of(1, source.name))
    if len(item) == 1 and (array := LIST.match(text)):
        yield from _array_items(text, array.end(), source.name, "}")
        return
    rows = list(item.values())
    if rows and all(isinstance(row, dict) for row in rows) and names_both(rows[0]):
        yield from enumerate(rows, 1)  # by an id each, as pandas has them by orient="index"
        return
    columns = {c: v.values() if isinstance(v, dict) else v for c, v in item.items()}
    lengths = {len(v) if isinstance(v, (list, type({}.values()))) else -1 for v in columns.values()}
    if len(lengths) != 1 or lengths == {-1}:
        raise UserError("format.json columns", name=source.name)
    for number, cells in enumerate(zip(*columns.values(), strict=True), 1):
        yield number, dict(zip(columns, cells, strict=True))


def _array_items(
    text: str, at: int, name: str, ending: str = ""
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of an array that begins at a place, behind which only the ending comes."""
    decoder, space = json.JSONDecoder(), re.compile(r"[\s,]*")
    line, counted = 1, 0
    while True:
        at = space.match(text, at).end()  # type: ignore[union-attr]
        line, counted = line + text.count("\n", counted, at), at
        if text.startswith("]", at):
            if text[at + 1 :].split() != ending.split():
                received = text[at : at + 80]
                raise UserError("format.after JSON", received, where=line_of(line, name))
            return
        try:
            item, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as trouble:
            where = line_of(line, name)
            received = f"{trouble}: {text[at : at + 80]}"
            raise UserError("format.not JSON", received, where=where) from trouble
        yield line, _checked(item, text[at:end], line_of(line, name))
        at = end


def _json_columns(items: Iterable[tuple[int, dict[str, Any]]], name: str) -> tuple[str, ...]:
    """Return every key, in the order of the rows."""
    columns: dict[str, None] = {}
    for _, item in items:
        if item.keys() - columns.keys():
            columns.update(dict.fromkeys(item))
            check_size(name, len(columns))
    return tuple(columns)


def _object(text: str, where: Sentence) -> dict[str, Any]:
    try:
        item = json.loads(text)
    except (ValueError, RecursionError) as trouble:
        raise UserError("pairs.not JSON", f"{trouble}: {text.strip()}", where=where) from trouble
    return _checked(item, text, where)


def _checked(item: Any, text: str, where: Sentence) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise UserError("pairs.not an object", text.strip(), where=where)
    # An escape can bring in what the file's own bytes may not hold.
    if "\\u" in text and UNFIT.search("\n".join([*item, *map(cell_of, item.values())])):
        raise UserError("pairs.escaped NUL", text.strip(), where=where)
    return item


@dataclass(frozen=True)
class _JsonLines:
    source: Source
    format: Format

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, line in enumerate(lines_of(self.source, self.format), 1):
            if line.strip():
                yield number, _object(line, line_of(number, self.source.name))


@dataclass(frozen=True)
class _JsonRows:
    items: Iterable[tuple[int, dict[str, Any]]]
    name: str

    def __iter__(self) -> Iterator[Record]:
        columns = _json_columns(self.items, self.name)
        for number, item in self.items:
            yield number, [cell_of(item.get(column)) for column in columns]
