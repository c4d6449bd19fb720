"""Ranking figures against plain loops, with every doubt held against the model."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dssm_core.card import metrics_table, reliability_table, significance, write_card
from dssm_core.errors import UserError
from dssm_core.evaluation import (
    Collection,
    bm25_nearest,
    bm25_rows,
    calibration,
    calibration_error,
    cosine_nearest,
    cosine_rows,
    evaluate_run,
    evaluate_towers,
    fuse_ranks,
    pair_cosines,
    paired_p_value,
    rank_documents,
    sample_pairs,
    summarise,
)
from dssm_core.examples import pick_examples, score_towers
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
@settings(max_examples=60, deadline=None)
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


def test_the_nearest_by_cosine_are_the_nearest():
    nearest = cosine_nearest(WordTowers())(["red door"], ["wall", "👍", "a red door", "door"], 3)
    assert nearest.tolist() == [[2, 3, 0]]


# BM25 and fusion


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


# probabilities


def test_the_reliability_table_by_hand():
    table = calibration(np.array([0.05, 0.1, 0.95, 1.0, 0.0]), np.array([0, 1, 1, 1, 0]), bins=2)
    assert table.to_dict("records") == [
        {
            "start": 0.0,
            "end": 0.5,
            "probability": pytest.approx(0.05),
            "relevant": 1 / 3,
            "pairs": 3,
        },
        {
            "start": 0.5,
            "end": 1.0,
            "probability": pytest.approx(0.975),
            "relevant": 1.0,
            "pairs": 2,
        },
    ]
    assert calibration_error(table) == pytest.approx(3 / 5 * (1 / 3 - 0.05) + 2 / 5 * 0.025)


def test_certainty_falls_into_the_last_bin_and_empty_bins_are_left_out():
    table = calibration(np.array([1.0, 1.0]), np.array([1, 0]))
    assert len(table) == 1
    assert table.loc[0, "end"] == 1.0
    assert calibration_error(table) == 0.5


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_the_reliability_table_counts_every_pair_once(pairs):
    probabilities, labels = map(np.array, zip(*pairs, strict=True))
    table = calibration(probabilities, labels)
    assert table["pairs"].sum() == len(pairs)
    assert (table["probability"] >= table["start"] - 1e-9).all()
    assert (table["probability"] <= table["end"] + 1e-9).all()
    assert (table["relevant"] * table["pairs"]).sum() == pytest.approx(labels.sum())
    assert 0 <= calibration_error(table) <= 1


def test_a_probability_that_is_no_number_is_not_averaged_away():
    with pytest.raises(ValueError, match="NaN"):
        calibration(np.array([0.5, NAN]), np.array([1, 0]))


def test_one_relevant_pair_comes_with_ten_others_and_none_of_them_is_relevant():
    found = collection({0, 3}, {1}, set(range(5, 25)), documents=30)
    queries, documents, labels = sample_pairs(found)
    assert labels.sum() == 23
    assert len(labels) == 23 * 11
    for query, document, label in zip(queries, documents, labels, strict=True):
        assert (document in found.relevant[query]) == (label == 1)
    for start in range(0, len(labels), 11):
        assert labels[start : start + 11].tolist() == [1] + [0] * 10
        assert len(set(documents[start : start + 11])) == 11, "no document is drawn twice"


def test_where_there_are_fewer_others_all_of_them_are_drawn():
    _, documents, labels = sample_pairs(collection({0}, documents=4))
    assert sorted(documents) == [0, 1, 2, 3]
    assert labels.tolist() == [1, 0, 0, 0]


def test_sampled_pairs_come_with_their_own_cosines():
    vectors = np.eye(3) * [[2], [3], [4]]
    cosines, labels = pair_cosines(collection({1}, {0}, documents=3), vectors[[1, 0]], vectors)
    assert cosines[labels == 1].tolist() == [1.0, 1.0]
    assert (cosines[labels == 0] == 0).all()


# a whole evaluation


PAIRS = pd.DataFrame(
    [["red door", "a red door", 1], ["blue wall", "the wall is blue", 1], ["red", "door", 0]],
    columns=["query", "document", "label"],
)


def test_an_evaluation_is_plain_values_with_bm25_from_the_same_run():
    found = json.loads(json.dumps(evaluate_towers(WordTowers(), PAIRS), allow_nan=False))
    assert (found["queries"], found["documents"]) == (2, 3)
    assert list(found["systems"]) == ["model", "BM25", "model + BM25"]
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


# the examples and the card that are made of it


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


def test_the_card_states_the_figures_that_were_measured():
    metrics = evaluate_towers(WordTowers(), PAIRS)
    metrics["training"] = {"best epoch": 2, "pairs": 1234}
    config = {
        "model": {"units": 8},
        "training": {"loss": "retrieval"},
        "versions": {"keras": "3.0"},
        "head": {"scale": 4.0, "bias": -1.0},
    }
    card = write_card("mine", config, metrics, "Data: **mine**.")
    assert card.startswith("# mine\n\nData: **mine**.\n")
    assert "| BM25 | 1.000 (1.000-1.000) |" in card
    assert "sigmoid(4.000 × cosine -1.000)" in card
    assert "1,234 training pairs" in card
    assert "p = 1.0000" in significance(metrics)
    assert significance({}) == ""
    assert metrics_table(metrics) in card
    assert reliability_table(metrics["calibration"]["table"]) in card


def test_auc_counts_pairs_by_hand():
    from dssm_core.evaluation import auc

    labels = np.array([1, 0, 1, 0])
    assert auc(np.array([0.9, 0.1, 0.8, 0.2]), labels) == 1.0
    assert auc(np.array([0.1, 0.9, 0.2, 0.8]), labels) == 0.0
    assert auc(np.array([0.5, 0.5, 0.5, 0.5]), labels) == 0.5
    assert auc(np.array([0.9, 0.8, 0.1, 0.2]), labels) == 0.5


def test_auc_counts_nan_against_the_model():
    from dssm_core.evaluation import auc

    assert auc(np.full(4, np.nan), np.array([1, 0, 1, 0])) == 0.0
