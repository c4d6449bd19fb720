"""Parquet as a table of text."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dssm_core.corpus.opening import MAX_BYTES, Source
from dssm_core.corpus.records import Record, cell_of, check_size
from dssm_core.errors import UserError, line_of

BATCH = 10_000


@dataclass(frozen=True)
class ParquetRows:
    """The rows of a Parquet file, to be gone through again and again; a row's number is its line.

    Attributes:
        source: the file.
        columns: its columns' names.
    """

    source: Source
    columns: tuple[str, ...]

    @classmethod
    def of(cls, source: Source) -> ParquetRows:
        """Open a file.

        Raises:
            UserError: where it is damaged, or unpacks to more than a file may have.
        """
        with _opened(source) as file:
            about = file.metadata
            size = sum(about.row_group(n).total_byte_size for n in range(about.num_row_groups))
            if size > MAX_BYTES:
                raise UserError("file.too large", name=source.name, most=MAX_BYTES >> 20)
            columns = tuple(file.schema_arrow.names)
            check_size(source.name, len(columns), about.num_rows)
            return cls(source, columns)

    def __iter__(self) -> Iterator[Record]:
        """Yield each row's number, from 1, and its cells.

        Raises:
            UserError: where a cell has NUL, or all texts are more than a file may have.
        """
        number = size = 0
        with _opened(self.source) as file:
            for batch in file.iter_batches(BATCH):
                size += sum(map(_length, batch.columns))
                if size > MAX_BYTES:
                    raise UserError("file.too large", name=self.source.name, most=MAX_BYTES >> 20)
                for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    row = [cell_of(cell) for cell in cells]
                    if any("\0" in cell for cell in row):
                        where = line_of(number, self.source.name)
                        raise UserError("pairs.escaped NUL", where=where)
                    yield number, row


def is_parquet(path: Path) -> bool:
    """Return whether a file is Parquet, by its first bytes."""
    with Source.of(path).unpacked() as stream:
        return stream.read(4) == b"PAR1"


def number_of_rows(path: Path) -> int:
    """Return how many rows a Parquet file says that it has."""
    with _opened(Source.of(path)) as file:
        return int(file.metadata.num_rows)


def column_names(path: Path) -> tuple[str, ...]:
    """Return the names of a Parquet file's columns."""
    with _opened(Source.of(path)) as file:
        return tuple(file.schema_arrow.names)


def stream_cells(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield each row's number, from 1, and its cells of some columns, however large the file is."""
    source, number = Source.of(path), 0
    with _opened(source) as file:
        for batch in file.iter_batches(BATCH, columns=list(columns)):
            cells = [batch.column(name).to_pylist() for name in columns]
            for row in zip(*cells, strict=True):
                number += 1
                yield number, [cell_of(cell) for cell in row]


def _length(column: Any) -> int:
    """Return the bytes of a column's texts, each as often as it stands there."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    return pc.sum(pc.binary_length(column.dictionary).take(column.indices)).as_py() or 0


@contextmanager
def _opened(source: Source) -> Iterator[Any]:
    """Give a file whose texts come as numbers of texts, as few may stand for very many."""
    content = source.content
    if source.packed:
        with source.unpacked() as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise UserError("file.too large", name=source.name, most=MAX_BYTES >> 20)
    try:
        opened = io.BytesIO(content) if isinstance(content, bytes) else content
        texts = [field.name for field in pq.read_schema(opened) if _is_text(field.type)]
        with pq.ParquetFile(opened, read_dictionary=texts) as file:
            yield file
    except (pa.ArrowException, OSError) as trouble:
        raise UserError("file.damaged Parquet", str(trouble), name=source.name) from trouble


def _is_text(kind: Any) -> bool:
    types = pa.types
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
    )
