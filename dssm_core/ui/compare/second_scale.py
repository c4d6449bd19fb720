"""What stands beside the cosine: a probability, or without a fitted head the share of random pairs.

Both rise with the cosine from 0 to 1, so charts and threshold are the same; only the words differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from dssm_core import charts
from dssm_core.scoring import Head
from dssm_core.words import Translate, has_text


@dataclass(frozen=True)
class SecondScale:
    """The scale beside the cosine.

    Attributes:
        head: the model's head, fitted or not.
        background: sorted cosines of random pairs.
    """

    head: Head
    background: np.ndarray

    def drawn(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame of cosines with its values on this scale as "probability"."""
        if self.head.is_fitted:
            return frame
        cosines = frame["cosine"].to_numpy(float)
        below = np.searchsorted(self.background, cosines) / max(1, len(self.background))
        return frame.assign(probability=np.where(np.isnan(cosines), np.nan, below))

    def cosine_at(self, value: float) -> float | None:
        """Return the cosine of a value; None where no cosine reaches it."""
        if self.head.is_fitted:
            return self.head.cosine_at(value)
        return float(np.quantile(self.background, value)) if len(self.background) else None

    def curve(self) -> pd.DataFrame:
        """Return the curve that all documents lie on: cosine and value as "probability"."""
        if self.head.is_fitted:
            return charts.probability_curve(self.head.scale, self.head.bias)
        return self.drawn(pd.DataFrame({"cosine": np.linspace(-1, 1, 201)}))

    def words(self, tr: Translate) -> Translate:
        """Return what gives the texts of this scale."""
        return tr if self.head.is_fitted else _in_shares(tr)


def threshold_field(is_fitted: bool) -> tuple[str, float]:
    """Return the session key of the threshold on a scale, and where it starts."""
    return ("compare.threshold", 0.5) if is_fitted else ("compare.threshold.share", 0.99)


@cache  # charts are cached by what gives their texts
def _in_shares(tr: Translate) -> Translate:
    def say(key: str, /, **values: Any) -> str:
        return tr(f"share.{key}" if has_text(f"share.{key}") else key, **values)

    return say
