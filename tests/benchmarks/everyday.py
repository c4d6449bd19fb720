"""Everyday queries: how often the wanted document comes first, by each model and by BM25.

The 20 queries of debian-packages' card, and ten more in `everyday.jsonl`, which were written before
anything was measured on them and are never tuned on. Each has five documents written for it; half
of them are traps, whose wrong documents share the query's words. No data set holds them. A model
whose vectors have a lexical part is counted without it, too.

    python -m tests.benchmarks.everyday sample_models/debian-packages sample_models/minilm
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dssm_core.evaluation import bm25_rows
from dssm_core.folder import ModelFolder
from dssm_core.runtimes.load import load_towers
from dssm_core.scoring import Scorer
from tests import ROOT

HELD_OUT = ROOT / "tests" / "benchmarks" / "everyday.jsonl"


def first(scores: np.ndarray, wanted: int) -> bool:
    """Whether the wanted document is above all others; ties count against it."""
    return bool(scores[wanted] > np.delete(scores, wanted).max())


def count(name: str, examples: list[dict[str, Any]], rows: Iterable[np.ndarray]) -> None:
    kinds = {"ordinary": 0, "trap": 0}
    for example, scores in zip(examples, rows, strict=True):
        kinds[example["kind"]] += first(scores, example["expected"] - 1)
    total = sum(kinds.values())
    print(
        f"{name:40} {total} of {len(examples)}: {kinds['ordinary']} ordinary, {kinds['trap']} traps"
    )


def learned(model: ModelFolder, examples: list[dict[str, Any]]) -> Iterator[np.ndarray]:
    """Yield the cosines of the learned parts of vectors alone."""
    towers, width = load_towers(model), model.config["model"]["vector"]
    for example in examples:
        query = towers.encode([example["query"]], "query")[0].vector[:width]
        documents = [e.vector[:width] for e in towers.encode(example["documents"], "document")]
        lengths = np.linalg.norm(documents, axis=1) * np.linalg.norm(query)
        yield np.stack(documents) @ query / np.maximum(lengths, 1e-9)


def compare(examples: list[dict[str, Any]], models: list[str]) -> None:
    lexical = (next(iter(bm25_rows([e["query"]], e["documents"]))) for e in examples)
    count("BM25", examples, lexical)
    for model in models:
        scorer = Scorer(Path(model))
        scored = (scorer.score(e["query"], e["documents"]).frame()["cosine"] for e in examples)
        count(model, examples, (cosines.to_numpy() for cosines in scored))
        folder = ModelFolder.open(Path(model))
        if folder.config["model"].get("lexical"):
            count("  its learned part alone", examples, learned(folder, examples))


def main(models: list[str]) -> None:
    samples = ModelFolder.open(ROOT / "sample_models" / "debian-packages")
    print("the card's")
    compare([example for example in samples.examples if "expected" in example], models)
    print("held out")
    compare([json.loads(line) for line in HELD_OUT.read_text("utf-8").splitlines()], models)


if __name__ == "__main__":
    main(sys.argv[1:])
