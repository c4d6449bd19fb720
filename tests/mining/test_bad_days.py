"""What goes wrong with a large run, told by the command in one line, with nothing half-written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dssm_core.paths import sample_model
from tests import ROOT, tiny

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
from dssm_core.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
"""The command on a disk that takes no file of more than so many bytes.

It needs -B, or Python would leave half of a module's bytecode for all that import it later.
"""


def command(out: Path, *options: object) -> tuple[object, ...]:
    return ("prepare", tiny.pairs_file(), "--negatives", 3, "--out", out, *options)


def prepare(limit: int, out: Path, *options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", "-c", LIMITED, str(limit), *map(str, command(out, *options))],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


def files(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def said(found: subprocess.CompletedProcess[str]) -> str:
    """Return the one line of trouble; the line before it says how the file is read."""
    assert found.returncode == 1, found.stderr
    _, line = found.stderr.splitlines()
    return line


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["random", "bm25", "model"])
def test_a_full_disk_is_told_with_the_file_and_the_run_goes_on_later(run, tmp_path, strategy):
    options = ["--strategy", strategy]
    if strategy == "model":
        options += ["--model", str(sample_model())]
    assert run(*command(tmp_path / "whole", *options))[0] == 0
    told = set()
    for limit in (3_000, 50_000, 110_000):  # of the index, of vectors, of what is found
        out = tmp_path / "out"
        found = prepare(limit, out, *options)
        if found.returncode:
            told.add(said(found))
            assert not (out / "manifest.json").exists()
            assert not [name for name in files(out) if name.endswith((".new", ".building"))]
    assert len(told) > (strategy == "model")
    assert all(str(tmp_path / "out") in line for line in told), told
    assert run(*command(tmp_path / "out", *options))[0] == 0
    assert files(tmp_path / "out") == files(tmp_path / "whole")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--engine", "spark"], "There is no such engine (found: spark). The engines are: local"),
        (["--workers", 2], "--address and --workers belong to Ray. Add --engine ray."),
        (["--skip-top", 1], '--skip-top does not belong to the strategy "random"'),
        (["--strategy", "bm25", "--pool", 9], '--pool does not belong to the strategy "bm25"'),
        (["--strategy", "bm25", "--relative-margin", 2], "--relative-margin must be from 0 to 1"),
        (["--strategy", "bm25", "--judge", "absent"], "absent"),
    ],
)
def test_wrong_options_are_told(run, tmp_path, options, what):
    status, _, errors = run(*command(tmp_path / "out", *options))
    assert status == 1
    assert what in errors.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_the_command_says_what_it_left_out(run, tmp_path):
    options = ("--strategy", "bm25", "--relative-margin", "none")
    status, output, errors = run(*command(tmp_path / "out", *options))
    assert status == 0, errors
    assert "left out: 0 above margin" in output
