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
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pandas as pd

from dssm_core.errors import UserError

MOST_CHARACTERS = 1_000_000  # of a cell
MOST_BYTES = 1 << 29  # of a file, decompressed: a small .gz can hold far more
MOST_LINES, MOST_COLUMNS, MOST_CELLS = 2_000_000, 1_000, 20_000_000  # of a file read whole
UNFIT = re.compile("[\0\ud800-\udfff]")
NEEDED = ("query", "document")
ABSENT = {"label": "1", "split": "train"}  # what a line of JSON that lacks them means
LABELS = {
    **dict.fromkeys(("1", "1.0", "true", "yes", "relevant"), 1),
    **dict.fromkeys(("0", "0.0", "false", "no", "irrelevant"), 0),
}

Record = tuple[int, Sequence[str]]  # 1-based line, cells in the order of the columns


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
    name = name or name_of(source)
    text = decode(unzip(bytes_of(source, name), name), name)
    if not text.strip():
        raise UserError(f"{name} is empty", "", "Give a file with columns query and document.")
    kind = kind_of(name, text)
    columns, records = read_jsonl(text, name) if kind == "jsonl" else read_csv(text, name, kind)
    check_columns(columns, name)
    if not records:
        raise UserError(f"{name} has a header but no pairs", "", "Add a row for each pair.")
    return frame_of(columns, records, name)


def stream_pairs(path: Path) -> Iterator[tuple[str, str, int]]:
    """Yield query, document and label one at a time, in memory that a file of any size shares.

    Where there is a column `split`, only the rows of "train": no draw may see the others.

    Args:
        path: CSV, TSV or JSONL, plain or gzipped, as `read_pairs` takes it.

    Raises:
        UserError: where the file cannot be read as pairs; names the line and column.
    """
    name = path.name
    try:
        rows = records(path)
        columns = next(rows)[1]
        check_columns(columns, name)
        places = [columns.index(needed) for needed in NEEDED]
        label_place = columns.index("label") if "label" in columns else None
        split_place = columns.index("split") if "split" in columns else None
        for line, cells in rows:
            if split_place is not None and cells[split_place] != "train":
                continue
            query, document = (cells[place] for place in places)
            for column, value in zip(NEEDED, (query, document), strict=True):
                if not value.strip():
                    hint = "Fill it in, or take the line out."
                    raise UserError(f"{column} is empty at line {line} of {name}", "", hint)
            label = "1" if label_place is None else cells[label_place]
            yield query, document, _labels([label], pd.Index([line]), name)[0]
    except StopIteration:
        hint = "Give a file with columns query and document."
        raise UserError(f"{name} is empty", "", hint) from None


def records(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield a file's columns, then each row's cells, with the line where it starts.

    Args:
        path: CSV, TSV or JSONL, plain or gzipped; streamed.

    Raises:
        UserError: where the file cannot be read; names the line.
    """
    if not path.is_file():
        raise UserError(f"no file {path}", "", "Check the path.")
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
            hint = "Save it as UTF-8."
            raise UserError(f"cannot read {path.name}", str(trouble), hint) from trouble


def name_of(source: Path | str | bytes | IO[Any]) -> str:
    """Return what messages call a source of pairs."""
    if isinstance(source, (str, Path)):
        return Path(source).name
    inner = getattr(source, "name", None)
    return Path(inner).name if isinstance(inner, str) else "the file"


def bytes_of(source: Path | str | bytes | IO[Any], name: str) -> bytes:
    """Return all bytes of a source of pairs."""
    if isinstance(source, (str, Path)) and not Path(source).exists():
        raise UserError(f"no file {source}", "", "Check the path.")
    try:
        if isinstance(source, (str, Path)):
            return Path(source).read_bytes()
        content = source if isinstance(source, bytes) else source.read()
    except OSError as trouble:
        raise UserError(f"cannot read {name}", str(trouble), "Give a readable file.") from trouble
    return content.encode() if isinstance(content, str) else bytes(content)


def unzip(raw: bytes, name: str) -> bytes:
    """Return bytes as they are, or unpacked if they are gzip; at most MOST_BYTES."""
    if raw.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(io.BytesIO(raw)) as stream:
                raw = stream.read(MOST_BYTES + 1)
        except (OSError, EOFError, zlib.error) as trouble:
            hint = "Compress the file again, or give it uncompressed."
            raise UserError(f"{name} is damaged gzip", str(trouble), hint) from trouble
    if len(raw) > MOST_BYTES:
        hint = "Split it into smaller files."
        raise UserError(f"{name} is larger than {MOST_BYTES >> 20} MiB", "", hint)
    return raw


def decode(raw: bytes, name: str) -> str:
    """Return UTF-8 bytes as text, without a byte order mark."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UserError(f"{name} is UTF-16, not UTF-8", "", "Save it as UTF-8.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as trouble:
        # The codec counts from behind the byte order mark, a person from the file's start.
        start = trouble.start + (3 if raw.startswith(b"\xef\xbb\xbf") else 0)
        line = raw.count(b"\n", 0, start) + 1
        what = f"{name} is not UTF-8 at line {line}, byte {start + 1}"
        raise UserError(what, repr(raw[start : start + 8]), "Save it as UTF-8.") from trouble
    if (position := text.find("\0")) >= 0:
        line = text.count("\n", 0, position) + 1
        hint = "Give a text file, and take the NUL characters out."
        raise UserError(f"{name} has a NUL character at line {line}", "", hint)
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
    most = {"columns": MOST_COLUMNS, "lines": MOST_LINES, "cells": MOST_CELLS}
    for what, found in number.items():
        if found > most[what]:
            hint = "Split it into smaller files."
            raise UserError(f"{name} has over {most[what]:,} {what}", f"{found:,}", hint)


def csv_rows(stream: Iterable[str], name: str, kind: str) -> Iterator[Record]:
    """Yield the header, then each record, with the line where it starts."""
    csv.field_size_limit(max(csv.field_size_limit(), MOST_BYTES))
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
                _check_width(cells, columns, f"line {start} of {name}")
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as trouble:
        what = f"broken quoting at line {start} of {name}"
        hint = "Close every quote, and double a quote that is inside a quoted cell."
        raise UserError(what, str(trouble), hint) from trouble


def _check_width(cells: Sequence[str], columns: Sequence[str], where: str) -> None:
    if len(cells) != len(columns):
        fields = "1 field" if len(cells) == 1 else f"{len(cells)} fields"
        what = f"{where} has {fields}, the header has {len(columns)}"
        hint = "Put a cell that contains the separator in double quotes."
        raise UserError(what, ", ".join(cells), hint)


def json_records(lines: Iterable[str], name: str) -> Iterator[Record]:
    """Yield the columns of the first line, then each line's query, document and label."""
    columns: list[str] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            item = _object(line, f"line {number} of {name}")
            if not columns:
                columns = list(dict.fromkeys([*item, *ABSENT]))
                _check_size(name, len(columns))
                yield number, columns
            _check_text(item, columns, f"line {number} of {name}")
            yield number, [_cell(item.get(column, ABSENT.get(column))) for column in columns]


def read_jsonl(text: str, name: str) -> tuple[list[str], list[Record]]:
    """Return the columns and records of JSON lines."""
    _check_size(name, 1, text.count("\n"))
    objects = [
        (number, _object(line, f"line {number} of {name}"))
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip()
    ]
    columns = list(dict.fromkeys(key for _, item in objects for key in item))
    _check_size(name, len(columns), len(objects))
    for number, item in objects:
        _check_text(item, columns, f"line {number} of {name}")
    return columns, [(number, [_cell(item.get(c)) for c in columns]) for number, item in objects]


def _check_text(item: dict[str, Any], columns: Sequence[str], where: str) -> None:
    for column in NEEDED:
        if column in columns and not isinstance(item.get(column), str):
            hint = f'Give each line a "{column}" in double quotes.'
            raise UserError(f"{column} is not text at {where}", json.dumps(item.get(column)), hint)


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        item = json.loads(line)
    except (ValueError, RecursionError) as trouble:
        hint = "Give one JSON object a line."
        raise UserError(f"{where} is not JSON: {trouble}", line.strip(), hint) from trouble
    if not isinstance(item, dict):
        hint = 'Write each line as {"query": "…", "document": "…"}.'
        raise UserError(f"{where} is not a JSON object", line.strip(), hint)
    # An escape can bring in what the file's own bytes may not hold.
    if "\\u" in line and UNFIT.search("\n".join([*item, *map(_cell, item.values())])):
        hint = "Take the escape out."
        raise UserError(f"{where} escapes NUL or half a character", line.strip(), hint)
    return item


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def check_columns(columns: Sequence[str], name: str) -> None:
    """Refuse columns without query or document, or one that is there twice."""
    for needed in NEEDED:
        if needed not in columns:
            hint = _hint_for(needed, columns)
            raise UserError(f'{name} has no column "{needed}"', ", ".join(columns), hint)
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if twice is not None:
        raise UserError(f'{name} has the column "{twice}" twice', "", "Rename one of them.")


def _hint_for(needed: str, columns: Sequence[str]) -> str:
    if len(columns) == 1 and re.search("[;|\t]", columns[0]):
        return "Separate the cells with commas, or call the file .tsv and use tabs."
    spare = {column.lower(): column for column in columns if column not in NEEDED}
    near = difflib.get_close_matches(needed, spare, n=1, cutoff=0.5)
    return f'Rename "{spare[near[0]]}" to "{needed}".' if near else f'Add a column "{needed}".'


def frame_of(columns: Sequence[str], records: Sequence[Record], name: str) -> pd.DataFrame:
    """Return records as `read_pairs` does, checked."""
    lines = pd.Index([line for line, _ in records], name="line")
    cells = dict(zip(columns, zip(*(row for _, row in records), strict=True), strict=True))
    for column, values in cells.items():
        for line, value in zip(lines, values, strict=True):
            if len(value) > MOST_CHARACTERS:
                what = f"{column} is over {MOST_CHARACTERS:,} characters at line {line} of {name}"
                raise UserError(what, value, "Cut it into several documents.")
            if column in NEEDED and not value.strip():
                hint = "Fill it in, or take the line out."
                raise UserError(f"{column} is empty at line {line} of {name}", "", hint)
    labels = _labels(cells.pop("label"), lines, name) if "label" in cells else [1] * len(lines)
    kept = {column: cells.pop(column) for column in NEEDED}
    return pd.DataFrame({**kept, "label": labels, **cells}, index=lines)


def _labels(values: Sequence[str], lines: pd.Index, name: str) -> list[int]:
    labels = []
    for line, value in zip(lines, values, strict=True):
        label = LABELS.get(value.strip().lower())
        if label is None:
            hint = "Write 1 for relevant, 0 for not."
            raise UserError(f"label is not 0 or 1 at line {line} of {name}", value or '""', hint)
        labels.append(label)
    return labels
