"""`train --teacher`: the student finds alike what its teacher does, whatever words are shared."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from dssm_core.__main__ import main
from dssm_core.families import FAMILIES
from dssm_core.folder import ModelFolder
from dssm_core.runtimes.load import load_towers
from tests import tiny
from tests.encoders import refusal, static_folder
from tests.tiny import quiet
from tests.training.runs import CHOICES, SIZES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
"""Keras 3.15 saving under NumPy 2."""

PLACES = {word: place for words in tiny.TOPICS.values() for place, word in enumerate(words.split())}
"""Where a word stands in its topic. To the teacher, words of one place are alike, and topics, whose
words the pairs share, mean nothing."""


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A teacher's folder."""
    path = tmp_path_factory.mktemp("teacher") / "encoder"
    return static_folder(path, words=[*PLACES], number_of=PLACES.get)


@pytest.fixture
def arguments(tmp_path, encoder):
    """Return the arguments of a tiny run with a teacher."""
    config = tmp_path / "config.json"
    sizes = {
        "model": {**tiny.SIZES["model"], "lexical": 0},  # which is fixed, and alike by letters
        "training": {**tiny.SIZES["training"], "teaching": 5.0, "epochs": 20},
    }
    config.write_text(json.dumps(sizes))
    given = ("--pairs", tiny.pairs_file(), "--config", config, "--out", tmp_path / "m")
    return ["train", *map(str, given), "--teacher", str(encoder)]


def likeness(towers) -> np.ndarray:
    """Return the cosines of all pairs of two single words of different topics or places."""
    words = sorted(PLACES)
    vectors = np.stack([e.vector for e in towers.encode(words, "document")])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors @ vectors.T)[np.triu_indices(len(words), 1)]


def agreement(towers, encoder) -> float:
    """Return how a model's cosines of words correlate with its teacher's."""
    from dssm_core.runtimes.encoder import EncoderTowers
    from dssm_core.runtimes.encoders import open_encoder

    teacher = EncoderTowers(open_encoder(str(encoder)))
    return float(np.corrcoef(likeness(towers), likeness(teacher))[0, 1])


def lessons_of(encoder, kept, log=quiet):
    from dssm_core.training.teacher import Teacher

    teacher = Teacher.open(str(encoder), kept)
    return teacher.lessons({"query": ["guitar", "oven"], "document": ["piano knife"]}, log)


def test_the_student_learns_its_teachers_likeness(arguments, encoder, tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("\n".join(PLACES))
    assert main([*arguments, "--texts", str(words)]) == 0
    model = ModelFolder.open(tmp_path / "m")
    assert main([*arguments[:-2], "--out", str(tmp_path / "without")]) == 0
    learned, without = load_towers(model), load_towers(ModelFolder.open(tmp_path / "without"))
    assert agreement(learned, encoder) > agreement(without, encoder) + 0.3
    said = model.config["teacher"]
    assert said["fingerprint"] in (model.path / "README.md").read_text()
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        *("config.json", "m", "without", "words.txt")
    ]


def test_the_folder_does_not_need_its_teacher(arguments, encoder, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(encoder, moved)
    assert main([*arguments[:-1], str(moved)]) == 0
    shutil.rmtree(moved)
    towers = load_towers(ModelFolder.open(tmp_path / "m"))
    assert np.linalg.norm(towers.encode(["guitar"], "query")[0].vector) == pytest.approx(1, abs=0.3)


def test_words_start_where_the_teacher_puts_them(encoder, tmp_path):
    from dssm_core.models.compiled import CompiledTowers
    from dssm_core.training.teacher import Teacher, table_of, teach_table
    from dssm_core.training.words import count_words

    sizes = replace(FAMILIES["lstm"].config, **SIZES)
    counts = count_words(PLACES)
    found = []
    for is_taught in (False, True):
        model = FAMILIES["lstm"].build(sizes)
        if is_taught:
            lessons = Teacher.open(str(encoder), tmp_path / "kept").lessons(
                {"query": counts}, quiet
            )
            teach_table(table_of(model), counts, lessons)
        table = table_of(model)
        towers = CompiledTowers(model, counts, sizes.vocabulary, 6, 12, sizes.pieces)
        found.append(agreement(towers, encoder))
        assert table.table.shape == (sizes.vocabulary, sizes.embedding)
    assert found[1] > found[0] + 0.3


def test_unlabelled_texts_are_learnt_too(arguments, tmp_path, encoder):
    texts = tmp_path / "texts.txt"
    texts.write_text("zither lute\n\nguitar zither\nlute\n" * 5)
    assert main([*arguments, "--texts", str(texts)]) == 0
    model = ModelFolder.open(tmp_path / "m")
    assert {"zither", "lute"} <= model.vocabulary.keys()
    assert model.config["teacher"]["texts"] == 3
    assert "3 texts without labels" in (model.path / "README.md").read_text()


def test_the_notebooks_loss_takes_no_teacher(encoder, tmp_path):
    from dssm_core.training import Plan, TrainingConfig
    from dssm_core.training.planning import check_plan
    from dssm_core.training.teacher import Teacher

    sizes, teacher = FAMILIES["lstm"].config, Teacher.open(str(encoder), tmp_path / "kept")
    training = TrainingConfig(loss="softmax")
    plan = Plan(tiny.pairs(), tmp_path, sizes, training, data=tmp_path, teacher=teacher)
    error = refusal(lambda: check_plan(plan))
    assert (error.key, error.values["loss"]) == ("train.teacher and loss", "softmax")


def test_held_out_texts_are_not_learnt(encoder, tmp_path):
    from dssm_core.training import Plan, TrainingConfig
    from dssm_core.training.planning import batches_of, splits_of
    from dssm_core.training.teacher import Teacher

    pairs = tiny.pairs()
    held_out = pairs[pairs["split"] == "test"]["document"].iloc[0]
    teacher = Teacher.open(str(encoder), tmp_path / "kept", [held_out.upper(), "guitar piano solo"])
    sizes = replace(FAMILIES["lstm"].config, **SIZES)
    training = replace(TrainingConfig(), **CHOICES)
    plan = Plan(pairs, tmp_path / "m", sizes, training, teacher=teacher)
    batches = batches_of(plan, splits_of(plan), quiet)
    assert "solo" in batches.vocabulary
    unseen = set(held_out.split()) - set(batches.vocabulary)
    assert unseen  # its number is in no other text


def test_prepared_negatives_are_taught(encoder, tmp_path):
    from dssm_core.corpus.negatives import NegativesConfig, prepare_negatives
    from dssm_core.training.batches import ShardBatches
    from dssm_core.training.lessons import TaughtBatches
    from dssm_core.training.teacher import Teacher

    shards, teacher = tmp_path / "shards", Teacher.open(str(encoder), tmp_path / "kept")
    prepare_negatives(tiny.pairs_file(), shards, NegativesConfig(2), log=quiet)
    taught = TaughtBatches(ShardBatches(shards, 2**20, 6, 12), teacher, [], quiet)
    for batch in taught.epoch(0, 16, np.random.default_rng(0)):
        *_, negatives = batch.said
        assert len(batch.negatives) == len(negatives) == 2 * len(batch.query)
        expected = teacher.lessons({"document": negatives}, quiet).of(negatives, "document")
        np.testing.assert_array_equal(batch.taught[2], expected)
        assert expected.any(axis=1).all()


def test_a_teacher_stays_for_the_second_training(arguments, tmp_path):
    assert main([*arguments, "--hard", "2"]) == 0
    config = ModelFolder.open(tmp_path / "m").config
    assert config["training"]["average"]
    assert config["teacher"]["name"]


def test_a_killed_teacher_goes_on(encoder, tmp_path, monkeypatch):
    from dssm_core.training import teacher

    monkeypatch.setattr(teacher, "PART", 1)

    def killed(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lessons_of(encoder, tmp_path, killed)
    said: list[str] = []
    whole = lessons_of(encoder, tmp_path, said.append)
    assert len(said) == 2  # of three texts
    assert lessons_of(encoder, tmp_path, said.append).vectors.tobytes()
    assert len(said) == 2
    afresh = lessons_of(encoder, tmp_path / "other")
    np.testing.assert_array_equal(whole.of(["oven"], "query"), afresh.of(["oven"], "query"))


@pytest.mark.parametrize("left", [0, 100])
def test_damaged_vectors_are_computed_again(encoder, tmp_path, left):
    expected = lessons_of(encoder, tmp_path).of(["guitar"], "query")
    (part,) = tmp_path.rglob("*.npz")
    part.write_bytes(part.read_bytes()[:left])
    np.testing.assert_array_equal(lessons_of(encoder, tmp_path).of(["guitar"], "query"), expected)


def test_a_text_that_the_teacher_does_not_know_is_left_out(encoder, tmp_path):
    lessons = lessons_of(encoder, tmp_path)
    assert lessons.of(["guitar", "never asked"], "query").any(1).tolist() == [True, False]
    assert not lessons.of(["guitar"], "document").any()  # asked as a query


def test_what_cannot_teach_is_refused(arguments, tmp_path, capsys):
    for teacher, said in (
        (tmp_path / "nowhere", "nowhere"),
        (tmp_path, "model.safetensors is missing"),
    ):
        assert main([*arguments[:-1], str(teacher)]) == 1
        (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
        assert said in line
    assert main([*arguments, "--workers", "2"]) == 1
    assert "--teacher" in capsys.readouterr().err
    assert main([*arguments[:-2], "--texts", "x"]) == 1
    assert "--texts" in capsys.readouterr().err


def test_a_teacher_that_reads_nothing_is_refused(encoder, tmp_path):
    from dssm_core.training.teacher import Teacher

    teacher = Teacher.open(str(encoder), tmp_path)
    error = refusal(lambda: teacher.lessons({"query": ["", " "]}, quiet))
    assert error.key == "train.teacher says nothing"
