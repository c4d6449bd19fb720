"""Files and folders that are whole or not there: who reads finds the old one or the new one."""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_unfinished: set[Path] = set()
"""What is being written now, to be put in its place when it is whole."""


def discard_unfinished() -> None:
    """Remove what is half-written: the process is about to end and whoever writes it cannot."""
    for path in [*_unfinished]:
        gone = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        with suppress(OSError):
            path.rename(gone)  # first, so that its writer cannot put half of it in its place
            if gone.is_dir():
                shutil.rmtree(gone, ignore_errors=True)
            else:
                gone.unlink()


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Keep a file or folder for this process while work on it goes on.

    Args:
        path: the file or folder, which need not be there.

    Raises:
        BlockingIOError: if another process has it.
        OSError: naming `path`, if there can be no file beside it.
    """
    place = path.resolve()
    with ExitStack() as stack:
        try:
            stack.enter_context(_held(place.with_name(f".{place.name}.lock"), wait=False))
        except BlockingIOError:
            raise
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from None
        yield


@contextmanager
def _held(lock: Path, wait: bool) -> Iterator[None]:
    """Hold a lock file, of which the system lets go when the process ends, however it ends.

    The folders above it are made, and removed again if nothing is written there.
    """
    made = [parent for parent in lock.parents if not parent.exists()]
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _locked(lock, wait):
            try:
                yield
            finally:
                with suppress(OSError):  # Windows keeps a file that is open
                    lock.unlink()
    finally:
        for parent in made:
            with suppress(OSError):  # there is something in it
                parent.rmdir()


def _locked(lock: Path, wait: bool) -> BinaryIO:
    """Return a file that is locked by us; who had it before may have removed it meanwhile."""
    while True:
        file = lock.open("ab")
        try:
            _lock(file, wait)
            if os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                return file
        except FileNotFoundError:
            pass
        except BaseException:
            file.close()
            raise
        file.close()


if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO, wait: bool) -> None:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except PermissionError:
            raise BlockingIOError from None

else:
    import fcntl

    def _lock(file: BinaryIO, wait: bool) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file by `whole_file`, from its content."""
    with whole_file(path) as file:
        file.write(content)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write into, which takes its place at the end; nothing changes on failure.

    Args:
        path: the file, in a folder that is there; replaced if it is there. Where a link leads is
            replaced and not the link; a pipe or a device is written to as it is.

    Raises:
        OSError: naming `path`, if it cannot be written.
    """
    if path.exists() and not path.is_file():  # such as /dev/stdout; a folder fails here
        with path.open("wb") as file:
            yield file
        return
    place = path.resolve()
    fresh = place.with_name(f".{place.name}.{secrets.token_hex(4)}.new")
    _unfinished.add(fresh)
    try:
        with fresh.open("xb") as file:
            yield file
            _sync(file)
        os.replace(fresh, place)
    except OSError as error:
        if error.errno and error.filename in (None, str(fresh)):  # a name that nobody gave
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
    finally:
        fresh.unlink(missing_ok=True)
        _unfinished.discard(fresh)


@contextmanager
def whole_database(path: Path) -> Iterator[sqlite3.Connection]:
    """Give an empty SQLite file to fill, which takes its place at the end.

    Its memory does not grow with the file. A kill leaves a file that the next call writes over.

    Raises:
        OSError: naming `path`, if the disk is full or cannot be written.
    """
    building = path.with_suffix(".building")
    building.unlink(missing_ok=True)
    _unfinished.add(building)
    try:
        with closing(sqlite3.connect(building)) as database:
            database.execute("PRAGMA cache_size = -32768")  # 32 MiB, however large the file is
            database.execute("PRAGMA synchronous = OFF")  # a half-built file is built anew
            database.execute("PRAGMA journal_mode = OFF")  # so nothing is ever rolled back
            yield database
            database.commit()
        with building.open("rb+") as file:
            _sync(file)
        os.replace(building, path)
    except sqlite3.OperationalError as trouble:
        raise OSError(errno.EIO, str(trouble), str(path)) from None
    finally:
        building.unlink(missing_ok=True)
        _unfinished.discard(building)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill, which takes its place at the end; nothing changes on failure.

    On Linux the two are swapped in one step. Elsewhere a kill between two renames leaves the old
    folder as `.NAME.old`, and the next call restores it. Who else writes it waits meanwhile.

    Args:
        path: the folder; made with its parents, or replaced with all that is in it. Where a link
            leads is replaced and not the link.

    Raises:
        OSError: if it cannot be written, or is a file.
    """
    path = path.resolve()
    with _held(path.with_name(f".{path.name}.saving"), wait=True):
        fresh, old = (path.with_name(f".{path.name}.{end}") for end in ("new", "old"))
        if old.is_dir() and not path.exists():
            old.rename(path)
        if path.exists() and not path.is_dir():
            raise NotADirectoryError("there is a file of that name")
        for left in (fresh, old):
            shutil.rmtree(left, ignore_errors=True)
        _unfinished.add(fresh)
        fresh.mkdir()
        try:
            yield fresh
            for written in fresh.rglob("*"):
                if written.is_file() and os.name == "posix":  # others sync only what they may write
                    with written.open("rb") as file:
                        _sync(file)
            _put(fresh, path, old)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
            if path.exists():
                shutil.rmtree(old, ignore_errors=True)
            _unfinished.discard(fresh)


def _sync(file: BinaryIO) -> None:
    """Wait until a file is on the disk, so that its new name cannot come there before it."""
    file.flush()
    os.fsync(file.fileno())


def _put(fresh: Path, path: Path, old: Path) -> None:
    """Put a folder in the place of another, which is then `fresh` or `old`."""
    if path.exists() and _exchange(fresh, path):
        return
    if path.exists():
        path.rename(old)
    try:
        fresh.rename(path)
    except OSError:
        if old.exists():
            old.rename(path)
        raise


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step; False where the system cannot, as only Linux can."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    result: bool = rename(here, os.fsencode(one), here, os.fsencode(other), swap) == 0
    return result
