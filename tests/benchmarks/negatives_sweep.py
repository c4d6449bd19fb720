"""Do more negatives help, and which? Strategies compared, then their number, in two tables.

    python tests/benchmarks/negatives_sweep.py --pairs build/corpus/pairs.csv --seeds 0 1 2

The first table draws 10 negatives by each strategy: the share of them that the random draw drew
too, and the cosine of query and negative under a model. The second trains the same small model
on 1, 4, 10 and 50 random negatives with the softmax of the DSSM paper on them alone (no in-batch
negatives), and ranks the held-out documents; once a seed, which both draws and trains.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from dssm_core.corpus.negatives import STRATEGIES
from dssm_core.corpus.pairs import read_pairs
from dssm_core.corpus.shards import read_shards
from dssm_core.folder import ModelFolder
from dssm_core.runtimes.load import load_towers
from dssm_core.scoring import cosine

SIZES = {"vocabulary": 8000, "embedding": 64, "units": 32, "vector": 128, "attention": 32}


def command(*arguments: object) -> None:
    """Run a command of this program."""
    words = [sys.executable, "-m", "dssm_core", *map(str, arguments)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def draw(
    pairs: Path, out: Path, number: int, strategy: str, model: Path, seed: int = 0
) -> pd.DataFrame:
    """Prepare negatives and return the first 300 rows."""
    options = ("--negatives", number, "--strategy", strategy, "--model", model, "--out", out)
    command("prepare", pairs, *options, "--seed", seed)
    return pd.DataFrame(next(read_shards(out, batch=300)))


def compare_strategies(pairs: Path, folder: Path, model: Path) -> None:
    """Print how the strategies' negatives differ."""
    towers = load_towers(ModelFolder.open(model))
    print("| strategy | also drawn at random | cosine with the query: median (5 %-95 %) |")
    print("|---|---|---|")
    random: pd.DataFrame | None = None
    for strategy in STRATEGIES:
        rows = draw(pairs, folder / strategy, 10, strategy, model)
        random = rows if random is None else random
        both = zip(rows["negatives"], random["negatives"], strict=True)
        shared = np.mean([len({*mine} & {*other}) / len(mine) for mine, other in both])
        queries = towers.encode(rows["query"].tolist(), "query")
        texts = [text for row in rows["negatives"] for text in row]
        negatives = towers.encode(texts, "document")
        cosines = [cosine(queries[i // 10].vector, n.vector) for i, n in enumerate(negatives)]
        low, middle, high = np.quantile(cosines, [0.05, 0.5, 0.95])
        print(f"| {strategy} | {shared:.1%} | {middle:.2f} ({low:.2f}-{high:.2f}) |", flush=True)


def sweep(pairs: Path, folder: Path, options: argparse.Namespace) -> None:
    """Print MRR@10 against the number of negatives: mean, and lowest to highest of the seeds."""
    print("\n| negatives | MRR@10: mean (spread) | seconds an epoch |\n|---|---|---|")
    for number in options.numbers:
        found = [train(pairs, folder, options, number, seed) for seed in options.seeds]
        ranks, seconds = np.array(found).T
        spread = f"{ranks.mean():.3f} ({ranks.min():.3f}-{ranks.max():.3f})"
        print(f"| {number} | {spread} | {np.median(seconds):.0f} |", flush=True)


def train(
    pairs: Path, folder: Path, options: argparse.Namespace, number: int, seed: int
) -> tuple[float, float]:
    """Draw and train once; return MRR@10 on the held-out pairs and seconds an epoch."""
    data, out, config = (folder / f"{name}-{number}-{seed}" for name in ("data", "model", "config"))
    draw(pairs, data, number, "random", options.model, seed)
    training = {"loss": "sampled", "epochs": options.epochs, "batch": 64, "negatives": number}
    choices = {"model": SIZES, "training": {**training, "patience": 0, "seed": seed}}
    config.write_text(json.dumps(choices))
    command("train", "--pairs", pairs, "--data", data, "--config", config, "--out", out)
    rank = json.loads((out / "metrics.json").read_text())["systems"]["model"]["MRR@10"]["mean"]
    return rank, float(pd.read_csv(out / "history.csv")["seconds"].median())


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=Path("sample_models/debian-packages"))
    parser.add_argument("--train", type=int, default=6000, help="training pairs")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--numbers", type=int, nargs="+", default=[1, 4, 10, 50])
    options = parser.parse_args()
    pairs = read_pairs(options.pairs)
    training = pairs[pairs["split"] == "train"].head(options.train)
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "pairs.csv"
        pd.concat([training, pairs[pairs["split"] != "train"]]).to_csv(part, index=False)
        compare_strategies(part, Path(folder), options.model)
        sweep(part, Path(folder), options)


if __name__ == "__main__":
    main()
