"""The index of a corpus on disk: a folder of data, never run and never unpickled.

vectors.npy (float16 [N, E]), documents.jsonl (a JSON string a line), graph.usearch for a large
corpus, and index.json, which names the model's fingerprint and every file's size and digest.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dssm_core.errors import UserError
from dssm_core.files import whole_folder
from dssm_core.folder import ModelFolder
from dssm_core.search.lance import PREFIX
from dssm_core.search.nearest import VectorSearch, index_command

if TYPE_CHECKING:
    from usearch.index import Index

FORMAT = 1
"""Raised when an index written by this code could no longer be read by older code."""

MANIFEST, VECTORS = "index.json", "vectors.npy"
DOCUMENTS, GRAPH = "documents.jsonl", "graph.usearch"


def index_path(fingerprint: str) -> Path:
    """Return where a model's index is looked for, and written unless told otherwise.

    DSSM_INDEX is one index, or a folder of them by fingerprint; without it the user's cache.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    named = os.environ.get("DSSM_INDEX", "")
    if named.startswith(PREFIX):  # a table of a store, which is no folder of ours
        named = ""
    root = Path(named or cache / "dssm-lens" / "indexes")
    return root if (root / MANIFEST).is_file() else root / fingerprint


def check_writable(path: Path) -> None:
    """Refuse to write an index over anything but an index or an empty folder.

    Raises:
        UserError: if there is something else.
    """
    is_index = (path / MANIFEST).is_file()
    is_empty = path.is_dir() and not any(path.iterdir())
    if path.exists() and not (is_index or is_empty):
        raise UserError("index.something else", str(path))


def write_index(path: Path, folder: ModelFolder, search: VectorSearch) -> dict[str, Any]:
    """Write an index so that readers find the old one or the new one, never half of one.

    Args:
        path: the folder; an index that is there is replaced, anything else is left alone.
        folder: the model that made the vectors.
        search: vectors in float16, and the graph if there is one.

    Returns:
        The manifest, as index.json holds it.

    Raises:
        UserError: if something else is there, or it cannot be written.
    """
    check_writable(path)
    try:
        with whole_folder(path) as fresh:
            np.save(fresh / VECTORS, search.vectors.astype(np.float16), allow_pickle=False)
            with (fresh / DOCUMENTS).open("w", encoding="utf-8") as lines:
                lines.writelines(json.dumps(document) + "\n" for document in search.documents)
            if search.graph is not None:
                search.graph.save(str(fresh / GRAPH))
            manifest = {
                "format": FORMAT,
                "model": folder.name,
                "fingerprint": folder.fingerprint,
                "documents": len(search.documents),
                "vector": search.vectors.shape[1],
                "method": "exact" if search.graph is None else "usearch",
                "recall@10": search.recall and round(search.recall, 4),
                "files": {file.name: _stamp(file) for file in sorted(fresh.iterdir())},
            }
            (fresh / MANIFEST).write_text(json.dumps(manifest, indent=2), "utf-8")
    except (OSError, RuntimeError) as error:  # usearch tells of a full disk by the second
        raise UserError("index.cannot write", str(error), path=str(path)) from None
    return manifest


def open_index(path: Path, folder: ModelFolder) -> VectorSearch:
    """Check an index against its own manifest and against a model, and open it.

    Raises:
        UserError: if it is another model's, of another version, or damaged.
    """
    command = index_command(folder)
    try:
        manifest = json.loads(_read(path / MANIFEST, 1_000_000))
        version, made = manifest["format"], manifest["fingerprint"]
        number, size, recall = (manifest[key] for key in ("documents", "vector", "recall@10"))
        if version != FORMAT:
            raise ValueError(f"format {version}, where this program reads {FORMAT}")
        if made != folder.fingerprint:
            raise UserError(
                "index.other model",
                f"{manifest['model']} {made}",
                path=str(path),
                model=f"{folder.name} {folder.fingerprint}",
                command=command,
            )
        for name in (VECTORS, DOCUMENTS, *([GRAPH] if manifest["method"] == "usearch" else [])):
            if _stamp(path / name) != manifest["files"][name]:
                raise ValueError(f"{name} is not as it was written")
        vectors = np.lib.format.open_memmap(path / VECTORS, mode="r")  # no pickle, no zip
        lines = (path / DOCUMENTS).read_text("utf-8").split("\n")[:-1]
        documents = tuple(json.loads(line) for line in lines)
        shape = (number, size)
        if vectors.shape != shape or vectors.dtype != np.float16 or len(documents) != number:
            raise ValueError(f"{vectors.dtype} {vectors.shape}, {len(documents)} documents")
        if not all(isinstance(document, str) for document in documents):
            raise ValueError("a document is no text")
        if manifest["method"] == "exact":
            return VectorSearch(documents, vectors)
        return VectorSearch(documents, vectors, _open_graph(path / GRAPH, shape), float(recall))
    except UserError:
        raise
    except Exception as error:  # NumPy's and zipfile's parsers raise whatever damage leads to
        raise UserError("index.damaged", str(error), path=str(path), command=command) from None


def _open_graph(path: Path, shape: tuple[int, int]) -> Index:
    from usearch.index import Index

    graph = Index.restore(str(path), view=True)
    if graph is None or (len(graph), graph.ndim) != shape:
        raise ValueError(f"{path.name} is of other vectors")
    return graph


def _read(path: Path, most: int) -> str:
    if path.stat().st_size > most:
        raise ValueError(f"{path.name} is larger than {most:,} bytes")
    return path.read_text("utf-8")


def _stamp(path: Path) -> dict[str, Any]:
    """Return a file's size and digest: usearch crashes on a graph that was damaged."""
    with path.open("rb") as file:
        return {
            "bytes": path.stat().st_size,
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
        }
