"""Find candidates on the page: two lists, their marks, and what becomes of the documents."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.search import index, lance
from dssm_core.search.nearest import VectorSearch, encode_corpus
from dssm_core.ui.compare import candidates, corpora
from tests.pages import Loading, Ready, numbers, picker, run_until, shown_text, sound
from tests.tiny import AWKWARD, WordTowers

PAIRS = """query,document,label
red door,door of red,1
red door,wall,0
Blue  Wall,the blue wall,1
other,red red red wall wall wall wall,1
other,nothing at all,1
"""


class Failed:
    """A live model that could not be loaded."""

    is_done, scorer = True, None

    def __init__(self, folder: ModelFolder) -> None:
        self.error = UserError("page.cannot load model", "why", name="doors")

    def start(self) -> None:
        """Nothing is left to do."""


@pytest.fixture(autouse=True)
def _alone(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the folder its pairs, and wait for all work, for only a test is never in a hurry."""
    monkeypatch.setenv("DSSM_INDEX", str(tmp_path / "indexes"))
    monkeypatch.setattr(candidates, "PATIENCE", 300.0)
    (models / "doors" / "pairs.csv").write_text(PAIRS)
    corpora._cached_search.clear()
    corpora._fingerprint.clear()


def opened(page: Any, live: type = Ready, query: str | None = None) -> Any:
    app = page(live)
    if query is not None:
        app.text_input(key="compare.query").set_value(query).run()
    app.button(key="compare.find").click().run()
    sound(app)
    return app


def boxes(app: Any, by: str) -> list[Any]:
    return [box for box in app.checkbox if box.key.startswith(f"compare.find.{by}.")]


def labels(app: Any, by: str) -> list[str]:
    return [box.label for box in boxes(app, by)]


def shown(app: Any) -> list[str]:
    """Return the documents of both lists with their marks, in order."""
    return [e.proto.body for e in app.get("html") if "dssm-candidate" in e.proto.body[:30]]


def lines(app: Any) -> list[str]:
    return app.text_area(key="compare.lines").value.split("\n")


@pytest.mark.slow
def test_nothing_is_searched_until_it_is_asked_for(page: Any) -> None:
    app = page()
    assert not app.checkbox
    assert "By BM25" not in [h.value for h in app.subheader]


def test_both_lists_show_their_numbers(page: Any) -> None:
    app = opened(page)
    # cosines of "red door" with: door of red, wall, the blue wall, red x 3 wall x 4, nothing
    assert labels(app, "cosine")[:2] == ["1 · cosine 1.000", "2 · cosine 0.424"]
    assert labels(app, "bm25")[0].startswith("1 · BM25 ")
    assert len(labels(app, "bm25")) == 2, "only documents that share a word"
    assert "exact search of 5 documents" in shown_text(app)


@pytest.mark.slow
def test_what_is_judged_and_what_both_found_is_marked(page: Any) -> None:
    app = opened(page)
    first = next(row for row in shown(app) if "door of red" in row)
    assert "✓ judged relevant" in first
    assert "in both lists" in first
    wall = next(row for row in shown(app) if ">wall<" in row)
    assert "✗ judged not relevant" in wall
    assert "in both lists" not in wall
    blue = next(row for row in shown(app) if "the blue wall" in row)
    assert "not judged" in blue
    assert "1 relevant, 1 not" in shown_text(app)
    assert "In both lists: 2." in shown_text(app)


@pytest.mark.slow
def test_a_query_is_judged_whatever_its_case_and_spaces(page: Any) -> None:
    assert "judged relevant" in shown_text(opened(page, query="blue WALL"))
    assert "has no judgement for this query" in shown_text(opened(page, query="blue walls"))


@pytest.mark.slow
def test_a_judged_document_that_a_list_did_not_reach_is_shown_with_its_rank(
    page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "NUMBER", 1)
    app = opened(page, query="other wall red")
    # "other" judges nothing here: the query is another one
    assert "ranked lower" not in shown_text(app)
    app = opened(page, query="other")
    assert "ranked lower" in shown_text(app)
    assert len(boxes(app, "cosine")) == 3


def test_use_all_replaces_the_documents_and_scores_them(page: Any) -> None:
    app = opened(page)
    app.button(key="compare.find.all").click().run()
    sound(app)
    assert lines(app)[0] == "door of red"
    assert len(lines(app)) == 5
    assert numbers(app)["cosine"].iloc[0] == pytest.approx(1.0)
    assert not app.checkbox, "the lists are closed"


@pytest.mark.slow
def test_the_ticked_ones_alone_are_used_once_each(page: Any) -> None:
    app = opened(page)
    assert app.button(key="compare.find.ticked").disabled
    boxes(app, "cosine")[0].check().run()
    boxes(app, "bm25")[0].check().run()  # the same document
    boxes(app, "bm25")[1].check().run()
    assert app.button(key="compare.find.ticked").label == "Score the ticked (2)"
    app.button(key="compare.find.ticked").click().run()
    assert lines(app) == ["door of red", "red red red wall wall wall wall"]


@pytest.mark.slow
def test_documents_can_be_added_to_those_that_are_there(page: Any) -> None:
    app = opened(page)
    app.segmented_control(key="compare.find.mode").set_value("add").run()
    boxes(app, "cosine")[0].check().run()
    app.button(key="compare.find.ticked").click().run()
    assert lines(app) == ["a red door", "a blue wall", "door of red"]


@pytest.mark.slow
def test_what_was_typed_comes_back_and_back_again(page: Any) -> None:
    app = page()
    app.text_area(key="compare.lines").set_value("mine\n\nmine too").run()
    app.button(key="compare.find").click().run()
    app.button(key="compare.find.all").click().run()
    found = lines(app)
    app.button(key="compare.find.back").click().run()
    assert lines(app) == ["mine", "", "mine too"]
    app.button(key="compare.find.back").click().run()
    assert lines(app) == found


@pytest.mark.slow
def test_a_table_that_was_typed_comes_back_as_a_table(page: Any, models: Path) -> None:
    app = page()
    app.segmented_control(key="compare.entry").set_value("table").run()
    app.button(key="compare.find").click().run()
    app.button(key="compare.find.all").click().run()
    assert lines(app)[0] == "door of red"
    app.button(key="compare.find.back").click().run()
    assert app.segmented_control(key="compare.entry").value == "table"
    assert numbers(app)["document"].tolist() == ["a red door", "a blue wall"]


@pytest.mark.slow
def test_an_example_chosen_later_ends_the_way_back(page: Any) -> None:
    app = opened(page)
    app.button(key="compare.find.all").click().run()
    picker(app).set_value(1).run()
    assert not [b for b in app.button if b.key == "compare.find.back"]


@pytest.mark.slow
def test_closing_changes_nothing(page: Any) -> None:
    app = opened(page)
    app.button(key="compare.find.close").click().run()
    assert not app.checkbox
    assert lines(app) == ["a red door", "a blue wall"]


@pytest.mark.slow
def test_the_lists_follow_the_query(page: Any) -> None:
    app = opened(page)
    boxes(app, "cosine")[0].check().run()
    app.text_input(key="compare.query").set_value("blue wall").run()
    assert "the blue wall" in shown(app)[0]


@pytest.mark.slow
def test_bm25_comes_at_once_while_the_model_loads(page: Any) -> None:
    app = opened(page, Loading)
    assert "Its list appears when it is ready" in shown_text(app)
    assert not boxes(app, "cosine")
    assert len(boxes(app, "bm25")) == 2
    assert "In both lists" not in shown_text(app)
    app.button(key="compare.find.all").click().run()
    assert len(lines(app)) == 2


def test_a_model_that_cannot_be_loaded_leaves_bm25(page: Any) -> None:
    app = opened(page, Failed)
    assert "live model cannot be loaded" in shown_text(app)
    assert len(boxes(app, "bm25")) == 2


@pytest.mark.slow
def test_while_the_corpus_is_encoded_the_page_says_how_far(
    page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, begun = threading.Event(), threading.Event()

    def slowly(encoder: Any, documents: Any, progress: Any) -> Any:
        progress("encoding", 2, 5)
        begun.set()
        assert go_on.wait(300)
        return encode_corpus(encoder, documents)

    monkeypatch.setattr(corpora, "encode_corpus", slowly)
    app = page()
    monkeypatch.setattr(candidates, "PATIENCE", 0.01)
    app.button(key="compare.find").click().run()
    run_until(app, begun.is_set)  # the corpus must have been read when the page looks
    app.run()
    assert "2 of 5 documents" in shown_text(app)
    assert len(boxes(app, "bm25")) == 2
    go_on.set()
    monkeypatch.setattr(candidates, "PATIENCE", 300.0)
    app.run()
    assert boxes(app, "cosine")


@pytest.mark.slow
def test_the_corpus_is_encoded_once_for_all_sessions(
    page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = []

    def counted(*arguments: Any, **more: Any) -> Any:
        encoded.append(1)
        return encode_corpus(*arguments, **more)

    monkeypatch.setattr(corpora, "encode_corpus", counted)
    opened(page, query="blue")
    opened(page, query="red")
    assert encoded == [1]


@pytest.mark.slow
def test_new_pairs_are_read_anew(page: Any, models: Path) -> None:
    opened(page)
    (models / "doors" / "pairs.csv").write_text("query,document,label\nq,one red thing,1\n")
    assert "exact search of 1 document" in shown_text(opened(page))


@pytest.mark.slow
def test_any_query_is_answered_without_a_crash(page: Any) -> None:
    app = opened(page)
    for query in ("+ = €", "the", "", "x" * 200_000, *AWKWARD.values()):
        app.text_input(key="compare.query").set_value(query).run()
        assert "This part of the page failed" not in shown_text(sound(app)), query[:40]
    app.text_input(key="compare.query").set_value("red door").run()
    assert labels(app, "cosine"), "the lists are still open"


@pytest.mark.slow
def test_a_query_of_symbols_is_explained(page: Any) -> None:
    app = opened(page, query="+ =")
    assert "only symbols, punctuation" in shown_text(app)
    assert "No document shares a word" in shown_text(app)


@pytest.mark.slow
def test_a_folder_without_a_corpus_names_the_command(page: Any, models: Path) -> None:
    (models / "doors" / "pairs.csv").unlink()
    text = shown_text(opened(page))
    assert "has no corpus to search" in text
    assert "python -m dssm_core index --model" in text


@pytest.mark.slow
def test_damaged_pairs_are_told_and_the_page_goes_on(page: Any, models: Path) -> None:
    (models / "doors" / "pairs.csv").write_text("query\nq\n")
    app = opened(page)
    assert 'has no column "document"' in shown_text(app)
    assert numbers(app)["rank"].tolist() == [1, 2]


def test_markup_in_a_document_shows_as_text(page: Any, models: Path) -> None:
    evil = "red <img src=x onerror=alert(1)> **bold**"
    (models / "doors" / "pairs.csv").write_text(f"query,document\nq,{evil}\n")
    app = opened(page)
    assert "&lt;img" in shown(app)[0]
    assert "<img" not in "".join(e.proto.body for e in app.get("html"))
    assert not any("bold" in box.label for box in app.checkbox)


@pytest.mark.slow
def test_a_long_document_is_cut_where_it_is_shown_alone(page: Any, models: Path) -> None:
    long = "red " * 500
    (models / "doors" / "pairs.csv").write_text(f"query,document\nq,{long}\n")
    app = opened(page)
    assert len(shown(app)[0]) < 1_000
    app.button(key="compare.find.all").click().run()
    assert lines(app) == [long]


@pytest.mark.slow
def test_a_document_of_several_lines_goes_into_the_table(page: Any, models: Path) -> None:
    (models / "doors" / "pairs.csv").write_text('query,document\nq,"red\ndoor"\n')
    app = opened(page)
    app.button(key="compare.find.all").click().run()
    assert app.segmented_control(key="compare.entry").value == "table"
    assert numbers(app)["document"].tolist() == ["red\ndoor"]


# an index of a larger corpus


@pytest.fixture
def large(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the index of a corpus that lies where the page looks for it, by a graph."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WordTowers().words, 8)) for _ in range(400)]
    folder = ModelFolder.open(models / "doors")
    search = encode_corpus(WordTowers(), [*texts, "door of red"], np.float16)
    path = index.index_path(folder.fingerprint)
    index.write_index(path, folder, search.with_graph(search.vectors[:20]))
    return path


def test_an_index_is_searched_in_place_of_the_pairs_and_says_so(page: Any, large: Path) -> None:
    app = opened(page)
    assert "approximate (usearch) over" in shown_text(app)
    assert "recall@10" in shown_text(app)
    assert labels(app, "cosine")[0] == "1 · cosine 1.000"
    assert len(boxes(app, "cosine")) == 10
    assert "✓ judged relevant" in "".join(shown(app))


@pytest.mark.slow
def test_cosines_are_those_that_score_shows(page: Any, large: Path) -> None:
    app = opened(page, query="red door door wall")
    listed = [label.split()[-1] for label in labels(app, "cosine")]
    app.button(key="compare.find.all").click().run()
    assert [f"{c:.3f}" for c in numbers(app)["cosine"][:10]] == listed


@pytest.mark.slow
def test_an_index_of_another_model_is_refused_and_the_pairs_serve(
    page: Any, large: Path, monkeypatch: pytest.MonkeyPatch, models: Path
) -> None:
    monkeypatch.setenv("DSSM_INDEX", str(large))
    (models / "doors" / "vocabulary.json").write_text('{"green": 1}')
    app = opened(page)
    assert "is another model's" in shown_text(app)
    assert "exact search of 5 documents" in shown_text(app)


@pytest.mark.slow
def test_an_index_of_another_width_is_refused_and_words_are_still_searched(
    page: Any, models: Path
) -> None:
    folder = ModelFolder.open(models / "doors")
    wider = VectorSearch(("door of red",), np.ones((1, 100), np.float32))
    index.write_index(index.index_path(folder.fingerprint), folder, wider)
    app = opened(page)
    assert "vectors of another width than this model's" in shown_text(app)
    assert f"index --model {models / 'doors'} --corpus FILE" in shown_text(app)
    assert not boxes(app, "cosine")
    assert len(boxes(app, "bm25")) == 1


@pytest.mark.slow
def test_an_index_built_while_the_page_runs_is_used(page: Any, request: Any) -> None:
    assert "exact search of 5 documents" in shown_text(opened(page))
    request.getfixturevalue("large")
    assert "approximate (usearch)" in shown_text(opened(page))


# a table of LanceDB


@pytest.fixture
def table(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> lance.Store:
    """Return a table that DSSM_INDEX names."""
    pytest.importorskip("lancedb", reason="the extra lancedb is not installed")
    folder = ModelFolder.open(models / "doors")
    texts = ["door of red", "the blue wall", "red red wall", "door of red"]
    vectors = encode_corpus(WordTowers(), texts).vectors[[0, 1, 2, 0]]
    store = lance.Store(str(tmp_path / "db"))
    lance.write_table(store, folder, [(["a", "b", "c", "d"], texts, vectors)])
    monkeypatch.setenv("DSSM_INDEX", f"lancedb:{store.path}")
    return store


@pytest.mark.slow
def test_a_table_of_lancedb_is_searched_in_place_of_the_pairs(page: Any, table: Any) -> None:
    app = opened(page)
    assert "exact search of 4 documents" in shown_text(app)
    assert labels(app, "cosine")[0] == "1 · cosine 1.000"
    assert len(boxes(app, "cosine")) == 3, "a text that is there twice is shown once"
    assert "door of red" in shown(app)[0]
    assert labels(app, "bm25")[0].startswith("1 · BM25 ")


@pytest.mark.slow
def test_a_table_of_another_model_is_refused_and_the_pairs_serve(
    page: Any, table: Any, models: Path
) -> None:
    (models / "doors" / "vocabulary.json").write_text('{"green": 1}')
    app = opened(page)
    assert "is another model's" in shown_text(app)
    assert "exact search of 5 documents" in shown_text(app)


@pytest.mark.slow
def test_a_store_that_does_not_exist_is_told_and_the_pairs_serve(
    page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSSM_INDEX", f"lancedb:{tmp_path / 'none'}")
    app = opened(page)
    assert "There is no such table" in shown_text(app)
    assert "exact search of 5 documents" in shown_text(app)
