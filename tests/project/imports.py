"""Every import of the package, and the table of those that are allowed."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests import ROOT

PACKAGE = ROOT / "dssm_core"


ALLOWED: dict[str, set[str]] = {
    "quantities": set(),
    "words": {"quantities"},
    "errors": {"quantities", "words"},
    "numeric": set(),
    "paths": set(),
    "process": set(),
    "files": set(),
    "terminal": {"files"},
    "engines": {"errors", "process"},
    "workers": {"errors"},
    "text": set(),
    "corpus": {"engines", "errors", "files", "process", "text"},
    "towers": {"text"},
    "folder": {"errors", "files"},
    "families": {"errors", "text"},
    "archive": {"families"},
    "models": {"archive", "errors", "families", "text", "towers"},
    "runtimes": {
        *("archive", "errors", "folder", "models", "numeric", "process", "text", "towers"),
    },
    "scoring": {"errors", "folder", "numeric", "runtimes", "text", "towers"},
    "explain": {"numeric", "scoring", "text", "towers"},
    "evaluation": {"errors", "explain", "numeric", "text", "towers"},
    "mining": {
        *("corpus", "engines", "errors", "evaluation", "files", "folder", "numeric", "process"),
        *("runtimes", "towers"),
    },
    "bulk": {
        *("corpus", "engines", "errors", "evaluation", "files", "folder", "numeric", "process"),
        *("runtimes", "towers"),
    },
    "card": {
        *("corpus", "errors", "evaluation", "folder", "runtimes", "scoring", "towers", "words"),
    },
    "adoption": {
        *("card", "corpus", "errors", "evaluation", "folder", "numeric", "runtimes", "towers"),
        "words",
    },
    "store": {"errors", "paths"},
    "search": {
        *("corpus", "errors", "evaluation", "files", "folder", "numeric", "process", "towers"),
    },
    "training": {
        *("card", "corpus", "errors", "evaluation", "families", "files", "folder", "models"),
        *("numeric", "paths", "runtimes", "text", "towers", "workers"),
    },
    "charts": {"explain", "numeric", "scoring", "text", "towers", "words"},
    "inspection": {
        *("corpus", "errors", "evaluation", "explain", "files", "folder", "scoring"),
        *("numeric", "text", "towers", "words"),
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
        *("adoption", "numeric", "card", "charts", "corpus", "errors", "evaluation", "explain"),
        *("families", "folder", "inspection", "paths", "process", "reporting", "repro"),
        *("scoring", "search", "store", "text", "towers", "words"),
    },
    "commands": {
        *(
            "adoption",
            "bulk",
            "card",
            "corpus",
            "engines",
            "errors",
            "evaluation",
            "families",
            "files",
        ),
        *(
            "folder",
            "inspection",
            "mining",
            "models",
            "paths",
            "reporting",
            "repro",
            "runtimes",
            "scoring",
            "search",
            "store",
        ),
        *("text", "towers", "training", "words", "workers"),
    },
    "__main__": {"commands", "errors", "files", "terminal"},
}
"""What each part may import of the others; a part's own modules may import each other."""


class Import(NamedTuple):
    part: str  # of dssm_core, which imports
    name: str  # what it imports, in full
    is_lazy: bool  # inside a function
    where: str


def part_of(name: str) -> str:
    """Return the part of dssm_core that a module belongs to."""
    return name.split(".")[1] if "." in name else ""


@functools.cache
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
        where = f"{place}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            yield from (Import(part, alias.name, is_lazy, where) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{where}: imports are absolute here"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            inner = [n for n in names if n in modules()] if node.module == "dssm_core" else []
            for name in inner or [str(node.module)]:
                yield Import(part, name, is_lazy, where)
        inside = is_lazy or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.expr):  # which holds no statement
                yield from visit(child, inside)

    place = path.relative_to(ROOT)
    yield from visit(ast.parse(path.read_text("utf-8")), False)


@functools.cache
def every_import() -> tuple[Import, ...]:
    """Return all imports of the package."""
    return tuple(f for name, path in modules().items() for f in imports(path, part_of(name)))
