"""Files as people have them, one of each kind, and what is right to read of them."""

from __future__ import annotations

import pytest

from dssm_core.corpus.checks import doubts
from dssm_core.corpus.pairs import read, stream_checked
from dssm_core.corpus.reading import Choices
from dssm_core.errors import UserError
from dssm_core.words import ENGLISH, LANGUAGES, translator_for
from tests import ROOT

CASES = ROOT / "tests" / "fixtures" / "cases"

RIGHT = {
    "01-qnli.tsv": ("question", "sentence", "label", [1, 0] * 5, "UTF-8"),
    "01-qnli-int.jsonl": ("question", "sentence", "label", [0, 1] * 5, "UTF-8"),
    "03-esci.csv": ("query", "product_title", "esci_label", [0, 1, 1, 0, 1, 0], "UTF-8"),
    "03-qqp.csv": ("question1", "question2", "is_duplicate", [1, 0, 1, 0], "UTF-8"),
    "06-triplets.csv": ("anchor", "positive", None, [1, 0] * 6, "UTF-8"),
    "08-quotes-last.tsv": ("query", "document", "label", [1, 0, 0, 1, 0], "UTF-8"),
    "08-quotes-middle.tsv": ("query", "document", "label", [1, 0], "UTF-8"),
    "09-excel-de.csv": ("Suchbegriff", "Beschreibung", "Relevanz", [1, 0, 1, 0], "UTF-8"),
    "09-excel-de-sep.csv": ("Suchbegriff", "Beschreibung", "Relevanz", [1, 0, 1, 0], "UTF-8"),
    "09-excel-de-1252.csv": (
        *("Suchbegriff", "Beschreibung", "Relevanz", [1, 0, 1, 0]),
        "Windows-1252",
    ),
    "09-excel-sep-comma.csv": ("query", "document", None, [1, 1, 1], "UTF-8"),
    "10-gbk.csv": ("问题1", "问题2", "标签", [1, 0, 1, 0], "GB18030"),
    "10-utf16.csv": ("问题1", "问题2", "标签", [1, 0, 1, 0], "UTF-16"),
    "10-utf8.csv": ("问题1", "问题2", "标签", [1, 0, 1, 0], "UTF-8"),
    "11-pairs.json": ("query", "document", "label", [1, 0], "UTF-8"),
    "11-pairs-columns.json": ("query", "document", "label", [1, 0], "UTF-8"),
    "11-pairs.parquet": ("query", "document", "label", [1, 0], None),
    "17-html.csv": ("query", "document", "label", [1, 0, 1, 0], "UTF-8"),
    "20-Label.csv": ("query", "document", "Label", [1, 0, 0, 1, 0, 0], "UTF-8"),
    "20-relevance.csv": ("query", "document", "relevance", [1, 0, 0, 1, 0, 0], "UTF-8"),
}
"""Columns of query, document and label; the labels; the encoding."""


@pytest.mark.parametrize("name", RIGHT)
def test_a_file_as_people_have_it_is_read_right_whole_and_streamed(name):
    query, document, label, labels, encoding = RIGHT[name]
    pairs, reading = read(CASES / name)
    told = reading.to_dict()
    assert (told["query"], told["document"], told["label"]) == (query, document, label)
    assert pairs["label"].tolist() == labels
    assert told["encoding"] == encoding
    streamed = [(p.query, p.document, p.label) for p in stream_checked(CASES / name)]
    columns = (pairs[column] for column in ("query", "document", "label"))
    assert streamed == list(zip(*columns, strict=True))
    for language in LANGUAGES:
        said = reading.sentence().text(translator_for(language))
        assert query in said
        assert document in said


def test_the_texts_are_those_of_the_file():
    first = {name: read(CASES / name)[0].iloc[0]["document"] for name in RIGHT}
    assert first["08-quotes-last.tsv"] == '"Monitor 24'
    quoted = '"The tide waits for nobody" is what the ferryman said.'
    assert first["08-quotes-middle.tsv"] == quoted
    assert first["10-gbk.csv"] == first["10-utf16.csv"] == first["10-utf8.csv"]
    assert read(CASES / "09-excel-de-1252.csv")[0]["document"].iloc[3].endswith("grün")
    assert first["17-html.csv"].startswith('<div class="post" style="font-weight:bold">')


def test_the_reading_is_a_sentence():
    _, reading = read(CASES / "01-qnli.tsv")
    assert reading.sentence().text(ENGLISH) == (
        "Read as tab-separated UTF-8 with a header: 10 pairs; query from “question”, document from "
        "“sentence”, relevant where “label” is entailment."
    )


def test_labels_can_be_turned_round_and_a_cut_is_asked_for():
    path = CASES / "01-qnli-int.jsonl"
    assert [d.kind for d in doubts(*read(path))] == ["reversed"]
    turned = read(path, choices=Choices(relevant=("0",)))[0]
    assert turned["label"].tolist() == [1, 0] * 5
    with pytest.raises(
        UserError, match=r"04-stsb\.jsonl: score has numbers from 0 to 5.*min-grade"
    ):
        read(CASES / "04-stsb.jsonl")
    pairs, reading = read(CASES / "04-stsb.jsonl", choices=Choices(min_grade=3))
    assert (pairs["label"] == (pairs["score"].astype(float) >= 3)).all()
    assert "is 3 or more (it goes from 0 to 5)" in reading.sentence().text(ENGLISH)
    exact = read(CASES / "03-esci.csv", choices=Choices(min_grade=3))[0]
    assert exact["label"].sum() == (exact["esci_label"] == "E").sum() > 0


def test_a_workbook_is_the_same_table_as_parquet():
    sheet, parquet = (read(CASES / f"11-pairs.{ending}")[0] for ending in ("xlsx", "parquet"))
    assert sheet.astype(str).to_numpy().tolist() == parquet.astype(str).to_numpy().tolist()
    assert sheet.index.tolist() == [line + 1 for line in parquet.index]  # the header's line


def test_html_is_a_doubt_and_taken_out_where_a_person_says_so():
    path, without = CASES / "17-html.csv", Choices(strip_html=True)
    doubt = next(d for d in doubts(*read(path)) if d.kind == "html")
    pairs, reading = read(path, choices=without)
    assert not any("<" in text or "&" in text for text in (*pairs["query"], *pairs["document"]))
    assert doubt.rows
    assert "html" not in [d.kind for d in doubts(pairs, reading)]
    assert reading.to_dict()["html_stripped"] is True
    assert "HTML is taken out" in reading.sentence().text(ENGLISH)
    assert [p.document for p in stream_checked(path, without)] == pairs["document"].tolist()
