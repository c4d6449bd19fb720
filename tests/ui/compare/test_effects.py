"""Effects and the second model, on the page and in the charts."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dssm_core import charts
from dssm_core.explain import effects
from dssm_core.folder import ModelFolder
from dssm_core.scoring import Head, Results, ScoredDocument, ScoredText, Scores
from dssm_core.towers import ScoredToken
from dssm_core.ui.common import state
from dssm_core.ui.compare import second_model
from tests.charts.helpers import check, everything, rows
from tests.pages import Ready, numbers, sent_rows, shown_text, sound
from tests.tiny import FAITHFULNESS, WordTowers


def without_attention() -> WordTowers:
    """Return towers that have no attention and give none."""
    towers = WordTowers()
    towers.has_attention = False
    encode = towers.encode

    def bare(texts: Any, side: Any) -> Any:
        return [type(e)(e.text, e.tokens, e.vector, None) for e in encode(texts, side)]

    towers.encode = bare  # type: ignore[method-assign]
    return towers


def link(app: Any) -> str:
    """Return the view in the link that the page shows."""
    found = re.search(r"view=([\w-]+)", app.code[0].value)
    assert found
    return found[1]


class NoAttention(Ready):
    """A live model without attention."""

    towers = staticmethod(without_attention)


class Measured(Ready):
    """A live model of a folder with figures; its scorer is one of its own."""


def test_the_page_says_what_each_token_adds(page: Any) -> None:
    app = page()
    sound(app)
    assert any(h.value == "Effect of each word" for h in app.header)
    bars = [r for c in app.get("vega_lite_chart") for r in sent_rows(c) if "sign" in r]
    # "red door" against "a red door": without either word the cosine falls from 1 to 0.707
    assert {r["text"]: round(r["cosine"], 3) for r in bars if r["side"] == "query"} == {
        "red": 0.293,
        "door": 0.293,
    }


def test_the_page_says_which_explanation_can_be_trusted(page: Any, models: Path) -> None:
    assert "times as well as chance" not in shown_text(page())
    fingerprint = ModelFolder.open(models / "doors").fingerprint
    figures = {**FAITHFULNESS, "fingerprint": fingerprint}
    (models / "doors" / "faithfulness.json").write_text(json.dumps(figures))
    app = page(Measured)
    sound(app)
    assert "effect 3.4 times (3.0 to 3.9). Measured on 50 held-out pairs." in shown_text(app)


def test_a_model_without_attention_says_so_and_shows_effects(page: Any) -> None:
    app = page(NoAttention)
    app.text_input(key="compare.query").set_value("blue wall").run()
    sound(app)
    assert "has no attention" not in shown_text(app), "made only where it is open"
    app.session_state["compare.details"] = True
    sound(app.run())
    assert "has no attention" in shown_text(app)
    assert any(h.value == "Effect of each word" for h in app.header)


@pytest.mark.slow
def test_a_document_without_a_score_has_no_effects_and_no_crash(page: Any) -> None:
    app = page()
    app.text_area(key="compare.lines").set_value("+++").run()
    sound(app)
    assert numbers(app)["cosine"].isna().all()
    assert not [r for c in app.get("vega_lite_chart") for r in sent_rows(c) if "sign" in r]


@pytest.mark.slow
def test_two_models_are_shown_side_by_side(page: Any, models: Path) -> None:
    shutil.copytree(models / "doors", models / "windows")
    app = page()
    app.selectbox(key="compare.second").set_value("windows").run()
    sound(app)
    table = app.dataframe[-1].value
    assert table["rank"].tolist() == table["rank 2"].tolist() == [1, 2]
    assert "windows puts the same document first." in shown_text(app)
    bars = [r for c in app.get("vega_lite_chart") for r in sent_rows(c) if "cosine_second" in r]
    assert [round(r["cosine_second"], 3) for r in bars] == [1.0, 0.0]


@pytest.mark.slow
def test_a_link_restores_the_second_model_and_the_download_holds_its_numbers(
    page: Any, models: Path
) -> None:
    shutil.copytree(models / "doors", models / "windows")
    view = state.View("doors", "blue wall", ("red", "a wall"), 0.25, 2, "windows")
    app = page(view=state.pack(view))
    sound(app)
    assert app.selectbox(key="compare.second").value == "windows"
    assert state.unpack(link(app)) == view
    gone = page(view=state.pack(replace(view, second="gone")))
    sound(gone)
    assert gone.selectbox(key="compare.second").value is None


def test_a_partner_that_knows_none_of_the_words_is_named() -> None:
    def known(model: str, state: Any) -> Scores:
        tokens = (ScoredToken("red", 0, 3, state, None),)
        found = ScoredDocument("red", 0.5, 0.0, 0.5, 1, None, tokens)
        return Scores(model, Head(4, 0), ScoredText("red", tokens), Results.of([found]))

    mine = known("mine", "seen")
    doubt = second_model.warning(mine, known("theirs", "letters"))
    assert doubt.startswith("theirs does not know 100.0% of these words, the other model 0.0%")
    assert second_model.warning(mine, known("theirs", "pieces")) == ""


def test_the_page_says_which_words_met_and_where_the_match_rests_on(page: Any) -> None:
    app = page()
    sound(app)
    assert "The cosine rests on" in shown_text(app)
    cells = [r for c in app.get("vega_lite_chart") for r in sent_rows(c) if "number" in r]
    found = {(r["query"], r["document"]): round(r["interaction"], 3) for r in cells}
    # "red door" against "a red door" in towers that add words up: each word meets itself
    assert found["red", "red"] > 0 > found["red", "door"]


def test_with_one_model_no_second_is_offered(page: Any) -> None:
    assert not [s for s in page().selectbox if s.key == "compare.second"]


def found(query: str, document: str) -> pd.DataFrame:
    return effects(WordTowers(), Head(4.0, -1.0), query, document, "document").frame()


def test_effects_are_drawn_in_reading_order_and_unread_tokens_are_left_out() -> None:
    chart = charts.effects_chart(found("red", "red 🙂 blue"))
    specification = check(chart)
    assert [r["label"] for r in rows(specification) if "sign" in r] == ["1 · red", "3 · blue"]
    assert "red +" in specification["description"]
    signs = {r["text"]: r["sign"] for r in rows(specification) if "sign" in r}
    assert signs == {"red": "raises the cosine", "blue": "lowers the cosine"}


@pytest.mark.parametrize("frame", [found("red", ""), found("red", "red"), found("red", "a " * 400)])
def test_the_effects_chart_takes_any_frame(frame: pd.DataFrame) -> None:
    check(charts.effects_chart(frame))


def ranks(first: list[float], second: list[float]) -> pd.DataFrame:
    return pd.concat(
        pd.DataFrame(
            {
                "model": model,
                "position": range(1, len(values) + 1),
                "document": "<b>",
                "rank": values,
                "cosine": 0.5,
                "probability": 0.5,
            }
        )
        for model, values in (("one", first), ("two", second))
    )


@pytest.mark.parametrize("frame", [ranks([], []), ranks([1], [1]), ranks([float("nan")], [1])])
def test_the_slope_chart_takes_any_frame(frame: pd.DataFrame) -> None:
    check(charts.slope_chart(frame))


def test_the_slope_chart_tells_the_largest_change_and_marks_it_by_more_than_colour() -> None:
    specification = check(charts.slope_chart(ranks([1, 2, 3], [3, 2, 1])))
    assert "is 2" in specification["description"]
    changed = {r["position"]: r["change"] for r in rows(specification)}
    assert changed == {1: "moved", 2: "same rank", 3: "moved"}
    assert any("strokeDash" in p.get("encoding", {}) for p in everything(specification))
