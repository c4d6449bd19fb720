"""What the page says about what a model did not read, or read twice, by document and line."""

from __future__ import annotations

from collections.abc import Sequence

from dssm_core.scoring import Scores
from dssm_core.towers import ScoredToken
from dssm_core.ui.common.components import listed
from dssm_core.ui.common.language import tr
from dssm_core.ui.compare.inputs import MOST_DOCUMENTS, Asked


def warnings(scores: Scores, asked: Asked) -> list[str]:
    """Return what makes the numbers doubtful or absent."""
    found = []
    if len(asked.documents) > MOST_DOCUMENTS:
        found.append(tr("error.many", found=len(asked.documents), most=MOST_DOCUMENTS))
    read = [token for token in scores.query.tokens if token.is_read]
    if not read:
        found.append(tr("error.query.unread"))
    elif all(token.state == "letters" for token in read):
        found.append(tr("note.letters.all"))
    unread = [
        asked.name(position)
        for position, result in enumerate(scores.results, 1)
        if not any(token.is_read for token in result.tokens)
    ]
    if unread and read:
        found.append(tr("note.unread", which=listed(unread)))
    return found


def notes(scores: Scores, asked: Asked) -> list[str]:
    """Return the lesser remarks: duplicates, empty lines, and tokens not read as words."""
    found = []
    if twice := _duplicates(scores, asked):
        found.append(tr("note.duplicate", which=listed(twice)))
    if asked.empty:
        found.append(tr("note.empty", which=listed(map(str, asked.empty))))
    for state in ("truncated", "letters", "skipped"):
        if which := _marked(scores, asked, state):
            found.append(tr(f"note.{state}", which=listed(which)))
    return found


def _duplicates(scores: Scores, asked: Asked) -> list[str]:
    places: dict[str, list[str]] = {}
    for position, result in enumerate(scores.results, 1):
        places.setdefault(result.document, []).append(asked.name(position))
    return [" = ".join(names[:5]) for names in places.values() if len(names) > 1]


def _marked(scores: Scores, asked: Asked, state: str) -> list[str]:
    """Return each text that has tokens in a state, with its first ones in quotes."""
    texts: list[tuple[str, Sequence[ScoredToken]]] = [(tr("the query"), scores.query.tokens)]
    texts += [(asked.name(n), result.tokens) for n, result in enumerate(scores.results, 1)]
    found = []
    for name, tokens in texts:
        words = list(dict.fromkeys(token.text for token in tokens if token.state == state))
        if words and state == "truncated":
            found.append(name)
        elif words:
            quoted = " ".join(f"“{word}”" for word in words[:3])
            found.append(f"{name} {quoted}{' …' if len(words) > 3 else ''}")
    return found
