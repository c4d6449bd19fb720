"""A folder of training data: shards of pairs with their negatives, each whole or not there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dssm_core.errors import UserError
from dssm_core.files import whole_file, write_whole

SCHEMA = pa.schema(
    [("query", pa.string()), ("document", pa.string()), ("negatives", pa.list_(pa.string()))]
)

INDEX, MANIFEST = "index.sqlite", "manifest.json"


def file_digest(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def claim_folder(out: Path, run: dict[str, Any]) -> None:
    """Make a folder and mark it as this run's.

    Args:
        out: the folder.
        run: all that the shards' bytes depend on, as JSON has it.

    Raises:
        UserError: if the folder holds another run.
    """
    out.mkdir(parents=True, exist_ok=True)
    mark = out / "run.json"
    if mark.exists() and json.loads(mark.read_text("utf-8")) != run:
        raise UserError("negatives.other run", folder=str(out))
    write_whole(mark, json.dumps(run).encode())


def shard_path(out: Path, epoch: int, number: int) -> Path:
    """Return where a shard lies."""
    return out / f"epoch-{epoch}" / f"shard-{number:05}.parquet"


def write_shard(
    path: Path, queries: list[str], documents: list[str], negatives: list[list[str]]
) -> None:
    """Write a shard: query, document and negatives of each pair."""
    table = pa.table(
        {"query": queries, "document": documents, "negatives": negatives}, schema=SCHEMA
    )
    path.parent.mkdir(exist_ok=True)
    with whole_file(path) as file:
        pq.write_table(
            table, file, compression="zstd", row_group_size=4096, dictionary_pagesize_limit=1 << 24
        )


def finish_folder(out: Path, run: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    """Write the manifest, which says that the folder is whole, and remove what is left over.

    Args:
        out: the folder.
        run: as for `claim_folder`.
        facts: what else the manifest says.

    Returns:
        The manifest.
    """
    shards = sorted(out.glob("epoch-*/shard-*.parquet"))
    manifest = {**run, **facts, "shards": [str(path.relative_to(out)) for path in shards]}
    write_whole(out / MANIFEST, json.dumps(manifest, indent=2).encode())
    for left in (out / INDEX, *out.glob("epoch-*/.shard-*.new")):  # the second of a killed worker
        left.unlink(missing_ok=True)
    return manifest


def read_shards(folder: Path, epoch: int = 0, batch: int = 4096) -> Iterator[dict[str, list[Any]]]:
    """Stream the rows of one epoch's draw, a few thousand at a time.

    Args:
        folder: as `prepare_negatives` or `mine_negatives` wrote it.
        epoch: which draw; with fewer draws than epochs they come round again.
        batch: rows at a time.

    Yields:
        {"query": [...], "document": [...], "negatives": [[...], ...]}.

    Raises:
        UserError: if the folder was not written to its end.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        raise UserError("negatives.not finished", str(folder)) from None
    draw = f"epoch-{epoch % manifest['config']['epochs']}/"
    for name in manifest["shards"]:
        if name.startswith(draw):
            with pq.ParquetFile(folder / name) as file:
                for rows in file.iter_batches(batch):
                    yield rows.to_pydict()
