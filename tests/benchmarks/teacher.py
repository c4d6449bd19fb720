"""What a teacher adds to few pairs: MRR@10 on the validation pairs, the test pairs untouched.

    python -m dssm_core prepare debian-packages --out build/corpus
    python -m tests.benchmarks.teacher --pairs build/corpus/pairs.csv --teacher ENCODER

15,000 training pairs, two epochs, the weight of the lexical part fitted. The teacher's reading of
its 27,000 texts takes longest, and is kept in `--out` for the next time.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd

from dssm_core.corpus.pairs import read_pairs
from dssm_core.families import FAMILIES
from dssm_core.training import Plan, Trainer, TrainingConfig
from dssm_core.training.teacher import Teacher
from dssm_core.training.validation import Validation

NUMBER = 15_000
"""Training pairs."""

WAYS = {
    "the pairs": (0.0, False),
    "the pairs and spans of the documents": (1.0, False),
    "the pairs, `--teacher`": (0.0, True),
    "the pairs and spans, `--teacher`": (1.0, True),
}
"""Spans a document, and whether there is a teacher."""


def few(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the held-out pairs, and some of the training pairs."""
    train = pairs[(pairs["split"] == "train") & (pairs["label"] == 1)]
    return pd.concat([train.sample(NUMBER, random_state=0), pairs[pairs["split"] != "train"]])


def trained(plan: Plan, state: Path) -> tuple[int, float, float]:
    """Return the steps of a training, its MRR@10, and that of the learned part alone."""
    state.unlink(missing_ok=True)
    trainer = Trainer.prepare(plan, state, log=lambda line: None)
    trainer.run()
    trainer.fit_gain()
    found, width = trainer.validate(), plan.sizes.vector
    learned = Validation(
        found.collection,
        *(
            replace(side, vectors=side.vectors[:, :width])
            for side in (found.queries, found.documents)
        ),
    )
    steps = -(-trainer.batches.pairs // plan.training.batch) * plan.training.epochs
    return steps, found.rank(), learned.rank()


def main() -> None:
    """Print a row a way, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--teaching", type=float, default=TrainingConfig.teaching)
    parser.add_argument("--seed", type=int, default=TrainingConfig.seed)
    parser.add_argument("--out", type=Path, default=Path("build/teacher"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    pairs, sizes = few(read_pairs(options.pairs)), FAMILIES["lstm"].config
    print("| trained with | steps | MRR@10 | its learned part alone |\n|---|---|---|---|")
    for name, (spans, is_taught) in WAYS.items():
        teacher = Teacher.open(options.teacher, options.out / "kept") if is_taught else None
        training = TrainingConfig(
            epochs=2, spans=spans, teaching=options.teaching, seed=options.seed
        )
        plan = Plan(pairs, options.out / "m", sizes, training, teacher=teacher)
        steps, whole, learned = trained(plan, options.out / ".state.npz")
        print(f"| {name} | {steps} | {whole:.3f} | {learned:.3f} |", flush=True)


if __name__ == "__main__":
    main()
