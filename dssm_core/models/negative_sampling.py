"""The notebook's softmax over a query's K + 1 cosines: one positive and K negatives.

Source: notebook, `NegativeSamplingModelBuilder` and `MLPNegativeSamplingModelBuilder` (rows 1 and
2). Shape letters: B queries of a batch, K negatives, N rows, L width of a multi-hot input, E
vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from dssm_core.models.layers import Shape, Tensor, register, unit_length


def tiled_cosine(query: Tensor, documents: Tensor, neg_num: int | None = None) -> Tensor:
    """Return the cosines of each query with its positive and its negatives.

    1. Tiled documents to [B, K + 1, E]: row k * B + b is document k of query b.
    2. All to length 1; a zero vector stays zero, with zero gradient.
    3. Their products, [B, K + 1].

    Args:
        query: [B, E], any B.
        documents: [(K + 1) * B, E], the B positives first; or [B, K + 1, E], the positive first.
        neg_num: K; without it, what the shapes say.

    Returns:
        [B, K + 1] in [-1, 1], up to float rounding; column 0 is the positive.

    Raises:
        ValueError: if the shapes do not fit. A graph that learns the batch size only as it runs
            raises tf.errors.InvalidArgumentError, in the same words.

    Source: notebook, `NegativeSamplingModelBuilder.cosine`, without its fixed batch size.
    """
    columns = "(K + 1)" if neg_num is None else f"{neg_num + 1}"
    expected = (
        f"tiled_cosine needs query [B, E] and documents [{columns} * B, E] or [B, {columns}, E], "
        f"not {tuple(query.shape)} and {tuple(documents.shape)}"
    )
    if not _shapes_fit(tuple(query.shape), tuple(documents.shape), neg_num):
        raise ValueError(expected)
    if len(documents.shape) == 2:
        rows, width = ops.shape(query)[0], query.shape[1]
        count = ops.shape(documents)[0] // rows  # K + 1
        if not isinstance(count, int):  # not known until the graph runs
            wanted = rows * (count if neg_num is None else neg_num + 1)
            fits = tf.debugging.assert_equal(tf.shape(documents)[0], wanted, message=expected)
            with tf.control_dependencies([fits]):
                documents = tf.identity(documents)
        shape = (count if neg_num is None else neg_num + 1, rows, width)
        documents = ops.transpose(ops.reshape(documents, shape), (1, 0, 2))  # [B, K + 1, E]
    return ops.einsum("be,bke->bk", unit_length(query), unit_length(documents))


def _shapes_fit(
    query: tuple[int | None, ...], documents: tuple[int | None, ...], neg_num: int | None
) -> bool:
    """Return False where the sizes that are known contradict `tiled_cosine`'s contract."""
    if len(query) != 2 or len(documents) not in (2, 3) or query[-1] != documents[-1]:
        return False
    rows, first = query[0], documents[0]
    if len(documents) == 3:
        columns = documents[1]
        if rows is not None and first is not None and rows != first:
            return False
    else:
        if rows is None or first is None:
            return True
        if rows == 0 or first % rows:
            return False
        columns = first // rows
    return columns is None or (columns == neg_num + 1 if neg_num is not None else columns > 1)


def _check_neg_num(neg_num: int) -> int:
    if neg_num < 1:
        raise ValueError(
            f"neg_num must be at least 1, not {neg_num}: documents are [(neg_num + 1) * B, E], "
            "a positive and its negatives"
        )
    return neg_num


@register
class TiledCosine(keras.layers.Layer):
    """`tiled_cosine` as a layer, in float32.

    Args:
        neg_num: K, at least 1.

    Call arguments:
        inputs: query [B, E] and documents [(K + 1) * B, E] or [B, K + 1, E].

    Source: notebook, the Lambda layer `cosine` of `MLPNegativeSamplingModelBuilder`.
    """

    def __init__(self, neg_num: int, **kwargs: Any) -> None:
        kwargs["dtype"] = "float32"  # float16 overflows in the sum of squares
        super().__init__(**kwargs)
        self.neg_num = _check_neg_num(neg_num)

    def call(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        return tiled_cosine(*inputs, self.neg_num)

    def compute_output_shape(self, input_shape: tuple[Shape, Shape]) -> tuple[int | None, int]:
        return (input_shape[0][0], self.neg_num + 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "neg_num": self.neg_num}


@register
class FirstColumn(keras.layers.Layer):
    """The first column [B, 1] of a matrix [B, K + 1]: the positive's.

    Source: notebook, the Lambda layer `similarity` of `MLPNegativeSamplingModelBuilder`.
    """

    def call(self, matrix: Tensor) -> Tensor:
        return matrix[:, :1]

    def compute_output_shape(self, matrix_shape: Shape) -> tuple[int | None, int]:
        return (matrix_shape[0], 1)


class NegativeSamplingModelBuilder:
    """Base of the builders whose models see a query with one positive and `neg_num` negatives.

    Args:
        neg_num: K, at least 1.
        params: replaces some of `default_params`.

    Raises:
        ValueError: if neg_num is under 1.

    Source: notebook, `NegativeSamplingModelBuilder` (row 1).
    """

    def __init__(self, neg_num: int = 10, params: Mapping[str, int] | None = None) -> None:
        self.neg_num = _check_neg_num(neg_num)
        self.params = {**self.default_params(), **(params or {})}
        self.model: keras.Model | None = None
        self.observable_model: keras.Model | None = None

    def build_model(self) -> keras.Model:
        """Return the compiled model, the same one each time."""
        raise NotImplementedError

    def build_observable_model(self) -> keras.Model:
        """Return a model of the same weights that shows what is inside, the same one each time."""
        raise NotImplementedError

    def cosine(self, x: tuple[Tensor, Tensor]) -> Tensor:
        """Return the cosines [B, neg_num + 1] of (query, documents), as `tiled_cosine`."""
        return tiled_cosine(*x, self.neg_num)

    def default_params(self) -> dict[str, int]:
        """Return the notebook's sizes; vocab_size is read by none of its models."""
        return {
            "vocab_size": 100,
            "vec_dim": 256,
            "batch_size": 32,
            "query_max_len": 10,
            "doc_max_len": 100,
        }

    def batches(self, query: np.ndarray, documents: np.ndarray) -> tf.data.Dataset:
        """Return batches that the model's `fit` and `predict` take.

        Keras wants arrays of as many rows on both sides, and a query has neg_num + 1 documents;
        a dataset of whole batches it takes as it is.

        Args:
            query: [N, L], multi-hot.
            documents: [N, neg_num + 1, L], the positive first.

        Returns:
            ((query [B, L], documents [(neg_num + 1) * B, L]), ones [B, 1]), B rows being
            params["batch_size"] and what is left in the last.

        Raises:
            ValueError: if the shapes do not fit.
        """
        fits = query.ndim == 2 and documents.ndim == 3
        if not fits or documents.shape[:2] != (len(query), self.neg_num + 1):
            raise ValueError(
                f"batches needs query [N, L] and documents [N, {self.neg_num + 1}, L], "
                f"not {query.shape} and {documents.shape}"
            )
        width = documents.shape[2]

        def tile(query: Tensor, documents: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
            tiled = tf.reshape(tf.transpose(documents, (1, 0, 2)), (-1, width))  # [(K + 1) * B, L]
            return (query, tiled), tf.ones((tf.shape(query)[0], 1))

        rows = tf.data.Dataset.from_tensor_slices((query, documents))
        return rows.batch(self.params["batch_size"]).map(tile)


class MLPNegativeSamplingModelBuilder(NegativeSamplingModelBuilder):
    """Two towers of two Dense layers over multi-hot texts, and a softmax over the documents.

    Args:
        neg_num: K, at least 1.
        params: replaces some of `default_params`.
        towers: a functional model of a pair with layers `query_vec` and `doc_vec`, such as
            `build_mlp_model` gives, to train in place of new towers: this is how `train` makes
            a model folder of a builder's model.

    The model takes `query_input` [B, query_max_len] and `doc_input` [(neg_num + 1) * B,
    doc_max_len], tiled as `tiled_cosine` says: directly, by `train_on_batch`, or by `fit` and
    `predict` on what `batches` returns.

    Cosines lie in [-1, 1], so with 10 negatives `similarity` cannot exceed
    e / (e + 10 / e) = 0.42, and recall and precision, which ask for 0.5, stay at 0 however well it
    ranks: the notebook has no factor before the softmax, which the paper has.

    Source: notebook, `MLPNegativeSamplingModelBuilder` (row 2).
    """

    def __init__(
        self,
        neg_num: int = 10,
        params: Mapping[str, int] | None = None,
        towers: keras.Model | None = None,
    ) -> None:
        super().__init__(neg_num, params)
        self.towers = towers

    def build_model(self) -> keras.Model:
        """Return the model with output `similarity` [B, 1], the softmax's share of the positive.

        Compiled with sgd, binary cross-entropy, accuracy, recall and precision; labels are ones.
        """
        if self.model is not None:
            return self.model
        inputs, vectors = self._towers()
        cosine = TiledCosine(self.neg_num, name="cosine")(vectors)  # [B, K + 1]
        share = keras.layers.Activation("softmax", name="softmax")(cosine)  # [B, K + 1]
        similarity = FirstColumn(name="similarity")(share)  # [B, 1]
        self.model = keras.Model(inputs, [similarity], name="mlp_negative_sampling_model")
        metrics = ["accuracy", keras.metrics.Recall(), keras.metrics.Precision()]
        self.model.compile(optimizer="sgd", loss="binary_crossentropy", metrics=metrics)
        return self.model

    def _towers(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return the inputs and the vectors [B, E] and [(K + 1) * B, E] of both towers."""
        if self.towers is not None:
            layers = [self.towers.get_layer(name) for name in ("query_vec", "doc_vec")]
            return self.towers.inputs, [layer.output for layer in layers]
        inputs, vectors = [], []
        for side in ("query", "doc"):
            texts = keras.Input((self.params[f"{side}_max_len"],), name=f"{side}_input")
            hidden = keras.layers.Dense(1024, name=f"{side}_dense_1")(texts)  # [B, 1024]
            vectors.append(keras.layers.Dense(self.params["vec_dim"], name=f"{side}_vec")(hidden))
            inputs.append(texts)
        return inputs, vectors

    def build_observable_model(self) -> keras.Model:
        """Return the model with outputs query_vec [B, E], doc_vec [(K + 1) * B, E], similarity."""
        if self.observable_model is None:
            model = self.build_model()
            layers = ("query_vec", "doc_vec", "similarity")
            outputs = [model.get_layer(name).output for name in layers]
            self.observable_model = keras.Model(model.inputs, outputs)
        return self.observable_model
