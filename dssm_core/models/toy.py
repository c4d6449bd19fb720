"""The notebook's toy run: its two pairs of word ids through each of its systems.

Source: notebook, the cell after `LSTMModel`. Shape letters: N rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from dssm_core.models.lstm import LSTMConfig, LSTMModel, build_lstm_model, compile_by_name
from dssm_core.models.negative_sampling import MLPNegativeSamplingModelBuilder

ToySystem = Literal["LSTMModel", "LSTM", "negative sampling MLP"]

REPEATS = 4
"""The notebook's `repeat(4)`."""


def toy_data() -> tf.data.Dataset:
    """Return the toy data: four batches of ((query [2, 4], doc [2, 4]), label [2, 1])."""
    query = tf.data.Dataset.from_tensor_slices([[1, 2, 3, 4], [2, 3, 4, 1]])
    document = tf.data.Dataset.from_tensor_slices([[2, 1, 3, 4], [3, 4, 1, 2]])
    label = tf.data.Dataset.from_tensor_slices([[1], [0]])
    rows = tf.data.Dataset.zip((query, document, label)).shuffle(100)
    return rows.map(lambda q, d, y: ((q, d), y)).repeat(REPEATS).batch(2)


def run_toy(
    seed: int = 0,
    system: ToySystem = "LSTMModel",
    epochs: int = 1,
    on_epoch: Callable[[dict[str, float]], None] = lambda entry: None,
) -> pd.DataFrame:
    """Train one of the notebook's systems on the toy data and predict.

    1. Epochs of sgd: on the binary cross-entropy of `out`, by name, with the notebook's free
       head; or, for the builder, on its softmax over the first pair's document and
       one of other ids, as sets have no order to tell the notebook's two documents apart.
    2. Predict the same rows; the pipeline shuffles again.

    Args:
        seed: of the weights and the shuffling.
        system: which one.
        epochs: of the notebook there is one.
        on_epoch: called with each epoch's number from 1, its loss, and the head's scale.

    Returns:
        A row a prediction.

    Raises:
        ValueError: if there is no such system, or epochs is under 1.

    Frame columns:
        cosine: in [-1, 1].
        probability: in (0, 1), as the model gave it; of the builder, the softmax's share.
        logit: w * cosine + b; w and b are in `attrs["scale"]` and `attrs["bias"]`. The builder
            has no head, and neither column nor attrs.
    """
    if system not in get_args(ToySystem):
        raise ValueError(f"system must be one of {', '.join(get_args(ToySystem))}, not {system!r}")
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, not {epochs}")
    keras.utils.set_random_seed(seed)
    run = _run_builder if system == "negative sampling MLP" else _run_lstm
    return run(system, epochs, on_epoch)


def _run_lstm(
    system: ToySystem, epochs: int, on_epoch: Callable[[dict[str, float]], None]
) -> pd.DataFrame:
    data = toy_data()
    config = LSTMConfig(head="free")
    if system == "LSTM":  # its inputs have a fixed length: the ids, then zeros
        model = build_lstm_model(config)
        data = data.map(lambda texts, label: (tuple(map(_padded, texts, (6, 10))), label))
    else:
        model = LSTMModel(config)
    compile_by_name(model, {"out": "binary_crossentropy"}, optimizer="sgd")
    named = data.map(lambda texts, label: (texts, {"out": label}))
    head = model.get_layer("out")

    def report(epoch: int, logs: dict[str, float]) -> None:
        scale = head.kernel.numpy().item()
        on_epoch({"epoch": epoch + 1, "loss": float(logs["loss"]), "scale": scale})

    callback = keras.callbacks.LambdaCallback(on_epoch_end=report)
    model.fit(named, epochs=epochs, shuffle=False, verbose=0, callbacks=[callback])
    predicted = model.predict(data, verbose=0)
    kernel, bias = head.get_weights()
    cosine = predicted["cos"][:, 0]
    frame = pd.DataFrame({"cosine": cosine, "probability": predicted["out"][:, 0]})
    frame["logit"] = np.float32(kernel[0, 0]) * cosine + np.float32(bias[0])
    frame.attrs |= {"scale": float(kernel[0, 0]), "bias": float(bias[0])}
    return frame


def _padded(ids: tf.Tensor, length: int) -> tf.Tensor:
    return tf.pad(ids, [[0, 0], [0, length - 4]])


def _run_builder(
    system: ToySystem, epochs: int, on_epoch: Callable[[dict[str, float]], None]
) -> pd.DataFrame:
    builder = MLPNegativeSamplingModelBuilder(neg_num=1, params={"batch_size": 2})
    model = builder.build_model()
    query = _multi_hot([[1, 2, 3, 4]] * REPEATS, builder.params["query_max_len"])
    width = builder.params["doc_max_len"]
    right, wrong = [2, 1, 3, 4], [5, 6, 7, 8]  # the notebook's [3, 4, 1, 2] is the same set of ids
    documents = _multi_hot([right, wrong], width)[None].repeat(REPEATS, axis=0)
    data = builder.batches(query, documents)

    def report(epoch: int, logs: dict[str, float]) -> None:
        on_epoch({"epoch": epoch + 1, "loss": float(logs["loss"])})

    callback = keras.callbacks.LambdaCallback(on_epoch_end=report)
    model.fit(data, epochs=epochs, shuffle=False, verbose=0, callbacks=[callback])
    inside = keras.Model(model.inputs, [model.get_layer(n).output for n in ("cosine", "softmax")])
    cosine, share = inside.predict(data, verbose=0)
    return pd.DataFrame({"cosine": cosine.ravel(), "probability": share.ravel()})


def _multi_hot(ids: Any, width: int) -> np.ndarray:
    """Return float32 [N, width], 1 in the columns of the ids of each row."""
    hot = np.zeros((len(ids), width), np.float32)
    np.put_along_axis(hot, np.array(ids), 1.0, axis=1)
    return hot
