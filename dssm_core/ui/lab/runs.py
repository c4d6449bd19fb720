"""Trainings in processes of their own, so that the page stays quick and Stop really stops."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pandas as pd

from dssm_core.errors import UserError
from dssm_core.ui.common.models import TRAINED_HERE
from dssm_core.ui.lab.judge import cosine_auc

ROOT = Path(__file__).parents[3]

SEED = 7
"""Of a training, and so of which pairs it validates on."""


class Task:
    """One `python -m dssm_core` command that prints its epochs, read while it goes on.

    Args:
        name: what charts call it, and the command in messages.
        arguments: the command and its options; --json is added.
        epochs: how many it will print.

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
        self._arguments = list(arguments)
        self._lines: list[str] = []  # what it printed that is no JSON
        self._failure = ""
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> Self:
        """Start the command, in a process of its own that a thread reads."""
        self._thread.start()
        return self

    def _work(self) -> None:
        try:
            self._prepare()
            self._read()
        except Exception as error:  # a thread has nobody above it to catch this
            logging.getLogger(__name__).exception("running %s", self.name)
            self._failure = str(error)

    def _prepare(self) -> None:
        """Do what must be done before the command starts."""

    def _read(self) -> None:
        with self._lock:  # so that a Stop comes before the process, or ends it
            if self.is_stopped:
                return
            self._process = process = subprocess.Popen(
                [sys.executable, "-m", "dssm_core", *self._arguments, "--json"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=ROOT,
            )
        assert process.stdout is not None  # it is a pipe
        with process.stdout as lines:
            for line in lines:
                if not line.startswith("{"):
                    self._lines.append(line.strip())
                    continue
                entry = json.loads(line)
                if "epoch" in entry:
                    self.history.append(entry)
                else:
                    self.result = entry
        process.wait()

    @property
    def is_over(self) -> bool:
        """Whether the process has ended, and all that it printed is read."""
        return self._thread.ident is not None and not self._thread.is_alive()

    @property
    def error(self) -> str:
        """Why it failed, in its own words; empty while it runs, and if all went well."""
        if not self.is_over or self.is_stopped:
            return ""
        if self._failure or self._process is None or not self._process.returncode:
            return self._failure
        start = f"{self._arguments[0]}: "
        messages = [line for line in self._lines if line.startswith(start)]
        return messages[-1].removeprefix(start) if messages else "stopped"

    def stop(self) -> None:
        """End the process; what it had not finished is dropped."""
        with self._lock:
            if not self.is_over:
                self.is_stopped = True
                if self._process is not None:
                    self._process.terminate()

    def frame(self) -> pd.DataFrame:
        """Return the history with a column `run`."""
        columns = ["epoch", "loss", "validation MRR@10", "AUC", "scale", "bias", "seconds"]
        frame = pd.DataFrame(self.history, columns=columns)
        frame["cosine AUC"] = [cosine_auc(e) if "AUC" in e else None for e in self.history]
        frame.insert(0, "run", self.name)
        return frame


class Run(Task):
    """A training that writes a model folder.

    Args:
        name: what charts call it.
        pairs: columns query, document, label; written to a file that the run reads.
        out: the model folder to write, marked as made here; None: the model is dropped at the end.
        options: more of the command's options.
        config: its --config.
        negatives: prepare so many for each pair first, and train on them; 0 for none.

    Attributes:
        bm25: MRR@10 of BM25 on the validation pairs; None before it is known, and without any.
    """

    def __init__(
        self,
        name: str,
        pairs: pd.DataFrame,
        out: Path | None,
        options: Sequence[str],
        config: Mapping[str, Any],
        negatives: int = 0,
    ) -> None:
        super().__init__(name, ["train", *options], int(config["training"]["epochs"]))
        self.out = out
        self.bm25: float | None = None
        self._pairs, self._negatives = pairs, negatives
        self._config = {**config, "training": {"seed": SEED, **config["training"]}}

    def _work(self) -> None:
        with tempfile.TemporaryDirectory(prefix="dssm-lab-") as folder:
            self._folder = Path(folder)
            super()._work()
        if self.out and self.is_saved:
            (self.out / TRAINED_HERE).touch()

    @property
    def is_saved(self) -> bool:
        """Whether the training went to its end, where the model is written."""
        process = self._process
        return process is not None and process.returncode == 0 and not self.is_stopped

    def _prepare(self) -> None:
        pairs, config = self._folder / "pairs.csv", self._folder / "config.json"
        self._pairs.to_csv(pairs, index=False)
        config.write_text(json.dumps(self._config))
        out = self.out or self._folder / "model"
        self._arguments += ["--out", str(out), "--pairs", str(pairs), "--config", str(config)]
        if self._negatives:
            _draw_negatives(pairs, self._folder / "data", self._negatives)
            self._arguments += ["--data", str(self._folder / "data")]
        self.bm25 = _bm25(self._pairs, self._config["training"]["seed"])


def _bm25(pairs: pd.DataFrame, seed: int) -> float | None:
    """Return the MRR@10 of BM25 on the pairs that `train` will validate on."""
    from dssm_core.corpus.splitting import split_pairs
    from dssm_core.evaluation import Collection, bm25_rows, evaluate_run

    found = Collection.of(split_pairs(pairs, seed)["validation"])
    if not found.queries:  # `train` says that they are too few
        return None
    rows = bm25_rows(found.queries, found.documents)
    return float(evaluate_run(found, rows)["MRR@10"].mean())


def _draw_negatives(pairs: Path, out: Path, negatives: int) -> None:
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
