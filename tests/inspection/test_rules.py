"""Each rule on a pair where it must speak and on one where it must not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dssm_core.inspection.rules import (
    RuleInput,
    Standing,
    Suspicion,
    Twin,
    doubtful_label,
    far_from_training,
    few_in_common,
    name_mismatch,
    negation_mismatch,
    nothing_readable,
    number_mismatch,
    overlap_trap,
    same_texts,
    same_vectors,
    truncated_words,
    unseen_words,
)
from dssm_core.inspection.token_features import Word, common_stems, words_of
from dssm_core.text import read
from dssm_core.towers import Encoding
from dssm_core.words import ENGLISH, MAX_LISTED, Sentence, join_sentences, translator_for

COMMON = "red blue door wall house play music file support game free the of with and is a this run"
VOCABULARY = dict.fromkeys(COMMON.split(), 50)

MISSED, FELL_FOR = 1, 0


def words(text: str, length: int = 20) -> tuple[Word, ...]:
    tokens = tuple(read(text, VOCABULARY, length))
    return words_of(Encoding(text, tokens, np.zeros(1), None), common_stems(VOCABULARY))


def case(
    query: str, document: str, label: int, length: int = 20, twin: Twin | None = None
) -> RuleInput:
    return RuleInput(words(query), words(document, length), (query, document), label, twin)


def shown(found: tuple[Word, ...]) -> list[str]:
    return [word.shown for word in found]


def said(found: Suspicion | None) -> str:
    """Return the evidence in English."""
    assert found is not None
    return found.evidence.text(ENGLISH)


# words


def test_a_word_knows_how_it_is_written_and_where():
    first, second = words("Doors + run. House")[:2]
    assert (first.index, first.shown, first.text, first.stem) == (0, "Doors", "doors", "door")
    assert (second.index, second.shown) == (2, "run"), "the + is a token, but no word"
    assert [w.opens for w in words("Doors run. House wall")] == [True, False, True, False]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("the Door of the House", ["Door", "House"]),
        ("Door of the house. Wall and door", []),  # a sentence begins with one
        ("the wall of zebras", ["zebras"]),  # rare
        ("doors and walls", []),  # forms of common words
        ("a red eXist wall", ["eXist"]),
        ("THE RED DOOR", []),  # capitals that tell nothing
        ("The Red Door Of Zebras", ["Zebras"]),
        ("the 5 and 2.7 of x", []),  # numbers, and a letter
        ("the 门 سلام wall", []),  # no capitals in these scripts
        ("with Between the wall", []),  # a stop word
        ("mp3 the wall", ["mp3"]),
    ],
)
def test_names_are_capitals_inside_a_sentence_and_rare_words(text, names):
    assert [w.shown for w in words(text) if w.is_name] == names


def test_a_rare_stem_is_one_that_few_training_words_share():
    counts = {"door": 1, "doors": 6, "zebra": 1, "the": 1_000_000}
    assert common_stems(counts) == {"door", "the"}
    assert common_stems({}) == frozenset()


# nothing readable


def test_a_side_without_words_is_named():
    assert said(nothing_readable(case("+ 👍", "red", MISSED))) == (
        "The model reads no word of the query “+ 👍”."
    )
    assert "the query “+” and the document “=”" in said(nothing_readable(case("+", "=", 1)))
    assert len(said(nothing_readable(case("red", "+" * 500, 1)))) < 120
    assert nothing_readable(case("red", "wall", MISSED)) is None


# labelled both ways


def test_a_twin_with_the_same_texts_comes_before_one_with_the_same_vectors():
    equal, near = Twin(7, 1, True), Twin(8, 0, False, 0.9912, 0.999)
    assert said(same_texts(case("a", "b", 0, twin=equal))) == (
        "Line 7 labels the same texts relevant."
    )
    assert same_vectors(case("a", "b", 0, twin=equal)) is None
    assert same_texts(case("a", "b", 1, twin=near)) is None
    assert said(same_vectors(case("a", "b", 1, twin=near))) == (
        "Line 8, labelled not relevant, has nearly the same vectors: cosine 0.991 of the queries "
        "and 0.999 of the documents."
    )
    assert same_texts(case("a", "b", 0)) is None
    assert same_vectors(case("a", "b", 0)) is None


# unseen words


def test_unseen_words_of_both_sides_are_to_be_left_out():
    found = unseen_words(case("red zebra", "wall giraffe zebra", FELL_FOR))
    assert (shown(found.query), shown(found.document)) == (["zebra"], ["giraffe", "zebra"])
    assert said(found) == "New to the model: “zebra”, “giraffe”."
    assert unseen_words(case("red", "wall", FELL_FOR)) is None


def test_long_lists_are_cut():
    document = " ".join(f"zebra{letter}" for letter in "abcdefgh")
    evidence = said(unseen_words(case("red", document, FELL_FOR)))
    assert evidence.count("zebra") == MAX_LISTED
    assert evidence.endswith("and 2 more.")


# truncated


def test_words_found_only_past_the_length_are_to_be_put_in_front():
    found = truncated_words(case("the red doors", "this is a wall of the house door", MISSED, 5))
    assert (shown(found.moved), found.query, found.document) == (["doors"], (), ())
    assert "“doors” occurs in the document only after" in said(found)


@pytest.mark.parametrize(
    ("query", "document", "label"),
    [
        ("red door", "this is a wall of door", FELL_FOR),  # it would only look more alike
        ("red door", "the door is a wall door", MISSED),  # read before, too
        ("the red house", "this is a wall of the door", MISSED),  # a stop word
        ("red door", "this is a wall of house", MISSED),
    ],
)
def test_nothing_of_the_query_is_truncated(query, document, label):
    assert truncated_words(case(query, document, label, 5)) is None


# negation


@pytest.mark.parametrize(
    ("query", "document", "told"),
    [
        ("music without files", "music and files", "The query negates “files”"),
        ("play files", "this can't play music or files", "The document negates “play”"),
        ("play files", "this can’t play music", "The document negates “play”"),
        ("free game", "a non-free game", "The document negates “free”"),
        ("不 门", "门", "The query negates “门”"),
    ],
)
def test_a_word_that_only_one_side_negates_is_a_mismatch(query, document, told):
    assert said(negation_mismatch(case(query, document, FELL_FOR))).startswith(told)


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("music without files", "music with no files"),  # both negate it
        ("music without files", "music"),  # the document does not speak of it
        ("not only files", "files"),
        ("including but not limited to files", "files"),
        ("music not. Files", "files"),  # another sentence
        ("not red blue house", "house"),  # too far behind
        ("files without files", "files"),  # it says both
        ("music without files", "files without files"),
        ("play files", "play music"),
    ],
)
def test_a_negation_that_both_sides_share_or_that_hits_nothing_is_none(query, document):
    assert negation_mismatch(case(query, document, FELL_FOR)) is None


def test_a_missed_pair_must_be_found_without_the_negated_words():
    found = negation_mismatch(case("music without files", "music and files, file", MISSED))
    assert (shown(found.query), shown(found.document)) == (["files"], ["files", "file"])
    assert found.needs_test
    assert not negation_mismatch(case("music without files", "files", FELL_FOR)).needs_test


# numbers


@pytest.mark.parametrize(
    ("query", "document", "told"),
    [
        ("game 2", "game 3", "The query has the number “2”, the document “3”."),
        ("three doors", "4 doors", "The query has the number “three”, the document “4”."),
        ("v2.0 of this", "1.2.3 of this", "The query has the number “v2.0”, the document “1.2.3”."),
    ],
)
def test_another_number_is_a_mismatch(query, document, told):
    found = number_mismatch(case(query, document, FELL_FOR))
    assert said(found) == told
    assert not found.needs_test


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("game 2", "game 2 and 3"),
        ("game 2", "game"),  # it says nothing of numbers
        ("game", "game 3"),
        ("two doors", "2.0 doors and 5"),
        ("1,000 doors", "1000 doors or 5"),
        ("mp3 music", "mp4 music"),  # names
        ("one door", "this one of 5"),  # more often a pronoun
    ],
)
def test_the_same_number_or_none_is_no_mismatch(query, document):
    assert number_mismatch(case(query, document, FELL_FOR)) is None


def test_a_number_that_is_truncated_is_there_but_was_not_read():
    assert number_mismatch(case("game 2", "game 3 of 2", FELL_FOR, length=3)) is None
    assert number_mismatch(case("game 2", "game of 3", FELL_FOR, length=2)) is None
    unread = RuleInput(words("game of 2", 2), words("game 3"), ("game of 2", "game 3"), FELL_FOR)
    assert number_mismatch(unread) is None


def test_a_missed_pair_must_be_found_without_the_numbers():
    found = number_mismatch(case("game 2", "game 3", MISSED))
    assert (shown(found.query), shown(found.document)) == (["2"], ["3"])


# names


def test_another_name_is_a_mismatch():
    found = name_mismatch(case("play music of Bach", "play music of Mozart", FELL_FOR))
    assert said(found) == "The query names “Bach”, the document “Mozart” instead."
    assert not found.needs_test
    found = name_mismatch(case("play music of Bach", "play music of Mozart", MISSED))
    assert (shown(found.query), shown(found.document)) == (["Bach"], ["Mozart"])


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("music of Bach", "music of Mozart and Bach"),
        ("music of Bach", "this plays music"),
        ("play music", "music of Mozart"),
        ("files of HBCI", "a wall of HBCI4Java and Mozart"),  # a part of another word
        ("the Bachs", "music of Bach, not of Mozart"),  # the same stem
    ],
)
def test_a_name_that_is_there_or_not_replaced_is_no_mismatch(query, document):
    assert name_mismatch(case(query, document, FELL_FOR)) is None


# overlap


def test_much_in_common_fooled_the_model():
    found = overlap_trap(case("red doors of the house", "red door of a wall", FELL_FOR))
    assert said(found) == "The document contains 2 of the query's 3 content words: “red”, “doors”."
    assert not found.needs_test


def test_a_little_in_common_must_be_what_fooled_it():
    found = overlap_trap(case("red house game", "wall of red doors", FELL_FOR))
    assert (shown(found.query), shown(found.document)) == (["red"], ["red"])
    assert overlap_trap(case("red house game", "wall of doors", FELL_FOR)) is None


def test_nothing_in_common_hid_the_pair():
    found = few_in_common(case("the red house", "wall of the door", MISSED))
    assert (
        said(found) == "The document contains none of the query's 2 content words: “red”, “house”."
    )
    assert not found.needs_test
    found = few_in_common(case("red house wall game music", "a red door", MISSED))
    assert said(found) == "The document contains 1 of the query's 5 content words: “red”."
    assert not found.needs_test
    assert few_in_common(case("red house", "red door", MISSED)) is None


def test_a_query_of_one_word_is_told_in_the_singular():
    found = overlap_trap(case("the doors", "a door of the house", FELL_FOR))
    assert said(found) == "The document contains the query's only content word: “doors”."
    found = few_in_common(case("the doors", "a house", MISSED))
    assert said(found) == "The document does not contain the query's only content word: “doors”."
    assert found.evidence.text(translator_for("zh")) == "查询唯一的实词“doors”，文档没有。"


def test_overlap_explains_false_alarms_only_and_its_lack_misses_only():
    for query, document in (("red doors", "red door"), ("red house", "the wall")):
        assert overlap_trap(case(query, document, MISSED)) is None
        assert few_in_common(case(query, document, FELL_FOR)) is None


def test_a_word_past_what_is_read_is_in_common_but_fools_nobody():
    assert few_in_common(case("red house", "wall door red house", MISSED, 2)) is None
    assert overlap_trap(case("red house", "wall door red house", FELL_FOR, 2)) is None


def test_two_scripts_are_not_expected_to_have_words_in_common():
    assert few_in_common(case("red house", "红 房子", MISSED)) is None


def test_a_query_of_stop_words_has_nothing_to_share():
    for rule, label in ((few_in_common, MISSED), (overlap_trap, FELL_FOR)):
        assert rule(case("the of", "this is the", label)) is None


# languages


def test_evidence_is_told_in_the_language_that_is_asked_for():
    document = " ".join(f"zebra{letter}" for letter in "abcdefgh")
    found = unseen_words(case("red", document, FELL_FOR))
    told = found.evidence.text(translator_for("zh"))
    assert told.startswith("模型未见过：“zebraa”、“zebrab”、")
    assert told.endswith("以及另外 2 个。")
    both = [found.evidence, Sentence("evidence.nothing left")]
    assert join_sentences(both, translator_for("zh")) == told + "去掉它们之后，模型什么也读不到。"
    assert join_sentences(both, ENGLISH).endswith(
        "and 2 more. Without them the model reads nothing."
    )
    assert join_sentences("", ENGLISH) == ""


def test_braces_in_a_text_are_no_fields():
    assert "“{0} {x}”" in Sentence("evidence.unseen", {"words": ("{0} {x}",)}).text(ENGLISH)


# labels, and texts of another field


def standing(label: int, **cosines: float) -> RuleInput:
    kettle = case("electric kettle", "a bluetooth speaker", label)
    return replace(kettle, standing=Standing(**cosines))


def test_a_miss_like_random_pairs_beside_a_far_better_document_has_a_doubtful_label():
    found = doubtful_label(standing(MISSED, cosine=0.10, other=0.48, random=0.2))
    assert "cosine 0.100 is one of random pairs" in said(found)
    assert "another document of this query has 0.480" in said(found)


@pytest.mark.parametrize(
    "cosines",
    [
        {"cosine": 0.25, "other": 0.60, "random": 0.2},  # above random pairs
        {"cosine": 0.10, "other": 0.30, "random": 0.2},  # no other is far above
        {"cosine": 0.10, "other": 0.48},  # random pairs are not known
        {"cosine": 0.10, "random": 0.2},  # the query has no other document
        {},
    ],
)
def test_any_other_miss_has_not(cosines: dict[str, float]) -> None:
    assert doubtful_label(standing(MISSED, **cosines)) is None


def test_an_alarm_far_above_all_that_is_labelled_relevant_has_a_doubtful_label():
    at = {"cosine": 0.9, "relevant": 0.5, "lowest": 0.4, "random": 0.2, "has_relevant": True}
    assert "far above that of every document" in said(doubtful_label(standing(FELL_FOR, **at)))
    for other in ({"cosine": 0.6}, {"lowest": 0.1}, {"relevant": np.nan, "lowest": np.nan}):
        assert doubtful_label(standing(FELL_FOR, **(at | other))) is None


def test_an_alarm_far_above_all_others_of_a_query_without_a_relevant_one_has_a_doubtful_label():
    at = {"cosine": 0.9, "other": 0.5, "random": 0.2}
    found = doubtful_label(standing(FELL_FOR, **at))
    assert "None of this query's documents is labelled relevant" in said(found)
    assert "cosine 0.900 is far above that of all the others (at most 0.500)" in said(found)
    unread: dict[str, float] = {"has_relevant": True}  # a relevant one without a cosine
    others = ({"other": 0.7}, {"random": 0.95}, {"random": np.nan}, {"other": np.nan}, unread)
    for other in others:
        assert doubtful_label(standing(FELL_FOR, **(at | other))) is None


def test_a_text_of_words_never_seen_is_far_from_the_training_data():
    found = far_from_training(case("kettle toaster door", "red door", MISSED))
    assert "2 of the query's 3 content words: “kettle”, “toaster”" in said(found)
    assert "document" in said(far_from_training(case("red door", "kettle toaster", MISSED)))
    assert far_from_training(case("red door kettle", "blue wall", MISSED)) is None
    assert far_from_training(case("the of", "with and", MISSED)) is None
