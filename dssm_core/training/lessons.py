"""Batches with what a teacher says of their texts, and of unlabelled texts beside them.

Shape letters: N rows of a batch, M unlabelled texts, W the teacher's width.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence

import numpy as np

from dssm_core.training.batches import Batch, PairBatches, ShardBatches
from dssm_core.training.teacher import Lessons, Log, Teacher
from dssm_core.workers import ALONE, Workers


class TaughtBatches:
    """Batches that a teacher has read, too; unlabelled texts are spread over the steps of an epoch.

    Args:
        batches: those of the pairs.
        teacher: asked about all texts at once, here.
        texts: unlabelled ones.
        log: called with a line for people as the teacher goes on.

    Raises:
        UserError: if the teacher fails, or reads none of the texts.
    """

    def __init__(
        self,
        batches: PairBatches | ShardBatches,
        teacher: Teacher,
        texts: Sequence[str],
        log: Log = print,
    ) -> None:
        self._batches, self._texts = batches, texts
        self.vocabulary, self.pairs = batches.vocabulary, batches.pairs
        self.negatives = batches.negatives
        queries, documents = batches.texts()
        self._lessons: Lessons = teacher.lessons(
            {"query": queries, "document": [*documents, *texts]}, log
        )
        given = hashlib.sha256(json.dumps([teacher.said, texts]).encode()).hexdigest()
        self.fingerprint = f"{batches.fingerprint} {given}"

    def epoch(
        self, number: int, size: int, rng: np.random.Generator, workers: Workers = ALONE
    ) -> Iterator[Batch]:
        """Yield the pairs as the batches do, each step with its share of the texts."""
        order = rng.permutation(len(self._texts))
        parts = np.array_split(order, max(1, -(-self.pairs // size)))
        for step, batch in enumerate(self._batches.epoch(number, size, rng, workers)):
            more = [self._texts[row] for row in parts[step % len(parts)]]
            queries, documents, negatives = batch.said
            taught = (
                self._lessons.of(queries, "query"),
                self._lessons.of(documents, "document"),
                self._lessons.of(negatives, "document"),
                self._batches.read(more),
                self._lessons.of(more, "document"),
            )
            yield batch._replace(taught=taught)
