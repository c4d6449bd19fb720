"""The documents of a corpus that lie nearest to a query: by the model's vectors, and by BM25.

A corpus of under `SMALL` documents is searched exactly; a larger one by usearch's graph (HNSW),
whose recall@10 against the exact search is measured when it is built. Shape letters: Q queries,
N documents, E vector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from dssm_core.corpus.pairs import read_pairs
from dssm_core.corpus.reading import OWN
from dssm_core.corpus.splitting import fold
from dssm_core.errors import UserError
from dssm_core.evaluation import BM25
from dssm_core.folder import ModelFolder
from dssm_core.numeric import l2_normalise
from dssm_core.towers import Encoding, Side

if TYPE_CHECKING:
    from usearch.index import Index

SMALL = 10_000
"""Documents from which on a graph is built."""

LARGEST_OWN = 64_000_000
"""Bytes that the pairs.csv of a model folder may have."""

PART = 256
"""Documents encoded between two reports of progress."""

BLOCK = 16_384
"""Vectors compared at a time; float16 ones are widened a block at a time."""

WIDTH = 128
"""Documents that the graph is asked for, of which the nearest are taken; more raise the recall."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done ("encoding", "linking"), documents done, and of how many."""


class Encoder(Protocol):
    """What turns texts into encodings: towers, or their cache."""

    def encode(self, texts: Sequence[str], side: Side) -> list[Encoding]:
        """Encode texts in order."""
        ...


@dataclass(frozen=True)
class Hit:
    """A document with its rank in a search.

    Attributes:
        document: its text.
        rank: 1 is the nearest of the corpus.
        number: its cosine in [-1, 1], or its BM25 score, above 0.
    """

    document: str
    rank: int
    number: float


class Near(Protocol):
    """Finds the documents nearest to a query, by their vectors: `VectorSearch`, or a store's.

    Attributes:
        engine: what it is called.
        number: documents of the corpus.
        width: E, of a vector.
        recall: share of the exact 10 nearest that it finds, in [0, 1]; None: it is exact.
    """

    @property
    def engine(self) -> str:
        """Return the name of what searches."""
        ...

    @property
    def number(self) -> int:
        """Return how many documents there are."""
        ...

    @property
    def width(self) -> int:
        """Return E."""
        ...

    @property
    def recall(self) -> float | None:
        """Return the recall."""
        ...

    def nearest(self, query: np.ndarray, number: int) -> list[Hit]:
        """Return at most `number` documents, the highest cosine first."""
        ...

    def locate(self, query: np.ndarray, document: str) -> Hit | None:
        """Return where one document stands; None if it is not here, or nobody knows."""
        ...


class Words(Protocol):
    """Finds the documents that share words with a query: `WordSearch`, or a store's.

    Attributes:
        number: documents of the corpus.
    """

    @property
    def number(self) -> int:
        """Return how many documents there are."""
        ...

    def nearest(self, query: str, number: int) -> list[Hit]:
        """Return at most `number` documents, best first."""
        ...

    def locate(self, query: str, document: str) -> Hit | None:
        """Return where one document stands; None if it shares no word, or nobody knows."""
        ...


@dataclass(frozen=True)
class OwnPairs:
    """What a model folder's own pairs.csv holds.

    Attributes:
        documents: the distinct documents, in order.
        labels: by folded query, the label of each of its documents.
    """

    documents: tuple[str, ...] = ()
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: ModelFolder) -> OwnPairs:
        """Read them; nothing where there is no such file.

        Raises:
            UserError: if the file is too large or damaged.
        """
        path = folder.path / "pairs.csv"
        if not path.is_file():
            return cls()
        if path.stat().st_size > LARGEST_OWN:
            raise UserError("corpus.large pairs", name=folder.name, most=LARGEST_OWN)
        pairs = read_pairs(path, choices=OWN)
        labels: dict[str, dict[str, int]] = {}
        rows = zip(pairs["query"], pairs["document"], pairs["label"], strict=True)
        for query, document, label in rows:
            of_query = labels.setdefault(fold(query), {})
            of_query[document] = max(int(label), of_query.get(document, 0))
        return cls(tuple(dict.fromkeys(pairs["document"])), labels)

    def judged(self, query: str) -> Mapping[str, int]:
        """Return a query's labelled documents: 1 relevant, 0 not; case and spaces do not count."""
        return self.labels.get(fold(query), {})


class WordSearch:
    """BM25 over a corpus, indexed once.

    Args:
        documents: N texts, at least one.
    """

    def __init__(self, documents: Sequence[str]) -> None:
        self.number = len(documents)
        self._documents = documents
        self._index = BM25(documents)

    def nearest(self, query: str, number: int) -> list[Hit]:
        """Return at most `number` documents, best first; only those that share a word."""
        (numbers,) = self._index.rows([query])
        best = [row for row in _best(numbers, number) if numbers[row] > 0]
        return _hits(self._documents, best, numbers[best])

    def locate(self, query: str, document: str) -> Hit | None:
        """Return where one document stands; None if it shares no word, or is not here."""
        (numbers,) = self._index.rows([query])
        hit = _located(self._documents, numbers, document)
        return hit if hit and hit.number > 0 else None


@dataclass(frozen=True)
class VectorSearch:
    """A model's vectors of a corpus, and the way to the nearest of them.

    Attributes:
        documents: N texts that the model can read.
        vectors: [N, E] of unit length, or zero; float32, or float16 and perhaps on disk.
        graph: usearch's index of the same vectors; None: the search is exact.
        recall: share of the exact 10 nearest that the graph finds, in [0, 1]; None without.
    """

    documents: Sequence[str]
    vectors: np.ndarray
    graph: Index | None = None
    recall: float | None = None

    engine = "usearch"

    @property
    def number(self) -> int:
        """How many documents there are."""
        return len(self.documents)

    @property
    def width(self) -> int:
        """E."""
        return int(self.vectors.shape[1])

    def nearest(self, query: np.ndarray, number: int) -> list[Hit]:
        """Return at most `number` documents, the highest cosine first.

        Args:
            query: vector [E], any length.
            number: of documents.
        """
        if self.graph is None:
            cosines = self.cosines(query)
            best = _best(cosines, number)
            return _hits(self.documents, best, cosines[best])
        query = l2_normalise(query).astype(np.float32)
        near = self.graph.search(query.astype(np.float16), max(number, WIDTH)).keys.astype(np.int64)
        near = np.sort(near[near < len(self.documents)])
        cosines = self.vectors[near].astype(np.float32) @ query
        best = _best(cosines, number)
        return _hits(self.documents, near[best], cosines[best])

    def locate(self, query: np.ndarray, document: str) -> Hit | None:
        """Return where one document stands among all, compared exactly; None if not here."""
        return _located(self.documents, self.cosines(query), document)

    def cosines(self, query: np.ndarray) -> np.ndarray:
        """Return the cosine of a query [E] with every document, float32 [N]."""
        query = l2_normalise(query).astype(np.float32)
        starts = range(0, len(self.vectors), BLOCK)
        blocks = [
            self.vectors[start : start + BLOCK].astype(np.float32) @ query for start in starts
        ]
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    def with_graph(self, queries: np.ndarray, progress: Progress | None = None) -> VectorSearch:
        """Return the same search by a graph, its recall measured on queries [Q, E]."""
        from usearch.index import Index

        graph = Index(ndim=self.vectors.shape[1], metric="ip", dtype="f16")
        for start in range(0, len(self.vectors), BLOCK):
            part = self.vectors[start : start + BLOCK].astype(np.float16)
            graph.add(np.arange(start, start + len(part)), part)
            if progress:
                progress("linking", start + len(part), len(self.vectors))
        rough = VectorSearch(self.documents, self.vectors, graph)
        return VectorSearch(self.documents, self.vectors, graph, recall_at_10(rough, queries))


def recall_at_10(search: VectorSearch, queries: np.ndarray) -> float:
    """Return the share of the exact 10 nearest documents that a search finds, in [0, 1].

    Args:
        search: of N documents.
        queries: vectors [Q, E], at least one.
    """
    exact = VectorSearch(search.documents, search.vectors)
    shares = []
    for query in queries:
        wanted = {hit.document for hit in exact.nearest(query, 10)}
        got = {hit.document for hit in search.nearest(query, 10)}
        shares.append(len(wanted & got) / len(wanted))
    return float(np.mean(shares))


def index_command(folder: ModelFolder) -> str:
    """Return the command that makes an index for a model."""
    return f"python -m dssm_core index --model {folder.path} --corpus FILE"


def encode_corpus(
    encoder: Encoder,
    documents: Sequence[str],
    dtype: type = np.float32,
    progress: Progress | None = None,
) -> VectorSearch:
    """Encode a corpus for the exact search; what the model cannot read is left out.

    Args:
        encoder: the model.
        documents: texts; each is taken once.
        dtype: np.float32, or np.float16 for half the memory and cosines off by some 1e-5.
        progress: called after each part; may raise to cancel.

    Raises:
        UserError: if there is nothing to read, or the model gives no numbers.
    """
    distinct = list(dict.fromkeys(documents))
    texts: list[str] = []
    vectors: np.ndarray | None = None
    for start in range(0, len(distinct), PART):
        part = distinct[start : start + PART]
        read = [one for one in encoder.encode(part, "document") if one.is_readable]
        if read:
            rows = l2_normalise(np.stack([one.vector for one in read]).astype(np.float32))
            if not (is_number := np.isfinite(rows).all(axis=1)).all():
                raise UserError("corpus.no numbers", read[int(is_number.argmin())].text)
            if vectors is None:
                vectors = np.empty((len(distinct), rows.shape[1]), dtype)
            vectors[len(texts) : len(texts) + len(read)] = rows
            texts += [one.text for one in read]
        if progress:
            progress("encoding", start + len(part), len(distinct))
    if vectors is None:
        raise UserError("corpus.nothing readable", f"{len(distinct):,}")
    return VectorSearch(tuple(texts), vectors[: len(texts)])


def _best(numbers: np.ndarray, number: int) -> np.ndarray:
    """Return the rows of the highest numbers, highest first, equal ones in order."""
    if number < len(numbers):
        least = -np.partition(-numbers, number - 1)[number - 1]
        rows = np.flatnonzero(numbers >= least)
    else:
        rows = np.arange(len(numbers))
    return rows[np.argsort(-numbers[rows], kind="stable")][:number]


def _hits(documents: Sequence[str], rows: Iterable[int], numbers: np.ndarray) -> list[Hit]:
    return [
        Hit(documents[row], rank, float(number))
        for rank, (row, number) in enumerate(zip(rows, numbers, strict=True), 1)
    ]


def _located(documents: Sequence[str], numbers: np.ndarray, document: str) -> Hit | None:
    """Return a document with its rank by number, equal numbers in the corpus's order."""
    try:
        row = documents.index(document)
    except ValueError:
        return None
    above = np.sum(numbers > numbers[row]) + np.sum(numbers[:row] == numbers[row])
    return Hit(document, int(above) + 1, float(numbers[row]))
