"""Fit a two-tower model on pairs, choose its epoch, fit its head, write its folder."""

from dssm_core import models as models  # first: it imports TensorFlow without its greetings
from dssm_core.training.cluster import workers_of_environment
from dssm_core.training.config import Plan, TrainingConfig
from dssm_core.training.hard import Hard, train_hard
from dssm_core.training.train import train
from dssm_core.training.trainer import Progress, Trainer
from dssm_core.training.validation import Validation

__all__ = [
    "Hard",
    "Plan",
    "Progress",
    "Trainer",
    "TrainingConfig",
    "Validation",
    "train",
    "train_hard",
    "workers_of_environment",
]
