"""Texts of any number encoded into shards of Parquet, resumable, by any number of workers.

A folder of vectors holds vectors-N.parquet, with a row for each text in the file's order:

- id, text: as the file has them; the number of the row where it has no ids.
- vector: of length 1, a list of a fixed size; zeros where the model reads nothing of the text.
- is_readable: whether it reads anything. words, unseen, truncated: as `count_words` counts them.

manifest.json names the model's fingerprint and every file's size and digest; it is written last.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dssm_core.bulk.cut import cut_texts, read_shard, texts_path
from dssm_core.corpus.shards import MANIFEST, claim_folder, file_digest
from dssm_core.engines import LOCAL, Engine
from dssm_core.errors import UserError
from dssm_core.evaluation import BLOCK, Encoded
from dssm_core.files import whole_file, write_whole
from dssm_core.folder import ModelFolder
from dssm_core.numeric import l2_normalise
from dssm_core.process import use_one_thread
from dssm_core.runtimes.load import towers_at
from dssm_core.towers import Side

FORMAT = 1
"""Raised when a folder written by this code could no longer be read by older code."""

SHARD = 20_480
"""Texts of a shard: five blocks of those that are encoded at a time."""

TEXTS = "texts"
"""Folder of the texts, until they are encoded."""

COUNTS = ("words", "unseen", "truncated")

DType = Literal["float16", "float32"]


@dataclass(frozen=True)
class EncodeShard:
    """The task of one shard: its texts encoded and written.

    Attributes:
        model: the model folder.
        texts: folder of the texts.
        out: folder of the vectors.
        side: which tower.
        dtype: of the vectors.
        with_texts: whether ids and texts are written, too.
    """

    model: Path
    texts: Path
    out: Path
    side: Side
    dtype: DType
    with_texts: bool = True

    def __call__(self, part: int) -> int:
        """Write a shard of vectors, a block after the other."""
        use_one_thread()
        table = read_shard(texts_path(self.texts, part), ("id", "text"))
        with ExitStack() as stack:
            file = stack.enter_context(whole_file(vectors_path(self.out, part)))
            writer = None
            for start in range(0, len(table), BLOCK):
                block = self._encode(table.slice(start, BLOCK))
                if writer is None:
                    writer = stack.enter_context(
                        pq.ParquetWriter(
                            file, block.schema, compression="zstd", use_dictionary=False
                        )
                    )
                writer.write_table(block)
        return part

    def _encode(self, table: pa.Table) -> pa.Table:
        """Return the vectors of a block of texts, and what was read of each."""
        found = Encoded.of(towers_at(self.model), table["text"].to_pylist(), self.side)
        vectors = l2_normalise(np.where(found.readable[:, None], found.vectors, np.float32(0)))
        if not np.isfinite(vectors).all():
            raise UserError("mining.not finite", name=self.model.name)
        flat = pa.array(vectors.astype(self.dtype).ravel())
        return pa.table(
            {
                **({name: table[name] for name in table.column_names} if self.with_texts else {}),
                "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
                "is_readable": found.readable,
                **{name: getattr(found, name).astype(np.int32) for name in COUNTS},
            }
        )


def vectors_path(folder: Path, part: int) -> Path:
    """Return where a shard of vectors lies."""
    return folder / f"vectors-{part:05}.parquet"


def encode_texts(
    corpus: Path,
    out: Path,
    model: ModelFolder,
    side: Side = "document",
    dtype: DType = "float16",
    shard: int = SHARD,
    clean: Callable[[str], str] | None = None,
    log: Callable[[str], None] = print,
    engine: Engine = LOCAL,
) -> dict[str, Any]:
    """Write a folder of vectors, resuming a run that was cut off.

    Args:
        corpus: file of texts, as `stream_texts` reads it.
        out: folder to write into. Workers on other machines must see it, and the model folder,
            under the same names.
        model: what encodes.
        side: which tower.
        dtype: of the vectors; float16 takes half the disk, and its cosines are off by some 1e-4.
        shard: texts of a shard.
        clean: what is done to each text.
        log: called with a line for people after each shard.
        engine: runs a task for each shard; the bytes do not depend on it.

    Returns:
        The manifest.

    Raises:
        UserError: if the file cannot be read, or `out` holds another run.
    """
    if shard < 1:
        raise UserError("negatives.below 1", str(shard), name="--shard")
    if not corpus.is_file():
        raise UserError("file.missing", name=str(corpus))
    run = {
        "format": FORMAT,
        "input": file_digest(corpus),
        "model": model.name,
        "fingerprint": model.fingerprint,
        "side": side,
        "dtype": dtype,
        "shard": shard,
        "is_cleaned": clean is not None,
    }
    claim_folder(out, run)
    if (out / MANIFEST).exists():
        manifest: dict[str, Any] = json.loads((out / MANIFEST).read_text("utf-8"))
        return manifest
    out = out.resolve()
    cut = cut_texts(corpus, side, out / TEXTS, shard, clean=clean)
    parts = -(-cut.number // shard)
    task = EncodeShard(model.path.resolve(), out / TEXTS, out, side, dtype)
    for part in engine.map(task, [n for n in range(parts) if not vectors_path(out, n).exists()]):
        log(f"{part + 1}/{parts} shards of {side} texts encoded")
    facts = {"layout": cut.layout, "columns": cut.columns, "texts": cut.number}
    manifest = {**run, **facts, **_summary([vectors_path(out, n) for n in range(parts)])}
    write_whole(out / MANIFEST, json.dumps(manifest, indent=2).encode())
    for left in out.glob(".vectors-*.new"):  # of a killed worker
        left.unlink(missing_ok=True)
    shutil.rmtree(out / TEXTS)
    return manifest


def _summary(paths: list[Path]) -> dict[str, Any]:
    """Return what the manifest says of the shards."""
    readable, width = 0, 0
    for path in paths:
        column = read_shard(path, ("is_readable",))["is_readable"]
        readable += int(np.count_nonzero(column.to_numpy()))
    with pq.ParquetFile(paths[0]) as file:
        width = file.schema_arrow.field("vector").type.list_size
    return {"readable": readable, "vector": width, "files": {p.name: stamp(p) for p in paths}}


def stamp(path: Path) -> dict[str, Any]:
    """Return a file's size and digest."""
    return {"bytes": path.stat().st_size, "sha256": file_digest(path)}
