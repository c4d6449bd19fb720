"""`score`: what it prints for people and as JSON, and what it refuses."""

from __future__ import annotations

import io
import json

import pytest

from dssm_core.quantities import format_number
from tests import tiny

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saving under NumPy 2."""


DOCUMENTS = ["oven knife saucepan", "boat → anchor", "👍", "xylophone, football goal"]


@pytest.fixture
def documents(tmp_path):
    path = tmp_path / "documents.txt"
    path.write_text("\n\n".join(DOCUMENTS) + "\n", "utf-8")
    return path


def test_score_prints_json_of_exactly_the_promised_shape(run, documents):
    status, output, _ = run(
        "score",
        "--model",
        tiny.trained(),
        "--query",
        "baking Recipe",
        "--docs",
        documents,
        "--json",
    )
    assert status == 0
    found = json.loads(output)
    assert set(found) == {"model", "query", "results", "head"}
    assert found["model"] == "tiny"
    assert set(found["query"]) == {"text", "tokens"}
    assert found["query"]["text"] == "baking Recipe"
    places = [(t["text"], t["start"], t["end"], t["state"]) for t in found["query"]["tokens"]]
    assert places == [("baking", 0, 6, "seen"), ("recipe", 7, 13, "seen")]
    names = {"document", "cosine", "logit", "probability", "rank", "percentile", "tokens"}
    for result in found["results"]:
        assert set(result) == names
        for token in result["tokens"]:
            assert set(token) == {"text", "start", "end", "state", "attention", "pieces"}
    assert [r["document"] for r in found["results"]] == DOCUMENTS, "in input order"
    assert found["results"][0]["rank"] == 1
    assert found["results"][2]["cosine"] is None
    assert found["results"][3]["tokens"][0]["state"] == "letters"


def test_score_prints_for_people_what_the_json_holds(run, documents):
    arguments = (
        "score",
        "--model",
        tiny.trained(),
        "--query",
        "baking 👍 zzz",
        "--docs",
        documents,
    )
    _, text, _ = run(*arguments)
    found = json.loads(run(*arguments, "--json")[1])
    for place, result in enumerate(found["results"], 1):
        assert f"{place}. {result['document']}" in text
        if result["cosine"] is not None:
            assert f"rank {result['rank']}  cosine {result['cosine']:+.3f}" in text
            assert f"probability {format_number(result['probability'], 'probability')}" in text
    assert "nothing here that the model reads" in text
    assert "~zzz(" in text
    assert "-👍(0.00)" in text


def test_score_reads_documents_from_standard_input(run, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("boat\noven\n"))
    arguments = ("--model", tiny.trained(), "--query", "sail", "--docs", "-", "--json")
    found = json.loads(run("score", *arguments)[1])
    assert [r["document"] for r in found["results"]] == ["boat", "oven"]


def test_a_document_is_a_line_whatever_else_breaks_lines(run, tmp_path):
    path = tmp_path / "documents.txt"
    path.write_bytes("\ufeffred\u2028door\r\nblue\x0cwall\u0085end\r\n".encode())
    arguments = ("--model", tiny.trained(), "--query", "sail", "--docs", path, "--json")
    found = json.loads(run("score", *arguments)[1])
    assert [r["document"] for r in found["results"]] == ["red\u2028door", "blue\x0cwall\u0085end"]


def test_score_tells_trouble_with_its_documents_before_it_loads_a_model(refused, tmp_path):
    arguments = ("score", "--model", tmp_path / "no model", "--query", "q", "--docs")
    assert "--docs cannot be read" in refused(*arguments, tmp_path / "absent")
    assert "--docs cannot be read" in refused(*arguments, tmp_path)
    (tmp_path / "empty").write_text(" \n\n")
    assert "contains no documents" in refused(*arguments, tmp_path / "empty")
    (tmp_path / "latin").write_bytes("caf\u00e9".encode("latin-1"))
    assert "is not UTF-8" in refused(*arguments, tmp_path / "latin")
    (tmp_path / "table.json").write_text("[]")
    assert "takes one text a line, and this is a table" in refused(
        *arguments, tmp_path / "table.json"
    )
    (tmp_path / "good").write_text("boat")
    assert "no model folder here" in refused(*arguments, tmp_path / "good")


def test_score_refuses_a_query_that_is_not_utf8(refused, documents):
    arguments = ("--model", tiny.trained(), "--query", "caf\udce9", "--docs", documents)
    assert "--query is not UTF-8" in refused("score", *arguments)


@pytest.mark.parametrize("query", ["", " ", "👍 …"])
def test_score_refuses_a_query_of_which_the_model_reads_nothing(refused, documents, query):
    arguments = ("--model", tiny.trained(), "--query", query, "--docs", documents)
    assert "The model reads no word of the query" in refused("score", *arguments)


def test_score_refuses_more_documents_than_it_takes(refused, tmp_path):
    path = tmp_path / "many"
    path.write_text("boat\n" * 10_001)
    found = refused("score", "--model", tiny.trained(), "--query", "q", "--docs", path)
    assert "at most 10,000" in found
