"""Seconds that an inspection of 100,000 pairs takes at each change of the threshold.

    python tests/benchmarks/inspection.py --pairs 100000

The vectors are made up, so no model is needed; all else is what the page does. Beside each
figure stands a `value_counts` of as many texts by pandas in the same run, to judge the machine by.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from dssm_core.inspection import measure, slices
from dssm_core.inspection.compare import compare_inspections
from dssm_core.inspection.score_pairs import inspect_pairs
from dssm_core.scoring import Head
from dssm_core.text import read
from dssm_core.towers import Encoding, Side

VECTOR = 256
LIST = 10  # documents of a query


class FakeTowers:
    """Towers whose vectors are random, but alike for texts that begin with the same word."""

    def encode(self, texts: Sequence[str], side: Side) -> list[Encoding]:
        """Encode texts in order."""
        return [self._encode(text) for text in texts]

    def _encode(self, text: str) -> Encoding:
        first = next(iter(text.split()), "")[1:]
        topic = int(first) if first.isdigit() else 0  # a text that lost its first word
        vector = np.random.default_rng(topic).normal(size=VECTOR)
        vector += np.random.default_rng(len(text) + topic).normal(size=VECTOR, scale=3)
        return Encoding(text, tuple(read(text, {}, 64)), vector.astype(np.float32), None)


def make_pairs(number: int) -> pd.DataFrame:
    """Return pairs of 6 and some 20 words, ten documents to a query, two extra columns."""
    rng = np.random.default_rng(0)
    queries = np.arange(number) // LIST
    topics = np.where(np.arange(number) % LIST < 2, queries, rng.integers(number, size=number))
    words = [f"w{i}" for i in range(5_000)]
    lengths = rng.integers(10, 30, number)
    return pd.DataFrame(
        {
            "query": [f"q{q} " + " ".join(words[q % 4_990 : q % 4_990 + 5]) for q in queries],
            "document": [
                f"d{topic} {i} " + " ".join(words[topic % 4_900 : topic % 4_900 + length])
                for i, (topic, length) in enumerate(zip(topics, lengths, strict=True))
            ],
            "label": (np.arange(number) % LIST < 2).astype(int),
            "section": rng.choice([f"section {i}" for i in range(50)], number),
            "price": rng.lognormal(3, 1, number).round(2).astype(str),
        },
        index=pd.RangeIndex(2, number + 2, name="line"),
    )


def seconds(work: Callable[[], Any], times: int = 3) -> float:
    """Return the median of some runs."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))


def main() -> None:
    """Make the pairs, inspect them, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=100_000)
    pairs = make_pairs(parser.parse_args().pairs)
    scorer: Any = SimpleNamespace(
        cache=FakeTowers(),
        head=Head(10.0, -3.0),
        folder=SimpleNamespace(name="fake", fingerprint="0"),
    )
    started = time.perf_counter()
    inspection = inspect_pairs(scorer, pairs)
    inspecting = time.perf_counter() - started
    frame = inspection.frame
    points = measure.curve(frame)
    threshold = measure.suggest_threshold(points, frame, None)
    by_column = {name: slices.sliced(frame, name) for name in slices.slice_columns(frame)}
    work: dict[str, Callable[[], Any]] = {
        "pandas value_counts": lambda: frame["document"].value_counts(),
        "confusion": lambda: measure.Rates.at(frame, threshold),
        "curve": lambda: measure.curve(frame),
        "suggest_threshold": lambda: measure.suggest_threshold(points, frame, 2.0),
        "calibration": lambda: measure.calibration(frame),
        "errors": lambda: measure.errors(frame, threshold),
        "slice_columns": lambda: slices.slice_columns(frame),
        **{
            f"sliced by {column}": lambda column=column: slices.sliced(frame, column)
            for column in slices.slice_columns(frame)
        },
        **{
            f"slice_table by {column}": partial(measure.slice_table, frame, of, threshold)
            for column, of in by_column.items()
        },
        "one slice by price": lambda: by_column["price"].are("under 10"),
        "compare_inspections": lambda: compare_inspections(inspection, inspection, 0.2, 0.3),
        "ranking": lambda: measure.ranking(frame),
    }
    print("| step | seconds |\n|---|---|")
    print(f"| inspect_pairs, once | {inspecting:.3f} |", flush=True)
    for name, one in work.items():
        print(f"| {name} | {seconds(one):.3f} |", flush=True)
    print(f"\n{len(frame):,} pairs; {measure.Rates.at(frame, threshold)}")


if __name__ == "__main__":
    main()
