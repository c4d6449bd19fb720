"""The lexical part of a vector: fixed signs, learned weights, beside what is learned whole."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from dssm_core.models.layers import Beside, SignHashing
from dssm_core.models.lstm import LSTMConfig, build_lstm_model
from dssm_core.models.tower import cut_towers
from dssm_core.text import PIECES, UNSEEN, hash_pieces
from dssm_core.training.planning import rarity

CONFIG = LSTMConfig(
    vocabulary=500, embedding=8, units=8, hidden=16, vector=16, pieces=PIECES, attention=4,
    dense="shared", lexical=64,
)  # fmt: skip


def pieces(*words: str, rows: int = 500) -> np.ndarray:
    return hash_pieces(words, rows)[:, None]  # [N, 1, P]


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_signs_are_fixed_by_the_row_alone_and_are_not_stored():
    one, other = SignHashing(500, 64), SignHashing(500, 64)
    given = pieces("plextor", "firmware")
    assert (np.asarray(one(given)) == np.asarray(other(given))).all()
    assert [w.name for w in one.weights] == ["log_weight"]
    signs = np.asarray(one.table)
    assert set(np.unique(signs)) == {-1, 1}
    assert abs(signs.mean()) < 0.02, "as many of one sign as of the other"


def test_a_sum_of_signs_agrees_with_a_loop():
    layer, given = SignHashing(500, 64), pieces("plextor")
    layer.build((None, None, PIECES))
    layer.log_weight.assign(np.linspace(-1, 1, 500))
    table, weights = np.asarray(layer.table, float), np.exp(np.linspace(-1, 1, 500))
    expected = sum(table[row] * weights[row] for row in given[0, 0] if row)
    assert np.asarray(layer(given))[0, 0] == pytest.approx(expected, rel=1e-5)


def test_words_that_share_letters_are_alike_and_others_are_not():
    layer = SignHashing(20_000, 1024)
    one, plural, other = np.asarray(layer(pieces("plotter", "plotters", "banjo", rows=20_000)))[
        :, 0
    ]
    assert cosine(one, plural) > 0.5 > 0.2 > abs(cosine(one, other))


def test_the_cosine_of_two_vectors_is_a_weighted_mean_of_their_parts():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 1, 8)), rng.normal(size=(2, 1, 5))
    layer = Beside()
    vectors = [np.asarray(layer(a, b))[0] for a, b in zip(one, other, strict=True)]
    gain = float(np.exp(2 * layer.log_gain.numpy()))
    parts = cosine(*one[:, 0]), cosine(*other[:, 0])
    assert cosine(*vectors) == pytest.approx((parts[0] + gain * parts[1]) / (1 + gain), abs=1e-5)


def test_a_tower_knows_its_parts_and_an_empty_text_stays_zero():
    model = build_lstm_model(CONFIG)
    tower = cut_towers(model)["document"]
    assert tower.parts == (16, 64)
    assert tower.width == 80
    vector, weights = tower.call(np.zeros((1, 3, PIECES), np.int32))
    assert not np.asarray(vector).any()
    assert not np.asarray(weights).any()


def test_a_model_with_a_lexical_part_reloads_under_safe_mode(tmp_path):
    model = build_lstm_model(CONFIG)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", compile=False, safe_mode=True)
    given = pieces("chess", "engine").swapaxes(0, 1)
    first, second = (cut_towers(m)["query"].call(given)[0] for m in (model, again))
    assert (np.asarray(first) == np.asarray(second)).all()


@pytest.mark.parametrize("change", [{"lexical": 100}, {"pieces": 0}, {"attention": 0}])
def test_a_lexical_part_that_cannot_be_is_refused(change):
    with pytest.raises(ValueError, match="lexical must be a multiple of 64"):
        replace(CONFIG, **{"dense": "per side", **change})


def test_rare_rows_weigh_more_and_the_row_of_unseen_words_the_most():
    weights = rarity({"the": 1000, "firmware": 20, "plextor": 1}, 5_000)
    the, firmware, plextor = (
        weights[row] for row in hash_pieces(["the", "firmware", "plextor"], 5_000)[:, 0]
    )
    assert the < firmware < plextor <= weights[UNSEEN] == weights.max()
    assert weights[0] == 0


@pytest.mark.slow
def test_each_part_learns_to_rank_by_itself():
    from dssm_core.models.losses import compile_step

    keras.utils.set_random_seed(0)
    model = build_lstm_model(CONFIG)
    model.compile(keras.optimizers.Adam(0.02))
    query = pieces("plotter", "banjo", "firmware", "chess")
    document = pieces("plotters", "banjos", "firmwares", "chesses")[[1, 2, 3, 0]]
    none, same = np.zeros((0, 1, PIECES), np.int32), np.eye(4, dtype=bool)
    step = compile_step(model, "retrieval", sharpness=20.0)

    def hits() -> list[int]:
        towers = cut_towers(model)
        one, other = (np.asarray(towers[s].call(t)[0]) for s, t in sides)
        parts = (slice(0, 16), slice(16, None))
        return [int(((one[:, p] @ other[:, p].T).argmax(1) == np.arange(4)).sum()) for p in parts]

    # a second token of padding, for Keras warns of a softmax over one
    sides = [
        (s, np.pad(t, ((0, 0), (0, 1), (0, 0))))
        for s, t in (("query", query), ("document", document))
    ]
    assert hits()[1] == 0, "by letters each query is another's"
    for _ in range(60):
        step(query, document, none, same, np.ones(4, np.float32))
    assert hits()[0] == 4, "what is learned ranks them, and without the lexical part"
