"""Files that the server keeps for a reload: whose they are, how many, and how long."""

from __future__ import annotations

import pytest

from dssm_core.ui.inspect import kept_files
from dssm_core.ui.inspect.kept_files import KeptFiles


def test_a_file_goes_back_to_its_own_browser_alone() -> None:
    files = KeptFiles()
    token = files.keep("a.csv", b"x", "mine")
    kept = files.get(token, "mine")
    assert kept is not None
    assert (kept.name, kept.content) == ("a.csv", b"x")
    assert files.get(token, "theirs") is None
    assert files.get("guessed", "mine") is None


def test_a_browser_that_is_not_known_again_has_nothing_kept() -> None:
    assert KeptFiles().keep("a.csv", b"x", "") == ""


def test_the_oldest_are_given_up_by_number_by_size_and_by_age(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept_files, "MAX_FILES", 2)
    monkeypatch.setattr(kept_files, "MAX_BYTES", 100)
    files = KeptFiles()
    first, second, third = (files.keep(f"{n}.csv", b"x" * 10, "mine") for n in range(3))
    assert files.get(first, "mine") is None
    assert files.get(second, "mine")
    large = files.keep("large.csv", b"x" * 95, "mine")
    assert files.get(third, "mine") is None
    assert files.get(large, "mine")
    assert files.keep("too large.csv", b"x" * 101, "mine") == ""
    monkeypatch.setattr(kept_files, "MAX_AGE", -1.0)
    assert files.get(large, "mine") is None
