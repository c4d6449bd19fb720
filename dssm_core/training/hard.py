"""A second training, against the negatives that the first one's model ranks highest.

A killed run goes on where it stood: after the first training, if that was of the same pairs and
choices, and in the middle of the second one's negatives.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dssm_core.corpus import negatives
from dssm_core.corpus.reading import OWN, Choices
from dssm_core.evaluation import cosine_nearest
from dssm_core.files import write_whole
from dssm_core.folder import ModelFolder
from dssm_core.paths import WorkFolders
from dssm_core.runtimes.load import load_towers
from dssm_core.training.config import Plan, TrainingConfig
from dssm_core.training.train import train
from dssm_core.training.trainer import Log, OnEpoch

CHOICES = {"epochs": 2, "batch": 256, "learning_rate": 7e-4, "negatives": 4, "average": True}
"""What differs in the second training, chosen on debian-packages' validation pairs."""

POOL = 40_000
"""Documents that a shard's hard negatives are chosen from."""


@dataclass(frozen=True)
class Hard:
    """The second training.

    Attributes:
        number: negatives of each query.
        training: choices of the run.
    """

    number: int
    training: TrainingConfig


def train_hard(
    plan: Plan,
    source: Path,
    hard: Hard,
    log: Log = print,
    on_epoch: OnEpoch = lambda entry: None,
    choices: Choices | None = None,
) -> None:
    """Train as planned, then again against the documents that the model ranks highest.

    Args:
        plan: the first training; its `out` is where the second one's model goes.
        source: the file that the plan's pairs were read from.
        hard: the second training.
        log: called with a line for people.
        on_epoch: called with each epoch's entry of the history.
        choices: what a person says of the file.

    Raises:
        UserError: as `train`.
    """
    choices = choices or Choices()
    folders = WorkFolders.beside(plan.out)
    first = replace(plan, out=folders.first, notes="", examples=())
    _train_first(first, _given(plan, source, choices), folders, log, on_epoch)
    model = ModelFolder.open(folders.first)
    if plan.data is not None:
        source, choices = folders.large / "pairs.csv", OWN
    config = negatives.NegativesConfig(hard.number, "model", hard.training.seed, pool=POOL)
    nearest = cosine_nearest(load_towers(model))
    ranker = model.fingerprint
    negatives.prepare_negatives(source, folders.shards, config, nearest, log, ranker, choices)
    second = replace(plan, training=hard.training, data=folders.shards, start=model)
    train(second, log, on_epoch)


def _train_first(plan: Plan, given: str, folders: WorkFolders, log: Log, on_epoch: OnEpoch) -> None:
    """Train as planned, unless a killed run did so of the same."""
    mark = folders.first / "given"
    if _is_done(plan) and mark.is_file() and mark.read_text("utf-8", "replace") == given:
        return
    shutil.rmtree(folders.shards, ignore_errors=True)
    train(plan, log, on_epoch)
    write_whole(mark, given.encode())


def _is_done(plan: Plan) -> bool:
    """Whether the plan's model folder is there, and made with the same choices."""
    try:
        config = json.loads((plan.out / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    choices = [config.get(key) for key in ("model", "training", "family", "teacher")]
    teacher = plan.teacher.said if plan.teacher else None
    return choices == [asdict(plan.sizes), asdict(plan.training), plan.family, teacher]


def _given(plan: Plan, source: Path, choices: Choices) -> str:
    """Return what a training is of, besides what its config says: files, models, choices."""
    with source.open("rb") as file:
        pairs = hashlib.file_digest(file, "sha256").hexdigest()
    texts = "\n".join(plan.teacher.texts if plan.teacher else ())
    unlabelled = hashlib.sha256(texts.encode()).hexdigest()
    start = plan.start.fingerprint if plan.start else None
    return f"{pairs} {choices} {start} {unlabelled}"
