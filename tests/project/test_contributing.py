"""CONTRIBUTING.md is followed: its commands find tests, and its recipes do what they say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^### (.*)\n((?:(?!^#).*\n|# .*\n)*)", TEXT, re.M))
"""Text of each recipe by its heading."""

BLOCK = re.compile(r"^```\w+\n# (\S+), (new|above [^\n]+)\n(.*?)^```", re.M | re.S)
"""A file, where a text goes in it, and the text."""

OUTCOMES = {
    "Add a cause of errors": """
        from dssm_core.inspection.causes import CAUSES
        from dssm_core.inspection.rules import RULES, RuleInput
        from dssm_core.words import ENGLISH
        rule = dict(RULES)["script mismatch"]
        suspicion = rule(RuleInput((), (), ("red door", "红门"), 1))
        assert suspicion.evidence.text(ENGLISH).endswith("different scripts."), suspicion
        assert rule(RuleInput((), (), ("red door", "blue door"), 1)) is None
        assert "script mismatch" in CAUSES
        """,
    "Add a language": """
        from dssm_core.words import ENGLISH, LANGUAGES, translator_for
        assert LANGUAGES["fr"] == "Français"
        tr = translator_for("fr")
        from dssm_core.__main__ import main
        try:
            main(["inspect", "run", "--language", "fr", "--help"])
        except SystemExit as ended:
            assert ended.code == 0
        assert (tr("score"), tr("document n", n=2)) == ("Noter", "Document 2")
        assert tr("title") == ENGLISH("title")
        """,
    "Add a chart": """
        import pandas as pd
        from dssm_core.charts.ranks import rank_chart
        from dssm_core.words import ENGLISH
        frame = pd.DataFrame({"rank": [1, 2, None], "cosine": [0.8, 0.1, None]})
        chart = rank_chart(frame, tr=ENGLISH).to_dict()
        assert chart["description"].endswith("0.800")
        assert len(next(iter(chart["datasets"].values()))) == 2
        """,
    "Add a model family": """
        from dssm_core.families import family
        from dssm_core.models.tower import cut_towers
        small = family("lstm-small")
        model = small.build(small.config)
        assert model.count_params() < family("lstm").build(family("lstm").config).count_params() / 2
        assert set(cut_towers(model)) == {"query", "document"}
        assert small.lab.sizes["units"] == 16
        """,
    "Add a threshold rule": """
        import numpy as np
        import pandas as pd
        from dssm_core.inspection.measure import curve, threshold_for_recall
        from dssm_core.words import ENGLISH
        cosines = np.array([0.9, 0.7, 0.5, 0.3])
        frame = pd.DataFrame({"cosine": cosines, "probability": cosines, "label": [1, 0, 1, 0]})
        rates = curve(frame)
        assert [threshold_for_recall(rates, least) for least in (0.5, 0.9)] == [0.9, 0.5]
        assert threshold_for_recall(rates, 1.1) == -1.0
        assert ENGLISH("inspect.recall rule", least=0.9).startswith("Recall of at least 90")
        """,
}
"""What must hold once a recipe was followed."""


def test_every_recipe_has_an_outcome_to_look_at():
    assert list(SECTIONS) == list(OUTCOMES)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with a copy of the package."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "dssm_core", tmp_path / "dssm_core", ignore=ignored)
    return tmp_path


def put(folder: Path, name: str, where: str, text: str) -> None:
    """Put a text into a file, as a recipe says."""
    path = folder / name
    if where == "new":
        assert not path.exists()
        path.write_text(text, "utf-8")
        return
    lines = path.read_text("utf-8").splitlines(keepends=True)
    start = where.removeprefix("above ")
    (at,) = [i for i, line in enumerate(lines) if line.strip().startswith(start)]
    lines.insert(at, text)
    path.write_text("".join(lines), "utf-8")


@pytest.mark.slow  # a process for each
@pytest.mark.parametrize("recipe", SECTIONS)
def test_a_recipe_does_what_it_says(recipe, copy):
    blocks = BLOCK.findall(SECTIONS[recipe])
    assert blocks
    assert len({name for name, _, _ in blocks}) <= 2
    for name, where, text in blocks:
        put(copy, name, where, text)
    code = dedent(OUTCOMES[recipe])
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("recipe", SECTIONS)
def test_a_recipe_names_at_most_two_files_to_open(recipe):
    linked = set(re.findall(r"\]\((dssm_core/[^)]+)\)", SECTIONS[recipe]))
    changed = {name for name, _, _ in BLOCK.findall(SECTIONS[recipe])}
    assert 1 <= len(linked | changed) <= 3  # a new module, and the folder that it goes to
    assert all((ROOT / name).exists() for name in linked)


@pytest.mark.slow
@pytest.mark.parametrize("command", re.findall(r"^\.venv/bin/pytest (.*)$", TEXT, re.M))
def test_each_command_finds_tests(command):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", *command.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout  # it is 5 where there are none


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.M))


def test_each_make_target_that_is_named_exists_and_help_lists_it():
    named = set(re.findall(r"\bmake ([a-z]+)", TEXT + (ROOT / "README.md").read_text("utf-8")))
    assert {"setup", "run", "test", "fast", "lint", "types", "coverage"} <= named <= targets()
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(re.findall(r"^  make (\w+) ", done.stdout, re.M)) == targets()


def test_hooks_download_nothing_and_the_workflow_runs_what_ci_runs():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert re.findall(r"repo: (.*)", hooks) == ["local"]
    assert set(re.findall(r"entry: \.venv/bin/(.*)", hooks)) == {
        *("ruff check --fix", "ruff format", "mypy"),
    }
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    assert "      - run: .ci/run\n" in workflow
    versions = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text("utf-8"))
    assert re.findall(r'"(3\.\d+)"', workflow) == versions
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
