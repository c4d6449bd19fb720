"""`card` and `faithfulness`: what they measure again, and write into folder and card."""

from __future__ import annotations

import json
import shutil

import pytest

from tests import ROOT, tiny

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saving under NumPy 2."""


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
