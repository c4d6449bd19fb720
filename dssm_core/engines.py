"""Where independent tasks run: in this process, or on Ray's workers, here or on a cluster.

An engine maps a function over tasks and yields the results in the order of the tasks. The function
is pure but for whole files that it writes, so that it gives the same wherever it runs, and may
run twice. Queues, transport, retries and the deaths of workers are Ray's business.

Source: docs.ray.io, "Pattern: Using ray.wait to limit the number of pending tasks".
"""

from __future__ import annotations

import socket
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from dssm_core.errors import UserError
from dssm_core.process import prepare_for_ray

Task = TypeVar("Task")
Result = TypeVar("Result")

ENGINES = ("local", "ray")

AHEAD = 4
"""Times as many tasks as workers that may be begun before the first of them is done."""

RETRIES = 3
"""How often a task starts anew after its worker died, before the run is given up."""

OBJECT_STORE = 100_000_000
"""Bytes of shared memory of a Ray that is started here: tasks and results are numbers and names."""

CONNECT_SECONDS = 10
"""How long an address may take to answer. Ray itself tries for minutes, then ends the process."""


class Engine(Protocol):
    """Runs tasks that do not depend on each other."""

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield the function's result for each task, in order, as they come to an end.

        Args:
            function: importable or a dataclass of plain values, as it is sent to the workers.
            tasks: plain values, likewise.

        Raises:
            UserError: if there is too little memory, or workers die again and again.
            Exception: as the function raises.
        """
        ...


class LocalEngine:
    """Runs tasks in this process, one after the other."""

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield results, as `Engine.map`; a task runs when its result is asked for."""
        for task in tasks:
            try:
                yield function(task)
            except MemoryError:
                raise UserError("engine.no memory") from None


LOCAL = LocalEngine()


@contextmanager
def open_engine(
    name: str = "local", address: str | None = None, workers: int | None = None
) -> Iterator[Engine]:
    """Give an engine, which is closed at the end.

    While Ray is open, what is printed goes to standard error: Ray's threads print, too.

    Args:
        name: one of `ENGINES`.
        address: of a Ray cluster that runs, such as "10.0.0.1:6379"; without it, Ray is started
            on this machine and ends with this process.
        workers: tasks that run at once; without it, as many as there are CPUs.

    Raises:
        UserError: if there is no such engine, Ray is missing, or its address does not answer.
    """
    if name not in ENGINES:
        raise UserError("engine.no such engine", name, names=", ".join(ENGINES))
    if workers is not None and workers < 1:
        raise UserError("negatives.below 1", str(workers), name="--workers")
    if name == "local":
        if address is not None or workers is not None:
            raise UserError("engine.only ray")
        yield LOCAL
        return
    prepare_for_ray(is_own=address is None)
    try:
        import ray
    except ImportError:
        raise UserError("engine.not installed") from None
    with redirect_stdout(sys.stderr):  # where Ray's own lines do not mix with --json
        _start(ray, address, workers)
        try:
            yield RayEngine(ray, workers or max(1, int(ray.cluster_resources().get("CPU", 1))))
        finally:
            ray.shutdown()


def _start(ray: Any, address: str | None, workers: int | None) -> None:
    """Start Ray on this machine, or connect with a cluster."""
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        ray.init(
            "local",
            num_cpus=workers,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE,
            _system_config={"task_oom_retries": RETRIES},  # Ray's own is without end
            **quiet,
        )
        return
    try:
        _knock(address)
        ray.init(address, **quiet)
    except (OSError, RuntimeError, ValueError, SystemExit) as trouble:  # Ray exits after minutes
        raise UserError("engine.no answer", str(trouble), address=address) from None


def _knock(address: str) -> None:
    """Connect with an address and hang up; Ray finds the place of "auto" by itself."""
    place = urlsplit(address if "://" in address else f"//{address}")
    if place.hostname and place.port:
        socket.create_connection((place.hostname, place.port), CONNECT_SECONDS).close()


class RayEngine:
    """Runs tasks on Ray's workers.

    Args:
        ray: the module, connected.
        workers: tasks that run at once.
    """

    def __init__(self, ray: Any, workers: int) -> None:
        self._ray, self._workers = ray, workers

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield results, as `Engine.map`."""
        ray = self._ray
        run = ray.remote(num_cpus=1, max_retries=RETRIES)(_run)
        shared = ray.put(function)
        running: list[Any] = []
        ordered: deque[Any] = deque()
        try:
            for task in tasks:
                if len(running) >= self._workers:
                    _, running = ray.wait(running, num_returns=1)
                one = run.remote(shared, task)
                running.append(one)
                ordered.append(one)
                while ordered[0] not in running or len(ordered) >= AHEAD * self._workers:
                    yield self._result(ordered.popleft())
            while ordered:
                yield self._result(ordered.popleft())
        finally:
            for one in ordered:  # what is still to come, once a task has failed
                ray.cancel(one, force=True)

    def _result(self, one: Any) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(one)
        except errors.RayTaskError as trouble:  # the function's own
            if isinstance(trouble.cause, MemoryError):
                raise UserError("engine.no memory") from None
            raise trouble.cause from None
        except errors.OutOfMemoryError:
            raise UserError("engine.no memory") from None
        except errors.RayError as trouble:
            first = str(trouble).strip().split("\n")[0]
            raise UserError("engine.lost worker", first, tries=RETRIES + 1) from None


def _run(function: Callable[[Task], Result], task: Task) -> Result:
    return function(task)
