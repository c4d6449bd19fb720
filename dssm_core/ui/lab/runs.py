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

ROOT = Path(__file__).parents[3]


class Task:
    """One `python -m dssm_core` command that tells its epochs, read while it goes on.

    Args:
        name: what charts call it, and the command in messages.
        arguments: the command and its options; --json is added.
        epochs: how many it will tell.

    Attributes:
        history: the entries of the epochs done so far.
        result: what it printed besides, as JSON; empty before its end.
        is_stopped: whether `stop` ended it.
    """

    def __init__(self, name: str, arguments: Sequence[str], epochs: int) -> None:
        self.name, self.epochs = name, epochs
        self.history: list[dict[str, float]] = []
        self.result: dict[str, Any] = {}
        self.is_stopped = False
        self._command = arguments[0]
        self._said: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dssm_core", *arguments, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None  # it is a pipe
        with self._process.stdout as lines:
            for line in lines:
                if not line.startswith("{"):
                    self._said.append(line.strip())
                    continue
                told = json.loads(line)
                if "epoch" in told:
                    self.history.append(told)
                else:
                    self.result = told
        self._process.wait()

    @property
    def is_over(self) -> bool:
        """Whether the process has ended, and all that it said is read."""
        return not self._reader.is_alive()

    @property
    def error(self) -> str:
        """Why it failed, in its own words; empty while it runs, and if all went well."""
        if not self.is_over or self.is_stopped or not self._process.returncode:
            return ""
        start = f"{self._command}: "
        told = [line for line in self._said if line.startswith(start)]
        return told[-1].removeprefix(start) if told else "stopped"

    def stop(self) -> None:
        """End the process; what it had not finished is dropped."""
        if not self.is_over:
            self.is_stopped = True
            self._process.terminate()

    def frame(self) -> pd.DataFrame:
        """Return the history with a column `run`."""
        columns = ["epoch", "loss", "validation MRR@10", "AUC", "scale", "bias", "seconds"]
        frame = pd.DataFrame(self.history, columns=columns)
        frame.insert(0, "run", self.name)
        return frame


class Run(Task):
    """A training that writes a model folder.

    Args:
        name: what charts call it.
        pairs: columns query, document, label; written to a file that the run reads.
        out: the model folder to write.
        options: more of the command's options.
        config: its --config.
        negatives: prepare so many for each pair first, and train on them; 0 for none.
    """

    def __init__(
        self,
        name: str,
        pairs: pd.DataFrame,
        out: Path,
        options: Sequence[str],
        config: Mapping[str, Any],
        negatives: int = 0,
    ) -> None:
        self.out = out
        self._folder = tempfile.TemporaryDirectory(prefix="dssm-lab-")
        place = Path(self._folder.name)
        pairs.to_csv(place / "pairs.csv", index=False)
        (place / "config.json").write_text(json.dumps(config))
        if negatives:
            _prepare(place / "pairs.csv", place / "data", negatives)
            options = [*options, "--data", str(place / "data")]
        arguments = ["train", "--out", str(out), "--pairs", str(place / "pairs.csv")]
        arguments += ["--config", str(place / "config.json"), *options]
        super().__init__(name, arguments, int(config["training"]["epochs"]))

    def _read(self) -> None:
        super()._read()
        self._folder.cleanup()


def _prepare(pairs: Path, out: Path, negatives: int) -> None:
    """Draw negatives at random for all pairs; `train` leaves out those that it holds out."""
    from dssm_core.corpus.negatives import NegativesConfig, prepare_negatives

    prepare_negatives(pairs, out, NegativesConfig(negatives), log=lambda line: None)


def ask(*arguments: str) -> Any:
    """Return the JSON that a quick command of this program prints.

    Raises:
        UserError: if it fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", "dssm_core", *arguments, "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        raise UserError("lab.failed command", done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout)
