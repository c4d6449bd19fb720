"""The shared-embedding LSTM model: one Embedding and one LSTM read both query and document.

Source: notebook, `build_lstm_model` (NOTEBOOK.md row 5). Shape letters: N rows, T tokens,
P pieces, E embedding, H LSTM units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import keras

from dssm_core.models.layers import Attention, Cosine, UnitVector, WordHashing, token_mask


@dataclass(frozen=True)
class LSTMConfig:
    """Every size and choice of the LSTM model; the defaults are the notebook's.

    Attributes:
        query_length: tokens read of a query.
        document_length: tokens read of a document.
        vocabulary: rows of the embedding table; row 0 is padding when there are pieces.
        embedding: E, width of the table.
        units: H of the LSTM.
        hidden: width of the first Dense.
        vector: width of a text's vector.
        pieces: hashed pieces a word (P); 0 reads plain word ids, as the notebook does.
        attention: units of the Bahdanau attention; 0 for none, as in the notebook.
        dropout: spatial dropout on the embeddings, in training only.
        dense: "per side", a Dense stack for queries and one for documents, as in the notebook;
            "shared", one for both, so that a text is always nearest to itself.
        head: "positive", the scale starts at 1 and cannot go below 0; "free", the notebook's,
            which ranks backwards whenever it is drawn negative.
    """

    query_length: int = 6
    document_length: int = 10
    vocabulary: int = 100
    embedding: int = 128
    units: int = 32
    hidden: int = 1024
    vector: int = 256
    pieces: int = 0
    attention: int = 0
    dropout: float = 0.0
    dense: Literal["per side", "shared"] = "per side"
    head: Literal["positive", "free"] = "positive"

    def __post_init__(self) -> None:
        sizes = ("query_length", "document_length", "embedding", "units", "hidden", "vector")
        for name in sizes:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.vocabulary < 2:
            raise ValueError(f"vocabulary must be at least 2 rows, not {self.vocabulary}")
        if self.dense == "shared" and not (self.pieces or self.attention):
            raise ValueError('dense="shared" needs pieces or attention: it masks padding')
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), not {self.dropout}")


def probability_head(head: Literal["positive", "free"] = "positive") -> keras.layers.Dense:
    """Return the layer that turns a cosine into a probability: sigmoid(w * cosine + b).

    Args:
        head: "positive" starts w at 1 and keeps it at 0 or above; "free" draws it from
            +-sqrt(3) as Keras does by default, and half of all draws rank backwards.
    """
    if head == "free":
        return keras.layers.Dense(1, activation="sigmoid", name="out", dtype="float32")
    return keras.layers.Dense(
        1,
        activation="sigmoid",
        kernel_initializer="ones",
        kernel_constraint=keras.constraints.NonNeg(),
        name="out",
        dtype="float32",
    )


def build_lstm_model(config: LSTMConfig | None = None) -> keras.Model:
    """Build the shared-embedding LSTM model.

    1. Query and document through one embedding, [N, T, E], and one LSTM, [N, H].
    2. With attention: the tokens' LSTM outputs and embeddings, weighed by it, join the last state.
    3. Dense, Dense to the vectors `query_vec` and `doc_vec`, [N, vector].
    4. `cos`, the hand-written cosine, and `out`, the sigmoid on `Dot`, [N, 1] each.

    Args:
        config: sizes and choices; the notebook's without it (625,794 parameters).

    Returns:
        An uncompiled functional model; inputs `query` and `doc`, int32 [N, T] or [N, T, P];
        outputs by name: `out`, `cos`, and with attention `query_attention` and `doc_attention`,
        [N, T]. The loss goes on `out` alone: `compile(loss={"out": ...})`.

    Source: notebook, `build_lstm_model` (NOTEBOOK.md row 5); the attention's inputs and the
    hashed embedding are measured in DESIGN.md section 6.
    """
    config = config or LSTMConfig()
    query_shape: tuple[int | None, ...] = (config.query_length,)
    document_shape: tuple[int | None, ...] = (config.document_length,)
    if config.pieces:  # any length, so that short texts are not padded to the longest
        query_shape = document_shape = (None, config.pieces)
    query = keras.Input(query_shape, name="query", dtype="int32")
    document = keras.Input(document_shape, name="doc", dtype="int32")
    embedding = (
        WordHashing(config.vocabulary, config.embedding, name="embedding")
        if config.pieces
        else keras.layers.Embedding(config.vocabulary, config.embedding, name="embedding")
    )
    dropout = keras.layers.SpatialDropout1D(config.dropout) if config.dropout else None
    pool = _pooling(config)
    stacks = [_dense_stack(config, side) for side in ("query", "doc")]
    if config.dense == "shared":
        stacks[1] = stacks[0]

    vectors, outputs = [], {}
    for side, ids, stack in zip(("query", "doc"), (query, document), stacks, strict=True):
        embedded = embedding(ids)  # [N, T, E]
        mask = token_mask(ids) if config.pieces or config.attention else None
        summary, attended, weights = pool(dropout(embedded) if dropout else embedded, mask)
        vector = stack(summary, attended)
        if config.dense == "shared":
            vector = UnitVector(name=f"{side}_vec", dtype="float32")(vector, mask)
        vectors.append(vector)
        if weights is not None:
            name = f"{side}_attention"
            outputs[name] = keras.layers.Flatten(name=name, dtype="float32")(weights)  # [N, T]
    dot = keras.layers.Dot(axes=1, normalize=True, name="dot", dtype="float32")(vectors)
    outputs = {
        "out": probability_head(config.head)(dot),
        "cos": Cosine(name="cos")(vectors),
        **outputs,
    }
    return keras.Model([query, document], outputs, name="lstm_model")


def _pooling(config: LSTMConfig) -> Any:
    """Return a function from embeddings to (summary [N, F], attended embeddings, weights)."""
    if not config.attention:
        lstm = keras.layers.LSTM(config.units, name="lstm")
        return lambda embedded, mask: (lstm(embedded, mask=mask), None, None)
    lstm = keras.layers.LSTM(
        config.units, return_sequences=True, return_state=True, name="lstm"
    )
    attention = Attention(config.attention, name="attention")

    def pool(embedded: Any, mask: Any) -> tuple[Any, Any, Any]:
        outputs, last, _ = lstm(embedded, mask=mask)  # [N, T, H], [N, H]
        features = keras.layers.Concatenate()([outputs, embedded])  # [N, T, H + E]
        context, weights = attention(features, last, mask=mask)  # [N, H + E], [N, T, 1]
        summary = keras.layers.Concatenate()([context[:, : config.units], last])
        return summary, context[:, config.units :], weights

    return pool


def _dense_stack(config: LSTMConfig, side: str) -> Any:
    """Return a function from (summary, attended embeddings or None) to the vector [N, vector]."""
    own = config.dense == "per side"
    hidden = keras.layers.Dense(config.hidden, name=f"{side}_dense" if own else "dense")
    vector = keras.layers.Dense(config.vector, name=f"{side}_vec" if own else "vec")
    skip = keras.layers.Dense(
        config.vector, use_bias=False, name=f"{side}_skip" if own else "skip"
    )

    def stack(summary: Any, attended: Any) -> Any:
        dense = vector(hidden(summary))
        return dense if attended is None else keras.layers.Add()([dense, skip(attended)])

    return stack
