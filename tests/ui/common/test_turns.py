"""Runs of the page go through two at a time, and none is shut out."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dssm_core.ui.common import state


def test_two_runs_go_through_at_a_time_and_all_get_through():
    lock, pair, now, most = threading.Lock(), threading.Barrier(2), 0, 0

    def run(_: int) -> None:
        nonlocal now, most
        with state.turn(60):
            with lock:
                now += 1
                most = max(most, now)
            pair.wait(60)  # each run is in with another
            with lock:
                now -= 1

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(run, range(24)))
    assert (most, now) == (2, 0)


def test_a_run_that_fails_gives_its_turn_back():
    for _ in range(5):
        with pytest.raises(ZeroDivisionError), state.turn(60):
            raise ZeroDivisionError


def test_long_runs_hold_others_up_for_a_moment_and_no_longer():
    inside, over = threading.Barrier(3), threading.Event()

    def long() -> None:
        with state.turn(60):
            inside.wait(60)
            over.wait(60)

    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(long) for _ in range(2)]
        inside.wait(60)
        with state.turn(0.05):
            assert not any(run.done() for run in runs)
        over.set()
    with state.turn(60), state.turn(60):
        pass
