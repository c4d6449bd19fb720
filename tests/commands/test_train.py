"""`train`: what it refuses before it trains, and what it leaves."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tests import tiny

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saving under NumPy 2."""


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
