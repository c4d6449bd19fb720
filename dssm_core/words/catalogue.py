"""Every text that people read, by key and language: one TOML file a language, with plurals.

What makes texts takes a `Translate`, as charts and reports do; only the page knows which language
is chosen. What is kept in files and compared by programs is a key, never a text.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Union

from dssm_core.quantities import QUANTITIES, format_number

Translate = Callable[..., str]
"""From a key and the values to put in to a text in one language."""

Entry = str | dict[str, str]
"""A text, or one for each plural category of CLDR, chosen by the value `number`."""

FOLDER = Path(__file__).parent


@cache
def catalogue(language: str) -> dict[str, Entry]:
    """Return a language's texts by key.

    Args:
        language: the name of a file beside this one, such as "en".
    """
    return dict(_FILES[language]["texts"])


_FILES: dict[str, dict[str, Any]] = {
    path.stem: tomllib.loads(path.read_text("utf-8"))
    for path in sorted(FOLDER.glob("*.toml"), key=lambda path: (path.stem != "en", path.stem))
}

LANGUAGES: dict[str, str] = {language: content["name"] for language, content in _FILES.items()}
"""What each language calls itself, by code; English, which has every text, first."""


class _Formatter(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec in QUANTITIES:
            return format_number(value, format_spec)
        return str(format(value, format_spec))


_FORMATTER = _Formatter()


@cache
def _plural_rule(language: str) -> Callable[[Any], str]:
    from babel import Locale  # here: 50 ms, and most pages count nothing

    return Locale.parse(language).plural_form


@cache
def translator_for(language: str) -> Translate:
    """Return the function that gives texts in a language; English where a text is missing.

    Args:
        language: a key of LANGUAGES.

    Example:
        >>> translator_for("zh")("rank.of", rank=1, number=5)
        '1 / 5'
    """
    texts = {**catalogue("en"), **catalogue(language)}

    def translate(key: str, /, **values: Any) -> str:
        entry = texts[key]
        if isinstance(entry, dict):
            entry = entry.get(_plural_rule(language)(values["number"]), entry["other"])
        return _FORMATTER.vformat(entry, (), values) if values else entry

    return translate


ENGLISH = translator_for("en")


def has_text(key: str) -> bool:
    """Return whether there is a text of that key."""
    return key in catalogue("en")


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters; a longer one ends with an ellipsis.

    Example:
        >>> shortened("a red door", 10), shortened("a red door", 6)
        ('a red door', 'a red…')
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def join_texts(*texts: str) -> str:
    """Return sentences one after another, empty ones left out; Chinese has no space between them.

    Example:
        >>> join_texts("One.", "", "Two."), join_texts("一。", "二。")
        ('One. Two.', '一。二。')
    """
    spaced = [text if text.endswith("。") else f"{text} " for text in texts if text]
    return "".join(spaced).rstrip(" ")


Value = Union[str, float, tuple[str, ...], "Sentence"]
"""What is put into a sentence: a tuple becomes a list of words in quotes, a sentence its text."""

Values = Mapping[str, Value]

MAX_LISTED = 6
"""Words of a list that are named."""


@dataclass(frozen=True)
class Sentence:
    """A sentence that becomes text when it is shown, in the language of then.

    Attributes:
        key: of its text.
        values: what is put in.
    """

    key: str
    values: Values = field(default_factory=dict)

    def text(self, tr: Translate) -> str:
        """Return the sentence in a language."""
        return tr(self.key, **{name: _text(value, tr) for name, value in self.values.items()})


def join_sentences(sentences: Sequence[Sentence], tr: Translate) -> str:
    """Return sentences one after another in a language; "" where there are none."""
    return join_texts(*(sentence.text(tr) for sentence in sentences))


def _text(value: Value, tr: Translate) -> str | float:
    if isinstance(value, Sentence):
        return value.text(tr)
    return _quoted(value, tr) if isinstance(value, tuple) else value


def _quoted(names: tuple[str, ...], tr: Translate) -> str:
    words = tr("comma").join(f"“{name}”" for name in names[:MAX_LISTED])
    rest = len(names) - MAX_LISTED
    return tr("words.more", words=words, number=rest) if rest > 0 else words
