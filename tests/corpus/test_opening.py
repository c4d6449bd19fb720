"""Files that fail, grow or hold nothing once they are open: refused in one sentence."""

from __future__ import annotations

import io
import json
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dssm_core.corpus import json_tables, large
from dssm_core.corpus.checks import check_pairs
from dssm_core.corpus.opening import SPREADSHEETS, UNPACKABLE, Source, find_encoding, text_lines
from dssm_core.corpus.pairs import read_pairs, stream_pairs
from dssm_core.corpus.reading import Choices, read_table
from dssm_core.corpus.text_stream import stream_texts
from dssm_core.corpus.texts import read_texts
from tests.encoders import refusal


class Failing(io.BytesIO):
    def read(self, *size: int) -> bytes:
        raise OSError(5, "Input/output error")


def test_a_file_that_cannot_be_read_to_its_end_is_told():
    error = refusal(lambda: read_table(Failing(), "mine.csv"))
    assert (error.key, error.values["name"]) == ("file.unreadable", "mine.csv")
    assert "Input/output error" in str(error)


def test_bytes_of_no_likely_encoding_are_told_with_what_to_name():
    content = "query,document\ncafé,à côté\n".encode() * 9 + b"a,caf\xe9\n"
    error = refusal(lambda: read_table(content, "mine.csv"))
    assert error.key == "file.not UTF-8"
    assert "line 19" in str(error)


@pytest.mark.parametrize("start", [*SPREADSHEETS, *UNPACKABLE])
def test_a_file_of_a_kind_that_is_not_unpacked_is_told_as_that(start):
    error = refusal(lambda: read_table(start + b"query,document\na,b\n", "mine.csv"))
    assert error.key == ("file.spreadsheet" if start in SPREADSHEETS else "file.packed")


@pytest.mark.parametrize("content", [b"query,document\n", b"[]", b"[\n]"])
def test_a_table_without_rows_is_refused_whatever_it_is_read_for(content):
    name = "f.csv" if content[:1] == b"q" else "f.json"
    assert refusal(lambda: read_table(content, name)).key == "pairs.no rows"


def test_objects_by_an_id_are_rows_and_no_columns():
    item = {str(n): {"query": f"q {n}", "document": f"d {n}", "label": n % 2} for n in range(4)}
    pairs = read_pairs(json.dumps(item).encode(), "f.json")
    assert pairs["query"].tolist() == ["q 0", "q 1", "q 2", "q 3"]
    assert pairs["label"].tolist() == [0, 1, 0, 1]
    turned = {name: {k: row[name] for k, row in item.items()} for name in item["0"]}
    assert read_pairs(json.dumps(turned).encode(), "f.json")["query"].tolist() == [*pairs["query"]]


def test_an_array_of_json_that_breaks_off_is_told_with_its_line():
    error = refusal(lambda: read_table(b'[{"query": "a",\n "document": "b"},\n{"query"', "f.json"))
    assert error.key == "format.not JSON"
    assert "line 3" in str(error)


def test_a_file_that_is_written_while_it_is_read_is_told():
    encoding = find_encoding(Source("mine.csv", b"a,b\n"), None, is_whole=True)
    error = refusal(lambda: list(text_lines(Source("mine.csv", b"a,caf\xe9\n"), encoding)))
    assert (error.key, error.values["name"]) == ("file.unreadable", "mine.csv")


def test_json_that_must_be_held_whole_has_a_limit_in_a_stream_too(tmp_path, monkeypatch):
    path = tmp_path / "f.json"
    content = json.dumps([{"query": "red door", "document": "blue wall"}])
    monkeypatch.setattr(json_tables, "MAX_BYTES", len(content))
    path.write_text(content)
    assert len(list(stream_pairs(path))) == 1
    path.write_text(content + " ")
    assert refusal(lambda: list(stream_pairs(path))).key == "file.too large"


@pytest.mark.parametrize(
    "columns",
    [
        {"query": ["a", "b"], "document": ["c"]},
        {"query": {"0": "a"}, "document": {}},
        {"query": ["a"], "document": "b"},
        {"query": "a", "document": "b"},
        {"query": 1, "document": None, "label": True},
    ],
)
def test_columns_of_json_that_make_no_rows_are_refused(columns):
    content = json.dumps(columns, indent=1).encode()
    assert refusal(lambda: read_table(content, "f.json")).key == "format.json columns"


def test_nul_in_a_cell_of_parquet_is_refused_by_its_row(tmp_path):
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table({"query": ["a", "b\0"], "document": ["c", "d"]}), path)
    for read in (read_pairs, lambda path: list(stream_pairs(path))):
        error = refusal(lambda read=read: read(path))
        assert error.key == "pairs.escaped NUL"
        assert "line 2" in str(error)


@pytest.mark.parametrize("work", [read_pairs, check_pairs], ids=["read", "check"])
def test_rows_whose_lists_are_all_empty_are_no_pairs(tmp_path, work):
    path = tmp_path / "f.jsonl"
    path.write_text('{"query": "a", "positives": [], "negatives": []}\n' * 2)
    assert refusal(lambda: work(path)).key == "pairs.no rows"


@pytest.mark.parametrize(
    ("choices", "label", "key"),
    [
        (Choices(relevant=("yes",)), "", "columns.no label"),
        (Choices(min_grade=2), "", "columns.no label"),
        (Choices(min_grade=2), ",label", "labels.no grades"),
    ],
)
def test_a_choice_of_labels_that_the_file_has_not_is_refused(choices, label, key):
    words = ("tall", "red") if label else ("", "")
    rows = "".join(f"a{n},b{n}{label and ','}{word}\n" for n, word in enumerate(words))
    content = f"query,document{label}\n{rows}".encode()
    assert refusal(lambda: read_pairs(content, "f.csv", choices)).key == key


def test_a_large_file_whose_negatives_are_prepared_must_say_what_is_held_out(tmp_path, monkeypatch):
    monkeypatch.setattr(large, "LARGE", 1)
    path = tmp_path / "pairs.csv"
    path.write_text("query,document,split\na,b,train\nc,d,train\n")
    given = (path, tmp_path / "data", tmp_path / "work", len)
    assert refusal(lambda: large.read_for_training(*given)).key == "large.no split"


# texts with and without ids


@pytest.mark.parametrize(
    "read", [read_texts, lambda path: list(stream_texts(path).rows)], ids=["texts", "stream"]
)
def test_a_file_of_numbers_or_none_at_all_is_refused(tmp_path, read):
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table({"price": [1], "weight": [2.5]}), path)
    assert refusal(lambda: read(path)).key == "texts.no column"
    assert refusal(lambda: read(tmp_path / "absent.tsv")).key == "file.missing"


def test_objects_without_a_text_are_refused(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_text('{"price": 1}\n')
    assert refusal(lambda: stream_texts(path, "document")).key == "texts.no column"


def test_texts_as_bytes_and_days_in_parquet_are_texts(tmp_path):
    path, day = tmp_path / "f.parquet", date(2026, 1, 2)
    columns = {"query": ["naïve".encode()], "document": [b"a \xff"], "day": [day]}
    pq.write_table(pa.table(columns), path)
    assert [*read_table(path).records] == [(1, ["naïve", "a \\xff", "2026-01-02"])]


def test_a_parquet_of_no_texts_is_refused(tmp_path):
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table({"id": pa.array([], pa.string()), "text": pa.array([], "str")}), path)
    assert refusal(lambda: read_texts(path)).key == "trec.empty file"


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_file_of_no_texts_is_refused(tmp_path, content):
    path = tmp_path / "f.txt"
    path.write_text(content)
    assert refusal(lambda: stream_texts(path, "document")).key == "trec.empty file"


@pytest.mark.parametrize(
    ("name", "text", "key", "line"),
    [
        ("f.tsv", "text\tmore\nboat\tx\nguitar\n", "trec.ragged row", 3),
        ("f.jsonl", '{"text": "boat", "text2": }\n', "trec.not a text", 1),
        ("f.jsonl", '{"text": "boat"}\n\n{"text": \n', "trec.not a text", 3),
        ("f.jsonl", '{"text": "boat"}\n{"words": "guitar"}\n', "trec.not a text", 2),
        ("f.jsonl", '{"text": "boat"}\n{"text": 5}\n', "trec.not a text", 2),
    ],
)
def test_a_line_that_holds_no_text_is_named(tmp_path, name, text, key, line):
    path = tmp_path / name
    path.write_text(text)
    error = refusal(lambda: list(stream_texts(path, "document").rows))
    assert error.key == key
    assert f"line {line}" in str(error)
