"""The sample corpora, under one roof."""

from __future__ import annotations

import pandas as pd

from dssm_core.corpus.cedict import prepare_cedict
from dssm_core.corpus.debian import prepare_debian_packages
from dssm_core.corpus.report import Report

__all__ = ["Report", "notebook_toy", "prepare_cedict", "prepare_debian_packages"]


def notebook_toy() -> pd.DataFrame:
    """Return the notebook's two pairs: ids 1 to 4 as text, with columns query, document, label.

    Source: NOTEBOOK.md, "Toy data".
    """
    return pd.DataFrame(
        {
            "query": ["1 2 3 4", "2 3 4 1"],
            "document": ["2 1 3 4", "3 4 1 2"],
            "label": [1, 0],
        }
    )
