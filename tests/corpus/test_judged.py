"""Judged collections in the layouts that people have: read as they mean them, and said."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dssm_core.corpus.judged import Judged, read_judgements
from dssm_core.corpus.texts import has_ids, read_texts
from dssm_core.errors import UserError
from dssm_core.evaluation import Collection, evaluate_run
from dssm_core.words import ENGLISH
from tests import ROOT

CASES = ROOT / "tests" / "fixtures" / "cases"


@pytest.fixture
def file(tmp_path):
    """Write a text to a file and return its path."""

    def file(text: str, name: str = "file"):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return file


# texts


def test_texts_are_read_from_tsv_with_and_without_a_header(file):
    assert read_texts(file("id\ttext\na\tred door\n\nb\twall\tof\tbrick\n")).texts == {
        "a": "red door",
        "b": "wall of brick",
    }
    assert read_texts(file("a\tred\u2028door\r\nb\t\r\n")).texts == {"a": "red\u2028door", "b": ""}


def test_texts_are_read_as_beir_has_them(file):
    lines = [{"_id": "a", "title": "Door", "text": "red"}, {"id": 7, "text": "wall", "title": ""}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    assert read_texts(file(text)).texts == {"a": "Door red", "7": "wall"}


def test_texts_are_read_from_parquet(tmp_path):
    table = pa.table(
        {"price": [1, 2], "_id": ["a", "b"], "title": ["Door", None], "text": ["x", "y"]}
    )
    pq.write_table(table, tmp_path / "corpus.parquet")
    found = read_texts(tmp_path / "corpus.parquet")
    assert found.texts == {"a": "Door x", "b": "y"}
    said = found.sentence().text(ENGLISH)
    assert said == "corpus.parquet: 2 texts; Parquet, id from _id, text from “title”, “text”"


def test_texts_are_read_from_gzip(tmp_path):
    path = tmp_path / "corpus.tsv.gz"
    path.write_bytes(gzip.compress("a\t深度\n".encode()))
    assert read_texts(path).texts == {"a": "深度"}
    path.write_bytes(gzip.compress(b"a\tx\n")[:-6])
    with pytest.raises(UserError, match=r"corpus\.tsv\.gz is damaged"):
        read_texts(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "file is empty"),
        ("a\tx\nb\n", "line 2 of file has no tab"),
        ("a\tx\na\ty\n", "second time at line 2"),
        ("a b\tx\n", "white space at line 1"),
        ("\tx\n", "empty or has white space at line 1"),
        ('{"_id": "a"}', "line 1 of file is not a text with an id"),
        ('{"_id": "a", "text": 5}', "line 1 of file is not a text with an id"),
        ('{"text": "a"}', "line 1 of file is not a text with an id"),
        ("{", "line 1 of file is not a text with an id"),
    ],
)
def test_a_line_that_is_something_else_is_named(file, text, said):
    with pytest.raises(UserError, match=said):
        read_texts(file(text))


def test_a_file_that_is_not_there_or_not_utf8_is_named(tmp_path):
    for read in (read_texts, lambda path: read_judgements(path, {"q1"}, {"d1"})):
        for name in ("absent", "."):
            with pytest.raises(UserError, match="no file"):
                read(tmp_path / name)
    (tmp_path / "broken").write_bytes("a\tcafé, à côté\n".encode() + b"b\tcaf\xe9\n")
    with pytest.raises(UserError, match="broken is not UTF-8 at line 2"):
        read_texts(tmp_path / "broken")


# judgements


def test_judgements_of_trec_and_of_beir_are_the_same(file):
    queries, documents = {"q1", "q2"}, {"d1", "d2"}
    expected = {"q1": {"d1": 1, "d2": 0}, "q2": {"d2": 2}}
    trec = file("q1 0 d1 1\nq1 0 d2 0\nq2\t0\td2\t2\n")
    assert read_judgements(trec, queries, documents).grades == expected
    beir = file("query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\nq2\td2\t2\n")
    assert read_judgements(beir, queries, documents).grades == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("q1 d1\n", "line 1 of file has 2 columns"),
        ("q1 0 d1 high\n", "not a whole number at line 1"),
        ("q1 0 d1 1\nq9 0 d1 1\n", "line 2 of file names a text that is not in --queries"),
        ("q1 0 d9 1\n", "line 1 of file names a text that is not in --corpus"),
    ],
)
def test_judgements_that_cannot_be_used_are_named(file, text, said):
    with pytest.raises(UserError, match=said):
        read_judgements(file(text), {"q1"}, {"d1"})


# layouts


def read(qrels: str, queries: str, corpus: str, **ways) -> Judged:
    return Judged.read(CASES / qrels, CASES / queries, CASES / corpus, **ways)


def said(judged: Judged) -> str:
    return "\n".join(sentence.text(ENGLISH) for sentence in judged.sentences())


@pytest.mark.parametrize(
    ("least", "kept", "names"), [(1, ["q1", "q2"], "“q3”"), (2, ["q1"], "“q2”, “q3”")]
)
def test_grades_of_trec_are_kept_and_queries_without_a_relevant_document_named(least, kept, names):
    judged = read("12-dl.qrels", "12-queries.tsv", "12-corpus.tsv", min_grade=least)
    assert list(judged.grades) == kept
    assert judged.grades["q1"] == {"D6": 3, "D1": 1, "D3": 1}
    assert f"relevant from grade {least}" in said(judged)
    assert f"has grade {least} or more" in said(judged)
    assert names in said(judged)
    assert judged.to_dict()["judgements"]["grades"] == {"0": 1, "1": 3, "3": 1}


DPR = {
    "1": 'Marie (ferry) The ferry "Marie" (built 1911) crosses the strait twice a day.',
    "2": "Old lighthouse A lighthouse keeper lived on the cape until 1980.",
    "3": "Harbour crane The harbour crane lifts sixty tonnes.",
}
MARCO = {
    "1": "The ferry crosses the strait twice a day.",
    "2": "A lighthouse keeper lived on the cape.",
    "3": "The harbour crane lifts sixty tonnes.",
}
WANDS = {"0": "teak garden bench with arms", "1": "oval mirror 36 inch", "2": "floor lamp"}


@pytest.mark.parametrize(
    ("files", "queries", "documents", "columns"),
    [
        (
            ("14-qrels.tsv", "14-queries.tsv", "14-psgs.tsv"),
            {"1": "what crosses the strait", "2": "lighthouse keeper"},
            *(DPR, ("id", "title", "text")),
        ),
        (
            ("14-qrels.tsv", "14-queries.tsv", "14-passages.tsv"),
            {"1": "what crosses the strait", "2": "lighthouse keeper"},
            *(MARCO, ("pid", "passage")),
        ),
        (
            ("14-wands.qrels", "14-wands-queries.csv", "14-wands-products.csv"),
            {"0": "garden bench", "1": 'mirror 36" oval'},
            *(WANDS, ("product_id", "product_name")),
        ),
    ],
    ids=["DPR", "MS MARCO", "WANDS"],
)
def test_a_header_is_no_document_and_quoting_is_undone(files, queries, documents, columns):
    judged = read(*files)
    assert judged.queries.texts == queries
    assert judged.documents.texts == documents
    assert judged.documents.columns == columns
    assert [len(row) for row in judged.grades.values()] == [1, 1]
    assert "2 queries have the id of a document" in said(judged)


def test_a_query_that_is_its_own_document_is_said_and_may_be_left_out():
    files = ("15-qrels.tsv", "15-queries.jsonl", "15-corpus.jsonl")
    judged = read(*files)
    assert "3 queries have the id of a document, 3 of them its text" in said(judged)
    assert "Give --leave-out-own" in said(judged)
    without = read(*files, leave_out_own=True)
    assert "that document is left out for each" in said(without)
    texts = judged.queries.texts, judged.documents.texts
    cosines = [[1.0, 0.9, 0, 0, 0, 0], [0, 0, 1.0, 0.9, 0, 0], [0, 0, 0, 0, 1.0, 0.9]]
    for found, value in ((judged, 0.5), (without, 1.0)):
        ways = found.min_grade, found.leave_out_own
        figures = evaluate_run(Collection.judged(*texts, found.grades, *ways), cosines)
        assert figures["MRR@10"].tolist() == [value] * 3


@pytest.mark.parametrize(
    ("encoding", "name"), [("gb18030", "q.tsv"), ("utf-16", "q.tsv"), ("utf-8", "q.tsv.zst")]
)
def test_texts_are_read_in_the_encodings_and_packings_that_pairs_are(tmp_path, encoding, name):
    texts = {f"q{n}": "门可以打开墙壁，" * 5 + str(n) for n in range(40)}
    content = "".join(f"{i}\t{text}\n" for i, text in texts.items()).encode(encoding)
    packed = pa.compress(content, "zstd", asbytes=True) if name.endswith(".zst") else content
    (tmp_path / name).write_bytes(packed)
    found = read_texts(tmp_path / name, "query")
    assert found.texts == texts
    said = found.sentence().text(ENGLISH)
    assert ("read as" in said) is (encoding != "utf-8")
    assert encoding == "utf-8" or found.encoding.name in said


@pytest.mark.parametrize(
    ("words", "grades"),
    [
        (("Exact", "Partial", "Irrelevant"), [2, 1, 0]),
        (("E", "S", "I"), [3, 2, 0]),
        (("relevant", "not relevant", "relevant"), [1, 0, 1]),
        (("Exact", "2", "Irrelevant"), [3, 2, 0]),
    ],
)
def test_grades_in_words_are_those_of_their_scale(file, words, grades):
    rows = "".join(f"q1\tq\td{n}\t{word}\n" for n, word in enumerate(words))
    for text in (rows, "query_id\tproduct\tproduct_id\tlabel\n" + rows):
        found = read_judgements(file(text), {"q1"}, {"d0", "d1", "d2"}).grades["q1"]
        assert list(found.values()) == grades


def test_a_word_of_no_scale_is_refused_by_its_line(file):
    text = "q1\t0\td0\tExact\nq1\t0\td1\tSplendid\n"
    with pytest.raises(UserError, match=r"line 1 .*found: Exact|line 2"):
        read_judgements(file(text), {"q1"}, {"d0", "d1"})


def test_judgements_of_wands_are_found_by_their_columns(file):
    text = "id\tquery_id\tproduct_id\tlabel\n7\tq1\td1\t2\n8\tq1\td2\t0\n"
    found = read_judgements(file(text), {"q1"}, {"d1", "d2"})
    assert found.grades == {"q1": {"d1": 2, "d2": 0}}
    text = text.replace("\t", ",")
    assert read_judgements(file(text, "label.csv"), {"q1"}, {"d1", "d2"}).grades == found.grades


def test_a_judgement_given_twice_is_named_and_the_first_counts(file):
    qrels = file("q1 0 d1 2\nq1 0 d1 2\nq1 0 d1 0\n", "qrels")
    judged = Judged.read(qrels, file("q1\tx\nq2\ty\n", "queries"), file("d1\tz\n", "corpus"))
    assert judged.grades == {"q1": {"d1": 2}}
    assert "1 judgement repeats an earlier one, at line (first line) 2 (1)" in said(judged)
    assert "1 judgement contradicts an earlier one, which counts, at line (first line) 3 (1)" in (
        said(judged)
    )
    assert "1 query without a judgement is left out: “q2”" in said(judged)
    assert judged.to_dict()["judgements"]["repeated"] == [
        {"line": 2, "first": 1, "grade": 2, "counts": 2},
        {"line": 3, "first": 1, "grade": 0, "counts": 2},
    ]


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("a.tsv", "id\ttext\ttitle\n1\ta\tb\tc\n", "line 2 of a.tsv has 4 cells, the header 3"),
        ("a.csv", 'id,text\n1,"a\n', "line 2 of a.csv is not CSV"),
    ],
)
def test_a_row_that_does_not_fit_its_header_is_refused(file, name, text, wrong):
    with pytest.raises(UserError, match=wrong):
        read_texts(file(text, name))


def test_a_cell_of_csv_may_span_lines(file):
    path = file('id,text\n1,"red\ndoor"\n2,"""quoted"" wall"\n', "a.csv")
    assert read_texts(path).texts == {"1": "red\ndoor", "2": '"quoted" wall'}


def test_quotes_of_a_table_without_a_header_are_characters(file):
    assert read_texts(file('1\t"red"\n2\t5" door\n')).texts == {"1": '"red"', "2": '5" door'}


def test_the_least_relevant_grade_is_one_at_least():
    with pytest.raises(UserError, match="under 1"):
        read("12-dl.qrels", "12-queries.tsv", "12-corpus.tsv", min_grade=0)


def test_a_graded_document_below_the_least_counts_for_ndcg_alone():
    judged = read("12-dl.qrels", "12-queries.tsv", "12-corpus.tsv", min_grade=2)
    texts = judged.queries.texts, judged.documents.texts
    collection = Collection.judged(*texts, judged.grades, judged.min_grade)
    (row,) = evaluate_run(collection, [[0.9, 0, 0.8, 0, 0, 0.7]]).to_dict("records")
    assert row["MRR@10"] == pytest.approx(1 / 3)
    assert row["recall@1"] == 0
    dcg = 1 + 1 / np.log2(3) + 3 / np.log2(4)
    best = 3 + 1 / np.log2(3) + 1 / np.log2(4)
    assert row["nDCG@10"] == pytest.approx(dcg / best)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.jsonl", b'{"_id": "1", "text": "red"}', True),
        ("a.jsonl", b'{"id": "1", "query": "red", "text": "wall"}', False),
        ("a.csv", b'"pid","passage"\n1,red\n', True),
        ("a.csv", b"query_id,product_id,text\n1,2,red\n", False),
        ("a.csv", "id,text\n1,red\n".encode("utf-16"), True),
        ("a.csv", b"query,document\nred,wall\n", False),
        ("a.csv", b"", False),
    ],
)
def test_documents_with_ids_are_told_from_pairs(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    assert has_ids(tmp_path / name) is expected
