"""Special tokens and prompts of an encoder are no words of a person's text: not for any rule."""

from __future__ import annotations

import pytest

from dssm_core.evaluation.traits import count_words
from dssm_core.inspection.causes import CAUSES, find_causes
from dssm_core.inspection.measure import errors
from dssm_core.inspection.score_pairs import inspect_pairs
from dssm_core.inspection.token_features import words_of
from dssm_core.runtimes.encoder import EncoderTowers
from dssm_core.runtimes.encoders import open_encoder
from dssm_core.scoring import Scorer
from dssm_core.text import Token
from tests import ROOT
from tests.encoders import labelled_pairs
from tests.tiny import bare_folder


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    embedder = open_encoder(str(ROOT / "tests/fixtures/encoders/bert-mean"))
    prompts = {"query": "find: ", "document": ""}
    towers = EncoderTowers(embedder, prompts, 4.0, -2.0)
    return Scorer(bare_folder(tmp_path_factory.mktemp("m") / "m"), towers)


def test_they_are_not_counted_and_have_no_features(scorer):
    (encoding,) = scorer.cache.encode(["Red doors, 3."], "query")
    states = [token.state for token in encoding.tokens]
    assert states[0] == "special"
    assert "prompt" in states
    assert [word.shown for word in words_of(encoding, frozenset())] == ["Red", "doors", "3"]
    marks = sum(not token.is_word and token.is_read for token in encoding.tokens)
    assert count_words(encoding.tokens).words == 3 + marks


@pytest.mark.parametrize(
    ("state", "text", "is_word"),
    [
        ("special", "[CLS]", False),
        ("prompt", "query", False),
        ("skipped", "+", False),
        ("seen", ",", False),
        ("truncated", "door", True),
        ("unknown", "门", True),
        ("pieces", "doors", True),
    ],
)
def test_a_word_is_a_persons_own(state, text, is_word):
    assert Token(text, 0, len(text), state).is_word == is_word


def test_causes_are_found_for_an_encoder_with_special_tokens(scorer):
    pairs = labelled_pairs(12)
    pairs.loc[::2, "label"] = 0
    inspection = inspect_pairs(scorer, pairs)
    wrong = errors(inspection.frame, 0.5)
    assert len(wrong)
    causes = find_causes(inspection, wrong, scorer, 0.5)
    assert set(causes["cause"]) <= {*CAUSES}
