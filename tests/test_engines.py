"""Engines: the same results in the same order wherever tasks run, and trouble in one sentence."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
import types
from importlib.util import find_spec
from pathlib import Path

import pytest

from dssm_core.engines import LOCAL, RETRIES, open_engine
from dssm_core.errors import UserError
from tests import ROOT
from tests.servers import free_port


@pytest.fixture(scope="module")
def ray():
    if not find_spec("ray"):
        pytest.skip("the extra cluster is not installed")
    with open_engine("ray", workers=2) as engine:
        yield engine


@pytest.fixture(params=["local", pytest.param("ray", marks=pytest.mark.slow)])
def engine(request):
    return LOCAL if request.param == "local" else request.getfixturevalue("ray")


def square_slowly(task: int) -> int:
    time.sleep(0.2 if task == 0 else 0)
    return task * task


def fail(task: str) -> str:
    if task == "memory":
        raise MemoryError
    if task == "disk":
        raise OSError(errno.ENOSPC, "No space left on device", "/data/shard-00001.parquet")
    if task == "person":
        raise UserError("negatives.below 1", "0", name="epochs")
    return task


def die(task: tuple[str, int]) -> int:
    """Kill this process until so many have died, each of which leaves a mark."""
    folder, times = task
    if len(os.listdir(folder)) < times:
        (Path(folder) / str(os.getpid())).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return len(os.listdir(folder))


def test_results_come_in_the_order_of_the_tasks(engine):
    assert list(engine.map(square_slowly, range(20))) == [n * n for n in range(20)]
    assert list(engine.map(square_slowly, [])) == []


def test_tasks_are_taken_as_they_are_run_and_not_all_at_once(engine):
    taken = []

    def tasks():
        for number in range(1, 1000):
            taken.append(number)
            yield number

    results = engine.map(square_slowly, tasks())
    assert next(results) == 1
    assert len(taken) < 10
    results.close()


def test_too_little_memory_is_one_sentence(engine):
    with pytest.raises(UserError, match=r"run out of memory\. .*run the same command again"):
        list(engine.map(fail, ["well", "memory"]))


def test_a_full_disk_names_the_file(engine):
    with pytest.raises(OSError, match="No space left") as found:
        list(engine.map(fail, ["disk"]))
    assert (found.value.errno, found.value.filename) == (
        errno.ENOSPC,
        "/data/shard-00001.parquet",
    )


def test_what_a_person_can_put_right_arrives_whole(engine):
    with pytest.raises(UserError, match=r"epochs must be at least 1 \(found: 0\)") as found:
        list(engine.map(fail, ["person", "well"]))
    assert (found.value.key, found.value.values) == ("negatives.below 1", {"name": "epochs"})


def test_an_error_is_the_same_after_a_way_between_processes():
    error = UserError("pairs.empty cell", "x" * 300, column="document", line=42, name="")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert again.values == error.values


@pytest.mark.slow
def test_a_task_whose_worker_is_killed_runs_again(ray, tmp_path):
    assert list(ray.map(die, [(str(tmp_path), 1)])) == [1]


@pytest.mark.slow
def test_a_task_that_kills_every_worker_ends_the_run_in_a_sentence(ray, tmp_path):
    with pytest.raises(UserError, match=f"worker died {RETRIES + 1} times.*same command again"):
        list(ray.map(die, [(str(tmp_path), 100)]))
    assert len(os.listdir(tmp_path)) == RETRIES + 1
    assert list(ray.map(square_slowly, [3])) == [9], "the others go on"


FULL = """
from dssm_core.engines import open_engine
from dssm_core.errors import UserError
from tests.test_engines import sleep
try:
    with open_engine("ray", workers=1) as engine:
        list(engine.map(sleep, [60]))
except UserError as error:
    print(error.key)
"""


def sleep(seconds: int) -> None:
    time.sleep(seconds)


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("ray"), reason="the extra cluster is not installed")
def test_a_worker_that_ray_kills_for_memory_again_and_again_ends_the_run():
    """Ray's own guard of the memory, told that the machine is full."""
    full = {"RAY_memory_usage_threshold": "0.001", "RAY_memory_monitor_refresh_ms": "100"}
    found = subprocess.run(
        [sys.executable, "-c", FULL],
        env={**os.environ, **full},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert found.stdout == "engine.no memory\n", found.stderr
    assert "oom" in found.stderr, "Ray's own lines"


@pytest.mark.slow
def test_a_ray_that_is_started_here_lets_in_nobody_else(ray):
    import ray as library

    address = library.get_runtime_context().gcs_address
    code = f"import ray; ray.init({address!r}, logging_level='ERROR'); print('inside')"
    for token, is_in in (("0" * 64, False), (os.environ["RAY_AUTH_TOKEN"], True)):
        environment = {**os.environ, "RAY_AUTH_TOKEN": token}
        found = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        )
        assert ("inside" in found.stdout) == is_in, found.stderr


# what cannot be opened


def test_a_missing_extra_is_told_with_the_way_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"Ray is not installed\. .*\.\[cluster\]"):
        with open_engine("ray"):
            pass


@pytest.fixture
def leaving_ray(monkeypatch):
    """Ray as it is, after minutes, at an address that it does not understand."""

    def leave(*_: object, **__: object) -> None:
        raise SystemExit(15)

    monkeypatch.setitem(sys.modules, "ray", types.SimpleNamespace(init=leave))


@pytest.mark.parametrize("scheme", ["", "ray://"])
@pytest.mark.parametrize("is_open", [False, True])
def test_an_address_without_a_cluster_is_told(leaving_ray, scheme, is_open):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1] if is_open else free_port()
        address = f"{scheme}127.0.0.1:{port}"
        with pytest.raises(UserError, match=f"No Ray cluster answers at {address}"):
            with open_engine("ray", address):
                pass


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("spark",), r"no such engine .*spark.*local, ray"),
        (("local", "10.0.0.1:6379"), r"belong to Ray\. Add --engine ray"),
        (("local", None, 2), r"belong to Ray\. Add --engine ray"),
        (("ray", None, 0), "--workers must be at least 1"),
    ],
)
def test_wrong_choices_are_told(arguments, what):
    with pytest.raises(UserError, match=what):
        with open_engine(*arguments):
            pass
