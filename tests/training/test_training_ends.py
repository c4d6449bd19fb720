"""What is done when the last epoch is over: the mean of the weights, the gain of a part."""

from __future__ import annotations

import numpy as np
import pytest

from dssm_core.evaluation import Collection, Encoded
from tests.training.runs import trainer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
"""Keras 3.15 saving under NumPy 2."""


def test_the_mean_of_the_epochs_weights_is_kept_also_by_a_run_that_was_killed(tmp_path):
    after: list[list[np.ndarray]] = []
    run = trainer(tmp_path / "whole.npz", average=True, epochs=3)
    run.on_epoch = lambda entry: after.append(run.model.get_weights())
    run.run()
    for kept, *weights in zip(run.model.get_weights(), *after, strict=True):
        assert kept == pytest.approx(np.mean(weights, axis=0), abs=1e-6)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(after[0], after[-1], strict=True))

    def kill(entry: dict[str, float]) -> None:
        if entry["epoch"] == 2:
            raise KeyboardInterrupt

    first = trainer(tmp_path / "killed.npz", average=True, epochs=3)
    first.on_epoch = kill
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = trainer(tmp_path / "killed.npz", average=True, epochs=3)
    second.run()
    for one, other in zip(run.model.get_weights(), second.model.get_weights(), strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def encoded(vectors: np.ndarray) -> Encoded:
    number = len(vectors)
    flags = np.zeros(number, bool)
    return Encoded(vectors, ~flags, flags, flags, np.ones(number, int))


def test_the_gain_favours_the_part_that_ranks_better():
    from dssm_core.training.validation import GAINS, Validation, best_gain

    rng = np.random.default_rng(0)
    texts = [str(i) for i in range(60)]
    collection = Collection(
        tuple(texts), tuple(texts), tuple(frozenset([i]) for i in range(len(texts)))
    )
    good = rng.normal(size=(60, 16))
    noise = [rng.normal(size=(60, 16)) for _ in range(2)]
    query, document = (encoded(np.concatenate([n, good], axis=1)) for n in noise)
    gain, rank = best_gain(Validation(collection, query, document), 16)
    assert gain > 1
    assert rank >= Validation(collection, query, document).rank()
    query, document = (encoded(np.concatenate([good, n], axis=1)) for n in noise)
    assert best_gain(Validation(collection, query, document), 16)[0] == GAINS[0]


def test_the_lexical_part_is_weighed_on_validation_and_a_model_without_one_is_left_alone(tmp_path):
    said: list[str] = []
    run = trainer(tmp_path / "lexical.npz", said.append, epochs=1, model={"lexical": 64})
    run.run()
    before = float(run.model.get_layer("beside").log_gain.numpy())
    rank = run.validate().rank()
    run.fit_gain()
    (line,) = [line for line in said if line.startswith("lexical part times")]
    gain = float(line.split()[3].rstrip(":"))
    assert run.model.get_layer("beside").log_gain.numpy() == pytest.approx(before + np.log(gain))
    assert run.validate().rank() == pytest.approx(float(line.split()[-1]), abs=1e-3)
    assert run.validate().rank() >= rank - 1e-6

    plain = trainer(tmp_path / "plain.npz", said.append, epochs=1, model={"lexical": 0})
    plain.fit_gain()
    assert len([line for line in said if line.startswith("lexical part times")]) == 1
