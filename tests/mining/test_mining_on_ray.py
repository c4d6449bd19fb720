"""Negatives mined by several processes: the same bytes as by one, whoever is killed meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from dssm_core.engines import RayEngine, open_engine
from dssm_core.folder import ModelFolder
from dssm_core.mining import MiningConfig, mine_negatives
from dssm_core.paths import sample_model
from tests import ROOT, tiny
from tests.tiny import quiet
from tests.together import kill_after

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not find_spec("ray"), reason="the extra cluster is not installed"),
]

BM25 = MiningConfig(3, "bm25", shard=50, corpus_shard=60)
MODEL = MiningConfig(3, "model", shard=50, corpus_shard=60)


@pytest.fixture(scope="module")
def ray():
    with open_engine("ray", workers=2) as engine:
        yield engine


def mine(out: Path, config: MiningConfig, log=quiet, **choices) -> dict[str, bytes]:
    """Mine with the sample model, which also judges what BM25 finds, and return all files."""
    model = ModelFolder.open(sample_model())
    judge = None if config.strategy == "model" else model
    mine_negatives(tiny.pairs_file(), out, config, model, judge, log, **choices)
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What one process mines."""
    folder = tmp_path_factory.mktemp("local")
    return {config: mine(folder / config.strategy, config) for config in (BM25, MODEL)}


def own_pid(task: int) -> int:
    time.sleep(0.1)
    return os.getpid()


@pytest.mark.parametrize("config", [BM25, MODEL], ids=["bm25", "model"])
@pytest.mark.parametrize("workers", [1, 2])
def test_one_worker_and_many_write_the_bytes_of_the_local_engine(
    ray, tmp_path, whole, config, workers
):
    import ray as library

    engine = RayEngine(library, workers)
    assert mine(tmp_path / "out", config, engine=engine) == whole[config]


@pytest.mark.parametrize("after", [2, 6, 11])
def test_killed_workers_change_no_byte(ray, tmp_path, whole, after):
    said = []

    def kill(line: str) -> None:
        said.append(line)
        if len(said) == after:
            for pid in set(ray.map(own_pid, range(4))):
                os.kill(pid, signal.SIGKILL)

    assert mine(tmp_path / "out", MODEL, kill, engine=ray) == whole[MODEL]
    assert len(said) > after


DRIVER = """
import sys, time
from pathlib import Path
from dssm_core.engines import open_engine
from dssm_core.folder import ModelFolder
from dssm_core.mining import MiningConfig, mine_negatives
def log(line):
    print(line, flush=True)
    time.sleep(0.2)
config = MiningConfig(3, "model", shard=50, corpus_shard=60)
model = ModelFolder.open(Path(sys.argv[3]))
with open_engine("ray", workers=2) as engine:
    mine_negatives(Path(sys.argv[1]), Path(sys.argv[2]), config, model, log=log, engine=engine)
"""


def test_a_killed_driver_is_made_good_by_running_it_again(tmp_path, whole):
    out = tmp_path / "out"
    command = [sys.executable, "-c", DRIVER, *map(str, (tiny.pairs_file(), out, sample_model()))]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        kill_after("searched", process)
    assert not (out / "manifest.json").exists(), "half a run does not pass for a whole one"
    assert mine(out, MODEL) == whole[MODEL]
