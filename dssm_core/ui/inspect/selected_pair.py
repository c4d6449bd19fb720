"""The pair that is looked at, with all that its panels read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from dssm_core.errors import UserError
from dssm_core.evaluation import cosines_between
from dssm_core.inspection.score_pairs import Inspection
from dssm_core.numeric import l2_normalise
from dssm_core.scoring import ScoredDocument, Scorer, Scores
from dssm_core.towers import Side

LINE = "inspect.line"
"""Session key of the line of the selected pair."""


def pair_key(query: str, document: str) -> str:
    """Return a short name of two texts, 12 hexadecimal digits."""
    texts = f"{query}\0{document}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(texts).hexdigest()[:12]


@dataclass(frozen=True)
class SelectedPair:
    """One pair of the loaded set.

    Attributes:
        inspection: the loaded set.
        line: the pair's line, a value of the frame's index.
        scorer: the model.
        threshold: a cosine.
        scores: the pair as the model reads it.
        scored: its document, ranked among those that the set has for the query.
        candidates: how many those are.
    """

    inspection: Inspection
    line: Any
    scorer: Scorer
    threshold: float
    scores: Scores
    scored: ScoredDocument
    candidates: int

    @classmethod
    def of(
        cls, inspection: Inspection, line: Any, scorer: Scorer, threshold: float
    ) -> SelectedPair:
        """Read and score a pair of the set.

        Raises:
            UserError: if the set has no such line.
        """
        if line not in inspection.frame.index:
            raise UserError("inspect.no such pair", str(line))
        row = inspection.frame.loc[line]
        scores = scorer.score(row["query"], [row["document"]])
        scored = scores.results[0]
        if scored.cosine is not None and not pd.isna(row["rank"]):
            scored = replace(scored, rank=int(row["rank"]))
        return cls(
            inspection, line, scorer, threshold, scores, scored, max(1, int(row["candidates"]))
        )

    @property
    def query(self) -> str:
        """The query's text."""
        return self.scores.query.text

    @property
    def document(self) -> str:
        """The document's text."""
        return self.scored.document

    @property
    def label(self) -> int:
        """1 relevant, 0 not, as the set has it."""
        label: Any = self.inspection.frame.at[self.line, "label"]
        return int(label)

    @property
    def at(self) -> float:
        """The threshold as a probability."""
        return self.scorer.head.probability(self.threshold)

    @property
    def verdict(self) -> int | None:
        """The model's verdict at the threshold, 1 or 0; None where it reads nothing."""
        cosine = self.scored.cosine
        return None if cosine is None else int(cosine >= self.threshold)

    @property
    def key(self) -> str:
        """A short name of the two texts, so that widgets of different pairs are different."""
        return pair_key(self.query, self.document)

    def others(self) -> pd.DataFrame:
        """Return the set's other documents of this query, the highest cosine first, once each."""
        row = self._row
        is_same = self.inspection.query_row == self.inspection.query_row[row]
        is_own = self.inspection.document_row == self.inspection.document_row[row]
        others = self.inspection.frame[is_same & ~is_own].drop_duplicates("document")
        result: pd.DataFrame = others.sort_values("cosine", ascending=False, kind="stable")
        return result

    def rank_of(self, edited: Scores) -> int | None:
        """Return the rank of an edited pair's document among the set's others for the query.

        The cosines are those of `inspect_pairs`, so that without an edit the rank stays.

        Args:
            edited: the pair with other texts, scored.
        """
        if edited.results[0].cosine is None:
            return None
        same = self.inspection.query_row == self.inspection.query_row[self._row]
        rows = self.inspection.document_row[same]
        others = self.inspection.documents[rows[rows != self.inspection.document_row[self._row]]]
        query = self._unit(edited.query.text, "query")
        documents = np.concatenate(
            [self._unit(edited.results[0].document, "document"), others[others.any(axis=1)]]
        )
        number = np.arange(len(documents))
        cosines = cosines_between(query, documents, np.zeros_like(number), number)
        return 1 + int((cosines > cosines[0]).sum())

    def _unit(self, text: str, side: Side) -> np.ndarray:
        """Return a text's unit vector, [1, E]."""
        return l2_normalise(self.scorer.cache.encode([text], side)[0].vector[None])

    @property
    def _row(self) -> int:
        return int(np.flatnonzero(self.inspection.frame.index == self.line)[0])
