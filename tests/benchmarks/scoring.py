"""Scoring against plain `model.predict` of the same model, and what caches and batches save.

    python -m tests.benchmarks.scoring --json scoring.json

In turns, on held-out texts that no cache holds:

- a query and N documents, of words that were met before or not, through `Scorer.score`, and as a
  user of Keras would do it: each pair a row of pieces, texts padded to the longest of the call, one
  `model.predict` of query and document;
- a new query against 1,000 documents in the cache, and that query's encoding alone; the same with
  an object of each document, as a caller of the library may ask for;
- what each of a document's 60 words adds (`effects`, one batch), and one cold score of it.
"""

from __future__ import annotations

import argparse
import gc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from dssm_core.corpus.pairs import read_pairs
from dssm_core.explain import effects
from dssm_core.folder import ModelFolder
from dssm_core.scoring import Scorer
from dssm_core.text import Reader
from dssm_core.towers import EncodingCache
from tests.benchmarks.figures import alternately, median, print_rows

SIZES = (1, 10, 100, 1000)
TARGETS = {10: 15.0, 100: 6.0}
WORDS = 60


class Predictor:
    """The folder's model as a user of Keras would ask it, reading texts as it reads them."""

    def __init__(self, folder: ModelFolder) -> None:
        import keras

        import dssm_core.models.layers  # noqa: F401, so that Keras knows them

        self.model = keras.saving.load_model(folder.path / "model.keras", compile=False)
        self.text = folder.config["text"]
        self.reader = Reader(folder.vocabulary, self.text["rows"])

    def pieces(self, texts: Sequence[str], length: int) -> np.ndarray:
        """Return pieces [N, T, P], T the words of the longest of these texts."""
        words = [[t.text for t in self.reader.read(text, length) if t.is_read] for text in texts]
        found = np.zeros((len(texts), max(map(len, words)), self.reader.width), np.int32)
        for row, own in zip(found, words, strict=True):
            row[: len(own)] = self.reader.numbers(own)
        return found

    def cosines(self, query: str, documents: Sequence[str]) -> np.ndarray:
        """Return the cosine of the query with each document."""
        queries = self.pieces([query] * len(documents), self.text["query_length"])
        found = self.pieces(documents, self.text["document_length"])
        return self.model.predict([queries, found], verbose=0)["cos"][:, 0]


def scored(folder: ModelFolder, queries: list[str], documents: list[str], times: int) -> list[Any]:
    """Return a row for each number of documents: milliseconds of both ways, and the ratio."""
    ours, plain = Scorer(folder), Predictor(folder)
    towers = ours.cache.towers
    gc.freeze()  # as the page does once a model is loaded

    def part(turn: int, number: int) -> tuple[str, list[str]]:
        places = np.arange(turn * number, (turn + 1) * number) % len(documents)
        return queries[turn], [documents[i] for i in places]

    def cold(turn: int, number: int) -> np.ndarray:
        ours.cache = EncodingCache(towers)
        return np.nan_to_num(ours.score(*part(turn, number)).results.numbers["cosine"])

    rows = []
    for number in SIZES:
        gap = np.abs(np.subtract(cold(0, number), plain.cosines(*part(0, number)))).max()
        assert gap < 1e-4, f"the two ways disagree by {gap}"
        seconds = alternately(
            {
                "ours": lambda turn, n=number: cold(turn, n),
                "predict": lambda turn, n=number: plain.cosines(*part(turn, n)),
            },
            times if number < 1000 else max(3, times // 3),
        )
        mine, theirs = (1000 * median(seconds[name]) for name in ("ours", "predict"))
        rows.append(
            {
                "what": f"{number:,} documents, cold",
                "ours, ms": mine,
                "measured against": "model.predict",
                "that, ms": theirs,
                "ratio": theirs / mine,
                "target": f"over {TARGETS[number]:g}" if number in TARGETS else "",
            }
        )
    return rows


def saved(folder: ModelFolder, queries: list[str], documents: list[str], times: int) -> list[Any]:
    """Return a row for a new query against cached documents, and one for the effects of words."""
    scorer = Scorer(folder)
    towers = scorer.cache.towers
    scorer.score(queries[0], documents[:1000])
    words = " ".join(documents).split()
    long = [" ".join(words[start : start + WORDS]) for start in range(0, len(words) - WORDS, WORDS)]

    def explain(turn: int) -> None:
        cache = EncodingCache(towers)
        found = effects(cache, scorer.head, queries[turn], long[turn], "document")
        assert len(found.tokens) > WORDS / 2

    def once(turn: int) -> None:
        fresh.cache = EncodingCache(towers)
        fresh.score(queries[turn], [long[turn]])

    fresh = Scorer(folder, towers)
    seconds = alternately(
        {
            "new query": lambda turn: scorer.score(queries[turn + 1], documents[:1000]),
            "objects": lambda turn: list(scorer.score(queries[turn + 1], documents[:1000]).results),
            "encoding": lambda turn: towers.encode([queries[turn + 1]], "query"),
            "effects": explain,
            "one score": once,
        },
        3 * times,
    )
    rows = [
        ("a new query, 1,000 cached documents", "new query", "its encoding", "encoding", "2.5"),
        ("the same, and 1,000 objects", "objects", "its encoding", "encoding", ""),
        (f"effects of a document's {WORDS} words", "effects", "one cold score", "one score", "10"),
    ]
    return [
        {
            "what": what,
            "ours, ms": 1000 * median(seconds[mine]),
            "measured against": said,
            "that, ms": 1000 * median(seconds[against]),
            "ratio": median(seconds[mine]) / median(seconds[against]),
            "target": f"under {most}" if most else "",
        }
        for what, mine, said, against, most in rows
    ]


def main() -> None:
    """Measure, print the table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path("sample_models/debian-packages"))
    parser.add_argument("--times", type=int, default=15)
    parser.add_argument("--json", default="")
    options = parser.parse_args()
    folder = ModelFolder.open(options.model)
    pairs = read_pairs(options.model / "pairs.csv")
    queries, documents = (list(dict.fromkeys(pairs[side])) for side in ("query", "document"))
    rows = scored(folder, queries, documents, options.times)
    print_rows(rows + saved(folder, queries, documents, options.times), options.json)


if __name__ == "__main__":
    main()
