"""The recipe of debian-packages with several seeds: what of its figures is luck.

    python -m tests.benchmarks.seeds --pairs build/corpus/pairs.csv --seeds 7 8 9 --out build/seeds

Some 25 minutes a seed on two idle cores. A seed's model folder that is there already is only read.
With `--teacher ENCODER` and perhaps `--texts FILE` the same with a teacher, and the sizes and
choices of `--config`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

UNSHARED = "none: no shared stem"


def train(options: argparse.Namespace, seed: int, out: Path) -> None:
    """Train a model folder as the card of debian-packages says, with this seed."""
    given = json.loads(options.config.read_text("utf-8")) if options.config else {}
    given["training"] = {**given.get("training", {}), "seed": seed}
    config = out.with_suffix(".json")
    config.write_text(json.dumps(given))
    pairs = str(options.pairs)
    command = [sys.executable, "-m", "dssm_core", "train", "--pairs", pairs, "--hard", "6"]
    for name in ("teacher", "texts"):
        if value := getattr(options, name):
            command += [f"--{name}", str(value)]
    subprocess.run([*command, "--config", str(config), "--out", str(out)], check=True)


def figures(metrics: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the figures of a metrics.json that the recipe is judged by."""
    for name, system in metrics["systems"].items():
        yield f"MRR@10, {name}", system["MRR@10"]["mean"]
    (unshared,) = (row for row in metrics["slices"] if row["slice"] == UNSHARED)
    number, systems = unshared["queries"], unshared["systems"]
    yield f"MRR@10, model, {number} pairs without a shared stem", systems["model"]["mean"]
    yield "calibration error at 1 to 10", metrics["calibration"]["error"]


def main() -> None:
    """Train what is missing, and print mean, lowest and highest of each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    parser.add_argument("--out", type=Path, default=Path("build/seeds"))
    parser.add_argument("--teacher")
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--config", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    found = []
    for seed in options.seeds:
        folder = options.out / f"seed-{seed}"
        if not folder.exists():
            train(options, seed, folder)
        found.append(dict(figures(json.loads((folder / "metrics.json").read_text("utf-8")))))
    print(f"| figure | {' | '.join(f'seed {seed}' for seed in options.seeds)} | mean | spread |")
    print("|" + "---|" * (len(options.seeds) + 3))
    for name in found[0]:
        values = np.array([row[name] for row in found])
        cells = [*values, values.mean(), np.ptp(values)]
        print(f"| {name} | {' | '.join(f'{value:.3f}' for value in cells)} |")


if __name__ == "__main__":
    main()
