"""Pages in processes of their own: a free port, the command, and the wait until they answer."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SECONDS = 300
"""A busy machine takes long to import TensorFlow."""


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def page_command(port: int, script: str | Path = "streamlit_app.py") -> list[str]:
    """Return what starts a page, without a file watcher: a change would show as an endless run."""
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    options = ["--server.headless", "true", "--server.port", str(port)]
    return [*command, *options, "--server.fileWatcherType", "none"]


def wait_for_page(
    port: int, is_running: Callable[[], bool] = lambda: True, path: str = "/_stcore/health"
) -> None:
    """Wait until a page, or another server, answers at a path.

    Raises:
        AssertionError: if it stops running, or does not answer in time.
    """
    end = time.monotonic() + SECONDS
    while is_running() and time.monotonic() < end:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"no page answers on port {port}")


@contextmanager
def running(process: subprocess.Popen[Any], port: int, log: Path | None = None) -> Iterator[str]:
    """Yield the address of a page once it answers, without a slash; kill its process at the end.

    Args:
        process: the page's, just started.
        port: that it was given.
        log: where its output goes, to be shown if it does not answer.
    """
    try:
        try:
            wait_for_page(port, lambda: process.poll() is None)
        except AssertionError as error:
            process.kill()
            output = log.read_text("utf-8", "replace") if log else process.communicate()
            raise AssertionError(f"{error}: {output}") from None
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()  # what it keeps is on disk, and a busy machine takes long to end politely
        process.communicate(timeout=60)
