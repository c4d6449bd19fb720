"""Negatives mined in a whole corpus: the documents that BM25 or a model ranks highest.

1. Corpus and queries are cut into shards; what scores need is computed once and kept on disk: a
   model's vectors, or the counts of stems (`vectors`, `stems`).
2. For each shard of the corpus, the best documents of every pair (`search`). Left out are a query's
   relevant documents, and what scores as high as the pair's own document, or nearly: it is likely
   to be relevant, only nobody labelled it so.
3. For each shard of pairs, a heap merges the shards of the corpus (`merge`), and the negatives are
   written, in the form of `prepare_negatives`.

Each step is a task a shard, each task writes whole files, and what is there is not made again.

Source: Moreira et al. 2024, "NV-Retriever": positive-aware mining, with a share of the positive's
score as the limit (TopK-PercPos, 95 %).
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from dssm_core.corpus.negatives import STRATEGIES, Strategy, describe_run
from dssm_core.corpus.pair_index import Counts, PairIndex, build_index
from dssm_core.corpus.pairs import stream_pairs
from dssm_core.corpus.reading import Choices
from dssm_core.corpus.shards import INDEX, MANIFEST, claim_folder, finish_folder
from dssm_core.engines import LOCAL, Engine
from dssm_core.errors import UserError
from dssm_core.files import write_whole
from dssm_core.folder import ModelFolder
from dssm_core.mining.merge import Merge, worst_suspects
from dssm_core.mining.search import SUSPECTS, Scorer, Search
from dssm_core.mining.stems import StemScores
from dssm_core.mining.vectors import Cosines

MINED: tuple[Strategy, ...] = ("bm25", "model")

WORK, SUSPECTS_FILE = "mining", "suspects.jsonl"

SPARE = 3
"""With a judge, so many times as many candidates as negatives are searched for."""


@dataclass(frozen=True)
class MiningConfig:
    """How negatives are mined; the same values give the same bytes.

    Attributes:
        number: negatives of each relevant pair, at least 1.
        strategy: "bm25" or "model".
        seed: of what is drawn at random where a pair's candidates run short.
        epochs: draws; each takes the next best `number`.
        shard: relevant pairs in a file.
        corpus_shard: documents of a shard.
        relative_margin: m, in [0, 1]: a document that scores above (1 - m) times the pair's own
            document is left out; None keeps all.
        skip_top: so many of the best documents, the relevant ones aside, are left out.
    """

    number: int = 10
    strategy: Strategy = "model"
    seed: int = 0
    epochs: int = 1
    shard: int = 20_000
    corpus_shard: int = 20_000
    relative_margin: float | None = 0.05
    skip_top: int = 0

    def __post_init__(self) -> None:
        for name in ("number", "epochs", "shard", "corpus_shard"):
            if getattr(self, name) < 1:
                raise UserError("negatives.below 1", str(getattr(self, name)), name=name)
        if self.strategy not in MINED:
            raise UserError(
                "negatives.no such strategy", self.strategy, names=", ".join(STRATEGIES)
            )
        if self.relative_margin is not None and not 0 <= self.relative_margin <= 1:
            raise UserError("mining.margin", str(self.relative_margin))
        if self.skip_top < 0:
            raise UserError("mining.skip", str(self.skip_top))


def mine_negatives(
    pairs: Path,
    out: Path,
    config: MiningConfig,
    model: ModelFolder | None = None,
    judge: ModelFolder | None = None,
    log: Callable[[str], None] = print,
    choices: Choices | None = None,
    engine: Engine = LOCAL,
) -> dict[str, Any]:
    """Write shards of (query, document, negatives), resuming a run that was cut off.

    Args:
        pairs: file of query, document[, label]; the corpus are all its documents.
        out: folder to write into, as `prepare_negatives`; also suspects.jsonl, the likeliest false
            negatives as pairs labelled 0. Workers on other machines must see it, and the model
            folders, under the same names.
        config: how negatives are mined.
        model: the model of the strategy "model".
        judge: another encoder; what it scores near the pair's own document is left out, too.
        log: called with a line for people after each shard.
        choices: what a person says of the file.
        engine: runs the tasks; the bytes do not depend on it.

    Returns:
        The manifest: config, input's SHA-256, pairs, documents, shards, and what was left out.

    Raises:
        UserError: if the pairs cannot be read, `out` holds another run, there are too few
            documents, or a file on disk is damaged.
    """
    if config.strategy == "model" and model is None:
        raise UserError("prepare.no model")
    ranker = " ".join(folder.fingerprint for folder in (model, judge) if folder is not None)
    run = describe_run(pairs, asdict(config), ranker, choices)
    claim_folder(out, run)
    if (out / MANIFEST).exists():
        manifest: dict[str, Any] = json.loads((out / MANIFEST).read_text("utf-8"))
        return manifest
    out = out.resolve()
    work = out / WORK
    work.mkdir(exist_ok=True)
    counts = _index(pairs, out / INDEX, config.number, log, choices)
    scorer, second = _scorers(config, out, model, judge)
    depth = config.number * config.epochs * (SPARE if judge else 1) + config.skip_top
    search = Search(
        out / INDEX,
        work,
        scorer,
        counts.pairs,
        config.shard,
        config.corpus_shard,
        depth,
        config.relative_margin,
    )
    shards = -(-counts.documents // config.corpus_shard)
    merge = Merge(
        search, out, shards, config.number, config.epochs, config.seed, config.skip_top, second
    )
    _run(search, merge, engine, log)
    left_out = _left_out(merge, -(-counts.pairs // config.shard))
    left_out["equal documents"] = counts.rows - counts.documents
    _write_suspects(search, shards, out / SUSPECTS_FILE)
    facts = {"pairs": counts.pairs, "documents": counts.documents, "left out": left_out}
    manifest = finish_folder(out, run, facts)
    shutil.rmtree(work)
    return manifest


def _index(
    pairs: Path, path: Path, number: int, log: Callable[[str], None], choices: Choices | None
) -> Counts:
    """Index the pairs, and see that there are negatives to be found."""
    build_index(partial(stream_pairs, pairs, choices), path, log)
    with PairIndex.open(path) as index:
        counts, most = index.counts(), index.most_relevant()
    if not counts.pairs:
        raise UserError("negatives.no pairs", name=pairs.name)
    if counts.documents - most < number:
        raise UserError(
            "negatives.too few documents",
            documents=counts.documents,
            relevant=most,
            number=number,
        )
    return counts


def _scorers(
    config: MiningConfig, out: Path, model: ModelFolder | None, judge: ModelFolder | None
) -> tuple[Scorer, Scorer | None]:
    """Return what ranks the documents, and what judges those that it ranks highest."""

    def cosines(folder: ModelFolder, name: str) -> Scorer:
        work = out / WORK / name
        return Cosines(folder.path.resolve(), out / INDEX, work, config.corpus_shard)

    if config.strategy == "bm25" or model is None:
        scorer: Scorer = StemScores(out / INDEX, out / WORK / "bm25", config.corpus_shard)
    else:
        scorer = cosines(model, "model")
    return scorer, None if judge is None else cosines(judge, "judge")


def _run(search: Search, merge: Merge, engine: Engine, log: Callable[[str], None]) -> None:
    """Run all tasks that are not done, one kind after the other."""
    search.scorer.prepare(engine, log)
    if merge.judge is not None:
        merge.judge.prepare(engine, log)
    files = range(-(-search.pairs // search.shard))
    corpus = range(merge.shards)
    list(engine.map(search.score_own, [n for n in files if not search.own_path(n).exists()]))
    for n in engine.map(search.search, [n for n in corpus if not search.found_path(n).exists()]):
        log(f"{n + 1}/{len(corpus)} shards of documents searched")
    for n in engine.map(merge.merge, [n for n in files if not merge.counts_path(n).exists()]):
        log(f"{n + 1}/{len(files)} shards of pairs written")


def _left_out(merge: Merge, files: int) -> dict[str, int]:
    """Return how many candidates were left out for each reason, over all files of pairs."""
    total: Counter[str] = Counter()
    for part in range(files):
        total.update(json.loads(merge.counts_path(part).read_text("utf-8")))
    return dict(sorted(total.items()))


def _write_suspects(search: Search, shards: int, path: Path) -> None:
    """Write the likeliest false negatives as a file of pairs, the worst first.

    As JSON, which no spreadsheet takes for formulas, so that the texts stay as they are.
    """
    name = search.scorer.name
    lines = []
    seen: set[tuple[int, int]] = set()
    with PairIndex.open(search.index) as index:
        for row in islice(worst_suspects(search, shards), SUSPECTS):
            (pair,) = index.pairs(int(row["place"]), 1)
            key = pair.query_id, int(row["document"])
            if key not in seen:
                ((document, _),) = index.counted([key[1]])
                suspect = {
                    "query": pair.query,
                    "document": document,
                    "label": 0,
                    name: round(row["score"], 4),
                    "own document": pair.document,
                    f"own {name}": round(row["own"], 4),
                }
                lines.append(json.dumps(suspect, ensure_ascii=False) + "\n")
            seen.add(key)
    write_whole(path, "".join(lines).encode())
