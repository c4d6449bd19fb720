"""Which guards may be removed without a test that notices?

A guard refuses bad input: a `raise`, and where the condition above it is several joined by `or`
(or `not (… and …)`), each of them. In a copy of the repository each gets a switch; the working tree
is left alone. One run of the tests with all guards on shows which test meets which guard. Then, in
rounds, a test runs again with one of its guards off, until one fails or none is left to try. Many
guards share a round, each in a test of its own.

    python -m tests.benchmarks.guards dssm_core/runtimes dssm_core/folder.py
    python -m tests.benchmarks.guards dssm_core/store.py --tests tests/test_store.py --marker ""

Slow tests are left out unless --marker says otherwise. Some five minutes of two cores for the whole
package. This module is also the plugin of those runs.
"""

from __future__ import annotations

import argparse
import ast
import functools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT

CALL = '__import__("tests.benchmarks.guards", fromlist=["stands"]).stands({})'
COPIED = ("dssm_core", "tests")
MEMORY = 8 << 30
"""Bytes that a process of the tests may have: some guards keep a file from taking all."""


@dataclass(frozen=True)
class Guard:
    """One place that refuses: its file and line, and what it is in one line of code."""

    file: str
    line: int
    text: str


def guards_of(tree: ast.Module) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    """Yield each guard's node, and the code into which the node is put, as {}; {call} switches."""
    joined = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise):
            test, form = node.test, "({call} if ({}) else False)"
            if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
                test, form = test.operand, "(({}) or not {call})"
            wanted = ast.Or if test is node.test else ast.And
            if isinstance(test, ast.BoolOp) and isinstance(test.op, wanted):
                joined.add(node.body[-1])
                yield from ((value, form) for value in test.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc and node not in joined:
            yield node, "if {call}: {}"


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
        if item.name not in COPIED and item.name not in (".git", ".hypothesis", "build"):
            (scratch / item.name).symlink_to(item)
    guards: list[Guard] = []
    for name in names:
        for path in sorted((scratch / name).rglob("*.py")) or [scratch / name]:
            guards += instrument(path, str(path.relative_to(scratch)), len(guards))
    return guards


def run_tests(
    scratch: Path, tests: Sequence[str], marker: str, off: dict[str, int]
) -> tuple[set[str], set[str]]:
    """Run tests, those of off alone if there are any, each with that guard off.

    What each test meets is added to scratch/met. A test may end its process, and so all after it.

    Returns:
        the tests that began, and those that passed.
    """
    (scratch / "off").write_text(json.dumps(off))
    for name in ("began", "passed"):
        (scratch / name).write_text("")
    command = [sys.executable, "-m", "pytest", "-p", "tests.benchmarks.guards", "-n", "0"]
    command += ["-p", "no:cacheprovider", "-m", marker, "--tb=no", "-o", "faulthandler_timeout=200"]
    command += ["-o", "faulthandler_exit_on_timeout=true"]
    environment = {**os.environ, "PYTHONPATH": str(scratch), "GUARDS": str(scratch)}
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_DATA, (MEMORY, MEMORY))
    with (scratch / "log").open("a") as log:
        given: dict[str, Any] = {"cwd": scratch, "env": environment, "preexec_fn": limit}
        halves = [half for half in (tests[::2], tests[1::2]) if half]
        started = [
            subprocess.Popen([*command, *half], stdout=log, stderr=log, **given) for half in halves
        ]
        for process in started:
            process.wait()
    began, passed = (
        set((scratch / name).read_text("utf-8").splitlines()) for name in ("began", "passed")
    )
    return began, passed


def unnoticed(
    scratch: Path, met: dict[int, set[str]], marker: str, most: int
) -> dict[int, list[str]]:
    """Return the guards that no test noticed the lack of, each with the tests that were tried."""
    breadth = Counter(test for tests in met.values() for test in tests)
    waiting = {n: sorted(tests, key=lambda t: (breadth[t], t))[:most] for n, tests in met.items()}
    tried: dict[int, list[str]] = {number: [] for number in waiting}
    while any(waiting.values()):
        off: dict[str, int] = {}
        for number, tests in sorted(waiting.items(), key=lambda item: len(item[1])):
            test = next((test for test in tests if test not in off), None)
            if test:
                off[test] = number
        began, passed = run_tests(scratch, files_of(off), marker, off)
        for test in began:
            number = off[test]
            waiting[number].remove(test)
            tried[number].append(test)
            if test not in passed:
                del waiting[number], tried[number]
        print(f"{len(began):5} tried, {len(tried):4} unnoticed so far", flush=True)
        if not began:
            raise SystemExit("the tests do not run; see the log")
    return tried


def files_of(tests: Iterable[str]) -> list[str]:
    return sorted({test.split("::")[0] for test in tests})


def main() -> None:
    """Print the guards whose removal no test notices."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("paths", nargs="*", default=["dssm_core"], help="files and folders")
    parser.add_argument("--tests", nargs="+", default=["tests"], help="files, folders")
    parser.add_argument("--marker", default="not slow and not browser", help="as pytest's -m")
    parser.add_argument("--most", type=int, default=12, help="tests to try for a guard")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        guards = copy_tree(scratch, options.paths)
        paths = [
            path for name in options.tests for path in (ROOT / name, *(ROOT / name).rglob("*"))
        ]
        files = sorted(str(p.relative_to(ROOT)) for p in paths if fnmatch(p.name, "test_*.py"))
        _, passed = run_tests(scratch, files, options.marker, {})
        met: dict[int, set[str]] = defaultdict(set)
        for line in (scratch / "met").read_text("utf-8").splitlines():
            number, test = line.split("\t")
            if test in passed:
                met[int(number)].add(test)
        print(f"{len(guards)} guards, {len(passed)} tests, {len(met)} guards met", flush=True)
        survivors = unnoticed(scratch, met, options.marker, options.most)
    for number, guard in enumerate(guards):
        if number not in met or number in survivors:
            why = f"{len(survivors[number])} tests pass" if number in met else "no test"
            print(f"{guard.file}:{guard.line}: {why}: {guard.text}")
    print(f"{len(guards)} guards, {len(guards) - len(met) + len(survivors)} unnoticed")


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
    """Note that a test begins and that it passes; give it two minutes."""
    note("began", item.nodeid)
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(120)
    try:
        yield
    finally:
        signal.alarm(0)
    note("passed", item.nodeid)


def _too_long(*_: object) -> None:
    raise TimeoutError


if __name__ == "__main__":
    main()
