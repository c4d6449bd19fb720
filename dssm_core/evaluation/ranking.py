"""How good a ranking is, and how sure that is.

Metrics are ir-measures', on a run that was made safe first: ir-measures gives a positive scored
NaN a reciprocal rank of 1, and on a tie says rank 1 and recall@1 = 0 at once (docs/design.md,
"Measured once"). So here NaN ranks last, ties are broken against the relevant document, and
ir-measures is given ranks. Shape letters: Q queries, D documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dssm_core.evaluation.intervals import bootstrap_means

DEPTH = 100
"""Documents of a ranking that are measured; the deepest metric is recall@100."""


@dataclass(frozen=True)
class Collection:
    """What a ranking is measured on: queries, documents, which belong together.

    Attributes:
        queries: Q texts.
        documents: D texts, the candidates of every query.
        relevant: for each query, the indices of its relevant documents.
        grades: for each query, how relevant its documents are, from 1, for nDCG; those of low
            grade need not be among the relevant; all relevant ones 1 where this is empty.
        own: for each query, the document that is itself and no candidate; None for none; none
            at all where this is empty.
        query_ids: what a run file calls the queries; their positions where this is empty.
        document_ids: likewise.
    """

    queries: tuple[str, ...]
    documents: Sequence[str]
    relevant: tuple[frozenset[int], ...]
    grades: tuple[Mapping[int, int], ...] = ()
    own: tuple[int | None, ...] = ()
    query_ids: tuple[str, ...] = ()
    document_ids: Sequence[str] = ()

    @property
    def related(self) -> np.ndarray:
        """The relevant pairs, each as query * D + document, int [M]."""
        rows = enumerate(self.relevant)
        return np.array([q * len(self.documents) + d for q, of in rows for d in of], int)

    @classmethod
    def of(cls, pairs: pd.DataFrame) -> Collection:
        """Take the distinct texts of pairs; queries without any relevant document are left out.

        Args:
            pairs: columns query, document, label (1 relevant, 0 not); ids are the index where a
                text comes first, which is its line in a file that `read_pairs` read.
        """
        documents: dict[str, int] = {}
        document_ids: list[str] = []
        for line, text in zip(pairs.index, pairs["document"], strict=True):
            if documents.setdefault(text, len(documents)) == len(document_ids):
                document_ids.append(str(line))
        relevant: dict[str, set[int]] = {}
        query_ids: dict[str, str] = {}
        right = pairs[pairs["label"] == 1]
        for line, query, document in right[["query", "document"]].itertuples(name=None):
            relevant.setdefault(query, set()).add(documents[document])
            query_ids.setdefault(query, str(line))
        return cls(
            tuple(relevant),
            tuple(documents),
            tuple(map(frozenset, relevant.values())),
            query_ids=tuple(query_ids.values()),
            document_ids=tuple(document_ids),
        )

    @classmethod
    def judged(
        cls,
        queries: Mapping[str, str],
        documents: Mapping[str, str],
        judgements: Mapping[str, Mapping[str, int]],
        min_grade: int = 1,
        leave_out_own: bool = False,
    ) -> Collection:
        """Take texts and judgements by id.

        Args:
            queries: texts by id.
            documents: texts by id.
            judgements: by query that has a relevant document, its documents' grades, from 1.
            min_grade: the least grade that is relevant.
            leave_out_own: whether a document with a query's id is no candidate of that query.
        """
        places = {name: i for i, name in enumerate(documents)}
        texts, names = tuple(documents.values()), tuple(documents)
        return cls.placed(queries, texts, names, places, judgements, min_grade, leave_out_own)

    @classmethod
    def placed(
        cls,
        queries: Mapping[str, str],
        documents: Sequence[str],
        document_ids: Sequence[str],
        places: Mapping[str, int],
        judgements: Mapping[str, Mapping[str, int]],
        min_grade: int = 1,
        leave_out_own: bool = False,
    ) -> Collection:
        """Take judgements by id, as `judged`, where only some documents' places are known.

        Args:
            queries: texts by id.
            documents: D texts.
            document_ids: of these.
            places: of the documents that are judged or have a query's id.
            judgements: as for `judged`.
            min_grade: likewise.
            leave_out_own: likewise.
        """
        grades = [{places[d]: g for d, g in judged.items()} for judged in judgements.values()]
        return cls(
            tuple(queries[query] for query in judgements),
            documents,
            tuple(frozenset(d for d, g in row.items() if g >= min_grade) for row in grades),
            tuple(grades),
            tuple(map(places.get, judgements)) if leave_out_own else (),
            tuple(judgements),
            document_ids,
        )

    def candidates(self, query: int, order: np.ndarray) -> np.ndarray:
        """Return documents in their order, without the query's own."""
        own = self.own[query] if self.own else None
        return order if own is None else order[order != own]


@dataclass(frozen=True)
class Ranking:
    """What one system made of a collection.

    Attributes:
        orders: for each query its best documents, best first, at most DEPTH.
        ranks: int [Q], the rank of the best relevant document, 1 the first.
        figures: one row a query, columns MRR@10, recall@1, recall@10, recall@100, nDCG@10.
    """

    orders: tuple[np.ndarray, ...]
    ranks: np.ndarray
    figures: pd.DataFrame

    @classmethod
    def of(
        cls, collection: Collection, orders: Sequence[np.ndarray], ranks: Sequence[int]
    ) -> Ranking:
        """Measure the best documents of each query."""
        return cls(tuple(orders), np.array(ranks), _figures(collection, orders))


def rank_documents(
    scores: np.ndarray, relevant: frozenset[int], grades: Mapping[int, int] | None = None
) -> np.ndarray:
    """Return the indices of documents, best first, with all doubt against the relevant ones.

    Args:
        scores: [D], any range; NaN ranks below everything.
        relevant: indices of the relevant documents, which lose every tie.
        grades: how relevant documents are; of a tie, the higher grade loses.
    """
    worst = np.zeros(len(scores), int)
    worst[list(relevant)] = 1
    if grades:
        worst[list(grades)] = list(grades.values())
    known = np.where(np.isnan(scores), -np.inf, scores)
    return np.lexsort((worst, np.isnan(scores), -known))


Keep = Callable[[str, int, np.ndarray, np.ndarray], None]
"""(system, query, order of all documents, their scores), called for each row as it is ranked."""


def rank_systems(
    collection: Collection, rows: Iterable[Mapping[str, np.ndarray]], keep: Keep | None = None
) -> dict[str, Ranking]:
    """Rank and measure several systems in one pass, in memory of one row of each.

    Args:
        collection: Q queries, D documents.
        rows: for each query in order, each system's scores of all documents, [D].
        keep: sees each row, such as to write it to a file.
    """
    orders: dict[str, list[np.ndarray]] = {}
    ranks: dict[str, list[int]] = {}
    for query, (row, relevant) in enumerate(zip(rows, collection.relevant, strict=True)):
        for system, scores in row.items():
            grades = collection.grades[query] if collection.grades else None
            order = rank_documents(np.asarray(scores, dtype=np.float64), relevant, grades)
            order = collection.candidates(query, order)
            orders.setdefault(system, []).append(order[:DEPTH])
            ranks.setdefault(system, []).append(int(np.isin(order, list(relevant)).argmax()) + 1)
            if keep:
                keep(system, query, order, scores)
    return {system: Ranking.of(collection, tops, ranks[system]) for system, tops in orders.items()}


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
    return rank_systems(collection, ({"": row} for row in rows))[""].figures


def _figures(collection: Collection, orders: Sequence[np.ndarray]) -> pd.DataFrame:
    import ir_measures
    from ir_measures import RR, R, nDCG

    found = {"MRR@10": RR @ 10, "recall@1": R @ 1, "recall@10": R @ 10, "recall@100": R @ 100}
    run = {
        str(query): {str(d): float(DEPTH - above) for above, d in enumerate(order)}
        for query, order in enumerate(orders)
    }
    relevant = [dict.fromkeys(documents, 1) for documents in collection.relevant]
    frame = pd.DataFrame(0.0, index=range(len(collection.queries)), columns=[*found, "nDCG@10"])
    for measures, grades in (
        (found, relevant),
        ({"nDCG@10": nDCG @ 10}, collection.grades or relevant),
    ):
        qrels = {str(i): {str(d): g for d, g in row.items()} for i, row in enumerate(grades)}
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
    table = values.to_numpy()
    low, high = np.quantile(bootstrap_means(table, seed, resamples), [0.025, 0.975], axis=0)
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
    extreme = 0
    for start in range(0, flips, 1000):  # all at once would be 10,000 numbers a query
        size = min(1000, flips - start), len(difference)
        signs = rng.integers(0, 2, size, dtype=np.int8) * 2 - 1
        extreme += int((np.abs(signs @ difference) >= abs(difference.sum()) - 1e-12).sum())
    return (extreme + 1) / (flips + 1)
