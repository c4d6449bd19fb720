"""Whose ranks moved between two inspections of the same pairs."""

from __future__ import annotations

import pandas as pd


def moved_queries(changes: pd.DataFrame) -> pd.Series:
    """Return by how many ranks each query's documents moved at most, the largest move first.

    Args:
        changes: as `compare_inspections` returns them.

    Returns:
        float, index query; queries with one ranked document are left out.
    """
    ranked = changes.dropna(subset=["rank_one", "rank_other"])
    sizes = ranked.groupby("query", sort=False)["rank_one"].transform("size")
    ranked = ranked[sizes > 1]
    moved = (ranked["rank_one"] - ranked["rank_other"]).abs()
    most: pd.Series = moved.groupby(ranked["query"]).max()
    return most.sort_values(ascending=False, kind="stable")


def ranks_of(changes: pd.DataFrame, query: str, names: tuple[str, str], limit: int) -> pd.DataFrame:
    """Return the ranks of a query's documents by both models, as `slope_chart` takes them.

    Args:
        changes: as `compare_inspections` returns them.
        query: the query.
        names: of the two models.
        limit: documents, those that either model ranks highest.
    """
    mine = changes[changes["query"] == query].dropna(subset=["rank_one", "rank_other"])
    mine = mine.sort_values("rank_one", kind="stable")
    best = mine[["rank_one", "rank_other"]].min(axis=1).sort_values(kind="stable")
    mine = mine.loc[mine.index.isin(best.index[:limit])]
    sides = [
        pd.DataFrame(
            {
                "model": name,
                "position": range(1, len(mine) + 1),
                "document": mine["document"],
                "rank": mine[f"rank_{side}"],
                "cosine": mine[f"cosine_{side}"],
                "probability": mine[f"probability_{side}"],
            }
        )
        for side, name in zip(("one", "other"), names, strict=True)
    ]
    return pd.concat(sides, ignore_index=True)
