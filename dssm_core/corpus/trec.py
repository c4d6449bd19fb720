"""Judged collections as retrieval people keep them: TREC qrels and runs, BEIR's and TSV texts."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dssm_core.errors import UserError, line_of
from dssm_core.words import Sentence

RUN_DEPTH = 1000
"""Documents of a query that a run file holds, as is usual at TREC."""


def read_texts(path: Path) -> dict[str, str]:
    """Read texts by their ids.

    1. A line that starts with { is JSON with "_id" or "id", "text" and perhaps "title", which is
       put before the text, as in BEIR; any other is id, tab, text.
    2. A first line "id<TAB>text" is a header.

    Args:
        path: UTF-8, plain or gzipped (.gz).

    Raises:
        UserError: where a line is something else, or an id comes twice; names the line.
    """
    texts: dict[str, str] = {}
    for number, line in _lines(path):
        where = line_of(number, path.name)
        name, text = _from_json(line, where) if line[0] == "{" else _from_tsv(line, where)
        if number == 1 and (name, text.strip()) == ("id", "text"):
            continue
        if not name or any(c.isspace() for c in name):
            raise UserError("trec.wrong id", repr(name), where=where)
        if name in texts:
            raise UserError("trec.repeated id", name, where=where)
        texts[name] = text
    if not texts:
        raise UserError("trec.empty file", name=path.name)
    return texts


def read_judgements(
    path: Path, queries: Container[str], documents: Container[str]
) -> dict[str, dict[str, int]]:
    """Read which documents are relevant to which query, from TREC qrels or BEIR's three columns.

    Args:
        path: lines of query id, anything, document id, grade; or, as in BEIR, of query id,
            document id, grade, under a header. A grade is a whole number, from 1 relevant.
        queries: ids that there are.
        documents: ids that there are.

    Returns:
        Grades by query and document.

    Raises:
        UserError: where a line is something else, or names a text that is not there.
    """
    judgements: dict[str, dict[str, int]] = {}
    for number, line in _lines(path):
        where, cells = line_of(number, path.name), line.split()
        if number == 1 and cells[0] in ("query-id", "query_id", "qid"):
            continue
        if len(cells) not in (3, 4):
            raise UserError("trec.wrong columns", line, where=where, number=len(cells))
        query, document, grade = cells[0], cells[-2], cells[-1]
        try:
            value = int(grade)
        except ValueError:
            raise UserError("trec.wrong grade", grade, where=where) from None
        for name, known, file in ((query, queries, "--queries"), (document, documents, "--corpus")):
            if name not in known:
                raise UserError("trec.unknown text", name, where=where, option=file)
        judgements.setdefault(query, {})[document] = value
    return judgements


def run_lines(
    query: str, order: np.ndarray, scores: np.ndarray, documents: Sequence[str], tag: str
) -> Iterator[str]:
    """Yield a query's lines of a TREC run file: query, Q0, document, rank, score, tag.

    Tools order by score, each breaking ties its own way, some in float32; so each score here is
    lower than the one before by a millionth at least, and all of them find the same order.

    Args:
        query: its id.
        order: indices of documents, best first.
        scores: [D], of a few units at most; NaN sinks to its place in the order.
        documents: D ids.
        tag: what the run is called; white space becomes -.
    """
    last = 4_000_000
    for rank, document in enumerate(order[:RUN_DEPTH], 1):
        known = np.isfinite(scores[document])
        last = min(last - 1, round(float(scores[document]) * 1e6) if known else -4_000_000)
        name = "-".join(tag.split())
        yield f"{query} Q0 {documents[document]} {rank} {last / 1e6:.6f} {name}\n"


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, numbered from 1."""
    if not path.is_file():
        raise UserError("file.missing", name=str(path))
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="\n") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except (UnicodeDecodeError, OSError, EOFError, zlib.error) as trouble:
        raise UserError("file.unreadable", str(trouble), name=path.name) from trouble


def _from_tsv(line: str, where: Sentence) -> tuple[str, str]:
    name, tab, text = line.partition("\t")
    if not tab:
        raise UserError("trec.no tab", line, where=where)
    return name, text.replace("\t", " ")


def _from_json(line: str, where: Sentence) -> tuple[str, str]:
    try:
        item: Any = json.loads(line)
        name = item["_id"] if "_id" in item else item["id"]
        title, text = item.get("title") or "", item["text"]
        if not isinstance(text, str) or not isinstance(title, str):
            raise TypeError("text and title must be text")
    except (ValueError, KeyError, TypeError, RecursionError) as trouble:
        received = f"{type(trouble).__name__}: {trouble}"
        raise UserError("trec.not a text", received, where=where) from None
    return str(name), f"{title} {text}".strip()
