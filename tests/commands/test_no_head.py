"""Commands on a model that too few pairs have given a probability."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dssm_core.__main__ import main
from tests.encoders import labelled_pairs, static_folder

JUDGED = "--qrels {at}/qrels.tsv --corpus {at}/corpus.tsv --queries {at}/queries.tsv"


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model without a head, pairs, and documents."""
    at = tmp_path_factory.mktemp("no head")
    pairs = labelled_pairs()
    queries = pairs.loc[pairs["label"] == 1, "query"].unique()
    pairs[pairs["query"].isin(queries[:3])].to_csv(at / "few.csv", index=False)
    pairs.to_csv(at / "pairs.csv", index=False)
    (at / "docs.txt").write_text("green1 red2 blue1\nnothing known\n", "utf-8")
    for side, name in (("query", "queries"), ("document", "corpus")):
        texts = "".join(f"{number}\t{text}\n" for number, text in enumerate(pairs[side].head(20)))
        (at / f"{name}.tsv").write_text(texts)
    (at / "qrels.tsv").write_text("".join(f"{n} 0 {n} 1\n" for n in range(20)))
    made = ["adopt", static_folder(at / "static"), "--pairs", at / "few.csv", "--out", at / "m"]
    assert main([*map(str, made)]) == 0
    return at


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("score --query red1 --docs {at}/docs.txt", "logit –  probability –"),
        ("evaluate --pairs {at}/pairs.csv", "no probability"),
        ("evaluate --pairs {at}/pairs.csv --fuse bm25", "no probability"),
        (f"evaluate {JUDGED} --work {{at}}/work", "no probability"),
        ("robustness --pairs {at}/pairs.csv", "the cosine"),
        ("probes --pairs {at}/pairs.csv", "cosine"),
        ("carry --against {at}/m --cosine 0.5 --pairs {at}/pairs.csv", "cosine"),
        ("inspect run --negatives 4 --pairs {at}/pairs.csv", "cosine"),
        ("inspect run --negatives 4 --pairs {at}/pairs.csv --out {at}/report.html", "cosine"),
    ],
)
def test_what_there_is_no_probability_for_is_said(at, capsys, command, said):
    name, *given = command.format(at=at).split(" --")
    options = [part for option in given for part in f"--{option}".split(" ", 1)]
    assert main([*name.split(), "--model", f"{at}/m", *options]) == 0
    assert said in capsys.readouterr().out


def test_json_has_no_number_where_there_is_none(at, capsys):
    assert main(["evaluate", "--model", f"{at}/m", "--pairs", f"{at}/pairs.csv", "--json"]) == 0
    assert "calibration" not in json.loads(capsys.readouterr().out)
