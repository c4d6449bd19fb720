"""Memory of a worker and seconds of `prepare --engine ray` against pairs and workers.

    python -m tests.benchmarks.engines --pairs 20000 100000 --workers 1 2 --strategy random

Each row runs in a process of its own, with a Ray of its own, on generated pairs; peak resident
memory is that of the largest worker, and of the command. Workers 0 is the local engine. The last
line says how the peak of a worker grows from the fewest pairs to the most.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.negatives_memory import write_pairs

SHARD = 5_000
"""Small, so that there are many tasks for a worker."""


def main() -> None:
    """Run each size with each number of workers and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--strategy", default="random")
    parser.add_argument("--one", type=Path, help="used inside: run one row in this folder")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.workers[0], options.strategy)))
        return
    print("| pairs | workers | MiB of a worker | MiB of the command | seconds | of it index |")
    print("|---|---|---|---|---|---|")
    peaks: dict[int, list[float]] = {}
    for number in options.pairs:
        for workers in options.workers:
            with tempfile.TemporaryDirectory() as folder:
                write_pairs(Path(folder) / "pairs.csv", number)
                row = apart(folder, workers, options.strategy)
            peaks.setdefault(workers, []).append(row["worker"])
            cells = [f"{row[name]:.0f}" for name in ("worker", "command", "seconds", "index")]
            print(f"| {number:,} | {workers} | {' | '.join(cells)} |", flush=True)
    grown = {workers: f"{found[-1] / found[0]:.2f}" for workers, found in peaks.items()}
    print(f"\nlargest / smallest, by workers: {grown}")


def apart(folder: str, workers: int, strategy: str) -> dict[str, float]:
    """Return what one row measures in a fresh process."""
    command = [sys.executable, "-m", "tests.benchmarks.engines", "--one", folder]
    command += ["--workers", str(workers), "--strategy", strategy]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
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

    indexed: list[float] = []

    def log(line: str) -> None:
        if not line.startswith("read "):
            indexed.append(time.monotonic())

    if not workers:
        started = time.monotonic()
        work(LOCAL)
        worker = peak(0)
    else:
        with open_engine("ray", workers=workers) as engine:
            list(engine.map(peak, range(4 * workers)))  # processes are up
            started = time.monotonic()
            work(engine)
            worker = max(engine.map(peak, range(4 * workers)))
    took = time.monotonic() - started
    return {"worker": worker, "command": peak(0), "seconds": took, "index": indexed[0] - started}


def peak(task: int) -> float:
    """Return the peak resident memory of this process in MiB."""
    time.sleep(0.05 * bool(os.environ.get("RAY_AUTH_TOKEN")))  # so that each worker gets one
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
