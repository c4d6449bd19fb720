"""What sessions share: made by whoever comes first, and gone with the last that keeps it."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dssm_core.ui.common import work
from dssm_core.ui.common.work import Progress, Shared


class Value:
    """Something that can be shared."""


class Stopped(BaseException):
    """What Streamlit raises in a run that ends."""


def silent(done: int, total: int) -> None:
    """Show nothing."""


@pytest.fixture(autouse=True)
def _short_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "TICK", 0.01)


def test_of_four_sessions_one_makes_the_value_and_the_others_see_how_far_it_is() -> None:
    shared, made, waiting, all_wait = Shared[Value](), list[Value](), set[int](), threading.Event()

    def make(report: Progress) -> Value:
        report(3, 10)
        assert all_wait.wait(60)
        made.append(Value())
        return made[-1]

    def come(_: int) -> Value:
        def show(done: int, total: int) -> None:
            if (done, total) == (3, 10):  # the one that makes it is shown this, too
                waiting.add(threading.get_ident())
            if len(waiting) == 4:
                all_wait.set()

        return shared.get("key", make, show)

    with ThreadPoolExecutor(4) as pool:
        values = list(pool.map(come, range(4)))
    assert len(made) == 1
    assert all(value is made[0] for value in values)


def test_where_the_one_that_makes_it_is_stopped_the_next_makes_it() -> None:
    shared, makes, waits = Shared[Value](), threading.Event(), threading.Event()

    def stopped(report: Progress) -> Value:
        makes.set()
        assert waits.wait(60)
        raise Stopped

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(shared.get, "key", stopped, silent)
        assert makes.wait(60)
        second = pool.submit(shared.get, "key", lambda _: Value(), lambda *_: waits.set())
        assert isinstance(first.exception(60), Stopped)
        assert isinstance(second.result(60), Value)


def test_one_that_waits_can_be_stopped_and_the_other_goes_on() -> None:
    shared, makes, goes_on = Shared[Value](), threading.Event(), threading.Event()

    def make(report: Progress) -> Value:
        makes.set()
        assert goes_on.wait(60)
        return Value()

    def stop(done: int, total: int) -> None:
        raise Stopped

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(shared.get, "key", make, silent)
        assert makes.wait(60)
        with pytest.raises(Stopped):
            shared.get("key", make, stop)
        goes_on.set()
        assert isinstance(first.result(60), Value)


def test_each_key_has_its_value_for_as_long_as_somebody_keeps_it() -> None:
    shared, calls = Shared[Value](), list[str]()

    def get(key: str) -> Value:
        def make(_: Progress) -> Value:
            calls.append(key)
            return Value()

        return shared.get(key, make, silent)

    one, other = get("one"), get("other")
    assert get("one") is one is not other
    assert calls == ["one", "other"]
    del one
    gc.collect()
    get("one")
    assert calls == ["one", "other", "one"]
    assert not shared._locks
    assert not shared._done
