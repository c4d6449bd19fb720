"""What the tests of several workers do in each, as pickle can name it, and to all of them."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np

from dssm_core.errors import UserError
from dssm_core.workers import ROOM, Workers
from tests import tiny


def add(folder: Path, workers: Workers) -> None:
    """Write the totals of some arrays, and what the first said."""
    rng = np.random.default_rng(workers.rank)
    long = rng.normal(size=ROOM // 4 + 5).astype(np.float32)  # goes through the memory in two parts
    whole = workers.total(np.array([[workers.rank + 1, -1]], np.int64))
    told = workers.text_from_first(f"深度 of {workers.rank}")
    first = workers.from_first(np.array(workers.rank + 7.5))
    workers.wait()
    np.savez(
        folder / f"{workers.rank}.npz",
        long=workers.total(long),
        whole=whole,
        told=told,
        first=first,
    )


def refuse(trouble: str, workers: Workers) -> None:
    """Fail in the last worker, while the others wait for it."""
    if workers.rank == workers.number - 1:
        if trouble == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if trouble == "disk":
            raise OSError(28, "No space left on device", "x.npz")
        raise UserError("workers.small batch", "3", least=4)
    workers.wait()


def hang(folder: Path, workers: Workers) -> None:
    """Write the process's number, then wait for ever."""
    (folder / f"{workers.rank}.pid").write_text(str(os.getpid()))
    if workers.is_first:
        signal.pause()
    workers.wait()


def start_unlike(data: Path, out: Path, workers: Workers) -> None:
    """Train with other dropout in each."""
    take_steps(data, out, {"dropout": 0.1 * workers.rank}, workers)


def take_steps(data: Path, out: Path, sizes: dict, workers: Workers) -> None:
    """Take a few steps of a training on prepared shards; write loss and weights."""
    from dssm_core.families import FAMILIES
    from dssm_core.training import Plan, Trainer, TrainingConfig

    model = replace(FAMILIES["lstm"].config, **{**tiny.SIZES["model"], **sizes})
    choices = {**tiny.SIZES["training"], "batch": 30, "epochs": 1, "loss": "sampled", "unseen": 0.0}
    plan = Plan(tiny.pairs(), out / "m", model, TrainingConfig(**choices), data=data)
    state = out / f"{workers.number}.npz"
    trainer = Trainer.prepare(plan, state, lambda line: None, workers=workers)
    loss = trainer._epoch(0)
    weights = {variable.path: variable.numpy() for variable in trainer.model.trainable_variables}
    np.savez(out / f"{workers.number}-{workers.rank}.npz", loss=loss, **weights)


def kill_after(text: str, process: subprocess.Popen[str], times: int = 1) -> None:
    """Kill a process that has said a text on standard error so many times."""
    for line in process.stderr:
        times -= text in line
        if not times:
            process.kill()
            return
    raise AssertionError(f"it ended with {process.wait()} before it had said {text!r}")
