"""The sigmoid and unit vectors, against loops of plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssm_core.numeric import l2_normalise, sigmoid


@pytest.mark.parametrize("logit", [-1e308, -800.0, -40.0, 0.0, 40.0, 800.0, 1e308])
def test_the_sigmoid_never_overflows(logit):
    assert 0 <= sigmoid(logit) <= 1
    assert sigmoid(logit) + sigmoid(-logit) == pytest.approx(1)


@given(st.lists(st.floats(-700, 700), max_size=9))
def test_an_array_gets_the_sigmoid_of_each_number(logits):
    found = sigmoid(np.array(logits))
    assert found.tolist() == [sigmoid(logit) for logit in logits]
    assert found == pytest.approx([1 / (1 + math.exp(-logit)) for logit in logits], rel=1e-12)


def test_the_sigmoid_of_what_is_missing_is_missing_and_the_precision_stays():
    assert math.isnan(sigmoid(math.nan))
    found = sigmoid(np.float32([np.nan, 0]))
    assert np.isnan(found[0])
    assert (found[1], found.dtype) == (0.5, np.float32)


def test_vectors_have_length_one_zeros_stay_and_short_ones_stay_short():
    vectors = np.float32([[3, 4], [0, 0], [0, 1e-5]])
    assert l2_normalise(vectors) == pytest.approx(np.array([[0.6, 0.8], [0, 0], [0, 1]]))
    assert l2_normalise(vectors, 1e-4) == pytest.approx(np.array([[0.6, 0.8], [0, 0], [0, 0.1]]))
    assert l2_normalise(vectors[0]).tolist() == l2_normalise(vectors)[0].tolist()
    assert l2_normalise(vectors).dtype == np.float32
