"""Which columns of a table are query, document and label, by their names and by what they hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dssm_core.corpus.labels import (
    IRRELEVANT,
    MAX_VALUES,
    RELEVANT,
    UNJUDGED,
    WIDEST,
    fold_label,
)
from dssm_core.corpus.lists import are_lists, label_key
from dssm_core.corpus.names import NEGATIVES, is_id, named, number_of, plain, sides
from dssm_core.corpus.records import Record

NO_LABEL = "none"
"""In place of a label column: there is none."""

_NEGATIVE = re.compile(rf"(?:{'|'.join(map(plain, NEGATIVES))})\d*")


@dataclass(frozen=True)
class Roles:
    """Which columns are what.

    Attributes:
        query: name of the column with the queries; None while nobody knows.
        document: likewise with the documents.
        label: likewise with the labels; None: there is none.
        negatives: columns with documents that are not relevant.
        lists: columns whose cells are lists of texts.
        inner_label: what a list of documents calls the label of each; None: it has none.
    """

    query: str | None
    document: str | None
    label: str | None
    negatives: tuple[str, ...] = ()
    lists: frozenset[str] = frozenset()
    inner_label: str | None = None

    @property
    def is_expanded(self) -> bool:
        """Whether a row holds more than one pair."""
        return bool(self.negatives or self.lists)


def guess_roles(
    columns: Sequence[str],
    head: Sequence[Record],
    has_header: bool = True,
    given: Roles | None = None,
) -> Roles:
    """Return which columns are query, document and label, what is given first.

    1. The label is the column called so, if it holds few values or numbers; or else the only one
       with two values that mean yes and no. Documents in a list may have it among them.
    2. Columns of documents that are not relevant are those called so.
    3. Query and document are two texts called the same but for a 1 and a 2; or those called so.
    4. What is still open goes to the columns with texts, in their order, however long they are.

    Args:
        columns: their names.
        head: the first rows.
        has_header: whether the names are the file's own.
        given: what a person says; a label called NO_LABEL is none.
    """
    given = given or Roles(None, None, None)
    cells = {c: [row[n].strip() for _, row in head] for n, c in enumerate(columns)}
    chosen = [c for c in (given.query, given.document, given.label) if c is not None]
    free = [c for c in columns if c not in chosen and plain(c) != "split"]
    lists = frozenset(c for c in columns if are_lists(cells[c]))
    negatives = tuple(c for c in free if _NEGATIVE.fullmatch(plain(c)))
    free = [c for c in free if c not in negatives]
    label = given.label
    inner = {c: label_key(cells[c]) for c in lists} if label is None else {}
    if label is None and not any(inner.values()):
        # beside negatives a number may be how far apart they are, so only yes and no are labels
        fit = [c for c in free if not negatives or _says_yes_or_no(cells[c])]
        label = _label(fit, cells, has_header)
    label = None if label == NO_LABEL and NO_LABEL not in columns else label
    free = [c for c in free if c != label]
    texts = [c for c in free if c in lists or _are_texts(cells[c])]
    query, document = given.query, given.document
    if query is None and document is None and not {"query", "document"} & set(texts):
        query, document = sides(columns, texts) or (None, None)
    query = query or _side("query", columns, [c for c in texts if c != document], free)
    document = document or _side("document", columns, [c for c in texts if c != query], free)
    others = [c for c in free if not all(map(is_id, cells[c]))]  # one query to all documents, say
    query = query or named(columns, "query", [c for c in others if c != document])
    document = document or named(columns, "document", [c for c in others if c != query])
    open_texts = [c for c in texts if c not in (query, document)]
    if query is None and open_texts:
        query = open_texts.pop(0)
    if document is None and open_texts and query is not None:
        document = open_texts[0]
    used = {c for c in (query, document, *negatives) if c}
    inner_label = inner.get(document) if document else None
    return Roles(query, document, label, negatives, lists & used, inner_label)


def _side(
    role: str, columns: Sequence[str], texts: Sequence[str], free: Sequence[str]
) -> str | None:
    """Return the column called so: among the texts, or else by our own name."""
    return named(columns, role, texts) or (role if role in free else None)


def _label(free: Sequence[str], cells: dict[str, list[str]], has_header: bool) -> str | None:
    fit = [c for c in free if _may_be_labels(cells[c])]
    label = named(free, "label", fit) if has_header else None
    if label is None:
        label = next((c for c in fit if _are_yes_and_no(cells[c])), None)
    if label is None and not has_header:
        label = next((c for c in fit if _are_grades(cells[c])), None)
    return label


def _may_be_labels(cells: Sequence[str]) -> bool:
    values = {fold_label(cell) for cell in cells} - UNJUDGED
    if not values:
        return bool(cells)
    return len(values) <= MAX_VALUES or all(number_of(value) is not None for value in values)


def _says_yes_or_no(cells: Sequence[str]) -> bool:
    return {fold_label(cell) for cell in cells} - UNJUDGED <= RELEVANT | IRRELEVANT


def _are_yes_and_no(cells: Sequence[str]) -> bool:
    values = {fold_label(cell) for cell in cells} - UNJUDGED
    return len(values) == 2 and len(values & RELEVANT) == 1 and len(values & IRRELEVANT) == 1


def _are_grades(cells: Sequence[str]) -> bool:
    """Return whether cells are few whole numbers, each of them often."""
    numbers = {number_of(fold_label(cell)) for cell in cells if cell}
    known = [number for number in numbers if number is not None and number.is_integer()]
    is_few = 1 < len(numbers) <= min(WIDEST + 1, len(cells) / 2)
    return is_few and len(known) == len(numbers) and max(known) - min(known) <= WIDEST


def _are_texts(cells: Sequence[str]) -> bool:
    """Return whether cells are texts, and no ids, numbers or categories."""
    filled = [cell for cell in cells if cell]
    if not filled or sum(map(is_id, filled)) > 0.5 * len(filled):
        return False
    words = sum(len(cell.split()) > 1 or not cell.isascii() for cell in filled)
    is_category = len(filled) > 1 and len(set(filled)) <= max(1, 0.05 * len(filled))
    return not (is_category and words < 0.5 * len(filled))
