"""What an encoder cannot see: edits that turn the meaning, against edits that keep it.

A document is edited so that it no longer says what it said: a negation put in, a number, a date or
a name changed. Its cosine with its own query should fall by more than under an edit that changes
nothing. How much nothing moves it is measured on the same documents (the null), so that a rate has
something to stand against.

Source: Ribeiro et al. 2020, CheckList (minimum functionality tests); the null by edits that keep
the meaning as in whymatched 0.3 (docs/encoders.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dssm_core.errors import UserError
from dssm_core.evaluation.cosines import Encoded
from dssm_core.evaluation.intervals import wilson
from dssm_core.numeric import l2_normalise
from dssm_core.towers import Towers

MAX_PAIRS = 1000
"""Pairs that are probed; of more, so many are drawn."""
NULL = 0.95
"""Quantile of the null that an edit must move the cosine by more than."""
FEWEST = 5
"""Cases under which a probe has no rate."""

Edit = Callable[[str], str]
"""A text to an edited one; the text itself where there is nothing to edit."""

_NEGATED = re.compile(r"\b(not|never|no|cannot|without|isn't|doesn't|can't|won't)\b", re.I)
_VERB = re.compile(r"\b(is|are|was|were|can|will|should|may|must|does|do|has|have)\b")
_YEAR = re.compile(r"(?<![\d.])(1[89]\d\d|20\d\d)(?![\d.])")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
_MONTH = re.compile(rf"\b({'|'.join(_MONTHS)})\b")
_NUMBER = re.compile(r"(?<![\w.,])\d{1,3}(?:\.\d+)?(?![\w,]|\.\d)")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b")


def negate(text: str) -> str:
    """Put a "not" behind the first auxiliary verb, or take a negation out."""
    if match := _NEGATED.search(text):
        without = text[: match.start()] + text[match.end() :]
        return without if match.group().lower() in ("not", "never", "no") else text
    if match := _VERB.search(text):
        return f"{text[: match.end()]} not{text[match.end() :]}"
    return text


def change_number(text: str) -> str:
    """Replace the first number of up to three digits by another one."""
    match = _NUMBER.search(text)
    if match is None:
        return text
    value = float(match.group())
    other = value * 7 + 3
    shown = f"{other:.0f}" if value.is_integer() else f"{other:.1f}"
    return text[: match.start()] + shown + text[match.end() :]


def change_date(text: str) -> str:
    """Replace the first year by one 17 years earlier, or else the first month by another."""
    if match := _YEAR.search(text):
        return text[: match.start()] + str(int(match.group()) - 17) + text[match.end() :]
    if match := _MONTH.search(text):
        month = _MONTHS[(_MONTHS.index(match.group()) + 5) % 12]
        return text[: match.start()] + month + text[match.end() :]
    return text


def swap_names(text: str) -> str:
    """Exchange the first two unlike names inside sentences, so that each does the other's part."""
    names = list(_NAME.finditer(text))
    other = next((n for n in names[1:] if n.group() != names[0].group()), None)
    if other is None:
        return text
    first = names[0]
    between = text[first.end() : other.start()]
    return f"{text[: first.start()]}{other.group()}{between}{first.group()}{text[other.end() :]}"


def _respace(text: str) -> str:
    return "  ".join(text.split(" ")) + " "


def _end(text: str) -> str:
    return text[:-1] if text.endswith(".") else f"{text}."


def _introduce(text: str) -> str:
    return f"In other words: {text}"


def _contract(text: str) -> str:
    pairs = {" is ": " 's ", "do not": "don't", "cannot": "can not", "it is": "it's", "&": "and"}
    return next((text.replace(a, b, 1) for a, b in pairs.items() if a in text), text)


PROBES: Mapping[str, Edit] = {
    "negation": negate,
    "number": change_number,
    "date": change_date,
    "names": swap_names,
}
"""Edits that turn the meaning, by name."""

NULLS: Mapping[str, Edit] = {
    "spaces": _respace,
    "full stop": _end,
    "phrase in front": _introduce,
    "short form": _contract,
}
"""Edits that keep the meaning, by name."""


@dataclass(frozen=True)
class _Drops:
    """How far edits move cosines down.

    Attributes:
        values: one a case, in [-2, 2].
        before: each case's document.
        after: the same, edited.
    """

    values: np.ndarray
    before: Sequence[str]
    after: Sequence[str]


def probe(towers: Towers, pairs: pd.DataFrame, seed: int = 0) -> dict[str, Any]:
    """Edit relevant documents and see whether the encoder notices.

    1. Each probe edits the documents that it applies to; so does each edit that keeps the meaning.
    2. drop = cosine of query and document before - after the edit.
    3. A case is missed where its drop is no more than NULL of the null's drops.

    Args:
        towers: the encoder.
        pairs: columns query, document, label.
        seed: of the draw of pairs.

    Returns:
        pairs; null: {limit, cases, median}; probes: one entry each, {name, cases, missed, rate,
        low, high (Wilson's 95 % interval), median (drop), example}, rate None under FEWEST cases.

    Raises:
        UserError: if no pair is relevant.
    """
    relevant = pairs[pairs["label"] == 1]
    if relevant.empty:
        raise UserError("evaluate.no relevant pairs", f"{len(pairs):,}")
    drawn = relevant.sample(min(MAX_PAIRS, len(relevant)), random_state=seed)
    queries = l2_normalise(Encoded.of(towers, drawn["query"].tolist(), "query").vectors)
    documents = drawn["document"].tolist()
    plain = _cosines(towers, queries, documents)
    nulls = [_drops(towers, queries, documents, plain, edit) for edit in NULLS.values()]
    null = np.concatenate([drops.values for drops in nulls])
    limit = float(np.quantile(null, NULL)) if len(null) else 0.0
    rows = [
        _row(name, _drops(towers, queries, documents, plain, edit), limit)
        for name, edit in PROBES.items()
    ]
    return {
        "pairs": len(drawn),
        "seed": seed,
        "null": {
            "limit": limit,
            "cases": len(null),
            "median": float(np.median(null)) if len(null) else 0.0,
        },
        "probes": rows,
    }


def _cosines(towers: Towers, queries: np.ndarray, documents: Sequence[str]) -> np.ndarray:
    vectors = l2_normalise(Encoded.of(towers, documents, "document").vectors)
    result: np.ndarray = (queries * vectors).sum(1)
    return result


def _drops(
    towers: Towers,
    queries: np.ndarray,
    documents: Sequence[str],
    plain: np.ndarray,
    edit: Edit,
) -> _Drops:
    edited = [edit(text) for text in documents]
    rows = [i for i, (one, other) in enumerate(zip(documents, edited, strict=True)) if one != other]
    if not rows:
        return _Drops(np.zeros(0), [], [])
    after = [edited[i] for i in rows]
    return _Drops(
        plain[rows] - _cosines(towers, queries[rows], after), [documents[i] for i in rows], after
    )


def _row(name: str, drops: _Drops, limit: float) -> dict[str, Any]:
    cases = len(drops.values)
    missed = drops.values <= limit
    row: dict[str, Any] = {"name": name, "cases": cases, "missed": int(missed.sum())}
    row |= {"rate": None, "low": None, "high": None, "median": None, "example": None}
    if cases < FEWEST:
        return row
    low, high = wilson(missed.sum(keepdims=True), np.array([cases]))
    row |= {"rate": float(missed.mean()), "low": float(low[0]), "high": float(high[0])}
    row["median"] = float(np.median(drops.values))
    if missed.any():
        worst = int(np.argmin(drops.values))
        row["example"] = {
            "before": drops.before[worst],
            "after": drops.after[worst],
            "drop": float(drops.values[worst]),
        }
    return row


def worse_than(measured: Mapping[str, Any], baseline: Mapping[str, Any]) -> list[str]:
    """Return the probes whose rate is above a baseline's by more than chance.

    A probe is worse where the interval of its rate lies above the baseline's rate.

    Args:
        measured: as `probe` returns it.
        baseline: likewise, measured before.

    Raises:
        UserError: if the baseline is none.
    """
    try:
        before = {row["name"]: row["rate"] for row in baseline["probes"]}
        return [
            str(row["name"])
            for row in measured["probes"]
            if row["rate"] is not None
            and before.get(row["name"]) is not None
            and row["low"] > float(before[row["name"]])
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError("probes.damaged baseline", repr(error)) from None
