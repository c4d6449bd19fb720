"""Random pairs: what a cosine is high or low against."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dssm_core.evaluation import Collection, Encoded, random_pairs, related_in
from tests.tiny import WordTowers

WORDS = [f"word{n}" for n in range(6)]


@pytest.fixture
def pairs() -> pd.DataFrame:
    """Return pairs whose relevant ones have cosine 1, and no other two texts have a word alike."""
    right = [(word, f"{word} {word}", 1) for word in WORDS]
    wrong = [(word, "other words", 0) for word in WORDS]
    return pd.DataFrame([*wrong, *right], columns=["query", "document", "label"])


def test_no_random_pair_is_one_that_is_known_to_be_relevant(pairs):
    towers = WordTowers(" ".join([*WORDS, "other words"]))
    queries = Encoded.of(towers, list(dict.fromkeys(pairs["query"])), "query")
    documents = Encoded.of(towers, list(dict.fromkeys(pairs["document"])), "document")
    cosines, words = random_pairs(queries, documents, related_in(pairs))
    assert len(cosines) == len(words) == 5_000
    assert cosines.max() < 0.5
    drawn, _ = random_pairs(queries, documents, np.zeros(0, int))
    assert drawn.max() == pytest.approx(1)


def test_a_collection_and_its_table_have_the_same_relevant_pairs(pairs):
    assert sorted(Collection.of(pairs).related) == sorted(related_in(pairs))


def test_where_every_pair_is_relevant_they_are_drawn_all_the_same():
    only = pd.DataFrame({"query": ["word0"], "document": ["word0"], "label": [1]})
    encoded = Encoded.of(WordTowers("word0"), ["word0"], "query")
    cosines, _ = random_pairs(encoded, encoded, related_in(only), number=10)
    assert cosines.tolist() == pytest.approx([1.0] * 10)
