"""A Keras model as `Towers`: compiled once, warmed up, safe to call from several threads.

One `tf.function` a tower with an open signature, fed in length buckets. What NumPy can compute is
served by `runtimes.numpy_lstm`, in a fraction of the time (docs/performance.md, "Runtimes").
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from dssm_core.archive import check_archive
from dssm_core.errors import UserError
from dssm_core.families import family
from dssm_core.models.tower import Tower, cut_towers, table_rows
from dssm_core.text import PIECES, Reader
from dssm_core.towers import Side, TextTowers

if TYPE_CHECKING:
    from dssm_core.folder import ModelFolder

LENGTHS = (8, 16, 32, 64, 128, 256)
"""Texts are padded to the least of these that holds them, so that few tokens are padding."""


class CompiledTowers(TextTowers):
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
        self._head = model.get_layer("out")
        lengths: dict[Side, int] = {"query": query_length, "document": document_length}
        towers = {
            side: _Compiled(tower, lengths[side]) for side, tower in cut_towers(model).items()
        }
        super().__init__(Reader(vocabulary, rows, pieces), lengths, towers, *self._read())

    def read_head(self) -> None:
        """Read w and b anew, which a training has moved; all other weights are live."""
        self.scale, self.bias = self._read()

    def _read(self) -> tuple[float, float]:
        kernel, bias = self._head.get_weights()
        return float(kernel[0, 0]), float(bias[0])

    def warm_up(self) -> None:
        """Trace and run both towers once, so that the first person does not wait."""
        for tower in self._towers.values():
            places = np.ones((1, tower.padded(2)), np.int64)
            tower(np.ones((2, self._reader.width), np.int32), places, np.array([places.size]))


class _Compiled:
    """One tower as a compiled function; see `BatchTower`.

    Args:
        tower: the tower.
        length: words that it reads of a text.
    """

    batch = 512

    def __init__(self, tower: Tower, length: int) -> None:
        self.width, self.has_attention = tower.width, tower.has_attention
        self._fixed = 0 if tower.pieces else length  # to a model of plain ids padding is a word
        signature = tf.TensorSpec((None, None, tower.pieces or 1), tf.int32)
        self._call = tf.function(
            lambda texts: tower.call(texts, training=False), input_signature=[signature]
        )

    def padded(self, words: int) -> int:
        return self._fixed or next((n for n in LENGTHS if n >= words), words)

    def __call__(
        self, pieces: np.ndarray, places: np.ndarray, lengths: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
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
        _ = family(folder.config["family"]).config  # imports and so registers its layers
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
        for name, own, stored in (
            ("head", (towers.scale, towers.bias), (folder.scale, folder.bias)),
            ("rows", table_rows(model), text["rows"]),
            ("pieces", cut_towers(model)["query"].pieces, pieces),
        ):
            if own != stored:
                raise UserError("model.disagrees", f"{stored}, {own}", name=folder.name, field=name)
        towers.warm_up()
    except UserError:
        raise
    except Exception as error:  # whatever a hostile file makes Keras raise is the file's fault
        raise UserError(
            "model.cannot load", f"{type(error).__name__}: {error}", name=folder.name
        ) from None
    return towers
