"""`inspect run` and `inspect replay` as a person, or a CI server, runs them."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from functools import partial
from xml.etree import ElementTree as xml

import pandas as pd
import pytest

from dssm_core.__main__ import main
from dssm_core.repro.cases import Case, write_cases
from dssm_core.scoring import Scorer
from dssm_core.store import Store
from tests import tiny

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saving under NumPy 2."""


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """Return where this test's verdicts are, which is not where the developer's are."""
    path = tmp_path / "verdicts.sqlite3"
    monkeypatch.setenv("DSSM_STORE", f"{path}")
    return path


@pytest.fixture
def inspect(run):
    """Run `inspect`; return its exit status, output and errors."""
    return partial(run, "inspect")


@pytest.fixture
def refused(refused):
    """Run `inspect` on what a person got wrong; return the one line it says."""
    return partial(refused, "inspect")


@pytest.fixture
def labelled(tmp_path):
    """Return a file of pairs with both labels: each query's document, and another's."""
    pairs = tiny.pairs(40)
    wrong = pairs.assign(document=[*pairs["document"][3:], *pairs["document"][:3]], label=0)
    path = tmp_path / "labelled.csv"
    pd.concat([pairs, wrong]).to_csv(path, index=False)
    return path


# run


def test_run_prints_what_is_wrong_and_writes_it_as_page_and_as_json(inspect, labelled, tmp_path):
    page, numbers = tmp_path / "report.html", tmp_path / "report.json"
    arguments = ("--model", tiny.trained(), "--pairs", labelled, "--out", page, "--json", numbers)
    status, output, errors = inspect("run", *arguments)
    assert status == 0
    assert errors.startswith("labelled.csv: Read as comma-separated UTF-8 with a header: 80 pairs;")
    found = json.loads(numbers.read_text())
    assert (found["reading"]["label"], found["reading"]["doubts"]) == ("label", [])
    assert found["pairs"]["number"] == 80
    counts = found["confusion"]
    wrong = counts["false positive"] + counts["false negative"]
    assert f"{wrong} of 80 pairs are on the wrong side" in output
    assert f"cosine {found['threshold']['cosine']:.4f}, probability" in output
    assert found["threshold"] == found["best_f1"], "where none is given"
    assert f"precision {found['rates']['precision']:.3f}" in output
    for cause, number in found["causes"].items():
        assert f"{number} {cause}" in output
    assert f"wrote {page}" in output
    text = page.read_text()
    assert text.startswith("<!doctype html>")
    assert "labelled.csv" in text
    assert found["fingerprint"] in text
    assert "assumed" not in output


@pytest.mark.slow
def test_the_report_speaks_chinese_on_demand_and_the_numbers_keep_their_keys(inspect, tmp_path):
    page, numbers = tmp_path / "report.html", tmp_path / "report.json"
    arguments = ("--model", tiny.trained(), "--pairs", tiny.pairs_file(), "--json", numbers)
    arguments += ("--negatives", 1, "--out", page)
    _, english, _ = inspect("run", *arguments)
    first = json.loads(numbers.read_text())
    _, output, _ = inspect("run", *arguments, "--language", "zh")
    text, found = page.read_text(), json.loads(numbers.read_text())
    assert output == english
    assert found | {"date": ""} == first | {"date": ""}
    assert '<html lang="zh-CN">' in text
    assert "每个查询 1 个（随机种子 0）" in text
    assert found["notes"][0] not in text


def test_run_takes_a_threshold_as_a_probability(inspect, labelled, tmp_path):
    arguments = ("--model", tiny.trained(), "--pairs", labelled, "--json", tmp_path / "n.json")
    inspect("run", *arguments, "--threshold", 0.5)
    found = json.loads((tmp_path / "n.json").read_text())
    assert found["threshold"]["probability"] == pytest.approx(0.5)
    head = found["head"]
    assert found["threshold"]["cosine"] == pytest.approx(-head["bias"] / head["scale"])


@pytest.mark.slow
def test_run_adds_negatives_to_relevant_pairs_and_says_that_they_are_assumed(inspect, tmp_path):
    page, numbers = tmp_path / "report.html", tmp_path / "report.json"
    arguments = ("--model", tiny.trained(), "--pairs", tiny.pairs_file(), "--json", numbers)
    status, output, _ = inspect("run", *arguments, "--negatives", 2, "--out", page)
    found = json.loads(numbers.read_text())
    assert status == 0
    assert found["pairs"]["relevant"] == 300
    assert 300 < found["pairs"]["number"] <= 900
    (note,) = found["notes"]
    assert "nobody judged them" in note
    assert note in output
    assert note in page.read_text()
    first = found["errors"]
    inspect("run", *arguments, "--negatives", 2)
    assert json.loads(numbers.read_text())["errors"] == first, "the same seed draws the same"
    inspect("run", *arguments, "--negatives", 2, "--seed", 7)
    assert json.loads(numbers.read_text())["errors"] != first


def test_run_looks_at_relevant_pairs_alone_only_where_the_threshold_is_given(inspect, refused):
    arguments = ("run", "--model", tiny.trained(), "--pairs", tiny.pairs_file())
    assert "there is nothing to tell apart. Add --negatives" in refused(*arguments)
    status, output, _ = inspect(*arguments, "--threshold", 0.5)
    assert status == 0
    assert "nothing is known about false positives" in output


def test_run_tells_of_verdicts_and_leaves_their_file_alone(inspect, labelled, store):
    pair = pd.read_csv(labelled).iloc[0]
    Store(store).judge(pair["query"], pair["document"], "unsure")
    Store(store).judge("another", "pair", "unsure")
    before = store.read_bytes()
    output = inspect("run", "--model", tiny.trained(), "--pairs", labelled)[1]
    assert f"1 verdicts on these pairs, from {store}" in output
    assert store.read_bytes() == before
    with sqlite3.connect(store) as database:
        assert database.execute("SELECT count(*) FROM verdict").fetchone() == (2,)
    database.close()


def test_run_opens_the_suspects_of_mining_with_their_scores_as_columns(run, tmp_path, store):
    out, numbers = tmp_path / "out", tmp_path / "report.json"
    mined = ("--negatives", 2, "--strategy", "bm25", "--out", out)
    assert run("prepare", tiny.pairs_file(), *mined)[0] == 0
    suspects = pd.read_json(out / "suspects.jsonl", lines=True)
    pair = suspects.iloc[0]
    Store(store).judge(pair["query"], pair["document"], "relevant")
    arguments = ("--pairs", out / "suspects.jsonl", "--threshold", 0.5, "--json", numbers)
    status, output, errors = run("inspect", "run", "--model", tiny.trained(), *arguments)
    assert status == 0
    assert "query from “query”, document from “document”" in errors
    assert f"of {len(suspects)} pairs are on the wrong side" in output
    assert f"1 verdicts on these pairs, from {store}" in output
    found = json.loads(numbers.read_text())
    counts = found["confusion"]
    assert counts["false positive"] + counts["true negative"] == len(suspects)
    assert {"bm25", "own bm25"} <= set(found["slices"])


def test_run_makes_no_file_of_verdicts(inspect, labelled, store):
    output = inspect("run", "--model", tiny.trained(), "--pairs", labelled)[1]
    assert "verdicts" not in output
    assert not store.exists()


def test_run_tells_what_it_cannot_do_before_it_loads_a_model(refused, labelled, tmp_path):
    arguments = ("run", "--model", tmp_path / "absent", "--pairs", labelled)
    assert "no model folder" in refused(*arguments)
    assert "above 0 and below 1" in refused(*arguments, "--threshold", 1)
    assert "above 0 and below 1" in refused(*arguments, "--threshold", "nan")
    assert "--negatives must be a number" in refused(*arguments, "--negatives", -1)
    assert "already has pairs labelled 0" in refused(*arguments, "--negatives", 1)
    assert "cannot be written" in refused(*arguments, "--out", tmp_path / "none" / "r.html")
    assert "cannot be written" in refused(*arguments, "--json", tmp_path)
    arguments = ("run", "--model", tmp_path / "absent", "--pairs", tmp_path / "absent.csv")
    assert "no file" in refused(*arguments)


def test_run_tells_of_a_threshold_that_no_pair_can_reach(refused, labelled):
    arguments = ("run", "--model", tiny.trained(), "--pairs", labelled)
    told = refused(*arguments, "--threshold", 1 - 1e-15)
    assert "No cosine of tiny reaches the probability" in told


# replay


@pytest.fixture
def cases(tmp_path):
    """Return a function that writes cases to a file, with a change to the first's first scores."""
    scorer = Scorer(tiny.trained())
    case = Case.of(scorer, "oven knife", ["oven recipe knife", "boat anchor tide"], [1, 0])

    def cases(**changed):
        first, *others = case.documents
        kept = replace(case, documents=(replace(first, **changed), *others))
        path = tmp_path / "my.cases.jsonl"
        path.write_bytes(write_cases([kept, case]))
        return path

    return cases


WRONG_LABEL = {"label": 0, "cosine": -0.5, "probability": 0.01, "rank": 2}
"""A document that was rightly low, and is not any more."""


def test_replay_exits_with_0_where_nothing_broke(inspect, cases):
    status, output, errors = inspect("replay", cases(), "--model", tiny.trained())
    assert (status, errors) == (0, "")
    assert "2 cases, 4 documents" in output
    assert "0 broken, 0 fixed, 0 drifted, 4 same" in output


def test_replay_exits_with_3_where_something_broke_and_says_what(inspect, cases, tmp_path):
    files = ("--json", tmp_path / "r.json", "--junit", tmp_path / "r.xml")
    status, output, _ = inspect("replay", cases(**WRONG_LABEL), "--model", tiny.trained(), *files)
    assert status == 3
    assert "broken: case 1 (line 1), should not be relevant" in output
    assert "document: oven recipe knife" in output
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["counts"]["broken"] == 1
    suite = xml.parse(tmp_path / "r.xml").getroot()[0]
    assert suite.get("failures") == "1"


def test_replay_judges_drift_by_the_tolerance_and_its_own_threshold_if_given(inspect, cases):
    arguments = ("replay", cases(cosine=0.9), "--model", tiny.trained())
    cosine = Scorer(tiny.trained()).score("oven knife", ["oven recipe knife"]).results[0].cosine
    assert abs(cosine - 0.9) > 0.01
    assert "1 drifted" in inspect(*arguments)[1]
    assert "0 drifted" in inspect(*arguments, "--tolerance", 2)[1]
    status, output, _ = inspect(*arguments, "--threshold", 0.999)
    assert status == 3
    assert "2 broken" in output


def test_replay_tells_what_it_cannot_do(refused, cases, tmp_path):
    path = cases()
    arguments = ("--model", tmp_path / "absent")
    assert "no model folder" in refused("replay", path, *arguments)
    assert "absent.jsonl cannot be read" in refused("replay", tmp_path / "absent.jsonl", *arguments)
    assert "--tolerance must be 0 or more" in refused("replay", path, *arguments, "--tolerance", -1)
    assert "--tolerance must be 0 or more" in refused(
        "replay", path, *arguments, "--tolerance", "nan"
    )
    assert "above 0 and below 1" in refused("replay", path, *arguments, "--threshold", 0)
    assert "cannot be written" in refused("replay", path, *arguments, "--junit", tmp_path)
    path.write_text(path.read_text() + '{"query": 1}\n')
    assert '"query" is not a text at line 3 of my.cases.jsonl' in refused(
        "replay", path, *arguments
    )


# help


@pytest.mark.parametrize("command", [("run",), ("replay",)])
def test_help_says_what_each_option_is_for(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["inspect", *command, "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    for line in text.splitlines():
        if line.startswith("  --") and len(line.split()) <= 2:
            following = text.split(line)[1].splitlines()[1]
            assert following.startswith(" " * 10), f"{line} has no help"
    if command == ("replay",):
        assert "3 if something" in text


def test_inspect_alone_shows_its_commands(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["inspect"])
    assert stopped.value.code == 2
    with pytest.raises(SystemExit):
        main(["inspect", "--help"])
    assert "replay" in capsys.readouterr().out
