"""What one step learns from: every pair once, its pieces, which rows share a text, and spans."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from dssm_core.corpus.negatives import NegativesConfig, prepare_negatives
from dssm_core.errors import UserError
from dssm_core.text import PIECES, hash_pieces
from dssm_core.training import words as module
from dssm_core.training.batches import PairBatches, ShardBatches
from dssm_core.training.words import count_words
from dssm_core.workers import Workers
from tests import tiny
from tests.tiny import quiet

ROWS = 2**30
"""Of the hashed table: so many that no two words of these tests share theirs."""


def unhash(pieces: np.ndarray, words: list[str]) -> list[str]:
    """Return each row's words from their pieces [N, T, P]."""
    known = hash_pieces([*words, "onlynegative"], ROWS, words)
    names = {tuple(row): word for row, word in zip(known, [*words, "onlynegative"], strict=True)}
    return [" ".join(names[tuple(word)] for word in row if any(word)) for row in pieces.tolist()]


def made(frame: pd.DataFrame, spans: float = 0.0, lengths: tuple[int, int] = (16, 64)):
    return PairBatches(frame, ROWS, *lengths, spans=spans)


def epoch(batches, size: int = 8, number: int = 0, seed: int = 1) -> list:
    return list(batches.epoch(number, size, np.random.default_rng([seed, number])))


def texts_of(batches, found) -> list[tuple[str, str]]:
    words = list(batches.vocabulary)
    return [
        row
        for batch in found
        for row in zip(unhash(batch.query, words), unhash(batch.document, words), strict=True)
    ]


@pytest.fixture
def pairs() -> pd.DataFrame:
    return tiny.pairs(60)[["query", "document"]]


# pairs in memory


@pytest.mark.parametrize("size", [2, 7, 8, 60, 100])
def test_every_pair_comes_once_an_epoch_but_for_a_lone_last_row(pairs, size):
    batches = made(pairs)
    found = epoch(batches, size)
    came = Counter(texts_of(batches, found))
    expected = Counter(pairs.itertuples(index=False, name=None))
    lone = len(pairs) % size == 1
    assert came <= expected
    assert sum((expected - came).values()) == lone
    assert all(2 <= len(batch.query) <= size for batch in found)
    assert batches.pairs == 60


def test_a_lone_last_row_is_no_batch():
    frame = tiny.pairs(9)[["query", "document"]]
    assert [len(batch.query) for batch in epoch(made(frame), 8)] == [8]


def test_a_text_becomes_the_hashed_pieces_of_its_words_with_zeros_behind():
    frame = pd.DataFrame({"query": ["Red, door!", "sea"], "document": ["a", "the Blue wall"]})
    (batch,) = epoch(made(frame))
    order = [0, 1] if batch.query[0, 1].any() else [1, 0]
    assert batch.query.shape == (2, 2, PIECES)
    assert batch.document.shape == (2, 3, PIECES)
    assert batch.query[order[0]].tolist() == hash_pieces(["red", "door"], ROWS).tolist()
    assert batch.query[order[1], 0].tolist() == hash_pieces(["sea"], ROWS)[0].tolist()
    assert not batch.query[order[1], 1].any()
    blue = hash_pieces(["the", "blue", "wall"], ROWS)
    assert batch.document[order[1]].tolist() == blue.tolist()
    assert batch.negatives.shape[0] == 0
    assert batch.query.dtype == batch.document.dtype == batch.negatives.dtype == np.int32


def test_words_past_the_length_are_left_out():
    frame = pd.DataFrame({"query": ["a b c", "d"], "document": ["e f g h", "i"]})
    batches = made(frame, lengths=(2, 3))
    assert sorted(texts_of(batches, epoch(batches))) == [("a b", "e f g"), ("d", "i")]


def test_same_marks_the_rows_that_share_a_query_or_a_document():
    rows = [("q", "a"), ("q", "b"), ("r", "b"), ("s", "c"), ("q", "a")]
    batches = made(pd.DataFrame(rows, columns=["query", "document"]))
    (batch,) = epoch(batches)
    came = texts_of(batches, [batch])
    expected = [[one[0] == two[0] or one[1] == two[1] for two in came] for one in came]
    assert batch.same.tolist() == expected
    assert batch.same.dtype == bool
    assert Counter(batch.same.sum(1).tolist()) == {1: 1, 2: 1, 3: 2, 4: 1}


def test_the_same_rng_gives_the_same_batches_and_another_epoch_other_neighbours(pairs):
    one, two = made(pairs, spans=1.0), made(pairs, spans=1.0)
    for first, second in zip(epoch(one), epoch(two), strict=True):
        assert all((a == b).all() for a, b in zip(first.arguments, second.arguments, strict=True))
    plain = made(pairs)
    first, second = (texts_of(plain, epoch(plain, number=number)) for number in (0, 1))
    assert first != second
    assert Counter(first) == Counter(second)


def test_documents_of_like_length_come_together():
    rng = np.random.default_rng(0)
    documents = [" ".join(f"w{i}x{j}" for j in range(rng.integers(1, 40))) for i in range(256)]
    frame = pd.DataFrame({"query": [f"q{i}" for i in range(256)], "document": documents})
    batches = made(frame)
    padded = sum(batch.document.shape[0] * batch.document.shape[1] for batch in epoch(batches, 16))
    words = sum(len(document.split()) for document in documents)
    assert padded < 1.25 * words  # in random order it is nearly 2


def test_the_fingerprint_differs_when_a_text_or_the_spans_do(pairs):
    other = pairs.copy()
    other.loc[3, "document"] += " more"
    prints = [made(pairs).fingerprint, made(other).fingerprint, made(pairs, 1.0).fingerprint]
    assert len(set(prints)) == 3
    assert made(pairs.copy()).fingerprint == prints[0]


# spans


@pytest.fixture
def numbered() -> pd.DataFrame:
    """Return 12 pairs of unlike words: documents of 2 to 24 words, two of them shared."""
    documents = [" ".join(f"d{i}w{j}" for j in range(2 * i + 2)) for i in range(10)]
    documents += [documents[9], documents[4]]
    return pd.DataFrame({"query": [f"q{i}" for i in range(12)], "document": documents})


def spans_of(batches, found, frame) -> list[tuple[str, str]]:
    own = set(frame.itertuples(index=False, name=None))
    return [row for row in texts_of(batches, found) if row not in own]


def test_a_span_is_a_stretch_of_a_document_and_the_rest_is_the_document_without_it(numbered):
    batches = made(numbered, spans=3.0)
    lengths = Counter()
    for number in range(6):
        for span, rest in spans_of(batches, epoch(batches, number=number), numbered):
            (document,) = {d for d in numbered["document"] if span in d and d.startswith(span[:3])}
            words, cut = document.split(), span.split()
            start = words.index(cut[0])
            assert words[start : start + len(cut)] == cut
            assert rest.split() == words[:start] + words[start + len(cut) :]
            assert 3 <= len(cut) <= min(10, len(words) // 2)
            lengths[len(cut)] += 1
    assert set(lengths) >= {3, 4, 5, 6, 7, 8, 9, 10}


def test_there_are_so_many_spans_to_each_document_long_enough(numbered):
    # of the ten distinct documents, those of 6 words and more: eight
    for spans, expected in ((0.5, 4), (1.0, 8), (2.5, 20)):
        batches = made(numbered, spans=spans)
        assert batches.pairs == 12 + expected
        found = epoch(batches, 100)
        assert len(spans_of(batches, found, numbered)) == expected
        assert sum(len(batch.query) for batch in found) == 12 + expected
    once = made(numbered, spans=1.0)
    starts = [span.split("w")[0] for span, _ in spans_of(once, epoch(once, 100), numbered)]
    assert len(set(starts)) == 8  # each document once


def test_another_epoch_cuts_other_spans(numbered):
    batches = made(numbered, spans=1.0)
    first, second = (
        set(spans_of(batches, epoch(batches, number=number), numbered)) for number in (0, 1)
    )
    assert first != second


def test_the_rest_of_a_document_counts_as_that_document(numbered):
    batches = made(numbered, spans=2.0)
    (batch,) = epoch(batches, 100)
    came = texts_of(batches, [batch])
    documents = [rest.split()[0].split("w")[0] for _, rest in came]  # d0, d1, ...
    queries = [query if query.startswith("q") else object() for query, _ in came]
    expected = [
        [documents[i] == documents[j] or queries[i] is queries[j] for j in range(len(came))]
        for i in range(len(came))
    ]
    assert batch.same.tolist() == expected
    assert batch.same.sum() > len(came)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_queries_too_short_for_a_whole_span_get_a_shorter_one(numbered, length):
    batches = made(numbered, spans=1.0, lengths=(length, 64))
    cut = [span for span, _ in spans_of(batches, epoch(batches), numbered)]
    assert {len(span.split()) for span in cut} == {length}


def test_documents_too_short_for_spans_have_none():
    frame = pd.DataFrame({"query": ["a", "b"], "document": ["one two three four five", "six"]})
    assert made(frame, spans=5.0).pairs == 2


# prepared shards

PREPARED = NegativesConfig(number=3, shard=20, epochs=2)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Training data of 48 pairs, and of a document that is nothing but a negative."""
    folder = tmp_path_factory.mktemp("shards")
    frame = tiny.pairs(48)[["query", "document", "label"]]
    frame.loc[len(frame)] = ["guitar piano", "onlynegative guitar", 0]
    frame.to_csv(folder / "pairs.csv", index=False)
    prepare_negatives(folder / "pairs.csv", folder / "out", PREPARED, log=quiet)
    return folder / "out"


def stored(folder, draw: int) -> dict[tuple[str, str], list[str]]:
    frame = pd.concat([pd.read_parquet(p) for p in sorted(folder.glob(f"epoch-{draw}/*.parquet"))])
    return {(row.query, row.document): list(row.negatives) for row in frame.itertuples()}


def vocabulary_of(folder) -> list[str]:
    return sorted({word for row in stored(folder, 0) for text in row for word in text.split()})


@pytest.mark.parametrize(("wanted", "given"), [(None, 3), (2, 2), (0, 0), (9, 3)])
def test_each_row_has_its_own_negatives_in_order(shards, wanted, given):
    batches, words = ShardBatches(shards, ROWS, 16, 64, wanted), vocabulary_of(shards)
    for number in (0, 1, 2):
        expected, came = stored(shards, number % 2), 0
        for batch in epoch(batches, 8, number):
            queries, documents = unhash(batch.query, words), unhash(batch.document, words)
            negatives = unhash(batch.negatives, words)
            assert len(negatives) == given * len(queries)
            for i, row in enumerate(zip(queries, documents, strict=True)):
                assert negatives[given * i : given * (i + 1)] == expected[row][:given]
                came += 1
        assert came == batches.pairs == 48


def test_the_vocabulary_is_that_of_the_training_texts(shards):
    counts = Counter(word for row in stored(shards, 0) for text in row for word in text.split())
    found = ShardBatches(shards, ROWS, 16, 64).vocabulary
    assert found == dict(counts)
    assert any("onlynegative guitar" in n for draw in (0, 1) for n in stored(shards, draw).values())
    assert "onlynegative" not in found


@pytest.mark.parametrize("pieces", [PIECES, 0])
def test_words_of_the_model_at_the_start_keep_their_numbers(pairs, shards, pieces):
    start = PairBatches(pairs.head(5), ROWS, 16, 64, pieces=pieces).vocabulary
    known = {"first": 9, **dict(reversed(start.items()))}
    for batches in (
        PairBatches(pairs, ROWS, 16, 64, pieces=pieces, known=known),
        ShardBatches(shards, ROWS, 16, 64, pieces=pieces, known=known),
    ):
        assert list(batches.vocabulary)[: len(known)] == list(known)
        assert batches.vocabulary["first"] == 9
        assert len(batches.vocabulary) > len(known)


def test_rows_of_shards_that_share_a_text_are_marked(shards):
    batches, words = ShardBatches(shards, ROWS, 16, 64), vocabulary_of(shards)
    for batch in epoch(batches, 16):
        queries, documents = unhash(batch.query, words), unhash(batch.document, words)
        rows = list(zip(queries, documents, strict=True))
        assert batch.same.tolist() == [[a == c or b == d for c, d in rows] for a, b in rows]


def test_the_fingerprint_of_shards_differs_with_the_draw_and_not_with_the_place(shards, tmp_path):
    def fingerprint(seed: int, name: str, negatives: int | None = None) -> str:
        out = tmp_path / name
        config = NegativesConfig(3, seed=seed, shard=20, epochs=2)
        prepare_negatives(shards.parent / "pairs.csv", out, config, log=quiet)
        return ShardBatches(out, ROWS, 16, 64, negatives).fingerprint

    own = ShardBatches(shards, ROWS, 16, 64).fingerprint
    assert fingerprint(0, "copy") == own
    assert fingerprint(1, "other seed") != own
    assert fingerprint(0, "fewer", negatives=1) != own


def test_unfinished_shards_are_refused(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({}))
    with pytest.raises(UserError, match="no finished training data"):
        ShardBatches(tmp_path, ROWS, 16, 64)


# words


def test_words_come_most_frequent_first_and_then_by_the_alphabet():
    found = count_words(["The door, the wall!", "a Door + the 🙂", ""])
    assert list(found.items()) == [("the", 3), ("door", 2), ("a", 1), ("wall", 1)]
    assert count_words([]) == {}


def test_counting_forgets_words_seen_once_when_they_are_too_many(monkeypatch):
    monkeypatch.setattr(module, "MAX_WORDS", 10)
    found = count_words(["often often"] + [f"once{i} often" for i in range(100)])
    assert found["often"] == 102
    assert len(found) <= 11
    counts = list(found.values())
    assert all(one >= two for one, two in pairwise(counts))


# several workers


@pytest.mark.parametrize("source", ["pairs", "shards"])
def test_the_rows_of_all_workers_are_those_of_one(pairs, tmp_path, source):
    if source == "pairs":
        batches = made(pairs)
    else:
        config = NegativesConfig(number=2, shard=25)
        pairs.to_csv(tmp_path / "pairs.csv", index=False)
        prepare_negatives(tmp_path / "pairs.csv", tmp_path / "d", config, log=quiet)
        batches = ShardBatches(tmp_path / "d", ROWS, 16, 64)

    def of(rank: int, number: int) -> list:
        workers = Workers()
        workers.rank, workers.number = rank, number
        return list(batches.epoch(0, 8, np.random.default_rng(1), workers))

    whole = of(0, 1)
    assert all(batch.share == 1 for batch in whole)
    assert {len(batch.label) for batch in whole} >= {8, 60 % 8} or source == "shards"
    for number in (2, 5):
        parts = [of(rank, number) for rank in range(number)]
        assert {len(part) for part in parts} == {len(whole)}, "all take the same steps"
        for batch, *shares in zip(whole, *parts, strict=True):
            assert sum(share.share for share in shares) == pytest.approx(1)
            own = [share for share in shares if share.share]
            assert sorted(texts_of(batches, own)) == sorted(texts_of(batches, [batch]))
            for share in own:
                assert share.share == pytest.approx(len(share.label) / len(batch.label))
                assert len(share.negatives) == batches.negatives * len(share.label)


def test_words_that_were_not_counted_are_read_up_to_a_limit(monkeypatch):
    words = module.Words({"red": 1}, ROWS, PIECES)
    monkeypatch.setattr(module, "MAX_WORDS", 2)
    assert [len(words.numbers(f"red new{n}")) for n in range(4)] == [2, 2, 1, 1]
    assert words.pieces.shape == (4, PIECES)
