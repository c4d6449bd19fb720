"""How well explanations do is said of the model that was measured, or not at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dssm_core.card import (
    faithfulness_table,
    refresh_folder,
    store_faithfulness,
    trust_sentence,
)
from dssm_core.folder import FAITHFULNESS, ModelFolder
from dssm_core.words import ENGLISH, translator_for
from tests import ROOT, tiny
from tests.tiny import FAITHFULNESS as FOUND
from tests.tiny import bare_folder

SIDE = FOUND["sides"]["query"]


def measured(path: Path, **changed: object) -> ModelFolder:
    """Return a folder with figures in it, some changed."""
    values = {"fingerprint": ModelFolder.open(bare_folder(path)).fingerprint, **FOUND, **changed}
    (path / FAITHFULNESS).write_text(json.dumps(values))
    return ModelFolder.open(path)


def test_the_sentence_gives_each_method_its_times_and_interval(tmp_path):
    folder = measured(tmp_path / "m")
    assert trust_sentence(folder, ENGLISH) == (
        "On this model attention finds the words that matter 1.9 times as well as chance "
        "(1.5 to 2.4), effect 3.4 times (3.0 to 3.9). Measured on 50 held-out pairs."
    )
    assert trust_sentence(folder, translator_for("zh")) == (
        "在该模型上，注意力找出重要词的能力是随机的 1.9 倍（1.5 至 2.4）、"
        "作用为 3.4 倍（3.0 至 3.9）。在 50 个留出配对上测得。"
    )


def test_a_method_without_data_is_not_in_the_sentence_and_an_unknown_one_neither(tmp_path):
    times = dict.fromkeys(("magic", "random", "effect"), FOUND["times"]["effect"])
    assert trust_sentence(measured(tmp_path / "m", times=times), ENGLISH).startswith(
        "On this model effect finds the words that matter 3.4 times as well as chance (3.0 to 3.9)."
    )


def test_nothing_is_said_of_what_was_not_measured_or_of_another_model(tmp_path):
    bare = ModelFolder.open(bare_folder(tmp_path / "m"))
    assert trust_sentence(bare, ENGLISH) == ""
    for changed in ({"fingerprint": "0" * 12}, {"times": {}}):
        assert trust_sentence(measured(tmp_path / "m", **changed), ENGLISH) == ""
    assert measured(tmp_path / "m", fingerprint="0" * 12).faithfulness is None


def test_the_table_has_a_row_a_method_and_text_and_a_dash_for_no_figure():
    table = faithfulness_table(FOUND)
    assert "| explanation | both texts, 50 pairs | query, 40 pairs | document, 41 pairs |" in table
    assert "| attention | 1.9 (1.5-2.4) | 1.0 (0.9-1.1) | – |" in table
    assert "| effect | 3.4 (3.0-3.9) | – | – |" in table
    assert "| query | attention | 0.800 | 0.500 | 0.400 |" in table
    assert "| document | random | 0.000 | 0.300 | 0.400 |" in table
    alone = faithfulness_table({**FOUND, "sides": {"query": SIDE}})
    assert "both texts" not in alone
    assert "| explanation | query, 40 pairs |" in alone


def test_a_shorter_text_leaves_the_last_cells_of_its_row_empty():
    longer = {"random": [0.8, 0.6, 0.5, 0.4]}
    sides = {"query": SIDE, "document": {**SIDE, "deletion": longer}}
    table = faithfulness_table({**FOUND, "sides": sides})
    assert "| query | attention | 0.800 | 0.500 | 0.400 |  |" in table
    assert "| document | random | 0.800 | 0.600 | 0.500 | 0.400 |" in table


@pytest.mark.slow
def test_a_folder_keeps_all_else_and_a_card_written_again_keeps_the_figures(tmp_path):
    model = tmp_path / "tiny"
    shutil.copytree(tiny.trained(), model)
    before = (model / "README.md").read_text()
    store_faithfulness(ModelFolder.open(model), FOUND)
    folder = ModelFolder.open(model)
    assert folder.faithfulness == {"fingerprint": folder.fingerprint, **FOUND}
    after = (model / "README.md").read_text()
    section = after[after.index("## Which") : after.index("## How it was made")]
    assert after.replace(section, "").split() == before.split()
    assert {f.name for f in tiny.trained().iterdir()} | {FAITHFULNESS} == {
        f.name for f in model.iterdir()
    }
    refresh_folder(folder, (), "Notes.")
    assert faithfulness_table(FOUND) in (model / "README.md").read_text()


@pytest.mark.parametrize("name", ["debian-packages", "cedict", "notebook-lstm"])
def test_the_sample_models_are_measured_as_they_are(name):
    folder = ModelFolder.open(ROOT / "sample_models" / name)
    assert folder.faithfulness, f"run: python -m dssm_core faithfulness --model {folder.path}"
    assert faithfulness_table(folder.faithfulness) in (folder.path / "README.md").read_text()
    assert trust_sentence(folder, ENGLISH)
