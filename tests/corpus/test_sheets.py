"""Workbooks of Excel: what is read of them, and what is refused."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import date, datetime

import pytest

from dssm_core.corpus import sheets as module
from dssm_core.corpus.opening import Source
from dssm_core.corpus.pairs import read, read_pairs
from dssm_core.corpus.reading import Choices, read_table
from dssm_core.corpus.sheets import sheet_names
from dssm_core.words import ENGLISH
from tests.encoders import refusal
from tests.workbooks import changed, workbook

HEADER = ("query", "document", "label")


FIRST = "xl/worksheets/sheet1.xml"

PAIRS = [HEADER, ("pdf viewer", "shows PDF files", 1), ("pdf viewer", "paints photos", 0)]


# what is read


def test_a_sheet_is_read_as_the_same_table_of_csv_is():
    rows = [HEADER, ("pdf viewer", "shows\nPDF files", 1), ("你好", "a, “b”", 0)]
    pairs, reading = read(workbook(rows), "mine.xlsx")
    assert pairs[[*HEADER]].to_numpy().tolist() == [[*row] for row in rows[1:]]
    assert pairs.index.tolist() == [2, 3]
    assert reading.sentence().text(ENGLISH) == (
        "Read as sheet “Sheet 1” with a header: 2 pairs; query from “query”, document from "
        "“document”, relevant where “label” is 1."
    )
    assert reading.to_dict()["sheet"] == "Sheet 1"


def test_the_first_sheet_with_rows_is_read_and_the_others_are_told():
    other = [HEADER, ("a", "b", 1)]
    content = workbook(other, [], PAIRS, other, hidden=0)
    pairs, reading = read(content, "mine.xlsx")
    assert (len(pairs), reading.format.sheet) == (2, "Sheet 3")
    assert reading.sentence().text(ENGLISH).endswith("2 other sheets are not read.")
    assert sheet_names(Source("mine.xlsx", content)) == ("Sheet 2", "Sheet 3", "Sheet 4")
    assert len(read_pairs(content, "mine.xlsx", choices=Choices(sheet="Sheet 4"))) == 1
    unknown = refusal(lambda: read_table(content, "mine.xlsx", Choices(sheet="Sheet 1")))
    assert unknown.key == "sheet.unknown"
    assert "found: Sheet 2, Sheet 3, Sheet 4" in str(unknown)


def test_empty_rows_and_columns_around_a_table_are_left_out():
    rows = [(), (None, None, *HEADER), (), (None, None, "a", "b", 1, None), (None, None, "c", "d")]
    table = read_table(workbook(rows), "mine.xlsx")
    assert table.columns == HEADER
    assert [*table.records] == [(4, ["a", "b", "1"]), (5, ["c", "d", ""])]


def test_a_sheet_without_a_header_is_as_wide_as_its_widest_row():
    table = read_table(workbook([("a b c d", "e"), ("f", "g", 1)]), "mine.xlsx")
    assert not table.format.has_header
    assert [cells for _, cells in table.records] == [["a b c d", "e", ""], ["f", "g", "1"]]
    named = read_table(workbook([("a", "b"), ("c", "d")]), "x.xlsx", Choices(header=True))
    assert named.columns == ("a", "b")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3"),
        (0.5, "0.5"),
        (True, "true"),
        (1e300, "1e+300"),
        (datetime(2026, 1, 2), "2026-01-02"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, 5), "2026-01-02 03:04:05"),
        ("007", "007"),
        ("a_x000D_b_x0041_", "a\rb_x0041_"),
        ("  ", "  "),
    ],
)
def test_a_cell_is_the_text_that_people_see(value: object, text: str) -> None:
    table = read_table(workbook([("query", "document"), (value, "b")]), "x.xlsx")
    assert [*table.records] == [(2, [text, "b"])]


def test_a_formula_is_its_value_and_one_without_is_refused_by_its_row():
    content = workbook([HEADER, ("a", "=B9", 1), ("c", "d", 0)])
    error = refusal(lambda: read_table(content, "mine.xlsx"))
    assert error.key == "sheet.no value"
    assert "line 2 of mine.xlsx has a formula that was never computed (found: =B9)" in str(error)
    computed = changed(content, FIRST, lambda xml: xml.replace("<v />", "<v>7</v>"))
    assert next(iter(read_table(computed, "mine.xlsx").records)) == (2, ["a", "7", "1"])


def test_what_a_file_says_of_its_size_may_be_untrue():
    def narrower(xml: str) -> str:
        return re.sub('<dimension ref="[^"]*"', '<dimension ref="A1:A2"', xml)

    table = read_table(changed(workbook(PAIRS), FIRST, narrower), "x.xlsx")
    assert len([*table.records]) == 2
    assert table.columns == HEADER


# what is refused


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (workbook([]), "pairs.empty file"),
        (workbook([("query", "document"), ("a", "b", "c")]), "sheet.wide row"),
        (workbook([("query", "query"), ("a", "b")]), "pairs.repeated column"),
        (workbook([HEADER]), "pairs.no rows"),
        (workbook([["x"] * 1_001]), "pairs.too many columns"),
        (workbook(PAIRS)[:-40] + b"\0" * 40, "file.spreadsheet"),
        (changed(workbook(PAIRS), FIRST, lambda xml: xml[: len(xml) // 2]), "file.damaged sheet"),
        (changed(workbook(PAIRS), "xl/workbook.xml", lambda _: "{}"), "file.damaged sheet"),
    ],
)
def test_a_sheet_that_is_no_table_is_refused_in_a_sentence(content: bytes, key: str) -> None:
    assert refusal(lambda: read_table(content, "mine.xlsx")).key == key


def test_a_zip_that_is_no_workbook_is_told_as_before():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("content.xml", "<a/>")
    error = refusal(lambda: read_table(content.getvalue(), "mine.ods"))
    assert error.key == "file.spreadsheet"


def test_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_read(monkeypatch):
    content = changed(workbook(PAIRS), FIRST, lambda xml: xml.replace("</row>", " " * 9_000_000))
    monkeypatch.setattr(module, "MAX_UNPACKED", 1 << 24)
    assert refusal(lambda: read_table(content, "mine.xlsx")).key == "file.too large"
    many = changed(
        workbook(PAIRS), FIRST, lambda xml: xml.replace("</row>", "<c/>" * 99_999 + "</row>")
    )
    monkeypatch.setattr(module, "MAX_TAGS", 200_000)
    assert refusal(lambda: read_table(many, "mine.xlsx")).key == "pairs.too many cells"
    monkeypatch.setattr(module, "MAX_UNPACKED", 1 << 10)  # its own bytes
    assert refusal(lambda: read_table(workbook(PAIRS), "mine.xlsx")).key == "file.too large"


def test_a_row_far_below_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(module, "MAX_ROWS", 1_000)
    far = changed(
        workbook(PAIRS), FIRST, lambda xml: xml.replace('<row r="3"', '<row r="9999999999"')
    )
    assert refusal(lambda: read_table(far, "mine.xlsx")).key == "pairs.too many lines"


def test_entities_that_grow_are_refused():
    grown = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    head = f'<!DOCTYPE x [<!ENTITY a0 "ha">{grown}]>'

    def bomb(xml: str) -> str:
        return re.sub(r"(<worksheet)", head + r"\1", xml, count=1).replace(
            "<v>1</v>", "<v>&a11;</v>"
        )

    error = refusal(lambda: read_table(changed(workbook(PAIRS), FIRST, bomb), "mine.xlsx"))
    assert error.key == "file.damaged sheet"
    assert "amplification" in str(error)
