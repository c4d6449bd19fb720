"""Files and folders are whole or not there, whatever fails in between."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from dssm_core import files
from dssm_core.files import (
    claimed,
    discard_unfinished,
    whole_database,
    whole_file,
    whole_folder,
    write_whole,
)
from tests import ROOT


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_and_written_over_with_nothing_beside_it(tmp_path):
    path = tmp_path / "a.json"
    for content in (b"old", b"new"):
        write_whole(path, content)
        assert path.read_bytes() == content
        assert names(tmp_path) == ["a.json"]


def test_others_may_read_a_file_as_far_as_the_system_lets_them(tmp_path):
    write_whole(tmp_path / "ours", b"")
    (tmp_path / "plain").write_bytes(b"")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "plain")}
    assert len(modes) == 1


def test_readers_see_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with whole_file(path) as file:
        file.write(b"half")
        file.flush()
        assert path.read_bytes() == b"old"
        file.write(b" and half")
    assert path.read_bytes() == b"half and half"


@pytest.mark.skipif(os.name != "posix", reason="Windows lets nobody replace what is open")
def test_who_has_the_old_file_open_reads_it_to_its_end(tmp_path):
    """It is put in the other's place in one step: a kill while it is copied would leave half."""
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        write_whole(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"


def test_two_writers_of_one_file_do_not_mix(tmp_path):
    path = tmp_path / "a"
    with whole_file(path) as one, whole_file(path) as other:
        one.write(b"one")
        other.write(b"other")
    assert path.read_bytes() == b"one", "who ends last"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("trouble", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_no_rest(tmp_path, trouble):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail() -> None:
        with whole_file(path) as file:
            file.write(b"half")
            raise trouble

    with pytest.raises(type(trouble)):
        fail()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_kill_leaves_the_old_file_and_half_of_the_new_one_beside_it(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    code = """
import os, sys
from pathlib import Path
from dssm_core.files import whole_file
with whole_file(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    left, _ = names(tmp_path)
    assert re.fullmatch(r"\.a\.[0-9a-f]{8}\.new", left)


def test_trouble_names_the_file_that_was_asked_for(tmp_path):
    path = tmp_path / "absent" / "a"
    with pytest.raises(FileNotFoundError) as found:
        write_whole(path, b"")
    assert found.value.filename == str(path)
    with pytest.raises(OSError, match="'.*b'$"), whole_file(tmp_path / "b"):
        raise OSError(28, "No space left")


def test_trouble_with_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="other"), whole_file(tmp_path / "a"):
        (tmp_path / "other").read_bytes()


def test_a_link_stays_and_a_device_is_written_to(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "a")
    write_whole(tmp_path / "link", b"1")
    assert (tmp_path / "a").read_bytes() == b"1"
    assert (tmp_path / "link").is_symlink()
    write_whole(Path(os.devnull), b"1")
    assert not Path(os.devnull).is_file()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, b"1")


@pytest.mark.parametrize("swaps", [True, False])
def test_a_folder_is_replaced_with_all_that_is_in_it(tmp_path, monkeypatch, swaps):
    if not swaps:
        monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    out = tmp_path / "deep" / "m"
    for number in "12":
        with whole_folder(out) as fresh:
            assert names(fresh) == []
            (fresh / number).write_text(number)
        assert names(out) == [number]
        assert names(out.parent) == ["m"]


def test_two_writers_of_one_folder_wait_for_each_other(tmp_path):
    inside = threading.Event()

    def write() -> None:
        with whole_folder(tmp_path / "m") as fresh:
            inside.set()
            (fresh / "other").write_text("other")

    other = threading.Thread(target=write)
    with whole_folder(tmp_path / "m") as fresh:
        (fresh / "one").write_text("one")
        other.start()
        assert not inside.wait(0.5)
    other.join()
    assert names(tmp_path / "m") == ["other"], "who ends last"
    assert names(tmp_path) == ["m"]


def test_a_claim_is_one_process_s_and_ends_with_it(tmp_path):
    path = tmp_path / "new" / "m"
    with claimed(path):
        with pytest.raises(BlockingIOError), claimed(path):
            pass
        with claimed(tmp_path / "new" / "n"):
            pass
        assert names(path.parent) == [".m.lock"]
    assert names(tmp_path) == [], "what was made for it is gone"
    (tmp_path / ".m.lock").touch()  # as a kill leaves it
    with claimed(tmp_path / "m"):
        (tmp_path / "m").touch()
    assert names(tmp_path) == ["m"]


def test_a_claim_of_what_cannot_be_written_names_it(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file/m'"), claimed(tmp_path / "file" / "m"):
        pass


def test_what_is_unfinished_can_be_discarded_and_nothing_else(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a").write_text("old")
    (tmp_path / "a").write_text("old")

    def write() -> None:
        with whole_folder(tmp_path / "m") as fresh, whole_file(tmp_path / "a") as file:
            (fresh / "a").write_text("new")
            file.write(b"new")
            discard_unfinished()
            assert names(tmp_path) == [".m.saving", "a", "m"]

    with pytest.raises(FileNotFoundError):
        write()
    assert (tmp_path / "m" / "a").read_text() == (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a", "m"]


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "m")
    with whole_folder(tmp_path / "link") as fresh:
        (fresh / "a").write_text("new")
    assert (tmp_path / "m" / "a").read_text() == "new"
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path) == ["link", "m"]


def test_a_folder_whose_writer_fails_stays_as_it_was(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a").write_text("old")

    def fail() -> None:
        with whole_folder(tmp_path / "m") as fresh:
            (fresh / "a").write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (tmp_path / "m" / "a").read_text() == "old"
    assert names(tmp_path) == ["m"]


def test_a_folder_that_cannot_be_renamed_gives_the_old_one_its_place_again(tmp_path, monkeypatch):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a").write_text("old")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name == ".m.new":
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="no"), whole_folder(tmp_path / "m") as fresh:
        (fresh / "a").write_text("new")
    assert (tmp_path / "m" / "a").read_text() == "old"
    assert names(tmp_path) == ["m"]


def test_a_file_in_the_place_of_a_folder_is_left_alone(tmp_path):
    (tmp_path / "m").write_text("precious")
    with pytest.raises(NotADirectoryError), whole_folder(tmp_path / "m"):
        pass
    assert (tmp_path / "m").read_text() == "precious"


def test_a_database_is_whole_or_not_there(tmp_path):
    path = tmp_path / "index.sqlite"
    (tmp_path / "index.building").write_bytes(b"left by a kill")
    with whole_database(path) as database:
        database.execute("CREATE TABLE one (number INT)")
        database.execute("INSERT INTO one VALUES (7)")
        assert not path.exists()
    with closing(sqlite3.connect(path)) as written:
        assert written.execute("SELECT number FROM one").fetchall() == [(7,)]
    whole = path.read_bytes()
    with pytest.raises(OSError, match="disk is full") as found:
        fill_a_small_disk(path)
    assert found.value.filename == str(path)
    assert path.read_bytes() == whole
    assert names(tmp_path) == ["index.sqlite"]


def fill_a_small_disk(path: Path) -> None:
    with whole_database(path) as database:
        database.execute("PRAGMA max_page_count = 2")
        database.execute("CREATE TABLE one (number INT)")
        database.executemany("INSERT INTO one VALUES (?)", [(n,) for n in range(10_000)])
