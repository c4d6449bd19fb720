"""Guessing and mapping the columns of a person's own file."""

from __future__ import annotations

import pytest

from dssm_core.corpus.columns import (
    Roles,
    doubts,
    guess_labels,
    guess_roles,
    read_table,
    to_pairs,
)
from dssm_core.errors import UserError


def table(text: str, name: str = "mine.csv"):
    return read_table(text.encode(), name)


@pytest.mark.parametrize(
    ("header", "query", "document", "label"),
    [
        ("query,document,label", "query", "document", "label"),
        ("Search Query,Product Title,is_relevant", "Search Query", "Product Title", "is_relevant"),
        ("查询,文档,标签", "查询", "文档", "标签"),
        ("запрос,документ,метка", "запрос", "документ", "метка"),
        ("Anfrage,Dokument,Relevanz", "Anfrage", "Dokument", "Relevanz"),
        ("requête,texte,pertinence", "requête", "texte", "pertinence"),
        ("sentence1,sentence2,gold", "sentence1", "sentence2", "gold"),
        ("検索,文書,関連", "検索", "文書", "関連"),
    ],
)
def test_usual_names_are_known_in_many_languages(header, query, document, label):
    found = guess_roles(table(f"{header}\na b,a longer text,1\nc d,another long text,0\n"))
    assert found == Roles(query, document, label)


def test_names_that_say_nothing_are_guessed_by_content():
    rows = "".join(f"{n},red door {n},a long text about a door {n},{n % 2}\n" for n in range(8))
    assert guess_roles(table("a,b,c,d\n" + rows)) == Roles("b", "c", "d")


def test_a_column_of_ids_is_not_taken_for_the_texts_beside_it():
    rows = "".join(f"q{n},red door,d{n},a red door of wood,1\n" for n in range(5))
    found = guess_roles(table("query_id,query,doc_id,passage,relevance\n" + rows))
    assert (found.query, found.document) == ("query", "passage")


def test_a_column_of_many_values_is_no_label_whatever_its_name():
    rows = "".join(f"red door,a door of wood {n},{n / 7}\n" for n in range(40))
    assert guess_roles(table("query,document,score\n" + rows)).label is None


def test_with_one_text_only_the_document_is_left_open_and_loud():
    found = table("query,n\nred door,7\n")
    assert guess_roles(found).document is None
    with pytest.raises(UserError, match="not clear which column has the documents"):
        to_pairs(found, guess_roles(found))


@pytest.mark.parametrize(
    ("labels", "meaning"),
    [
        (["1", "0"], (None, None)),
        (["Yes", "no"], (None, None)),
        (["positive", "negative"], ("positive", "negative")),
        (["相关", "不相关"], ("相关", "不相关")),
        (["1", "-1"], ("1", "-1")),
        (["3", "2"], ("3", "2")),
        (["good", "so-so"], ("good", "so-so")),
    ],
)
def test_two_labels_of_any_kind_are_mapped(labels, meaning):
    given = table("query,document,label\n" + "".join(f"q {v},d {v},{v}\n" for v in labels))
    assert guess_labels(given, "label") == meaning
    assert to_pairs(given, guess_roles(given))["label"].tolist() == [1, 0]


def test_a_label_that_is_neither_is_loud_and_named_by_line():
    given = table('query,document,grade\nq,"two\nlines",good\nq,d,bad\nq,e,maybe\n')
    with pytest.raises(UserError) as caught:
        to_pairs(given, Roles("query", "document", "grade", "good", "bad"))
    assert 'grade is neither "good" nor "bad" at line 5 of mine.csv' in str(caught.value)
    assert caught.value.received == "maybe"


def test_the_mapped_pairs_keep_lines_other_columns_and_quoted_newlines():
    given = table('\ufefftitle,query,text\n"red, door",9,"a\nb"\nwall,8,c\n')
    pairs = to_pairs(given, Roles("title", "text", None))
    assert list(pairs.columns) == ["query", "document", "label", "query (file)"]
    assert pairs.index.tolist() == [2, 4]
    assert pairs["query"].tolist() == ["red, door", "wall"]
    assert pairs["document"].tolist() == ["a\nb", "c"]
    assert pairs["query (file)"].tolist() == ["9", "8"]


def test_jsonl_and_tsv_are_mapped_too():
    lines = '{"q": "red", "passage": "a red door", "gold": true}\n'
    given = table(lines + '{"q": "x", "passage": "y", "gold": false}\n', "m.jsonl")
    assert guess_roles(given) == Roles("q", "passage", "gold")
    tabs = table("q\tpassage\nred\ta, b\n", "m.tsv")
    assert to_pairs(tabs, guess_roles(tabs))["document"].tolist() == ["a, b"]


def test_one_column_cannot_be_two_things():
    given = table("a,b\nx y,z\n")
    with pytest.raises(UserError, match="one column is chosen twice"):
        to_pairs(given, Roles("a", "a", None))


@pytest.mark.parametrize(
    ("rows", "kind", "example"),
    [
        ("Q1,a red door,1\nQ2,a wall,0\n", "ids", "query: Q1"),
        ("red,9f86d081884c7d65,1\nred,60303ae22b998861,0\n", "ids", "document: 9f86d081884c7d65"),
        ("red,door,1\nblue,wall,1\n", "one label", "1"),
        ("red,red,1\nblue,blue,0\n", "same text", "red"),
        ("red,door,1\nred,door,0\n", "contradiction", "1 × red"),
    ],
)
def test_what_makes_pairs_doubtful_is_named(rows, kind, example):
    pairs = to_pairs(table("query,document,label\n" + rows), Roles("query", "document", "label"))
    assert doubts(pairs)[kind] == example


def test_sound_pairs_raise_no_doubt():
    pairs = to_pairs(
        table("query,document,label\nred door,a 1,1\nblue,a wall,0\n"),
        Roles("query", "document", "label"),
    )
    assert doubts(pairs) == {}


@pytest.mark.parametrize("text", ["", "  \n", "a,a\n1,2\n", "query,document\n"])
def test_what_is_no_table_is_refused_with_a_way_out(text):
    with pytest.raises(UserError) as caught:
        table(text)
    assert caught.value.hint()
