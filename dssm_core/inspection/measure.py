"""How often the model is right, over all thresholds, per query and per slice.

A pair is predicted relevant if its cosine is at or above the threshold; one without a score (NaN)
never is. Shape letters: N pairs, H corners of a curve's hull.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dssm_core import evaluation
from dssm_core.evaluation import auc, summarise
from dssm_core.evaluation import calibration_error as calibration_error  # of `calibration`
from dssm_core.evaluation.intervals import wilson
from dssm_core.inspection.slices import Sliced

MAX_POINTS = 500
"""Points of a curve."""

FEWEST_PAIRS = 10
"""A slice under this is marked: its rate says little."""

DEPTH = 10
"""Of the ranking metrics."""


@dataclass(frozen=True)
class Rates:
    """How often a model is right at one threshold.

    A rate over nothing, such as the precision where nothing is predicted relevant, is None: any
    number would claim something.

    Attributes:
        hits: relevant pairs that are predicted so (true positives).
        false_alarms: irrelevant pairs that are predicted relevant (false positives).
        misses: relevant pairs that are not predicted so (false negatives).
        rejections: irrelevant pairs that are not predicted relevant (true negatives).
        unread: misses and rejections for want of a score.
    """

    hits: int
    false_alarms: int
    misses: int
    rejections: int
    unread: int = 0

    @classmethod
    def at(cls, frame: pd.DataFrame, threshold: float) -> Rates:
        """Count pairs by label and prediction.

        Args:
            frame: N pairs, columns label and cosine.
            threshold: cosine from which a pair is predicted relevant.
        """
        predicted, relevant = _predicted(frame, threshold), _relevant(frame)
        return cls(
            int((predicted & relevant).sum()),
            int((predicted & ~relevant).sum()),
            int((~predicted & relevant).sum()),
            int((~predicted & ~relevant).sum()),
            int(frame["cosine"].isna().sum()),
        )

    @property
    def pairs(self) -> int:
        """N, all pairs."""
        return self.hits + self.false_alarms + self.misses + self.rejections

    @property
    def errors(self) -> int:
        """Pairs on the wrong side of the threshold."""
        return self.false_alarms + self.misses

    @property
    def precision(self) -> float | None:
        """Share of the pairs predicted relevant that are."""
        return _share(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> float | None:
        """Share of the relevant pairs that are predicted so."""
        return _share(self.hits, self.hits + self.misses)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        return _share(2 * self.hits, 2 * self.hits + self.errors)

    @property
    def false_positive_rate(self) -> float | None:
        """Share of the irrelevant pairs that are predicted relevant."""
        return _share(self.false_alarms, self.false_alarms + self.rejections)

    @property
    def error_rate(self) -> float | None:
        """Share of all pairs that are on the wrong side."""
        return _share(self.errors, self.pairs)

    def counts(self) -> dict[str, int]:
        """Return the counts by the names that pages and reports give them."""
        return {
            "true positive": self.hits,
            "false positive": self.false_alarms,
            "false negative": self.misses,
            "true negative": self.rejections,
            "no score": self.unread,
        }

    def rates(self) -> dict[str, float | None]:
        """Return the rates by the names that reports give them."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "F1": self.f1,
            "error rate": self.error_rate,
        }

    def point(self, cosine: float, probability: float) -> pd.DataFrame:
        """Return the threshold as one row of a `curve`; NaN where there is no rate.

        Args:
            cosine: the threshold.
            probability: the same on the other scale.
        """
        row = {"cosine": cosine, "probability": probability, "precision": self.precision}
        row |= {"recall": self.recall, "false_positive_rate": self.false_positive_rate}
        return pd.DataFrame({name: [value] for name, value in row.items()}, dtype=float)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def curve(frame: pd.DataFrame) -> pd.DataFrame:
    """Measure every threshold that tells some pair apart.

    1. Each distinct cosine is a threshold: pairs at or above it are predicted relevant.
    2. Beyond 500 of them, the corners of the ROC curve's hull stay, because the best F1 and the
       least cost, at any cost, lie on corners; and of the others every so many.

    Args:
        frame: N pairs, columns label, cosine and probability.

    Returns:
        One row a threshold, best first: cosine, probability, precision, recall,
        false_positive_rate, f1; recall is NaN where no pair is relevant, false_positive_rate
        where all are. Relevant pairs without a score count as missed at every threshold.
    """
    scored = frame[frame["cosine"].notna()]
    order = np.argsort(-scored["cosine"].to_numpy(), kind="stable")
    cosines = scored["cosine"].to_numpy()[order]
    relevant = _relevant(scored)[order]
    last = np.flatnonzero(np.diff(cosines, append=-np.inf))  # of each run of equal cosines
    hits = np.cumsum(relevant)[last]
    false = np.cumsum(~relevant)[last]
    rows = _thinned(false, hits)
    hits, false, last = hits[rows], false[rows], last[rows]
    positives = int(_relevant(frame).sum())
    return pd.DataFrame(
        {
            "cosine": cosines[last],
            "probability": scored["probability"].to_numpy()[order][last],
            "precision": hits / np.maximum(1, hits + false),
            "recall": hits / (positives or np.nan),
            "false_positive_rate": false / ((len(frame) - positives) or np.nan),
            "f1": 2 * hits / np.maximum(1, hits + false + positives),
        }
    )


def suggest_threshold(curve: pd.DataFrame, frame: pd.DataFrame, cost: float | None) -> float:
    """Return the cosine to cut at.

    Args:
        curve: as `curve` returns it.
        frame: the pairs that it was made of.
        cost: how many false negatives a false positive is as bad as; None for the best F1.

    Returns:
        A cosine in [-1, 1], halfway to the next lower cosine of a pair, so that rounding it
        moves no pair; 0 where no pair has a score.
    """
    if curve.empty:
        return 0.0
    cosines = np.unique(frame["cosine"].dropna())
    top = float(cosines[-1])
    if cost is None:
        chosen = float(curve["cosine"].iloc[int(curve["f1"].to_numpy().argmax())])
    else:
        positives = int(_relevant(frame).sum())
        missed = (1 - curve["recall"].fillna(0)) * positives
        false = curve["false_positive_rate"].fillna(0) * (len(frame) - positives)
        price = (cost * false + missed).to_numpy()
        if top < 1 and positives < price.min():
            return (top + 1) / 2  # dearer than to predict nothing relevant
        chosen = float(curve["cosine"].iloc[int(price.argmin())])
    index = int(np.searchsorted(cosines, chosen))
    below = float(cosines[index - 1]) if index else -1.0
    middle = (chosen + below) / 2
    return middle if middle > below else chosen


def ranking_by_query(frame: pd.DataFrame) -> pd.DataFrame:
    """Measure each query's own candidate list, with all doubt against the model.

    What `evaluation.evaluate_run` would say of each list, for all of them at once: a pair
    without a score ranks below everything, and a relevant document loses every tie.

    Args:
        frame: N pairs, columns query, document, label and cosine; a document listed twice
            counts once, relevant if it is once labelled so.

    Returns:
        Index query, in the frame's order, columns MRR@10, recall@1, nDCG@10, in [0, 1]; only
        queries with a relevant and an irrelevant document.
    """
    query, names = pd.factorize(frame["query"])
    document, _ = pd.factorize(frame["document"])
    label = frame["label"].to_numpy()
    pair = query.astype(np.int64) * (1 + document.max(initial=0)) + document
    best = np.lexsort((-label, pair))
    once = best[np.unique(pair[best], return_index=True)[1]]
    cosine = frame["cosine"].fillna(-np.inf).to_numpy()[once]
    order = once[np.lexsort((label[once], -cosine, query[once]))]
    query, label = query[order], label[order]
    starts = np.searchsorted(query, np.arange(len(names)))
    position = np.arange(len(query)) - starts[query]  # in its list, from 0
    top = label * (position < DEPTH)
    wanted = np.bincount(query, label, minlength=len(names))
    gains = np.bincount(query, top / np.log2(position + 2), minlength=len(names))
    ideal = np.cumsum([0.0, *(1 / np.log2(np.arange(DEPTH) + 2))])
    reciprocal = np.maximum.reduceat(top / (position + 1), starts) if len(names) else gains
    has_both = (wanted > 0) & (wanted < np.bincount(query, minlength=len(names)))
    first = np.bincount(query, label * (position == 0), minlength=len(names))
    return pd.DataFrame(
        {
            "MRR@10": reciprocal[has_both],
            "recall@1": first[has_both] / wanted[has_both],
            "nDCG@10": gains[has_both] / ideal[np.minimum(wanted[has_both], DEPTH).astype(int)],
        },
        index=pd.Index(names[has_both], name="query"),
    )


def ranking(frame: pd.DataFrame) -> dict[str, dict[str, float]] | None:
    """Return MRR@10, recall@1 and nDCG@10 over queries that have something to rank.

    Args:
        frame: as for `ranking_by_query`.

    Returns:
        {metric: {"mean", "low", "high"}}, a bootstrap 95 % interval over queries; None where
        no query has a relevant and an irrelevant document.
    """
    by_query = ranking_by_query(frame)
    return None if by_query.empty else summarise(by_query)


def calibration(frame: pd.DataFrame, bins: int = 15) -> pd.DataFrame:
    """Return the reliability table of the pairs that have a probability.

    Args:
        frame: N pairs, columns label and probability.
        bins: of equal width over [0, 1].
    """
    scored = frame[frame["probability"].notna()]
    return evaluation.calibration(
        scored["probability"].to_numpy(), scored["label"].to_numpy(), bins
    )


def errors(frame: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Return the pairs that are on the wrong side of the threshold, worst first.

    Args:
        frame: N pairs.
        threshold: cosine.

    Returns:
        The frame's columns, then error ("false positive" or "false negative") and by: how far
        the cosine is from the threshold, above 0 save in a tie; NaN, and first of all, where a
        relevant pair has no score.
    """
    predicted, relevant = _predicted(frame, threshold), _relevant(frame)
    wrong = frame[predicted != relevant]
    kind = np.where(_relevant(wrong), "false negative", "false positive")
    wrong = wrong.assign(error=kind, by=(wrong["cosine"] - threshold).abs())
    result: pd.DataFrame = wrong.sort_values(
        "by", ascending=False, kind="stable", na_position="first"
    )
    return result


def slice_table(frame: pd.DataFrame, slices: Sliced, threshold: float) -> pd.DataFrame:
    """Measure each slice, worst first.

    Args:
        frame: N pairs.
        slices: of these pairs, by one column.
        threshold: cosine.

    Returns:
        One row a slice: slice, pairs, relevant, errors, error_rate, low and high (its Wilson
        95 % interval), auc (NaN unless the slice holds both labels), few (under 10 pairs);
        highest low first.
    """
    codes, names = slices
    relevant = _relevant(frame)
    wrong = is_wrong(frame, threshold)
    pairs = np.bincount(codes, minlength=len(names))
    count = np.bincount(codes[wrong], minlength=len(names))
    low, high = wilson(count, pairs)
    table = pd.DataFrame(
        {
            "slice": names,
            "pairs": pairs,
            "relevant": np.bincount(codes[relevant], minlength=len(names)),
            "errors": count,
            "error_rate": count / np.maximum(1, pairs),
            "low": low,
            "high": high,
        }
    )
    cosines, ends = frame["cosine"].to_numpy(), np.cumsum(pairs)
    rows = np.split(np.argsort(codes, kind="stable"), ends[:-1])
    table["auc"] = [
        auc(cosines[r], relevant[r]) if 0 < relevant[r].sum() < len(r) else np.nan
        for r in rows[: len(names)]
    ]
    table["few"] = pairs < FEWEST_PAIRS
    return table.sort_values(["low", "pairs"], ascending=False, kind="stable", ignore_index=True)


def is_wrong(frame: pd.DataFrame, threshold: float) -> np.ndarray:
    """Return whether each pair is on the wrong side of a threshold, bool [N]."""
    result: np.ndarray = _predicted(frame, threshold) != _relevant(frame)
    return result


def _predicted(frame: pd.DataFrame, threshold: float) -> np.ndarray:
    return frame["cosine"].to_numpy() >= threshold  # False of NaN


def _relevant(frame: pd.DataFrame) -> np.ndarray:
    result: np.ndarray = frame["label"].to_numpy() == 1
    return result


def _thinned(false: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Return which points of a ROC curve to keep, in order, at most MAX_POINTS of them."""
    number = len(hits)
    if number <= MAX_POINTS:
        return np.arange(number)
    corners = _hull(false, hits)
    room = MAX_POINTS - len(corners)
    if room < 2:  # never seen: as many corners take a ROC curve made for it
        result: np.ndarray = corners[np.linspace(0, len(corners) - 1, MAX_POINTS).astype(int)]
        return result
    even = np.linspace(0, number - 1, room).astype(int)
    return np.union1d(corners, even)


def _hull(false: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Return the upper corners of a ROC curve, seen from (0, 0), as indices in order."""
    up = np.diff(hits, prepend=0) > 0
    right = np.diff(false, append=false[-1] + 1) > 0
    points = [(0, 0, -1), *zip(false, hits, range(len(hits)), strict=True)]
    hull: list[tuple[int, int, int]] = []
    for x, y, i in [points[0], *(points[1 + j] for j in np.flatnonzero(up & right))]:
        while len(hull) > 1:
            (x1, y1, _), (x2, y2, _) = hull[-2:]
            if (x2 - x1) * (y - y1) < (x - x1) * (y2 - y1):
                break
            hull.pop()
        hull.append((int(x), int(y), int(i)))
    return np.array([i for _, _, i in hull[1:]], int)
