"""What a wrong prompt costs: the combinations of prompts, measured on the same pairs.

No score shows a wrong prompt. On 1,057 queries of debian-packages e5-small has MRR@10 0.849 as it
wants to be asked and 0.472 with queries sent as passages, and cosines that look the same
(docs/encoders.md, "Side by side").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from dssm_core.errors import UserError
from dssm_core.evaluation import (
    Collection,
    Encoded,
    cosine_rows,
    evaluate_run,
    paired_p_value,
    random_pairs,
    summarise,
)
from dssm_core.towers import PromptedTowers, Side


def audit_prompts(
    towers: PromptedTowers,
    pairs: pd.DataFrame,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """Measure an encoder with its prompts, without, with one of them on both sides, and swapped.

    Args:
        towers: an encoder with a prompt for a side or both.
        pairs: columns query, document, label; every document is every query's candidate.
        seed: of the bootstrap and of the random pairs.
        progress: called with (done, total) combinations before each; may raise to stop.

    Returns:
        One row a combination that differs from the ones above it: name, query (its prompt),
        document, MRR@10, low, high (95 % interval), p (against the first row, NaN there),
        random 5 %, 50 %, 95 %.

    Raises:
        UserError: if no pair is relevant, or the encoder has no prompt.
    """
    collection = Collection.of(pairs)
    if not collection.queries:
        raise UserError("evaluate.no relevant pairs", f"{len(collection.documents):,}")
    own = towers.prompts
    if not any(own.values()):
        raise UserError("adopt.no prompts")
    figures: dict[str, np.ndarray] = {}
    rows: list[dict[str, Any]] = []
    combinations = _combinations(own["query"], own["document"])
    for name, prompts in combinations.items():
        progress(len(rows), len(combinations))
        changed = towers.with_prompts(prompts)
        queries = Encoded.of(changed, collection.queries, "query")
        documents = Encoded.of(changed, collection.documents, "document")
        cosines = cosine_rows(queries.vectors, documents.vectors, documents.readable)
        measured = evaluate_run(collection, cosines)
        figures[name] = measured["MRR@10"].to_numpy()
        first = figures["own"]
        interval = summarise(measured, seed)["MRR@10"]
        random, _ = random_pairs(queries, documents, collection.related, seed)
        low, middle, high = np.quantile(random, [0.05, 0.5, 0.95]).tolist()
        rows.append(
            {
                "name": name,
                "query": prompts["query"],
                "document": prompts["document"],
                "MRR@10": interval["mean"],
                "low": interval["low"],
                "high": interval["high"],
                "p": np.nan if name == "own" else paired_p_value(first, figures[name], seed),
                "random 5 %": low,
                "random 50 %": middle,
                "random 95 %": high,
            }
        )
    return pd.DataFrame(rows)


def _combinations(query: str, document: str) -> dict[str, dict[Side, str]]:
    """Return the combinations by name, each once."""
    every: dict[str, tuple[str, str]] = {
        "own": (query, document),
        "none": ("", ""),
        "query's on both": (query, query),
        "document's on both": (document, document),
        "swapped": (document, query),
    }
    distinct: dict[tuple[str, str], str] = {}
    for name, prompts in every.items():
        distinct.setdefault(prompts, name)
    return {name: {"query": q, "document": d} for (q, d), name in distinct.items()}
