"""The page's logic, without a browser and without TensorFlow."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.scoring import ScoredToken, Scorer
from dssm_core.ui import parts, state, words
from tests.conftest import AWKWARD
from tests.tiny import WordTowers

APP = str(Path(__file__).parents[1] / "streamlit_app.py")


class Ready:
    """A live model that has loaded, with towers that count words."""

    is_done, error = True, None

    def __init__(self, folder: ModelFolder) -> None:
        self.scorer = Scorer(folder, WordTowers())


class Loading:
    """A live model that is still on its way."""

    is_done, error, scorer = False, None, None

    def __init__(self, folder: ModelFolder) -> None:
        self.folder = folder


@pytest.fixture
def page(models: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Return a function that opens the page, with a link or a live model of one's own."""

    def open_page(live: type = Ready, view: str | None = None) -> AppTest:
        monkeypatch.setattr(state, "MODELS", models)
        monkeypatch.setattr(state, "live_model", live)
        app = AppTest.from_file(APP, default_timeout=20)
        if view is not None:
            app.query_params["view"] = view
        return app.run()

    return open_page


def told(app: AppTest) -> str:
    """Return all that the page says in messages and captions."""
    kinds = [app.error, app.warning, app.info, app.caption, app.markdown]
    return "\n".join(element.value for kind in kinds for element in kind)


def numbers(app: AppTest) -> pd.DataFrame:
    return app.dataframe[0].value


def metric(app: AppTest, label: str) -> str:
    return next(m.value for m in app.metric if m.label.startswith(label))


def test_the_first_screen_shows_an_example_before_the_model_is_loaded(page: Any) -> None:
    app = page(Loading)
    assert not app.exception
    assert app.text_input(key="compare.query").value == "red door"
    assert numbers(app)["document"].tolist() == ["a red door", "a blue wall"]
    assert numbers(app)["cosine"].tolist() == pytest.approx([1.0, 0.0])
    assert "is loading" in told(app)
    assert len(app.get("vega_lite_chart")) == 3


def test_the_page_paints_without_tensorflow() -> None:
    code = "import sys, dssm_core.ui.compare; print({'tensorflow', 'keras'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_typing_a_query_scores_it_live(page: Any) -> None:
    app = page()
    app.text_input(key="compare.query").set_value("blue").run()
    assert not app.exception
    assert numbers(app)["rank"].tolist() == [2, 1]


def test_text_typed_while_the_model_loads_is_kept_and_announced(page: Any) -> None:
    app = page(Loading)
    app.text_input(key="compare.query").set_value("blue").run()
    assert "as soon as it is ready" in told(app)
    assert app.text_input(key="compare.query").value == "blue"


def test_choosing_an_example_fills_query_and_documents(page: Any) -> None:
    app = page()
    app.selectbox(key="compare.example").set_value(1).run()
    assert app.text_input(key="compare.query").value == "blue wall"
    assert app.text_area(key="compare.lines").value.splitlines() == ["red", "blue wall", "zebra"]
    assert metric(app, "Rank") == "1 / 3"


def test_choosing_a_document_shows_its_chain(page: Any) -> None:
    app = page()
    app.selectbox(key="compare.selected").set_value(2).run()
    assert metric(app, "Cosine") == "0.000"
    assert metric(app, "Logit") == "-1.000"
    assert metric(app, "Probability") == "0.269"
    assert metric(app, "Percentile") == "25.0"


def test_the_threshold_is_told_on_both_scales(page: Any) -> None:
    app = page()
    app.slider(key="compare.threshold").set_value(0.5).run()
    assert "probability 0.50 is cosine 0.250" in told(app)
    app.slider(key="compare.threshold").set_value(0.99).run()
    assert "no cosine reaches probability 0.99" in told(app)


@pytest.mark.parametrize(("scale", "warning"), [(-2.0, "ranks backwards"), (0.0, "w is 0")])
def test_a_head_that_cannot_be_trusted_is_told_loudly(
    page: Any, monkeypatch: pytest.MonkeyPatch, scale: float, warning: str
) -> None:
    class Backwards(Ready):
        def __init__(self, folder: ModelFolder) -> None:
            self.scorer = Scorer(folder, WordTowers(scale=scale))

    app = page(Backwards)
    app.text_input(key="compare.query").set_value("blue").run()
    assert any(warning in error.value for error in app.error)


@pytest.mark.parametrize(
    ("query", "lines", "message"),
    [
        ("", "red", "Query: it is empty"),
        ("  ", "red", "Query: it is empty"),
        ("red", " \n ", "Documents: there are none"),
        ("🙂 +", "red", "Query: there is nothing that the model reads"),
        ("zzyzx", "red", "No word of the query was seen in training"),
        ("red", "blue\n\n+++", "no score: document 3"),
        ("red", "blue\nwall\nblue", "documents 1 = 3"),
        ("red", "red " * 9, "Longer than the model reads, the rest is struck through: document 1"),
        ("red", "red sofa", "Words never seen in training, read by their letters only: document 1"),
        ("red", "red\n" * 10_000, "there are 10,000, and the first 200 are scored"),
    ],
)
def test_what_cannot_be_scored_or_read_is_named(
    page: Any, query: str, lines: str, message: str
) -> None:
    app = page()
    app.text_input(key="compare.query").set_value(query)
    app.text_area(key="compare.lines").set_value(lines).run()
    assert not app.exception
    assert message in told(app)
    assert app.text_area(key="compare.lines").value == lines


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD)
def test_no_text_breaks_the_page(page: Any, text: str) -> None:
    app = page()
    app.text_input(key="compare.query").set_value(text)
    app.text_area(key="compare.lines").set_value(f"{text}\nred").run()
    assert not app.exception
    assert numbers(app)["document"].tolist()[-1] == "red"


def test_the_table_takes_over_the_lines(page: Any) -> None:
    app = page()
    app.get("button_group")[0].set_value("table").run()
    assert not app.exception
    assert numbers(app)["document"].tolist() == ["a red door", "a blue wall"]


def test_a_model_folder_that_cannot_be_used_is_named_and_the_others_work(
    page: Any, models: Path
) -> None:
    (models / "broken").mkdir()
    app = page()
    assert "broken has no config" in told(app).replace("\\", "")
    assert numbers(app)["rank"].tolist() == [1, 2]


def test_without_any_model_the_page_says_how_to_get_one(
    page: Any, monkeypatch: pytest.MonkeyPatch, models: Path
) -> None:
    for path in (models / "doors").iterdir():
        path.unlink()
    app = page()
    assert not app.exception
    assert "dssm_core train" in told(app).replace("\\", "")


VIEW = state.View("doors", "blue wall", ("red", "a\nwall"), 0.25, 2)


def test_a_link_restores_query_documents_threshold_and_selection(page: Any) -> None:
    app = page(view=state.pack(VIEW))
    assert not app.exception
    assert app.text_input(key="compare.query").value == "blue wall"
    assert numbers(app)["document"].tolist() == ["red", "a\nwall"]
    assert app.slider(key="compare.threshold").value == 0.25
    assert app.selectbox(key="compare.selected").value == 2


def test_a_link_comes_back_as_it_went() -> None:
    packed = state.pack(VIEW)
    assert packed is not None
    assert state.unpack(packed) == VIEW


def test_a_text_too_long_for_a_link_gets_none() -> None:
    long = "".join(chr(0x4E00 + i * 7919 % 20_000) for i in range(10_000))
    assert state.pack(state.View("m", long, (), 0.5, 1)) is None


def packed(values: Any) -> str:
    return urlsafe_b64encode(zlib.compress(json.dumps(values).encode())).decode()


@pytest.mark.parametrize(
    "link",
    [
        "",
        "x",
        "!!!!",
        packed([]),
        packed({"query": "a"}),
        packed({"model": "m", "query": 1, "documents": [], "threshold": 0.5, "selected": 1}),
        packed({"model": "m", "query": "q", "documents": "ab", "threshold": 0.5, "selected": 1}),
        packed({"model": "m", "query": "q", "documents": ["a"], "threshold": 1.5, "selected": 1}),
        packed({"model": "m", "query": "q", "documents": ["a"], "threshold": 0.5, "selected": 9}),
        packed("a" * 3_000_000)[:8000],
        packed(["a" * 3_000_000]),
        "A" * 9000,
    ],
)
def test_a_damaged_or_hostile_link_gets_a_message_and_the_first_example(
    page: Any, link: str
) -> None:
    app = page(view=link)
    assert not app.exception
    assert "The link cannot be read" in told(app).replace("\\", "")
    assert app.text_input(key="compare.query").value == "red door"


@given(st.text(max_size=200))
def test_no_link_raises_anything_but_a_message(link: str) -> None:
    with pytest.raises(UserError):
        state.unpack(link)


def token(text: str, attention: float | None, kind: str = "seen", start: int = 0) -> ScoredToken:
    return ScoredToken(text, start, start + len(text), kind, attention)  # type: ignore[arg-type]


def test_user_text_is_escaped_everywhere_in_the_shaded_text() -> None:
    text = '<b>"x"</b> & <script>y</script>'
    shown = parts.token_html(text, [token("b", 1.0, start=1)], 1.0)
    assert "<b>" not in shown
    assert "<script>" not in shown
    assert "&lt;script&gt;y" in shown


def test_weights_and_states_are_shown_and_nothing_is_lost_between_tokens() -> None:
    tokens = [
        token("red", 0.75),
        token("sofa", 0.25, "letters", 5),
        token("door", 0.0, "truncated", 10),
    ]
    shown = parts.token_html("red, sofa door!", tokens, 0.75)
    for part in ("0.75", "0.25", ', <span class="t letters"', 'class="t truncated"', "</span>!"):
        assert part in shown


def test_only_so_many_tokens_are_drawn_and_the_others_are_counted() -> None:
    tokens = [token("a", 0.0, start=2 * i) for i in range(parts.MOST_TOKENS + 7)]
    assert "7 more words" in parts.token_html("a " * len(tokens), tokens, 1.0)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "\r=1"])
def test_no_cell_of_an_export_is_a_formula(cell: str) -> None:
    table = parts.safe_csv(pd.DataFrame({"document": [cell, "plain"], "cosine": [-0.5, 0.5]}))
    read = pd.read_csv(io.BytesIO(table))
    assert read["document"].tolist() == ["'" + cell, "plain"]
    assert read["cosine"].tolist() == [-0.5, 0.5]


def test_markdown_in_a_message_shows_as_it_is() -> None:
    assert parts.plain("*a* [b](c) <d>") == r"\*a\* \[b\]\(c\) \<d\>"


def test_the_downloaded_page_asks_for_nothing_and_runs_nothing() -> None:
    page = parts.page_html("a <title>", [("<h>", "<p>x</p>")]).decode()
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "a &lt;title&gt;" in page
    assert "&lt;h&gt;" in page


def test_every_text_of_the_page_is_there_in_both_languages_with_the_same_values() -> None:
    import string

    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for key, texts in words.WORDS.items():
        assert len(texts) == len(words.LANGUAGES), key
        assert all(texts), key
        assert len({frozenset(fields(text)) for text in texts}) == 1, key


def test_every_text_is_used_and_every_used_text_is_there() -> None:
    import re

    source = "".join(
        p.read_text() for p in Path(parts.__file__).parent.glob("*.py") if p.name != "words.py"
    )
    used = set(re.findall(r"""say\(\s*["']([\w. ]+)["']""", source))
    used |= {"loading", "waiting"} | {
        key for key in words.WORDS if key.startswith(("mark.", "entry."))
    }
    used |= {"note.truncated", "note.letters", "attention.note", "attention.none"}
    assert used == set(words.WORDS)


def test_the_language_can_be_switched(page: Any) -> None:
    app = page()
    app.selectbox(key="page.language").set_value("zh").run()
    assert app.title[0].value == words.WORDS["title"][1]
