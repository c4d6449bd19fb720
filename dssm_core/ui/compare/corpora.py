"""The corpora of this process: read and encoded in the background, each once for all sessions."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.scoring import Scorer
from dssm_core.search.index import MANIFEST, index_path, open_index
from dssm_core.search.lance import Store, open_table
from dssm_core.search.nearest import Near, OwnPairs, Words, WordSearch, encode_corpus, index_command
from dssm_core.ui.common.work import Job

FAILED = "corpus.cannot be searched"


@dataclass(frozen=True)
class Corpus:
    """What is searched before any model is loaded.

    Attributes:
        own: the model folder's own pairs.
        words: BM25 over all documents.
        index: vectors of the same documents, of an index or a store; None: those of pairs.csv, not
            encoded yet.
        trouble: why an index that is there is not used.
    """

    own: OwnPairs
    words: Words
    index: Near | None
    trouble: UserError | None


class Search:
    """The search of one model's corpus, once for all sessions of this process.

    Attributes:
        corpus: reads the corpus, once it is started.
        vectors: encodes it; None until a model is loaded.
    """

    def __init__(self, folder: ModelFolder) -> None:
        self.corpus = Job(lambda progress: _read(folder), FAILED)
        self.vectors: Job[Near] | None = None
        self._lock = threading.Lock()

    def encode(self, scorer: Scorer, corpus: Corpus) -> Job[Near]:
        """Return the vectors' job, which the first caller starts."""
        with self._lock:
            if self.vectors is None:
                ready, texts = corpus.index, corpus.own.documents
                self.vectors = Job(
                    lambda progress: (
                        ready
                        or encode_corpus(
                            scorer.cache, texts, progress=lambda _, *done: progress(*done)
                        )
                    ),
                    FAILED,
                ).start()
            return self.vectors


def _read(folder: ModelFolder) -> Corpus:
    """Open the store or the index of a model if there is one, else read its pairs.csv."""
    own, index, trouble = OwnPairs.of(folder), None, None
    path = index_path(folder.fingerprint)
    if store := Store.chosen():
        try:
            near, words = open_table(store, folder)
            return Corpus(own, words, near, None)
        except UserError as error:
            trouble = error
    elif (path / MANIFEST).is_file():
        try:
            index = open_index(path, folder)
        except UserError as error:
            trouble = error
    documents = index.documents if index else own.documents
    if not documents:
        raise trouble or UserError("corpus.none", name=folder.name, command=index_command(folder))
    return Corpus(own, WordSearch(documents), index, trouble)


def search_of(folder: ModelFolder) -> Search:
    """Return a folder's search; made anew once the model, its pairs or its index are."""
    fingerprint = _fingerprint(str(folder.path), tuple(map(_changed, folder.model_files)))
    path, store = index_path(fingerprint) / MANIFEST, Store.chosen()
    search = _cached_search(
        str(folder.path),
        fingerprint,
        _changed(folder.path / "pairs.csv"),
        str(store or path),
        store.changed if store else _changed(path),
    )
    search.corpus.start()
    return search


@st.cache_data(max_entries=16, show_spinner=False)
def _fingerprint(path: str, changed: tuple[int, ...]) -> str:
    return ModelFolder.open(Path(path)).fingerprint


@st.cache_resource(max_entries=4, show_spinner=False)
def _cached_search(path: str, fingerprint: str, pairs: int, index: str, changed: int) -> Search:
    return Search(ModelFolder.open(Path(path)))


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0
