"""Fit a two-tower model on pairs, choose its epoch, fit its head, write its folder."""

from dssm_core.models.losses import Loss
from dssm_core.training.config import TrainingConfig
from dssm_core.training.train import train
from dssm_core.training.trainer import Progress, Trainer
from dssm_core.training.validation import Validation

__all__ = ["Loss", "Progress", "Trainer", "TrainingConfig", "Validation", "train"]
