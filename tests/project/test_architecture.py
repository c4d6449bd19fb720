"""One direction of flow: every import of the package against the table of ALLOWED."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import ROOT

PACKAGE = ROOT / "dssm_core"

BASE = {"quantities", "words", "errors"}
"""What every part may import: numbers and texts for people, and the errors made of them."""

ALLOWED: dict[str, set[str]] = {
    "quantities": set(),
    "words": {"quantities"},
    "errors": {"quantities", "words"},
    "paths": set(),
    "process": set(),
    "text": set(),
    "corpus": {"errors", "process", "text"},
    "towers": {"text"},
    "folder": {"errors"},
    "families": {"errors", "text"},
    "archive": {"families"},
    "models": {"archive", "errors", "families", "text", "towers"},
    "runtimes": {"archive", "errors", "folder", "models", "process", "text", "towers"},
    "scoring": {"errors", "folder", "runtimes", "text", "towers"},
    "explain": {"scoring", "text", "towers"},
    "evaluation": {"errors", "text", "towers"},
    "card": {
        *("corpus", "errors", "evaluation", "folder", "runtimes", "scoring", "towers"),
    },
    "store": {"errors", "paths"},
    "search": {"corpus", "errors", "evaluation", "folder", "towers"},
    "training": {
        *("card", "corpus", "errors", "evaluation", "families", "folder", "models", "runtimes"),
        *("text", "towers"),
    },
    "charts": {"explain", "scoring", "text", "words"},
    "inspection": {
        *("corpus", "errors", "evaluation", "explain", "folder", "scoring"),
        *("text", "towers", "words"),
    },
    "repro": {
        *("corpus", "errors", "evaluation", "explain", "folder", "inspection", "scoring", "store"),
        *("text", "towers", "words"),
    },
    "reporting": {
        *("charts", "corpus", "errors", "evaluation", "explain", "folder", "inspection", "repro"),
        *("scoring", "store", "text", "towers", "words"),
    },
    "ui": {
        *("card", "charts", "corpus", "errors", "evaluation", "explain"),
        *("families", "folder", "inspection", "paths", "process", "reporting", "repro"),
        *("scoring", "search", "store"),
        *("text", "towers", "words"),
    },
    "commands": {
        *("card", "corpus", "errors", "evaluation", "families", "folder", "inspection", "models"),
        *("paths", "reporting", "repro", "runtimes", "scoring", "search", "store", "text"),
        *("towers", "training", "words"),
    },
    "__main__": {"commands", "errors"},
}
"""What each part may import of the others; a part's own modules may import each other."""

HEAVY = {"keras": {"models", "training"}, "tensorflow": {"models", "training"}, "streamlit": {"ui"}}


class Import(NamedTuple):
    part: str  # of dssm_core, which imports
    name: str  # what it imports, in full
    is_lazy: bool  # inside a function
    where: str


def part_of(name: str) -> str:
    """Return the part of dssm_core that a module belongs to."""
    return name.split(".")[1] if "." in name else ""


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imports(path: Path, part: str) -> Iterator[Import]:
    """Yield a file's imports, less those for type checkers alone."""

    def visit(node: ast.AST, is_lazy: bool) -> Iterator[Import]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            yield from (Import(part, alias.name, is_lazy, where) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{where}: imports are absolute here"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            inner = [n for n in names if n in modules()] if node.module == "dssm_core" else []
            for name in inner or [str(node.module)]:
                yield Import(part, name, is_lazy, where)
        inside = is_lazy or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside)

    yield from visit(ast.parse(path.read_text("utf-8")), False)


ALL = [found for name, path in modules().items() for found in imports(path, part_of(name))]


def test_every_part_stands_in_the_table():
    assert {part_of(name) for name in modules()} - {""} == set(ALLOWED)


def test_the_table_points_one_way():
    before: set[str] = set()
    for part, allowed in ALLOWED.items():
        assert allowed <= before, f"{part} may import what comes after it"
        before.add(part)


@pytest.mark.parametrize("part", ALLOWED)
def test_a_part_imports_only_what_comes_before_it(part):
    allowed = {part, ""} | ALLOWED[part] | (BASE if part not in BASE else set())
    for found in ALL:
        if found.part == part and found.name.split(".")[0] == "dssm_core":
            other = part_of(found.name)
            assert other in allowed, f"{found.where} imports {found.name}"


@pytest.mark.parametrize("library", HEAVY)
def test_a_heavy_library_is_imported_by_its_own_parts_alone(library):
    found = [f for f in ALL if f.name.split(".")[0] == library]
    assert found, "or the walk over the imports is broken"
    for one in found:
        assert one.part in HEAVY[library], f"{one.where} imports {one.name}"


def test_the_command_line_imports_nothing_until_it_knows_the_command():
    eager = {f.name for f in ALL if f.part in ("__main__", "commands") and not f.is_lazy}
    ours = {name for name in eager if name.startswith("dssm_core.commands")}
    light = {
        "dssm_core",
        *(f"dssm_core.{part}" for part in ("errors", "families", "paths", "words")),
    }
    assert eager - ours <= {*light, *sys.stdlib_module_names, "collections.abc"}


def test_the_app_file_only_starts_the_pages():
    path = ROOT / "streamlit_app.py"
    for found in imports(path, ""):
        name = found.name.split(".")[0]
        if name == "dssm_core":
            assert part_of(found.name) == "ui", f"{found.where} imports {found.name}"
        else:
            assert name == "streamlit" or name in sys.stdlib_module_names, found.where


def test_nothing_but_models_and_training_loads_tensorflow_when_imported():
    light = [n for n in modules() if part_of(n) not in ("models", "training", "__main__", "")]
    light.sort(key=lambda name: part_of(name) == "ui")  # then Streamlit is loaded last
    code = f"""
import importlib, sys
for name in {light!r}:
    importlib.import_module(name)
    for library in ("keras", "tensorflow") + (() if ".ui" in name else ("streamlit",)):
        assert library not in sys.modules, name + " loads " + library
print("streamlit" in sys.modules, "dssm_core.charts" in sys.modules)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 0, found.stderr
    assert found.stdout == "True True\n"


# documents


def documented_parts(document: str) -> list[str]:
    """Return the parts of the package that a document's table names, in its order."""
    rows = re.findall(r"^\| (.*?) \|", (ROOT / document).read_text("utf-8"), re.M)
    named = [re.findall(r"`dssm_core/(\w+)(?:/|\.py)`", row) for row in rows]
    return [part for row in named for part in row]


def test_the_design_names_every_part_in_the_order_of_the_imports():
    assert documented_parts("docs/design.md") == list(ALLOWED)


def test_the_readme_names_the_parts_in_the_same_order():
    named = documented_parts("README.md")
    assert len(named) > 10
    assert named == sorted(named, key=list(ALLOWED).index)


def test_the_designs_diagram_shows_imports_that_there_are():
    text = (ROOT / "docs" / "design.md").read_text("utf-8")
    (diagram,) = re.findall(r"```mermaid\n(.*?)```", text, re.S)
    chains = [line.strip().split(" --> ") for line in diagram.splitlines() if "-->" in line]
    arrows = [arrow for chain in chains for arrow in pairwise(chain)]
    assert len(arrows) > 15
    imported = {(part_of(one.name), one.part) for one in ALL}
    assert [arrow for arrow in arrows if arrow not in imported] == []
