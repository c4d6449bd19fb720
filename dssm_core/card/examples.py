"""What the first screen shows, scored and stored so that it paints before TensorFlow is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from dssm_core.evaluation import Collection, bm25_rows, cosine_rows, rank_documents
from dssm_core.scoring import Head, Scores, score
from dssm_core.towers import Towers

CANDIDATES = 6


def score_towers(
    towers: Towers, example: Mapping[str, Any], background: np.ndarray, model: str
) -> Scores:
    """Score an example's documents against its query, as `Scorer` would."""
    query = towers.encode([example["query"]], "query")[0]
    documents = towers.encode(example["documents"], "document")
    return score(query, documents, Head(towers.scale, towers.bias), background, model)


def pick_examples(towers: Towers, pairs: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield two examples of held-out pairs: a success, and the worst error.

    The candidates of each are its relevant document and the ones that model and BM25 like best.

    Args:
        towers: the model.
        pairs: columns query, document, label.

    Yields:
        title, note, query, documents.
    """
    collection = Collection.of(pairs)
    queries = towers.encode(collection.queries, "query")
    documents = towers.encode(collection.documents, "document")
    readable = np.array([d.is_readable for d in documents])
    vectors = np.stack([q.vector for q in queries]), np.stack([d.vector for d in documents])
    orders = [
        rank_documents(row, relevant)
        for row, relevant in zip(cosine_rows(*vectors, readable), collection.relevant, strict=True)
    ]
    ranks = [
        int(np.isin(order, list(relevant)).argmax()) + 1
        for order, relevant in zip(orders, collection.relevant, strict=True)
    ]
    best, worst = int(np.argmin(ranks)), int(np.argmax(ranks))
    shown = [collection.queries[best], collection.queries[worst]]
    lexical = list(bm25_rows(shown, collection.documents))
    for index, row, title in ((best, lexical[0], "A success"), (worst, lexical[1], "A real error")):
        relevant = collection.relevant[index]
        first = orders[index][ranks[index] - 1]
        likely = [first, *relevant, *orders[index][:4], *rank_documents(row, relevant)[:CANDIDATES]]
        yield {
            "title": title,
            "note": f"The first document belongs to the query; the model ranks it "
            f"{ranks[index]:,} of the {len(collection.documents):,} held-out documents.",
            "query": collection.queries[index],
            "documents": [collection.documents[i] for i in dict.fromkeys(likely)][:CANDIDATES],
        }
