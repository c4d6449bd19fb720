"""The softmax over negatives: the notebook's tiling at any batch size, and its models."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from dssm_core.models.negative_sampling import (
    MLPNegativeSamplingModelBuilder,
    NegativeSamplingModelBuilder,
    TiledCosine,
    tiled_cosine,
)
from tests.examples import examples
from tests.models.arrays import SMALL, hot, normal, tiled

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def cosines_by_loop(query, by_query):
    """[B, E] and [B, K + 1, E] to [B, K + 1], in float64."""
    rows = [
        [q @ d / (np.linalg.norm(q) * np.linalg.norm(d)) for d in documents]
        for q, documents in zip(query.astype(float), by_query.astype(float), strict=True)
    ]
    return np.array(rows)


def notebooks_formula(query, documents, neg_num, batch_size):
    """The notebook's tiling, step by step: tile, multiply, divide, reshape, transpose."""
    query_norm = np.tile(np.sqrt((query**2).sum(1, keepdims=True)), (neg_num + 1, 1))
    doc_norm = np.sqrt((documents**2).sum(1, keepdims=True))
    product = (np.tile(query, (neg_num + 1, 1)) * documents).sum(1, keepdims=True)
    cosine = product / (query_norm * doc_norm)
    return cosine.T.reshape(neg_num + 1, batch_size).T


@examples(25)
@given(st.integers(1, 9), st.integers(1, 6), st.integers(0, 1000))
def test_tiled_cosine_is_each_query_with_its_own_documents_at_any_batch_size(rows, negatives, seed):
    query, by_query = normal(rows, 3, seed=seed), normal(rows, negatives + 1, 3, seed=seed + 1)
    expected = cosines_by_loop(query, by_query)
    np.testing.assert_allclose(tiled_cosine(query, tiled(by_query)), expected, atol=1e-6)
    np.testing.assert_allclose(tiled_cosine(query, by_query), expected, atol=1e-6)


def test_tiled_cosine_agrees_with_the_notebooks_own_formula_at_its_batch_size():
    query, documents = normal(32, 256), normal(11 * 32, 256, seed=1)
    got = NegativeSamplingModelBuilder().cosine((query, documents))
    np.testing.assert_allclose(got, notebooks_formula(query, documents, 10, 32), atol=1e-6)


def test_the_positive_is_in_column_0():
    query = normal(4, 8)
    documents = np.concatenate([query * 3, normal(8, 8, seed=1)])
    assert np.asarray(tiled_cosine(query, documents)).argmax(1).tolist() == [0, 0, 0, 0]


def test_zero_vectors_have_cosine_0_and_no_gradient():
    query, documents = tf.Variable(normal(2, 3)), tf.Variable(normal(6, 3, seed=1))
    query[0].assign(tf.zeros(3))
    documents[3].assign(tf.zeros(3))
    with tf.GradientTape() as tape:
        cosine = tiled_cosine(query, documents)
        total = tf.reduce_sum(tf.square(cosine - 1))
    gradients = [g.numpy() for g in tape.gradient(total, [query, documents])]
    assert cosine[0].numpy().tolist() == [0, 0, 0]
    assert cosine[1, 1] == 0
    assert not gradients[0][0].any()
    assert not gradients[1][3].any()
    assert np.isfinite(np.concatenate(gradients)).all()
    assert np.abs(np.concatenate(gradients)).max() < 100


@pytest.mark.parametrize(
    ("query", "documents"),
    [
        ((4, 3), (13, 3)),  # does not divide
        ((4, 3), (8, 3)),  # one negative, not two
        ((4, 3), (12, 2)),
        ((4, 3), (4, 2, 3)),
        ((4, 3), (5, 3, 3)),
        ((4, 3), (12,)),
        ((4, 3, 1), (12, 3)),
        ((0, 3), (0, 3)),
    ],
)
def test_wrong_shapes_are_told_the_expected_one(query, documents):
    with pytest.raises(ValueError, match=r"documents \[3 \* B, E\] or \[B, 3, E\], not") as error:
        NegativeSamplingModelBuilder(2).cosine((np.zeros(query), np.zeros(documents)))
    assert str(query) in str(error.value)
    assert str(documents) in str(error.value)


@pytest.mark.parametrize("documents", [(4, 3), (13, 3), (4, 1, 3)])
def test_without_neg_num_the_shapes_must_say_it(documents):
    with pytest.raises(ValueError, match=r"\[\(K \+ 1\) \* B, E\]"):
        tiled_cosine(np.zeros((4, 3)), np.zeros(documents))


@pytest.mark.slow
def test_a_graph_of_unknown_batch_size_checks_it_as_it_runs():
    spec = tf.TensorSpec((None, 3), tf.float32)
    cosine = tf.function(lambda q, d: tiled_cosine(q, d, 2), input_signature=[spec, spec])
    query, by_query = normal(4, 3), normal(4, 3, 3, seed=1)
    got = cosine(query, tiled(by_query))
    np.testing.assert_allclose(got, cosines_by_loop(query, by_query), atol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"documents \[3 \* B, E\]"):
        cosine(query, normal(13, 3))


@pytest.mark.parametrize("neg_num", [0, -1])
def test_no_negatives_is_refused(neg_num):
    for make in (NegativeSamplingModelBuilder, MLPNegativeSamplingModelBuilder, TiledCosine):
        with pytest.raises(ValueError, match=r"at least 1, not .* \[\(neg_num \+ 1\) \* B, E\]"):
            make(neg_num)


def test_the_builders_defaults_are_the_notebooks():
    builder = NegativeSamplingModelBuilder()
    assert builder.neg_num == 10
    assert builder.params == {
        "vocab_size": 100,
        "vec_dim": 256,
        "batch_size": 32,
        "query_max_len": 10,
        "doc_max_len": 100,
    }
    changed = NegativeSamplingModelBuilder(3, {"vec_dim": 8})
    assert (changed.neg_num, changed.params["vec_dim"], changed.params["batch_size"]) == (3, 8, 32)


def test_the_base_class_builds_nothing():
    for build in ("build_model", "build_observable_model"):
        with pytest.raises(NotImplementedError):
            getattr(NegativeSamplingModelBuilder(), build)()


def test_the_mlp_has_the_notebooks_layers_and_compile_settings():
    model = MLPNegativeSamplingModelBuilder().build_model()
    shapes = {layer.name: layer.output.shape for layer in model.layers}
    assert shapes == {
        "query_input": (None, 10),
        "doc_input": (None, 100),
        "query_dense_1": (None, 1024),
        "doc_dense_1": (None, 1024),
        "query_vec": (None, 256),
        "doc_vec": (None, 256),
        "cosine": (None, 11),
        "softmax": (None, 11),
        "similarity": (None, 1),
    }
    per_side = 1024 * 256 + 256
    assert model.count_params() == 10 * 1024 + 1024 + 100 * 1024 + 1024 + 2 * per_side
    assert model.loss == "binary_crossentropy"
    assert isinstance(model.optimizer, keras.optimizers.SGD)
    result = model.test_on_batch((hot(2, 10), hot(22, 100)), np.ones((2, 1)), return_dict=True)
    assert {"loss", "accuracy"} < set(result)
    kinds = [type(m) for m in model.metrics[-1].metrics]
    assert keras.metrics.Recall in kinds
    assert keras.metrics.Precision in kinds


def test_both_models_are_built_once():
    builder = MLPNegativeSamplingModelBuilder(2, SMALL)
    assert builder.build_model() is builder.build_model()
    assert builder.build_observable_model() is builder.build_observable_model()


def test_the_observable_model_shows_what_the_similarity_is_made_of():
    builder = MLPNegativeSamplingModelBuilder(2, SMALL)
    inputs = np.abs(normal(3, 5)), np.abs(normal(9, 7, seed=1))
    query, documents, similarity = (x.numpy() for x in builder.build_observable_model()(inputs))
    assert (query.shape, documents.shape) == ((3, 6), (9, 6))
    cosine = notebooks_formula(query, documents, 2, 3)
    share = np.exp(cosine) / np.exp(cosine).sum(1, keepdims=True)
    np.testing.assert_allclose(similarity, share[:, :1], atol=1e-6)
    np.testing.assert_array_equal(similarity, builder.build_model()(inputs).numpy())


@pytest.mark.slow
def test_training_on_one_batch_changes_the_observable_model_too():
    builder = MLPNegativeSamplingModelBuilder(2, SMALL)
    inputs = hot(4, 5), hot(12, 7, seed=1)
    before = builder.build_observable_model()(inputs)[2].numpy()
    for _ in range(20):
        builder.build_model().train_on_batch(inputs, np.ones((4, 1)))
    assert builder.build_observable_model()(inputs)[2].numpy().mean() > before.mean()


@pytest.mark.slow
def test_fit_and_predict_take_batches_whose_last_is_short():
    keras.utils.set_random_seed(1)
    builder = MLPNegativeSamplingModelBuilder(2, SMALL)
    query, documents = hot(10, 5), hot(10, 3, 7, seed=1)  # batches of 4, 4 and 2
    data = builder.batches(query, documents)
    assert [len(texts[0]) for texts, _ in data] == [4, 4, 2]
    model = builder.build_model()
    losses = model.fit(data, epochs=15, shuffle=False, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    whole = model((query, tiled(documents))).numpy()
    np.testing.assert_allclose(model.predict(data, verbose=0), whole, atol=1e-6)


def test_batches_are_told_the_expected_shape():
    builder = MLPNegativeSamplingModelBuilder(2, SMALL)
    for documents in (hot(10, 4, 7), hot(9, 3, 7), hot(30, 7)):
        with pytest.raises(ValueError, match=r"documents \[N, 3, L\], not"):
            builder.batches(hot(10, 5), documents)
    with pytest.raises(ValueError, match=r"query \[N, L\] and"):
        builder.batches(hot(10, 5, 1), hot(10, 3, 7))


@pytest.mark.slow
def test_an_empty_document_does_not_wreck_the_softmax_model():
    model = MLPNegativeSamplingModelBuilder(2, SMALL).build_model()
    query, documents = hot(4, 5), hot(12, 7, seed=1)
    documents[5] = 0
    query[2] = 0
    before = model.get_weights()
    model.train_on_batch((query, documents), np.ones((4, 1)))
    moved = [np.abs(a - b).max() for a, b in zip(before, model.get_weights(), strict=True)]
    assert max(moved) < 0.1


def test_the_softmax_model_reloads_under_safe_mode(tmp_path):
    builder = MLPNegativeSamplingModelBuilder(2, SMALL)
    model, inputs = builder.build_model(), (hot(3, 5), hot(9, 7, seed=1))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(model(inputs).numpy(), again(inputs).numpy())


def test_with_ten_negatives_even_a_perfect_ranking_has_no_recall_at_a_half():
    query = np.eye(4, 6, dtype=np.float32)
    by_query = np.stack([query, *[-query] * 10], axis=1)  # cosine 1 with its own, -1 with the rest
    model = MLPNegativeSamplingModelBuilder().build_model()
    softmax = model.get_layer("softmax")(tiled_cosine(query, by_query, 10))
    similarity = model.get_layer("similarity")(softmax).numpy()
    assert similarity == pytest.approx(np.e / (np.e + 10 / np.e), abs=1e-6)
    assert similarity.max() < 0.43
