"""What tests of runtimes share."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runtimes.encoders import ENCODERS


@pytest.fixture
def folder_of(tmp_path) -> Callable[[str], Path]:
    """Copy a folder, to be spoilt."""

    def folder_of(name: str) -> Path:
        shutil.rmtree(tmp_path / name, ignore_errors=True)
        return shutil.copytree(ENCODERS / name, tmp_path / name)

    return folder_of
