"""The page as a process of its own, watched from outside: address, memory, threads, log."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import ROOT
from tests.servers import free_port, page_command, running

RUN = """
import os, sys, time
from streamlit.web.cli import main
from dssm_core.runtimes.load import RUNTIMES
from tests.tiny import WordTowers
from tests import ROOT

loads, seconds = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_APPEND), sys.argv.pop(1)
class Slow(WordTowers):
    def encode(self, texts, side):
        time.sleep(float(seconds))
        return super().encode(texts, side)
fastest = RUNTIMES["numpy"]
def counted(folder):
    os.write(loads, f"{folder.name}\\n".encode())
    return fastest(folder) if seconds == "model" else Slow()
RUNTIMES["numpy"] = counted
sys.exit(main(prog_name="streamlit"))
"""
"""`streamlit run`, which writes down each load of a model, and may count words in place of it."""


@dataclass(frozen=True)
class Server:
    """A running page.

    Attributes:
        address: where it answers, without a slash at the end.
        pid: its process.
        log: the file of what it says.
        loads: the file with a line for each load of a model.
    """

    address: str
    pid: int
    log: Path
    loads: Path

    def get(self, path: str) -> str:
        """Return what it answers to a request."""
        with urllib.request.urlopen(f"{self.address}/{path}", timeout=60) as answer:
            return str(answer.read().decode())

    def memory(self) -> float:
        """Return its resident memory in MiB."""
        return int(self._status("VmRSS")) / 1024

    def threads(self) -> int:
        """Return how many threads it has."""
        return int(self._status("Threads"))

    def sessions(self) -> int:
        """Return how many sessions it holds a connection to."""
        found = re.search(r"^active_sessions (\d+)", self.get("_stcore/metrics"), re.MULTILINE)
        assert found, "no count of sessions"
        return int(found[1])

    def models(self) -> list[str]:
        """Return the name of each model loaded, in order, as often as it was loaded."""
        return self.loads.read_text().split()

    def errors(self) -> list[str]:
        """Return the lines of its log that tell of an error."""
        lines = self.log.read_text("utf-8", "replace").splitlines()
        return [line for line in lines if "Traceback" in line or "Error" in line]

    def _status(self, name: str) -> str:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return re.findall(rf"^{name}:\s*(\d+)", status, re.MULTILINE)[0]


@contextmanager
def serving(
    script: Path = ROOT / "streamlit_app.py", *, words: float | None = None, **environment: str
) -> Iterator[Server]:
    """Start a page on a port of its own with a fresh store, and yield it once it answers.

    Args:
        script: what `streamlit run` is given.
        words: seconds that WordTowers, which stand for each model, take; None for the models.
        environment: variables of its own.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="dssm-load-") as folder:
        log, loads = Path(folder) / "log", Path(folder) / "loads"
        loads.touch()
        command = [sys.executable, "-c", RUN, str(loads), "model" if words is None else str(words)]
        own = {"DSSM_STORE": f"{folder}/verdicts.sqlite3", "DSSM_METRICS": "1"}
        own["XDG_CACHE_HOME"] = f"{folder}/cache"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, *page_command(port, script)[3:]],
                cwd=ROOT,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **own, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        with running(process, port, log) as address:
            yield Server(address, process.pid, log, loads)
