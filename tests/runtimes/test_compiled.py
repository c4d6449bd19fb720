"""The towers of a tiny trained model, compiled and in NumPy: a text's vector is its own."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.models.compiled import CompiledTowers
from dssm_core.runtimes.load import load_towers
from dssm_core.scoring import Scorer
from tests import tiny

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saving under NumPy 2."""

WORDS = " ".join(tiny.TOPICS.values()).split()
TEXTS = st.lists(st.sampled_from([*WORDS, "xylophones", "深度", "👍", "…"]), max_size=16).map(
    " ".join
)


@pytest.fixture(scope="module")
def folder():
    return ModelFolder.open(tiny.trained())


@pytest.fixture(scope="module", params=["NumPy", "TensorFlow"])
def towers(folder, request):
    found = load_towers(folder, "keras" if request.param == "TensorFlow" else "fastest")
    assert isinstance(found, CompiledTowers) == (request.param == "TensorFlow")
    return found


def texts(number: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(1, 20))) for _ in range(number)]


def assert_same(one, other, tolerance: float = 1e-5) -> None:
    assert one.text == other.text
    assert one.tokens == other.tokens
    assert one.vector == pytest.approx(other.vector, abs=tolerance)
    assert one.attention == pytest.approx(other.attention, abs=tolerance)


def test_a_text_scores_higher_against_itself_than_against_any_other(folder, towers):
    scorer = Scorer(folder, towers)
    held_out = list(dict.fromkeys(tiny.pairs().query("split == 'test'")["query"]))
    for text in held_out:
        results = scorer.score(text, held_out).results
        own = results[held_out.index(text)]
        assert own.cosine == pytest.approx(1, abs=1e-5)
        assert own.rank == 1
        assert own.percentile > 90
        assert all(
            r.cosine < own.cosine - 1e-5 for r in results if sorted(r.document) != sorted(text)
        )


def test_it_learnt_which_document_belongs_to_a_query(folder, towers):
    scorer = Scorer(folder, towers)
    documents = [
        "oven knife saucepan",
        "boat anchor tide",
        "doctor fever pulse",
        "goal referee racket",
    ]
    for query, place in (("baking recipe", 0), ("harbour sail", 1), ("nurse clinic", 2)):
        ranks = [r.rank for r in scorer.score(query, documents).results]
        assert ranks[place] == 1, query


@given(st.lists(TEXTS, min_size=1, max_size=12), st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_a_vector_does_not_depend_on_the_texts_beside_it_or_their_order(towers, batch, random):
    for side in ("query", "document"):
        alone = {text: towers.encode([text], side)[0] for text in set(batch)}
        shuffled = random.sample(batch, len(batch))
        for found in (*towers.encode(batch, side), *towers.encode(shuffled + texts(5), side)[:-5]):
            assert_same(found, alone[found.text])


def test_a_vector_does_not_depend_on_how_far_it_is_padded(towers, monkeypatch):
    batch = texts(30)
    expected = towers.encode(batch, "document")
    for lengths in ((), (12,), (50,), (3, 7, 200)):
        monkeypatch.setattr("dssm_core.models.compiled.LENGTHS", lengths)
        for found, right in zip(towers.encode(batch, "document"), expected, strict=True):
            assert_same(found, right)


def test_a_score_does_not_depend_on_the_other_documents(folder, towers):
    documents = texts(12, seed=4)
    whole = Scorer(folder, towers).score("guitar concert", documents).results
    for document, among in zip(documents, whole, strict=True):
        alone = Scorer(folder, towers).score("guitar concert", [document]).results[0]
        assert alone.cosine == pytest.approx(among.cosine, abs=1e-5)
        assert alone.percentile == pytest.approx(among.percentile, abs=0.1)


def test_any_number_of_texts_of_any_length_is_traced_once(towers):
    for number in (1, 2, 7, 40):
        for seed in range(3):
            towers.encode(texts(number, seed), "document")
            towers.encode([*texts(number, seed), "a" * 500, ""], "query")
    for tower in towers._towers.values():
        if isinstance(towers, CompiledTowers):  # there is nothing to trace in NumPy
            assert tower._call.experimental_get_tracing_count() == 1


def test_many_threads_get_what_one_would(towers):
    batches = [texts(1 + seed % 9, seed) for seed in range(40)]
    expected = [towers.encode(batch, "document") for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda batch: towers.encode(batch, "document"), batches))
    for answer, right in zip(answers, expected, strict=True):
        for one, other in zip(answer, right, strict=True):
            assert_same(one, other)


def test_attention_sums_to_one_over_what_is_read_and_is_zero_elsewhere(towers):
    found = towers.encode(["👍 guitar, xylophones → " + "drum " * 20, "piano"], "query")
    for encoding in found:
        read = np.array([token.is_read for token in encoding.tokens])
        assert encoding.attention[read].sum() == pytest.approx(1, abs=1e-5)
        assert (encoding.attention[read] > 0).all()
        assert (encoding.attention[~read] == 0).all()
    states = [token.state for token in found[0].tokens]
    assert states == ["skipped", "seen", "letters", "skipped"] + ["seen"] * 4 + ["truncated"] * 16


@pytest.mark.parametrize("text", ["", "  \n", "👍 →", "...", "\0\u200b"])
def test_an_unreadable_text_gets_a_zero_vector_and_leaves_its_neighbours_alone(towers, text):
    nothing, piano = towers.encode([text, "piano"], "document")
    assert not nothing.is_readable
    assert not nothing.vector.any()
    assert not nothing.attention.any()
    assert_same(piano, towers.encode(["piano"], "document")[0])


def test_what_is_cut_off_changes_nothing(towers):
    short = "piano drum violin melody concert singer"
    one, other = towers.encode([short, short + " oven boat"], "query")
    assert one.vector == pytest.approx(other.vector, abs=1e-6)


def test_an_unseen_word_is_told_from_others_by_its_letters(towers):
    guitars, quartz, guitar = towers.encode(["guitars", "quartzite", "guitar"], "query")
    assert guitars.tokens[0].state == quartz.tokens[0].state == "letters"
    assert guitars.vector @ guitar.vector > quartz.vector @ guitar.vector


def test_both_towers_read_a_short_text_alike(towers):
    query, document = (towers.encode(["piano concert"], side)[0] for side in ("query", "document"))
    assert_same(query, document)


def test_no_texts_give_no_encodings(towers):
    assert towers.encode([], "query") == []


def test_a_long_list_goes_through_the_tower_in_parts(towers, monkeypatch):
    tower, rows = towers._towers["document"], []

    def record(pieces, places, lengths):
        rows.append(len(places))
        return tower(pieces, places, lengths)

    record.batch, record.width, record.padded = tower.batch, tower.width, tower.padded
    monkeypatch.setitem(towers._towers, "document", record)
    batch = texts(1500)
    assert [e.text for e in towers.encode(batch, "document")] == batch
    assert sum(rows) == 1500
    assert max(rows) <= 512, "or an evaluation of 100,000 documents runs out of memory"


# folders that disagree with themselves


def changed(folder: ModelFolder, path: Path, **values: object) -> ModelFolder:
    shutil.copytree(folder.path, path)
    config = json.loads((path / "config.json").read_text())
    for key, value in values.items():
        config[key] |= value
    (path / "config.json").write_text(json.dumps(config))
    return ModelFolder.open(path)


@pytest.mark.parametrize("head", [{"scale": 99.0}, {"bias": 99.0}])
def test_a_head_that_disagrees_with_the_configuration_is_refused(folder, tmp_path, head):
    with pytest.raises(UserError, match=r"m/config\.json.*head"):
        load_towers(changed(folder, tmp_path / "m", head=head))


def test_a_table_that_disagrees_with_the_configuration_is_refused(folder, tmp_path):
    with pytest.raises(UserError, match=r"m/config\.json.*rows"):
        load_towers(changed(folder, tmp_path / "m", text={"rows": 100_000}))


def test_weights_that_are_no_numbers_are_refused(folder, tmp_path):
    import keras

    path = tmp_path / "m"
    shutil.copytree(folder.path, path)
    model = keras.saving.load_model(path / "model.keras", compile=False)
    table = model.get_layer("embedding").table
    values = table.numpy()
    values[7] = np.nan
    table.assign(values)
    model.save(path / "model.keras")
    with pytest.raises(UserError, match=r"m/model\.keras.*not a number"):
        load_towers(ModelFolder.open(path))


def test_a_model_without_the_towers_is_refused(folder, tmp_path):
    import keras

    path = tmp_path / "m"
    shutil.copytree(folder.path, path)
    inputs = keras.Input((3,))
    keras.Model(inputs, keras.layers.Dense(1, name="out")(inputs)).save(path / "model.keras")
    with pytest.raises(UserError, match=r"m/model\.keras cannot be loaded"):
        load_towers(ModelFolder.open(path))


def test_weights_of_another_size_are_refused(folder, tmp_path):
    path = tmp_path / "m"
    shutil.copytree(folder.path, path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(path / "model.keras") as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                content = content.replace(b'"units": 8', b'"units": 9')
            target.writestr(name, content)
    (path / "model.keras").write_bytes(buffer.getvalue())
    with pytest.raises(UserError, match=r"m/model\.keras cannot be loaded"):
        load_towers(ModelFolder.open(path), "keras")
