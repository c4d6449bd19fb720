"""The documents say what the program does: every command, every option, every link."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dssm_core.__main__ import parser
from tests import ROOT
from tests.project.parsers import choices, commands, options

README, COMMANDS = ROOT / "README.md", ROOT / "docs" / "commands.md"
GUIDES = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
DOCUMENTS = [*GUIDES, *sorted((ROOT / "docs").glob("**/*.md"))]
CALL = re.compile(r"(?:-m dssm_core|(?:^|[|;&] |\.venv/bin/|^\w+=\S+ )dssm-lens)(?= |$)([^|;&>#]*)")
"""A call of this program, by either name; what follows the name."""

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*(?![\w.])")


def nested() -> dict[str, set[str]]:
    """Return the options of each command inside another, by both names."""
    return {
        f"{outer} {inner}": options(command)
        for outer, whole in choices(parser()).items()
        for inner, command in choices(whole).items()
    }


def code(text: str) -> list[str]:
    """Return what a Markdown text sets as code: lines of blocks, and spans on one line each."""
    blocks = re.findall(r"^ *```[^\n]*\n(.*?)^ *```", text, re.M | re.S)
    text = re.sub(r"^ *```[^\n]*\n.*?^ *```", "", text, flags=re.M | re.S)
    blocks += re.findall(r"(?:^(?: {4}|\t).*\n?)+", text, re.M)
    lines = [line for block in blocks for line in re.sub(r"\\\n\s*", " ", block).splitlines()]
    return lines + [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


def uses(text: str) -> list[tuple[str, set[str]]]:
    """Return the commands of this program in a text: name and options of each."""
    found = []
    for line in code(text):
        for rest in CALL.findall(line):
            name = next(iter(rest.split()), "")
            found.append((name, set(OPTION.findall(rest))))
    return found


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def documented() -> str:
    return "\n".join(path.read_text("utf-8") for path in DOCUMENTS)


def test_reading_code_out_of_markdown_works():
    text = "See `python -m dssm_core train\n--pairs P`.\n\n```sh\npython -m dssm_core score \\\n"
    text += "  --query Q --json | head -n --lines\n```\n\n    .venv/bin/python -m dssm_core card\n"
    assert uses(text) == [("score", {"--query", "--json"}), ("card", set()), ("train", {"--pairs"})]


@pytest.mark.parametrize("command", commands())
def test_every_command_has_an_example(command):
    shown = {name for name, _ in uses(COMMANDS.read_text("utf-8"))}
    assert command in shown, f"docs/commands.md has no `dssm-lens {command} ...`"


@pytest.mark.parametrize("command", nested())
def test_every_nested_command_is_shown_with_options_that_are_its_own(command):
    outer, inner = command.split()
    shown = [
        set(OPTION.findall(rest))
        for line in code(COMMANDS.read_text("utf-8"))
        for rest in CALL.findall(line)
        if rest.split()[:2] == [outer, inner]
    ]
    assert shown, f"docs/commands.md has no `dssm-lens {command} ...`"
    assert set().union(*shown) <= nested()[command]


@pytest.mark.parametrize("command", commands())
def test_every_option_is_in_the_documents(command):
    named = set(OPTION.findall(documented()))
    assert commands()[command] <= named, f"of {command}"


def test_the_readme_lists_every_document():
    text = README.read_text("utf-8")
    index = text[text.index("## Documents") :]
    linked = set(re.findall(r"\]\(([^)]+)\)", index))
    assert linked == {str(path.relative_to(ROOT)) for path in DOCUMENTS if path != README}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_and_option_that_is_documented_exists(path):
    known = commands()
    text = path.read_text("utf-8")
    for name, used in uses(text):
        assert name in {*known, "--help", "--version", ""}, f"python -m dssm_core {name}"
        assert used <= known.get(name, set()) | {"--help", "--version"}, f"of {name}"
    every = {option for options in known.values() for option in options} | {"--help", "--version"}
    for span in code(text):
        if span.startswith("--"):
            assert set(OPTION.findall(span)) <= every, span


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path):
    text = path.read_text("utf-8")
    assert text.startswith("# "), "a document has a title"
    for target in re.findall(r"\]\(<?([^)\s>]+)>?[^)]*\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.exists(), f"{path.name} links to {target}"
        assert linked.is_relative_to(ROOT)
        if anchor and linked.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", linked.read_text("utf-8"), re.M)
            assert anchor in map(slug, headings), f"{path.name} links to {target}"


def sources() -> Iterator[tuple[Path, str]]:
    """Yield each text file of the repository, as far as people read it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    kinds = {".md", ".py", ".toml", ".yml", ".yaml", ".html", ".css", ""}
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in kinds and path.is_file():
            yield path, path.read_text("utf-8")


def test_no_file_cites_a_document_that_is_not_in_the_repository():
    texts = dict(sources())
    names = {str(path.relative_to(ROOT)) for path in texts}
    ends = {name.rsplit("/", 1)[-1] for name in names}
    cited = {
        (str(path.relative_to(ROOT)), document)
        for path, text in texts.items()
        for document in re.findall(r"[\w./-]+\.md\b", text)
    }
    assert len(cited) > 50, "or the search is broken"
    lost = [
        f"{path} cites {document}"
        for path, document in sorted(cited)
        if document.rsplit("/", 1)[-1] not in ends
        or (document.startswith("docs/") and document not in names)
    ]
    assert lost == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_module_that_a_document_names_exists(path):
    modules = [f"/{module.relative_to(ROOT)}" for module, _ in sources() if module.suffix == ".py"]
    named = re.findall(r"(?<![\w/.<])[\w/]+\.py\b", path.read_text("utf-8"))
    made_by_the_reader = {"private_app.py", "dssm_core/charts/ranks.py"}
    there = {name for name in named if any(one.endswith(f"/{name}") for one in modules)}
    lost = {*named} - there - made_by_the_reader
    assert lost == set()


@pytest.mark.slow
def test_the_walk_through_prints_what_it_says_until_training_starts(tmp_path):
    text = (ROOT / "docs" / "your-data.md").read_text("utf-8")
    blocks = re.findall(r"^```(text)?\n(.*?)^```", text, re.M | re.S)
    (_, made), (_, trained), (kind, printed) = blocks[:3]
    assert kind == "text"
    (tmp_path / "sample_models").symlink_to(ROOT / "sample_models")
    done = subprocess.run(
        ["bash", "-c", f'python() {{ {sys.executable} "$@"; }}\n{made}{trained}'],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == printed


def test_the_readme_holds_the_two_commands_that_start_and_test():
    lines = code(README.read_text("utf-8"))
    assert any("streamlit run streamlit_app.py" in line for line in lines)
    assert any(line.startswith("python3 -m venv") and "pytest" in line for line in lines)


def test_the_card_shows_a_command_that_exists():
    from dssm_core.card import write_card

    figures = {"mean": 0.5, "low": 0.4, "high": 0.6}
    names = ("MRR@10", "recall@1", "recall@10", "recall@100", "nDCG@10")
    metrics = {
        **{"queries": 1, "documents": 2, "systems": {"model": dict.fromkeys(names, figures)}},
        **{"training": {"best epoch": 1, "pairs": 3}},
        "calibration": {"negatives": 10, "error": 0.01, "table": []},
    }
    config = {"model": {}, "training": {}, "versions": {}, "head": {"scale": 1.0, "bias": 0.0}}
    (name, options), *others = uses(write_card("m", config, metrics, "Data."))
    assert options <= commands()[name]
    assert all(options <= commands()[name] for name, options in others)
