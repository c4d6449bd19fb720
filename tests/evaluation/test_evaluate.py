"""Ranking figures against plain loops, with every doubt held against the model."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssm_core.card.examples import pick_examples, score_towers
from dssm_core.errors import UserError
from dssm_core.evaluation import (
    BLOCK,
    FUSED,
    WEIGHT,
    Collection,
    Encoded,
    Fusion,
    cosine_block,
    cosine_nearest,
    cosine_rows,
    cosines_between,
    evaluate_collection,
    evaluate_run,
    evaluate_towers,
    paired_p_value,
    rank_documents,
    summarise,
)
from dssm_core.evaluation.cosines import PAIRS
from dssm_core.evaluation.ranking import rank_systems
from dssm_core.numeric import l2_normalise
from tests.examples import examples
from tests.tiny import WordTowers

NAN = float("nan")


def collection(*relevant: set[int], documents: int) -> Collection:
    queries = tuple(f"q{i}" for i in range(len(relevant)))
    names = tuple(f"d{i}" for i in range(documents))
    return Collection(queries, names, tuple(map(frozenset, relevant)))


def measured(scores: list[float], relevant: set[int]) -> dict[str, float]:
    found = evaluate_run(collection(relevant, documents=len(scores)), [np.array(scores)])
    return found.iloc[0].to_dict()


def by_hand(scores: list[float], relevant: set[int]) -> dict[str, float]:
    """The five figures of one query, from their definitions."""
    value = [-math.inf if math.isnan(s) else s for s in scores]
    order = sorted(
        range(len(scores)), key=lambda d: (-value[d], math.isnan(scores[d]), d in relevant)
    )
    hits = [d in relevant for d in order]
    first = hits.index(True) + 1
    gain = sum(1 / math.log2(place + 2) for place, hit in enumerate(hits[:10]) if hit)
    ideal = sum(1 / math.log2(place + 2) for place in range(min(10, len(relevant))))
    return {
        "MRR@10": 1 / first if first <= 10 else 0.0,
        "recall@1": sum(hits[:1]) / len(relevant),
        "recall@10": sum(hits[:10]) / len(relevant),
        "recall@100": sum(hits[:100]) / len(relevant),
        "nDCG@10": gain / ideal,
    }


# rankings


@given(
    st.lists(
        st.sampled_from([0.0, 1.0, 2.0, -1.0, NAN, math.inf, -math.inf]), min_size=2, max_size=120
    ),
    st.sets(st.integers(0, 119), min_size=1, max_size=15),
)
@examples(60)
def test_every_figure_is_what_its_definition_says(scores, relevant):
    relevant = {d % len(scores) for d in relevant}
    assert measured(scores, relevant) == pytest.approx(by_hand(scores, relevant))


def test_several_queries_keep_their_own_figures():
    rows = [np.array([3.0, 2.0, 1.0]), np.array([3.0, 2.0, 1.0])]
    found = evaluate_run(collection({0}, {2}, documents=3), rows)
    assert found["MRR@10"].tolist() == [1.0, pytest.approx(1 / 3)]
    assert found["recall@1"].tolist() == [1.0, 0.0]


def test_a_model_that_says_nan_gets_nothing():
    assert measured([NAN] * 20, {0})["MRR@10"] == 0.0
    assert measured([NAN, *range(19)], {0}) == pytest.approx(
        {"MRR@10": 0, "recall@1": 0, "recall@10": 0, "recall@100": 1, "nDCG@10": 0}
    )


def test_a_constant_model_gets_the_worst_that_it_could():
    assert measured([0.5] * 20, {7})["MRR@10"] == 0.0
    assert measured([0.5] * 5, {0})["MRR@10"] == 1 / 5
    assert measured([0.5] * 101, {0})["recall@100"] == 0.0


def test_a_perfect_model_gets_one_everywhere():
    scores = [9.0, 8.0, *np.zeros(30)]
    assert set(measured(scores, {0}).values()) == {1.0}
    found = measured(scores, {0, 1})
    assert found.pop("recall@1") == 0.5  # one place for two
    assert set(found.values()) == {1.0}


def test_doubt_ranks_against_the_relevant_document():
    scores = np.array([1.0, NAN, 1.0, -np.inf, 2.0])
    assert rank_documents(scores, frozenset({0})).tolist() == [4, 2, 0, 3, 1]
    assert rank_documents(scores, frozenset({2})).tolist() == [4, 0, 2, 3, 1]


def test_a_collection_takes_distinct_texts_and_leaves_out_what_nobody_seeks():
    pairs = pd.DataFrame(
        [["a", "x", 1], ["b", "y", 0], ["a", "z", 1], ["c", "x", 1], ["a", "y", 0]],
        columns=["query", "document", "label"],
    )
    found = Collection.of(pairs)
    assert found.queries == ("a", "c")
    assert found.documents == ("x", "y", "z"), "those of irrelevant pairs are candidates too"
    assert found.relevant == ({0, 2}, {0})


# cosines of many at once


def test_cosine_rows_are_the_cosines_and_nan_where_nothing_is_readable():
    rng = np.random.default_rng(0)
    queries, documents = rng.normal(size=(5, 3)), rng.normal(size=(4, 3))
    queries[2] = 0
    rows = np.stack(list(cosine_rows(queries, documents, np.array([1, 1, 0, 1], bool), block=2)))
    for i, j in itertools.product(range(5), range(4)):
        if j == 2:
            assert np.isnan(rows[i, j])
        elif i == 2:
            assert rows[i, j] == 0
        else:
            norms = math.sqrt(sum(queries[i] ** 2)) * math.sqrt(sum(documents[j] ** 2))
            assert rows[i, j] == pytest.approx(sum(queries[i] * documents[j]) / norms)


@pytest.mark.parametrize("number", [0, 1, PAIRS, 2 * PAIRS + 1])
def test_the_cosines_of_pairs_are_those_of_a_loop_however_many(number):
    rng = np.random.default_rng(0)
    queries, documents = (l2_normalise(rng.normal(size=(n, 3))) for n in (5, 4))
    rows = rng.integers(5, size=number), rng.integers(4, size=number)
    found = cosines_between(queries, documents, *rows)
    one_by_one = [queries[q] @ documents[d] for q, d in zip(*rows, strict=True)]
    np.testing.assert_allclose(found, one_by_one, atol=1e-12)


def test_the_nearest_by_cosine_are_the_nearest():
    nearest = cosine_nearest(WordTowers())(["red door"], ["wall", "👍", "a red door", "door"], 3)
    assert nearest.tolist() == [[2, 3, 0]]


@given(
    st.lists(st.sampled_from(["red", "red door", "door wall", "wall", "👍"]), min_size=1),
    st.integers(1, 40),
)
@examples(40)
def test_the_nearest_are_as_near_as_any_that_are_left_out(documents, number):
    towers = WordTowers()
    (found,) = cosine_nearest(towers)(["red door"], documents, number)
    assert len(set(found.tolist())) == len(found) == min(number, len(documents))
    queries, texts = (
        Encoded.of(towers, list(text), side)
        for text, side in ((["red door"], "query"), (documents, "document"))
    )
    (row,) = cosine_rows(queries.vectors, texts.vectors, texts.readable)
    values = np.where(np.isnan(row), -np.inf, row)
    assert values[found].tolist() == sorted(values, reverse=True)[: len(found)]


# how sure the figures are


def test_the_bootstrap_interval_holds_the_mean_and_narrows_with_more_queries():
    rng = np.random.default_rng(3)
    widths = []
    for number in (20, 2000):
        found = summarise(pd.DataFrame({"m": rng.random(number)}))["m"]
        assert found["low"] < found["mean"] < found["high"]
        widths.append(found["high"] - found["low"])
        normal = 2 * 1.96 * math.sqrt(1 / 12 / number)  # of the mean of uniform numbers
        assert widths[-1] == pytest.approx(normal, rel=0.25)
    assert summarise(pd.DataFrame({"m": [0.5] * 9}))["m"] == {"mean": 0.5, "low": 0.5, "high": 0.5}


def test_the_bootstrap_is_the_same_for_the_same_seed():
    values = pd.DataFrame({"m": np.linspace(0, 1, 30), "n": np.linspace(1, 0, 30)})
    assert summarise(values, 5) == summarise(values, 5)
    assert summarise(values, 5) != summarise(values, 6)


def test_the_p_value_is_that_of_all_sign_patterns():
    one = np.array([0.9, 0.4, 0.7, 0.8, 0.5, 0.6, 0.9, 0.3])
    other = np.array([0.5, 0.5, 0.2, 0.7, 0.1, 0.6, 0.4, 0.2])
    difference = one - other
    sums = [abs(np.dot(s, difference)) for s in itertools.product([-1, 1], repeat=8)]
    exact = np.mean(np.array(sums) >= abs(difference.sum()) - 1e-12)
    assert paired_p_value(one, other) == pytest.approx(exact, abs=0.01)
    assert paired_p_value(other, one) == pytest.approx(exact, abs=0.01)


def test_equal_systems_do_not_differ_and_clearly_better_ones_do():
    rng = np.random.default_rng(1)
    values = rng.random(200)
    assert paired_p_value(values, values) == 1.0
    assert paired_p_value(values, rng.permutation(values)) > 0.05
    assert paired_p_value(values + 0.1, values) < 0.001


# a whole evaluation


PAIRS = pd.DataFrame(
    [["red door", "a red door", 1], ["blue wall", "the wall is blue", 1], ["red", "door", 0]],
    columns=["query", "document", "label"],
)


def test_an_evaluation_is_plain_values_with_bm25_from_the_same_run():
    found = json.loads(json.dumps(evaluate_towers(WordTowers(), PAIRS), allow_nan=False))
    assert (found["queries"], found["documents"]) == (2, 3)
    assert list(found["systems"]) == ["model", "BM25", FUSED]
    assert found["fusion"] == {"method": "bm25", "weight": None}
    for system in found["systems"].values():
        assert system["MRR@10"] == {"mean": 1.0, "low": 1.0, "high": 1.0}
    assert found["p_value"] == 1.0
    assert sum(row["pairs"] for row in found["calibration"]["table"]) == 6
    certain = 1 / (1 + math.exp(-3))  # cosine 1 at scale 4, bias -1
    assert found["calibration"]["table"][-1]["probability"] == pytest.approx(certain)


def test_an_evaluation_can_leave_bm25_out():
    found = evaluate_towers(WordTowers(), PAIRS, bm25=False)
    assert list(found["systems"]) == ["model"]
    assert "p_value" not in found


def test_a_query_that_the_model_cannot_read_counts_against_it():
    pairs = PAIRS.assign(query=["👍", "blue wall", "red"])
    found = evaluate_towers(WordTowers(), pairs)["systems"]["model"]
    assert found["MRR@10"]["mean"] == pytest.approx((1 / 3 + 1) / 2)


def test_pairs_of_which_none_is_relevant_are_refused():
    with pytest.raises(UserError, match="relevant"):
        evaluate_towers(WordTowers(), PAIRS.assign(label=0))


def test_a_steep_head_does_not_overflow():
    found = evaluate_towers(WordTowers(scale=1e6, bias=-1e6), PAIRS)
    assert 0 <= found["calibration"]["error"] <= 1


def test_the_probability_is_too_high_on_hard_negatives_and_says_so():
    words = ["red", "blue", "door", "wall", "moon", "tree"]
    rows = [[f"{a} {b}", f"{a} {b}", 1] for a, b in itertools.combinations(words, 2)]
    pairs = pd.DataFrame(rows, columns=["query", "document", "label"])
    found = evaluate_towers(WordTowers(" ".join(words), 8.0, -4.0), pairs)["calibration"]
    assert set(found["hard"]) == {"model", "BM25"}
    for hard in found["hard"].values():
        assert hard["relevant"] == pytest.approx(1 / 11)
        assert hard["said"] > found["said"]
        assert hard["error"] > found["error"]
        assert sum(row["pairs"] for row in hard["table"]) == hard["pairs"] == len(rows) * 11


def test_two_models_are_compared_on_the_same_queries():
    rows = [[f"word{i}", f"word{i} item", 1] for i in range(12)]
    pairs = pd.DataFrame(rows, columns=["query", "document", "label"])
    good, blind = WordTowers(" ".join(f"word{i}" for i in range(12))), WordTowers("item")
    found = evaluate_collection(good, Collection.of(pairs), bm25=False, rivals={"blind": blind})
    assert list(found["systems"]) == ["model", "blind"]
    assert found["p_values"]["blind"] < 0.01
    assert "p_value" not in found, "that is BM25's"
    same = evaluate_collection(good, Collection.of(pairs), bm25=False, rivals={"other": good})
    assert same["p_values"] == {"other": 1.0}


@pytest.mark.parametrize("method", ["bm25", "bm25-rrf"])
def test_either_fusion_stands_on_both_systems(method):
    pairs = pd.DataFrame(
        [["red", "red red", 1], ["zebra", "a zebra", 1], ["blue", "door", 0]],
        columns=["query", "document", "label"],
    )
    found = evaluate_collection(WordTowers(), Collection.of(pairs), fusion=Fusion(method))
    assert found["systems"]["model"]["MRR@10"]["mean"] < 1
    assert found["systems"][FUSED]["MRR@10"]["mean"] == 1.0, "BM25 knows zebra"
    assert 0 < WEIGHT < 1


def test_graded_relevance_counts_in_ndcg():
    texts = {"a": "red", "b": "red door", "c": "wall"}
    flat = Collection.judged({"q": "red"}, texts, {"q": {"a": 1, "b": 1}})
    graded = Collection.judged({"q": "red"}, texts, {"q": {"a": 1, "b": 3}})
    rows = [np.array([3.0, 2.0, 1.0])]
    assert evaluate_run(flat, rows)["nDCG@10"][0] == 1.0
    best, second = 3 + 1 / math.log2(3), 1 + 3 / math.log2(3)
    assert evaluate_run(graded, rows)["nDCG@10"][0] == pytest.approx(second / best)


def test_systems_are_seen_row_by_row_as_they_are_ranked():
    seen = []
    rows = [{"a": np.array([1.0, 2.0])}, {"a": np.array([2.0, 1.0])}]
    found = rank_systems(
        collection({0}, {0}, documents=2),
        rows,
        lambda system, query, order, scores: seen.append((system, query, order.tolist())),
    )
    assert seen == [("a", 0, [1, 0]), ("a", 1, [0, 1])]
    assert found["a"].ranks.tolist() == [2, 1]


# the examples that are made of it


def test_examples_show_a_success_and_the_worst_error_with_true_ranks():
    words = "red blue door wall"
    rows = [[f"{a} {b}", f"{a} {b} {b}", 1] for a, b in itertools.permutations(words.split(), 2)]
    rows += [["red moon", "blue wall", 1], ["red moon", "red red", 1], ["sun", "moon", 1]]
    pairs = pd.DataFrame(rows, columns=["query", "document", "label"])
    towers = WordTowers(words)
    success, error = pick_examples(towers, pairs)
    assert success["title"] == "A success"
    assert "ranks it 1 of" in success["note"]
    assert error["query"] == "sun", "the model knows none of its words"
    for example in (success, error):
        documents = list(dict.fromkeys(pairs["document"]))
        assert 1 < len(example["documents"]) <= 6
        assert len(set(example["documents"])) == len(example["documents"])
        relevant = set(pairs.loc[pairs["query"] == example["query"], "document"])
        assert example["documents"][0] in relevant
        found = score_towers(towers, {**example, "documents": documents}, np.zeros(1), "m")
        first = found.results[documents.index(example["documents"][0])]
        above = sum(r.cosine > first.cosine for r in found.results)
        stated = int(example["note"].split("ranks it ")[1].split(" of")[0])
        assert above < stated <= len(documents)


def test_the_first_document_of_an_example_is_the_relevant_one_that_the_note_speaks_of():
    documents = ["door", "wall", "red", "red blue", *(f"moon {i}" for i in range(20))]
    rows = [["red", documents[i], 1] for i in (0, 1, 2)] + [["x", d, 0] for d in documents]
    pairs = pd.DataFrame(rows, columns=["query", "document", "label"])
    success, _ = pick_examples(WordTowers(), pairs)
    assert "ranks it 1 of" in success["note"]
    assert success["documents"][0] == "red"


def test_parts_of_the_documents_have_the_cosines_that_they_have_in_the_whole():
    rng = np.random.default_rng(0)
    queries, documents = (
        rng.normal(size=(number, 40)).astype(np.float32) for number in (7, 2 * BLOCK + 33)
    )
    readable = rng.random(len(documents)) < 0.9
    whole = np.stack([*cosine_rows(queries, documents, readable)])
    queries, documents = l2_normalise(queries), l2_normalise(documents)
    parts = [
        cosine_block(queries, documents[start : start + BLOCK], readable[start : start + BLOCK])
        for start in range(0, len(documents), BLOCK)
    ]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
