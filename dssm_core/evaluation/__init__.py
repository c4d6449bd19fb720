"""How good a ranking is, whether its probabilities mean something, where it fails; BM25 beside."""

from dssm_core.evaluation.cosines import Encoded, cosine_nearest, cosine_rows
from dssm_core.evaluation.evaluate import (
    FUSED,
    Fusion,
    evaluate_collection,
    evaluate_towers,
    fit_weight,
)
from dssm_core.evaluation.lexical import (
    BM25,
    WEIGHT,
    blend,
    bm25_nearest,
    bm25_rows,
    fuse_ranks,
    stems,
)
from dssm_core.evaluation.probabilities import (
    auc,
    calibration,
    calibration_error,
    hardest_pairs,
    pair_cosines,
    reliability,
    sample_pairs,
)
from dssm_core.evaluation.ranking import (
    Collection,
    Ranking,
    evaluate_run,
    paired_p_value,
    rank_documents,
    rank_systems,
    summarise,
)
from dssm_core.evaluation.slices import Traits, slice_figures, telling_columns, worst_errors

__all__ = [
    "BM25",
    "FUSED",
    "WEIGHT",
    "Collection",
    "Encoded",
    "Fusion",
    "Ranking",
    "Traits",
    "auc",
    "blend",
    "bm25_nearest",
    "bm25_rows",
    "calibration",
    "calibration_error",
    "cosine_nearest",
    "cosine_rows",
    "evaluate_collection",
    "evaluate_run",
    "evaluate_towers",
    "fit_weight",
    "fuse_ranks",
    "hardest_pairs",
    "pair_cosines",
    "paired_p_value",
    "rank_documents",
    "rank_systems",
    "reliability",
    "sample_pairs",
    "slice_figures",
    "stems",
    "summarise",
    "telling_columns",
    "worst_errors",
]
