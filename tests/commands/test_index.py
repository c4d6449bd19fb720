"""`python -m dssm_core index`: what it reads, writes, says and refuses."""

from __future__ import annotations

import gzip
import json

import pytest

from dssm_core.commands.index import PAIRS
from dssm_core.corpus.opening import ENDINGS
from dssm_core.corpus.texts import read_texts
from dssm_core.folder import ModelFolder
from dssm_core.runtimes.load import RUNTIMES
from dssm_core.scoring import Scorer
from dssm_core.search import nearest
from dssm_core.search.index import open_index
from tests import ROOT, tiny
from tests.workbooks import workbook

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saving under NumPy 2."""


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text(
        "oven knife saucepan\n\nboat anchor\r\n👍\nboat anchor\nguitar piano\n", "utf-8"
    )
    return path


def test_a_file_of_lines_becomes_an_index_that_agrees_with_score(run, lines, tmp_path):
    status, output, _ = run(
        *("index", "--model", tiny.trained(), "--corpus", lines, "--out", tmp_path / "index")
    )
    assert status == 0
    assert output.startswith("exact over 3 documents (1 left out: nothing in them that the model")
    scorer = Scorer(tiny.trained())
    found = open_index(tmp_path / "index", scorer.folder)
    assert found.documents == ("oven knife saucepan", "boat anchor", "guitar piano")
    query = scorer.cache.encode(["harbour boat"], "query")[0].vector
    scores = scorer.score("harbour boat", found.documents)
    by_rank = {result.rank: result for result in scores.results}
    for one in found.nearest(query, 3):
        assert one.document == by_rank[one.rank].document
        assert one.number == pytest.approx(by_rank[one.rank].cosine, abs=1e-3)


@pytest.mark.parametrize("name", ["15-corpus.jsonl", "14-psgs.tsv", "14-wands-products.csv"])
def test_a_corpus_with_ids_is_read_without_its_header_and_ids(run, tmp_path, name):
    path = ROOT / "tests" / "fixtures" / "cases" / name
    out = ("--out", tmp_path / "index")
    status, _, _ = run("index", "--model", tiny.trained(), "--corpus", path, *out)
    assert status == 0
    found = open_index(tmp_path / "index", Scorer(tiny.trained()).folder).documents
    assert set(found) == set(read_texts(path).texts.values())


def test_every_ending_of_a_table_is_one_of_pairs():
    assert {*PAIRS} == {f".{ending}" for ending in ENDINGS} - {".txt"}


@pytest.mark.parametrize("name", ["pairs.csv.gz", "pairs.xlsx", "pairs.xlsm"])
def test_packed_pairs_and_workbooks_are_pairs_and_no_lines(run, tmp_path, name):
    rows = [("query", "document"), ("harbour", "boat anchor"), ("tune", "guitar piano")]
    table = "\n".join(map(",".join, rows)).encode()
    (tmp_path / name).write_bytes(gzip.compress(table) if "gz" in name else workbook(rows))
    out = ("--corpus", tmp_path / name, "--out", tmp_path / "index")
    assert run("index", "--model", tiny.trained(), *out)[0] == 0
    found = open_index(tmp_path / "index", Scorer(tiny.trained()).folder).documents
    assert found == ("boat anchor", "guitar piano")


def test_an_index_says_that_there_is_html_and_takes_it_out(run, tmp_path):
    (tmp_path / "corpus.txt").write_text("<b>boat</b> anchor\nboat anchor\n")
    arguments = ("index", "--model", tiny.trained(), "--corpus", tmp_path / "corpus.txt")
    out = ("--out", tmp_path / "index")
    assert "1 of 2 texts has tags" in run(*arguments, *out)[1]
    assert "exact over 1 documents" in run(*arguments, "--strip-html", *out)[1]


def test_the_documents_of_pairs_are_taken_once_and_a_large_corpus_gets_a_graph(
    run, tmp_path, monkeypatch
):
    monkeypatch.setattr(nearest, "SMALL", 50)
    pairs = tiny.pairs(120)
    pairs.loc[7, "document"] = pairs.loc[6, "document"]
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    status, output, _ = run(
        *("index", "--model", tiny.trained(), "--corpus", tmp_path / "pairs.csv"),
        *("--out", tmp_path / "index", "--json"),
    )
    assert status == 0
    manifest = json.loads(output)
    assert manifest["documents"] == 119
    assert manifest["method"] == "usearch"
    assert 0.9 <= manifest["recall@10"] <= 1
    found = open_index(tmp_path / "index", ModelFolder.open(tiny.trained()))
    assert found.recall == manifest["recall@10"]


def test_an_approximate_index_says_its_recall(run, lines, tmp_path, monkeypatch):
    monkeypatch.setattr(nearest, "SMALL", 3)
    _, output, _ = run(
        *("index", "--model", tiny.trained(), "--corpus", lines, "--out", tmp_path / "index")
    )
    assert "approximate (usearch) over 3 documents, recall@10 1.000 against exact" in output


def test_without_out_it_goes_where_the_page_looks(run, lines, tmp_path, monkeypatch):
    monkeypatch.setenv("DSSM_INDEX", str(tmp_path / "indexes"))
    assert run("index", "--model", tiny.trained(), "--corpus", lines)[0] == 0
    (written,) = (tmp_path / "indexes").iterdir()
    assert written.name == ModelFolder.open(tiny.trained()).fingerprint
    assert (written / "index.json").is_file()


def test_the_same_place_may_be_written_again(run, lines, tmp_path):
    for _ in range(2):
        command = ("index", "--model", tiny.trained(), "--corpus", lines, "--out", tmp_path / "i")
        assert run(*command)[0] == 0


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.txt", None, "--corpus cannot be read"),
        ("empty.txt", "\n \n", "contains no documents"),
        ("marks.txt", "👍\n+++\n", "no document that the model can read"),
        ("pairs.csv", "document\na\n", "not clear which column has the queries"),
    ],
)
def test_a_corpus_that_is_none_is_refused(refused, tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_text(content, "utf-8")
    corpus, out = tmp_path / name, tmp_path / "index"
    assert says in refused("index", "--model", tiny.trained(), "--corpus", corpus, "--out", out)
    assert not out.exists()


def test_a_place_that_is_taken_is_refused_before_anything_is_encoded(refused, lines, monkeypatch):
    def load(folder: object) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setitem(RUNTIMES, "numpy", load)
    told = refused("index", "--model", tiny.trained(), "--corpus", lines, "--out", lines.parent)
    assert "something else here" in told
