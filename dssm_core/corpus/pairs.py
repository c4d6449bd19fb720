"""Query-document pairs from a person's own file: read, checked, summed up."""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import itertools
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import pandas as pd

from dssm_core.errors import UserError, line_of
from dssm_core.process import read_long_cells
from dssm_core.words import Sentence

MAX_CHARACTERS = 1_000_000  # of a cell
MAX_BYTES = 1 << 29  # of a file, decompressed: a small .gz can hold far more
MAX_LINES, MAX_COLUMNS, MAX_CELLS = 2_000_000, 1_000, 20_000_000  # of a file read whole
UNFIT = re.compile("[\0\ud800-\udfff]")
NEEDED = ("query", "document")
ABSENT = {"label": "1", "split": "train"}  # what a line of JSON that lacks them means
LABELS = {
    **dict.fromkeys(("1", "1.0", "true", "yes", "relevant"), 1),
    **dict.fromkeys(("0", "0.0", "false", "no", "irrelevant"), 0),
}

Record = tuple[int, Sequence[str]]  # 1-based line, cells in the order of the columns


class Pair(NamedTuple):
    """One row of a file of pairs."""

    line: int
    query: str
    document: str
    label: int
    split: str  # empty where the file says nothing of it


def read_pairs(source: Path | str | bytes | IO[Any], name: str | None = None) -> pd.DataFrame:
    """Read pairs from CSV, TSV or JSONL, plain or gzipped.

    1. The name's ending tells the format; without one, the first line does.
    2. Text is UTF-8, with or without a byte order mark.
    3. Labels may be 0/1, true/false, yes/no or relevant/irrelevant; all 1 if absent.

    Args:
        source: a path, the file's bytes, or a file opened for reading.
        name: the file's name, for the format and for messages; the path's if None.

    Returns:
        N rows: query, document (text), label (int, 0 or 1), then the file's other columns
        as text; the index is the 1-based line where the record starts.

    Raises:
        UserError: where the file cannot be read as pairs; names the line and column.
    """
    name = name or file_name(source)
    text = decode(unzip(bytes_of(source, name), name), name)
    if not text.strip():
        raise UserError("pairs.empty file", name=name)
    kind = kind_of(name, text)
    columns, records = read_jsonl(text, name) if kind == "jsonl" else read_csv(text, name, kind)
    check_columns(columns, name)
    if not records:
        raise UserError("pairs.no rows", name=name)
    return frame_of(columns, records, name)


def stream_pairs(path: Path) -> Iterator[tuple[str, str, int]]:
    """Yield query, document and label one at a time, in memory that a file of any size shares.

    Where there is a column `split`, only the rows of "train": no draw may see the others.

    Args:
        path: CSV, TSV or JSONL, plain or gzipped, as `read_pairs` takes it.

    Raises:
        UserError: where the file cannot be read as pairs; names the line and column.
    """
    for line, row in rows(path):
        if row.get("split", "train") == "train":
            pair = pair_of(row, line, path.name)
            yield pair.query, pair.document, pair.label


def rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row's cells by column, with the line where it starts; cells are not checked.

    Args:
        path: CSV, TSV or JSONL, plain or gzipped; streamed.

    Raises:
        UserError: where the file cannot be read, is empty, or lacks a column that pairs need.
    """
    stream = records(path)
    columns = list(next(stream, (1, ()))[1])
    if not columns:
        raise UserError("pairs.empty file", name=path.name)
    check_columns(columns, path.name)
    for line, cells in stream:
        yield line, dict(zip(columns, cells, strict=True))


def pair_of(row: Mapping[str, str], line: int, name: str) -> Pair:
    """Return a row as a pair.

    Args:
        row: its cells by column.
        line: where it starts.
        name: the file's name, for messages.

    Raises:
        UserError: where query or document is empty, or the label is none.
    """
    for column in NEEDED:
        check_filled(row[column], column, line, name)
    label = label_of(row, line, name)
    return Pair(line, row["query"], row["document"], label, row.get("split", ""))


def is_empty(cell: str) -> bool:
    """Whether a cell has nothing but white space."""
    return not cell.strip()


def check_filled(cell: str, column: str, line: int, name: str) -> None:
    """Refuse an empty cell."""
    if is_empty(cell):
        raise UserError("pairs.empty cell", column=column, line=line, name=name)


def parse_label(cell: str) -> int | None:
    """Return a label, 0 or 1; None where it is none.

    Example:
        >>> parse_label(" Yes"), parse_label("0.0"), parse_label("maybe")
        (1, 0, None)
    """
    return LABELS.get(cell.strip().lower())


def label_of(row: Mapping[str, str], line: int, name: str) -> int:
    """Return the label of a row's cells, 1 where there is no such column; refuse another."""
    cell = row.get("label", ABSENT["label"])
    label = parse_label(cell)
    if label is None:
        raise UserError("pairs.wrong label", cell or '""', line=line, name=name)
    return label


def records(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield a file's columns, then each row's cells, with the line where it starts.

    Args:
        path: CSV, TSV or JSONL, plain or gzipped; streamed.

    Raises:
        UserError: where the file cannot be read; names the line.
    """
    if not path.is_file():
        raise UserError("file.missing", name=str(path))
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as stream:
        try:
            head = stream.readline()
            kind = kind_of(path.name, head)
            lines = itertools.chain([head], stream)
            if kind == "jsonl":
                yield from json_records(lines, path.name)
            else:
                yield from csv_rows(lines, path.name, kind)
        except (UnicodeDecodeError, OSError, EOFError, zlib.error) as trouble:
            raise UserError("file.unreadable", str(trouble), name=path.name) from trouble


def file_name(source: Path | str | bytes | IO[Any]) -> str:
    """Return the name of a source of pairs; "" where it has none."""
    if isinstance(source, (str, Path)):
        return Path(source).name
    inner = getattr(source, "name", None)
    return Path(inner).name if isinstance(inner, str) else ""


def bytes_of(source: Path | str | bytes | IO[Any], name: str) -> bytes:
    """Return all bytes of a source of pairs."""
    if isinstance(source, (str, Path)) and not Path(source).exists():
        raise UserError("file.missing", name=str(source))
    try:
        if isinstance(source, (str, Path)):
            return Path(source).read_bytes()
        content = source if isinstance(source, bytes) else source.read()
    except OSError as trouble:
        raise UserError("file.unreadable", str(trouble), name=name) from trouble
    return content.encode() if isinstance(content, str) else bytes(content)


def unzip(raw: bytes, name: str) -> bytes:
    """Return bytes as they are, or unpacked if they are gzip; at most MAX_BYTES."""
    if raw.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(io.BytesIO(raw)) as stream:
                raw = stream.read(MAX_BYTES + 1)
        except (OSError, EOFError, zlib.error) as trouble:
            raise UserError("file.damaged gzip", str(trouble), name=name) from trouble
    if len(raw) > MAX_BYTES:
        raise UserError("file.too large", name=name, most=MAX_BYTES >> 20)
    return raw


def decode(raw: bytes, name: str) -> str:
    """Return UTF-8 bytes as text, without a byte order mark."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UserError("file.UTF-16", name=name)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as trouble:
        # The codec counts from behind the byte order mark, a person from the file's start.
        start = trouble.start + (3 if raw.startswith(b"\xef\xbb\xbf") else 0)
        line = raw.count(b"\n", 0, start) + 1
        raise UserError(
            "file.not UTF-8", repr(raw[start : start + 8]), name=name, line=line, byte=start + 1
        ) from trouble
    if (position := text.find("\0")) >= 0:
        line = text.count("\n", 0, position) + 1
        raise UserError("file.NUL", name=name, line=line)
    return text


def kind_of(name: str, text: str) -> str:
    """Return csv, tsv or jsonl."""
    ending = Path(name.lower().removesuffix(".gz")).suffix
    known = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    if ending in known:
        return known[ending]
    header = text.lstrip().partition("\n")[0]
    if header.startswith("{"):
        return "jsonl"
    return "tsv" if "\t" in header and "," not in header else "csv"


def read_csv(text: str, name: str, kind: str) -> tuple[list[str], list[Record]]:
    """Return the columns and records of CSV or TSV text."""
    rows = csv_rows(io.StringIO(text, newline=""), name, kind)
    columns = list(next(rows)[1])
    _check_size(name, len(columns), text.count("\n"))
    return columns, list(rows)


def _check_size(name: str, columns: int, lines: int = 1) -> None:
    """Refuse what would fill the memory: a small file can hold very many cells."""
    number = {"columns": columns, "lines": lines, "cells": lines * columns}
    most = {"columns": MAX_COLUMNS, "lines": MAX_LINES, "cells": MAX_CELLS}
    for what, count in number.items():
        if count > most[what]:
            raise UserError(f"pairs.too many {what}", f"{count:,}", name=name, most=most[what])


def csv_rows(stream: Iterable[str], name: str, kind: str) -> Iterator[Record]:
    """Yield the header, then each record, with the line where it starts."""
    read_long_cells(MAX_BYTES)
    reader = csv.reader(stream, delimiter="\t" if kind == "tsv" else ",", strict=True)
    columns: list[str] = []
    start = 1
    try:
        for cells in reader:
            if cells and not columns:
                _check_size(name, len(cells))
                columns = [cell.strip() or f"column {n}" for n, cell in enumerate(cells, 1)]
                yield start, columns
            elif cells:
                _check_width(cells, columns, line_of(start, name))
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as trouble:
        raise UserError("pairs.broken quoting", str(trouble), line=start, name=name) from trouble


def _check_width(cells: Sequence[str], columns: Sequence[str], where: Sentence) -> None:
    if len(cells) != len(columns):
        raise UserError(
            "pairs.wrong width",
            ", ".join(cells),
            where=where,
            number=len(cells),
            columns=len(columns),
        )


def json_records(lines: Iterable[str], name: str) -> Iterator[Record]:
    """Yield the columns of the first line, then each line's query, document and label."""
    columns: list[str] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            item = _object(line, line_of(number, name))
            if not columns:
                columns = list(dict.fromkeys([*item, *ABSENT]))
                _check_size(name, len(columns))
                yield number, columns
            _check_text(item, columns, line_of(number, name))
            yield number, [_cell(item.get(column, ABSENT.get(column))) for column in columns]


def read_jsonl(text: str, name: str) -> tuple[list[str], list[Record]]:
    """Return the columns and records of JSON lines."""
    _check_size(name, 1, text.count("\n"))
    objects = [
        (number, _object(line, line_of(number, name)))
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip()
    ]
    columns = list(dict.fromkeys(key for _, item in objects for key in item))
    _check_size(name, len(columns), len(objects))
    for number, item in objects:
        _check_text(item, columns, line_of(number, name))
    return columns, [(number, [_cell(item.get(c)) for c in columns]) for number, item in objects]


def _check_text(item: dict[str, Any], columns: Sequence[str], where: Sentence) -> None:
    for column in NEEDED:
        if column in columns and not isinstance(item.get(column), str):
            raise UserError(
                "pairs.not text", json.dumps(item.get(column)), column=column, where=where
            )


def _object(line: str, where: Sentence) -> dict[str, Any]:
    try:
        item = json.loads(line)
    except (ValueError, RecursionError) as trouble:
        raise UserError("pairs.not JSON", f"{trouble}: {line.strip()}", where=where) from trouble
    if not isinstance(item, dict):
        raise UserError("pairs.not an object", line.strip(), where=where)
    # An escape can bring in what the file's own bytes may not hold.
    if "\\u" in line and UNFIT.search("\n".join([*item, *map(_cell, item.values())])):
        raise UserError("pairs.escaped NUL", line.strip(), where=where)
    return item


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def check_columns(columns: Sequence[str], name: str) -> None:
    """Refuse columns without query or document, or one that is there twice."""
    for needed in NEEDED:
        if needed not in columns:
            raise UserError(
                "pairs.no column",
                ", ".join(columns),
                name=name,
                column=needed,
                hint=_hint_for(needed, columns),
            )
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if twice is not None:
        raise UserError("pairs.repeated column", name=name, column=twice)


def _hint_for(needed: str, columns: Sequence[str]) -> Sentence:
    if len(columns) == 1 and re.search("[;|\t]", columns[0]):
        return Sentence("pairs.hint.separator")
    spare = {column.lower(): column for column in columns if column not in NEEDED}
    near = difflib.get_close_matches(needed, spare, n=1, cutoff=0.5)
    if near:
        return Sentence("pairs.hint.rename", {"near": spare[near[0]], "column": needed})
    return Sentence("pairs.hint.add", {"column": needed})


def frame_of(columns: Sequence[str], records: Sequence[Record], name: str) -> pd.DataFrame:
    """Return records as `read_pairs` does, checked."""
    lines = pd.Index([line for line, _ in records], name="line")
    cells = dict(zip(columns, zip(*(row for _, row in records), strict=True), strict=True))
    for column, values in cells.items():
        for line, value in zip(lines, values, strict=True):
            if len(value) > MAX_CHARACTERS:
                raise UserError(
                    "pairs.long cell",
                    value,
                    column=column,
                    most=MAX_CHARACTERS,
                    line=line,
                    name=name,
                )
            if column in NEEDED:
                check_filled(value, column, line, name)
    labels = cells.pop("label", [ABSENT["label"]] * len(lines))
    parsed = [label_of({"label": v}, line, name) for line, v in zip(lines, labels, strict=True)]
    texts = {column: cells.pop(column) for column in NEEDED}
    return pd.DataFrame({**texts, "label": parsed, **cells}, index=lines)
