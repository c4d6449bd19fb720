"""Where files are: the program's own and the user's.

In a checkout the program's own files lie at its root: streamlit_app.py, .streamlit/ and
sample_models/. An installed wheel holds them, with one sample model, in dssm_core/app/.

Source: XDG Base Directory Specification, which ignores relative paths.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

INSTALLED = Path(__file__).parent / "app"
"""What setup.py puts into a wheel; a checkout has no such folder."""


def home() -> Path:
    """Return the folder that holds streamlit_app.py, .streamlit/ and sample_models/."""
    return INSTALLED if INSTALLED.is_dir() else Path(__file__).parents[1]


def sample_model() -> Path:
    """Return the model folder that commands use where none is given."""
    return home() / "sample_models" / "debian-packages"


def data_folder() -> Path:
    """Return the user's own folder for what this program keeps."""
    data = Path(os.environ.get("XDG_DATA_HOME", ""))
    folder = data if data.is_absolute() else Path.home() / ".local" / "share"
    return folder / "dssm-lens"


def new_models() -> Path:
    """Return the folder that the page writes models to.

    It is DSSM_MODELS if set, sample_models in a checkout that can be written, and otherwise a
    folder of the user's own: what is installed is never written to.
    """
    if given := os.environ.get("DSSM_MODELS"):
        return Path(given).absolute()
    samples = home() / "sample_models"
    is_ours = home() != INSTALLED and os.access(samples, os.W_OK)
    return samples if is_ours else data_folder() / "models"


def model_roots() -> list[Path]:
    """Return the folders whose model folders the page offers: DSSM_MODELS alone if set."""
    samples = [] if os.environ.get("DSSM_MODELS") else [home() / "sample_models"]
    return list(dict.fromkeys([*samples, new_models()]))


class WorkFolders(NamedTuple):
    """Folders beside a model folder that a training needs until it is written.

    Attributes:
        large: what is prepared of a large file of pairs.
        first: model folder of the first training.
        shards: hard negatives of the second.
        teacher: vectors of a teacher.
    """

    large: Path
    first: Path
    shards: Path
    teacher: Path

    @classmethod
    def beside(cls, out: Path) -> WorkFolders:
        """Return the folders of a model folder."""
        out = out.resolve()
        return cls(
            *(out.with_name(f".{out.name}.{part}") for part in ("data", "base", "hard", "teacher"))
        )

    def remove(self) -> None:
        """Remove those that are there."""
        for path in self:
            shutil.rmtree(path, ignore_errors=True)
