"""Both LSTM models: the notebook's sizes, losses by name, and the backwards head."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from dssm_core.models.lstm import (
    LSTMConfig,
    LSTMModel,
    build_lstm_model,
    compile_by_name,
    probability_head,
)
from dssm_core.text import PIECES, hash_pieces

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = {"embedding": 8, "units": 6, "hidden": 10, "vector": 7}
PLAIN = LSTMConfig(query_length=4, document_length=4, **SMALL)
HASHED = LSTMConfig(vocabulary=90, pieces=PIECES, **SMALL)
ATTENTIVE = LSTMConfig(vocabulary=90, pieces=PIECES, attention=5, dropout=0.3, **SMALL)
SHARED = LSTMConfig(vocabulary=90, pieces=PIECES, attention=5, dense="shared", **SMALL)
QUERY = np.array([[1, 2, 3, 4], [2, 3, 4, 1]], np.int32)
DOCUMENT = np.array([[2, 1, 3, 4], [3, 4, 1, 2]], np.int32)
LABEL = np.array([[1], [0]], np.float32)
CROSS_ENTROPY = "binary_crossentropy"
MAKERS = [pytest.param(build_lstm_model, id="functional"), pytest.param(LSTMModel, id="subclass")]


def pieces_of(*texts, length=5, rows=90):
    batch = np.zeros((len(texts), length, PIECES), np.int32)
    for row, text in zip(batch, texts, strict=True):
        words = text.split()
        row[: len(words)] = hash_pieces(words, rows)
    return batch


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(np.asarray(one[name]), np.asarray(other[name]))


def reloaded(model, folder):
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras", safe_mode=True)


# The functional model


def test_the_functional_model_is_the_notebooks_graph():
    model = build_lstm_model()
    shapes = [(type(x).__name__, x.output.shape) for x in model.layers if x.name != "embedding"]
    assert sorted(shapes) == sorted(
        [
            ("InputLayer", (None, 6)),
            ("InputLayer", (None, 10)),
            ("LSTM", (None, 32)),
            ("Dense", (None, 1024)),
            ("Dense", (None, 1024)),
            ("Dense", (None, 256)),
            ("Dense", (None, 256)),
            ("Dot", (None, 1)),
            ("Cosine", (None, 1)),
            ("Dense", (None, 1)),
        ]
    )
    assert isinstance(model.get_layer("embedding"), keras.layers.Embedding)
    assert model.get_layer("embedding").embeddings.shape == (100, 128)
    assert model.get_layer("query_vec").units == model.get_layer("doc_vec").units == 256
    lstm = 4 * 32 * (128 + 32 + 1)
    dense = 2 * ((32 + 1) * 1024 + (1024 + 1) * 256)
    assert model.count_params() == 100 * 128 + lstm + dense + 2 == 625_794


def test_embedding_and_lstm_are_shared_but_the_dense_layers_are_not():
    model = build_lstm_model(PLAIN)
    towers = [
        keras.Model(model.inputs[i], model.get_layer(f"{side}_vec").output)
        for i, side in enumerate(("query", "doc"))
    ]
    assert not np.allclose(towers[0](QUERY), towers[1](QUERY))
    for name in ("dense", "vec"):
        weights = model.get_layer(f"query_{name}").get_weights()
        model.get_layer(f"doc_{name}").set_weights(weights)
    np.testing.assert_array_equal(towers[0](QUERY).numpy(), towers[1](QUERY).numpy())


def test_outputs_have_names_and_cos_is_what_out_is_made_of():
    model = build_lstm_model(PLAIN)
    outputs = model((QUERY, DOCUMENT))
    assert set(outputs) == {"out", "cos"}
    kernel, bias = model.get_layer("out").get_weights()
    logit = outputs["cos"].numpy() * kernel + bias
    np.testing.assert_allclose(outputs["out"], 1 / (1 + np.exp(-logit)), atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"units": 0}, "units must be at least 1"),
        ({"vocabulary": 1}, "vocabulary must be at least 2"),
        ({"dense": "shared"}, "needs pieces or attention"),
        ({"dropout": 1.0}, r"\[0, 1\)"),
        ({"lexical": 96, "attention": 4}, "multiple of 64"),
        ({"lexical": 64}, "with pieces and attention"),
        ({"lexical": 64, "attention": 4, "pieces": 0}, "with pieces and attention"),
    ],
)
def test_sizes_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        LSTMConfig(**wrong)


# Hashed words, attention, padding


@pytest.mark.parametrize("config", [HASHED, ATTENTIVE, SHARED], ids=["plain", "own", "shared"])
def test_a_row_does_not_depend_on_padding_or_other_rows(config):
    model = build_lstm_model(config)
    query, document = pieces_of("red door"), pieces_of("a red door")
    alone = model((query, document))
    among = model(
        (
            pieces_of("blue wall of stone", "red door", "", length=9),
            pieces_of("", "a red door", "a wall", length=12),
        )
    )
    for name, value in alone.items():
        width = value.shape[1]
        np.testing.assert_allclose(among[name][1:2, :width], value, atol=1e-6)
        assert not among[name][1, width:].numpy().any()


@pytest.mark.parametrize("config", [ATTENTIVE, SHARED], ids=["own", "shared"])
def test_attention_sums_to_1_over_the_words_and_is_0_on_padding(config):
    outputs = build_lstm_model(config)((pieces_of("red door", ""), pieces_of("a", "a wall")))
    query = outputs["query_attention"].numpy()
    np.testing.assert_allclose(query.sum(1), [1, 0], atol=1e-6)
    assert (query[0, :2] > 0).all()
    assert not query[0, 2:].any()


def test_with_shared_dense_layers_a_text_is_nearest_to_itself():
    texts = pieces_of("red door", "blue wall")
    np.testing.assert_allclose(build_lstm_model(SHARED)((texts, texts))["cos"], 1, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("config", [PLAIN, HASHED, ATTENTIVE, SHARED])
def test_the_functional_model_reloads_under_safe_mode(config, tmp_path):
    model = build_lstm_model(config)
    texts = (pieces_of("red door", ""),) * 2 if config.pieces else (QUERY, DOCUMENT)
    assert_same(reloaded(model, tmp_path)(texts), model(texts))


# The subclassed model


def test_the_subclass_shares_its_embedding_and_nothing_else():
    model = LSTMModel()
    outputs = model((QUERY, DOCUMENT))
    assert {name: value.shape for name, value in outputs.items()} == {"cos": (2, 1), "out": (2, 1)}
    lstm = 4 * 32 * (128 + 32 + 1)
    assert model.count_params() == 100 * 128 + 2 * (lstm + (32 + 1) * 256) + 2
    assert model.query_tower(QUERY).shape == (2, 256)
    assert not np.allclose(model.query_tower(QUERY), model.document_tower(QUERY))


def test_the_subclasss_towers_make_its_cosine():
    model = LSTMModel(PLAIN)
    cosine = model((QUERY, DOCUMENT))["cos"].numpy()[:, 0]
    query, document = model.query_tower(QUERY).numpy(), model.document_tower(DOCUMENT).numpy()
    lengths = np.linalg.norm(query, axis=1) * np.linalg.norm(document, axis=1)
    np.testing.assert_allclose(cosine, (query * document).sum(1) / lengths, atol=1e-6)


@pytest.mark.parametrize("config", [None, PLAIN, HASHED, LSTMConfig(head="free", **SMALL)])
def test_the_subclass_reloads_under_safe_mode(config, tmp_path):
    model = LSTMModel(config)
    pieces = config is not None and config.pieces
    texts = (pieces_of("red door", ""),) * 2 if pieces else (QUERY, DOCUMENT)
    before = model(texts)
    again = reloaded(model, tmp_path)
    assert isinstance(again, LSTMModel)
    assert again.config == model.config
    assert_same(again(texts), before)


def test_the_hashed_subclass_ignores_padding_and_gives_an_empty_text_cosine_0():
    model = LSTMModel(HASHED)
    alone = model((pieces_of("red door"), pieces_of("a red door")))
    among = model(
        (pieces_of("", "red door", length=9), pieces_of("a wall", "a red door", length=7))
    )
    np.testing.assert_allclose(among["cos"][1:], alone["cos"], atol=1e-6)
    assert among["cos"][0, 0] == 0


def test_the_subclass_refuses_what_it_has_not():
    for config in (ATTENTIVE, SHARED, replace(PLAIN, dense="shared", pieces=21)):
        with pytest.raises(ValueError, match="use build_lstm_model"):
            LSTMModel(config)


# Loss by name


def mean_cross_entropy(label, probability):
    label, p = np.asarray(label, float), np.asarray(probability, float)
    return -np.mean(label * np.log(p) + (1 - label) * np.log(1 - p))


@pytest.mark.slow
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("eager", [True, False], ids=["eager", "graph"])
def test_a_loss_on_out_alone_is_the_cross_entropy_of_out(make, eager):
    # by name, or bare as in the notebook: eager Keras takes 2 bare rows for 2 outputs' labels
    label = {"out": LABEL} if eager else LABEL
    model = make(PLAIN)
    model.compile(loss={"out": CROSS_ENTROPY}, optimizer="sgd", run_eagerly=eager)
    expected = mean_cross_entropy(LABEL, model((QUERY, DOCUMENT))["out"])
    got = model.fit((QUERY, DOCUMENT), label, verbose=0).history["loss"][0]
    assert got == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("make", MAKERS)
def test_a_second_named_loss_adds_to_the_first_before_and_after_reload(make, tmp_path):
    model = make(PLAIN)
    losses = {"out": CROSS_ENTROPY, "cos": "mse"}
    model.compile(loss=losses, optimizer="sgd", run_eagerly=True)
    model.fit((QUERY, DOCUMENT), {"out": LABEL, "cos": LABEL}, verbose=0)
    for trained in (model, reloaded(model, tmp_path)):
        outputs = trained((QUERY, DOCUMENT))
        expected = mean_cross_entropy(LABEL, outputs["out"])
        expected += np.mean((LABEL - outputs["cos"]) ** 2)
        history = trained.fit((QUERY, DOCUMENT), {"out": LABEL, "cos": LABEL}, verbose=0).history
        assert history["loss"][0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("make", MAKERS)
def test_a_reloaded_model_trains_on_by_the_same_name(make, tmp_path):
    model = make(PLAIN)
    model.compile(loss={"out": CROSS_ENTROPY}, optimizer="sgd", run_eagerly=True)
    model.fit((QUERY, DOCUMENT), {"out": LABEL}, verbose=0)
    again = reloaded(model, tmp_path)
    assert_same(again((QUERY, DOCUMENT)), model((QUERY, DOCUMENT)))
    expected = mean_cross_entropy(LABEL, again((QUERY, DOCUMENT))["out"])
    got = again.fit((QUERY, DOCUMENT), {"out": LABEL}, verbose=0).history["loss"][0]
    assert got == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("make", MAKERS)
def test_a_misspelt_loss_is_told_the_names_there_are(make):
    model = make(PLAIN)
    for loss in ({"uot": CROSS_ENTROPY}, {"out": CROSS_ENTROPY, "uot": "mse"}):
        with pytest.raises(ValueError, match=r"no output is called uot; .* are cos, out"):
            compile_by_name(model, loss, optimizer="sgd")
    compile_by_name(model, {"out": CROSS_ENTROPY}, optimizer="sgd")
    assert model.loss == {"out": CROSS_ENTROPY}


def test_keras_itself_speaks_up_only_in_fit_and_names_no_output():
    model = build_lstm_model(PLAIN)
    model.compile(loss={"uot": CROSS_ENTROPY}, optimizer="sgd")
    with pytest.raises(KeyError, match="uot") as error:
        model.fit((QUERY, DOCUMENT), {"out": LABEL}, verbose=0)
    assert "cos" not in str(error.value)


# The backwards head


def trained_head(head, start, label, steps=60):
    """Train a head alone, from w = start, on cosines 0.9 and -0.9 with the labels given."""
    cosine = keras.Input((1,))
    model = keras.Model(cosine, probability_head(head)(cosine))
    model.get_layer("out").set_weights([np.float32([[start]]), np.float32([0])])
    model.compile(loss=CROSS_ENTROPY, optimizer=keras.optimizers.SGD(1.0))
    for _ in range(steps):
        model.train_on_batch(np.float32([[0.9], [-0.9]]), np.float32(label))
    return model.get_layer("out").kernel.numpy().item(), model


def test_a_free_head_drawn_negative_ranks_backwards():
    model = build_lstm_model(LSTMConfig(query_length=4, document_length=4, head="free", **SMALL))
    bias = np.zeros(1, np.float32)
    model.get_layer("out").set_weights([np.float32([[-1.5]]), bias])
    ids = np.random.default_rng(0).integers(1, 100, (2, 40, 4)).astype(np.int32)
    outputs = {name: value.numpy()[:, 0] for name, value in model(tuple(ids)).items()}
    assert (np.argsort(outputs["cos"]) == np.argsort(-outputs["out"])).all()


@pytest.mark.slow
def test_half_of_all_free_heads_are_drawn_negative_and_no_positive_head_is():
    signs = []
    for seed in range(40):
        keras.utils.set_random_seed(seed)
        for head in ("free", "positive"):
            layer = probability_head(head)
            layer.build((None, 1))
            signs.append((head, layer.kernel.numpy().item() > 0))
    assert 10 <= signs.count(("free", False)) <= 30
    assert signs.count(("positive", False)) == 0


def test_a_positive_head_cannot_be_pushed_below_0_and_a_free_one_can():
    reversed_labels = [[0], [1]]
    assert trained_head("free", 1.0, reversed_labels)[0] < -1
    scale, model = trained_head("positive", 1.0, reversed_labels)
    assert scale == 0
    probability = model(np.float32([[0.9], [-0.9]])).numpy()
    assert probability[0] == probability[1]


def test_a_positive_head_still_learns_a_larger_scale():
    assert trained_head("positive", 1.0, [[1], [0]])[0] > 2


@pytest.mark.slow
def test_the_positive_head_holds_in_the_whole_model(tmp_path):
    model = build_lstm_model(PLAIN)
    model.compile(loss={"out": CROSS_ENTROPY}, optimizer=keras.optimizers.SGD(5.0))
    for label in (LABEL, 1 - LABEL) * 10:
        model.train_on_batch((QUERY, DOCUMENT), {"out": label})
        assert model.get_layer("out").kernel.numpy().item() >= 0
    constraint = reloaded(model, tmp_path).get_layer("out").kernel_constraint
    assert isinstance(constraint, keras.constraints.NonNeg)


# Empty texts


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: build_lstm_model(HASHED), id="hashed"),
        pytest.param(lambda: build_lstm_model(ATTENTIVE), id="attentive"),
        pytest.param(lambda: build_lstm_model(SHARED), id="shared"),
        pytest.param(lambda: LSTMModel(HASHED), id="subclass"),
    ],
)
def test_an_empty_document_neither_moves_the_others_loss_nor_wrecks_the_step(make):
    keras.utils.set_random_seed(0)
    model = make()
    query = pieces_of("red door", "blue wall", "a lamp")
    document, label = pieces_of("a red door", "the wall", ""), tf.ones((3, 1))

    def losses(rows):
        out = model((query[:rows], document[:rows]))["out"]
        return keras.losses.binary_crossentropy(label[:rows], out)

    np.testing.assert_allclose(losses(3)[:2], losses(2), rtol=1e-6)
    with tf.GradientTape() as tape:
        empty = losses(3)[2]
    moved = [g for g in tape.gradient(empty, model.trainable_variables) if g is not None]
    assert moved
    assert all(np.abs(tf.convert_to_tensor(g)).max() <= 1 for g in moved)


@pytest.mark.parametrize("make", [build_lstm_model, LSTMModel])
def test_a_text_whose_vector_is_nearly_zero_has_a_bounded_gradient(make):
    model = make(HASHED)
    texts = pieces_of("red door", "blue wall")
    model((texts, texts))
    for weight in model.trainable_variables:
        if "doc" in weight.path:
            weight.assign(weight * 1e-15)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model((texts, texts))["out"])
    moved = [tf.convert_to_tensor(g) for g in tape.gradient(total, model.trainable_variables)]
    assert max(np.abs(g).max() for g in moved) < 1e4
