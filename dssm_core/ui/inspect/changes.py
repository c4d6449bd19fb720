"""What an edit changed, word by word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from operator import itemgetter
from typing import Literal

from dssm_core.charts.base import COSINE, PROBABILITY
from dssm_core.text import Token
from dssm_core.ui.common.components import escape
from dssm_core.ui.common.language import tr
from dssm_core.ui.common.theme import tint

MAX_WORDS = 400
"""Words of each text that are compared from where they begin to differ, for the time grows with
their square, and with its cube where they are the same few. The rest counts as out and as in."""

MAX_SHOWN = 60
"""Words of a run that are shown: of a longer one the first and the last."""

Change = Literal["same", "out", "in"]


def changed_words(
    before: Sequence[Token], after: Sequence[Token]
) -> Iterator[tuple[Change, list[str]]]:
    """Yield runs of words: the same in both, left out, or put in.

    Args:
        before: tokens of the text as it was, symbols passed over.
        after: of the text as it is.
    """
    old, new = ([token.text for token in tokens if token.is_word] for tokens in (before, after))
    start = _number_alike(old, new)
    end = _number_alike(old[start:][::-1], new[start:][::-1])
    first, last = old[:start], old[len(old) - end :]
    old, new = old[start : len(old) - end], new[start : len(new) - end]
    runs: list[tuple[Change, list[str]]] = [("same", first)]
    matched = SequenceMatcher(None, old[:MAX_WORDS], new[:MAX_WORDS])
    for kind, i, j, k, m in matched.get_opcodes():
        if kind == "equal":
            runs.append(("same", old[i:j]))
        else:
            runs += [("out", old[i:j]), ("in", new[k:m])]
    runs += [("out", old[MAX_WORDS:]), ("in", new[MAX_WORDS:]), ("same", last)]
    for kind, alike in groupby((run for run in runs if run[1]), key=itemgetter(0)):
        yield kind, [word for _, words in alike for word in words]


def _number_alike(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many words two texts have in common before they first differ."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def changes_html(heading: str, before: Sequence[Token], after: Sequence[Token]) -> str:
    """Return the words of both texts in one line, those left out and put in marked."""
    marks = {"out": ("del", "−", PROBABILITY), "in": ("ins", "+", COSINE)}
    parts, is_changed = [], False
    for kind, words in changed_words(before, after):
        text = escape(_shortened(words))
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


def _shortened(words: Sequence[str]) -> str:
    """Return a run of words, of a long one its ends and how many stand between them."""
    if len(words) <= MAX_SHOWN:
        return " ".join(words)
    half = MAX_SHOWN // 2
    between = tr("edit.between", number=len(words) - 2 * half)
    return " ".join([*words[:half], between, *words[-half:]])
