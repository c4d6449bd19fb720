"""Training rows a second and memory of one process, and of 1, 2 and more workers, side by side.

    python -m tests.benchmarks.workers --workers 1 2 --json workers.json

Each trains a small model on the same generated pairs with 4 prepared negatives (loss "sampled"),
from the command line, as a user would. What is counted are rows of the epochs after the first,
which compiles; validation is part of an epoch. Memory is that of the largest process.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.benchmarks.figures import median, print_rows

SIZES = {
    "vocabulary": 4_000,
    "embedding": 64,
    "units": 16,
    "hidden": 64,
    "vector": 64,
    "lexical": 0,
    "query_length": 8,
    "document_length": 24,
}
TRAIN = """
import resource, sys
from dssm_core.__main__ import main
status = main(sys.argv[1:])
kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
print("peak", max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1024)
sys.exit(status)
"""


def write_pairs(path: Path, number: int) -> None:
    """Write pairs of 6 and 20 words, of which every tenth is for validation or test."""
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["query", "document", "label", "split"])
        for i in range(number):
            words = [f"w{word}" for word in rng.integers(2_000, size=20)]
            split = {0: "validation", 10: "test"}.get(i % 20, "train")
            writer.writerow([" ".join(words[:6]), " ".join(words) + f" no{i}", 1, split])


def command(*given: object) -> list[str]:
    """Run a command; return what it printed."""
    code = [sys.executable, "-c", TRAIN, *map(str, given)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(code, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return done.stdout.splitlines()


def measure(folder: Path, rows: int, workers: int) -> dict[str, float | str]:
    """Train once; return a row of the table."""
    given = ("--pairs", folder / "pairs.csv", "--data", folder / "data", "--json")
    files = ("--config", folder / "config.json", "--out", folder / f"m{workers}")
    more = ("--workers", workers) if workers else ()
    lines = command("train", *given, *files, *more)
    entries = [json.loads(line) for line in lines if '"epoch"' in line]
    seconds = median([entry["seconds"] for entry in entries[1:]])
    return {
        "processes": f"--workers {workers}" if workers else "one, without --workers",
        "rows a second": rows / seconds,
        "seconds of the first epoch": entries[0]["seconds"],
        "last loss": entries[-1]["loss"],
        "MiB of the largest": float(lines[-1].split()[1]),
    }


def main() -> None:
    """Measure each number of workers in turn, print the table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--pairs", type=int, default=6_000)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--json", default="")
    options = parser.parse_args()
    training = {
        **{"loss": "sampled", "negatives": 4, "patience": 0, "learning_rate": 0.003},
        **{"batch": options.batch, "epochs": options.epochs},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pairs(folder / "pairs.csv", options.pairs)
        (folder / "config.json").write_text(json.dumps({"model": SIZES, "training": training}))
        command("prepare", folder / "pairs.csv", "--negatives", 4, "--out", folder / "data")
        rows = options.pairs * 9 // 10
        table = [measure(folder, rows, workers) for workers in (0, *options.workers)]
    print_rows(table, options.json)


if __name__ == "__main__":
    main()
