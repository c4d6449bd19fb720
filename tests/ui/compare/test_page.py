"""The page Compare from its first screen to every message, without a browser."""

from __future__ import annotations

import html
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.scoring import Scorer
from dssm_core.ui.common import state
from dssm_core.ui.compare import inputs
from dssm_core.words import translator_for
from tests.pages import Loading, Ready, numbers, picker, shown_text, sound
from tests.tiny import AWKWARD, WordTowers


def number(app: AppTest, label: str) -> str:
    """Return a number of the score chain."""
    body = next(e.proto.body for e in app.get("html") if "dssm-chain" in e.proto.body[:60])
    found = re.search(f'"name">{label}</div><div class="number">(.*?)</div>', body)
    assert found
    return html.unescape(found[1])


def test_the_first_screen_shows_an_example_before_the_model_is_loaded(page: Any) -> None:
    app = page(Loading)
    sound(app)
    assert app.text_input(key="compare.query").value == "red door"
    assert numbers(app)["document"].tolist() == ["a red door", "a blue wall"]
    assert numbers(app)["cosine"].tolist() == pytest.approx([1.0, 0.0])
    assert "This is the stored result of the example. The live model is loading" in shown_text(app)
    assert len(app.get("vega_lite_chart")) == 2


@pytest.mark.slow
def test_the_page_paints_without_tensorflow() -> None:
    code = "import sys, dssm_core.ui.compare.page; print({'tensorflow', 'keras'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_typing_a_query_scores_it_live(page: Any) -> None:
    app = page()
    app.text_input(key="compare.query").set_value("blue").run()
    sound(app)
    assert numbers(app)["rank"].tolist() == [2, 1]


@pytest.mark.slow
def test_text_typed_while_the_model_loads_is_kept_and_announced(page: Any) -> None:
    app = page(Loading)
    app.text_input(key="compare.query").set_value("blue").run()
    assert "when it is ready" in shown_text(app)
    assert app.text_input(key="compare.query").value == "blue"


def test_choosing_an_example_fills_query_and_documents(page: Any) -> None:
    app = page()
    picker(app).set_value(1).run()
    assert app.text_input(key="compare.query").value == "blue wall"
    assert app.text_area(key="compare.lines").value.splitlines() == ["red", "blue wall", "zebra"]
    assert number(app, "Rank") == "1 of 3"


def test_choosing_a_document_shows_its_chain(page: Any) -> None:
    app = page()
    app.selectbox(key="compare.selected").set_value(2).run()
    assert number(app, "Cosine") == "0.000"
    assert number(app, "Logit") == "−1.000"
    assert number(app, "Probability") == "0.269"
    assert number(app, "Percentile") == "25.00"


@pytest.mark.slow
def test_the_threshold_is_told_on_both_scales(page: Any) -> None:
    app = page()
    app.session_state["compare.details"] = True
    app.slider(key="compare.threshold").set_value(0.5).run()
    assert "Probability 0.500 ⇔ cosine 0.250" in shown_text(app)
    app.slider(key="compare.threshold").set_value(0.99).run()
    assert "No cosine reaches probability 0.99" in shown_text(app)


@pytest.mark.slow
@pytest.mark.parametrize(("scale", "warning"), [(-2.0, "ranks backwards"), (0.0, "w is 0")])
def test_a_head_that_cannot_be_trusted_is_told_loudly(
    page: Any, monkeypatch: pytest.MonkeyPatch, scale: float, warning: str
) -> None:
    class Backwards(Ready):
        def __init__(self, folder: ModelFolder) -> None:
            self.scorer = Scorer(folder, WordTowers(scale=scale))

    app = page(Backwards)
    app.text_input(key="compare.query").set_value("blue").run()
    assert re.search(f"Error\\. .*{warning}", shown_text(app))


MESSAGES = [
    ("", "red", "Type a query to see which document matches"),
    ("  ", "red", "Type a query to see which document matches"),
    ("red", " \n ", "Type at least one document"),
    ("🙂 +", "red", "The model reads no word of the query"),
    ("zzyzx", "red", "All words of the query are new to the model"),
    ("red", "blue\n\n+++", "The model reads no word of document 2 (line 3)"),
    ("red", "blue\n\n\nred", "Empty lines are ignored: line 2, 3"),
    ("red", "blue\nwall\nblue", "document 1 = document 3 have the same text"),
    ("red", "red " * 9, "the part that is not read is struck through: document 1"),
    ("red", "red sofa", "read from their letter groups: document 1 “sofa”"),
    ("red", "red 🙂", "Not read (symbols, or words without an id in this model): document 1 “🙂”"),
    ("red", "<b>red</b>&nbsp;sofa", "HTML is read as words: document 1, 3 of 5 words"),
    ("red", "โปรแกรมเล่นหมากรุกสำหรับสองคน", "have no spaces: document 1."),
    ("red", "red\n" * 10_000, "There are 10,000 documents; the first 200 are scored"),
    ("red", "blue\n" + "a" * 100_001, "Document 2 has 100,001 characters, more than 100,000"),
    ("a" * 100_001, "red", "The query has 100,001 characters"),
]
"""A query, lines of documents, and what is said of them and of no others here."""


@pytest.mark.slow
def test_what_cannot_be_scored_or_read_is_named(page: Any) -> None:
    app = page()
    for query, lines, message in MESSAGES:
        app.text_input(key="compare.query").set_value("red")
        app.text_area(key="compare.lines").set_value("red\nblue").run()
        assert message not in shown_text(app), "it is gone with its cause"
        app.text_input(key="compare.query").set_value(query)
        app.text_area(key="compare.lines").set_value(lines).run()
        assert message in shown_text(sound(app))
        assert app.text_area(key="compare.lines").value == lines, message


@pytest.mark.slow
def test_no_text_breaks_the_page(page: Any) -> None:
    app = page()
    for name, text in AWKWARD.items():
        app.text_input(key="compare.query").set_value(text)
        app.text_area(key="compare.lines").set_value(f"{text}\nred").run()
        sound(app)
        assert numbers(app)["document"].tolist()[-1] == "red", name


def test_the_table_takes_over_the_lines(page: Any) -> None:
    app = page()
    entry = next(g for g in app.get("button_group") if g.key == "compare.entry")
    entry.set_value("table").run()
    sound(app)
    assert numbers(app)["document"].tolist() == ["a red door", "a blue wall"]
    assert app.session_state["compare.edited"] == ["a red door", "a blue wall"]


@pytest.mark.slow
def test_a_model_folder_that_cannot_be_used_is_named_and_the_others_work(
    page: Any, models: Path
) -> None:
    (models / "broken").mkdir()
    app = page()
    assert "broken has no config" in shown_text(app)
    assert numbers(app)["rank"].tolist() == [1, 2]


def test_without_any_model_the_page_says_how_to_get_one(
    page: Any, monkeypatch: pytest.MonkeyPatch, models: Path
) -> None:
    for path in (models / "doors").iterdir():
        path.unlink()
    app = page()
    sound(app)
    assert "dssm_core train" in shown_text(app)


@pytest.mark.slow
def test_markup_in_a_message_shows_as_it_is(page: Any, models: Path) -> None:
    (models / "<b>**x**").mkdir()
    app = page()
    assert "<b>**x** has no config.json" in shown_text(app)
    assert not any("<b>" in element.proto.body for element in app.get("html"))


@pytest.mark.slow
def test_the_language_can_be_switched(page: Any) -> None:
    app = page()
    next(g for g in app.get("button_group") if g.key == "page.language").set_value("zh").run()
    assert app.title[0].value == translator_for("zh")("title")


@pytest.mark.slow
def test_the_first_choice_is_the_best_document_and_the_choice_survives_an_edit(page: Any) -> None:
    app = page()
    picker(app).set_value(1).run()
    assert app.selectbox(key="compare.selected").value == 2
    app.selectbox(key="compare.selected").set_value(1).run()
    app.text_input(key="compare.query").set_value("blue").run()
    assert app.selectbox(key="compare.selected").value == 1


@pytest.mark.slow
def test_the_best_document_is_shown_until_a_person_chooses(page: Any) -> None:
    app = page()
    assert app.selectbox(key="compare.selected").value == 1
    app.text_input(key="compare.query").set_value("blue").run()
    assert app.selectbox(key="compare.selected").value == 2


@pytest.mark.slow
def test_editing_an_example_makes_it_ones_own_text(page: Any) -> None:
    app = page()
    assert picker(app).value == 0
    app.text_area(key="compare.lines").set_value("a red door\na green door").run()
    assert picker(app).value is None
    assert app.text_input(key="compare.query").value == "red door"


@pytest.mark.slow
def test_text_that_is_an_examples_again_is_that_example(page: Any) -> None:
    app = page()
    app.text_input(key="compare.query").set_value("blue").run()
    assert picker(app).value is None
    app.text_input(key="compare.query").set_value("red door").run()
    assert picker(app).value == 0
    assert "Two documents." in shown_text(app)


@pytest.mark.slow
def test_scoring_that_was_stopped_goes_on_at_a_press_of_score(page: Any) -> None:
    app = page()
    app.text_input(key="compare.query").set_value("blue").run()
    wanted, _ = app.session_state["compare.cached"]
    app.session_state["compare.cached"] = None
    app.session_state["compare.stopped"] = wanted
    app.run()
    assert "Scoring was stopped" in shown_text(app)
    app.button(key="compare.score").click().run()
    assert "Scoring was stopped" not in shown_text(app)
    assert len(numbers(app)) == 2


@pytest.mark.slow
def test_long_work_is_scored_in_parts_and_only_once(
    page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    towers = WordTowers()

    class Counted(Ready):
        scorer: Any = None

        def __init__(self, folder: ModelFolder) -> None:
            Counted.scorer = Counted.scorer or Scorer(folder, towers)

    app = page(Counted)
    lines = [f"red {n} " + "wall " * 2_000 for n in range(20)]
    app.text_area(key="compare.lines").set_value("\n".join(lines)).run()
    sound(app)
    asked = [texts for side, texts in towers.calls if side == "document"]
    assert len(asked) > 5
    assert len(numbers(app)) == 20
    before = len(towers.calls)
    app.slider(key="compare.threshold").set_value(0.3).run()
    assert len(towers.calls) == before


def test_a_model_that_cannot_be_loaded_leaves_the_stored_example_on_the_page(page: Any) -> None:
    class Failed(Loading):
        is_done = True
        error = UserError("model.cannot load", "boom", name="doors")  # type: ignore[assignment]

    app = page(Failed)
    sound(app)
    assert "doors/model.keras cannot be loaded. Found: boom. Another version wrote it" in " ".join(
        shown_text(app).split()
    )
    assert len(numbers(app)) == 2


def test_a_failure_nobody_foresaw_is_a_message_and_no_traceback(
    page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = page()

    def fail(_: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(inputs.ScoreRequest, "trouble", fail)
    app.text_input(key="compare.query").set_value("blue").run()
    assert not app.exception
    assert "Nothing you typed is lost" in shown_text(app)
    assert "secret" not in shown_text(app)
    assert app.text_input(key="compare.query").value == "blue"


def test_damaged_examples_are_named_and_typing_still_works(page: Any, models: Path) -> None:
    (models / "doors" / "examples.jsonl").write_text("{")
    app = page()
    assert "examples.jsonl is damaged at line 1" in shown_text(app)
    app.text_input(key="compare.query").set_value("red")
    app.text_area(key="compare.lines").set_value("red\nblue").run()
    assert numbers(app)["rank"].tolist() == [1, 2]


def test_a_model_loads_once_and_says_why_it_cannot(models: Path) -> None:
    live = state.LiveModel(ModelFolder.open(models / "doors"))
    assert not live.is_done
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state, "Scorer", lambda folder: 1 / 0)
        live.start()
        live.start()
        for _ in range(6_000):
            if live.is_done:
                break
            time.sleep(0.02)
    assert live.error
    assert "ZeroDivisionError" in str(live.error)
