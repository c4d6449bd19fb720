"""Work in the background, and the page that waits for it without standing still."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import streamlit as st

from dssm_core.errors import UserError
from dssm_core.ui.common import components, state
from dssm_core.ui.common.language import tr

T = TypeVar("T")


class Job(Generic[T]):
    """Work in a thread of its own.

    Args:
        work: what to do; it is given a function to tell how much is done and of how much.
        failed: key of the error where it fails for a reason that nobody foresaw.

    Attributes:
        value: what it returned; None before.
        error: why it failed; None if it did not.
        done: how much is done, and of how much.
    """

    def __init__(self, work: Callable[[Callable[[int, int], None]], T], failed: str) -> None:
        self.value: T | None = None
        self.error: UserError | None = None
        self.done = 0, 0
        self._work, self._failed, self._over = work, failed, threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self.value = self._work(self._tell)
        except UserError as error:
            self.error = error
        except Exception as error:  # a thread has nobody above it to tell
            logging.getLogger(__name__).exception(self._failed)
            self.error = UserError(self._failed, f"{type(error).__name__}: {error}")
        finally:
            self._over.set()

    def _tell(self, done: int, total: int) -> None:
        self.done = done, total

    def is_over(self, seconds: float = 0.0) -> bool:
        """Return whether the work has ended, after waiting so long for it."""
        return self._over.wait(seconds)


@st.fragment(run_every=1.0)
def wait_for(job: Job[Any], key: str, **values: Any) -> None:
    """Show how far a job is; paint the page anew when it is done.

    Args:
        job: the work.
        key: of the text that says what is going on; `done` and `total` are put in.
        values: what else is put in.
    """
    if job.is_over():
        st.rerun()
    done, total = job.done
    components.show_quiet(tr(key, done=done, total=total, **values), is_wait=True)
    if total:
        st.progress(min(1.0, done / total))


@st.fragment(run_every=1.0)
def wait_for_model(live: state.LiveModel, message: str) -> None:
    """Say that a model is loading; paint the page anew when it is there, or is not to be had."""
    if live.is_done:
        st.rerun()
    components.show_quiet(message, is_wait=True)
