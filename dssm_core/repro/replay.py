"""Repro cases against another model: what was fixed, what broke, what drifted.

A document is right where

1. it should be relevant, its probability reaches the threshold, and its cosine is above that of
   every irrelevant document of its case; or
2. it should not, and its probability is below the threshold, or the model reads nothing in it.

A threshold is often the score of a pair exactly, so one within rounding of it counts as right,
then as now: another machine's arithmetic must break no case.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args
from xml.etree import ElementTree as xml

from dssm_core.quantities import format_number
from dssm_core.repro.cases import Case, CaseDocument
from dssm_core.scoring import ScoredDocument, Scorer
from dssm_core.words import shortened

Status = Literal["broken", "fixed", "drifted", "same"]
STATUSES: tuple[Status, ...] = get_args(Status)

TOLERANCE = 0.01
"""How far a cosine may move before it counts as drifted."""

ROUNDING = 1e-6

_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""What a terminal obeys, what turns a line around, and what XML cannot hold."""


@dataclass(frozen=True)
class Outcome:
    """One document of a case, then and now.

    Attributes:
        case: number of the case, from 1.
        line: where the case starts in its file; 0 where it comes from none.
        query: the case's.
        note: the case's.
        document: its text.
        is_relevant: whether it should be; None where that is not settled.
        cosine_then: the score that the case holds, None where nothing was read.
        cosine: by the model of the replay, likewise.
        probability_then: likewise.
        probability: likewise.
        rank_then: among the case's documents, likewise.
        rank: likewise.
        wrong_then: what was wrong, in words; "" if nothing.
        wrong: likewise, now.
        status: "broken": right then, wrong now; "fixed": the other way round; else "drifted" if
            the cosine moved by more than the tolerance, or "same".
    """

    case: int
    line: int
    query: str
    note: str
    document: str
    is_relevant: bool | None
    cosine_then: float | None
    cosine: float | None
    probability_then: float | None
    probability: float | None
    rank_then: int | None
    rank: int | None
    wrong_then: str
    wrong: str
    status: Status

    @property
    def is_still_wrong(self) -> bool:
        """Whether it was wrong then and is now."""
        return self.wrong_then != "" and self.wrong != ""


@dataclass(frozen=True)
class Replay:
    """Cases against one model.

    Attributes:
        model: name of the model folder.
        fingerprint: of that model.
        before: names and fingerprints of the models that the cases were kept with.
        tolerance: of drift, in cosine.
        outcomes: one a document, in the order of the cases.
    """

    model: str
    fingerprint: str
    before: tuple[str, ...]
    tolerance: float
    outcomes: tuple[Outcome, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many documents there are of each status."""
        counted = Counter(outcome.status for outcome in self.outcomes)
        return {status: counted[status] for status in STATUSES}

    @property
    def is_broken(self) -> bool:
        """Whether anything broke."""
        return self.counts["broken"] > 0

    @property
    def still_wrong(self) -> int:
        """How many documents were wrong then and are now."""
        return sum(outcome.is_still_wrong for outcome in self.outcomes)

    def as_text(self) -> str:
        """Return the finding and each document that is not the same, the broken first."""
        cases = len({outcome.case for outcome in self.outcomes})
        lines = [
            f"{cases:,} cases, {len(self.outcomes):,} documents",
            f"kept with {', '.join(self.before)}; now {self.model} {self.fingerprint}",
            ", ".join(f"{number:,} {status}" for status, number in self.counts.items()),
            f"{self.still_wrong:,} wrong then and now",
        ]
        for status in STATUSES[:-1]:
            for outcome in self.outcomes:
                if outcome.status == status:
                    lines += ["", *describe(outcome)]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values: the counts, and the outcomes with their fields."""
        return {**asdict(self), "counts": self.counts}

    def as_junit(self) -> str:
        """Return JUnit XML: a test a document; broken ones fail, those wrong before are skipped."""
        sizes = {
            "tests": f"{len(self.outcomes)}",
            "failures": f"{self.counts['broken']}",
            "errors": "0",
            "skipped": f"{self.still_wrong}",
            "time": "0",
        }
        totals = {name: sizes[name] for name in ("tests", "failures", "errors", "time")}
        root = xml.Element("testsuites", {"name": "dssm_core inspect replay", **totals})
        suite = xml.SubElement(root, "testsuite", {"name": _printable(self.model), **sizes})
        properties = xml.SubElement(suite, "properties")
        for name in ("model", "fingerprint", "tolerance"):
            value = _printable(f"{getattr(self, name)}")
            xml.SubElement(properties, "property", {"name": name, "value": value})
        for number, outcome in enumerate(self.outcomes, 1):
            name = f"{number}: {short(outcome.query)} · {short(outcome.document)}"
            attributes = {"classname": f"case {outcome.case}", "name": name, "time": "0"}
            test = xml.SubElement(suite, "testcase", attributes)
            text = "\n".join(describe(outcome))
            if outcome.status == "broken":
                kind = {"type": "broken", "message": outcome.wrong}
                xml.SubElement(test, "failure", kind).text = text
            elif outcome.is_still_wrong:
                xml.SubElement(test, "skipped", {"message": f"wrong before, too: {outcome.wrong}"})
            if outcome.status in ("fixed", "drifted"):
                xml.SubElement(test, "system-out").text = text
        xml.indent(root)
        result: str = xml.tostring(root, "utf-8", xml_declaration=True).decode()
        return result


def replay(
    cases: Sequence[Case],
    scorer: Scorer,
    tolerance: float = TOLERANCE,
    threshold: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Replay:
    """Score cases with a model and compare with the scores that they hold.

    Args:
        cases: one or more.
        scorer: the model.
        tolerance: how far a cosine may move before it counts as drifted.
        threshold: the probability from which the model counts a document as relevant; each
            case's own if None. What was right then is judged by the case's own in any case.
        progress: called with (done, total) cases; may raise to cancel.
    """
    outcomes: list[Outcome] = []
    for number, case in enumerate(cases, 1):
        documents = [document.document for document in case.documents]
        now = scorer.score(case.query, documents).results
        wrong_then = _wrong(case.documents, case.documents, case.threshold)
        wrong = _wrong(case.documents, now, case.threshold if threshold is None else threshold)
        rows = zip(case.documents, now, wrong_then, wrong, strict=True)
        outcomes += [_outcome(number, case, *row, tolerance) for row in rows]
        if progress:
            progress(number, len(cases))
    before = tuple(dict.fromkeys(f"{case.model} {case.fingerprint}".strip() for case in cases))
    folder = scorer.folder
    return Replay(folder.name, folder.fingerprint, before, tolerance, tuple(outcomes))


def _wrong(
    wanted: Sequence[CaseDocument],
    scores: Sequence[CaseDocument | ScoredDocument],
    threshold: float,
) -> list[str]:
    """Return what is wrong with each document's scores, in words; "" where nothing is."""
    rows = list(zip(wanted, scores, strict=True))
    rivals = [s.cosine for w, s in rows if w.is_relevant is False and s.cosine is not None]
    highest = max(rivals, default=-2.0)
    reasons = []
    for document, numbers in rows:
        cosine, probability = numbers.cosine, numbers.probability
        if document.is_relevant is None:
            reasons.append("")
        elif cosine is None or probability is None:
            reasons.append("nothing in it that the model reads" if document.is_relevant else "")
        elif not document.is_relevant:
            over = probability >= threshold + ROUNDING
            reasons.append(f"probability {probability:.3f} reaches {threshold:.3f}" if over else "")
        elif probability < threshold - ROUNDING:
            reasons.append(f"probability {probability:.3f} is below {threshold:.3f}")
        elif cosine <= highest + ROUNDING:
            reasons.append(f"cosine {cosine:.3f} is not above {highest:.3f} of an irrelevant one")
        else:
            reasons.append("")
    return reasons


def _outcome(
    number: int,
    case: Case,
    document: CaseDocument,
    result: ScoredDocument,
    wrong_then: str,
    wrong: str,
    tolerance: float,
) -> Outcome:
    status: Status = "same"
    if bool(wrong_then) != bool(wrong):
        status = "broken" if wrong else "fixed"
    elif document.cosine is None or result.cosine is None:
        status = "same" if document.cosine == result.cosine else "drifted"
    elif abs(document.cosine - result.cosine) > tolerance:
        status = "drifted"
    return Outcome(
        number,
        case.line,
        case.query,
        case.note,
        document.document,
        document.is_relevant,
        document.cosine,
        result.cosine,
        document.probability,
        result.probability,
        document.rank,
        result.rank,
        wrong_then,
        wrong,
        status,
    )


def describe(outcome: Outcome) -> list[str]:
    """Return an outcome in lines for people: what, which texts, the numbers, the reasons."""
    line = f" (line {outcome.line})" if outcome.line else ""
    numbers = (
        ("cosine", "cosine", outcome.cosine_then, outcome.cosine),
        ("probability", "probability", outcome.probability_then, outcome.probability),
        ("rank", "count", outcome.rank_then, outcome.rank),
    )
    changes = (
        f"{name} {format_number(then, quantity)} → {format_number(now, quantity)}"
        for name, quantity, then, now in numbers
    )
    wanted = {True: "should be relevant", False: "should not be relevant", None: "not settled"}
    lines = [
        f"{outcome.status}: case {outcome.case}{line}, {wanted[outcome.is_relevant]}",
        f"  query: {short(outcome.query)}",
        f"  document: {short(outcome.document)}",
        f"  {', '.join(changes)}",
    ]
    lines += [f"  then: {outcome.wrong_then}"] if outcome.wrong_then else []
    lines += [f"  now: {outcome.wrong}"] if outcome.wrong else []
    return lines + ([f"  note: {short(outcome.note, 300)}"] if outcome.note.strip() else [])


def short(text: str, most: int = 100) -> str:
    """Return a text on one line, cut, without what a terminal obeys or XML cannot hold."""
    looked_at = text[: 4 * most]
    line = _printable(" ".join(looked_at.split()))
    return shortened(line if looked_at == text else line + "…", most)


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub("", text)
