"""How scoring time and memory grow with the number of documents, and with their length.

    python -m tests.benchmarks.growth --json growth.json

Each row is a process of its own, whose memory is the most it ever held less what it held before
it scored: 10 to 100,000 distinct documents of 30 words in lists of at most 10,000, the most that a
list may have, through one `Scorer`; and 1,000 documents of 2 to 4,096 words, of which the model
reads 64. Words are drawn from the held-out documents. The slope is that of log time over log size
from each size to the next: 1 is proportional, below it the fixed part still counts.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from dssm_core.corpus.pairs import read_pairs
from dssm_core.folder import ModelFolder
from dssm_core.scoring import MAX_DOCUMENTS, Scorer
from tests.benchmarks.figures import print_rows, resident

NUMBERS = (10, 100, 1_000, 10_000, 100_000)
LENGTHS = (2, 8, 32, 128, 512, 4_096)
USUAL = 30, 1_000


def texts(folder: ModelFolder, number: int, words: int) -> list[str]:
    """Return distinct documents of so many words each."""
    held = " ".join(read_pairs(folder.path / "pairs.csv")["document"]).split()
    drawn = np.random.default_rng(0).choice(np.array(held, object), (number, words - 1))
    return [f"{' '.join(row)} x{place:x}" for place, row in enumerate(drawn)]


class Peak:
    """The most memory a process holds while it is entered, looked at every 10 ms."""

    def __enter__(self) -> Peak:
        self.before = self.most = resident()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def __exit__(self, *why: object) -> None:
        self.over.set()
        self.thread.join()
        self.grown = max(self.most, resident()) - self.before

    def _watch(self) -> None:
        while not self.over.wait(0.01):
            self.most = max(self.most, resident())


def once(model: Path, number: int, words: int) -> None:
    """Score so many documents of so many words, and print seconds and MiB."""
    folder = ModelFolder.open(model)
    scorer, documents = Scorer(folder), texts(folder, number, words)
    scorer.score("warm up", documents[-2:][:1])
    scorer.cache._kept.clear()
    with Peak() as peak:
        started = time.perf_counter()
        for start in range(0, number, MAX_DOCUMENTS):
            scorer.score("chess engine", documents[start : start + MAX_DOCUMENTS])
        seconds = time.perf_counter() - started
    print(json.dumps([seconds, peak.grown]))


def grown(model: Path, what: str, sizes: list[tuple[int, int]], at: int) -> list[dict[str, Any]]:
    """Return a row for each (documents, words), with the slope from the row before."""
    rows: list[dict[str, Any]] = []
    before: tuple[float, float] | None = None
    for size in sizes:
        command = [sys.executable, "-m", "tests.benchmarks.growth", "--model", str(model)]
        command += ["--once", *map(str, size)]
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds, memory = json.loads(ran.stdout.splitlines()[-1])
        now = math.log(size[at]), math.log(seconds)
        slope = (now[1] - before[1]) / (now[0] - before[0]) if before else ""
        before = now
        rows.append(
            {
                "growing": what,
                "documents": size[0],
                "words each": size[1],
                "ms": 1000 * seconds,
                "microseconds a document": 1e6 * seconds / size[0],
                "slope": slope,
                "MiB more": float(memory),
            }
        )
    return rows


def main() -> None:
    """Measure, print the table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path("sample_models/debian-packages"))
    parser.add_argument("--most", type=int, default=NUMBERS[-1], help="documents")
    parser.add_argument("--json", default="")
    parser.add_argument("--once", type=int, nargs=2, help="documents, and words of each")
    options = parser.parse_args()
    if options.once:
        return once(options.model, *options.once)
    words, number = USUAL
    numbers = [(n, words) for n in NUMBERS if n <= options.most]
    rows = grown(options.model, "documents", numbers, at=0)
    rows += grown(options.model, "words", [(number, n) for n in LENGTHS], at=1)
    print_rows(rows, options.json)


if __name__ == "__main__":
    main()
