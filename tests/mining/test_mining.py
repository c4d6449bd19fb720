"""Mined negatives: the hardest of the whole corpus, less what is likely to be relevant."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dssm_core.corpus.pairs import read_pairs
from dssm_core.corpus.shards import read_shards
from dssm_core.errors import UserError
from dssm_core.evaluation import BM25, Encoded
from dssm_core.folder import ModelFolder
from dssm_core.mining import MiningConfig, mine_negatives
from dssm_core.paths import sample_model
from dssm_core.runtimes.load import load_towers
from tests import tiny
from tests.tiny import quiet

BM = MiningConfig(number=4, strategy="bm25", shard=40, corpus_shard=50, relative_margin=None)
COS = replace(BM, strategy="model")

each_strategy = pytest.mark.parametrize(
    "strategy", ["bm25", pytest.param("model", marks=pytest.mark.slow)]
)


@pytest.fixture(scope="module")
def model() -> ModelFolder:
    return ModelFolder.open(sample_model())


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    """Pairs of few words, so that documents compete; some queries have several documents."""
    found = tiny.pairs(160)[["query", "document"]]
    more = pd.DataFrame(
        {
            "query": [found["query"][0]] * 2 + [found["query"][1].upper(), "guitar guitar violin"],
            "document": [
                found["document"][8],
                found["document"][0].upper(),
                "seed soil",
                "drum violin guitar",
            ],
        }
    )
    path = tmp_path_factory.mktemp("pairs") / "pairs.csv"
    pd.concat([found, more]).to_csv(path, index=False)
    return path


def rows_of(out: Path, epoch: int = 0) -> list[tuple[str, str, list[str]]]:
    parts = list(read_shards(out, epoch))
    return [
        row for p in parts for row in zip(p["query"], p["document"], p["negatives"], strict=True)
    ]


def same(text: str) -> str:
    return " ".join(text.lower().split())


class Oracle:
    """All scores at once, by another way: bm25s over the whole corpus, or vectors in float64."""

    def __init__(self, path: Path, towers=None) -> None:
        frame = read_pairs(path)
        texts = {same(text): text for text in frame["document"][::-1]}
        self.documents = [*dict.fromkeys(texts[same(text)] for text in frame["document"])]
        self.relevant: dict[str, set[str]] = {}
        for query, document in zip(frame["query"], frame["document"], strict=True):
            self.relevant.setdefault(same(query), set()).add(same(document))
        self.bm25 = None if towers else BM25(self.documents)
        self.towers = towers
        if towers:
            self.vectors = Encoded.of(towers, self.documents, "document").vectors.astype(float)

    def scores(self, query: str) -> dict[str, float]:
        if self.bm25:
            (row,) = self.bm25.rows([query])
        else:
            one = Encoded.of(self.towers, [query], "query").vectors[0].astype(float)
            lengths = np.linalg.norm(self.vectors, axis=1) * np.linalg.norm(one)
            row = self.vectors @ one / lengths
        return dict(zip(map(same, self.documents), row.tolist(), strict=True))

    def others(self, query: str) -> list[float]:
        """Return the scores of all documents but the relevant ones, best first."""
        known = self.relevant[same(query)]
        return sorted((s for d, s in self.scores(query).items() if d not in known), reverse=True)


def oracle(strategy: str, pairs: Path, model: ModelFolder) -> Oracle:
    return Oracle(pairs, load_towers(model) if strategy == "model" else None)


@each_strategy
def test_the_hardest_of_the_whole_corpus_are_found(tmp_path, pairs, model, strategy):
    config = replace(BM, strategy=strategy)
    mine_negatives(pairs, tmp_path / "out", config, model, log=quiet)
    whole = oracle(strategy, pairs, model)
    found = rows_of(tmp_path / "out")
    expected = read_pairs(pairs)[["query", "document"]].drop(163)  # 162's, in capitals
    assert [[*map(same, row[:2])] for row in found] == [
        [*map(same, r)] for r in expected.to_numpy()
    ]
    for query, _, drawn in found:
        scores = whole.scores(query)
        ranked = [score for score in whole.others(query) if score > 0 or strategy == "model"]
        got = [scores[same(text)] for text in drawn][: len(ranked)]
        assert got == pytest.approx(ranked[:4], abs=2e-3)
        assert not {same(text) for text in drawn} & whole.relevant[same(query)]
        assert len({same(text) for text in drawn}) == 4


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["bm25", "model"])
def test_how_the_corpus_is_cut_does_not_matter(tmp_path, pairs, model, strategy):
    for size in (7, 50, 1000):  # 7: more shards than are merged at once
        config = replace(BM, strategy=strategy, corpus_shard=size)
        mine_negatives(pairs, tmp_path / str(size), config, model, log=quiet)
    whole = oracle(strategy, pairs, model)
    for one, other in ((7, 50), (50, 1000)):
        both = zip(rows_of(tmp_path / str(one)), rows_of(tmp_path / str(other)), strict=True)
        for (query, _, here), (_, _, there) in both:
            scores = whole.scores(query)
            assert [scores[same(d)] for d in here] == pytest.approx(
                [scores[same(d)] for d in there], abs=2e-3
            )


@each_strategy
def test_what_scores_near_the_own_document_is_left_out_and_counted(
    tmp_path, pairs, model, strategy
):
    config = replace(BM, strategy=strategy, relative_margin=0.2)
    manifest = mine_negatives(pairs, tmp_path / "out", config, model, log=quiet)
    whole = oracle(strategy, pairs, model)
    above = at_random = beyond = 0
    for query, document, drawn in rows_of(tmp_path / "out"):
        scores = whole.scores(query)
        own = scores[same(document)]
        limit = own - 0.2 * abs(own)
        others = whole.others(query)
        above += sum(score > limit for score in others)
        # vectors of 16 bits: what scores as much as the limit may be on either side of it
        lower, allowed, upper = (
            [s for s in others if s <= limit + off and (s > 0 or strategy == "model")][:4]
            for off in (-1e-4, 0, 1e-4)
        )
        at_random += 4 - len(allowed)
        got = [scores[same(text)] for text in drawn]
        assert any(
            got[: len(found)] == pytest.approx(found, abs=2e-3) for found in (lower, allowed, upper)
        )
        beyond += sum(scores[same(text)] > limit + 2e-3 for text in drawn)
    left_out = manifest["left out"]
    assert left_out["above margin"] == pytest.approx(above, abs=2 + above / 100)
    assert left_out["at random"] == pytest.approx(at_random, abs=4)
    assert left_out["equal documents"] == 2
    assert beyond <= left_out["unchecked"] <= left_out["at random"]


def test_documents_drawn_at_random_score_within_the_limit_where_there_are_such(tmp_path):
    rows = [("violin", "violin " + "wood " * 40)]
    rows += [(f"number {n}", f"violin violin {n}") for n in range(30)]
    rows += [(f"door {n}", f"house {n}") for n in range(30)]
    path = tmp_path / "pairs.csv"
    pd.DataFrame(rows, columns=["query", "document"]).to_csv(path, index=False)
    config = replace(BM, relative_margin=0.05)
    left_out = mine_negatives(path, tmp_path / "out", config, log=quiet)["left out"]
    drawn = rows_of(tmp_path / "out")[0][2]
    assert len(set(drawn)) == 4
    assert all(text.startswith("house") for text in drawn)
    assert left_out["at random"] > 4 > left_out["unchecked"]


def test_where_all_documents_score_above_the_limit_the_unchecked_ones_are_counted(tmp_path):
    rows = [("violin", "violin " + "wood " * 40)]
    rows += [("violin", f"violin violin {n}") for n in range(3)]
    rows += [(f"violin {n}", f"violin violin {n} {n}") for n in range(30)]
    path = tmp_path / "pairs.csv"
    pd.DataFrame(rows, columns=["query", "document"]).to_csv(path, index=False)
    config = replace(BM, relative_margin=0.05)
    left_out = mine_negatives(path, tmp_path / "out", config, log=quiet)["left out"]
    assert len(rows_of(tmp_path / "out")[0][2]) == 4
    assert 4 <= left_out["unchecked"] <= left_out["at random"]


@pytest.mark.slow
def test_the_first_ranks_can_be_left_out(tmp_path, pairs, model):
    skipped = replace(COS, skip_top=3)
    manifest = mine_negatives(pairs, tmp_path / "out", skipped, model, log=quiet)
    whole = oracle("model", pairs, model)
    for query, _, drawn in rows_of(tmp_path / "out"):
        scores = whole.scores(query)
        got = [scores[same(text)] for text in drawn]
        assert got == pytest.approx(whole.others(query)[3:7], abs=2e-3)
    assert manifest["left out"]["first ranks"] == 3 * manifest["pairs"]


@pytest.mark.slow
def test_what_the_margin_leaves_out_counts_among_the_first_ranks(tmp_path, pairs, model):
    both = replace(COS, skip_top=3, relative_margin=0.2)
    mine_negatives(pairs, tmp_path / "out", both, model, log=quiet)
    whole = oracle("model", pairs, model)
    for query, document, drawn in rows_of(tmp_path / "out"):
        scores = whole.scores(query)
        limit = 0.8 * scores[same(document)]
        others = whole.others(query)
        first = max(3, sum(score > limit for score in others))
        if all(abs(score - limit) > 1e-3 for score in others) and limit > 0:
            got = [scores[same(text)] for text in drawn]
            assert got == pytest.approx(others[first : first + 4], abs=2e-3)


def test_each_epoch_has_the_next_best(tmp_path, pairs, model):
    mine_negatives(pairs, tmp_path / "one", replace(COS, number=8), model, log=quiet)
    mine_negatives(pairs, tmp_path / "two", replace(COS, epochs=2), model, log=quiet)
    whole = rows_of(tmp_path / "one")
    halves = zip(rows_of(tmp_path / "two", 0), rows_of(tmp_path / "two", 1), strict=True)
    assert [row[2] for row in whole] == [first[2] + second[2] for first, second in halves]


@pytest.mark.slow
def test_a_judge_leaves_out_what_it_scores_near_the_own_document(tmp_path, pairs, model):
    config = replace(BM, number=2, relative_margin=0.05)
    free = mine_negatives(pairs, tmp_path / "free", config, log=quiet)
    judged = mine_negatives(pairs, tmp_path / "judged", config, judge=model, log=quiet)
    whole = oracle("model", pairs, model)

    def too_near(out: Path) -> int:
        number = 0
        for query, document, drawn in rows_of(out):
            scores = whole.scores(query)
            limit = 0.95 * scores[same(document)]
            number += sum(scores[same(text)] > limit + 2e-3 for text in drawn)
        return number

    assert "judged" not in free["left out"]
    assert judged["left out"]["judged"] > 50
    unchecked = judged["left out"]["unchecked"]
    assert too_near(tmp_path / "judged") <= unchecked < too_near(tmp_path / "free")


def test_a_relevant_document_that_nobody_labelled_is_among_the_first_suspects(tmp_path, model):
    frame = tiny.pairs(80)[["query", "document"]]
    own = frame["document"][3]
    frame.loc[80] = ["ships", f"{own}!"]  # not labelled for the fourth query
    frame.to_csv(tmp_path / "pairs.csv", index=False)
    mine_negatives(tmp_path / "pairs.csv", tmp_path / "out", MiningConfig(4), model, log=quiet)
    for query, _, drawn in rows_of(tmp_path / "out"):
        assert query != frame["query"][3] or f"{own}!" not in drawn
    path = tmp_path / "out" / "suspects.jsonl"
    read = read_pairs(path)
    assert (read["label"] == 0).all()
    assert ((read["query"] == frame["query"][3]) & (read["document"] == f"{own}!")).any()
    rows = list(map(json.loads, path.read_text("utf-8").splitlines()))
    excess = [row["cosine"] - row["own cosine"] for row in rows]
    assert excess == sorted(excess, reverse=True) or np.diff(excess).max() < 2e-4
    assert len({(row["query"], row["document"]) for row in rows}) == len(rows)


# runs


class Killed(BaseException):
    pass


def stop_after(number: int) -> Callable[[str], None]:
    said = []

    def log(line: str) -> None:
        said.append(line)
        if len(said) == number:
            raise Killed

    return log


def files(out: Path) -> dict[str, bytes]:
    found = {str(p.relative_to(out)): p for p in out.rglob("*") if p.is_file()}
    return {name: path.read_bytes() for name, path in found.items()}


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["bm25", "model"])
def test_a_killed_run_goes_on_to_the_bytes_of_an_undisturbed_one(tmp_path, pairs, model, strategy):
    config, said = replace(BM, strategy=strategy, relative_margin=0.1), []
    mine_negatives(pairs, tmp_path / "whole", config, model, log=said.append)
    whole = files(tmp_path / "whole")
    assert set(whole) >= {"manifest.json", "run.json", "suspects.jsonl"}
    assert not [name for name in whole if "mining" in name or "sqlite" in name]
    for after in range(1, len(said) + 1):
        out = tmp_path / str(after)
        with pytest.raises(Killed):
            mine_negatives(pairs, out, config, model, log=stop_after(after))
        assert not (out / "manifest.json").exists()
        again: list[str] = []
        mine_negatives(pairs, out, config, model, log=again.append)
        assert again == said[after:], "nothing is made twice"
        assert files(out) == whole
    mine_negatives(pairs, out, config, model, log=again.append)
    assert files(out) == whole


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["model/document-00001.npy", "found-00001.parquet", "own-00000.npy"]
)
@pytest.mark.parametrize("damage", [lambda raw: raw[:90], lambda raw: b"", lambda raw: b"x" * 500])
def test_a_damaged_file_is_named_and_made_anew_once_it_is_deleted(
    tmp_path, pairs, model, name, damage
):
    mine_negatives(pairs, tmp_path / "whole", COS, model, log=quiet)
    out = tmp_path / "out"
    found = out / "mining" / name

    def harm(line: str) -> None:
        is_next = "searched" if "found" in name else "document texts encoded"
        if is_next in line and line.startswith(("4/4", "debian-packages: 4/4")):
            if name.startswith("own"):
                raise Killed
            found.write_bytes(damage(found.read_bytes()))

    if name.startswith("own"):
        with pytest.raises(Killed):
            mine_negatives(pairs, out, COS, model, log=stop_after(9))
        found.write_bytes(damage(found.read_bytes()))
    with pytest.raises(UserError, match=rf"{name} is damaged\. Delete it, and run the same"):
        mine_negatives(pairs, out, COS, model, log=harm)
    assert not (out / "manifest.json").exists()
    found.unlink()
    mine_negatives(pairs, out, COS, model, log=quiet)
    assert files(out) == files(tmp_path / "whole")


def test_another_run_is_not_mixed_with_this_one(tmp_path, pairs, model):
    mine_negatives(pairs, tmp_path / "out", COS, model, log=quiet)
    for other, judge in ((replace(COS, relative_margin=0.1), None), (COS, model)):
        with pytest.raises(UserError, match="the data of another run"):
            mine_negatives(pairs, tmp_path / "out", other, model, judge, log=quiet)


def test_too_few_documents_are_told(tmp_path, model):
    path = tmp_path / "pairs.csv"
    path.write_text("query,document\nq,a b\nq,c d\nr,e f\n")
    with pytest.raises(UserError, match=r"too few documents for 2 negatives: 3, and 2 of them"):
        mine_negatives(path, tmp_path / "out", MiningConfig(2, "bm25"), log=quiet)


@pytest.mark.parametrize(
    ("config", "rows", "key"),
    [(COS, "q,a\n", "prepare.no model"), (BM, "q,a,0\nr,b,0\n", "negatives.no pairs")],
)
def test_without_a_model_or_without_a_relevant_pair_nothing_is_mined(tmp_path, config, rows, key):
    path = tmp_path / "pairs.csv"
    path.write_text(f"query,document{',label' if '0' in rows else ''}\n{rows}")
    with pytest.raises(UserError) as caught:
        mine_negatives(path, tmp_path / "out", config, log=quiet)
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("choices", "what"),
    [
        ({"number": 0}, "number must be at least 1"),
        ({"corpus_shard": 0}, "corpus_shard must be at least 1"),
        ({"strategy": "random"}, "no such strategy"),
        ({"relative_margin": 1.5}, "--relative-margin must be from 0 to 1"),
        ({"skip_top": -1}, "--skip-top must be 0 or more"),
    ],
)
def test_wrong_choices_are_told(choices, what):
    with pytest.raises(UserError, match=what):
        MiningConfig(**choices)


def test_a_text_that_nothing_reads_gets_negatives_at_random(tmp_path, model):
    rows = [["???", "a red door"], *tiny.pairs(30)[["query", "document"]].to_numpy().tolist()]
    pd.DataFrame(rows, columns=["query", "document"]).to_csv(tmp_path / "pairs.csv", index=False)
    for strategy in ("bm25", "model"):
        config = MiningConfig(3, strategy, relative_margin=None)
        manifest = mine_negatives(
            tmp_path / "pairs.csv", tmp_path / strategy, config, model, log=quiet
        )
        (first, *_) = rows_of(tmp_path / strategy)
        assert len(set(first[2]) - {"a red door"}) == 3
        assert manifest["left out"]["at random"] >= 3
        assert json.loads((tmp_path / strategy / "manifest.json").read_text()) == manifest
