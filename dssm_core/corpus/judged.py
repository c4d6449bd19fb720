"""A judged collection: queries, documents, and how relevant which is to which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from dssm_core.corpus.labels import fold_label, word_grades
from dssm_core.corpus.texts import (
    DOCUMENT_IDS,
    IDS,
    QUERY_IDS,
    Texts,
    first_line,
    plain,
    read_texts,
    rows_of,
)
from dssm_core.errors import UserError, line_of
from dssm_core.words import Sentence, Values

GRADES = ("score", "grade", "relevance", "relevant", "rel", "label", "gain", "rating")
"""Names of the column of grades, the likeliest first."""

SHOWN = 5
"""Queries and lines that a sentence names; it counts the others."""


class Repeat(NamedTuple):
    """A judgement of a pair that an earlier line judges; the earlier one counts.

    Attributes:
        line: of this one.
        first: the earlier line.
        grade: what this one says.
        counts: what the earlier one says.
    """

    line: int
    first: int
    grade: int
    counts: int


@dataclass(frozen=True)
class Judgements:
    """How relevant which document is to which query.

    Attributes:
        name: of the file.
        grades: by query and document.
        repeats: what is judged again, in the file's order.
    """

    name: str
    grades: dict[str, dict[str, int]]
    repeats: tuple[Repeat, ...] = ()


@dataclass(frozen=True)
class Judged:
    """A collection as it was read, what counts of it, and what is left out.

    Attributes:
        queries: texts of queries.
        documents: texts of documents.
        judgements: of these.
        min_grade: the least grade that counts as relevant, at least 1.
        leave_out_own: whether a document with a query's id is no candidate of that query.
    """

    queries: Texts
    documents: Texts
    judgements: Judgements
    min_grade: int = 1
    leave_out_own: bool = False

    @classmethod
    def read(
        cls,
        qrels: Path,
        queries: Path,
        corpus: Path,
        min_grade: int = 1,
        leave_out_own: bool = False,
    ) -> Judged:
        """Read a collection from its three files.

        Raises:
            UserError: as `read_texts` and `read_judgements`, or for a least grade under 1.
        """
        if min_grade < 1:
            raise UserError("trec.wrong least", str(min_grade))
        asked, documents = read_texts(queries, "query"), read_texts(corpus)
        judgements = read_judgements(qrels, asked.texts, documents.texts)
        return cls(asked, documents, judgements, min_grade, leave_out_own)

    @cached_property
    def own(self) -> tuple[str, ...]:
        """The queries whose id is a document's, too."""
        return tuple(query for query in self.queries.texts if query in self.documents.texts)

    @cached_property
    def grades(self) -> dict[str, dict[str, int]]:
        """By query that has a relevant document, the grades above 0 of its documents."""
        found = {}
        for query, judged in self.judgements.grades.items():
            row = {
                document: grade
                for document, grade in judged.items()
                if grade > 0 and not (self.leave_out_own and document == query)
            }
            if max(row.values(), default=0) >= self.min_grade:
                found[query] = row
        return found

    @property
    def unjudged(self) -> list[str]:
        """The queries that no line judges."""
        return [query for query in self.queries.texts if query not in self.judgements.grades]

    @property
    def without_relevant(self) -> list[str]:
        """The judged queries of which no document is relevant."""
        return [query for query in self.judgements.grades if query not in self.grades]

    def pairs(self) -> Iterator[tuple[str, str, int, int, str, str]]:
        """Yield query, document, label (1 from the least grade on), grade and both ids, a judgement
        each, of the queries that have a relevant document."""
        for query in self.grades:
            for document, grade in self.judgements.grades[query].items():
                if not (self.leave_out_own and document == query):
                    texts = self.queries.texts[query], self.documents.texts[document]
                    yield *texts, int(grade >= self.min_grade), grade, query, document

    def sentences(self) -> list[Sentence]:
        """Return how the files were read and what was left out, a sentence each."""
        found = [self.queries.sentence(), self.documents.sentence(), self._graded()]
        for key, names in (
            ("unjudged", self.unjudged),
            ("without relevant", self.without_relevant),
        ):
            if names:
                said: Values = {"number": len(names), "names": tuple(names[:SHOWN])}
                found.append(Sentence(f"collection.{key}", {**said, "least": self.min_grade}))
        return [*found, *self._repeats(), *self._own()]

    def to_dict(self) -> dict[str, Any]:
        """Return the same as data, with all names."""
        return {
            "queries": self.queries.to_dict(),
            "documents": self.documents.to_dict(),
            "judgements": {
                "file": self.judgements.name,
                "grades": {str(grade): number for grade, number in self._counts()},
                "repeated": [repeat._asdict() for repeat in self.judgements.repeats],
            },
            "min_grade": self.min_grade,
            "left_out": {"unjudged": self.unjudged, "without_relevant": self.without_relevant},
            "own_documents": {
                "queries": len(self.own),
                "with_the_same_text": self._same_text(),
                "left_out": self.leave_out_own,
            },
        }

    def _counts(self) -> list[tuple[int, int]]:
        rows = self.judgements.grades.values()
        return sorted(Counter(grade for row in rows for grade in row.values()).items())

    def _graded(self) -> Sentence:
        counts = self._counts()
        return Sentence(
            "collection.judgements",
            {
                "name": self.judgements.name,
                "number": sum(number for _, number in counts),
                "grades": ", ".join(f"{grade}: {number:,}" for grade, number in counts),
                "least": self.min_grade,
            },
        )

    def _repeats(self) -> Iterator[Sentence]:
        """Yield what is judged twice: alike, which is harmless, and otherwise."""
        for key, is_wanted in (("repeated", False), ("contradicted", True)):
            lines = [r for r in self.judgements.repeats if (r.grade != r.counts) == is_wanted]
            if lines:
                yield Sentence(
                    f"collection.{key}",
                    {
                        "name": self.judgements.name,
                        "number": len(lines),
                        "lines": ", ".join(f"{r.line} ({r.first})" for r in lines[:SHOWN]),
                    },
                )

    def _own(self) -> Iterator[Sentence]:
        if self.own:
            same = self._same_text()
            key = "own" if same else "own ids"
            key = "own left out" if self.leave_out_own else key
            said: Values = {"number": len(self.own), "same": same}
            yield Sentence(f"collection.{key}", said)

    def _same_text(self) -> int:
        queries, documents = self.queries.texts, self.documents.texts
        return sum(
            documents[name].endswith(queries[name].strip()) for name in self.own
        )  # a title before


def read_judgements(path: Path, queries: Container[str], documents: Container[str]) -> Judgements:
    """Read how relevant which document is to which query.

    1. A first line that names an id is a header (BEIR, WANDS), and the columns are known by their
       names.
    2. Else a line is query id, anything, document id, grade (TREC, MS MARCO), or lacks the second.
    3. A grade is a whole number, or a word of a scale that is known, such as Exact or E.
    4. Of two lines about the same pair, the first counts.

    Args:
        path: cells between tabs, white space or, in a .csv, commas.
        queries: ids that there are.
        documents: ids that there are.

    Raises:
        UserError: where a line is something else, or names a text that is not there.
    """
    grades: dict[str, dict[str, int]] = {}
    words: dict[str, int] | None = None
    lines: dict[tuple[str, str], int] = {}
    repeats: list[Repeat] = []
    places: tuple[int, int, int] | None = None
    separator = "\t" if "\t" in first_line(path) else None
    for at, (number, cells) in enumerate(rows_of(path, separator)):
        where = line_of(number, path.name)
        if at == 0 and (places := _header(cells)):
            continue
        query, document, cell = _judgement(cells, places, where)
        value = _whole(cell)
        if value is None:
            if words is None:
                words = _word_grades(path, separator, places)
            value = words.get(fold_label(cell))
        if value is None:
            raise UserError("trec.wrong grade", cell, where=where)
        for name, known, file in ((query, queries, "--queries"), (document, documents, "--corpus")):
            if name not in known:
                raise UserError("trec.unknown text", name, where=where, option=file)
        first = lines.setdefault((query, document), number)
        counts = grades.setdefault(query, {}).setdefault(document, value)
        if first != number:
            repeats.append(Repeat(number, first, value, counts))
    return Judgements(path.name, grades, tuple(repeats))


def _header(cells: Sequence[str]) -> tuple[int, int, int] | None:
    """Return the places of query, document and grade in a header; None where it is none."""
    names = [plain(cell) for cell in cells]
    if not set(names) & set(IDS["query"]):
        return None
    wanted = (QUERY_IDS, DOCUMENT_IDS, GRADES)
    found = [next((names.index(n) for n in some if n in names), None) for some in wanted]
    usual = (0, len(cells) - 2, len(cells) - 1)
    query, document, grade = (u if f is None else f for f, u in zip(found, usual, strict=True))
    return query, document, grade


def _judgement(
    cells: Sequence[str], places: tuple[int, int, int] | None, where: Sentence
) -> tuple[str, str, str]:
    if len(cells) not in (3, 4) if places is None else len(cells) <= max(places):
        received = " ".join(cells)
        raise UserError("trec.wrong columns", received, where=where, number=len(cells))
    query, document, grade = (cells[i].strip() for i in places or (0, -2, -1))
    return query, document, grade


def _whole(cell: str) -> int | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None


def _word_grades(
    path: Path, separator: str | None, places: tuple[int, int, int] | None
) -> dict[str, int]:
    """Return the grades of all words that stand for one in a file."""
    rows = (cells for _, cells in islice(rows_of(path, separator), 1 if places else 0, None))
    at = places[2] if places else -1
    cells = {row[at].strip() for row in rows if len(row) > at}
    return word_grades(cell for cell in cells if _whole(cell) is None)
