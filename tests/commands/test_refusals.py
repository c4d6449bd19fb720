"""Options that do not go together, and files that are none, are refused before anything is done."""

from __future__ import annotations

import json

import pytest

from dssm_core.__main__ import main
from dssm_core.paths import sample_model
from dssm_core.runtimes.load import RUNTIMES
from tests import tiny

CLUSTER = json.dumps(
    {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
)


@pytest.mark.parametrize(
    ("options", "cluster", "said"),
    [
        (["--hard", 2, "--data", "D"], "", "--hard draws its own negatives"),
        (["--workers", 0], "", "--workers is below 1 (found: 0)"),
        (["--workers", -1], "", "--workers is below 1 (found: -1)"),
        (["--workers", 2], CLUSTER, "Both --workers and TF_CONFIG"),
        (["--hard", 2, "--workers", 2], "", "--hard draws negatives in the middle"),
        (["--hard", 2], CLUSTER, "--hard draws negatives in the middle"),
        (["--teacher", "T", "--workers", 2], "", "--teacher reads all texts in one"),
        (["--teacher", "T"], CLUSTER, "--teacher reads all texts in one"),
        (["--texts", "F"], "", "--texts are texts without labels"),
    ],
)
def test_choices_of_a_training_that_do_not_go_together(
    refused, tmp_path, monkeypatch, options, cluster, said
):
    monkeypatch.setenv("TF_CONFIG", cluster)
    out = tmp_path / "m"
    assert said in refused("train", "--pairs", tiny.pairs_file(), "--out", out, *options)
    assert not out.exists()


@pytest.mark.parametrize("content", ["", "{", "[1]", '"text"', "null", "[" * 100_000, "NaN"])
def test_a_baseline_that_is_none(refused, tmp_path, content):
    path = tmp_path / "baseline.json"
    path.write_text(content)
    given = ("probes", "--model", sample_model(), "--pairs", tiny.pairs_file())
    assert "The baseline is not what `probes" in refused(*given, "--baseline", path)


def test_a_model_that_takes_no_prompts(refused, tmp_path, monkeypatch):
    monkeypatch.setitem(RUNTIMES, "numpy", lambda folder: tiny.WordTowers())
    model = tiny.bare_folder(tmp_path / "m")
    assert "no prompt" in refused("prompts", "--model", model, "--pairs", tiny.pairs_file())


@pytest.mark.parametrize("missing", ["--qrels", "--queries", "--corpus"])
def test_a_collection_without_one_of_its_files(refused, tmp_path, missing):
    files = dict.fromkeys(("--qrels", "--queries", "--corpus"), tmp_path / "file")
    del files[missing]
    given = [part for option in files.items() for part in option]
    model = ("--model", sample_model(), "--work", tmp_path / "work")
    assert "--work measures a judged collection" in refused("evaluate", *model, *given)


@pytest.mark.parametrize("grade", ["nan", "inf", "-inf", "high"])
def test_a_least_grade_that_is_no_number(capsys, grade):
    with pytest.raises(SystemExit):
        main(["evaluate", "--model", "m", "--pairs", "p.csv", "--min-grade", grade])
    assert "--min-grade" in capsys.readouterr().err
