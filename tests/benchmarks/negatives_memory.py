"""Peak memory of `prepare PAIRS --negatives` against the number of pairs, side by side.

    python tests/benchmarks/negatives_memory.py --pairs 100000 2000000

Each size runs in a process of its own on generated pairs; the table gives peak resident memory
and seconds, and the ratio of the largest to the smallest.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def write_pairs(path: Path, number: int) -> None:
    """Write `number` pairs of 6 and 30 words, all different."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["query", "document"])
        for i in range(number):
            words = [f"w{(i * 7919 + k * 104729) % 50021}" for k in range(30)]
            writer.writerow([f"{i} " + " ".join(words[:6]), f"{i} " + " ".join(words)])


def measure(pairs: Path, out: Path) -> tuple[float, float]:
    """Return peak MiB and seconds of one run in a fresh process."""
    command = [sys.executable, "-m", "dssm_core", "prepare", str(pairs), "--out", str(out)]
    code = (
        "import resource, subprocess, sys;"
        f"subprocess.run({command!r}, check=True, stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout), time.monotonic() - started


def main() -> None:
    """Run each size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="+", default=[100_000, 2_000_000])
    sizes = parser.parse_args().pairs
    print("| pairs | peak MiB | seconds |\n|---|---|---|")
    peaks = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            pairs = Path(folder) / "pairs.csv"
            write_pairs(pairs, size)
            peak, seconds = measure(pairs, Path(folder) / "out")
        peaks.append(peak)
        print(f"| {size:,} | {peak:.0f} | {seconds:.0f} |", flush=True)
    print(f"\nlargest / smallest: {peaks[-1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
