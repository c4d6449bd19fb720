"""What a process keeps of the texts that it scores: does its memory stop growing?

Edits of one document after the other, each with a word that was never seen, as by visitors of
Compare; but without a page, so that what grows is what the model and its cache keep.

    python -m tests.benchmarks.kept --edits 30000
"""

from __future__ import annotations

import argparse
import gc
import random

from dssm_core.corpus.pairs import read_pairs
from dssm_core.paths import sample_model
from dssm_core.scoring import Scorer
from tests.benchmarks.figures import resident

STEPS = 10
"""How often memory is read."""


def main() -> None:
    """Measure, and print a line for each step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edits", type=int, default=30_000)
    edits, chance, model = parser.parse_args().edits, random.Random(0), sample_model()
    pairs = read_pairs((model / "pairs.csv").read_bytes(), "pairs.csv")
    scorer, queries, texts = Scorer(model), pairs["query"].tolist(), pairs["document"].tolist()
    documents = texts[:5]
    scorer.score(queries[0], documents)
    gc.collect()
    before = resident()
    for edit in range(1, edits + 1):
        words = chance.choice(texts)[:290].split()
        words.insert(chance.randrange(len(words) + 1), f"zq{edit}qz")
        documents[chance.randrange(5)] = " ".join(words)
        _ = scorer.score(chance.choice(queries), documents).results[0].cosine
        if edit % max(1, edits // STEPS) == 0:
            gc.collect()
            print(f"{edit:,} edits: {resident() - before:+.0f} MiB")


if __name__ == "__main__":
    main()
