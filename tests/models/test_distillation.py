"""The distillation loss against a loop, and what it leaves out."""

from __future__ import annotations

import numpy as np
import pytest


def unit(rng: np.random.Generator, rows: int, width: int) -> np.ndarray:
    """Return random unit vectors [rows, width]."""
    vectors = rng.normal(size=(rows, width))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def divergence(found: np.ndarray, wanted: np.ndarray) -> float:
    """Return how far the softmax of one row of logits is from that of another."""
    one, other = (np.exp(row) / np.exp(row).sum() for row in (found, wanted))
    return float((other * np.log(other / one)).sum())


@pytest.fixture
def batch():
    """Return rows [4, 5], columns [6, 5], and what a teacher of width 3 says of both."""
    rng = np.random.default_rng(0)
    return [unit(rng, *shape) for shape in ((4, 5), (6, 5), (4, 3), (6, 3))]


def loss_of(*given) -> float:
    from dssm_core.models.distillation import distillation_loss

    return float(distillation_loss(*given[:4], 8.0, *given[4:]))


def test_it_is_the_mean_divergence_over_rows(batch):
    rows, columns, by_row, by_column = batch
    expected = [
        divergence(8 * columns @ row, 8 * by_column @ said)
        for row, said in zip(rows, by_row, strict=True)
    ]
    assert loss_of(*batch) == pytest.approx(np.mean(expected), rel=1e-4)


def test_a_student_that_says_what_its_teacher_says_has_none(batch):
    rows, columns, *_ = batch
    assert loss_of(rows, columns, rows, columns) == pytest.approx(0, abs=1e-6)
    turned = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0].astype(np.float32)
    assert loss_of(rows, columns, rows @ turned, columns @ turned) == pytest.approx(0, abs=1e-5)


def test_texts_of_which_the_teacher_says_nothing_are_neither_row_nor_column(batch):
    rows, columns, by_row, by_column = batch
    by_row[1], by_column[4] = 0, 0
    without = rows[[0, 2, 3]], columns[[0, 1, 2, 3, 5]], by_row[[0, 2, 3]]
    assert loss_of(*batch) == pytest.approx(loss_of(*without, by_column[[0, 1, 2, 3, 5]]), rel=1e-4)


def test_a_column_that_is_left_out_for_one_row_is_there_for_the_others(batch):
    rows, columns, by_row, by_column = batch
    left_out = np.zeros((4, 6), bool)
    left_out[0, 2] = True
    seen = [0, 1, 3, 4, 5]
    expected = [divergence(8 * columns[seen] @ rows[0], 8 * by_column[seen] @ by_row[0])]
    expected += [divergence(8 * columns @ rows[i], 8 * by_column @ by_row[i]) for i in (1, 2, 3)]
    assert loss_of(*batch, left_out) == pytest.approx(np.mean(expected), rel=1e-4)


def test_where_the_teacher_says_nothing_at_all_nothing_is_learnt(batch):
    import tensorflow as tf

    from dssm_core.models.distillation import taught_loss

    vectors = [tf.Variable(side) for side in (batch[0], batch[0], batch[1][:0])]
    nothing = [np.zeros((side.shape[0], 3), np.float32) for side in vectors]
    with tf.GradientTape() as tape:
        value = taught_loss(vectors, nothing, 5, 8.0)
    assert float(value) == 0
    assert not any(g is not None and np.any(g) for g in tape.gradient(value, vectors))


def test_the_learned_part_is_taught_by_itself_too(batch):
    """A lexical part that agrees with the teacher does not excuse a learned part that does not."""
    from dssm_core.models.distillation import taught_loss

    rows, columns, by_row, by_column = batch
    rows, columns = rows[:4], columns[:4]
    said = by_row, by_column[:4], by_row[:0]
    whole = float(taught_loss((rows, columns, rows[:0]), said, 5, 8.0))
    both = float(taught_loss((rows, columns, rows[:0]), said, 2, 8.0))
    cut = [side[:, :2] / np.linalg.norm(side[:, :2], axis=1, keepdims=True) for side in batch[:2]]
    one, other = cut[0], cut[1][:4]
    learned = loss_of(one, other, *said[:2]) + loss_of(other, one, said[1], said[0])
    assert both == pytest.approx(whole + learned / 2, rel=1e-4)


def test_prepared_negatives_are_columns_of_every_query(batch):
    from dssm_core.models.distillation import taught_loss

    rows, columns, by_row, by_column = batch
    sides, said = (rows, columns[:4], columns[4:]), (by_row, by_column[:4], by_column[4:])
    forward = loss_of(*batch)
    back = loss_of(columns[:4], rows, by_column[:4], by_row)
    assert float(taught_loss(sides, said, 5, 8.0)) == pytest.approx((forward + back) / 2, rel=1e-4)


def test_a_text_is_not_its_own_likeness(batch):
    from dssm_core.models.distillation import likeness_loss

    rows, _, by_row, _ = batch
    expected = []
    for i in range(4):
        others = [j for j in range(4) if j != i]
        expected.append(divergence(8 * rows[others] @ rows[i], 8 * by_row[others] @ by_row[i]))
    assert float(likeness_loss(3 * rows, by_row, 8.0)) == pytest.approx(np.mean(expected), rel=1e-4)
