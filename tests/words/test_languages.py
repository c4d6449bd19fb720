"""In Chinese nothing stays English but names, in charts and on the pages."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dssm_core import charts
from dssm_core.evaluation import calibration
from dssm_core.inspection import measure
from dssm_core.ui.common import language, state
from dssm_core.ui.inspect import errors as errors_page
from dssm_core.words import Translate, translator_for
from tests.charts.helpers import (
    HISTORY,
    POINT,
    drawn,
    everything,
    pairs,
    points,
    rows,
    scores,
    slice_table,
)
from tests.pages import APP, LABELLED, Ready, inspect_page, sound

NAMES = {
    *("ROC", "Logit", "sigmoid", "MRR", "recall", "nDCG", "F1", "BM25"),
    *("CSV", "TSV", "JSONL", "HTML", "UTF", "gzip", "PCA", "Tab", "Ctrl", "Enter"),
}
"""What people who read Chinese write so, too."""
TEXT = "7"
"""A text of the user that is no word."""

COSINES = [0.1, 0.9, math.nan, 0.4, -0.23456789, 0.9]
EFFECTS = pd.DataFrame(
    {
        "side": "query",
        "index": range(3),
        "text": TEXT,
        "state": ["seen", "letters", "truncated"],
        "attention": [0.25, 0.75, 0.0],
        "cosine": [0.5, -0.23456789, 0.0],
        "probability": [0.1, -0.1, 0.0],
    }
)
RANKS = pd.DataFrame(
    {
        "model": ["1", "1", "2", "2"],
        "position": [1, 2, 1, 2],
        "document": TEXT,
        "rank": [1, 2, 2, 1],
        "cosine": 0.5,
        "probability": 0.5,
    }
)
MET = pd.DataFrame(
    {
        "query": TEXT,
        "document": TEXT,
        "query_index": range(12),
        "document_index": 0,
        "interaction": [0.1 * n for n in range(12)],
    }
)


def reliability(tr: Translate) -> charts.Chart:
    frame = pairs(COSINES).dropna()
    table = calibration(frame["probability"].to_numpy(), frame["label"].to_numpy())
    return charts.reliability_chart(table, error=0.125, tr=tr)


def score_chart(tr: Translate, cosines: list[float] = COSINES) -> charts.Drawing:
    return charts.score_chart(
        scores(cosines, TEXT),
        curve=charts.probability_curve(4.0, -1.0),
        background=charts.background_bins(np.array([0.0, 0.1])),
        threshold=(0.25, 0.5),
        tr=tr,
    )


def of_the_map(tr: Translate, number: int) -> charts.Chart:
    frame = points(number, text=TEXT, value=TEXT)
    return charts.vector_map(frame, share=(0.25, 0.125), total=12, colour="标注", tr=tr)


EVERY: dict[str, Callable[[Translate], charts.Chart | charts.Drawing]] = {
    "score_chart": score_chart,
    "score_chart of nothing": lambda tr: score_chart(tr, [math.nan]),
    "score_chart of many": lambda tr: score_chart(tr, [0.5] * 2_500),
    "ranked_bars": lambda tr: charts.ranked_bars(
        scores(COSINES, TEXT), threshold=(0.25, 0.5), tr=tr
    ),
    "interaction_map": lambda tr: charts.interaction_map(MET, tr=tr),
    "interaction_map of nothing": lambda tr: charts.interaction_map(MET.head(0), tr=tr),
    "word_links": lambda tr: charts.word_links(MET, tr=tr),
    "effects_chart of many": lambda tr: charts.effects_chart(EFFECTS, most=1, tr=tr),
    "effects_chart": lambda tr: charts.effects_chart(EFFECTS, tr=tr),
    "effects_chart of nothing": lambda tr: charts.effects_chart(EFFECTS.head(0), tr=tr),
    "slope_chart": lambda tr: charts.slope_chart(RANKS, tr=tr),
    "distribution": lambda tr: charts.distribution_chart(
        charts.cosine_bins(pairs(COSINES)), {"relevant": 0.5}, cosine=0.25, probability=0.5, tr=tr
    ),
    "distribution of nothing": lambda tr: charts.distribution_chart(
        charts.cosine_bins(pairs([])), {}, cosine=0.25, probability=0.5, tr=tr
    ),
    "precision_recall": lambda tr: charts.precision_recall_chart(
        measure.curve(pairs(COSINES)), POINT, relevant=0.5, tr=tr
    ),
    "roc": lambda tr: charts.roc_chart(measure.curve(pairs(COSINES)), POINT, area=0.75, tr=tr),
    "reliability": reliability,
    "slices": lambda tr: charts.slices_chart(
        slice_table(list(map(str, range(20))), [3] * 20), overall=0.1, tr=tr
    ),
    "slices of nothing": lambda tr: charts.slices_chart(slice_table([], []), overall=0.1, tr=tr),
    "map": lambda tr: of_the_map(tr, 9),
    "map of nothing": lambda tr: of_the_map(tr, 0),
    "history": lambda tr: charts.history_chart(
        HISTORY.assign(run="1"), measure="loss", title="损失", reads_as="越低越好。", tr=tr
    ),
    "history of nothing": lambda tr: charts.history_chart(
        HISTORY.head(0), measure="loss", title="损失", reads_as="越低越好。", tr=tr
    ),
}


def texts(specification: dict[str, Any]) -> Iterator[str]:
    """Yield what people read in a chart: titles, description, legends, tooltips and labels."""
    shown = {
        part[channel]["field"]
        for part in everything(specification)
        for channel in ("text", "color", "stroke", "y")
        if isinstance(part.get(channel), dict) and part[channel].get("type") == "nominal"
    }
    for part in everything(specification):
        title = part.get("title")
        whole = [title["text"], *title["subtitle"]] if isinstance(title, dict) else [title]
        whole += [part.get("description"), part.get("text")]
        whole += part["domain"] if isinstance(part.get("domain"), list) else []
        yield from (text for text in whole if isinstance(text, str))
        if isinstance(part.get("tooltip"), dict):
            expression = part["tooltip"]["value"]["expr"]
            titles = re.findall(r'[{,] ?("(?:[^"\\]|\\.)+"): ', expression)
            assert titles, "or Vega-Lite shows the field's name"
            yield from map(json.loads, titles)
    for row in rows(specification):
        yield from (str(row[name]) for name in shown & set(row))


def english(*found: str) -> set[str]:
    """Return the English words in some texts."""
    return set(re.findall("[A-Za-z][A-Za-z0-9_]+", " ".join(found))) - NAMES


@pytest.mark.slow
@pytest.mark.parametrize("build", EVERY.values(), ids=EVERY)
def test_no_chart_says_an_english_word_in_chinese(
    build: Callable[[Translate], charts.Chart | charts.Drawing],
) -> None:
    specification = json.loads(json.dumps(build(translator_for("zh")).to_dict()))
    assert not english(*texts(specification))
    in_english = json.loads(json.dumps(build(translator_for("en")).to_dict()))
    assert english(*texts(in_english)), "or nothing is looked at"


@pytest.mark.slow
@pytest.mark.parametrize("build", EVERY.values(), ids=EVERY)
def test_a_screen_reader_hears_chinese_and_no_endless_number_of_a_mark(
    build: Callable[[Translate], charts.Chart | charts.Drawing],
) -> None:
    svg = html.unescape(drawn(build(translator_for("zh"))))
    tags = re.findall(r'<[^>]*role="graphics-symbol"[^>]*>', svg)
    # those speak Vega's own words, and an empty layer none
    other = r'roledescription="(axis|legend|title|subtitle|\w+ mark container)"'
    marks = [tag for tag in tags if not re.search(other, tag)]
    said = [label for mark in marks for label in re.findall(r'aria-label="([^"]*)"', mark)]
    assert not english(*said)
    assert not [label for label in said if re.search(r"\d\.\d{4}", label)]
    assert len(said) == len(marks)


# the pages


DATA = {
    *("red", "door", "blue", "wall", "sofa", "zebra", "hall", "cellar", "room", "doors", "csv"),
    *("pairs", "Two", "documents", "Elasticsearch", "Faiss", "L2"),
    *("JSON", "Parquet", "Excel", "XLSX", "zstd", "query", "document", "label"),
    *("sentence", "transformers", "model2vec", "onnx", "endpoint", "function", "NAME"),
}
"""Words of the examples, their notes, the pairs and their file; names of engines and formats."""


CALLED = {
    *("English", "doors", "sample_models", "python", "dssm_core", "inspect", "replay"),
    *("query", "document", "verdict", "verdicts", "cause", "note", "jsonl", "repro", "cases"),
}
"""What a person chooses, types or finds by this name: files, columns, commands, the language."""


def shown_in(table: Any) -> Iterator[str]:
    """Yield a table's headings and cells."""
    settings = json.loads(table.proto.columns)
    for name in table.value.columns:
        yield (settings.get(name) or {}).get("label") or str(name)
    yield table.value.to_csv(header=False, index=False)


def asked_by(app: AppTest) -> Iterator[str]:
    """Yield what a page's widgets say: labels, choices, help and what stands in empty ones."""
    for element in app.main:
        proto = element.proto
        yield from (str(getattr(proto, name, "")) for name in ("label", "help", "placeholder"))
        for option in getattr(proto, "options", ()):
            yield str(getattr(option, "content", option))


def said_by(app: Any) -> str:
    """Return all that a page says, less what its widgets say."""
    told = [
        re.sub(r"<(style|script).*?</\1>", "", e.proto.body, flags=re.S) for e in app.get("html")
    ]
    tables = [text for frame in app.dataframe for text in shown_in(frame)]
    heads = [element.value for element in (*app.title, *app.header, *app.subheader)]
    return re.sub(r"<[^>]*>|https?:\S+", " ", html.unescape("\n".join([*told, *tables, *heads])))


def check(app: AppTest, charts_at_least: int) -> None:
    sound(app)
    specifications = [json.loads(c.proto.spec) for c in app.get("vega_lite_chart")]
    assert len(specifications) >= charts_at_least
    for specification in specifications:
        assert english(*texts({"datasets": {}} | specification)) <= DATA
    assert english(said_by(app)) <= DATA
    asked = list(asked_by(app))
    assert len(set(asked)) > 10
    assert english(*asked) <= DATA | CALLED


@pytest.fixture
def opened(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[AppTest], AppTest]:
    """Return what opens a page in Chinese, with a live model and pairs of its own."""
    (models / "doors" / "pairs.csv").write_text(LABELLED)
    monkeypatch.setenv("DSSM_MODELS", str(models))
    monkeypatch.setenv("DSSM_STORE", str(tmp_path / "verdicts.sqlite3"))
    monkeypatch.setattr(state, "live_model", Ready)
    monkeypatch.setattr(errors_page, "PATIENCE", 30.0)  # AppTest has no clock

    # AppTest formats choices outside the session, which has the language
    monkeypatch.setattr(language, "language", lambda: "zh")

    def open_page(app: AppTest) -> AppTest:
        app.session_state["page.language"] = "zh"
        return app.run()

    return open_page


def test_compare_in_chinese_says_no_english_word(opened: Callable[[AppTest], AppTest]) -> None:
    check(opened(AppTest.from_file(APP, default_timeout=120)), 5)


@pytest.mark.slow
def test_inspect_in_chinese_says_no_english_word(opened: Callable[[AppTest], AppTest]) -> None:
    app = opened(AppTest.from_function(inspect_page, default_timeout=120))
    check(app, 7)
    for view in ("rivals", "edit", "near", "map"):
        next(g for g in app.get("button_group") if g.key == "inspect.view").set_value(view).run()
        check(app, 5)
