"""Which guards may be removed without a test that notices?

A guard refuses bad input, or takes no more of it than a limit. It is a `raise`; where the condition
above it is several joined by `or` (or `not (… and …)`), each of them; and a constant that is called
a limit (LIMITS) wherever else one is used, which is then endless. In a copy of the repository each
gets a switch; the working tree is left alone. One run of the tests with all guards on shows which
test meets which guard. Then, in rounds, a test runs again with one of its guards off, until one
fails or none is left to try. Many guards share a round, each in a test of its own. Tests of the
browser are not run.

    python -m tests.benchmarks.guards dssm_core/runtimes --tests tests/runtimes
    python -m tests.benchmarks.guards --slow

Some five minutes of two quiet cores without --slow.
"""

from __future__ import annotations

import argparse
import ast
import functools
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests import ROOT

LIMITS = re.compile(r"(MAX|MOST|LARGEST|LONGEST|LIMIT)(_[A-Z_]+)?")
CALL = '__import__("tests.benchmarks.switches", fromlist=["stands"]).stands({})'
COPIED = ("dssm_core", "tests")
MEMORY = 8 << 30
"""Bytes that a process of the tests may have: some guards keep a file from taking all."""


class Guard(NamedTuple):
    """One place that refuses: its file and line, and what it is in one line of code."""

    file: str
    line: int
    text: str


def guards_of(tree: ast.Module) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    """Yield each guard's node, and the code into which the node is put, as {}; {call} switches."""
    joined: set[ast.AST] = set()
    refused: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):  # which says what a limit is
            refused.update(ast.walk(node))
        if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise):
            refused.update(*map(ast.walk, (node.test, *node.body)))
            test, wanted, form = node.test, ast.Or, "({call} if ({}) else False)"
            if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
                test, wanted, form = test.operand, ast.And, "(({}) or not {call})"
            if isinstance(test, ast.BoolOp) and isinstance(test.op, wanted):
                joined.add(node.body[-1])
                yield from ((value, form) for value in test.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc and node not in joined:
            yield node, "if {call}: {}"
        if isinstance(node, ast.Compare | ast.Call | ast.Slice | ast.BinOp) and node not in refused:
            limits = [part for part in ast.iter_child_nodes(node) if is_limit(part)]
            yield from ((limit, "({} if {call} else 1 << 62)") for limit in limits)


def is_limit(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and bool(LIMITS.fullmatch(node.id))


def instrument(path: Path, name: str, first: int) -> list[Guard]:
    """Give each guard of a file its switch; return the guards, numbered from first."""
    lines = [line.encode() for line in path.read_text("utf-8").splitlines(keepends=True)]
    found, edits = [], []
    for node, form in guards_of(ast.parse(b"".join(lines))):
        before, after = form.replace("{call}", CALL.format(first + len(found))).split("{}")
        edits += [((node.lineno, node.col_offset), 1, before)]
        edits += [((node.end_lineno, node.end_col_offset), 0, after)]
        found.append(Guard(name, node.lineno, " ".join(ast.unparse(node).split())))
    for (line, column), _, text in sorted(edits, reverse=True):
        whole = lines[line - 1]
        lines[line - 1] = whole[:column] + text.encode() + whole[column:]
    path.write_bytes(b"".join(lines))
    return found


def copy_tree(scratch: Path, names: Collection[str]) -> list[Guard]:
    """Copy the repository, with switches in the named files and folders; return the guards."""
    for name in COPIED:
        shutil.copytree(ROOT / name, scratch / name, ignore=shutil.ignore_patterns("__pycache__"))
    for item in ROOT.iterdir():
        if item.name not in (*COPIED, ".git", ".hypothesis", "build"):
            (scratch / item.name).symlink_to(item)
    guards: list[Guard] = []
    for name in names:
        for path in sorted((scratch / name).rglob("*.py")) or [scratch / name]:
            guards += instrument(path, str(path.relative_to(scratch)), len(guards))
    return guards


def run_tests(
    scratch: Path, files: Sequence[str], marker: str, off: dict[str, int]
) -> tuple[set[str], set[str]]:
    """Run tests, those of off alone if there are any, each with that guard off.

    What each meets is added to scratch/met. A test may end its process, and so all after it.

    Returns:
        the tests that began, and those that passed.
    """
    (scratch / "off").write_text(json.dumps(off))
    for name in ("began", "passed"):
        (scratch / name).write_text("")
    command = [sys.executable, "-m", "pytest", "-p", "tests.benchmarks.switches", "-n", "0"]
    command += ["-p", "no:cacheprovider", "-m", marker, "--tb=no", "-o", "faulthandler_timeout=200"]
    command += ["-o", "faulthandler_exit_on_timeout=true"]
    # folders of its own: what is written while a guard is off must not be found by anybody later
    own = {name: str(scratch / name) for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME")}
    environment = {**os.environ, **own, "PYTHONPATH": str(scratch), "GUARDS": str(scratch)}
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_DATA, (MEMORY, MEMORY))
    with (scratch / "log").open("a") as log:
        start = functools.partial(
            subprocess.Popen, cwd=scratch, env=environment, preexec_fn=limit, stdout=log, stderr=log
        )
        halves = filter(None, (files[::2], files[1::2]))
        started = [start([*command, *half]) for half in halves]
        for process in started:
            process.wait()
    began, passed = ((scratch / name).read_text("utf-8") for name in ("began", "passed"))
    return set(began.splitlines()), set(passed.splitlines())


def unnoticed(scratch: Path, met: dict[int, set[str]], marker: str, most: int) -> dict[int, int]:
    """Return the guards whose lack no test noticed, each with how many were tried."""
    breadth = Counter(test for tests in met.values() for test in tests)
    waiting = {n: sorted(tests, key=lambda t: (breadth[t], t))[:most] for n, tests in met.items()}
    tried = dict.fromkeys(waiting, 0)
    while any(waiting.values()):
        off: dict[str, int] = {}
        for number, tests in sorted(waiting.items(), key=lambda item: len(item[1])):
            if test := next((test for test in tests if test not in off), None):
                off[test] = number
        files = sorted({test.split("::")[0] for test in off})
        began, passed = run_tests(scratch, files, marker, off)
        if not began:
            raise SystemExit("no test runs")
        for test in began:
            number = off[test]
            waiting[number].remove(test)
            tried[number] += 1
            if test not in passed:
                del waiting[number], tried[number]
        print(f"{len(began):5} tried, {len(tried):4} unnoticed so far", flush=True)
    return tried


def test_files(names: Iterable[str]) -> list[str]:
    paths = [path for name in names for path in (ROOT / name, *(ROOT / name).rglob("*"))]
    return sorted(str(path.relative_to(ROOT)) for path in paths if path.match("test_*.py"))


def main() -> None:
    """Print the guards whose removal no test notices."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("paths", nargs="*", default=["dssm_core"], help="files and folders")
    parser.add_argument("--tests", nargs="+", default=["tests"], help="files and folders")
    parser.add_argument("--slow", action="store_true", help="with the slow tests")
    parser.add_argument("--most", type=int, default=12, help="tests to try for a guard")
    options = parser.parse_args()
    marker = "not browser" if options.slow else "not slow and not browser"
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        guards = copy_tree(scratch, options.paths)
        _, passed = run_tests(scratch, test_files(options.tests), marker, {})
        met: dict[int, set[str]] = defaultdict(set)
        for line in (scratch / "met").read_text("utf-8").splitlines():
            number, test = line.split("\t")
            if test in passed:
                met[int(number)].add(test)
        print(f"{len(guards)} guards, {len(passed)} tests, {len(met)} guards met", flush=True)
        tried = unnoticed(scratch, met, marker, options.most)
    left = [n for n in range(len(guards)) if n not in met or n in tried]
    for file, line, text, tests in ((*guards[n], tried.get(n, 0)) for n in left):
        print(f"{file}:{line}: {f'{tests} tests pass' if tests else 'no test gets here'}: {text}")
    print(f"{len(guards)} guards, {len(left)} unnoticed")


if __name__ == "__main__":
    main()
