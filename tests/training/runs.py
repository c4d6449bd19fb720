"""Trainings of a tiny model."""

from __future__ import annotations

from dataclasses import replace

from dssm_core.families import FAMILIES
from tests import tiny
from tests.tiny import quiet

SIZES, CHOICES = tiny.SIZES["model"], tiny.SIZES["training"]


def trainer(state, log=quiet, pairs=None, model=None, data=None, start=None, **training):
    from dssm_core.training import Plan, Trainer, TrainingConfig

    config = replace(TrainingConfig(), **{**CHOICES, **training})
    sizes = replace(FAMILIES["lstm"].config, **{**SIZES, **(model or {})})
    pairs = tiny.pairs() if pairs is None else pairs
    plan = Plan(pairs, state.parent / "unwritten", sizes, config, data=data, start=start)
    return Trainer.prepare(plan, state, log)


def train(pairs, out):
    """Train on pairs with the sizes and choices that `train` has without a --config."""
    from dssm_core import training

    plan = training.Plan(pairs, out, FAMILIES["lstm"].config, training.TrainingConfig())
    training.train(plan, quiet)
