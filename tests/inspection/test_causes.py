"""Errors with one cause each, on towers that count words: the first rule that holds wins."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dssm_core import words
from dssm_core.inspection.causes import (
    CAUSES,
    NEAR,
    NO_CAUSE,
    PART,
    cause_name,
    find_causes,
    find_standings,
    find_twins,
)
from dssm_core.inspection.measure import errors
from dssm_core.inspection.rules import RULES
from dssm_core.inspection.score_pairs import Inspection, inspect_pairs
from dssm_core.scoring import Scorer
from dssm_core.words import ENGLISH, join_sentences, translator_for
from tests.tiny import AWKWARD, WordTowers, bare_folder

THRESHOLD = 0.6
WORDS = "red blue door wall house"


class LetterTowers(WordTowers):
    """Towers that read a word they do not know as "wall", as letters can mislead."""

    def _encoding(self, text, tokens):
        encoding = super()._encoding(text, tokens)
        encoding.vector[3] += sum(token.state == "letters" for token in tokens)
        return encoding


@pytest.fixture
def towers() -> WordTowers:
    return LetterTowers(WORDS)


@pytest.fixture
def scorer(tmp_path, towers) -> Scorer:
    counts = str(dict.fromkeys([*WORDS.split(), "game", "play"], 900)).replace("'", '"')
    return Scorer(bare_folder(tmp_path / "doors", vocabulary_json=counts.encode()), towers)


def inspected(scorer: Scorer, *rows: tuple[str, str, int]) -> Inspection:
    pairs = pd.DataFrame(rows, columns=["query", "document", "label"])
    return inspect_pairs(scorer, pairs.set_axis(pd.RangeIndex(2, len(rows) + 2)))


def cause_of(scorer: Scorer, *rows: tuple[str, str, int]) -> tuple[str, str]:
    """Return cause and evidence of the first pair, which must be wrong."""
    inspection = inspected(scorer, *rows)
    wrong = errors(inspection.frame, THRESHOLD).loc[[2]]
    found = find_causes(inspection, wrong, scorer, THRESHOLD)
    return found.loc[2, "cause"], join_sentences(found.loc[2, "evidence"], ENGLISH)


def test_a_text_without_words_is_not_readable(scorer):
    assert cause_of(scorer, ("+ 👍", "red", 1))[0] == "nothing readable"


def test_the_same_texts_labelled_both_ways_are_an_error_of_the_labels(scorer):
    cause, evidence = cause_of(
        scorer, ("red door", "a red door", 0), ("blue", "red", 0), ("Red  DOOR", "A red door", 1)
    )
    assert cause == "labelled both ways"
    assert "Line 4" in evidence


def test_unknown_words_decide_if_the_verdict_turns_without_them(scorer):
    cause, evidence = cause_of(scorer, ("red zebra", "house zebra zebra", 0))
    assert cause == "unseen words"
    whole = 2 / (2**0.5 * 5**0.5)
    said = f"Without them the cosine is 0.000 instead of {whole:.3f}, below the threshold of 0.600."
    assert evidence.endswith(said)


def test_unknown_words_that_do_not_decide_are_passed_over(scorer):
    cause, _ = cause_of(scorer, ("red door", "red door zebra", 0))
    assert cause == "word overlap trap"


def test_a_text_of_unknown_words_alone_decides_with_them(scorer):
    cause, evidence = cause_of(scorer, ("zebra", "giraffe", 0))
    assert cause == "unseen words"
    assert evidence.endswith("Without them the model reads nothing.")


def test_words_past_the_length_are_the_cause_if_they_would_be_found_in_front(scorer):
    document = "house house blue blue wall wall house house red door"
    cause, evidence = cause_of(scorer, ("red door", document, 1))
    assert cause != "truncated", "red door in front of so many houses are not enough"
    document = "house blue wall and house wall blue door red red red red"
    cause, evidence = cause_of(scorer, ("red", document, 1))
    assert cause != "truncated away"
    scorer.cache.towers.lengths = {"query": 4, "document": 2}
    cause, evidence = cause_of(scorer, ("blue door", "house wall blue door", 1))
    assert cause == "truncated"
    said = "at the start of the document the cosine is 1.000 instead of 0.000, above the threshold"
    assert said in evidence


def test_a_missed_pair_is_a_mismatch_of_names_only_if_it_is_found_without_them(tmp_path):
    towers = WordTowers("red blue door wall Bach Mozart".lower())
    folder = bare_folder(
        tmp_path / "doors", vocabulary_json=b'{"red": 900000, "door": 900, "play": 900}'
    )
    scorer = Scorer(folder, towers)
    cause, evidence = cause_of(scorer, ("red of Bach", "red of Mozart", 1))
    assert cause == "name mismatch"
    assert "the cosine is 1.000 instead of 0.500" in evidence
    cause, evidence = cause_of(scorer, ("door of Bach", "red of Mozart", 1))
    assert cause == "few words in common"
    assert evidence == "The document contains none of the query's 2 content words: “door”, “Bach”."


def test_numbers_come_before_names_and_names_before_overlap(scorer):
    assert cause_of(scorer, ("red door 2", "red door 3 of Zebra", 0))[0] == "number mismatch"
    cause, evidence = cause_of(scorer, ("red door of Ape", "red red door door of Zebra", 0))
    assert cause == "name mismatch"
    assert "“Ape”" in evidence
    assert "“Zebra”" in evidence
    assert cause_of(scorer, ("red door", "red door wall", 0))[0] == "word overlap trap"
    assert cause_of(scorer, ("red not door", "red door", 0))[0] == "negation mismatch"


def test_a_pair_that_looks_the_same_to_the_model_but_is_labelled_otherwise_is_shown(scorer):
    # the vectors count words and not their order, and the query has too little in common
    rows = [("red game", "red play", 0), ("game red", "play red", 1)]
    cause, evidence = cause_of(scorer, *rows)
    assert cause == "labelled both ways"
    assert "Line 3, labelled relevant, has nearly the same vectors" in evidence


def test_an_error_that_no_rule_explains_says_so(scorer):
    assert cause_of(scorer, ("red house", "red wall wall", 1)) == (
        NO_CAUSE,
        "None of the rules applies.",
    )


def test_the_causes_are_those_of_the_rules_in_their_order_and_none():
    assert list(CAUSES) == [*dict.fromkeys(cause for cause, _ in RULES), NO_CAUSE]


def test_every_cause_has_a_name_in_both_languages_and_a_persons_own_stays():
    assert [cause_name(cause, ENGLISH) for cause in CAUSES] == list(CAUSES)
    assert {f"cause.{cause}" for cause in CAUSES} == {
        k for k in words.catalogue("en") if k.startswith("cause.")
    }
    assert cause_name("number mismatch", translator_for("zh")) == "数字不一致"
    assert cause_name("my own", translator_for("zh")) == "my own"


# many at once


def test_each_error_gets_its_own_cause_whatever_else_is_asked(scorer):
    rows = [
        ("red zebra", "house zebra zebra", 0),
        ("+", "red", 1),
        ("red door 2", "red door 3", 0),
        ("red house", "red wall wall", 1),
        ("red", "red", 1),
    ]
    inspection = inspected(scorer, *(rows[i % 5] for i in range(3 * PART)))
    wrong = errors(inspection.frame, THRESHOLD)
    seen = []
    found = find_causes(
        inspection, wrong, scorer, THRESHOLD, lambda done, total: seen.append((done, total))
    )
    assert list(found.index) == list(wrong.index)
    expected = ["unseen words", "nothing readable", "number mismatch", NO_CAUSE]
    for line, cause in found["cause"].items():
        assert cause == expected[(line - 2) % 5]
    number = len(wrong)
    assert seen == [(min(number, (i + 1) * PART), number) for i in range(-(-number // PART))]


def test_progress_may_cancel(scorer):
    inspection = inspected(scorer, ("red", "red", 0))

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_causes(inspection, errors(inspection.frame, 0.5), scorer, 0.5, stop)


def test_no_errors_have_no_causes(scorer):
    inspection = inspected(scorer, ("red", "red", 1))
    found = find_causes(inspection, errors(inspection.frame, 0.5), scorer, 0.5)
    assert found.empty
    assert list(found.columns) == ["cause", "evidence"]


def test_little_is_encoded_and_all_of_a_side_at_once(scorer, towers):
    rows = [(f"red {name}", f"house {name} {name}", 0) for name in ("ape", "zebra", "gnu")]
    inspection = inspected(scorer, *rows)
    towers.calls.clear()
    find_causes(inspection, errors(inspection.frame, THRESHOLD), scorer, THRESHOLD)
    assert [side for side, _ in towers.calls] == ["query", "document"]
    assert len(towers.encoded()) <= 4 * len(rows), "the texts themselves are in the cache"


@pytest.mark.slow
def test_texts_that_break_things_get_a_cause(scorer):
    texts = list(AWKWARD.values())
    places = [(i, (i + shift) % len(texts)) for shift in (0, 1, 3) for i in range(len(texts))]
    inspection = inspected(scorer, *((texts[i], texts[j], j % 2) for i, j in places))
    wrong = errors(inspection.frame, THRESHOLD)
    found = find_causes(inspection, wrong, scorer, THRESHOLD)
    assert len(found) == len(wrong) > 8
    assert set(found["cause"]) <= set(CAUSES)
    told = [join_sentences(evidence, ENGLISH) for evidence in found["evidence"]]
    assert all(evidence.endswith(".") for evidence in told)
    assert max(map(len, told)) < 1_000


# twins


def test_the_nearest_pair_of_the_other_label_is_the_twin(scorer):
    rows = [
        ("red door", "wall", 0),
        ("door red", "wall wall house", 1),  # document too far off
        ("red", "wall", 1),  # query too far off
        ("door red", "wall wall", 0),  # the same label
        ("red door red door", "wall wall wall", 1),
    ]
    (twin,) = find_twins(inspected(scorer, *rows), [2])
    assert (twin.line, twin.label, twin.is_equal) == (6, 1, False)
    assert twin.query == pytest.approx(1)
    assert twin.document == pytest.approx(1)


def test_unreadable_pairs_have_no_near_twins_but_may_have_equal_ones(scorer):
    rows = [("+", "=", 0), ("👍", "→", 1), ("♥", "x", 0)]
    assert find_twins(inspected(scorer, *rows), [2, 3, 4]) == [None, None, None]
    one, _, other = find_twins(inspected(scorer, *rows, ("+", "=", 1)), [2, 3, 5])
    assert (one.line, other.line) == (5, 2)


def test_twins_are_those_of_a_loop_over_all_pairs(scorer):
    rng = np.random.default_rng(0)
    words = WORDS.split()
    rows = [
        (" ".join(rng.choice(words[:2], 2)), " ".join(rng.choice(words, 2)), int(rng.integers(2)))
        for _ in range(150)
    ]
    inspection = inspected(scorer, *rows)
    frame = inspection.frame
    queries = inspection.queries[inspection.query_row]
    documents = inspection.documents[inspection.document_row]
    query_cosines, document_cosines = queries @ queries.T, documents @ documents.T
    labels = frame["label"].to_list()
    some = 0
    for i, twin in enumerate(find_twins(inspection, frame.index)):
        other = [j for j in range(len(rows)) if labels[j] != labels[i]]
        equal = [j for j in other if rows[j][:2] == rows[i][:2]]
        near = {
            j: document_cosines[i, j]
            for j in other
            if query_cosines[i, j] >= NEAR and document_cosines[i, j] >= NEAR
        }
        if equal:
            assert twin.is_equal
            assert twin.line == frame.index[equal[0]]
        elif near:
            some += 1
            assert not twin.is_equal
            assert twin.document == pytest.approx(max(near.values()))
        else:
            assert twin is None
    assert some > 3


@pytest.mark.parametrize(
    ("query", "document", "other", "marks"),
    [
        ("red door", "red door C++", "red door C#", "“++”, “#”"),
        ("red door", "red door < wall", "red door > wall", "“<”, “>”"),
        ("red door 5", "red door 5%", "red door -5", "“%”, “-”"),
        ("red door", "red door ≠ wall", "red door wall", "“≠”"),
    ],
)
def test_a_difference_that_the_model_does_not_read_is_a_cause(
    scorer, query, document, other, marks
):
    found = cause_of(scorer, (query, document, 0), (query, other, 1))
    assert found == (
        "differs only in what is not read",
        "Line 3, labelled relevant, is the same to the model: the texts differ only in "
        f"{marks}, which it does not read.",
    )


def test_a_query_and_a_document_that_differ_in_unread_signs_alone_are_told(scorer):
    cause, told = cause_of(scorer, ("wall < door", "wall > door", 0))
    assert cause == "differs only in what is not read"
    assert "they differ only in “<”, “>”, which it does not read" in told


@pytest.mark.parametrize(
    "rows",
    [
        [("red door", "Red  door", 0)],  # case and spaces
        [("red door", "red door wall!", 0)],  # a word more
        [("red door C++", "red door", 0), ("red door wall", "red door.", 1)],  # another query
    ],
)
def test_a_difference_that_is_read_is_another_cause(scorer, rows):
    assert cause_of(scorer, *rows)[0] != "differs only in what is not read"


def test_where_a_pair_stands_is_told_by_the_querys_other_documents_alone(scorer):
    rows = [
        ("red door", "red door", 1),  # 1
        ("red door", "red wall", 1),  # 0.5
        ("red door", "blue wall", 0),  # 0
        ("blue wall", "red door", 0),  # of another query
        ("red door", "blue wall", 0),  # the same document again is no other
    ]
    loaded = inspect_pairs(scorer, pd.DataFrame(rows, columns=["query", "document", "label"]))
    (third, alone) = find_standings(loaded, [2, 3], 0.3)
    assert (third.cosine, third.relevant, third.lowest) == pytest.approx((0.0, 1.0, 0.5), abs=1e-6)
    assert third.other == pytest.approx(1.0, abs=1e-6)
    assert third.random == 0.3
    assert np.isnan(alone.other)
    assert (third.has_relevant, alone.has_relevant) == (True, False)


def test_a_relevant_document_that_cannot_be_read_is_a_relevant_document(scorer):
    rows = [("red door", "red door", 0), ("red door", "blue wall", 0), ("red door", "+++", 1)]
    loaded = inspect_pairs(scorer, pd.DataFrame(rows, columns=["query", "document", "label"]))
    (first,) = find_standings(loaded, [0], 0.3)
    assert first.has_relevant
    assert np.isnan(first.relevant)
