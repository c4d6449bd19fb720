"""The MLP of a pair: the notebook's sizes, hashed words, and texts without words."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dssm_core.models.mlp import MLPConfig, MultiHot, build_mlp_model
from dssm_core.models.negative_sampling import MLPNegativeSamplingModelBuilder
from dssm_core.text import PIECES, hash_pieces
from tests.models.arrays import SMALL, hot, normal, tiled

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_the_pair_model_has_the_notebooks_sizes():
    model = build_mlp_model()
    assert {i.name: i.shape for i in model.inputs} == {
        "query_input": (None, 10),
        "doc_input": (None, 100),
    }
    assert model.get_layer("query_dense_1").units == model.get_layer("doc_dense_1").units == 1024
    assert model.get_layer("doc_vec").output.shape == (None, 256)
    softmax_model = MLPNegativeSamplingModelBuilder().build_model()
    assert model.count_params() == softmax_model.count_params() + 2  # the head's w and b


def test_the_pair_model_scores_as_the_softmax_model_with_its_weights():
    config = MLPConfig(vector=6, query_length=5, document_length=7)
    pair, builder = build_mlp_model(config), MLPNegativeSamplingModelBuilder(2, SMALL)
    softmax_model = builder.build_model()
    for side in ("query", "doc"):
        for own, other in (("dense_1", "dense_1"), ("vec", "dense_2")):
            weights = softmax_model.get_layer(f"{side}_{own}").get_weights()
            pair.get_layer(f"{side}_{other}").set_weights(weights)
    query, by_query = hot(4, 5), hot(4, 3, 7, seed=1)
    one_by_one = [pair((query, by_query[:, k]))["cos"][:, 0].numpy() for k in range(3)]
    cosine = keras.Model(softmax_model.inputs, softmax_model.get_layer("cosine").output)
    got = cosine((query, tiled(by_query))).numpy()
    np.testing.assert_allclose(got, np.stack(one_by_one, 1), atol=1e-6)


def pieces_of(*texts, length=4, rows=50):
    batch = np.zeros((len(texts), length, PIECES), np.int32)
    for row, text in zip(batch, texts, strict=True):
        words = text.split()
        row[: len(words)] = hash_pieces(words, rows)
    return batch


HASHED = MLPConfig(vocabulary=50, vector=6, hidden=8, pieces=PIECES)


def test_multi_hot_layer_counts_pieces_as_a_loop_does():
    pieces = pieces_of("red door", "red red red", "")
    expected = np.zeros((3, 50), np.float32)
    for n, text in enumerate(pieces):
        for row in text[text > 0]:
            expected[n, row] += 1
    np.testing.assert_array_equal(MultiHot(50)(pieces).numpy(), expected)
    assert expected[1].max() >= 3


def test_multi_hot_layer_refuses_pieces_hashed_into_a_larger_table():
    with pytest.raises(tf.errors.InvalidArgumentError, match="past rows"):
        MultiHot(10)(pieces_of("red door"))


@pytest.mark.slow
def test_the_hashed_pair_model_learns_and_ignores_padding_and_neighbours():
    keras.utils.set_random_seed(1)
    model = build_mlp_model(HASHED)
    assert [i.name for i in model.inputs] == ["query", "doc"]
    query = pieces_of("red door", "blue wall", "red door", "blue wall")
    document = pieces_of("a red door", "a blue wall", "a blue wall", "a red door")
    label = np.array([[1], [1], [0], [0]], np.float32)
    model.compile(loss={"out": "binary_crossentropy"}, optimizer=keras.optimizers.Adam(0.05))
    for _ in range(30):
        model.train_on_batch((query, document), {"out": label})
    out = model((query, document))["out"].numpy()
    assert out[:2].min() > out[2:].max() + 0.1
    wider = np.pad(document[:1], ((0, 0), (0, 9), (0, 0)))
    np.testing.assert_allclose(model((query[:1], wider))["out"], out[:1], atol=1e-6)


def test_the_hashed_pair_model_reloads_under_safe_mode(tmp_path):
    model = build_mlp_model(HASHED)
    texts = pieces_of("red door", ""), pieces_of("a red door", "a blue wall")
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    for name in ("out", "cos"):
        np.testing.assert_array_equal(model(texts)[name].numpy(), again(texts)[name].numpy())


def test_an_empty_document_does_not_wreck_the_pair_model():
    model = build_mlp_model(HASHED)
    model.compile(loss={"out": "binary_crossentropy"}, optimizer="sgd")
    before = model.get_weights()
    texts = pieces_of("red door", "blue wall"), pieces_of("", "a blue wall")
    model.train_on_batch(texts, {"out": np.ones((2, 1))})
    moved = [np.abs(a - b).max() for a, b in zip(before, model.get_weights(), strict=True)]
    assert 0 < max(moved) < 0.1
    assert model(texts)["cos"][0, 0] < 1


def test_an_empty_document_stays_at_cosine_0_once_the_biases_are_learnt():
    model = build_mlp_model(HASHED)
    for name in ("query_dense_1", "doc_dense_1", "query_dense_2", "doc_dense_2"):
        layer = model.get_layer(name)
        layer.bias.assign(normal(layer.units))
    query, document = pieces_of("red door", "blue"), pieces_of("a red door", "")
    towers = [w.value for w in model.trainable_variables if not w.path.startswith("out/")]

    def slopes(rows):
        with tf.GradientTape() as tape:
            cosine = model((query[:rows], document[:rows]))["cos"]
            total = tf.reduce_sum(cosine)
        return cosine.numpy(), tape.gradient(total, towers)

    (cosine, moved), (_, expected) = slopes(2), slopes(1)
    assert cosine[1, 0] == 0
    for one, other in zip(moved, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [{"vector": 0}, {"hidden": 0}, {"document_length": 0}, {"vocabulary": 2}, {"pieces": -1}],
)
def test_sizes_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be at least"):
        MLPConfig(**wrong)
