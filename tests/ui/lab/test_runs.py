"""Commands that the Lab runs in processes of their own: what is read of them, and how they end.

The quick tests run a command that only prints, in the place of ours; the slow ones run ours.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from dssm_core.errors import UserError
from dssm_core.ui.common.models import TRAINED_HERE
from dssm_core.ui.lab import backwards, judge, runs
from tests import ROOT, tiny

PRINTS = """
import json, sys, time
from pathlib import Path
name, *given = sys.argv[1:]
assert given.pop() == "--json"
options = dict(zip(given[::2], given[1::2]))
if name == "systems":
    print(json.dumps([options]))
    sys.exit()
epochs = int(options.get("--epochs") or json.loads(Path(options["--config"]).read_text())
    ["training"]["epochs"])
print("a warning of some library", file=sys.stderr, flush=True)
if not epochs:
    sys.exit(f"{name}: epochs must be at least 1")
for epoch in range(1, min(epochs, 3) + 1):
    print(json.dumps({"epoch": epoch, "loss": 1 / epoch}), flush=True)
if epochs > 3:
    time.sleep(600)
if "--out" in options:
    pairs = Path(options["--pairs"]).read_text()
    Path(options["--out"]).mkdir()
    (Path(options["--out"]) / "pairs.csv").write_text(pairs)
    (Path(options["--out"]) / "options.json").write_text(json.dumps(options))
else:
    print(json.dumps({"rows": [1, 2]}))
"""
"""A program that takes our options, and neither learns nor imports anything."""


@pytest.fixture
def prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a program that only prints in place of `python -m dssm_core`."""
    package = tmp_path / "program" / "dssm_core"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(PRINTS)
    monkeypatch.setattr(runs, "ROOT", tmp_path / "program")


def wait_for(run: runs.Task) -> None:
    ends = time.monotonic() + 600
    while not run.is_over:
        assert time.monotonic() < ends, "it does not end"
        time.sleep(0.02)


def start(tmp_path: Path, training: dict[str, Any]) -> runs.Run:
    config = {"model": tiny.SIZES["model"], "training": {**tiny.SIZES["training"], **training}}
    return runs.Run("tiny", tiny.pairs(), tmp_path / "lab", ["--family", "lstm"], config).start()


@pytest.mark.usefixtures("prints")
def test_the_epochs_are_read_and_what_was_trained_here_is_marked(tmp_path: Path) -> None:
    run = start(tmp_path, {"epochs": 2})
    wait_for(run)
    assert run.error == ""
    assert run.frame()["epoch"].tolist() == [1, 2]
    assert {p.name for p in (tmp_path / "lab").iterdir()} == {
        *("pairs.csv", "options.json", TRAINED_HERE),
    }
    assert run.is_saved
    assert run.bm25 is not None
    assert 0 <= run.bm25 <= 1
    assert (tmp_path / "lab" / "pairs.csv").read_text() == tiny.pairs().to_csv(index=False)
    given = json.loads((tmp_path / "lab" / "options.json").read_text())
    assert given["--family"] == "lstm"
    assert "--data" not in given


@pytest.mark.usefixtures("prints")
def test_negatives_are_prepared_before_the_command_starts(tmp_path: Path) -> None:
    pairs = tiny.pairs().drop(columns="split")
    config = {"training": {"epochs": 1}}
    run = runs.Run("mlp-sampled", pairs, tmp_path / "lab", [], config, 3).start()
    wait_for(run)
    assert run.error == ""
    given = json.loads((tmp_path / "lab" / "options.json").read_text())
    assert Path(given["--data"]).parent == Path(given["--pairs"]).parent


@pytest.mark.usefixtures("prints")
def test_a_run_is_stopped_between_two_epochs(tmp_path: Path) -> None:
    run = start(tmp_path, {"epochs": 500})
    ends = time.monotonic() + 600
    while not run.history:
        assert time.monotonic() < ends, "no epoch is told"
        time.sleep(0.02)
    run.stop()
    wait_for(run)
    assert run.is_stopped
    assert run.error == ""
    assert not run.is_saved
    assert not (tmp_path / "lab").exists()


@pytest.mark.usefixtures("prints")
def test_the_error_is_the_commands_own_last_line(tmp_path: Path) -> None:
    run = start(tmp_path, {"epochs": 0})
    wait_for(run)
    assert run.error == "epochs must be at least 1"


@pytest.mark.usefixtures("prints")
def test_what_comes_after_the_epochs_is_the_result() -> None:
    run = runs.Task("LSTM", ["toy", "--epochs", "2"], 2).start()
    wait_for(run)
    assert run.error == ""
    assert run.frame()["epoch"].tolist() == [1, 2]
    assert run.result == {"rows": [1, 2]}


@pytest.mark.usefixtures("prints")
def test_a_quick_command_is_asked() -> None:
    assert runs.ask("systems", "--x", "y") == [{"--x": "y"}]


@pytest.mark.slow
def test_a_run_writes_a_model_folder_and_tells_its_epochs(tmp_path: Path) -> None:
    run = start(tmp_path, {"epochs": 2})
    wait_for(run)
    assert run.error == ""
    assert run.frame()["epoch"].tolist() == [1, 2]
    written = {p.name for p in (tmp_path / "lab").iterdir()}
    assert {"model.keras", "config.json", TRAINED_HERE} <= written
    assert run.is_saved
    assert run.bm25 is not None
    assert 0 <= run.bm25 <= 1


@pytest.mark.slow
def test_a_stopped_run_ends_and_leaves_no_model(tmp_path: Path) -> None:
    run = start(tmp_path, {"epochs": 500})
    run.stop()
    wait_for(run)
    assert run.is_over
    assert run.is_stopped
    assert run.error == ""
    assert not run.is_saved
    assert not (tmp_path / "lab").exists()


@pytest.mark.slow
def test_a_run_that_fails_says_why(tmp_path: Path) -> None:
    run = start(tmp_path, {"epochs": 0})
    wait_for(run)
    assert "epochs" in run.error


@pytest.mark.slow
def test_a_toy_run_tells_its_epochs_and_then_its_predictions() -> None:
    run = runs.Task("LSTM", ["toy", "--system", "LSTM", "--epochs", "2"], 2).start()
    wait_for(run)
    assert run.error == ""
    assert run.frame()["epoch"].tolist() == [1, 2]
    assert len(run.result["rows"]) == 8


@pytest.mark.slow
def test_a_run_on_prepared_negatives_writes_a_model_folder(tmp_path: Path) -> None:
    sizes = {
        "vocabulary": 400,
        "vector": 12,
        "query_length": 6,
        "document_length": 12,
        "hidden": 16,
    }
    config = {"model": sizes, "training": {"epochs": 1, "batch": 32}}
    pairs = tiny.pairs().drop(columns="split")
    options = ["--family", "mlp-sampled"]
    run = runs.Run("mlp-sampled", pairs, tmp_path / "lab", options, config, 3).start()
    wait_for(run)
    assert run.error == ""
    written = json.loads((tmp_path / "lab" / "config.json").read_text())
    assert (written["family"], written["training"]["loss"]) == ("mlp-sampled", "softmax")


@pytest.mark.slow
def test_a_head_that_starts_below_zero_ranks_right_and_its_cosine_backwards() -> None:
    runs_ = [backwards._run(first).start() for first in backwards.FIRST]
    for run in runs_:
        wait_for(run)
    up, down = (
        judge.judge_head(f, r.history[-1]) for f, r in zip(backwards.FIRST, runs_, strict=True)
    )
    assert (up.key, down.key) == ("lab.head.right", "lab.head.backwards")
    assert float(str(down.values["cosine"])) < 0.2


def test_a_command_that_fails_is_told() -> None:
    with pytest.raises(UserError, match="command failed"):
        runs.ask("toy", "--seed", "x")


@pytest.mark.slow
def test_the_systems_command_describes_every_row_of_the_notebook() -> None:
    systems = {system["name"]: system for system in runs.ask("systems")}
    assert systems["LSTM"]["parameters"] == 625_794
    assert sum(layer["parameters"] for layer in systems["LSTM"]["layers"]) == 625_794
    shared = next(layer for layer in systems["LSTM"]["layers"] if layer["name"] == "embedding")
    assert shared["shape"] == "(None, 6, 128) and (None, 10, 128)"
    names = {name for system in systems.values() for name in system["notebook"].split(", ")}
    document = (ROOT / "docs" / "notebook.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| `(\w+)", document, re.MULTILINE)
    assert {row for row, name in rows if name in names} == {"2", "3", "4", "5", "6"}
    assert json.dumps(systems)
