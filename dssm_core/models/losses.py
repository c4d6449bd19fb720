"""The training losses: softmax in the batch or on prepared negatives, and cross-entropy; a step.

Shape letters: N rows of a batch, E vector.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from dssm_core.families import LOSSES, Loss
from dssm_core.models.distillation import likeness_loss, taught_loss
from dssm_core.models.layers import unit_length
from dssm_core.models.negative_sampling import MLPNegativeSamplingModelBuilder
from dssm_core.models.tower import cut_towers, model_input
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
    head: keras.layers.Layer,
    label: tf.Tensor | None = None,
) -> tf.Tensor:
    """The notebook's binary cross-entropy on the head.

    Args:
        query: unit vectors [N, E].
        document: unit vectors [N, E].
        prepared: unit vectors [N * K, E] of each query's own prepared negatives; K may be 0.
        same: bool [N, N], True where row and column share a query or a document.
        negatives: the next so many documents of the batch are negatives of a query, too.
        head: layer from cosines [M, 1] to probabilities [M, 1].
        label: float [N], 1 where query and document of a row belong together, 0 where they do
            not; all do without it.

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
    own = tf.ones_like(probability[:, :1]) if label is None else label[:, None]
    target = tf.concat([own, tf.zeros_like(probability[:, 1:])], axis=1)
    loss = -target * tf.math.log(probability) - (1 - target) * tf.math.log1p(-probability)
    weight = tf.cast(counted, loss.dtype)
    return tf.reduce_sum(loss * weight) / tf.reduce_sum(weight)


def prepared_cosines(query: tf.Tensor, prepared: tf.Tensor) -> tf.Tensor:
    """Return the cosines [N, K] of unit queries [N, E] with their own negatives [N * K, E].

    Raises:
        tf.errors.InvalidArgumentError: if the negatives do not divide by the queries.
    """
    rows, width = tf.shape(query)[0], tf.shape(query)[1]
    message = "prepared negatives must be [N * K, E] to queries [N, E]: K to each"
    tf.debugging.assert_equal(tf.shape(prepared)[0] % rows, 0, message=message)
    own = tf.reshape(prepared, (rows, tf.shape(prepared)[0] // rows, width))  # [N, K, E]
    return tf.einsum("ne,nke->nk", query, own)


def compile_step(
    model: keras.Model,
    loss: Loss,
    sharpness: float = 20.0,
    negatives: int = 0,
    in_batch: int = 0,
    total: Callable[[tf.Tensor], tf.Tensor] | None = None,
    teaching: float = 0.0,
) -> Callable[..., tf.Tensor]:
    """Return a compiled function from a batch to its loss that also takes a step.

    Args:
        model: of any family, compiled with an optimizer; functional for the loss "softmax".
        loss: which of the five.
        sharpness: of the retrieval and the sampled loss.
        negatives: prepared ones to each query (K), for the loss "softmax".
        in_batch: other documents of the batch that are a query's negatives, for "binary".
        total: sums a vector over the workers that take the step together, each on its share of
            the rows; none without.
        teaching: how much the distillation loss counts beside this one; 0 without a teacher.

    Returns:
        (query [N, T, P], document [N, T, P], prepared negatives [N * K, T, P], same [N, N],
        label [N], share of the step's rows = 1) -> scalar, the mean of all workers' by share;
        with a teacher also its vectors of queries [N, W], of documents [N, W] and of prepared
        negatives [N * K, W], M unlabelled texts [M, T, P], and its vectors [M, W] of these.

    Raises:
        ValueError: if there is no such loss.
    """
    if loss not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, not {loss!r}")
    value_of = (
        _softmax(model, negatives)
        if loss == "softmax"
        else _on_vectors(model, loss, sharpness, in_batch, teaching)
    )
    pieces = cut_towers(model)["query"].pieces or 1
    texts = tf.TensorSpec((None, None, pieces), tf.int32)
    same, labels = tf.TensorSpec((None, None), tf.bool), tf.TensorSpec((None,), tf.float32)
    signature = [texts, texts, texts, same, labels, tf.TensorSpec((), tf.float32)]
    if teaching:
        vectors = tf.TensorSpec((None, None), tf.float32)
        signature += [vectors, vectors, vectors, texts, vectors]

    @tf.function(input_signature=signature)
    def step(
        query: tf.Tensor,
        document: tf.Tensor,
        prepared: tf.Tensor,
        same: tf.Tensor,
        label: tf.Tensor,
        share: tf.Tensor,
        *taught: tf.Tensor,
    ) -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = value_of(query, document, prepared, same, label, *taught)
        weights = model.trainable_variables
        learned = [
            (gradient, weight)
            for gradient, weight in zip(tape.gradient(value, weights), weights, strict=True)
            if gradient is not None  # a softmax over cosines does not touch the head
        ]
        gradients, touched = map(list, zip(*learned, strict=True))
        if total is not None:
            shapes = [(), *(tuple(weight.shape) for weight in touched)]
            value, *gradients = _totals([value, *gradients], shapes, share, total)
        model.optimizer.apply(gradients, touched)
        return value

    def with_share(*batch: Any) -> tf.Tensor:
        return step(*batch, *(() if len(batch) >= 6 else (1.0,)))

    return with_share


def _totals(
    tensors: Sequence[tf.Tensor],
    shapes: Sequence[tuple[int, ...]],
    share: tf.Tensor,
    total: Callable[[tf.Tensor], tf.Tensor],
) -> list[tf.Tensor]:
    """Return the sums over workers of their tensors times share, all in one message.

    Dense, and before the optimizer clips and squares them, so that any number of workers takes
    the same step. (Of a table's gradient that is not dense, Keras clips and squares each word's
    part by itself.)
    """
    flat = [tf.reshape(tf.convert_to_tensor(tensor), (-1,)) for tensor in tensors]
    sizes = [math.prod(shape) for shape in shapes]
    whole = total(tf.ensure_shape(share * tf.concat(flat, axis=0), (sum(sizes),)))
    parts = tf.split(whole, sizes)
    return [tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]


def _on_vectors(
    model: keras.Model, loss: Loss, sharpness: float, in_batch: int, teaching: float
) -> Callable[..., tf.Tensor]:
    """Return a loss that needs no more than the vectors of the batch, and the head.

    The retrieval loss asks of each part of the vector that it ranks by itself, too: left to the
    whole alone, the learned part leans on the lexical one and stays weak.
    """
    towers = cut_towers(model)
    parts = towers["query"].parts
    sides: tuple[Side, Side, Side] = ("query", "document", "document")
    head = model.get_layer("out")

    def value_of(
        query: tf.Tensor,
        document: tf.Tensor,
        prepared: tf.Tensor,
        same: tf.Tensor,
        label: tf.Tensor,
        *taught: tf.Tensor,
    ) -> tf.Tensor:
        one, other, extra = (
            unit_length(towers[side].call(texts, training=True)[0])
            for side, texts in zip(sides, (query, document, prepared), strict=True)
        )
        value = own_loss(one, other, extra, same, label)
        if taught:
            *by_side, texts, by_text = taught
            more = towers["document"].call(texts, training=True)[0]
            value += teaching * taught_loss((one, other, extra), by_side, parts[0], sharpness)
            value += teaching * likeness_loss(more[:, : parts[0]], by_text, sharpness)
        return value

    def own_loss(
        one: tf.Tensor, other: tf.Tensor, extra: tf.Tensor, same: tf.Tensor, label: tf.Tensor
    ) -> tf.Tensor:
        if loss == "retrieval":
            value = retrieval_loss(one, other, extra, same, sharpness)
            if len(parts) > 1:
                cuts = [tf.split(vectors, parts, axis=1) for vectors in (one, other, extra)]
                for cut in zip(*cuts, strict=True):
                    query_part, document_part, extra_part = map(unit_length, cut)
                    value += retrieval_loss(query_part, document_part, extra_part, same, sharpness)
            return value
        if loss == "sampled":
            return sampled_loss(one, other, extra, sharpness)
        if loss == "labelled":
            return binary_loss(one, other, extra, same, 0, head, label)
        return binary_loss(one, other, extra, same, in_batch, head)

    return value_of


def _softmax(model: keras.Model, negatives: int) -> Callable[..., tf.Tensor]:
    """Return the loss of the notebook's builder: cross-entropy of its `similarity` with ones."""
    builder = MLPNegativeSamplingModelBuilder(negatives, towers=model)
    similarity_of = builder.build_model()
    pieces = cut_towers(model)["query"].pieces

    def value_of(
        query: tf.Tensor,
        document: tf.Tensor,
        prepared: tf.Tensor,
        same: tf.Tensor,
        label: tf.Tensor,
    ) -> tf.Tensor:
        tiled = tile_documents(document, prepared, negatives)  # [(K + 1) * N, T, P]
        texts = [model_input(side, pieces) for side in (query, tiled)]
        similarity = similarity_of(texts, training=True)  # [N, 1]
        ones = tf.ones_like(similarity)
        return tf.reduce_mean(keras.losses.binary_crossentropy(ones, similarity))

    return value_of


def tile_documents(document: tf.Tensor, prepared: tf.Tensor, negatives: int) -> tf.Tensor:
    """Return documents and their prepared negatives as the builder's model takes them.

    Args:
        document: int [N, T, P], each query's own.
        prepared: int [N * K, T', P], K to each row in order.
        negatives: K.

    Returns:
        int [(K + 1) * N, max(T, T'), P]: the N positives, then everyone's first negative, ...

    Raises:
        tf.errors.InvalidArgumentError: if `prepared` has not K rows to each document.
    """
    rows = tf.shape(document)[0]
    message = f"prepared negatives must be [N * {negatives}, T, P] to documents [N, T, P]"
    tf.debugging.assert_equal(tf.shape(prepared)[0], rows * negatives, message=message)
    length = tf.maximum(tf.shape(document)[1], tf.shape(prepared)[1])

    def padded(texts: tf.Tensor) -> tf.Tensor:
        return tf.pad(texts, [[0, 0], [0, length - tf.shape(texts)[1]], [0, 0]])

    by_row = tf.reshape(padded(prepared), (rows, negatives, length, prepared.shape[2]))
    columns = tf.transpose(by_row, (1, 0, 2, 3))  # [K, N, T, P]
    tiled = tf.concat([padded(document)[None], columns], axis=0)  # [K + 1, N, T, P]
    return tf.reshape(tiled, ((negatives + 1) * rows, length, prepared.shape[2]))
