"""Workbooks of Excel: what is read of them, and what is refused."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dssm_core.corpus import large, records, sheets
from dssm_core.corpus import workbook as module
from dssm_core.corpus.large import is_large, read_for_training
from dssm_core.corpus.opening import Source
from dssm_core.corpus.pairs import read, read_pairs
from dssm_core.corpus.reading import Choices, read_table
from dssm_core.corpus.sheets import sheet_names
from dssm_core.corpus.text_stream import stream_texts
from dssm_core.corpus.texts import has_ids, read_texts
from dssm_core.words import ENGLISH
from tests import ROOT
from tests.encoders import refusal
from tests.workbooks import changed, with_strings, workbook

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
    assert reading.sentence().text(ENGLISH).endswith("Not read: “Sheet 2”, “Sheet 4”.")
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
        ("a_x000D_b_x0041_", "a\rbA"),
        ("_x005F_x000D_", "_x000D_"),
        ("a_x0000_b_xD83D_c", "a b c"),
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
        (workbook(PAIRS)[:-40] + b"\0" * 40, "file.damaged sheet"),
        (workbook(PAIRS)[:900], "file.damaged sheet"),
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
    large = changed(workbook(PAIRS), FIRST, lambda xml: xml.replace("</row>", " " * 9_000_000))
    monkeypatch.setattr(module, "MAX_UNPACKED", 1 << 24)
    assert refusal(lambda: read_table(large, "mine.xlsx")).key == "file.too large"
    tags = "<c/>" * 99_999 + "</row>"
    many = changed(workbook(PAIRS), FIRST, lambda xml: xml.replace("</row>", tags))
    monkeypatch.setattr(module, "MAX_TAGS", 200_000)
    assert refusal(lambda: read_table(many, "mine.xlsx")).key == "sheet.too large"
    monkeypatch.setattr(module, "MAX_UNPACKED", 1 << 10)  # its own bytes
    assert refusal(lambda: read_table(workbook(PAIRS), "mine.xlsx")).key == "file.too large"
    monkeypatch.undo()
    monkeypatch.setattr(module, "MAX_LIST", 100)  # the list of its files
    assert refusal(lambda: read_table(workbook(PAIRS), "mine.xlsx")).key == "file.spreadsheet"


def test_a_text_that_many_cells_share_counts_in_each(monkeypatch):
    content = workbook([HEADER, *[("q", "x" * 1_000, 1)] * 50])
    monkeypatch.setattr(sheets, "MAX_BYTES", 40_000)
    assert refusal(lambda: read_table(content, "mine.xlsx")).key == "file.too large"


def test_few_cells_far_to_the_right_are_no_large_table(monkeypatch):
    monkeypatch.setattr(records, "MAX_CELLS", 1_000)
    rows = [HEADER, *[("q", "d", 1, *[None] * 20, "far")] * 50]
    assert refusal(lambda: read_table(workbook(rows), "mine.xlsx")).key == "pairs.too many cells"


@pytest.mark.parametrize("number", ["2", "1", "-7", "0"])
def test_a_row_out_of_order_is_not_left_out(number):
    def moved(xml: str) -> str:
        return xml.replace('<row r="3"', f'<row r="{number}"')

    error = refusal(lambda: read_table(changed(workbook(PAIRS), FIRST, moved), "mine.xlsx"))
    assert error.key == "file.damaged sheet"
    assert f"row {number} behind row 2" in str(error)


def test_a_document_type_is_refused_as_its_entities_may_grow():
    def bomb(xml: str) -> str:
        head = '<!DOCTYPE x [<!ENTITY a "ha">]>'
        return re.sub(r"(<worksheet)", head + r"\1", xml, count=1).replace("<v>1</v>", "<v>&a;</v>")

    error = refusal(lambda: read_table(changed(workbook(PAIRS), FIRST, bomb), "mine.xlsx"))
    assert error.key == "file.damaged sheet"
    assert "document type" in str(error)


# as other programs write them


def cells(content: bytes, name: str = "mine.xlsx") -> list[list[str]]:
    return [list(row) for _, row in read_table(content, name).records]


def test_a_formula_that_gives_the_empty_text_has_been_computed():
    content = workbook([HEADER, ("a", "b", "=C9")])
    cell = '<c r="C2" t="str"><f>C9</f><v></v></c>'
    content = changed(content, FIRST, lambda xml: re.sub('<c r="C2".*?</c>', cell, xml))
    assert cells(content) == [["a", "b", ""]]


def test_an_error_is_no_text():
    content = workbook([HEADER, ("a", "b", 1)])
    cell = '<c r="C2" t="e"><v>#N/A</v></c>'
    content = changed(content, FIRST, lambda xml: re.sub('<c r="C2".*?</c>', cell, xml))
    assert cells(content) == [["a", "b", ""]]


def test_cells_and_rows_need_no_numbers_and_tags_may_have_a_prefix():
    def bare(xml: str) -> str:
        xml = re.sub(r'<(c|row) r="[^"]*"', r"<\1", xml)
        xml = re.sub(r"<(/?)(?=[a-zA-Z])", r"<\1x:", xml)
        return xml.replace("xmlns=", "xmlns:x=")

    assert cells(changed(workbook(PAIRS), FIRST, bare)) == cells(workbook(PAIRS))


def test_strings_have_runs_and_are_read_without_their_pronunciation():
    runs = "<r><t>kettle </t></r><r><t>red</t></r><rPh><t>KETORU</t></rPh>"
    strings = ["<t>query</t>", runs, '<t xml:space="preserve"> a_x000D_</t>']
    content = with_strings(workbook(PAIRS), "".join(f"<si>{text}</si>" for text in strings))
    assert cells(content) == [
        ["kettle red", "shows PDF files", "1"],
        [" a\r", "paints photos", "0"],
    ]
    missing = with_strings(workbook(PAIRS), "<si><t>query</t></si>")
    before = changed(content, FIRST, lambda xml: xml.replace("<v>1</v>", "<v>-1</v>", 1))
    for damaged in (missing, before):
        assert refusal(lambda content=damaged: cells(content)).key == "file.damaged sheet"


def test_days_may_be_counted_from_1904_and_numbers_have_no_day():
    def since_1904(xml: str) -> str:
        return re.sub("<workbookPr[^>]*>", '<workbookPr date1904="1"/>', xml)

    content = workbook([("query", "document"), (date(2026, 1, 2), 46024), (date(9999, 12, 31), 1)])
    assert cells(content) == [["2026-01-02", "46024"], ["2958465", "1"]]
    later = changed(content, "xl/workbook.xml", since_1904)
    assert cells(later)[0] == ["2030-01-03", "46024"]


def test_a_strict_workbook_is_read():
    def strict(xml: str) -> str:
        main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        kinds = "http://schemas.openxmlformats.org/officeDocument/2006"
        xml = xml.replace(main, "http://purl.oclc.org/ooxml/spreadsheetml/main")
        return xml.replace(kinds, "http://purl.oclc.org/ooxml/officeDocument")

    content = workbook(PAIRS)
    for path in (FIRST, "xl/workbook.xml", "xl/_rels/workbook.xml.rels"):
        content = changed(content, path, strict)
    assert cells(content) == cells(workbook(PAIRS))


def test_a_packed_workbook_is_read_and_so_is_parquet():
    assert cells(gzip.compress(workbook(PAIRS)), "mine.xlsx.gz") == cells(workbook(PAIRS))
    parquet = (ROOT / "tests/fixtures/cases/11-pairs.parquet").read_bytes()
    assert cells(gzip.compress(parquet), "mine.parquet.gz") == cells(parquet, "mine.parquet")


def test_what_stands_above_the_header_is_left_out_and_told():
    title = ["Relevance review", "Team Search", "Sept 2026"]
    for above in ([title], [("My review",), ("by us",)], [("My review",), (), title]):
        pairs, reading = read(workbook([*above, *PAIRS]), "mine.xlsx")
        assert pairs["label"].tolist() == [1, 0]
        assert pairs.index[0] == len(above) + 2
        number = sum(map(bool, above))
        told = "1 row above the header is" if number == 1 else f"{number} rows above the header are"
        assert told in reading.sentence().text(ENGLISH)
    with_first = read(workbook([title, *PAIRS]), "a.xlsx", Choices("column 1", header=False))
    assert len(with_first[0]) == 4  # said otherwise
    named = read_table(workbook([title, *PAIRS]), "a.xlsx", Choices(header=True))
    assert named.columns == tuple(title)


def test_a_sheet_that_names_query_and_document_comes_before_others():
    legend = [("Field", "Meaning"), ("query", "what was asked"), ("document", "what was found")]
    reading = read(workbook(legend, PAIRS), "mine.xlsx")[1]
    assert reading.format.sheet == "Sheet 2"


def test_a_note_beside_the_table_is_told_by_its_cell():
    rows = [HEADER, ("a", "b", 1), ("c", "d", 0, None, None, "check this!")]
    error = refusal(lambda: read_table(workbook([(), *rows]), "mine.xlsx"))
    assert error.key == "sheet.wide row"
    assert "line 4 of mine.xlsx" in str(error)
    assert "found: F4: check this!" in str(error)


def test_a_title_alone_is_no_table_where_another_sheet_has_one():
    table = read_table(workbook([("My pairs",)], PAIRS), "mine.xlsx")
    assert (table.format.sheet, len(list(table.records))) == ("Sheet 2", 2)


def test_a_workbook_is_trained_on(tmp_path):
    path = tmp_path / "mine.xlsx"
    path.write_bytes(workbook([HEADER, *[(f"query {n}", f"text {n}", 1) for n in range(40)]]))
    assert not is_large(path)
    pairs, data = read_for_training(path, None, tmp_path / "work", log=lambda line: None)
    assert (len(pairs), data) == (40, None)


def test_a_sheet_is_asked_only_of_a_workbook():
    error = refusal(lambda: read_table(b"query,document\na,b\n", "a.csv", Choices(sheet="Data")))
    assert error.key == "sheet.no workbook"


def test_texts_with_ids_and_without_are_read_as_of_other_tables(tmp_path):
    rows = [("id", "title", "text"), ("d1", "Door", "It is red."), ("d2", "", "A wall.")]
    path = tmp_path / "corpus.xlsx"
    path.write_bytes(workbook(rows))
    found = read_texts(path)
    assert found.texts == {"d1": "Door It is red.", "d2": "A wall."}
    assert "a workbook, id from id, text from “title”, “text”" in found.sentence().text(ENGLISH)
    assert has_ids(path)
    path.write_bytes(workbook([row[1:] for row in rows]))
    assert [text for *_, text in stream_texts(path).rows] == [*found.texts.values()]
    path.write_bytes(workbook(PAIRS))
    assert not has_ids(path)
    assert refusal(lambda: read_texts(path)).key == "texts.no column"


def test_of_parquet_the_rows_are_counted_and_its_ids_are_seen(tmp_path, monkeypatch):
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table({"id": ["a", "b", "c"], "text": ["x", "y", "z"]}), path)
    assert has_ids(path)
    assert not is_large(path)
    monkeypatch.setattr(large, "LARGE", 2)
    assert is_large(path)
