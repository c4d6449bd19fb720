"""The rules that name a cause: each looks at the words of a wrong pair and may suspect one.

A suspicion that hangs on certain words says so, and whoever asked must see whether the verdict
turns without them; the others stand by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from dssm_core.evaluation import FEW, FEW_IN_COMMON, TRUNCATED, UNSEEN, stop_words
from dssm_core.inspection.score_pairs import script
from dssm_core.inspection.token_features import Word, number_of
from dssm_core.words import Sentence, Values, shortened

HIGH = 0.6
"""From this share of the query's words in the document on, they alone fool the model."""

APART = 0.25
"""Cosine between a pair and the query's others from which its label is doubted."""

FAR = 0.5
"""Share of a text's words that are new to the model, from which the text is far from its field."""

REACH = 2
"""Words that a negation is taken to speak of, stop words not counted."""

QUOTED = 40
"""Characters that are quoted of a text."""

# fmt: off
NEGATIONS = frozenset({
    "not", "no", "without", "never", "cannot", "nor", "neither", "none", "non", "lacks",
    "不", "没", "沒", "无", "無", "非", "未",
})
# fmt: on


@dataclass(frozen=True)
class Twin:
    """Another pair with the same texts, or nearly the same vectors, and the opposite label.

    Attributes:
        line: its index in the frame.
        label: its label.
        is_equal: whether both texts are equal once folded.
        query: cosine of both query vectors.
        document: cosine of both document vectors.
        texts: its query and its document; empty where they are the same.
        unread: what its texts differ in from this pair's, where the model reads the same of them.
    """

    line: int
    label: int
    is_equal: bool
    query: float = 1.0
    document: float = 1.0
    texts: tuple[str, str] = ("", "")
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Standing:
    """Where a pair stands among the query's other documents and among random pairs, by cosine.

    Attributes:
        cosine: its own; NaN where it has none.
        relevant: the highest of the query's other documents that are labelled relevant, or NaN.
        lowest: the lowest of them, or NaN.
        other: the highest of the query's other documents, whatever their label, or NaN.
        random: below which 95 % of the model's random pairs lie; NaN where they are not known.
        has_relevant: whether another document is labelled relevant, with a cosine or without.
    """

    cosine: float = math.nan
    relevant: float = math.nan
    lowest: float = math.nan
    other: float = math.nan
    random: float = math.nan
    has_relevant: bool = False


@dataclass(frozen=True)
class RuleInput:
    """A pair that the model is wrong about, as the rules see it.

    Attributes:
        query: its words, symbols left out.
        document: likewise.
        texts: both texts.
        label: 1 where the model missed it, 0 where it fell for it.
        twin: a pair labelled otherwise; None if there is none.
        standing: by cosine.
        unread: what query and document differ in, where the model reads the same of both.
    """

    query: tuple[Word, ...]
    document: tuple[Word, ...]
    texts: tuple[str, str]
    label: int
    twin: Twin | None = None
    standing: Standing = Standing()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suspicion:
    """What a rule found; a cause if it needs no test, or if the verdict turns in the test.

    Attributes:
        evidence: what was found.
        query: words of the query that the test leaves out.
        document: words of the document that the test leaves out.
        moved: words that the test puts at the document's front.
    """

    evidence: Sentence
    query: tuple[Word, ...] = ()
    document: tuple[Word, ...] = ()
    moved: tuple[Word, ...] = ()

    @property
    def needs_test(self) -> bool:
        """Whether it hangs on words."""
        return bool(self.query or self.document or self.moved)


def nothing_readable(pair: RuleInput) -> Suspicion | None:
    """One side has no word that the model reads."""
    sides = ("query", "document")
    texts = dict(zip(sides, _quoted(pair.texts), strict=True))
    words = zip(sides, (pair.query, pair.document), strict=True)
    empty = [side for side, its in words if not any(w.is_read for w in its)]
    if not empty:
        return None
    which = empty[0] if len(empty) == 1 else "both"
    return Suspicion(Sentence(f"evidence.unread.{which}", texts))


def same_texts(pair: RuleInput) -> Suspicion | None:
    """The same pair is labelled otherwise elsewhere."""
    if pair.twin is None or not pair.twin.is_equal:
        return None
    label = _label(pair.twin)
    return Suspicion(Sentence(f"evidence.same texts.{label}", {"line": pair.twin.line}))


def unread_only(pair: RuleInput) -> Suspicion | None:
    """The document and the query, or a pair labelled otherwise, differ in unread signs alone."""
    if pair.twin is not None and pair.twin.unread:
        said: Values = {"line": pair.twin.line, "marks": _quoted(pair.twin.unread)}
        return Suspicion(Sentence(f"evidence.unread only.{_label(pair.twin)}", said))
    if pair.label == 1 or not pair.unread:
        return None
    return Suspicion(Sentence("evidence.unread only", {"marks": _quoted(pair.unread)}))


def unseen_words(pair: RuleInput) -> Suspicion | None:
    """Words never seen in training, which the model reads by their letters alone."""
    query, document = (
        tuple(word for word in words if word.state in ("letters", "unknown"))
        for words in (pair.query, pair.document)
    )
    if not query and not document:
        return None
    said = {"words": _names([*query, *document])}
    return Suspicion(Sentence("evidence.unseen", said), query, document)


def truncated_words(pair: RuleInput) -> Suspicion | None:
    """The relevant document has words of the query only past what is read of it."""
    read = {w.stem for w in pair.document if w.is_read}
    past = {w.stem for w in pair.document if w.state == "truncated"} - read
    lost = tuple(w for w in _distinct(_content(pair.query)) if w.stem in past)
    if pair.label == 0 or not lost:
        return None
    return Suspicion(Sentence("evidence.truncated", {"words": _names(lost)}), moved=lost)


def negation_mismatch(pair: RuleInput) -> Suspicion | None:
    """One side negates a word that the other has without a negation."""
    sides = {"query": pair.query, "document": pair.document}
    for one, other in (("query", "document"), ("document", "query")):
        here, there = _negated(sides[one]), _negated(sides[other])
        meant = _stems(_read_plainly(sides[other])) - _stems(there)
        meant -= _stems(_read_plainly(sides[one]))
        denied = [w for w in here if w.stem in meant]
        if denied:
            said = Sentence(f"evidence.negation.{one}", {"words": _names(denied)})
            words = {one: denied, other: _with_stems(sides[other], denied)}
            return _mismatch(pair, said, words["query"], words["document"])
    return None


def number_mismatch(pair: RuleInput) -> Suspicion | None:
    """The document lacks a number of the query and has another."""
    query, document = _numbers(pair.query), _numbers(pair.document)
    asked, there = dict(query), dict(document)
    lacking = [w for number, w in query if w.is_read and number not in there]
    other = [w for number, w in document if w.is_read and number not in asked]
    if not lacking or not other:
        return None
    said = {"query": _names(lacking), "document": _names(other)}
    return _mismatch(pair, Sentence("evidence.number", said), lacking, other)


def name_mismatch(pair: RuleInput) -> Suspicion | None:
    """The document lacks a name or rare word of the query and has another."""
    lacking = _names_lacking(pair.query, pair.document)
    other = _names_lacking(pair.document, pair.query)
    if not lacking or not other:
        return None
    said = {"query": _names(lacking), "document": _names(other)}
    return _mismatch(pair, Sentence("evidence.name", said), lacking, other)


def same_vectors(pair: RuleInput) -> Suspicion | None:
    """A pair that the model cannot tell from this one is labelled otherwise."""
    if pair.twin is None or pair.twin.is_equal:
        return None
    twin = pair.twin
    said: Values = {"line": twin.line, "query": twin.query, "document": twin.document}
    return Suspicion(Sentence(f"evidence.same vectors.{_label(twin)}", said))


def doubtful_label(pair: RuleInput) -> Suspicion | None:
    """The query's other documents score far apart from this one, against its label.

    A miss that is as random pairs are, while another document is far above it; or an alarm far
    above all documents that are labelled relevant, or, if none is, above all others.
    """
    at = pair.standing
    said: Values = {"cosine": at.cosine, "other": at.other, "random": at.random}
    if pair.label == 1:
        is_doubtful = at.cosine <= at.random and at.other - at.cosine >= APART
        return Suspicion(Sentence("evidence.label.relevant", said)) if is_doubtful else None
    if not at.has_relevant:
        is_doubtful = at.cosine - at.other >= APART and at.cosine > at.random
        return Suspicion(Sentence("evidence.label.none relevant", said)) if is_doubtful else None
    said = {"cosine": at.cosine, "relevant": at.relevant}
    is_doubtful = at.cosine - at.relevant >= APART and at.lowest > at.random
    return Suspicion(Sentence("evidence.label.not relevant", said)) if is_doubtful else None


def far_from_training(pair: RuleInput) -> Suspicion | None:
    """Most words of a text were never seen in training: it is of another field or language."""
    for side, words in (("query", pair.query), ("document", pair.document)):
        told = list({w.text: w for w in words if w.is_read and w.text not in stop_words()}.values())
        new = [w for w in told if w.state in ("letters", "unknown")]
        if told and len(new) / len(told) > FAR:
            said: Values = {"number": len(new), "of": len(told), "words": _names(new)}
            return Suspicion(Sentence(f"evidence.far.{side}", said))
    return None


def overlap_trap(pair: RuleInput) -> Suspicion | None:
    """Words of the query are in a document that is about something else."""
    asked = _asked(pair)
    shared = _shared(asked, _content(pair.document))
    if pair.label == 1 or not shared:
        return None
    said = _in_common(asked, shared)
    if len(shared) / len(asked) >= HIGH:
        return Suspicion(said)
    return Suspicion(said, tuple(shared), tuple(_with_stems(pair.document, shared)))


def few_in_common(pair: RuleInput) -> Suspicion | None:
    """The relevant document has hardly any of the query's words, be they read or not."""
    asked = _asked(pair)
    shared = _shared(asked, pair.document)
    one, other = map(script, pair.texts)
    if pair.label == 0 or not asked or one != other:  # two scripts seldom have words in common
        return None
    return Suspicion(_in_common(asked, shared)) if len(shared) / len(asked) <= FEW else None


RULES: tuple[tuple[str, Callable[[RuleInput], Suspicion | None]], ...] = (
    ("nothing readable", nothing_readable),
    ("labelled both ways", same_texts),
    ("differs only in what is not read", unread_only),
    (UNSEEN, unseen_words),
    (TRUNCATED, truncated_words),
    ("negation mismatch", negation_mismatch),
    ("number mismatch", number_mismatch),
    ("name mismatch", name_mismatch),
    ("labelled both ways", same_vectors),
    ("label looks wrong", doubtful_label),
    ("far from training", far_from_training),
    ("word overlap trap", overlap_trap),
    (FEW_IN_COMMON, few_in_common),
)
"""Causes in the order they are looked for: what is certain first, then from narrow to wide."""


def _mismatch(
    pair: RuleInput, said: Sentence, query: Sequence[Word], document: Sequence[Word]
) -> Suspicion:
    """Return what the model overlooked, or, of a miss, may have made too much of."""
    return Suspicion(said) if pair.label == 0 else Suspicion(said, tuple(query), tuple(document))


def _content(words: Iterable[Word]) -> list[Word]:
    return [w for w in words if w.is_read and w.text not in stop_words()]


def _distinct(words: Iterable[Word]) -> list[Word]:
    return list({w.stem: w for w in words}.values())


def _asked(pair: RuleInput) -> list[Word]:
    """Return the words of the query that tell something, each once."""
    return _distinct(_content(pair.query))


def _shared(asked: Iterable[Word], document: Iterable[Word]) -> list[Word]:
    has = _stems(document)
    return [w for w in asked if w.stem in has]


def _in_common(asked: Sequence[Word], shared: Sequence[Word]) -> Sentence:
    said: Values = {"number": len(shared), "asked": len(asked), "words": _names(shared or asked)}
    if len(asked) == 1:
        return Sentence("evidence.overlap.single" if shared else "evidence.no overlap.single", said)
    return Sentence("evidence.overlap" if shared else "evidence.no overlap", said)


def _stems(words: Iterable[Word]) -> set[str]:
    return {w.stem for w in words}


def _with_stems(words: Iterable[Word], like: Iterable[Word]) -> list[Word]:
    wanted = _stems(like)
    return [w for w in words if w.is_read and w.stem in wanted]


def _negated(words: Sequence[Word]) -> list[Word]:
    """Return the words right behind a negation in its sentence; "not only" is none."""
    found = []
    room = 0
    for word in words:
        if word.text in NEGATIONS or word.text.endswith(("n't", "n’t")):
            room = REACH
        elif word.opens or word.text in ("only", "just", "limited"):
            room = 0
        elif room and word.is_read and word.text not in stop_words():
            found.append(word)
            room -= 1
    return found


def _read_plainly(words: Sequence[Word]) -> list[Word]:
    negated = {word.index for word in _negated(words)}
    return [w for w in words if w.is_read and w.index not in negated]


def _numbers(words: Iterable[Word]) -> list[tuple[float | str, Word]]:
    return [(number, w) for w in words if (number := number_of(w.text)) is not None]


def _names_lacking(one: Sequence[Word], other: Sequence[Word]) -> list[Word]:
    """Return the names of one text that the other has nowhere, not even as a part of a word."""
    texts = {w.text for w in other if len(w.text) > 2}
    joined, stems = "\n".join(texts), _stems(other)
    names = [w for w in one if w.is_name and w.is_read and w.stem not in stems]
    return _distinct(w for w in names if w.text not in joined and texts.isdisjoint(_inside(w.text)))


def _inside(word: str) -> Iterator[str]:
    """Yield a word's parts of more than two letters: few, where a text has a hundred thousand."""
    ends = range(3, len(word) + 1)
    return (word[start:end] for end in ends for start in range(end - 2))


def _label(twin: Twin) -> str:
    return "relevant" if twin.label == 1 else "not relevant"


def _names(words: Iterable[Word]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.shown for word in words))


def _quoted(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(shortened(text, QUOTED) for text in texts)
