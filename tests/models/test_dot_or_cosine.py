"""The claims of docs/dot-or-cosine.md, one test each, named there."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from dssm_core.models.layers import Cosine, UnitVector, cosine_similarity
from tests import ROOT
from tests.examples import examples

PAGE = ROOT / "docs" / "dot-or-cosine.md"


def dot(query, document, dtype="float32"):
    layer = keras.layers.Dot(axes=1, normalize=True, dtype=dtype)
    return layer([tf.constant(query, dtype), tf.constant(document, dtype)]).numpy()


def hand_written(query, document, dtype="float32"):
    return cosine_similarity(tf.constant(query, dtype), tf.constant(document, dtype)).numpy()


def slope(function, query, document):
    """Return the gradient of the cosine with respect to the query, [N, E]."""
    query = tf.Variable(np.float32(query))
    with tf.GradientTape() as tape:
        cosine = function([query, tf.constant(np.float32(document))])
    return tape.gradient(cosine, query).numpy()


UNIT = UnitVector()
DOT = keras.layers.Dot(axes=1, normalize=True, dtype="float32")
UNIT_DOT = keras.layers.Dot(axes=1, dtype="float32")
ALONG = [[1.0, 0.0]]
ZERO = [[0.0, 0.0]]
OURS = (Cosine(), lambda vectors: UNIT_DOT([UNIT(vector) for vector in vectors]))


@examples(60)
@given(
    st.integers(0, 10_000),
    st.integers(1, 300),
    st.floats(-5, 15).map(lambda power: 10**power),
    st.floats(-5, 15).map(lambda power: 10**power),
)
def test_dot_equals_the_hand_written_cosine_away_from_zero(seed, width, one, other):
    rng = np.random.default_rng(seed)
    query, document = one * rng.normal(size=(4, width)), other * rng.normal(size=(4, width))
    query[:, 0] += one  # so that no length is near 0
    document[:, 0] += other
    lengths = np.linalg.norm(query, axis=1), np.linalg.norm(document, axis=1)
    if min(lengths[0].min(), lengths[1].min()) > 1e-6:
        difference = np.abs(dot(query, document) - hand_written(query, document)).max()
        assert difference < 2e-6
        exact = (query * document).sum(1) / np.multiply(*lengths)
        np.testing.assert_allclose(dot(query, document)[:, 0], exact, atol=2e-6)


def test_on_a_zero_vector_the_hand_written_cosine_is_nan_and_dot_is_0():
    for query, document in ((ZERO, ALONG), (ALONG, ZERO), (ZERO, ZERO)):
        assert np.isnan(hand_written(query, document)).all()
        assert dot(query, document).item() == 0


def test_one_nan_row_makes_the_whole_batch_nan():
    query, document = tf.Variable([[1.0, 2.0], [0.0, 0.0]]), tf.constant([[1.0, 0.0], [1.0, 0.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(1 - cosine_similarity(query, document))
    assert np.isnan(loss)
    assert np.isnan(tape.gradient(loss, query)[1]).all()


def test_a_length_of_1e_8_has_cosine_a_tenth_with_its_direction_and_a_hundredth_with_itself():
    tiny = [[1e-8, 0.0]]
    assert dot(tiny, ALONG).item() == pytest.approx(0.1, rel=1e-5)
    assert dot(tiny, tiny).item() == pytest.approx(0.01, rel=1e-5)
    assert hand_written(tiny, tiny).item() == pytest.approx(1, rel=1e-5)


def test_a_length_of_1e_24_is_0_to_dot_and_infinite_by_hand():
    tiny = [[1e-24, 0.0]]  # its square is 0 in float32
    assert dot(tiny, ALONG).item() == pytest.approx(0, abs=1e-16)
    assert np.isinf(hand_written(tiny, ALONG)).all()


def test_a_length_of_1e20_is_0_to_dot_and_nan_with_itself_by_hand():
    huge = [[1e20, 0.0]]  # its square is inf in float32
    assert dot(huge, huge).item() == dot(huge, ALONG).item() == 0
    assert np.isnan(hand_written(huge, huge)).all()
    assert Cosine()([np.float32(huge), np.float32(huge)]).numpy().item() == 1


def test_in_float16_ordinary_vectors_score_0_infinity_or_nan():
    long = np.full((1, 256), 300.0)
    short = np.full((1, 256), 1e-4)
    assert dot(long, long, "float16").item() == 0
    assert np.isinf(dot(short, short, "float16")).all()
    assert np.isnan(hand_written(long, long, "float16")).all()
    assert np.isnan(hand_written(short, short, "float16")).all()
    assert dot(long, long).item() == pytest.approx(1, abs=1e-6)
    assert dot(short, short).item() == pytest.approx(1, abs=1e-6)


def test_at_a_zero_vector_dots_gradient_is_1e7_times_the_other_direction():
    moved = slope(DOT, ZERO, [[3.0, 4.0]])
    np.testing.assert_allclose(moved, [[6e6, 8e6]], rtol=1e-5)
    ordinary = slope(DOT, ALONG, [[3.0, 4.0]])
    assert np.abs(ordinary).max() <= 1


def test_one_sgd_step_on_an_empty_document_throws_dots_weights_a_thousand_away():
    moved = {}
    for name, safe in (("Dot", False), ("UnitVector", True)):
        keras.utils.set_random_seed(0)
        dense = keras.layers.Dense(4)
        dense.build((None, 3))
        with tf.GradientTape() as tape:
            document = dense(tf.zeros((1, 3)))  # an empty text, and a bias that starts at 0
            query, cosine = tf.ones((1, 4)), DOT
            if safe:
                query, document, cosine = UNIT(query), UNIT(document), UNIT_DOT
            loss = tf.reduce_mean(1 - cosine([document, query]))
        moved[name] = 0.01 * float(tf.norm(tape.gradient(loss, dense.bias.value)))
    assert moved["Dot"] > 1e3
    assert moved["UnitVector"] == 0


def test_the_cosine_of_a_vector_with_itself_can_exceed_1():
    vectors = np.random.default_rng(0).normal(size=(20_000, 256)).astype(np.float32)
    excess = dot(vectors, vectors).max() - 1
    assert 1e-7 < excess < 2e-6


def test_our_layers_are_0_with_no_gradient_at_a_zero_vector():
    for cosine in OURS:
        assert cosine([tf.constant(ZERO), tf.constant(ALONG)]).numpy().item() == 0
        assert not slope(cosine, ZERO, [[3.0, 4.0]]).any()


@pytest.mark.parametrize("size", [1e-38, 1e-20, 1e-8, 1e-4, 1.0, 1e20, 1e38])
def test_our_layers_gradient_never_exceeds_1e4(size):
    vector = size * np.float32([[1.0, 1.0], [-1.0, 0.5]])
    for cosine in OURS:
        moved = slope(cosine, vector, np.float32([[3.0, 4.0], [1.0, 0.0]]))
        assert np.isfinite(moved).all()
        assert np.abs(moved).max() <= 1.01e4


def test_dot_that_normalises_undoes_the_bound_of_a_unit_vector():
    tiny = [[1e-20, 0.0]]
    other = np.float32([[3.0, 4.0]])
    assert np.abs(slope(lambda x: DOT([UNIT(x[0]), x[1]]), tiny, other)).max() > 1e10
    assert np.abs(slope(OURS[1], tiny, other)).max() <= 1.01e4


def test_our_layers_agree_with_dot_wherever_lengths_are_above_1e_4():
    rng = np.random.default_rng(0)
    for size in (1e-3, 1.0, 1e3):
        query, document = np.float32(size * rng.normal(size=(2, 50, 64)))
        for cosine in OURS:
            got = cosine([query, document])
            np.testing.assert_allclose(got, dot(query, document), atol=2e-6)


def test_an_empty_document_does_not_move_the_loss_or_gradient_of_the_others():
    rng = np.random.default_rng(0)
    query, document = np.float32(rng.normal(size=(2, 3, 8)))
    empty = document.copy()
    empty[2] = 0

    def losses_and_slope(cosine, document):
        variable = tf.Variable(query)
        with tf.GradientTape() as tape:
            losses = 1 - cosine([variable, tf.constant(document)])
            total = tf.reduce_sum(losses)
        return losses.numpy(), tape.gradient(total, variable).numpy()

    for cosine in OURS:
        full, without = losses_and_slope(cosine, document), losses_and_slope(cosine, empty)
        for one, other in zip(full, without, strict=True):
            np.testing.assert_array_equal(one[:2], other[:2])
        assert without[0][2] == 1
        assert not without[1][2].any()


def test_every_test_the_page_names_is_here():
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8")))
    assert named >= {name for name in globals() if name.startswith("test_")} - {
        "test_every_test_the_page_names_is_here"
    }
    assert named <= set(globals())
