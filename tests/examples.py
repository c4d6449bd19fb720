"""How many examples Hypothesis draws: on CI all, elsewhere a third, anew in each run."""

from __future__ import annotations

import os

from hypothesis import settings


def examples(number: int) -> settings:
    """Return the settings of a test that draws so many examples on CI."""
    return settings(max_examples=number if os.environ.get("CI") else max(20, number // 3))
