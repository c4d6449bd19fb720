"""BERT and its nearest relatives in NumPy: embeddings, layers of self-attention, attention weights.

Without torch, so that a sentence-transformers folder opens in a second, and with the weights of
attention, which an ONNX file does not give. Shape letters: N texts, T pieces, H hidden, A heads.

Source: Devlin et al. 2019, "BERT"; Liu et al. 2019, "RoBERTa"; Sanh et al. 2019, "DistilBERT";
Song et al. 2020, "MPNet" (relative positions as in T5: Raffel et al. 2020, section 2.1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dssm_core.process import use_one_thread

KINDS = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert", "mpnet")
"""Values of `model_type` in config.json that this module computes."""

BUCKETS = 32
"""Of MPNet's distances."""

# Each family's own names of the same things.
_LAYERS = {"distilbert": "transformer.layer"}
_NAMES = {
    "bert": {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "out": "attention.output.dense",
        "first norm": "attention.output.LayerNorm",
        "wide": "intermediate.dense",
        "narrow": "output.dense",
        "second norm": "output.LayerNorm",
    },
    "distilbert": {
        "query": "attention.q_lin",
        "key": "attention.k_lin",
        "value": "attention.v_lin",
        "out": "attention.out_lin",
        "first norm": "sa_layer_norm",
        "wide": "ffn.lin1",
        "narrow": "ffn.lin2",
        "second norm": "output_layer_norm",
    },
    "mpnet": {
        "query": "attention.attn.q",
        "key": "attention.attn.k",
        "value": "attention.attn.v",
        "out": "attention.attn.o",
        "first norm": "attention.LayerNorm",
        "wide": "intermediate.dense",
        "narrow": "output.dense",
        "second norm": "output.LayerNorm",
    },
}


class Bert:
    """An encoder of the BERT family.

    Args:
        config: as config.json holds it.
        weights: as model.safetensors holds them.

    Attributes:
        width: H.
        max_length: pieces that it has positions for.
        size: ids that it has an embedding for.

    Raises:
        KeyError: if a size or a weight is missing.
        ValueError: if a weight has another shape than the sizes say, or a size is not supported.
    """

    def __init__(self, config: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> None:
        kind = config["model_type"]
        if kind not in KINDS:
            raise ValueError(f"model_type is {kind!r}, not one of {', '.join(KINDS)}")
        if config.get("position_embedding_type", "absolute") != "absolute":
            raise ValueError(f"position_embedding_type is {config['position_embedding_type']!r}")
        if config.get("is_decoder"):
            raise ValueError("is_decoder is true")
        self._weights = {_short(name): array for name, array in weights.items()}
        self._names = _NAMES.get(kind, _NAMES["bert"])
        self._prefix = _LAYERS.get(kind, "encoder.layer")
        self._number = int(config.get("num_hidden_layers") or config["n_layers"])
        self._heads = int(config.get("num_attention_heads") or config["n_heads"])
        self._epsilon = float(config.get("layer_norm_eps", 1e-12))
        self._activate = _activation(config.get("hidden_act") or config.get("activation", "gelu"))
        self.size, self.width = self._weights["embeddings.word_embeddings.weight"].shape
        # RoBERTa's and MPNet's first position is after that of padding.
        self._padding = (
            None if kind in ("bert", "distilbert") else int(config.get("pad_token_id", 1))
        )
        self._has_relative = kind == "mpnet"
        self._check()
        positions = len(self._weights["embeddings.position_embeddings.weight"])
        self.max_length = positions - (0 if self._padding is None else self._padding + 1)
        use_one_thread()

    def _check(self) -> None:
        """Refuse weights that do not fit each other, before the first text does."""
        width = self.width
        if self._heads < 1 or width % self._heads:
            raise ValueError(f"{width} units in {self._heads} heads")
        self._expect("embeddings.position_embeddings.weight", None, width)
        self._expect_pair("embeddings.LayerNorm", width)
        if "embeddings.token_type_embeddings.weight" in self._weights:
            self._expect("embeddings.token_type_embeddings.weight", None, width)
        if self._has_relative:
            self._expect("encoder.relative_attention_bias.weight", BUCKETS, self._heads)
        for layer in range(self._number):
            names = {name: f"{self._prefix}.{layer}.{key}" for name, key in self._names.items()}
            wide = len(self._weights[f"{names['wide']}.bias"])
            for name in ("query", "key", "value", "out"):
                self._expect_pair(names[name], width, width)
            self._expect_pair(names["wide"], wide, width)
            self._expect_pair(names["narrow"], width, wide)
            self._expect_pair(names["first norm"], width)
            self._expect_pair(names["second norm"], width)

    def _expect(self, name: str, *shape: int | None) -> None:
        """Refuse a weight of another shape, where None stands for any length but 0."""
        found = self._weights[name].shape
        wanted = [have if want is None else want for have, want in zip(found, shape, strict=False)]
        if list(found) != wanted or len(found) != len(shape) or 0 in found:
            raise ValueError(f"{name} has the shape {' × '.join(map(str, found))}")

    def _expect_pair(self, name: str, *shape: int) -> None:
        self._expect(f"{name}.weight", *shape)
        self._expect(f"{name}.bias", shape[0])

    def __call__(self, ids: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Encode texts.

        Args:
            ids: int [N, T].
            mask: bool [N, T], True where there is a piece.

        Returns:
            hidden float32 [N, T, H], and the last layer's attention weights, mean over heads,
            float32 [N, T, T]: row t is how much position t takes from each other.
        """
        hidden = self._embed(ids)
        bias = np.where(mask, 0, -1e9).astype(np.float32)[:, None, None, :]
        if self._has_relative:
            bias = bias + self._relative_bias(ids.shape[1])
        attention = np.zeros(0, np.float32)
        for layer in range(self._number):
            mixed, attention = self._attend(hidden, bias, layer)
            hidden = self._norm(hidden + mixed, layer, "first norm")
            wide = self._activate(self._dense(hidden, layer, "wide"))
            hidden = self._norm(hidden + self._dense(wide, layer, "narrow"), layer, "second norm")
        return hidden, attention.mean(1)

    def _embed(self, ids: np.ndarray) -> np.ndarray:
        weights = self._weights
        positions = np.arange(ids.shape[1])
        if self._padding is not None:  # a text may hold the name of padding itself
            counted = ids != self._padding
            positions = counted.cumsum(1) * counted + self._padding
        hidden = weights["embeddings.word_embeddings.weight"][ids]
        hidden = hidden + weights["embeddings.position_embeddings.weight"][positions]
        kinds = weights.get("embeddings.token_type_embeddings.weight")
        if kinds is not None:
            hidden = hidden + kinds[0]
        gain, shift = (weights[f"embeddings.LayerNorm.{name}"] for name in ("weight", "bias"))
        return _layer_norm(hidden, gain, shift, self._epsilon)

    def _attend(
        self, hidden: np.ndarray, bias: np.ndarray, layer: int
    ) -> tuple[np.ndarray, np.ndarray]:
        number, length, width = hidden.shape

        def heads(name: str) -> np.ndarray:  # [N, A, T, H / A]
            values = self._dense(hidden, layer, name)
            return values.reshape(number, length, self._heads, -1).transpose(0, 2, 1, 3)

        scores = heads("query") @ heads("key").swapaxes(-1, -2)
        scores = scores / np.float32(math.sqrt(width // self._heads)) + bias
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        attention = scores / scores.sum(-1, keepdims=True)  # [N, A, T, T]
        mixed = (attention @ heads("value")).transpose(0, 2, 1, 3).reshape(hidden.shape)
        return self._dense(mixed, layer, "out"), attention

    def _relative_bias(self, length: int) -> np.ndarray:
        """Return MPNet's bias by distance, [1, A, T, T]: 32 buckets, the far ones by logarithm."""
        table = self._weights["encoder.relative_attention_bias.weight"]
        distance = np.arange(length)[None, :] - np.arange(length)[:, None]
        half = BUCKETS // 2
        near = half // 2
        size = np.abs(distance)
        far = near + (np.log(np.maximum(size, 1) / near) / np.log(128 / near) * (half - near))
        bucket = np.where(size < near, size, np.minimum(far.astype(int), half - 1))
        bucket = bucket + np.where(distance > 0, half, 0)
        result: np.ndarray = table[bucket].transpose(2, 0, 1)[None]
        return result

    def _dense(self, values: np.ndarray, layer: int, name: str) -> np.ndarray:
        key = f"{self._prefix}.{layer}.{self._names[name]}"
        result: np.ndarray = (
            values @ self._weights[f"{key}.weight"].T + self._weights[f"{key}.bias"]
        )
        return result

    def _norm(self, values: np.ndarray, layer: int, name: str) -> np.ndarray:
        key = f"{self._prefix}.{layer}.{self._names[name]}"
        gain, shift = self._weights[f"{key}.weight"], self._weights[f"{key}.bias"]
        return _layer_norm(values, gain, shift, self._epsilon)


def _short(name: str) -> str:
    """Return a weight's name without its family in front."""
    first, _, rest = name.partition(".")
    return rest if first in ("bert", "roberta", "distilbert", "mpnet") else name


def _layer_norm(
    values: np.ndarray, gain: np.ndarray, shift: np.ndarray, epsilon: float
) -> np.ndarray:
    centred = values - values.mean(-1, keepdims=True)
    variance = np.square(centred).mean(-1, keepdims=True)
    result: np.ndarray = centred / np.sqrt(variance + np.float32(epsilon)) * gain + shift
    return result


def _activation(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return an activation function by its name in config.json."""
    if name == "relu":
        return lambda values: np.maximum(values, 0)
    if name in ("gelu_new", "gelu_pytorch_tanh"):
        slope = math.sqrt(2 / math.pi)
        return lambda x: 0.5 * x * (1 + np.tanh(slope * (x + 0.044715 * x**3)))
    if name == "gelu":
        from scipy.special import erf

        return lambda x: 0.5 * x * (1 + erf(x / np.float32(math.sqrt(2))))
    raise ValueError(f"the activation {name!r}")
