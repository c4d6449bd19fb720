"""Each change is the one it says, and each failure is one that a person would count."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssm_core.errors import UserError
from dssm_core.evaluation.robustness import (
    BOILERPLATE,
    CAPABILITIES,
    DEPTH,
    Lexicon,
    add_boilerplate,
    change_number,
    measure_robustness,
    number_forms,
    read_synonyms,
    replace_synonym,
    shuffle_words,
    space_out,
    swap_letters,
    upper_case,
)
from tests.examples import examples
from tests.tiny import AWKWARD, WordTowers

LEXICON = Lexicon(frozenset(["tools", "libraries", "box"]), {"tiny": ["small", "little"]})


def changed(change, text: str, seed: int = 0) -> str:
    return change(text, LEXICON, np.random.default_rng(seed))


# changes


@given(st.text(alphabet="abcdefgh é.-'深", max_size=40), st.integers(0, 50))
@examples(100)
def test_a_typo_swaps_two_neighbouring_letters_or_does_nothing(text, seed):
    found = changed(swap_letters, text, seed)
    assert Counter(found) == Counter(text)
    differs = [i for i, (a, b) in enumerate(zip(text, found, strict=True)) if a != b]
    assert differs in ([], [differs[0], differs[0] + 1] if differs else [])
    for i in differs:
        assert text[i].isalpha()


def test_a_typo_needs_a_word_of_four_letters_that_differ_after_the_first():
    found = {changed(swap_letters, "abcd", seed) for seed in range(20)}
    assert found == {"acbd", "abdc"}, "the first letter stays"
    assert {changed(swap_letters, "red sea", seed) for seed in range(5)} == {"red sea"}
    assert changed(swap_letters, "aooo") == "aooo"


def test_shuffled_words_are_the_same_words_in_another_order():
    for seed in range(10):
        found = changed(shuffle_words, "a fast chess engine", seed)
        assert found != "a fast chess engine"
        assert sorted(found.split()) == ["a", "chess", "engine", "fast"]
    assert changed(shuffle_words, "chess") == "chess"
    assert changed(shuffle_words, "go go go") == "go go go"


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("libraries", ["library"]),
        ("library", ["libraries"]),
        ("boxes", ["box", "boxe"]),
        ("databases", ["databas", "database"]),
        ("box", ["boxes"]),
        ("toy", ["toys"]),
        ("tools", ["tool"]),
        ("class", ["classes"]),
        ("status", ["statuses"]),
        ("tool", ["tools"]),
    ],
)
def test_forms_of_number_follow_the_ending(word, forms):
    assert number_forms(word) == forms


def test_number_changes_only_to_a_form_that_the_texts_hold():
    assert changed(change_number, "Tool for chess") == "Tools for chess"
    assert changed(change_number, "a library of games") == "a libraries of games"
    assert changed(change_number, "boxes") == "box"
    assert changed(change_number, "chess engine") == "chess engine"


def test_a_synonym_takes_the_place_and_the_capital_of_its_word():
    assert {changed(replace_synonym, "a Tiny box", seed) for seed in range(9)} == {
        "a Small box",
        "a Little box",
    }
    assert changed(replace_synonym, "untiny tiny2 tiny's") == "untiny tiny2 tiny's"
    assert changed(replace_synonym, "a huge box") == "a huge box"


def test_the_table_of_synonyms_is_clean():
    found = read_synonyms()
    assert len(found) > 100
    for word, others in found.items():
        assert word == word.lower().strip()
        assert others
        assert word not in others
        for other in others:
            assert word in found[other], "the words of a group replace each other"


def test_case_and_spaces_and_boilerplate():
    assert changed(upper_case, "a Fast engine") == "A FAST ENGINE"
    assert changed(upper_case, "Straße") == "Straße", "SS would read otherwise"
    assert changed(space_out, "a fast\tengine") == "a  fast  engine ."
    assert changed(add_boilerplate, "red") == BOILERPLATE + " red"


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD)
def test_awkward_texts_survive_every_change(text):
    for capability in CAPABILITIES:
        assert isinstance(capability.change(text, LEXICON, np.random.default_rng(0)), str)


# what is counted


@pytest.fixture(scope="module")
def pairs() -> pd.DataFrame:
    rows = [[f"word{i}x tool", f"word{i}x tools here", 1] for i in range(30)]
    return pd.DataFrame(rows, columns=["query", "document", "label"])


def row(found, name):
    return next(row for row in found["rows"] if row["capability"] == name)


def test_a_model_that_reads_whole_words_only_falls_to_typos_but_not_to_order(pairs):
    names = ["longwordalpha", "longwordbeta", *(f"longword{c}{c}z" for c in "abcdefghijklm")]
    pairs = pd.DataFrame({"query": [f"{n} of" for n in names], "document": names, "label": 1})
    found = measure_robustness(WordTowers(" ".join(names)), pairs)
    typos = row(found, "typos")
    assert typos["changed"] == typos["model"]["cases"] == len(names)
    assert typos["model"]["failures"] == typos["BM25"]["failures"] == len(names)
    assert typos["model"]["rate"] == 1.0
    assert typos["model"]["rank_change"] == len(names) - 1, "from the first to the last"
    assert typos["model"]["example"]["rank"] == 1
    assert typos["model"]["example"]["rank after"] == len(names)
    assert row(found, "word order")["model"]["rate"] == 0.0


def test_number_is_where_stems_help_bm25():
    names = [f"{a}{b}tool" for a in "abcd" for b in "xyzw"]
    rows = [[f"{n}s", f"{n}s", 1] for n in names] + [["zebra", n, 0] for n in names]
    pairs = pd.DataFrame(rows, columns=["query", "document", "label"])
    pairs["document"] = [f"{d} item" for d in pairs["document"]]
    found = row(measure_robustness(WordTowers(" ".join(f"{n}s" for n in names)), pairs), "number")
    assert found["changed"] == len(names)
    assert found["model"]["rate"] == 1.0
    assert found["BM25"]["rate"] == 0.0


def test_boilerplate_changes_the_relevant_document_alone():
    class Short(WordTowers):
        """Reads three words, which the boilerplate fills."""

        def __init__(self) -> None:
            super().__init__("red blue", lengths={"query": 3, "document": 3})

    rows = [["red", "red", 1]] + [["blue", f"blue {i}", 1] for i in range(DEPTH + 2)]
    pairs = pd.DataFrame(rows, columns=["query", "document", "label"])
    found = row(measure_robustness(Short(), pairs), "boilerplate")
    assert found["changed"] == 2
    assert found["model"] == {
        "cases": 2,
        "failures": 1,
        "rate": 0.5,
        "rank_change": (12 + 1) / 2,  # red behind all blue ones; blue ones behind red's alone
        "example": found["model"]["example"],
    }
    assert found["BM25"]["failures"] == 0
    assert found["model"]["example"]["after"].startswith(BOILERPLATE)


def test_a_cosine_that_moves_with_case_is_a_failure(pairs):
    class Cased(WordTowers):
        """Does not read TOOL."""

        def encode(self, texts, side):
            return super().encode([t.replace("TOOL", "") for t in texts], side)

    towers = Cased(" ".join(f"word{i}x" for i in range(30)) + " tool")
    found = measure_robustness(towers, pairs)
    assert row(found, "case")["model"]["rate"] == 1.0
    assert row(found, "case")["BM25"]["rate"] == 0.0
    assert row(found, "spaces")["model"]["rate"] == 0.0


def test_a_query_that_was_lost_before_is_no_case():
    rows = [["zebra tool", f"item {i}", int(i == 0)] for i in range(30)]
    pairs = pd.DataFrame(rows, columns=["query", "document", "label"])
    for name in ("typos", "case", "boilerplate"):
        found = row(measure_robustness(WordTowers("red"), pairs), name)
        assert found["changed"] == 1
        for system in ("model", "BM25"):
            assert found[system] == {
                **{"cases": 0, "failures": 0, "rate": None},
                **{"rank_change": None, "example": None},
            }


def test_texts_that_nothing_applies_to_are_no_trouble():
    pairs = pd.DataFrame({"query": ["深"], "document": ["度"], "label": [1]})
    found = measure_robustness(WordTowers(), pairs)
    assert row(found, "typos")["changed"] == row(found, "case")["changed"] == 0
    json.dumps(found, allow_nan=False)


def test_the_same_seed_gives_the_same_figures_and_a_large_set_is_drawn_from(pairs):
    towers = WordTowers(" ".join(f"word{i}x" for i in range(30)))
    assert measure_robustness(towers, pairs, 3) == measure_robustness(towers, pairs, 3)
    found = measure_robustness(towers, pairs, 3, most=7)
    assert (found["queries"], found["documents"]) == (7, 30)
    assert row(found, "word order")["changed"] == 7


def test_pairs_of_which_none_is_relevant_are_refused(pairs):
    with pytest.raises(UserError, match="relevant"):
        measure_robustness(WordTowers(), pairs.assign(label=0))
