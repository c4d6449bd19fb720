"""A file on the page Inspect: how it is read, what is doubtful in it, its scoring."""

from __future__ import annotations

import gc
import re
import weakref
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dssm_core.corpus.opening import ENDINGS
from dssm_core.corpus.pairs import read
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.inspection import measure
from dssm_core.ui.inspect import load, slices
from dssm_core.words import ENGLISH
from tests import ROOT
from tests.pages import Loading, Ready, shown_text, sound
from tests.tiny import AWKWARD
from tests.ui.inspect.opened import Open, errors, relevant_labels, upload
from tests.workbooks import workbook

CASES = [p for p in (ROOT / "tests/fixtures/cases").iterdir() if p.suffix[1:] in ENDINGS]


def counted(monkeypatch: pytest.MonkeyPatch, place: Any, name: str) -> list[Any]:
    """Return what a function is called with from now on, a call each."""
    made, calls = getattr(place, name), list[Any]()

    def call(*given: Any) -> Any:
        calls.append(given)
        return made(*given)

    monkeypatch.setattr(place, name, call)
    return calls


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return what is scored from now on, a call each."""
    return counted(monkeypatch, load, "inspect_pairs")


def test_the_first_screen_shows_the_models_own_pairs(page: Open) -> None:
    app = page()
    sound(app)
    assert "pairs.csv: 6 pairs, 3 labelled relevant." in shown_text(app)
    assert "2 of 6 pairs are on the wrong side of the threshold (33.3%)" in shown_text(app)
    assert "Precision 0.667, recall 0.667, F1 0.667" in shown_text(app)
    assert errors(app)["query"].tolist() == ["red door", "blue wall"]


def test_while_the_model_loads_the_page_says_so_and_what_it_will_score(page: Open) -> None:
    app = page(live=Loading)
    sound(app)
    assert "will be scored when it is ready" in shown_text(app)
    assert "6 pairs" in shown_text(app)


def test_a_model_that_cannot_be_loaded_is_named(page: Open) -> None:
    class Failed(Ready):
        error = UserError("model.cannot load", "boom", name="doors")  # type: ignore[assignment]

        def __init__(self, folder: ModelFolder) -> None:
            self.scorer = None  # type: ignore[assignment]

    assert (
        "doors/model.keras cannot be loaded. Found: boom. Another version wrote it"
        in shown_text(page(live=Failed))
    )


@pytest.mark.slow
def test_pairs_that_are_all_relevant_get_assumed_ones_and_the_page_says_so(page: Open) -> None:
    rows = "".join(f"red door {n},a red door {n}\n" for n in range(6))
    app = page("query,document\n" + rows)
    assert "6 pairs, all labelled relevant" in shown_text(app)
    assert "4 random documents from other queries" in shown_text(app)
    assert "of 30 pairs" in shown_text(app)
    app.number_input(key="inspect.assumed").set_value(2).run()
    assert "of 18 pairs" in shown_text(app)
    app.number_input(key="inspect.assumed").set_value(0).run()
    sound(app)
    assert "of 6 pairs" in shown_text(app)
    assert "need pairs of both labels" in shown_text(app)


def test_a_model_folder_without_pairs_asks_for_some(page: Open) -> None:
    app = page(None)
    sound(app)
    assert "The model folder doors has no pairs of its own" in shown_text(app)


@pytest.mark.slow
def test_an_uploaded_file_takes_the_place_of_the_own_pairs_and_can_be_left_again(
    page: Open,
) -> None:
    app = upload(page(), "query,document,label\nred,red,1\nred,blue,0\n")
    assert "mine.csv: 2 pairs, 1 labelled relevant." in shown_text(app)
    assert "0 of 2 pairs are on the wrong side" in shown_text(app)
    assert "No pair is on the wrong side of this threshold." in shown_text(app)
    app.button(key="inspect.back").click().run()
    assert "pairs.csv: 6 pairs" in shown_text(app)


@pytest.mark.slow
def test_columns_of_any_name_are_guessed_and_can_be_chosen_otherwise(page: Open) -> None:
    app = upload(page(), "n,suche,text,urteil\n1,red,blue wall,gut\n2,red,red,schlecht\n")
    boxes = {s.label: s for s in app.selectbox}
    assert boxes["Column of the queries"].value == "suche"
    assert boxes["Column of the documents"].value == "text"
    assert "2 pairs, all labelled relevant" in shown_text(app)
    boxes["Column of the labels"].set_value("urteil").run()
    assert "gut, schlecht" in shown_text(app), "it is asked which means relevant"
    relevant_labels(app).set_value(["gut"]).run()
    assert "2 pairs, 1 labelled relevant" in shown_text(app)
    assert "2 of 2 pairs are on the wrong side" in shown_text(app)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(CASES), ids=lambda path: path.name)
def test_page_and_command_read_a_file_alike(page: Open, path: Path) -> None:
    app = upload(page(live=Loading), path.read_bytes(), path.name)
    try:
        said = read(path)[1].sentence().text(ENGLISH)
    except UserError as error:
        said = str(error).split(" (found")[0].split(". ")[0]
    assert said in shown_text(app)


@pytest.mark.slow
def test_how_a_file_is_read_is_said_and_can_be_changed(page: Open) -> None:
    app = upload(page(), "q;text;grade\nred;red;0\nred;blue;1\nred;wall;3\n")
    assert "relevant where “grade” is 2 or more (it goes from 0 to 3)" in shown_text(app)
    assert "3 pairs, 1 labelled relevant" in shown_text(app)
    box = next(box for box in app.number_input if box.label == "Relevant from this grade")
    box.set_value(1.0).run()
    assert "3 pairs, 2 labelled relevant" in shown_text(app)
    next(box for box in app.selectbox if box.label == "Separator").set_value(",").run()
    assert "not clear which column has the" in shown_text(app)


@pytest.mark.slow
def test_of_a_workbook_another_sheet_can_be_chosen(page: Open) -> None:
    header = ("query", "document", "label")
    sheets = [[header, ("red", "red", 1), ("red", "blue", 0)], [header, ("red", "wall", 0)]]
    app = upload(page(), workbook(*sheets), "mine.xlsx")
    assert "Read as sheet “Sheet 1” with a header: 2 pairs" in shown_text(app)
    assert "Not read: “Sheet 2”." in shown_text(app)
    assert "Separator" not in {box.label for box in app.selectbox}
    next(box for box in app.selectbox if box.label == "Sheet").set_value("Sheet 2").run()
    sound(app)
    assert "Read as sheet “Sheet 2” with a header: 1 pair" in shown_text(app)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("", "mine.csv", "mine.csv is empty"),
        ("query,document,label\nred,,1\n", "mine.csv", "document is empty at line 2"),
        ("query,document,label\nred,a\n", "mine.csv", "line 2 of mine.csv has 2 fields"),
        ('query,document\n"red,a\n', "mine.csv", "The quotes do not match at line 2"),
        ('{"query": "red"\n', "mine.jsonl", "line 1 of mine.jsonl is not JSON"),
        (b"query,document\n\xff,a\n", "mine.csv", "If letters look wrong, name another"),
        ("n\n7\n", "mine.csv", "not clear which column has the queries"),
        ("query,document,label\na,b,1\na,c,0\na,d,so\n", "mine.csv", "at line 4"),
    ],
)
def test_what_is_wrong_with_a_file_is_named_by_line_and_the_page_goes_on(
    page: Open, content: str | bytes, name: str, message: str
) -> None:
    app = upload(page(live=Loading), content, name)
    assert message in shown_text(app)
    app.button(key="inspect.back").click().run()
    assert "pairs.csv: 6 pairs" in shown_text(app)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("q1,red,1\nq2,blue,0\n", "join the texts to the ids first"),
        ("red,door,0\nblue,wall,0\n", "one label, 0, so no error rate can be measured"),
        ("red,door,1\nred,door,0\n", "a pair labelled both 1 and 0"),
    ],
)
def test_doubtful_pairs_are_loud(page: Open, rows: str, message: str) -> None:
    app = upload(page(live=Loading), "query,document,label\n" + rows)
    assert re.search(f"Warning\\. .*{message}", shown_text(app))


def test_labels_in_a_list_are_shown_and_turned_round(page: Open) -> None:
    row = '{"query": "red", "hits": [{"text": "red", "rel": 1}, {"text": "blue", "rel": 0}]}'
    app = upload(page(live=Loading), f"{row}\n{row}\n", "mine.jsonl")
    (label,) = [one for one in app.selectbox if "role.label" in str(one.key)]
    (relevant,) = app.multiselect
    assert (label.value, label.placeholder, relevant.value) == (None, "hits.rel", ["1"])
    relevant.set_value(["0"]).run()
    sound(app)
    assert "relevant where “hits.rel” is 0" in shown_text(app)


def test_what_the_model_cuts_is_a_doubt_as_soon_as_it_is_scored(page: Open) -> None:
    app = page(f"query,document,label\nred,{'red ' * 600},1\nred,blue,0\n")
    assert re.search(r"Warning\. .*1 of 2 pairs .* has words past", shown_text(app))


@pytest.mark.slow
def test_no_text_breaks_the_page(page: Open) -> None:
    texts = ['"' + text.replace('"', '""') + '"' for text in AWKWARD.values()]
    rows = "".join(f"{text},red door,1\nred door,{text},0\n" for text in texts)
    app = page("query,document,label\n" + rows + "red,red,1\n")
    sound(app)
    assert f"of {2 * len(texts) + 1} pairs" in shown_text(app)


@pytest.mark.slow
def test_markup_in_a_column_or_value_shows_as_text(page: Open) -> None:
    app = page("query,document,label,<b>x\nred,blue,1,<i>**y**\nred,red,0,z\n")
    sound(app)
    app.selectbox(key="inspect.slice").set_value("<b>x").run()
    app.selectbox(key="inspect.slice.name").set_value("<i>**y**").run()
    assert "Only <b>x = <i>**y**: 1 error." in shown_text(app)
    assert not any("<i>" in e.proto.body for e in app.get("html"))


@pytest.mark.slow
def test_scoring_can_be_stopped_and_taken_up_again(page: Open) -> None:
    app = page()
    key, _ = app.session_state["inspect.cached"]
    app.session_state["inspect.cached"] = None
    app.session_state["inspect.stopped"] = key
    app.run()
    assert "Scoring was stopped" in shown_text(app)
    app.button(key="inspect.resume").click().run()
    assert "2 of 6 pairs are on the wrong side" in shown_text(app)


@pytest.mark.slow
def test_pairs_are_scored_once_whatever_is_moved(page: Open, calls: list[Any]) -> None:
    app = page()
    app.slider(key="inspect.probability").set_value(0.3).run()
    app.selectbox(key="inspect.slice").set_value("room").run()
    assert len(calls) == 1


@pytest.mark.slow
def test_visitors_of_a_models_own_pairs_share_their_scores(page: Open, calls: list[Any]) -> None:
    one, other = page(), page(pairs=None)
    assert len(calls) == 1
    assert one.session_state["inspect.cached"] is not other.session_state["inspect.cached"]
    first, second = (app.session_state["inspect.cached"][1] for app in (one, other))
    assert first is second
    for app in (one, other):  # what a visitor brings is that visitor's alone
        upload(app, "query,document,label\nred,red,1\nred,blue,0\n")
    assert len(calls) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "name"),
    [(load, "doubts"), (load, "unread"), (slices, "slice_columns"), (slices, "slice_names")]
    + [(measure, name) for name in ("curve", "calibration", "ranking")],
)
def test_what_no_threshold_changes_is_worked_out_for_the_first_visitor_alone(
    page: Open, monkeypatch: pytest.MonkeyPatch, place: Any, name: str
) -> None:
    calls = counted(monkeypatch, place, name)
    one = page()
    first = len(calls)
    other = page(pairs=None)
    other.slider(key="inspect.probability").set_value(0.3).run()
    assert first
    assert len(calls) == first
    assert not errors(one).equals(errors(other))


@pytest.mark.slow
def test_a_file_that_was_left_is_forgotten_and_so_are_its_tables(page: Open) -> None:
    """Streamlit keeps what is called for each key of a widget as long as the session lasts."""
    app = page()
    left: list[weakref.ref[Any]] = []
    tables: list[int] = []
    for n in range(6):
        upload(app, f"query,document,label\nred,red,1\nred,blue {n},0\nblue,red door,1\n")
        app.number_input(key="inspect.cosine").set_value(0.3 + n / 100).run()
        app.number_input(key="inspect.cosine").set_value(0.9 - n / 100).run()
        left.append(weakref.ref(app.session_state["inspect.cached"][1]))
        gc.collect()
        tables.append(sum(isinstance(one, pd.DataFrame) for one in gc.get_objects()))
    assert [ref() is None for ref in left] == [True] * 5 + [False]
    assert tables[-1] <= tables[2]
