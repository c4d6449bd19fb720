"""What a model leaves unread of a file is said where it is enough to matter."""

from __future__ import annotations

import pandas as pd
import pytest

from dssm_core.inspection.score_pairs import inspect_pairs
from dssm_core.inspection.unread import unread
from dssm_core.scoring import Scorer
from dssm_core.words import LANGUAGES, translator_for
from tests import tiny


@pytest.fixture(scope="module")
def scorer():
    return Scorer(tiny.trained())


def kinds(scorer, texts):
    pairs = pd.DataFrame(
        {"query": "oven knife", "document": texts, "label": 1}, index=range(2, len(texts) + 2)
    )
    return {f.sentence.key: f.rows for f in unread(inspect_pairs(scorer, pairs).frame)}


def test_pairs_that_are_read_whole_raise_no_doubt(scorer):
    assert kinds(scorer, ["oven knife"] * 10) == {}


def test_cut_pairs_are_named_from_a_tenth_on(scorer):
    long = "oven knife " * 500
    assert kinds(scorer, [long, *["oven knife"] * 9]) == {"check.truncated": (2,)}
    assert kinds(scorer, [long, *["oven knife"] * 10]) == {}


def test_one_pair_without_a_score_is_named(scorer):
    assert kinds(scorer, [*["oven knife"] * 30, "+ +"]) == {"check.unreadable": (32,)}


def test_a_file_in_another_language_is_named_in_each_language(scorer):
    texts = ["xylophon zwetschge quark", "rote tür schlüssel"]
    pairs = pd.DataFrame({"query": texts, "document": texts, "label": 1})
    (finding,) = unread(inspect_pairs(scorer, pairs).frame)
    assert finding.sentence.key == "check.unseen"
    assert all("100" in finding.sentence.text(translator_for(name)) for name in LANGUAGES)
