"""Every family trained on the same pairs with the same budget, in one table.

    python tests/benchmarks/families.py --pairs build/corpus/pairs.csv --train 20000 --epochs 4

Each family is trained in a process of its own with the retrieval loss (mlp-sampled: with the
notebook's softmax on 10 negatives drawn beforehand), then measured on the test split;
milliseconds are the median of 20 scorings of ten fresh documents by the compiled model.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from dssm_core.corpus.pairs import read_pairs
from dssm_core.folder import ModelFolder
from dssm_core.scoring import Scorer

SIZES = {
    "lstm": {"vocabulary": 8000, "embedding": 128, "units": 64, "vector": 256},
    "lstm-plain": {"vocabulary": 8000, "embedding": 128},
    "lstm-subclass": {"vocabulary": 8000, "embedding": 128},
    "mlp": {"vocabulary": 4000, "hidden": 256},
    "mlp-sampled": {"vocabulary": 4000, "hidden": 256},
}


def train(family: str, pairs: Path, out: Path, epochs: int) -> None:
    """Train one family in a fresh process."""
    config = out.with_suffix(".json")
    training = {"epochs": epochs, "patience": 0}
    config.write_text(json.dumps({"model": SIZES[family], "training": training}))
    command = [sys.executable, "-m", "dssm_core", "train", "--family", family]
    command += ["--pairs", str(pairs), "--out", str(out), "--config", str(config), "--json"]
    if family == "mlp-sampled":
        data = out.with_suffix(".data")
        prepare = [sys.executable, "-m", "dssm_core", "prepare", str(pairs), "--out", str(data)]
        subprocess.run(prepare, check=True, stdout=subprocess.DEVNULL)
        command += ["--data", str(data)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def milliseconds(scorer: Scorer, documents: list[str]) -> float:
    """Return the median time to score ten documents that no cache holds."""
    times = []
    for start in range(0, 200, 10):
        started = time.perf_counter()
        scorer.score(f"query {start}", documents[start : start + 10])
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times[2:])


def main() -> None:
    """Train all families and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--train", type=int, default=20_000, help="training pairs")
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    pairs = read_pairs(options.pairs)
    training = pairs[pairs["split"] == "train"].head(options.train)
    test = pairs[pairs["split"] == "test"]
    print("| family | MRR@10 (95 %) | parameters | seconds an epoch | ms for 10 documents |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "pairs.csv"
        pd.concat([training, pairs[pairs["split"] != "train"]]).to_csv(part, index=False)
        for family in SIZES:
            out = Path(folder) / family
            train(family, part, out, options.epochs)
            metrics = json.loads((out / "metrics.json").read_text())
            rank = metrics["systems"]["model"]["MRR@10"]
            seconds = pd.read_csv(out / "history.csv")["seconds"].median()
            scorer = Scorer(ModelFolder.open(out))
            speed = milliseconds(scorer, test["document"].tolist())
            print(
                f"| {family} | {rank['mean']:.3f} ({rank['low']:.3f}-{rank['high']:.3f}) "
                f"| {metrics['training']['parameters']:,} | {seconds:.0f} | {speed:.1f} |",
                flush=True,
            )
        bm25 = metrics["systems"]["BM25"]["MRR@10"]
        print(f"| BM25 | {bm25['mean']:.3f} ({bm25['low']:.3f}-{bm25['high']:.3f}) | | | |")


if __name__ == "__main__":
    main()
