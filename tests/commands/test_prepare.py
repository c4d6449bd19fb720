"""`prepare`: the toy of the notebook, and negatives by every strategy."""

from __future__ import annotations

import pandas as pd
import pytest

from tests import tiny

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saving under NumPy 2."""


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
