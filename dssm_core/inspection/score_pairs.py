"""Labelled pairs, scored: the table that all else on the inspection bench reads.

Texts are encoded in parts and their tokens dropped at once, so that 100,000 pairs fit in memory.
Shape letters: N pairs, Q distinct queries, D distinct documents, E vector.
"""

from __future__ import annotations

import threading
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from dssm_core.corpus.pairs import free_names
from dssm_core.corpus.splitting import fold
from dssm_core.evaluation import Encoded, content_stems, cosines_between, word_overlap
from dssm_core.numeric import l2_normalise, sigmoid
from dssm_core.scoring import Head, Scorer
from dssm_core.towers import Encoding, Side

Progress = Callable[[int, int], None]
Made = TypeVar("Made")

NUMBERS = ("cosine", "logit", "probability", "rank", "candidates", "margin")
TRAITS = ("overlap", "query_words", "document_words", "unseen", "truncated", "script")
"""What is known of a pair besides its score, to slice by."""

PART = 1_000
"""Texts encoded between two reports of progress."""


@dataclass(frozen=True, eq=False)  # by identity: arrays cannot be compared as one
class Inspection:
    """Labelled pairs with every number of theirs.

    Attributes:
        model: name of the model folder.
        fingerprint: of that model.
        head: its head.
        frame: one row a pair, index the line of its file where it starts; columns as
            `inspect_pairs` says, then the file's own.
        queries: unit vectors of the distinct queries, float32 [Q, E]; zero where unreadable.
        documents: unit vectors of the distinct documents, float32 [D, E].
        query_row: row of `queries` of each pair, int [N].
        document_row: row of `documents` of each pair, int [N].
    """

    model: str
    fingerprint: str
    head: Head
    frame: pd.DataFrame
    queries: np.ndarray
    documents: np.ndarray
    query_row: np.ndarray
    document_row: np.ndarray
    _made: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)
    _making: Any = field(default_factory=threading.RLock, init=False, repr=False)

    def once(self, name: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` makes of these pairs, made once for all who look at them.

        Args:
            name: of what is made. All are kept as long as the pairs, so no threshold is a name.
            make: makes it of the pairs alone.
        """
        with self._making:
            if name not in self._made:
                self._made[name] = make()
            made: Made = self._made[name]
            return made

    @cached_property
    def texts_row(self) -> np.ndarray:
        """A number of each pair, int [N], that pairs of the same folded texts share."""
        number = np.zeros(len(self.frame), np.int64)
        for side, row in (("query", self.query_row), ("document", self.document_row)):
            _, firsts, own = np.unique(row, return_index=True, return_inverse=True)
            codes, folded = pd.factorize(self.frame[side].iloc[firsts].map(fold))
            number = number * len(folded) + codes[own]
        return number


def inspect_pairs(
    scorer: Scorer, pairs: pd.DataFrame, progress: Progress | None = None
) -> Inspection:
    """Score labelled pairs and say of each what a person may want to slice by.

    1. Each distinct text is encoded once, in parts.
    2. cosine, logit, probability: as on the main page; NaN where nothing can be read.
    3. rank: 1 is the highest cosine among the query's documents in the file, equal ones share
       it; candidates: how many those are; margin: the query's lowest relevant minus its highest
       irrelevant cosine, NaN where it has not both.
    4. overlap: as `word_overlap`; query_words, document_words: how many words; unseen: share of
       the pair's words that are read but were never seen in training; truncated: words past the
       length that is read; script: "Latin", "Han" and so on, or "Latin → Han" where the two
       differ.

    Args:
        scorer: the model.
        pairs: N rows as `read_pairs` returns them.
        progress: called with (done, total) texts; may raise to cancel.

    Returns:
        The pairs in their order; a column of the file that is called as one of ours gets
        " (file)" behind its name.
    """
    sides: tuple[Side, Side] = ("query", "document")
    codes, texts = zip(*(pd.factorize(pairs[side]) for side in sides), strict=True)
    told = _summed(progress, sum(map(len, texts)))
    query, document = (
        _Texts(scorer, list(its), side, told) for side, its in zip(sides, texts, strict=True)
    )
    queries, documents = (l2_normalise(its.encoded.vectors) for its in (query, document))
    rows = codes[0], codes[1]
    readable = query.encoded.readable[rows[0]] & document.encoded.readable[rows[1]]
    cosines = cosines_between(queries, documents, *rows)
    cosines = np.where(readable, np.clip(cosines, -1.0, 1.0), np.nan)
    logits = scorer.head.scale * cosines + scorer.head.bias
    frame = pd.DataFrame(
        {
            **{name: pairs[name] for name in ("query", "document", "label")},
            "cosine": cosines,
            "logit": logits,
            "probability": sigmoid(logits),
        },
        index=pairs.index,
    )
    frame["rank"] = frame.groupby("query")["cosine"].rank(method="min", ascending=False)
    frame["candidates"] = frame.groupby("query")["cosine"].transform("size")
    frame["margin"] = _margins(frame)
    frame = frame.assign(**_traits(query, document, *rows))
    own = pairs.iloc[:, 3:]
    frame = pd.concat([frame, own.set_axis(free_names(own.columns, frame.columns), axis=1)], axis=1)
    return Inspection(
        scorer.folder.name, scorer.folder.fingerprint, scorer.head, frame, queries, documents, *rows
    )


def sample_negatives(pairs: pd.DataFrame, number: int, seed: int = 0) -> pd.DataFrame:
    """Add random documents of other queries to pairs that are all labelled 1.

    1. A query's documents are never drawn for it, nor any that equals one of them once folded;
       queries that are equal once folded are one query.
    2. A drawn pair takes the query's further columns along, so that slices by them hold both
       labels.

    Args:
        pairs: N rows as `read_pairs` returns them.
        number: documents drawn to each distinct query; fewer where there are no more.
        seed: of the draw.

    Returns:
        The pairs, then the drawn ones with label 0 and numbers after the last line as their
        index; column `assumed` is "yes" for the drawn ones, because nobody judged them.
    """
    folded = pairs["document"].map(fold)
    codes, _ = pd.factorize(folded)  # [N] of the distinct documents
    firsts = np.flatnonzero(~folded.duplicated())
    rng = np.random.default_rng(seed)
    queries, documents = [], []
    for rows in pairs.groupby(pairs["query"].map(fold), sort=False).indices.values():
        drawn = _draw(rng, len(firsts), number, set(codes[rows].tolist()))
        queries += [rows[0]] * len(drawn)
        documents += drawn
    added = pairs.iloc[queries].assign(label=0, assumed="yes")
    added["document"] = pairs["document"].to_numpy()[firsts[documents]] if documents else []
    last = int(pairs.index.max()) if len(pairs) else 0
    added.index = pd.RangeIndex(last + 1, last + 1 + len(added), name=pairs.index.name)
    return pd.concat([pairs.assign(assumed="no"), added])


def script(text: str) -> str:
    """Return the script of most of a text's letters; "none" without any.

    Example:
        >>> script("red door"), script("你好 world 世界 和平")
        ('Latin', 'Han')
        >>> script("3 + 4")
        'none'
    """
    letters = Counter(filter(str.isalpha, text[:2_000]))
    names: Counter[str] = Counter()
    for letter, number in letters.items():
        names[_script_of(letter)] += number
    return max(names, key=names.__getitem__, default="none")


@cache
def _script_of(letter: str) -> str:
    name = unicodedata.name(letter, "OTHER").split()[0]
    return {"CJK": "Han"}.get(name, name.capitalize())


class _Texts:
    """What is kept of one side's distinct texts, once they are encoded."""

    def __init__(
        self, scorer: Scorer, texts: Sequence[str], side: Side, told: Callable[[int], None]
    ) -> None:
        self.stems: list[frozenset[str]] = []
        self.scripts: list[str] = []
        self._told = told
        self.encoded = Encoded.of(scorer.cache, texts, side, PART, self._look)

    def _look(self, block: Sequence[Encoding]) -> None:
        self.stems += [content_stems(encoding.text) for encoding in block]
        self.scripts += [script(encoding.text) for encoding in block]
        self._told(len(block))


def _summed(progress: Progress | None, total: int) -> Callable[[int], None]:
    """Return what is told of texts that are done, and reports their sum."""
    done = 0

    def told(number: int) -> None:
        nonlocal done
        done += number
        if progress:
            progress(done, total)

    return told


def _draw(rng: np.random.Generator, total: int, number: int, barred: set[int]) -> list[int]:
    """Draw distinct integers below `total` that are not barred, as many as there are at most."""
    number = min(number, total - len(barred))
    if total < 4 * (number + len(barred)):
        return list(rng.permutation(np.setdiff1d(np.arange(total), list(barred)))[:number])
    drawn: dict[int, None] = {}
    while len(drawn) < number:
        found = rng.integers(total, size=number - len(drawn)).tolist()
        drawn |= dict.fromkeys(i for i in found if i not in barred)
    return list(drawn)


def _margins(frame: pd.DataFrame) -> pd.Series:
    relevant = frame["cosine"].where(frame["label"] == 1).groupby(frame["query"]).transform("min")
    other = frame["cosine"].where(frame["label"] == 0).groupby(frame["query"]).transform("max")
    return relevant - other


def _traits(
    query: _Texts, document: _Texts, query_row: np.ndarray, document_row: np.ndarray
) -> dict[str, Any]:
    asked, answered = query.encoded, document.encoded
    query_words, document_words = asked.words[query_row], answered.words[document_row]
    unseen = asked.unseen[query_row] + answered.unseen[document_row]
    pairs = list(zip(query_row, document_row, strict=True))
    scripts = [(query.scripts[q], document.scripts[d]) for q, d in pairs]
    return {
        "overlap": [word_overlap(query.stems[q], document.stems[d]) for q, d in pairs],
        "query_words": query_words,
        "document_words": document_words,
        "unseen": unseen / np.maximum(1, query_words + document_words),
        "truncated": asked.truncated[query_row] + answered.truncated[document_row],
        "script": [one if one == other else f"{one} → {other}" for one, other in scripts],
    }
