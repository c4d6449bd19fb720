"""A file of texts cut into shards, each a task of its own, in memory of one shard."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dssm_core.corpus.markup import markup_spans
from dssm_core.corpus.opening import Encoding
from dssm_core.corpus.text_stream import stream_texts
from dssm_core.corpus.texts import Kind, Layout, TextRows
from dssm_core.errors import UserError, line_of
from dssm_core.files import whole_file, write_whole

SCHEMA = pa.schema([("id", pa.string()), ("text", pa.string())])

CUT = "cut.json"
"""Written last: it says that the shards are all there."""

AT_ONCE = 1 << 22
"""Hashes compared at a time."""


@dataclass(frozen=True)
class Cut:
    """A file's texts in shards.

    Attributes:
        number: of texts.
        html: texts with tags or entities of HTML.
        layout: as of `TextRows`.
        columns: likewise.
        encoding: likewise.
        places: of the texts whose ids were wanted, by id.
    """

    number: int
    html: int
    layout: Layout
    columns: tuple[str, ...]
    encoding: Encoding
    places: dict[str, int]


def cut_texts(
    path: Path,
    kind: Kind,
    folder: Path,
    shard: int,
    wanted: Collection[str] = (),
    clean: Callable[[str], str] | None = None,
    open_rows: Callable[[Path, Kind], TextRows] = stream_texts,
) -> Cut:
    """Write texts-N.parquet (id, text), unless they are there.

    Args:
        path: the file.
        kind: of its texts.
        folder: to write into; made if absent.
        shard: texts of a shard.
        wanted: ids whose places are noted.
        clean: what is done to each text, such as to take tags out.
        open_rows: how the file is read.

    Raises:
        UserError: where the file cannot be read, is empty, or an id comes twice.
    """
    done = folder / CUT
    if done.exists():
        values = json.loads(done.read_text("utf-8"))
        columns, encoding = tuple(values["columns"]), Encoding(**values["encoding"])
        return Cut(**{**values, "columns": columns, "encoding": encoding})
    folder.mkdir(exist_ok=True)
    found = open_rows(path, kind)
    wanted = frozenset(wanted)
    places: dict[str, int] = {}
    number = html = 0
    with (folder / "ids.bin").open("wb") as hashes:
        for part, rows in enumerate(_parts(found.rows, shard)):
            hashes.writelines(blake2b(name.encode(), digest_size=8).digest() for name, _ in rows)
            places.update({n: number + i for i, (n, _) in enumerate(rows) if n in wanted})
            names, texts = [name for name, _ in rows], [text for _, text in rows]
            if clean:
                texts = list(map(clean, texts))
            _write(texts_path(folder, part), names, texts)
            number += len(rows)
            html += sum(bool(markup_spans(text)) for text in texts)
    if not number:
        raise UserError("trec.empty file", name=path.name)
    if found.layout != "texts" and (twice := _twice(folder / "ids.bin")):
        _refuse_repeated(path, open_rows(path, kind).rows, twice)
    (folder / "ids.bin").unlink()
    cut = Cut(number, html, found.layout, found.columns, found.encoding, places)
    write_whole(done, json.dumps(asdict(cut)).encode())
    return cut


def texts_path(folder: Path, part: int) -> Path:
    """Return where a shard of texts lies."""
    return folder / f"texts-{part:05}.parquet"


def read_shard(path: Path, columns: Sequence[str]) -> pa.Table:
    """Return a shard's columns.

    Raises:
        UserError: if the file is damaged.
    """
    try:
        return pq.read_table(path, columns=list(columns))
    except (pa.ArrowException, OSError):
        raise UserError("mining.damaged", name=str(path)) from None


def texts_at(folder: Path, shard: int, places: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Return the ids and texts at some places, by place; each shard is opened once."""
    wanted = np.unique(np.fromiter(places, np.int64))
    found: dict[int, tuple[str, str]] = {}
    for part in np.unique(wanted // shard).tolist():
        here = wanted[wanted // shard == part]
        table = read_shard(texts_path(folder, part), ("id", "text")).take(here - part * shard)
        rows = zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True)
        found.update(zip(here.tolist(), rows, strict=True))
    return found


def _parts(rows: Iterator[tuple[int, str, str]], size: int) -> Iterator[list[tuple[str, str]]]:
    part: list[tuple[str, str]] = []
    for _, name, text in rows:
        part.append((name, text))
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def _write(path: Path, names: list[str], texts: list[str]) -> None:
    table = pa.table({"id": names, "text": texts}, schema=SCHEMA)
    with whole_file(path) as file:
        pq.write_table(table, file, compression="zstd")


def _twice(path: Path) -> set[bytes]:
    """Return the hashes that are there twice: sorted on disk, so that memory does not grow."""
    hashes = np.memmap(path, np.int64, "r+")
    hashes.sort()
    found: set[int] = set()
    for start in range(0, len(hashes), AT_ONCE):
        here = hashes[start : start + AT_ONCE + 1]
        found.update(here[1:][here[1:] == here[:-1]].tolist())
    return {np.int64(one).tobytes() for one in found}


def _refuse_repeated(path: Path, rows: Iterable[tuple[int, str, str]], twice: set[bytes]) -> None:
    """Refuse an id that comes twice: the same one, and not another one of the same hash."""
    seen: set[str] = set()
    hashed = partial(blake2b, digest_size=8)
    for number, name, _ in rows:
        if hashed(name.encode()).digest() in twice:
            if name in seen:
                raise UserError("trec.repeated id", name, where=line_of(number, path.name))
            seen.add(name)
