"""The page Inspect from file to list of errors, without a browser and without TensorFlow."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dssm_core.corpus.opening import ENDINGS
from dssm_core.corpus.pairs import read
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.inspection import score_pairs
from dssm_core.ui.common import state
from dssm_core.ui.inspect import address as address_page
from dssm_core.ui.inspect import errors as errors_page
from dssm_core.ui.inspect import load
from dssm_core.ui.inspect.report import report_bytes
from dssm_core.words import ENGLISH, Sentence, translator_for
from tests import ROOT
from tests.pages import LABELLED, Loading, Ready, inspect_page, run_until, shown_text, sound
from tests.tiny import AWKWARD

Open = Callable[..., AppTest]
CASES = [p for p in (ROOT / "tests/fixtures/cases").iterdir() if p.suffix[1:] in ENDINGS]


@pytest.fixture
def page(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Return a function that opens the page on pairs of the model's own folder."""

    def open_page(
        pairs: str | None = LABELLED,
        live: type = Ready,
        patience: float = 300.0,
        view: str | None = None,
    ) -> AppTest:
        if pairs is not None:
            (models / "doors" / "pairs.csv").write_text(pairs)
        monkeypatch.setenv("DSSM_MODELS", str(models))
        monkeypatch.setenv("DSSM_STORE", str(tmp_path / "verdicts.sqlite3"))
        monkeypatch.setattr(state, "live_model", live)
        monkeypatch.setattr(errors_page, "PATIENCE", patience)  # AppTest has no clock
        app = AppTest.from_function(inspect_page, default_timeout=120)
        if view is not None:
            app.query_params["view"] = view
        return app.run()

    return open_page


def errors(app: AppTest) -> Any:
    """Return the table of errors."""
    return next(d.value for d in app.dataframe if "by" in d.value and "verdict" in d.value)


def group(app: AppTest, key: str) -> Any:
    return next(g for g in app.get("button_group") if g.key == key)


def titles(app: AppTest) -> list[str]:
    return [json.loads(c.proto.spec)["title"]["text"] for c in app.get("vega_lite_chart")]


def upload(app: AppTest, content: str | bytes, name: str = "mine.csv") -> AppTest:
    raw = content.encode() if isinstance(content, str) else content
    app.file_uploader(key="inspect.file").set_value((name, raw, "text/csv")).run()
    sound(app)
    return app


# loading


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

    assert "doors/model.keras cannot be loaded. Found: boom Another version wrote it" in shown_text(
        page(live=Failed)
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


def relevant_labels(app: AppTest) -> Any:
    return next(box for box in app.multiselect if box.label == "Labels that mean relevant")


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
def test_pairs_are_scored_once_whatever_is_moved(
    page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def counted(*given: Any) -> Any:
        calls.append(given)
        return score_pairs.inspect_pairs(*given)

    monkeypatch.setattr(load, "inspect_pairs", counted)
    app = page()
    app.slider(key="inspect.probability").set_value(0.3).run()
    app.selectbox(key="inspect.slice").set_value("room").run()
    assert len(calls) == 1


# the threshold


def test_the_slider_moves_the_cosine_and_everything_else(page: Open) -> None:
    app = page()
    assert app.slider(key="inspect.probability").value == 0.5
    assert app.number_input(key="inspect.cosine").value == 0.25
    app.slider(key="inspect.probability").set_value(0.92).run()
    assert app.number_input(key="inspect.cosine").value == 0.861
    assert "1 of 6 pairs are on the wrong side" in shown_text(app), (
        "0.816 is no false alarm any more"
    )
    assert errors(app)["document"].tolist() == ["red door"]


@pytest.mark.slow
def test_the_cosine_moves_the_slider(page: Open) -> None:
    app = page()
    app.number_input(key="inspect.cosine").set_value(0.9).run()
    assert app.slider(key="inspect.probability").value == pytest.approx(0.931)
    assert "1 of 6 pairs are on the wrong side" in shown_text(app)


@pytest.mark.slow
def test_the_best_f1_is_one_click_away(page: Open) -> None:
    app = page()
    app.button(key="inspect.best").click().run()
    assert app.number_input(key="inspect.cosine").value == 0.908
    assert "F1 0.800" in shown_text(app)


@pytest.mark.slow
def test_a_dear_miss_brings_the_threshold_down_and_a_dear_false_alarm_up(page: Open) -> None:
    app = page()
    app.number_input(key="inspect.cost").set_value(0.01).run()
    app.button(key="inspect.least").click().run()
    low = app.number_input(key="inspect.cosine").value
    app.number_input(key="inspect.cost").set_value(100.0).run()
    app.button(key="inspect.least").click().run()
    assert low < 0 < app.number_input(key="inspect.cosine").value


@pytest.mark.slow
def test_the_charts_follow_the_threshold(page: Open) -> None:
    app = page()
    app.number_input(key="inspect.cosine").set_value(0.1).run()
    said = [json.loads(c.proto.spec)["description"] for c in app.get("vega_lite_chart")]
    assert sum("cosine 0.100" in one for one in said) == 3


def test_four_charts_show_the_whole_and_one_the_slices(page: Open) -> None:
    assert titles(page())[-5:] == [
        "Error rate by slice",
        "Cosine of relevant and other pairs",
        "Precision and recall",
        "ROC curve, area 0.778",
        "Calibration, error 0.199",
    ]


def test_counts_are_told_in_words(page: Open) -> None:
    said = shown_text(page())
    for words in ("Hit 2 Relevant, and at or above", "Missed 1 Relevant, but below"):
        assert words in said
    for words in ("False alarm 1 Not relevant, but", "Rejected 2 Not relevant, and below"):
        assert words in said


def test_pairs_without_a_score_are_counted(page: Open) -> None:
    app = page("query,document,label\nred,+++,1\nred,red,1\nred,blue,0\n")
    assert "Without a score 1" in shown_text(app)


@pytest.mark.slow
def test_ranking_is_shown_where_queries_have_something_to_rank(page: Open) -> None:
    assert "MRR@10 1.000" in shown_text(page())
    assert "MRR@10" not in shown_text(page("query,document,label\nred,red,1\nblue,red,0\n"))


# slices


@pytest.mark.slow
def test_the_worst_slice_can_be_chosen_and_filters_the_errors(page: Open) -> None:
    app = page()
    app.selectbox(key="inspect.slice").set_value("room").run()
    app.selectbox(key="inspect.slice.name").set_value("cellar").run()
    assert errors(app)["query"].tolist() == ["blue wall"]
    assert "Only room = cellar: 1 error." in shown_text(app)
    app.button(key="inspect.filter.off").click().run()
    assert len(errors(app)) == 2
    assert app.selectbox(key="inspect.slice.name").value is None


@pytest.mark.slow
def test_another_column_takes_the_filter_away(page: Open) -> None:
    app = page()
    app.selectbox(key="inspect.slice").set_value("room").run()
    app.selectbox(key="inspect.slice.name").set_value("hall").run()
    app.selectbox(key="inspect.slice").set_value("word overlap").run()
    assert len(errors(app)) == 2


@pytest.mark.slow
def test_the_columns_are_ordered_by_how_well_they_separate_the_errors(page: Open) -> None:
    app = page()
    found = next(d.value for d in app.dataframe if "association" in d.value)
    assert found["association"].is_monotonic_decreasing
    assert "room" in set(found["column"])
    assert app.selectbox(key="inspect.slice").options[0] == "room", "the file's own come first"


# the address


def address(app: AppTest) -> str:
    bodies = [e.proto.body for e in app.get("html")]
    found = [re.search(r'data-address="\?view=([\w-]+)"', body) for body in bodies]
    return next(match[1] for match in found if match)


@pytest.mark.slow
def test_the_address_restores_threshold_slice_and_pair(page: Open) -> None:
    app = page()
    app.number_input(key="inspect.cosine").set_value(0.9).run()
    app.selectbox(key="inspect.slice").set_value("room").run()
    app.selectbox(key="inspect.slice.name").set_value("cellar").run()
    link = address(app)
    other = page(view=link)
    sound(other)
    assert other.number_input(key="inspect.cosine").value == 0.9
    assert other.selectbox(key="inspect.slice.name").value == "cellar"
    assert other.session_state["inspect.line"] == app.session_state["inspect.line"]
    assert address(other) == link


@pytest.mark.slow
def test_a_loaded_file_is_found_again_by_its_own_browser_alone(
    page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "this_browser", lambda: "mine")
    monkeypatch.setattr(address_page, "this_browser", lambda: "mine")
    link = address(upload(page(), "query,document,label\nred,red,1\nred,blue,0\n"))
    assert "mine.csv: 2 pairs" in shown_text(page(view=link))
    monkeypatch.setattr(address_page, "this_browser", lambda: "theirs")
    other = page(view=link)
    sound(other)
    assert "is not on the server any more" in shown_text(other)
    assert "pairs.csv: 6 pairs" in shown_text(other)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "change"),
    [
        ("red,red,gut\nred,blue,schlecht\n", lambda app: relevant_labels(app).set_value(["gut"])),
        (
            "red,red,1\nred,blue,2\nred,wall,3\nred,door,4\n",
            lambda app: next(b for b in app.number_input if "grade" in b.label).set_value(2.0),
        ),
    ],
)
def test_the_address_restores_how_a_loaded_file_is_read(
    page: Open, monkeypatch: pytest.MonkeyPatch, rows: str, change: Callable[[AppTest], Any]
) -> None:
    monkeypatch.setattr(load, "this_browser", lambda: "mine")
    monkeypatch.setattr(address_page, "this_browser", lambda: "mine")
    app = upload(page(), "query,document,label\n" + rows)
    change(app).run()
    next(b for b in app.selectbox if b.label == "First row").set_value(True).run()
    other = page(view=address(app))
    sound(other)
    assert re.findall("mine.csv: .*? labelled", shown_text(other)) == re.findall(
        "mine.csv: .*? labelled", shown_text(app)
    )
    assert address(other) == address(app)


@pytest.mark.slow
@pytest.mark.parametrize(
    "roles",
    [
        {"x": "y"},
        {"inspect.role.cut.k": math.nan},
        {"inspect.role.relevant.k": ["a"] * 100},
        {"inspect.role.header.k": "yes"},
        {"inspect.role.query.k": ["a"]},
    ],
)
def test_roles_of_another_kind_are_not_restored(page: Open, roles: dict[str, Any]) -> None:
    view = {"model": "doors", "fingerprint": "", "threshold": 0.5, "line": 1, "column": ""}
    view |= {"slice": "", "second": "", "file": "", "roles": roles}
    assert "This link cannot be read" in shown_text(page(view=state.packed(view)))


@pytest.mark.slow
@pytest.mark.parametrize("link", ["x", "A" * 9000, state.packed({"model": "doors"})])
def test_a_damaged_address_gets_a_message_and_the_models_own_pairs(page: Open, link: str) -> None:
    app = page(view=link)
    sound(app)
    assert "This link cannot be read" in shown_text(app)
    assert "pairs.csv: 6 pairs" in shown_text(app)


# errors


@pytest.mark.slow
def test_a_verdict_is_marked_in_the_row(page: Open) -> None:
    app = page()
    app.button(key="inspect.judge.2").click().run()
    sound(app)
    assert errors(app)["verdict"].tolist() == ["✗", ""]


def test_each_error_has_a_cause_and_its_evidence(page: Open) -> None:
    app = page("query,document,label\nred,zebra,1\nred,zebra,0\nblue,red,1\n")
    assert all(errors(app)["cause"] != "…")
    app.session_state["inspect.line"] = 2
    app.session_state["inspect.offered"] = None
    app.run()
    assert "Wrong because: labelled both ways." in shown_text(app)


@pytest.mark.slow
def test_a_cause_filters_the_errors(page: Open) -> None:
    rows = "red,zebra,1\nred,zebra,0\nblue,red,1\n"
    app = page("query,document,label\n" + rows)
    causes = app.selectbox(key="inspect.causes")
    assert "labelled both ways · 1" in causes.options
    causes.set_value("labelled both ways").run()
    assert errors(app)["document"].tolist() == ["zebra"]


@pytest.mark.slow
def test_search_and_kind_narrow_the_errors(page: Open) -> None:
    app = page()
    app.text_input(key="inspect.search").set_value("DOOR WALL").run()
    assert errors(app)["document"].tolist() == ["a red door wall"]
    app.text_input(key="inspect.search").set_value("").run()
    group(app, "inspect.kind").set_value("false negative").run()
    assert errors(app)["document"].tolist() == ["red door"]
    app.text_input(key="inspect.search").set_value("nowhere").run()
    assert "No error matches these filters." in shown_text(app)


@pytest.mark.slow
def test_the_worst_error_is_seen_through_until_another_is_chosen(page: Open) -> None:
    app = page()
    assert app.session_state["inspect.line"] == 3
    app.session_state["inspect.line"] = 6
    app.run()
    assert app.session_state["inspect.line"] == 6
    assert "line 6" in shown_text(app)


@pytest.mark.slow
def test_more_causes_are_found_on_demand(page: Open) -> None:
    rows = "".join(f"red {n},blue {n},1\n" for n in range(250))
    app = page("query,document,label\n" + rows + "red,red,1\nred,wall,0\n")
    assert (errors(app)["cause"] == "…").sum() == 50
    app.button(key="inspect.more").click().run()
    assert (errors(app)["cause"] == "…").sum() == 0


def test_no_errors_are_good_news_and_no_crash(page: Open) -> None:
    app = page("query,document,label\nred,red,1\nred,blue,0\n")
    sound(app)
    assert "0 of 2 pairs are on the wrong side" in shown_text(app)
    assert "No error matches these filters." in shown_text(app)


def test_a_failure_nobody_foresaw_is_a_message_and_no_traceback(
    page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "score", lambda *given: 1 / 0)
    app = page()
    assert not app.exception
    assert "Nothing you typed is lost" in shown_text(app)
    assert "division" not in shown_text(app)


@pytest.mark.slow
def test_a_store_that_cannot_be_opened_is_named_and_errors_are_still_shown(
    page: Open, tmp_path: Path
) -> None:
    (tmp_path / "verdicts.sqlite3").write_text("no database " * 100)
    app = page()
    sound(app)
    assert "cannot be used" in shown_text(app)
    assert len(errors(app)) == 2


@pytest.mark.slow
def test_the_report_holds_what_the_page_says_and_runs_outside_the_session(page: Open) -> None:
    from threading import Thread

    from dssm_core.ui.inspect import page as module

    given: list[Any] = []
    original = module.show_report
    try:
        module.show_report = lambda *args: (given.extend(args), original(*args))[1]
        app = page()
    finally:
        module.show_report = original
    assert any(b.label == "Report as HTML" for b in app.get("download_button"))
    made: list[bytes] = []
    bench, threshold, store = given
    note = Sentence("inspect.report.assumed", {"number": 77})
    build = Thread(
        target=lambda: made.append(
            report_bytes(bench, threshold, store, "6 pairs", [note], translator_for("zh"))
        )
    )
    build.start()
    build.join()
    text = made[0].decode()
    assert "red door" in text, "of the missed pair"
    assert "其中 77 个样本是随机抽取" in text
    assert '<html lang="zh-CN">' in text
    assert "6 pairs" in text


@pytest.mark.slow
def test_the_page_does_not_wait_for_causes_and_shows_them_when_they_are_there(
    page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threading import Event

    go, original = Event(), errors_page.find_causes

    def slow(*given: Any) -> Any:
        assert go.wait(300)
        return original(*given)

    monkeypatch.setattr(errors_page, "find_causes", slow)
    app = page(patience=0.0)
    assert set(errors(app)["cause"]) == {"…"}
    go.set()
    run_until(app, lambda: "…" not in set(errors(app)["cause"]))


@pytest.mark.slow
def test_causes_that_cannot_be_found_are_told_once(
    page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: Any) -> Any:
        raise UserError("model.cannot load", "gone", name="doors")

    monkeypatch.setattr(errors_page, "find_causes", broken)
    app = page()
    assert "Found: gone" in shown_text(app)
    app.run()
    assert "Found: gone" not in shown_text(app)
    assert len(errors(app)) == 2
