"""Prepared negatives: what they may be, that runs repeat, and that kills lose nothing."""

from __future__ import annotations

import gzip
import json
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssm_core.corpus import negatives
from dssm_core.corpus import shards as shards_module
from dssm_core.corpus.negatives import NegativesConfig, prepare_negatives
from dssm_core.corpus.pairs import read_pairs, stream_pairs
from dssm_core.corpus.shards import read_shards
from dssm_core.errors import UserError
from dssm_core.evaluation import bm25_nearest, cosine_nearest
from tests.examples import examples
from tests.tiny import TOPICS, WordTowers, quiet

PLAIN = NegativesConfig(number=3, shard=10, pool=25, epochs=2, seed=5)


def corpus(path: Path, number: int = 45) -> Path:
    """Write pairs of few queries with several documents each, one of them in two spellings."""
    rows = [(f"query {i % 15}", f"document {i} of topic {i % 15}") for i in range(number)]
    rows.append(("QUERY  0", "Document 0  of TOPIC 0"))
    return write(path, rows)


def write(path: Path, rows: list[tuple], columns: str = "query document") -> Path:
    pd.DataFrame(rows, columns=columns.split()).to_csv(path, index=False)
    return path


def rows_of(folder: Path, epoch: int = 0) -> list[tuple[str, str, list[str]]]:
    parts = read_shards(folder, epoch, batch=7)
    return [
        row
        for part in parts
        for row in zip(part["query"], part["document"], part["negatives"], strict=True)
    ]


def shards(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.parquet")}


def same(one: str, other: str) -> bool:
    return one.lower().split() == other.lower().split()


# runs


@pytest.mark.parametrize("strategy", ["random", "frequency", "bm25", "model"])
def test_the_same_seed_gives_the_same_bytes_again(tmp_path, strategy):
    pairs = corpus(tmp_path / "pairs.csv")
    rank = {"bm25": bm25_nearest, "model": cosine_nearest(WordTowers("0 1 2 3 4 topic"))}
    config = NegativesConfig(3, strategy, seed=5, epochs=2, shard=10, pool=25)
    for name in ("one", "two"):
        prepare_negatives(pairs, tmp_path / name, config, rank.get(strategy), quiet)
    found = shards(tmp_path / "one")
    assert len(found) == 10
    assert found == shards(tmp_path / "two")
    prepare_negatives(pairs, tmp_path / "two", config, rank.get(strategy), quiet)
    assert found == shards(tmp_path / "two")
    assert not (tmp_path / "two" / "index.sqlite").exists()


def test_another_seed_and_another_epoch_draw_other_negatives_of_the_same_pairs(tmp_path):
    pairs = corpus(tmp_path / "pairs.csv")
    prepare_negatives(pairs, tmp_path / "one", PLAIN, log=quiet)
    prepare_negatives(pairs, tmp_path / "two", NegativesConfig(3, seed=6, shard=10, pool=25))
    draws = [rows_of(tmp_path / "one"), rows_of(tmp_path / "one", 1), rows_of(tmp_path / "two")]
    pairs_of = [[row[:2] for row in draw] for draw in draws]
    assert pairs_of[0] == pairs_of[1] == pairs_of[2]
    for one, other in ((0, 1), (0, 2)):
        equal = sum(a == b for a, b in zip(draws[one], draws[other], strict=True))
        assert equal < len(draws[0]) / 10


@pytest.mark.parametrize("after", range(11))
def test_a_killed_run_goes_on_to_the_bytes_of_an_undisturbed_one(tmp_path, after, whole):
    pairs, said = corpus(tmp_path / "pairs.csv"), []

    def kill(line: str) -> None:
        said.append(line)
        if len(said) == after:
            raise KeyboardInterrupt

    if after:
        try:
            prepare_negatives(pairs, tmp_path / "out", PLAIN, log=kill)
        except KeyboardInterrupt:
            with pytest.raises(UserError, match="no finished training data"):
                next(read_shards(tmp_path / "out"))
    before = len(said)
    prepare_negatives(pairs, tmp_path / "out", PLAIN, log=said.append)
    assert shards(tmp_path / "out") == shards(whole)
    assert len(said) - before == 10 - after  # no shard is drawn twice
    assert len({row[:2] for row in rows_of(tmp_path / "out")}) == 45
    assert len(rows_of(tmp_path / "out")) == 45


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    prepare_negatives(corpus(folder / "pairs.csv"), folder / "out", PLAIN, log=quiet)
    return folder / "out"


def test_a_run_killed_while_it_reads_or_writes_goes_on(tmp_path, monkeypatch, whole):
    pairs, out = corpus(tmp_path / "pairs.csv"), tmp_path / "out"

    def half(path, choices):
        yield from [("query 0", "document 0", 1)] * 3
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(negatives, "stream_pairs", half)
        with pytest.raises(KeyboardInterrupt):
            prepare_negatives(pairs, out, PLAIN, log=quiet)
    real = shards_module.pq.write_table

    def torn(table, file, **choices):
        real(table, file, **choices)
        file.truncate(50)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shards_module.pq, "write_table", torn)
        with pytest.raises(KeyboardInterrupt):
            prepare_negatives(pairs, out, PLAIN, log=quiet)
    prepare_negatives(pairs, out, PLAIN, log=quiet)
    assert shards(out) == shards(whole)


def test_a_folder_of_another_run_is_refused_and_left_alone(tmp_path, whole):
    before = shards(whole)
    pairs = corpus(tmp_path / "pairs.csv")
    with pytest.raises(UserError, match="another run"):
        prepare_negatives(pairs, whole, NegativesConfig(4, shard=10, pool=25), log=quiet)
    other = corpus(tmp_path / "other.csv", 44)
    with pytest.raises(UserError, match="another run"):
        prepare_negatives(other, whole, PLAIN, log=quiet)
    assert shards(whole) == before


# what may be a negative

TEXTS = st.sampled_from(["a", "A ", " a", "b", "B", "b  c", "B C", "d", "e", "f", "g h", "G  H"])


@examples(40)
@given(
    rows=st.lists(st.tuples(st.sampled_from(["q", "Q ", "r", "s"]), TEXTS), min_size=1),
    labels=st.lists(st.integers(0, 1), min_size=1),
    strategy=st.sampled_from(["random", "frequency", "bm25"]),
    number=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_a_negative_is_never_a_positive_of_its_query_in_any_spelling(
    rows, labels, strategy, number, seed
):
    labelled = [(*row, labels[i % len(labels)]) for i, row in enumerate(rows)]
    labelled += [("filler", f"filler {i}", 0) for i in range(4)]
    relevant = {
        (q.lower().strip(), " ".join(d.lower().split())) for q, d, label in labelled if label
    }
    with tempfile.TemporaryDirectory() as folder:
        pairs = write(Path(folder) / "pairs.csv", labelled, "query document label")
        out = Path(folder) / "out"
        config = NegativesConfig(number, strategy, seed, shard=3)
        rank = bm25_nearest if strategy == "bm25" else None
        if not relevant:
            return
        prepare_negatives(pairs, out, config, rank, quiet)
        found = rows_of(out)
    folded = [(q.lower().strip(), " ".join(d.lower().split())) for q, d, _ in found]
    assert sorted(folded) == sorted(relevant)  # every relevant pair once
    for query, _, drawn in found:
        own = [d for q, d, label in labelled if label and same(q, query)]
        assert len(drawn) == number
        assert len({" ".join(text.lower().split()) for text in drawn}) == number
        assert not [text for text in drawn for mine in own if same(text, mine)]


def test_rows_labelled_0_are_no_pairs_but_their_documents_are_drawn(tmp_path):
    rows = [("red", "a red door", 1), ("red", "a blue wall", 0), ("sea", "a grey boat", 0)]
    pairs = write(tmp_path / "pairs.csv", rows, "query document label")
    manifest = prepare_negatives(pairs, tmp_path / "out", NegativesConfig(2), log=quiet)
    ((query, document, drawn),) = rows_of(tmp_path / "out")
    assert (query, document) == ("red", "a red door")
    assert set(drawn) == {"a blue wall", "a grey boat"}
    assert (manifest["pairs"], manifest["documents"]) == (1, 3)


def test_rows_of_other_splits_are_neither_pairs_nor_negatives(tmp_path):
    rows = [(f"q{i}", f"d{i}", ("train", "validation", "test")[i % 3]) for i in range(12)]
    pairs = write(tmp_path / "pairs.csv", rows, "query document split")
    manifest = prepare_negatives(pairs, tmp_path / "out", NegativesConfig(3), log=quiet)
    found = rows_of(tmp_path / "out")
    assert [row[0] for row in found] == ["q0", "q3", "q6", "q9"]
    assert {text for row in found for text in row[2]} == {"d0", "d3", "d6", "d9"}
    assert manifest["documents"] == 4


# strategies


def topics(path: Path) -> Path:
    rng = np.random.default_rng(3)
    words = [text.split() for text in TOPICS.values()]
    drawn = [rng.permutation(words[i % len(words)]) for i in range(160)]
    return write(
        path, [(" ".join(w[:3]), f"{' '.join(w[2:6])} no{i}") for i, w in enumerate(drawn)]
    )


def overlap(folder: Path) -> float:
    """Return how many words a negative shares with its query, on average."""
    shared = [
        len(set(query.split()) & set(text.split()))
        for query, _, drawn in rows_of(folder)
        for text in drawn
    ]
    return float(np.mean(shared))


def test_bm25_and_a_model_draw_negatives_closer_to_the_query_than_chance_does(tmp_path):
    pairs = topics(tmp_path / "pairs.csv")
    ranks = {"bm25": bm25_nearest, "model": cosine_nearest(WordTowers(" ".join(TOPICS.values())))}
    for strategy in ("random", "bm25", "model"):
        config = NegativesConfig(5, strategy, shard=100)
        prepare_negatives(pairs, tmp_path / strategy, config, ranks.get(strategy), quiet)
    chance = overlap(tmp_path / "random")
    assert overlap(tmp_path / "bm25") > 1 + chance
    assert overlap(tmp_path / "model") > 1 + chance


def test_frequency_draws_a_document_by_its_count_to_the_power_of_three_quarters(tmp_path):
    rows = [(f"q{i}", "common") for i in range(256)]  # 256 ** 0.75 = 64
    rows += [(f"r{i}", f"rare {i}") for i in range(64)]
    pairs = write(tmp_path / "pairs.csv", rows)
    shares = {}
    for strategy in ("random", "frequency"):
        config = NegativesConfig(1, strategy, epochs=20)
        prepare_negatives(pairs, tmp_path / strategy, config, log=quiet)
        drawn = [
            row[2]
            for epoch in range(20)
            for row in rows_of(tmp_path / strategy, epoch)
            if row[0].startswith("r")
        ]
        shares[strategy] = float(np.mean([row == ["common"] for row in drawn]))
    # of 65 documents one is its own: 64 / (64 + 63) by frequency, 1 / 64 at random
    assert shares["frequency"] == pytest.approx(64 / 127, abs=0.06)
    assert shares["random"] == pytest.approx(1 / 64, abs=0.015)


# memory


def test_a_shard_sees_no_more_documents_than_its_pool(tmp_path):
    pairs, seen = corpus(tmp_path / "pairs.csv"), []

    def rank(queries, documents, number):
        seen.append((len(queries), len(documents), len(set(documents))))
        return bm25_nearest(queries, documents, number)

    config = NegativesConfig(3, "bm25", shard=10, pool=12)
    prepare_negatives(pairs, tmp_path / "out", config, rank, quiet)
    assert seen == [(10, 12, 12)] * 4 + [(5, 12, 12)]
    random = NegativesConfig(3, shard=10, pool=12)
    prepare_negatives(pairs, tmp_path / "random", random, log=quiet)
    rows = rows_of(tmp_path / "random")
    for start in range(0, 45, 10):
        assert len({text for row in rows[start : start + 10] for text in row[2]}) <= 12
    assert len({text for row in rows for text in row[2]}) > 12  # each shard has its own


@pytest.mark.slow
def test_a_query_with_very_many_documents_does_not_widen_the_draws_of_all(tmp_path):
    many = [("most", f"document {i}") for i in range(2_000)]
    rows = many + [(f"query {i}", f"other {i}") for i in range(1_000)]
    pairs = write(tmp_path / "pairs.csv", rows)
    tracemalloc.start()
    try:
        prepare_negatives(pairs, tmp_path / "out", NegativesConfig(2), log=quiet)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < len(rows) * len(many) * 8 / 2, "draws as wide as its documents, for every row"
    for query, _, drawn in rows_of(tmp_path / "out"):
        assert len(set(drawn)) == 2
        assert query != "most" or all(text.startswith("other") for text in drawn)


def test_of_a_query_with_all_documents_but_two_these_two_are_drawn(tmp_path):
    rows = [("all", f"document {i}") for i in range(300)] + [("one", "a"), ("two", "b")]
    prepare_negatives(
        write(tmp_path / "pairs.csv", rows), tmp_path / "out", NegativesConfig(2), log=quiet
    )
    drawn = [set(drawn) for query, _, drawn in rows_of(tmp_path / "out") if query == "all"]
    assert drawn == [{"a", "b"}] * 300


# what cannot be done


def test_too_few_documents_are_told_with_their_numbers(tmp_path):
    rows = [("q", "a"), ("q", "b"), ("r", "c"), ("r", "d")]
    pairs = write(tmp_path / "pairs.csv", rows)
    with pytest.raises(UserError, match=r"too few documents for 3 neg.* 4, and 2 of them"):
        prepare_negatives(pairs, tmp_path / "out", NegativesConfig(3), log=quiet)
    prepare_negatives(pairs, tmp_path / "two", NegativesConfig(2), log=quiet)
    assert [set(row[2]) for row in rows_of(tmp_path / "two")] == [{"c", "d"}] * 2 + [{"a", "b"}] * 2


def test_wrong_choices_are_told(tmp_path):
    with pytest.raises(UserError, match=r"no such strategy.*best.*random, frequency, bm25, model"):
        NegativesConfig(strategy="best")  # type: ignore[arg-type]
    for name in ("number", "epochs", "shard", "pool"):
        with pytest.raises(UserError, match=f"{name} must be at least 1"):
            NegativesConfig(**{name: 0})
    pairs = corpus(tmp_path / "pairs.csv")
    with pytest.raises(UserError, match="needs a ranking function"):
        prepare_negatives(pairs, tmp_path / "out", NegativesConfig(3, "bm25"))
    with pytest.raises(UserError, match="no file"):
        prepare_negatives(tmp_path / "absent.csv", tmp_path / "out", NegativesConfig(3))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ("query document label", [("q", "d", 0), ("q", "e", 0)]),
        ("query document split", [("q", "d", "test"), ("r", "e", "test")]),
    ],
)
def test_a_file_without_relevant_training_pairs_is_refused(tmp_path, columns, rows):
    pairs = write(tmp_path / "pairs.csv", rows, columns)
    with pytest.raises(UserError, match="no relevant pairs"):
        prepare_negatives(pairs, tmp_path / "out", NegativesConfig(1), log=quiet)


# reading


def test_epochs_come_round_when_there_are_fewer_draws(whole):
    assert rows_of(whole, 2) == rows_of(whole, 0)
    assert rows_of(whole, 3) == rows_of(whole, 1) != rows_of(whole, 0)


def test_an_unfinished_folder_is_told(tmp_path):
    with pytest.raises(UserError, match="no finished training data"):
        next(read_shards(tmp_path))
    (tmp_path / "manifest.json").write_text('{"half')
    with pytest.raises(UserError, match="no finished training data"):
        next(read_shards(tmp_path))


CELLS = [
    ("red door", "a door, red", "1"),
    ('a "quoted" query', "two\nlines", "no"),
    ("naïve 你好 🙂", " padded ", "TRUE"),
]


def as_file(kind: str) -> bytes:
    frame = pd.DataFrame(CELLS, columns=["query", "document", "label"])
    if "jsonl" in kind:
        lines = [json.dumps(row, ensure_ascii=False) for row in frame.to_dict("records")]
        raw = "\n\n".join(lines).encode()
    else:
        raw = frame.to_csv(index=False, sep="\t" if "tsv" in kind else ",").encode("utf-8-sig")
    return gzip.compress(raw) if kind.endswith(".gz") else raw


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "csv.gz", "tsv.gz", "jsonl.gz"])
def test_streaming_pairs_gives_what_reading_them_gives(tmp_path, kind):
    path = tmp_path / f"pairs.{kind}"
    path.write_bytes(as_file(kind))
    read = read_pairs(path)
    expected = [(query, document, int(label != "no")) for query, document, label in CELLS]
    assert list(stream_pairs(path)) == expected
    assert list(read[["query", "document", "label"]].itertuples(index=False, name=None)) == expected


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("a.csv", "query,document\nq,d\nq\n", "line 3 of a.csv has 1 field"),
        ("a.csv", "query,document\nq,d\n\nq, \n", "document is empty at line 4 of a.csv"),
        ("a.csv", "query,document,label\nq,d,1\nq,d,maybe\n", "none of 1 at line 3"),
        ("a.csv", 'query,document\nq,"d\n', "The quotes do not match at line 2"),
        ("a.tsv", "query\tn\nq\t7\n", "document"),
        ("a.jsonl", '{"query": "q", "document": "d"}\n{"query": "q"}\n', "at line 2 of a.jsonl"),
        ("a.jsonl", '{"query": "q", "document": "d"}\n{"que\n', "line 2 of a.jsonl is not JSON"),
        ("a.csv", "", "a.csv is empty"),
    ],
)
def test_streaming_names_the_line_of_what_is_wrong_as_reading_does(tmp_path, name, text, what):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UserError) as streamed:
        list(stream_pairs(path))
    with pytest.raises(UserError) as read:
        read_pairs(path)
    assert what in str(streamed.value)
    assert what in str(read.value)
