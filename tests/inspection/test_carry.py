"""A threshold carried over to another model keeps what the rule promises, and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dssm_core.inspection import measure
from dssm_core.inspection.carry import RULES, carried, carry_threshold
from dssm_core.inspection.score_pairs import Inspection
from dssm_core.scoring import NO_HEAD, Head


def by_model(cosines, labels, head) -> Inspection:
    """Return an inspection with these cosines, and vectors that stand for nothing."""
    frame = pd.DataFrame({"label": labels, "cosine": cosines})
    frame["probability"] = [head.probability(cosine) for cosine in cosines]
    none, rows = np.zeros((0, 1), np.float32), np.zeros(len(frame), int)
    return Inspection("m", "f", head, frame, none, none, rows, rows)


def two_models():
    """Return a model, and one that squeezes the same cosines into 0.7 to 0.9."""
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=400)
    cosines = np.clip(rng.normal(0.3, 0.2, 400) + 0.3 * labels, -1, 1)
    wide = by_model(cosines, labels, Head(10.0, -4.5))
    narrow = by_model(0.8 + cosines / 10, labels, Head(100.0, -84.5))
    background = np.sort(rng.normal(0.3, 0.2, 5000))
    return wide, narrow, (background, 0.8 + background / 10)


@pytest.mark.parametrize("rule", ["probability", "percentile"])
def test_a_model_that_only_squeezes_gets_the_squeezed_threshold(rule):
    wide, narrow, backgrounds = two_models()
    at = carried(wide, narrow, 0.45, rule, backgrounds)
    assert at == pytest.approx(0.845, abs=1e-3)


def test_the_precision_is_kept_with_the_most_recall():
    wide, narrow, backgrounds = two_models()
    wanted = measure.Rates.at(wide.frame, 0.5).precision
    at = carried(wide, narrow, 0.5, "precision", backgrounds)
    assert measure.Rates.at(narrow.frame, at).precision >= wanted
    lower = narrow.frame["cosine"][narrow.frame["cosine"] < at].unique()
    assert all(measure.Rates.at(narrow.frame, c).precision < wanted for c in lower)


def test_the_old_number_lets_everything_pass_where_scores_are_squeezed():
    table = carry_threshold(*two_models()[:2], 0.5, two_models()[2]).set_index("rule")
    assert table.loc["number", "cosine"] == 0.5
    assert table.loc["number", "recall"] == 1.0
    assert table.loc["before", "recall"] < 1.0
    assert table.loc["number", "errors"] > table.loc["percentile", "errors"]


def test_the_least_cost_depends_on_the_cost():
    wide, narrow, backgrounds = two_models()
    dear, cheap = (carried(wide, narrow, 0.5, "cost", backgrounds, c) for c in (10.0, 0.1))
    assert dear > cheap


def test_each_rule_has_its_row_and_none_claims_a_number_that_it_has_not():
    wide, narrow, _ = two_models()
    without_head = replace(narrow, head=NO_HEAD)
    table = carry_threshold(wide, without_head, 0.5, (np.zeros(0), np.zeros(0)))
    assert table["rule"].tolist() == ["before", *RULES]
    missing = table.set_index("rule").loc[["probability", "percentile"]]
    assert missing.isna().all(axis=None)


def test_a_precision_that_is_never_reached_has_no_threshold():
    wide, narrow, backgrounds = two_models()
    narrow.frame["label"] = 0
    assert carried(wide, narrow, 0.5, "precision", backgrounds) is None
    assert math.isnan(carry_threshold(wide, narrow, 0.5, backgrounds)["cosine"].iloc[4])
