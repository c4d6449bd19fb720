"""The towers of the hashed LSTM with attention, in NumPy: soon ready, and fast for few texts.

TensorFlow takes seconds and 500 MB before its first vector, and spends more on starting each of a
step's small operations than on doing them. Here a word goes through the LSTM's kernel once, for
all batches while it is remembered, and a text leaves the batch where it ends, so nothing is padded
(docs/performance.md, "Runtimes"). Shape letters: N rows, T tokens, P pieces, U distinct words,
W words remembered, E embedding, H units, A attention, L lexical width.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dssm_core.numeric import l2_normalise
from dssm_core.process import use_one_thread
from dssm_core.runtimes.weights import read_weights
from dssm_core.text import PIECES, Reader, random_signs
from dssm_core.towers import SHORTEST, Encoding, Side, TextTowers

if TYPE_CHECKING:
    from dssm_core.folder import ModelFolder

CLOSE = 1e-5
"""How far a cosine or an attention weight may be from what the folder holds of its examples."""

MET = 8192
"""Words that are remembered, at 5 KB each for the shipped models: as many as a batch can have."""

MOST_LETTERS = 20_000
"""Of the examples that are scored again, so that a strange folder cannot make it long."""


def load_plain(folder: ModelFolder) -> TextTowers | None:
    """Return a folder's towers in NumPy, or None where only Keras can say what the model is.

    `train` and `card` score a folder's examples by Keras and store what came out: towers that do
    not give the same numbers again are not used.
    """
    try:
        towers = _read(folder)
        is_right = _gives_again(towers, folder.examples)
    except Exception:  # whatever is amiss, Keras says it better
        return None
    return towers if is_right else None


def _read(folder: ModelFolder) -> TextTowers:
    config, text = folder.config["model"], folder.config["text"]
    if (text["rows"], text["pieces"]) != (config["vocabulary"], PIECES):
        raise ValueError("its words are not hashed")
    weights = read_weights(folder.path / "model.keras", config)
    kernel, bias = weights["out"]
    head = float(kernel[0, 0]), float(bias[0])
    if head != (folder.scale, folder.bias):
        raise ValueError("its head is another")
    use_one_thread()
    words = Words(weights, config["lexical"])
    towers: dict[Side, PlainTower] = {
        "query": PlainTower(words, weights, "query"),
        "document": PlainTower(words, weights, "doc"),
    }
    lengths: dict[Side, int] = {
        "query": text["query_length"],
        "document": text["document_length"],
    }
    return TextTowers(Reader(folder.vocabulary, text["rows"]), lengths, towers, *head)


def _gives_again(towers: TextTowers, examples: Sequence[Mapping[str, Any]]) -> bool:
    """Whether examples come out as they are stored, and there is a number to compare."""
    found, stored, room = [], [], MOST_LETTERS
    for example in examples:
        scores = example["scores"]
        room -= sum(map(len, [example["query"], *example["documents"]]))
        if room < 0:
            break
        (query,) = towers.encode([example["query"]], "query")
        documents = towers.encode(example["documents"], "document")
        found += _numbers(query)
        stored += [token["attention"] for token in scores["query"]["tokens"]]
        for document, result in zip(documents, scores["results"], strict=True):
            found += _numbers(document)
            stored += [token["attention"] for token in result["tokens"]]
            if result["cosine"] is not None:
                found.append(float(query.vector @ document.vector))
                stored.append(result["cosine"])
    return bool(stored) and np.allclose(found, stored, rtol=0, atol=CLOSE)


def _numbers(encoding: Encoding) -> list[float]:
    return [] if encoding.attention is None else encoding.attention.tolist()


class WordTable:
    """What both towers know of the words that they met, a row a word; rows are never changed.

    Args:
        size: the most words.
        widths: of a row's three parts.

    Attributes:
        places: the row of each word, by the bytes of its pieces.
        projected: float32 [W, 4H], by the LSTM's kernel, with its bias.
        compared: float32 [W, A], by the attention's W1, with its biases.
        content: float32 [W, E + L], embedding and signs: what attention sums.
    """

    def __init__(self, size: int, widths: tuple[int, int, int]) -> None:
        self.places: dict[bytes, int] = {}
        self.projected, self.compared, self.content = (
            np.empty((size, width), np.float32) for width in widths
        )

    @property
    def room(self) -> int:
        """Words that still fit."""
        return len(self.content) - len(self.places)


class Words:
    """What both towers know of words, made once for those met lately; safe from several threads.

    Args:
        weights: each layer's by name.
        lexical: L, width of the signs; 0 for none.

    Attributes:
        lexical: L.
        lstm: kernel, recurrent kernel and bias, of the gates input, forget, output, fresh.
        attention: W1, b1, W2, b2, V and its bias.
    """

    def __init__(self, weights: Mapping[str, list[np.ndarray]], lexical: int) -> None:
        table, log_weight = weights["embedding"]
        self._table = table * _weight(log_weight)
        self.lexical = lexical
        if lexical:
            self._signs = random_signs(len(table), lexical)
            self._rarity = _weight(*weights["lexical"])
        self.lstm = [_reordered(values) for values in weights["lstm"]]
        self.attention = weights["attention"]
        self._widths = (
            self.lstm[0].shape[1],
            self.attention[0].shape[1],
            table.shape[1] + lexical,
        )
        self._lock, self._met = threading.Lock(), WordTable(0, self._widths)

    def embedded(self, pieces: np.ndarray) -> np.ndarray:
        """Return embeddings [U, E] of words [U, P]."""
        return _summed(pieces, self._table)

    def signed(self, pieces: np.ndarray) -> np.ndarray:
        """Return signs [U, L] of words [U, P], each piece's times its rarity."""
        return _summed(pieces, self._signs, self._rarity)

    def met(self, pieces: np.ndarray) -> tuple[WordTable, np.ndarray]:
        """Return a table that has these words [U, P], and the row of each, int [U].

        A full table is left to those who use it, and a new one begun.
        """
        size = pieces.dtype.itemsize * pieces.shape[1]
        data = pieces.tobytes()
        keys = [data[start : start + size] for start in range(0, len(data), size)]
        with self._lock:
            table = self._met
            new = [i for i, key in enumerate(keys) if key not in table.places]
            if len(new) > table.room:
                table = self._met = WordTable(max(MET, len(keys)), self._widths)
                new = list(range(len(keys)))
            if new:
                self._add(table, pieces[new], [keys[i] for i in new])
        return table, np.array([table.places[key] for key in keys], np.int64)

    def _add(self, table: WordTable, pieces: np.ndarray, keys: Sequence[bytes]) -> None:
        first = len(table.places)
        rows = slice(first, first + len(keys))
        kernel, recurrent, bias = self.lstm
        w1, b1, _, b2, *_ = self.attention
        embedded = self.embedded(pieces)
        table.projected[rows] = _row_by_row(embedded, kernel) + bias
        table.compared[rows] = _row_by_row(embedded, w1[len(recurrent) :]) + (b1 + b2)
        table.content[rows, : embedded.shape[1]] = embedded
        if self.lexical:
            table.content[rows, embedded.shape[1] :] = self.signed(pieces)
        table.places.update(zip(keys, range(first, first + len(keys)), strict=True))


class PlainTower:
    """One tower; see `BatchTower`.

    Args:
        words: of both towers.
        weights: each layer's by name, as `read_weights` returns them.
        side: "query" or "doc", where the two have a Dense stack each.
    """

    batch = 128
    has_attention = True

    def __init__(self, words: Words, weights: Mapping[str, list[np.ndarray]], side: str) -> None:
        names = ("dense", "vec", "skip")
        if "vec" not in weights:
            names = (f"{side}_dense", f"{side}_dense_2", f"{side}_skip")
        (first, first_bias), (second, second_bias), (skip,) = (weights[n] for n in names)
        both = first @ second  # both are linear
        self.dense = np.concatenate([both, skip]), first_bias @ second + second_bias
        self.words = words
        self.gain = np.exp(weights["beside"][0]) if words.lexical else None
        self.width = len(second_bias) + words.lexical

    def padded(self, words: int) -> int:
        """Return 0: nothing is padded."""
        return 0

    def __call__(
        self, pieces: np.ndarray, places: np.ndarray, lengths: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Encode texts, as `BatchTower` says."""
        order = np.argsort(-lengths, kind="stable")
        lengths = lengths[order]
        rows = np.zeros(len(pieces), np.int64)  # of each word in the table
        rows[places] = 1
        used = np.flatnonzero(rows)
        table, rows[used] = self.words.met(pieces[used])
        rows = rows[places[order]]  # [N, T]
        outputs, state = self._states(table.projected, rows, lengths)  # [N, T, H]
        attention = self._attended(table.compared, outputs, state, rows, lengths)  # [N, T]
        context = np.matmul(attention[:, None], outputs)[:, 0]  # [N, H]
        content = np.stack(  # [N, E + L], a text at a time: most words are in few texts
            [
                weights[:n] @ table.content[row[:n]]
                for weights, row, n in zip(attention, rows, lengths.tolist(), strict=True)
            ]
        )
        embedded = content[:, : content.shape[1] - self.words.lexical]
        vectors = np.concatenate([context, state, embedded], axis=1) @ self.dense[0]
        vectors += self.dense[1]
        if self.gain is not None:
            lexical = content[:, embedded.shape[1] :]
            parts = [l2_normalise(part, SHORTEST) for part in (vectors, lexical)]
            vectors = np.concatenate([parts[0], self.gain * parts[1]], axis=1)
        back = np.argsort(order)
        return l2_normalise(vectors, SHORTEST)[back], attention[back]

    def _states(
        self, projected: np.ndarray, places: np.ndarray, lengths: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the LSTM's outputs [N, T, H] and last states [N, H]; the longest texts first."""
        recurrent = self.words.lstm[1]
        (rows, steps), units = places.shape, len(recurrent)
        outputs = np.zeros((rows, steps, units), np.float32)
        state, cell = np.zeros((2, rows, units), np.float32)
        all_gates, all_new = np.empty((2, rows, 4 * units), np.float32)  # made once for all steps
        left = np.searchsorted(-lengths, -np.arange(steps), side="left")  # rows not yet at an end
        for step, n in enumerate(left.tolist()):
            gates, old, kept = all_gates[:n], state[:n], cell[:n]
            np.take(projected, places[:n, step], axis=0, out=gates, mode="clip")
            gates += np.matmul(old, recurrent, out=all_new[:n])
            np.tanh(gates, out=gates)
            opened = gates[:, : 3 * units]
            opened *= 0.5  # the sigmoid of twice as much
            opened += 0.5
            enter, forget, out = opened[:, :units], opened[:, units:-units], opened[:, -units:]
            enter *= gates[:, 3 * units :]
            kept *= forget
            kept += enter
            np.multiply(out, np.tanh(kept, out=enter), out=old)
            outputs[:n, step] = old
        return outputs, state

    def _attended(
        self,
        words: np.ndarray,
        outputs: np.ndarray,
        state: np.ndarray,
        places: np.ndarray,
        lengths: np.ndarray,
    ) -> np.ndarray:
        """Return the attention [N, T], 0 past a text's end."""
        w1, _, w2, _, v, _ = self.words.attention
        units = outputs.shape[2]
        compared = np.matmul(outputs.reshape(-1, units), w1[:units])
        compared = compared.reshape(*places.shape, -1)  # [N, T, A]
        compared += words[places]
        compared += (state @ w2)[:, None]
        logits = np.tanh(compared, out=compared) @ v[:, 0]
        logits[np.arange(places.shape[1]) >= lengths[:, None]] = -np.inf
        attention = np.exp(logits - logits.max(axis=1, keepdims=True))
        result: np.ndarray = attention / attention.sum(axis=1, keepdims=True)
        return result


def _row_by_row(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return the product [U, N] of rows [U, K] and a matrix [K, N], each row by itself.

    In one product of all, the last digit of a row depends on its place on some processors (AMD
    Zen 5), and a word's numbers would depend on what it was first met with.
    """
    return np.stack([row @ matrix for row in rows])


def _reordered(values: np.ndarray) -> np.ndarray:
    """Return Keras's gates input, forget, fresh, output with fresh last, the others halved."""
    enter, forget, fresh, out = np.split(values, 4, axis=-1)
    return np.concatenate([enter / 2, forget / 2, out / 2, fresh], axis=-1)


def _weight(log_weight: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.exp(np.clip(log_weight, -6.0, 6.0))[:, None]
    return result


def _summed(pieces: np.ndarray, table: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Return the sum [U, E] of each word's rows; words have their pieces from the left."""
    number = np.count_nonzero(pieces, axis=1)
    order = np.argsort(-number, kind="stable")  # then the words with a piece there come first
    pieces, number = pieces[order], number[order]
    total = np.zeros((len(pieces), table.shape[1]), np.float32)
    for place in range(max(number, default=0)):
        rows = pieces[: np.count_nonzero(number > place), place]
        total[: len(rows)] += table[rows] if weight is None else table[rows] * weight[rows]
    return total[np.argsort(order)]
