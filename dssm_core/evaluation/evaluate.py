"""A whole evaluation: models, BM25 and their fusion on the same queries in the same pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from dssm_core.errors import UserError
from dssm_core.evaluation.cosines import Encoded, cosine_rows, cosines_between
from dssm_core.evaluation.lexical import BM25, WEIGHT, blend, fuse_ranks
from dssm_core.evaluation.probabilities import (
    NEGATIVES,
    hardest_pairs,
    reliability,
    sample_pairs,
)
from dssm_core.evaluation.ranking import (
    Collection,
    Keep,
    Ranking,
    evaluate_run,
    paired_p_value,
    rank_systems,
    summarise,
)
from dssm_core.evaluation.slices import Traits, slice_figures, telling_columns, worst_errors
from dssm_core.numeric import l2_normalise
from dssm_core.towers import Towers

FUSED = "model + BM25"

PairCosines = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From the indices of queries and of documents, [N] each, to the model's cosines [N]."""


class Fitted(Protocol):
    """What has a head from cosine to probability, such as towers.

    Attributes:
        scale: w of the head.
        bias: b of the head.
    """

    @property
    def scale(self) -> float:
        """Return w."""
        ...

    @property
    def bias(self) -> float:
        """Return b."""
        ...


@dataclass(frozen=True)
class Fusion:
    """How a model and BM25 are fused.

    Attributes:
        method: "bm25", a weighted sum (`lexical.blend`); "bm25-rrf", reciprocal rank fusion.
        weight: the cosine's share of the weighted sum, in [0, 1]; None where none was fitted to
            the model, so that the sum takes WEIGHT.
    """

    method: Literal["bm25", "bm25-rrf"] = "bm25"
    weight: float | None = None

    def rows(self, cosines: np.ndarray, bm25: np.ndarray, ceiling: float) -> np.ndarray:
        """Return the fused scores of a query's documents, [D]."""
        if self.method == "bm25-rrf":
            return fuse_ranks(cosines, bm25)
        return blend(cosines, bm25, ceiling, WEIGHT if self.weight is None else self.weight)


def evaluate_towers(
    towers: Towers,
    pairs: pd.DataFrame,
    seed: int = 0,
    bm25: bool = True,
    weight: float | None = None,
) -> dict[str, Any]:
    """Measure a model and BM25 on the same pairs: what metrics.json and the card hold.

    Args:
        towers: the model.
        pairs: columns query, document, label; every document is every query's candidate.
        seed: of the bootstrap and of the sampled negatives.
        bm25: whether BM25 and the fusion with it are measured too.
        weight: the cosine's in that fusion, as `fit_weight` finds it; without, WEIGHT.

    Returns:
        As `evaluate_collection`.

    Raises:
        UserError: if no pair is labelled 1.
    """
    collection = Collection.of(pairs)
    columns = telling_columns(pairs, collection)
    fusion = Fusion(weight=weight) if bm25 else None
    return evaluate_collection(towers, collection, seed, bm25, fusion, columns=columns)


def evaluate_collection(
    towers: Towers,
    collection: Collection,
    seed: int = 0,
    bm25: bool = True,
    fusion: Fusion | None = None,
    rivals: Mapping[str, Towers] | None = None,
    columns: Mapping[str, Sequence[str]] | None = None,
    keep: Keep | None = None,
) -> dict[str, Any]:
    """Measure a model, its rivals, BM25 and a fusion on the same collection in one pass.

    Args:
        towers: the model.
        collection: what they are measured on.
        seed: of the bootstrap and of the sampled negatives.
        bm25: whether BM25 is measured too; a fusion needs it.
        fusion: of the model and BM25.
        rivals: other models by name.
        columns: facts of the queries to slice by, as `telling_columns` finds them.
        keep: sees each system's row of scores as it is ranked.

    Returns:
        queries, documents; systems: {name: {metric: {mean, low, high}}}; p_value of model
        against BM25 on MRR@10; p_values of model against every other system; fusion: {method,
        weight}; calibration, if the model has a head, on 1:10 sampled: {negatives, pairs, relevant,
        said, error, table, hard: {whose top wrong documents: the same}}; slices; errors and what
        is common to them.

    Raises:
        UserError: if no document is relevant to any query.
    """
    if not collection.queries:
        raise UserError("evaluate.no relevant pairs", f"{len(collection.documents):,}")
    models = {"model": towers, **(rivals or {})}
    encoded = {
        name: (
            Encoded.of(model, collection.queries, "query"),
            Encoded.of(model, collection.documents, "document"),
        )
        for name, model in models.items()
    }
    rows = _rows(collection, encoded, BM25(collection.documents) if bm25 else None, fusion)
    rankings = rank_systems(collection, rows, keep)
    traits = Traits.of(collection, *encoded["model"])
    cosines = _pair_cosines(*encoded["model"])
    return describe(collection, rankings, traits, cosines, towers, seed, fusion, columns)


def describe(
    collection: Collection,
    rankings: Mapping[str, Ranking],
    traits: Traits,
    cosines: PairCosines,
    head: Fitted,
    seed: int = 0,
    fusion: Fusion | None = None,
    columns: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Return all figures of systems that were ranked, as `evaluate_collection`.

    Args:
        collection: what they were measured on; the texts of relevant documents and of each query's
            best are read.
        rankings: by system, "model" among them.
        traits: of the queries.
        cosines: of the model.
        head: likewise.
        seed: of the bootstrap and of the sampled negatives.
        fusion: of the model and BM25.
        columns: facts of the queries to slice by.
    """
    p_values = _p_values(rankings, seed)
    return {
        "queries": len(collection.queries),
        "documents": len(collection.documents),
        "systems": {name: summarise(r.figures, seed) for name, r in rankings.items()},
        **({"p_value": p_values["BM25"]} if "BM25" in p_values else {}),
        "p_values": p_values,
        **({"fusion": asdict(fusion)} if fusion else {}),
        **_calibration(head, collection, cosines, rankings, seed),
        "slices": slice_figures(traits, rankings, columns, seed),
        **worst_errors(collection, traits, rankings),
    }


def fit_weight(towers: Towers, pairs: pd.DataFrame) -> float:
    """Return the cosine's weight in the weighted sum that gives the best MRR@10.

    Args:
        towers: the model.
        pairs: validation pairs, which neither trained the model nor measure it.

    Returns:
        The middle of the best in steps of 0.05: a flat top is no reason to take its edge.
    """
    collection = Collection.of(pairs)
    queries = Encoded.of(towers, collection.queries, "query")
    documents = Encoded.of(towers, collection.documents, "document")
    index = BM25(collection.documents)
    ceilings = index.ceilings(collection.queries)

    def quality(weight: float) -> float:
        cosines = cosine_rows(queries.vectors, documents.vectors, documents.readable)
        scored = zip(cosines, index.rows(collection.queries), ceilings, strict=True)
        rows = (blend(cosine, bm25, top, weight) for cosine, bm25, top in scored)
        return float(evaluate_run(collection, rows)["MRR@10"].mean())

    weights = [round(step / 20, 2) for step in range(21)]
    found = [quality(weight) for weight in weights]
    best = [weight for weight, value in zip(weights, found, strict=True) if value == max(found)]
    return best[len(best) // 2]


def _rows(
    collection: Collection,
    encoded: Mapping[str, tuple[Encoded, Encoded]],
    index: BM25 | None,
    fusion: Fusion | None,
) -> Iterator[dict[str, np.ndarray]]:
    """Yield each query's scores of all documents, by system."""
    cosines = {
        name: cosine_rows(queries.vectors, documents.vectors, documents.readable)
        for name, (queries, documents) in encoded.items()
    }
    lexical = index.rows(collection.queries) if index else None
    ceilings = index.ceilings(collection.queries) if index else np.zeros(0)
    for query in range(len(collection.queries)):
        row = {name: next(rows) for name, rows in cosines.items()}
        if lexical is not None:
            row["BM25"] = next(lexical)
            if fusion:
                row[FUSED] = fusion.rows(row["model"], row["BM25"], float(ceilings[query]))
        yield row


def _p_values(rankings: Mapping[str, Ranking], seed: int) -> dict[str, float]:
    model = rankings["model"].figures["MRR@10"].to_numpy()
    return {
        name: paired_p_value(model, ranking.figures["MRR@10"].to_numpy(), seed)
        for name, ranking in rankings.items()
        if name != "model"
    }


def _pair_cosines(queries: Encoded, documents: Encoded) -> PairCosines:
    unit = l2_normalise(queries.vectors), l2_normalise(documents.vectors)
    return lambda query, document: cosines_between(*unit, query, document)


def _calibration(
    head: Fitted,
    collection: Collection,
    cosines: PairCosines,
    rankings: Mapping[str, Ranking],
    seed: int,
) -> dict[str, Any]:
    """Return the figures under "calibration"; none of a model without a head."""
    if np.isnan([head.scale, head.bias]).any():
        return {}
    mixes = {
        name: hardest_pairs(collection, rankings[name].orders)
        for name in ("model", "BM25")
        if name in rankings
    }
    mixes["sampled"] = sample_pairs(collection, seed=seed)
    queries, documents = (np.concatenate([mix[i] for mix in mixes.values()]) for i in (0, 1))
    ends = np.cumsum([len(mix[0]) for mix in mixes.values()])
    values = iter(np.split(cosines(queries, documents), ends[:-1]))
    found = {
        name: reliability(next(values), labels, head.scale, head.bias)
        for name, (_, _, labels) in mixes.items()
    }
    return {"calibration": {"negatives": NEGATIVES, **found.pop("sampled"), "hard": found}}
