"""What small changes to a text do to its rank: a test a capability, with its failure rate.

Each is an invariance test as CheckList has it: the texts are changed so that a person would judge
them the same, and a failure is a relevant document that falls out of the first ten, or a cosine
that moved where nothing that is read was changed. BM25 takes the same tests.

Source: Ribeiro et al. 2020, "Beyond Accuracy: Behavioral Testing of NLP Models with CheckList".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import pandas as pd

from dssm_core.errors import UserError
from dssm_core.evaluation import (
    BM25,
    Collection,
    Encoded,
    cosine_rows,
    rank_documents,
)
from dssm_core.numeric import l2_normalise
from dssm_core.text import segment
from dssm_core.towers import Towers

DEPTH = 10
MAX_QUERIES = 2000
"""Of a larger set so many queries are drawn: enough for a rate to within two points."""
SAME = 1e-4
"""A cosine that moves by no more has not changed: float32 sums in another order."""
BOILERPLATE = "For more information, please see the home page of the project."
SYNONYMS = Path(__file__).with_name("synonyms.tsv")

_WORD = re.compile(r"(?<![\w'])[A-Za-z]{4,}(?![\w'])")


@dataclass(frozen=True)
class Lexicon:
    """What changes to words draw on.

    Attributes:
        known: words of the texts that are measured on, in lower case.
        synonyms: for a word the others that mean the same.
    """

    known: frozenset[str]
    synonyms: Mapping[str, Sequence[str]]


Change = Callable[[str, Lexicon, np.random.Generator], str]
"""A text to a changed one; the text itself where the change does not apply."""


@dataclass(frozen=True)
class Capability:
    """One thing that a model should be able to bear.

    Attributes:
        name: of the row.
        what: what is done to the text.
        side: which text is changed; of "document" the relevant ones only.
        expects: "rank", still among the first ten; "cosine", not moved at all.
        change: does it.
    """

    name: str
    what: str
    side: Literal["query", "document"]
    expects: Literal["rank", "cosine"]
    change: Change


def swap_letters(text: str, lexicon: Lexicon, rng: np.random.Generator) -> str:
    """Swap two unlike neighbours in one word of four letters or more, its first letter aside."""
    positions = [
        i
        for word in _WORD.finditer(text)
        for i in range(word.start() + 1, word.end() - 1)
        if text[i].lower() != text[i + 1].lower()
    ]
    if not positions:
        return text
    i = int(rng.choice(positions))
    return text[:i] + text[i + 1] + text[i] + text[i + 2 :]


def shuffle_words(text: str, lexicon: Lexicon, rng: np.random.Generator) -> str:
    """Put all words into another order."""
    words = text.split()
    if len(set(words)) < 2:
        return text
    while (shuffled := [words[i] for i in rng.permutation(len(words))]) == words:
        pass
    return " ".join(shuffled)


def change_number(text: str, lexicon: Lexicon, rng: np.random.Generator) -> str:
    """Turn one word between singular and plural, where the texts hold its other form."""

    def other(word: str) -> list[str]:
        return [form for form in number_forms(word.lower()) if form in lexicon.known]

    return _replace_word(text, other, rng)


def replace_synonym(text: str, lexicon: Lexicon, rng: np.random.Generator) -> str:
    """Replace one word by another that means the same, from our table."""
    return _replace_word(text, lambda word: lexicon.synonyms.get(word.lower(), ()), rng)


def upper_case(text: str, lexicon: Lexicon, rng: np.random.Generator) -> str:
    """Write all in capitals, where that loses nothing."""
    upper = text.upper()
    return upper if upper.lower() == text.lower() else text


def space_out(text: str, lexicon: Lexicon, rng: np.random.Generator) -> str:
    """Double the spaces, and end in a full stop."""
    return "  ".join(text.split()) + " ."


def add_boilerplate(text: str, lexicon: Lexicon, rng: np.random.Generator) -> str:
    """Put a sentence that says nothing in front, where no cut at a model's length hides it."""
    return f"{BOILERPLATE} {text}"


CAPABILITIES = (
    Capability("typos", "two letters of a word swapped", "query", "rank", swap_letters),
    Capability("word order", "all words shuffled", "query", "rank", shuffle_words),
    Capability("number", "a word between singular and plural", "query", "rank", change_number),
    Capability("synonyms", "a word replaced by another for it", "query", "rank", replace_synonym),
    Capability("boilerplate", "an empty sentence in front", "document", "rank", add_boilerplate),
    Capability("case", "all in capitals", "query", "cosine", upper_case),
    Capability("spaces", "spaces doubled, a full stop", "query", "cosine", space_out),
)


def measure_robustness(
    towers: Towers, pairs: pd.DataFrame, seed: int = 0, most: int = MAX_QUERIES
) -> dict[str, Any]:
    """Change the texts of held-out pairs, and count what fails.

    1. A case is a query to which the change applies and whose relevant document was among the
       first ten before; each system has its own.
    2. A failure is as the capability expects; rank change is the mean over the cases of the rank
       after less the rank before, above 0 for worse.

    Args:
        towers: the model.
        pairs: columns query, document, label.
        seed: of the changes, and of the draw where there are over `most` queries.
        most: queries to change.

    Returns:
        seed, queries, documents, depth, boilerplate; rows: a capability each, with what,
        expects, changed, and for model and BM25 cases, failures, rate and rank_change (None
        without a case), and the worst failure as example (None without one).

    Raises:
        UserError: if no pair is labelled 1.
    """
    whole = Collection.of(pairs)
    if not whole.queries:
        raise UserError("evaluate.no relevant pairs", f"{len(pairs):,}")
    rng = np.random.default_rng(seed)
    sample = _draw(whole, most, rng)
    lexicon = Lexicon(
        frozenset(t.text for text in (*whole.queries, *whole.documents) for t in segment(text)),
        read_synonyms(),
    )
    systems: dict[str, System] = {
        "model": Cosines(towers, whole.documents),
        "BM25": BM25(whole.documents),
    }
    before = {
        name: _ranks(system.rows(sample.queries), sample.relevant)
        for name, system in systems.items()
    }
    return {
        "seed": seed,
        "queries": len(sample.queries),
        "documents": len(whole.documents),
        "depth": DEPTH,
        "boilerplate": BOILERPLATE,
        "rows": [
            _measure(capability, _change(capability, sample, lexicon, rng), sample, systems, before)
            for capability in CAPABILITIES
        ],
    }


class System(Protocol):
    """What ranks documents: a model by its cosine, or BM25."""

    def rows(self, queries: Sequence[str]) -> Iterator[np.ndarray]:
        """Yield each query's scores of all documents, [D]."""
        ...

    def pairs(self, queries: Sequence[str], documents: Sequence[str]) -> np.ndarray:
        """Return the score of each query against its document, which may be a new one, [N]."""
        ...


class Cosines:
    """A model over fixed documents.

    Args:
        towers: the model.
        documents: D texts.
    """

    def __init__(self, towers: Towers, documents: Sequence[str]) -> None:
        self._towers, self._documents = towers, Encoded.of(towers, documents, "document")

    def rows(self, queries: Sequence[str]) -> Iterator[np.ndarray]:
        """Yield each query's cosines [D], NaN for documents that the model cannot read."""
        if queries:
            asked = Encoded.of(self._towers, queries, "query")
            yield from cosine_rows(asked.vectors, self._documents.vectors, self._documents.readable)

    def pairs(self, queries: Sequence[str], documents: Sequence[str]) -> np.ndarray:
        """Return the cosine of each query and its document, [N]."""
        asked = Encoded.of(self._towers, queries, "query")
        answers = Encoded.of(self._towers, documents, "document")
        cosines = (l2_normalise(asked.vectors) * l2_normalise(answers.vectors)).sum(1)
        return np.where(answers.readable, cosines, np.nan)


class _Sample(NamedTuple):
    queries: list[str]
    relevant: list[frozenset[int]]  # of each query, rows of the documents
    documents: Sequence[str]


class _Changes(NamedTuple):
    rows: list[int]  # of the queries that a change applies to
    examples: list[tuple[str, str]]  # for each of them a text before and after
    after: list[Any]  # the changed query; or for each relevant document, changed, in order


Ranks = tuple[np.ndarray, np.ndarray]
"""Of each query's best relevant document the rank and the score, [N] each."""


def _draw(whole: Collection, most: int, rng: np.random.Generator) -> _Sample:
    size = min(most, len(whole.queries))
    rows = np.sort(rng.choice(len(whole.queries), size, replace=False))
    return _Sample(
        [whole.queries[row] for row in rows], [whole.relevant[row] for row in rows], whole.documents
    )


def _change(
    capability: Capability, sample: _Sample, lexicon: Lexicon, rng: np.random.Generator
) -> _Changes:
    rows, examples, after = [], [], []
    for row, query in enumerate(sample.queries):
        if capability.side == "query":
            befores, afters = [query], [capability.change(query, lexicon, rng)]
        else:
            befores = [sample.documents[d] for d in sorted(sample.relevant[row])]
            afters = [capability.change(text, lexicon, rng) for text in befores]
        if befores != afters:
            rows.append(row)
            examples.append((befores[0], afters[0]))
            after.append(afters[0] if capability.side == "query" else afters)
    return _Changes(rows, examples, after)


def _measure(
    capability: Capability,
    changes: _Changes,
    sample: _Sample,
    systems: Mapping[str, System],
    before: Mapping[str, Ranks],
) -> dict[str, Any]:
    """Return a capability's row: what was changed, and what came of it for each system."""
    relevant = [sample.relevant[row] for row in changes.rows]
    is_query = capability.side == "query"
    queries = changes.after if is_query else [sample.queries[row] for row in changes.rows]
    row = {
        "capability": capability.name,
        "what": capability.what,
        "expects": capability.expects,
        "changed": len(changes.rows),
    }
    for name, system in systems.items():
        scores = system.rows(queries)
        if not is_query:
            scores = _with_changed(system, scores, queries, relevant, changes.after)
        row[name] = _outcome(capability, changes, before[name], _ranks(scores, relevant))
    return row


def _with_changed(
    system: System,
    rows: Iterator[np.ndarray],
    queries: Sequence[str],
    relevant: Sequence[frozenset[int]],
    changed: Sequence[Sequence[str]],
) -> Iterator[np.ndarray]:
    """Yield rows in which each query's relevant documents score as changed."""
    repeated = [q for q, texts in zip(queries, changed, strict=True) for _ in texts]
    scores = iter(system.pairs(repeated, [text for texts in changed for text in texts]))
    for row, wanted in zip(rows, relevant, strict=True):
        row = row.copy()
        for document in sorted(wanted):
            row[document] = next(scores)
        yield row


def _ranks(rows: Iterator[np.ndarray], relevant: Sequence[frozenset[int]]) -> Ranks:
    ranks, scores = [], []
    for row, wanted in zip(rows, relevant, strict=True):
        order = rank_documents(row, wanted)
        ranks.append(int(np.isin(order, list(wanted)).argmax()) + 1)
        scores.append(float(row[order[ranks[-1] - 1]]))
    return np.array(ranks, int), np.array(scores, float)


def _outcome(
    capability: Capability, changes: _Changes, before: Ranks, after: Ranks
) -> dict[str, Any]:
    ranks, scores = (values[changes.rows] for values in before)
    is_case = ranks <= DEPTH
    if capability.expects == "rank":
        failed = is_case & (after[0] > DEPTH)
    else:
        failed = is_case & ~(np.abs(after[1] - scores) <= SAME)  # NaN, too, is a change
    cases, failures = int(is_case.sum()), int(failed.sum())
    example = None
    if failures:
        worst = int(np.argmax(np.where(failed, after[0] - ranks, -np.inf)))
        text, other = changes.examples[worst]
        moved = {"rank": int(ranks[worst]), "rank after": int(after[0][worst])}
        example = {"before": text, "after": other, **moved}
    return {
        "cases": cases,
        "failures": failures,
        "rate": failures / cases if cases else None,
        "rank_change": float((after[0] - ranks)[is_case].mean()) if cases else None,
        "example": example,
    }


def number_forms(word: str) -> list[str]:
    """Return what may be the plural of a word in lower case, or else its singular.

    By its ending, so a verb in s can be among them.

    Example:
        >>> number_forms("libraries"), number_forms("box"), number_forms("tool")
        (['library'], ['boxes'], ['tools'])
    """
    if word.endswith("ies"):
        return [word[:-3] + "y"]
    if word.endswith(("ses", "xes", "zes", "ches", "shes")):
        return [word[:-2], word[:-1]]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return [word[:-1]]
    if re.search("[^aeiou]y$", word):
        return [word[:-1] + "ies"]
    return [word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")]


def _replace_word(
    text: str, others: Callable[[str], Sequence[str]], rng: np.random.Generator
) -> str:
    """Replace one of the words that `others` knows something for; the text itself without one."""
    words = [(word, others(word.group())) for word in _WORD.finditer(text)]
    replaceable = [(word, choices) for word, choices in words if choices]
    if not replaceable:
        return text
    word, choices = replaceable[int(rng.integers(len(replaceable)))]
    choice = choices[int(rng.integers(len(choices)))]
    if word.group()[0].isupper():
        choice = choice[0].upper() + choice[1:]
    return text[: word.start()] + choice + text[word.end() :]


def read_synonyms(path: Path = SYNONYMS) -> dict[str, list[str]]:
    """Return for each word of our table the others on its lines."""
    synonyms: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            words = line.split("\t")
            for word in words:
                synonyms[word] += [other for other in words if other != word]
    return dict(synonyms)
