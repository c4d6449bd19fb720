"""What tests share: texts that break things, and a folder of models that the page can show."""

from __future__ import annotations

import gc
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from dssm_core.__main__ import main
from dssm_core.card.examples import score_towers
from tests import ROOT
from tests.tiny import EXAMPLE, SHARED, WordTowers, bare_folder

settings.register_profile(  # a busy machine's pauses are no failures
    "no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("no clock")

collect_ignore = ["fixtures/encoders/make.py"]
"""It needs torch; it is run by hand."""

BACKGROUND = np.array([-0.2, 0.0, 0.2, 0.4], np.float32)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files of the browser and of many slow tests first, so that no worker ends with one."""
    browser = {item.path for item in items if item.get_closest_marker("browser")}
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (item.path not in browser, -slow[item.path]))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage among what is imported, now or later: each look takes half a second."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def shared(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Name the folder in which the workers of a test run find what one of them has made."""
    base = tmp_path_factory.getbasetemp()
    SHARED.append(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture(scope="session", autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep whoever runs the tests out of them: their index, their verdicts, their cache."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DSSM_INDEX", "DSSM_STORE"):
            patch.delenv(name, raising=False)
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def spawning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes that are spawned find these modules, whatever page was run here before.

    Streamlit leaves its script as __main__, which each of them would run.
    """
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    monkeypatch.syspath_prepend(ROOT)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Return a folder of one model folder whose stored scores are those of WordTowers."""
    examples = [
        {**EXAMPLE, "scores": score_towers(WordTowers(), EXAMPLE, BACKGROUND, "doors").to_dict()},
        {
            "title": "A wall",
            "note": "The first is wrong.",
            "query": "blue wall",
            "documents": ["red", "blue wall", "zebra"],
        },
    ]
    second = examples[1]
    second["scores"] = score_towers(WordTowers(), second, BACKGROUND, "doors").to_dict()
    lines = "\n".join(json.dumps(example) for example in examples)
    bare_folder(tmp_path / "models" / "doors", examples_jsonl=lines.encode())
    return tmp_path / "models"


@pytest.fixture
def run(capsys):
    """Run a command; return its exit status, output and errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def refused(run):
    """Run a command that a person got wrong; return the line that says it."""

    def refused(*arguments: object) -> str:
        status, output, errors = run(*arguments)
        assert status == 1
        # before it begins, train says what it finds in the pairs
        assert all(line.startswith("pairs.csv: ") for line in output.splitlines()), output
        *said, error = errors.splitlines()
        # how the pairs were read, and what is doubtful in them
        assert all(re.match(r"[\w-]+\.\w+: ", line) for line in said), errors
        assert error.startswith(f"{arguments[0]}: "), errors
        return f"{error}\n"

    return refused
