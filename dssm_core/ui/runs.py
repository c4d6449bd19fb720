"""Trainings in processes of their own, so that the page stays quick and Stop really stops."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dssm_core.errors import UserError


class Run:
    """One `python -m dssm_core train`, read line by line while it goes on.

    Args:
        name: what charts call it.
        pairs: columns query, document, label; written to a file that the run reads.
        out: the model folder to write.
        options: more of the command's options.
        config: its --config.

    Attributes:
        history: the entries of the epochs done so far.
    """

    def __init__(
        self,
        name: str,
        pairs: pd.DataFrame,
        out: Path,
        options: Sequence[str],
        config: Mapping[str, Any],
    ) -> None:
        self.name, self.out = name, out
        self.epochs = int(config["training"]["epochs"])
        self.history: list[dict[str, float]] = []
        self._said: list[str] = []
        self._folder = tempfile.TemporaryDirectory(prefix="dssm-lab-")
        place = Path(self._folder.name)
        pairs.to_csv(place / "pairs.csv", index=False)
        (place / "config.json").write_text(json.dumps(config))
        command = [sys.executable, "-m", "dssm_core", "train", "--json", "--out", str(out)]
        command += ["--pairs", str(place / "pairs.csv"), "--config", str(place / "config.json")]
        self._process = subprocess.Popen(
            [*command, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None  # it is a pipe
        with self._process.stdout as lines:
            for line in lines:
                if line.startswith("{"):
                    self.history.append(json.loads(line))
                else:
                    self._said.append(line.strip())
        self._process.wait()
        self._folder.cleanup()

    @property
    def is_over(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    @property
    def error(self) -> str:
        """Why it failed, in its own words; empty while it runs, and if all went well."""
        if self._process.poll() in (None, 0):
            return ""
        told = [line for line in self._said if line.startswith("train: ")]
        return told[-1].removeprefix("train: ") if told else "stopped"

    def stop(self) -> None:
        """End the process; what it had not finished is dropped."""
        if not self.is_over:
            self._process.terminate()

    def frame(self) -> pd.DataFrame:
        """Return the history with a column `run`."""
        columns = ["epoch", "loss", "validation MRR@10", "AUC", "scale", "bias", "seconds"]
        frame = pd.DataFrame(self.history, columns=columns)
        frame.insert(0, "run", self.name)
        return frame


def ask(*arguments: str) -> Any:
    """Return the JSON that a quick command of this program prints.

    Raises:
        UserError: if it fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", "dssm_core", *arguments, "--json"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    if done.returncode:
        raise UserError("The command failed", done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout)
