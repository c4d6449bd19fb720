"""A Keras model as `Towers`: compiled once, warmed up, safe to call from several threads.

One `tf.function` a tower with an open signature, fed in length buckets; or, for a loaded model that
`PlainTower` agrees with, NumPy, which takes a fraction of that (docs/performance.md, "Runtimes").
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from dssm_core.errors import UserError
from dssm_core.models.archive import check_archive
from dssm_core.models.families import Tower, cut_towers
from dssm_core.models.layers import WordHashing
from dssm_core.models.mlp import MultiHot
from dssm_core.models.plain import PlainTower, use_one_thread
from dssm_core.text import PIECES, Reader
from dssm_core.towers import Encoding, Side

if TYPE_CHECKING:
    from dssm_core.folder import ModelFolder

LENGTHS = (8, 16, 32, 64, 128, 256)
"""Texts are padded to the least of these that holds them, so that few tokens are padding."""

TABLES = (WordHashing, MultiHot, keras.layers.Embedding)
"""Layers that know the rows of the table."""

BATCH = 512
"""Texts that go through a tower at a time, so that memory does not grow with their number."""

CLOSE = 1e-5
"""How far a `PlainTower` may be off in any number."""


class CompiledTowers:
    """The two towers of a model of any family.

    Args:
        model: as a `Family` builds it.
        vocabulary: words seen in training, in order.
        rows: rows of the table.
        query_length: words read of a query.
        document_length: words read of a document.
        pieces: PIECES, or 0 for a model of plain ids, as `Reader`.
    """

    def __init__(
        self,
        model: keras.Model,
        vocabulary: Collection[str],
        rows: int,
        query_length: int,
        document_length: int,
        pieces: int = PIECES,
    ) -> None:
        self._reader = Reader(vocabulary, rows, pieces)
        self._lengths = {"query": query_length, "document": document_length}
        self._head = model.get_layer("out")
        self.read_head()
        towers = cut_towers(model)
        self.has_attention = towers["query"].has_attention
        self._towers: dict[Side, _Compiled | PlainTower] = {
            side: _Compiled(tower) for side, tower in towers.items()
        }

    def encode(self, texts: Sequence[str], side: Side) -> list[Encoding]:
        """Encode texts in order, those of like length together.

        Args:
            texts: any strings.
            side: which tower.

        Returns:
            One encoding a text; zero vector and zero attention where nothing is read.
        """
        tokens = [tuple(self._reader.read(t, self._lengths[side])) for t in texts]
        words = [[t.text for t in row if t.is_read] for row in tokens]
        distinct = list(dict.fromkeys(w for row in words for w in row))
        nothing = np.zeros((1, self._reader.width), np.int32)
        pieces = np.concatenate([nothing, self._reader.numbers(distinct)])  # [1 + U, P]
        place = {word: i for i, word in enumerate(distinct, 1)}
        encodings = [Encoding(t, k, *self._nothing(k)) for t, k in zip(texts, tokens, strict=True)]
        for length, members in self._parts([len(row) for row in words], side):
            places = np.zeros((len(members), length), np.int64)
            for row, i in zip(places, members, strict=True):
                row[: len(words[i])] = [place[word] for word in words[i]]
            lengths = np.array([len(words[i]) for i in members])
            vectors, attention = self._towers[side](pieces, places, lengths)
            for at, i in enumerate(members):
                weights = None
                if attention is not None:
                    weights = np.zeros(len(tokens[i]), np.float32)
                    weights[[t.is_read for t in tokens[i]]] = attention[at, : len(words[i])]
                encodings[i] = Encoding(texts[i], tokens[i], vectors[at], weights)
        return encodings

    def read_head(self) -> None:
        """Read w and b anew, which a training has moved; all other weights are live."""
        kernel, bias = self._head.get_weights()
        self.scale, self.bias = float(kernel[0, 0]), float(bias[0])

    def warm_up(self) -> None:
        """Trace and run both towers once, so that the first person does not wait."""
        for side, tower in self._towers.items():
            places = np.ones((1, self._padded(2, side) or 2), np.int64)
            tower(np.ones((2, self._reader.width), np.int32), places, np.array([places.size]))

    def settle(self, model: keras.Model) -> None:
        """Go over to NumPy where that gives the same; the weights are then no longer live.

        Args:
            model: whose towers these are.
        """
        use_one_thread()
        words = list(self._reader.vocabulary)[:97] or ["a"]
        texts = [" ".join(words[:: step + 1]) for step in range(13)] + words[:3]
        for side in ("query", "document"):
            kept = self._towers[side]
            try:
                plain = PlainTower(model, side)
            except ValueError:  # another family
                continue
            self._towers[side] = _Compiled(cut_towers(model)[side], is_compiled=False)
            expected = self.encode(texts, side)
            self._towers[side] = plain
            pairs = zip(expected, self.encode(texts, side), strict=True)
            if not all(_are_close(*pair) for pair in pairs):
                self._towers[side] = kept

    def _parts(self, lengths: Sequence[int], side: Side) -> Iterator[tuple[int, list[int]]]:
        """Yield readable texts in parts of like length, and to which length each is padded."""
        readable = sorted((i for i, n in enumerate(lengths) if n), key=lambda i: lengths[i])
        most = self._towers[side].batch
        for padded, group in groupby(readable, lambda i: self._padded(lengths[i], side)):
            members = list(group)
            for start in range(0, len(members), most):
                part = members[start : start + most]
                yield padded or lengths[part[-1]], part

    def _padded(self, words: int, side: Side) -> int:
        """Return the length that a text is padded to; to a model of plain ids 0 is a word."""
        if isinstance(self._towers[side], PlainTower):
            return 0  # no further than the longest beside it
        if not self._reader.pieces:
            return self._lengths[side]
        return next((n for n in LENGTHS if n >= words), words)

    def _nothing(self, tokens: Sequence[Any]) -> tuple[np.ndarray, np.ndarray | None]:
        weights = np.zeros(len(tokens), np.float32) if self.has_attention else None
        return np.zeros(self._width, np.float32), weights

    @property
    def _width(self) -> int:
        return self._towers["query"].width


def _are_close(one: Encoding, other: Encoding) -> bool:
    pairs = [(one.vector, other.vector)]
    if one.attention is not None and other.attention is not None:
        pairs.append((one.attention, other.attention))
    return all(np.allclose(a, b, rtol=0, atol=CLOSE) for a, b in pairs)


class _Compiled:
    """One tower as a compiled function from pieces [N, T, P] to NumPy arrays.

    Args:
        tower: the tower.
        is_compiled: to compile takes a second, and pays from the second batch.
    """

    batch = BATCH

    def __init__(self, tower: Tower, is_compiled: bool = True) -> None:
        self.width = tower.width
        self._call: Callable[[np.ndarray], Any] = lambda x: tower.call(x, training=False)
        if is_compiled:
            signature = tf.TensorSpec((None, None, tower.pieces or 1), tf.int32)
            self._call = tf.function(self._call, input_signature=[signature])

    def __call__(
        self, pieces: np.ndarray, places: np.ndarray, lengths: np.ndarray
    ) -> tuple[np.ndarray, Any]:
        """Encode texts, as `PlainTower` does."""
        outputs = [output.numpy() for output in self._call(pieces[places])]
        return outputs[0], outputs[1] if len(outputs) > 1 else None


def load_towers(folder: ModelFolder) -> CompiledTowers:
    """Load a folder's model under safe mode, compile it and warm it up.

    Raises:
        UserError: if Keras refuses the file, it is no two-tower model, its weights are no
            numbers, or its head or table disagrees with config.json.
    """
    text = folder.config["text"]
    pieces = text.get("pieces", PIECES)  # what folders that do not say have
    try:
        check_archive(folder.path / "model.keras")
        model = keras.saving.load_model(folder.path / "model.keras", compile=False, safe_mode=True)
        towers = CompiledTowers(
            model,
            folder.vocabulary,
            text["rows"],
            text["query_length"],
            text["document_length"],
            pieces,
        )
        for weight, values in zip(model.weights, model.get_weights(), strict=True):
            if not np.isfinite(values).all():
                raise ValueError(f"a weight of {weight.path} is not a number")
        tables = [layer for layer in model.layers if isinstance(layer, TABLES)]
        rows = next(getattr(layer, "rows", None) or layer.input_dim for layer in tables)
        for name, own, said in (
            ("head", (towers.scale, towers.bias), (folder.scale, folder.bias)),
            ("rows", rows, text["rows"]),
            ("pieces", cut_towers(model)["query"].pieces, pieces),
        ):
            if own != said:
                raise UserError(
                    f'{folder.name}/config.json and model.keras disagree on the "{name}"',
                    f"{said} and {own}",
                    "Train it again, or copy it anew.",
                )
        towers.settle(model)
        towers.warm_up()
    except UserError:
        raise
    except Exception as error:  # whatever a hostile file makes Keras raise is the file's fault
        raise UserError(
            f"{folder.name}/model.keras cannot be loaded",
            f"{type(error).__name__}: {error}",
            "It was written by another version, or is damaged: train it again.",
        ) from None
    return towers
