"""Which column separates the wrong pairs from the right ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dssm_core.evaluation.intervals import wilson
from dssm_core.inspection.measure import is_wrong
from dssm_core.inspection.slices import Sliced


def separation(frame: pd.DataFrame, slices: Mapping[str, Sliced], threshold: float) -> pd.DataFrame:
    """Return how well each column separates the wrong pairs from the right ones, the best first.

    Args:
        frame: N pairs, columns label and cosine.
        slices: of these pairs, by column.
        threshold: cosine from which a pair is predicted relevant.

    Returns:
        One row a column: column; association, Cramér's V in [0, 1], corrected for what chance
        gives many slices (Bergsma 2013); worst, the slice with the most errors by the lower end of
        its interval; error_rate of that slice.
    """
    wrong = is_wrong(frame, threshold)
    rows = []
    for column, (codes, names) in slices.items():
        pairs = np.bincount(codes, minlength=len(names))
        errors = np.bincount(codes[wrong], minlength=len(names))
        worst = int(np.argmax(wilson(errors, pairs)[0]))
        rate = errors[worst] / max(1, pairs[worst])
        rows.append([column, _cramers_v(pairs, errors), names[worst], rate])
    found = pd.DataFrame(rows, columns=["column", "association", "worst", "error_rate"])
    return found.sort_values("association", ascending=False, kind="stable", ignore_index=True)


def _cramers_v(pairs: np.ndarray, errors: np.ndarray) -> float:
    """Return Cramér's V of slices and errors, corrected for chance; 0 without a contrast."""
    number, wrong, slices = pairs.sum(), errors.sum(), len(pairs)
    if number < 2 or slices < 2 or wrong in (0, number):
        return 0.0
    expected = pairs * wrong / number
    square = ((errors - expected) ** 2 / expected).sum()
    square += ((errors - expected) ** 2 / (pairs - expected)).sum()
    by_chance = (slices - 1) / (number - 1)
    fewest = min(slices - (slices - 1) ** 2 / (number - 1), 2 - 1 / (number - 1)) - 1
    return float(np.sqrt(max(0.0, square / number - by_chance) / fewest)) if fewest > 0 else 0.0
