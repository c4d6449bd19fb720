"""What Compare gives to take along: a table and a page, in which user text stays text."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path

import pandas as pd
import pytest

from dssm_core.reporting.sheets import safe_csv
from dssm_core.scoring import Scorer
from dssm_core.ui.compare import share
from dssm_core.ui.compare.result import ResultView
from dssm_core.ui.compare.second_scale import SecondScale
from tests.tiny import WordTowers, bare_folder


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "\r=1", "＝1", "\t1"])
def test_no_cell_of_an_export_is_a_formula(cell: str) -> None:
    table = safe_csv(pd.DataFrame({"document": [cell, "plain"], "cosine": [-0.5, 0.5]}))
    read = pd.read_csv(io.BytesIO(table))
    assert read["document"].tolist() == ["'" + cell, "plain"]
    assert read["cosine"].tolist() == [-0.5, 0.5]


def test_numbers_are_rounded_in_downloads_and_plain_in_csv() -> None:
    frame = pd.DataFrame(
        {
            "document": ["-1", "red"],
            "cosine": [-0.12345, math.nan],
            "probability": [0.99996, math.nan],
            "rank": [1.0, math.nan],
            "percentile": [99.96000000000001, math.nan],
            "threshold": 0.5,
        }
    )
    text = share.table_csv(frame).decode("utf-8-sig")
    assert text.splitlines()[1] == '"\'-1",-0.123,1.000,1,99.96,0.500'
    assert pd.read_csv(io.StringIO(text))["cosine"].isna().tolist() == [False, True]


@pytest.fixture
def saved(tmp_path: Path) -> str:
    """Return the download of a page whose texts try to break it."""
    scorer = Scorer(bare_folder(tmp_path / "<b>doors"), WordTowers())
    scores = scorer.score("<b>red</b> door", ["<i>door" + "! " * 300, "+", "a door"])
    notes = ["<script>note</script>"]
    scale = SecondScale(scorer.head, scorer.folder.random_pairs)
    view = ResultView(scorer.folder, scores, scores.frame(), (0.25, 0.5), 1, notes, scale)
    return share.page_writer(view)().decode()


@pytest.mark.slow
def test_the_downloaded_page_asks_for_nothing_and_runs_nothing(saved: str) -> None:
    assert "default-src 'none'" in saved
    for part in ("<script", "<i>", "<b>", "src=", "href=", "@import", "url("):
        assert part not in saved.replace("url(#", "")
    assert "<title>DSSM Lens · &lt;b&gt;doors</title>" in saved
    assert "&lt;script&gt;note" in saved


@pytest.mark.slow
def test_the_downloaded_page_shows_what_the_page_shows(saved: str) -> None:
    assert saved.count("<svg") == saved.count("<figcaption>") == 2
    assert '<div class="dssm-chain" role="list"><div class="first"' in saved
    assert '<span class="dssm-t dssm-seen"' in saved
    for rule in (".dssm-text {", ".dssm-chain > div {", "prefers-color-scheme: dark"):
        assert rule in saved


@pytest.mark.slow
def test_the_downloaded_table_holds_each_text_whole_and_numbers_as_the_page_writes_them(
    saved: str,
) -> None:
    assert f"<td>&lt;i&gt;door{'! ' * 300}</td>" in saved
    cells = re.findall(r'<td class="number">(.*?)</td>', saved)
    assert len(cells) == 15
    assert cells[-5:] == ["–"] * 5
    assert re.fullmatch(r"0\.\d{3} −?\d\.\d{3} 0\.\d{3} 1 \d+\.\d\d", " ".join(cells[:5]))
