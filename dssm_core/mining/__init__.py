"""The hardest negatives of a whole corpus, for BM25 or a model, however large the corpus is."""

from dssm_core.mining.mine import MiningConfig, mine_negatives

__all__ = ["MiningConfig", "mine_negatives"]
