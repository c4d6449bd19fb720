"""An inspection as one file: what it says, what it never does, and what JSON holds of it."""

from __future__ import annotations

import functools
import html
import html.parser
import itertools
import json
import re
from dataclasses import replace

import pandas as pd
import pytest

from dssm_core import charts
from dssm_core.charts.svg import plain_svg
from dssm_core.corpus.pairs import read_pairs
from dssm_core.inspection import measure
from dssm_core.inspection.findings import MAX_EFFECTS, find
from dssm_core.inspection.score_pairs import inspect_pairs
from dssm_core.reporting.report import report_html
from dssm_core.scoring import Scorer
from dssm_core.words import ENGLISH, Sentence, join_sentences, translator_for
from tests import ROOT
from tests.reporting.findings import PAIRS, awkward_findings, findings_on
from tests.tiny import WordTowers, bare_folder

VOID = {"meta", "br", "hr", "img", "input", "link"}
KINDS = {"false positive": "False alarm", "false negative": "Missed"}
NOTE = Sentence("inspect.report.assumed", {"number": 7})


class Reader(html.parser.HTMLParser):
    """Reads a page, and fails where its elements do not close in order."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    return Scorer(bare_folder(tmp_path_factory.mktemp("models") / "doors"), WordTowers())


@pytest.fixture(scope="module")
def found(scorer):
    """Return a function to the findings on some pairs."""
    return functools.partial(findings_on, scorer)


@pytest.fixture(scope="module")
def plain(found):
    """Return the report on PAIRS."""
    return report_html(found())


@pytest.fixture(scope="module")
def awkward(scorer):
    """Return a report on what tries to break it."""
    return report_html(awkward_findings(scorer))


# what it says


def test_the_head_says_what_was_inspected_with_which_model_and_where_the_cut_is(found, scorer):
    text = Reader(report_html(found(notes=[NOTE]))).text
    assert "Inspection of doors" in text
    assert "the wrong side of the threshold: 2 relevant ones below it, 2 irrelevant" in text
    for said in (
        "doors.csv",
        scorer.folder.fingerprint,
        "2025-11-25 10:00",
        "7 pairs were drawn at random",
    ):
        assert said in text
    assert f"cosine 0.600, probability {scorer.head.probability(0.6):.3f}" in text
    assert "8: 4 relevant, 4 not; 4 queries, 8 documents" in text


def test_the_confusion_counts_are_those_of_the_pairs(found, plain):
    text = Reader(plain).text
    assert "relevant 2 2 not relevant 2 2" in text
    assert "Counted as below: 1 pair of which the model reads nothing" in text
    assert found().rates.rates() == {"precision": 0.5, "recall": 0.5, "F1": 0.5, "error rate": 0.5}


def test_errors_come_worst_first_with_their_cause_and_its_evidence(found):
    findings = found()
    text = Reader(report_html(findings)).text
    assert list(findings.errors["error"]) == [
        *("false negative", "false positive", "false negative", "false positive")
    ]
    places = [text.index(f"{n}. {KINDS[row.error]}, line {row.Index}: {row.cause}") for n, row in
              enumerate(findings.errors.itertuples(), 1)]  # fmt: skip
    assert places == sorted(places)
    assert findings.errors["cause"].iloc[0] == "nothing readable"
    for evidence in findings.errors["evidence"]:
        assert " ".join(join_sentences(evidence, ENGLISH).split()) in text
    assert sum(findings.causes.values()) == 4


def test_tokens_are_shaded_by_their_effect_with_its_sign_in_words_and_by_more_than_colour(found):
    rows = [("red door", "red door wall", 1, "x"), ("blue", "red", 0, "x")]
    page = report_html(found(rows, cosine=0.9)).decode()
    up = re.search(r'<span class="up" style="--shade:([\d.]+)">door<sup>\+(0\.\d{3})</sup>', page)
    down = re.search(
        r'<span class="down" style="--shade:([\d.]+)">wall<sup>−(0\.\d{3})</sup>', page
    )
    assert up
    assert down
    assert 0 < float(down[1]) < float(up[1]) <= 0.5
    assert re.search(r"\.down \{[^}]*underline", page)


@pytest.mark.slow
def test_a_shaded_text_keeps_its_spaces_and_gets_no_others(found):
    text = "\n red  door, redwall\n\n(blue)\t"
    page = report_html(found([("red", text, 0, "x"), ("red", "blue", 1, "x")], cosine=0.1)).decode()
    inner = re.findall(r'<div class="text" dir="auto">(.*?)</div>', page, re.S)
    shown = [html.unescape(re.sub("<sup>.*?</sup>|<[^>]*>", "", part)) for part in inner]
    assert text in shown


@pytest.mark.slow
def test_words_that_are_not_read_are_struck_out(found):
    rows = [("red door", "red a a a a a a a a wall", 1, "x"), ("blue", "red", 0, "x")]
    page = report_html(found(rows, cosine=0.9)).decode()
    assert '<span class="unread">wall</span>' in page


@pytest.mark.slow
def test_only_the_worst_ten_errors_are_shaded_and_fifty_shown(found):
    rows = [(f"red {i}", "blue", 1, "x") for i in range(60)] + [("blue", "red", 0, "x")]
    findings = found(rows)
    page = report_html(findings).decode()
    assert len(findings.effects) == MAX_EFFECTS
    assert page.count("<article>") == 50
    assert "The worst 50 of 60 errors" in page
    assert page.count('class="text"') == 100


@pytest.mark.slow
def test_assumed_pairs_are_not_called_by_a_line_that_the_file_does_not_have(found):
    findings = found()
    errors = findings.errors.assign(assumed=["yes", "no", "no", "no"])
    text = Reader(report_html(replace(findings, errors=errors))).text
    assert "1. Missed, assumed pair 8:" in text
    assert "2. False alarm, line " in text


def test_ranking_stands_with_its_intervals_or_with_the_reason_why_there_is_none(found, plain):
    text = Reader(plain).text
    assert re.search(r"MRR@10 0\.\d{3} 0\.\d{3} [01]\.\d{3}", text)
    alone = [(f"q{i} red", "red", i % 2, "x") for i in range(4)]
    assert "nothing to rank" in Reader(report_html(found(alone))).text


def test_slices_come_worst_first(found):
    findings = found()
    worst = findings.worst_slices(50)
    assert {"room: paint", "room: zoo"} <= set(worst["slice"])
    assert worst["low"].is_monotonic_decreasing
    rows = [
        *[(f"red {i}", "red", 1, "good") for i in range(12)],
        *[(f"red {i}", "blue", 1, "bad") for i in range(12)],
        ("blue", "red", 1, "small"),
    ]
    worst = found(rows).worst_slices(50)
    rooms = [name for name in worst["slice"] if name.startswith("room")]
    assert rooms == ["room: bad", "room: good", "room: small"], "those under ten pairs last"


@pytest.mark.slow
def test_verdicts_on_these_pairs_are_shown_and_no_others(found, plain):
    columns = ["query", "document", "verdict", "cause", "note", "at"]
    verdicts = pd.DataFrame(
        [
            ["red door", "a red door", "unsure", "", "so <so>", "2025"],
            ["red door", "another", "bad data", "", "not here", "2025"],
        ],
        columns=columns,
    )
    text = Reader(report_html(found(verdicts=verdicts))).text
    assert "1 of these pairs has a verdict: Unsure 1." in text
    assert "so <so>" in text
    assert "not here" not in text
    assert "Verdicts" not in Reader(plain).text


@pytest.mark.slow
def test_in_chinese_no_word_stays_english_but_those_of_the_data_and_names(found):
    rows = [(q.replace("zebra", "red"), d, label, "") for q, d, label, _ in PAIRS]
    columns = ["query", "document", "verdict", "cause", "note", "at"]
    verdicts = pd.DataFrame(
        [["red door", "a red door", "unsure", "number mismatch", "", "2025"]], columns=columns
    )
    rows += [("red red", "blue word " * 300, 1, "")]
    findings = found(rows, verdicts=verdicts, notes=[NOTE], data="7.csv")
    page = report_html(findings, translator_for("zh"))
    ours = {"doors", "csv", "room", "MRR", "recall", "nDCG", "ROC", "F1", "sigmoid"}
    data = {"red", "door", "blue", "wall", "of", "the", "zebra", "word", findings.inspection.model}
    reader = Reader(page)
    told = reader.text + " ".join(a.get("aria-label") or "" for a in reader.all("div"))
    told = told.replace(findings.inspection.fingerprint, "")
    assert set(re.findall("[A-Za-z][A-Za-z0-9]+", told)) <= ours | data
    assert '<html lang="zh-CN">' in page.decode()
    assert "漏报，第 8 行：没有可读内容" in told
    assert "不确定 1" in told
    assert "数字不一致" in told
    assert "词语重合" in told
    assert findings.to_dict()["errors"]["worst"][0]["cause"] == "nothing readable"


# pairs that leave nothing to say


@pytest.mark.slow
@pytest.mark.parametrize(
    "rows",
    [
        [("red", "red", 1, "x")],
        [("red", "red", 0, "x")],
        [("red", "red", 1, "x"), ("blue", "red", 0, "x")],
        [("+", "=", 1, "x"), ("🙂", "→", 0, "x")],
        [("red", "red", 1, "x")] * 3,
    ],
    ids=["one relevant", "one other", "no errors", "unreadable", "thrice the same"],
)
def test_few_or_odd_pairs_make_a_report_too(found, rows):
    findings = found(rows)
    text = Reader(report_html(findings)).text
    assert "Errors" in text
    json.dumps(findings.to_dict(), allow_nan=False)


# what it never does


def test_no_text_of_the_data_becomes_an_element(awkward):
    reader = Reader(awkward)
    tags = {tag for tag, _ in reader.elements}
    assert not tags & {"script", "img", "b", "iframe", "object", "a", "form", "link"}
    assert "<script>alert(1)</script>" in reader.text
    assert "<img src=x>.csv" in reader.text
    assert "\x1b" not in awkward.decode()
    assert "␇" in reader.text


def test_no_template_lets_a_value_through_unescaped():
    templates = list(ROOT.glob("dssm_core/reporting/templates/*.j2"))
    assert len(templates) == 4
    for path in templates:
        assert not re.search(r"\bsafe\b|autoescape", path.read_text("utf-8")), path.name


def test_it_asks_for_nothing(awkward):
    reader = Reader(awkward)
    (policy,) = [m["content"] for m in reader.all("meta") if "http-equiv" in m
                 and m["http-equiv"] == "Content-Security-Policy"]  # fmt: skip
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    for _, attributes in reader.elements:
        for name, value in attributes.items():
            assert name not in ("src", "href", "xlink:href", "srcset", "action", "data"), value
            assert not name.startswith("on"), name
            assert "url(" not in (value or "").replace("url(#", "")
    assert b"@import" not in awkward
    assert "url(" not in re.search(r"<style>.*?</style>", awkward.decode(), re.S)[0]


def test_it_stays_small_with_long_texts(awkward):
    assert len(awkward) < 1_000_000
    assert "more characters" in awkward.decode()


# for everyone


def test_every_table_has_a_caption_and_headings_that_say_what_they_head(plain):
    reader = Reader(plain)
    assert len(reader.all("table")) == len(reader.all("caption")) >= 5
    assert {heading.get("scope") for heading in reader.all("th")} == {"row", "col"}


def test_every_picture_has_its_finding_in_words(plain):
    reader = Reader(plain)
    pictures = [a for a in reader.all("div") if a.get("role") == "img"]
    assert len(pictures) == len(reader.all("svg")) == len(reader.all("figcaption")) == 5
    for picture in pictures:
        assert len(picture["aria-label"]) > 30
        assert " ".join(picture["aria-label"].split()) in reader.text


def test_headings_go_down_one_step_at_a_time_and_ids_are_not_used_twice(plain):
    reader = Reader(plain)
    levels = [int(tag[1]) for tag, _ in reader.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    ids = [a["id"] for _, a in reader.elements if "id" in a]
    assert len(ids) == len(set(ids))


def test_it_suits_dark_pages_and_narrow_screens(plain):
    page = plain.decode()
    assert "prefers-color-scheme: dark" in page
    assert 'content="width=device-width, initial-scale=1"' in page
    svg = re.search(r"<svg.*?</svg>", page, re.S)[0]
    assert 'fill="currentColor"' in svg
    assert "#000" not in svg


def test_a_picture_drops_its_title_and_what_only_waits_for_clicks(found):
    findings = found()
    point = findings.rates.point(cosine=0.6, probability=0.8)
    chart = charts.roc_chart(findings.curve, point, area=0.5, ink="currentColor")
    svg = plain_svg(chart)
    assert "Click" not in svg
    assert 'opacity="0"' not in svg
    assert 'width="350"' in svg


def test_a_chart_that_cannot_be_drawn_costs_no_numbers(found, monkeypatch):
    import vl_convert

    def fail(*_):
        raise ValueError("no")

    findings = found()
    monkeypatch.setattr(vl_convert, "vegalite_to_svg", fail)
    assert "Counted as below" in report_html(findings).decode()


# JSON


def test_json_holds_the_numbers_of_the_page(found):
    findings = found(notes=[NOTE])
    values = json.loads(json.dumps(findings.to_dict(), allow_nan=False))
    assert values["confusion"] == findings.rates.counts()
    assert values["threshold"]["cosine"] == 0.6
    assert values["best_f1"]["cosine"] == measure.suggest_threshold(
        findings.curve, findings.inspection.frame, None
    )
    assert values["pairs"] == {"number": 8, "relevant": 4, "queries": 4, "documents": 8}
    assert values["errors"]["number"] == 4
    worst = values["errors"]["worst"]
    assert [e["line"] for e in worst] == findings.errors.index.tolist()
    assert worst[0]["cosine"] is None
    assert worst[0]["cause"] == "nothing readable"
    assert set(values["slices"]) == set(findings.slices)
    assert values["notes"] == [NOTE.text(ENGLISH)]


@pytest.mark.slow
def test_the_same_pairs_make_the_same_report(found, plain):
    assert report_html(found()) == plain


@pytest.mark.slow
def test_a_file_with_awkward_columns_can_be_inspected(scorer, tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text("query,document,label,error,cause,slice,few,by\nred,red,0,1,2,3,4,5\n"
                    "blue,blue,1,a,b,c,d,e\n")  # fmt: skip
    inspection = inspect_pairs(scorer, read_pairs(path))
    findings = find(inspection, scorer, 0.6, data="odd.csv", date="")
    assert "1. False alarm" in Reader(report_html(findings)).text
    json.dumps(findings.to_dict(), allow_nan=False)
