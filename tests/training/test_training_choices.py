"""Trainings on other inputs and losses: the notebook's builder, plain ids, labels, a handful."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from dssm_core.corpus.negatives import NegativesConfig, prepare_negatives
from dssm_core.errors import UserError
from dssm_core.families import family
from tests import tiny
from tests.models.arrays import softmax_loss
from tests.tiny import quiet
from tests.training.runs import CHOICES, trainer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
"""Keras 3.15 saving under NumPy 2."""

# the notebook's builder on prepared negatives


def mlp(tmp_path, pairs=None, name="mlp-sampled", **training):
    from dssm_core.training import Plan, Trainer, TrainingConfig

    shards = tmp_path / "shards"
    if not shards.exists():
        prepare_negatives(
            tiny.pairs_file(), shards, NegativesConfig(number=4, shard=100), log=quiet
        )
    sizes = replace(family(name).config, vocabulary=400, vector=12, hidden=16)
    config = TrainingConfig(**{**family(name).training, **CHOICES, **training})
    frame = tiny.pairs() if pairs is None else pairs
    plan = Plan(frame, tmp_path / "m", sizes, config, name, shards)
    return Trainer.prepare(plan, tmp_path / "state.npz", quiet)


def test_the_builders_model_trains_on_prepared_negatives_and_beats_chance(tmp_path):
    run = mlp(tmp_path, epochs=6)
    assert run.config.loss == "softmax"
    run.run()
    losses = [row["loss"] for row in run.progress.history]
    assert losses[0] < 1.2 * math.log(5), "a guess among 5 costs log 5"
    assert losses[-1] < 0.7 * losses[0]
    chance = sum(1 / rank for rank in range(1, 11)) / 24
    assert run.progress.history[-1]["validation MRR@10"] > 3 * chance


@pytest.mark.parametrize("prepared", [2, 4])
def test_its_loss_is_the_log_of_the_builders_own_similarity(tmp_path, prepared):
    from dssm_core.models.negative_sampling import MLPNegativeSamplingModelBuilder

    run = mlp(tmp_path, negatives=prepared)
    (batch, *_) = run.batches.epoch(0, 8, np.random.default_rng(0))
    towers = run.towers()._towers
    query, document, negatives = (
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        for vectors in (
            towers["query"]._call(batch.query)[0].numpy(),
            towers["document"]._call(batch.document)[0].numpy(),
            towers["document"]._call(batch.negatives)[0].numpy(),
        )
    )
    losses = []
    for i, one in enumerate(query):
        own = negatives[prepared * i : prepared * (i + 1)]
        cosines = [one @ document[i], *(one @ other for other in own)]
        losses.append(softmax_loss(cosines[0], cosines[1:]))
    assert float(run.step(*batch.arguments)) == pytest.approx(np.mean(losses), rel=1e-4)
    builder = MLPNegativeSamplingModelBuilder(prepared, towers=run.model)
    assert builder.build_model().count_params() == run.model.count_params() - 2, "but for the head"


def test_held_out_pairs_are_not_trained_on_though_the_shards_hold_them(tmp_path):
    pairs, file = tiny.pairs().drop(columns="split"), tmp_path / "pairs.csv"
    pairs.to_csv(file, index=False)
    config = NegativesConfig(number=4, shard=100)
    manifest = prepare_negatives(file, tmp_path / "shards", config, log=quiet)
    assert manifest["pairs"] == len(pairs)
    run = mlp(tmp_path, pairs=pairs)
    assert run.batches.pairs == len(run.splits["train"]) < len(pairs)
    assert not set(run.splits["test"]["document"].str.split().str[-1]) & set(run.vocabulary)


def test_the_softmax_loss_needs_prepared_negatives_and_a_functional_model(tmp_path):
    with pytest.raises(UserError, match="needs prepared negatives"):
        trainer(tmp_path / "state.npz", loss="softmax")
    with pytest.raises(UserError, match=r"\"softmax\" does not train.*retrieval, sampled, binary"):
        plain(tmp_path, "lstm-subclass", loss="softmax", data=mlp(tmp_path).batches._folder)


# plain ids and labels


def plain(tmp_path, name="lstm-plain", pairs=None, data=None, **training):
    from dssm_core.training import Plan, Trainer, TrainingConfig

    small = {"query_length": 6, "document_length": 10, "vocabulary": 60, "embedding": 8}
    small |= {"units": 6, "hidden": 8, "vector": 8, "pieces": 0}
    config = TrainingConfig(**{**CHOICES, **training})
    frame = tiny.pairs() if pairs is None else pairs
    sizes = replace(family(name).config, **small)
    plan = Plan(frame, tmp_path / "m", sizes, config, name, data)
    return Trainer.prepare(plan, tmp_path / "p.npz", quiet)


@pytest.mark.parametrize("name", ["lstm-plain", "lstm-subclass"])
def test_a_model_of_plain_ids_trains_and_reads_only_the_words_it_has_ids_for(tmp_path, name):
    run = plain(tmp_path, name, epochs=12)
    run.run()
    losses = [row["loss"] for row in run.progress.history]
    assert losses[-1] < 0.95 * losses[0]
    assert len(run.vocabulary) == 59, "row 0 is padding"
    towers = run.towers()
    rare = next(w for w in tiny.pairs()["document"].str.split().str[-1] if w not in run.vocabulary)
    found = towers.encode(["guitar", f"guitar {rare}", f"{rare} zzyzx", "guitar guitar"], "query")
    states = [[token.state for token in encoding.tokens] for encoding in found]
    assert states == [["seen"], ["seen", "skipped"], ["skipped"] * 2, ["seen"] * 2]
    assert (found[0].vector == found[1].vector).all()
    assert not found[2].vector.any()
    assert (found[0].vector != found[3].vector).any()


def test_the_loss_labelled_learns_from_pairs_labelled_0(tmp_path):
    pairs = tiny.pairs()
    pairs["label"] = np.arange(len(pairs)) % 2
    run = plain(tmp_path, pairs=pairs, loss="labelled", spans=0.0)
    train = pairs.query("split == 'train'")
    labels = [batch.label for batch in run.batches.epoch(0, 32, np.random.default_rng(0))]
    assert np.concatenate(labels).sum() == train["label"].sum()
    assert run.batches.pairs == len(train)
    (batch, *_) = run.batches.epoch(0, 32, np.random.default_rng(0))
    outputs = run.model([batch.query[..., 0], batch.document[..., 0]])["out"].numpy()[:, 0]
    expected = -np.mean(np.log(np.where(batch.label == 1, outputs, 1 - outputs)))
    assert float(run.step(*batch.arguments)) == pytest.approx(expected, rel=1e-4)


def test_the_loss_labelled_does_not_read_shards(tmp_path):
    with pytest.raises(UserError, match=r"labels of --pairs.*Leave out"):
        mlp(tmp_path, loss="labelled")


def test_an_mlp_of_plain_ids_is_refused(tmp_path):
    from dssm_core.training import Plan, Trainer, TrainingConfig

    sizes = replace(family("mlp").config, pieces=0)
    plan = Plan(tiny.pairs(), tmp_path / "m", sizes, TrainingConfig(), "mlp")
    with pytest.raises(UserError, match="pieces 0"):
        Trainer.prepare(plan, tmp_path / "s.npz", quiet)


def test_a_handful_of_pairs_can_be_measured_on_itself_and_says_so(tmp_path):
    few = tiny.pairs(8).drop(columns="split")
    run = trainer(tmp_path / "state.npz", pairs=few, measured_on="training pairs", epochs=1)
    assert all(part is few for part in run.splits.values())
    few["label"] = 0
    with pytest.raises(UserError, match="too few"):
        trainer(tmp_path / "state.npz", pairs=few, measured_on="training pairs")


def test_the_validation_texts_are_encoded_once_an_epoch(tmp_path, monkeypatch):
    from dssm_core.models.compiled import CompiledTowers

    encoded, real = [], CompiledTowers.encode

    def encode(self, texts, side):
        encoded.extend((side, text) for text in texts)
        return real(self, texts, side)

    run = trainer(tmp_path / "state.npz", epochs=1)
    monkeypatch.setattr(CompiledTowers, "encode", encode)
    run.run()
    validation = run.splits["validation"]
    texts = validation["query"].nunique() + validation["document"].nunique()
    assert len(encoded) == len(set(encoded)) == texts


def test_the_sampled_loss_without_prepared_negatives_is_refused(tmp_path):
    with pytest.raises(UserError, match="needs prepared negatives"):
        trainer(tmp_path / "state.npz", loss="sampled")
