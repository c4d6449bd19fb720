"""Reading, splitting and summing up a person's own pairs."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssm_core.corpus.pairs import MAX_CHARACTERS, read_pairs
from dssm_core.corpus.splitting import split_pairs
from dssm_core.errors import UserError
from dssm_core.words import translator_for
from tests.examples import examples

# The codec refuses lone surrogates, the reader NUL; Python's csv writer leaves a lone \r bare.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=30)
FILLED = TEXTS.filter(lambda text: text.strip() != "")
ROWS = st.lists(st.tuples(FILLED, FILLED, st.integers(0, 1), TEXTS), min_size=1, max_size=8)


def read(text: str, name: str = "mine.csv") -> pd.DataFrame:
    return read_pairs(text.encode(), name)


def refused(text: str | bytes, name: str = "mine.csv") -> str:
    with pytest.raises(UserError) as caught:
        read_pairs(text.encode() if isinstance(text, str) else text, name)
    assert caught.value.hint(), "every refusal names a way out"
    return str(caught.value)


@given(ROWS)
def test_a_csv_that_pandas_wrote_is_read_back_equal(rows):
    frame = pd.DataFrame(rows, columns=["query", "document", "label", "note"])
    back = read(frame.to_csv(index=False))
    assert back.reset_index(drop=True).to_dict("list") == frame.to_dict("list")


@pytest.mark.slow
@given(ROWS)
def test_a_tsv_that_pandas_wrote_is_read_back_equal(rows):
    frame = pd.DataFrame(rows, columns=["query", "document", "label", "note"])
    back = read(frame.to_csv(index=False, sep="\t"), "mine.tsv")
    assert back.reset_index(drop=True).to_dict("list") == frame.to_dict("list")


@pytest.mark.slow
@given(ROWS, st.booleans())
def test_jsonl_is_read_back_equal_whether_escaped_or_not(rows, escaped):
    frame = pd.DataFrame(rows, columns=["query", "document", "label", "note"])
    text = "".join(json.dumps(r, ensure_ascii=escaped) + "\n" for r in frame.to_dict("records"))
    back = read(text, "mine.jsonl")
    assert back.reset_index(drop=True).to_dict("list") == frame.to_dict("list")


@given(ROWS)
def test_the_index_is_the_line_where_each_record_starts(rows):
    lines, expected = ["query,document"], []
    for query, document, _, _ in rows:
        expected.append(1 + sum(1 + line.count("\n") for line in lines))
        quoted = [cell.replace('"', '""') for cell in (query, document)]
        lines.append(f'"{quoted[0]}","{quoted[1]}"')
    assert read("\n".join(lines)).index.tolist() == expected


@examples(300)
@given(st.binary(max_size=60), st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "a.gz", "a"]))
def test_no_bytes_at_all_get_past_the_reader_as_anything_but_a_user_error(raw, name):
    for content in (raw, b"query,document\n" + raw, b'{"query":"a","document":"b"}\n' + raw):
        with contextlib.suppress(UserError):
            assert {"query", "document", "label"} <= set(read_pairs(content, name).columns)


def test_a_file_a_path_a_stream_and_a_gzip_all_say_the_same(tmp_path: Path):
    text = "query,document\nred apple,a fruit\n"
    path = tmp_path / "mine.csv"
    path.write_text(text)
    zipped = tmp_path / "mine.csv.gz"
    zipped.write_bytes(gzip.compress(text.encode()))
    with path.open("rb") as opened:
        frames = [read_pairs(path), read_pairs(str(path)), read_pairs(zipped), read_pairs(opened)]
    frames += [read_pairs(io.StringIO(text)), read_pairs(text.encode())]
    for frame in frames:
        pd.testing.assert_frame_equal(frame, frames[0])
    assert frames[0].to_dict("records") == [
        {"query": "red apple", "document": "a fruit", "label": 1}
    ]


def test_a_byte_order_mark_and_windows_line_ends_are_not_part_of_the_text():
    frame = read("\ufeffquery,document\r\na,b\r\n")
    assert frame.to_dict("records") == [{"query": "a", "document": "b", "label": 1}]


def test_blank_lines_are_passed_over_and_still_counted():
    assert read("query,document\n\na,b\n\n\nc,d\n").index.tolist() == [3, 6]


def test_without_a_name_the_first_line_tells_the_format():
    assert read("query\tdocument\na, b\tc\n", "upload").loc[2, "query"] == "a, b"
    assert read('{"query": "a", "document": "b"}', "upload").loc[1, "document"] == "b"
    assert read("query;document\na, b;c\n", "upload").loc[2, "query"] == "a, b"


@pytest.mark.parametrize(("yes", "no"), [("1", "0"), ("true", "False"), ("YES", "no")])
def test_labels_may_be_written_in_words(yes, no):
    assert read(f"query,document,label\na,b,{yes}\nc,d,{no}\n")["label"].tolist() == [1, 0]
    assert read("query,document,label\na,b,relevant\nc,d,irrelevant\n")["label"].tolist() == [1, 0]


def test_a_json_label_may_be_a_number_or_a_truth_value_and_null_is_empty_text():
    lines = ['{"query":"a","document":"b","label":true,"year":1999,"note":null}']
    lines += ['{"query":"c","document":"d","label":0,"year":"x"}']
    frame = read("\n".join(lines), "a.jsonl")
    assert frame["label"].tolist() == [1, 0]
    assert frame[["year", "note"]].to_numpy().tolist() == [["1999", ""], ["x", ""]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("query,n\na,7\n", ["not clear which column has the documents", "query, n"]),
        ("query,document,query\na,b,c\n", ['column "query" twice']),
        ('query,document\n"a\nb",c\nd,e,f\n', ["line 4", "3 fields", "header has 2", "d, e, f"]),
        ("query,document\nonly\n", ["line 2", "1 field", "header has 2"]),
        ("query,document,label\na,b,1\nc,d,maybe\n", ["label", "line 3", "maybe", "1"]),
        ("query,document,label\na,b,\n", ["label has no label in any row", "none"]),
        ('query,document\n"a\n\n",b\n , d\n', ["query is empty", "line 5"]),
        ('query,document\na,""\n', ["document is empty", "line 2"]),
        ('query,document\na,b\n"c,d\n', ["quotes do not match", "line 3", "Close every quote"]),
        ('query,document\na,"b" c\n', ["quotes do not match", "line 2"]),
        ("query,document\na,b\nc,d\0\n", ["NUL", "line 3"]),
        ("query,document\n", ["header but no pairs"]),
        ("", ["empty"]),
        (" \n\n", ["empty"]),
        (f"query,document\na,{'x' * (MAX_CHARACTERS + 1)}\n", ["document", "1,000,000", "line 2"]),
    ],
)
def test_a_bad_csv_is_refused_with_the_line_and_the_column(text, expected):
    message = refused(text)
    assert "mine.csv" in message
    for part in expected:
        assert part in message
    assert len(message) < 500


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"query":"a","document":"b"}\n{"query":\n', ["line 2", "not JSON"]),
        ('{"query":"a","document":"b"}\n\n[1]\n', ["line 3", "not a JSON object"]),
        ('{"query":"a","document":"b"}\n{"query":"c"}\n', ["document is empty", "line 2"]),
        ('{"query":"a","document":"b","label":2}\n', ["not clear which", "label", "2"]),
        ('{"query":"\\ud83d","document":"b"}\n', ["line 1", "half a character"]),
        ('{"query":"a\\u0000","document":"b"}\n', ["line 1", "NUL"]),
        ('{"query":' + "[" * 100_000, ["line 1", "not JSON"]),
    ],
)
def test_bad_jsonl_is_refused_with_the_line(text, expected):
    message = refused(text, "mine.jsonl")
    for part in expected:
        assert part in message


def test_json_escapes_that_spell_a_whole_character_or_a_backslash_are_read():
    line = r'{"query":"\ud83d\ude00","document":"C:\\u0000"}'
    assert read(line, "a.jsonl").loc[1].tolist() == ["😀", "C:\\u0000", 1]


def test_a_file_without_a_name_is_called_the_file_in_each_language():
    with pytest.raises(UserError) as empty:
        read_pairs(b"query,document\n,b\n")
    assert str(empty.value).startswith("query is empty at line 2 of the file.")
    with pytest.raises(UserError) as wide:
        read_pairs(b"query,document\na,b,c\n")
    assert wide.value.text(translator_for("zh")).startswith("该文件 第 2 行有 3 个字段")


def test_broken_utf_8_is_placed_by_line_and_byte():
    broken = "query,document\nfür,über größe\n".encode() + b"caf\xe9,b\n"
    assert "is not UTF-8 at line 3, byte 38" in refused(broken)
    assert "byte 41" in refused(b"\xef\xbb\xbf" + broken)


def test_damaged_gzip_and_missing_files_are_user_errors(tmp_path: Path):
    zipped = gzip.compress(b"query,document\na,b\n" * 99)
    assert "is damaged" in refused(zipped[:-9], "a.csv.gz")
    with pytest.raises(UserError, match="no file"):
        read_pairs(tmp_path / "absent.csv")
    with pytest.raises(UserError, match="cannot be read"):
        read_pairs(tmp_path)


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_read():
    text = "query,document,label\n" + '"a query, of some words","and a document",1\n' * 100_000
    assert read(text).index[-1] == 100_001


def pairs_of(*texts: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(texts, columns=["query", "document"]).assign(label=1)


SHARING = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=60)


@given(SHARING, st.integers(0, 9))
def test_no_text_is_in_two_splits_and_no_row_is_lost(links, seed):
    pairs = pairs_of(*((f"Q {query}", f"d {document}") for query, document in links))
    splits = split_pairs(pairs, seed)
    for column in ("query", "document"):
        texts = [set(split[column]) for split in splits.values()]
        assert sum(map(len, texts)) == len(set.union(*texts))
    assert sorted(i for split in splits.values() for i in split.index) == list(range(len(pairs)))


def test_texts_that_differ_only_in_case_and_spaces_stay_together():
    pairs = pairs_of(
        *((f"word{n // 2}" if n % 2 else f" WORD{n // 2}", f"d{n}") for n in range(80))
    )
    for split in split_pairs(pairs, 0).values():
        assert (split["query"].str.strip().str.lower().value_counts() == 2).all()


def test_rows_that_share_nothing_split_eighty_ten_ten_and_the_seed_matters():
    pairs = pairs_of(*((f"query {n}", f"document {n}") for n in range(1000)))
    first, again, other = split_pairs(pairs, 0), split_pairs(pairs, 0), split_pairs(pairs, 1)
    assert {name: len(split) for name, split in first.items()} == {
        "train": 800,
        "validation": 100,
        "test": 100,
    }
    pd.testing.assert_frame_equal(first["test"], again["test"])
    assert len(set(first["test"].index) & set(other["test"].index)) < 50


def test_the_order_of_the_rows_does_not_move_a_pair_to_another_split():
    pairs = pairs_of(*((f"query {n // 3}", f"document {n}") for n in range(300)))
    shuffled = split_pairs(pairs.sample(frac=1, random_state=3), 0)
    for name, split in split_pairs(pairs, 0).items():
        assert set(shuffled[name]["document"]) == set(split["document"])


def test_rows_that_all_share_one_document_land_in_train_together():
    pairs = pairs_of(*((f"query {n}", "the one document") for n in range(50)))
    assert len(split_pairs(pairs, 0)["train"]) == 50


def test_a_split_column_decides_and_a_misspelt_split_is_refused_by_line():
    pairs = read("query,document,split\na,b,test\nc,d,train\ne,f,test\n")
    assert split_pairs(pairs, 0)["test"].index.tolist() == [2, 4]
    assert split_pairs(pairs, 0)["validation"].empty
    with pytest.raises(UserError, match=r"line 3.*dev.*train, validation, test"):
        split_pairs(read("query,document,split\na,b,test\nc,d,dev\n"), 0)
