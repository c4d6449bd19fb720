"""Every text that people read, in English and Simplified Chinese; one word for each idea.

What makes texts takes a `Say`, as charts and the report do; only the page knows which language is
chosen. What is kept in files and compared by programs is not said but a key of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from dssm_core.words import charts, compare, evidence, inspect, lab, pair

Say = Callable[..., str]
"""From a key and the values to put in to a text in one language."""

LANGUAGES = {"en": "English", "zh": "中文"}

TABLES = (compare.WORDS, charts.WORDS, lab.WORDS, inspect.WORDS, pair.WORDS, evidence.WORDS)

WORDS: dict[str, tuple[str, str]] = {key: texts for t in TABLES for key, texts in t.items()}
"""By key the texts in the order of `LANGUAGES`, with fields for the values to put in."""


@cache
def speaker(language: str) -> Say:
    """Return what says texts in a language, for one language always the same.

    Args:
        language: "en" or "zh".

    Example:
        >>> speaker("zh")("rank.of", rank=1, number=5)
        '1 / 5'
    """
    place = list(LANGUAGES).index(language)

    def say(key: str, /, **values: Any) -> str:
        text = WORDS[key][place]
        return text.format(**values) if values else text

    return say


ENGLISH = speaker("en")


def in_a_row(*sentences: str) -> str:
    """Return sentences one after another, empty ones left out; Chinese has no space between them.

    Example:
        >>> in_a_row("One.", "", "Two."), in_a_row("一。", "二。")
        ('One. Two.', '一。二。')
    """
    told = [one if one.endswith("。") else f"{one} " for one in sentences if one]
    return "".join(told).rstrip(" ")
