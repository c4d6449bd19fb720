"""A file's bytes as lines of text: unpacked, and in the encoding that they are in."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from dssm_core.errors import UserError
from dssm_core.words import Sentence

MAX_BYTES = 1 << 29  # of a file read whole, unpacked: a small .gz can hold far more
MAX_LINES = 2_000_000  # likewise
CHUNK = 1 << 20
SAMPLE = 1 << 16
"""Bytes that an encoding is guessed from."""

MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte order marks, the longer before those that they begin with."""

LEGACY = (
    *("cp1252", "gb18030", "cp932", "big5", "euc_kr", "euc_jp", "cp1250", "cp1251"),
    *("cp1253", "cp1254", "cp1255", "cp1256", "cp874"),
)
NAMES = {
    **{"utf-8": "UTF-8", "utf-16": "UTF-16", "utf-32": "UTF-32", "utf-16-le": "UTF-16"},
    **{"utf-16-be": "UTF-16", "gb18030": "GB18030", "cp932": "Shift-JIS", "big5": "Big5"},
    **{"euc_kr": "EUC-KR", "euc_jp": "EUC-JP"},
    **{code: f"Windows-{code[2:]}" for code in LEGACY if code.startswith("cp1") or code == "cp874"},
}
"""What people call an encoding, by Python's name of it."""

ENDINGS = (
    "csv",
    "tsv",
    "tab",
    "txt",
    "jsonl",
    "ndjson",
    "json",
    "parquet",
    "gz",
    "zst",
    "xlsx",
    "xlsm",
)
"""Of files that people bring."""

PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
SPREADSHEETS = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
"""A zip; an older file of Excel, or a newer one that a password protects."""

UNPACKABLE = b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf"
_SEQUENCE = re.compile(
    b"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_TROUBLE = (OSError, EOFError, zlib.error)


@dataclass(frozen=True)
class Source:
    """A file that can be read again and again.

    Attributes:
        name: of the file; "" where it has none.
        content: its bytes, or where it lies.
    """

    name: str
    content: bytes | Path

    @classmethod
    def of(cls, source: Path | str | bytes | IO[Any], name: str | None = None) -> Source:
        """Return a path, a file's bytes, or a file opened for reading as a source."""
        if isinstance(source, (str, Path)):
            if not Path(source).exists():
                raise UserError("file.missing", name=str(source))
            return cls(name or Path(source).name, Path(source))
        inner = getattr(source, "name", None)
        name = name or (Path(inner).name if isinstance(inner, str) else "")
        try:
            content = source if isinstance(source, bytes) else source.read()
        except OSError as trouble:
            raise UserError("file.unreadable", str(trouble), name=name) from trouble
        return cls(name, content.encode() if isinstance(content, str) else bytes(content))

    @property
    def ending(self) -> str:
        """The ending of the name, such as ".csv", that of a packed file's content."""
        name = self.name.lower().removesuffix(".gz").removesuffix(".zst")
        return Path(name).suffix

    @property
    def packed(self) -> str:
        """What the file is packed by, of PACKED; "" where it is not, or cannot be read."""
        try:
            with self._raw() as stream:
                start = stream.read(4)
        except OSError:  # told by whoever reads it
            return ""
        return next((kind for magic, kind in PACKED.items() if start.startswith(magic)), "")

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Give the unpacked bytes.

        Raises:
            UserError: where the file cannot be read, is damaged, or is of no kind that we unpack.
        """
        with self.unpacked() as stream:
            start = stream.read(8)
        if start.startswith(SPREADSHEETS):
            raise UserError("file.spreadsheet", name=self.name)
        if start.startswith(UNPACKABLE):
            raise UserError("file.packed", name=self.name)
        with self.unpacked() as stream:
            yield stream

    @contextmanager
    def unpacked(self) -> Iterator[IO[bytes]]:
        """Give the unpacked bytes of a file of any kind.

        Raises:
            UserError: where the file cannot be read, or is damaged.
        """
        packed = self.packed
        try:
            with self._raw() as stream:
                yield _unpacked(stream, packed)
        except _TROUBLE as trouble:
            if packed:
                raise UserError("file.damaged gzip", str(trouble), name=self.name) from trouble
            raise UserError("file.unreadable", str(trouble), name=self.name) from trouble

    def _raw(self) -> IO[bytes]:
        if isinstance(self.content, bytes):
            return io.BytesIO(self.content)
        return self.content.open("rb")


def _unpacked(stream: IO[bytes], packed: str) -> IO[bytes]:
    if packed == "gzip":
        return gzip.open(stream)  # type: ignore[return-value]
    if packed == "zstd":
        import pyarrow as pa  # which has it; the first page can do without

        return pa.CompressedInputStream(stream, "zstd")  # type: ignore[no-any-return]
    return stream


@dataclass(frozen=True)
class Encoding:
    """What a file's bytes mean.

    Attributes:
        code: Python's name.
        is_certain: False where it is the likely one of several.
    """

    code: str
    is_certain: bool = True

    @property
    def name(self) -> str:
        """What people call it."""
        return NAMES.get(self.code, self.code)

    def sentence(self) -> Sentence:
        """Return its name, and whether it is only likely."""
        key = "reading.encoding" if self.is_certain else "reading.encoding.likely"
        return Sentence(key, {"encoding": self.name})


UTF_8 = Encoding("utf-8")


def find_encoding(source: Source, given: str | None, is_whole: bool) -> Encoding:
    """Return a file's encoding, which all of it is valid in.

    1. The one that is given; or that of the byte order mark.
    2. UTF-8, if all of it is.
    3. UTF-16, if a fifth of its bytes are NUL; or the likeliest of the older encodings.

    Args:
        source: the file.
        given: a name of an encoding; None to find it.
        is_whole: whether the file is to be read whole, and must not be too large for that.

    Raises:
        UserError: where the file is in no encoding, or too large.
    """
    with source.open() as stream:
        head = stream.read(SAMPLE)
    mark = next((code for bom, code in MARKS.items() if head.startswith(bom)), None)
    if given:
        encoding = Encoding(_known(given))
    elif mark is None and (nuls := head.count(0)) > len(head) / 5:
        encoding = Encoding("utf-16-le" if head[1::2].count(0) * 2 > nuls else "utf-16-be", False)
    else:
        encoding = Encoding(mark or "utf-8")
    wrong = _first_wrong(source, encoding.code, is_whole)
    if wrong is None:
        return encoding
    line, byte, found, sample = wrong
    likely = None if given or mark else _likely(sample)
    if likely and _first_wrong(source, likely, is_whole) is None:
        return Encoding(likely, False)
    name = source.name
    if encoding.code == "utf-8":
        raise UserError("file.not UTF-8", repr(found), name=name, line=line, byte=byte)
    raise UserError(
        "file.not encoding", repr(found), name=name, encoding=encoding.name, line=line, byte=byte
    )


def text_lines(source: Source, encoding: Encoding, ends: str = "") -> Iterator[str]:
    """Yield a file's lines with their ends, without a byte order mark.

    Args:
        source: the file.
        encoding: its encoding.
        ends: what ends a line; "" for every end that there is.

    Raises:
        UserError: where a line has NUL.
    """
    code = {"utf-8": "utf-8-sig"}.get(encoding.code, encoding.code)
    with source.open() as stream:
        text = io.TextIOWrapper(stream, code, newline=ends)
        try:
            for number, line in enumerate(text, 1):
                if "\0" in line:
                    raise UserError("file.NUL", name=source.name, line=number)
                yield line
        except UnicodeDecodeError as trouble:  # it was valid: the file is being written
            raise UserError("file.unreadable", str(trouble), name=source.name) from trouble


def _known(name: str) -> str:
    ours = {theirs.lower(): code for code, theirs in NAMES.items()}
    code = ours.get(name.lower(), name)
    try:
        "".encode(codecs.lookup(code).name)
    except (LookupError, ValueError, TypeError):
        names = ", ".join(dict.fromkeys(NAMES.values()))
        raise UserError("file.no such encoding", name, names=names) from None
    return code


def _first_wrong(source: Source, code: str, is_whole: bool) -> tuple[int, int, bytes, bytes] | None:
    """Return line, byte (from 1), and the bytes that are wrong and around; None if there is none.

    Raises:
        UserError: where more is read than a file read whole may have.
    """
    decoder = codecs.getincrementaldecoder(code)()
    size, lines, kept = 0, 1, b""
    with source.open() as stream:
        while True:
            chunk = stream.read(CHUNK)
            state = decoder.getstate()[0]
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as trouble:
                start = trouble.start - len(state)
                line = lines + chunk.count(b"\n", 0, max(start, 0))
                wrong = (state + chunk)[trouble.start : trouble.start + 8]
                around = (kept + chunk)[max(0, len(kept) + start - SAMPLE // 2) :][:SAMPLE]
                return line, size + start + 1, wrong, around
            if not chunk:
                return None
            size, lines, kept = size + len(chunk), lines + chunk.count(b"\n"), chunk[-SAMPLE:]
            if is_whole and size > MAX_BYTES:
                raise UserError("file.too large", name=source.name, most=MAX_BYTES >> 20)
            if is_whole and lines > MAX_LINES + 1:
                found = f"{lines:,}"
                raise UserError("pairs.too many lines", found, name=source.name, most=MAX_LINES)


def _likely(sample: bytes) -> str | None:
    """Return the likeliest older encoding of bytes that are not UTF-8; None for broken UTF-8."""
    from charset_normalizer import from_bytes

    whole = sum(map(len, _SEQUENCE.findall(sample)))
    if whole > 2 * (len(re.findall(b"[\x80-\xff]", sample)) - whole):
        return None
    lines = sample.split(b"\n")
    sample = b"\n".join(lines[1:-1]) if len(lines) > 4 and len(sample) == SAMPLE else sample
    best = from_bytes(sample, cp_isolation=list(LEGACY)).best()
    if best is None:
        return None
    western = sample.decode("cp1252", "replace")
    return "cp1252" if sample.decode(best.encoding, "replace") == western else best.encoding
