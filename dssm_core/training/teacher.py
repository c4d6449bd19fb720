"""An encoder that teaches: its vectors of texts, kept on disk, and a table of words from them.

A student has another width than its teacher, so it is taught how alike two texts are to the
teacher, never the teacher's vectors themselves. Shape letters: N texts, W the teacher's width,
V words, P pieces, E embedding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, cg

from dssm_core.errors import UserError
from dssm_core.files import whole_file
from dssm_core.models.layers import WordHashing
from dssm_core.numeric import l2_normalise
from dssm_core.runtimes.encoder import SIDES, EncoderTowers
from dssm_core.runtimes.encoders import open_encoder
from dssm_core.text import hash_pieces
from dssm_core.towers import Side

Log = Callable[[str], None]

PART = 2048
"""Texts that are encoded, and kept, at a time: what a kill costs."""

RIDGE, ROUNDS = 0.1, 50
"""Of the least squares behind a table: what pulls its rows to 0, and steps at most."""


@dataclass(frozen=True)
class Lessons:
    """What a teacher says of texts.

    Attributes:
        places: a text's row in `vectors`, by its key.
        vectors: float16 [N, W], of length 1; 0 where the teacher reads nothing.
    """

    places: Mapping[bytes, int]
    vectors: np.ndarray

    @property
    def width(self) -> int:
        """W."""
        return int(self.vectors.shape[1])

    def of(self, texts: Iterable[str], side: Side) -> np.ndarray:
        """Return float32 [N, W]; 0 for a text that the teacher was not asked about."""
        rows = np.array([self.places.get(_key(text, side), -1) for text in texts], np.int64)
        found: np.ndarray = self.vectors[rows].astype(np.float32)
        found[rows < 0] = 0
        return found


@dataclass(frozen=True)
class Teacher:
    """An encoder that teaches.

    Attributes:
        towers: the encoder with its own prompts.
        kept: folder of its vectors, made when they are computed.
        texts: unlabelled texts that it teaches besides those of the pairs, each once.
    """

    towers: EncoderTowers
    kept: Path
    texts: Sequence[str] = ()

    @classmethod
    def open(cls, reference: str, kept: Path, texts: Iterable[str] = ()) -> Teacher:
        """Open an encoder as a teacher.

        Args:
            reference: what `open_encoder` opens.
            kept: folder of its vectors.
            texts: unlabelled texts that it teaches besides those of the pairs.

        Raises:
            UserError: if it cannot be opened.
        """
        towers = EncoderTowers(open_encoder(reference))
        return cls(towers, kept / towers.embedder.facts.fingerprint, [*dict.fromkeys(texts)])

    @property
    def said(self) -> dict[str, str | int]:
        """What a model folder says of its teacher."""
        facts = self.towers.embedder.facts
        return {
            "name": facts.name,
            "fingerprint": facts.fingerprint,
            "texts": len(self.texts),
        }

    def lessons(self, texts: Mapping[Side, Iterable[str]], log: Log = print) -> Lessons:
        """Return what the teacher says of texts; what it has said before is read from disk.

        Args:
            texts: those of each side.
            log: called with a line for people after each part.

        Raises:
            UserError: if the encoder fails, or reads none of the texts.
        """
        wanted = {_key(text, side): (text, side) for side in SIDES for text in texts.get(side, ())}
        keys, vectors = self._read(wanted)
        missing = [(key, *wanted[key]) for key in wanted.keys() - set(keys)]
        missing.sort(key=lambda row: (row[2], len(row[1]), row[0]))
        for start in range(0, len(missing), PART):
            part = missing[start : start + PART]
            found = self._encode([(text, side) for _, text, side in part])
            self._keep([key for key, *_ in part], found)
            keys, vectors = [*keys, *(key for key, *_ in part)], [*vectors, found]
            log(f"  teacher: {min(start + PART, len(missing))} of {len(missing)} texts")
        stacked = np.concatenate(vectors) if vectors else np.zeros((0, 1), np.float16)
        if not stacked.any():
            raise UserError("train.teacher says nothing", self.towers.embedder.facts.name)
        return Lessons({key: row for row, key in enumerate(keys)}, stacked)

    def _encode(self, texts: Sequence[tuple[str, Side]]) -> np.ndarray:
        """Return float16 [N, W] of texts, brought to length 1."""
        result = np.zeros((len(texts), self.towers.embedder.facts.width), np.float32)
        for side in SIDES:
            rows = [row for row, (_, own) in enumerate(texts) if own == side]
            found = self.towers.encode([texts[row][0] for row in rows], side)
            for row, encoding in zip(rows, found, strict=True):
                result[row] = encoding.vector
        return l2_normalise(result, 1e-12).astype(np.float16)

    def _keep(self, keys: Sequence[bytes], vectors: np.ndarray) -> None:
        self.kept.mkdir(parents=True, exist_ok=True)
        with whole_file(self.kept / f"{len([*self.kept.glob('*.npz')]):06}.npz") as file:
            np.savez(file, keys=np.array(keys, f"S{_BYTES}"), vectors=vectors)

    def _read(self, wanted: Mapping[bytes, object]) -> tuple[list[bytes], list[np.ndarray]]:
        """Return the keys and vectors that are kept; a damaged part is left out."""
        keys: list[bytes] = []
        vectors: list[np.ndarray] = []
        for path in sorted(self.kept.glob("*.npz")):
            # NumPy's and zipfile's parsers raise whatever damage leads to
            with suppress(Exception), path.open("rb") as file:
                part = np.load(file, allow_pickle=False)
                own = [bytes(key) for key in part["keys"]]
                rows = [row for row, key in enumerate(own) if key in wanted]
                vectors.append(part["vectors"][rows])
                keys += [own[row] for row in rows]
        return keys, vectors


_BYTES = 24
"""Letters of a key."""


def _key(text: str, side: Side) -> bytes:
    return hashlib.sha256(f"{side}\0{text}".encode()).hexdigest()[:_BYTES].encode()


def teach_table(layer: WordHashing, counts: Mapping[str, int], lessons: Lessons) -> None:
    """Start a table where words that are alike to the teacher are alike.

    1. The teacher's vectors of single words, less their mean, turned to their E first principal
       axes, [V, E]; as long on average as a word is in a table as Keras draws it.
    2. The rows whose sums over a word's pieces come nearest to that, a frequent word counting
       for more: least squares with a ridge, by conjugate gradients.

    Args:
        layer: of the model, as it was drawn.
        counts: words with how often they occur.
        lessons: of these words, as queries.
    """
    words = [*counts]
    targets = lessons.of(words, "query")
    pieces = hash_pieces(words, layer.rows)  # [V, P]
    usual = _sums(pieces, layer.rows) @ layer.table.numpy()
    weight = np.sqrt(1 + np.log([*counts.values()]))[:, None] * (targets != 0).any(1)[:, None]
    centred = targets - np.average(targets, axis=0, weights=weight[:, 0])
    _, axes = np.linalg.eigh(centred.T @ (weight * centred))
    turned = centred @ axes[:, ::-1][:, : layer.width]  # [V, min(W, E)]
    turned = np.pad(turned, ((0, 0), (0, layer.width - turned.shape[1])))
    turned *= np.linalg.norm(usual) / np.linalg.norm(turned)
    layer.table.assign(_least_squares(_sums(pieces, layer.rows), turned, weight))


def _sums(pieces: np.ndarray, rows: int) -> sparse.csr_array:
    """Return the matrix [V, rows] that sums rows of a table over the pieces of each word."""
    held = pieces != 0
    word = np.nonzero(held)[0]
    entries = np.ones(len(word), np.float32), (word, pieces[held])
    return sparse.csr_array(entries, shape=(len(pieces), rows))


def _least_squares(sums: sparse.csr_array, targets: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the table [rows, E] whose sums are nearest to targets [V, E], by their weight."""
    rows, width = sums.shape[1], targets.shape[1]
    weighted = sums.multiply(weight).tocsr()

    def normal(table: np.ndarray) -> np.ndarray:
        square = table.reshape(rows, width)
        result: np.ndarray = (sums.T @ (weighted @ square) + RIDGE * square).ravel()
        return result

    size = rows * width
    operator = LinearOperator((size, size), matvec=normal, dtype=np.float32)
    start = (weighted.T @ targets).ravel().astype(np.float32)
    solved, _ = cg(operator, start, rtol=1e-3, maxiter=ROUNDS)
    table: np.ndarray = solved.reshape(rows, width).astype(np.float32)
    return table


def table_of(model: keras.Model) -> WordHashing | None:
    """Return the model's table of hashed words, if it has one."""
    names = {layer.name for layer in model.layers}
    layer = model.get_layer("embedding") if "embedding" in names else None
    return layer if isinstance(layer, WordHashing) else None
