"""Negatives drawn by several processes: the same bytes as by one, whoever is killed meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest

from dssm_core.corpus.negatives import NegativesConfig, prepare_negatives
from dssm_core.corpus.shards import read_shards
from dssm_core.engines import RayEngine, open_engine
from tests import ROOT, tiny
from tests.tiny import quiet
from tests.together import kill_after

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not find_spec("ray"), reason="the extra cluster is not installed"),
]

CONFIG = NegativesConfig(number=3, shard=20, pool=50, epochs=2, seed=7)
SHARDS = 13


@pytest.fixture(scope="module")
def ray():
    with open_engine("ray", workers=2) as engine:
        yield engine


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What one process draws."""
    out = tmp_path_factory.mktemp("local") / "out"
    prepare_negatives(tiny.pairs_file(), out, CONFIG, log=quiet)
    found = digests(out)
    assert len(found) == 2 * SHARDS + 1
    return found


def digests(out: Path) -> dict[str, str]:
    """Return the digest of each file that is meant for a reader, and see that none is left over."""
    files = {str(p.relative_to(out)): p for p in out.rglob("*") if p.is_file()}
    files.pop("run.json")
    return {name: sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


def own_pid(task: int) -> int:
    time.sleep(0.1)
    return os.getpid()


@pytest.mark.parametrize("workers", [1, 2])
def test_one_worker_and_many_write_the_bytes_of_the_local_engine(ray, tmp_path, expected, workers):
    import ray as library

    engine = RayEngine(library, workers)
    prepare_negatives(tiny.pairs_file(), tmp_path / "out", CONFIG, log=quiet, engine=engine)
    assert digests(tmp_path / "out") == expected


def test_killed_workers_lose_no_row_and_double_none(ray, tmp_path, expected):
    pids = set(ray.map(own_pid, range(6)))
    assert len(pids) == 2
    said = []

    def kill(line: str) -> None:
        said.append(line)
        if len(said) == 3:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)

    prepare_negatives(tiny.pairs_file(), tmp_path / "out", CONFIG, log=kill, engine=ray)
    assert len(said) == 2 * SHARDS
    assert not pids & set(ray.map(own_pid, range(6))), "they were killed"
    assert digests(tmp_path / "out") == expected
    train = tiny.pairs().query("split == 'train'")
    parts = list(read_shards(tmp_path / "out"))
    rows = [row for p in parts for row in zip(p["query"], p["document"], strict=True)]
    assert rows == list(train[["query", "document"]].itertuples(index=False, name=None))


DRIVER = """
import sys, time
from pathlib import Path
from dssm_core.corpus.negatives import NegativesConfig, prepare_negatives
from dssm_core.engines import open_engine
def log(line):
    print(line, flush=True)
    time.sleep(0.2)
config = NegativesConfig(number=3, shard=20, pool=50, epochs=2, seed=7)
with open_engine("ray", workers=2) as engine:
    prepare_negatives(Path(sys.argv[1]), Path(sys.argv[2]), config, log=log, engine=engine)
"""


def test_a_killed_driver_is_made_good_by_running_it_again(tmp_path, expected):
    out = tmp_path / "out"
    command = [sys.executable, "-c", DRIVER, str(tiny.pairs_file()), str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        kill_after("shards", process, 3)
    assert not (out / "manifest.json").exists(), "half a run does not pass for a whole one"
    assert 0 < len(list(out.glob("epoch-*/*.parquet"))) < 2 * SHARDS
    assert subprocess.run(command, stdout=subprocess.DEVNULL, cwd=ROOT).returncode == 0
    assert digests(out) == expected
