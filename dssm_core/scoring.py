"""Every number on the page: cosine, logit, probability, rank, percentile, threshold.

cosine -(times w, plus b)-> logit -(sigmoid)-> probability.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args, overload

import numpy as np
import pandas as pd

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.numeric import sigmoid
from dssm_core.runtimes.load import load_towers
from dssm_core.text import State
from dssm_core.towers import Candidates, Encoding, EncodingCache, ScoredToken, Towers

MAX_DOCUMENTS = 10_000
"""Documents in one candidate list."""


@dataclass(frozen=True)
class Head:
    """From cosine to probability: sigmoid(scale * cosine + bias).

    Attributes:
        scale: w; below 0 the model ranks backwards by probability; NaN where no head was fitted,
            so that there are cosines alone.
        bias: b; NaN likewise.

    Example:
        >>> Head(4.0, -2.0).probability(0.5)
        0.5
    """

    scale: float
    bias: float

    @property
    def is_fitted(self) -> bool:
        """Whether there is a head at all: without one every probability is NaN."""
        return not (math.isnan(self.scale) or math.isnan(self.bias))

    def logit(self, cosine: float) -> float:
        """Return w * cosine + b, any real number."""
        return self.scale * cosine + self.bias

    def probability(self, cosine: float) -> float:
        """Return sigmoid(logit), in (0, 1)."""
        return sigmoid(self.logit(cosine))

    @property
    def reachable(self) -> tuple[float, float]:
        """The lowest and highest probability that any pair can get."""
        ends = sorted((self.probability(-1.0), self.probability(1.0)))
        return ends[0], ends[1]

    def cosine_at(self, probability: float) -> float | None:
        """Return the cosine of a probability; None where no cosine in [-1, 1] reaches it."""
        if not self.is_fitted or self.scale == 0 or not 0 < probability < 1:
            return None
        cosine = (math.log(probability / (1 - probability)) - self.bias) / self.scale
        return cosine if -1 <= cosine <= 1 else None


NO_HEAD = Head(math.nan, math.nan)
"""Of a model for which no labelled pairs fitted one."""


def scales(cosine: float) -> dict[str, float]:
    """Return one cosine on the scales that engines and libraries print.

    Args:
        cosine: in [-1, 1].

    Returns:
        cosine: itself, also the inner product of vectors of length 1; distance: 1 - cosine, in
        [0, 2]; shifted: (1 + cosine) / 2, in [0, 1], Elasticsearch's and Lucene's; l2: Euclidean
        distance of vectors of length 1, in [0, 2]; l2 squared: its square, Faiss's, in [0, 4].
    """
    gap = max(0.0, 2 - 2 * cosine)
    return {
        "cosine": cosine,
        "distance": 1 - cosine,
        "shifted": (1 + cosine) / 2,
        "l2": math.sqrt(gap),
        "l2 squared": gap,
    }


@dataclass(frozen=True)
class ScoredText:
    """The query, as the model read it."""

    text: str
    tokens: tuple[ScoredToken, ...]


@dataclass(frozen=True)
class ScoredDocument:
    """One document's numbers against the query.

    Attributes:
        document: its text.
        cosine: in [-1, 1]; None where query or document has nothing that the model reads.
        logit: w * cosine + b; None likewise, and where the model has no fitted head.
        probability: in (0, 1); None as the logit.
        rank: 1 is the highest cosine, equal cosines share a rank; None likewise.
        percentile: in [0, 100], random pairs of the model's corpus with a lower cosine; None
            likewise.
        tokens: its tokens, in reading order.
    """

    document: str
    cosine: float | None
    logit: float | None
    probability: float | None
    rank: int | None
    percentile: float | None
    tokens: tuple[ScoredToken, ...]


NUMBERS = ("cosine", "logit", "probability", "rank", "percentile")
"""A document's, in the order of `ScoredDocument`."""


class Results(Sequence[ScoredDocument]):
    """Scored documents in the order given, in columns; an object is made when it is asked for.

    Args:
        texts: the documents, D of them.
        numbers: float64 [D] by name, of NUMBERS; NaN where a document has none.
        tokens: returns a document's, by its place.
    """

    def __init__(
        self,
        texts: Sequence[str],
        numbers: Mapping[str, np.ndarray],
        tokens: Callable[[int], tuple[ScoredToken, ...]],
    ) -> None:
        self.texts, self.numbers, self._tokens = texts, numbers, tokens
        self._made: dict[int, ScoredDocument] = {}

    @classmethod
    def of(cls, documents: Sequence[ScoredDocument]) -> Results:
        """Put documents that are there already into columns."""
        rows = {name: [getattr(document, name) for document in documents] for name in NUMBERS}
        numbers = {name: np.array(row, np.float64) for name, row in rows.items()}
        return cls([d.document for d in documents], numbers, lambda at: documents[at].tokens)

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def first(self) -> int | None:
        """Position of the document with the highest cosine, from 1; None where none has one."""
        ranks = self.numbers["rank"]
        return None if np.isnan(ranks).all() else int(np.nanargmin(ranks)) + 1

    @overload
    def __getitem__(self, at: int) -> ScoredDocument: ...

    @overload
    def __getitem__(self, at: slice) -> tuple[ScoredDocument, ...]: ...

    def __getitem__(self, at: int | slice) -> ScoredDocument | tuple[ScoredDocument, ...]:
        places = range(len(self))[at]
        if isinstance(places, range):
            return tuple(self[place] for place in places)
        if places not in self._made:
            self._made[places] = self._make(places)
        return self._made[places]

    def _make(self, place: int) -> ScoredDocument:
        numbers = (float(self.numbers[name][place]) for name in NUMBERS)
        cosine, logit, probability, rank, percentile = (
            None if math.isnan(number) else number for number in numbers
        )
        whole = None if rank is None else int(rank)
        text, tokens = self.texts[place], self._tokens(place)
        return ScoredDocument(text, cosine, logit, probability, whole, percentile, tokens)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


@dataclass(frozen=True)
class Scores:
    """A query against its candidate documents, in the order they were given.

    Attributes:
        model: name of the model folder.
        head: its head.
        query: the query as read.
        results: one a document.
    """

    model: str
    head: Head
    query: ScoredText
    results: Results

    def frame(self) -> pd.DataFrame:
        """Return one row a document: position (from 1), document, and its five numbers."""
        positions = np.arange(1, len(self.results) + 1)
        texts = pd.Series(self.results.texts, dtype=str)
        return pd.DataFrame({"position": positions, "document": texts, **self.results.numbers})

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; None where a number does not exist."""
        return {
            "model": self.model,
            "head": asdict(self.head) if self.head.is_fitted else None,
            "query": asdict(self.query),
            "results": tuple(map(asdict, self.results)),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Scores:
        """Read what `to_dict` gave.

        Raises:
            UserError: if a field is missing or of the wrong kind.
        """
        try:
            head = NO_HEAD if values["head"] is None else Head(**_plain(values["head"]))
            query = ScoredText(**{**_plain(values["query"]), "tokens": _tokens(values["query"])})
            results = tuple(
                ScoredDocument(**{**_plain(result), "tokens": _tokens(result)})
                for result in values["results"]
            )
            if not isinstance(values["model"], str) or not all(map(_is_whole, results)):
                raise ValueError("a value is missing")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UserError("scores.damaged", repr(error)) from None
        return cls(values["model"], head, query, Results.of(results))


_OPTIONAL = {"cosine", "logit", "probability", "rank", "percentile", "attention"}


def _tokens(values: dict[str, Any]) -> tuple[ScoredToken, ...]:
    return tuple(ScoredToken(**_plain(token)) for token in values["tokens"])


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return stored values, less "tokens", once each is known to be of its field's kind."""
    fields = {name: value for name, value in {**values}.items() if name != "tokens"}
    for name, value in fields.items():
        if name in ("text", "document", "pieces"):
            fits = isinstance(value, str)
        elif name == "state":
            fits = value in get_args(State)
        elif name in ("start", "end", "rank"):
            fits = type(value) is int and 0 <= value < 2**31
        else:
            fits = type(value) in (int, float) and math.isfinite(value)
        missing = value is None and name in _OPTIONAL
        if not (fits or missing):
            raise ValueError(f"{name} is {value!r}")
    return fields


def _is_whole(result: ScoredDocument) -> bool:
    """Whether a document has a cosine and a rank or neither, and so have logit and probability."""
    pairs = ((result.cosine, result.rank), (result.logit, result.probability))
    return all((one is None) == (other is None) for one, other in pairs)


def cosine(query: np.ndarray, document: np.ndarray) -> float:
    """Return the cosine of two vectors [E], clipped to [-1, 1]; 0 where either is zero."""
    return float(cosines(query, [document])[0])


def cosines(query: np.ndarray, documents: Sequence[np.ndarray]) -> np.ndarray:
    """Return the cosines [N] of a vector [E] with N, at least 1, as `cosine` of each.

    In float64, so that a text against itself does not exceed 1 by rounding; row by row, so that
    equal rows have equal cosines wherever they stand.
    """
    rows = np.stack(documents, dtype=np.float64)  # [N, E]
    return _cosines(query, rows, np.vecdot(rows, rows))


def _cosines(query: np.ndarray, rows: np.ndarray, squares: np.ndarray) -> np.ndarray:
    query = query.astype(np.float64)
    norms = np.sqrt(squares * np.vecdot(query, query))  # [N]
    result: np.ndarray = np.vecdot(rows, query)  # [N]
    np.divide(result, norms, out=result, where=norms > 0)  # which is 0 where a norm is
    return np.clip(result, -1, 1, out=result)


def score(
    query: Encoding,
    documents: Sequence[Encoding] | Candidates,
    head: Head,
    background: np.ndarray,
    model: str,
) -> Scores:
    """Put every number on a query and its documents.

    Args:
        query: the encoded query.
        documents: the encoded documents, in order.
        head: the model's head.
        background: cosines of random query-document pairs of the model's corpus, any number.
        model: name of the model folder.
    """
    if not isinstance(documents, Candidates):
        documents = Candidates.of(documents)
    readable = documents.readable & query.is_readable
    numbers = np.full((len(NUMBERS), len(readable)), np.nan)
    if readable.any():
        values = _cosines(query.vector, documents.vectors, documents.squares)[readable]
        logits = head.scale * values + head.bias
        ranks = 1 + len(values) - np.searchsorted(np.sort(values), values, side="right")
        below = np.searchsorted(_sorted(background), values) / (len(background) or np.nan)
        numbers[:, readable] = values, logits, sigmoid(logits), ranks, 100 * below
    encodings = documents.encodings
    results = Results(
        documents.texts,
        dict(zip(NUMBERS, numbers, strict=True)),
        lambda place: encodings[place].scored_tokens,
    )
    return Scores(model, head, ScoredText(query.text, query.scored_tokens), results)


def _sorted(values: np.ndarray) -> np.ndarray:
    """Return values in order: as they are, if they are in order, as those of a model folder."""
    return values if (values[1:] >= values[:-1]).all() else np.sort(values)


class Scorer:
    """A model, ready to score: compiled once, warmed up, safe to call from several threads.

    Args:
        model: a model folder, or its path.
        towers: what encodes; the folder's own model without it.

    Attributes:
        head: from cosine to probability.
        has_attention: whether tokens have attention weights.
        cache: encodes texts, each once while it is cached.

    Raises:
        UserError: if the folder cannot be used.
    """

    def __init__(self, model: ModelFolder | Path | str, towers: Towers | None = None) -> None:
        self.folder = model if isinstance(model, ModelFolder) else ModelFolder.open(Path(model))
        towers = towers or load_towers(self.folder)
        self.has_attention = towers.has_attention
        self.head = Head(towers.scale, towers.bias)
        self.cache = EncodingCache(towers)

    def score(
        self,
        query: str,
        documents: Sequence[str],
        progress: Callable[[int, int], None] | None = None,
    ) -> Scores:
        """Score documents against a query.

        Args:
            query: any text.
            documents: at most 10,000 texts.
            progress: called with (done, total) documents before each part of them and at the end;
                may raise to cancel, and what is encoded by then is not encoded again.

        Returns:
            Scores in the order of `documents`.

        Raises:
            UserError: if there are more documents than that.
        """
        if len(documents) > MAX_DOCUMENTS:
            raise UserError("scores.too many documents", f"{len(documents):,}", most=MAX_DOCUMENTS)
        encoded_query = self.cache.encode([query], "query")[0]
        candidates = self.cache.candidates(documents, progress)
        background = self.folder.random_pairs
        return score(encoded_query, candidates, self.head, background, self.folder.name)
