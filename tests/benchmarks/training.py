"""Training rows a second of our trainer against plain Keras `fit` of the same model.

    python -m tests.benchmarks.training --json training.json

In turns, an epoch each of the same rows, from the shipped model's sizes, by the same optimizer:

- the same loss: rows of label 1 and 0, one pair to four others drawn for its query, and binary
  cross-entropy on the head. `fit` gets all texts padded to the lengths that the model reads, as
  one array must be; ours is `Trainer` with the loss "labelled". This is the fair comparison: the
  same sums over the same rows, so that what differs is padding and the loop;
- the same pairs: ours as the shipped model is trained, where the batch is each query's negatives,
  so that a pair is one row; `fit`, to which a row has one query and one document, needs its four
  others too. What is counted is pairs.

And what the time goes into: the input pipeline by itself, words that are padding, and the least a
step costs, whatever the batch (two pairs: the optimizer goes through the whole table).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd

from dssm_core.corpus.pairs import read_pairs
from dssm_core.families import family
from dssm_core.folder import ModelFolder
from dssm_core.models.lstm import LSTMConfig, compile_by_name
from dssm_core.training.batches import Batch, PairBatches
from dssm_core.training.config import Plan, TrainingConfig
from dssm_core.training.trainer import Trainer
from tests.benchmarks.figures import alternately, median, print_rows

OTHERS = 4
"""Documents drawn to each query, of label 0."""


def labelled(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return each pair, and its query with OTHERS documents of other pairs."""
    shifts = 1 + np.random.default_rng(0).integers(len(pairs) - 1, size=(len(pairs), OTHERS))
    places = (np.arange(len(pairs))[:, None] + shifts) % len(pairs)
    others = pairs.loc[pairs.index.repeat(OTHERS)].assign(
        document=pairs["document"].to_numpy()[places.ravel()], label=0
    )
    return pd.concat([pairs, others], ignore_index=True)


def trainer(frame: pd.DataFrame, held: pd.DataFrame, size: LSTMConfig, **choices: Any) -> Trainer:
    """Return a trainer of these rows, with a few held-out pairs that it asks for."""
    halves = [held.iloc[::2].assign(split="validation"), held.iloc[1::2].assign(split="test")]
    frame = pd.concat([frame.assign(split="train"), *halves], ignore_index=True)
    config = TrainingConfig(spans=0.0, epochs=20, **choices)
    folder = Path(tempfile.mkdtemp())
    plan = Plan(frame, folder / "model", size, config)
    return Trainer.prepare(plan, folder / "state.npz", lambda line: None)


def fitter(frame: pd.DataFrame, size: LSTMConfig, batch: int) -> Callable[[int], object]:
    """Return an epoch of plain `fit`: whole texts padded to what the model reads."""
    batches = PairBatches(frame, size.vocabulary, size.query_length, size.document_length)
    rows = np.arange(len(frame))
    query, document = (
        batches._words.pieces[column.words(rows, is_padded=True)]
        for column in (batches._query, batches._document)
    )
    model = family("lstm").build(size)
    schedule = keras.optimizers.schedules.CosineDecay(1e-4, 10_000)
    compile_by_name(
        model,
        {"out": "binary_crossentropy"},
        optimizer=keras.optimizers.Adam(schedule, clipnorm=1.0),
    )
    labels = {"out": frame["label"].to_numpy(np.float32)}
    return lambda turn: model.fit([query, document], labels, batch_size=batch, verbose=0)


def profile(run: Trainer) -> dict[str, float]:
    """Return what the time of an epoch goes into, as shares of it."""
    started = time.perf_counter()
    run._epoch(0)
    whole = time.perf_counter() - started
    rng = np.random.default_rng(0)
    started = time.perf_counter()
    batches = list(run.batches.epoch(0, run.config.batch, rng))
    fed = time.perf_counter() - started
    texts = [side for batch in batches for side in (batch.query, batch.document)]
    there = sum(int((side[..., 0] > 0).sum()) for side in texts)
    room = sum(side.shape[0] * side.shape[1] for side in texts)
    size = run.model_config
    full = run.batches.pairs * (size.query_length + size.document_length)
    small = Batch(*(part[:2] for part in batches[0][:3]), np.eye(2, dtype=bool), np.ones(2, "f4"))
    run.step(*small.arguments)
    started = time.perf_counter()
    for _ in range(5):
        run.step(*small.arguments)
    least = (time.perf_counter() - started) / 5 * len(batches)
    return {
        "input pipeline": fed / whole,
        "padding of ours": 1 - there / room,
        "padding of full length": 1 - there / full,
        "least cost of the steps": least / whole,
    }


def main() -> None:
    """Measure, print the tables and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path("sample_models/debian-packages"))
    parser.add_argument("--pairs", type=Path, help="a pairs file; the model folder's without it")
    parser.add_argument("--number", type=int, default=1024, help="pairs of an epoch")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--json", default="")
    options = parser.parse_args()
    pairs = read_pairs(options.pairs or options.model / "pairs.csv")[["query", "document", "label"]]
    pairs = pairs[pairs["label"] == 1].sample(options.number + 20, random_state=0)
    held, pairs = pairs.iloc[:20], pairs.iloc[20:]
    rows = labelled(pairs)
    size = LSTMConfig(**ModelFolder.open(options.model).config["model"])
    same = trainer(rows, held, size, batch=options.batch, loss="labelled")
    own = trainer(pairs, held, size, batch=options.batch, loss="retrieval")
    seconds = alternately(
        {
            "labelled": same._epoch,
            "retrieval": own._epoch,
            "fit": fitter(rows, size, options.batch),
        },
        options.times,
        warm=1,
    )
    took = {name: median(values) for name, values in seconds.items()}
    table = [
        {
            "what a second": what,
            "ours": number / took[name],
            "fit": number / took["fit"],
            "ratio": took["fit"] / took[name],
            "target": "over 2",
        }
        for what, name, number in (
            ("rows, the same loss", "labelled", len(rows)),
            ("pairs with their negatives", "retrieval", len(pairs)),
        )
    ]
    shares = [
        {"loss": name} | {key: f"{value:.0%}" for key, value in profile(run).items()}
        for name, run in (("labelled", same), ("retrieval", own))
    ]
    print_rows(table, options.json, shares=shares, seconds=seconds)
    print()
    print_rows(shares, "")


if __name__ == "__main__":
    main()
