"""What lies near a pair in the loaded set: nearest vectors, and a map of all in two dimensions.

Both read the unit vectors that the inspection kept; nothing is encoded anew.
Shape letters: N pairs, Q distinct queries, D distinct documents, E vector, P points.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from dssm_core.errors import UserError
from dssm_core.inspection.score_pairs import Inspection
from dssm_core.towers import Side
from dssm_core.words import ENGLISH, Translate

MAX_POINTS = 5_000
"""Vectors on the map; of more, as many are drawn by chance."""

MAX_VALUES = 4
"""Values of a slice that are told apart on the map; the rarer ones are "others"."""


def nearest(
    inspection: Inspection, line: Any, of: Side, among: Side, most: int = 10
) -> pd.DataFrame:
    """Return the vectors nearest to one text of a pair.

    1. The text's unit vector [E] times all vectors of the wanted side [Q or D, E].
    2. The texts with the highest products, the text itself and unreadable ones left out.
    3. Each with the label of the pair that it makes with the other text of this pair, if the
       set has that pair.

    Args:
        inspection: the loaded set.
        line: the pair, a value of the frame's index.
        of: whose text: the pair's query or its document.
        among: whether queries or documents are wanted.
        most: how many at most.

    Returns:
        One row a text, the nearest first: text, cosine in [-1, 1], label (1, 0, or NaN where
        the set has no such pair), line (of that pair, or else of the first pair that has the
        text). No rows where the pair's text is unreadable.

    Raises:
        UserError: if the set has no such line.
    """
    own = _pair_row(inspection, line)
    rows, vectors = _side(inspection, among)
    own_rows, own_vectors = _side(inspection, of)
    other_rows, _ = _side(inspection, "query" if among == "document" else "document")
    vector = own_vectors[own_rows[own]]
    cosines = np.clip(np.vecdot(vectors, vector), -1.0, 1.0).astype(np.float64)
    is_out = np.logical_not(vectors.any(axis=1))
    if of == among:
        is_out[own_rows[own]] = True
    cosines[is_out] = -np.inf
    number = min(most, int((~is_out).sum())) if vector.any() else 0
    top = np.argpartition(-cosines, max(0, number - 1))[:number] if number else np.zeros(0, int)
    top = top[np.lexsort((top, -cosines[top]))]
    neighbours = []
    for row in top:
        has_text = rows == row
        pair = np.flatnonzero(has_text & (other_rows == other_rows[own]))
        at = int(pair[0] if len(pair) else np.flatnonzero(has_text)[0])
        at = own if own in pair else at  # a pair may be listed twice
        label = float(inspection.frame["label"].iloc[at]) if len(pair) else np.nan
        text = inspection.frame[among].iloc[at]
        neighbours.append([text, cosines[row], label, inspection.frame.index[at]])
    return pd.DataFrame(neighbours, columns=["text", "cosine", "label", "line"])


def standing(inspection: Inspection, line: Any, of: Side) -> tuple[int, int] | None:
    """Return the rank of a pair's other text among all of its side, from one text of the pair.

    Args:
        inspection: the loaded set.
        line: the pair, a value of the frame's index.
        of: from whose vector: the pair's query or its document.

    Returns:
        The rank, 1 the nearest and equal ones sharing it, and how many readable texts there
        are; None where a text of the pair is unreadable.

    Raises:
        UserError: if the set has no such line.
    """
    pair = _pair_row(inspection, line)
    own_rows, own_vectors = _side(inspection, of)
    rows, vectors = _side(inspection, "document" if of == "query" else "query")
    # row by row: what a matrix product rounds depends on where an equal vector stands
    cosines = np.vecdot(vectors, own_vectors[own_rows[pair]])
    is_readable = np.any(vectors != 0, axis=1)
    if not (own_vectors[own_rows[pair]].any() and is_readable[rows[pair]]):
        return None
    ahead = is_readable & (cosines > cosines[rows[pair]])
    return 1 + int(ahead.sum()), int(is_readable.sum())


@dataclass(frozen=True)
class VectorMap:
    """The vectors of a set in two dimensions.

    Attributes:
        frame: one row a point: side, row (of that side's vectors), x, y, text, line (of the
            first pair that has the text), pairs (how many have it).
        share: share of the shown vectors' variance along x and along y, in [0, 1].
        total: vectors there are.
        unreadable: those of them without a position, as nothing could be read.
    """

    frame: pd.DataFrame
    share: tuple[float, float]
    total: int
    unreadable: int

    @property
    def is_thinned(self) -> bool:
        """Whether some vectors are left out for their number."""
        return len(self.frame) < self.total - self.unreadable


def map_vectors(
    inspection: Inspection, keep: Any = None, most: int = MAX_POINTS, seed: int = 0
) -> VectorMap:
    """Lay queries and documents out on their two main directions (PCA).

    1. All readable vectors, or a random sample of them.
    2. Those less their mean, along the two directions in which they vary most, by SVD.

    Args:
        inspection: the loaded set.
        keep: a line whose query and document are never left out.
        most: points at most.
        seed: of the sample.
    """
    sides = np.repeat(["query", "document"], [len(inspection.queries), len(inspection.documents)])
    rows = np.concatenate(
        [np.arange(len(inspection.queries)), np.arange(len(inspection.documents))]
    )
    readable = np.concatenate([inspection.queries.any(axis=1), inspection.documents.any(axis=1)])
    chosen = np.flatnonzero(readable)
    if len(chosen) > most:
        always: np.ndarray = np.zeros(0, int)
        if keep is not None:
            pair = _pair_row(inspection, keep)
            both = [
                inspection.query_row[pair],
                len(inspection.queries) + inspection.document_row[pair],
            ]
            always = np.intersect1d(both, chosen)
        drawn = np.random.default_rng(seed).permutation(np.setdiff1d(chosen, always))
        chosen = np.sort(np.concatenate([always, drawn[: max(0, most - len(always))]]))
    is_query = sides[chosen] == "query"
    vectors = np.concatenate(
        [
            inspection.queries[rows[chosen[is_query]]],
            inspection.documents[rows[chosen[~is_query]]],
        ]
    )
    positions, share = project(vectors)
    parts = [
        _texts(inspection, side, rows[chosen[sides[chosen] == side]])
        for side in ("query", "document")
    ]
    frame = pd.concat(parts, ignore_index=True)
    frame.insert(2, "x", positions[:, 0])
    frame.insert(3, "y", positions[:, 1])
    return VectorMap(frame, share, len(sides), int((~readable).sum()))


def project(vectors: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """Return the positions of vectors along the two directions in which they vary most.

    Args:
        vectors: any numbers, [P, E].

    Returns:
        Positions [P, 2] around 0, and the share of the variance along each. A direction's sign is
        chosen so that its largest component is positive, so the same vectors give the same map.

    Example:
        >>> positions, share = project(np.array([[3.0, 0.0], [-3.0, 0.0]]))
        >>> positions[:, 0].round(6).tolist(), share
        ([3.0, -3.0], (1.0, 0.0))
    """
    if len(vectors) == 0:
        return np.zeros((0, 2)), (0.0, 0.0)
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    # of R, at most [E, E]: a fraction of the work of all vectors, and the same directions; the
    # covariance would do, too, but where TensorFlow rounds tiny numbers to 0 LAPACK gives up on it
    _, lengths, directions = np.linalg.svd(np.linalg.qr(centred, mode="r"), full_matrices=False)
    variance, directions = lengths**2, directions[:2]
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]
    positions = centred @ directions.T
    positions = np.pad(positions, ((0, 0), (0, 2 - positions.shape[1])))
    total = float(variance.sum())
    first, second = (*(variance[:2] / total if total > 0 else variance[:2] * 0), 0.0)[:2]
    return positions, (float(first), float(second))


def point_values(
    inspection: Inspection,
    points: pd.DataFrame,
    values: pd.Series,
    over: str = "",
    tr: Translate = ENGLISH,
) -> pd.Series:
    """Return what all pairs of each point have in common; "mixed" where they differ.

    Args:
        inspection: the loaded set.
        points: the frame of a `VectorMap`.
        values: one word a pair [N], in the order of the inspection's frame.
        over: a word that one pair is enough for, such as "wrong".
        tr: translates "mixed".
    """
    codes, words = pd.factorize(values)
    names = np.array([*words, tr("map.mixed")], dtype=object)
    common_values = pd.Series(names[-1], index=points.index, dtype=object)
    sides: tuple[Side, Side] = ("query", "document")
    for side in sides:
        rows, vectors = _side(inspection, side)
        low = np.full(len(vectors), len(words))
        high = np.full(len(vectors), -1)
        np.minimum.at(low, rows, codes)
        np.maximum.at(high, rows, codes)
        common = names[np.where(low == high, low, len(words))]
        common[rows[(values == over).to_numpy()]] = over
        is_side = (points["side"] == side).to_numpy()
        common_values[is_side] = common[points["row"][is_side]]
    return common_values


def slice_values(column: pd.Series, most: int = MAX_VALUES, tr: Translate = ENGLISH) -> pd.Series:
    """Return a column as few words, to colour by.

    Args:
        column: numbers or texts, one a pair.
        most: values told apart.
        tr: names what is no value of the column.

    Returns:
        Numbers of more values than that as the third they fall in, such as "2 to 5"; of texts
        the most frequent, the rest as "others"; "none" where there is no value.

    Example:
        >>> slice_values(pd.Series(["a", "a", "b", None]), most=1).tolist()
        ['a', 'a', 'others', 'none']
    """
    known = column.dropna()
    if pd.api.types.is_numeric_dtype(column) and known.nunique() > most:
        edges = np.unique(np.quantile(known, [0, 1 / 3, 2 / 3, 1]))
        third = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, max(0, len(edges) - 2))
        names = [tr("range", low=f"{a:.3g}", high=f"{b:.3g}") for a, b in pairwise(edges)]
        words = pd.Series([names[i] for i in third], index=column.index)
        return words.where(column.notna(), tr("none"))
    texts = column.astype(str)
    if pd.api.types.is_numeric_dtype(column):
        texts = column.map(lambda value: f"{value:g}")
    frequent = texts[column.notna()].value_counts().index[:most]
    named = texts.where(texts.isin(frequent), tr("map.others"))
    return named.where(column.notna(), tr("none"))


def _pair_row(inspection: Inspection, line: Any) -> int:
    if line not in inspection.frame.index:
        raise UserError("inspect.no such pair", str(line))
    return int(np.flatnonzero(inspection.frame.index == line)[0])


def _side(inspection: Inspection, side: Side) -> tuple[np.ndarray, np.ndarray]:
    """Return each pair's row of a side's vectors [N], and those vectors."""
    if side == "query":
        return inspection.query_row, inspection.queries
    return inspection.document_row, inspection.documents


def _texts(inspection: Inspection, side: Side, wanted: np.ndarray) -> pd.DataFrame:
    """Return text, first line and number of pairs of some rows of a side."""
    rows, vectors = _side(inspection, side)
    first = np.zeros(len(vectors), int)
    first[rows[::-1]] = np.arange(len(rows))[::-1]
    number = np.bincount(rows, minlength=len(vectors))
    at = first[wanted]
    return pd.DataFrame(
        {
            "side": side,
            "row": wanted,
            "text": inspection.frame[side].iloc[at].to_numpy(),
            "line": inspection.frame.index[at],
            "pairs": number[wanted],
        }
    )
