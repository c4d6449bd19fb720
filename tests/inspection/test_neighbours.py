"""What is near what: against a brute-force loop, and against NumPy's own eigenvectors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dssm_core.errors import UserError
from dssm_core.inspection.neighbours import (
    map_vectors,
    nearest,
    point_values,
    project,
    slice_values,
    standing,
)
from dssm_core.inspection.score_pairs import Inspection, inspect_pairs
from dssm_core.scoring import Scorer
from tests.tiny import WordTowers, bare_folder

PAIRS = pd.DataFrame(
    [
        ["red door", "a red door", 1],
        ["red door", "blue blue wall", 0],
        ["blue wall", "a red door", 0],
        ["blue wall", "the wall", 1],
        ["🙂", "red red", 1],
    ],
    columns=["query", "document", "label"],
    index=[2, 3, 4, 5, 9],
)


@pytest.fixture
def inspection(tmp_path: Path) -> Inspection:
    return inspect_pairs(Scorer(bare_folder(tmp_path / "doors"), WordTowers()), PAIRS)


@pytest.mark.parametrize("of", ["query", "document"])
@pytest.mark.parametrize("among", ["query", "document"])
def test_nearest_texts_are_those_that_a_loop_finds(inspection, of, among) -> None:
    for line in [2, 3, 4, 5]:
        place = PAIRS.index.get_loc(line)
        vectors = {"query": inspection.queries, "document": inspection.documents}
        rows = {"query": inspection.query_row, "document": inspection.document_row}
        vector = vectors[of][rows[of][place]]
        expected = {
            text: float(vectors[among][row] @ vector)
            for row, text in zip(rows[among], PAIRS[among], strict=True)
            if vectors[among][row].any() and not (of == among and text == PAIRS[of][line])
        }
        found = nearest(inspection, line, of, among)
        assert dict(zip(found["text"], found["cosine"], strict=True)) == pytest.approx(expected)
        assert found["cosine"].is_monotonic_decreasing


def test_a_near_text_has_the_label_of_its_pair_and_none_where_there_is_none(inspection) -> None:
    found = nearest(inspection, 2, "query", "document").set_index("text")
    assert found["label"]["a red door"] == 1
    assert found["label"]["blue blue wall"] == 0
    assert np.isnan(found["label"]["red red"])
    assert found["line"].to_dict() == {
        "a red door": 2,
        "red red": 9,
        "blue blue wall": 3,
        "the wall": 5,
    }


def test_no_more_than_asked_for_are_returned_and_the_best_of_them(inspection) -> None:
    assert nearest(inspection, 2, "query", "document", most=1)["text"].tolist() == ["a red door"]


def test_an_unreadable_text_is_near_nothing(inspection) -> None:
    assert nearest(inspection, 9, "query", "document").empty
    assert "🙂" not in nearest(inspection, 9, "document", "query")["text"].tolist()


def test_a_line_that_is_not_there_is_told(inspection) -> None:
    with pytest.raises(UserError, match="do not include this line"):
        nearest(inspection, 77, "query", "document")


def test_places_are_the_two_main_directions_of_the_covariance() -> None:
    vectors = np.random.default_rng(1).normal(size=(50, 6)) * [5, 3, 1, 1, 1, 1]
    places, share = project(vectors)
    values, directions = np.linalg.eigh(np.cov(vectors.T))
    expected = (vectors - vectors.mean(0)) @ directions[:, [-1, -2]]
    assert np.abs(places) == pytest.approx(np.abs(expected))
    assert share == pytest.approx((values[-1] / values.sum(), values[-2] / values.sum()))


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_few_or_equal_vectors_have_places_too(number: int) -> None:
    places, share = project(np.ones((number, 5)))
    assert places.shape == (number, 2)
    assert np.isfinite(places).all()
    assert share == (0.0, 0.0)


def test_one_dimension_leaves_the_second_share_at_zero() -> None:
    assert project(np.array([[1.0], [2.0]]))[1] == (1.0, 0.0)


def test_the_map_has_every_readable_text_once(inspection) -> None:
    found = map_vectors(inspection)
    assert found.total == 7
    assert found.unreadable == 1
    assert not found.is_thinned
    assert sorted(found.frame["text"]) == sorted({*PAIRS["query"], *PAIRS["document"]} - {"🙂"})
    door = found.frame[found.frame["text"] == "a red door"].iloc[0]
    assert (door["line"], door["pairs"], door["side"]) == (2, 2, "document")


def test_a_thinned_map_says_so_and_keeps_the_chosen_pair(inspection) -> None:
    for line, texts in ((3, {"red door", "blue blue wall"}), (5, {"blue wall", "the wall"})):
        for seed in range(5):
            found = map_vectors(inspection, keep=line, most=3, seed=seed)
            assert found.is_thinned
            assert len(found.frame) == 3
            assert texts <= set(found.frame["text"])


def test_alike_vectors_are_near_each_other_on_the_map(inspection) -> None:
    frame = map_vectors(inspection).frame.set_index("text")[["x", "y"]]
    far = np.linalg.norm(frame.loc["a red door"] - frame.loc["the wall"])
    assert np.linalg.norm(frame.loc["a red door"] - frame.loc["red door"]) < far


def test_a_point_has_what_its_pairs_have_in_common(inspection) -> None:
    points = map_vectors(inspection).frame
    words = PAIRS["label"].map({1: "relevant", 0: "not relevant"})
    found = dict(zip(points["text"], point_values(inspection, points, words), strict=True))
    assert found == {
        "red door": "mixed",
        "blue wall": "mixed",
        "a red door": "mixed",
        "blue blue wall": "not relevant",
        "the wall": "relevant",
        "red red": "relevant",
    }


def test_one_wrong_pair_makes_a_point_wrong(inspection) -> None:
    points = map_vectors(inspection).frame
    words = pd.Series(["right", "wrong", "right", "right", "right"])
    found = dict(zip(points["text"], point_values(inspection, points, words, "wrong"), strict=True))
    assert [text for text, value in found.items() if value == "wrong"] == [
        "red door",
        "blue blue wall",
    ]
    assert "mixed" not in found.values()


def test_a_pairs_own_text_has_a_place_among_all(inspection) -> None:
    assert standing(inspection, 2, "query") == (1, 4)
    assert standing(inspection, 3, "query") == (3, 4)  # the wall and it share a cosine of 0
    assert standing(inspection, 4, "document") == (2, 2)
    assert standing(inspection, 9, "query") is None
    assert standing(inspection, 9, "document") is None


def test_a_pair_listed_twice_keeps_its_own_label(tmp_path: Path) -> None:
    twice = pd.DataFrame(
        [["red", "red", 1], ["red", "red", 0]], columns=["query", "document", "label"]
    )
    found = inspect_pairs(Scorer(bare_folder(tmp_path / "doors"), WordTowers()), twice)
    for line in (0, 1):
        near = nearest(found, line, "query", "document")
        assert near[["label", "line"]].to_numpy().tolist() == [[1 - line, line]]


def test_numbers_are_sliced_in_thirds_and_rare_texts_together() -> None:
    thirds = slice_values(pd.Series([*range(9), np.nan]))
    assert thirds.value_counts().to_dict() == {
        "0 to 2.67": 3,
        "2.67 to 5.33": 3,
        "5.33 to 8": 3,
        "none": 1,
    }
    texts = slice_values(pd.Series(list("aaabbcde")), most=2)
    assert texts.tolist() == [*"aaabb", "others", "others", "others"]
    assert slice_values(pd.Series([1, 0, 1])).tolist() == ["1", "0", "1"]


def test_a_hundred_thousand_pairs_are_searched(inspection) -> None:
    rng = np.random.default_rng(0)
    number = 100_000
    vectors = rng.normal(size=(number, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    frame = PAIRS.iloc[[0] * number].reset_index(drop=True)
    rows = np.arange(number)
    large = replace(
        inspection,
        frame=frame,
        queries=vectors,
        documents=vectors,
        query_row=rows,
        document_row=rows,
    )
    found = nearest(large, 7, "query", "document")
    assert found["line"].iloc[0] == 7


def test_equal_vectors_have_one_place_wherever_they_stand(inspection) -> None:
    rng = np.random.default_rng(0)
    vector = rng.normal(size=(1, 1_001)).astype(np.float32)
    vector /= np.linalg.norm(vector)
    query = rng.normal(size=(1, 1_001)).astype(np.float32)
    query /= np.linalg.norm(query)
    number = 103
    equal = replace(
        inspection,
        frame=PAIRS.iloc[[0] * number].reset_index(drop=True),
        queries=query,
        documents=np.repeat(vector, number, axis=0),
        query_row=np.zeros(number, int),
        document_row=np.arange(number),
    )
    assert {standing(equal, line, "query") for line in range(number)} == {(1, number)}
