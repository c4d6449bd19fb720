"""Labelled pairs scored by towers that count words, with every trait worked out by hand."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssm_core.corpus.splitting import fold
from dssm_core.inspection.score_pairs import (
    NUMBERS,
    PART,
    TRAITS,
    Inspection,
    inspect_pairs,
    sample_negatives,
    script,
)
from dssm_core.scoring import Scorer
from tests.examples import examples
from tests.tiny import AWKWARD, WordTowers, bare_folder


@pytest.fixture
def scorer(tmp_path):
    return Scorer(bare_folder(tmp_path / "doors"), WordTowers())


def pairs(*rows: tuple[str, str, int], **columns: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["query", "document", "label"])
    return frame.assign(**columns).set_axis(pd.RangeIndex(2, len(rows) + 2, name="line"))


def inspected(scorer: Scorer, *rows: tuple[str, str, int], **columns: list[str]) -> Inspection:
    return inspect_pairs(scorer, pairs(*rows, **columns))


# scores


def test_the_numbers_are_those_of_the_main_page(scorer):
    documents = ["a red door", "blue wall", "red red wall", "door"]
    frame = inspected(scorer, *(("red door", d, 1) for d in documents)).frame
    results = scorer.score("red door", documents).results
    for row, result in zip(frame.itertuples(), results, strict=True):
        assert row.cosine == pytest.approx(result.cosine)
        assert row.logit == pytest.approx(result.logit)
        assert row.probability == pytest.approx(result.probability)
        assert row.rank == result.rank


def test_pairs_keep_their_order_and_their_lines_and_the_files_own_columns(scorer):
    found = inspected(
        scorer, ("red", "door", 0), ("blue", "wall", 1), shop=["a", "b"], rank=["x", "y"]
    )
    ours = ["query", "document", "label", *NUMBERS, *TRAITS]
    assert list(found.frame.columns) == [*ours, "shop", "rank (file)"]
    assert list(found.frame.index) == [2, 3]
    assert list(found.frame["shop"]) == ["a", "b"]
    assert list(found.frame["rank (file)"]) == ["x", "y"]
    assert (found.model, found.head) == ("doors", scorer.head)
    assert found.fingerprint == scorer.folder.fingerprint


def test_each_distinct_text_is_encoded_once_and_its_vector_kept(tmp_path):
    towers = WordTowers()
    scorer = Scorer(bare_folder(tmp_path / "doors"), towers)
    rows = [("red door", "wall", 1), ("red door", "red", 0), ("blue", "wall", 0)]
    found = inspected(scorer, *rows)
    assert sorted(towers.encoded()) == ["blue", "red", "red door", "wall"]
    assert found.query_row.tolist() == [0, 0, 1]
    assert found.document_row.tolist() == [0, 1, 0]
    assert np.linalg.norm(found.queries, axis=1) == pytest.approx([1, 1])
    for i, row in enumerate(found.frame.itertuples()):
        product = found.queries[found.query_row[i]] @ found.documents[found.document_row[i]]
        assert row.cosine == pytest.approx(product)


@pytest.mark.parametrize("pair", [("👍", "red"), ("red", "+ ="), ("👍", "👍")])
def test_what_cannot_be_read_has_no_numbers(scorer, pair):
    frame = inspected(scorer, (*pair, 1), ("red", "red", 1)).frame
    assert frame.loc[2, ["cosine", "logit", "probability", "rank"]].isna().all()
    assert frame.loc[3, ["cosine", "logit", "probability", "rank"]].notna().all()


def test_equal_cosines_share_a_rank_and_candidates_are_those_of_the_query(scorer):
    frame = inspected(
        scorer,
        *(("red", d, 0) for d in ("red", "red door", "door red", "wall")),
        ("blue", "red", 1),
    ).frame
    assert frame["rank"].tolist() == [1, 2, 2, 4, 1]
    assert frame["candidates"].tolist() == [4, 4, 4, 4, 1]


def test_the_margin_is_the_lowest_relevant_minus_the_highest_irrelevant(scorer):
    frame = inspected(
        scorer,
        ("red", "red", 1),
        ("red", "red door", 1),
        ("red", "wall", 0),
        ("red", "red door wall", 0),
        ("blue", "blue", 1),
    ).frame
    expected = 1 / math.sqrt(2) - 1 / math.sqrt(3)
    assert frame["margin"].iloc[:4].tolist() == pytest.approx([expected] * 4)
    assert math.isnan(frame["margin"].iloc[4])


def test_progress_counts_texts_and_may_cancel(scorer):
    number = PART + 5
    rows = pairs(*(("red", f"door {i}", 1) for i in range(number)))
    seen = []
    inspect_pairs(scorer, rows, lambda done, total: seen.append((done, total)))
    assert seen == [(1, number + 1), (PART + 1, number + 1), (number + 1, number + 1)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inspect_pairs(scorer, rows, stop)


def test_texts_that_break_things_break_nothing(scorer):
    texts = list(AWKWARD.values())
    found = inspected(scorer, *((q, d, 1) for q in texts for d in texts))
    assert len(found.frame) == len(texts) ** 2
    assert found.frame["script"].notna().all()
    assert found.frame["unseen"].between(0, 1).all()


# traits


def test_the_traits_of_a_pair_by_hand(scorer):
    # the query tower reads 4 words and the document tower 8
    document = "running doors + in the red house of the blue wall"
    (row,) = inspected(scorer, ("Run red doors 5 times", document, 1)).frame.itertuples()
    assert row.overlap == pytest.approx(3 / 5)  # run, red and door; 5 and time are not there
    assert (row.query_words, row.document_words) == (5, 10)
    assert row.truncated == 1 + 2
    # neither "doors" nor "running" was seen, and what is truncated was not looked at
    unknown = ["run", "doors", "5"], ["running", "doors", "in", "the", "house", "of", "the"]
    assert row.unseen == pytest.approx(sum(map(len, unknown)) / 15)
    assert row.script == "Latin"


def test_a_query_without_words_overlaps_with_nothing(scorer):
    (row,) = inspected(scorer, ("+ 👍", "red", 1)).frame.itertuples()
    assert math.isnan(row.overlap)
    assert (row.query_words, row.unseen) == (0, 0)


def test_two_scripts_are_both_named(scorer):
    frame = inspected(scorer, ("red door", "红门", 1), ("红门", "红门", 1), ("5", "red", 1)).frame
    assert frame["script"].tolist() == ["Latin → Han", "Han", "none → Latin"]


def test_a_script_is_that_of_most_letters():
    assert script("Привет, world of сто слов") == "Cyrillic"
    assert script("3.14 + 👍") == "none"
    assert script("สวัสดี") == "Thai"


# negatives


RELEVANT = pairs(
    ("red door", "a red door", 1),
    ("Red  Door", "the door is red", 1),
    ("blue wall", "the wall is blue", 1),
    ("wall", "The  wall is BLUE", 1),
    ("house", "a house", 1),
    shop=["x", "x", "y", "z", "z"],
)


def test_negatives_are_documents_of_other_queries():
    found = sample_negatives(RELEVANT, 2)
    added = found[found["assumed"] == "yes"]
    pd.testing.assert_frame_equal(found.iloc[:5].drop(columns="assumed"), RELEVANT)
    assert (found["assumed"].iloc[:5] == "no").all()
    assert (added["label"] == 0).all()
    assert added.groupby(added["query"].map(fold)).size().to_dict() == {
        "red door": 2,  # of "Red  Door" too, which is the same query
        "blue wall": 2,
        "wall": 2,
        "house": 2,
    }
    own = RELEVANT.groupby(RELEVANT["query"].map(fold))["document"].agg(lambda d: set(map(fold, d)))
    for row in added.itertuples():
        assert row.document in set(RELEVANT["document"])
        assert fold(row.document) not in own[fold(row.query)]


def test_negatives_come_after_the_last_line_with_the_querys_own_columns():
    found = sample_negatives(RELEVANT, 2)
    assert found.index.is_unique
    assert list(found.index[5:]) == list(range(7, 7 + len(found) - 5))
    assert found.index.name == "line"
    shops = {"red door": "x", "blue wall": "y", "wall": "z", "house": "z"}
    for row in found.iloc[5:].itertuples():
        assert row.shop == shops[fold(row.query)]


def test_the_same_seed_draws_the_same():
    many = pairs(*((f"q{i}", f"document {i}", 1) for i in range(50)))
    one, again, other = (sample_negatives(many, 3, seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(other)
    drawn = one[one["label"] == 0]
    assert len(drawn) == 150
    assert (drawn["query"].str[1:] != drawn["document"].str.split().str[1]).all()


def test_where_there_is_nothing_to_draw_nothing_is_added():
    alone = pairs(("red", "a door", 1), ("RED", "A  door", 1))
    assert sample_negatives(alone, 3)["assumed"].tolist() == ["no", "no"]
    assert len(sample_negatives(RELEVANT, 0)) == len(RELEVANT)
    assert sample_negatives(RELEVANT.iloc[:0], 3).empty


@given(
    st.lists(
        st.tuples(st.sampled_from("abcAB"), st.sampled_from(["x", "X", "y", "z", "w", " z"])),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 6),
    st.integers(0, 3),
)
@examples(150)
def test_whatever_the_pairs_a_negative_is_never_relevant_and_never_drawn_twice(rows, number, seed):
    frame = pairs(*((q, d, 1) for q, d in rows))
    found = sample_negatives(frame, number, seed)
    added = found.iloc[len(frame) :]
    documents = set(frame["document"].map(fold))
    for query, group in added.groupby(added["query"].map(fold)):
        own = set(frame["document"][frame["query"].map(fold) == query].map(fold))
        drawn = list(group["document"].map(fold))
        assert set(drawn) <= documents - own
        assert len(drawn) == len(set(drawn)) == min(number, len(documents - own))
    assert found.index.is_unique


def test_negatives_reach_the_inspection_with_their_column(scorer):
    frame = inspect_pairs(scorer, sample_negatives(RELEVANT, 1)).frame
    assert frame["assumed"].value_counts().to_dict() == {"no": 5, "yes": 4}
    assert frame["cosine"].notna().any()


def test_what_is_made_of_the_pairs_is_made_once_whoever_asks(scorer):
    made, pair = list[str](), ("red", "red", 1)

    def make(name):
        time.sleep(0.01)  # for the others to come meanwhile
        made.append(name)
        return [name]

    one, other = inspected(scorer, pair), inspected(scorer, pair)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda n: one.once(n, lambda: make(n)), ["a", "b"] * 4))
    assert sorted(made) == ["a", "b"]
    assert all(value is first for value, first in zip(found, found[:2] * 4, strict=True))
    other.once("a", lambda: make("other"))
    assert made[-1] == "other"


def test_what_failed_is_made_again(scorer):
    inspection = inspected(scorer, ("red", "red", 1))
    with pytest.raises(ZeroDivisionError):
        inspection.once("a", lambda: 1 // 0)
    assert inspection.once("a", lambda: 1) == 1


def test_pairs_of_the_same_folded_texts_share_their_number(scorer):
    rows = [
        ("red", "a door", 1),
        ("Red ", "A  door", 0),
        ("red", "door a", 1),
        ("a door", "red", 1),
    ]
    found = inspected(scorer, *rows).texts_row
    assert found[0] == found[1]
    assert len({*found.tolist()}) == 3
    assert inspected(scorer).texts_row.tolist() == []


@examples(100)
@given(st.lists(st.tuples(st.sampled_from(["a", "A", "b "]), st.sampled_from("aAb")), max_size=12))
def test_the_numbers_of_texts_are_those_of_a_loop(tmp_path_factory, texts):
    folder = bare_folder(tmp_path_factory.mktemp("texts") / "m")
    found = inspected(Scorer(folder, WordTowers()), *((*pair, 1) for pair in texts)).texts_row
    folded = [tuple(map(fold, pair)) for pair in texts]
    for one, number in zip(folded, found, strict=True):
        assert [other == one for other in folded] == (found == number).tolist()
