"""Which explanation finds the words that matter: texts cut by attention, effect and interaction.

Each method puts the words of a text in order. If it is right, the cosine falls fast when its first
words go (deletion), and is nearly whole when they alone stay (insertion); words in random order
are what it must beat. The effect is the drop without one word, so it is the best at one by
definition: what a method is judged by starts at two.

Source: Samek et al. 2017, "Evaluating the visualization of what a deep neural network has learned"
(deletion curves); DeYoung et al. 2020, "ERASER" (comprehensiveness and sufficiency).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dssm_core.errors import UserError
from dssm_core.evaluation.cosines import Encoded
from dssm_core.evaluation.intervals import bootstrap_means
from dssm_core.explain import interaction_matrix, left_out, without
from dssm_core.numeric import l2_normalise
from dssm_core.towers import Encoding, EncodingCache, Side, Towers

METHODS = ("attention", "effect", "interaction", "random")
DEPTHS: Mapping[Side, int] = {"query": 3, "document": 5}
"""K: words that are removed of a text. It has at least twice as many, for one that is nearly empty
tells nothing."""
ORDERS = 4
"""Random orders of a text, of which the mean is taken."""
MOST_PAIRS = 500
"""Pairs that are drawn unless more are asked for: enough for an interval of a tenth or two."""
FEWEST = 30
"""Pairs under which a text's side has no figures."""
HIGH = 0.95
"""Share of random pairs below the cosine of a pair that is measured: else there is no match to
explain."""


def measure_faithfulness(
    towers: Towers,
    pairs: pd.DataFrame,
    background: np.ndarray,
    seed: int = 0,
    most: int = MOST_PAIRS,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Remove the words of relevant pairs in the order of each explanation, and see what is lost.

    1. Pairs: relevant, with a cosine above HIGH of random pairs, one text at least long enough.
    2. A method's order: by attention weight; by effect; by the interactions above 0 of a word,
       summed over the other text. Equal words stand in random order.
    3. times = cosine lost without the first k words, as a mean over k = 2 … K and over pairs,
       divided by the same for random order. Of both texts, the mean of the two.

    Args:
        towers: the model.
        pairs: columns query, document, label.
        background: cosines of random pairs.
        seed: of the draw of pairs, of random orders and of the bootstrap.
        most: pairs to draw.
        progress: called with (done, total) pairs.

    Returns:
        seed, pairs, least (cosine of a pair); times: {method: {mean, low, high}}, with a bootstrap
        95 % interval over pairs; sides: for "query" and "document" {pairs, times (as above),
        deletion, insertion: {method: [1 + K]}}, the mean cosine without the first k words, and of
        those alone, k = 0 … K. A side with too few pairs is absent, and a method that the model
        has no data for; times are empty where random order may lose nothing.

    Raises:
        UserError: if too few pairs can be measured, or the towers know some texts alone.
    """
    rng = np.random.default_rng(seed)
    least = float(np.quantile(background, HIGH)) if len(background) else 0.0
    drawn = _draw(towers, pairs, least, most, rng)
    cache, methods = EncodingCache(towers), METHODS[not towers.has_attention :]
    curves = {
        side: np.full((len(drawn), len(methods), 2, 1 + k), np.nan) for side, k in DEPTHS.items()
    }
    for row, texts in enumerate(drawn):
        for side, found in _curves(cache, texts, methods, rng):
            curves[side][row] = found
        if progress:
            progress(row + 1, len(drawn))
    known = {side: ~np.isnan(found).any((1, 2, 3)) for side, found in curves.items()}
    kept = {side: found for side, found in curves.items() if known[side].sum() >= FEWEST}
    if not kept:
        raise UserError("faithfulness.too few", f"{len(drawn):,}", least=FEWEST)
    times = _times(kept, methods, seed)
    return {
        "seed": seed,
        "pairs": len(drawn),
        "least": least,
        "times": times["both"],
        "sides": {
            side: {"times": times[side], **_means(found[known[side]], methods)}
            for side, found in kept.items()
        },
    }


def _means(curves: np.ndarray, methods: Sequence[str]) -> dict[str, Any]:
    """Return the number of pairs and the mean curves of a side, given [P, M, 2, 1 + K]."""
    deletion, insertion = curves.mean(0).swapaxes(0, 1).tolist()
    return {
        "pairs": len(curves),
        "deletion": dict(zip(methods, deletion, strict=True)),
        "insertion": dict(zip(methods, insertion, strict=True)),
    }


def _draw(
    towers: Towers, pairs: pd.DataFrame, least: float, most: int, rng: np.random.Generator
) -> list[dict[Side, str]]:
    """Return random pairs that are relevant, close, and long enough on one side at least."""
    relevant = pairs[pairs["label"] == 1]
    if relevant.empty:
        raise UserError("evaluate.no relevant pairs", f"{len(pairs):,}")
    shuffled = relevant.iloc[rng.permutation(len(relevant))][[*DEPTHS]]
    encoded = {side: Encoded.of(towers, shuffled[side].tolist(), side) for side in DEPTHS}
    query, document = (l2_normalise(texts.vectors) for texts in encoded.values())
    read = {side: texts.words - texts.truncated for side, texts in encoded.items()}
    is_long = np.any([read[side] >= 2 * k for side, k in DEPTHS.items()], axis=0)
    rows = shuffled[(np.vecdot(query, document) > least) & is_long].head(most)
    return [{"query": row.query, "document": row.document} for row in rows.itertuples()]


def _curves(
    cache: EncodingCache,
    texts: Mapping[Side, str],
    methods: Sequence[str],
    rng: np.random.Generator,
) -> Iterator[tuple[Side, np.ndarray]]:
    """Yield the curves of each text that is long enough, [M, 2, 1 + K]."""
    left = {side: left_out(cache, texts[side], side) for side in DEPTHS}
    vectors = {side: _units([whole, *variants]) for side, (whole, _, variants) in left.items()}
    together = interaction_matrix(vectors["query"], vectors["document"]).clip(0)
    sums: dict[Side, np.ndarray] = {"query": together.sum(1), "document": together.sum(0)}
    for side, other in zip(DEPTHS, (vectors["document"][0], vectors["query"][0]), strict=True):
        whole, places = left[side][0], np.array(left[side][1], int)
        if len(places) < 2 * DEPTHS[side]:
            continue
        weights = {"effect": -vectors[side][1:] @ other, "interaction": sums[side]}
        if whole.attention is not None:
            weights["attention"] = whole.attention[places]
        orders = [_order(weights[name], rng) for name in methods[:-1]]
        orders += [rng.permutation(len(places)) for _ in range(ORDERS)]
        found = np.stack([_cut(cache, whole, side, places[o], other) for o in orders])
        random = found[len(methods) - 1 :].mean(0, keepdims=True)
        yield side, np.concatenate([found[: len(methods) - 1], random])


def _units(encodings: Sequence[Encoding]) -> np.ndarray:
    return l2_normalise(np.stack([encoding.vector for encoding in encodings]).astype(float))


def _order(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the places of weights, the largest first, equal ones in random order."""
    shuffled = rng.permutation(len(weights))
    return shuffled[np.argsort(-weights[shuffled], kind="stable")]


def _cut(
    cache: EncodingCache, whole: Encoding, side: Side, order: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """Return cosines [2, 1 + K]: without the first k tokens of an order, and of those alone."""
    steps = range(1 + DEPTHS[side])
    parts = [order[:k] for k in steps] + [order[k:] for k in steps]
    found = cache.encode([without(whole.text, whole.tokens, part.tolist()) for part in parts], side)
    result: np.ndarray = (_units(found) @ other).reshape(2, -1)
    return result


def _times(
    curves: Mapping[Side, np.ndarray], methods: Sequence[str], seed: int
) -> dict[str, dict[str, Any]]:
    """Return how many times as much as random order each method loses, by side and of "both"."""
    lost = {
        side: np.nan_to_num(found[:, :, 0, :1] - found[:, :, 0, 2:]).mean(2)  # [P, M]
        for side, found in curves.items()
    }
    table = np.concatenate(list(lost.values()), axis=1)
    means = np.vstack([table.mean(0), bootstrap_means(table, seed)])  # [1 + resamples, sides * M]
    ratios = {
        side: sums[:, :-1] / sums[:, -1:]
        for side, sums in zip(lost, np.split(means, len(lost), axis=1), strict=True)
        if np.quantile(sums[:, -1], 0.025) > 0
    }
    times: dict[str, dict[str, Any]] = {name: {} for name in (*curves, "both")}
    times |= {side: _intervals(found, methods) for side, found in ratios.items()}
    if ratios:
        times["both"] = _intervals(np.mean(list(ratios.values()), axis=0), methods)
    return times


def _intervals(ratios: np.ndarray, methods: Sequence[str]) -> dict[str, Any]:
    """Return ratios and their intervals, from [1 + resamples, M - 1], the measured first."""
    low, high = np.quantile(ratios[1:], [0.025, 0.975], axis=0)
    return {
        name: {"mean": float(ratios[0, i]), "low": float(low[i]), "high": float(high[i])}
        for i, name in enumerate(methods[:-1])
    }
