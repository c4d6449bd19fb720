"""Workbooks as Excel writes them (XLSX): the cells of their sheets as text, row by row.

Read by expat and nothing above it: the usual libraries take 300 bytes of memory for a tag of four
letters, expand entities, and leave out rows that stand out of order. Source: ECMA-376, "Office Open
XML File Formats", part 1, sections 18.2 (workbook), 18.3 (sheets), 18.4 (strings), 18.8 (styles).
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, Literal
from xml.parsers import expat

from dssm_core.corpus.opening import Source
from dssm_core.errors import UserError, line_of

MAX_UNPACKED, MAX_TAGS, MAX_LIST = 1 << 27, 4_000_000, 1 << 20
"""Bytes of a file of the archive; its tags; bytes of the list of all files."""

BOOK, RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"

DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""Numbers of the formats of days and times that every workbook has."""

LAST_DAY = 2_958_100
"""Days from which on a date may lie beyond the year 9999."""

_SHOWN = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
"""Parts of a format that are no code."""
_REFERENCE = re.compile("([A-Z]{1,3})[0-9]+")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_STARTS = re.compile(rb"xl/|docProps/|\[Content_Types\]\.xml")
"""Names that stand near the start of a workbook."""
_LIST_END = b"PK\x05\x06"
_CHUNK = 1 << 16

Event = tuple[Literal["start", "end", "text"], str, Mapping[str, str]]
"""Of XML: what it is, a tag without its prefix or a text, and the tag's attributes."""


@dataclass(frozen=True)
class Workbook:
    """A workbook, opened.

    Attributes:
        name: of its file.
        archive: its files.
        sheets: the file of each sheet that can be seen, by its name.
        strings: texts that cells name by number.
        dates: whether each style of cells is one of days or times.
        start: the day that day 0 is.
    """

    name: str
    archive: zipfile.ZipFile
    sheets: Mapping[str, str]
    strings: Sequence[str]
    dates: Sequence[bool]
    start: datetime

    @classmethod
    def of(cls, source: Source) -> Workbook | None:
        """Open a workbook; None where a file is none.

        Raises:
            UserError: where it is damaged or too large.
        """
        archive = _archive(source)
        if archive is None or BOOK not in archive.namelist():
            return None
        files, sheets, start = dict[str, str](), dict[str, str](), datetime(1899, 12, 30)
        strings, dates = list[str](), list[bool]()
        with _told(source.name):
            for kind, tag, given in _events(source.name, archive, RELATIONS):
                if kind == "start" and tag == "Relationship":
                    files[given["Id"]] = str(PurePosixPath("/xl", given["Target"]))[1:]
                    if given["Type"].endswith("/sharedStrings"):
                        strings += _strings(source.name, archive, files[given["Id"]])
                    elif given["Type"].endswith("/styles"):
                        dates += _dates(source.name, archive, files[given["Id"]])
            for kind, tag, given in _events(source.name, archive, BOOK):
                is_seen = given.get("state", "visible") == "visible"
                if kind == "start" and tag == "sheet" and is_seen:
                    key = next(v for name, v in given.items() if name.endswith(":id"))
                    sheets[given["name"]] = files[key]
                elif tag == "workbookPr" and given.get("date1904") in ("1", "true"):
                    start = datetime(1904, 1, 1)
        return cls(source.name, archive, sheets, strings, dates, start)

    def rows(self, sheet: str) -> Iterator[tuple[int, dict[int, str]]]:
        """Yield the number of each row, from 1, and its cells that hold a text, by column from 0.

        An error such as #N/A is no text.

        Raises:
            UserError: where the sheet is damaged, a row stands out of order, or a formula has no
                value; names the row.
        """
        number = column = 0
        cells, cell, held = dict[int, str](), dict[str, str](), dict[str, list[str]]()
        into: list[str] | None = None
        with _told(self.name):
            for kind, tag, given in _events(self.name, self.archive, self.sheets[sheet]):
                if kind == "text":
                    if into is not None:
                        into.append(tag)
                elif kind == "start" and tag in ("v", "f", "t"):
                    into = held.setdefault(tag, [])
                elif tag in ("v", "f", "t"):
                    into = None
                elif kind == "start" and tag == "c":
                    cell, held = dict(given), {}
                    place = _REFERENCE.fullmatch(cell.get("r", ""))
                    column = _column(place[1]) if place else column + 1
                elif tag == "c":
                    if text := self._text(cell, held, number):
                        cells[column - 1] = text
                elif kind == "start" and tag == "row":
                    before, number = number, int(given.get("r", number + 1))
                    if number <= before:
                        raise ValueError(f"row {number} behind row {before}")
                    cells, column = {}, 0
                elif tag == "row" and cells:
                    yield number, cells

    def _text(self, cell: Mapping[str, str], held: Mapping[str, list[str]], row: int) -> str:
        """Return a cell's value as people see it: 3 for 3.0, a day for its number."""
        kind, text = cell.get("t", "n"), "".join(held.get("v", ()))
        if kind == "inlineStr":
            return _unescaped("".join(held.get("t", ())))
        if "f" in held and not text and kind != "str":
            formula = "=" + "".join(held["f"])
            raise UserError("sheet.no value", formula, where=line_of(row, self.name))
        if kind == "s" and text:
            return self.strings[_index(text)]
        if kind == "str":
            return _unescaped(text)
        if kind == "b":
            return {"0": "false", "1": "true"}.get(text, text)
        if kind == "e":
            return ""
        style = _index(cell.get("s", "0"))
        is_date = style < len(self.dates) and self.dates[style]
        return self._number(text, is_date) if text and kind == "n" else text

    def _number(self, text: str, is_date: bool) -> str:
        value = float(text)
        if is_date and 0 <= value < LAST_DAY:
            moment = self.start + timedelta(seconds=round(value * 86400))
            if self.start.year == 1899 and value < 60:  # Excel has a 29 February 1900
                moment += timedelta(days=1)
            if value < 1:
                return f"{moment:%H:%M:%S}"
            return f"{moment:%Y-%m-%d}" if value.is_integer() else f"{moment:%Y-%m-%d %H:%M:%S}"
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def _archive(source: Source) -> zipfile.ZipFile | None:
    """Return a file's archive; None for a file that is none, or lists too many files."""
    with source.unpacked() as stream:
        content = stream.read(4)
        if content != b"PK\x03\x04":
            return None
        content += stream.read(MAX_UNPACKED)
    if len(content) > MAX_UNPACKED:
        raise UserError("file.too large", name=source.name, most=MAX_UNPACKED >> 20)
    end = content.rfind(_LIST_END)
    if end < 0 and _STARTS.search(content, 0, 4096):
        raise UserError("file.damaged sheet", "its end is missing", name=source.name)
    if end < 0 or int.from_bytes(content[end + 12 : end + 16], "little") > MAX_LIST:
        return None
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return None


def _events(name: str, archive: zipfile.ZipFile, path: str) -> Iterator[Event]:
    """Yield what a file of an archive consists of."""
    if archive.getinfo(path).file_size > MAX_UNPACKED:
        raise UserError("file.too large", name=name, most=MAX_UNPACKED >> 20)
    events: list[Event] = []
    parser, tags = expat.ParserCreate(), 0
    parser.buffer_text = True
    parser.StartElementHandler = lambda tag, given: events.append(("start", _local(tag), given))
    parser.EndElementHandler = lambda tag: events.append(("end", _local(tag), {}))
    parser.CharacterDataHandler = lambda text: events.append(("text", text, {}))
    parser.StartDoctypeDeclHandler = _refuse
    with archive.open(path) as file:
        while chunk := file.read(_CHUNK):
            parser.Parse(chunk)
            tags += sum(kind == "start" for kind, *_ in events)
            if tags > MAX_TAGS:
                raise UserError("sheet.too large", name=name, most=MAX_TAGS)
            yield from events
            events.clear()
    parser.Parse(b"", True)


def _refuse(*_: Any) -> None:
    raise ValueError("a document type, which may hold entities")


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


def _strings(name: str, archive: zipfile.ZipFile, path: str) -> Iterator[str]:
    """Yield the texts of a workbook, without the reading that Japanese ones may have."""
    held, is_read, is_aloud = list[str](), False, False
    for kind, tag, _ in _events(name, archive, path):
        if kind == "text":
            if is_read and not is_aloud:
                held.append(tag)
        elif tag == "t":
            is_read = kind == "start"
        elif tag == "rPh":
            is_aloud = kind == "start"
        elif kind == "end" and tag == "si":
            yield _unescaped("".join(held))
            held.clear()


def _dates(name: str, archive: zipfile.ZipFile, path: str) -> Iterator[bool]:
    """Yield of each style of cells whether it is one of days or times."""
    own, is_inside = dict[int, str](), False
    for kind, tag, given in _events(name, archive, path):
        if tag == "cellXfs":
            is_inside = kind == "start"
        elif kind == "start" and tag == "numFmt":
            own[int(given["numFmtId"])] = _SHOWN.sub("", given["formatCode"])
        elif kind == "start" and tag == "xf" and is_inside:
            number = int(given.get("numFmtId", 0))
            yield number in DATES or bool(re.search("[ymdhs]", own.get(number, ""), re.IGNORECASE))


def _index(text: str) -> int:
    """Return a place in a list, which counts from its start."""
    if not text.isdecimal():
        raise ValueError(f"a number from 0 expected, not {text!r}")
    return int(text)


def _column(letters: str) -> int:
    """Return a column's number, from 1."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


def place_of(column: int, row: int) -> str:
    """Return what Excel calls a cell, such as F3.

    Args:
        column: from 0.
        row: from 1.
    """
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row}"


def _unescaped(text: str) -> str:
    """Undo what stands for characters that XML cannot hold; other control characters are spaces."""

    def character(found: re.Match[str]) -> str:
        code = int(found[1], 16)
        return (
            chr(code) if code in (9, 10, 13) or (code > 31 and not 0xD800 <= code < 0xE000) else " "
        )

    return _ESCAPED.sub(character, text)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Tell of what zipfile and expat raise, and of numbers and names that are none."""
    try:
        yield
    except UserError:
        raise
    except Exception as trouble:
        raise UserError("file.damaged sheet", str(trouble), name=name) from trouble
