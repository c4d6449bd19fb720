"""Explanations are judged on towers of which it is known by hand which words matter."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dssm_core.errors import UserError
from dssm_core.evaluation.faithfulness import DEPTHS, FEWEST, measure_faithfulness
from tests.tiny import WordTowers

BACKGROUND = np.zeros(10, np.float32)
LENGTHS = {"query": 6, "document": 12}
BY_CHANCE = {"query": (2 + 3) / 2 / 6, "document": (2 + 3 + 4 + 5) / 4 / 12}
"""What random order loses of a cosine of 1 that hangs on one word: the share of words removed."""


class Towers(WordTowers):
    """Towers that count only the word "key", in texts of 6 and 12 words.

    With attention as `weigh` gives it: from the words of a text to a weight each.
    """

    def __init__(self, weigh=None, words="key"):
        super().__init__(words, lengths=LENGTHS)
        self.weigh, self.has_attention = weigh, weigh is not None

    def _encoding(self, text, tokens):
        encoding = super()._encoding(text, tokens)
        weights = self.weigh and np.array(self.weigh([t.text for t in tokens]), np.float32)
        return replace(encoding, attention=weights)


class Either(Towers):
    """Towers for which one of "key" and "lock" is as good as both."""

    def _encoding(self, text, tokens):
        encoding = super()._encoding(text, tokens)
        return replace(encoding, vector=np.float32([any(w in text for w in ("key", "lock"))]))


def pairs(number=120, words=("key",)):
    rng = np.random.default_rng(1)
    texts = [
        [
            " ".join(rng.permutation([*words, *(f"w{i}" for i in range(n - len(words)))]))
            for n in LENGTHS.values()
        ]
        for _ in range(number)
    ]
    return pd.DataFrame(texts, columns=["query", "document"]).assign(label=1)


def means(towers, pairs, **options):
    """Return times by side and method."""
    found = measure_faithfulness(towers, pairs, BACKGROUND, **options)
    return {
        side: {name: value["mean"] for name, value in row["times"].items()}
        for side, row in {**found["sides"], "both": found}.items()
    }


@pytest.mark.slow
def test_where_one_word_matters_the_effect_finds_it_and_chance_does_not():
    found = measure_faithfulness(Towers(), pairs(), BACKGROUND)
    for side, by_chance in BY_CHANCE.items():
        assert found["sides"][side]["deletion"]["effect"] == [1, *[0] * DEPTHS[side]]
        assert found["sides"][side]["insertion"]["effect"] == [0, *[1] * DEPTHS[side]]
        for name in ("effect", "interaction"):
            assert found["sides"][side]["times"][name]["mean"] == pytest.approx(
                1 / by_chance, rel=0.1
            )
        steps = np.arange(DEPTHS[side] + 1) / LENGTHS[side]
        np.testing.assert_allclose(found["sides"][side]["insertion"]["random"], steps, atol=0.04)
        np.testing.assert_allclose(found["sides"][side]["deletion"]["random"], 1 - steps, atol=0.04)
    both = np.mean([found["sides"][side]["times"]["effect"]["mean"] for side in LENGTHS])
    assert found["times"]["effect"]["mean"] == pytest.approx(both)
    assert found["times"]["effect"]["low"] > 2 > 1


@pytest.mark.slow
@pytest.mark.parametrize("weigh", ["even", "shuffled"])
def test_attention_that_knows_nothing_is_as_good_as_chance(weigh):
    rng = np.random.default_rng(2)
    weights = {"even": lambda words: [1 / len(words)] * len(words) if words else []}
    weights["shuffled"] = lambda words: rng.dirichlet(np.ones(len(words))) if words else []
    found = measure_faithfulness(Towers(weights[weigh]), pairs(), BACKGROUND)
    for row in (found, *found["sides"].values()):
        attention = row["times"]["attention"]
        assert attention["mean"] == pytest.approx(1, abs=0.25)
        assert attention["low"] < 1 < attention["high"]


@pytest.mark.slow
def test_attention_is_judged_by_the_words_that_it_puts_first():
    right = means(Towers(lambda words: [word == "key" for word in words]), pairs())
    wrong = means(Towers(lambda words: [word != "key" for word in words]), pairs())
    assert right["both"]["attention"] == right["both"]["effect"] > 2
    assert wrong["both"]["attention"] == 0


@pytest.mark.slow
def test_words_that_stand_in_for_each_other_are_not_found_by_leaving_one_out():
    towers = Either(lambda words: [word in ("key", "lock") for word in words])
    found = means(towers, pairs(words=("key", "lock")))
    assert found["both"]["effect"] == pytest.approx(1, abs=0.4)
    assert found["both"]["attention"] > 4


@pytest.mark.slow
def test_the_first_word_alone_does_not_count_for_it_is_the_effects_own():
    """Removing one word is what the effect is; the figure is the same whatever is lost by it."""
    found = measure_faithfulness(Towers(), pairs(), BACKGROUND)
    for row in found["sides"].values():
        lost = {name: np.mean(1 - np.array(curve[2:])) for name, curve in row["deletion"].items()}
        assert row["times"]["effect"]["mean"] == pytest.approx(lost["effect"] / lost["random"])


def test_a_method_without_data_and_a_side_of_short_texts_are_absent():
    short = pairs().assign(document="key")
    found = measure_faithfulness(Towers(), short, BACKGROUND)
    assert list(found["sides"]) == ["query"]
    assert list(found["times"]) == ["effect", "interaction"]
    assert list(found["sides"]["query"]["deletion"]) == ["effect", "interaction", "random"]
    assert found["times"] == found["sides"]["query"]["times"]


@pytest.mark.slow
def test_only_close_relevant_pairs_are_drawn_by_the_seed():
    far = pairs(300).assign(document="other words than that stand in here so that it is long")
    mixed = pd.concat([pairs(100), pairs(50).assign(label=0), far])
    found = measure_faithfulness(Towers(), mixed, BACKGROUND)
    assert found["pairs"] == 100
    assert measure_faithfulness(Towers(), mixed, BACKGROUND, most=40)["pairs"] == 40
    again = measure_faithfulness(Towers(), mixed, BACKGROUND)
    assert json.dumps(again, allow_nan=False) == json.dumps(found)
    assert measure_faithfulness(Towers(), mixed, BACKGROUND, seed=1)["times"] != found["times"]


@pytest.mark.slow
def test_what_random_order_does_not_lower_has_no_ratio():
    """Every word alone gives the same vector: nothing is lost until nothing is left."""
    same = Towers(words="key")
    same._encoding = lambda text, tokens: replace(
        WordTowers._encoding(same, text, tokens), vector=np.ones(2, np.float32), attention=None
    )
    found = measure_faithfulness(same, pairs(), BACKGROUND)
    assert found["times"] == {}
    assert [row["times"] for row in found["sides"].values()] == [{}, {}]


def test_progress_is_told():
    calls = []
    measure_faithfulness(
        Towers(), pairs(), BACKGROUND, most=FEWEST, progress=lambda *at: calls.append(at)
    )
    assert calls == [(done, FEWEST) for done in range(1, FEWEST + 1)]


def test_too_few_pairs_are_refused():
    with pytest.raises(UserError, match="Too few pairs can be measured"):
        measure_faithfulness(Towers(), pairs(FEWEST - 1), BACKGROUND)
    with pytest.raises(UserError, match="relevant"):
        measure_faithfulness(Towers(), pairs().assign(label=0), BACKGROUND)
