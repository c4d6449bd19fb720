"""What tests of hostile files share: a pickle that would act, and what a refusal costs."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from dssm_core.errors import UserError
from tests.tiny import cpu_limit

KERAS = ("metadata.json", "config.json", "model.weights.h5")


class Touch:
    """A value whose pickle makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def measured(work: Callable[[], object]) -> tuple[str, int, float]:
    """Return what a refusal says, the calls it made, and the MB of memory that it took at most.

    Calls of functions, in Python or C, are the work that can be counted on a busy machine.
    """
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    tracemalloc.start()
    sys.setprofile(count)
    try:
        with pytest.raises(UserError) as caught, cpu_limit():
            work()
        return str(caught.value), calls, tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        sys.setprofile(None)
        tracemalloc.stop()
