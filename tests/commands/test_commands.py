"""Each command as a person runs it: what it prints, where its trouble goes, what it leaves."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from dssm_core.__main__ import main
from tests import ROOT, tiny
from tests.project.parsers import commands

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saving under NumPy 2."""

COMMANDS = tuple(commands())
DOCUMENTS = ["oven knife saucepan", "boat → anchor", "👍", "xylophone, football goal"]


@pytest.fixture
def documents(tmp_path):
    path = tmp_path / "documents.txt"
    path.write_text("\n\n".join(DOCUMENTS) + "\n", "utf-8")
    return path


# help


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)], ids=str)
def test_help_says_what_each_option_is_for(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: python -m dssm_core")
    for name in COMMANDS if not command else ():
        assert re.search(rf"\n    {name}\s", text)
    for line in text.splitlines():
        if line.startswith("  --") and len(line.split()) <= 2:
            following = text.split(line)[1].splitlines()[1]
            assert following.startswith(" " * 10), f"{line} has no help"


@pytest.mark.parametrize("arguments", [["fly"], ["score", "--model", "m"], ["train", "--fast"]])
def test_a_command_that_does_not_exist_shows_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: python -m dssm_core" in capsys.readouterr().err


def test_without_a_command_the_page_is_opened_with_the_settings_beside_its_file(monkeypatch):
    started = []
    monkeypatch.setattr("runpy.run_module", lambda name, **_: started.append((name, sys.argv)))
    monkeypatch.setattr("sys.argv", ["dssm-lens"])
    assert main([]) == 0
    ((name, arguments),) = started
    assert (name, arguments[:2]) == ("streamlit", ["streamlit", "run"])
    assert (Path(arguments[2]).parent / ".streamlit" / "config.toml").is_file()


def test_the_usage_names_the_command_that_was_typed(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["/usr/bin/dssm-lens"])
    with pytest.raises(SystemExit):
        main(["score", "--help"])
    assert capsys.readouterr().out.startswith("usage: dssm-lens score")


def test_the_commands_that_people_were_promised_are_there():
    assert {"prepare", "train", "evaluate", "score"} <= set(COMMANDS)


def test_help_needs_no_tensorflow():
    code = (
        "import sys; from dssm_core.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print('keras' in sys.modules, 'pandas' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.endswith("False False\n")


# score


def test_score_prints_json_of_exactly_the_promised_shape(run, documents):
    status, output, _ = run(
        "score",
        "--model",
        tiny.trained(),
        "--query",
        "baking Recipe",
        "--docs",
        documents,
        "--json",
    )
    assert status == 0
    found = json.loads(output)
    assert set(found) == {"model", "query", "results", "head"}
    assert found["model"] == "tiny"
    assert set(found["query"]) == {"text", "tokens"}
    assert found["query"]["text"] == "baking Recipe"
    places = [(t["text"], t["start"], t["end"], t["state"]) for t in found["query"]["tokens"]]
    assert places == [("baking", 0, 6, "seen"), ("recipe", 7, 13, "seen")]
    names = {"document", "cosine", "logit", "probability", "rank", "percentile", "tokens"}
    for result in found["results"]:
        assert set(result) == names
        for token in result["tokens"]:
            assert set(token) == {"text", "start", "end", "state", "attention", "pieces"}
    assert [r["document"] for r in found["results"]] == DOCUMENTS, "in input order"
    assert found["results"][0]["rank"] == 1
    assert found["results"][2]["cosine"] is None
    assert found["results"][3]["tokens"][0]["state"] == "letters"


def test_score_prints_for_people_what_the_json_holds(run, documents):
    arguments = (
        "score",
        "--model",
        tiny.trained(),
        "--query",
        "baking 👍 zzz",
        "--docs",
        documents,
    )
    _, text, _ = run(*arguments)
    found = json.loads(run(*arguments, "--json")[1])
    for place, result in enumerate(found["results"], 1):
        assert f"{place}. {result['document']}" in text
        if result["cosine"] is not None:
            assert f"rank {result['rank']}  cosine {result['cosine']:+.3f}" in text
            assert f"probability {result['probability']:.3f}" in text
    assert "nothing here that the model reads" in text
    assert "~zzz(" in text
    assert "-👍(0.00)" in text


def test_score_reads_documents_from_standard_input(run, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("boat\noven\n"))
    arguments = ("--model", tiny.trained(), "--query", "sail", "--docs", "-", "--json")
    found = json.loads(run("score", *arguments)[1])
    assert [r["document"] for r in found["results"]] == ["boat", "oven"]


def test_a_document_is_a_line_whatever_else_breaks_lines(run, tmp_path):
    path = tmp_path / "documents.txt"
    path.write_bytes("\ufeffred\u2028door\r\nblue\x0cwall\u0085end\r\n".encode())
    arguments = ("--model", tiny.trained(), "--query", "sail", "--docs", path, "--json")
    found = json.loads(run("score", *arguments)[1])
    assert [r["document"] for r in found["results"]] == ["red\u2028door", "blue\x0cwall\u0085end"]


def test_score_tells_trouble_with_its_documents_before_it_loads_a_model(refused, tmp_path):
    arguments = ("score", "--model", tmp_path / "no model", "--query", "q", "--docs")
    assert "--docs cannot be read" in refused(*arguments, tmp_path / "absent")
    assert "--docs cannot be read" in refused(*arguments, tmp_path)
    (tmp_path / "empty").write_text(" \n\n")
    assert "contains no documents" in refused(*arguments, tmp_path / "empty")
    (tmp_path / "latin").write_bytes("caf\u00e9".encode("latin-1"))
    assert "is not UTF-8" in refused(*arguments, tmp_path / "latin")
    (tmp_path / "good").write_text("boat")
    assert "no model folder here" in refused(*arguments, tmp_path / "good")


def test_score_refuses_a_query_that_is_not_utf8(refused, documents):
    arguments = ("--model", tiny.trained(), "--query", "caf\udce9", "--docs", documents)
    assert "--query is not UTF-8" in refused("score", *arguments)


@pytest.mark.parametrize("query", ["", " ", "👍 …"])
def test_score_refuses_a_query_of_which_the_model_reads_nothing(refused, documents, query):
    arguments = ("--model", tiny.trained(), "--query", query, "--docs", documents)
    assert "The model reads no word of the query" in refused("score", *arguments)


def test_score_refuses_more_documents_than_it_takes(refused, tmp_path):
    path = tmp_path / "many"
    path.write_text("boat\n" * 10_001)
    found = refused("score", "--model", tiny.trained(), "--query", "q", "--docs", path)
    assert "at most 10,000" in found


# evaluate


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


# train


@pytest.fixture
def train(refused, tmp_path):
    """Train with a configuration that is wrong; return what is said."""

    def train(config: object) -> str:
        path = tmp_path / "config.json"
        path.write_text(config if isinstance(config, str) else json.dumps(config))
        out = tmp_path / "m"
        found = refused("train", "--pairs", tiny.pairs_file(), "--out", out, "--config", path)
        assert not out.exists()
        return found

    return train


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"model": {"unit": 8}}, '"model" has no such field (found: unit)'),
        ({"training": {"lr": 1}}, '"training" has no such field (found: lr)'),
        ({"model": {"units": "8"}}, '"model"."units" has a value of the wrong kind'),
        ({"model": {"units": 8.5}}, '"model"."units" has a value of the wrong kind'),
        ({"model": {"units": True}}, '"model"."units" has a value of the wrong kind'),
        ({"model": {"units": None}}, '"model"."units" has a value of the wrong kind'),
        ({"model": {"units": 0}}, "units must be at least 1"),
        ({"model": {"pieces": 3}}, "pieces"),
        ({"model": {"vocabulary": 2}}, "vocabulary"),
        ({"model": {"dropout": 1}}, "dropout must be in [0, 1)"),
        ({"training": {"loss": 5}}, '"training"."loss" has a value of the wrong kind'),
        (
            {"training": {"loss": "hinge"}},
            "loss must be one of retrieval, sampled, softmax, binary",
        ),
        ({"training": {"batch": 1}}, "batch must be a whole number from 2"),
        ({"training": {"learning_rate": -1}}, "learning_rate must be in"),
        ({"training": []}, '"training" is not an object'),
        ({"layers": {}}, '"model", "training" and "hard"'),
        ([], '"model", "training" and "hard"'),
        ({"hard": {"lr": 1}}, '"hard" has no such field (found: lr)'),
        ("{", "--config is not JSON"),
        ("[" * 100_000, "--config is not JSON"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_configuration_names_the_field(train, config, named):
    assert named in train(config)


@pytest.mark.parametrize("option", ["--config", "--notes", "--examples"])
def test_a_file_that_cannot_be_read_is_told_with_its_option(refused, tmp_path, option):
    arguments = ("train", "--pairs", tiny.pairs_file(), "--out", tmp_path / "m", option)
    assert f"{option} cannot be read" in refused(*arguments, tmp_path / "absent")
    (tmp_path / "latin").write_bytes("caf\u00e9".encode("latin-1"))
    assert f"{option}: {tmp_path / 'latin'} is not UTF-8" in refused(*arguments, tmp_path / "latin")


@pytest.mark.parametrize("line", ["{", "5", "{}", '{"title": "t", "note": "n", "query": "q"}'])
def test_an_example_of_the_wrong_kind_is_told_with_its_line(refused, tmp_path, line):
    path = tmp_path / "examples.jsonl"
    path.write_text(json.dumps(tiny.EXAMPLE) + "\n" + line + "\n")
    found = refused(
        "train", "--pairs", tiny.pairs_file(), "--out", tmp_path / "m", "--examples", path
    )
    assert "line 2" in found


def test_training_where_nothing_can_be_written_is_told(run, tmp_path):
    (tmp_path / "file").write_text("x")
    arguments = ("--pairs", tiny.pairs_file(), "--out", tmp_path / "file" / "m")
    status, _, errors = run("train", *arguments)
    assert (status, errors.count("\n")) == (1, 1)
    assert str(tmp_path / "file") in errors


def test_training_data_that_was_never_prepared_is_told(run, tmp_path):
    arguments = ("--pairs", tiny.pairs_file(), "--out", tmp_path / "m", "--data", tmp_path)
    status, _, errors = run("train", *arguments)
    assert (status, errors.count("\n")) == (1, 1)
    assert "no finished training data here" in errors


def test_train_says_what_it_finds_in_a_file_before_it_trains(run, tmp_path):
    (tmp_path / "pairs.csv").write_text("query,document\nred,door\nRed,DOOR\nblue,\n")
    status, output, errors = run(
        "train", "--pairs", tmp_path / "pairs.csv", "--out", tmp_path / "m"
    )
    assert status == 1
    assert "pairs.csv: line 3 repeats the pair of line 2" in output
    assert "pairs.csv: line 4: document is empty" in output
    assert "too few to learn from" in output
    assert "document is empty at line 4" in errors
    assert not (tmp_path / "m").exists()


@pytest.fixture
def quick(tmp_path):
    """Return options of a training that is over in a second: the MLP needs no long compilation."""
    model = {"vocabulary": 400, "hidden": 16, "vector": 12}
    sizes = {"model": model, "training": {"epochs": 1, "batch": 64}}
    (tmp_path / "config.json").write_text(json.dumps(sizes))
    return ("--family", "mlp", "--config", tmp_path / "config.json")


@pytest.mark.slow
def test_fifty_pairs_are_trained_on_and_not_trusted(run, quick, tmp_path):
    tiny.pairs().drop(columns="split").head(50).to_csv(tmp_path / "pairs.csv", index=False)
    status, output, _ = run(
        *("train", "--pairs", tmp_path / "pairs.csv", "--out", tmp_path / "m", *quick)
    )
    assert status == 0
    assert "too small to trust: about 5 pairs are held out" in output
    assert (tmp_path / "m" / "README.md").read_text().startswith("# m\n")


@pytest.mark.slow
def test_a_large_file_is_streamed_by_itself(run, quick, tmp_path, monkeypatch):
    from dssm_core.corpus import large

    monkeypatch.setattr(large, "LARGE", 100)
    monkeypatch.setattr(large, "read_pairs", lambda path: pytest.fail("it was read whole"))
    rows = [
        f"{a} {i},item {b} {i}"
        for i in range(30)
        for a, b in zip("abcdefg", "hijklmn", strict=True)
    ]
    (tmp_path / "pairs.csv").write_text("\n".join(["query,document", *rows]))
    arguments = ("train", "--pairs", tmp_path / "pairs.csv", "--out", tmp_path / "m")
    status, output, errors = run(*arguments, *quick)
    assert (status, errors) == (0, "")
    assert "168 pairs to train on, 42 held out" in output
    assert len(pd.read_csv(tmp_path / "m" / "pairs.csv")) == 21
    assert not (tmp_path / ".m.data").exists(), "the shards were for this run only"


@pytest.mark.slow
def test_train_takes_notes_and_examples_and_keeps_files_that_are_not_its_own(
    run, quick, tmp_path, monkeypatch
):
    out = tmp_path / "m"
    out.mkdir()
    examples = out / "my examples.jsonl"
    awkward = {
        **tiny.EXAMPLE,
        "query": "a\u2028guitar",
        "documents": ["piano\u0085", "<b>drum</b>"],
    }
    examples.write_text(json.dumps(awkward, ensure_ascii=False) + "\n", "utf-8")
    (tmp_path / "notes.md").write_text("Data: *made up*.")
    monkeypatch.chdir(tmp_path)
    status, output, errors = run(
        *("train", "--pairs", tiny.pairs_file(), "--out", "m", *quick),
        *("--notes", "notes.md", "--examples", examples),
    )
    assert (status, errors) == (0, "")
    assert "epoch 1/1: loss" in output
    assert output.endswith(f"wrote {out}\n")
    assert (out / "README.md").read_text().startswith("# m\n\nData: *made up*.\n")
    assert examples.exists()

    from dssm_core.folder import ModelFolder

    (stored,) = ModelFolder.open(out).examples
    assert {**awkward, "scores": stored["scores"]} == stored
    assert [r["document"] for r in stored["scores"]["results"]] == awkward["documents"]


# card


@pytest.mark.slow
def test_card_measures_again_and_rewrites_what_it_says(run, tmp_path):
    model = tmp_path / "tiny"
    shutil.copytree(tiny.trained(), model)
    (tmp_path / "notes.md").write_text("Data: *another*.")
    (tmp_path / "examples.jsonl").write_text(json.dumps({**tiny.EXAMPLE, "expected": 1}) + "\n")
    status, output, _ = run(
        *("card", "--model", model, "--notes", tmp_path / "notes.md"),
        *("--examples", tmp_path / "examples.jsonl"),
    )
    assert status == 0
    assert str(model) in output
    card = (model / "README.md").read_text()
    assert card.startswith("# tiny\n\nData: *another*.\n")
    assert "| red door |" in card
    assert (model / "model.keras").read_bytes() == (tiny.trained() / "model.keras").read_bytes()
    run("card", "--model", model)
    assert (model / "README.md").read_text() == card, "without options it stays as it is"


@pytest.mark.slow
def test_card_tells_what_it_cannot_read(refused, tmp_path):
    assert "no model folder" in refused("card", "--model", tmp_path / "absent")
    arguments = ("card", "--model", tiny.trained(), "--notes", tmp_path / "absent")
    assert "--notes cannot be read" in refused(*arguments)
    model = tmp_path / "bare"
    shutil.copytree(tiny.trained(), model)
    (model / "pairs.csv").unlink()
    assert "pairs.csv" in refused("card", "--model", model)
    (model / "metrics.json").write_text("{}")
    assert "bare/metrics.json" in refused("card", "--model", model)


# faithfulness


@pytest.mark.slow
def test_faithfulness_prints_what_it_writes_into_folder_and_card(run, tmp_path):
    model = tmp_path / "cedict"
    shutil.copytree(ROOT / "sample_models" / "cedict", model)
    (model / "faithfulness.json").unlink()
    arguments = ("faithfulness", "--model", model, "--sample", 40, "--seed", 1)
    status, output, _ = run(*arguments)
    assert status == 0
    assert output.rstrip().endswith(f"wrote {model / 'faithfulness.json'}")
    found = json.loads((model / "faithfulness.json").read_text())
    assert (found["pairs"], found["seed"]) == (40, 1)
    (row,) = (line for line in output.splitlines() if line.startswith("| effect |"))
    assert f"{found['times']['effect']['mean']:.1f} (" in row
    assert row in (model / "README.md").read_text()
    assert run(*arguments)[1] == output


def test_faithfulness_tells_what_it_cannot_measure(refused, tmp_path):
    assert "no model folder" in refused("faithfulness", "--model", tmp_path / "absent")
    short = ("faithfulness", "--model", tiny.trained())
    assert "Too few pairs can be measured" in refused(*short)


# prepare


def test_prepare_writes_the_notebooks_toy(run, tmp_path):
    status, output, _ = run("prepare", "notebook-toy", "--out", tmp_path / "deep" / "toy")
    assert status == 0
    assert str(tmp_path / "deep" / "toy" / "pairs.csv") in output
    found = pd.read_csv(tmp_path / "deep" / "toy" / "pairs.csv")
    assert found.to_dict("records") == [
        {"query": "1 2 3 4", "document": "2 1 3 4", "label": 1},
        {"query": "2 3 4 1", "document": "3 4 1 2", "label": 0},
    ]


@pytest.mark.parametrize("strategy", ["random", "frequency", "bm25", "model"])
def test_prepare_draws_negatives_by_every_strategy(run, tmp_path, strategy):
    from dssm_core.corpus.shards import read_shards

    arguments = ("--negatives", 3, "--strategy", strategy, "--model", tiny.trained())
    status, output, _ = run("prepare", tiny.pairs_file(), "--out", tmp_path / "shards", *arguments)
    assert status == 0
    assert f"{(tiny.pairs()['split'] == 'train').sum()} pairs" in output
    (part,) = read_shards(tmp_path / "shards")
    for document, negatives in zip(part["document"], part["negatives"], strict=True):
        assert len(set(negatives) - {document}) == 3


def test_prepare_tells_what_it_cannot_do(refused, tmp_path):
    out = ("--out", tmp_path / "out")
    assert "no such corpus or file" in refused("prepare", "wikipedia", *out)
    assert "no such strategy" in refused("prepare", tiny.pairs_file(), *out, "--strategy", "clever")
    assert "Add --model" in refused("prepare", tiny.pairs_file(), *out, "--strategy", "model")
    assert "at least 1" in refused("prepare", tiny.pairs_file(), *out, "--negatives", 0)
    (tmp_path / "file").write_text("x")
    found = refused("prepare", "notebook-toy", "--out", tmp_path / "file")
    assert str(tmp_path / "file") in found


# being stopped


def test_an_interrupted_command_says_so_and_exits_130(run, monkeypatch, tmp_path):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "mkdir", stop)
    status, _, errors = run("prepare", "notebook-toy", "--out", tmp_path / "toy")
    assert (status, errors) == (130, "prepare: stopped\n")


@pytest.mark.slow
def test_a_reader_that_stops_reading_is_no_trouble(tmp_path):
    code = "import sys; from dssm_core.__main__ import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "prepare", "notebook-toy", "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141
