"""The page's logic, without a browser and without TensorFlow."""

from __future__ import annotations

import html
import io
import json
import math
import re
import subprocess
import sys
import time
import zlib
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.reporting.sheets import safe_csv
from dssm_core.scoring import Head, ScoredDocument, ScoredToken, Scorer
from dssm_core.ui.common import components, state
from dssm_core.ui.compare import inputs, share
from dssm_core.ui.compare.result import ResultView
from dssm_core.ui.compare.second_scale import SecondScale
from dssm_core.words import translator_for
from tests.pages import Loading, Ready, numbers, picker, shown_text, sound
from tests.tiny import AWKWARD, WordTowers, bare_folder


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
    (
        "red",
        "red 🙂",
        "Not read (symbols, or words without an id in this model): document 1 “🙂”",
    ),
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


VIEW = state.View("doors", "blue wall", ("red", "a\nwall"), 0.25, 2)


def test_a_link_restores_query_documents_threshold_and_selection(page: Any) -> None:
    app = page(view=state.pack(VIEW))
    sound(app)
    assert app.text_input(key="compare.query").value == "blue wall"
    assert numbers(app)["document"].tolist() == ["red", "a\nwall"]
    assert app.slider(key="compare.threshold").value == 0.25
    assert app.selectbox(key="compare.selected").value == 2


def test_a_link_to_a_model_that_is_not_here_says_so_and_keeps_the_text(page: Any) -> None:
    app = page(view=state.pack(state.View("gone", "blue wall", ("red",), 0.25, 1)))
    assert "names a model that is not here" in shown_text(app)
    assert app.text_input(key="compare.query").value == "blue wall"


@pytest.mark.slow
def test_the_trouble_with_a_link_stays_until_text_is_edited(page: Any) -> None:
    app = page(view="x")
    app.selectbox(key="compare.selected").set_value(2).run()
    assert "This link cannot be read" in shown_text(app)
    app.text_input(key="compare.query").set_value("blue").run()
    assert "This link cannot be read" not in shown_text(app)


def test_the_address_bar_holds_what_was_typed_so_that_a_reload_keeps_it(page: Any) -> None:
    def script(app: AppTest) -> str:
        return next(e.proto.body for e in app.get("html") if "data-address" in e.proto.body)

    app = page()
    assert "?view=" not in script(app)
    app.text_input(key="compare.query").set_value("blue").run()
    found = re.search(r'data-address="\?view=([\w-]+)"', script(app))
    assert found
    assert state.unpack(found[1]).query == "blue"


def test_a_link_comes_back_as_it_went() -> None:
    packed = state.pack(VIEW)
    assert packed is not None
    assert state.unpack(packed) == VIEW


def test_a_text_too_long_for_a_link_gets_none() -> None:
    long = "".join(chr(0x4E00 + i * 7919 % 20_000) for i in range(10_000))
    assert state.pack(state.View("m", long, (), 0.5, 1)) is None


def packed(values: Any) -> str:
    return urlsafe_b64encode(zlib.compress(json.dumps(values).encode())).decode()


GOOD = {
    **{"model": "m", "query": "q", "documents": ["a"], "second": ""},
    **{"threshold": 0.5, "selected": 1},
}


def test_the_link_that_the_hostile_ones_are_made_of_is_good_itself() -> None:
    assert state.unpack(packed(GOOD)).query == "q"


DAMAGED = [
    "",
    "x",
    "!!!!",
    packed([]),
    packed({"query": "a"}),
    packed({**GOOD, "query": 1}),
    packed({**GOOD, "documents": "ab"}),
    packed({**GOOD, "threshold": 1.5}),
    packed({**GOOD, "selected": 9}),
    packed("a" * 3_000_000)[:8000],
    packed(["a" * 3_000_000]),
    packed({**GOOD, "query": "\ud800"}),
    packed({**GOOD, "second": None}),
    packed({**GOOD, "threshold": 1e999}),
    "A" * 9000,
]


@pytest.mark.parametrize("link", DAMAGED)
def test_a_damaged_or_hostile_link_is_refused(link: str) -> None:
    with pytest.raises(UserError) as caught:
        state.unpack(link)
    assert caught.value.key == "page.wrong link"


@pytest.mark.parametrize("link", ["", "x", packed(["a" * 3_000_000])])
def test_a_refused_link_gets_a_message_and_the_first_example(page: Any, link: str) -> None:
    app = page(view=link)
    sound(app)
    assert "This link cannot be read" in shown_text(app)
    assert app.text_input(key="compare.query").value == "red door"


@given(st.text(max_size=200))
def test_no_link_raises_anything_but_a_message(link: str) -> None:
    with pytest.raises(UserError):
        state.unpack(link)


def token(text: str, attention: float | None, kind: str = "seen", start: int = 0) -> ScoredToken:
    return ScoredToken(text, start, start + len(text), kind, attention)  # type: ignore[arg-type]


def test_user_text_is_escaped_everywhere_in_the_shaded_text() -> None:
    text = '<b>"x"</b> & <script>y</script>'
    shown = components.token_html("Query", text, [token("b", 1.0, start=1)])
    assert "<b>" not in shown
    assert "<script>" not in shown
    assert "&lt;script&gt;y" in shown


def test_weights_and_states_are_shown_and_nothing_is_lost_between_tokens() -> None:
    tokens = [
        token("red", 0.75),
        token("sofa", 0.25, "letters", 5),
        token("door", 0.0, "truncated", 10),
    ]
    shown = components.token_html("Query", "red, sofa door!", tokens)
    for part in ("0.75", "0.25", ', <span class="dssm-t dssm-letters"', "dssm-truncated", "!</p>"):
        assert part in shown
    assert "(not read: after the model&#39;s last word)" in shown  # for who cannot see the mark


def test_control_characters_are_shown_as_their_pictures() -> None:
    assert components.escape("a\x07\x00\ud800") == "a␇␀\ufffd"


def test_only_so_many_tokens_are_drawn_and_the_others_are_counted() -> None:
    tokens = [token("a", 0.0, start=2 * i) for i in range(components.MAX_TOKENS + 7)]
    assert "15 more characters" in components.token_html("Query", "a " * len(tokens), tokens)


def test_a_long_run_of_what_is_no_word_is_cut_and_counted() -> None:
    shown = components.token_html("Query", "." * 100_000, [])
    assert len(shown) < 1_000
    assert "99,600 more characters" in shown


def test_a_chain_never_claims_certainty() -> None:
    sure = ScoredDocument("d", 1.0, 40.0, 1.0, 1, None, ())
    assert "&gt;0.999" in components.chain_html(sure, Head(40.0, 0.0), 1, 0.5)


def test_a_document_without_a_score_says_so_in_place_of_a_chain() -> None:
    unread = ScoredDocument("++", None, None, None, None, None, ())
    assert "The model reads nothing here" in components.chain_html(unread, Head(4, 0), 1, 0.5)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "\r=1", "＝1", "\t1"])
def test_no_cell_of_an_export_is_a_formula(cell: str) -> None:
    table = safe_csv(pd.DataFrame({"document": [cell, "plain"], "cosine": [-0.5, 0.5]}))
    read = pd.read_csv(io.BytesIO(table))
    assert read["document"].tolist() == ["'" + cell, "plain"]
    assert read["cosine"].tolist() == [-0.5, 0.5]


def test_numbers_are_rounded_in_downloads_and_plain_in_csv() -> None:
    frame = pd.DataFrame(
        {
            "document": ["-1", "red"],
            "cosine": [-0.12345, math.nan],
            "probability": [0.99996, math.nan],
            "rank": [1.0, math.nan],
            "percentile": [99.96000000000001, math.nan],
            "threshold": 0.5,
        }
    )
    text = share.table_csv(frame).decode("utf-8-sig")
    assert text.splitlines()[1] == '"\'-1",-0.123,1.000,1,99.96,0.500'
    assert pd.read_csv(io.StringIO(text))["cosine"].isna().tolist() == [False, True]


@pytest.mark.slow
def test_markup_in_a_message_shows_as_it_is(page: Any, models: Path) -> None:
    (models / "<b>**x**").mkdir()
    app = page()
    assert "<b>**x** has no config.json" in shown_text(app)
    assert not any("<b>" in element.proto.body for element in app.get("html"))


@pytest.fixture
def saved(tmp_path: Path) -> str:
    """Return the download of a page whose texts try to break it."""
    scorer = Scorer(bare_folder(tmp_path / "<b>doors"), WordTowers())
    scores = scorer.score("<b>red</b> door", ["<i>door" + "! " * 300, "+", "a door"])
    notes = ["<script>note</script>"]
    scale = SecondScale(scorer.head, scorer.folder.random_pairs)
    view = ResultView(scorer.folder, scores, scores.frame(), (0.25, 0.5), 1, notes, scale)
    return share.page_writer(view)().decode()


@pytest.mark.slow
def test_the_downloaded_page_asks_for_nothing_and_runs_nothing(saved: str) -> None:
    assert "default-src 'none'" in saved
    for part in ("<script", "<i>", "<b>", "src=", "href=", "@import", "url("):
        assert part not in saved.replace("url(#", "")
    assert "<title>DSSM Lens · &lt;b&gt;doors</title>" in saved
    assert "&lt;script&gt;note" in saved


@pytest.mark.slow
def test_the_downloaded_page_shows_what_the_page_shows(saved: str) -> None:
    assert saved.count("<svg") == saved.count("<figcaption>") == 2
    assert '<div class="dssm-chain" role="list"><div class="first"' in saved
    assert '<span class="dssm-t dssm-seen"' in saved
    for rule in (".dssm-text {", ".dssm-chain > div {", "prefers-color-scheme: dark"):
        assert rule in saved


@pytest.mark.slow
def test_the_downloaded_table_holds_each_text_whole_and_numbers_as_the_page_writes_them(
    saved: str,
) -> None:
    assert f"<td>&lt;i&gt;door{'! ' * 300}</td>" in saved
    cells = re.findall(r'<td class="number">(.*?)</td>', saved)
    assert len(cells) == 15
    assert cells[-5:] == ["–"] * 5
    assert re.fullmatch(r"0\.\d{3} −?\d\.\d{3} 0\.\d{3} 1 \d+\.\d\d", " ".join(cells[:5]))


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
    assert "doors/model.keras cannot be loaded. Found: boom Another version wrote it" in " ".join(
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
