"""The layers against loops in NumPy, and at their edges: padding, empty rows, zero vectors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dssm_core.models.layers import (
    SHORTEST,
    Attention,
    Cosine,
    UnitVector,
    WordHashing,
    cosine_similarity,
    token_mask,
    unit_length,
)
from dssm_core.text import PIECES, hash_pieces

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def gradient(function, *values):
    """Return the gradients of the summed result with respect to every value."""
    variables = [tf.Variable(value) for value in values]
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(function(*variables))
    return [g.numpy() for g in tape.gradient(total, variables)]


# Attention


def attention_by_loop(layer, features, hidden, mask):
    """Bahdanau's formula a row and a token at a time, in float64: contexts, weights."""
    (w1, b1), (w2, b2), (v, bv) = (d.get_weights() for d in (layer.W1, layer.W2, layer.V))
    contexts, weights = np.zeros(features[:, 0].shape), np.zeros(features.shape[:2])
    for n in range(len(features)):
        read = [t for t in range(features.shape[1]) if mask[n, t]]
        logits = [
            (np.tanh(features[n, t] @ w1 + b1 + hidden[n] @ w2 + b2) @ v + bv).item() for t in read
        ]
        for t, logit in zip(read, logits, strict=True):
            weights[n, t] = np.exp(logit) / np.exp(logits).sum()
            contexts[n] += weights[n, t] * features[n, t]
    return contexts, weights


def built_attention(seed=0):
    """An attention of 4 units whose biases are not zero."""
    keras.utils.set_random_seed(seed)
    layer = Attention(4)
    layer(normal(1, 2, 3), normal(1, 5))
    layer.set_weights([normal(*w.shape, seed=i) for i, w in enumerate(layer.get_weights())])
    return layer


def test_attention_agrees_with_a_loop():
    layer, features, hidden = built_attention(), normal(3, 6, 3, seed=1), normal(3, 5, seed=2)
    context, weights = layer(features, hidden)
    expected = attention_by_loop(layer, features, hidden, np.ones((3, 6), bool))
    np.testing.assert_allclose(context, expected[0], atol=1e-5)
    np.testing.assert_allclose(weights[..., 0], expected[1], atol=1e-6)


def test_masked_attention_agrees_with_a_loop_that_skips_padding():
    layer, features, hidden = built_attention(), normal(3, 6, 3, seed=1), normal(3, 5, seed=2)
    mask = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]], bool)
    context, weights = layer(features, hidden, mask=mask)
    expected = attention_by_loop(layer, features, hidden, mask)
    np.testing.assert_allclose(context, expected[0], atol=1e-5)
    np.testing.assert_allclose(weights[..., 0], expected[1], atol=1e-6)


def test_padding_takes_exactly_no_weight_and_an_empty_row_gives_zeros():
    layer = built_attention()
    mask = np.array([[1, 0, 0], [0, 0, 0]], bool)
    context, weights = layer(1e3 * normal(2, 3, 3), normal(2, 5), mask=mask)
    assert weights[..., 0].numpy().tolist() == [[1, 0, 0], [0, 0, 0]]
    assert not context[1].numpy().any()


def test_what_stands_in_padding_does_not_matter():
    layer, hidden, mask = built_attention(), normal(1, 5), np.array([[True, True, False]])
    features = normal(1, 3, 3)
    other = features.copy()
    other[0, 2] = 1e4
    for one, two in zip(layer(features, hidden, mask), layer(other, hidden, mask), strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


def test_an_empty_row_gives_attention_no_gradient_and_no_nan():
    layer, mask = built_attention(), np.array([[True, True], [False, False]])
    moved = gradient(lambda f, h: layer(f, h, mask)[0] ** 2, normal(2, 2, 3), normal(2, 5))
    assert all(np.isfinite(g).all() for g in moved)
    assert all(g[0].any() and not g[1].any() for g in moved)


def test_attention_masks_in_float16_too():
    layer = Attention(4, dtype="float16")
    mask = np.array([[True, True, False], [False, False, False]])
    context, weights = layer(normal(2, 3, 3), normal(2, 5), mask=mask)
    assert weights[0, 2, 0] == 0
    assert np.isfinite(context.numpy()).all()


def test_attention_without_units_is_refused():
    with pytest.raises(ValueError, match="at least 1 unit, not 0"):
        Attention(0)


# Word hashing


def pieces_of(*texts, length, rows=60):
    batch = np.zeros((len(texts), length, PIECES), np.int32)
    for row, text in zip(batch, texts, strict=True):
        words = text.split()
        row[: len(words)] = hash_pieces(words, rows)
    return batch


def built_hashing(rows=60, width=4):
    keras.utils.set_random_seed(0)
    layer = WordHashing(rows, width)
    layer.build((None, None, PIECES))
    layer.log_weight.assign(normal(rows) * 4)  # some past the clip at 6
    return layer


def test_word_hashing_agrees_with_a_loop():
    layer, pieces = built_hashing(), pieces_of("red door red", "a", "", length=3)
    table, log_weight = layer.table.numpy(), layer.log_weight.numpy()
    assert np.abs(log_weight).max() > 6
    expected = np.zeros((3, 3, 4))
    for n, t, p in np.ndindex(*pieces.shape):
        row = pieces[n, t, p]
        if row:
            expected[n, t] += table[row] * np.exp(np.clip(log_weight[row], -6, 6))
    np.testing.assert_allclose(layer(pieces), expected, rtol=1e-5, atol=1e-5)


def test_a_words_embedding_does_not_depend_on_batch_padding_or_neighbours():
    layer = built_hashing()
    alone = layer(pieces_of("door", length=1)).numpy()[0, 0]
    among = layer(pieces_of("red blue", "a door", "", length=5)).numpy()
    np.testing.assert_allclose(among[1, 1], alone, rtol=1e-6)
    assert not among[1, 2:].any()
    assert not among[2].any()


def test_word_hashing_teaches_only_the_rows_of_the_words_read():
    layer, pieces = built_hashing(), pieces_of("red door", "red", length=3)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(pieces) ** 2)
    moved = tf.convert_to_tensor(tape.gradient(total, layer.table.value)).numpy().any(axis=1)
    assert set(np.flatnonzero(moved)) == set(np.unique(pieces)) - {0}


def test_token_mask_is_true_where_there_is_a_token():
    ids = np.array([[4, 7, 0], [0, 0, 0]])
    assert token_mask(ids).numpy().tolist() == [[True, True, False], [False, False, False]]
    pieces = pieces_of("a door", "", length=3)
    assert token_mask(pieces).numpy().tolist() == [[True, True, False], [False, False, False]]


# Cosine and unit vectors


def test_both_cosines_agree_with_a_loop():
    query, document = normal(5, 7), normal(5, 7, seed=1)
    expected = [
        [q @ d / np.linalg.norm(q) / np.linalg.norm(d)]
        for q, d in zip(query, document, strict=True)
    ]
    np.testing.assert_allclose(cosine_similarity(query, document), expected, atol=1e-6)
    np.testing.assert_allclose(Cosine()([query, document]), expected, atol=1e-6)


@pytest.mark.parametrize("shapes", [((2, 3), (2, 4)), ((3,), (3,)), ((2, 3, 1), (2, 3, 1))])
def test_the_hand_written_cosine_names_both_wrong_shapes(shapes):
    with pytest.raises(ValueError, match=r"two \[N, E\] of one width") as error:
        cosine_similarity(*(np.zeros(s) for s in shapes))
    assert all(str(s) in str(error.value) for s in shapes)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e30, 3e38])
def test_a_unit_vector_has_length_1_whatever_its_size(size):
    unit = unit_length(np.float32([[size * 0.6, -size * 0.8]])).numpy()
    np.testing.assert_allclose(unit, [[0.6, -0.8]], rtol=1e-6)


def test_a_vector_too_short_to_trust_is_not_stretched_to_length_1():
    unit = unit_length(np.float32([[SHORTEST / 10, 0], [1e-30, 0], [0, 0]])).numpy()
    np.testing.assert_allclose(unit, [[0.1, 0], [1e-26, 0], [0, 0]], rtol=1e-6)


@pytest.mark.parametrize("size", [3e-5, 0.5, 1.0, 20.0])
def test_the_unit_vectors_gradient_is_its_slope(size):
    vector, along = size * np.float32([[0.6, -0.8, 0.3]]), np.float32([[1, 2, 3]])
    (got,) = gradient(lambda v: unit_length(v) * along, vector)

    def value(v):
        return (v / max(np.linalg.norm(v), SHORTEST) * along).sum()

    step = 1e-4 * size
    slopes = [
        (value(vector.astype(float) + step * e) - value(vector.astype(float) - step * e))
        / (2 * step)
        for e in np.eye(3)
    ]
    np.testing.assert_allclose(got[0], slopes, rtol=1e-3, atol=1e-4 / size)


@pytest.mark.parametrize("size", [0.0, 1e-38, 1e-20, 1e-8, 1e-5, 1.0, 1e38])
def test_no_vector_however_short_has_a_large_gradient(size):
    vector, other = np.float32([[size, 0], [1, 1]]), np.float32([[0.6, 0.8], [0, 1]])
    mask = np.ones((2, 1), bool)
    for moved in (
        gradient(lambda v: UnitVector()(v, mask) * other, vector)[0],
        gradient(lambda v: UnitVector()(v) * other, vector)[0],
        gradient(lambda v, d: Cosine()([v, d]), vector, other)[0],
    ):
        assert np.isfinite(moved).all()
        assert np.abs(moved).max() <= 1.01 / SHORTEST
        assert moved[1].any()


def test_a_zero_vector_has_no_gradient_though_it_has_a_token():
    (moved,) = gradient(lambda v: UnitVector()(v, np.array([[True]])), np.zeros((1, 3), "f"))
    assert not moved.any()


def test_a_text_without_tokens_is_the_zero_vector_and_gives_no_gradient():
    mask = np.array([[True, False], [False, False]])
    vector = normal(2, 3)
    unit = UnitVector()(vector, mask).numpy()
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), [1, 0], rtol=1e-6)
    (moved,) = gradient(lambda v: UnitVector()(v, mask) ** 3, vector)
    assert moved[0].any()
    assert not moved[1].any()


def test_cosine_and_unit_vector_stay_float32_under_mixed_precision():
    for layer in (Cosine(dtype="float16"), UnitVector(dtype="mixed_float16")):
        assert layer.compute_dtype == "float32"


def test_every_layer_reloads_under_safe_mode(tmp_path):
    pieces = keras.Input((None, PIECES), dtype="int32")
    mask = token_mask(pieces)
    embedded = WordHashing(60, 4)(pieces)
    context, weights = Attention(3)(embedded, embedded[:, 0], mask=mask)
    unit = UnitVector()(context, mask)
    model = keras.Model(pieces, {"weights": weights, "cos": Cosine()([unit, context])})
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    texts = pieces_of("red door", "", length=3)
    for name, value in model(texts).items():
        np.testing.assert_array_equal(value.numpy(), again(texts)[name].numpy())
