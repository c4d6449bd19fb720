"""How good a ranking is, whether its probabilities mean something, where it fails; BM25 beside."""

from dssm_core.evaluation.background import length_bands, random_pairs
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
    bm25_nearest,
    bm25_rows,
    damping,
    idf,
    read_stems,
)
from dssm_core.evaluation.probabilities import (
    auc,
    calibration,
    calibration_error,
    fit_head,
    pair_cosines,
)
from dssm_core.evaluation.ranking import (
    Collection,
    evaluate_run,
    paired_p_value,
    rank_documents,
    summarise,
)
from dssm_core.evaluation.slices import telling_columns
from dssm_core.evaluation.traits import (
    FEW,
    FEW_IN_COMMON,
    TRUNCATED,
    UNSEEN,
    content_stems,
    stem_words,
    stop_words,
    word_overlap,
)

__all__ = [
    "BM25",
    "FEW",
    "FEW_IN_COMMON",
    "FUSED",
    "TRUNCATED",
    "UNSEEN",
    "WEIGHT",
    "Collection",
    "Encoded",
    "Fusion",
    "auc",
    "bm25_nearest",
    "bm25_rows",
    "calibration",
    "calibration_error",
    "content_stems",
    "cosine_nearest",
    "cosine_rows",
    "damping",
    "evaluate_collection",
    "evaluate_run",
    "evaluate_towers",
    "fit_head",
    "fit_weight",
    "idf",
    "length_bands",
    "pair_cosines",
    "paired_p_value",
    "random_pairs",
    "rank_documents",
    "read_stems",
    "stem_words",
    "stop_words",
    "summarise",
    "telling_columns",
    "word_overlap",
]
