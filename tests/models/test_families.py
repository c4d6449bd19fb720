"""Every family of models behind the same door: built, cut, encoded, trained, saved, loaded."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from dssm_core.__main__ import main
from dssm_core.errors import UserError
from dssm_core.families import FAMILIES, Family, Lab, family
from dssm_core.folder import ModelFolder
from dssm_core.runtimes.load import load_towers
from dssm_core.scoring import Scorer
from tests import tiny
from tests.tiny import quiet

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saving under NumPy 2."""

NAMES = ("lstm", "lstm-plain", "lstm-subclass", "mlp", "mlp-sampled")
WIDTH, ROWS = 12, 400
LEXICAL = 64
LSTM = {
    "query_length": 6,
    "document_length": 12,
    "vocabulary": ROWS,
    "embedding": 8,
    "units": 6,
    "hidden": 16,
    "vector": WIDTH,
}
MLP = {"vocabulary": ROWS, "vector": WIDTH, "query_length": 6, "document_length": 12, "hidden": 16}
TEXTS = ["boat anchor", "", "+ 🙂", "boat", "tide sail zzyzx wave tide sail zzyzx wave boat"]


def sizes(name: str, **changed):
    own = MLP if name.startswith("mlp") else LSTM
    lexical = {"lexical": LEXICAL} if name == "lstm" else {}
    return replace(family(name).config, **{**own, **lexical, **changed})


def width(name: str) -> int:
    """Return the numbers of a vector: with a lexical part more than the others."""
    return WIDTH + LEXICAL if name == "lstm" else WIDTH


def built(name: str):
    return family(name).build(sizes(name))


def pieces(number: int, length: int) -> np.ndarray:
    from dssm_core.text import hash_pieces

    words = [f"word{i}" for i in range(number * length)]
    return hash_pieces(words, ROWS).reshape(number, length, -1)


def test_the_families_are_those_of_this_test():
    assert set(FAMILIES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_family_is_built_and_cut_into_its_two_towers(name):
    from dssm_core.models.tower import cut_towers

    model = built(name)
    query, document = pieces(3, 4), pieces(3, 7)
    outputs = model([query, document])
    towers = cut_towers(model)
    vectors = {}
    for side, batch in (("query", query), ("document", document)):
        tower = towers[side]
        found = [np.asarray(output) for output in tower.call(batch)]
        assert tower.has_attention == (name == "lstm")
        assert [output.shape for output in found] == (
            [(3, width(name)), batch.shape[:2]] if tower.has_attention else [(3, width(name))]
        )
        assert tower.width == width(name)
        vectors[side] = found[0]
        if tower.has_attention:
            assert found[1].sum(1) == pytest.approx([1, 1, 1], abs=1e-5)
    # the towers are the model's own: their cosine is its cosine
    norms = [np.linalg.norm(vectors[side], axis=1) for side in ("query", "document")]
    cosines = (vectors["query"] * vectors["document"]).sum(1) / (norms[0] * norms[1])
    assert np.asarray(outputs["cos"]).ravel() == pytest.approx(cosines, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_family_encodes_any_text(name):
    from dssm_core.models.compiled import CompiledTowers

    config = sizes(name)
    assert (config.query_length, config.document_length) == (6, 12)
    towers = CompiledTowers(built(name), {"boat", "tide"}, ROWS, 6, 12)
    assert towers.has_attention == (name == "lstm")
    for side, length in (("query", 6), ("document", 12)):
        found = towers.encode(TEXTS, side)
        assert [encoding.text for encoding in found] == TEXTS
        assert {encoding.vector.shape for encoding in found} == {(width(name),)}
        assert [bool(e.vector.any()) for e in found] == [True, False, False, True, True]
        assert sum(token.is_read for token in found[4].tokens) == min(9, length)
        alone = [towers.encode([text], side)[0].vector for text in TEXTS]
        assert np.stack([e.vector for e in found]) == pytest.approx(np.stack(alone), abs=1e-5)
        if name == "lstm":
            assert [len(e.attention) for e in found] == [len(e.tokens) for e in found]
        else:
            assert [encoding.attention for encoding in found] == [None] * len(TEXTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp", "lstm-subclass"])
def test_a_trained_model_encodes_the_same_once_it_is_saved_and_loaded(name, tmp_path, monkeypatch):
    from dssm_core import training

    kept, real = [], training.Trainer.towers

    def towers_of(self):
        kept.append(real(self))
        return kept[-1]

    monkeypatch.setattr(training.Trainer, "towers", towers_of)
    choices = training.TrainingConfig(epochs=1, batch=32, learning_rate=0.02, patience=0, spans=0.0)
    out = tmp_path / "model"
    training.train(training.Plan(tiny.pairs(80), out, sizes(name), choices, name), quiet)
    folder = ModelFolder.open(out)
    assert folder.config["family"] == name
    loaded = load_towers(folder)
    towers = kept[-1]
    assert (loaded.scale, loaded.bias) == (towers.scale, towers.bias)
    assert not loaded.has_attention
    texts = [*TEXTS, *tiny.pairs(80)["document"][:20]]
    for side in ("query", "document"):
        one, other = (
            np.stack([e.vector for e in each.encode(texts, side)]) for each in (towers, loaded)
        )
        assert one == pytest.approx(other, abs=1e-6)
        assert len(np.unique(one.round(4), axis=0)) > 10  # texts differ
    if name == "mlp":
        start_from(folder, loaded, choices, tmp_path)


def start_from(folder, loaded, choices, tmp_path) -> None:
    """Check that training starts from a folder's weights, or says that they do not fit."""
    from dssm_core.training import Plan, Trainer

    def begin(**changed) -> Trainer:
        config = sizes("mlp", **changed)
        plan = Plan(tiny.pairs(80), tmp_path / "n", config, choices, "mlp", start=folder)
        return Trainer.prepare(plan, tmp_path / "s.npz", quiet)

    with pytest.raises(UserError, match="model has other sizes than this model"):
        begin(vector=WIDTH + 1)
    both = [t.encode(["boat anchor"], "query")[0].vector for t in (begin().towers(), loaded)]
    assert both[0] == pytest.approx(both[1], abs=1e-6)


def test_an_unknown_family_is_told():
    with pytest.raises(
        UserError, match=r"no such family of models \(found: gru\).*lstm, lstm-plain.*mlp"
    ):
        family("gru")


def test_a_model_that_is_no_two_tower_model_is_not_cut():
    import keras

    from dssm_core.models.tower import cut_towers, table_rows

    plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name="out")])
    with pytest.raises(ValueError, match="no layers query_vec, doc_vec and out among out"):
        cut_towers(plain)
    with pytest.raises(ValueError, match="no layer has a table of words"):
        table_rows(plain)


# a family that somebody adds


@pytest.mark.slow
def test_a_family_is_added_by_its_module_and_one_line_of_the_registry(tmp_path, monkeypatch):
    """Trained by the command, saved, checked, loaded by Keras and scored; offered by the Lab."""
    sizes = {"vocabulary": ROWS, "query_length": 6, "document_length": 12}
    layers = ("WordHashing", "Doubled", "UnitVector", "Cosine")
    here = "tests.models.toy_family:"
    toy = Family("a toy", f"{here}ToyConfig", f"{here}build_toy", sizes, layers, Lab(sizes))
    out, config = tmp_path / "m", tmp_path / "config.json"
    config.write_text(json.dumps({"training": tiny.SIZES["training"]}))
    arguments = ["--pairs", tiny.pairs_file(), "--config", config, "--out", out]
    with monkeypatch.context() as patched:
        patched.setitem(FAMILIES, "toy", toy)
        assert main(["train", "--family", "toy", *map(str, arguments)]) == 0
        scorer = Scorer(out)
        assert scorer.folder.config["model"]["width"] == 8
        one, other = scorer.score("guitar piano", ["violin melody", "oven recipe"]).results
        assert one.rank == 1
        assert one.cosine > other.cosine
    with pytest.raises(UserError, match=r"Doubled, which no model of ours has"):
        load_towers(ModelFolder.open(out))  # without the line it is nobody's
