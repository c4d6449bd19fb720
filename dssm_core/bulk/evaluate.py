"""A judged collection that no memory holds, measured shard by shard: the figures of `evaluate`.

1. The documents are cut into shards (`cut`), encoded (`encode`), and their stems counted (`stems`).
2. Every query's best documents of each shard (`score`), merged (`merge`).
3. Where a query's best relevant document is not among them, what stands above it is counted.

Each step is a task a shard, each task writes whole files, and what is there is not made again. In
memory are the queries, the documents that are judged or ranked first, and one shard a worker.
Shape letters: Q queries, N pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dssm_core.bulk.asked import Asked, asked_at
from dssm_core.bulk.cut import Cut, cut_texts, read_shard, texts_at
from dssm_core.bulk.encode import SHARD, EncodeShard, vectors_path
from dssm_core.bulk.merge import PART, Merge
from dssm_core.bulk.score import NOTHING, Scores
from dssm_core.bulk.vectors import read_vectors
from dssm_core.corpus.judged import Judged, read_judgements
from dssm_core.corpus.markup import markup_spans
from dssm_core.corpus.shards import claim_folder, file_digest
from dssm_core.corpus.texts import Texts, open_texts, read_texts
from dssm_core.engines import LOCAL, Engine
from dssm_core.errors import UserError
from dssm_core.evaluation import (
    BLOCK,
    DEPTH,
    Collection,
    Encoded,
    Fusion,
    Ranking,
    Traits,
    cosines_between,
    describe,
)
from dssm_core.files import whole_file
from dssm_core.folder import ModelFolder
from dssm_core.numeric import l2_normalise
from dssm_core.process import use_one_thread
from dssm_core.runtimes.load import towers_at


@dataclass(frozen=True)
class Files:
    """The files of a judged collection, and how they are read.

    Attributes:
        qrels: its judgements.
        queries: its queries by id.
        corpus: its documents by id.
        min_grade: the least grade that is relevant.
        leave_out_own: whether a document with a query's id is no candidate of that query.
        clean: what is done to each text.
    """

    qrels: Path
    queries: Path
    corpus: Path
    min_grade: int = 1
    leave_out_own: bool = False
    clean: Callable[[str], str] | None = None


@dataclass(frozen=True)
class Measured:
    """What was measured on what.

    Attributes:
        metrics: as `evaluate_collection`, to the last digit.
        judged: the collection, of whose documents it has those that are judged.
        html: texts with tags or entities of HTML.
    """

    metrics: dict[str, Any]
    judged: Judged
    html: int


class Everything:
    """A container of all there is: ids that are checked later."""

    def __contains__(self, one: object) -> bool:
        """Return True."""
        return True


class Sparse(Sequence[str]):
    """Texts of a whole corpus of which only some are in memory."""

    def __init__(self, number: int, known: Mapping[int, str]) -> None:
        self._number, self._known = number, known

    def __len__(self) -> int:
        return self._number

    def __getitem__(self, place: Any) -> Any:
        return self._known[int(place)]


@dataclass(frozen=True)
class SomeFacts:
    """What was read of some documents, as `slices.Facts`."""

    words: Some
    truncated: Some


class Some:
    """Numbers of some documents, by their places in the corpus."""

    def __init__(self, places: np.ndarray, numbers: np.ndarray) -> None:
        self._places, self._numbers = places, numbers

    def __getitem__(self, places: np.ndarray) -> np.ndarray:
        found: np.ndarray = self._numbers[np.searchsorted(self._places, places)]
        return found


def evaluate_files(
    files: Files,
    models: Mapping[str, ModelFolder],
    work: Path,
    seed: int = 0,
    fusion: Fusion | None = None,
    log: Callable[[str], None] = print,
    engine: Engine = LOCAL,
    shard: int = SHARD,
) -> Measured:
    """Measure models and BM25 on a collection that may not fit into memory.

    Args:
        files: the collection.
        models: "model" first, then its rivals by name.
        work: folder for the shards, which may be removed afterwards. Workers on other machines must
            see it, and the model folders, under the same names.
        seed: of the bootstrap and of the sampled negatives.
        fusion: a weighted sum; reciprocal ranks need the whole ranking.
        log: called with a line for people.
        engine: runs the tasks; the figures do not depend on it.
        shard: documents of a shard, a multiple of BLOCK.

    Raises:
        UserError: if the collection cannot be read, nothing in it is relevant, or `work` has
            another run.
    """
    if fusion and fusion.method != "bm25":
        raise UserError("evaluate.whole ranking")
    if shard % BLOCK:
        raise ValueError(f"a shard of {shard} is no multiple of {BLOCK}")
    use_one_thread()
    claim_folder(work, _run(files, models, fusion, shard))
    work = work.resolve()
    judged, cut = _read(files, work, shard)
    collection = _collection(files, judged, cut)
    if not collection.queries:
        raise UserError("evaluate.no relevant pairs", f"{cut.number:,}")
    parts = range(-(-cut.number // shard))
    names = {name: f"model-{i}" for i, name in enumerate(models)}
    scores = Scores(work, names, shard, fusion)
    asked = _prepare(collection, models, scores)
    for name, folder in models.items():
        task = EncodeShard(
            folder.path.resolve(), work / "texts", work / names[name], "document", "float32", False
        )
        missing = [n for n in parts if not vectors_path(work / names[name], n).exists()]
        for n in engine.map(task, missing):
            log(f"{folder.name}: {n + 1}/{len(parts)} shards of documents encoded")
    stems = scores.stems
    for n in engine.map(stems.count, [n for n in parts if not stems.path(n).exists()]):
        log(f"BM25: {n + 1}/{len(parts)} shards counted")
    stems.add_up(parts)
    missing = [n for n in parts if not scores.is_found(n)]
    for n in engine.map(scores.search, missing):
        log(f"{n + 1}/{len(parts)} shards of documents ranked")
    rankings = _rankings(collection, scores, len(parts), log, engine)
    collection = _with_firsts(collection, rankings, work / "texts", shard)
    holding = dict(
        zip(asked_at(work / "asked.json").content, stems.read_totals().content, strict=True)
    )
    needed = sorted(frozenset().union(*collection.relevant))
    facts = _facts(np.array(needed), work / "model-0", shard)
    traits = Traits.of(collection, asked["model"], facts, holding)
    cosines = _PairCosines(work / "model-0", shard, engine)
    head = towers_at(models["model"].path.resolve())
    metrics = describe(collection, rankings, traits, cosines, head, seed, fusion)
    html = cut.html + sum(bool(markup_spans(query)) for query in collection.queries)
    return Measured(metrics, judged, html)


def _run(
    files: Files, models: Mapping[str, ModelFolder], fusion: Fusion | None, shard: int
) -> dict[str, Any]:
    """Return all that the files in the folder depend on."""
    for path in (files.qrels, files.queries, files.corpus):
        if not path.is_file():
            raise UserError("file.missing", name=str(path))
    return {
        "files": [file_digest(path) for path in (files.qrels, files.queries, files.corpus)],
        "min_grade": files.min_grade,
        "leave_out_own": files.leave_out_own,
        "is_cleaned": files.clean is not None,
        "models": [folder.fingerprint for folder in models.values()],
        "fusion": asdict(fusion) if fusion else None,
        "shard": shard,
    }


def _read(files: Files, work: Path, shard: int) -> tuple[Judged, Cut]:
    """Read queries and judgements, cut the corpus, and keep the texts of what is judged."""
    if files.min_grade < 1:
        raise UserError("trec.wrong least", str(files.min_grade))
    asked = read_texts(files.queries, "query")
    judgements = read_judgements(files.qrels, asked.texts, Everything())
    wanted = {document for row in judgements.grades.values() for document in row}
    cut = cut_texts(
        *(files.corpus, "document", work / "texts", shard, wanted | set(asked.texts)),
        *(files.clean, open_texts),
    )
    read_judgements(files.qrels, asked.texts, cut.places)  # names the one that is not there
    found = texts_at(work / "texts", shard, cut.places.values())
    texts = {name: found[place][1] for name, place in cut.places.items()}
    documents = Texts(files.corpus.name, texts, cut.layout, cut.columns, cut.encoding, cut.number)
    return Judged(asked, documents, judgements, files.min_grade, files.leave_out_own), cut


def _collection(files: Files, judged: Judged, cut: Cut) -> Collection:
    queries = judged.queries.texts
    if files.clean:
        queries = {name: files.clean(text) for name, text in queries.items()}
    texts = {cut.places[name]: text for name, text in judged.documents.texts.items()}
    return Collection.placed(
        *(queries, Sparse(cut.number, texts), (), cut.places, judged.grades),
        *(judged.min_grade, judged.leave_out_own),
    )


def _prepare(
    collection: Collection, models: Mapping[str, ModelFolder], scores: Scores
) -> dict[str, Encoded]:
    """Write what the workers need to know of the queries; return how each model reads them."""
    Asked.write(scores.work / "asked.json", collection)
    asked_at.cache_clear()
    (scores.work / "stems").mkdir(exist_ok=True)
    (scores.work / "found").mkdir(exist_ok=True)
    found = {}
    for name, folder in models.items():
        out = scores.work / scores.models[name]
        out.mkdir(exist_ok=True)
        found[name] = Encoded.of(towers_at(folder.path.resolve()), collection.queries, "query")
        with whole_file(out / "queries.npy") as file:
            np.save(file, l2_normalise(found[name].vectors), allow_pickle=False)
    return found


def _rankings(
    collection: Collection,
    scores: Scores,
    shards: int,
    log: Callable[[str], None],
    engine: Engine,
) -> dict[str, Ranking]:
    """Merge what was found in the shards, and count where that is not enough for a rank."""
    merge = Merge(scores, shards)
    parts = range(-(-len(collection.queries) // PART))
    list(engine.map(merge, [part for part in parts if not merge.path(part).exists()]))
    merged = [merge.read(part) for part in parts]
    orders, ranks, wanted = {}, {}, {}
    for name in scores.systems:
        best = np.concatenate([part[name] for part in merged])
        orders[name] = [
            row["document"][row["document"] < NOTHING["document"]] for row in best[:, :DEPTH]
        ]
        relevant = best[:, DEPTH].copy()
        is_best = best[:, :DEPTH]["document"] == relevant["document"][:, None]
        ranks[name] = is_best.argmax(1) + 1
        relevant["document"][is_best.any(1)] = -1
        wanted[name] = relevant
    if any((row["document"] >= 0).any() for row in wanted.values()):
        with whole_file(scores.wanted_path) as file:
            np.savez(file, allow_pickle=False, **wanted)
        missing = [n for n in range(shards) if not scores.above_path(n).exists()]
        for n in engine.map(scores.count, missing):
            log(f"{n + 1}/{shards} shards: what stands above the relevant documents counted")
        for n in range(shards):
            with np.load(scores.above_path(n), allow_pickle=False) as above:
                for name, relevant in wanted.items():
                    ranks[name] += np.where(relevant["document"] >= 0, above[name], 0)
    return {name: Ranking.of(collection, orders[name], ranks[name]) for name in scores.systems}


def _with_firsts(
    collection: Collection, rankings: Mapping[str, Ranking], texts: Path, shard: int
) -> Collection:
    """Return the collection with the texts of what is relevant or ranked first."""
    needed = set().union(*collection.relevant)
    needed |= {int(order[0]) for order in rankings["model"].orders}
    found = {place: text for place, (_, text) in texts_at(texts, shard, needed).items()}
    return replace(collection, documents=Sparse(len(collection.documents), found))


def _facts(places: np.ndarray, folder: Path, shard: int) -> SomeFacts:
    """Return what the model read of the documents at some places."""
    words, truncated = (np.zeros(len(places), np.int64) for _ in range(2))
    for part in np.unique(places // shard).tolist():
        here = places // shard == part
        found = read_shard(vectors_path(folder, part), ("words", "truncated"))
        words[here], truncated[here] = (
            found[name].to_numpy()[places[here] - part * shard] for name in found.column_names
        )
    return SomeFacts(Some(places, words), Some(places, truncated))


@dataclass(frozen=True)
class _PairCosines:
    """The cosines of pairs, each shard's read once; the task of a shard is `of_shard`.

    Attributes:
        folder: of a model's vectors.
        shard: documents of a shard.
        engine: runs the tasks.
    """

    folder: Path
    shard: int
    engine: Engine

    def __call__(self, queries: np.ndarray, documents: np.ndarray) -> np.ndarray:
        """Return the cosine of each pair, float64 [N]."""
        order = np.argsort(documents, kind="stable")
        parts, starts = np.unique(documents[order] // self.shard, return_index=True)
        members = np.split(order, starts[1:])
        task = ShardCosines(self.folder, self.shard)
        tasks = [
            (part, queries[rows], documents[rows])
            for part, rows in zip(parts.tolist(), members, strict=True)
        ]
        values = np.empty(len(queries))
        for rows, found in zip(members, self.engine.map(task, tasks), strict=True):
            values[rows] = found
        return values


@dataclass(frozen=True)
class ShardCosines:
    """The task of one shard: the cosines of pairs whose documents it has.

    Attributes:
        folder: of a model's vectors.
        shard: documents of a shard.
    """

    folder: Path
    shard: int

    def __call__(self, task: tuple[int, np.ndarray, np.ndarray]) -> np.ndarray:
        """Return the cosines of the pairs of a shard, of queries and documents by their places."""
        part, queries, documents = task
        asked = np.load(self.folder / "queries.npy", mmap_mode="r", allow_pickle=False)
        vectors = read_vectors(self.folder, part).vectors
        return cosines_between(asked, vectors, queries, documents - part * self.shard)
