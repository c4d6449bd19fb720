"""BM25 shard by shard: the numbers of one index over all documents, bit by bit."""

from __future__ import annotations

import numpy as np

from dssm_core.bulk.asked import Asked, asked_at
from dssm_core.bulk.cut import cut_texts
from dssm_core.bulk.stems import ShardStems, StemCounts, ceilings
from dssm_core.evaluation import BM25, Collection
from tests import tiny


def test_the_scores_of_shards_are_those_of_one_index(tmp_path):
    rng = np.random.default_rng(0)
    words = " ".join(tiny.TOPICS.values()).split()
    texts = [" ".join(rng.choice(words, rng.integers(1, 40))) for _ in range(700)]
    texts[3] = texts[650] = "👍"
    queries = [" ".join(rng.choice(words, 12)) for _ in range(40)] + ["guitar guitar", "xyz", "👍"]
    (tmp_path / "corpus.txt").write_text("\n".join(texts), "utf-8")
    cut_texts(tmp_path / "corpus.txt", "document", tmp_path / "texts", 256)
    relevant = tuple(frozenset({i}) for i in range(len(queries)))
    Asked.write(tmp_path / "asked.json", Collection(tuple(queries), texts, relevant))
    asked = asked_at(tmp_path / "asked.json")
    counts = StemCounts(tmp_path / "asked.json", tmp_path / "texts", tmp_path)
    for part in range(3):
        counts.count(part)
    counts.add_up(range(3))
    shards = [ShardStems(counts, part) for part in range(3)]
    index = BM25(texts)
    for stems, wanted in zip(asked.stems, index.rows(queries), strict=True):
        np.testing.assert_array_equal(np.concatenate([s.scores(stems) for s in shards]), wanted)
    assert ceilings(asked, counts.read_totals()) == index.ceilings(queries).tolist()


def test_documents_without_any_word_score_nothing(tmp_path):
    (tmp_path / "corpus.txt").write_text("👍\n👎\n", "utf-8")
    cut_texts(tmp_path / "corpus.txt", "document", tmp_path / "texts", 256)
    Asked.write(tmp_path / "asked.json", Collection(("boat",), ("", ""), (frozenset({0}),)))
    counts = StemCounts(tmp_path / "asked.json", tmp_path / "texts", tmp_path)
    counts.count(0)
    counts.add_up(range(1))
    assert ShardStems(counts, 0).scores(["boat"]).tolist() == [0.0, 0.0]
