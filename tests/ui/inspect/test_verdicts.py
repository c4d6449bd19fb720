"""Verdicts on a pair: given, undone, kept in the store, taken along."""

from __future__ import annotations

import sqlite3
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dssm_core.inspection.score_pairs import inspect_pairs
from dssm_core.reporting import sheets
from dssm_core.repro.cases import read_cases
from dssm_core.store import Store
from dssm_core.ui.common.components import unformatted
from dssm_core.ui.inspect import verdicts
from tests.pages import shown_text
from tests.ui.inspect.opened import Bench, harness, keyed, press


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


@pytest.mark.slow
def test_undo_takes_back_no_verdict_of_another_session(bench, store) -> None:
    app = press(bench(3), "inspect.judge.1")
    store.judge("of another", "person", "unsure")
    press(app, "inspect.undo")
    assert store.verdicts()["query"].tolist() == ["of another"]
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
    assert r"1 verdict imported from v\.csv" in app.toast[0].value
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


def test_a_query_in_a_toast_is_no_markdown(bench, scorer) -> None:
    query = "**red** [door](http://x) $a$ :red[wall] `b` <i>"
    pairs = pd.DataFrame([[query, "red", 0]], columns=["query", "document", "label"], index=[3])
    app = press(bench(3, inspection=inspect_pairs(scorer, pairs)), "inspect.judge.1")
    assert unformatted(query) in app.toast[0].value
    assert query not in app.toast[0].value
