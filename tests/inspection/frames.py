"""Frames of scored pairs that tests of measures and slices share."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from dssm_core.numeric import sigmoid

NAN = math.nan

# few distinct cosines, so that ties are common; NaN is a pair that cannot be read
COSINES = st.sampled_from([NAN, -1.0, -0.5, 0.0, 0.1, 0.25, 0.5, 0.75, 1.0])
SCORED = st.lists(st.tuples(COSINES, st.integers(0, 1)), max_size=30)


def frame_of(rows: list[tuple[float, int]], **columns: list) -> pd.DataFrame:
    cosines = np.array([c for c, _ in rows], float)
    return pd.DataFrame(
        {
            "query": [f"q{i}" for i in range(len(rows))],
            "document": [f"d{i}" for i in range(len(rows))],
            "label": [label for _, label in rows],
            "cosine": cosines,
            "probability": [sigmoid(4 * c - 1) if c == c else NAN for c in cosines],
            **columns,
        },
        index=pd.RangeIndex(2, len(rows) + 2, name="line"),
    ).astype({"label": int})
