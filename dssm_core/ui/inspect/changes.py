"""What an edit changed, word by word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal

from dssm_core.charts.base import COSINE, PROBABILITY
from dssm_core.text import Token
from dssm_core.ui.common.components import escape
from dssm_core.ui.common.language import tr
from dssm_core.ui.common.theme import tint

MAX_WORDS = 400
"""Words of a text that are compared: the time grows with their square, and with its cube where they
are the same few; so, of long texts, words that come again and again are no place to begin."""

Change = Literal["same", "out", "in"]


def changed_words(
    before: Sequence[Token], after: Sequence[Token]
) -> Iterator[tuple[Change, list[str]]]:
    """Yield runs of words: the same in both, left out, or put in.

    Args:
        before: tokens of the text as it was, symbols passed over.
        after: of the text as it is.
    """
    old, new = (
        [token.text for token in tokens if token.is_word][:MAX_WORDS] for tokens in (before, after)
    )
    for kind, i, j, k, m in SequenceMatcher(None, old, new).get_opcodes():
        if kind == "equal":
            yield "same", old[i:j]
            continue
        if j > i:
            yield "out", old[i:j]
        if m > k:
            yield "in", new[k:m]


def changes_html(heading: str, before: Sequence[Token], after: Sequence[Token]) -> str:
    """Return the words of both texts in one line, those left out and put in marked."""
    marks = {"out": ("del", "−", PROBABILITY), "in": ("ins", "+", COSINE)}
    parts, is_changed = [], False
    for kind, words in changed_words(before, after):
        text = escape(" ".join(words))
        if kind == "same":
            parts.append(text)
            continue
        is_changed = True
        tag, sign, colour = marks[kind]
        parts.append(
            f'<span class="dssm-t" style="background: {tint(colour, 0.22)}">{sign} '
            f"<{tag}>{text}</{tag}></span>"
        )
    line = " ".join(parts) if is_changed else escape(tr("edit.same"))
    return f'<p class="dssm-label">{escape(heading)}</p><p class="dssm-text" dir="auto">{line}</p>'
