"""The families of models, in one registry that needs no Keras.

A family is one entry of `FAMILIES` and the module in `dssm_core.models` that its entry names:
commands, page, trainer and the archive check read everything else from here. A family reads hashed
pieces, int32 [N, T, P] (texts, words, pieces), whatever is inside it, so that one reader, one
trainer and one page serve them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Literal

from dssm_core.errors import UserError

if TYPE_CHECKING:
    import keras

Loss = Literal["retrieval", "sampled", "softmax", "binary", "labelled"]

LOSSES: tuple[Loss, ...] = ("retrieval", "sampled", "softmax", "binary", "labelled")
"""All losses; see `training.config` for what each is."""


@dataclass(frozen=True)
class Config:
    """The sizes that every family has; each adds its own.

    Attributes:
        query_length: words read of a query.
        document_length: words read of a document.
        vocabulary: rows of the table; row 0 is padding when there are pieces.
        pieces: hashed pieces a word (P); 0 reads plain word ids, as the notebook does.
        head: "positive", the scale starts at 1 and cannot go below 0; "free", the notebook's,
            which ranks backwards whenever it is drawn negative.
    """

    query_length: int = 6
    document_length: int = 10
    vocabulary: int = 100
    pieces: int = 0
    head: Literal["positive", "free"] = "positive"


@dataclass(frozen=True)
class Lab:
    """What the Lab page trains of a family.

    Attributes:
        sizes: those that train on a slice within a minute on two cores.
        losses: those to choose from, the first by default.
        negatives: negatives to prepare for each pair; 0 for none.
        seconds: that an epoch over 1,000 pairs takes on two cores.
    """

    sizes: Mapping[str, int]
    losses: tuple[Loss, ...] = ("retrieval", "binary")
    negatives: int = 0
    seconds: float = 1.0


@dataclass(frozen=True)
class Family:
    """One family.

    Attributes:
        title: what it is, in a line.
        config_class: "module:name" of its sizes, a subclass of `Config`.
        builder: "module:name" of a function from such sizes to an uncompiled Keras model, which
            `dssm_core.models.tower.cut_towers` can cut in two.
        sizes: what `train` changes in the defaults of `config_class`.
        layers: classes of its own or of Keras that its archive may hold, besides those in
            `dssm_core.archive` that any model has.
        lab: what the Lab page trains.
        training: fields of a `TrainingConfig` that differ from the defaults.
        losses: those that it can be trained with.
        reads_ids: whether it can read plain word ids (`pieces` 0).
    """

    title: str
    config_class: str
    builder: str
    sizes: Mapping[str, Any]
    layers: tuple[str, ...]
    lab: Lab
    training: Mapping[str, Any] = field(default_factory=dict)
    losses: tuple[Loss, ...] = LOSSES
    reads_ids: bool = False

    @cached_property
    def config(self) -> Config:
        """The sizes that `train` starts from; words are hashed. Imports Keras, like `build`."""
        from dssm_core.text import PIECES  # NumPy, which the command line must not wait for

        config: Config = resolve_name(self.config_class)(**{"pieces": PIECES, **self.sizes})
        return config

    def build(self, config: Config) -> keras.Model:
        """Return an uncompiled model of these sizes."""
        return resolve_name(self.builder)(config)


_LENGTHS = {"query_length": 16, "document_length": 64}
_ATTENTIVE_LSTM = {
    **_LENGTHS,
    "vocabulary": 40_000,
    "embedding": 256,
    "units": 128,
    "vector": 512,
    "attention": 64,
    "dropout": 0.3,
    "lexical": 512,
    "dense": "shared",
}
_PLAIN_LSTM = {**_LENGTHS, "vocabulary": 40_000, "embedding": 256, "units": 32, "vector": 256}
_HASHED_MLP = {**_LENGTHS, "vocabulary": 4_000}

_LSTM_LAYERS = (
    *("Embedding", "LSTM", "LSTMModel", "WordHashing", "SignHashing", "Attention", "Beside"),
    *("Cosine", "UnitVector"),
)
_MLP_LAYERS = ("MultiHot", "Cosine", "UnitVector")

_SMALL_LSTM = {"vocabulary": 8_000, "embedding": 64, "units": 32, "vector": 128}
_SMALL_MLP = {"vocabulary": 2_000, "hidden": 256, "vector": 128}

FAMILIES: dict[str, Family] = {
    "lstm": Family(
        "shared-embedding LSTM with attention",
        "dssm_core.models.lstm:LSTMConfig",
        "dssm_core.models.lstm:build_lstm_model",
        _ATTENTIVE_LSTM,  # see docs/design.md, "The recipe"
        _LSTM_LAYERS,
        Lab({**_SMALL_LSTM, "attention": 32}, seconds=1.6),
        reads_ids=True,
    ),
    "lstm-plain": Family(
        "the notebook's functional LSTM: no attention, Dense per side",
        "dssm_core.models.lstm:LSTMConfig",
        "dssm_core.models.lstm:build_lstm_model",
        _PLAIN_LSTM,
        _LSTM_LAYERS,
        Lab(_SMALL_LSTM),
        reads_ids=True,
    ),
    "lstm-subclass": Family(
        "the notebook's LSTMModel: an LSTM per side",
        "dssm_core.models.lstm:LSTMConfig",
        "dssm_core.models.lstm:build_subclass",
        _PLAIN_LSTM,
        _LSTM_LAYERS,
        Lab(_SMALL_LSTM),
        losses=("retrieval", "sampled", "binary", "labelled"),  # "softmax" needs a graph
        reads_ids=True,
    ),
    "mlp": Family(
        "the notebook's MLP on multi-hot letter pieces",
        "dssm_core.models.mlp:MLPConfig",
        "dssm_core.models.mlp:build_mlp_model",
        _HASHED_MLP,
        _MLP_LAYERS,
        Lab(_SMALL_MLP, seconds=0.5),
    ),
    "mlp-sampled": Family(
        "the notebook's MLPNegativeSamplingModelBuilder: a softmax over prepared negatives",
        "dssm_core.models.mlp:MLPConfig",
        "dssm_core.models.mlp:build_mlp_model",
        _HASHED_MLP,
        _MLP_LAYERS,
        Lab(_SMALL_MLP, ("softmax", "sampled"), negatives=10),
        training={"loss": "softmax"},
    ),
}
"""All families by the name that `train --family` takes and config.json stores."""


def family(name: str) -> Family:
    """Return a family by name.

    Raises:
        UserError: if there is none of that name.
    """
    if name not in FAMILIES:
        raise UserError("model.no such family", name, names=", ".join(FAMILIES))
    return FAMILIES[name]
