"""BM25 against bm25s itself and by hand, and its fusion with a model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dssm_core.evaluation import (
    BM25,
    FUSED,
    Collection,
    Fusion,
    blend,
    bm25_nearest,
    bm25_rows,
    evaluate_collection,
    fit_weight,
    fuse_ranks,
    stems,
)
from tests.tiny import WordTowers

NAN = float("nan")


def test_bm25_finds_the_document_with_the_rare_word_through_its_stem():
    documents = ["shoes for runners", "a shoe shop", "the moon", "a shop for the moon"]
    (row,) = bm25_rows(["running shoe"], documents)
    assert row.argmax() == 0 or row[0] == row[1]
    assert (row[2:] == 0).all()
    (row,) = bm25_rows(["shop on the moons"], documents)
    assert row.argmax() == 3


def test_bm25_says_zero_of_every_document_to_a_query_without_words():
    rows = list(bm25_rows(["", "the of", "深度", "door"], ["a red door", "a wall"]))
    assert [row.tolist() for row in rows[:3]] == [[0, 0]] * 3
    assert rows[3][0] > 0 == rows[3][1]


@pytest.mark.parametrize("documents", [["the", "of"], ["...", "👍"]])
def test_bm25_says_zero_of_documents_without_words(documents):
    (row,) = bm25_rows(["red door"], documents)
    assert row.tolist() == [0, 0]


def test_the_nearest_by_bm25_come_in_order():
    documents = ["a wall", "a red door", "door", "red moon"]
    assert bm25_nearest(["red doors"], documents, 2)[0, 0] == 1
    assert bm25_nearest(["red doors", "walls"], documents, 1).tolist() == [[1], [0]]


def test_fusion_adds_one_over_sixty_plus_rank_and_ties_take_the_worst_rank():
    one, other = np.array([3.0, 1.0, 2.0, NAN]), np.array([0.0, 5.0, 0.0, 0.0])
    row = fuse_ranks(one, other)
    expected = [1 / 61 + 1 / 64, 1 / 63 + 1 / 61, 1 / 62 + 1 / 64, 1 / 64 + 1 / 64]
    assert row == pytest.approx(expected)


def test_bm25_of_a_pair_is_what_the_index_says_of_a_document_in_it():
    rng = np.random.default_rng(2)
    words = ["red", "blue", "door", "wall", "moon", "running", "runners", "the", "of"]
    documents = [" ".join(rng.choice(words, rng.integers(1, 9))) for _ in range(30)]
    queries = ["red red doors", "the running moon", "garden zebra", "of the"]
    index = BM25(documents)
    for query, row in zip(queries, index.rows(queries), strict=True):
        assert index.pairs([query] * 30, documents) == pytest.approx(row, abs=1e-5)


def test_a_document_changed_scores_as_changed():
    index = BM25(["red door", "blue wall", "green moon"])
    plain, longer, other = index.pairs(["red door"] * 3, ["red door", "red door by the sea", "x y"])
    assert plain > longer > other == 0


def test_no_document_passes_the_ceiling_of_its_query():
    documents = ["red red red", "red door", "door " * 50, "blue"]
    queries = ["red", "red door", "zebra", "the"]
    index = BM25(documents)
    for row, ceiling in zip(index.rows(queries), index.ceilings(queries), strict=True):
        assert (row <= ceiling).all()
    assert index.ceilings(["the"]) == 0 < index.ceilings(["zebra"])


def test_stems_are_those_that_bm25_counts():
    assert stems(["The runners' shoes", "running shoe", "of a"]) == [
        {"runner", "shoe"},
        {"run", "shoe"},
        frozenset(),
    ]
    index = BM25(["running shoe", "shoes"])
    assert [index.frequency(s) for s in ("shoe", "run", "zebra")] == [2, 1, 0]


def test_a_blend_weighs_cosine_and_bm25_and_lets_bm25_speak_where_the_model_cannot_read():
    row = blend(np.array([0.5, NAN, -1.0]), np.array([2.0, 4.0, 0.0]), 8.0, weight=0.75)
    assert row == pytest.approx([0.375 + 0.0625, 0.125, -0.75])
    assert blend(np.array([0.5]), np.array([0.0]), 0.0, weight=0.5) == [0.25]
    one, other = np.array([0.1, 0.9]), np.array([3.0, 1.0])
    assert (blend(one, other, 4.0, 1.0) == one).all()
    assert (blend(one, other, 4.0, 0.0) == other / 4).all()


def noisy(words: int, misled: bool) -> tuple[WordTowers, pd.DataFrame]:
    """Return pairs of one word each, and a model that knows all of the words or none."""
    names = [f"word{i}" for i in range(words)]
    pairs = pd.DataFrame({"query": names, "document": [f"{n} item" for n in names], "label": 1})
    return WordTowers("item" if misled else " ".join(names)), pairs


def test_the_weight_that_is_fitted_trusts_the_one_that_can_rank():
    towers, pairs = noisy(15, misled=True)
    assert fit_weight(towers, pairs) < 1.0, "BM25 alone is right"
    towers, pairs = noisy(15, misled=False)
    pairs["query"] = [f"word{i} word{(i + 1) % 15}" for i in range(15)]
    pairs["document"] = [f"word{i} word{(i + 1) % 15} " + "word3 " * 9 for i in range(15)]
    collection = Collection.of(pairs)
    weight = fit_weight(towers, pairs)

    def quality(weight: float) -> float:
        found = evaluate_collection(towers, collection, fusion=Fusion(weight=weight))
        return found["systems"][FUSED]["MRR@10"]["mean"]

    assert quality(weight) == pytest.approx(max(quality(w / 20) for w in range(21)))
