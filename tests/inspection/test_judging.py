"""Which pairs are judged."""

from __future__ import annotations

import pandas as pd
import pytest

from dssm_core.inspection.judging import is_judged
from dssm_core.inspection.score_pairs import inspect_pairs
from dssm_core.scoring import Scorer
from tests.tiny import WordTowers, bare_folder

PAIRS = [("red", "a door", 1), ("red", "a wall", 0), ("blue", "a door", 0), ("blue", "a wall", 1)]


@pytest.mark.parametrize("judged", [[], [0], [0, 3], [1, 2, 3]], ids=str)
def test_a_pair_is_judged_where_its_texts_were_judged_together(tmp_path, judged):
    scorer = Scorer(bare_folder(tmp_path / "doors"), WordTowers())
    pairs = pd.DataFrame(PAIRS, columns=["query", "document", "label"], index=[2, 3, 5, 9])
    verdicts = pairs.iloc[judged].reset_index(drop=True)
    found = is_judged(inspect_pairs(scorer, pairs), verdicts)
    assert found.index.tolist() == [2, 3, 5, 9]
    assert [place for place, one in enumerate(found) if one] == judged
