"""Why the model is wrong about a pair: the first rule that applies, and holds when it is tested.

A rule that hangs on words is put to the test: without those words the verdict must be the other
one. All variants of some errors are encoded together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from dssm_core.errors import UserError
from dssm_core.explain import without
from dssm_core.inspection.rules import RULES, RuleInput, Standing, Suspicion, Twin
from dssm_core.inspection.score_pairs import Inspection, Progress
from dssm_core.inspection.token_features import (
    Word,
    common_stems,
    read_words,
    unread_difference,
    words_of,
)
from dssm_core.scoring import Scorer, cosine
from dssm_core.towers import Encoding, Side, can_encode_any
from dssm_core.words import Sentence, Translate

Evidence = Sequence[Sentence]

NO_CAUSE = "no cause found"

CAUSES = (*dict.fromkeys(cause for cause, _ in RULES), NO_CAUSE)
"""All there are, in the order they are looked for; kept and compared, and told by `cause_name`."""

NEAR = 0.98
"""Cosine from which two vectors of one side count as the same text."""

BLOCK = 64
"""Queries that are compared with all others at a time."""

PART = 100
"""Errors looked at between two reports of progress; their texts are encoded together."""


def cause_name(cause: str, tr: Translate) -> str:
    """Return what people call a cause; one that a person typed stays as it is."""
    return tr(f"cause.{cause}") if cause in CAUSES else cause


def find_causes(
    inspection: Inspection,
    wrong: pd.DataFrame,
    scorer: Scorer,
    threshold: float,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Say of each error what made the model err, as far as a rule can tell.

    Each error costs a few short texts to encode, so give it some 500 at a time.

    Args:
        inspection: where the errors are from.
        wrong: as `errors` returns them, or some of them.
        scorer: the model that made them.
        threshold: cosine from which a pair is predicted relevant.
        progress: called with (done, total) errors; may raise to cancel.

    Returns:
        Index as `wrong`; cause, one of `CAUSES`, and evidence, for `words.tell`.
    """
    common = common_stems(scorer.folder.vocabulary)
    twins = find_twins(inspection, wrong.index)
    standings = find_standings(inspection, wrong.index, _random(scorer))
    rows: list[tuple[str, Evidence]] = []
    for start in range(0, len(wrong), PART):
        part = wrong.iloc[start : start + PART]
        known = zip(twins[start : start + PART], standings[start : start + PART], strict=True)
        rows += _causes(part, list(known), scorer, threshold, common)
        if progress:
            progress(len(rows), len(wrong))
    return pd.DataFrame(rows, index=wrong.index, columns=["cause", "evidence"])


def find_twins(inspection: Inspection, lines: Iterable[int]) -> list[Twin | None]:
    """Find for each pair another one with the same texts or vectors and the opposite label.

    Args:
        inspection: N pairs.
        lines: index values of the pairs that are asked about.

    Returns:
        One a line: an equal pair before a near one, and of the near ones the nearest document.
    """
    frame = inspection.frame
    labels = frame["label"].to_numpy()
    texts = inspection.texts_row
    rows = frame.index.get_indexer(pd.Index(lines))
    twins: list[Twin | None] = []
    for row, (near, cosines) in zip(rows.tolist(), _near_queries(inspection, rows), strict=True):
        other = 1 - int(labels[row])
        equal = np.flatnonzero((texts == texts[row]) & (labels == other))
        if len(equal):
            twins.append(Twin(int(frame.index[equal[0]]), other, True))
            continue
        opposite = near[labels[near] == other]
        vectors = inspection.documents[inspection.document_row[opposite]]
        alike = vectors @ inspection.documents[inspection.document_row[row]]
        if not len(opposite) or alike.max() < NEAR:
            twins.append(None)
            continue
        best = int(alike.argmax())
        query = cosines[inspection.query_row[opposite[best]]]
        line = int(frame.index[opposite[best]])
        said = str(frame.loc[line, "query"]), str(frame.loc[line, "document"])
        twins.append(Twin(line, other, False, float(query), float(alike[best]), said))
    return twins


def find_standings(inspection: Inspection, lines: Iterable[int], random: float) -> list[Standing]:
    """Find where each pair stands among its query's other documents.

    Args:
        inspection: N pairs.
        lines: index values of the pairs that are asked about.
        random: below which 95 % of the model's random pairs lie.
    """
    frame = inspection.frame
    cosines, labels = frame["cosine"].to_numpy(float), frame["label"].to_numpy()
    by_query = np.argsort(inspection.query_row, kind="stable")
    bounds = np.searchsorted(inspection.query_row[by_query], np.arange(len(inspection.queries) + 1))
    found = []
    for row in frame.index.get_indexer(pd.Index(lines)).tolist():
        query = inspection.query_row[row]
        same = by_query[bounds[query] : bounds[query + 1]]
        same = same[inspection.document_row[same] != inspection.document_row[row]]
        has_relevant = bool((labels[same] == 1).any())
        same = same[np.isfinite(cosines[same])]
        relevant = cosines[same[labels[same] == 1]]
        found.append(
            Standing(
                float(cosines[row]),
                float(relevant.max()) if len(relevant) else np.nan,
                float(relevant.min()) if len(relevant) else np.nan,
                float(cosines[same].max()) if len(same) else np.nan,
                random,
                has_relevant,
            )
        )
    return found


def _random(scorer: Scorer) -> float:
    """Return the cosine below which 95 % of the model's random pairs lie; NaN without any."""
    try:
        random = scorer.folder.random_pairs
    except UserError:  # the page that scores shows it
        return float("nan")
    return float(np.quantile(random, 0.95)) if len(random) else float("nan")


def _near_queries(
    inspection: Inspection, rows: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield for each pair the rows of the pairs with nearly its query, and all cosines [Q]."""
    by_query = np.argsort(inspection.query_row, kind="stable")
    bounds = np.searchsorted(inspection.query_row[by_query], np.arange(len(inspection.queries) + 1))
    for start in range(0, len(rows), BLOCK):
        queries = inspection.queries[inspection.query_row[rows[start : start + BLOCK]]]
        for cosines in queries @ inspection.queries.T:  # [BLOCK, Q]
            near = [by_query[bounds[q] : bounds[q + 1]] for q in np.flatnonzero(cosines >= NEAR)]
            yield np.concatenate([by_query[:0], *near]), cosines


def _causes(
    part: pd.DataFrame,
    known: Sequence[tuple[Twin | None, Standing]],
    scorer: Scorer,
    threshold: float,
    common: frozenset[str],
) -> list[tuple[str, Evidence]]:
    can_test = can_encode_any(scorer.cache)  # else a changed text would read as nothing
    queries = _encode(scorer, part["query"], "query")
    documents = _encode(scorer, part["document"], "document")
    words = {e.text: words_of(e, common) for e in {e.text: e for e in documents}.values()}
    suspected: list[list[tuple[str, Suspicion]]] = []
    for query, document, label, (twin, standing) in zip(
        queries, documents, part["label"], known, strict=True
    ):
        texts = query.text, document.text
        read = words_of(query, common), words[document.text]
        other = twin and _compared(twin, query, document, scorer)
        marks = unread_difference(query, document)
        pair = RuleInput(*read, texts, int(label), other, standing, marks)
        found = list(_suspicions(pair))
        suspected.append(found if can_test else [s for s in found if not s[1].needs_test])
    tests = [
        (suspicion, query, document)
        for suspicions, query, document in zip(suspected, queries, documents, strict=True)
        for _, suspicion in suspicions
    ]
    changed = zip(
        _encode(scorer, (_without(query, s.query) for s, query, _ in tests), "query"),
        _encode(
            scorer, (_front(s.moved) + _without(d, s.document) for s, _, d in tests), "document"
        ),
        strict=True,
    )
    rows = []
    for suspicions, query, document in zip(suspected, queries, documents, strict=True):
        before = _cosine(query, document)
        after = [_cosine(*next(changed)) for _ in suspicions]
        held = (
            (cause, _stated(suspicion, before, value, threshold))
            for (cause, suspicion), value in zip(suspicions, after, strict=True)
            if not suspicion.needs_test or (value >= threshold) != (before >= threshold)
        )
        rows.append(next(held, (NO_CAUSE, [Sentence("evidence.none")])))
    return rows


def _compared(twin: Twin, query: Encoding, document: Encoding, scorer: Scorer) -> Twin:
    """Return a twin with what it differs in from a pair, if the model reads none of that."""
    if twin.is_equal:
        return twin
    others = (
        *_encode(scorer, twin.texts[:1], "query"),
        *_encode(scorer, twin.texts[1:], "document"),
    )
    sides = list(zip((query, document), others, strict=True))
    if any(read_words(one) != read_words(other) for one, other in sides):
        return twin
    return replace(
        twin, unread=tuple(m for one, other in sides for m in unread_difference(one, other))
    )


def _suspicions(pair: RuleInput) -> Iterable[tuple[str, Suspicion]]:
    """Yield what the rules suspect, in order, up to the first that needs no test."""
    for cause, rule in RULES:
        suspicion = rule(pair)
        if suspicion is not None:
            yield cause, suspicion
            if not suspicion.needs_test:
                return


def _stated(suspicion: Suspicion, before: float, after: float, threshold: float) -> Evidence:
    if not suspicion.needs_test:
        return [suspicion.evidence]
    if np.isnan(after):
        return [suspicion.evidence, Sentence("evidence.nothing left")]
    numbers = {"after": after, "before": before, "at": threshold}
    if suspicion.moved:  # words of a missed pair, whose verdict turns by rising only
        return [suspicion.evidence, Sentence("evidence.in front.above", numbers)]
    side = "above" if after >= threshold else "below"
    return [suspicion.evidence, Sentence(f"evidence.without.{side}", numbers)]


def _encode(scorer: Scorer, texts: Iterable[str], side: Side) -> list[Encoding]:
    return scorer.cache.encode(list(texts), side)


def _without(encoding: Encoding, words: Sequence[Word]) -> str:
    if not words:
        return encoding.text
    return without(encoding.text, encoding.tokens, [word.index for word in words])


def _front(words: Sequence[Word]) -> str:
    return "".join(f"{word.shown} " for word in words)


def _cosine(query: Encoding, document: Encoding) -> float:
    if not (query.is_readable and document.is_readable):
        return float("nan")
    return cosine(query.vector, document.vector)
