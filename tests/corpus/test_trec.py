"""Files of other people's tools: read as they mean them, and written so that all tools agree."""

from __future__ import annotations

import gzip
import json

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import RR, R, nDCG

from dssm_core.corpus.trec import RUN_DEPTH, read_judgements, read_texts, run_lines
from dssm_core.errors import UserError
from dssm_core.evaluation import Collection, evaluate_run, rank_documents
from dssm_core.evaluation.ranking import rank_systems

MEASURES = {
    "MRR@10": RR @ 10,
    "recall@1": R @ 1,
    "recall@10": R @ 10,
    "recall@100": R @ 100,
    "nDCG@10": nDCG @ 10,
}


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
    assert read_texts(file("id\ttext\na\tred door\n\nb\twall\tof\tbrick\n")) == {
        "a": "red door",
        "b": "wall of brick",
    }
    assert read_texts(file("a\tred\u2028door\r\nb\t\r\n")) == {"a": "red\u2028door", "b": ""}


def test_texts_are_read_as_beir_has_them(file):
    lines = [{"_id": "a", "title": "Door", "text": "red"}, {"id": 7, "text": "wall", "title": ""}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    assert read_texts(file(text)) == {"a": "Door red", "7": "wall"}


def test_texts_are_read_from_gzip(tmp_path):
    path = tmp_path / "corpus.tsv.gz"
    path.write_bytes(gzip.compress("a\t深度\n".encode()))
    assert read_texts(path) == {"a": "深度"}
    path.write_bytes(gzip.compress(b"a\tx\n")[:-6])
    with pytest.raises(UserError, match=r"corpus\.tsv\.gz cannot be read"):
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
    with pytest.raises(UserError, match="no file"):
        read_texts(tmp_path / "absent")
    (tmp_path / "latin").write_bytes("a\tcaf\u00e9\n".encode("latin-1"))
    with pytest.raises(UserError, match="latin cannot be read"):
        read_texts(tmp_path / "latin")


# judgements


def test_judgements_of_trec_and_of_beir_are_the_same(file):
    queries, documents = {"q1", "q2"}, {"d1", "d2"}
    expected = {"q1": {"d1": 1, "d2": 0}, "q2": {"d2": 2}}
    trec = file("q1 0 d1 1\nq1 0 d2 0\nq2\t0\td2\t2\n")
    assert read_judgements(trec, queries, documents) == expected
    beir = file("query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\nq2\td2\t2\n")
    assert read_judgements(beir, queries, documents) == expected


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


def test_a_judged_collection_leaves_out_queries_with_nothing_relevant():
    found = Collection.judged(
        {"q1": "red", "q2": "blue", "q3": "green"},
        {"a": "x", "b": "y", "c": "x"},
        {"q2": {"c": 2, "a": 0, "b": 1}, "q1": {"a": 0}},
    )
    assert found.queries == ("blue",)
    assert found.documents == ("x", "y", "x"), "equal texts of two ids are two documents"
    assert found.relevant == ({1, 2},)
    assert found.grades == ({1: 1, 2: 2},)
    assert (found.query_ids, found.document_ids) == (("q2",), ("a", "b", "c"))


# runs


def written(collection: Collection, rows, tmp_path) -> tuple[list, list]:
    """Write a run and its qrels; return what ir-measures reads of them from disk."""
    lines: list[str] = []

    def keep(system, query, order, scores):
        ids = collection.query_ids[query], collection.document_ids
        lines.extend(run_lines(ids[0], order, scores, ids[1], system))

    rank_systems(collection, ({"my run": row} for row in rows), keep)
    (tmp_path / "run").write_text("".join(lines))
    qrels = [
        f"{name} 0 {collection.document_ids[d]} {grade}\n"
        for name, grades in zip(collection.query_ids, collection.grades, strict=True)
        for d, grade in grades.items()
    ]
    (tmp_path / "qrels").write_text("".join(qrels))
    return (
        list(ir_measures.read_trec_qrels(str(tmp_path / "qrels"))),
        list(ir_measures.read_trec_run(str(tmp_path / "run"))),
    )


def graded(number: int, documents: int, rng) -> Collection:
    judged = {
        f"q{i}": {f"d{d}": int(rng.integers(1, 4)) for d in rng.choice(documents, 3, replace=False)}
        for i in range(number)
    }
    texts = {f"d{d}": f"text {d}" for d in range(documents)}
    return Collection.judged({name: name for name in judged}, texts, judged)


@pytest.mark.parametrize("kind", ["cosines", "ties", "close", "nan", "bm25"])
def test_ir_measures_finds_our_figures_in_our_files(tmp_path, kind):
    rng = np.random.default_rng(4)
    collection = graded(12, 150, rng)
    rows = rng.uniform(-1, 1, (12, 150))
    if kind == "ties":
        rows = np.round(rows * 2) / 2
    elif kind == "close":
        rows = 0.9 + rows * 1e-9
    elif kind == "nan":
        rows[:, ::2] = np.nan
    elif kind == "bm25":
        rows = np.where(rows > 0.5, rows * 40, 0)
    ours = evaluate_run(collection, rows)
    qrels, run = written(collection, rows, tmp_path)
    theirs = ir_measures.calc_aggregate(list(MEASURES.values()), qrels, run)
    for name, measure in MEASURES.items():
        assert theirs[measure] == pytest.approx(ours[name].mean()), name


@given(st.lists(st.sampled_from([0.5, 0.5000001, 1.0, -1.0, float("nan"), 2.5]), min_size=1))
@settings(max_examples=60)
def test_scores_of_a_run_fall_strictly_even_in_float32(scores):
    row = np.array(scores)
    order = rank_documents(row, frozenset({0}))
    lines = list(run_lines("q", order, row, [f"d{i}" for i in range(len(row))], "a tag"))
    cells = [line.split() for line in lines]
    assert [c[2] for c in cells] == [f"d{i}" for i in order]
    assert [c[3] for c in cells] == [str(i + 1) for i in range(len(row))]
    assert {(c[0], c[1], c[5]) for c in cells} == {("q", "Q0", "a-tag")}
    found = np.array([c[4] for c in cells], np.float32)
    assert (np.diff(found) < 0).all()
    known = row[order][~np.isnan(row[order])]
    assert found[: len(known)] == pytest.approx(known, abs=1e-3)


def test_a_run_is_a_thousand_deep():
    scores = np.linspace(1, 0, RUN_DEPTH + 5)
    ids = [str(i) for i in range(len(scores))]
    assert len(list(run_lines("q", np.arange(len(scores)), scores, ids, "t"))) == RUN_DEPTH


def test_pairs_take_their_lines_for_ids():
    import pandas as pd

    pairs = pd.DataFrame(
        [["a", "x", 1], ["b", "x", 0], ["a", "z", 1], ["c", "y", 1]],
        columns=["query", "document", "label"],
        index=[2, 3, 7, 9],
    )
    found = Collection.of(pairs)
    assert found.query_ids == ("2", "9")
    assert found.document_ids == ("2", "7", "9")
