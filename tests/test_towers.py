"""The cache of encodings between the towers and everybody who asks them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dssm_core import towers as towers_module
from dssm_core.towers import Candidates, Encoding, EncodingCache
from tests.tiny import WordTowers

TEXTS = [f"red {i}" for i in range(40)]


class Cancelled(Exception):
    pass


def test_encodings_come_in_the_order_asked_for():
    cache = EncodingCache(WordTowers())
    asked = ["blue wall", "red door", "blue wall", "", "red red"]
    assert [e.text for e in cache.encode(asked, "document")] == asked


def test_each_distinct_text_is_encoded_once():
    towers = WordTowers()
    cache = EncodingCache(towers)
    cache.encode(["a", "b", "a", "a"], "query")
    cache.encode(["b", "c", "a"], "query")
    assert towers.encoded() == ["a", "b", "c"]


def test_nothing_asked_for_asks_nothing_of_the_towers():
    towers = WordTowers()
    assert EncodingCache(towers).encode([], "query") == []
    assert towers.calls == []


def test_a_text_is_encoded_anew_for_the_other_side():
    towers = WordTowers(lengths={"query": 1, "document": 8})
    cache = EncodingCache(towers)
    query, document = (cache.encode(["red door"], side)[0] for side in ("query", "document"))
    assert query.tokens[1].state == "truncated"
    assert document.tokens[1].state == "seen"


def test_a_new_model_does_not_see_what_another_one_encoded():
    old = EncodingCache(WordTowers("red"))
    new = EncodingCache(WordTowers("blue"))
    assert old.encode(["red"], "query")[0].vector.tolist() == [1]
    assert new.encode(["red"], "query")[0].vector.tolist() == [0]


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=8), max_size=8), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_at_most_size_texts_are_kept_and_those_used_last(requests, size):
    towers = WordTowers()
    cache = EncodingCache(towers, size=size)
    kept: list[str] = []  # the model to compare with: least recently used first
    for request in requests:
        towers.calls.clear()
        assert [e.text for e in cache.encode(request, "query")] == request
        assert set(towers.encoded()) == set(request) - set(kept)
        hits, misses = ([t for t in dict.fromkeys(request) if (t in kept) == k] for k in (1, 0))
        kept = [t for t in kept if t not in request] + hits + misses
        kept = kept[-size:]


def test_more_texts_than_it_keeps_are_all_encoded():
    cache = EncodingCache(WordTowers(), size=3)
    assert [e.text for e in cache.encode(TEXTS, "document")] == TEXTS


def test_progress_is_told_before_each_part_and_at_the_end(monkeypatch):
    monkeypatch.setattr(towers_module, "PART_CHARACTERS", 70)
    cache = EncodingCache(WordTowers())
    texts = [f"text {number:05}" for number in range(20)]  # of 10 characters: 7 a part
    cache.encode(texts[:4], "document")
    calls: list[tuple[int, int]] = []
    cache.encode(texts, "document", lambda done, total: calls.append((done, total)))
    assert calls == [(4, 20), (11, 20), (18, 20), (20, 20)]


def test_a_text_longer_than_a_part_is_a_part(monkeypatch):
    monkeypatch.setattr(towers_module, "PART_CHARACTERS", 5)
    towers = WordTowers()
    EncodingCache(towers).encode(["a", "much longer", "b", "c"], "query")
    assert [texts for _, texts in towers.calls] == [["a"], ["much longer"], ["b", "c"]]


def test_a_cancelled_request_keeps_what_was_encoded(monkeypatch):
    monkeypatch.setattr(towers_module, "PART_CHARACTERS", 1)
    towers = WordTowers()
    cache = EncodingCache(towers)

    def cancel(done: int, total: int) -> None:
        if done == 8:
            raise Cancelled

    with pytest.raises(Cancelled):
        cache.encode(TEXTS, "document", cancel)
    assert towers.encoded() == TEXTS[:8], "nothing is encoded after the cancel"
    assert [e.text for e in cache.encode(TEXTS, "document")] == TEXTS
    assert towers.encoded() == TEXTS, "and nothing twice"


def test_towers_that_fail_leave_nothing_stale_behind():
    class Failing(WordTowers):
        broken = True

        def encode(self, texts, side):
            if self.broken:
                raise Cancelled
            return super().encode(texts, side)

    towers = Failing()
    cache = EncodingCache(towers)
    with pytest.raises(Cancelled):
        cache.encode(["red"], "query")
    towers.broken = False
    assert cache.encode(["red"], "query")[0].vector.tolist() == [1, 0, 0, 0]


def test_many_threads_get_what_one_would():
    cache = EncodingCache(WordTowers(), size=7)
    rng = np.random.default_rng(0)
    requests = [[TEXTS[i] for i in rng.integers(40, size=12)] for _ in range(200)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda texts: cache.encode(texts, "document"), requests))
    assert [[e.text for e in answer] for answer in answers] == requests
    towers = cache.towers
    towers.calls.clear()
    cache.encode(TEXTS, "document")
    assert len(towers.encoded()) >= 40 - 7, "the bound holds after all that"


def test_a_text_is_readable_if_one_of_its_tokens_is():
    encode = WordTowers(lengths={"query": 1, "document": 8}).encode
    readable = [e.is_readable for e in encode(["red", "👍 red", "👍", "", "..."], "query")]
    assert readable == [True, True, False, False, False]
    assert not Encoding("", (), np.zeros(2), None).is_readable


def test_lists_at_hand_are_bounded_by_their_documents(monkeypatch):
    monkeypatch.setattr(towers_module, "LISTED", 5)
    cache = EncodingCache(WordTowers())
    one, other, long = ["a", "b"], ["c", "d"], [f"red {i}" for i in range(6)]
    first = cache.candidates(one)
    assert cache.candidates(one) is first
    cache.candidates(other)
    assert cache.candidates(one) is first, "four documents have room"
    cache.candidates(["e", "f"])
    assert cache.candidates(one) is first, "used last but one"
    assert cache.candidates(long).texts == long
    assert cache.candidates(one) is not first, "a list too long for it takes all the room"


def test_candidates_have_their_vectors_side_by_side():
    encodings = WordTowers().encode(["red door", "", "door"], "document")
    found = Candidates.of(encodings)
    assert found.vectors.tolist() == [e.vector.tolist() for e in encodings]
    assert found.squares.tolist() == [float(e.vector @ e.vector) for e in encodings]
    assert found.readable.tolist() == [True, False, True]
    assert len(Candidates.of([]).readable) == 0


def test_progress_of_a_list_at_hand_is_its_end():
    cache, calls = EncodingCache(WordTowers()), []
    for _ in range(2):
        cache.candidates(["a", "b"], lambda done, total: calls.append((done, total)))
    assert calls == [(0, 2), (2, 2), (2, 2)]
