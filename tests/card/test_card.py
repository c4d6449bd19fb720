"""The card says what was measured, and nothing where nothing was."""

from __future__ import annotations

import itertools
import json
import shutil

import pandas as pd
import pytest

from dssm_core.card import (
    calibration_lines,
    faithfulness_table,
    fusion_note,
    measure,
    metrics_table,
    refresh_folder,
    reliability_table,
    robustness_table,
    significance,
    write_card,
)
from dssm_core.card.adopted import write_adopted_card
from dssm_core.folder import ModelFolder
from tests import tiny
from tests.tiny import FAITHFULNESS, WordTowers

CONFIG = {
    "model": {"units": 8},
    "training": {"loss": "retrieval"},
    "versions": {"keras": "3.0"},
    "head": {"scale": 4.0, "bias": -1.0},
}


@pytest.fixture(scope="module")
def metrics():
    """What a model that knows six words gets on pairs of them, and on one it cannot know."""
    words = ["red", "blue", "door", "wall", "moon", "tree"]
    rows = [[f"{a} {b}", f"{b} {a} tools", 1] for a, b in itertools.combinations(words, 2)]
    rows += [["zebra | <b>", "striped horse", 1], ["tiny doors", "small door", 1]]
    pairs = pd.DataFrame(rows, columns=["query", "document", "label"])
    found = measure(WordTowers(" ".join(words), 8.0, -4.0), pairs)
    return json.loads(json.dumps({**found, "training": {"best epoch": 2, "pairs": 1234}}))


def test_the_card_states_the_figures_that_were_measured(metrics):
    card = write_card("mine", CONFIG, metrics, "Data: **mine**.")
    assert card.startswith("# mine\n\nData: **mine**.\n")
    value = metrics["systems"]["BM25"]["MRR@10"]
    assert f"| BM25 | {value['mean']:.3f} ({value['low']:.3f}-{value['high']:.3f}) |" in card
    assert "sigmoid(4.000 × cosine -1.000)" in card
    assert "1,234 rows an epoch" in card
    for part in (metrics_table(metrics), reliability_table(metrics), significance(metrics)):
        assert part in card


def test_every_slice_is_a_row_with_its_interval(metrics):
    card = write_card("mine", CONFIG, metrics)
    assert metrics["slices"]
    for row in metrics["slices"]:
        start = f"| {row['by']} | {row['slice']} | {row['queries']:,} | "
        (line,) = (line for line in card.splitlines() if line.startswith(start))
        for value in row["systems"].values():
            assert f"{value['mean']:.3f} ({value['low']:.3f}-{value['high']:.3f})" in line


def test_an_error_is_shown_with_its_causes_and_breaks_no_table(metrics):
    card = write_card("mine", CONFIG, metrics)
    error = next(e for e in metrics["errors"] if e["query"].startswith("zebra"))
    (line,) = (line for line in card.splitlines() if line.startswith("| zebra"))
    assert line.startswith("| zebra / &lt;b> | striped horse | ")
    assert f"| {error['rank']} | {error['BM25 rank']} | few words in common; " in line
    share = metrics["common"]["few words in common"]
    assert f"of {len(metrics['errors'])}, where it is {share['all']:.1%} of all queries" in card


def test_every_capability_is_a_row_with_what_failed(metrics):
    table = robustness_table(metrics["robustness"])
    card = write_card("mine", CONFIG, metrics)
    assert table in card
    for row in metrics["robustness"]["rows"]:
        (line,) = (x for x in table.splitlines() if x.startswith(f"| {row['capability']} |"))
        model = row["model"]
        counted = f"({model['failures']} of {model['cases']})" if model["cases"] else "no case"
        assert counted in line
        if model["example"]:
            assert model["example"]["after"] in card


def test_a_capability_without_a_case_says_so(metrics):
    found = json.loads(json.dumps(metrics["robustness"]))
    nothing = {"cases": 0, "failures": 0, "rate": None, "rank_change": None, "example": None}
    found["rows"] = [{**found["rows"][0], "model": nothing, "BM25": nothing}]
    assert "| no case |  | no case |  |" in robustness_table(found)


def test_each_mix_of_pairs_has_its_line_and_its_columns(metrics):
    lines = calibration_lines(metrics)
    mixes = ["1 to 10 sampled", "1 to 10 that model ranks first", "1 to 10 that BM25 ranks first"]
    assert [line[2:].split(":")[0] for line in lines] == mixes
    assert f"**{metrics['calibration']['hard']['BM25']['error']:.4f}**" in lines[2]
    table = reliability_table(metrics).splitlines()
    assert {line.count("|") for line in table} == {8}
    counted = [int(line.split("|")[3].replace(",", "")) for line in table[2:]]
    assert sum(counted) == metrics["calibration"]["pairs"]


def test_each_other_system_has_its_p_value():
    said = significance({"p_values": {"BM25": 0.25, "models/old": 0.0001}})
    assert "Model against BM25 on MRR@10" in said
    assert "p = 0.2500" in said
    assert "Model against models/old" in said
    assert significance({}) == ""


def test_a_fusion_says_where_its_weight_is_from():
    def note(**fusion):
        return fusion_note({"fusion": {"method": "bm25", "weight": None, **fusion}})

    assert "0.80 × cosine + 0.20 × BM25" in note(weight=0.8)
    assert "fitted to this model" in note(weight=0.8)
    assert "debian-packages" in note()
    assert "reciprocal rank" in note(method="bm25-rrf")
    assert fusion_note({}) == ""


def test_what_was_not_measured_is_left_out(metrics):
    kept = ("queries", "documents", "systems", "training")
    bare = {name: metrics[name] for name in kept}
    bare["calibration"] = {"negatives": 10, "error": 0.01, "table": []}
    card = write_card("mine", CONFIG, bare)
    assert card.count("\n## ") == 3
    assert "1 to 10 sampled: expected calibration error **0.0100**" in card


@pytest.mark.slow
def test_a_folder_measured_again_keeps_the_weight_that_was_fitted_to_it(tmp_path):
    model = tmp_path / "tiny"
    shutil.copytree(tiny.trained(), model)
    stored = json.loads((model / "metrics.json").read_text())
    stored["fusion"] = {"method": "bm25", "weight": 0.35}
    (model / "metrics.json").write_text(json.dumps(stored))
    refresh_folder(ModelFolder.open(model), (), "Notes.")
    found = json.loads((model / "metrics.json").read_text())
    assert found["fusion"]["weight"] == 0.35
    assert found["robustness"]["rows"]
    assert "0.35 × cosine + 0.65 × BM25" in (model / "README.md").read_text()


def test_cards_show_the_figures_and_how_to_measure_them_again(metrics):
    adopted = {
        "model": {"name": "n", "format": "f", "max_length": 8, "modules": [], "width": 4},
        "encoder": {
            "reference": "r",
            "fingerprint": "f",
            "prompts": {"query": "", "document": ""},
        },
        "head": {},
    }
    for card in (
        write_card("mine", CONFIG, metrics, faithfulness=FAITHFULNESS),
        write_adopted_card("mine", adopted, {"background": []}, FAITHFULNESS),
    ):
        assert "## Which explanation can be trusted\n" in card
        assert "python -m dssm_core faithfulness --model mine --sample 50 --seed 3\n" in card
        assert faithfulness_table(FAITHFULNESS) in card
    assert "can be trusted" not in write_card("mine", CONFIG, metrics)


def test_a_mix_is_called_by_the_negatives_that_there_were():
    found = {"negatives": 10, "error": 0.1, "relevant": 1 / 6, "hard": {}}
    assert "1 to 5 sampled" in calibration_lines({"calibration": found})[0]
    (line,) = calibration_lines({"calibration": {**found, "relevant": 1 / 11}})
    assert "1 to 10 sampled" in line
