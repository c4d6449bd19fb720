"""Training on a few hundred pairs: what is kept, what comes back, what its numbers mean."""

from __future__ import annotations

import io
import json
import math
import zipfile
from datetime import datetime
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest

from dssm_core import evaluation
from dssm_core.corpus.negatives import NegativesConfig, prepare_negatives
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder, write_folder
from dssm_core.runtimes.load import load_towers
from dssm_core.scoring import Scorer
from tests import tiny
from tests.tiny import quiet
from tests.training.runs import train, trainer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
"""Keras 3.15 saving under NumPy 2."""


def figures(history: list[dict]) -> np.ndarray:
    return np.array([(row["epoch"], row["loss"], row["validation MRR@10"]) for row in history])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of three epochs that nobody disturbed."""
    run = trainer(tmp_path_factory.mktemp("finished") / "state.npz")
    run.run()
    return run


def validation_cosines(run) -> tuple[np.ndarray, np.ndarray]:
    collection = evaluation.Collection.of(run.splits["validation"])
    vectors = [
        np.stack([e.vector for e in run.towers().encode(texts, side)])
        for texts, side in ((collection.queries, "query"), (collection.documents, "document"))
    ]
    return evaluation.pair_cosines(collection, *vectors, seed=1)


# a run


def test_training_learns(finished):
    history = finished.progress.history
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    assert finished.progress.best == int(np.argmax([r["validation MRR@10"] for r in history]))
    documents = finished.splits["validation"]["document"].nunique()
    chance = sum(1 / rank for rank in range(1, 11)) / documents
    assert finished.validate().rank() > 3 * chance
    assert finished.validate().rank() == history[finished.progress.best]["validation MRR@10"]


def test_a_run_killed_after_an_epoch_goes_on_as_if_it_had_not_been(finished, tmp_path):
    state = tmp_path / "state.npz"

    def kill(line: str) -> None:
        if line.startswith("epoch 1/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer(state, kill).run()
    said: list[str] = []
    resumed = trainer(state, said.append)
    assert said == ["resumed after epoch 1"]
    resumed.run()
    expected = figures(finished.progress.history)
    assert figures(resumed.progress.history) == pytest.approx(expected, rel=1e-4)
    for one, other in zip(resumed.model.get_weights(), finished.model.get_weights(), strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_a_finished_run_does_nothing_when_it_is_started_again(finished):
    said: list[str] = []
    again = trainer(finished.state, said.append)
    again.step = None  # any step would fail
    again.run()
    assert said == ["resumed after epoch 3"]
    assert again.validate().rank() == finished.validate().rank()


@pytest.mark.parametrize("damage", ["other run", "other start", "truncated", "text"])
def test_a_state_that_does_not_fit_is_told_and_left_aside(finished, tmp_path, damage):
    state, said = tmp_path / "state.npz", []
    content = finished.state.read_bytes()
    state.write_bytes({"truncated": content[:-500], "text": b"text"}.get(damage, content))
    other = {
        "other run": {"seed": 8},
        "other start": {"start": ModelFolder.open(tiny.trained())},
    }
    fresh = trainer(state, said.append, **other.get(damage, {}))
    assert fresh.progress.history == []
    assert len(said) == 1
    assert "starting afresh" in said[0]


def test_the_best_epoch_is_kept_and_the_run_stops_when_nothing_better_comes(tmp_path, monkeypatch):
    from dssm_core.training import Validation

    weights: dict[str, list[np.ndarray]] = {}

    def keep(line: str) -> None:
        if line.startswith("epoch"):
            weights[line.split("/")[0]] = run.model.get_weights()

    run = trainer(tmp_path / "state.npz", keep, loss="binary", epochs=9, patience=2)
    validations = iter([0.2, 0.5, 0.3, 0.5, 0.9])
    monkeypatch.setattr(Validation, "rank", lambda self: next(validations))
    run.run()
    assert list(weights) == ["epoch 1", "epoch 2", "epoch 3", "epoch 4"]
    assert run.progress.best == 1, "of equals the first"
    for kept, best, last in zip(
        run.model.get_weights(), weights["epoch 2"], weights["epoch 4"], strict=True
    ):
        assert (kept == best).all()
        assert (kept != last).any()
    losses = [row["loss"] for row in run.progress.history]
    assert losses[-1] < losses[0] < 1, "the notebook's loss trains, too"
    assert run.towers().scale > 0


def test_progress_is_over_when_epochs_or_patience_run_out():
    from dssm_core.training import Progress, TrainingConfig

    def over(epochs_done: int, best: int, **config: int) -> bool:
        return Progress([{}] * epochs_done, best).is_over(TrainingConfig(**config))

    assert not over(0, -1, epochs=5, patience=2)
    assert not over(2, 0, epochs=5, patience=2)
    assert over(3, 0, epochs=5, patience=2)
    assert not over(4, 0, epochs=5, patience=0), "0 never stops early"
    assert over(5, 4, epochs=5, patience=2)


def test_a_loss_that_is_no_number_stops_the_run(finished, monkeypatch):
    monkeypatch.setattr(finished, "step", lambda *batch: math.nan)
    with pytest.raises(UserError, match=r"no longer a number.*learning_rate"):
        finished._epoch(0)


def test_a_run_on_prepared_shards_learns_without_training_pairs_of_its_own(tmp_path):
    out = tmp_path / "shards"
    prepare_negatives(tiny.pairs_file(), out, NegativesConfig(number=3, shard=100), log=quiet)
    held_out = tiny.pairs().query("split != 'train'")
    run = trainer(tmp_path / "state.npz", pairs=held_out, data=out, negatives=3, epochs=2)
    run.run()
    losses = [row["loss"] for row in run.progress.history]
    assert losses[1] < losses[0]
    assert run.batches.pairs == (tiny.pairs()["split"] == "train").sum()


# what is refused


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_too_few_pairs_of_a_split_are_refused_before_training(tmp_path, split):
    pairs = tiny.pairs()
    first = pairs.index[pairs["split"] == split][0]
    with pytest.raises(UserError, match="too few"):
        train(pairs.drop(pairs.index[(pairs["split"] == split)][1:]), tmp_path / "m")
    pairs.loc[(pairs["split"] == split) & (pairs.index != first), "label"] = 0
    with pytest.raises(UserError, match="too few"):
        train(pairs, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_a_training_starts_from_all_that_the_other_model_knows(tmp_path):
    folder = ModelFolder.open(tiny.trained())
    pairs = tiny.pairs()
    few = pairs.drop(pairs.index[pairs["split"] == "train"][20:])
    fresh = trainer(tmp_path / "state.npz", pairs=few, start=folder)
    texts = [*list(folder.vocabulary)[-20:], "oven knife", "xylophone"]
    for side in ("query", "document"):
        for found, wanted in zip(
            fresh.towers().encode(texts, side),
            load_towers(folder, "keras").encode(texts, side),
            strict=True,
        ):
            assert found.tokens == wanted.tokens
            np.testing.assert_allclose(found.vector, wanted.vector, rtol=0, atol=1e-6)


def test_shards_of_a_single_pair_are_refused(tmp_path):
    rows = [("oven", "knife", 1), ("oven", "piano", 0), ("oven", "violin", 0)]
    pairs = pd.DataFrame(rows, columns=["query", "document", "label"])
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    prepare_negatives(tmp_path / "pairs.csv", tmp_path / "data", NegativesConfig(1), log=quiet)
    with pytest.raises(UserError, match=r"too few relevant pairs in the split train \(found: 1\)"):
        trainer(tmp_path / "state.npz", data=tmp_path / "data")


def test_pairs_without_a_word_are_refused(tmp_path):
    symbols = tiny.pairs().assign(
        query="+++", document=[f"{'=' * n}" for n in range(1, len(tiny.pairs()) + 1)]
    )
    with pytest.raises(UserError, match="No text of the training pairs has a word"):
        trainer(tmp_path / "state.npz", pairs=symbols)


def test_a_handful_of_pairs_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"too few.*at least 20"):
        train(tiny.pairs(4).drop(columns="split"), tmp_path / "m")


@pytest.mark.parametrize(
    "choice",
    [
        {"loss": "hinge"},
        {"measured_on": "nothing"},
        {"epochs": 0},
        {"epochs": 1.5},
        {"batch": 1},
        {"learning_rate": 0},
        {"learning_rate": math.inf},
        {"unseen": 1.5},
        {"spans": -1},
        {"sharpness": 0},
        {"negatives": 0},
        {"patience": -1},
        {"seed": -1},
    ],
    ids=str,
)
def test_a_choice_that_cannot_be_is_refused_by_name(choice):
    from dssm_core.training import TrainingConfig

    with pytest.raises(ValueError, match=next(iter(choice))):
        TrainingConfig(**choice)


@pytest.mark.parametrize("size", [{"pieces": 5}, {"vocabulary": 2}], ids=str)
def test_sizes_that_the_text_cannot_be_hashed_into_are_refused(tmp_path, size):
    with pytest.raises(UserError, match=next(iter(size))):
        trainer(tmp_path / "state.npz", model=size)


# the head


def test_the_fitted_head_says_more_than_a_constant_and_never_ranks_backwards(finished):
    ranks = finished.validate().rank()
    finished.fit_head()
    towers = finished.towers()
    cosines, labels = validation_cosines(finished)
    assert labels.mean() == pytest.approx(1 / 11)
    probabilities = 1 / (1 + np.exp(-(towers.scale * cosines + towers.bias)))
    loss = -np.mean(np.where(labels == 1, np.log(probabilities), np.log(1 - probabilities)))
    constant = -(math.log(1 / 11) / 11 + math.log(10 / 11) * 10 / 11)
    assert loss < 0.9 * constant
    assert towers.scale > 0
    assert probabilities.mean() == pytest.approx(1 / 11, abs=0.03), "it says what it sees"
    assert finished.validate().rank() == ranks, "the towers stay as they are"


def test_a_head_on_cosines_that_lead_astray_is_flat(finished, monkeypatch):
    astray = np.array([-0.5, -0.4, 0.6, 0.7, 0.8]), np.array([1, 1, 0, 0, 0])
    monkeypatch.setattr(evaluation, "pair_cosines", lambda *_, **__: astray)
    before = finished.model.get_layer("out").get_weights()
    finished.fit_head()
    towers = finished.towers()
    finished.model.get_layer("out").set_weights(before)
    assert towers.scale == 0
    assert towers.bias == pytest.approx(math.log(2 / 3), abs=1e-3)


# what is written


def test_a_saved_model_comes_back_the_same_to_the_last_bit(finished, tmp_path):
    from dssm_core.training.train import archive

    files = {p.name: p.read_bytes() for p in tiny.trained().iterdir()}
    towers = finished.towers()
    config = json.loads(files["config.json"])
    config["head"] = {"scale": towers.scale, "bias": towers.bias}
    model = archive(finished)
    changed = {
        "model.keras": model,
        "config.json": json.dumps(config).encode(),
        "vocabulary.json": json.dumps(finished.vocabulary).encode(),
    }
    write_folder(tmp_path / "m", {**files, **changed})
    back = load_towers(ModelFolder.open(tmp_path / "m"), "keras")  # NumPy is close, not equal
    assert (back.scale, back.bias) == (towers.scale, towers.bias)
    texts = [*tiny.pairs(40)["document"], "unseen wörds", "", "深度"]
    for side in ("query", "document"):
        for one, other in zip(towers.encode(texts, side), back.encode(texts, side), strict=True):
            assert one.tokens == other.tokens
            assert (one.vector == other.vector).all()
            assert (one.attention == other.attention).all()
    with patch("keras.src.saving.saving_lib.datetime") as clock:  # on another day
        clock.datetime.now.return_value = datetime(2030, 1, 1)
        later = archive(finished)
    one, other = (zipfile.ZipFile(io.BytesIO(content)) for content in (model, later))
    for name in ("metadata.json", "model.weights.h5"):  # config.json counts the layers built
        assert one.read(name) == other.read(name), "the same weights make the same bytes"


def test_rounding_the_weights_moves_no_cosine_by_more_than_a_hundredth(finished):
    from dssm_core.training.train import round_weights

    exact, _ = validation_cosines(finished)
    before = finished.model.get_weights()
    round_weights(finished.model)
    rounded, _ = validation_cosines(finished)
    finished.model.set_weights(before)
    assert 0 < np.abs(rounded - exact).max() < 1e-2


def test_a_trained_folder_holds_all_that_a_model_folder_should():
    folder = ModelFolder.open(tiny.trained())
    names = {p.name for p in folder.path.iterdir()}
    assert names >= {"README.md", "history.csv", "pairs.csv", "notes.md", "model.keras"}
    assert not list(folder.path.parent.glob(".tiny*")), "its state is gone, no half folder is left"
    held_out = pd.read_csv(folder.path / "pairs.csv")
    assert set(held_out["split"]) == {"test"}
    assert not set(held_out["document"]) & set(tiny.pairs().query("split == 'train'")["document"])
    history = pd.read_csv(folder.path / "history.csv")
    assert history["epoch"].tolist() == [1, 2, 3]
    best = folder.metrics["training"]["best epoch"]
    assert best == history["validation MRR@10"].idxmax() + 1
    assert folder.metrics["queries"] == held_out["query"].nunique()
    assert folder.metrics["systems"]["model"]["MRR@10"]["mean"] > 0.2
    assert folder.config["training"]["seed"] == 7
    assert len(folder.random_pairs) == 5000
    assert abs(folder.random_pairs).max() <= 1 + 1e-6
    assert {"guitar", "item"} <= folder.vocabulary.keys()
    assert (
        f"{folder.metrics['calibration']['error']:.4f}" in (folder.path / "README.md").read_text()
    )


def test_stored_weights_are_rounded_so_that_they_pack_into_half_the_size():
    import keras

    model = keras.saving.load_model(tiny.trained() / "model.keras", compile=False)
    for weight in model.get_weights():
        assert (weight == weight.astype(np.float16)).all()


def test_stored_examples_equal_live_scores():
    folder = ModelFolder.open(tiny.trained())
    scorer = Scorer(folder)
    assert [example["title"] for example in folder.examples] == ["A success", "A real error"]
    for example in folder.examples:
        stored, live = example["scores"], scorer.score(example["query"], example["documents"])
        live = live.to_dict()
        assert stored["model"] == live["model"] == "tiny"
        assert stored["head"] == live["head"]
        assert len(stored["results"]) == len(example["documents"]) > 1
        for one, other in zip(stored["results"], live["results"], strict=True):
            assert one["document"] == other["document"]
            assert one["rank"] == other["rank"]
            for name in ("cosine", "logit", "probability"):
                assert one[name] == pytest.approx(other[name], abs=1e-4)
            assert one["percentile"] == pytest.approx(other["percentile"], abs=0.1)
        for one, other in zip(
            [stored["query"], *stored["results"]], [live["query"], *live["results"]], strict=True
        ):
            places = [(t["text"], t["start"], t["end"], t["state"]) for t in one["tokens"]]
            assert places == [
                (t["text"], t["start"], t["end"], t["state"]) for t in other["tokens"]
            ]
            weights = [[t["attention"] for t in text["tokens"]] for text in (one, other)]
            assert weights[0] == pytest.approx(weights[1], abs=1e-5)
