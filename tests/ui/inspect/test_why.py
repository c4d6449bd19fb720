"""Why a pair has its cosine: effects, a rival document, an edit, what is near, the map."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssm_core.inspection.score_pairs import inspect_pairs
from dssm_core.text import read
from dssm_core.ui.inspect import changes, vectors
from tests.pages import sent_rows, shown_text, sound
from tests.ui.inspect.opened import PAIRS, Bench, keyed, press

WORDS = st.sampled_from(["red", "blue", "door"])


def test_effects_of_both_sides_stand_beside_attention(bench: Bench) -> None:
    app = bench(3)
    bars = [r for c in app.get("vega_lite_chart") for r in sent_rows(c) if "sign" in r]
    # without "red" nothing is shared; without "door" the query is "red" alone
    assert {r["text"]: round(r["cosine"], 3) for r in bars if r["side"] == "query"} == {
        "red": 0.5,
        "door": -0.207,
    }
    assert all(r["attention"] > 0 for r in bars)


def test_a_rival_that_wrongly_stands_above_or_below_is_offered_first(bench: Bench) -> None:
    picker = keyed(bench(3, "rivals").selectbox, "inspect.rival")
    # line 3 is not relevant and stands above the relevant "blue wall"
    assert "blue wall" in picker.options[picker.value or 0]
    assert "a red door" in picker.options[0]


def test_the_gap_its_words_and_the_flip_are_told(bench: Bench) -> None:
    app = bench(2, "rivals")
    page = shown_text(app)
    assert (
        "Ranked higher: this document. Its cosine is 0.500 larger than that of the other document"
        in page
    )
    assert "widen the gap: “door” +0.500" in page
    assert "narrow the gap: “red” −0.207" in page
    assert "remove “red”, “door” from this document" in page
    assert "− <del>red door</del>" in "".join(e.proto.body for e in app.get("html"))
    assert len(app.get("vega_lite_chart")) == 3


def test_a_query_with_one_document_is_compared_with_near_ones(bench, scorer) -> None:
    rows = [["red door", "a red door", 1], ["blue", "red", 1], ["blue", "blue", 1]]
    pairs = pd.DataFrame(rows, columns=["query", "document", "label"], index=[2, 3, 4])
    app = bench(2, "rivals", inspection=inspect_pairs(scorer, pairs))
    options = keyed(app.selectbox, "inspect.rival").options
    assert [option.split(" · ")[1:] for option in options] == [
        ["no label", "red"],
        ["no label", "blue"],
    ]
    assert "Its cosine is 0.293 larger" in shown_text(app)


def test_without_any_other_document_it_says_so(bench, scorer) -> None:
    app = bench(2, "rivals", inspection=inspect_pairs(scorer, PAIRS.iloc[:1]))
    assert "no other document to compare with" in shown_text(app)


def test_an_edit_shows_before_and_after_with_every_number(bench: Bench) -> None:
    app = bench(3, "edit")
    assert "Nothing is changed yet" in shown_text(app)
    keyed(app.text_area, "inspect.edit.q").set_value("red wall").run()
    sound(app)
    table = app.dataframe[0].value.set_index("Number")
    assert table.loc["Cosine"].tolist() == ["0.500", "1.000", "+0.500"]
    assert table.loc["Rank"].tolist() == ["2", "1", "−1"]
    assert table.loc["Probability"].tolist() == ["0.731", "0.953", "+0.222"]
    assert "still reaches the threshold" in shown_text(app)
    page = "".join(e.proto.body for e in app.get("html"))
    assert "− <del>door</del>" in page
    assert "+ <ins>wall</ins>" in page


@pytest.mark.slow
def test_an_edit_that_changes_the_side_is_told(bench: Bench) -> None:
    app = bench(3, "edit")
    keyed(app.text_area, "inspect.edit.d").set_value("blue wall").run()
    assert "now falls below the threshold" in shown_text(app)
    keyed(app.text_area, "inspect.edit.d").set_value("+++").run()
    assert "reads nothing of one of the texts" in shown_text(app)
    press(app, "inspect.edit.reset")
    assert keyed(app.text_area, "inspect.edit.d").value == "red wall"
    assert "Nothing is changed yet" in shown_text(app)


@pytest.mark.slow
def test_an_edit_waits_while_another_pair_is_looked_at(bench: Bench) -> None:
    app = bench(3, "edit")
    keyed(app.text_area, "inspect.edit.q").set_value("red wall").run()
    for line in (5, 3):
        app.session_state["inspect.line"] = line
        app.run()
    assert keyed(app.text_area, "inspect.edit.q").value == "red wall"


def test_changed_words_are_runs_of_same_out_and_in() -> None:
    before, after = (read(text, {}, 9) for text in ("a red door !", "a blue old door"))
    assert list(changes.changed_words(before, after)) == [
        ("same", ["a"]),
        ("out", ["red"]),
        ("in", ["blue", "old"]),
        ("same", ["door"]),
    ]


@given(st.lists(WORDS, max_size=30), st.lists(WORDS, max_size=30))
def test_changed_words_lead_from_one_text_to_the_other(old: list[str], new: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "MAX_WORDS", 4)
        runs = list(changes.changed_words(*(read(" ".join(t), {}, 99) for t in (old, new))))
    assert [w for kind, words in runs if kind != "in" for w in words] == old
    assert [w for kind, words in runs if kind != "out" for w in words] == new
    assert (old == new) == all(kind == "same" for kind, _ in runs)


def test_a_word_that_was_changed_far_down_a_long_text_is_shown() -> None:
    words = [f"w{n}" for n in range(3_000)]
    edited = [*words[:2_000], "new", *words[2_000:]]
    before, after = (read(" ".join(text), {}, 9) for text in (words, edited))
    assert [kind for kind, _ in changes.changed_words(before, after)] == ["same", "in", "same"]
    shown = changes.changes_html("Changed", before, after)
    assert "<ins>new</ins>" in shown
    assert "… 1,940 words … w1970" in shown
    assert "w1999 <span" in shown
    assert "… 940 words …" in shown
    assert len(shown) < 3_000


def test_changed_words_are_escaped() -> None:
    (before, after) = (read(text, {}, 9) for text in ("a<b", "x<b>y"))
    assert "<b>" not in changes.changes_html("<b>", before, after)


def test_the_nearest_documents_are_listed_with_their_labels(bench: Bench) -> None:
    app = bench(3, "near")
    table = app.dataframe[0].value
    assert table["text"].tolist()[0] == "a red door"
    assert table["label"].tolist()[0] == "relevant"
    assert table.set_index("text")["label"]["red wall"] == "not relevant · this pair"
    assert "has rank 3 of 6" in shown_text(app)
    assert "no label" in table["label"].tolist()
    assert "have the opposite label" in shown_text(app)


def test_queries_near_the_document_can_be_asked_for(bench: Bench) -> None:
    app = bench(3, "near")
    next(g for g in app.get("button_group") if g.key == "inspect.near").set_value("near.dq").run()
    sound(app)
    assert set(app.dataframe[0].value["text"]) == {"red door", "blue wall"}


def test_the_map_is_drawn_with_the_pair_on_it(bench: Bench) -> None:
    app = bench(3, "map")
    app.selectbox(key="inspect.map.colour").set_value("label").run()
    drawn = [r for c in app.get("vega_lite_chart") for r in sent_rows(c)]
    points = {r["text"]: r["value"] for r in drawn if "name" not in r}
    assert len(points) == 7
    assert points["the wall"] == "relevant"
    assert points["red door"] == "mixed"
    assert {r["text"]: r["name"] for r in drawn if "name" in r} == {
        "red door": "this query",
        "red wall": "this document",
    }
    assert "1 text is not on the map" in shown_text(app)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ("error", {"the wall": "right", "red wall": "wrong"}),
        ("place", {"the wall": "<b>", "red wall": "house"}),
        ("word overlap", {"a red door": "1"}),
    ],
)
def test_the_map_can_be_coloured_by_error_or_slice(bench, colour, expected) -> None:
    app = bench(3, "map")
    app.selectbox(key="inspect.map.colour").set_value(colour).run()
    sound(app)
    drawn = [r for c in app.get("vega_lite_chart") for r in sent_rows(c)]
    found = {r["text"]: r["value"] for r in drawn}
    assert {text: found[text] for text in expected} == expected


def test_of_many_chosen_points_the_page_says_how_many_pairs_it_lists(bench, monkeypatch) -> None:
    def everything(points: pd.DataFrame, _: object) -> pd.DataFrame:
        return points

    monkeypatch.setattr(vectors, "picked_points", everything)
    whole = bench(3, "map")
    assert "are listed" not in shown_text(whole)
    monkeypatch.setattr(vectors, "MAX_LISTED", 2)
    app = bench(3, "map")
    assert "Of these pairs the first 2 are listed." in shown_text(app)
    assert [len(table.value) for table in app.dataframe] == [2]


def test_points_are_picked_by_click_or_frame() -> None:
    points = pd.DataFrame(
        {"side": ["query", "document"], "row": [0, 0], "x": [0.0, 1.0], "y": [0.0, 1.0]}
    )
    assert vectors.picked_points(points, {}).empty
    by_click = vectors.picked_points(points, {"point": [{"point": "document 0"}]})
    assert by_click["side"].tolist() == ["document"]
    by_frame = vectors.picked_points(points, {"area": {"x": [0.5, -1], "y": [-1, 0.5]}})
    assert by_frame["side"].tolist() == ["query"]


def test_a_view_that_fails_gets_a_message_and_the_rest_stays(bench, monkeypatch) -> None:
    monkeypatch.setattr("dssm_core.explain.effects", lambda *_: 1 / 0)
    page = shown_text(bench(3, is_sound=False))
    assert "This part of the page failed" in page
    assert "False alarm" in page
