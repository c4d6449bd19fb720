"""Trainings of a tiny model."""

from __future__ import annotations

from dataclasses import replace

from tests import tiny

SIZES, CHOICES = tiny.SIZES["model"], tiny.SIZES["training"]


def quiet(line: str) -> None:
    pass


def trainer(state, log=quiet, pairs=None, model=None, data=None, **training):
    from dssm_core.models.families import HASHED_LSTM
    from dssm_core.training import Trainer, TrainingConfig

    config = replace(TrainingConfig(), **{**CHOICES, **training})
    sizes = replace(HASHED_LSTM, **{**SIZES, **(model or {})})
    return Trainer(tiny.pairs() if pairs is None else pairs, sizes, config, state, log, data)
