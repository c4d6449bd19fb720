"""Exact search against usearch's graph on the same vectors, in one run.

    python -m tests.benchmarks.search --index DIR --pairs build/corpus/pairs.csv
    python -m tests.benchmarks.search --vectors 1000000 --dims 64 --json search.json

The vectors of an index that `python -m dssm_core index` wrote, with queries of a pairs file; and
synthetic ones in clusters, 100,000 unless told otherwise; a million take some minutes to link.
Memory is what the process grows by once the searched files have been read; load time is until the
first search has answered, files warm; CPU time, all threads together, is what a busy machine leaves
true.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dssm_core.runtimes.load import load_towers
from dssm_core.search.nearest import VectorSearch, recall_at_10
from tests.benchmarks.figures import machine, resident


def clusters(number: int, size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors around 2,000 centres, float16 [N, E], and 100 queries of their kind."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(2_000, size)).astype(np.float32)

    def drawn(count: int) -> np.ndarray:
        noise = rng.normal(size=(count, size)).astype(np.float32)
        vectors = centres[rng.integers(len(centres), size=count)] + 0.7 * noise
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)

    vectors = np.empty((number, size), np.float16)  # in place: a million are never there twice
    for start in range(0, number, 50_000):
        vectors[start : start + 50_000] = drawn(len(vectors[start : start + 50_000]))
    return vectors, drawn(100)


def measured(folder: Path, queries: np.ndarray) -> Iterator[dict[str, object]]:
    """Yield a row for each way to search the vectors that lie in a folder."""
    from usearch.index import Index

    shape = np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False).shape
    names = range(shape[0])
    for way in ("exact", "usearch"):
        before, started = resident(), time.perf_counter()
        vectors = np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
        graph = (
            Index.restore(str(folder / "graph.usearch"), view=True) if way == "usearch" else None
        )
        search = VectorSearch(names, vectors, graph)  # type: ignore[arg-type]
        search.nearest(queries[0], 10)
        loaded = time.perf_counter() - started
        started, used = time.perf_counter(), time.process_time()
        for query in queries:
            search.nearest(query, 10)
        seconds, used = time.perf_counter() - started, time.process_time() - used
        grown = resident() - before
        yield {
            "documents": f"{shape[0]:,} x {shape[1]}",
            "search": way,
            "queries a second": f"{len(queries) / seconds:,.0f}",
            "CPU ms a query": f"{1000 * used / len(queries):.1f}",
            "recall@10": f"{recall_at_10(search, queries) if graph is not None else 1:.3f}",
            "MiB": f"{grown:,.0f}",
            "load, s": f"{loaded:.2f}",
        }


def synthetic(number: int, size: int) -> Iterator[dict[str, object]]:
    """Build a graph of synthetic vectors, and yield the rows of both searches."""
    vectors, queries = clusters(number, size)
    started, began = time.process_time(), time.perf_counter()
    search = VectorSearch(range(number), vectors).with_graph(queries[:1])  # type: ignore[arg-type]
    seconds, passed = time.process_time() - started, time.perf_counter() - began
    with tempfile.TemporaryDirectory() as place:
        np.save(Path(place) / "vectors.npy", vectors, allow_pickle=False)
        search.graph.save(str(Path(place) / "graph.usearch"))
        del search, vectors
        yield from measured(Path(place), queries)
    print(f"(the graph of {number:,} took {passed:.0f} s to build, {seconds:.0f} s of CPU time)")


def real(folder: Path, pairs: Path) -> Iterator[dict[str, object]]:
    """Yield the rows of both searches of an index, with 100 queries of a file."""
    from dssm_core.corpus.pairs import read_pairs
    from dssm_core.folder import ModelFolder, find_folders

    made = json.loads((folder / "index.json").read_text())["fingerprint"]
    models = [m for m in find_folders(Path("sample_models")) if isinstance(m, ModelFolder)]
    towers = load_towers(next(model for model in models if model.fingerprint == made))
    texts = read_pairs(pairs)["query"].drop_duplicates().sample(100, random_state=1)
    queries = np.stack([one.vector for one in towers.encode(list(texts), "query")])
    yield from measured(folder, queries)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, help="an index of a shipped model, of 10,000 or more")
    parser.add_argument("--pairs", type=Path, help="the file whose queries are searched for")
    parser.add_argument("--vectors", type=int, nargs="*", default=[100_000], help="synthetic ones")
    parser.add_argument("--dims", type=int, default=256, help="of the synthetic ones")
    parser.add_argument("--json", default="")
    options = parser.parse_args()
    parts = [real(options.index, options.pairs)] if options.index else []
    parts += [synthetic(number, options.dims) for number in options.vectors]
    rows = []
    for row in itertools.chain(*parts):
        if not rows:
            print("| " + " | ".join(row) + " |\n" + "|---" * len(row) + "|")
        print("| " + " | ".join(map(str, row.values())) + " |", flush=True)
        rows.append(row)
    if options.json:
        Path(options.json).write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
