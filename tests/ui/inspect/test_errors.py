"""The list of errors: causes, search, what is told where something fails, the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dssm_core.errors import UserError
from dssm_core.ui.inspect import errors as errors_page
from dssm_core.ui.inspect import load
from dssm_core.ui.inspect.report import report_bytes
from dssm_core.words import Sentence, translator_for
from tests.pages import run_until, shown_text, sound
from tests.ui.inspect.opened import Open, errors, group


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
    assert "No pair is on the wrong side of this threshold." in shown_text(app)


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
