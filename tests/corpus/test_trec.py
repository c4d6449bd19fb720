"""Run files, written so that all tools agree."""

from __future__ import annotations

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import RR, R, nDCG

from dssm_core.corpus.trec import RUN_DEPTH, run_lines
from dssm_core.evaluation import Collection, evaluate_run, rank_documents
from dssm_core.evaluation.ranking import rank_systems
from tests.examples import examples

MEASURES = {
    "MRR@10": RR @ 10,
    "recall@1": R @ 1,
    "recall@10": R @ 10,
    "recall@100": R @ 100,
    "nDCG@10": nDCG @ 10,
}


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
@examples(60)
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
