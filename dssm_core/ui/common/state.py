"""What outlives a rerun: the models of this process, and the link that restores a view."""

from __future__ import annotations

import base64
import json
import logging
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder, find_folders
from dssm_core.paths import model_roots
from dssm_core.process import freeze_garbage
from dssm_core.scoring import Scorer

LONGEST_LINK = 8_000
"""Characters of a link; browsers and servers cut longer ones."""
MOST_SHARED = 1_000_000
"""Bytes that a link may unpack to."""


_TURNS = threading.BoundedSemaphore(2)


@contextmanager
def turn(seconds: float = 2.0) -> Iterator[None]:
    """Let two runs at a time go through, the others after them; none waits longer than said.

    Python runs one thread at a time: fifty at once take turns of 5 ms, all end late, and each loses
    to the others what it had in the processor's caches.
    """
    has_turn = _TURNS.acquire(timeout=seconds)
    try:
        yield
    finally:
        if has_turn:
            _TURNS.release()


class LiveModel:
    """A model that loads in the background, once for all sessions of this process.

    Attributes:
        scorer: the loaded model; None before.
        error: why it cannot be loaded; None if it can.
    """

    def __init__(self, folder: ModelFolder) -> None:
        self.scorer: Scorer | None = None
        self.error: UserError | None = None
        self._folder, self._started, self._lock = folder, False, threading.Lock()

    def start(self) -> None:
        """Start loading, if nobody has; called when the page is painted, for it slows painting."""
        with self._lock:
            if not self._started:
                self._started = True
                threading.Thread(target=self._load, daemon=True).start()

    def _load(self) -> None:
        try:
            self.scorer = Scorer(self._folder)
            freeze_garbage()
        except UserError as error:
            self.error = error
        except Exception as error:  # a thread has nobody above it to tell
            logging.getLogger(__name__).exception("loading %s", self._folder.path)
            self.error = UserError(
                "page.cannot load model", f"{type(error).__name__}: {error}", name=self._folder.name
            )

    @property
    def is_done(self) -> bool:
        """Whether loading has ended, well or not."""
        return self.scorer is not None or self.error is not None


def model_folders() -> tuple[dict[str, ModelFolder], list[UserError]]:
    """Return the usable model folders by name, and the trouble with the others.

    Of two of one name it is the user's own.
    """
    results = [result for root in model_roots() for result in find_folders(root)]
    folders = {folder.name: folder for folder in results if isinstance(folder, ModelFolder)}
    return folders, [trouble for trouble in results if isinstance(trouble, UserError)]


def live_model(folder: ModelFolder) -> LiveModel:
    """Return a folder's model, loading or loaded; a folder written anew is loaded anew."""
    return _live_model(str(folder.path), (folder.path / "model.keras").stat().st_mtime_ns)


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
    """

    model: str
    query: str
    documents: tuple[str, ...]
    threshold: float
    selected: int


def pack(view: View) -> str | None:
    """Return a view as the value of a link, or None where it is too long for one."""
    content = json.dumps(asdict(view), ensure_ascii=False).encode()
    if len(content) > MOST_SHARED:
        return None
    packed = base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")
    return packed if len(packed) <= LONGEST_LINK else None


def unpack(packed: str) -> View:
    """Read what `pack` gave.

    Raises:
        UserError: if it is damaged, too large, or holds something else.
    """
    try:
        if len(packed) > LONGEST_LINK:
            raise ValueError("too long")
        padded = (packed + "=" * (-len(packed) % 4)).encode("ascii")
        inflate = zlib.decompressobj()
        content = inflate.decompress(base64.b64decode(padded, b"-_", validate=True), MOST_SHARED)
        if not inflate.eof:
            raise ValueError("too large, or cut off")
        values = json.loads(content)
        documents = _strings(values["documents"])
        threshold, selected = float(values["threshold"]), int(values["selected"])
        if not 0.01 <= threshold <= 0.99 or not 1 <= selected <= max(1, len(documents)):
            raise ValueError("numbers out of range")
        query, model = _strings([values["query"], values["model"]])
        return View(model, query, documents, threshold, selected)
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
