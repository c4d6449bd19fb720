"""800 labelled questions and no more: does a model trained on them re-rank better than BM25?

The set is made from what is installed: a question is the first line of a function's documentation
in NumPy, SciPy or pandas, its answer what follows, and its nine other candidates are drawn from the
answers of the same module. Functions of one name, and all that share a text, are in one split. BM25
knows how rare a word is in all answers of the split. Nothing was chosen on the test split.

    python -m tests.benchmarks.small --teacher ENCODER --seeds 7 8 9

ENCODER as for `adopt`; some eight minutes of processor time a seed besides the teacher's reading.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from dssm_core.evaluation import bm25_rows
from dssm_core.folder import ModelFolder
from dssm_core.towers import Towers
from tests import ROOT

SCIPY = (
    *("cluster.hierarchy", "cluster.vq", "fft", "integrate", "interpolate", "io", "linalg"),
    *("ndimage", "optimize", "signal", "sparse", "sparse.csgraph", "sparse.linalg", "spatial"),
    *("spatial.distance", "special", "stats"),
)
NUMPY = ("fft", "linalg", "ma", "polynomial.polynomial", "random")
MODULES = (
    *("numpy", "pandas", "pandas.api.types"),
    *(f"numpy.{name}" for name in NUMPY),
    *(f"scipy.{name}" for name in SCIPY),
)
CANDIDATES, TRAIN, VALIDATION = 10, 740, 130
"""Of a question, and how many there are, less those of a module with too few for a split."""
START = ROOT / "sample_models" / "debian-packages"
CHOICES = {"epochs": 6, "batch": 64, "learning_rate": 5e-4, "spans": 0.0, "patience": 0}


def documented() -> Iterator[tuple[str, str, str, str]]:
    """Yield module, name, question and answer of every function that has both."""
    for module in MODULES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            members = inspect.getmembers(importlib.import_module(module), callable)
        for name, member in members:
            paragraphs = re.split(r"\n\s*\n", inspect.getdoc(member) or "")
            if re.match(r"[\w.]+\(", paragraphs[0]):  # a signature
                paragraphs = paragraphs[1:]
            answer = []
            for paragraph in paragraphs[1:]:
                if re.search(r"\n-{3,}", paragraph):
                    break
                if not paragraph.strip().startswith((".. ", ">>>")):
                    answer.append(" ".join(paragraph.split()))
            if len(" ".join(answer).split()) >= 8 and not name.startswith("_"):
                yield module, name, " ".join(paragraphs[0].split()), " ".join(answer)[:500]


def labelled_set() -> pd.DataFrame:
    """Return columns query, document, label, split: candidates of each question in a row."""
    frame = pd.DataFrame(documented(), columns=["module", "name", "query", "document"])
    frame = frame.drop_duplicates("document").drop_duplicates("query").reset_index(drop=True)
    rng = np.random.default_rng(0)
    names = rng.permutation(frame["name"].unique())
    place = frame["name"].map({name: i for i, name in enumerate(names)}).sort_values().index
    split = np.full(len(frame), "test ")
    split[: TRAIN + VALIDATION] = ["train"] * TRAIN + ["valid"] * VALIDATION
    frame.loc[place, "split"] = split
    rows = []
    for (part, _), group in frame.groupby(["split", "module"]):
        if len(group) < CANDIDATES:
            continue
        documents = group["document"].to_numpy()
        for i, query in enumerate(group["query"]):
            others = rng.choice(np.delete(documents, i), CANDIDATES - 1, replace=False)
            found = [(documents[i], 1), *((other, 0) for other in others)]
            full = {"train": "train", "valid": "validation", "test ": "test"}[part]
            rows += [(query, document, label, full) for document, label in found]
    return pd.DataFrame(rows, columns=["query", "document", "label", "split"])


def reciprocal_ranks(scores: np.ndarray) -> np.ndarray:
    """Return 1 / the rank of each row's first candidate; ties count against it."""
    found: np.ndarray = 1 / (scores[:, 1:] >= scores[:, :1]).sum(1, initial=1)
    return found


def by_model(towers: Towers, test: pd.DataFrame) -> np.ndarray:
    sides = {
        "query": list(test["query"].iloc[::CANDIDATES]),
        "document": list(test["document"]),
    }
    query, document = (
        np.stack([e.vector for e in towers.encode(texts, side)]) for side, texts in sides.items()
    )
    query, document = (
        side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
        for side in (query, document)
    )
    return np.einsum("ne,nke->nk", query, document.reshape(len(query), CANDIDATES, -1))


def by_bm25(test: pd.DataFrame) -> np.ndarray:
    documents = list(test["document"].unique())
    place = {document: i for i, document in enumerate(documents)}
    places = test["document"].map(place).to_numpy().reshape(-1, CANDIDATES)
    rows = bm25_rows(list(test["query"].iloc[::CANDIDATES]), documents)
    return np.stack([row[own] for row, own in zip(rows, places, strict=True)])


def trained(pairs: pd.DataFrame, seed: int, teacher: str | None, loss: str, out: Path) -> Towers:
    """Return the model after training from START."""
    from dssm_core.families import FAMILIES
    from dssm_core.training import Plan, Trainer, TrainingConfig
    from dssm_core.training.teacher import Teacher

    start = ModelFolder.open(START)
    sizes = replace(FAMILIES["lstm"].config, **start.config["model"])
    training = TrainingConfig(**CHOICES, seed=seed, loss=loss)
    taught = Teacher.open(teacher, out / "teacher") if teacher else None
    plan = Plan(pairs, out / "m", sizes, training, start=start, teacher=taught)
    (out / ".state.npz").unlink(missing_ok=True)
    trainer = Trainer.prepare(plan, out / ".state.npz", log=lambda line: None)
    trainer.run()
    return trainer.towers()


def main() -> None:
    """Print MRR and top-1 of each way, over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    options = parser.parse_args()
    pairs = labelled_set()
    print(pairs[pairs["label"] == 1]["split"].value_counts().to_dict())
    test = pairs[pairs["split"] == "test"]

    from dssm_core.runtimes.encoder import EncoderTowers
    from dssm_core.runtimes.encoders import open_encoder
    from dssm_core.runtimes.load import load_towers

    lexical = reciprocal_ranks(by_bm25(test))
    ways = {
        "BM25": [lexical],
        "debian-packages, as it is": [
            reciprocal_ranks(by_model(load_towers(ModelFolder.open(START)), test))
        ],
        "the teacher itself": [
            reciprocal_ranks(by_model(EncoderTowers(open_encoder(options.teacher)), test))
        ],
    }
    for way, teacher, loss in (
        ("--start", None, "retrieval"),
        ("--start --teacher", options.teacher, "retrieval"),
        ("--start, loss labelled", None, "labelled"),
        ("--start --teacher, loss labelled", options.teacher, "labelled"),
    ):
        with tempfile.TemporaryDirectory() as scratch:
            found = [trained(pairs, seed, teacher, loss, Path(scratch)) for seed in options.seeds]
            ways[way] = [reciprocal_ranks(by_model(towers, test)) for towers in found]
    print("| ranked by | MRR of 10 candidates | first | MRR over BM25's (95 %) |")
    print("|---|---|---|---|")
    rng = np.random.default_rng(0)
    for way, runs in ways.items():
        gain = np.mean(runs, axis=0) - lexical
        draws = gain[rng.integers(len(gain), size=(2000, len(gain)))].mean(1)
        low, high = np.percentile(draws, [2.5, 97.5])
        seeds = " ".join(f"{run.mean():.3f}" for run in runs)
        first = np.mean([(run == 1).mean() for run in runs])
        print(f"| {way} | {seeds} | {first:.3f} | {gain.mean():+.3f} ({low:+.3f} to {high:+.3f}) |")


if __name__ == "__main__":
    main()
