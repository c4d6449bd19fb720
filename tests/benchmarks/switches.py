"""The plugin of guards.py's test runs: says whether a guard is on, and notes who meets which."""

from __future__ import annotations

import functools
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest


@functools.cache
def switched_off() -> dict[str, int]:
    """Return the guard that is off in each test."""
    off: dict[str, int] = json.loads(Path(os.environ["GUARDS"], "off").read_text())
    return off


@functools.cache
def note(name: str, line: str) -> None:
    """Add a line to a file, once."""
    with Path(os.environ["GUARDS"], name).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def stands(number: int) -> bool:
    """Return whether a guard that is about to refuse is on, in the test that runs."""
    test, _, phase = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")
    if phase != "(call)":
        return True
    note("met", f"{number}\t{test}")
    return switched_off().get(test) != number


def pytest_sessionstart() -> None:
    """Keep for the next runs what tests make once for all, such as trained models."""
    from tests.tiny import SHARED  # here: this module is imported by all that refuse

    SHARED.append(Path(os.environ["GUARDS"]))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the tests alone that have a guard off, if any has."""
    if switched_off():
        items[:] = [item for item in items if item.nodeid in switched_off()]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Note that a test begins and that it passes; give it half a minute."""
    note("began", item.nodeid)
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(30)
    try:
        yield
    finally:
        signal.alarm(0)
    note("passed", item.nodeid)


def _too_long(*_: object) -> None:
    raise TimeoutError
