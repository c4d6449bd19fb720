"""Shards of vectors read again: a whole folder of them for an index, or a few rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from dssm_core.bulk.cut import read_shard
from dssm_core.bulk.encode import FORMAT, stamp, vectors_path
from dssm_core.corpus.shards import MANIFEST
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder


class Shard(NamedTuple):
    """A shard's vectors, and which of its texts the model can read.

    Attributes:
        vectors: [N, E], of length 1 or 0.
        readable: bool [N].
    """

    vectors: np.ndarray
    readable: np.ndarray


def read_vectors(folder: Path, part: int) -> Shard:
    """Return a shard of vectors.

    Raises:
        UserError: if the file is damaged.
    """
    path = vectors_path(folder, part)
    table = read_shard(path, ("vector", "is_readable"))
    column = table["vector"]
    if not pa.types.is_fixed_size_list(column.type) or column.null_count:
        raise UserError("mining.damaged", name=str(path))
    numbers = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    vectors = numbers.reshape(-1, column.type.list_size)
    if vectors.dtype.kind != "f" or not np.isfinite(vectors).all():
        raise UserError("mining.damaged", name=str(path))
    return Shard(vectors, table["is_readable"].to_numpy())


@dataclass(frozen=True)
class VectorFolder:
    """A folder that `encode_texts` wrote.

    Attributes:
        path: the folder.
        manifest: what it says of itself.
    """

    path: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, path: Path, model: ModelFolder) -> VectorFolder:
        """Check a folder of document vectors against its manifest and against a model.

        Raises:
            UserError: if it was not written to its end, is another model's or of queries, or a
                file is not as it was written.
        """
        try:
            manifest = json.loads((path / MANIFEST).read_text("utf-8"))
            version, made, side = (manifest[key] for key in ("format", "fingerprint", "side"))
            files, name = manifest["files"], manifest["model"]
            numbers = manifest["texts"], manifest["readable"], manifest["vector"]
            whole = all(isinstance(number, int) for number in numbers) and version == FORMAT
            expected = {vectors_path(path, n).name for n in range(len(files))}
        except (OSError, ValueError, KeyError, TypeError) as trouble:
            raise UserError("vectors.no manifest", repr(trouble), path=str(path)) from None
        if not whole or set(files) != expected:
            raise UserError("vectors.no manifest", f"format {version}", path=str(path))
        if made != model.fingerprint:
            found = f"{name} {made}"
            wanted = f"{model.name} {model.fingerprint}"
            raise UserError("vectors.other model", found, path=str(path), model=wanted)
        if side != "document":
            raise UserError("vectors.of queries", str(side), path=str(path))
        return cls(path, manifest)

    def shards(self) -> Iterator[tuple[list[str], list[str], Shard]]:
        """Yield each shard's ids, texts and vectors.

        Raises:
            UserError: if one is not as it was written.
        """
        for part, (name, written) in enumerate(sorted(self.manifest["files"].items())):
            path = self.path / name
            if not path.is_file() or stamp(path) != written:
                raise UserError("vectors.damaged", name=str(path))
            table = read_shard(path, ("id", "text"))
            ids, texts = table["id"].to_pylist(), table["text"].to_pylist()
            yield ids, texts, read_vectors(self.path, part)

    def distinct(self, dtype: type = np.float16) -> tuple[tuple[str, ...], np.ndarray, int]:
        """Return the distinct texts that the model can read, their vectors [N, E], and how many
        distinct texts there are with the others.

        Raises:
            UserError: as `shards`, or if there are none.
        """
        parts: list[np.ndarray] = []
        texts: dict[str, None] = {}
        unread: set[str] = set()
        for _, part, shard in self.shards():
            unread.update(part[row] for row in np.flatnonzero(~shard.readable).tolist())
            new: dict[str, int] = {}
            for row in np.flatnonzero(shard.readable).tolist():
                if part[row] not in texts:
                    new.setdefault(part[row], row)
            texts.update(dict.fromkeys(new))
            parts.append(shard.vectors[list(new.values())].astype(dtype))
        if not texts:
            raise UserError("corpus.nothing readable", f"{self.manifest['texts']:,}")
        return tuple(texts), np.concatenate(parts), len(texts) + len(unread)
