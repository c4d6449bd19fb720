"""The notebook's toy run, through each of its systems."""

from __future__ import annotations

import functools
import subprocess
import sys

import numpy as np
import pytest

from dssm_core.models.toy import run_toy, toy_data

pytestmark = pytest.mark.slow

toy_run = functools.cache(run_toy)


def test_the_toy_data_is_four_batches_of_the_notebooks_two_rows():
    batches = list(toy_data())
    assert len(batches) == 4
    rows = [
        (tuple(q), tuple(d), y.item())
        for (query, document), label in batches
        for q, d, y in zip(query.numpy(), document.numpy(), label.numpy(), strict=True)
    ]
    relevant, other = ((1, 2, 3, 4), (2, 1, 3, 4), 1), ((2, 3, 4, 1), (3, 4, 1, 2), 0)
    assert sorted(rows) == [relevant] * 4 + [other] * 4


@pytest.mark.parametrize("seed", [0, 3])
def test_in_the_toy_run_probability_is_the_sigmoid_of_w_cosine_plus_b_in_every_row(seed):
    frame = toy_run(seed)
    assert len(frame) == 8
    assert frame["cosine"].round(5).nunique() == 2
    logit = frame.attrs["scale"] * frame["cosine"] + frame.attrs["bias"]
    np.testing.assert_allclose(frame["logit"], logit, atol=1e-6)
    np.testing.assert_allclose(frame["probability"], 1 / (1 + np.exp(-logit)), atol=3e-7)
    assert frame.attrs["bias"] != 0  # it was trained


def test_the_toy_run_repeats_with_its_seed():
    again = run_toy(0)
    assert again.equals(toy_run(0))
    assert again.attrs == toy_run(0).attrs != toy_run(3).attrs


def test_the_functional_form_runs_too_and_learns_in_more_epochs():
    entries: list[dict[str, float]] = []
    frame = run_toy(1, "LSTM", 12, entries.append)
    assert [entry["epoch"] for entry in entries] == list(range(1, 13))
    assert entries[-1]["loss"] < entries[0]["loss"]
    assert entries[-1]["scale"] == frame.attrs["scale"]
    logit = frame.attrs["scale"] * frame["cosine"] + frame.attrs["bias"]
    np.testing.assert_allclose(frame["probability"], 1 / (1 + np.exp(-logit)), atol=3e-7)


def test_the_builder_learns_to_tell_two_sets_of_ids_apart():
    entries: list[dict[str, float]] = []
    frame = run_toy(0, "negative sampling MLP", 20, entries.append)
    assert entries[-1]["loss"] < 0.8 * entries[0]["loss"]
    assert frame["probability"][0] > 0.6 > 0.4 > frame["probability"][1]
    assert not frame.attrs


def test_what_cannot_be_run_is_refused():
    with pytest.raises(ValueError, match="LSTMModel, LSTM, negative sampling MLP, not 'GRU'"):
        run_toy(0, "GRU")
    with pytest.raises(ValueError, match="epochs must be at least 1, not 0"):
        run_toy(0, epochs=0)


def test_tensorflow_is_imported_without_a_word_and_real_errors_are_kept():
    code = "import os, dssm_core.models; os.write(2, b'a real error')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "a real error"
    assert done.stdout == ""
