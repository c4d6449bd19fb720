"""Why a score is what it is: what each token adds, and what holds one document above another.

Attention says what the tower weighed; effect says what the score would lose. Neither is the whole
reason, and how far the two agree is a number of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from dssm_core.errors import UserError
from dssm_core.numeric import l2_normalise
from dssm_core.scoring import Head, cosine
from dssm_core.text import READ_STATES, State, Token
from dssm_core.towers import (
    Encoding,
    EncodingCache,
    PromptedTowers,
    Side,
    SummedTowers,
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
        frame = pd.DataFrame([vars(token) for token in self.tokens])
        columns = ["text", "start", "end", "state", "attention", "cosine", "probability"]
        frame = frame.reindex(columns=columns)
        frame["attention"] = frame["attention"].astype(float)
        frame.insert(0, "index", np.arange(len(frame)))
        frame.insert(0, "side", self.side)
        return frame

    def agreement(self) -> float | None:
        """Return Spearman's rank correlation of attention and size of effect, in [-1, 1].

        None where there is no attention, or fewer than three tokens to rank, or no difference
        between them.
        """
        read = [token for token in self.tokens if token.state in READ_STATES]
        if len(read) < 3 or any(token.attention is None for token in read):
            return None
        values = pd.DataFrame([[token.attention, abs(token.cosine)] for token in read])
        return _rank_correlation(values[0], values[1])


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
            value = _cosine(_without_prompt(towers, text, side), fixed)
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
    words = [[whole.tokens[place].text for place in places] for whole, places, _ in texts]
    indices = [places for _, places, _ in texts]
    rows, columns = (grid.ravel() for grid in np.indices(values.shape))
    return pd.DataFrame(
        {
            "query": np.array(words[0], object)[rows],
            "document": np.array(words[1], object)[columns],
            "query_index": np.array(indices[0], int)[rows],
            "document_index": np.array(indices[1], int)[columns],
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
        return _rank_correlation(both["interaction"], both["interaction_measured"])


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
    words = [[i for i, token in enumerate(its) if token.is_read] for its in tokens]
    values = parts[np.ix_(*words)]
    rows, columns = (grid.ravel() for grid in np.indices(values.shape))
    pairs = pd.DataFrame(
        {
            "query": np.array([tokens[0][i].text for i in words[0]], object)[rows],
            "document": np.array([tokens[1][i].text for i in words[1]], object)[columns],
            "query_index": np.array(words[0], int)[rows],
            "document_index": np.array(words[1], int)[columns],
            "interaction": values.ravel(),
        }
    )
    whole = float(parts.sum())
    return Decomposition(pairs, whole - float(values.sum()), whole)


def _rank_correlation(one: pd.Series, other: pd.Series) -> float | None:
    """Return Spearman's rank correlation; None of fewer than three values, or of no difference."""
    ranks = np.stack([one.rank().to_numpy(), other.rank().to_numpy()])
    if ranks.shape[1] < 3 or not ranks.std(axis=1).all():
        return None  # pandas' own Spearman loads half a second of scipy
    return float(np.corrcoef(ranks)[0, 1])


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
