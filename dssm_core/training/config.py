"""Every choice of a training run, and what it needs besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from dssm_core.families import Config, Loss
from dssm_core.folder import ModelFolder
from dssm_core.training.teacher import Teacher

MeasuredOn = Literal["held out", "training pairs"]

PREPARED: tuple[Loss, ...] = ("sampled", "softmax")
"""Losses that learn from prepared negatives alone."""


@dataclass(frozen=True)
class TrainingConfig:
    """Every choice of a training run.

    Attributes:
        loss: "retrieval", in-batch softmax in both directions; "sampled", softmax against the
            prepared negatives of --data alone, as the DSSM paper has it; "softmax", the same
            as the notebook's MLPNegativeSamplingModelBuilder has it, without `sharpness`;
            "binary", the notebook's cross-entropy on the head, each query against its document
            and `negatives` others; "labelled", that on the pairs' own labels.
        epochs: at most this many passes over the training pairs.
        batch: pairs a step.
        learning_rate: at its peak; falls nearly to 0 by a cosine.
        unseen: share of the words of a batch whose own row is replaced by the one for words
            never seen, so that the model learns to read words by their letters alone; of no
            effect on plain ids.
        spans: so many extra pairs to each document: a span of its words against the rest of it.
        sharpness: the retrieval and sampled losses multiply cosines by this.
        negatives: for the binary loss, other documents of the batch to each query; with prepared
            negatives, so many of them.
        patience: stop after so many epochs without a better validation MRR@10.
        first_scale: w of the head at the start; as its initializer draws it without.
        teaching: with a teacher, how much its loss counts beside the others.
        average: keep the mean of the weights after each epoch, those of a model to start from
            included, in place of the best epoch's.
        seed: of weights, order and dropout.
        measured_on: "held out"; or "training pairs", for a handful such as the notebook's two,
            which shows what the model memorised and nothing more.
    """

    loss: Loss = "retrieval"
    epochs: int = 5
    batch: int = 512
    learning_rate: float = 3e-3
    unseen: float = 0.1
    spans: float = 1.0
    sharpness: float = 20.0
    negatives: int = 10
    patience: int = 2
    first_scale: float | None = None
    teaching: float = 1.0
    average: bool = False
    seed: int = 7
    measured_on: MeasuredOn = "held out"

    def __post_init__(self) -> None:
        for name, choices in (("loss", get_args(Loss)), ("measured_on", get_args(MeasuredOn))):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}"
                )
        for name in ("epochs", "batch", "negatives", "patience", "seed"):
            least = {"batch": 2, "patience": 0, "seed": 0}.get(name, 1)
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ValueError(f"{name} must be a whole number from {least}, not {value!r}")
        for name, low, high in (
            ("learning_rate", 1e-9, 1.0),
            ("unseen", 0.0, 1.0),
            ("spans", 0.0, 100.0),
            ("sharpness", 1e-3, 1e3),
            ("teaching", 1e-3, 1e3),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(
                    f"{name} must be in [{low:g}, {high:g}], not {getattr(self, name)}"
                )


@dataclass(frozen=True, eq=False)
class Plan:
    """One training to do: on what, of which model, and where to.

    Attributes:
        pairs: as `read_pairs` returns them; of the training rows only those labelled 1 are used,
            because the batch provides the negatives, save by the loss "labelled".
        out: the model folder to write; one that is there is replaced at the very end.
        sizes: of the model.
        training: choices of the run.
        family: name of the model's family.
        data: prepared shards to train on, streamed, in place of the pairs' training rows.
        start: model whose weights to start from, of the same family and sizes.
        teacher: encoder whose likeness of texts the model learns besides.
        notes: Markdown for the card: where the data comes from, its licence, known failures.
        examples: what the first screen shows, each with title, note, query and documents;
            without any, two are picked from the held-out pairs.
    """

    pairs: pd.DataFrame
    out: Path
    sizes: Config
    training: TrainingConfig
    family: str = "lstm"
    data: Path | None = None
    start: ModelFolder | None = None
    teacher: Teacher | None = None
    notes: str = ""
    examples: Sequence[Mapping[str, Any]] = ()
