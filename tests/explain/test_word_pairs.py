"""Pairs of words, worked out by hand on towers that count the words red, blue, door and wall."""

from __future__ import annotations

import numpy as np
import pytest

from dssm_core.explain import interaction_matrix, interactions
from tests.explain.hand import cosine
from tests.tiny import WordTowers


def test_an_interaction_is_what_an_effect_loses_when_the_other_word_is_gone():
    query, document = "red door", "red door wall"
    found = interactions(WordTowers(), query, document)
    assert found.groupby("query").size().to_dict() == {"red": 3, "door": 3}
    for row in found.to_dict("records"):
        rest = " ".join(word for word in query.split() if word != row["query"])
        without_other = " ".join(word for word in document.split() if word != row["document"])
        effect = cosine(query, document) - cosine(rest, document)
        left = cosine(query, without_other) - cosine(rest, without_other)
        assert row["interaction"] == pytest.approx(effect - left, abs=1e-6)
    strongest = found.loc[found["interaction"].idxmax()]
    assert strongest["query"] == strongest["document"]


def test_equal_words_are_told_apart_by_where_they_stand():
    found = interactions(WordTowers(), "red red", "blue red")
    assert found["query_index"].tolist() == [0, 0, 1, 1]
    assert found["document_index"].tolist() == [0, 1, 0, 1]


def test_a_text_of_which_nothing_is_read_has_no_interactions():
    assert interactions(WordTowers(), "+++", "red").empty


def test_the_matrix_holds_without_a_zero_vector_and_at_any_length():
    rng = np.random.default_rng(0)
    query, document = rng.normal(size=(4, 5)), rng.normal(size=(3, 5))
    query[2] = 0
    found = interaction_matrix(query, document)
    assert found.shape == (3, 2)
    assert np.isfinite(found).all()
    assert np.allclose(found, interaction_matrix(7 * query, document / 3))
    assert np.abs(found).max() <= 4
