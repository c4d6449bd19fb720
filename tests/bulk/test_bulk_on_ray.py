"""Encoding and measuring by several processes: as by one, whoever is killed meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from dssm_core.bulk.encode import encode_texts
from dssm_core.bulk.evaluate import Files, evaluate_files
from dssm_core.engines import RayEngine, open_engine
from dssm_core.folder import ModelFolder
from dssm_core.paths import sample_model
from tests import ROOT
from tests.bulk.collections import write_collection
from tests.tiny import quiet
from tests.together import kill_after

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not find_spec("ray"), reason="the extra cluster is not installed"),
]

MODEL = sample_model()


@pytest.fixture(scope="module")
def ray():
    with open_engine("ray", workers=2) as engine:
        yield engine


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    options = write_collection(tmp_path_factory.mktemp("collection"), 5000, 100)
    return Files(options[1], options[3], options[5])


def encode(files: Files, out: Path, log=quiet, **choices) -> dict[str, bytes]:
    """Encode the documents and return all files."""
    encode_texts(files.corpus, out, ModelFolder.open(MODEL), shard=500, log=log, **choices)
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def measure(files: Files, work: Path, log=quiet, **choices) -> dict:
    models = {"model": ModelFolder.open(MODEL)}
    return evaluate_files(files, models, work, log=log, shard=4096, **choices).metrics


@pytest.fixture(scope="module")
def encoded(files, tmp_path_factory):
    """What one process writes."""
    return encode(files, tmp_path_factory.mktemp("encoded") / "out")


@pytest.fixture(scope="module")
def measured(files, tmp_path_factory):
    """What one process measures."""
    return measure(files, tmp_path_factory.mktemp("measured"))


def own_pid(task: int) -> int:
    time.sleep(0.1)
    return os.getpid()


class Killer:
    """Kills all workers after so many lines were said."""

    def __init__(self, engine, after: int) -> None:
        self.engine, self.after, self.said = engine, after, 0

    def __call__(self, line: str) -> None:
        self.said += 1
        if self.said == self.after:
            for pid in set(self.engine.map(own_pid, range(4))):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("workers", [1, 2])
def test_one_worker_and_many_write_the_bytes_of_the_local_engine(
    ray, files, tmp_path, encoded, workers
):
    import ray as library

    assert encode(files, tmp_path / "out", engine=RayEngine(library, workers)) == encoded


def test_killed_workers_change_no_byte_of_the_vectors(ray, files, tmp_path, encoded):
    killer = Killer(ray, 3)
    assert encode(files, tmp_path / "out", killer, engine=ray) == encoded
    assert killer.said > 3


@pytest.mark.parametrize("workers", [1, 2])
def test_one_worker_and_many_measure_the_same(ray, files, tmp_path, measured, workers):
    import ray as library

    assert measure(files, tmp_path / "work", engine=RayEngine(library, workers)) == measured


@pytest.mark.parametrize("after", [1, 3, 5, 7])
def test_killed_workers_change_no_figure(ray, files, tmp_path, measured, after):
    killer = Killer(ray, after)
    assert measure(files, tmp_path / "work", killer, engine=ray) == measured
    assert killer.said >= after


DRIVER = """
import sys, time
from pathlib import Path
from dssm_core.bulk.encode import encode_texts
from dssm_core.bulk.evaluate import Files, evaluate_files
from dssm_core.engines import open_engine
from dssm_core.folder import ModelFolder
def log(line):
    print(line, flush=True)
    time.sleep(0.2)
what, out, model, *files = sys.argv[1:]
files, model = Files(*map(Path, files)), ModelFolder.open(Path(model))
with open_engine("ray", workers=2) as engine:
    if what == "encode":
        encode_texts(files.corpus, Path(out), model, shard=500, log=log, engine=engine)
    else:
        models = {"model": model}
        evaluate_files(files, models, Path(out), log=log, engine=engine, shard=4096)
"""


@pytest.mark.parametrize(
    ("what", "until"),
    [("encode", "3/10"), ("evaluate", "documents encoded"), ("evaluate", "documents ranked")],
)
def test_a_killed_driver_is_made_good_by_running_it_again(
    files, tmp_path, encoded, measured, what, until
):
    out = tmp_path / "out"
    arguments = [what, out, MODEL, files.qrels, files.queries, files.corpus]
    command = [sys.executable, "-c", DRIVER, *map(str, arguments)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        kill_after(until, process)
    if what == "evaluate":
        assert measure(files, out) == measured
        return
    assert not (out / "manifest.json").exists(), "half a run does not pass for a whole one"
    assert encode(files, out) == encoded
