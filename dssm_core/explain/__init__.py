"""Why a score is what it is: what each word adds, which words met, and why A ranks above B."""

from dssm_core.explain.effects import (
    MOST_EDITS,
    Comparison,
    Effects,
    Flip,
    TokenEffect,
    compare,
    effects,
    left_out,
    smallest_flip,
    without,
)
from dssm_core.explain.word_pairs import (
    Decomposition,
    decomposition,
    interaction_matrix,
    interactions,
)

__all__ = [
    "MOST_EDITS",
    "Comparison",
    "Decomposition",
    "Effects",
    "Flip",
    "TokenEffect",
    "compare",
    "decomposition",
    "effects",
    "interaction_matrix",
    "interactions",
    "left_out",
    "smallest_flip",
    "without",
]
