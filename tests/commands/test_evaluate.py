"""`evaluate` and `robustness`: their figures for people, as JSON and as a run for other tools."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

from tests import tiny

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saving under NumPy 2."""


@pytest.mark.slow
def test_evaluate_prints_the_same_figures_for_people_and_as_json(run):
    held_out = tiny.trained() / "pairs.csv"
    arguments = ("evaluate", "--model", tiny.trained(), "--pairs", held_out, "--fuse", "bm25")
    status, output, _ = run(*arguments, "--json")
    assert status == 0
    found = json.loads(output)
    stored = json.loads((tiny.trained() / "metrics.json").read_text())
    for system, figures in stored["systems"].items():
        for name, values in figures.items():
            assert found["systems"][system][name] == pytest.approx(values, abs=1e-6)
    _, text, _ = run(*arguments)
    assert text.startswith(
        f"{found['queries']} queries, each against {found['documents']} documents"
    )
    for name in ("model", "BM25", "model + BM25"):
        assert f"| {name} | {found['systems'][name]['MRR@10']['mean']:.3f} (" in text
    assert f"p = {found['p_value']:.4f}" in text
    assert f"{found['calibration']['error']:.4f}" in text
    assert f"{found['calibration']['hard']['BM25']['error']:.4f}" in text


@pytest.mark.slow
def test_evaluate_fuses_only_where_it_is_asked_to(run):
    arguments = ("evaluate", "--model", tiny.trained(), "--pairs", tiny.trained() / "pairs.csv")
    found = json.loads(run(*arguments, "--json")[1])
    assert list(found["systems"]) == ["model", "BM25"]
    _, text, _ = run(*arguments, "--fuse", "bm25-rrf")
    assert "| model + BM25 |" in text
    assert "reciprocal rank" in text
    fitted = json.loads(
        run(*arguments, "--fuse", "bm25", "--validation", tiny.pairs_file(), "--json")[1]
    )
    assert 0 <= fitted["fusion"]["weight"] <= 1


@pytest.mark.slow
def test_evaluate_compares_two_models(run, tmp_path):
    shutil.copytree(tiny.trained(), tmp_path / "copy")
    arguments = ("evaluate", "--model", tiny.trained(), "--pairs", tiny.trained() / "pairs.csv")
    found = json.loads(run(*arguments, "--against", tmp_path / "copy", "--json")[1])
    name = str(tmp_path / "copy")
    assert found["systems"][name] == found["systems"]["model"]
    assert found["p_values"][name] == 1.0
    _, text, _ = run(*arguments, "--against", tmp_path / "copy")
    assert f"Model against {name} on MRR@10" in text


@pytest.fixture
def judged(tmp_path):
    """Write the tiny model's held-out pairs as a judged collection; return its arguments."""
    pairs = pd.read_csv(tiny.trained() / "pairs.csv")
    corpus = [json.dumps({"_id": f"d{i}", "text": d}) for i, d in enumerate(pairs["document"])]
    (tmp_path / "corpus.jsonl").write_text("\n".join(corpus))
    queries = [f"q{i}\t{query}" for i, query in enumerate(pairs["query"])]
    (tmp_path / "queries.tsv").write_text("\n".join(queries))
    lines = [f"q{i} 0 d{i} {1 + i % 2}\n" for i in range(len(pairs))]
    (tmp_path / "qrels").write_text("".join(lines))
    files = {"qrels": "qrels", "corpus": "corpus.jsonl", "queries": "queries.tsv"}
    return [part for name, file in files.items() for part in (f"--{name}", tmp_path / file)]


@pytest.mark.parametrize("fuse", [(), ("--fuse", "bm25")], ids=str)
def test_other_tools_find_our_figures_in_the_run_that_evaluate_writes(run, judged, tmp_path, fuse):
    import ir_measures
    from ir_measures import RR, R, nDCG

    arguments = ("evaluate", "--model", tiny.trained(), *judged, "--run", tmp_path / "run", *fuse)
    found = json.loads(run(*arguments, "--json")[1])
    ours = found["systems"]["model + BM25" if fuse else "model"]
    measures = {"MRR@10": RR @ 10, "recall@10": R @ 10, "nDCG@10": nDCG @ 10}
    theirs = ir_measures.calc_aggregate(
        list(measures.values()),
        ir_measures.read_trec_qrels(str(tmp_path / "qrels")),
        ir_measures.read_trec_run(str(tmp_path / "run")),
    )
    for name, measure in measures.items():
        assert theirs[measure] == pytest.approx(ours[name]["mean"])
    tag = "tiny+bm25" if fuse else "tiny"
    assert {line.split()[5] for line in (tmp_path / "run").read_text().splitlines()} == {tag}


@pytest.mark.slow
def test_evaluate_says_how_it_read_a_collection(run, judged):
    arguments = ("evaluate", "--model", tiny.trained(), *judged, "--min-grade", 2)
    reading = json.loads(run(*arguments, "--json")[1])["reading"]
    assert reading["min_grade"] == 2
    assert reading["documents"]["columns"] == ["_id", "text"]
    odd = reading["left_out"]["without_relevant"]
    assert odd[:2] == ["q0", "q2"]
    _, text, _ = run(*arguments)
    assert "queries.tsv: " in text
    assert "relevant from grade 2, nDCG by all grades" in text
    assert f"{len(odd)} queries are left out" in text


def test_prepare_tells_as_data_what_it_read_and_wrote(run, judged, tmp_path):
    pairs = tiny.pairs_file()
    found = json.loads(
        run("prepare", pairs, "--negatives", 2, "--out", tmp_path / "n", "--json")[1]
    )
    assert found["reading"]["query"] == "query"
    assert found["reading"]["pairs"] == found["pairs"] > 0
    assert (tmp_path / "n" / found["shards"][0]).is_file()
    found = json.loads(run("prepare", "collection", *judged, "--out", tmp_path, "--json")[1])
    assert found["reading"]["judgements"]["file"] == "qrels"
    assert len(pd.read_csv(found["file"])) == found["pairs"]


def test_a_collection_becomes_a_file_of_pairs_that_keeps_its_grades(run, judged, tmp_path):
    status, text, _ = run("prepare", "collection", *judged, "--min-grade", 2, "--out", tmp_path)
    pairs = pd.read_csv(tmp_path / "pairs.csv")
    held_out = pd.read_csv(tiny.trained() / "pairs.csv")
    assert status == 0
    assert f"wrote {len(pairs):,} pairs to {tmp_path / 'pairs.csv'}" in text
    assert "relevant from grade 2" in text
    assert pairs["document"].tolist() == held_out["document"].tolist()[1::2]
    assert pairs["grade"].tolist() == [2] * len(pairs)
    assert pairs["label"].tolist() == [1] * len(pairs)
    status, _, said = run("prepare", "collection", *judged[:4], "--out", tmp_path)
    assert (status, "--queries" in said) == (1, True)


@pytest.mark.slow
def test_html_is_counted_and_taken_out_where_it_is_asked_for(run, tmp_path):
    cells = ["<p>Use <b>mount</b>&nbsp;now</p>", "wall"]
    pairs = pd.DataFrame({"query": ["use mount", "wall"], "document": cells})
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    arguments = ("evaluate", "--model", tiny.trained(), "--pairs", tmp_path / "pairs.csv")
    assert "1 of 2 pairs has tags or entities of HTML" in run(*arguments)[2]
    read = json.loads(run(*arguments, "--json")[1])["reading"]
    assert (read["html_texts"], read["html_stripped"], read["pairs"]) == (1, False, 2)
    read = json.loads(run(*arguments, "--strip-html", "--json")[1])["reading"]
    assert (read["html_texts"], read["html_stripped"]) == (0, True)
    (tmp_path / "docs").write_text(cells[0])
    arguments = (
        "score",
        "--model",
        tiny.trained(),
        "--query",
        "mount",
        "--docs",
        tmp_path / "docs",
    )
    (found,) = json.loads(run(*arguments, "--strip-html", "--json")[1])["results"]
    assert found["document"] == "Use mount now"


def test_the_run_of_pairs_comes_with_its_judgements(run, tmp_path):
    import ir_measures

    held_out = tiny.trained() / "pairs.csv"
    arguments = ("--pairs", held_out, "--run", tmp_path / "my.run", "--json")
    found = json.loads(run("evaluate", "--model", tiny.trained(), *arguments)[1])
    theirs = ir_measures.calc_aggregate(
        [ir_measures.RR @ 10],
        ir_measures.read_trec_qrels(str(tmp_path / "my.run.qrels")),
        ir_measures.read_trec_run(str(tmp_path / "my.run")),
    )
    (value,) = theirs.values()
    assert value == pytest.approx(found["systems"]["model"]["MRR@10"]["mean"])
    query = (tmp_path / "my.run").read_text().split()[0]
    assert query == "2", "the line of the first pair"


def test_evaluate_asks_for_one_thing_to_measure_on(refused, judged, tmp_path):
    model = ("evaluate", "--model", tiny.trained())
    pairs = ("--pairs", tiny.pairs_file())
    assert "not clear" in refused(*model)
    assert "not clear" in refused(*model, *pairs, *judged)
    assert "not clear" in refused(*model, *judged[:4])
    assert "Add --fuse bm25" in refused(*model, *pairs, "--validation", tiny.pairs_file())
    assert "no model folder" in refused(*model, *pairs, "--against", tmp_path / "absent")
    assert str(tmp_path / "no") in refused(*model, *pairs, "--run", tmp_path / "no" / "run")


# robustness


def test_robustness_prints_the_same_rates_for_people_and_as_json(run):
    held_out = tiny.trained() / "pairs.csv"
    arguments = ("robustness", "--model", tiny.trained(), "--pairs", held_out, "--seed", 0)
    status, output, _ = run(*arguments, "--json")
    assert status == 0
    found = json.loads(output)
    names = {row["capability"] for row in found["rows"]}
    assert {"typos", "word order", "number", "case", "boilerplate", "synonyms"} <= names
    _, text, _ = run(*arguments)
    for row in found["rows"]:
        (line,) = (x for x in text.splitlines() if x.startswith(f"| {row['capability']} |"))
        for system in ("model", "BM25"):
            if row[system]["cases"]:
                assert f"({row[system]['failures']} of {row[system]['cases']})" in line


def test_robustness_tells_what_it_cannot_measure(refused, tmp_path):
    (tmp_path / "none.csv").write_text("query,document,label\na,b,0\n")
    arguments = ("robustness", "--model", tiny.trained(), "--pairs", tmp_path / "none.csv")
    assert "no relevant pairs" in refused(*arguments)


def test_evaluate_tells_what_is_wrong_with_its_pairs(refused, tmp_path):
    arguments = ("evaluate", "--model", tiny.trained(), "--pairs")
    assert "no file" in refused(*arguments, tmp_path / "absent.csv")
    (tmp_path / "wrong.csv").write_text("query,n\na,1\n")
    assert "not clear which column has the documents" in refused(*arguments, tmp_path / "wrong.csv")
    (tmp_path / "latin.csv").write_bytes("query,document\ncaf\u00e9,b\n".encode("latin-1"))
    assert "not UTF-8 at line 2" in refused(
        *arguments, tmp_path / "latin.csv", "--encoding", "UTF-8"
    )
    (tmp_path / "none.csv").write_text("query,document,label\na,b,0\n")
    assert "no relevant pairs" in refused(*arguments, tmp_path / "none.csv")


def test_evaluate_measures_pairs_that_nobody_can_read(run, tmp_path):
    (tmp_path / "odd.csv").write_text("query,document\n👍,深度\n→,the\n", "utf-8")
    status, output, _ = run(
        "evaluate", "--model", tiny.trained(), "--pairs", tmp_path / "odd.csv", "--json"
    )
    assert status == 0
    assert json.loads(output)["systems"]["model"]["MRR@10"]["mean"] == 0.5
