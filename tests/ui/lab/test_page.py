"""The Lab: its logic without a browser, and its arithmetic against Keras."""

from __future__ import annotations

import html
import json
import math
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dssm_core.ui.common.models import TRAINED_HERE
from dssm_core.ui.lab import backwards, judge, systems, toy_run, train
from dssm_core.ui.lab.dot import PRESETS, dot_layer, explain_pair, hand_written_cosine
from dssm_core.words import ENGLISH
from tests.pages import sound


def lab_page() -> None:
    from dssm_core.ui.lab.page import render

    render()


SYSTEMS = [
    {
        "name": "LSTM",
        "notebook": "build_lstm_model",
        "traits": {"reads": "sequence", "shares": "lstm", "output": "sigmoid", "loss": "pair"},
        "parameters": 2,
        "layers": [
            {
                "name": "query",
                "kind": "InputLayer",
                "shape": "(None, 6)",
                "parameters": 0,
                "inputs": [],
                "masks": [],
            },
            {
                "name": "out",
                "kind": "Dense",
                "shape": "(None, 1)",
                "parameters": 2,
                "inputs": ["query"],
                "masks": ["query"],
            },
        ],
    }
]
TOY = {"scale": 2.0, "bias": 0.0, "rows": [{"cosine": 0.5, "probability": 0.7310585786300049}] * 4}


class FakeRun:
    """A run that has ended, without a process."""

    is_over, is_stopped, is_saved, error, bm25 = True, False, True, "", 0.5

    def __init__(
        self, name: str, pairs: Any, out: Path | None, options: Any, config: Any, negatives: int = 0
    ) -> None:
        self.negatives = negatives
        self.name, self.out, self.epochs = name, out, config["training"]["epochs"]
        self.pairs, self.options, self.config = pairs, options, config
        first = float(config["training"].get("first_scale", 1.0))
        self.history = [
            {"epoch": 1.0, "loss": 0.7, "validation MRR@10": 0.1, "AUC": 0.5, "scale": first},
            {"epoch": 2.0, "loss": 0.6, "validation MRR@10": 0.2, "AUC": 0.9, "scale": first},
        ]

    def frame(self) -> pd.DataFrame:
        frame = pd.DataFrame(self.history).reindex(
            columns=["epoch", "loss", "validation MRR@10", "AUC", "scale"]
        )
        return frame.assign(run=self.name, **{"cosine AUC": 1 - frame["AUC"]})

    def start(self) -> FakeRun:
        return self

    def stop(self) -> None:
        pass


class FakeTask(FakeRun):
    """A toy run that has ended, without a process."""

    def __init__(self, name: str, arguments: list[str], epochs: int) -> None:
        self.name, self.arguments, self.epochs = name, arguments, epochs
        self.history, self.result = [{"epoch": 1, "loss": 0.6, "scale": 2.0}], TOY


@pytest.fixture
def page(models: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    (models / "doors" / "pairs.csv").write_text("query,document,label,split\na,b,1,test\n")
    monkeypatch.setenv("DSSM_MODELS", str(models))
    monkeypatch.setattr(systems, "_described", lambda: SYSTEMS)
    monkeypatch.setattr(toy_run, "Task", FakeTask)
    for tab in (train, backwards):
        monkeypatch.setattr(tab, "Run", FakeRun)
    return AppTest.from_function(lab_page, default_timeout=120).run()


def text(page: AppTest) -> str:
    """Return what the page says."""
    return html.unescape(" ".join(element.proto.body for element in page.get("html")))


def test_a_system_is_shown_layer_by_layer(page: AppTest) -> None:
    sound(page)
    assert page.selectbox(key="lab.system").options == ["LSTM shared by query and document"]
    assert "In the notebook: build_lstm_model. 2 parameters." in text(page)
    assert "Both texts are read word by word by the same LSTM" in text(page)
    assert "The probability: sigmoid(w × cosine + b)" in text(page)
    assert "Dense · (None, 1) · 2 parameters" in text(page)
    table = next(d.value for d in page.dataframe if "shares" in d.value)
    assert table["shares"].tolist() == ["embedding and LSTM"]


def test_the_graph_names_every_layer_and_its_source() -> None:
    graph = systems.layer_graph(SYSTEMS[0]["layers"], "#123456")
    assert '"query" -> "out"\n' in graph
    assert '"query" -> "out" [style=dashed' in graph
    assert graph.count("#123456") == 3


def test_the_graph_tells_shapes_and_parameters_and_breaks_no_quotes() -> None:
    layer = {**SYSTEMS[0]["layers"][1], "name": 'a"b', "parameters": 1234}
    graph = systems.layer_graph([{**layer, "shape": "(None, 6) and (None, 10)"}], "#123456")
    label = graph.split("label=")[1].split("]")[0]
    assert json.loads(label) == 'a"b\nDense · 1,234\n(None, 6)\n(None, 10)'


@pytest.mark.slow
def test_the_toy_run_is_checked_against_its_own_head(page: AppTest) -> None:
    page.selectbox(key="lab.system").set_value("LSTM").run()
    page.number_input(key="lab.toy.epochs").set_value(7)
    page.button(key="lab.toy.start").click().run()
    sound(page)
    arguments = page.session_state["lab.toy"].arguments
    assert arguments == ["toy", "--system", "LSTM", "--seed", "0", "--epochs", "7"]
    assert "sigmoid(2.000 × cosine + 0.000)" in text(page)
    assert "at most 0.0e+00" in text(page)


def test_training_shows_its_curves_and_where_the_model_went(page: AppTest) -> None:
    page.button(key="lab.start").click().run()
    sound(page)
    assert "Saved as the model folder lab." in text(page)
    run = page.session_state["lab.run"]
    assert run.options == ["--family", "lstm"]
    assert list(run.pairs.columns) == ["query", "document", "label"], "the old split is dropped"


@pytest.mark.slow
def test_the_training_is_held_against_bm25_in_words(page: AppTest) -> None:
    page.button(key="lab.start").click().run()
    assert "Worse than BM25" in text(page)
    assert "0.200; BM25, which learns nothing, has 0.500" in text(page)


def entry(epoch: int, loss: float, rank: float) -> dict[str, float]:
    return {"epoch": epoch, "loss": loss, "validation MRR@10": rank}


@pytest.mark.parametrize(
    ("history", "bm25", "keys"),
    [
        ([entry(1, 3.0, 0.5), entry(2, 2.0, 0.7)], 0.6, ["above"]),
        ([entry(1, 3.0, 0.5), entry(2, 2.0, 0.6)], 0.605, ["close"]),
        ([entry(1, 3.0, 0.5), entry(2, 1.0, 0.4)], 0.6, ["below", "peaked"]),
        ([entry(1, 3.0, 0.06), entry(2, 0.1, 0.07)], 0.6, ["below", "by heart"]),
        ([entry(1, 3.0, 0.5), entry(2, 2.0, 0.6)], None, []),
    ],
)
def test_the_verdict_on_a_training_is_computed(
    history: list[dict[str, float]], bm25: float | None, keys: list[str]
) -> None:
    told = judge.judge_training(history, bm25)
    assert [sentence.key.removeprefix("lab.verdict.") for sentence in told] == keys
    assert all(sentence.text(ENGLISH) for sentence in told)


@pytest.mark.parametrize(
    ("first", "scale", "auc", "key"),
    [
        (5.0, 5.1, 0.99, "right"),
        (-5.0, -5.1, 0.98, "backwards"),
        (-5.0, 0.2, 0.9, "recovered"),
        (-5.0, -5.0, 0.5, "not learnt"),
    ],
)
def test_the_verdict_on_a_head_is_computed(
    first: float, scale: float, auc: float, key: str
) -> None:
    sentence = judge.judge_head(first, {"scale": scale, "AUC": auc})
    assert sentence.key == f"lab.head.{key}"
    cosine = auc if scale > 0 else 1 - auc
    assert sentence.values["cosine"] == pytest.approx(cosine)
    assert sentence.text(ENGLISH)


@pytest.mark.slow
def test_pairs_are_of_a_chosen_model_at_first_the_one_in_use(page: AppTest, models: Path) -> None:
    for name in ("debian-packages", "a-first"):
        (models / name).mkdir()
        for file in (models / "doors").iterdir():
            (models / name / file.name).write_bytes(file.read_bytes())
        (models / name / "pairs.csv").write_text(f"query,document,label\n{name},b,1\n")
    fresh = AppTest.from_function(lab_page, default_timeout=120).run()
    assert fresh.selectbox(key="lab.pairs").value == "debian-packages"
    fresh.selectbox(key="lab.pairs").set_value("a-first").run()
    fresh.button(key="lab.start").click().run()
    assert fresh.session_state["lab.run"].pairs["query"].tolist() == ["a-first"]


@pytest.mark.slow
def test_a_file_of_ones_own_is_read_whatever_its_columns_are_called(page: AppTest) -> None:
    page.selectbox(key="lab.pairs").set_value("own file").run()
    assert page.button(key="lab.start").disabled, "there is no file yet"
    content = b"keyword,answer text\nred,a red door\nblue,a blue door\n"
    page.file_uploader[0].upload("mine.csv", content, "text/csv").run()
    sound(page)
    assert "2 pairs; query from “keyword”, document from “answer text”" in text(page)
    page.button(key="lab.start").click().run()
    assert page.session_state["lab.run"].pairs["document"].tolist() == ["a red door", "a blue door"]


@pytest.mark.slow
def test_how_a_file_of_ones_own_is_read_can_be_changed(page: AppTest) -> None:
    page.selectbox(key="lab.pairs").set_value("own file").run()
    content = b"query,document,other,mark\nred,a red door,a wall,x\nblue,a blue door,a roof,y\n"
    page.file_uploader[0].upload("mine.csv", content, "text/csv").run()

    def box(role: str) -> Any:
        (one,) = [one for one in page.selectbox if f"lab.role.{role}." in str(one.key)]
        return one

    box("document").set_value("other").run()
    box("label").set_value("mark").run()
    page.multiselect[0].set_value(["y"]).run()
    sound(page)
    assert "document from “other”, relevant where “mark” is y" in text(page)
    page.button(key="lab.start").click().run()
    pairs = page.session_state["lab.run"].pairs
    assert pairs[["document", "label"]].to_numpy().tolist() == [["a wall", 0], ["a roof", 1]]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["", "../x", "A", "debian packages", "doors"])
def test_a_name_that_cannot_be_is_told_at_once_and_stop_stays(
    page: AppTest, models: Path, name: str
) -> None:
    page.text_input(key="lab.name").set_value(name).run()
    sound(page)
    assert ("already a model" if name == "doors" else "cannot be the name") in text(page)
    assert page.button(key="lab.start").disabled
    assert page.button(key="lab.stop").disabled
    assert [p.name for p in models.iterdir()] == ["doors"]


def test_only_a_model_of_this_page_can_be_overwritten_or_deleted(
    page: AppTest, models: Path
) -> None:
    assert "lab.delete.name" not in {box.key for box in page.selectbox}
    shutil.copytree(models / "doors", models / "mine")
    (models / "mine" / TRAINED_HERE).touch()
    page.text_input(key="lab.name").set_value("mine").run()
    assert not page.button(key="lab.start").disabled
    assert page.selectbox(key="lab.delete.name").options == ["mine"]
    page.button(key="lab.delete.yes").click().run()
    sound(page)
    assert [p.name for p in models.iterdir()] == ["doors"]


def test_a_read_only_page_deletes_nothing(
    page: AppTest, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (models / "doors" / TRAINED_HERE).touch()
    monkeypatch.setenv("DSSM_READ_ONLY", "1")
    page.run()
    assert "lab.delete.name" not in {box.key for box in page.selectbox}


@pytest.mark.slow
def test_both_heads_are_trained_alike_but_for_the_sign_and_judged(page: AppTest) -> None:
    page.button(key="lab.both").click().run()
    sound(page)
    one, other = page.session_state["lab.runs"]
    assert one.out is other.out is None, "they are in no list of models"
    assert one.config["training"].pop("first_scale") == -other.config["training"].pop("first_scale")
    assert one.config == other.config
    assert one.config["model"]["head"] == "free"
    assert "Probability and cosine both rank right pairs first: AUC 0.900 and 0.900" in text(page)
    assert "the cosine ranks backwards (AUC 0.100)" in text(page)


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_can_be_chosen_and_is_explained(page: AppTest, preset: str) -> None:
    next(g for g in page.get("button_group") if g.key == "lab.preset").set_value(preset).run()
    sound(page)
    assert ENGLISH(f"lab.preset.{preset}.about") in text(page)
    assert float(page.text_input(key="lab.qx").value) == PRESETS[preset][0][0]


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["abc", "", "nan", "1e999"])
def test_what_is_no_number_is_an_error_and_not_zero(page: AppTest, typed: str) -> None:
    page.text_input(key="lab.qx").set_value(typed).run()
    sound(page)
    assert "An entry of a vector must be a number" in text(page)


@pytest.mark.slow
def test_numbers_are_written_as_they_are_read(page: AppTest) -> None:
    page.text_input(key="lab.qx").set_value("−6e19").run()
    sound(page)
    steps = next(d.value for d in page.dataframe if "value" in d.value)
    assert steps["value"].tolist()[0] in ("−0", "0")
    page.text_input(key="lab.qx").set_value("0").run()
    page.text_input(key="lab.qy").set_value("0").run()
    steps = next(d.value for d in page.dataframe if "value" in d.value)
    assert steps["value"].tolist()[0] == "NaN"


VECTORS = [
    ([1.0, 0.5], [0.9, 0.7]),
    ([0.0, 0.0], [0.8, 0.6]),
    ([6e-9, 8e-9], [0.6, 0.8]),
    ([6e-9, 8e-9], [6e-9, 8e-9]),
    ([6e19, 8e19], [0.6, 0.8]),
    ([-3.0, 4.0], [3.0, -4.0]),
]


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize(("query", "document"), VECTORS, ids=str)
def test_the_explorers_arithmetic_is_keras(query: Any, document: Any, precision: str) -> None:
    import keras

    from dssm_core.models.layers import cosine_similarity

    with np.errstate(over="ignore"):
        one, other = (np.array([vector]).astype(precision) for vector in (query, document))
    for normalize in (True, False):
        layer = keras.layers.Dot(axes=1, normalize=normalize, dtype=precision)
        found = float(np.array(layer([one, other]))[0, 0])
        mine = dot_layer(one[0], other[0], normalize)
        assert mine == pytest.approx(found, rel=2e-3, abs=1e-6, nan_ok=True)
    by_hand = float(np.array(cosine_similarity(one, other))[0, 0])
    mine = hand_written_cosine(one[0], other[0])
    assert mine == pytest.approx(by_hand, rel=2e-3, abs=1e-6, nan_ok=True)


def test_the_steps_of_a_pair_by_hand() -> None:
    steps = explain_pair((3.0, 4.0), (4.0, 3.0), 2.0, -1.0).set_index("name")["value"]
    assert steps["hand"] == pytest.approx(0.96)
    assert steps["dot"] == pytest.approx(0.96)
    assert steps["plain"] == 24
    assert steps["logit"] == pytest.approx(0.92)
    assert steps["probability"] == pytest.approx(1 / (1 + math.exp(-0.92)))


@pytest.mark.slow
def test_the_builders_model_is_trained_on_negatives_prepared_for_it(page: AppTest) -> None:
    page.selectbox(key="lab.family").set_value("mlp-sampled").run()
    page.button(key="lab.start").click().run()
    sound(page)
    run = page.session_state["lab.run"]
    assert (run.negatives, run.config["training"]["loss"]) == (10, "softmax")


@pytest.mark.slow
def test_the_lab_loads_no_tensorflow_into_the_page() -> None:
    import subprocess

    code = "import sys, dssm_core.ui.lab.page; print({'tensorflow', 'keras'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
