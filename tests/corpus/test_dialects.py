"""Random tables in every dialect, read back; and each choice of a person's."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dssm_core.corpus.pairs import read, read_pairs
from dssm_core.corpus.reading import Choices
from dssm_core.errors import UserError
from dssm_core.words import ENGLISH

WORDS = st.lists(
    st.sampled_from(["door", "grün", "été", "red", "chess", 'said "so"', "a, b", "x; y", "it's"]),
    min_size=2,
    max_size=5,
).map(" ".join)
ROWS = st.lists(st.tuples(WORDS, WORDS, st.sampled_from([0, 1])), min_size=3, max_size=8)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    ROWS,
    st.sampled_from([",", "\t", ";", "|"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_a_table_of_any_dialect_is_read_back(rows, separator, quoting, code, header, newline):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=newline)
    writer.writerows([("query", "document", "label")] * header + rows)
    choices = Choices(header=header, separator=separator)
    for said in (choices, Choices()) if header else (choices,):
        if not header:
            said = Choices("column 1", "column 2", "column 3", None, None, False, None, separator)
        if not header and len({label for *_, label in rows}) < 2:
            continue
        pairs = read_pairs(text.getvalue().encode(code), "mine.csv", said)
        columns = (pairs[column] for column in ("query", "document", "label"))
        assert list(zip(*columns, strict=True)) == rows


LINES = "red door\ta door of wood, red\t3\nblue wall\ta wall of stone\t0\nred door\ta moon\t1\n"


def test_a_table_without_a_header_is_known_by_its_first_row():
    pairs, reading = read(LINES.encode(), "mine.tsv")
    assert not reading.format.has_header
    assert pairs["document"].tolist()[0] == "a door of wood, red"
    assert pairs["label"].tolist() == [1, 0, 0] or reading.labels.column is None


@pytest.mark.parametrize(
    "above", ["Review,,\n", '"My\nreview",,\n', "Review,by us,2026\n\nmore,,\n"]
)
def test_what_stands_above_a_header_of_usual_names_is_left_out_and_told(above):
    rows = 'query,document,label\na,"b\nc",1\nd,e,0\n'
    pairs, reading = read((above + rows).encode(), "f.csv")
    assert pairs["label"].tolist() == [1, 0]
    assert pairs.index[0] == above.count("\n") + 2
    assert "above the header" in reading.sentence().text(ENGLISH)
    assert read(rows.encode(), "f.csv")[1].format.above == 0
    kept = read(("a,b,c\n" + rows).encode(), "f.csv", Choices("a", "b", "none", header=True))[0]
    assert len(kept) == 3


def test_an_empty_row_is_no_row_as_excel_writes_them():
    pairs = read(b"query,document,label\na,b,1\n,,\nc,d,0\n,,\n", "f.csv")[0]
    assert pairs.index.tolist() == [2, 4]


def test_a_name_may_be_wrapped_in_its_cell():
    _, reading = read(b'"search\nquery",document\na,b\n', "f.csv")
    assert reading.columns == ("search query", "document")


def test_sides_stand_in_the_order_of_the_columns_however_long():
    rows = "".join(f"{n},a long text about a red door {n},door {n},{n % 2}\n" for n in range(8))
    _, reading = read(("a,b,c,d\n" + rows).encode(), "m.csv")
    assert (reading.roles.query, reading.roles.document, reading.roles.label) == ("b", "c", "d")


def test_ids_are_not_taken_for_texts():
    rows = "".join(f"q{n},red door,d{n},a red door of wood,{n % 2}\n" for n in range(5))
    _, reading = read(("query_id,query,doc_id,passage,relevance\n" + rows).encode(), "m.csv")
    assert (reading.roles.query, reading.roles.document) == ("query", "passage")


@pytest.mark.parametrize(
    ("labels", "right"),
    [
        (["positive", "negative"], [1, 0]),
        (["相关", "不相关"], [1, 0]),
        (["1", "-1"], [1, 0]),
        (["3", "2"], [1, 0]),
        (["good", "so-so"], [1, 0]),
        (["0", "1", "2", "3"], [0, 0, 1, 1]),
        (["1", "2", "3"], [0, 0, 1]),
        (["0", "5", "1"], [0, 1, 0]),
        (["E", "S", "C", "I"], [1, 1, 0, 0]),
        (["Exact", "Partial", "Irrelevant"], [1, 0, 0]),
        (["entailment", "neutral", "contradiction"], [1, 0, 0]),
        (["1,0", "0,0"], [1, 0]),
        (["1", "", "0"], [1, 0]),
    ],
)
def test_labels_of_any_kind_are_understood(labels, right):
    rows = "".join(f'"red {n}","door {n}","{label}"\n' for n, label in enumerate(labels))
    pairs, reading = read(f"query,document,Relevance\n{rows}".encode(), "m.csv")
    assert pairs["label"].tolist() == right
    assert reading.unjudged == labels.count("")


@pytest.mark.parametrize("labels", [["blue", "green"], ["0.25", "0.5", "0.75"], ["7"]])
def test_labels_that_are_not_clear_are_asked_for(labels):
    rows = "".join(f"red {n},door {n},{label}\n" for n, label in enumerate(labels))
    with pytest.raises(UserError) as caught:
        read(f"query,document,label\n{rows}".encode(), "m.csv")
    assert "--" in caught.value.hint()


def test_lists_of_positives_and_negatives_make_a_pair_each():
    line = '{"query": "red door", "pos": ["a door"], "neg": ["a wall", "the moon"]}\n'
    pairs, reading = read((line * 2).encode(), "m.jsonl")
    assert pairs["document"].tolist() == ["a door", "a wall", "the moon"] * 2
    assert pairs["label"].tolist() == [1, 0, 0] * 2
    assert pairs["line"].tolist() == ["1"] * 3 + ["2"] * 3
    assert pairs.index.is_unique
    assert reading.roles.negatives == ("neg",)


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        (Choices(query="absent"), "no column"),
        (Choices(query="query", document="query"), "chosen twice"),
        (Choices(relevant=("7",)), "no such label"),
        (Choices(encoding="klingon"), "no such encoding"),
        (Choices(encoding="UTF-32"), "is not UTF-32"),
        (Choices(separator="ab"), "one character"),
    ],
)
def test_a_choice_that_does_not_fit_is_refused(choices, said):
    with pytest.raises(UserError, match=said) as caught:
        read(b"query,document,label\na b,c d,1\ne f,g h,0\n", "m.csv", choices)
    assert caught.value.hint()
