"""One direction of flow: every import of the package against the table of ALLOWED."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise

import pytest

from tests import ROOT
from tests.project.imports import ALLOWED, every_import, imports, modules, part_of

BASE = {"quantities", "words", "errors"}
"""What every part may import: numbers and texts for people, and the errors made of them."""


HEAVY = {"keras": {"models", "training"}, "tensorflow": {"models", "training"}, "streamlit": {"ui"}}


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
    for found in every_import():
        if found.part == part and found.name.split(".")[0] == "dssm_core":
            other = part_of(found.name)
            assert other in allowed, f"{found.where} imports {found.name}"


@pytest.mark.parametrize("library", HEAVY)
def test_a_heavy_library_is_imported_by_its_own_parts_alone(library):
    found = [f for f in every_import() if f.name.split(".")[0] == library]
    assert found, "or the walk over the imports is broken"
    for one in found:
        assert one.part in HEAVY[library], f"{one.where} imports {one.name}"


def test_the_command_line_imports_nothing_until_it_knows_the_command():
    eager = {f.name for f in every_import() if f.part in ("__main__", "commands") and not f.is_lazy}
    ours = {name for name in eager if name.startswith("dssm_core.commands")}
    light = {
        "dssm_core",
        *(f"dssm_core.{part}" for part in ("errors", "families", "paths", "terminal", "words")),
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


@pytest.mark.slow
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


def test_the_designs_diagram_shows_imports_that_there_are():
    text = (ROOT / "docs" / "design.md").read_text("utf-8")
    (diagram,) = re.findall(r"```mermaid\n(.*?)```", text, re.S)
    chains = [line.strip().split(" --> ") for line in diagram.splitlines() if "-->" in line]
    arrows = [arrow for chain in chains for arrow in pairwise(chain)]
    assert len(arrows) > 15
    imported = {(part_of(one.name), one.part) for one in every_import()}
    assert [arrow for arrow in arrows if arrow not in imported] == []


# tests


def test_no_test_module_imports_another_or_a_conftest():
    """What tests share stands in modules of its own, and fixtures come from pytest."""
    files = sorted((ROOT / "tests").rglob("*.py"))
    assert len(files) > 50
    for path in files:
        for found in imports(path, ""):
            last = found.name.split(".")[-1]
            if found.name.startswith("tests."):
                is_shared = not last.startswith("test_") and last != "conftest"
                assert is_shared, f"{found.where} imports {found.name}"
