"""From an encoder and a file of pairs to a model folder that refers to it.

The folder holds no weights: where the encoder is and its fingerprint, the head fitted on labelled
pairs, the background of random pairs, examples, figures beside BM25, and a card.
"""

from __future__ import annotations

import io
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dssm_core.adoption.checks import Finding, as_values, check_encoder, compare_known
from dssm_core.card.adopted import write_adopted_card
from dssm_core.card.examples import pick_examples, score_towers
from dssm_core.corpus.splitting import digest
from dssm_core.evaluation import (
    Collection,
    Encoded,
    evaluate_towers,
    fit_head,
    length_bands,
    pair_cosines,
    random_pairs,
    related_in,
)
from dssm_core.folder import ADOPTED, FORMAT, write_folder
from dssm_core.runtimes.encoder import EncoderTowers
from dssm_core.runtimes.encoders import open_encoder
from dssm_core.towers import Encoding, Side
from dssm_core.words import ENGLISH

MAX_QUERIES = 2000
"""Queries with a relevant document that are used; of more, so many are drawn by a hash."""
ENOUGH = 20
"""Queries under which a head is fitted and measured on the same pairs, and the card says so."""
FEWEST = 5
"""Queries under which no head is fitted: a probability would mean nothing."""
PART = 64
"""Texts between two calls of a progress bar."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Adoption:
    """What is to be adopted, and how.

    Attributes:
        reference: a path, `endpoint:NAME` or `function:NAME`.
        pairs: columns query, document, label (1 relevant, 0 not).
        out: the model folder to write.
        options: what the encoder's loader takes besides.
        prompts: in front of queries and documents; the encoder's own for a side left out.
        known: a file of known vectors, as `compare_known` reads it.
        seed: of every draw.
    """

    reference: str
    pairs: pd.DataFrame
    out: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    prompts: Mapping[Side, str] = field(default_factory=dict)
    known: Path | None = None
    seed: int = 0


class _Remembering:
    """Towers that encode each text once, for a run that needs each several times."""

    def __init__(self, towers: EncoderTowers, progress: Progress, total: int) -> None:
        self.towers, self._progress, self._total = towers, progress, total
        self._encodings: dict[Side, OrderedDict[str, Encoding]] = {
            "query": OrderedDict(),
            "document": OrderedDict(),
        }
        self.scale, self.bias = towers.scale, towers.bias
        self.has_attention = towers.has_attention

    def encode(self, texts: Sequence[str], side: Side) -> list[Encoding]:
        known = self._encodings[side]
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        for start in range(0, len(missing), PART):
            self._progress(sum(map(len, self._encodings.values())), self._total)
            part = missing[start : start + PART]
            known.update(zip(part, self.towers.encode(part, side), strict=True))
        return [known[text] for text in texts]


def adopt(
    wanted: Adoption,
    log: Callable[[str], None] = print,
    progress: Progress = lambda done, total: None,
) -> list[Finding]:
    """Open an encoder, check it, fit its head, measure it, and write the model folder.

    1. Half of the queries, by a hash of their text, fit w and b, 1 relevant to 10 sampled pairs.
    2. The other half measures ranks and calibration, with BM25 beside.
    3. Random pairs of all texts are the background, overall and by length of the document.

    Args:
        wanted: what is to be adopted.
        log: called with a line for people.
        progress: called with (done, total) texts encoded; may raise to stop.

    Returns:
        What the checks found.

    Raises:
        UserError: if the encoder cannot be used, or the folder cannot be written.
    """
    embedder = open_encoder(wanted.reference, wanted.options)
    towers = EncoderTowers(embedder, {**embedder.facts.prompts, **wanted.prompts})
    for line in _introduction(towers):
        log(line)
    pairs = _drawn(wanted.pairs)
    if dropped := len(wanted.pairs) - len(pairs):
        log(f"{dropped:,} pairs are left out: {MAX_QUERIES:,} queries are used")
    distinct = [list(dict.fromkeys(pairs[column])) for column in ("query", "document")]
    remembering = _Remembering(towers, progress, sum(map(len, distinct)))
    queries = Encoded.of(remembering, distinct[0], "query")
    documents = Encoded.of(remembering, distinct[1], "document")
    related = related_in(pairs)
    findings = check_encoder(queries, documents, related, wanted.seed)
    if wanted.known is not None:
        findings.insert(0, compare_known(towers, wanted.known))
    for finding in findings:
        log(f"{finding.level}: {finding.sentence.text(ENGLISH)}")
    fit, measured = _halves(pairs)
    head = _fitted(remembering, fit, wanted.seed)
    remembering.scale, remembering.bias = head or (np.nan, np.nan)
    log(_said(head, fit, measured))
    cosines, words = random_pairs(queries, documents, related, wanted.seed)
    metrics = _metrics(remembering, measured, fit is measured, bool(head), wanted.seed)
    metrics |= {"background": length_bands(cosines, words), "checks": as_values(findings)}
    write_folder(
        wanted.out.resolve(),
        _files(wanted, remembering, measured, head, metrics, np.sort(cosines)),
    )
    log(f"wrote {wanted.out}")
    return findings


def _introduction(towers: EncoderTowers) -> list[str]:
    facts = towers.embedder.facts
    length = "it does not say" if facts.max_length is None else f"{facts.max_length:,} pieces"
    return [
        f"{facts.name}: {facts.format}, {facts.width:,} numbers a vector, "
        f"fingerprint {facts.fingerprint}",
        f"modules applied: {'; '.join(facts.modules) or 'it does not say'}",
        f"reads at most: {length}",
        *(f"prompt of a {side}: {prompt!r}" for side, prompt in towers.prompts.items()),
    ]


def _drawn(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of MAX_QUERIES queries that have a relevant document; all if no more do."""
    queries = pd.unique(pairs.loc[pairs["label"] == 1, "query"])
    if len(queries) <= MAX_QUERIES:
        return pairs
    chosen = set(sorted(queries, key=digest)[:MAX_QUERIES])
    return pairs[pairs["query"].isin(chosen)]


def _halves(pairs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the pairs that fit the head and those that measure it; the same where few."""
    first = pairs["query"].map(lambda text: int(digest(text)[:8], 16) % 2 == 0).astype(bool)
    halves = pairs[first], pairs[~first]
    if min(_queries(half) for half in halves) < ENOUGH:
        return pairs, pairs
    return halves


def _queries(pairs: pd.DataFrame) -> int:
    return int(pairs.loc[pairs["label"] == 1, "query"].nunique())


def _fitted(towers: _Remembering, pairs: pd.DataFrame, seed: int) -> tuple[float, float] | None:
    """Return w and b, or None where the pairs are too few to mean anything."""
    if _queries(pairs) < FEWEST:
        return None
    collection = Collection.of(pairs)
    queries = Encoded.of(towers, collection.queries, "query")
    documents = Encoded.of(towers, collection.documents, "document")
    return fit_head(*pair_cosines(collection, queries.vectors, documents.vectors, seed=seed))


def _said(head: tuple[float, float] | None, fit: pd.DataFrame, measured: pd.DataFrame) -> str:
    if head is None:
        return (
            f"no probability: it takes {FEWEST} queries with a relevant document, "
            f"and there are {_queries(fit)}; cosines and percentiles only"
        )
    where = "the same, for there are few" if fit is measured else f"{_queries(measured):,} others"
    return (
        f"probability = sigmoid({head[0]:.3f} × cosine {head[1]:+.3f}), fitted on "
        f"{_queries(fit):,} queries, measured on {where}"
    )


def _metrics(
    towers: _Remembering, pairs: pd.DataFrame, is_same: bool, has_head: bool, seed: int
) -> dict[str, Any]:
    """Return what metrics.json holds of the labelled pairs; nothing where there are too few."""
    if not has_head:
        return {}
    return {**evaluate_towers(towers, pairs, seed), "measured_on": "same" if is_same else "others"}


def _files(
    wanted: Adoption,
    towers: _Remembering,
    pairs: pd.DataFrame,
    head: tuple[float, float] | None,
    metrics: Mapping[str, Any],
    background: np.ndarray,
) -> dict[str, bytes]:
    """Return the files of the model folder."""
    name, facts = wanted.out.resolve().name, towers.towers.embedder.facts
    is_path = ":" not in wanted.reference or Path(wanted.reference).exists()
    reference = str(Path(wanted.reference).resolve()) if is_path else wanted.reference
    config = {
        "format": FORMAT,
        "family": ADOPTED,
        "encoder": {
            "reference": reference,
            "options": dict(wanted.options),
            "prompts": towers.towers.prompts,
            "fingerprint": facts.fingerprint,
            "samples": facts.samples.round(4).tolist(),
        },
        "model": {
            "name": facts.name,
            "format": facts.format,
            "width": facts.width,
            "max_length": facts.max_length,
            "modules": list(facts.modules),
            "attention": facts.attention,
        },
        "head": dict(zip(("scale", "bias"), head, strict=True)) if head else {},
    }
    examples = [
        {**example, "scores": score_towers(towers, example, background, name).to_dict()}
        for example in _examples(towers, pairs)
    ]
    stored = io.BytesIO()
    np.save(stored, background.astype(np.float32), allow_pickle=False)
    return {
        "config.json": _json(config),
        "metrics.json": _json(metrics),
        "examples.jsonl": b"".join(_json(e, indent=None) + b"\n" for e in examples),
        "random_pairs.npy": stored.getvalue(),
        "pairs.csv": pairs.to_csv(index=False).encode(),
        "README.md": write_adopted_card(name, config, metrics).encode(),
    }


def _examples(towers: _Remembering, pairs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a success and the worst error, or without labels the first query and its documents."""
    if _queries(pairs):
        return list(pick_examples(towers, pairs))
    query = str(pairs["query"].iloc[0])
    documents = list(dict.fromkeys(pairs["document"]))[:6]
    note = "The first documents of the file. None is labelled, so none is known to be right."
    return [{"title": "First query", "note": note, "query": query, "documents": documents}]


def _json(values: Any, indent: int | None = 2) -> bytes:
    return json.dumps(values, ensure_ascii=False, indent=indent, allow_nan=False).encode()
