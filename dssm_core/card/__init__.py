"""The model card: what a model was trained on, how good it is, and how to measure it again."""

from dssm_core.card.card import measure, refresh_folder, write_card
from dssm_core.card.sections import (
    calibration_lines,
    fusion_note,
    metrics_table,
    reliability_table,
    robustness_table,
    significance,
)

__all__ = [
    "calibration_lines",
    "fusion_note",
    "measure",
    "metrics_table",
    "refresh_folder",
    "reliability_table",
    "robustness_table",
    "significance",
    "write_card",
]
