"""`train --hard`: a first training, then one with what the model itself takes for the answers."""

from __future__ import annotations

import json

import pytest

from dssm_core.__main__ import main
from dssm_core.folder import ModelFolder
from tests import tiny

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
"""Keras 3.15 saving under NumPy 2."""


@pytest.fixture
def arguments(tmp_path):
    """Return the arguments of a tiny run."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**tiny.SIZES, "hard": {"epochs": 1, "batch": 16}}))
    given = ("--pairs", tiny.pairs_file(), "--config", config, "--out", tmp_path / "m")
    return ["train", *map(str, given), "--hard", "3"]


def test_hard_negatives_follow_the_first_training(arguments, tmp_path, capsys):
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert said.index("epoch 3/3: loss") < said.index("1/1 shards") < said.index("epoch 1/1: loss")
    training = ModelFolder.open(tmp_path / "m").config["training"]
    # of what is not given for "hard", what that training needs stands before what the first had
    assert (training["epochs"], training["batch"], training["average"]) == (1, 16, True)
    assert training["patience"] == tiny.SIZES["training"]["patience"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "m"]


@pytest.mark.parametrize("is_same", [True, False])
def test_a_run_killed_after_the_first_training_goes_on_there(
    arguments, tmp_path, capsys, monkeypatch, is_same
):
    from dssm_core.corpus import negatives

    def killed(*given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(negatives, "prepare_negatives", killed)
        assert main(arguments) != 0
    assert "epoch 3/3: loss" in capsys.readouterr().out
    assert not (tmp_path / "m").exists()
    other = [] if is_same else ["--start", str(tiny.trained())]
    assert main([*arguments, *other]) == 0
    assert ("epoch 3/3" in capsys.readouterr().out) is not is_same
    assert (tmp_path / "m").exists()


def test_hard_negatives_are_not_drawn_beside_prepared_ones(arguments, tmp_path, capsys):
    assert main([*arguments, "--data", str(tmp_path)]) == 1
    assert "--hard draws its own negatives" in capsys.readouterr().err
