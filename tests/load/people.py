"""What a visitor does: types marked texts of its own at a human pace, and reads the answers."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dssm_core.scoring import cosine
from dssm_core.towers import Towers
from tests.load.visitor import Answer, VisitError, Visitor, mark, visit

QUERY, LINES = "Query", "Documents, one a line"
"""The fields, as they are labelled in English."""

DOCUMENTS = 5
LONGEST = 300
"""Characters of a text with its mark, which the page's table then shows whole."""

NEAR = 1e-4
"""How far apart two cosines of the same texts may lie: batches of other sizes round otherwise."""

Pair = tuple[str, str]


@dataclass
class Record:
    """What happened to some visitors.

    Attributes:
        answers: each answer that came to an edit.
        errors: what went wrong, in words.
        strangers: marks that others put into their texts and a visitor was sent.
        messages: how many messages came.
        size: of how many bytes.
    """

    answers: list[Answer] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    strangers: set[str] = field(default_factory=set)
    messages: int = 0
    size: int = 0


class Typist:
    """What one visitor types.

    Args:
        number: of the visitor, which gives the mark in its texts and the seed of its choices.
        texts: queries and documents to choose from.
    """

    def __init__(self, number: int, texts: Sequence[Pair]) -> None:
        self.name, self._texts, self._random = mark(number), texts, random.Random(number)
        self.query = self._text(0)
        self.documents = [self._text(1) for _ in range(DOCUMENTS)]

    def edit(self) -> tuple[str, str]:
        """Change the query or one document; return the field and what it holds now."""
        if self._random.random() < 0.5:
            self.query = self._text(0)
            return QUERY, self.query
        self.documents[self._random.randrange(DOCUMENTS)] = self._text(1)
        return LINES, "\n".join(self.documents)

    def fits(self, answer: Answer) -> bool:
        """Return whether an answer is to all that stands in the fields, and to nothing else."""
        table = answer.table.sort_values("position")
        shown = [answer.view.query, *answer.view.documents, *table["document"]]
        return shown == [self.query, *self.documents, *self.documents]

    def pause(self, pace: float) -> float:
        """Return for how many seconds this visitor thinks."""
        return self._random.uniform(0.5, 1.5) * pace

    def _text(self, side: int) -> str:
        """Return a query (0) or a document (1) with the mark somewhere in it."""
        most = LONGEST - len(self.name) - 1
        words = self._random.choice(self._texts)[side][:most].split()
        words.insert(self._random.randrange(len(words) + 1), self.name)
        return " ".join(words)


async def stay(
    address: str, typist: Typist, record: Record, edits: float, until: float, pace: float
) -> None:
    """Be one visitor; after an error leave, and come again.

    Args:
        address: of the page.
        typist: what to type.
        record: where to take down what happened.
        edits: how many to make.
        until: when to leave, by `time.monotonic`.
        pace: seconds from an answer to the next edit, on average.
    """
    while edits > 0 and time.monotonic() < until:
        visitor: Visitor | None = None
        try:
            visitor = await visit(address, typist.name)
            await visitor.ready()
            await visitor.ask(QUERY, typist.query, lambda answer: answer.view.query == typist.query)
            await visitor.ask(LINES, "\n".join(typist.documents), typist.fits)
            while edits > 0 and time.monotonic() < until:
                await asyncio.sleep(typist.pause(pace))
                record.answers.append(await visitor.ask(*typist.edit(), typist.fits))
                edits -= 1
        except (VisitError, OSError) as error:
            record.errors.append(f"{typist.name}: {error}")
            await asyncio.sleep(pace)
        finally:
            if visitor:
                record.strangers |= visitor.marks - {visitor.name}
                record.messages += visitor.messages
                record.size += visitor.size
                await visitor.close()


def count_wrong(answers: Sequence[Answer], towers: Towers) -> int:
    """Return how many answers hold a number that is not that of the texts beside it."""
    queries = list(dict.fromkeys(answer.view.query for answer in answers))
    documents = list(dict.fromkeys(text for a in answers for text in a.view.documents))
    of_query = dict(zip(queries, towers.encode(queries, "query"), strict=True))
    of_document = dict(zip(documents, towers.encode(documents, "document"), strict=True))
    wrong = 0
    for answer in answers:
        query, table = of_query[answer.view.query].vector, answer.table
        right = [cosine(query, of_document[text].vector) for text in table["document"]]
        is_near = np.allclose(table["cosine"], right, rtol=0, atol=NEAR)
        is_ranked = table.sort_values("cosine", ascending=False)["rank"].is_monotonic_increasing
        wrong += not (is_near and is_ranked)
    return wrong
