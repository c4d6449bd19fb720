"""How good a ranking is, and whether its probabilities mean something; BM25 beside it.

Metrics are ir-measures', on a run that was made safe first: ir-measures gives a positive scored
NaN a reciprocal rank of 1, and on a tie says rank 1 and recall@1 = 0 at once (DESIGN.md section
6), so here NaN ranks last, ties are broken against the relevant document, and what it gets is
ranks. Shape letters: Q queries, D documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dssm_core.errors import UserError
from dssm_core.towers import Towers

DEPTH = 100
"""Documents of a ranking that are kept; the deepest metric is recall@100."""


@dataclass(frozen=True)
class Collection:
    """What a ranking is measured on: distinct queries, distinct documents, which belong together.

    Attributes:
        queries: Q texts.
        documents: D texts, the candidates of every query.
        relevant: for each query, the indices of its relevant documents.
    """

    queries: tuple[str, ...]
    documents: tuple[str, ...]
    relevant: tuple[frozenset[int], ...]

    @classmethod
    def of(cls, pairs: pd.DataFrame) -> Collection:
        """Take the distinct texts of pairs; queries without any relevant document are left out.

        Args:
            pairs: columns query, document, label (1 relevant, 0 not).
        """
        documents = {text: i for i, text in enumerate(dict.fromkeys(pairs["document"]))}
        relevant: dict[str, set[int]] = {}
        kept = pairs[pairs["label"] == 1]
        for query, document in zip(kept["query"], kept["document"], strict=True):
            relevant.setdefault(query, set()).add(documents[document])
        return cls(tuple(relevant), tuple(documents), tuple(map(frozenset, relevant.values())))


def rank_documents(scores: np.ndarray, relevant: frozenset[int]) -> np.ndarray:
    """Return the indices of documents, best first, with all doubt against the relevant ones.

    Args:
        scores: [D], any range; NaN ranks below everything.
        relevant: indices of the relevant documents, which lose every tie.
    """
    worst = np.zeros(len(scores), bool)
    worst[list(relevant)] = True
    known = np.where(np.isnan(scores), -np.inf, scores)
    return np.lexsort((worst, np.isnan(scores), -known))


def evaluate_run(
    collection: Collection, rows: Iterator[np.ndarray] | Sequence[np.ndarray]
) -> pd.DataFrame:
    """Measure one system on a collection.

    Args:
        collection: Q queries, D documents.
        rows: for each query in order, its scores of all documents, [D].

    Returns:
        One row a query, columns MRR@10, recall@1, recall@10, recall@100, nDCG@10, in [0, 1].
    """
    import ir_measures
    from ir_measures import RR, R, nDCG

    measures = {
        "MRR@10": RR @ 10,
        "recall@1": R @ 1,
        "recall@10": R @ 10,
        "recall@100": R @ 100,
        "nDCG@10": nDCG @ 10,
    }
    run: dict[str, dict[str, float]] = {}
    for index, (scores, relevant) in enumerate(zip(rows, collection.relevant, strict=True)):
        order = rank_documents(np.asarray(scores, dtype=np.float64), relevant)[:DEPTH]
        run[str(index)] = {str(d): float(DEPTH - place) for place, d in enumerate(order)}
    qrels = {str(i): dict.fromkeys(map(str, r), 1) for i, r in enumerate(collection.relevant)}
    frame = pd.DataFrame(0.0, index=range(len(collection.queries)), columns=list(measures))
    names = {measure: name for name, measure in measures.items()}
    for value in ir_measures.iter_calc(list(measures.values()), qrels, run):
        frame.loc[int(value.query_id), names[value.measure]] = value.value
    return frame


def summarise(
    values: pd.DataFrame, seed: int = 0, resamples: int = 1000
) -> dict[str, dict[str, float]]:
    """Return each metric's mean and its bootstrap 95 % interval over queries.

    Args:
        values: one row a query, as `evaluate_run` returns.
        seed: of the resampling.
        resamples: bootstrap samples.

    Returns:
        {metric: {"mean", "low", "high"}}.
    """
    rng = np.random.default_rng(seed)
    table = values.to_numpy()
    drawn = np.stack(
        [table[rng.integers(len(table), size=len(table))].mean(0) for _ in range(resamples)]
    )
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return {
        name: {"mean": float(table[:, i].mean()), "low": float(low[i]), "high": float(high[i])}
        for i, name in enumerate(values.columns)
    }


def paired_p_value(one: np.ndarray, other: np.ndarray, seed: int = 0, flips: int = 10_000) -> float:
    """Return the two-sided p-value that two systems differ, by flipping signs per query.

    Args:
        one: a metric per query, [Q].
        other: the same queries' metric of the other system, [Q].
        seed: of the flips.
        flips: random sign assignments.

    Source: Smucker et al. 2007, "A comparison of statistical significance tests for IR".
    """
    difference = np.asarray(one) - np.asarray(other)
    rng = np.random.default_rng(seed)
    signs = rng.integers(0, 2, (flips, len(difference)), dtype=np.int8) * 2 - 1
    extreme = np.abs(signs @ difference) >= abs(difference.sum()) - 1e-12
    return float((extreme.sum() + 1) / (flips + 1))


def bm25_rows(queries: Sequence[str], documents: Sequence[str]) -> Iterator[np.ndarray]:
    """Yield each query's BM25 scores [D]: bm25s, English stop words and Snowball stemmer."""
    index = _bm25(documents)
    for tokens in _bm25_tokens(queries, ids=False):
        yield index.get_scores(tokens) if tokens else np.zeros(len(documents), np.float32)


def bm25_nearest(queries: Sequence[str], documents: Sequence[str], number: int) -> np.ndarray:
    """Return each query's best documents by BM25, int [Q, number]."""
    tokens = _bm25_tokens(queries, ids=False)
    return _bm25(documents).retrieve(
        tokens, k=number, return_as="documents", show_progress=False, sorted=True
    )


def cosine_nearest(towers: Towers) -> Callable[[Sequence[str], Sequence[str], int], np.ndarray]:
    """Return a function to each query's best documents by a model's cosine, int [Q, number]."""

    def nearest(queries: Sequence[str], documents: Sequence[str], number: int) -> np.ndarray:
        found = towers.encode(documents, "document")
        rows = cosine_rows(
            np.stack([query.vector for query in towers.encode(queries, "query")]),
            np.stack([document.vector for document in found]),
            np.array([document.is_readable for document in found]),
        )
        return np.stack([rank_documents(row, frozenset())[:number] for row in rows])

    return nearest


def _bm25(documents: Sequence[str]) -> Any:
    import bm25s

    index, tokens = bm25s.BM25(), _bm25_tokens(documents, ids=True)
    if not any(tokens.ids):  # bm25s divides by the mean length
        tokens = [["no word"]] * len(documents)
    index.index(tokens, show_progress=False)
    return index


def _bm25_tokens(texts: Sequence[str], ids: bool) -> Any:
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("english")
    return bm25s.tokenize(
        list(texts), stopwords="en", stemmer=stemmer, return_ids=ids, show_progress=False
    )


def cosine_rows(
    queries: np.ndarray, documents: np.ndarray, readable: np.ndarray, block: int = 256
) -> Iterator[np.ndarray]:
    """Yield each query's cosines [D], NaN for documents that the model cannot read.

    Args:
        queries: vectors [Q, E].
        documents: vectors [D, E].
        readable: bool [D].
        block: queries multiplied at a time.
    """
    documents = _unit(documents)
    for start in range(0, len(queries), block):
        cosines = _unit(queries[start : start + block]) @ documents.T  # [block, D]
        cosines[:, ~readable] = np.nan
        yield from cosines


def fused_rows(
    one: Iterator[np.ndarray], other: Iterator[np.ndarray], constant: int = 60
) -> Iterator[np.ndarray]:
    """Yield reciprocal rank fusion of two systems' scores.

    Source: Cormack et al. 2009, "Reciprocal rank fusion outperforms Condorcet".
    """
    for pair in zip(one, other, strict=True):
        yield sum(1.0 / (constant + _worst_ranks(scores)) for scores in pair)  # type: ignore[misc]


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the chance that a relevant pair scores above an irrelevant one, ties counted half.

    Args:
        scores: [N], any range; NaN counts as the lowest of relevant and the highest of others.
        labels: [N], 1 or 0, both present.

    Returns:
        in [0, 1]; 0.5 tells nothing, below it the scores rank backwards.
    """
    relevant = np.asarray(labels) == 1
    worst = np.where(relevant, -np.inf, np.inf)
    ranks = pd.Series(np.where(np.isnan(scores), worst, scores)).rank().to_numpy()
    number = int(relevant.sum())
    above = ranks[relevant].sum() - number * (number + 1) / 2
    return float(above / (number * (len(ranks) - number)))


def calibration(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> pd.DataFrame:
    """Return the reliability table: per bin of equal width, mean probability and share relevant.

    Args:
        probabilities: [N] in [0, 1].
        labels: [N], 1 or 0.
        bins: of equal width over [0, 1].

    Returns:
        One row a bin that holds pairs: start, end, probability, relevant, pairs.

    Raises:
        ValueError: if a probability is NaN.
    """
    if np.isnan(probabilities).any():
        raise ValueError("calibration needs numbers: a probability is NaN")
    place = np.minimum((np.asarray(probabilities) * bins).astype(int), bins - 1)
    frame = pd.DataFrame({"bin": place, "probability": probabilities, "relevant": labels})
    table = frame.groupby("bin").agg(
        probability=("probability", "mean"), relevant=("relevant", "mean"), pairs=("bin", "size")
    )
    table.insert(0, "start", table.index / bins)
    table.insert(1, "end", (table.index + 1) / bins)
    return table.reset_index(drop=True)


def calibration_error(table: pd.DataFrame) -> float:
    """Return the expected calibration error of a reliability table, in [0, 1].

    Source: Naeini et al. 2015, "Obtaining well calibrated probabilities using Bayesian binning".
    """
    gap = (table["probability"] - table["relevant"]).abs()
    return float((gap * table["pairs"]).sum() / table["pairs"].sum())


def sample_pairs(
    collection: Collection, negatives: int = 10, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw pairs to calibrate on: every relevant pair, and so many random others to each.

    Args:
        collection: Q queries, D documents, more of them than any query has relevant ones.
        negatives: documents drawn to each relevant pair, never a relevant one of its query.
        seed: of the draw.

    Returns:
        query indices, document indices, labels; [N] each.
    """
    rng = np.random.default_rng(seed)
    queries, documents, labels = [], [], []
    for query, relevant in enumerate(collection.relevant):
        others = np.setdiff1d(np.arange(len(collection.documents)), list(relevant))
        for document in sorted(relevant):
            drawn = rng.choice(others, min(negatives, len(others)), replace=False)
            queries += [query] * (1 + len(drawn))
            documents += [document, *drawn]
            labels += [1] + [0] * len(drawn)
    return np.array(queries), np.array(documents), np.array(labels)


def evaluate_towers(
    towers: Towers, pairs: pd.DataFrame, seed: int = 0, bm25: bool = True
) -> dict[str, Any]:
    """Measure a model and BM25 on the same pairs in the same run.

    Args:
        towers: the model.
        pairs: columns query, document, label; every document is every query's candidate.
        seed: of the bootstrap and of the sampled negatives.
        bm25: whether BM25 and the fusion with it are measured too.

    Returns:
        queries, documents; systems: {name: {metric: {mean, low, high}}}; p_value of model
        against BM25 on MRR@10; calibration: {negatives, error, table}.

    Raises:
        UserError: if no pair is labelled 1.
    """
    collection = Collection.of(pairs)
    if not collection.queries:
        raise UserError(
            "There are no relevant pairs to measure on",
            f"{len(pairs):,} rows, none labelled 1",
            "Label with 1 the documents that belong to their query.",
        )
    queries = towers.encode(collection.queries, "query")
    documents = towers.encode(collection.documents, "document")
    readable = np.array([d.is_readable for d in documents])
    vectors = np.stack([q.vector for q in queries]), np.stack([d.vector for d in documents])
    runs = {"model": evaluate_run(collection, cosine_rows(*vectors, readable))}
    if bm25:
        texts = collection.queries, collection.documents
        runs["BM25"] = evaluate_run(collection, bm25_rows(*texts))
        fused = fused_rows(cosine_rows(*vectors, readable), bm25_rows(*texts))
        runs["model + BM25"] = evaluate_run(collection, fused)
    result: dict[str, Any] = {
        "queries": len(collection.queries),
        "documents": len(collection.documents),
        "systems": {name: summarise(run, seed) for name, run in runs.items()},
    }
    if bm25:
        result["p_value"] = paired_p_value(
            runs["model"]["MRR@10"].to_numpy(), runs["BM25"]["MRR@10"].to_numpy(), seed
        )
    cosines, labels = pair_cosines(collection, *vectors, seed=seed)
    logits = towers.scale * cosines + towers.bias
    probabilities = (1 + np.tanh(logits / 2)) / 2  # the sigmoid, which e^-logit would overflow
    table = calibration(probabilities, labels)
    result["calibration"] = {
        "negatives": 10,
        "error": calibration_error(table),
        "table": table.to_dict("records"),
    }
    return result


def pair_cosines(
    collection: Collection, queries: np.ndarray, documents: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosines and labels, [N] each, of the pairs that `sample_pairs` draws."""
    query, document, labels = sample_pairs(collection, seed=seed)
    return (_unit(queries)[query] * _unit(documents)[document]).sum(1), labels


def _unit(vectors: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1)


def _worst_ranks(scores: np.ndarray) -> np.ndarray:
    """Return each document's rank, 1 the best, tied ones all the worst of their ranks."""
    known = np.where(np.isnan(scores), -np.inf, scores)
    return len(known) - np.searchsorted(np.sort(known), known, side="left")
