"""Intervals of shares and of means."""

from __future__ import annotations

import numpy as np


def wilson(events: np.ndarray, number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % interval of a share, sound near 0 and 1 and for few.

    Args:
        events: how many of each number, [N].
        number: of trials, [N], at least 1.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    z = 1.959964
    share = events / number
    middle = (share + z**2 / (2 * number)) / (1 + z**2 / number)
    half = z * np.sqrt(share * (1 - share) / number + z**2 / (4 * number**2)) / (1 + z**2 / number)
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def bootstrap_means(table: np.ndarray, seed: int = 0, resamples: int = 1000) -> np.ndarray:
    """Return the means of columns over rows drawn again and again, [resamples, C].

    Args:
        table: [N, C]; the rows are drawn whole, so that columns stay paired.
        seed: of the draws.
        resamples: how many.
    """
    rng = np.random.default_rng(seed)
    size = len(table)
    return np.stack([table[rng.integers(size, size=size)].mean(0) for _ in range(resamples)])
