"""Effects of tokens, worked out by hand on towers that count the words red, blue, door and wall."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from dssm_core.explain import (
    MOST_EDITS,
    Effects,
    TokenEffect,
    compare,
    effects,
    smallest_flip,
    without,
)
from dssm_core.scoring import Head
from dssm_core.text import read
from dssm_core.towers import EncodingCache
from tests.explain.hand import cosine
from tests.tiny import WordTowers

HEAD = Head(4.0, -1.0)


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def by_word(found: Effects) -> dict[str, float]:
    return {token.text: token.cosine for token in found.tokens}


# effects


def test_an_effect_is_what_the_score_loses_without_the_token():
    found = effects(WordTowers(), HEAD, "red door", "red door wall", "document")
    whole = 2 / math.sqrt(2 * 3)
    one_left, both_left = 1 / math.sqrt(2 * 2), 1.0
    expected = {"red": whole - one_left, "door": whole - one_left, "wall": whole - both_left}
    assert by_word(found) == pytest.approx(expected, abs=1e-7)
    for token in found.tokens:
        before = sigmoid(4 * whole - 1)
        after = sigmoid(4 * (whole - expected[token.text]) - 1)
        assert token.probability == pytest.approx(before - after, abs=1e-7)


def test_the_querys_tokens_are_left_out_when_its_side_is_asked_for():
    towers = WordTowers()
    found = effects(towers, HEAD, "red wall", "red door", "query")
    assert (found.side, found.text) == ("query", "red wall")
    expected = {"red": 0.5 - 0.0, "wall": 0.5 - 1 / math.sqrt(2)}
    assert by_word(found) == pytest.approx(expected, abs=1e-7)
    assert {text for side, texts in towers.calls if side == "document" for text in texts} == {
        "red door"
    }


def test_a_text_of_one_word_takes_the_whole_score():
    (token,) = effects(WordTowers(), HEAD, "red", "red door", "query").tokens
    assert token.cosine == pytest.approx(1 / math.sqrt(2))
    assert token.probability == pytest.approx(sigmoid(4 / math.sqrt(2) - 1) - sigmoid(-1))


def test_what_is_not_read_has_no_effect():
    towers = WordTowers(lengths={"query": 2, "document": 3})
    found = effects(towers, HEAD, "red door", "red + zebra door blue red", "document")
    states = [token.state for token in found.tokens]
    assert states == ["seen", "skipped", "letters", "seen", "truncated", "truncated"]
    effect = [token.cosine for token in found.tokens]
    drop = 1 - 1 / math.sqrt(2)
    assert effect == pytest.approx([drop, 0, 0, drop, 0, 0], abs=1e-7)
    assert [token.cosine for token in found.tokens if token.state == "truncated"] == [0.0, 0.0]
    places = [(token.start, token.end) for token in found.tokens]
    assert places == [(0, 3), (4, 5), (6, 11), (12, 16), (17, 21), (22, 25)]


def test_leaving_a_token_out_does_not_bring_a_truncated_one_in():
    towers = WordTowers(lengths={"query": 4, "document": 2})
    found = effects(towers, HEAD, "red blue", "red door blue", "document")
    # "red door" is read; without "door" it is "red", and not "red blue", whose cosine is 1
    expected = [0.5 - 0.0, 0.5 - 1 / math.sqrt(2), 0.0]
    assert [token.cosine for token in found.tokens] == pytest.approx(expected, abs=1e-7)
    read_words = [
        [t.text for t in e.tokens if t.is_read]
        for e in towers.encode(
            [without("red door blue", read("red door blue", {}, 2), [1])], "document"
        )
    ]
    assert read_words == [["red"]]


def test_one_of_two_equal_words_is_left_out_at_a_time():
    first, second, third = effects(WordTowers(), HEAD, "red", "red red door", "document").tokens
    expected = 2 / math.sqrt(5) - 1 / math.sqrt(2)
    assert first.cosine == second.cosine == pytest.approx(expected)
    assert third.cosine == pytest.approx(2 / math.sqrt(5) - 1)


@pytest.mark.parametrize(
    ("query", "document"), [("", "red"), ("red", ""), ("+ 🙂", "red"), ("", "")]
)
def test_a_text_that_cannot_be_read_has_no_effects(query, document):
    for side in ("query", "document"):
        found = effects(WordTowers(), HEAD, query, document, side)
        assert [t.cosine for t in found.tokens] == [0.0] * len(found.tokens)
        assert len(found.frame()) == len(found.tokens)
        assert found.agreement() is None


def test_a_cache_changes_nothing():
    plain = effects(WordTowers(), HEAD, "red door", "red door wall", "document")
    assert effects(EncodingCache(WordTowers()), HEAD, "red door", "red door wall", "document") == (
        plain
    )


def test_blanking_keeps_the_places_of_all_other_characters():
    text = "Red, blue — Door wall"
    tokens = read(text, {}, 3)
    assert without(text, tokens, [1]) == "Red,      — Door"
    assert without(text, tokens, [0, 2]) == "   , blue —     "
    assert without("+ →", read("+ →", {}, 3), []) == ""


def test_the_frame_has_a_row_a_token_in_reading_order():
    frame = effects(WordTowers(), HEAD, "red door", "wall red", "document").frame()
    assert list(frame.columns) == [
        *("side", "index", "text", "start", "end", "state"),
        *("attention", "cosine", "probability"),
    ]
    assert list(frame["text"]) == ["wall", "red"]
    assert list(frame["index"]) == [0, 1]
    assert list(frame["attention"]) == [0.5, 0.5]


# agreement


def weighed(*rows: tuple[float | None, float], state: str = "seen") -> Effects:
    tokens = [
        TokenEffect(f"w{i}", i, i + 1, state, attention, effect, effect)  # type: ignore[arg-type]
        for i, (attention, effect) in enumerate(rows)
    ]
    return Effects("query", "text", tuple(tokens))


def test_agreement_is_1_where_attention_and_size_of_effect_rank_alike():
    assert weighed((0.1, 0.0), (0.2, -0.3), (0.7, 0.4)).agreement() == pytest.approx(1.0)


def test_agreement_is_minus_1_where_they_rank_the_other_way_round():
    assert weighed((0.1, -0.4), (0.2, 0.3), (0.7, 0.0)).agreement() == pytest.approx(-1.0)


def test_agreement_between_is_spearmans():
    found = weighed((0.1, 0.1), (0.2, 0.3), (0.3, 0.2), (0.4, 0.4))
    assert found.agreement() == pytest.approx(1 - 6 * 2 / (4 * 15))


@pytest.mark.parametrize(
    "found",
    [
        weighed(),
        weighed((0.2, 0.1), (0.8, 0.4)),
        weighed((None, 0.1), (None, 0.4), (None, 0.2)),
        weighed((0.3, 0.1), (0.3, 0.4), (0.3, 0.2)),
        weighed((0.1, 0.2), (0.2, -0.2), (0.7, 0.2)),
        weighed((0.1, 0.1), (0.2, 0.2), (0.7, 0.3), state="truncated"),
    ],
)
def test_agreement_is_none_where_there_is_nothing_to_rank(found):
    assert found.agreement() is None


def test_agreement_leaves_out_tokens_that_were_not_read():
    found = weighed((0.1, 0.1), (0.2, 0.2), (0.7, 0.3))
    unread = replace(found.tokens[0], state="truncated", attention=0.0, cosine=9.0)
    assert Effects("query", "text", (*found.tokens, unread)).agreement() == pytest.approx(1.0)


def test_even_attention_agrees_with_nothing():
    assert effects(WordTowers(), HEAD, "red", "red blue door", "document").agreement() is None


# comparison


def test_the_gap_is_the_difference_of_the_cosines():
    found = compare(WordTowers(), HEAD, "red door", "a red door", "a blue door")
    expected = cosine("red door", "red door") - cosine("red door", "blue door")
    assert found.gap == pytest.approx(expected)
    assert found.gap == pytest.approx(0.5)


def test_a_query_word_that_both_documents_have_speaks_for_neither():
    found = compare(WordTowers(), HEAD, "red door", "red door", "blue door")
    gap = 0.5
    only_door = 1 / math.sqrt(2) - 1 / math.sqrt(2)
    only_red = 1 / math.sqrt(2) - 0
    expected = {"red": gap - only_door, "door": gap - only_red}
    assert by_word(found.query) == pytest.approx(expected, abs=1e-7)
    assert found.query.tokens[0].probability == pytest.approx(
        (sigmoid(3) - sigmoid(1)) - (sigmoid(4 / math.sqrt(2) - 1) - sigmoid(4 / math.sqrt(2) - 1))
    )
    assert found.higher.text == "red door"
    assert by_word(found.lower) == pytest.approx({"blue": 0.5 - 1 / math.sqrt(2), "door": 0.5})


QUERIES = ["red door", "red red door blue", "blue wall door", "wall red"]
DOCUMENTS = ["red door", "blue wall door red", "wall wall", "door blue", "red red wall blue"]


@pytest.mark.parametrize("where", ["query", "document"])
def test_a_flip_really_flips_and_every_word_of_it_was_needed_in_its_greedy_order(where):
    found = 0
    for query in QUERIES:
        for higher in DOCUMENTS:
            for lower in DOCUMENTS:
                if cosine(query, higher) <= cosine(query, lower):
                    continue
                flip = smallest_flip(WordTowers(), query, higher, lower, where)
                if flip is None:
                    continue
                found += 1
                texts = {"query": query, "document": higher, where: flip.edited}
                gap = cosine(texts["query"], texts["document"]) - cosine(texts["query"], lower)
                assert flip.gap == pytest.approx(gap)
                assert gap < 0
                left = {"query": query, "document": higher}[where].split()
                for word in flip.tokens:
                    left.remove(word)
                assert sorted(flip.edited.split()) == sorted(left) != []
    assert found > 10


def test_no_single_word_would_do_where_a_flip_names_two():
    query, higher, lower = "red door blue", "red door", "blue wall"
    flip = smallest_flip(WordTowers(), query, higher, lower, "query")
    assert sorted(flip.tokens) == ["door", "red"]
    for word in query.split():
        edited = query.replace(word, "")
        assert cosine(edited, higher) >= cosine(edited, lower)


def test_there_is_no_flip_where_none_is_possible():
    # every part of "red door" is nearer to "red door" than to a wall
    towers = WordTowers()
    assert smallest_flip(towers, "red door", "red door", "wall", "query") is None
    assert smallest_flip(towers, "red door", "red door", "wall", "document") is None
    assert compare(towers, HEAD, "red door", "red door", "wall").flip is None


def test_a_tie_is_no_flip():
    # "door" alone is as near to one as to the other
    assert smallest_flip(WordTowers(), "red door", "red door", "blue door", "query") is None


def test_a_text_of_one_word_is_never_emptied():
    assert smallest_flip(WordTowers(), "red", "red", "blue", "query") is None
    assert smallest_flip(WordTowers(), "red", "red", "red blue", "document") is None


@pytest.mark.parametrize(("repeated", "flips"), [(MOST_EDITS, True), (MOST_EDITS + 1, False)])
def test_a_flip_leaves_out_at_most_8_words(repeated, flips):
    towers = WordTowers(lengths={"query": 20, "document": 20})
    query = " ".join(["red"] * repeated + ["blue"])
    flip = smallest_flip(towers, query, "red", "blue", "query")
    assert (flip is not None) == flips
    if flip is not None:
        assert flip.tokens == ("red",) * 8


def test_the_comparison_shows_the_shorter_of_both_flips():
    query, higher, lower = "red door blue", "red door", "blue wall"
    by = {w: smallest_flip(WordTowers(), query, higher, lower, w) for w in ("query", "document")}
    found = compare(WordTowers(), HEAD, query, higher, lower).flip
    lengths = [len(flip.tokens) for flip in by.values() if flip is not None]
    assert len(found.tokens) == min(lengths)
    assert np.isfinite(found.gap)
