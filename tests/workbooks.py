"""Workbooks of Excel, as tests make and change them."""

from __future__ import annotations

import io
import itertools
import re
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import openpyxl


def workbook(*sheets: Sequence[Sequence[Any]], hidden: int | None = None) -> bytes:
    """Return a workbook's bytes; its sheets are called "Sheet 1" and so on."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets, 1):
        sheet = book.create_sheet(f"Sheet {number}")
        for row in rows:
            sheet.append(row)
    if hidden is not None:
        book.worksheets[hidden].sheet_state = "hidden"
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def changed(content: bytes, member: str, change: Callable[[str], str]) -> bytes:
    """Return a workbook with one of its files changed."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(result, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, change(text.decode()) if name == member else text)
    return result.getvalue()


def with_strings(content: bytes, strings: str) -> bytes:
    """Return a workbook whose first column's cells name the strings of XML, in their order."""
    number = itertools.count()

    def named(xml: str) -> str:
        inline = r'(<c r="A[0-9]+")[^>]*>.*?</c>'
        return re.sub(inline, lambda f: f'{f[1]} t="s"><v>{next(number)}</v></c>', xml)

    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    relation = f'<Relationship Type="{kind}" Target="/xl/strings.xml" Id="own"/></Relationships>'
    path = "xl/_rels/workbook.xml.rels"
    content = changed(content, "xl/worksheets/sheet1.xml", named)
    content = changed(content, path, lambda xml: xml.replace("</Relationships>", relation))
    result = io.BytesIO(content)
    with zipfile.ZipFile(result, "a") as archive:
        archive.writestr("xl/strings.xml", f"<sst>{strings}</sst>")
    return result.getvalue()
