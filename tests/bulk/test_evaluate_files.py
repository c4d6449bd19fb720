"""A collection measured shard by shard: the figures of `evaluate`, to the last digit."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dssm_core.bulk.asked import Here
from dssm_core.bulk.evaluate import Files, evaluate_files
from dssm_core.bulk.merge import first_of
from dssm_core.bulk.score import BEST, NOTHING, best_documents, count_above
from dssm_core.corpus.markup import strip_markup
from dssm_core.errors import UserError
from dssm_core.evaluation import Fusion, rank_documents
from dssm_core.folder import ModelFolder
from dssm_core.paths import sample_model
from tests import tiny
from tests.bulk.collections import write_collection
from tests.tiny import bare_folder, quiet

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saving under NumPy 2."""

SHARD = 4096


def files_of(options, **choices) -> Files:
    return Files(options[1], options[3], options[5], **choices)


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    return write_collection(tmp_path_factory.mktemp("collection"))


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Return options of a collection that is small, where its size does not matter."""
    return write_collection(tmp_path_factory.mktemp("few"), documents=600, queries=40)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "choices", "fusion", "rival"),
    [
        ((), {}, False, False),
        (
            ("--leave-out-own", "--min-grade", 2, "--strip-html", "--fuse", "bm25"),
            {"leave_out_own": True, "min_grade": 2, "clean": strip_markup},
            True,
            True,
        ),
    ],
    ids=["plain", "all options"],
)
def test_shards_have_the_figures_of_memory_to_the_last_digit(
    run, options, tmp_path, arguments, choices, fusion, rival
):
    folder = ModelFolder.open(tiny.trained())
    models = {"model": folder}
    fused = Fusion("bm25", folder.metrics["fusion"]["weight"]) if fusion else None
    if rival:
        models[str(sample_model())] = ModelFolder.open(sample_model())
        arguments = (*arguments, "--against", sample_model())
    status, text, _ = run("evaluate", "--model", tiny.trained(), *options, *arguments, "--json")
    assert status == 0
    wanted = json.loads(text)
    found = evaluate_files(
        files_of(options, **choices), models, tmp_path, 0, fused, quiet, shard=SHARD
    )
    reading = wanted.pop("reading")
    assert json.loads(json.dumps(found.metrics)) == wanted
    assert found.html == reading.pop("html_texts")
    reading.pop("html_stripped")
    assert json.loads(json.dumps(found.judged.to_dict())) == reading
    assert wanted["errors"][0]["rank"] > 4096, "or no rank was counted over shards"
    assert len(list(tmp_path.glob("model-0/vectors-*.parquet"))) == 3


@pytest.mark.slow
def test_the_command_prints_what_it_prints_without_shards(run, few, tmp_path):
    arguments = ("evaluate", "--model", tiny.trained(), *few)
    status, text, said = run(*arguments, "--work", tmp_path / "work")
    assert status == 0
    assert "1/1 shards of documents ranked" in said
    assert text == run(*arguments)[1]


def test_a_second_run_makes_nothing_again(few, tmp_path):
    models = {"model": ModelFolder.open(tiny.trained())}
    said: list[str] = []
    first = evaluate_files(files_of(few), models, tmp_path, log=said.append)
    assert said
    again = evaluate_files(files_of(few), models, tmp_path, log=said.clear)
    assert said, "nothing was said, so nothing was done"
    assert again.metrics == first.metrics
    with pytest.raises(UserError, match="the data of another run"):
        evaluate_files(files_of(few, min_grade=2), models, tmp_path, log=quiet)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["found/best-00001-0.npy", "model-0/vectors-00001.parquet"])
def test_a_damaged_file_is_named_and_made_anew_once_it_is_deleted(options, tmp_path, name):
    models = {"model": ModelFolder.open(tiny.trained())}

    def measure():
        return evaluate_files(files_of(options), models, tmp_path, log=quiet, shard=SHARD).metrics

    wanted = measure()
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:50])
    for merged in (tmp_path / "found").glob("merged-*"):
        merged.unlink()
    if name.startswith("model"):
        (tmp_path / "found" / "best-00001-0.npy").unlink()
    with pytest.raises(UserError, match=f"{name} is damaged"):
        measure()
    path.unlink()
    assert measure() == wanted


def test_an_id_that_is_not_in_the_corpus_is_named(few, tmp_path):
    qrels = tmp_path / "qrels"
    qrels.write_text(f"{few[1].read_text()}q1 0 nowhere 1\n")
    files = Files(qrels, few[3], few[5])
    models = {"model": ModelFolder.open(tiny.trained())}
    with pytest.raises(UserError, match="nowhere"):
        evaluate_files(files, models, tmp_path / "work", log=quiet)


def test_what_cannot_be_measured_is_refused(few, tmp_path):
    models = {"model": ModelFolder.open(bare_folder(tmp_path / "m"))}
    none = tmp_path / "none.qrels"
    none.write_text("q1 0 d1 0\n")
    for files, key in (
        (files_of(few, min_grade=0), "trec.wrong least"),
        (Files(none, few[3], few[5]), "evaluate.no relevant pairs"),
        *(
            (files_of([*few[:i], tmp_path / "absent", *few[i + 1 :]]), "file.missing")
            for i in (1, 3)
        ),
        (files_of([*few[:5], tmp_path]), "file.missing"),
    ):
        with pytest.raises(UserError) as caught:
            evaluate_files(files, models, tmp_path / f"{key} {files.corpus.name}", log=quiet)
        assert caught.value.key == key
    with pytest.raises(ValueError, match="no multiple of"):
        evaluate_files(files_of(few), models, tmp_path / "work", log=quiet, shard=SHARD + 1)
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--engine", "ray"), "need a folder for the shards"),
        (("--workers", 2), "need a folder for the shards"),
        (("--work", "W", "--run", "R"), "--work keeps 100"),
        (("--work", "W", "--fuse", "bm25-rrf"), "needs the rank of every document"),
    ],
)
def test_what_shards_cannot_do_is_refused(refused, few, tmp_path, arguments, said):
    named = [tmp_path / one if one in ("W", "R") else one for one in arguments]
    assert said in refused("evaluate", "--model", tiny.trained(), *few, *named)


def test_pairs_are_not_measured_in_shards(refused, tmp_path):
    arguments = ("--pairs", tiny.pairs_file(), "--work", tmp_path / "work")
    said = refused("evaluate", "--model", tiny.trained(), *arguments)
    assert "--work measures a judged collection" in said


@pytest.mark.parametrize("seed", range(20))
def test_shards_rank_as_one_list_with_all_its_ties(seed):
    rng = np.random.default_rng(seed)
    size, shard, depth = 90, 20, 10
    scores = rng.integers(0, 4, size).astype(float)
    scores[rng.random(size) < 0.2] = np.nan
    judged = rng.choice(size, 8, replace=False).tolist()
    relevant = frozenset(judged[:5])
    grades = {place: 1 + i % 3 for i, place in enumerate(judged[2:])} if seed % 2 else {}
    own = judged[4] if seed % 3 == 0 else None
    order = rank_documents(scores, relevant, grades)
    order = order[order != own] if own is not None else order
    worst = {**dict.fromkeys(relevant, 1), **grades}
    tops, parts = [], []
    for first in range(0, size, shard):
        part = scores[first : first + shard]
        places = range(first, first + len(part))
        here = Here(
            {d - first: w for d, w in worst.items() if d in places},
            [d - first for d in relevant if d in places],
            own - first if own in places else None,
        )
        parts.append((part, here, first))
        tops.append(best_documents(part, here, first, depth)[None])
    best = first_of([top[:, :depth] for top in tops], depth)[0]
    assert best["document"].tolist() == order[:depth].tolist()
    (target,) = first_of([top[:, depth:] for top in tops], 1)[0]
    rank = 1 + sum(count_above(*part, target) for part in parts)
    assert rank == int(np.isin(order, list(relevant)).argmax()) + 1


def test_where_there_are_few_documents_the_rest_is_nothing():
    found = best_documents(np.array([1.0, np.nan]), Here(), 5, 3)
    assert found.dtype == BEST
    assert found["document"].tolist() == [5, 6, *[int(NOTHING["document"])] * 2]
