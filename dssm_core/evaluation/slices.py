"""Where a model wins and loses: figures by kind of pair, and the worst errors by their causes.

Shape letters: Q queries, D documents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from dssm_core.evaluation.cosines import Encoded
from dssm_core.evaluation.ranking import Collection, Ranking, summarise
from dssm_core.evaluation.traits import (
    FEW,
    FEW_IN_COMMON,
    TRUNCATED,
    UNSEEN,
    content_stems,
    word_overlap,
)

MUCH = 0.5
"""From this share of the query's stems in the document on, they overlap much."""
RARE = 2
"""A stem in so many of the documents, or fewer, is rare."""
LEAST = 20
"""Queries that a value of a column needs for a row of its own."""
MOST_VALUES = 12
"""Values of a column that get a row of their own; the others share one."""
WORST = 10


class Facts(Protocol):
    """What was read of documents: `Encoded`, or as much of it for some of them.

    Attributes:
        words: from the indices of documents, int [N], to what `count_words` counts of each.
        truncated: likewise.
    """

    @property
    def words(self) -> Any:
        """Return how many words each has."""
        ...

    @property
    def truncated(self) -> Any:
        """Return how many of them are not read."""
        ...


@dataclass(frozen=True)
class Traits:
    """What is known of each query and of the relevant document that shares most stems with it.

    Attributes:
        overlap: their `word_overlap`, [Q] in [0, 1]; NaN where the query has no stem.
        rarest: documents that hold the query's rarest stem, int [Q]; 0 for none.
        document: that document's index, int [Q].
        query_words: int [Q].
        document_words: int [Q].
        unseen: a word of the query was never seen in training, bool [Q].
        truncated: words of query or document were left unread, bool [Q].
    """

    overlap: np.ndarray
    rarest: np.ndarray
    document: np.ndarray
    query_words: np.ndarray
    document_words: np.ndarray
    unseen: np.ndarray
    truncated: np.ndarray

    @classmethod
    def of(
        cls,
        collection: Collection,
        queries: Encoded,
        documents: Facts,
        holding: Mapping[str, int] | None = None,
    ) -> Traits:
        """Look at every query and its relevant documents.

        Args:
            collection: Q queries.
            queries: as a model reads them.
            documents: likewise.
            holding: as `count_holding` counts all documents; they are counted without it.
        """
        asked = [content_stems(query) for query in collection.queries]
        if holding is None:
            holding = count_holding(collection.documents, frozenset().union(*asked))
        needed = frozenset().union(*collection.relevant)
        found = {index: content_stems(collection.documents[index]) for index in needed}
        overlap, chosen = [], []
        for stems, relevant in zip(asked, collection.relevant, strict=True):
            shared = {d: len(stems & found[d]) for d in sorted(relevant)}
            chosen.append(max(shared, key=lambda d: shared[d]))
            overlap.append(word_overlap(stems, found[chosen[-1]]))
        document = np.array(chosen)
        return cls(
            np.array(overlap),
            np.array([min((holding.get(stem, 0) for stem in stems), default=0) for stems in asked]),
            document,
            queries.words,
            documents.words[document],
            queries.unseen > 0,
            queries.truncated + documents.truncated[document] > 0,
        )


def count_holding(documents: Iterable[str], wanted: frozenset[str]) -> Counter[str]:
    """Return how many of some documents hold each of some stems, as `content_stems` gives them."""
    holding: Counter[str] = Counter()
    for text in documents:
        holding.update(content_stems(text) & wanted)
    return holding


def slice_figures(
    traits: Traits,
    rankings: Mapping[str, Ranking],
    columns: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Return MRR@10 of every system on every slice, with its interval.

    Args:
        traits: of Q queries.
        rankings: by system.
        columns: further facts by name, each with a text a query, such as section.
        seed: of the bootstrap.

    Returns:
        One entry a slice that holds queries: by, slice, queries, systems ({name: {mean, low,
        high}}).
    """
    figures = pd.DataFrame({name: r.figures["MRR@10"] for name, r in rankings.items()})
    return [
        {
            "by": by,
            "slice": name,
            "queries": int(rows.sum()),
            "systems": summarise(figures[rows], seed),
        }
        for by, name, rows in _slices(traits, columns or {})
        if rows.any()
    ]


def _slices(
    traits: Traits, columns: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield what is told apart, a slice's name, and its queries, bool [Q]."""
    overlap, rarest = traits.overlap, traits.rarest
    yield "word overlap", "none: no shared stem", overlap == 0
    yield "word overlap", "little: under half the query's stems", (overlap > 0) & (overlap < MUCH)
    yield "word overlap", "much", overlap >= MUCH
    yield "word overlap", "unknown: the query has stop words alone", np.isnan(overlap)
    for by, words in (
        ("query words", traits.query_words),
        ("document words", traits.document_words),
    ):
        low, high = (int(q) for q in np.quantile(words, [1 / 3, 2 / 3], method="lower"))
        middle = f"{low + 1} to {_words(high)}" if low + 1 < high else _words(high)
        yield by, f"to {_words(low)}", words <= low
        yield by, middle, (words > low) & (words <= high)
        yield by, f"over {_words(high)}", words > high
    yield "rarest word", "in no document", rarest == 0
    yield "rarest word", f"in 1 or {RARE} documents", (rarest > 0) & (rarest <= RARE)
    yield "rarest word", f"in over {RARE} documents", rarest > RARE
    yield UNSEEN, "in the query", traits.unseen
    yield UNSEEN, "none in the query", ~traits.unseen
    for by, values in columns.items():
        column = np.array(values, dtype=object)
        counts = pd.Series(column).value_counts()
        large = [str(v) for v in counts[counts >= LEAST].index[:MOST_VALUES]]
        for value in large:
            yield by, value, column == value
        yield by, "others", ~np.isin(column, large)


def _words(number: int) -> str:
    return f"{number} word" if number == 1 else f"{number} words"


def telling_columns(pairs: pd.DataFrame, collection: Collection) -> dict[str, list[str]]:
    """Return the columns of a collection's pairs that group its queries, a text for each query.

    A column groups where at least two values have 20 queries or more; package names do not. A
    query with several relevant documents takes the value of its first.

    Args:
        pairs: the pairs that `Collection.of` took.
        collection: what it made of them.
    """
    kept = pairs[pairs["label"] == 1].drop_duplicates("query").set_index("query")
    named = [c for c in kept.columns if c not in ("document", "label", "split")]
    columns = {name: kept.loc[list(collection.queries), name].astype(str) for name in named}
    return {
        name: list(values)
        for name, values in columns.items()
        if (values.value_counts() >= LEAST).sum() > 1
    }


def worst_errors(
    collection: Collection, traits: Traits, rankings: Mapping[str, Ranking], number: int = WORST
) -> dict[str, Any]:
    """Return the queries whose relevant document the model ranks lowest, and their causes.

    Args:
        collection: Q queries, D documents.
        traits: of those queries.
        rankings: by system, "model" among them.
        number: of errors.

    Returns:
        errors: a list of query, document, instead (what the model puts first), rank, BM25 rank
        where it was measured, causes; common: for each cause, its share among these errors
        and among all queries.
    """
    model = rankings["model"]
    causes = _causes(collection, traits, model)
    order = np.lexsort((np.arange(len(model.ranks)), -model.ranks))
    worst = [int(query) for query in order if model.ranks[query] > 1][:number]
    errors = [
        {
            "query": collection.queries[query],
            "document": collection.documents[traits.document[query]],
            "instead": collection.documents[model.orders[query][0]],
            "rank": int(model.ranks[query]),
            **({"BM25 rank": int(rankings["BM25"].ranks[query])} if "BM25" in rankings else {}),
            "causes": [name for name, holds in causes.items() if holds[query]],
        }
        for query in worst
    ]
    common = {
        name: {"errors": float(holds[worst].mean()), "all": float(holds.mean())}
        for name, holds in causes.items()
        if worst
    }
    return {"errors": errors, "common": common}


def _causes(collection: Collection, traits: Traits, model: Ranking) -> dict[str, np.ndarray]:
    firsts = [order[0] for order in model.orders]
    first, wanted = (
        [content_stems(collection.documents[d]) for d in documents]
        for documents in (firsts, traits.document)
    )
    alike = [len(a & b) / max(1, len(a | b)) for a, b in zip(first, wanted, strict=True)]
    return {
        FEW_IN_COMMON: traits.overlap <= FEW,
        "the first is its sibling": (np.array(alike) >= 1 / 3) & (model.ranks > 1),
        UNSEEN: traits.unseen,
        TRUNCATED: traits.truncated,
        "a query of three words or fewer": traits.query_words <= 3,
        "a document of ten words or fewer": traits.document_words <= 10,
    }
