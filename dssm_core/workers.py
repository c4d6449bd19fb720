"""Processes of one machine that do one piece of work together, and what they tell each other.

They exchange arrays through memory that they share: no port is opened, and nobody else can reach
them. The first that fails ends all.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

import numpy as np

from dssm_core.errors import UserError

ROOM = 1 << 24
"""Bytes that each process has in the shared memory; longer arrays go through it in parts."""

FAILED = 1
"""Exit status of a process that has told its trouble."""


class Workers:
    """The processes that work together, as one of them sees them; this one is alone.

    Attributes:
        number: of processes.
        rank: of this one, from 0.
    """

    number = 1
    rank = 0

    @property
    def is_first(self) -> bool:
        """Whether this is the one that measures, writes and talks."""
        return self.rank == 0

    def total(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of all processes' arrays, the same on each; all give equal shapes."""
        return values

    def from_first(self, values: np.ndarray) -> np.ndarray:
        """Return the first process's array; all give equal shapes."""
        return self.total(values if self.is_first else np.zeros_like(values))

    def text_from_first(self, text: str) -> str:
        """Return the first process's text."""
        content = np.frombuffer(text.encode(), np.uint8).astype(np.int32)
        length = int(self.from_first(np.array([content.size]))[0])
        told = self.from_first(content if self.is_first else np.zeros(length, np.int32))
        return told.astype(np.uint8).tobytes().decode()

    def wait(self) -> None:
        """Return when all processes have come here."""
        self.total(np.zeros(1, np.int32))


ALONE = Workers()


class LocalWorkers(Workers):
    """Processes of one machine.

    Args:
        number: of processes.
        context: that starts them.
    """

    def __init__(self, number: int, context: SpawnContext) -> None:
        self.number = number
        self._memory = context.RawArray(ctypes.c_uint8, number * ROOM)
        self._barrier = context.Barrier(number)

    def total(self, values: np.ndarray) -> np.ndarray:
        """Return the sum, in the order of the ranks: each process adds up its share of it."""
        flat, result = np.ravel(values), np.empty(values.size, values.dtype)
        room = np.ctypeslib.as_array(self._memory).reshape(self.number, ROOM).view(values.dtype)
        for start in range(0, flat.size, room.shape[1]):
            part = flat[start : start + room.shape[1]]
            room[self.rank, : part.size] = part
            self._barrier.wait()
            edges = [(self.rank + end) * part.size // self.number for end in (0, 1)]
            own = room[:, slice(*edges)]
            own[0] = own.sum(axis=0)
            self._barrier.wait()
            result[start : start + part.size] = room[0, : part.size]
            self._barrier.wait()  # nobody writes the next part before all have read this one
        return result.reshape(values.shape)


@dataclass(frozen=True)
class _Process:
    process: SpawnProcess
    trouble: connection.Connection


def run_together(work: Callable[[Workers], None], number: int) -> None:
    """Do a piece of work in several processes of this machine, and wait for its end.

    The cores are divided among them. When this process ends, however it does, so do they.

    Args:
        work: called in each process; what pickle can name, such as a function of a module.
        number: of processes.

    Raises:
        UserError: what one of them raised; or that one was killed or ended otherwise.
        OSError: what one of them raised.
    """
    context = multiprocessing.get_context("spawn")
    workers = LocalWorkers(number, context)
    team: list[_Process] = []
    try:
        for rank in range(number):
            trouble, telling = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(work, workers, rank, telling))
            process.start()
            telling.close()
            team.append(_Process(process, trouble))
        _watch(team)
    finally:
        for one in team:
            one.process.kill()
            one.process.join()


def _watch(team: Sequence[_Process]) -> None:
    """Return when all have done their work; raise the trouble of the first that has not."""
    running: Mapping[Any, _Process] = {one.process.sentinel: one for one in team}
    while running:
        ended = connection.wait(list(running))
        for sentinel in ended:
            process = running[sentinel].process
            process.join()
            if process.exitcode != 0:
                raise _trouble(team, running[sentinel])
        running = {key: one for key, one in running.items() if key not in ended}


def _trouble(team: Sequence[_Process], failed: _Process) -> Exception:
    """Return what a process that failed has told, or how it ended."""
    try:
        told: Exception = failed.trouble.recv()
    except EOFError:  # it had no time to tell
        status, worker = f"exit status {failed.process.exitcode}", team.index(failed) + 1
        return UserError("workers.ended", status, worker=worker, workers=len(team))
    return told


def _work(
    work: Callable[[Workers], None],
    workers: LocalWorkers,
    rank: int,
    telling: connection.Connection,
) -> None:
    """Do the work in a process of its own, and tell its trouble to the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that started it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    threads = max(1, (os.cpu_count() or 1) // workers.number)
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))
    workers.rank = rank
    try:
        work(workers)
    except (UserError, OSError) as error:
        telling.send(error)
    else:
        return
    sys.stdout.flush()
    os._exit(FAILED)  # at once: the others wait for this one, and would for ever


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(FAILED)
