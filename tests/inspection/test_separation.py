"""Which column separates the errors, and which does so by chance alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dssm_core.inspection.separation import separation
from dssm_core.inspection.slices import sliced


def test_a_column_that_separates_the_errors_stands_before_one_that_does_not() -> None:
    rng = np.random.default_rng(0)
    wrong = np.arange(400) % 2 == 0
    frame = pd.DataFrame(
        {
            "label": 0,
            "cosine": np.where(wrong, 0.9, 0.1),
            "all": np.where(wrong, "bad", "good"),
            "none": rng.permutation([f"value {i % 40}" for i in range(400)]),
            "same": "x",
        }
    )
    found = separation(frame, {name: sliced(frame, name) for name in ("same", "none", "all")}, 0.5)
    assert found["column"].tolist()[0] == "all"
    values = found.set_index("column")["association"]
    assert values["all"] == pytest.approx(1, abs=0.01)
    assert values["none"] < 0.15, "many slices by chance are no finding"
    assert values["same"] == 0
    assert found.set_index("column").loc["all", ["worst", "error_rate"]].tolist() == ["bad", 1.0]
