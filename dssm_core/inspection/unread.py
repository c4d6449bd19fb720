"""What a model leaves unread of a file of pairs: a doubt about every figure of it."""

from __future__ import annotations

import pandas as pd

from dssm_core.corpus.checks import Finding
from dssm_core.words import Sentence

LEAST = 0.1
"""Share of pairs with cut texts, or with hardly a known word, from which on it is said."""
MOSTLY = 0.5
"""Share of a pair's words, likewise."""


def unread(frame: pd.DataFrame) -> list[Finding]:
    """Return what of the pairs the model does not read, where it is enough to matter.

    1. Pairs without a score: nothing of a text can be read.
    2. Pairs with words past the length that is read, if they are a tenth of all.
    3. Pairs most of whose words were never seen in training, likewise: another language, say.

    Args:
        frame: as `inspect_pairs` returns it.
    """
    all_pairs = len(frame)
    kinds = {
        "unreadable": (frame["cosine"].isna(), 0.0),
        "truncated": (frame["truncated"] > 0, LEAST),
        "unseen": (frame["unseen"] > MOSTLY, LEAST),
    }
    found = []
    for kind, (is_so, least) in kinds.items():
        number = int(is_so.sum())
        if number and number >= least * all_pairs:
            values = {"number": number, "rows": all_pairs, "share": number / all_pairs}
            rows = tuple(frame.index[is_so].tolist())
            found.append(Finding("unread", Sentence(f"check.{kind}", values), rows))
    return found
