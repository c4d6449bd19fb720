"""What the cells of a label column mean: relevant, not relevant, or not judged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dssm_core.corpus.names import number_of
from dssm_core.errors import UserError
from dssm_core.words import Sentence, shortened

YES = (
    "1 true t yes y relevant positive pos match good correct duplicate clicked entailment si sí "
    "sim oui ja da да evet 是 相关 相關 はい 関連 예 관련 نعم"
)
NO = (
    "0 -1 false f no n irrelevant negative neg mismatch bad wrong different skipped não nao "
    "non nein nee нет hayır 否 不相关 不相關 いいえ 아니요 لا"
)
RELEVANT = frozenset(YES.split())
IRRELEVANT = frozenset([*NO.split(), "not relevant", "non relevant", "no match", "not match"])
NOT_RELEVANT = "\0not relevant"
"""What stands for the label of a document in a column of negatives; no file can hold it."""

UNJUDGED = frozenset(["", "nan", "none", "null", "na", "n/a", "-", "?", "unjudged"])
"""Cells that hold no label."""

SCALES: tuple[tuple[str, ...], ...] = (
    ("i", "c", "s", "e"),
    ("irrelevant", "complement", "substitute", "exact"),
    ("irrelevant", "partial", "exact"),
    ("contradiction", "neutral", "entailment"),
    ("not relevant", "partially relevant", "relevant"),
    ("irrelevant", "partially relevant", "relevant"),
    ("irrelevant", "somewhat relevant", "relevant", "highly relevant"),
    ("not relevant", "somewhat relevant", "relevant", "highly relevant"),
    ("irrelevant", "relevant", "highly relevant", "perfectly relevant"),
    ("bad", "fair", "good", "excellent", "perfect"),
)
"""Grades in words, from 0 upward."""

MAX_VALUES = 20
"""Different values of a column that may still be labels."""
MAX_KEPT = 1_000
"""Different values that are remembered; of more, only whether they are numbers, and their range."""
WIDEST = 10
"""Range of whole numbers that are taken for grades without asking."""

_NOT = re.compile(r"(?:not|non|no|un|ir|dis)[\W_]*")


class Values:
    """The different values of a label column.

    Attributes:
        name: of the file.
        kept: values as first written, by what they come to; at most MAX_KEPT.
        low: the lowest number.
        high: the highest.
        are_numbers: whether all values are numbers.
        missing: how many cells hold none.
    """

    def __init__(self, cells: Iterable[str], name: str) -> None:
        self.name = name
        self.kept: dict[str, str] = {}
        self.low, self.high = float("inf"), float("-inf")
        self.are_numbers = True
        self.missing = 0
        seen: dict[str, bool] = {}
        for cell in cells:
            if (is_missing := seen.get(cell)) is None:
                is_missing = self._add(cell)
                if len(seen) < MAX_KEPT:
                    seen[cell] = is_missing
            self.missing += is_missing

    def _add(self, cell: str) -> bool:
        value = fold_label(cell)
        if value in UNJUDGED:
            return True
        number = number_of(value)
        if number is None:
            self.are_numbers = False
        else:
            self.low, self.high = min(self.low, number), max(self.high, number)
        if len(self.kept) < MAX_KEPT:
            self.kept.setdefault(value, cell.strip())
        return False

    @property
    def shown(self) -> str:
        """The first of them, for messages."""
        values = [shortened(value, 40) for value in list(self.kept.values())[:MAX_VALUES]]
        return ", ".join([*values, "…"] if len(self.kept) > MAX_VALUES else values)

    @property
    def are_grades(self) -> bool:
        """Whether they are a few whole numbers."""
        whole = self.are_numbers and all(float(value).is_integer() for value in self.kept)
        return whole and len(self.kept) > 1 and self.high - self.low <= WIDEST


@dataclass(frozen=True)
class Labels:
    """What a label column's values mean.

    Attributes:
        column: its name; None where there is none, and all pairs count as relevant.
        relevant: values that mean relevant, as the file writes them.
        irrelevant: values that mean not relevant.
        least: the grade from which on a pair is relevant; None where values alone decide.
        low: the lowest grade.
        high: the highest.
    """

    column: str | None = None
    relevant: tuple[str, ...] = ()
    irrelevant: tuple[str, ...] = ()
    least: float | None = None
    low: float = 0
    high: float = 0

    def parser(self) -> Parser:
        """Return what reads cells."""
        return Parser(self)

    @property
    def is_plain(self) -> bool:
        """Whether the values say no more than yes or no."""
        return len({*self.relevant, *self.irrelevant}) <= 2 and self.least is None

    def sentence(self) -> Sentence:
        """Return what counts as relevant."""
        column = str(self.column)
        if self.column is None:
            return Sentence("reading.all relevant")
        if self.least is not None:
            grades = {"least": _short(self.least), "low": _short(self.low)}
            return Sentence(
                "reading.grades", {"column": column, "high": _short(self.high), **grades}
            )
        values = ", ".join(self.relevant) or "–"
        return Sentence("reading.values", {"column": column, "values": values})


class Parser:
    """Reads label cells, each different one once."""

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.known = {fold_label(value): 0 for value in labels.irrelevant}
        self.known |= {fold_label(value): 1 for value in labels.relevant}
        self.are_all_relevant = labels.column is None and not self.known
        self.known[NOT_RELEVANT] = 0
        self.read: dict[str, int | None] = {}

    def label(self, cell: str) -> int | None:
        """Return 1 or 0; None where the cell holds no label, -1 where it is none that is known."""
        if self.are_all_relevant:
            return 1
        try:
            return self.read[cell]
        except KeyError:
            label = self._label(fold_label(cell))
            if len(self.read) < MAX_KEPT:
                self.read[cell] = label
            return label

    def _label(self, value: str) -> int | None:
        if value in UNJUDGED:
            return None
        if self.labels.least is not None and (number := number_of(value)) is not None:
            return int(number >= self.labels.least)
        return self.known.get(value, -1)


def fold_label(cell: str) -> str:
    """Return what a label comes to: in lower case, and a number in its shortest form.

    Example:
        >>> fold_label(" Yes"), fold_label("1,0"), fold_label("0.50")
        ('yes', '1', '0.5')
    """
    value = cell.strip().casefold()
    number = number_of(value)
    return value if number is None else f"{number:.12g}"


def word_grades(cells: Iterable[str]) -> dict[str, int]:
    """Return the grade of each word that grades are given in, folded; {} where they are unknown.

    Example:
        >>> word_grades(["Exact", "Partial", "Exact", "Irrelevant"])["partial"]
        1
    """
    values = dict.fromkeys(map(fold_label, cells))
    if values.keys() <= RELEVANT | IRRELEVANT:
        return {value: int(value in RELEVANT) for value in values}
    scale = _scale(values) or ()
    return {value: scale.index(value) for value in values if scale}


def guess_labels(
    column: str | None,
    cells: Iterable[str],
    relevant: Sequence[str] | None = None,
    least: float | None = None,
    name: str = "",
) -> Labels:
    """Return what the values of a column mean.

    1. As given: the values that mean relevant, or the least grade that does.
    2. Words that mean yes and no; grades in words or whole numbers, relevant above the middle.
    3. The higher of two numbers; of two words, that which the other negates.

    Args:
        column: its name; None: all pairs are relevant.
        cells: of all rows.
        relevant: values that mean relevant; None to guess.
        least: the least grade that means relevant.
        name: of the file, for messages.

    Raises:
        UserError: where it is not clear what means relevant.
    """
    if column is None:
        return Labels()
    values = Values(cells, name)
    written = values.kept
    if relevant is not None:
        chosen = {fold_label(value): value for value in relevant}
        if unknown := [value for folded, value in chosen.items() if folded not in written]:
            raise UserError(
                "labels.no such value",
                ", ".join(unknown),
                column=column,
                values=values.shown,
                name=name,
            )
        return _split(column, written, chosen)
    if least is not None:
        return _cut(column, values, least)
    if not written:
        raise UserError("labels.empty", column=column, name=name)
    known = {value: cell for value, cell in written.items() if value in RELEVANT | IRRELEVANT}
    yes = RELEVANT & known.keys()
    if len(known) == len(written):
        return _split(column, known, yes)
    if values.are_numbers:
        return _of_numbers(column, values)
    if scale := _scale(written):
        middle = (len(scale) - 1) / 2
        return _split(column, written, [v for v in written if scale.index(v) > middle])
    is_sure = 0 < len(yes) < len(known) or any(number_of(value) is not None for value in known)
    if is_sure:  # what else there is, is refused by its line
        return _split(column, known, yes)
    return _of_words(column, values)


def _of_numbers(column: str, values: Values) -> Labels:
    if len(values.kept) == 2:
        return _split(column, values.kept, [max(values.kept, key=float)])
    if values.are_grades:
        middle = (values.low + values.high) / 2
        return _cut(column, values, int(middle) + 1 if middle >= 0 else values.high)
    if len(values.kept) == 1:
        raise UserError("labels.unclear", column=column, values=values.shown, name=values.name)
    raise UserError(
        "labels.no cut",
        column=column,
        low=_short(values.low),
        high=_short(values.high),
        name=values.name,
    )


def _of_words(column: str, values: Values) -> Labels:
    written = values.kept
    if len(written) == 2:
        one, other = written
        for yes, no in ((one, other), (other, one)):
            is_negated = bool((match := _NOT.match(no)) and no[match.end() :] == yes)
            if is_negated or yes in RELEVANT or no in IRRELEVANT:
                return _split(column, written, [yes])
    raise UserError("labels.unclear", column=column, values=values.shown, name=values.name)


def _cut(column: str, values: Values, least: float) -> Labels:
    if not values.are_numbers:
        scale = _scale(values.kept)
        if not scale:
            raise UserError(
                "labels.no grades", column=column, values=values.shown, name=values.name
            )
        return _split(column, values.kept, [v for v in values.kept if scale.index(v) >= least])
    return Labels(column, (), (), least, values.low, values.high)


def _split(column: str, written: dict[str, str], relevant: Iterable[str]) -> Labels:
    chosen = set(relevant)
    return Labels(
        column,
        tuple(written[value] for value in written if value in chosen),
        tuple(written[value] for value in written if value not in chosen),
    )


def _scale(values: Iterable[str]) -> tuple[str, ...] | None:
    found = set(values)
    return next((scale for scale in SCALES if found <= set(scale)), None)


def _short(number: float) -> str:
    return f"{number:g}"
