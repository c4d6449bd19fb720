"""Work of a page: kept once done, shown with a bar and Stop, or done in the background."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dssm_core.errors import UserError
from dssm_core.ui.common import components
from dssm_core.ui.common.language import tr

T = TypeVar("T")

TICK = 0.2
"""Seconds between two looks at what another session makes."""

Progress = Callable[[int, int], None]
"""Tells how much is done, and of how much."""


def cached(
    slot: str, key: Hashable, make: Callable[[], T], drop: Callable[[T], None] | None = None
) -> T:
    """Return what `make` made for a key; made anew where the slot holds what another key made.

    Args:
        slot: where the session keeps one value; another for each thing that is kept.
        key: all that the value depends on.
        make: returns the value.
        drop: called with a value that is no longer kept.
    """
    name = f"{slot}.cached"
    entry: tuple[Hashable, T] | None = st.session_state.get(name)
    if entry is None or entry[0] != key:
        if entry is not None and drop is not None:
            drop(entry[1])
        entry = key, make()
        st.session_state[name] = entry
    return entry[1]


def scored(
    slot: str,
    key: Hashable,
    score: Callable[[Progress], T],
    *,
    progress: str,
    stopped: str,
    go_on: str = "",
    patience: float = 0.0,
    container: DeltaGenerator | None = None,
) -> T | None:
    """Return the scores for a key, cached; with a bar and a Stop button while they are made.

    Args:
        slot: what the keys of the session and of the buttons start with, as "inspect".
        key: all that the scores depend on.
        score: makes them; it calls what it is given with how much is done, and of how much.
        progress: key of the text beside the bar, with `done` and `total`.
        stopped: key of the text that stands where scoring was stopped.
        go_on: key of the button's text that starts it again; "" where the page has another way.
        patience: seconds before the bar is shown.
        container: where the bar is shown; made here without it.

    Returns:
        the scores; None once they were stopped, until `resume`.
    """
    entry = st.session_state.get(f"{slot}.cached")
    if st.session_state.get(f"{slot}.stopped") == key and (entry is None or entry[0] != key):
        components.show_message("note", tr(stopped))
        if go_on:
            st.button(tr(go_on), key=f"{slot}.resume", on_click=resume, args=(slot,))
        return None

    def make() -> T:
        bar = _Bar(slot, key, progress, patience, container or st.empty())
        bar.show(0, 0)
        result = score(bar.show)
        bar.container.empty()
        return result

    return cached(slot, key, make)


class Shared(Generic[T]):
    """What the sessions of this process share for as long as one of them keeps it.

    One session makes a value while the others that want it wait; if it is stopped, the next makes
    it. Only what every visitor may see belongs here.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._values: WeakValueDictionary[Hashable, T] = WeakValueDictionary()
        self._locks: WeakValueDictionary[Hashable, threading.Lock] = WeakValueDictionary()
        self._done: dict[Hashable, tuple[int, int]] = {}

    def get(self, key: Hashable, make: Callable[[Progress], T], show: Progress) -> T:
        """Return the value of a key.

        Args:
            key: all that the value depends on.
            make: returns it; it calls what it is given with how much is done, and of how much.
            show: told so, by whichever session makes it; may raise to stop.
        """
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        while not lock.acquire(timeout=TICK):
            show(*self._done.get(key, (0, 0)))

        def report(done: int, total: int) -> None:
            self._done[key] = done, total
            show(done, total)

        try:
            value = self._values.get(key)
            if value is None:
                value = self._values[key] = make(report)
            return value
        finally:
            self._done.pop(key, None)
            lock.release()


def resume(slot: str) -> None:
    """Let stopped scoring start again."""
    st.session_state.pop(f"{slot}.stopped", None)


class _Bar:
    """A bar that says how far work is, with a Stop button, once it has lasted a while."""

    def __init__(
        self, slot: str, key: Hashable, text: str, patience: float, container: DeltaGenerator
    ) -> None:
        self.container = container
        self._slot, self._key, self._text, self._patience = slot, key, text, patience
        self._started = time.monotonic()
        self._bar: DeltaGenerator | None = None

    def show(self, done: int, total: int) -> None:
        """Show how far it is. A click on Stop ends the run here, as any call of Streamlit does."""
        if self._bar is None and time.monotonic() - self._started >= self._patience:
            with self.container.container():
                self._bar = st.progress(0.0)
                st.button(tr("stop"), key=f"{self._slot}.stop", on_click=self._stop)
        if self._bar is not None:
            text = tr(self._text, done=done, total=total) if total else tr("scoring.starting")
            self._bar.progress(min(1.0, done / max(1, total)), text)

    def _stop(self) -> None:
        st.session_state[f"{self._slot}.stopped"] = self._key


class _Stopped(Exception):
    """Ends the work of a job that nobody wants any more."""


class Job(Generic[T]):
    """Work in a thread of its own, which `start` starts.

    Args:
        work: what to do; it is given a function to tell how much is done and of how much.
        failed: key of the error where it fails for a reason that nobody foresaw.
        values: what is put into the text of that error.

    Attributes:
        value: what it returned; None before.
        error: why it failed; None if it did not.
        done: how much is done, and of how much.
    """

    def __init__(self, work: Callable[[Progress], T], failed: str, **values: str) -> None:
        self.value: T | None = None
        self.error: UserError | None = None
        self.done = 0, 0
        self._work, self._failed, self._values = work, failed, values
        self._is_started, self._lock = False, threading.Lock()
        self._over, self._stopped = threading.Event(), threading.Event()

    def start(self) -> Job[T]:
        """Start the work, if nobody has."""
        with self._lock:
            if not self._is_started:
                self._is_started = True
                threading.Thread(target=self._run, daemon=True).start()
        return self

    def _run(self) -> None:
        try:
            self.value = self._work(self._report)
        except _Stopped:
            pass
        except UserError as error:
            self.error = error
        except Exception as error:  # a thread has nobody above it to catch this
            logging.getLogger(__name__).exception(self._failed)
            received = f"{type(error).__name__}: {error}"
            self.error = UserError(self._failed, received, **self._values)
        finally:
            self._over.set()

    def _report(self, done: int, total: int) -> None:
        self.done = done, total
        if self._stopped.is_set():
            raise _Stopped

    def stop(self) -> None:
        """End the work when it next tells how much is done; nobody waits for it."""
        self._stopped.set()

    @property
    def is_done(self) -> bool:
        """Whether the work has ended, well or not."""
        return self._over.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the work, at most so long; return whether it has ended."""
        return self._over.wait(seconds)


@st.fragment(run_every=1.0)
def wait_for(job: Job[Any], key: str, **values: Any) -> None:
    """Show how far a job is; paint the page anew when it is done.

    Args:
        job: the work.
        key: of the text that says what is going on; `done` and `total` are put in.
        values: what else is put in.
    """
    if job.is_done:
        st.rerun()
    done, total = job.done
    components.show_quiet(tr(key, done=done, total=total, **values), is_wait=True)
    if total:
        st.progress(min(1.0, done / total))
