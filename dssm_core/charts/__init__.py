"""The charts: pure functions from DataFrames to Altair charts.

Each is one layered view, as Streamlit fits nothing else to a narrow screen: panels are made by
giving each scale its share of the view. Axes and titles take the page's theme; text inside a chart
takes the ink that the page gives. Texts of the user are data only, never part of an expression.
Each chart carries its finding in `description`, for those who cannot see it.
"""

from dssm_core.charts.attention import describe_attention
from dssm_core.charts.base import INK, Chart, Drawing
from dssm_core.charts.documents import Documents, Threshold
from dssm_core.charts.effects import effects_chart, slope_chart
from dssm_core.charts.inspection import (
    cosine_bins,
    distribution_chart,
    precision_recall_chart,
    reliability_chart,
    roc_chart,
    shares_above,
)
from dssm_core.charts.interactions import describe_interactions, interaction_map, word_links
from dssm_core.charts.lab import history_chart, vectors_chart
from dssm_core.charts.ranked_bars import ranked_bars
from dssm_core.charts.scores import background_bins, probability_curve, score_chart
from dssm_core.charts.slices import slices_chart
from dssm_core.charts.vector_map import vector_map

__all__ = [
    "INK",
    "Chart",
    "Documents",
    "Drawing",
    "Threshold",
    "background_bins",
    "cosine_bins",
    "describe_attention",
    "describe_interactions",
    "distribution_chart",
    "effects_chart",
    "history_chart",
    "interaction_map",
    "precision_recall_chart",
    "probability_curve",
    "ranked_bars",
    "reliability_chart",
    "roc_chart",
    "score_chart",
    "shares_above",
    "slices_chart",
    "slope_chart",
    "vector_map",
    "vectors_chart",
    "word_links",
]
