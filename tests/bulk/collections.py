"""A judged collection of several shards, with ties, repeats, and texts that nobody can read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests import tiny


def write_collection(folder: Path, documents: int = 9000, queries: int = 300) -> list[object]:
    """Write corpus.jsonl, queries.tsv and qrels; return the options that name them."""
    rng = np.random.default_rng(3)
    pairs = tiny.pairs(documents, seed=5)
    texts = pairs["document"].tolist()
    for i in range(0, documents, 7):  # equal documents, also in other shards
        texts[i] = texts[(i * 31 + 5) % documents]
    for i in range(3, documents, 500):
        texts[i] = "👍"  # nothing that a model or BM25 reads
    texts[11] = "<b>guitar</b> piano"
    lines = [json.dumps({"_id": f"d{i}", "text": text}) for i, text in enumerate(texts)]
    (folder / "corpus.jsonl").write_text("\n".join(lines), "utf-8")
    asked = [
        f"{query} no{i}" if i % 2 else query for i, query in enumerate(pairs["query"][:queries])
    ]
    asked[5], asked[6] = "👍", "no such word anywhere"
    names = [f"d{i}" if i % 50 == 0 else f"q{i}" for i in range(queries)]
    (folder / "queries.tsv").write_text(
        "".join(f"{name}\t{text}\n" for name, text in zip(names, asked, strict=True)), "utf-8"
    )
    judged = []
    for i, name in enumerate(names[:-3]):
        judged.append(f"{name} 0 d{i} {1 + i % 3}\n")
        far = rng.choice(documents, 3, replace=False)
        judged += [f"{name} 0 d{far[0]} {i % 2}\n", f"{name} 0 d{far[1]} 3\n"]
        unread = 3 + 500 * (i % min(10, documents // 500))  # which nobody can read
        judged.append(f"{name} 0 d{unread} 1\n")
    (folder / "qrels").write_text("".join(judged), "utf-8")
    files = {"qrels": "qrels", "queries": "queries.tsv", "corpus": "corpus.jsonl"}
    return [part for name, file in files.items() for part in (f"--{name}", folder / file)]
