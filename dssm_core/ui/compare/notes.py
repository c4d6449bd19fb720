"""What the page says about what a model did not read, or read twice, by document and line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import regex

from dssm_core.corpus.markup import markup_spans
from dssm_core.scoring import Scores
from dssm_core.towers import ScoredToken
from dssm_core.ui.common.components import listed
from dssm_core.ui.common.language import tr
from dssm_core.ui.compare.inputs import MAX_DOCUMENTS, ScoreRequest

PART = regex.compile(r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]{1,3}")
"""A part of a syllable, in scripts that have no spaces and no dictionary here."""


def warnings(scores: Scores, request: ScoreRequest) -> list[str]:
    """Return what makes the numbers doubtful or absent."""
    remarks = []
    if len(request.documents) > MAX_DOCUMENTS:
        remarks.append(tr("error.many", found=len(request.documents), most=MAX_DOCUMENTS))
    read = [token for token in scores.query.tokens if token.is_read]
    if not read:
        remarks.append(tr("error.query.unread"))
    elif all(token.state in ("letters", "unknown") for token in read):
        remarks.append(tr(f"note.{read[0].state}.all"))
    unread = [
        request.name(position)
        for position, result in enumerate(scores.results, 1)
        if not any(token.is_read for token in result.tokens)
    ]
    if unread and read:
        remarks.append(tr("note.unread", which=listed(unread)))
    return remarks


def notes(scores: Scores, request: ScoreRequest) -> list[str]:
    """Return the lesser remarks: duplicates, empty lines, and tokens not read as words."""
    remarks = []
    if twice := _duplicates(scores, request):
        remarks.append(tr("note.duplicate", which=listed(twice)))
    if request.empty:
        remarks.append(tr("note.empty", which=listed(map(str, request.empty))))
    if which := _html(scores, request):
        remarks.append(tr("note.html", which=listed(which)))
    if which := _without_spaces(scores, request):
        remarks.append(tr("note.no spaces", which=listed(which)))
    for state in ("truncated", "letters", "unknown", "skipped"):
        if which := _marked(scores, request, state):
            remarks.append(tr(f"note.{state}", which=listed(which)))
    return remarks


def _duplicates(scores: Scores, request: ScoreRequest) -> list[str]:
    names_of: dict[str, list[str]] = {}
    for position, result in enumerate(scores.results, 1):
        names_of.setdefault(result.document, []).append(request.name(position))
    return [" = ".join(names[:5]) for names in names_of.values() if len(names) > 1]


def _html(scores: Scores, request: ScoreRequest) -> list[str]:
    """Return each text that has HTML, with how many of the words read are tags and entities."""
    texts = [(tr("the query"), scores.query.text, scores.query.tokens)]
    texts += [(request.name(n), r.document, r.tokens) for n, r in enumerate(scores.results, 1)]
    found = []
    for name, text, tokens in texts:
        if spans := markup_spans(text):
            inside = {i for start, end in spans for i in range(start, end)}
            read = [token.start in inside for token in tokens if token.is_read]
            found.append(tr("note.html.cost", name=name, number=sum(read), read=len(read)))
    return found


def _texts(
    scores: Scores, request: ScoreRequest
) -> Iterator[tuple[str, str, Sequence[ScoredToken]]]:
    """Yield what the query and each document is called, its text and its tokens."""
    yield tr("the query"), scores.query.text, scores.query.tokens
    for number, result in enumerate(scores.results, 1):
        yield request.name(number), result.document, result.tokens


def _without_spaces(scores: Scores, request: ScoreRequest) -> list[str]:
    """Return each text that is mostly read by parts of syllables, for want of spaces."""
    return [
        name
        for name, text, tokens in _texts(scores, request)
        if PART.search(text)  # most texts have no such letter, and are gone through at each edit
        and sum(bool(PART.fullmatch(token.text)) for token in tokens) > len(tokens) / 2
    ]


def _marked(scores: Scores, request: ScoreRequest, state: str) -> list[str]:
    """Return each text that has tokens in a state, with its first ones in quotes."""
    marked = []
    for name, _, tokens in _texts(scores, request):
        words = list(dict.fromkeys(token.text for token in tokens if token.state == state))
        if words and state == "truncated":
            marked.append(name)
        elif words:
            quoted = " ".join(f"“{word}”" for word in words[:3])
            marked.append(f"{name} {quoted}{' …' if len(words) > 3 else ''}")
    return marked
