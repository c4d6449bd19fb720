"""What a teacher adds to a training loss: how alike texts are to it.

Shape letters: N rows of a batch, K prepared negatives a row, M unlabelled texts, E vector, W the
teacher's vector.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from dssm_core.models.layers import unit_length


def taught_loss(
    vectors: Sequence[tf.Tensor], taught: Sequence[tf.Tensor], learned: int, sharpness: float
) -> tf.Tensor:
    """Return the distillation losses of a batch: queries by documents, and the other way.

    Of a vector with a lexical part the learned part is taught by itself, too.

    Args:
        vectors: unit vectors of queries [N, E], documents [N, E], prepared negatives [N * K, E].
        taught: the teacher's of the same.
        learned: width of the learned part; E where it is all.
        sharpness: multiplies the cosines before the softmax.
    """
    (query, document, negative), (by_query, by_document, by_negative) = vectors, taught
    number = tf.shape(document)[0]
    by_column = tf.concat([by_document, by_negative], axis=0)
    cuts = [(query, tf.concat([document, negative], axis=0))]
    if learned < query.shape[1]:
        cuts += [tuple(unit_length(side[:, :learned]) for side in cuts[0])]
    value = tf.constant(0.0)
    for rows, columns in cuts:
        value += distillation_loss(rows, columns, by_query, by_column, sharpness)
        value += distillation_loss(columns[:number], rows, by_document, by_query, sharpness)
    return value / 2


def likeness_loss(vectors: tf.Tensor, taught: tf.Tensor, sharpness: float) -> tf.Tensor:
    """Return the distillation loss of texts [M, E], each against all the others."""
    itself = tf.eye(tf.shape(vectors)[0], dtype=tf.bool)
    vectors = unit_length(vectors)
    return distillation_loss(vectors, vectors, taught, taught, sharpness, itself)


def distillation_loss(
    rows: tf.Tensor,
    columns: tf.Tensor,
    taught_rows: tf.Tensor,
    taught_columns: tf.Tensor,
    sharpness: float,
    left_out: tf.Tensor | None = None,
) -> tf.Tensor:
    """How far the likeness of each row's text to the columns' is from what the teacher says.

    Likeness is a softmax over cosines, so that vectors of any two widths can be compared. A text
    whose taught vector is 0, of which the teacher says nothing, is neither row nor column.

    Args:
        rows: the student's unit vectors [R, E].
        columns: the student's unit vectors [C, E].
        taught_rows: the teacher's unit vectors [R, W].
        taught_columns: the teacher's unit vectors [C, W].
        sharpness: multiplies the cosines before the softmax.
        left_out: bool [R, C], True where a column is none of the row's; all are without it.

    Returns:
        scalar, the mean Kullback-Leibler divergence of the student from the teacher over rows.

    Source: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network"; Tejankar et al.
    2021, "ISD: Self-Supervised Learning by Iterative Similarity Distillation".
    """
    said = tf.reduce_any(taught_rows != 0, axis=1)  # [R]
    unknown = ~tf.reduce_any(taught_columns != 0, axis=1)[None, :]  # [1, C]
    hidden = unknown if left_out is None else unknown | left_out
    found, wanted = (
        tf.nn.log_softmax(tf.where(hidden, -1e9, sharpness * tf.matmul(one, other, False, True)))
        for one, other in ((rows, columns), (taught_rows, taught_columns))
    )
    per_row = tf.reduce_sum(tf.exp(wanted) * (wanted - found), axis=1)  # [R]
    weight = tf.cast(said, per_row.dtype)
    return tf.math.divide_no_nan(tf.reduce_sum(weight * per_row), tf.reduce_sum(weight))
