"""`index`: the vectors of a corpus, for the page's "Find candidates"."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dssm_core.commands.files import add_model, add_reading, read_labelled, read_text
from dssm_core.commands.html import html_said, without_html
from dssm_core.commands.output import json_text
from dssm_core.errors import UserError
from dssm_core.words import ENGLISH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dssm_core.commands.files import Commands
    from dssm_core.folder import ModelFolder
    from dssm_core.search.lance import Part
    from dssm_core.search.nearest import VectorSearch

MAX_QUERIES = 500
"""Queries on which the recall of an approximate search is measured."""

EVERY = 2.0
"""Seconds between two lines of progress."""

PAIRS = (
    *(".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json", ".parquet", ".gz", ".zst", ".xlsx"),
    ".xlsm",
)
"""The `ENDINGS` of tables, written out, as the parser imports nothing; a test compares them."""


def add(commands: Commands) -> None:
    """Add this command to the parser's."""
    index = commands.add_parser(
        "index", help="encode a corpus, so that the page finds candidates in it"
    )
    add_model(index)
    index.add_argument(
        "--corpus",
        type=Path,
        help=f"a file of pairs or of ids and texts ({' '.join(PAIRS)}), or of one document a line; "
        "- reads stdin",
    )
    index.add_argument(
        "--vectors",
        type=Path,
        metavar="DIR",
        help="a folder that `encode` wrote, in place of --corpus: nothing is encoded again",
    )
    index.add_argument(
        "--out",
        type=Path,
        help="index to write (default: where the page looks, in DSSM_INDEX or the cache)",
    )
    index.add_argument(
        "--store",
        metavar="lancedb:PATH",
        help="write a table of LanceDB in place of an index; the page searches it where DSSM_INDEX "
        "has the same value",
    )
    add_reading(index)
    index.add_argument("--json", action="store_true", help="print the index's manifest as JSON")
    index.set_defaults(command=_index, writes="out")


def _index(options: argparse.Namespace) -> None:
    import numpy as np

    from dssm_core.folder import ModelFolder
    from dssm_core.runtimes.load import load_towers
    from dssm_core.search import index, nearest

    if bool(options.corpus) == bool(options.vectors):
        raise UserError("index.unclear source")
    folder = ModelFolder.open(options.model)
    if options.store:
        _write_store(options, folder)
        return
    out = options.out or index.index_path(folder.fingerprint)
    queries: list[str] = []
    reading: dict[str, Any] = {}
    if options.vectors:
        index.check_writable(out)
        search, number = _encoded(options.vectors, folder)
    else:
        documents, queries, reading = _read(options)
        if options.strip_html:
            documents, queries = list(dict.fromkeys(without_html(documents))), without_html(queries)
        index.check_writable(out)
        search = nearest.encode_corpus(load_towers(folder), documents, np.float16, _progress())
        number = len(dict.fromkeys(documents))
    if len(search.documents) >= nearest.SMALL:
        queries = queries or list(nearest.OwnPairs.of(folder).labels) or [*search.documents]
        read = load_towers(folder).encode(queries[:MAX_QUERIES], "query")
        vectors = [query.vector for query in read if query.is_readable]
        search = search.with_graph(np.stack(vectors or [*search.vectors[:10]]), _progress())
    manifest = index.write_index(out, folder, search)
    if options.json:
        manifest = {**manifest, **({"reading": reading} if reading else {})}
        print(json_text(manifest))
        return
    left_out = number - len(search.documents)
    unread = f" ({left_out:,} left out: nothing in them that the model reads)" if left_out else ""
    if search.recall is None:
        how = f"exact over {manifest['documents']:,} documents"
    else:
        how = f"approximate (usearch) over {manifest['documents']:,} documents"
        how += f", recall@10 {search.recall:.3f} against exact"
    print(f"{how}{unread}, in {out}")
    html = html_said(search.documents)
    if html.values["number"]:
        print(html.text(ENGLISH))


def _write_store(options: argparse.Namespace, folder: ModelFolder) -> None:
    """Write the documents of --corpus or --vectors to the table of --store."""
    from dssm_core.search.lance import Store, write_table

    if options.out:
        raise UserError("store.out")
    store = Store.parse(options.store)
    number = write_table(store, folder, _parts(options, folder))
    if options.json:
        about = {"model": folder.name, "fingerprint": folder.fingerprint}
        print(json_text({**about, "documents": number, "store": options.store}))
    else:
        print(f"{number:,} documents, in the table {store.table} of {store.path}")


def _parts(options: argparse.Namespace, folder: ModelFolder) -> Iterator[Part]:
    """Yield what the model can read, in parts: ids, texts and vectors."""
    import numpy as np

    if options.vectors:
        from dssm_core.bulk.vectors import VectorFolder

        for ids, texts, shard in VectorFolder.open(options.vectors, folder).shards():
            rows = np.flatnonzero(shard.readable).tolist()
            named = [ids[row] for row in rows], [texts[row] for row in rows]
            yield *named, shard.vectors[rows]
        return
    from dssm_core.runtimes.load import load_towers
    from dssm_core.search.nearest import encode_corpus

    documents, _, _ = _read(options)
    if options.strip_html:
        documents = without_html(documents)
    search = encode_corpus(load_towers(folder), documents, np.float16, _progress())
    yield [str(row + 1) for row in range(search.number)], search.documents, search.vectors


def _encoded(path: Path, folder: ModelFolder) -> tuple[VectorSearch, int]:
    """Return the search of a folder of vectors, and how many distinct texts the folder has."""
    from dssm_core.bulk.vectors import VectorFolder
    from dssm_core.search.nearest import VectorSearch

    texts, vectors, number = VectorFolder.open(path, folder).distinct()
    return VectorSearch(texts, vectors), number


def _read(options: argparse.Namespace) -> tuple[list[str], list[str], dict[str, Any]]:
    """Return the distinct documents of --corpus, and of pairs some queries and the reading.

    Raises:
        UserError: where the file has none, or is neither pairs nor texts with ids.
    """
    from dssm_core.corpus.texts import has_ids, read_texts

    path = options.corpus
    if path.suffix.lower() in PAIRS and has_ids(path):
        return list(dict.fromkeys(read_texts(path).texts.values())), [], {}
    if path.suffix.lower() in PAIRS:
        pairs, reading = read_labelled(path, options)
        queries = pairs["query"].drop_duplicates()
        some = queries.sample(min(MAX_QUERIES, len(queries)), random_state=0)
        return list(dict.fromkeys(pairs["document"])), some.tolist(), reading
    lines = read_text(path, "--corpus").split("\n")
    documents = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not documents:
        raise UserError("file.no documents", name=str(path))
    return documents, [], {}


def _progress() -> Callable[[str, int, int], None]:
    """Return a function that writes progress to standard error every EVERY seconds."""
    written = time.monotonic()

    def progress(what: str, done: int, total: int) -> None:
        nonlocal written
        if time.monotonic() - written > EVERY:
            written = time.monotonic()
            print(f"{what} document {done:,} of {total:,}", file=sys.stderr, flush=True)

    return progress
