"""The texts that people read: each in both languages, each used, none missing."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import dssm_core
from dssm_core.words import ENGLISH, LANGUAGES, WORDS, speaker

PACKAGE = Path(dssm_core.__file__).parent
SPOKEN = [
    p
    for part in ("charts", "inspection", "repro", "reporting", "ui")
    for p in (PACKAGE / part).rglob("*.py")
]
SPOKEN += [PACKAGE / "commands" / "inspect.py", PACKAGE / "words" / "__init__.py"]
SPOKEN += [PACKAGE.parent / "streamlit_app.py"]
SOURCE = "".join(path.read_text() for path in SPOKEN)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_text_is_there_in_both_languages_with_the_same_values() -> None:
    for key, texts in WORDS.items():
        assert len(texts) == len(LANGUAGES), key
        assert all(texts), key
        assert len({frozenset(fields(text)) for text in texts}) == 1, key


def test_every_text_is_used_and_every_used_text_is_there() -> None:
    quoted = set(re.findall(r"""["']([\w. -]+)["']""", SOURCE))
    starts = tuple(re.findall(r'(?:say|Sentence)\(\s*f"([\w. ]+\.)\{', SOURCE))
    made = {key for key in WORDS if key.startswith(starts)}
    made |= {key for key in WORDS if key.startswith(("script.", "assumed."))}  # values of columns
    made |= {f"{name}.help" for name in ("cosine", "logit", "probability", "rank", "percentile")}
    assert set(WORDS) <= quoted | made
    said = set(re.findall(r'(?:say|Sentence)\(\s*"([\w. -]+)"', SOURCE))
    assert said <= set(WORDS)
    assert all(any(key.startswith(start) for key in WORDS) for start in starts)


def test_no_text_is_there_twice_under_keys_that_are_said_alike() -> None:
    from dssm_core.words import TABLES

    keys = [key for table in TABLES for key in table]
    assert len(keys) == len(set(keys))


def test_values_are_put_in_and_a_key_that_is_not_there_fails() -> None:
    assert ENGLISH("rank.of", rank=1, number=5) == "1 of 5"
    assert speaker("zh")("document n", n=3) == "文档 3"
    with pytest.raises(KeyError):
        ENGLISH("there is no such key")
