"""Words, stems and their overlap: the same on the page and on the card."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssm_core.evaluation import Collection, Encoded, content_stems, word_overlap
from dssm_core.evaluation.slices import Traits
from dssm_core.evaluation.traits import count_words, stem_words
from dssm_core.inspection.causes import CAUSES
from dssm_core.inspection.score_pairs import inspect_pairs
from dssm_core.scoring import Scorer
from dssm_core.text import read
from tests.tiny import WordTowers, bare_folder


def test_stems_join_the_forms_of_a_word_and_leave_symbols_and_stop_words_out():
    assert content_stems("The doors of a door + running 👍") == {"door", "run"}
    assert content_stems("我的红门") == {"红", "门"}
    assert stem_words(["running", "门"]) == ["run", "门"]


def test_words_are_counted_by_how_they_are_read():
    assert count_words(read("red zebra + door wall house", {"red", "wall"}, 3)) == (5, 2, 2)


@pytest.mark.parametrize(
    ("query", "document", "overlap"),
    [
        ("the red door", "a door", 1 / 2),
        ("doors", "the door", 1),
        ("the red door", "the sea", 0),
        ("红门", "门", 1 / 2),
    ],
)
def test_stop_words_make_no_overlap(query, document, overlap):
    assert word_overlap(content_stems(query), content_stems(document)) == pytest.approx(overlap)


def test_a_query_of_stop_words_has_no_overlap_at_all():
    assert math.isnan(word_overlap(content_stems("what is the"), content_stems("what is the")))


TEXTS = st.lists(
    st.sampled_from(["red", "doors", "door", "the", "of", "x", "红", "zebra", "+"]), max_size=9
).map(" ".join)


@pytest.mark.slow
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6, unique_by=lambda pair: pair[0]))
def test_page_and_card_say_the_same_of_a_pair(tmp_path_factory, texts):
    towers = WordTowers()
    pairs = pd.DataFrame([(*pair, 1) for pair in texts], columns=["query", "document", "label"])
    pairs.index += 1
    scorer = Scorer(bare_folder(tmp_path_factory.mktemp("model")), towers)
    frame = inspect_pairs(scorer, pairs).frame
    found = Collection.of(pairs)
    sides = ((found.queries, "query"), (found.documents, "document"))
    traits = Traits.of(found, *(Encoded.of(towers, its, side) for its, side in sides))
    for name in ("overlap", "query_words", "document_words"):
        np.testing.assert_array_equal(frame[name], getattr(traits, name))
    np.testing.assert_array_equal(frame["truncated"] > 0, traits.truncated)


def test_card_and_page_name_the_same_causes_alike():
    assert {"few words in common", "unseen words", "truncated"} <= set(CAUSES)
