"""One pair on the page Inspect: its numbers, its verdict, and why, without a browser."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.inspection.score_pairs import Inspection, inspect_pairs
from dssm_core.reporting import sheets
from dssm_core.repro.cases import read_cases
from dssm_core.scoring import Scorer
from dssm_core.store import Store
from dssm_core.text import read
from dssm_core.ui.common import state
from dssm_core.ui.inspect import changes, compare_models, vectors, verdicts
from dssm_core.ui.inspect.selected_pair import SelectedPair
from tests.pages import Ready, sent_rows, shown_text, sound
from tests.tiny import AWKWARD, WordTowers, bare_folder

PAIRS = pd.DataFrame(
    [
        ["red door", "a red door", 1, "house"],
        ["red door", "red wall", 0, "house"],
        ["red door", "blue wall", 1, "garden"],
        ["blue wall", "blue door", 0, "garden"],
        ["blue wall", "the wall", 1, "<b>"],
        ["+++", "red", 1, "house"],
    ],
    columns=["query", "document", "label", "place"],
    index=[2, 3, 4, 5, 6, 9],
)
# with WordTowers and a threshold of 0.4, lines 3 and 5 (not relevant, cosine 0.5) are wrong, and
# so are 4 and 9 (relevant, cosine 0 and none)


@pytest.fixture
def scorer(tmp_path: Path) -> Scorer:
    return Scorer(bare_folder(tmp_path / "models" / "doors"), WordTowers())


@pytest.fixture
def inspection(scorer: Scorer) -> Inspection:
    return inspect_pairs(scorer, PAIRS)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "kept" / "verdicts.sqlite3")


def test_a_line_that_is_not_among_the_pairs_is_refused(inspection, scorer):
    with pytest.raises(UserError) as caught:
        SelectedPair.of(inspection, 7, scorer, 0.4)
    assert (caught.value.key, caught.value.received) == ("inspect.no such pair", "7")


def harness(
    inspection, scorer, store, queue=None, cause=""
):  # Streamlit runs its text alone, so no types
    import streamlit as st

    from dssm_core.ui.inspect.pair import Cause, show_pair
    from dssm_core.words import Sentence

    line = st.session_state.setdefault("inspect.line", 3)
    cause = st.session_state.get("test.cause", cause)
    evidence = [Sentence("evidence.none")]
    found = Cause(cause, evidence) if cause else None
    show_pair(inspection, line, scorer, 0.4, store, queue, found)


Bench = Callable[..., AppTest]


@pytest.fixture
def bench(inspection: Inspection, scorer: Scorer, store: Store) -> Bench:
    """Return a function that opens a page of one pair."""

    def open_bench(
        line: int = 3, view: str | None = None, is_sound: bool = True, **other: Any
    ) -> AppTest:
        given = {"inspection": inspection, "scorer": scorer, "store": store} | other
        app = AppTest.from_function(harness, default_timeout=120, kwargs=given)
        app.session_state["inspect.line"] = line
        if view:
            app.session_state["inspect.view"] = view
        app.run()
        assert not app.exception
        if is_sound:
            sound(app)
        return app

    return open_bench


def keyed(widgets: Any, start: str) -> Any:
    """Return the one widget whose key starts so."""
    (found,) = [w for w in widgets if str(w.key).startswith(start)]
    return found


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    sound(app)
    return app


def test_the_pair_is_shown_with_its_finding_texts_and_every_number(bench: Bench) -> None:
    app = bench(3)
    page = shown_text(app)
    assert "False alarm: labelled not relevant" in page
    assert "line 3, place: house" in page
    for number in ("0.500", "1.000", "0.731", "2 of 3"):
        assert number in page


@pytest.mark.parametrize(
    ("line", "finding"),
    [(2, "Right: labelled relevant"), (4, "Missed: labelled relevant"), (9, "reads nothing")],
)
def test_the_finding_says_whether_model_and_label_agree(bench, line, finding) -> None:
    assert finding in shown_text(bench(line))


def test_a_pair_that_was_drawn_stands_in_no_line_of_the_file(bench, scorer) -> None:
    rows = [["red", "red", 1, "no"], ["red", "blue", 0, "yes"]]
    pairs = pd.DataFrame(rows, columns=["query", "document", "label", "assumed"], index=[2, 3])
    loaded = inspect_pairs(scorer, pairs)
    assert "assumed pair 3, assumed: yes" in shown_text(bench(3, inspection=loaded))
    assert "line 2, assumed: no" in shown_text(bench(2, inspection=loaded))


def test_a_right_rejection_is_told_as_right(bench, scorer) -> None:
    pairs = pd.DataFrame([["red", "blue", 0]], columns=["query", "document", "label"], index=[2])
    app = bench(2, inspection=inspect_pairs(scorer, pairs))
    assert "Right: labelled not relevant" in shown_text(app)
    assert "No pair is on the wrong side" in shown_text(app)


@pytest.mark.slow
@pytest.mark.parametrize("view", ["effects", "rivals", "edit", "near", "map"])
def test_no_text_breaks_a_view(bench, scorer, view: str) -> None:
    hostile = "red " + " ".join(text[:200] for text in AWKWARD.values())
    rows = [
        [text, other, i % 2, text]
        for i, text in enumerate(AWKWARD.values())
        for other in (text, hostile, "red")
    ] + [[hostile, text, 1, text] for text in AWKWARD.values()]
    pairs = pd.DataFrame(rows, columns=["query", "document", "label", hostile])
    loaded = inspect_pairs(scorer, pairs)
    for line in (0, len(rows) - 1):
        app = bench(line, view, inspection=loaded)
        assert "<script>" not in "".join(e.proto.body for e in app.get("html"))
        assert "failed" not in shown_text(app)


# verdicts


def test_a_verdict_is_kept_with_cause_note_and_model(bench: Bench, store: Store) -> None:
    app = bench(3)
    keyed(app.text_area, "inspect.note").set_value("the door is missing")
    keyed(app.selectbox, "inspect.cause").set_value("word overlap trap")
    press(app, "inspect.judge.2")
    (kept,) = store.verdicts().to_dict("records")
    assert kept["query"] == "red door"
    assert kept["document"] == "red wall"
    assert kept["verdict"] == "not relevant"
    assert kept["cause"] == "word overlap trap"
    assert kept["note"] == "the door is missing"
    assert kept["model"] == "doors"
    assert kept["fingerprint"]


@pytest.mark.parametrize("number", range(1, 5))
def test_each_button_gives_its_verdict_and_names_its_key(bench, store, number) -> None:
    app = bench(3)
    button = app.button(key=f"inspect.judge.{number}")
    assert button.proto.shortcut == str(number)
    press(app, button.key)
    assert store.verdicts()["verdict"].tolist() == [
        ["relevant", "not relevant", "unsure", "bad data"][number - 1]
    ]


@pytest.mark.slow
def test_judging_goes_on_to_the_next_unjudged_error_and_counts(bench: Bench) -> None:
    app = bench(9)  # without a score: the worst
    assert "0 of 4 errors judged" in app.get("progress")[0].proto.text
    seen = [9]
    for _ in range(3):
        press(app, "inspect.judge.1")
        seen.append(app.session_state["inspect.line"])
    assert sorted(seen) == [3, 4, 5, 9]
    press(app, "inspect.judge.1")
    assert "4 of 4 errors judged" in app.get("progress")[0].proto.text
    assert app.session_state["inspect.line"] == seen[-1]
    assert app.button(key="inspect.next").disabled


@pytest.mark.slow
def test_without_going_on_the_pair_stays(bench: Bench) -> None:
    app = bench(3)
    app.toggle(key="inspect.on").set_value(False).run()
    press(app, "inspect.judge.3")
    assert app.session_state["inspect.line"] == 3
    assert "Judged “Unsure”" in shown_text(app)
    assert app.button(key="inspect.judge.3").proto.type == "primary"


def test_the_order_of_the_page_is_followed(bench: Bench) -> None:
    app = press(bench(3, queue=[5, 3, 2]), "inspect.judge.1")
    assert app.session_state["inspect.line"] == 2


@pytest.mark.slow
def test_undo_takes_the_verdict_back_and_returns_to_its_pair(bench, store) -> None:
    app = bench(3)
    keyed(app.text_area, "inspect.note").set_value("half a thought")
    press(app, "inspect.judge.1")
    assert app.session_state["inspect.line"] != 3
    press(app, "inspect.undo")
    assert app.session_state["inspect.line"] == 3
    assert store.verdicts().empty
    assert keyed(app.text_area, "inspect.note").value == "half a thought"
    assert "Undone" in app.toast[0].value
    assert "no verdict to undo" in press(app, "inspect.undo").toast[0].value


def test_a_full_disk_is_told_and_the_note_stays(bench, store, monkeypatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise store._trouble(sqlite3.OperationalError("database or disk is full"))

    app = bench(3)
    keyed(app.text_area, "inspect.note").set_value("what took me an hour")
    monkeypatch.setattr(Store, "judge", full)
    press(app, "inspect.judge.1")
    assert "disk is full" in shown_text(app)
    assert "Free some space" in shown_text(app)
    assert app.session_state["inspect.line"] == 3
    assert keyed(app.text_area, "inspect.note").value == "what took me an hour"
    monkeypatch.undo()
    press(app, "inspect.judge.1")
    assert store.verdicts()["note"].tolist() == ["what took me an hour"]


def test_a_damaged_store_is_told_and_the_pair_is_still_shown(bench, store) -> None:
    store.path.write_bytes(b"no database" * 1000)
    for ending in ("-wal", "-shm"):
        store.path.with_name(store.path.name + ending).unlink(missing_ok=True)
    page = shown_text(bench(3))
    assert "cannot be used" in page
    assert "False alarm" in page


def test_the_automatic_cause_is_filled_in(inspection, scorer, store) -> None:
    app = AppTest.from_function(
        harness,
        default_timeout=120,
        kwargs={"inspection": inspection, "scorer": scorer, "store": store},
    )
    app.session_state["test.cause"] = "no cause found"
    app.run()
    press(app, "inspect.judge.1")
    assert store.verdicts()["cause"].tolist() == ["no cause found"]


@pytest.mark.slow
def test_a_cause_that_comes_late_is_filled_in_unless_a_person_chose(bench: Bench) -> None:
    app = bench(3)
    assert keyed(app.selectbox, "inspect.cause").value is None
    app.session_state["test.cause"] = "name mismatch"
    app.run()
    assert keyed(app.selectbox, "inspect.cause").value == "name mismatch"
    keyed(app.selectbox, "inspect.cause").set_value("number mismatch").run()
    app.session_state["test.cause"] = "truncated"
    app.run()
    assert keyed(app.selectbox, "inspect.cause").value == "number mismatch"


def test_an_undone_verdict_of_an_earlier_session_brings_its_words_back(bench, store) -> None:
    store.judge("blue wall", "blue door", "bad data", "typo", "see the source")
    app = press(bench(3), "inspect.undo")
    assert app.session_state["inspect.line"] == 5
    assert keyed(app.text_area, "inspect.note").value == "see the source"
    assert keyed(app.selectbox, "inspect.cause").value == "typo"


def test_a_pair_judged_before_shows_its_verdict_cause_and_note(bench, store) -> None:
    store.judge("red door", "red wall", "bad data", "typo", "see the source")
    app = bench(3)
    assert "Judged “Bad data”" in shown_text(app)
    assert keyed(app.text_area, "inspect.note").value == "see the source"
    assert keyed(app.selectbox, "inspect.cause").value == "typo"


@pytest.mark.slow
def test_a_note_waits_while_another_pair_is_looked_at(bench: Bench) -> None:
    app = bench(3)
    keyed(app.text_area, "inspect.note").set_value("half a thought").run()
    app.session_state["inspect.line"] = 5
    app.run()
    assert keyed(app.text_area, "inspect.note").value == ""
    app.session_state["inspect.line"] = 3
    app.run()
    assert keyed(app.text_area, "inspect.note").value == "half a thought"


def test_read_only_says_so_and_takes_nothing(bench, store) -> None:
    store.judge("red door", "red wall", "unsure")
    app = bench(3, store=Store(store.path, read_only=True))
    assert "Read-only demo" in shown_text(app)
    assert "Judged “Unsure”" in shown_text(app)
    for key in [*(f"inspect.judge.{n}" for n in range(1, 5)), "inspect.undo", "inspect.case"]:
        assert app.button(key=key).disabled
    assert keyed(app.text_area, "inspect.note").disabled
    assert app.file_uploader[0].disabled


def test_the_stores_path_is_shown(bench, store) -> None:
    assert str(store.path) in [c.value for c in bench(3).code]


@pytest.mark.slow
def test_verdicts_leave_and_come_back(bench, store, tmp_path) -> None:
    store.judge("red door", "=cmd()", "unsure", note="=1+1")
    exported = sheets.safe_csv(store.verdicts())
    other = Store(tmp_path / "other.sqlite3")
    app = bench(3, store=other)
    app.file_uploader[0].upload("v.csv", exported, "text/csv").run()
    press(app, "inspect.import")
    assert "1 verdict imported from v.csv" in app.toast[0].value
    same = ["query", "document", "verdict", "note"]
    assert other.verdicts()[same].equals(store.verdicts()[same])
    assert app.file_uploader[0].value is None


@pytest.mark.slow
def test_an_import_that_cannot_be_read_is_told(bench, store) -> None:
    app = bench(3)
    app.file_uploader[0].upload("v.csv", b"query,document\na,b\n", "text/csv").run()
    press(app, "inspect.import")
    assert 'no column "verdict"' in shown_text(app)
    assert store.verdicts().empty


def test_what_another_tab_judges_is_counted_on_the_next_click(bench, store) -> None:
    app = bench(3)
    store.judge("blue wall", "blue door", "relevant")
    press(app, "inspect.judge.1")
    assert "2 of 4 errors judged" in app.get("progress")[0].proto.text


def test_a_repro_case_holds_the_query_with_all_its_documents(bench, store) -> None:
    store.judge("red door", "blue wall", "relevant")
    app = bench(3)
    keyed(app.text_area, "inspect.note").set_value("the trap")
    press(app, "inspect.case")
    assert app.toast[0].value == "Saved as repro case 1."
    (case,) = read_cases(verdicts._cases(store))
    assert (case.query, case.note, case.model) == ("red door", "the trap", "doors")
    assert [(d.document, d.label, d.verdict) for d in case.documents] == [
        ("red wall", 0, None),
        ("a red door", 1, None),
        ("blue wall", 1, "relevant"),
    ]
    assert case.documents[0].cosine == pytest.approx(0.5)
    assert case.threshold == pytest.approx(0.6457, abs=1e-4)


def test_the_next_line_wraps_round_and_passes_over_what_is_judged() -> None:
    judged = pd.Series({1: False, 2: True, 3: False, 4: False})
    assert verdicts.next_line([1, 2, 3, 4], 1, judged) == 3
    assert verdicts.next_line([1, 2, 3, 4], 4, judged) == 1
    assert verdicts.next_line([2, 3], 9, judged) == 3
    assert verdicts.next_line([2, 77], 2, judged) is None


# why


def test_effects_of_both_sides_stand_beside_attention(bench: Bench) -> None:
    app = bench(3)
    bars = [r for c in app.get("vega_lite_chart") for r in sent_rows(c) if "sign" in r]
    # without "red" nothing is shared; without "door" the query is "red" alone
    assert {r["text"]: round(r["cosine"], 3) for r in bars if r["side"] == "query"} == {
        "red": 0.5,
        "door": -0.207,
    }
    assert all(r["attention"] > 0 for r in bars)


def test_a_rival_that_wrongly_stands_above_or_below_is_offered_first(bench: Bench) -> None:
    picker = keyed(bench(3, "rivals").selectbox, "inspect.rival")
    # line 3 is not relevant and stands above the relevant "blue wall"
    assert "blue wall" in picker.options[picker.value or 0]
    assert "a red door" in picker.options[0]


def test_the_gap_its_words_and_the_flip_are_told(bench: Bench) -> None:
    app = bench(2, "rivals")
    page = shown_text(app)
    assert (
        "Ranked higher: this document. Its cosine is 0.500 larger than that of the other document"
        in page
    )
    assert "widen the gap: “door” +0.500" in page
    assert "narrow the gap: “red” −0.207" in page
    assert "remove “red”, “door” from this document" in page
    assert "− <del>red door</del>" in "".join(e.proto.body for e in app.get("html"))
    assert len(app.get("vega_lite_chart")) == 3


def test_a_query_with_one_document_is_compared_with_near_ones(bench, scorer) -> None:
    rows = [["red door", "a red door", 1], ["blue", "red", 1], ["blue", "blue", 1]]
    pairs = pd.DataFrame(rows, columns=["query", "document", "label"], index=[2, 3, 4])
    app = bench(2, "rivals", inspection=inspect_pairs(scorer, pairs))
    options = keyed(app.selectbox, "inspect.rival").options
    assert [option.split(" · ")[1:] for option in options] == [
        ["no label", "red"],
        ["no label", "blue"],
    ]
    assert "Its cosine is 0.293 larger" in shown_text(app)


def test_without_any_other_document_it_says_so(bench, scorer) -> None:
    app = bench(2, "rivals", inspection=inspect_pairs(scorer, PAIRS.iloc[:1]))
    assert "no other document to compare with" in shown_text(app)


def test_an_edit_shows_before_and_after_with_every_number(bench: Bench) -> None:
    app = bench(3, "edit")
    assert "Nothing is changed yet" in shown_text(app)
    keyed(app.text_area, "inspect.edit.q").set_value("red wall").run()
    sound(app)
    table = app.dataframe[0].value.set_index("Number")
    assert table.loc["Cosine"].tolist() == ["0.500", "1.000", "+0.500"]
    assert table.loc["Rank"].tolist() == ["2", "1", "−1"]
    assert table.loc["Probability"].tolist() == ["0.731", "0.953", "+0.222"]
    assert "still reaches the threshold" in shown_text(app)
    page = "".join(e.proto.body for e in app.get("html"))
    assert "− <del>door</del>" in page
    assert "+ <ins>wall</ins>" in page


@pytest.mark.slow
def test_an_edit_that_changes_the_side_is_told(bench: Bench) -> None:
    app = bench(3, "edit")
    keyed(app.text_area, "inspect.edit.d").set_value("blue wall").run()
    assert "now falls below the threshold" in shown_text(app)
    keyed(app.text_area, "inspect.edit.d").set_value("+++").run()
    assert "reads nothing of one of the texts" in shown_text(app)
    press(app, "inspect.edit.reset")
    assert keyed(app.text_area, "inspect.edit.d").value == "red wall"
    assert "Nothing is changed yet" in shown_text(app)


@pytest.mark.slow
def test_an_edit_waits_while_another_pair_is_looked_at(bench: Bench) -> None:
    app = bench(3, "edit")
    keyed(app.text_area, "inspect.edit.q").set_value("red wall").run()
    for line in (5, 3):
        app.session_state["inspect.line"] = line
        app.run()
    assert keyed(app.text_area, "inspect.edit.q").value == "red wall"


def test_changed_words_are_runs_of_same_out_and_in() -> None:
    before, after = (read(text, {}, 9) for text in ("a red door !", "a blue old door"))
    assert list(changes.changed_words(before, after)) == [
        ("same", ["a"]),
        ("out", ["red"]),
        ("in", ["blue", "old"]),
        ("same", ["door"]),
    ]


def test_changed_words_are_escaped() -> None:
    (before, after) = (read(text, {}, 9) for text in ("a<b", "x<b>y"))
    assert "<b>" not in changes.changes_html("<b>", before, after)


def test_the_nearest_documents_are_listed_with_their_labels(bench: Bench) -> None:
    app = bench(3, "near")
    table = app.dataframe[0].value
    assert table["text"].tolist()[0] == "a red door"
    assert table["label"].tolist()[0] == "relevant"
    assert table.set_index("text")["label"]["red wall"] == "not relevant · this pair"
    assert "has rank 3 of 6" in shown_text(app)
    assert "no label" in table["label"].tolist()
    assert "have the opposite label" in shown_text(app)


def test_queries_near_the_document_can_be_asked_for(bench: Bench) -> None:
    app = bench(3, "near")
    next(g for g in app.get("button_group") if g.key == "inspect.near").set_value("near.dq").run()
    sound(app)
    assert set(app.dataframe[0].value["text"]) == {"red door", "blue wall"}


def test_the_map_is_drawn_with_the_pair_on_it(bench: Bench) -> None:
    app = bench(3, "map")
    app.selectbox(key="inspect.map.colour").set_value("label").run()
    drawn = [r for c in app.get("vega_lite_chart") for r in sent_rows(c)]
    points = {r["text"]: r["value"] for r in drawn if "name" not in r}
    assert len(points) == 7
    assert points["the wall"] == "relevant"
    assert points["red door"] == "mixed"
    assert {r["text"]: r["name"] for r in drawn if "name" in r} == {
        "red door": "this query",
        "red wall": "this document",
    }
    assert "1 text is not on the map" in shown_text(app)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ("error", {"the wall": "right", "red wall": "wrong"}),
        ("place", {"the wall": "<b>", "red wall": "house"}),
        ("word overlap", {"a red door": "1"}),
    ],
)
def test_the_map_can_be_coloured_by_error_or_slice(bench, colour, expected) -> None:
    app = bench(3, "map")
    app.selectbox(key="inspect.map.colour").set_value(colour).run()
    sound(app)
    drawn = [r for c in app.get("vega_lite_chart") for r in sent_rows(c)]
    found = {r["text"]: r["value"] for r in drawn}
    assert {text: found[text] for text in expected} == expected


def test_points_are_picked_by_click_or_frame() -> None:
    points = pd.DataFrame(
        {"side": ["query", "document"], "row": [0, 0], "x": [0.0, 1.0], "y": [0.0, 1.0]}
    )
    assert vectors.picked_points(points, {}).empty
    by_click = vectors.picked_points(points, {"point": [{"point": "document 0"}]})
    assert by_click["side"].tolist() == ["document"]
    by_frame = vectors.picked_points(points, {"area": {"x": [0.5, -1], "y": [-1, 0.5]}})
    assert by_frame["side"].tolist() == ["query"]


def test_a_view_that_fails_gets_a_message_and_the_rest_stays(bench, monkeypatch) -> None:
    monkeypatch.setattr("dssm_core.explain.effects", lambda *_: 1 / 0)
    page = shown_text(bench(3, is_sound=False))
    assert "This part of the page failed" in page
    assert "False alarm" in page


# two models


class Reversed(WordTowers):
    """Towers that know "blue" for "red": they get other pairs right."""

    def __init__(self) -> None:
        super().__init__("blue door")


class Live(Ready):
    """A live model of these towers that has loaded."""

    towers = Reversed


def second_model_section(inspection, folders):
    from dssm_core.ui.inspect.compare_models import show_second_model

    show_second_model(inspection, folders, 0.4)


@pytest.fixture
def two(inspection, tmp_path, monkeypatch) -> AppTest:
    """Return a page that offers a second model."""
    monkeypatch.setattr(state, "live_model", Live)
    bare_folder(tmp_path / "models" / "windows", vocabulary_json=b'{"blue": 1}')
    folder = ModelFolder.open(tmp_path / "models" / "windows")
    app = AppTest.from_function(
        second_model_section,
        default_timeout=120,
        kwargs={"inspection": inspection, "folders": {"windows": folder}},
    )
    return app.run()


@pytest.mark.slow
def test_a_second_models_changes_are_counted_tested_and_listed(two: AppTest) -> None:
    two.selectbox(key="inspect.second").set_value("windows").run()
    sound(two)
    page = shown_text(two)
    assert re.search(r"With windows, \d+ errors are fixed and \d+ new ones", page)
    assert "McNemar" in page
    table = two.dataframe[1].value
    assert set(table["line"]) == set(PAIRS.index)
    assert {"fixed", "broken"} & set(table["changed"])
    assert len(two.get("vega_lite_chart")) == 1


@pytest.mark.slow
def test_the_changes_are_those_of_a_loop(two: AppTest, scorer) -> None:
    two.selectbox(key="inspect.second").set_value("windows").run()
    table = two.dataframe[1].value.set_index("line")
    for line, row in PAIRS.iterrows():
        right = []
        for model in (scorer, Live(scorer.folder).scorer):
            cosine = model.score(row["query"], [row["document"]]).results[0].cosine
            right.append((cosine is not None and cosine >= 0.4) == bool(row["label"]))
        expected = {(False, True): "fixed", (True, False): "broken"}.get(tuple(right), "same")
        assert table["changed"][line] == expected, line


@pytest.mark.slow
def test_a_saved_snapshot_serves_as_one_of_the_two(two: AppTest, inspection) -> None:
    content = compare_models.snapshot_bytes(inspection)
    two.selectbox(key="inspect.second").set_value(compare_models.SNAPSHOT).run()
    two.file_uploader(key="inspect.second.file").upload("s.zip", content, "application/zip").run()
    sound(two)
    assert "0 errors are fixed and 0 new ones appear; 6 pairs stay" in shown_text(two)


def test_a_file_that_is_no_snapshot_is_told(two: AppTest) -> None:
    two.selectbox(key="inspect.second").set_value(compare_models.SNAPSHOT).run()
    two.file_uploader(key="inspect.second.file").upload("s.zip", b"x", "application/zip").run()
    sound(two)
    assert "not a usable snapshot" in shown_text(two)


@pytest.mark.slow
def test_the_list_can_be_narrowed_to_what_broke(two: AppTest) -> None:
    two.selectbox(key="inspect.second").set_value("windows").run()
    kinds = next(g for g in two.get("button_group") if g.key == "inspect.second.kind")
    kinds.set_value("broken").run()
    sound(two)
    assert set(two.dataframe[1].value["changed"]) == {"broken"}


@pytest.mark.slow
def test_the_second_threshold_can_be_its_best_f1(two: AppTest) -> None:
    two.selectbox(key="inspect.second").set_value("windows").run()
    same = shown_text(two)
    kinds = next(g for g in two.get("button_group") if g.key == "inspect.second.threshold")
    kinds.set_value("best F1").run()
    sound(two)
    assert shown_text(two) != same
