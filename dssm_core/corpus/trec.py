"""Run files of TREC, written so that all tools find the same order in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

RUN_DEPTH = 1000
"""Documents of a query that a run file holds, as is usual at TREC."""


def run_lines(
    query: str, order: np.ndarray, scores: np.ndarray, documents: Sequence[str], tag: str
) -> Iterator[str]:
    """Yield a query's lines of a TREC run file: query, Q0, document, rank, score, tag.

    Tools order by score, each breaking ties its own way, some in float32; so each score here is
    lower than the one before by a millionth at least, and all of them find the same order.

    Args:
        query: its id.
        order: indices of documents, best first.
        scores: [D], of a few units at most; NaN sinks to its place in the order.
        documents: D ids.
        tag: what the run is called; white space becomes -.
    """
    last = 4_000_000
    for rank, document in enumerate(order[:RUN_DEPTH], 1):
        known = np.isfinite(scores[document])
        last = min(last - 1, round(float(scores[document]) * 1e6) if known else -4_000_000)
        name = "-".join(tag.split())
        yield f"{query} Q0 {documents[document]} {rank} {last / 1e6:.6f} {name}\n"
