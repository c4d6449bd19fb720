"""Every text that people read, in English and Simplified Chinese; one word for each idea."""

from dssm_core.words.catalogue import (
    ENGLISH,
    LANGUAGES,
    MAX_LISTED,
    Sentence,
    Translate,
    Value,
    Values,
    catalogue,
    has_text,
    join_sentences,
    join_texts,
    shortened,
    translator_for,
)

__all__ = [
    "ENGLISH",
    "LANGUAGES",
    "MAX_LISTED",
    "Sentence",
    "Translate",
    "Value",
    "Values",
    "catalogue",
    "has_text",
    "join_sentences",
    "join_texts",
    "shortened",
    "translator_for",
]
