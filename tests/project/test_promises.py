"""What docs/security.md and docs/reliability.md promise, sentence by sentence: each has its test.

promises.toml holds every sentence of both, with the tests that fail where it is no longer true, or
with the reason why it promises nothing. A sentence that is new or changed is looked at again.
"""

from __future__ import annotations

import ast
import functools
import re
import tomllib

import pytest

from tests import ROOT

DOCUMENTS = [ROOT / "docs" / f"{name}.md" for name in ("security", "reliability")]
LISTED = tomllib.loads((ROOT / "tests" / "project" / "promises.toml").read_text("utf-8"))
SHOWN = re.compile(r"`(?:tests/)?([\w/]*test_\w+\.py)`(?: -k (\w+|\"[^\"]+\"))?")
"""How a document names tests: a file, and what selects in it."""


def sentences(text: str) -> list[str]:
    """Return what a Markdown text says: its sentences, and the rows of its tables, on one line."""
    text = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.M | re.S)
    text = re.sub(r"^\|.*\|\n\|[-|]+\|$", "", text, flags=re.M)  # heads of tables
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    text = re.sub(r"^(\||- |\d\. )", r"\n\1", text, flags=re.M)
    blocks = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text)]
    found = []
    for block in filter(None, blocks):
        if block.startswith("|"):
            found.append(block.strip("| "))
        else:
            found += re.split(r"(?<=[.!?:])\s+(?=[A-Z`*])", re.sub(r"^(- |\d\. )", "", block))
    return found


def said() -> list[str]:
    return [one for path in DOCUMENTS for one in sentences(path.read_text("utf-8"))]


@functools.cache
def names_in(name: str) -> set[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse((ROOT / name).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_markdown_is_cut_into_sentences_and_rows():
    text = "# A\nOne `x.y` is\ntwo. Three:\n\n- Four. Five.\n- Six\n\n```\nno. No.\n```\n"
    text += "| a | b |\n|---|---|\n| 1 | It. Is |\n| 2 | |\n\n7. Is eight\n"
    assert sentences(text) == [
        *("One `x.y` is two.", "Three:", "Four.", "Five.", "Six"),
        *("1 | It. Is", "2", "Is eight"),
    ]


def test_every_sentence_is_listed_once_as_a_promise_or_as_none():
    listed = [*LISTED["promises"], *LISTED["no promise"]]
    assert sorted(said()) == sorted(listed)


@pytest.mark.parametrize("sentence", LISTED["promises"])
def test_a_promise_has_tests_and_they_are_there(sentence):
    tests = LISTED["promises"][sentence]
    assert tests, "say why it promises nothing, or test it"
    for test in tests:
        name, _, function = test.partition("::")
        assert function in names_in(name), test


def test_the_command_for_all_faults_runs_each_file_that_is_named():
    text = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    (command,) = re.findall(r"^pytest (.+)$", text, re.M)
    paths = [ROOT / name for name in command.split()]
    run = {file.name for path in paths for file in (path, *path.glob("test_*.py"))}
    assert all(path.exists() for path in paths)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    named = {name.rsplit("/", 1)[-1] for name, _ in SHOWN.findall("\n".join(rows))}
    assert len(named) > 5
    assert named <= run


def test_what_promises_nothing_has_its_reason():
    assert set(LISTED["no promise"].values()) <= set(LISTED["reasons"])
    assert set(LISTED["reasons"]) <= set(LISTED["no promise"].values())


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_tests_that_a_document_names_are_there(path):
    shown = SHOWN.findall(path.read_text("utf-8"))
    assert len(shown) > 10
    for name, selection in shown:
        (file,) = [*ROOT.glob(f"tests/{name}")] or [*ROOT.glob(f"tests/**/{name}")]
        for word in filter(None, selection.strip('"').split(" or ")):
            assert any(word in test for test in names_in(str(file))), f"{name} -k {word}"
