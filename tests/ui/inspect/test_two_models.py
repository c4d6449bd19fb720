"""A second model or a snapshot beside the first: what changed."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from dssm_core.folder import ModelFolder
from dssm_core.ui.common import state
from dssm_core.ui.inspect import compare_models
from tests.pages import Ready, sent_rows, shown_text, sound
from tests.tiny import WordTowers, bare_folder
from tests.ui.inspect.opened import PAIRS


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


@pytest.mark.slow
def test_a_long_list_of_changes_is_cut_and_says_so(two: AppTest, monkeypatch) -> None:
    two.selectbox(key="inspect.second").set_value("windows").run()
    whole = two.dataframe[1].value
    assert "largest changes" not in shown_text(two)
    assert len(two.selectbox(key="inspect.second.query").options) == 2
    monkeypatch.setattr(compare_models, "MAX_ROWS", 2)
    monkeypatch.setattr(compare_models, "MAX_QUERIES", 1)
    monkeypatch.setattr(compare_models, "MAX_LINES", 1)
    two.run()
    sound(two)
    assert f"The 2 largest changes, of {len(whole)}." in shown_text(two)
    assert two.dataframe[1].value["line"].tolist() == whole["line"].tolist()[:2]
    assert len(two.selectbox(key="inspect.second.query").options) == 1
    (slopes,) = two.get("vega_lite_chart")
    assert {row["position"] for row in sent_rows(slopes)} == {1}
    assert re.search(r"Of \d documents the 1 that either model ranks highest", shown_text(two))
