"""The training losses: softmax in the batch or on prepared negatives, and cross-entropy; a step.

Shape letters: N rows of a batch, E vector.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import keras
import tensorflow as tf

from dssm_core.models.families import cut_towers
from dssm_core.models.layers import unit_length
from dssm_core.text import PIECES
from dssm_core.towers import Side


def retrieval_loss(
    query: tf.Tensor, document: tf.Tensor, prepared: tf.Tensor, same: tf.Tensor, sharpness: float
) -> tf.Tensor:
    """In-batch softmax in both directions: each query's own document against all the batch's.

    Args:
        query: unit vectors [N, E].
        document: unit vectors [N, E].
        prepared: unit vectors [N * K, E] of each query's own prepared negatives; K may be 0.
        same: bool [N, N], True where row and column share a query or a document: those off
            the diagonal are no negatives.
        sharpness: multiplies the cosines before the softmax.

    Returns:
        scalar, mean over rows of both directions.

    Source: Huang et al. 2013, section 3.3, with the batch beside sampled negatives.
    """
    logits = sharpness * tf.matmul(query, document, transpose_b=True)  # [N, N]
    own = tf.eye(tf.shape(logits)[0], dtype=tf.bool)
    logits = tf.where(same & ~own, -1e9, logits)
    forward = tf.concat([logits, sharpness * prepared_cosines(query, prepared)], axis=1)
    rows = tf.range(tf.shape(logits)[0])
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits
    return tf.reduce_mean(loss(rows, forward) + loss(rows, tf.transpose(logits))) / 2


def sampled_loss(
    query: tf.Tensor, document: tf.Tensor, prepared: tf.Tensor, sharpness: float
) -> tf.Tensor:
    """Softmax of each query's own document against its own prepared negatives alone.

    Args:
        query: unit vectors [N, E].
        document: unit vectors [N, E].
        prepared: unit vectors [N * K, E] of each query's negatives, K at least 1.
        sharpness: multiplies the cosines before the softmax.

    Returns:
        scalar, mean over rows.

    Source: Huang et al. 2013, section 3.3; notebook, `MLPNegativeSamplingModelBuilder`.
    """
    own = tf.reduce_sum(query * document, axis=1, keepdims=True)  # [N, 1]
    logits = sharpness * tf.concat([own, prepared_cosines(query, prepared)], axis=1)  # [N, 1 + K]
    return tf.reduce_mean(tf.reduce_logsumexp(logits - logits[:, :1], axis=1))


def binary_loss(
    query: tf.Tensor,
    document: tf.Tensor,
    prepared: tf.Tensor,
    same: tf.Tensor,
    negatives: int,
    head: Any,
) -> tf.Tensor:
    """The notebook's binary cross-entropy on the head.

    Args:
        query: unit vectors [N, E].
        document: unit vectors [N, E].
        prepared: unit vectors [N * K, E] of each query's own prepared negatives; K may be 0.
        same: bool [N, N], True where row and column share a query or a document.
        negatives: the next so many documents of the batch are negatives of a query, too.
        head: layer from cosines [M, 1] to probabilities [M, 1].

    Returns:
        scalar, the mean over all pairs that are no accidental hits.

    Source: notebook, `compile(loss={"out": "binary_crossentropy"})`.
    """
    cosines, valid = [], []
    for shift in range(negatives + 1):
        cosines.append(tf.reduce_sum(query * tf.roll(document, -shift, axis=0), axis=1))
        hits = tf.linalg.diag_part(tf.roll(same, -shift, axis=1))
        valid.append(tf.ones_like(hits) if shift == 0 else ~hits)
    extra = prepared_cosines(query, prepared)  # [N, K]
    cosine = tf.concat([tf.stack(cosines, axis=1), extra], axis=1)  # [N, 1 + negatives + K]
    counted = tf.concat([tf.stack(valid, axis=1), tf.ones_like(extra, tf.bool)], axis=1)
    probability = tf.reshape(head(tf.reshape(cosine, (-1, 1))), tf.shape(cosine))
    probability = tf.clip_by_value(probability, 1e-7, 1 - 1e-7)
    loss = tf.concat(
        [-tf.math.log(probability[:, :1]), -tf.math.log1p(-probability[:, 1:])], axis=1
    )
    weight = tf.cast(counted, loss.dtype)
    return tf.reduce_sum(loss * weight) / tf.reduce_sum(weight)


def prepared_cosines(query: tf.Tensor, prepared: tf.Tensor) -> tf.Tensor:
    """Return the cosines [N, K] of unit queries [N, E] with their own negatives [N * K, E]."""
    rows, width = tf.shape(query)[0], tf.shape(query)[1]
    own = tf.reshape(prepared, (rows, tf.shape(prepared)[0] // rows, width))  # [N, K, E]
    return tf.einsum("ne,nke->nk", query, own)


def compile_step(
    model: keras.Model,
    loss: Literal["retrieval", "sampled", "binary"],
    sharpness: float = 20.0,
    negatives: int = 0,
) -> Callable[..., tf.Tensor]:
    """Return a compiled function from a batch to its loss that also takes a step.

    Args:
        model: of any family, compiled with an optimizer.
        loss: which of the three.
        sharpness: of the retrieval loss.
        negatives: in-batch ones of the binary loss.

    Returns:
        (query, document, prepared negatives [N, T, P], same [N, N]) -> scalar.
    """
    towers = cut_towers(model)
    sides: tuple[Side, Side, Side] = ("query", "document", "document")
    head = model.get_layer("out")
    pieces = tf.TensorSpec((None, None, PIECES), tf.int32)

    @tf.function(input_signature=[pieces, pieces, pieces, tf.TensorSpec((None, None), tf.bool)])
    def step(query: Any, document: Any, prepared: Any, same: Any) -> tf.Tensor:
        with tf.GradientTape() as tape:
            one, other, extra = (
                unit_length(towers[side].call(texts, training=True)[0])
                for side, texts in zip(sides, (query, document, prepared), strict=True)
            )
            if loss == "retrieval":
                value = retrieval_loss(one, other, extra, same, sharpness)
            elif loss == "sampled":
                value = sampled_loss(one, other, extra, sharpness)
            else:
                value = binary_loss(one, other, extra, same, negatives, head)
        learned = [
            (gradient, weight)
            for gradient, weight in zip(
                tape.gradient(value, model.trainable_variables),
                model.trainable_variables,
                strict=True,
            )
            if gradient is not None  # the retrieval loss does not touch the head
        ]
        model.optimizer.apply(*zip(*learned, strict=True))
        return value

    return step
