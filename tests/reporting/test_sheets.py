"""Tables as files: what leaves comes back, and no spreadsheet runs it."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssm_core.errors import UserError
from dssm_core.reporting.sheets import (
    FORMULA,
    escape_cell,
    read_verdicts,
    safe_csv,
    unescape_cell,
    verdicts_jsonl,
)
from dssm_core.store import COLUMNS, VERDICTS, Store

risky = st.text("'=+-@ \t\r\n＝a", max_size=6)
texts = st.one_of(risky, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
filled = texts.filter(str.strip)
rows = st.lists(
    st.tuples(filled, filled, st.sampled_from(VERDICTS), texts, texts, texts, texts, texts),
    min_size=1,
    max_size=4,
)


@given(texts)
def test_a_cell_comes_back_as_it_was(text):
    assert unescape_cell(escape_cell(text)) == text


@given(risky)
def test_no_cell_starts_a_formula(text):
    cell = escape_cell(text)
    assert not cell.startswith(FORMULA)
    assert not cell.lstrip().startswith(FORMULA)


@pytest.mark.slow
@given(rows)
def test_verdicts_come_back_from_csv_and_from_jsonl_as_they_were(rows):
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for content, name in ((safe_csv(frame), "v.csv"), (verdicts_jsonl(frame), "v.jsonl")):
        found = read_verdicts(content, name)
        assert list(found.columns) == list(COLUMNS)
        assert [tuple(row) for row in found.to_numpy()] == rows, name


def test_what_a_spreadsheet_opens_holds_no_formula():
    formula = '=HYPERLINK("http://example.invalid")'
    verdicts = pd.DataFrame([[formula] * 8], columns=list(COLUMNS))
    (_, cells) = csv.reader(io.StringIO(safe_csv(verdicts).decode("utf-8-sig")))
    assert cells == ["'" + formula] * 8


def test_an_export_goes_into_another_store(tmp_path):
    one, other = Store(tmp_path / "one"), Store(tmp_path / "other")
    one.judge("-q", "+d", "bad data", "torn", "=note", "m", "f")
    one.judge("q", "d\r\nmore", "relevant")
    other.add_verdicts(read_verdicts(safe_csv(one.verdicts()), "v.csv"))
    pd.testing.assert_frame_equal(other.verdicts(), one.verdicts())


def test_no_verdicts_are_an_empty_file_of_jsonl():
    assert verdicts_jsonl(pd.DataFrame(columns=list(COLUMNS))) == b""


def test_a_jsonl_keeps_the_quotes_that_are_its_own():
    line = b'{"query": "\'=1", "document": "d", "verdict": "unsure"}\n'
    assert read_verdicts(line, "v.jsonl")["query"].tolist() == ["'=1"]


def test_a_file_written_by_hand_needs_only_three_columns_and_may_shout():
    found = read_verdicts(b"document,verdict,query\nd, Not Relevant ,q\n", "v.csv")
    assert found.to_dict("records") == [
        {**dict.fromkeys(COLUMNS, ""), "query": "q", "document": "d", "verdict": "not relevant"}
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            b'query,document,verdict\nq,"d\nd",unsure\nq,d,perhaps\n',
            r"verdict .* line 4 of v.csv \(found: perhaps\).*relevant, not relevant",
        ),
        (b"query,document,verdict\nq,d,\n", 'verdict .* line 2 of v.csv .found: ""'),
        (b"query,document,label\nq,d,1\n", 'v.csv has no column "verdict"'),
        (b"query,verdict\nq,unsure\n", 'v.csv has no column "document"'),
        (b"query,document,verdict\nq,,unsure\n", "document is empty at line 2 of v.csv"),
        (b"query,document,verdict\nq,d\n", "line 2 of v.csv has 2 fields"),
        (b"query,document,verdict\nq,\xff,unsure\n", "v.csv is not UTF-8 at line 2"),
        (b"", "v.csv is empty"),
    ],
)
def test_trouble_names_the_line_and_the_column(content, told):
    with pytest.raises(UserError, match=told):
        read_verdicts(content, "v.csv")


def test_a_file_on_disk_is_called_by_its_name(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("query,document,verdict\nq,d,maybe\n")
    with pytest.raises(UserError, match="line 2 of mine.csv"):
        read_verdicts(path)
