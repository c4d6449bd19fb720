"""Several processes train one model: as one would, and on after one of them is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dssm_core.corpus.negatives import NegativesConfig, prepare_negatives
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.runtimes.load import load_towers
from dssm_core.workers import run_together
from tests import ROOT, tiny, together
from tests.tiny import quiet

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spawning")]

WITHOUT_GRADIENT = "V/bias"
"""Attention is the same with any bias of its softmax: Adam makes steps of what is rounding."""

EPOCHS = 8


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Return prepared negatives of the tiny pairs."""
    out = tmp_path_factory.mktemp("data") / "negatives"
    prepare_negatives(tiny.pairs_file(), out, NegativesConfig(number=3, shard=100), log=quiet)
    return out


def steps_of(number: int, data: Path, out: Path, **sizes: object) -> list[dict[str, np.ndarray]]:
    """Return loss and weights of each of so many workers after an epoch."""
    run_together(partial(together.take_steps, data, out, sizes), number)
    return [dict(np.load(out / f"{number}-{rank}.npz")) for rank in range(number)]


def furthest(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    assert one.keys() == other.keys()
    names = [name for name in one if not name.endswith(WITHOUT_GRADIENT)]
    return max(float(np.abs(one[name] - other[name]).max()) for name in names)


def test_two_workers_are_one_with_the_double_batch(data, tmp_path):
    (one,) = steps_of(1, data, tmp_path, dropout=0.0)
    two = steps_of(2, data, tmp_path, dropout=0.0)
    assert all((two[0][name] == two[1][name]).all() for name in one), "they never part"
    assert furthest(one, two[0]) < 1e-3
    assert one["loss"] == pytest.approx(two[0]["loss"], rel=1e-5)


# the command


def command(data: Path, out: Path, *more: str) -> list[str]:
    config = out.with_name("config.json")
    training = {**tiny.SIZES["training"], "epochs": EPOCHS}
    config.write_text(json.dumps({**tiny.SIZES, "training": training}))
    given = ["--pairs", tiny.pairs_file(), "--config", config, "--data", data, "--out", out]
    return [sys.executable, "-m", "dssm_core", "train", *map(str, given), *more]


def started(arguments: list[str], **env: str) -> subprocess.Popen[str]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(arguments, text=True, cwd=ROOT, env={**os.environ, **env}, **pipes)


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """Return the processes that a process started to train, by rank."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    commands = {int(pid): Path(f"/proc/{pid}/cmdline").read_text() for pid in children}
    return sorted(pid for pid, line in commands.items() if "spawn_main" in line)


@pytest.fixture(scope="module")
def resumed(data, tmp_path_factory) -> tuple[Path, str]:
    """Return the model folder of two workers of which one was killed, and what the rerun said."""
    out = tmp_path_factory.mktemp("together") / "m"
    arguments = command(data, out, "--workers", "2")
    with started(arguments) as process:
        for line in process.stdout:
            if line.startswith("epoch 1/"):
                break
        first, second = workers_of(process)
        os.kill(second, signal.SIGKILL)
        errors = process.stderr.read()
    assert process.returncode == 1
    assert errors.startswith(
        "train: Worker 2 of 2 ended before the training was over (found: exit status -9)"
    )
    assert len(errors.splitlines()) == 1
    assert not Path(f"/proc/{first}").exists(), "the other one ended, too"
    assert not out.exists()
    with started(arguments) as process:
        said, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    return out, said


def test_after_one_is_killed_the_next_run_goes_on_after_the_last_whole_epoch(resumed):
    out, said = resumed
    assert "resumed after epoch" in said
    assert "epoch 1/" not in said
    assert said.count("wrote") == 1, "one of the two talks"
    assert pd.read_csv(out / "history.csv")["epoch"].tolist() == [*range(1, EPOCHS + 1)]
    assert load_towers(ModelFolder.open(out)).encode(["guitar"], "query")[0].is_readable
    assert not list(out.parent.glob(".m*"))


def test_the_processes_that_tf_config_names_train_alike(resumed, data, tmp_path):
    out = tmp_path / "m"
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    places = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    tasks = [{"type": "worker", "index": index} for index in range(2)]
    configs = [json.dumps({"cluster": {"worker": places}, "task": task}) for task in tasks]
    both = [started(command(data, out), TF_CONFIG=config) for config in configs]
    ends = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    assert [end[0].count("wrote") for end in ends] == [1, 0]
    found, expected = (pd.read_csv(folder / "history.csv") for folder in (out, resumed[0]))
    assert found["loss"].to_numpy() == pytest.approx(expected["loss"].to_numpy(), rel=1e-2)


# what is refused


def test_workers_with_unlike_settings_are_refused(data, tmp_path):
    with pytest.raises(UserError, match="different pairs, negatives or settings"):
        run_together(partial(together.start_unlike, data, tmp_path), 2)


@pytest.mark.parametrize(
    "config", ["{", "[]", "{}", '{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}']
)
def test_a_tf_config_that_names_no_worker_is_refused(config):
    from dssm_core.training.cluster import read_cluster

    with pytest.raises(UserError, match="TF_CONFIG does not say"):
        read_cluster(config)


def test_a_chief_is_the_first_worker():
    from dssm_core.training.cluster import read_cluster

    def config(kind: str, index: int) -> str:
        cluster = {"worker": ["b:1", "c:1"], "chief": ["a:1"]}
        return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})

    assert read_cluster(config("chief", 0)) == (3, 0)
    assert read_cluster(config("worker", 1)) == (3, 2)
    assert read_cluster("") == (1, 0)


def test_batches_that_leave_a_worker_one_row_are_refused(refused, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**tiny.SIZES, "training": {"batch": 3}}))
    given = ("--pairs", tiny.pairs_file(), "--config", config, "--out", tmp_path / "m")
    assert "batch to 4 or more" in refused("train", *given, "--workers", 2)


@pytest.mark.parametrize(
    ("given", "env", "text"),
    [
        (["--workers", "0"], "", "--workers is below 1"),
        (["--workers", "2", "--hard", "2"], "", "--hard draws negatives"),
        (["--hard", "2"], "{}", "--hard draws negatives"),
        (["--workers", "2"], "{}", "Both --workers and TF_CONFIG"),
    ],
)
def test_what_workers_cannot_do_is_refused(refused, tmp_path, monkeypatch, given, env, text):
    monkeypatch.setenv("TF_CONFIG", env)
    assert text in refused("train", "--pairs", tiny.pairs_file(), "--out", tmp_path / "m", *given)
