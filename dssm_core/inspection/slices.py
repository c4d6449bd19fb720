"""What pairs can be sliced by, and the name of each pair's slice.

Names are keys, and English: the page compares them and --json writes them. What is ours of them,
and not the file's, can be told in any language. Shape letters: N pairs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from dssm_core.errors import UserError
from dssm_core.evaluation import UNSEEN
from dssm_core.inspection.score_pairs import NUMBERS, TRAITS
from dssm_core.words import ENGLISH, Translate, has_text

MOST_VALUES = 200
"""Distinct values that a column may have to be sliced by value."""

MOST_SINGLES = 12
"""Distinct numbers that are slices of their own; more of them are cut into ranges."""

TRAIT_WORDS = {
    "overlap": "word overlap",
    "query_words": "query words",
    "document_words": "document words",
    "unseen": UNSEEN,
    "truncated": "truncated words",
    "script": "script",
}
"""The traits of `TRAITS` as columns to slice by."""


SAID = ("script", "assumed")
"""Columns whose values are ours."""

ARROW = " → "
"""Between the scripts of a query and a document that differ."""


def slice_columns(frame: pd.DataFrame) -> list[str]:
    """Return what pairs can be sliced by: the file's own columns, then our traits in words.

    A trait must differ between pairs; a column of the file must have 2 to 200 distinct values,
    or hold numbers.
    """
    traits = [TRAIT_WORDS[t] for t in TRAITS if t in frame and frame[t].nunique() > 1]
    ours = {"query", "document", "label", *NUMBERS, *TRAITS}
    own = []
    for column in frame.columns:
        distinct = 0 if column in ours else frame[column].nunique()
        if distinct > 1 and (distinct <= MOST_VALUES or _numbers(frame[column]) is not None):
            own.append(str(column))
    return list(dict.fromkeys([*own, *traits]))


def column_name(column: str, tr: Translate = ENGLISH) -> str:
    """Return what people call a column of `slice_columns`; the file's own keep their names."""
    return tr(f"trait.{column}") if has_text(f"trait.{column}") else column


def value_name(column: str, value: str, tr: Translate = ENGLISH) -> str:
    """Return what people call a value of a column; the file's own, and rare scripts, stay."""
    if column not in SAID:
        return value
    keys = {part: f"{column}.{part}" for part in value.split(ARROW)}
    return ARROW.join(tr(key) if has_text(key) else part for part, key in keys.items())


def slice_of(frame: pd.DataFrame, column: str, tr: Translate = ENGLISH) -> pd.Series:
    """Name the slice of each pair: its value, or the range that its number is in.

    Args:
        frame: all N pairs: the ranges are cut so that they hold about as many each.
        column: one of `slice_columns`, or a trait's own name.
        tr: translates the parts of a name that are ours; names in English are keys.

    Raises:
        UserError: if there is no such column.
    """
    named = {words: trait for trait, words in TRAIT_WORDS.items()}
    place = column if column in frame else named.get(column, column)
    if place not in frame:
        raise UserError("inspect.no such column", ", ".join(slice_columns(frame)), column=column)
    values = frame[place]
    numbers = _numbers(values)
    if numbers is not None and (place in TRAITS or not _are_few(numbers)):
        return _ranges(numbers, tr)
    texts = values.astype(object).where(values.notna(), "").astype(str)
    if place in SAID:
        texts = texts.map({text: value_name(place, text, tr) for text in texts.unique()})
    return texts.where(texts.str.strip() != "", tr("slice.empty"))


class Sliced(NamedTuple):
    """The slices of N pairs by one column.

    Attributes:
        codes: of each pair, which of the names it has, int [N].
        names: of the slices, in the order of their first pairs.
    """

    codes: np.ndarray
    names: np.ndarray

    def are(self, name: str) -> np.ndarray:
        """Return whether each pair is in the slice of this name, bool [N]."""
        result: np.ndarray = np.isin(self.codes, np.flatnonzero(self.names == name))
        return result


def sliced(frame: pd.DataFrame, column: str) -> Sliced:
    """Return the slices of all pairs by a column; no threshold changes them.

    Raises:
        UserError: if there is no such column.
    """
    codes, names = pd.factorize(slice_of(frame, column))
    return Sliced(codes, np.asarray(names, object))


def slice_names(frame: pd.DataFrame, column: str, tr: Translate) -> dict[str, str]:
    """Return by its key what each slice of a column is called in another language."""
    codes, keys = sliced(frame, column)
    firsts = np.unique(codes, return_index=True)[1]
    return dict(zip(keys, slice_of(frame, column, tr).iloc[firsts], strict=True))


def _numbers(values: pd.Series) -> pd.Series | None:
    """Return a column as floats, NaN where empty; None if it holds anything but numbers."""
    if pd.api.types.is_numeric_dtype(values):
        return values.astype(float)
    texts = values.astype(object).where(values.notna(), "").astype(str).str.strip()
    numbers = pd.to_numeric(texts.where(texts != ""), errors="coerce").astype(float)
    known = numbers[texts != ""]
    return numbers if len(known) and np.isfinite(known).all() else None


def _are_few(numbers: pd.Series) -> bool:
    """Return whether numbers are few enough, each often enough, to be a slice each."""
    most = min(MOST_SINGLES, max(2, int(numbers.count()) // 2))
    return bool(numbers.nunique() <= most)


def _ranges(numbers: pd.Series, tr: Translate) -> pd.Series:
    """Name the range of each number; a least value that a fifth share has a range of its own."""
    known, empty = numbers.dropna(), tr("slice.empty")
    if _are_few(known):
        return numbers.map(lambda n: empty if np.isnan(n) else f"{n:g}").astype(object)
    least = known.min()
    rest = known[known > least] if (known == least).mean() >= 0.2 else known
    cuts = np.unique(rest.quantile([0.2, 0.4, 0.6, 0.8]))
    gap = np.diff(cuts).min() if len(cuts) > 1 else max(1e-6, float(rest.max() - rest.min()))
    digits = int(np.ceil(-np.log10(gap)))
    whole = bool((known == known.round()).all())
    digits = min(digits, 0) if whole else digits
    edges = np.unique(cuts.round(digits))
    edges = edges[edges > rest.min()]
    shown = [f"{edge:.{max(0, digits)}f}" for edge in edges]
    if not len(edges):
        names = [tr("slice.over", n=f"{rest.min():g}")]
    else:
        ends = [f"{edge - 1:.0f}" for edge in edges[1:]] if whole else shown[1:]
        between = [
            a if a == b else tr("range", low=a, high=b) for a, b in zip(shown, ends, strict=False)
        ]
        first, last = tr("slice.under", n=shown[0]), tr("slice.over", n=shown[-1])
        names = [first, *between, last]
    named = np.array([*names, empty], object)[
        np.where(numbers.isna(), len(names), np.searchsorted(edges, numbers, side="right"))
    ]
    if len(rest) < len(known):
        named[(numbers == least).to_numpy()] = f"{least:g}"
    return pd.Series(named, index=numbers.index)
