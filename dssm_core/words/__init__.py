"""Every text that people read, in English and Simplified Chinese; one word for each idea.

What makes texts takes a `Say`, as charts and the report do; only the page knows which language is
chosen. What is kept in files and compared by programs is not said but a key of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from dssm_core.words import charts, compare, evidence, inspect, lab, pair, report

Say = Callable[..., str]
"""From a key and the values to put in to a text in one language."""

LANGUAGES = {"en": "English", "zh": "中文"}

TABLES = tuple(module.WORDS for module in (compare, charts, lab, inspect, pair, evidence, report))

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


Values = Mapping[str, str | float | tuple[str, ...]]
"""What is put into a sentence by name; a tuple is told as a list of words in quotes."""

SHOWN = 6
"""Words of a list that are told."""


@dataclass(frozen=True)
class Sentence:
    """A sentence that is told when it is shown, in the language of then.

    Attributes:
        key: of its text.
        values: what is put in.
    """

    key: str
    values: Values = field(default_factory=dict)

    def told(self, say: Say) -> str:
        """Return the sentence in a language."""
        values = {
            name: _quoted(value, say) if isinstance(value, tuple) else value
            for name, value in self.values.items()
        }
        return say(self.key, **values)


def tell(sentences: Sequence[Sentence], say: Say) -> str:
    """Return sentences one after another in a language; "" where there are none."""
    return in_a_row(*(sentence.told(say) for sentence in sentences))


def _quoted(names: tuple[str, ...], say: Say) -> str:
    words = say("comma").join(f"“{name}”" for name in names[:SHOWN])
    rest = len(names) - SHOWN
    return say("words.more", words=words, number=rest) if rest > 0 else words
