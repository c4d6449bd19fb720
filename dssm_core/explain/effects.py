"""Why a score is what it is: what each token adds, and what holds one document above another.

Attention says what the tower weighed; effect says what the score would lose. Neither is the whole
reason, and how far the two agree is a number of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
import pandas as pd

from dssm_core.errors import UserError
from dssm_core.scoring import Head, cosine
from dssm_core.text import READ_STATES, State, Token
from dssm_core.towers import (
    Encoding,
    EncodingCache,
    PromptedTowers,
    Side,
    Towers,
    can_encode_any,
)

MOST_EDITS = 8
"""Tokens that `smallest_flip` leaves out before it gives up."""


@dataclass(frozen=True)
class TokenEffect:
    """What one token adds to a score.

    Attributes:
        text: the word as the model sees it.
        start: offset of its first character.
        end: offset after its last character.
        state: as in `dssm_core.text`.
        attention: in [0, 1]; None without attention.
        cosine: cosine with the token minus cosine without it, in [-2, 2]; 0 if not read.
        probability: the same of the probability, in [-1, 1].
    """

    text: str
    start: int
    end: int
    state: State
    attention: float | None
    cosine: float
    probability: float


@dataclass(frozen=True)
class Effects:
    """Effects of all tokens of one text on its score against another.

    Attributes:
        side: which tower read the text.
        text: the text.
        tokens: one effect a token, in reading order.
    """

    side: Side
    text: str
    tokens: tuple[TokenEffect, ...]

    def frame(self) -> pd.DataFrame:
        """Return one row a token: side, index, and the token's fields."""
        names = [field.name for field in fields(TokenEffect)]
        columns = {name: [getattr(token, name) for token in self.tokens] for name in names}
        numbers = {"attention": np.array(columns["attention"], float)}  # NaN, not None
        index = np.arange(len(self.tokens))
        return pd.DataFrame({"side": self.side, "index": index, **columns, **numbers})

    def agreement(self) -> float | None:
        """Return Spearman's rank correlation of attention and size of effect, in [-1, 1].

        None where there is no attention, or fewer than three tokens to rank, or no difference
        between them.
        """
        read = [token for token in self.tokens if token.state in READ_STATES]
        if len(read) < 3 or any(token.attention is None for token in read):
            return None
        return rank_correlation(
            np.array([token.attention for token in read]),
            np.abs([token.cosine for token in read]),
        )


def effects(
    towers: Towers | EncodingCache, head: Head, query: str, document: str, side: Side
) -> Effects:
    """Leave out each token of one side in turn and see what the score loses.

    1. Each variant is the text, as far as it is read, with one token's characters blanked.
    2. All variants go through their tower in one batch; the other side is encoded once.
    3. effect = score of the whole text - score of the variant.
    4. A prompt is left out as a whole; special tokens never are.

    Args:
        towers: what encodes.
        head: from cosine to probability.
        query: the query's text.
        document: the document's text.
        side: whose tokens are left out.

    Returns:
        Effects of that side's tokens, 0 for those that were not read. A token without which
        nothing is left to read takes the whole score.

    Raises:
        UserError: if the towers know some texts alone, and not those with a token left out.
    """
    text, other = (query, document) if side == "query" else (document, query)
    fixed = towers.encode([other], "document" if side == "query" else "query")[0]
    whole, places, variants = left_out(towers, text, side)
    base = _cosine(whole, fixed)
    lost = {
        place: (base - value, head.probability(base) - head.probability(value))
        for place, encoding in zip(places, variants, strict=True)
        for value in [_cosine(encoding, fixed)]
    }
    for i, token in enumerate(whole.tokens):
        if token.state == "prompt":
            read = without(text, whole.tokens, [])
            value = _cosine(_without_prompt(towers, read, side), fixed)
            lost[i] = base - value, head.probability(base) - head.probability(value)
    attention = whole.attention
    return Effects(
        side,
        text,
        tuple(
            TokenEffect(
                token.text,
                token.start,
                token.end,
                token.state,
                None if attention is None else float(attention[i]),
                *lost.get(i, (0.0, 0.0)),
            )
            for i, token in enumerate(whole.tokens)
        ),
    )


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    """Return Spearman's rank correlation; None of fewer than three values, or of no difference."""
    ranks = np.stack([_ranks(one), _ranks(other)])
    if ranks.shape[1] < 3 or not ranks.std(axis=1).all():
        return None
    return float(np.corrcoef(ranks)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks from 1, equal values sharing the mean of theirs; scipy's take 0.5 s to load."""
    _, place, times = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(times)
    mean: np.ndarray = last - (times - 1) / 2
    return mean[place]


def left_out(
    towers: Towers | EncodingCache, text: str, side: Side
) -> tuple[Encoding, list[int], list[Encoding]]:
    """Return a text's encoding, the indices of its read tokens, and the encodings without each.

    Raises:
        UserError: if the towers know some texts alone, and not those with a token left out.
    """
    whole = towers.encode([text], side)[0]
    places = [i for i, token in enumerate(whole.tokens) if token.is_read]
    variants = [without(text, whole.tokens, [place]) for place in places]
    return whole, places, _variants(towers, variants, side)


def _variants(towers: Towers | EncodingCache, texts: Sequence[str], side: Side) -> list[Encoding]:
    """Return the encodings of texts that nobody wrote: those of a person with words left out."""
    encodings = towers.encode(texts, side)
    if not can_encode_any(towers) and any(e.tokens and not e.is_readable for e in encodings):
        raise UserError("encoder.no variants")
    return encodings


def _without_prompt(towers: Towers | EncodingCache, text: str, side: Side) -> Encoding:
    """Return a text's encoding as it would be if nothing stood in front of it."""
    prompted = towers.towers if isinstance(towers, EncodingCache) else towers
    assert isinstance(prompted, PromptedTowers)  # no other has tokens in the state "prompt"
    return prompted.with_prompts({**prompted.prompts, side: ""}).encode([text], side)[0]


def without(text: str, tokens: Sequence[Token], places: Sequence[int]) -> str:
    """Return a text, as far as it is read, with some tokens blanked.

    Cut at the last token read, or leaving one out would bring a truncated one in.

    Example:
        >>> from dssm_core.text import read
        >>> without("a red door", read("a red door", {}, 8), [1])
        'a     door'
    """
    end = max((token.end for token in tokens if token.is_read), default=0)
    characters = list(text[:end])
    for place in places:
        token = tokens[place]
        characters[token.start : token.end] = " " * (token.end - token.start)
    return "".join(characters)


@dataclass(frozen=True)
class Flip:
    """The fewest tokens found whose absence puts the lower document first.

    Attributes:
        where: the text that was edited: "query", or "document", the higher one.
        tokens: the words left out, in the order they were chosen.
        edited: the text without them.
        gap: cosine of the first minus cosine of the second afterwards; below 0 if flipped.
    """

    where: Literal["query", "document"]
    tokens: tuple[str, ...]
    edited: str
    gap: float


@dataclass(frozen=True)
class Comparison:
    """Why one document stands above another for a query.

    Attributes:
        gap: cosine of the higher minus cosine of the lower.
        query: effects of the query's tokens on the gap (cosine), probability likewise.
        higher: effects of the higher document's tokens on its own score.
        lower: effects of the lower document's tokens on its own score.
        flip: the smallest edit found that flips the order; None if 8 tokens do not.
    """

    gap: float
    query: Effects
    higher: Effects
    lower: Effects
    flip: Flip | None


def compare(
    towers: Towers | EncodingCache, head: Head, query: str, higher: str, lower: str
) -> Comparison:
    """Explain why a document stands above another.

    Args:
        towers: what encodes.
        head: from cosine to probability.
        query: the query's text.
        higher: the document with the higher cosine.
        lower: the other.
    """
    above = effects(towers, head, query, higher, "query")
    below = effects(towers, head, query, lower, "query")
    on_gap = tuple(
        TokenEffect(
            one.text,
            one.start,
            one.end,
            one.state,
            one.attention,
            one.cosine - other.cosine,
            one.probability - other.probability,
        )
        for one, other in zip(above.tokens, below.tokens, strict=True)
    )
    encoded = towers.encode([query], "query")[0]
    first, second = towers.encode([higher, lower], "document")
    flips = [
        flip
        for where in ("query", "document")
        if (flip := smallest_flip(towers, query, higher, lower, where)) is not None
    ]
    return Comparison(
        _cosine(encoded, first) - _cosine(encoded, second),
        Effects("query", query, on_gap),
        effects(towers, head, query, higher, "document"),
        effects(towers, head, query, lower, "document"),
        min(flips, key=lambda flip: len(flip.tokens), default=None),
    )


def smallest_flip(
    towers: Towers | EncodingCache,
    query: str,
    higher: str,
    lower: str,
    where: Literal["query", "document"],
) -> Flip | None:
    """Leave out tokens of one text, greedily, until the lower document comes first.

    Args:
        towers: what encodes.
        query: the query's text.
        higher: the document with the higher cosine.
        lower: the other.
        where: leave out the query's tokens, or the higher document's.

    Returns:
        The edit, or None if 8 tokens, or all but one, are not enough.
    """
    text = query if where == "query" else higher
    tokens = towers.encode([text], where)[0].tokens
    left = [i for i, token in enumerate(tokens) if token.is_read]
    fixed = dict(zip(("higher", "lower"), towers.encode([higher, lower], "document"), strict=True))
    encoded_query = towers.encode([query], "query")[0]
    chosen: list[int] = []
    while len(left) > 1 and len(chosen) < MOST_EDITS:
        variants = [without(text, tokens, [*chosen, place]) for place in left]
        encoded = _variants(towers, variants, where)
        if where == "query":
            gaps = [_cosine(e, fixed["higher"]) - _cosine(e, fixed["lower"]) for e in encoded]
        else:
            gaps = [
                _cosine(encoded_query, e) - _cosine(encoded_query, fixed["lower"]) for e in encoded
            ]
        best = int(np.argmin(gaps))
        chosen.append(left.pop(best))
        if gaps[best] < 0:
            words = tuple(tokens[place].text for place in chosen)
            return Flip(where, words, variants[best], gaps[best])
    return None


def _cosine(one: Encoding, other: Encoding) -> float:
    return cosine(one.vector, other.vector)
