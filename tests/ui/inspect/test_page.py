"""The page Inspect for a whole file: threshold, counts, charts, ranking and slices."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pages import shown_text, sound
from tests.ui.inspect.opened import Open, errors, titles


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


def test_without_any_model_the_page_says_how_to_get_one(page: Open, models: Path) -> None:
    for path in (models / "doors").iterdir():
        path.unlink()
    app = page(pairs=None)
    sound(app)
    assert "dssm_core train" in shown_text(app)
