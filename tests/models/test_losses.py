"""The losses against loops."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.models.arrays import softmax_loss


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    rows, negatives, width = 5, 2, 4
    query, document, prepared = (
        v / np.linalg.norm(v, axis=1, keepdims=True)
        for v in (rng.normal(size=(n, width)) for n in (rows, rows, rows * negatives))
    )
    same = np.eye(rows, dtype=bool)
    same[0, 3] = same[3, 0] = same[1, 2] = same[2, 1] = True
    return [v.astype(np.float32) for v in (query, document, prepared)] + [same]


@pytest.mark.parametrize("with_prepared", [True, False])
def test_the_retrieval_loss_is_a_softmax_both_ways_without_accidental_hits(batch, with_prepared):
    from dssm_core.models.losses import retrieval_loss

    query, document, prepared, same = batch
    if not with_prepared:
        prepared = prepared[:0]
    cosine, losses = 20 * query @ document.T, []
    for i in range(5):
        others = [cosine[i, j] for j in range(5) if not same[i, j]]
        if with_prepared:
            others += [20 * query[i] @ prepared[2 * i + k] for k in range(2)]
        losses.append(softmax_loss(cosine[i, i], others))
        losses.append(
            softmax_loss(cosine[i, i], [cosine[j, i] for j in range(5) if not same[i, j]])
        )
    found = float(retrieval_loss(query, document, prepared, same, 20.0))
    assert found == pytest.approx(np.mean(losses), rel=1e-4)


def test_an_accidental_hit_does_not_push_its_own_document_away(batch):
    from dssm_core.models.losses import retrieval_loss

    query, document, _, same = batch
    document = document.copy()
    document[3] = document[0]  # rows 0 and 3 share their document
    query[3] = query[0] = document[0]
    nothing = document[:0]
    masked = float(retrieval_loss(query, document, nothing, same, 20.0))
    pushed = float(retrieval_loss(query, document, nothing, np.eye(5, dtype=bool), 20.0))
    assert pushed > masked + 0.1


@pytest.mark.parametrize(("negatives", "with_prepared"), [(2, True), (4, False), (0, True)])
def test_the_binary_loss_is_the_mean_over_pairs_that_are_no_accidental_hits(
    batch, negatives, with_prepared
):
    from dssm_core.models.losses import binary_loss

    query, document, prepared, same = batch
    if not with_prepared:
        prepared = prepared[:0]

    def head(cosine):
        import tensorflow as tf

        return tf.sigmoid(3 * cosine - 1)

    def probability(one, other) -> float:
        return 1 / (1 + math.exp(-(3 * float(one @ other) - 1)))

    losses = []
    for i in range(5):
        losses.append(-math.log(probability(query[i], document[i])))
        for j in (j % 5 for j in range(i + 1, i + 1 + negatives)):
            if not same[i, j]:
                losses.append(-math.log(1 - probability(query[i], document[j])))
        for k in range(2 if with_prepared else 0):
            losses.append(-math.log(1 - probability(query[i], prepared[2 * i + k])))
    found = float(binary_loss(query, document, prepared, same, negatives, head))
    assert found == pytest.approx(np.mean(losses), rel=1e-4)


def test_the_sampled_loss_is_a_softmax_over_own_negatives_alone():
    import tensorflow as tf

    from dssm_core.models.losses import sampled_loss

    rng = np.random.default_rng(3)
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in rng.normal(size=(3, 6, 4))]
    query, document = unit[0][:3], unit[1][:3]
    prepared = unit[2]  # two to each query
    expected = []
    for i in range(3):
        cosines = [
            query[i] @ document[i],
            query[i] @ prepared[2 * i],
            query[i] @ prepared[2 * i + 1],
        ]
        expected.append(-np.log(np.exp(5 * cosines[0]) / np.exp(5 * np.array(cosines)).sum()))
    tensors = [tf.constant(v, tf.float32) for v in (query, document, prepared)]
    assert float(sampled_loss(*tensors, 5.0)) == pytest.approx(np.mean(expected), rel=1e-5)


def test_prepared_negatives_that_do_not_divide_are_told_the_expected_shape():
    import tensorflow as tf

    from dssm_core.models.losses import prepared_cosines, tile_documents

    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[N \* K, E\] to queries \[N, E\]"):
        prepared_cosines(tf.zeros((3, 2)), tf.zeros((4, 2)))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[N \* 2, T, P\] to documents"):
        tile_documents(tf.zeros((3, 1, 2), tf.int32), tf.zeros((5, 1, 2), tf.int32), 2)


def test_documents_are_tiled_positives_first_then_everyones_first_negative():
    from dssm_core.models.losses import tile_documents

    document = np.array([[[1]], [[2]], [[3]]], np.int32)
    prepared = np.array([[[11, 0]], [[12, 0]], [[21, 7]], [[22, 0]], [[31, 0]], [[32, 0]]])
    tiled = tile_documents(document, prepared.transpose(0, 2, 1).astype(np.int32), 2).numpy()
    assert tiled[:, 0, 0].tolist() == [1, 2, 3, 11, 21, 31, 12, 22, 32]
    assert tiled[4, 1, 0] == 7
    assert tiled.shape == (9, 2, 1)


def test_a_loss_that_is_none_is_refused():
    import keras

    from dssm_core.models.losses import compile_step

    with pytest.raises(ValueError, match="loss must be one of retrieval, .*, not 'hinge'"):
        compile_step(keras.Sequential(), "hinge")
