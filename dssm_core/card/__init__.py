"""The model card: what a model was trained on, how good it is, and how to measure it again."""

from dssm_core.card.card import measure, refresh_folder, write_card
from dssm_core.card.sections import (
    calibration_lines,
    faithfulness_table,
    fusion_note,
    metrics_table,
    reliability_table,
    robustness_table,
    significance,
)
from dssm_core.card.trust import store_faithfulness, trust_sentence

__all__ = [
    "calibration_lines",
    "faithfulness_table",
    "fusion_note",
    "measure",
    "metrics_table",
    "refresh_folder",
    "reliability_table",
    "robustness_table",
    "significance",
    "store_faithfulness",
    "trust_sentence",
    "write_card",
]
