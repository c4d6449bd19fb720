"""Negatives prepared with the training data, in memory that does not grow with the corpus.

The answer to the notebook's first question: queries and documents vary without bound and cannot
be held in memory for sampling, so negatives are drawn while the data is prepared.

1. The pairs are streamed into an index on disk: distinct documents, and which of them are
   relevant to which query.
2. For each shard of pairs a pool of documents is drawn, small enough for memory; every
   strategy chooses within the pool: at random, by frequency, or the hardest for BM25 or a model.
   A shard depends on nothing but the index and its own seed, so an engine may run many at once.
3. Each shard is written whole or not at all, so that a killed run goes on where it stopped.

The hardest of the whole corpus, not of a pool, are found by `dssm_core.mining`.

Source: docs/notebook.md, question 1 and row 8.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dssm_core.corpus.pair_index import PairIndex, build_index
from dssm_core.corpus.pairs import stream_pairs
from dssm_core.corpus.reading import Choices
from dssm_core.corpus.shards import (
    INDEX,
    claim_folder,
    file_digest,
    finish_folder,
    shard_path,
    write_shard,
)
from dssm_core.engines import LOCAL, Engine
from dssm_core.errors import UserError

Strategy = Literal["random", "frequency", "bm25", "model"]
STRATEGIES: tuple[Strategy, ...] = ("random", "frequency", "bm25", "model")

Rank = Callable[[Sequence[str], Sequence[str], int], np.ndarray]
"""(queries [Q], pool [D], number) -> indices [Q, number] of the pool's best for each query."""

MAX_SPARE = 256
"""Candidates beyond those asked for, in place of a query's own; more would grow with the corpus."""


@dataclass(frozen=True)
class NegativesConfig:
    """How negatives are drawn; the same values give the same bytes.

    Attributes:
        number: negatives to each relevant pair, at least 1.
        strategy: "random", every document alike; "frequency", by its count to the power 0.75,
            as word2vec does; "bm25" and "model", the most similar of the pool.
        seed: of pools and draws.
        epochs: so many independent draws, each in a folder of its own.
        shard: relevant pairs in a file.
        pool: documents that a shard's negatives are chosen from.
    """

    number: int = 10
    strategy: Strategy = "random"
    seed: int = 0
    epochs: int = 1
    shard: int = 20_000
    pool: int = 20_000

    def __post_init__(self) -> None:
        for name in ("number", "epochs", "shard", "pool"):
            if getattr(self, name) < 1:
                raise UserError("negatives.below 1", str(getattr(self, name)), name=name)
        if self.strategy not in STRATEGIES:
            raise UserError(
                "negatives.no such strategy", self.strategy, names=", ".join(STRATEGIES)
            )


def prepare_negatives(
    pairs: Path,
    out: Path,
    config: NegativesConfig | None = None,
    rank: Rank | None = None,
    log: Callable[[str], None] = print,
    ranker: str = "",
    choices: Choices | None = None,
    engine: Engine = LOCAL,
) -> dict[str, Any]:
    """Write shards of (query, document, negatives), resuming a run that was cut off.

    Args:
        pairs: file of query, document[, label]; rows labelled 0 are never relevant.
        out: folder to write epoch-N/shard-N.parquet and manifest.json into; workers on other
            machines must see it under the same name.
        config: how negatives are drawn.
        rank: finds the hardest of a pool, for the strategies "bm25" and "model".
        log: called with a line for people after each shard.
        ranker: what `rank` is, such as a model's fingerprint: another one is another run.
        choices: what a person says of the file.
        engine: runs a task for each shard; the bytes do not depend on it.

    Returns:
        The manifest: config, input's SHA-256, pairs, documents, shards.

    Raises:
        UserError: if the pairs cannot be read, `out` holds another run, or there are too few
            documents to find a negative for each query.
    """
    config = config or NegativesConfig()
    if config.strategy in ("bm25", "model") and rank is None:
        raise UserError("negatives.no ranker", strategy=config.strategy)
    run = describe_run(pairs, asdict(config), ranker, choices)
    claim_folder(out, run)
    build_index(partial(stream_pairs, pairs, choices), out / INDEX, log)
    with PairIndex.open(out / INDEX) as index:
        counts = index.counts()
    if not counts.pairs:
        raise UserError("negatives.no pairs", name=pairs.name)
    shards = -(-counts.pairs // config.shard)
    tasks = [
        (epoch, number)
        for epoch in range(config.epochs)
        for number in range(shards)
        if not shard_path(out, epoch, number).exists()
    ]
    draw = DrawShard(out.resolve(), config, rank)
    for epoch, number in engine.map(draw, tasks):
        log(f"epoch {epoch + 1}/{config.epochs}: {number + 1}/{shards} shards")
    return finish_folder(out, run, {"pairs": counts.pairs, "documents": counts.documents})


def describe_run(
    pairs: Path, config: dict[str, Any], ranker: str, choices: Choices | None
) -> dict[str, Any]:
    """Return all that a run's bytes depend on, to be kept beside them.

    Raises:
        UserError: if there is no such file.
    """
    if not pairs.is_file():
        raise UserError("file.missing", name=str(pairs))
    run = {"input": file_digest(pairs), "config": config, "ranker": ranker}
    guessed = asdict(Choices())
    if made := {k: v for k, v in asdict(choices or Choices()).items() if v != guessed[k]}:
        run["choices"] = json.loads(json.dumps(made))
    return run


@dataclass(frozen=True)
class DrawShard:
    """The task of one shard: its negatives drawn and written.

    Attributes:
        out: folder of the index and the shards.
        config: how negatives are drawn.
        rank: as for `prepare_negatives`.
    """

    out: Path
    config: NegativesConfig
    rank: Rank | None

    def __call__(self, task: tuple[int, int]) -> tuple[int, int]:
        """Write the shard of (epoch, number), and return these."""
        epoch, number = task
        rng = np.random.default_rng([self.config.seed, epoch, number])
        with PairIndex.open(self.out / INDEX) as index:
            found = _draw(index, number, self.config, self.rank, rng)
        write_shard(shard_path(self.out, epoch, number), *found)
        return task


def _draw(
    index: PairIndex,
    number: int,
    config: NegativesConfig,
    rank: Rank | None,
    rng: np.random.Generator,
) -> tuple[list[str], list[str], list[list[str]]]:
    """Choose the negatives of one shard's pairs within its pool: queries, documents, negatives."""
    rows = index.pairs(number * config.shard, config.shard)
    ids, texts, weights = _pool(index, config, rng)
    relevant = _relevant(index, {row.query_id for row in rows}, ids)
    most = max(map(len, relevant.values()), default=0)
    if len(ids) - most < config.number:
        raise UserError(
            "negatives.too few documents", documents=len(ids), relevant=most, number=config.number
        )
    queries = [row.query for row in rows]
    spare = min(most, MAX_SPARE)
    if rank is not None and config.strategy in ("bm25", "model"):
        candidates = rank(queries, texts, min(len(ids), config.number + spare))
    else:
        size = len(rows), config.number + spare + 8
        candidates = rng.choice(len(ids), size, p=weights, shuffle=False)
    chosen = [
        choose(found.tolist(), relevant[row.query_id], config.number, len(ids), rng)
        for row, found in zip(rows, candidates, strict=True)
    ]
    negatives = [[texts[document] for document in row] for row in chosen]
    return queries, [row.document for row in rows], negatives


def _relevant(index: PairIndex, queries: Iterable[int], ids: np.ndarray) -> dict[int, set[int]]:
    """Return for each query which documents of the pool are relevant, by their row in it."""
    row_of = {int(document): row for row, document in enumerate(ids)}
    return {query: {row_of[d] for d in index.relevant(query) if d in row_of} for query in queries}


def _pool(
    index: PairIndex, config: NegativesConfig, rng: np.random.Generator
) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Return ids, texts and draw weights of the documents that a shard may choose from."""
    documents = index.counts().documents
    ids = np.sort(rng.choice(documents, min(documents, config.pool), replace=False)) + 1
    pool = index.counted(ids)
    power = 0.75 if config.strategy == "frequency" else 0.0
    weights = np.array([count for _, count in pool], np.float64) ** power
    return ids, [text for text, _ in pool], weights / weights.sum()


def choose(
    candidates: Iterable[int], relevant: set[int], number: int, pool: int, rng: np.random.Generator
) -> list[int]:
    """Return the first distinct irrelevant candidates; random others where they run short.

    Args:
        candidates: from 0 to `pool`, best first.
        relevant: those that may not be chosen; at least `number` others are left.
        number: how many to return.
        pool: how many there are to draw the others from.
        rng: draws them.
    """
    chosen = list(dict.fromkeys(c for c in candidates if c not in relevant))[:number]
    while len(chosen) < number:
        other = int(rng.integers(pool))
        if other not in relevant and other not in chosen:
            chosen.append(other)
    return chosen
