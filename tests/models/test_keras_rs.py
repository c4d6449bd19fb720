"""Our losses, negatives and figures against keras-rs, where it has the same thing, and a loop."""

from __future__ import annotations

import math

import keras_rs
import numpy as np
import pytest
import tensorflow as tf

from dssm_core.evaluation import Collection, evaluate_run, rank_documents
from dssm_core.models.losses import retrieval_loss, sampled_loss


def unit(*shape: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=shape)
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def cross_entropy(labels: np.ndarray, logits: np.ndarray) -> float:
    losses = tf.nn.softmax_cross_entropy_with_logits(labels, logits)
    return float(tf.reduce_mean(losses))


# losses


def test_with_one_negative_the_sampled_loss_is_the_pairwise_logistic_loss():
    query, document, prepared = unit(6, 4), unit(6, 4, seed=1), unit(6, 4, seed=2)
    own, other = (query * document).sum(1), (query * prepared).sum(1)
    by_loop = np.mean([math.log1p(math.exp(20 * (b - a))) for a, b in zip(own, other, strict=True)])
    ours = float(sampled_loss(*map(tf.constant, (query, document, prepared)), 20.0))
    labels = np.tile(np.float32([1, 0]), (6, 1))
    pairwise = keras_rs.losses.PairwiseLogisticLoss(reduction=None)
    theirs = pairwise(labels, 20 * np.stack([own, other], axis=1)).numpy().sum() / 6
    assert ours == pytest.approx(by_loop, rel=1e-5)
    assert theirs == pytest.approx(by_loop, rel=1e-5)


def test_the_sampled_loss_on_the_hardest_of_many_is_that_after_hard_negative_mining():
    query, document, others = unit(5, 4), unit(5, 4, seed=1), unit(5, 9, 4, seed=2)
    logits = np.concatenate(
        [(query * document).sum(1)[:, None], np.einsum("ne,nke->nk", query, others)], axis=1
    )
    labels = np.eye(10, dtype=np.float32)[[0] * 5]
    mined, kept = keras_rs.layers.HardNegativeMining(3)(20 * logits, labels)
    hardest = np.stack([rank_documents(row, frozenset())[:3] for row in logits[:, 1:]])  # [N, 3]
    for row, found, label, places in zip(logits, mined, kept, hardest, strict=True):
        by_loop = sorted(sorted(row[1:])[-3:])
        assert sorted(found.numpy()[label.numpy() == 0] / 20) == pytest.approx(by_loop, rel=1e-5)
        assert sorted(row[1:][places]) == pytest.approx(by_loop)
    prepared = np.take_along_axis(others, hardest[..., None], axis=1).reshape(-1, 4)
    ours = float(sampled_loss(*map(tf.constant, (query, document, prepared)), 20.0))
    assert ours == pytest.approx(cross_entropy(kept, mined), rel=1e-5)


def test_correcting_for_the_chance_of_being_drawn_changes_nothing_if_all_have_the_same():
    query, document, prepared = unit(5, 4), unit(5, 4, seed=1), unit(10, 4, seed=2)
    cosines = np.stack([query[n // 2] @ prepared[n] for n in range(10)]).reshape(5, 2)
    logits = 20 * np.concatenate([(query * document).sum(1)[:, None], cosines], axis=1)
    correct = keras_rs.layers.SamplingProbabilityCorrection()
    labels = np.eye(3, dtype=np.float32)[[0] * 5]
    ours = float(sampled_loss(*map(tf.constant, (query, document, prepared)), 20.0))
    alike = correct(logits, np.full((5, 3), 0.1, np.float32))
    assert ours == pytest.approx(cross_entropy(labels, alike), rel=1e-5)
    chance = np.float32([[0.5, 0.2, 0.3]] * 5)
    by_loop = [[row[k] - math.log(chance[0, k]) for k in range(3)] for row in logits]
    np.testing.assert_allclose(correct(logits, chance), by_loop, rtol=1e-5)


def test_its_removal_of_accidental_hits_removes_none_and_ours_does():
    logits, labels = np.float32([[9.0, 9.0, 1.0]]), np.float32([[1, 0, 0]])
    ids = np.array([7, 7, 8])  # the second candidate is the positive once more
    kept = keras_rs.layers.RemoveAccidentalHits()(logits, labels, ids).numpy()
    assert (kept == logits).all(), "should it work one day, it can replace our mask"
    vectors = unit(3, 4)
    document = vectors[[0, 0, 1]]  # rows 0 and 1 share their document
    same = np.eye(3, dtype=bool)
    same[0, 1] = same[1, 0] = True
    nothing = document[:0]
    masked, pushed = (
        float(retrieval_loss(*map(tf.constant, (vectors, document, nothing, mask)), 20.0))
        for mask in (same, np.eye(3, dtype=bool))
    )
    assert masked < pushed - 0.1


# figures


@pytest.fixture(scope="module")
def run() -> tuple[np.ndarray, np.ndarray, Collection]:
    """Return scores [Q, D] without ties, labels [Q, D], and the collection that has them."""
    rng = np.random.default_rng(3)
    scores = rng.permuted(np.tile(np.linspace(-1, 1, 40), (25, 1)), axis=1).astype(np.float32)
    labels = np.zeros((25, 40), np.float32)
    for row, number in zip(labels, rng.integers(1, 4, 25), strict=True):
        row[rng.choice(40, number, replace=False)] = 1
    relevant = tuple(frozenset(map(int, np.flatnonzero(row))) for row in labels)
    documents = tuple(f"d{i}" for i in range(40))
    return scores, labels, Collection(tuple(f"q{i}" for i in range(25)), documents, relevant)


def test_mrr_and_recall_agree_with_keras_rs_and_with_a_loop(run):
    scores, labels, collection = run
    ours = evaluate_run(collection, list(scores))
    expected = {"MRR@10": [], "recall@10": [], "recall@1": []}
    for row, label in zip(scores, labels, strict=True):
        order = np.argsort(-row)
        ranks = [place for place, document in enumerate(order, 1) if label[document]]
        expected["MRR@10"].append(1 / ranks[0] if ranks[0] <= 10 else 0)
        for k in (1, 10):
            expected[f"recall@{k}"].append(sum(rank <= k for rank in ranks) / len(ranks))
    theirs = {
        "MRR@10": keras_rs.metrics.MeanReciprocalRank(k=10),
        "recall@10": keras_rs.metrics.RecallAtK(k=10),
        "recall@1": keras_rs.metrics.RecallAtK(k=1),
    }
    for name, metric in theirs.items():
        assert ours[name].tolist() == pytest.approx(expected[name])
        assert float(metric(labels, scores)) == pytest.approx(np.mean(expected[name]), rel=1e-5)


@pytest.mark.slow
def test_ndcg_agrees_with_keras_rs_query_by_query(run):
    scores, labels, collection = run
    ours = evaluate_run(collection, list(scores))["nDCG@10"]
    for number, (row, label) in enumerate(zip(scores, labels, strict=True)):
        theirs = float(keras_rs.metrics.NDCG(k=10)(label[None], row[None]))
        assert theirs == pytest.approx(ours[number], rel=1e-5)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_on_a_tie_ours_counts_against_the_model_while_theirs_hangs_on_the_sort(place):
    labels, tied = np.float32([np.arange(3) == place]), np.zeros((1, 3), np.float32)
    collection = Collection(("q",), ("a", "b", "c"), (frozenset([place]),))
    ours = evaluate_run(collection, list(tied))["MRR@10"][0]
    theirs = keras_rs.metrics.MeanReciprocalRank(shuffle_ties=False)
    assert ours == pytest.approx(1 / 3)
    assert float(theirs(labels, tied)) >= ours - 1e-6, "which of the three depends on the run"
