"""Which word of a query met which word of a document: what the cosine owes to each pair of words.

Interactions are measured, by leaving words out of both texts; a decomposition is computed, where a
vector is a sum over its words. Neither is the whole reason, and how far the two agree is a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dssm_core.explain.effects import left_out, rank_correlation
from dssm_core.numeric import l2_normalise
from dssm_core.text import Token
from dssm_core.towers import EncodingCache, Side, SummedTowers, Towers


def interactions(towers: Towers | EncodingCache, query: str, document: str) -> pd.DataFrame:
    """Return which word of the query met which word of the document.

    Args:
        towers: what encodes; the vectors are those that `effects` of both sides needs.
        query: the query's text.
        document: the document's text.

    Returns:
        One row a pair of read words: query, document (the words), query_index, document_index
        (of their tokens), interaction, as `interaction_matrix` defines it.

    Raises:
        UserError: as `effects`.
    """
    sides: tuple[tuple[str, Side], ...] = ((query, "query"), (document, "document"))
    texts = [left_out(towers, text, side) for text, side in sides]
    vectors = [np.stack([w.vector, *(v.vector for v in variants)]) for w, _, variants in texts]
    values = interaction_matrix(*vectors)
    tokens = [whole.tokens for whole, _, _ in texts]
    return _pairs_of_words(values, tokens, [places for _, places, _ in texts])


def _pairs_of_words(
    values: np.ndarray, tokens: Sequence[Sequence[Token]], places: Sequence[Sequence[int]]
) -> pd.DataFrame:
    """Return one row a pair of words, columns as `interactions` names them.

    Args:
        values: [n, m], of each pair.
        tokens: of the query and of the document.
        places: indices of the n and of the m of them that are words.
    """
    words = [
        np.array([its[place].text for place in at], object)
        for its, at in zip(tokens, places, strict=True)
    ]
    indices = [np.array(at, int) for at in places]
    rows, columns = (grid.ravel() for grid in np.indices(values.shape))
    return pd.DataFrame(
        {
            "query": words[0][rows],
            "document": words[1][columns],
            "query_index": indices[0][rows],
            "document_index": indices[1][columns],
            "interaction": values.ravel(),
        }
    )


@dataclass(frozen=True)
class Decomposition:
    """A cosine as the exact sum over pairs of tokens.

    Attributes:
        pairs: one row a pair of words, columns as of `interactions`; "interaction" is what the
            pair adds to the cosine.
        special: what pairs with a special token or a prompt add to the cosine.
        cosine: the sum over all pairs.
    """

    pairs: pd.DataFrame
    special: float
    cosine: float

    def agreement(self, measured: pd.DataFrame) -> float | None:
        """Return Spearman's rank correlation with the interactions of the same pair of texts.

        None with fewer than three pairs of words, or no difference between them.
        """
        keys = ["query_index", "document_index"]
        both = self.pairs.merge(measured, on=keys, suffixes=("", "_measured"))
        return rank_correlation(
            both["interaction"].to_numpy(), both["interaction_measured"].to_numpy()
        )


def decomposition(
    towers: Towers | EncodingCache, query: str, document: str
) -> Decomposition | None:
    """Return where a cosine sits: M[i, j] = a[i] . b[j] / (|a| |b|), whose sum is the cosine.

    Exact where a vector is the sum of its tokens' parts, as in mean pooling. A token's part was
    computed with all others in view, so this says where the cosine sits and not what would be lost
    without a word: that is what `interactions` measure.

    Returns:
        None where the towers' vectors are no such sums, or one of them is zero.
    """
    inner = towers.towers if isinstance(towers, EncodingCache) else towers
    if not isinstance(inner, SummedTowers):
        return None
    a, b = inner.shares(query, "query"), inner.shares(document, "document")
    if a is None or b is None:
        return None
    lengths = np.linalg.norm(a.sum(0)) * np.linalg.norm(b.sum(0))
    if lengths == 0:
        return None
    parts = a @ b.T / lengths  # [T, U]
    tokens = [
        towers.encode([query], "query")[0].tokens,
        towers.encode([document], "document")[0].tokens,
    ]
    places = [[i for i, token in enumerate(its) if token.is_read] for its in tokens]
    values = parts[np.ix_(*places)]
    pairs = _pairs_of_words(values, tokens, places)
    whole = float(parts.sum())
    return Decomposition(pairs, whole - float(values.sum()), whole)


def interaction_matrix(query: np.ndarray, document: np.ndarray) -> np.ndarray:
    """Return what the cosine owes to each word of the query together with each of the document.

    I[i, j] = c(q, d) - c(q without i, d) - c(q, d without j) + c(q without i, d without j): the
    effect of word i on the cosine, less what is left of that effect once word j is gone. Above 0
    the two words need each other; below 0 one stands in for the other. A second difference, as
    the interactions of cooperative games (Grabisch and Roubens 1999), of the whole text alone.

    Args:
        query: [1 + n, E], the vector of the query, then of the query without each of its words.
        document: [1 + m, E], of the document likewise.

    Returns:
        [n, m], each in [-4, 4].

    Example:
        >>> unit = np.eye(2)
        >>> interaction_matrix(np.stack([unit[0], unit[1]]), np.stack([unit[0], unit[1]]))
        array([[2.]])
    """
    rows, columns = (l2_normalise(vectors.astype(np.float64)) for vectors in (query, document))
    c = rows @ columns.T  # [1 + n, 1 + m]
    result: np.ndarray = c[0, 0] - c[1:, :1] - c[:1, 1:] + c[1:, 1:]
    return result
