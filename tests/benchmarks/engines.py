"""Memory of a worker and seconds of `prepare --engine ray` against pairs and workers.

    python -m tests.benchmarks.engines --pairs 20000 100000 --workers 1 2 --strategy random

Each row runs in a process of its own, with a Ray of its own, on generated pairs; peak resident
memory is that of the largest worker, and of the command. Workers 0 is the local engine, so that the
command's CPU seconds are all there are; they hardly depend on what else runs. The last lines say
how the peak of a worker grows from the fewest pairs to the most.

What is under way is on standard error. The pairs of one size and what one row writes are on disk at
a time, where the system has its temporary files (TMPDIR): some 1,100 bytes a pair; and SQLite's own
files (SQLITE_TMPDIR): some 100 bytes a pair.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SHARD = 5_000
"""Small, so that there are many tasks for a worker."""

SAID_SECONDS = 10
"""A line of what is under way is shown so often at most."""

COLUMNS = ("pairs", "workers", "worker", "command", "seconds", "index", "cpu", "rate")


def write_pairs(path: Path, number: int) -> None:
    """Write `number` pairs of 6 and 30 words, all different."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["query", "document"])
        for i in range(number):
            words = [f"w{(i * 7919 + k * 104729) % 50021}" for k in range(30)]
            writer.writerow([f"{i} " + " ".join(words[:6]), f"{i} " + " ".join(words)])


def main() -> None:
    """Run each size with each number of workers and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--strategy", default="random")
    parser.add_argument("--json", type=Path, help="write the rows here, after each of them")
    parser.add_argument("--one", type=Path, help="used inside: run one row in this folder")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.workers[0], options.strategy)))
        return
    print(
        "| pairs | workers | MiB of a worker | MiB of the command | seconds | of it the index "
        "| CPU seconds of the command | pairs a second |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    rows: list[dict[str, float]] = []
    for number in options.pairs:
        with tempfile.TemporaryDirectory() as folder:
            write_pairs(Path(folder) / "pairs.csv", number)
            for workers in options.workers:
                row = {"pairs": number, "workers": workers}
                row |= apart(folder, workers, options.strategy)
                row["rate"] = number / row["seconds"]
                rows.append(row)
                print(f"| {' | '.join(f'{row[name]:,.0f}' for name in COLUMNS)} |", flush=True)
                if options.json:
                    options.json.write_text(json.dumps(rows, indent=1) + "\n")
    for workers in options.workers:
        peaks = [row["worker"] for row in rows if row["workers"] == workers]
        print(f"{workers} workers: largest / smallest {peaks[-1] / peaks[0]:.2f}")


def apart(folder: str, workers: int, strategy: str) -> dict[str, float]:
    """Return what one row measures in a fresh process, and leave nothing of it on disk."""
    command = [sys.executable, "-m", "tests.benchmarks.engines", "--one", folder]
    command += ["--workers", str(workers), "--strategy", strategy]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    shutil.rmtree(Path(folder) / "out")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(folder: Path, workers: int, strategy: str) -> dict[str, float]:
    """Prepare negatives, and return peaks in MiB and seconds, less the start of Ray."""
    from dssm_core.corpus.negatives import NegativesConfig, prepare_negatives
    from dssm_core.engines import LOCAL, open_engine
    from dssm_core.folder import ModelFolder
    from dssm_core.mining import MiningConfig, mine_negatives
    from dssm_core.paths import sample_model

    def work(engine):
        pairs, out = folder / "pairs.csv", folder / "out"
        if strategy == "random":
            config = NegativesConfig(4, shard=SHARD, pool=SHARD)
            prepare_negatives(pairs, out, config, log=log, engine=engine)
        else:
            mined = MiningConfig(4, strategy, shard=SHARD, corpus_shard=SHARD)
            model = ModelFolder.open(sample_model())
            mine_negatives(pairs, out, mined, model, log=log, engine=engine)

    indexed = said = 0.0

    def log(line: str) -> None:
        nonlocal indexed, said
        now = time.monotonic()
        if not (indexed or line.startswith("read ")):
            indexed = now
        if now > said + SAID_SECONDS:
            said = now
            print(f"{now - started:.0f} s, {workers} workers: {line}", file=sys.stderr, flush=True)

    if not workers:
        before, started = time.process_time(), time.monotonic()
        work(LOCAL)
        worker = peak(0)
    else:
        with open_engine("ray", workers=workers) as engine:
            list(engine.map(peak, range(4 * workers)))  # processes are up
            before, started = time.process_time(), time.monotonic()
            work(engine)
            worker = max(engine.map(peak, range(4 * workers)))
    took, cpu = time.monotonic() - started, time.process_time() - before
    return {
        "worker": worker,
        "command": peak(0),
        "seconds": took,
        "index": indexed - started,
        "cpu": cpu,
    }


def peak(task: int) -> float:
    """Return the peak resident memory of this process in MiB."""
    time.sleep(0.05 * bool(os.environ.get("RAY_AUTH_TOKEN")))  # so that each worker gets one
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
