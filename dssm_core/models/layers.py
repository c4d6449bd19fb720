"""The layers that Keras lacks: word hashing, Bahdanau attention, a cosine safe at every edge.

All are registered, so that models holding them load under safe mode. Shape letters: N rows,
T tokens, P pieces, E embedding, H hidden, U distinct words.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import keras
import tensorflow as tf
from keras import ops

from dssm_core.text import random_signs
from dssm_core.towers import SHORTEST

Tensor: TypeAlias = tf.Tensor | keras.KerasTensor
"""A tensor with numbers, or the symbol of one in a graph of layers."""

Shape: TypeAlias = tuple[int | None, ...]

register = keras.saving.register_keras_serializable(package="dssm")


def check_least(sizes: object, **least: int) -> None:
    """Raise a ValueError that names the first attribute of `sizes` that is below its least."""
    for name, low in least.items():
        if getattr(sizes, name) < low:
            raise ValueError(f"{name} must be at least {low}, not {getattr(sizes, name)}")


def cosine_similarity(query: Tensor, document: Tensor) -> Tensor:
    """The notebook's cosine, written by hand.

    NaN where either vector is zero; `Dot(axes=1, normalize=True)` gives 0 there, which is why
    models use that. See docs/dot-or-cosine.md.

    Args:
        query: [N, E].
        document: [N, E].

    Returns:
        [N, 1] in [-1, 1], up to float rounding.

    Raises:
        ValueError: if the two are not of one shape [N, E].

    Source: notebook, `cosine_similarity` (row 7).
    """
    if len(query.shape) != 2 or tuple(query.shape[1:]) != tuple(document.shape[1:]):
        raise ValueError(
            "cosine_similarity needs two [N, E] of one width, "
            f"not {tuple(query.shape)} and {tuple(document.shape)}"
        )
    product = ops.sum(query * document, axis=1, keepdims=True)  # [N, 1]
    query_norm = ops.sqrt(ops.sum(ops.square(query), axis=1, keepdims=True))  # [N, 1]
    document_norm = ops.sqrt(ops.sum(ops.square(document), axis=1, keepdims=True))  # [N, 1]
    return product / (query_norm * document_norm)


def unit_length(vector: Tensor) -> Tensor:
    """Return vectors brought to length 1; those shorter than SHORTEST are divided by SHORTEST.

    1. By the largest entry, or SHORTEST, so that no square overflows or vanishes, [..., E].
    2. By the length of that, at least 1, [..., E].

    A zero vector stays zero with zero gradient; no gradient is above 1 / SHORTEST. Keras's own
    normalisation, in `Dot` too, has a gradient of 1e7 at zero. See docs/dot-or-cosine.md.

    Args:
        vector: [..., E], float32.

    Returns:
        [..., E], each of length 1, or less where the vector was shorter than SHORTEST.
    """
    largest = ops.max(ops.abs(vector), axis=-1, keepdims=True)  # [..., 1]
    divisor = ops.stop_gradient(ops.maximum(largest, SHORTEST))  # [..., 1]
    scaled = ops.where(largest > 0, vector / divisor, 0.0)  # [..., E]
    squares = ops.sum(ops.square(scaled), axis=-1, keepdims=True)  # [..., 1]
    return scaled / ops.sqrt(ops.maximum(squares, 1.0))


@register
class Cosine(keras.layers.Layer):
    """The cosine as a layer, in float32: the hand-written one, safe at its edges.

    0 with zero gradient where either vector is zero, so that no row is NaN because one of its
    texts is empty; vectors shorter than SHORTEST count as that long.

    Call arguments:
        inputs: query [N, E] and document [N, E].

    Source: notebook, the Lambda layer of `build_lstm_model` (row 5).
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs["dtype"] = "float32"  # float16 overflows in the sum of squares
        super().__init__(**kwargs)

    def call(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        query, document = inputs
        product = unit_length(query) * unit_length(document)  # [N, E]
        return ops.sum(product, axis=1, keepdims=True)

    def compute_output_shape(self, input_shape: tuple[Shape, Shape]) -> tuple[int | None, int]:
        return (input_shape[0][0], 1)


@register
class Attention(keras.layers.Layer):
    """Bahdanau attention pooling: how much each token counts in the context vector.

    weights = softmax over time of V(tanh(W1 features + W2 hidden)); context = sum of weights *
    features.

    Args:
        units: width of the comparison space, at least 1.

    Call arguments:
        features: [N, T, F].
        hidden: [N, H].
        mask: bool [N, T] or None; True where there is a token.

    Masking:
        Padding is masked before the softmax, so it takes no weight; a row of nothing but
        padding gets weights 0 and context 0.

    Returns:
        context [N, F], attention weights [N, T, 1] that sum to 1 over the tokens.

    Source: notebook, `Attention` (row 4); Bahdanau et al. 2015, section 3.1.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"Attention needs at least 1 unit, not {units}")
        self.units = units
        self.supports_masking = True
        self.W1 = keras.layers.Dense(units, name="W1", dtype=self.dtype_policy)
        self.W2 = keras.layers.Dense(units, name="W2", dtype=self.dtype_policy)
        self.V = keras.layers.Dense(1, name="V", dtype=self.dtype_policy)

    def build(self, features_shape: Shape, hidden_shape: Shape) -> None:
        self.W1.build(features_shape)
        self.W2.build((hidden_shape[0], 1, hidden_shape[1]))
        self.V.build((*features_shape[:2], self.units))

    def call(
        self, features: Tensor, hidden: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        hidden = ops.expand_dims(hidden, 1)  # [N, 1, H]
        logits = self.V(ops.tanh(self.W1(features) + self.W2(hidden)))  # [N, T, 1]
        if mask is None:
            weights = ops.softmax(logits, axis=1)  # [N, T, 1]
        else:
            present = ops.cast(ops.expand_dims(mask, -1), logits.dtype)  # [N, T, 1]
            # float16 reaches 6.5e4 only; e^-3e4 is 0 in every type
            weights = ops.softmax(logits - (1 - present) * 3e4, axis=1) * present
        return ops.sum(weights * features, axis=1), weights

    def compute_output_shape(
        self, features_shape: Shape, hidden_shape: Shape
    ) -> tuple[Shape, Shape]:
        return (features_shape[0], features_shape[2]), (*features_shape[:2], 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}

    def compute_mask(self, *args: object, **kwargs: object) -> tuple[None, None]:
        return None, None


def token_mask(ids: Tensor) -> Tensor:
    """Return bool [N, T], True where there is a token, of ids [N, T] or pieces [N, T, P]."""
    return ops.not_equal(ids if len(ids.shape) == 2 else ids[..., 0], 0)


@register
class UnitVector(keras.layers.Layer):
    """A vector brought to length 1, as `unit_length`; zero for a text without tokens.

    Call arguments:
        vector: [..., E].
        mask: bool [..., T], True where there is a token; without it only a zero vector is an
            empty text.

    Masking:
        A row without a token gets the zero vector, and its vector zero gradient.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs["dtype"] = "float32"  # float16 overflows in the sum of squares
        super().__init__(**kwargs)

    def call(self, vector: Tensor, mask: Tensor | None = None) -> Tensor:
        normalised = unit_length(vector)  # [..., E]
        if mask is None:
            return normalised
        return ops.where(ops.any(mask, axis=-1, keepdims=True), normalised, 0.0)

    def compute_output_shape(self, vector_shape: Shape, mask_shape: Shape | None = None) -> Shape:
        return vector_shape


@register
class WordHashing(keras.layers.Layer):
    """A word's embedding as the weighted sum of its hashed pieces' rows.

    Each distinct word of a batch is computed once, then gathered where it occurs:

    1. One 64-bit key a word, from its pieces; the distinct ones [U].
    2. Rows of their pieces, each times exp of its learned weight, summed: [U, E].
    3. Gathered back to [N, T, E].

    Args:
        rows: rows of the table, padding row 0 included.
        width: E.

    Call arguments:
        pieces: int32 [N, T, P], from `dssm_core.text.hash_pieces`; a token of zeros is padding.

    Masking:
        Padding comes out as zeros; `token_mask` says where it is.

    Source: Huang et al. 2013, section 3.2; the learned weights are ours.
    """

    def __init__(self, rows: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows, self.width = rows, width

    def build(self, pieces_shape: Shape) -> None:
        self.table = self.add_weight(
            shape=(self.rows, self.width),
            initializer=keras.initializers.RandomUniform(-0.05, 0.05),
            name="table",
        )
        self.log_weight = self.add_weight((self.rows,), initializer="zeros", name="log_weight")

    def call(self, pieces: Tensor) -> Tensor:
        pieces = ops.cast(pieces, "int32")
        shape = ops.shape(pieces)
        flat = ops.reshape(pieces, (-1, pieces.shape[-1]))  # [N*T, P]
        odd = [pow(0x9E3779B97F4A7C15, 2 * k + 1, 2**63) for k in range(pieces.shape[-1])]
        keys = tf.reduce_sum(tf.cast(flat, tf.int64) * tf.constant(odd, tf.int64), axis=1)
        distinct, index_of = tf.unique(keys)  # [U], [N*T]
        first = tf.math.unsorted_segment_min(
            tf.range(tf.size(keys)), index_of, tf.size(distinct)
        )  # [U]
        words = tf.gather(flat, first)  # [U, P]
        held = tf.where(words > 0)  # [M, 2]: only the M pieces that are there
        rows = tf.gather_nd(words, held)  # [M]
        weight = tf.exp(tf.clip_by_value(tf.gather(self.log_weight, rows), -6.0, 6.0))
        vectors = tf.cast(tf.gather(self.table, rows), self.compute_dtype)  # [M, E]
        summed = tf.math.unsorted_segment_sum(
            vectors * weight[:, None], held[:, 0], tf.size(distinct)
        )  # [U, E]
        return ops.reshape(tf.gather(summed, index_of), (*shape[:2], self.width))

    def compute_output_shape(self, pieces_shape: Shape) -> Shape:
        return (*pieces_shape[:2], self.width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rows": self.rows, "width": self.width}


@register
class SignHashing(WordHashing):
    """A word as the weighted sum of its pieces' fixed random signs: only the weights are learned.

    Texts that share rare words or letters come out alike whatever the training saw, as by BM25.
    The signs are not stored: they follow from the row's number alone.

    Args:
        rows: rows of the table, padding row 0 included.
        width: E, a multiple of 64; the noise of a cosine is about 1 / sqrt(E).

    Call arguments:
        pieces: int32 [N, T, P], as of `WordHashing`.

    Masking:
        as `WordHashing`.

    Source: Achlioptas 2003, "Database-friendly random projections"; that words and letter
    trigrams are what is projected, Huang et al. 2013, section 3.2.
    """

    def build(self, pieces_shape: Shape) -> None:
        signs = random_signs(self.rows, self.width)
        self.table = tf.constant(signs)  # no weight of the layer's, so it is not saved
        self.log_weight = self.add_weight((self.rows,), initializer="zeros", name="log_weight")


@register
class Beside(keras.layers.Layer):
    """Two vectors joined, each brought to length 1 first, the second times a learned gain.

    The class's name stands in every saved model, so another name would not load them.

    The cosine of two such vectors is a weighted mean of the cosines of their parts.

    Call arguments:
        one: [N, E].
        other: [N, L].
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)

    def build(self, one_shape: Shape, other_shape: Shape) -> None:
        initial = keras.initializers.Constant(-0.5)
        self.log_gain = self.add_weight((), initializer=initial, name="log_gain")

    def call(self, one: Tensor, other: Tensor) -> Tensor:
        gained = ops.exp(self.log_gain) * unit_length(other)  # [N, L]
        return ops.concatenate([unit_length(one), gained], axis=-1)  # [N, E + L]

    def compute_output_shape(self, one_shape: Shape, other_shape: Shape) -> Shape:
        one, other = one_shape[-1], other_shape[-1]
        return (*one_shape[:-1], None if one is None or other is None else one + other)
