"""Beside the cosine stands a probability, or without a head the share of random pairs below."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dssm_core.scoring import NO_HEAD, Head
from dssm_core.ui.compare.second_scale import SecondScale
from dssm_core.words import ENGLISH

BACKGROUND = np.linspace(-0.5, 0.5, 101)
FRAME = pd.DataFrame({"cosine": [0.0, 0.5, 0.9, -0.9, np.nan], "probability": [0.1] * 5})


def test_with_a_head_nothing_changes():
    scale = SecondScale(Head(4.0, -2.0), BACKGROUND)
    assert scale.drawn(FRAME) is FRAME
    assert scale.cosine_at(0.5) == 0.5
    assert scale.words(ENGLISH) is ENGLISH


def test_without_one_it_is_the_share_of_random_pairs_below():
    scale = SecondScale(NO_HEAD, BACKGROUND)
    shares = scale.drawn(FRAME)["probability"].to_numpy()
    assert shares[:4] == pytest.approx([0.495, 0.99, 1.0, 0.0], abs=0.01)
    assert np.isnan(shares[4])
    assert scale.cosine_at(0.5) == pytest.approx(0.0, abs=1e-9)
    curve = scale.curve()
    assert curve["probability"].is_monotonic_increasing
    assert curve["cosine"].tolist() == sorted(curve["cosine"])


def test_without_random_pairs_nothing_is_claimed():
    scale = SecondScale(NO_HEAD, np.zeros(0))
    assert scale.cosine_at(0.5) is None
    assert (scale.drawn(FRAME)["probability"].dropna() == 0).all()


def test_no_word_of_a_probability_is_left_where_there_is_none():
    say = SecondScale(NO_HEAD, BACKGROUND).words(ENGLISH)
    for key in ("threshold", "chart.probability", "chart.scores", "probability"):
        assert "robability" not in say(key)
        assert "robability" in ENGLISH(key)
    assert say("document") == ENGLISH("document")
    assert SecondScale(NO_HEAD, BACKGROUND).words(ENGLISH) is say, "charts are cached by it"
