"""A model folder is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from dssm_core.errors import UserError
from dssm_core.folder import write_folder


def test_a_written_folder_holds_the_files_given(tmp_path):
    write_folder(tmp_path / "deep" / "m", {"a": b"1", "b": b"2"})
    assert {p.name: p.read_bytes() for p in (tmp_path / "deep" / "m").iterdir()} == {
        "a": b"1",
        "b": b"2",
    }
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["m"], "nothing is left beside it"


def test_writing_replaces_the_folder_whole(tmp_path):
    out = tmp_path / "m"
    write_folder(out, {"a": b"old", "b": b"old"})
    write_folder(out, {"a": b"new", "b": b"new"})
    assert {p.name: p.read_bytes() for p in out.iterdir()} == {"a": b"new", "b": b"new"}
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_writing_keeps_what_somebody_else_put_there(tmp_path):
    out = tmp_path / "m"
    (out / "sub").mkdir(parents=True)
    (out / "mine.csv").write_text("precious")
    (out / "sub" / "a").write_text("precious")
    write_folder(out, {"a": b"new"})
    assert (out / "a").read_bytes() == b"new"
    assert (out / "mine.csv").read_text() == (out / "sub" / "a").read_text() == "precious"


def test_a_write_that_fails_leaves_the_old_folder(tmp_path, monkeypatch):
    out = tmp_path / "m"
    write_folder(out, {"a": b"old"})

    class Full(bytes):
        pass

    def write_bytes(path: Path, content: bytes) -> None:
        if isinstance(content, Full):
            raise OSError("No space left on device")
        path.write_text(content.decode())

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    with pytest.raises(UserError, match=r"cannot be written.*No space left"):
        write_folder(out, {"a": b"new", "b": Full(b"new")})
    assert [p.name for p in out.iterdir()] == ["a"]
    assert (out / "a").read_text() == "old"
    monkeypatch.undo()
    write_folder(out, {"a": b"newer"})
    assert (out / "a").read_text() == "newer"
    assert [p.name for p in tmp_path.iterdir()] == ["m"], "what was left over is gone"


def test_a_file_where_the_folder_should_be_is_told(tmp_path):
    (tmp_path / "m").write_text("precious")
    with pytest.raises(UserError, match="cannot be written"):
        write_folder(tmp_path / "m", {"a": b"1"})
    assert (tmp_path / "m").read_text() == "precious"
