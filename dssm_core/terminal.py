"""What a command owes the terminal it runs in: how it stops, and the characters that it writes.

Python alone answers Ctrl-C with a traceback, and only once native code returns, which may wait
for a lock for ever; a closed pipe with a message at exit; and a character that the terminal does
not have with an exception in the middle of the output.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from dssm_core.files import discard_unfinished

INTERRUPTED, CLOSED = 128 + 2, 128 + 13
"""Exit statuses of a command that Ctrl-C stopped, and of one whose reader went away."""

PATIENCE = 3.0
"""Seconds that a stopped command has to tidy up; a second Ctrl-C does not wait for it."""


def run_politely(name: str, work: Callable[[], int]) -> int:
    """Run a command; return its exit status, or that of its being stopped.

    Ctrl-C raises KeyboardInterrupt where Python is at work. Where native code is, or what follows
    from the exception takes too long, the process ends at once, less the files it had begun.

    Args:
        name: stands before what is said.
        work: the command; what it prints is on its way when this returns.
    """
    _fit_streams()
    try:
        with _interruptible(f"{name}: stopped\n"):
            try:
                return work()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
    except KeyboardInterrupt:
        return _ended(INTERRUPTED, f"{name}: stopped")
    except BrokenPipeError:
        return _ended(CLOSED)
    except OSError as error:  # a disk or a file that cannot be written, which it names
        return _ended(1, f"{name}: {error}")


def _ended(status: int, said: str = "") -> int:
    """Say why a command ended, as far as the streams still take it, and return its status."""
    for stream, text in ((sys.stdout, ""), (sys.stderr, said)):
        try:
            print(text, file=stream, end="\n" if text else "", flush=True)
        except OSError:  # or Python would try again at exit, and complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return status


def _fit_streams() -> None:
    """Have output escape what its encoding lacks, as JSON does, and input read UTF-8, as files."""
    codecs.register_error("dssm-json", _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="dssm-json")
    if isinstance(sys.stdin, io.TextIOWrapper) and not sys.stdin.isatty():
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="strict")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


@contextmanager
def _interruptible(said: str) -> Iterator[None]:
    """Let Ctrl-C end the process even where KeyboardInterrupt cannot reach.

    Args:
        said: written to standard error if so.
    """
    is_ours = threading.current_thread() is threading.main_thread()
    if not is_ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # somebody else sees to it, or has it ignored, as nohup does
        return
    ear, bell = socket.socketpair()
    bell.setblocking(False)
    stderr = os.dup(2)  # importing TensorFlow, descriptor 2 leads elsewhere
    watch = threading.Thread(target=_watch, args=(ear, stderr, said), daemon=True)
    came = threading.Event()

    def interrupt(*_: object) -> None:
        if not came.is_set():  # the next one must not stop the tidying
            came.set()
            raise KeyboardInterrupt

    before, hook = (
        signal.set_wakeup_fd(bell.fileno(), warn_on_full_buffer=False),
        sys.unraisablehook,
    )
    sys.unraisablehook = lambda lost: None if came.is_set() else hook(lost)
    signal.signal(signal.SIGINT, interrupt)
    watch.start()
    try:
        yield
        if came.is_set():  # where Python drops exceptions, such as in __del__
            raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = hook
        signal.set_wakeup_fd(before)
        bell.close()
        watch.join()
        ear.close()
        os.close(stderr)


def _watch(ear: socket.socket, stderr: int, said: str) -> None:
    """Wait for Ctrl-C, and then for the end or a second one; end the process if it does not."""
    heard: Any = b""
    while heard != bytes([signal.SIGINT]):
        heard = ear.recv(1)
        if not heard:
            return
    ear.settimeout(PATIENCE)
    with suppress(TimeoutError):
        if not ear.recv(1):
            return
    discard_unfinished()
    os.write(stderr, said.encode())
    os._exit(INTERRUPTED)
