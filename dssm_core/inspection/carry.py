"""A threshold of one model carried over to another: what stands for it there, and what it does.

A number has no meaning of its own: 0.75 lets everything pass with one encoder and nothing with
another. What can be kept is what the threshold did, on the same pairs.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd

from dssm_core.inspection import measure
from dssm_core.inspection.score_pairs import Inspection

Rule = Literal["number", "probability", "percentile", "precision", "cost", "best F1"]
"""How a threshold is carried: as the same number; at the same probability; at the same percentile
of random pairs; where the precision is at least the same; at the least cost; at the best F1."""

RULES: tuple[Rule, ...] = get_args(Rule)


def carried(
    one: Inspection,
    other: Inspection,
    threshold: float,
    rule: Rule,
    backgrounds: tuple[np.ndarray, np.ndarray],
    cost: float = 1.0,
) -> float | None:
    """Return the cosine of the other model that stands for a threshold of the first one.

    Args:
        one: the pairs by the model that the threshold is of.
        other: the same pairs by the model that it is carried to.
        threshold: a cosine of the first model.
        rule: how.
        backgrounds: sorted cosines of random pairs of both models, any number.
        cost: of "cost": how many false negatives a false positive is as bad as.

    Returns:
        A cosine; None where the rule leads to none, as a probability that is never reached.
    """
    if rule == "number":
        return threshold
    if rule == "probability":
        return other.head.cosine_at(one.head.probability(threshold))
    if rule == "percentile":
        if not all(map(len, backgrounds)):
            return None
        share = np.searchsorted(backgrounds[0], threshold) / len(backgrounds[0])
        return float(np.quantile(backgrounds[1], share))
    curve = measure.curve(other.frame)
    if rule == "precision":
        wanted = measure.Rates.at(one.frame, threshold).precision
        precise = curve[curve["precision"] >= wanted] if wanted is not None else curve.iloc[:0]
        return None if precise.empty else float(precise["cosine"].iloc[-1])
    return measure.suggest_threshold(curve, other.frame, cost if rule == "cost" else None)


def carry_threshold(
    one: Inspection,
    other: Inspection,
    threshold: float,
    backgrounds: tuple[np.ndarray, np.ndarray],
    cost: float = 1.0,
) -> pd.DataFrame:
    """Carry a threshold over by every rule, and say what each does on the pairs.

    Args:
        one: as for `carried`.
        other: likewise.
        threshold: likewise.
        backgrounds: likewise.
        cost: likewise.

    Returns:
        One row a rule, in the order of RULES, and the first model itself before them, with rule
        "before": rule, cosine, precision, recall, f1, errors; NaN where there is none.
    """
    found = {rule: carried(one, other, threshold, rule, backgrounds, cost) for rule in RULES}
    rows = [_row("before", one, threshold), *(_row(rule, other, at) for rule, at in found.items())]
    return pd.DataFrame(rows)


def _row(rule: str, inspection: Inspection, cosine: float | None) -> dict[str, object]:
    if cosine is None:
        return {"rule": rule, **dict.fromkeys(("cosine", "precision", "recall", "f1"), np.nan)}
    rates = measure.Rates.at(inspection.frame, cosine)
    values = {"cosine": cosine, "precision": rates.precision, "recall": rates.recall}
    numbers = {name: np.nan if value is None else value for name, value in values.items()}
    f1 = np.nan if rates.f1 is None else rates.f1
    return {"rule": rule, **numbers, "f1": f1, "errors": float(rates.errors)}
