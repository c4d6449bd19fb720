"""What outlives a rerun: the models of this process, and the link that restores a view."""

from __future__ import annotations

import base64
import json
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder, find_folders
from dssm_core.paths import model_roots
from dssm_core.process import freeze_garbage
from dssm_core.scoring import Scorer
from dssm_core.ui.common.work import Job

T = TypeVar("T")

MAX_LINK = 8_000
"""Characters of a link; browsers and servers cut longer ones."""
MAX_SHARED = 1_000_000
"""Bytes that a link may unpack to."""


_TURNS = threading.BoundedSemaphore(2)


@contextmanager
def turn(seconds: float = 2.0) -> Iterator[None]:
    """Allow two runs of the page at a time; one that has waited `seconds` starts anyway.

    Python runs one thread at a time: fifty concurrent runs only slow each other down.
    """
    has_turn = _TURNS.acquire(timeout=seconds)
    try:
        yield
    finally:
        if has_turn:
            _TURNS.release()


class LiveModel(Job[Scorer]):
    """A model that loads in the background, once for all sessions of this process.

    A page starts it when it is painted, for loading slows painting.
    """

    def __init__(self, folder: ModelFolder) -> None:
        super().__init__(lambda progress: _load(folder), "page.cannot load model", name=folder.name)

    @property
    def scorer(self) -> Scorer | None:
        """The loaded model; None before."""
        return self.value


def _load(folder: ModelFolder) -> Scorer:
    scorer = Scorer(folder)
    freeze_garbage()
    return scorer


def model_folders() -> tuple[dict[str, ModelFolder], list[UserError]]:
    """Return the usable model folders by name, and the trouble with the others.

    Of two of one name it is the user's own.
    """
    results = [result for root in model_roots() for result in find_folders(root)]
    folders = {folder.name: folder for folder in results if isinstance(folder, ModelFolder)}
    return folders, [trouble for trouble in results if isinstance(trouble, UserError)]


def live_model(folder: ModelFolder) -> LiveModel:
    """Return a folder's model, loading or loaded; a folder written anew is loaded anew."""
    changed = max(file.stat().st_mtime_ns for file in folder.model_files)
    return _live_model(str(folder.path), changed)


@st.cache_resource(max_entries=4, show_spinner=False)
def _live_model(path: str, changed: int) -> LiveModel:
    return LiveModel(ModelFolder.open(Path(path)))


@dataclass(frozen=True)
class View:
    """What a link restores.

    Attributes:
        model: name of the model folder.
        query: the query.
        documents: the documents.
        threshold: on probability.
        selected: position of the chosen document, from 1.
        second: name of the second model's folder; "" for none.
    """

    model: str
    query: str
    documents: tuple[str, ...]
    threshold: float
    selected: int
    second: str = ""


def pack(view: View) -> str | None:
    """Return a view as the value of a link, or None where it is too long for one."""
    return packed(asdict(view))


def unpack(link: str) -> View:
    """Read what `pack` gave.

    Raises:
        UserError: if it is damaged, too large, or holds something else.
    """
    return unpacked(link, _view)


def _view(values: Mapping[str, Any]) -> View:
    documents = _strings(values["documents"])
    threshold, selected = float(values["threshold"]), int(values["selected"])
    if not 0.01 <= threshold <= 0.99 or not 1 <= selected <= max(1, len(documents)):
        raise ValueError("numbers out of range")
    query, model, second = _strings([values["query"], values["model"], values["second"]])
    return View(model, query, documents, threshold, selected, second)


def packed(values: Mapping[str, Any]) -> str | None:
    """Return plain values as the value of a link, or None where they are too long for one."""
    content = json.dumps(values, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if len(content) > MAX_SHARED:
        return None
    link = base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")
    return link if len(link) <= MAX_LINK else None


def unpacked(link: str, read: Callable[[Mapping[str, Any]], T]) -> T:
    """Read what `packed` gave.

    Args:
        link: the value of a link, which anybody may have written.
        read: makes something of the values; raises ValueError, KeyError or TypeError of wrong ones.

    Raises:
        UserError: if it is damaged, too large, or holds something else.
    """
    try:
        if len(link) > MAX_LINK:
            raise ValueError("too long")
        padded = (link + "=" * (-len(link) % 4)).encode("ascii")
        inflate = zlib.decompressobj()
        content = inflate.decompress(base64.b64decode(padded, b"-_", validate=True), MAX_SHARED)
        if not inflate.eof:
            raise ValueError("too large, or cut off")
        return read(json.loads(content))
    except (ValueError, KeyError, TypeError, OverflowError, zlib.error, RecursionError) as error:
        raise UserError("page.wrong link", f"{type(error).__name__}: {error}") from None


def _strings(values: Sequence[object]) -> tuple[str, ...]:
    """Return values if each is text that can be sent, so without half a surrogate pair."""
    if not isinstance(values, list):
        raise ValueError("a list of texts expected")
    texts = []
    for value in values:
        if not isinstance(value, str):
            raise ValueError("texts expected")
        value.encode("utf-8")
        texts.append(value)
    return tuple(texts)
