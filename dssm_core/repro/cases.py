"""Repro cases: a query, its documents, what each should be, and the scores a model gave them.

A file of cases is JSONL, one case a line, by convention NAME.cases.jsonl:

    {"query": "red door", "note": "", "model": "debian-packages", "fingerprint": "0123456789ab",
     "threshold": 0.5, "documents": [{"document": "a red door", "label": 1, "verdict": null,
     "cosine": 0.61, "probability": 0.54, "rank": 1}]}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dssm_core.errors import UserError, line_of
from dssm_core.scoring import Scorer
from dssm_core.store import VERDICTS, Verdict
from dssm_core.words import Sentence

NUMBERS = ("cosine", "probability", "rank")


THE_CASE = Sentence("place.case")


@dataclass(frozen=True)
class CaseDocument:
    """One document of a case.

    Attributes:
        document: its text.
        label: 1 relevant, 0 not; None where nobody said.
        verdict: what a person said of it, which outranks the label; None without.
        cosine: in [-1, 1], then; None where the model could read nothing.
        probability: in [0, 1], likewise.
        rank: among the case's documents, 1 the highest cosine, likewise.
    """

    document: str
    label: int | None
    verdict: Verdict | None
    cosine: float | None
    probability: float | None
    rank: int | None

    @property
    def is_relevant(self) -> bool | None:
        """Whether it should count as relevant; None where that is not settled."""
        if self.verdict is not None:
            return {"relevant": True, "not relevant": False}.get(self.verdict)
        return None if self.label is None else self.label == 1


@dataclass(frozen=True)
class Case:
    """One repro case.

    Attributes:
        query: its text.
        documents: one or more.
        note: why it was kept.
        model: name of the model that gave the scores.
        fingerprint: of that model.
        threshold: the probability from which a document counts as relevant, in (0, 1).
        line: where it starts in its file, from 1; 0 where it comes from none.
    """

    query: str
    documents: tuple[CaseDocument, ...]
    note: str
    model: str
    fingerprint: str
    threshold: float
    line: int = field(default=0, compare=False)

    @classmethod
    def of(
        cls,
        scorer: Scorer,
        query: str,
        documents: Sequence[str],
        labels: Sequence[int | None] = (),
        verdicts: Sequence[Verdict | None] = (),
        note: str = "",
        threshold: float = 0.5,
    ) -> Case:
        """Make a case of a pair, or of several documents of one query, with today's scores.

        Args:
            scorer: the model.
            query: its text.
            documents: one or more texts.
            labels: of each document, 1, 0 or None; none at all if empty.
            verdicts: of each document, likewise.
            note: why it is kept.
            threshold: a probability.
        """
        unknown = (None,) * len(documents)
        rows = zip(
            scorer.score(query, documents).results,
            labels or unknown,
            verdicts or unknown,
            strict=True,
        )
        rated = tuple(
            CaseDocument(r.document, label, verdict, r.cosine, r.probability, r.rank)
            for r, label, verdict in rows
        )
        return cls(query, rated, note, scorer.folder.name, scorer.folder.fingerprint, threshold)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `from_dict` reads them."""
        values = asdict(self)
        del values["line"]
        return {**values, "documents": list(values["documents"])}

    @classmethod
    def from_dict(cls, values: Any, where: Sentence = THE_CASE, line: int = 0) -> Case:
        """Check and take what `to_dict` gave.

        Args:
            values: any JSON value.
            where: what messages call it, such as line 3 of my.cases.jsonl.
            line: where it starts in its file.

        Raises:
            UserError: naming the field that cannot be taken.
        """
        given = _checked(values, _CASE, where)
        documents = []
        for number, item in enumerate(given.pop("documents"), 1):
            at = Sentence("place.document", {"number": number, "where": where})
            fields = _checked(item, _DOCUMENT, at)
            if len({fields[name] is None for name in NUMBERS}) > 1:
                raise UserError(
                    "cases.some numbers",
                    json.dumps({name: fields[name] for name in NUMBERS}),
                    names=", ".join(NUMBERS),
                    where=at,
                )
            documents.append(CaseDocument(**fields))
        return cls(**given, documents=tuple(documents), line=line)


def write_cases(cases: Sequence[Case]) -> bytes:
    """Return cases as JSONL, UTF-8."""
    lines = [json.dumps(c.to_dict(), ensure_ascii=False, allow_nan=False) + "\n" for c in cases]
    return "".join(lines).encode("utf-8", "backslashreplace")  # half a character: JSON's escape


def read_cases(source: Path | bytes, name: str | None = None) -> list[Case]:
    """Read a file of cases.

    Args:
        source: its path, or its content.
        name: the file's name, for messages; the path's if None.

    Raises:
        UserError: naming the file, the line and the field that cannot be taken.
    """
    name = name or (source.name if isinstance(source, Path) else "")
    try:
        content = source.read_bytes() if isinstance(source, Path) else source
    except OSError as error:
        raise UserError("file.unreadable", str(error), name=name) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError("cases.not UTF-8", name=name, line=line) from None
    cases = []
    for line, written in enumerate(text.split("\n"), 1):  # splitlines cuts at U+2028, too
        if written.strip():
            where = line_of(line, name)
            try:
                values = json.loads(written)
            except (ValueError, RecursionError) as error:
                raise UserError("cases.not JSON", str(error), where=where) from None
            cases.append(Case.from_dict(values, where, line))
    if not cases:
        raise UserError("cases.none", name=name)
    return cases


def _is_number(value: Any, low: float, high: float) -> bool:
    return type(value) in (int, float) and low <= value <= high


_TEXT = (lambda value: isinstance(value, str), "text", "")

_CASE: dict[str, tuple[Any, str, Any]] = {
    "query": (lambda value: isinstance(value, str), "text", ...),
    "documents": (lambda value: isinstance(value, list) and value, "documents", ...),
    "note": _TEXT,
    "model": _TEXT,
    "fingerprint": _TEXT,
    "threshold": (
        lambda value: _is_number(value, 0, 1) and 0 < value < 1,
        "threshold",
        0.5,
    ),
}
"""Of each field: whether a value fits, what it must be, and what it is if absent (...: needed)."""

_DOCUMENT: dict[str, tuple[Any, str, Any]] = {
    "document": (lambda value: isinstance(value, str), "text", ...),
    "label": (
        lambda value: value is None or (type(value) is int and value in (0, 1)),
        "label",
        None,
    ),
    "verdict": (
        lambda value: value is None or value in VERDICTS,
        "verdict",
        None,
    ),
    "cosine": (lambda value: value is None or _is_number(value, -1, 1), "cosine", ...),
    "probability": (lambda value: value is None or _is_number(value, 0, 1), "probability", ...),
    "rank": (lambda value: value is None or (type(value) is int and value >= 1), "rank", ...),
}


def _kind(name: str) -> Sentence:
    values = {"names": ", ".join(VERDICTS)} if name == "verdict" else {}
    return Sentence(f"kind of value.{name}", values)


def _checked(
    values: Any, fields: Mapping[str, tuple[Any, str, Any]], where: Sentence
) -> dict[str, Any]:
    """Return the fields of a JSON object, each known to fit."""
    if not isinstance(values, dict):
        raise UserError("cases.not an object", json.dumps(values), where=where)
    if unknown := sorted(set(values) - set(fields)):
        raise UserError("cases.unknown field", unknown[0], where=where, names=", ".join(fields))
    checked = {}
    for name, (fits, what, absent) in fields.items():
        if name not in values and absent is ...:
            raise UserError(
                "cases.missing field",
                field=name,
                where=where,
                kind=_kind(what),
            )
        checked[name] = values.get(name, absent)
        if not fits(checked[name]):
            raise UserError(
                "cases.wrong field",
                json.dumps(checked[name]),
                field=name,
                where=where,
                kind=_kind(what),
            )
    return checked
