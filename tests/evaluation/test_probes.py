"""Edits that turn the meaning do so, those that keep it do, and a rate needs cases to be one."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssm_core.__main__ import main
from dssm_core.errors import UserError
from dssm_core.evaluation import probes
from dssm_core.evaluation.probes import NULLS, PROBES, probe, worse_than
from dssm_core.text import segment
from dssm_core.towers import Encoding
from tests import ROOT


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("negation", "it is fast", "it is not fast"),
        ("negation", "it does not run", "it does  run"),
        ("negation", "red door", "red door"),
        ("number", "a 4 MB file", "a 31 MB file"),
        ("number", "version 1.5 only", "version 13.5 only"),
        ("number", "in 1998 it was", "in 1998 it was"),
        ("date", "in 1998 it was", "in 1981 it was"),
        ("date", "since May", "since October"),
        ("date", "for 12 years", "for 12 years"),
        ("names", "the plugin lets Anna call Bob", "the plugin lets Bob call Anna"),
        ("names", "Anna alone", "Anna alone"),
    ],
)
def test_a_probe_edits_what_it_says(name, before, after):
    assert PROBES[name](before) == after


@given(st.text())
@pytest.mark.parametrize("name", [*PROBES, *NULLS])
def test_every_text_can_be_edited(name, text):
    assert isinstance({**PROBES, **NULLS}[name](text), str)


class Words:
    """Towers that count words; with `blind`, only those that start with a small letter."""

    scale, bias, has_attention = 4.0, -2.0, False

    def __init__(self, blind=()):
        self.blind = set(blind)

    def encode(self, texts, side):
        return [self._one(text) for text in texts]

    def _one(self, text):
        tokens = tuple(segment(text))
        vector = np.zeros(512, np.float32)
        for token in tokens:
            if token.text not in self.blind:
                vector[sum(map(ord, token.text)) % 512] += 1
        vector[0] += 0.1
        return Encoding(text, tokens, vector, None)


def pairs(number=30):
    texts = [f"tool {i} is quick and has {i % 50 + 2} parts of kind {i}" for i in range(number)]
    return pd.DataFrame({"query": texts, "document": texts, "label": 1})


def by_name(figures):
    return {row["name"]: row for row in figures["probes"]}


def test_an_encoder_that_does_not_read_not_misses_every_negation():
    seeing, blind = by_name(probe(Words(), pairs())), by_name(probe(Words({"not"}), pairs()))
    assert blind["negation"]["rate"] == 1.0
    assert blind["negation"]["example"]["drop"] == pytest.approx(0.0, abs=1e-6)
    assert seeing["negation"]["median"] > 0
    assert blind["negation"]["low"] > 0.8


def test_few_cases_have_no_rate():
    rows = by_name(probe(Words(), pairs()))
    assert rows["names"] == {
        "name": "names",
        "cases": 0,
        "missed": 0,
        **dict.fromkeys(("rate", "low", "high", "median", "example")),
    }


def test_a_probe_is_worse_where_chance_does_not_explain_it():
    blind, seeing = probe(Words({"not"}), pairs()), probe(Words(), pairs())
    seeing["probes"][0]["rate"] = 0.1
    assert worse_than(blind, seeing) == ["negation"]
    assert worse_than(blind, blind) == []
    few = probe(Words({"not"}), pairs(probes.FEWEST - 1))
    assert worse_than(few, seeing) == []


@pytest.mark.parametrize("baseline", [{}, {"probes": 1}, {"probes": [1]}, {"probes": [{}]}])
def test_a_damaged_baseline_is_refused(baseline):
    with pytest.raises(UserError, match="not what `probes --json` writes"):
        worse_than(probe(Words(), pairs()), baseline)


def test_nothing_relevant_is_refused():
    with pytest.raises(UserError, match="no relevant pairs"):
        probe(Words(), pairs().assign(label=0))


@pytest.mark.slow
def test_the_command_writes_a_baseline_and_compares_with_it(tmp_path, capsys):
    pairs(12).to_csv(tmp_path / "pairs.csv", index=False)
    model = str(ROOT / "sample_models/debian-packages")
    given = ["probes", "--model", model, "--pairs", str(tmp_path / "pairs.csv")]
    file = tmp_path / "figures.json"
    assert main([*given, "--json", str(file)]) == 0
    assert main([*given, "--baseline", str(file)]) == 0
    figures = json.loads(file.read_text())
    assert [row["name"] for row in figures["probes"]] == [*PROBES]
    for row in figures["probes"]:
        row["rate"] = None if row["rate"] is None else -1.0
    file.write_text(json.dumps(figures))
    assert main([*given, "--baseline", str(file)]) == 3
    assert "worse than" in capsys.readouterr().out
