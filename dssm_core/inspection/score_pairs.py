"""Labelled pairs, scored: the table that all else on the inspection bench reads.

Texts are encoded in parts and their tokens dropped at once, so that 100,000 pairs fit in memory.
Shape letters: N pairs, Q distinct queries, D distinct documents, E vector.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from dssm_core.corpus.splitting import fold
from dssm_core.numeric import l2_normalise, sigmoid
from dssm_core.scoring import Head, Scorer
from dssm_core.text import Token
from dssm_core.towers import Encoding, Side

Progress = Callable[[int, int], None]

NUMBERS = ("cosine", "logit", "probability", "rank", "candidates", "margin")
TRAITS = ("overlap", "query_words", "document_words", "unknown", "truncated", "script")
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


def inspect_pairs(
    scorer: Scorer, pairs: pd.DataFrame, progress: Progress | None = None
) -> Inspection:
    """Score labelled pairs and say of each what a person may want to slice by.

    1. Each distinct text is encoded once, in parts.
    2. cosine, logit, probability: as on the main page; NaN where nothing can be read.
    3. rank: 1 is the highest cosine among the query's documents in the file, equal ones share
       it; candidates: how many those are; margin: the query's lowest relevant minus its highest
       irrelevant cosine, NaN where it has not both.
    4. overlap: share of the query's distinct word stems that the document has, in [0, 1];
       query_words, document_words: how many words; unknown: share of the pair's words that
       were never seen in training; truncated: words past the length that is read; script:
       "Latin", "Han" and so on, or "Latin → Han" where the two differ.

    Args:
        scorer: the model.
        pairs: N rows as `read_pairs` returns them.
        progress: called with (done, total) texts; may raise to cancel.

    Returns:
        The pairs in their order; a column of the file that is called as one of ours gets
        " (file)" behind its name.
    """
    sides: tuple[Side, Side] = ("query", "document")
    codes, texts = {}, {}
    for side in sides:
        codes[side], texts[side] = pd.factorize(pairs[side])
    total, done = sum(map(len, texts.values())), 0
    read: dict[str, _Texts] = {}
    for side in sides:
        read[side] = _Texts(len(texts[side]))
        for start in range(0, len(texts[side]), PART):
            part = list(texts[side][start : start + PART])
            read[side].take(start, scorer.cache.encode(part, side))
            done += len(part)
            if progress:
                progress(done, total)
    queries, documents = (l2_normalise(read[side].vectors) for side in sides)
    rows = codes["query"], codes["document"]
    readable = read["query"].readable[rows[0]] & read["document"].readable[rows[1]]
    cosines = np.einsum("ne,ne->n", queries[rows[0]], documents[rows[1]], dtype=np.float64)
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
    frame = frame.assign(**_traits(read["query"], read["document"], *rows))
    own = {c: c + " (file)" if c in frame else c for c in pairs.columns[3:]}
    frame = pd.concat([frame, pairs[list(own)].rename(columns=own)], axis=1)
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
    pairs = pairs.rename(columns={"assumed": "assumed (file)"})
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


def stems(tokens: Sequence[Token]) -> frozenset[str]:
    """Return the distinct English stems of a text's words; other scripts stay as they are."""
    return frozenset(stem_words([token.text for token in tokens if token.state != "skipped"]))


def stem_words(words: Sequence[str]) -> list[str]:
    """Return each word's English stem."""
    return list(_stemmer().stemWords(list(words)))


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
    """What is kept of one side's distinct texts once they are encoded."""

    def __init__(self, number: int) -> None:
        self.vectors: np.ndarray = np.zeros((number, 1), np.float32)
        self.readable = np.zeros(number, bool)
        self.words, self.unknown, self.truncated = (np.zeros(number, int) for _ in range(3))
        self.stems: list[frozenset[str]] = []
        self.scripts: list[str] = []

    def take(self, start: int, encodings: Sequence[Encoding]) -> None:
        if start == 0 and encodings:
            self.vectors = np.zeros((len(self.readable), len(encodings[0].vector)), np.float32)
        for row, encoding in enumerate(encodings, start):
            states = Counter(token.state for token in encoding.tokens)
            self.vectors[row] = encoding.vector
            self.readable[row] = encoding.is_readable
            self.words[row] = states.total() - states["skipped"]
            self.unknown[row], self.truncated[row] = states["letters"], states["truncated"]
            self.stems.append(stems(encoding.tokens))
            self.scripts.append(script(encoding.text))


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
    words = query.words[query_row] + document.words[document_row]
    unknown = query.unknown[query_row] + document.unknown[document_row]
    pairs = list(zip(query_row, document_row, strict=True))
    shares = [
        len(query.stems[q] & document.stems[d]) / len(query.stems[q]) if query.stems[q] else np.nan
        for q, d in pairs
    ]
    scripts = [(query.scripts[q], document.scripts[d]) for q, d in pairs]
    return {
        "overlap": shares,
        "query_words": query.words[query_row],
        "document_words": document.words[document_row],
        "unknown": unknown / np.maximum(1, words),
        "truncated": query.truncated[query_row] + document.truncated[document_row],
        "script": [one if one == other else f"{one} → {other}" for one, other in scripts],
    }


@cache
def _stemmer() -> Any:
    import Stemmer

    return Stemmer.Stemmer("english")
