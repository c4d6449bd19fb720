"""The notebook's two LSTM models, functional and subclassed.

Source: notebook, `build_lstm_model` and `LSTMModel` (rows 5, 6 and 10).
Shape letters: N rows, T tokens, P pieces, E embedding, H LSTM units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import keras

from dssm_core.families import Config
from dssm_core.models.layers import (
    Attention,
    Beside,
    Cosine,
    Shape,
    SignHashing,
    Tensor,
    UnitVector,
    WordHashing,
    check_least,
    register,
    token_mask,
)
from dssm_core.models.tower import Tower, model_input
from dssm_core.towers import Side

Pooled: TypeAlias = tuple[Tensor, Tensor | None, Tensor | None]
"""Summary [N, F]; with attention the attended embeddings [N, E] and the weights [N, T, 1]."""


@dataclass(frozen=True)
class LSTMConfig(Config):
    """Every size and choice of the LSTM model; the defaults are the notebook's.

    Attributes:
        embedding: E, width of the table.
        units: H of the LSTM.
        hidden: width of the first Dense.
        vector: width of a text's vector.
        attention: units of the Bahdanau attention; 0 for none, as in the notebook.
        dropout: spatial dropout on the embeddings, in training only.
        lexical: width of the vector's lexical part, a multiple of 64: the attended words as fixed
            random signs of their hashed pieces, beside the `vector` that is learned; 0 for none.
        dense: "per side", a Dense stack for queries and one for documents, as in the notebook;
            "shared", one for both, so that a text is always nearest to itself.
    """

    embedding: int = 128
    units: int = 32
    hidden: int = 1024
    vector: int = 256
    attention: int = 0
    dropout: float = 0.0
    lexical: int = 0
    dense: Literal["per side", "shared"] = "per side"

    def __post_init__(self) -> None:
        sizes = ("query_length", "document_length", "embedding", "units", "hidden", "vector")
        check_least(self, **dict.fromkeys(sizes, 1), vocabulary=2, pieces=0, attention=0)
        if self.dense == "shared" and not (self.pieces or self.attention):
            raise ValueError('dense="shared" needs pieces or attention: it masks padding')
        if self.lexical % 64 or (self.lexical and not (self.pieces and self.attention)):
            raise ValueError(
                f"lexical must be a multiple of 64, with pieces and attention, not {self.lexical}"
            )
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


def cosine_dot(is_unit: bool) -> keras.layers.Dot:
    """Return the `Dot` that computes the cosine.

    Args:
        is_unit: whether the vectors come out of a `UnitVector`; brought to length 1 again, a text's
            vector near zero would have an unbounded gradient.
    """
    return keras.layers.Dot(axes=1, normalize=not is_unit, name="dot", dtype="float32")


def build_lstm_model(config: LSTMConfig | None = None) -> keras.Model:
    """Build the shared-embedding LSTM model.

    1. Query and document through one embedding, [N, T, E], and one LSTM, [N, H].
    2. With attention: the tokens' LSTM outputs and embeddings, weighed by it, join the last state.
    3. Dense, Dense to the vectors `query_vec` and `doc_vec`, [N, vector]; with a lexical part
       it stands behind that, [N, vector + lexical].
    4. `cos`, the hand-written cosine, and `out`, the sigmoid on `Dot`, [N, 1] each.

    Args:
        config: sizes and choices; the notebook's without it (625,794 parameters).

    Returns:
        An uncompiled functional model; inputs `query` and `doc`, int32 [N, T] or [N, T, P];
        outputs by name: `out`, `cos`, and with attention `query_attention` and `doc_attention`,
        [N, T]. The loss goes on `out` alone: `compile(loss={"out": ...})`.

    Source: notebook, `build_lstm_model` (row 5); the attention's inputs and the
    hashed embedding are measured in docs/design.md, "Measured once".
    """
    config = config or LSTMConfig()
    query_shape: tuple[int | None, ...] = (config.query_length,)
    document_shape: tuple[int | None, ...] = (config.document_length,)
    if config.pieces:  # any length, so that short texts are not padded to the longest
        query_shape = document_shape = (None, config.pieces)
    query = keras.Input(query_shape, name="query", dtype="int32")
    document = keras.Input(document_shape, name="doc", dtype="int32")
    embedding = _embedding(config)
    dropout = keras.layers.SpatialDropout1D(config.dropout) if config.dropout else None
    pool = _pooling(config)
    if config.lexical:
        lexical = SignHashing(config.vocabulary, config.lexical, name="lexical")
        beside = Beside(name="beside")
    stacks = [_dense_stack(config, side) for side in ("query", "doc")]
    if config.dense == "shared":
        stacks[1] = stacks[0]

    vectors, outputs = [], {}
    for side, ids, stack in zip(("query", "doc"), (query, document), stacks, strict=True):
        embedded = embedding(ids)  # [N, T, E]
        mask = token_mask(ids) if config.pieces or config.attention else None
        summary, attended, weights = pool(dropout(embedded) if dropout else embedded, mask)
        vector = stack(summary, attended)
        if config.lexical:
            vector = beside(vector, keras.ops.sum(weights * lexical(ids), axis=1))
        if mask is not None:  # an empty text is a zero vector at first: Dot's gradient is 1e7
            vector = UnitVector(name=f"{side}_vec")(vector, mask)
        vectors.append(vector)
        if weights is not None:
            name = f"{side}_attention"
            outputs[name] = keras.layers.Flatten(name=name, dtype="float32")(weights)  # [N, T]
    is_unit = bool(config.pieces or config.attention)
    outputs = {
        "out": probability_head(config.head)(cosine_dot(is_unit)(vectors)),
        "cos": Cosine(name="cos")(vectors),
        **outputs,
    }
    return keras.Model([query, document], outputs, name="lstm_model")


def _embedding(config: LSTMConfig) -> keras.layers.Layer:
    """Return the layer from ids [N, T] or pieces [N, T, P] to embeddings [N, T, E]."""
    layer = WordHashing if config.pieces else keras.layers.Embedding
    return layer(config.vocabulary, config.embedding, name="embedding")


def _pooling(config: LSTMConfig) -> Callable[..., Pooled]:
    """Return a function from embeddings to (summary [N, F], attended embeddings, weights)."""
    if not config.attention:
        lstm = keras.layers.LSTM(config.units, name="lstm")
        return lambda embedded, mask: (lstm(embedded, mask=mask), None, None)
    lstm = keras.layers.LSTM(config.units, return_sequences=True, return_state=True, name="lstm")
    attention = Attention(config.attention, name="attention")

    def pool(embedded: Tensor, mask: Tensor) -> Pooled:
        outputs, last, _ = lstm(embedded, mask=mask)  # [N, T, H], [N, H]
        features = keras.layers.Concatenate()([outputs, embedded])  # [N, T, H + E]
        context, weights = attention(features, last, mask=mask)  # [N, H + E], [N, T, 1]
        summary = keras.layers.Concatenate()([context[:, : config.units], last])
        return summary, context[:, config.units :], weights

    return pool


def _dense_stack(config: LSTMConfig, side: str) -> Callable[..., Tensor]:
    """Return a function from (summary, attended embeddings or None) to the vector [N, vector]."""
    own = config.dense == "per side"
    masked = config.pieces or config.attention
    hidden = keras.layers.Dense(config.hidden, name=f"{side}_dense" if own else "dense")
    vector = keras.layers.Dense(
        config.vector, name="vec" if not own else f"{side}_dense_2" if masked else f"{side}_vec"
    )
    skip = keras.layers.Dense(config.vector, use_bias=False, name=f"{side}_skip" if own else "skip")

    def stack(summary: Tensor, attended: Tensor | None) -> Tensor:
        dense = vector(hidden(summary))
        return dense if attended is None else keras.layers.Add()([dense, skip(attended)])

    return stack


def compile_by_name(model: keras.Model, loss: dict[str, object], **settings: object) -> None:
    """Compile a model with its losses by output name, and say at once if there is no such output.

    Keras itself waits until `fit`, with a KeyError that does not say which outputs there are.

    Args:
        model: functional with outputs by name, or `LSTMModel`.
        loss: by output name; an output that is left out has no loss.
        settings: as for `compile`.

    Raises:
        ValueError: naming the model's outputs.

    Source: notebook, where `loss={"out": ...}` failed (row 10).
    """
    unknown = sorted(set(loss) - set(model.output_names))
    if unknown:
        raise ValueError(
            f"no output is called {', '.join(unknown)}; "
            f"{model.name}'s outputs are {', '.join(model.output_names)}"
        )
    model.compile(loss=loss, **settings)


@register
class LSTMModel(keras.Model):
    """The subclassed LSTM model: a shared embedding, then an LSTM and a Dense for each side.

    The notebook also declares a Dense 1024 for each side and never calls it. A layer that is
    not called has no weights and changes nothing, so it is left out here, and `config.hidden`
    is not read. Neither are the two lengths: texts of any length are read.

    Args:
        config: sizes and choices; the notebook's without it. Neither attention nor
            dense="shared", which `build_lstm_model` has.

    Call arguments:
        inputs: query and document, int32 [N, T] each, or [N, T, P] with pieces.

    Masking:
        With pieces, padding is left out and a text without tokens is the zero vector; without,
        id 0 is a word like any other, as in the notebook.

    Returns:
        {"cos": [N, 1], "out": [N, 1]}; the loss goes on by name, `compile(loss={"out": ...})`,
        and so should labels, `{"out": labels}`: run eagerly, Keras takes a bare batch of two
        labels for the labels of two outputs.

    Raises:
        ValueError: if the config asks for attention or one Dense for both sides.

    Source: notebook, `LSTMModel` (row 6).
    """

    output_names = ("cos", "out")

    def __init__(self, config: LSTMConfig | None = None, name: str = "lstm_model") -> None:
        super().__init__(name=name)
        self.config = config = config or LSTMConfig()
        if config.attention or config.dense == "shared":
            raise ValueError(
                "LSTMModel has no attention and a Dense per side, "
                f'not attention={config.attention}, dense="{config.dense}": use build_lstm_model'
            )
        self.embedding = _embedding(config)
        self.dropout = keras.layers.SpatialDropout1D(config.dropout)
        self.query_lstm = keras.layers.LSTM(config.units, name="query_lstm")
        self.doc_lstm = keras.layers.LSTM(config.units, name="doc_lstm")
        self.query_dense_2 = keras.layers.Dense(config.vector, name="query_vec")
        self.doc_dense_2 = keras.layers.Dense(config.vector, name="doc_vec")
        self.unit = UnitVector(name="unit")
        self.cosine = Cosine(name="similarity")
        self.dot = cosine_dot(is_unit=bool(config.pieces))
        self.out = probability_head(config.head)

    def build(self, input_shape: Sequence[Shape]) -> None:
        self.embedding.build(input_shape[0])
        for lstm, dense in (
            (self.query_lstm, self.query_dense_2),
            (self.doc_lstm, self.doc_dense_2),
        ):
            lstm.build((None, None, self.config.embedding))
            dense.build((None, self.config.units))
        self.out.build((None, 1))
        self.built = True

    def call(self, inputs: tuple[Tensor, Tensor], training: bool = False) -> dict[str, Tensor]:
        query, document = inputs
        query_vec = self.query_tower(query, training)  # [N, E]
        document_vec = self.document_tower(document, training)  # [N, E]
        out = self.out(self.dot([query_vec, document_vec]))  # [N, 1]
        return {"cos": self.cosine([query_vec, document_vec]), "out": out}

    def towers(self) -> dict[Side, Tower]:
        """Return the two towers; see `cut_towers`."""
        return {"query": self._cut(self.query_tower), "document": self._cut(self.document_tower)}

    def _cut(self, tower: Callable[..., Tensor]) -> Tower:
        config = self.config

        def call(texts: Tensor, training: bool = False) -> list[Tensor]:
            return [tower(model_input(texts, config.pieces), training)]

        return Tower(call, config.vector, False, config.pieces, (config.vector,))

    def query_tower(self, ids: Tensor, training: bool = False) -> Tensor:
        """Return the vectors [N, E] of queries, int32 [N, T] or [N, T, P]."""
        return self._tower(ids, self.query_lstm, self.query_dense_2, training)

    def document_tower(self, ids: Tensor, training: bool = False) -> Tensor:
        """Return the vectors [N, E] of documents, int32 [N, T] or [N, T, P]."""
        return self._tower(ids, self.doc_lstm, self.doc_dense_2, training)

    def _tower(
        self, ids: Tensor, lstm: keras.layers.LSTM, dense: keras.layers.Dense, training: bool
    ) -> Tensor:
        embedded = self.dropout(self.embedding(ids), training=training)  # [N, T, E]
        if not self.config.pieces:
            return dense(lstm(embedded))
        mask = token_mask(ids)  # [N, T]
        return self.unit(dense(lstm(embedded, mask=mask)), mask)

    def get_config(self) -> dict[str, Any]:
        return {"config": asdict(self.config), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: object = None) -> LSTMModel:
        return cls(LSTMConfig(**config["config"]), config["name"])


def build_subclass(config: LSTMConfig) -> LSTMModel:
    """Return an `LSTMModel` that has its weights."""
    model = LSTMModel(config)
    model.build([(None, None, config.pieces)] * 2)
    return model
