"""Which pairs are judged, and which comes next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dssm_core.inspection.score_pairs import Inspection


def is_judged(inspection: Inspection, verdicts: pd.DataFrame) -> pd.Series:
    """Return of each pair, by line, whether a verdict stands on it."""
    frame = inspection.frame
    sides = ("query", "document")
    maybe = np.logical_and(*(frame[side].isin(verdicts[side]).to_numpy(bool) for side in sides))
    known = set(zip(*(verdicts[side] for side in sides), strict=True))
    texts = zip(*(frame[side][maybe] for side in sides), strict=True)  # judged, if not together
    judged = np.zeros(len(frame), bool)
    judged[maybe] = [pair in known for pair in texts]
    return pd.Series(judged, index=frame.index)


def next_line(queue: Sequence[Any], line: Any, judged: pd.Series) -> Any | None:
    """Return the next line of the queue that is not judged, from the start again; or None.

    Example:
        >>> next_line([5, 2, 9], 2, pd.Series({5: False, 2: False, 9: True}))
        5
    """
    lines = list(queue)
    start = lines.index(line) + 1 if line in lines else 0
    for candidate in [*lines[start:], *lines[:start]]:
        if candidate != line and candidate in judged.index and not judged[candidate]:
            return candidate
    return None
