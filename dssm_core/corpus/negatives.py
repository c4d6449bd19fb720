"""Negatives prepared with the training data, in memory that does not grow with the corpus.

The answer to the notebook's first question: queries and documents vary without bound and cannot
be held in memory for sampling, so negatives are drawn while the data is prepared.

1. The pairs are streamed once into an index on disk (SQLite): distinct documents, and which of
   them are relevant to which query.
2. For each shard of pairs a pool of documents is drawn, small enough for memory; every
   strategy chooses within the pool: at random, by frequency, or the hardest for BM25 or a model.
3. Each shard is written whole or not at all, so that a killed run goes on where it stopped.

Source: docs/notebook.md, question 1 and row 8.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dssm_core.corpus.pairs import stream_pairs
from dssm_core.corpus.reading import Choices
from dssm_core.corpus.splitting import fold
from dssm_core.errors import UserError
from dssm_core.files import whole_file, write_whole

Strategy = Literal["random", "frequency", "bm25", "model"]
STRATEGIES: tuple[Strategy, ...] = ("random", "frequency", "bm25", "model")

Rank = Callable[[Sequence[str], Sequence[str], int], np.ndarray]
"""(queries [Q], pool [D], number) -> indices [Q, number] of the pool's best for each query."""

MAX_SPARE = 256
"""Candidates beyond those asked for, in place of a query's own; more would grow with the corpus."""

SCHEMA = pa.schema(
    [("query", pa.string()), ("document", pa.string()), ("negatives", pa.list_(pa.string()))]
)


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
) -> dict[str, Any]:
    """Write shards of (query, document, negatives), resuming a run that was cut off.

    Args:
        pairs: file of query, document[, label]; rows labelled 0 are never relevant.
        out: folder to write epoch-N/shard-N.parquet and manifest.json into.
        config: how negatives are drawn.
        rank: finds the hardest of a pool, for the strategies "bm25" and "model".
        log: called with a line for people after each shard.
        ranker: what `rank` is, such as a model's fingerprint: another one is another run.
        choices: what a person says of the file.

    Returns:
        The manifest: config, input's SHA-256, pairs, documents, shards.

    Raises:
        UserError: if the pairs cannot be read, `out` holds another run, or there are too few
            documents to find a negative for each query.
    """
    config = config or NegativesConfig()
    if config.strategy in ("bm25", "model") and rank is None:
        raise UserError("negatives.no ranker", strategy=config.strategy)
    if not pairs.is_file():
        raise UserError("file.missing", name=str(pairs))
    out.mkdir(parents=True, exist_ok=True)
    run = {"input": _digest(pairs), "config": asdict(config), "ranker": ranker}
    if choices not in (None, Choices()):
        run["choices"] = json.loads(json.dumps(asdict(choices)))
    _claim(out, run)
    streamed = stream_pairs(pairs, choices)
    with closing(_index(streamed, out / "index.sqlite", log)) as index:
        total = index.execute("SELECT count(*) FROM pair").fetchone()[0]
        documents = index.execute("SELECT count(*) FROM document").fetchone()[0]
        if not total:
            raise UserError("negatives.no pairs", name=pairs.name)
        starts = range(0, total, config.shard)
        for epoch in range(config.epochs):
            for number, start in enumerate(starts):
                path = out / f"epoch-{epoch}" / f"shard-{number:05}.parquet"
                if not path.exists():
                    rng = np.random.default_rng([config.seed, epoch, number])
                    _write(path, _draw(index, start, documents, config, rank, rng))
                    log(f"epoch {epoch + 1}/{config.epochs}: {number + 1}/{len(starts)} shards")
    manifest = {
        **run,
        "pairs": total,
        "documents": documents,
        "shards": [str(p.relative_to(out)) for p in sorted(out.glob("epoch-*/shard-*.parquet"))],
    }
    write_whole(out / "manifest.json", json.dumps(manifest, indent=2).encode())
    (out / "index.sqlite").unlink(missing_ok=True)
    return manifest


def read_shards(folder: Path, epoch: int = 0, batch: int = 4096) -> Iterator[dict[str, list[Any]]]:
    """Stream the rows of one epoch's draw, a few thousand at a time.

    Args:
        folder: as `prepare_negatives` wrote it.
        epoch: which draw; with fewer draws than epochs they come round again.
        batch: rows at a time.

    Yields:
        {"query": [...], "document": [...], "negatives": [[...], ...]}.

    Raises:
        UserError: if the folder was not written to its end.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise UserError("negatives.not finished", str(folder)) from None
    draw = f"epoch-{epoch % manifest['config']['epochs']}/"
    for name in manifest["shards"]:
        if name.startswith(draw):
            with pq.ParquetFile(folder / name) as file:
                for rows in file.iter_batches(batch):
                    yield rows.to_pydict()


def _key(text: str) -> bytes:
    """Return a digest that texts share when they differ by case or white space alone."""
    return hashlib.blake2b(fold(text).encode(), digest_size=16).digest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _claim(out: Path, run: dict[str, Any]) -> None:
    """Refuse a folder that holds another run; mark it as this one's."""
    mark = out / "run.json"
    if mark.exists() and json.loads(mark.read_text("utf-8")) != run:
        raise UserError("negatives.other run", folder=str(out))
    write_whole(mark, json.dumps(run).encode())


def _index(
    pairs: Iterator[tuple[str, str, int]], path: Path, log: Callable[[str], None]
) -> sqlite3.Connection:
    """Return the index of pairs, building it unless it was built to its end."""
    done = path.exists()
    building = path.with_suffix(".building")
    if not done:
        building.unlink(missing_ok=True)
        with closing(_connect(building)) as index:
            _fill(index, pairs, log)
        building.replace(path)
    return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    index = sqlite3.connect(path)
    index.execute("PRAGMA cache_size = -32768")  # 32 MiB, however large the file is
    index.execute("PRAGMA synchronous = OFF")  # a half-built index is built anew
    return index


TABLES = """
CREATE TABLE document (id INTEGER PRIMARY KEY, fold BLOB UNIQUE, text TEXT, count INTEGER);
CREATE TABLE query (id INTEGER PRIMARY KEY, fold BLOB UNIQUE, text TEXT);
CREATE TABLE pair (
    id INTEGER PRIMARY KEY, query INTEGER, document INTEGER, UNIQUE (query, document)
);
"""

NUMBERING = """
CREATE TABLE numbered AS
    SELECT row_number() OVER (ORDER BY id) - 1 AS place, query, document FROM pair;
DROP TABLE pair;
ALTER TABLE numbered RENAME TO pair;
CREATE UNIQUE INDEX pair_place ON pair (place);
CREATE INDEX pair_query ON pair (query, document);
"""
"""Gives pairs numbers without gaps, because shards are cut by them."""


def _fill(
    index: sqlite3.Connection,
    rows: Iterator[tuple[str, str, int]],
    log: Callable[[str], None],
) -> None:
    index.executescript(TABLES)
    for number, (query, document, label) in enumerate(rows, 1):
        (document_id,) = index.execute(
            "INSERT INTO document (fold, text, count) VALUES (?, ?, 1) "
            "ON CONFLICT (fold) DO UPDATE SET count = count + 1 RETURNING id",
            (_key(document), document),
        ).fetchone()
        if label == 1:
            (query_id,) = index.execute(
                "INSERT INTO query (fold, text) VALUES (?, ?) "
                "ON CONFLICT (fold) DO UPDATE SET text = text RETURNING id",
                (_key(query), query),
            ).fetchone()
            index.execute(
                "INSERT OR IGNORE INTO pair (query, document) VALUES (?, ?)",
                (query_id, document_id),
            )
        if number % 100_000 == 0:
            index.commit()
            log(f"read {number:,} pairs")
    index.executescript(NUMBERING)
    index.commit()


def _draw(
    index: sqlite3.Connection,
    start: int,
    documents: int,
    config: NegativesConfig,
    rank: Rank | None,
    rng: np.random.Generator,
) -> pa.Table:
    """Choose the negatives of one shard's pairs within its pool."""
    rows = index.execute(
        "SELECT pair.query, query.text, document.text FROM pair "
        "JOIN query ON query.id = pair.query JOIN document ON document.id = pair.document "
        "WHERE place >= ? AND place < ? ORDER BY place",
        (start, start + config.shard),
    ).fetchall()
    ids, texts, weights = _pool(index, documents, config, rng)
    relevant = _relevant(index, {row[0] for row in rows}, ids)
    most = max(map(len, relevant.values()), default=0)
    if len(ids) - most < config.number:
        raise UserError(
            "negatives.too few documents", documents=len(ids), relevant=most, number=config.number
        )
    queries = [row[1] for row in rows]
    spare = min(most, MAX_SPARE)
    if rank is not None and config.strategy in ("bm25", "model"):
        candidates = rank(queries, texts, min(len(ids), config.number + spare))
    else:
        size = len(rows), config.number + spare + 8
        candidates = rng.choice(len(ids), size, p=weights, shuffle=False)
    chosen = [
        _choose(row, relevant[query], config.number, len(ids), rng)
        for (query, _, _), row in zip(rows, candidates, strict=True)
    ]
    return pa.table(
        {
            "query": queries,
            "document": [row[2] for row in rows],
            "negatives": [[texts[document] for document in row] for row in chosen],
        },
        schema=SCHEMA,
    )


def _relevant(
    index: sqlite3.Connection, queries: Iterable[int], ids: np.ndarray
) -> dict[int, set[int]]:
    """Return for each query which documents of the pool are relevant, by their row in it."""
    row_of = {int(document): row for row, document in enumerate(ids)}
    relevant = {}
    for query in queries:
        judged = index.execute("SELECT document FROM pair WHERE query = ?", (query,))
        relevant[query] = {row_of[d] for (d,) in judged if d in row_of}
    return relevant


def _pool(
    index: sqlite3.Connection, documents: int, config: NegativesConfig, rng: np.random.Generator
) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Return ids, texts and draw weights of the documents that a shard may choose from."""
    ids = np.sort(rng.choice(documents, min(documents, config.pool), replace=False)) + 1
    select = "SELECT text, count FROM document WHERE id = ?"
    pool = [index.execute(select, (int(document),)).fetchone() for document in ids]
    power = 0.75 if config.strategy == "frequency" else 0.0
    weights = np.array([count for _, count in pool], np.float64) ** power
    return ids, [text for text, _ in pool], weights / weights.sum()


def _choose(
    candidates: np.ndarray, relevant: set[int], number: int, pool: int, rng: np.random.Generator
) -> list[int]:
    """Return the first distinct irrelevant candidates; random others where they run short."""
    chosen = list(dict.fromkeys(int(c) for c in candidates if int(c) not in relevant))[:number]
    while len(chosen) < number:
        other = int(rng.integers(pool))
        if other not in relevant and other not in chosen:
            chosen.append(other)
    return chosen


def _write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(exist_ok=True)
    with whole_file(path) as file:
        pq.write_table(
            table, file, compression="zstd", row_group_size=4096, dictionary_pagesize_limit=1 << 24
        )
