"""How often a wrong label is called one: relevant pairs that are labelled not relevant on purpose.

    python -m dssm_core prepare debian-packages --out build/corpus
    python -m tests.benchmarks.planted --pairs build/corpus/pairs.csv

600 queries of the validation split, each with the four documents that BM25 ranks highest beside
its own. One in eight has its own labelled not relevant, one in eight has it left out. Counted are
the pairs labelled not relevant that the model takes for relevant.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from dssm_core.corpus.pairs import read_pairs
from dssm_core.corpus.splitting import split_pairs
from dssm_core.evaluation import BM25
from dssm_core.inspection.causes import find_causes
from dssm_core.inspection.measure import errors
from dssm_core.inspection.score_pairs import inspect_pairs
from dssm_core.scoring import Scorer

QUERIES, OTHERS, PART = 600, 4, 8

PLANTED = "relevant, planted as not relevant"
LABELLED = "beside one that is labelled relevant"
ALONE = "of a query with none labelled relevant"


def pairs_of(validation: pd.DataFrame) -> Iterator[tuple[str, str, int, str]]:
    """Yield query, document, label, and what sort of pair it is."""
    index = BM25(validation["document"].tolist())
    chosen = validation.sample(QUERIES, random_state=0)
    nearest = index.nearest(chosen["query"].tolist(), OTHERS + 1)
    for number, (query, document, ranked) in enumerate(
        zip(chosen["query"], chosen["document"], nearest, strict=True)
    ):
        planted, left_out = number % PART == 0, number % PART == 1
        if not left_out:
            yield query, document, int(not planted), PLANTED
        others = [other for other in validation["document"].iloc[ranked] if other != document]
        for other in others[:OTHERS]:
            yield query, other, 0, ALONE if planted or left_out else LABELLED


def main() -> None:
    """Print in Markdown how many of each sort there were, and what they were called."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--model", default="sample_models/debian-packages")
    parser.add_argument("--threshold", type=float, default=0.5)
    options = parser.parse_args()
    rows = pairs_of(split_pairs(read_pairs(options.pairs))["validation"])
    frame = pd.DataFrame(rows, columns=["query", "document", "label", "sort"])
    scorer, threshold = Scorer(options.model), options.threshold
    inspection = inspect_pairs(scorer, frame[["query", "document", "label"]])
    wrong = errors(inspection.frame, threshold)
    alarms = wrong[wrong["label"] == 0]
    causes = find_causes(inspection, alarms, scorer, threshold)["cause"]
    print("| sort of pair | taken for relevant | label looks wrong | word overlap trap | other |")
    print("|---|---|---|---|---|")
    for sort in (PLANTED, ALONE, LABELLED):
        own = causes[frame["sort"].loc[causes.index] == sort]
        counts = [int((own == name).sum()) for name in ("label looks wrong", "word overlap trap")]
        print(f"| {sort} | {len(own)} | {counts[0]} | {counts[1]} | {len(own) - sum(counts)} |")


if __name__ == "__main__":
    main()
