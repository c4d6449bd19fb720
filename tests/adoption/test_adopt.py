"""An encoder of other people becomes a model folder that says what it is and what it is worth."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from dssm_core.__main__ import main
from dssm_core.adoption import Adoption, adopt, audit_prompts
from dssm_core.errors import UserError
from dssm_core.explain import effects
from dssm_core.folder import ModelFolder
from dssm_core.runtimes.load import load_towers
from dssm_core.scoring import Scorer, Scores
from tests.encoders import labelled_pairs, static_folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return static_folder(tmp_path_factory.mktemp("encoder") / "static")


@pytest.fixture(scope="module")
def adopted(encoder, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "mine"
    lines = []
    findings = adopt(Adoption(str(encoder), labelled_pairs(), out), lines.append)
    return out, lines, findings


def test_the_folder_opens_and_scores(adopted):
    out, lines, _ = adopted
    folder = ModelFolder.open(out)
    scorer = Scorer(folder)
    scores = scorer.score("red1 blue2", ["green1 red2 blue1", "green7 red8"])
    right, wrong = scores.results
    assert right.cosine > 0.5 > wrong.cosine
    assert right.probability > wrong.probability
    assert right.percentile > 90
    assert any("modules applied" in line for line in lines)


def test_half_of_the_queries_fit_the_head_and_the_others_measure_it(adopted):
    out = adopted[0]
    folder = ModelFolder.open(out)
    measured = folder.metrics
    assert measured["measured_on"] == "others"
    assert measured["systems"]["model"]["MRR@10"]["mean"] > 0.5
    assert "BM25" in measured["systems"]
    assert 0 <= measured["calibration"]["error"] < 0.2
    card = (out / "README.md").read_text("utf-8")
    assert "## Random pairs" in card
    assert folder.config["encoder"]["fingerprint"] in card


def test_the_background_is_kept_by_length_of_the_document(encoder, tmp_path):
    pairs = labelled_pairs()
    pairs.loc[::3, "document"] += " green1 green2 green3 green4 green5"
    adopt(Adoption(str(encoder), pairs, tmp_path / "m"), lambda line: None)
    folder = ModelFolder.open(tmp_path / "m")
    bands = folder.metrics["background"]
    assert [(band["from"], band["to"]) for band in bands] == [(3, 3), (8, 8)]
    for band in bands:
        assert band["quantiles"] == sorted(band["quantiles"])
        assert len(band["quantiles"]) == 101
    short = folder.length_bands[0]
    assert short.share_below(-1.0) == 0.0
    assert short.share_below(1.0) == 1.0
    assert short.share_below(float(np.median(short.quantiles))) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    "background", [1, [1], [{}], [{"from": 1, "to": 2, "quantiles": [1]}], [{"quantiles": None}]]
)
def test_a_damaged_background_is_named(adopted, tmp_path, background):
    folder = ModelFolder.open(shutil.copytree(adopted[0], tmp_path / "m"))
    file = folder.path / "metrics.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "background": background}))
    with pytest.raises(UserError, match="m/metrics.json is damaged"):
        _ = ModelFolder.open(folder.path).length_bands


def test_few_labelled_pairs_fit_and_measure_alike_and_the_card_says_so(encoder, tmp_path):
    adopt(Adoption(str(encoder), labelled_pairs(20), tmp_path / "m"), lambda line: None)
    assert "flatter" in (tmp_path / "m/README.md").read_text("utf-8")


@pytest.mark.parametrize("number", [4, 1])
def test_without_labels_there_are_cosines_and_percentiles_only(encoder, tmp_path, number):
    pairs = labelled_pairs()
    pairs.loc[number:, "label"] = 0
    lines = []
    adopt(Adoption(str(encoder), pairs, tmp_path / "m"), lines.append)
    assert any("no probability" in line for line in lines)
    folder = ModelFolder.open(tmp_path / "m")
    scores = Scorer(folder).score("red1 blue2", ["green1 red2"])
    result = scores.results[0]
    assert result.cosine is not None
    assert result.percentile is not None
    assert result.logit is None
    assert result.probability is None
    assert Scores.from_dict(json.loads(json.dumps(scores.to_dict(), allow_nan=False))) is not None
    assert "No probability" in (tmp_path / "m/README.md").read_text("utf-8")


@pytest.mark.slow
def test_an_encoder_that_changed_is_refused(tmp_path):
    encoder = static_folder(tmp_path / "static")
    adopt(Adoption(str(encoder), labelled_pairs(), tmp_path / "m"), lambda line: None)
    static_folder(encoder, seed=1)
    with pytest.raises(UserError, match="is not the encoder that m was made with"):
        load_towers(ModelFolder.open(tmp_path / "m"))


@pytest.mark.slow
def test_an_encoder_that_is_gone_is_named(tmp_path):
    encoder = static_folder(tmp_path / "static")
    adopt(Adoption(str(encoder), labelled_pairs(), tmp_path / "m"), lambda line: None)
    encoder.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="There is no encoder here"):
        load_towers(ModelFolder.open(tmp_path / "m"))


def collapsed(path, keep):
    """Make all vectors alike but for a share of themselves."""
    rows = load_file(path / "model.safetensors")["embeddings"]
    rows = keep * rows + 10 * np.ones_like(rows)
    save_file({"embeddings": rows.astype(np.float32)}, path / "model.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("keep", "key", "level", "status"),
    [(1.0, "adopt.narrow", "warning", 0), (0.001, "adopt.alike", "error", 1)],
)
def test_scores_that_are_squeezed_together_are_said(tmp_path, keep, key, level, status):
    encoder = static_folder(tmp_path / "static")
    collapsed(encoder, keep)
    labelled_pairs().to_csv(tmp_path / "pairs.csv", index=False)
    given = ["adopt", str(encoder), "--pairs", str(tmp_path / "pairs.csv"), "--out"]
    assert main([*given, str(tmp_path / "m")]) == status
    stored = ModelFolder.open(tmp_path / "m").metrics["checks"]
    assert {"key": key, "level": level}.items() <= stored[0].items()


def known(path, towers, change=0.0):
    with path.open("w") as file:
        for text, side in (("red1 blue2", "query"), ("green3", "document")):
            vector = towers.encode([text], side)[0].vector + change
            line = {"text": text, "side": side, "vector": vector.tolist()}
            file.write(json.dumps(line) + "\n")
    return path


@pytest.mark.parametrize(("change", "level"), [(0.0, "note"), (0.01, "error")])
def test_known_vectors_are_computed_again(adopted, encoder, tmp_path, change, level):
    towers = load_towers(ModelFolder.open(adopted[0]))
    file = known(tmp_path / "known.jsonl", towers, change)
    wanted = Adoption(str(encoder), labelled_pairs(), tmp_path / "m", known=file)
    first = adopt(wanted, lambda line: None)[0]
    assert first.level == level
    assert first.sentence.values["largest"] == pytest.approx(change, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no known vectors"),
        ("{}", "damaged at line 1"),
        ('{"text": "a", "vector": [1, "x"]}', "damaged at line 1"),
        ('{"text": "a", "vector": [1, 2], "side": "left"}', "damaged at line 1"),
        ('{"text": "a", "vector": [NaN, 2]}', "damaged at line 1"),
        ('{"text": "a", "vector": [[1, 2]]}', "damaged at line 1"),
        ('{"text": "a", "vector": [1, 2]}', "not of 16 numbers"),
        ("[" * 100_000, "damaged at line 1"),
    ],
)
def test_a_file_of_known_vectors_that_is_something_else_is_named(encoder, tmp_path, text, said):
    (tmp_path / "known.jsonl").write_text(text)
    wanted = Adoption(
        str(encoder), labelled_pairs(), tmp_path / "m", known=tmp_path / "known.jsonl"
    )
    with pytest.raises(UserError, match=said):
        adopt(wanted, lambda line: None)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"])
def test_a_file_of_known_vectors_that_cannot_be_read_is_named(encoder, tmp_path, content):
    known = tmp_path / "known.jsonl"
    if content is not None:
        known.write_bytes(content)
    with pytest.raises(UserError) as caught:
        adopt(Adoption(str(encoder), labelled_pairs(), tmp_path / "m", known=known), len)
    assert caught.value.key == "known.unreadable"
    assert not (tmp_path / "m").exists()


@pytest.fixture(scope="module")
def prompted(encoder, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "prompted"
    prompts = {"query": "find : ", "document": ""}
    adopt(Adoption(str(encoder), labelled_pairs(), out, prompts=prompts), lambda line: None)
    return out


def test_a_prompt_is_a_token_and_has_an_effect_as_a_whole(prompted):
    scorer = Scorer(prompted)
    found = effects(scorer.cache, scorer.head, "red1 blue2", "green1 red2", "query")
    states = [token.state for token in found.tokens]
    assert states == ["prompt", "seen", "seen"]
    assert found.tokens[0].text == "find : "
    bare = scorer.cache.towers.with_prompts({"query": "", "document": ""})
    document = scorer.cache.encode(["green1 red2"], "document")[0].vector
    with_it, without_it = (
        towers.encode(["red1 blue2"], "query")[0].vector @ document
        for towers in (scorer.cache, bare)
    )
    assert found.tokens[0].cosine == pytest.approx(with_it - without_it, abs=1e-6)
    assert abs(found.tokens[0].cosine) > 1e-3


@pytest.mark.slow
def test_the_audit_measures_each_combination_of_prompts_once(prompted):
    towers = load_towers(ModelFolder.open(prompted))
    audit = audit_prompts(towers, labelled_pairs())
    assert audit["name"].tolist() == ["own", "none", "query's on both", "swapped"]
    assert audit[["query", "document"]].drop_duplicates().shape == (4, 2)
    assert np.isnan(audit["p"].iloc[0])
    assert audit["p"].iloc[1:].between(0, 1).all()
    assert (audit["low"] <= audit["MRR@10"]).all()
    assert (audit["MRR@10"] <= audit["high"]).all()


def test_an_audit_needs_a_relevant_pair(prompted):
    with pytest.raises(UserError) as caught:
        audit_prompts(load_towers(ModelFolder.open(prompted)), labelled_pairs().assign(label=0))
    assert caught.value.key == "evaluate.no relevant pairs"


def test_an_encoder_without_prompts_has_nothing_to_audit(adopted, capsys, tmp_path):
    labelled_pairs().to_csv(tmp_path / "pairs.csv", index=False)
    given = ["prompts", "--model", str(adopted[0]), "--pairs", str(tmp_path / "pairs.csv")]
    assert main(given) == 1
    assert "no prompt" in capsys.readouterr().err


@pytest.mark.slow
def test_the_audit_prints_a_table_or_json(prompted, capsys, tmp_path):
    labelled_pairs().to_csv(tmp_path / "pairs.csv", index=False)
    given = ["prompts", "--model", str(prompted), "--pairs", str(tmp_path / "pairs.csv")]
    assert main(given) == 0
    assert capsys.readouterr().out.count("\n") == 5
    assert main([*given, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 4


def test_stopping_leaves_no_folder(encoder, tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adopt(Adoption(str(encoder), labelled_pairs(), tmp_path / "m"), lambda line: None, stop)
    assert not (tmp_path / "m").exists()
