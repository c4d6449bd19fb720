"""What a search finds, by vectors and by words, and how it is kept on disk."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from dssm_core import files
from dssm_core.errors import UserError
from dssm_core.evaluation import bm25_nearest, bm25_rows
from dssm_core.folder import ModelFolder
from dssm_core.search import index, nearest
from dssm_core.search.nearest import OwnPairs, VectorSearch, WordSearch, encode_corpus, recall_at_10
from tests.tiny import WordTowers, bare_folder, pairs

DOCUMENTS = ["a red door", "a blue wall", "the red red wall", "+++", "zebra"]


def texts(found):
    return [one.document for one in found]


def vector(query):
    return WordTowers().encode([query], "query")[0].vector


def clusters(number: int = 3000, size: int = 24, seed: int = 0) -> VectorSearch:
    """Return vectors that lie in clusters, as those of a model do."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(60, size))
    vectors = centres[rng.integers(60, size=number)] + 0.6 * rng.normal(size=(number, size))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return VectorSearch([f"document {n}" for n in range(number)], vectors.astype(np.float16))


@pytest.fixture
def folder(tmp_path):
    return ModelFolder.open(bare_folder(tmp_path / "doors"))


# by vectors


def test_the_nearest_documents_come_by_cosine_and_the_unreadable_are_left_out():
    search = encode_corpus(WordTowers(), DOCUMENTS)
    assert search.documents == ("a red door", "a blue wall", "the red red wall", "zebra")
    found = search.nearest(vector("red door"), 3)
    assert texts(found) == ["a red door", "the red red wall", "a blue wall"]
    assert [one.rank for one in found] == [1, 2, 3]
    assert [one.number for one in found] == pytest.approx([1.0, 2 / np.sqrt(10), 0.0], abs=1e-6)


def test_asking_for_more_than_there_is_returns_all():
    assert len(encode_corpus(WordTowers(), DOCUMENTS).nearest(vector("red"), 99)) == 4


def test_each_document_is_encoded_once_and_progress_is_told():
    towers, told = WordTowers(), []
    encode_corpus(towers, DOCUMENTS * 3, progress=lambda *step: told.append(step))
    assert towers.encoded() == DOCUMENTS
    assert told == [("encoding", 5, 5)]


def test_a_corpus_of_several_parts_keeps_its_order(monkeypatch):
    monkeypatch.setattr(nearest, "PART", 2)
    search = encode_corpus(WordTowers(), DOCUMENTS)
    assert [search.nearest(row, 1)[0].document for row in search.vectors[:3]] == DOCUMENTS[:3]


@pytest.mark.parametrize("documents", [[], ["+++"]])
def test_a_corpus_that_cannot_be_read_is_refused(documents):
    with pytest.raises(UserError, match="no document that the model can read"):
        encode_corpus(WordTowers(), documents)


def test_vectors_that_are_no_numbers_are_refused():
    towers = WordTowers()
    encode = towers.encode

    def spoilt(texts, side):
        found = encode(texts, side)
        found[0].vector[:] = np.nan
        return found

    towers.encode = spoilt
    with pytest.raises(UserError, match="not numbers"):
        encode_corpus(towers, DOCUMENTS)


def test_blocks_do_not_change_what_is_found(monkeypatch):
    search = clusters(500)
    whole = search.nearest(search.vectors[7], 20)
    monkeypatch.setattr(nearest, "BLOCK", 64)
    assert search.nearest(search.vectors[7], 20) == whole


def test_the_exact_search_agrees_with_sorting_all_cosines():
    search = clusters(500)
    query = np.random.default_rng(3).normal(size=24)
    cosines = search.vectors.astype(np.float64) @ query / np.linalg.norm(query)
    order = np.argsort(-cosines)[:10]
    assert texts(search.nearest(query, 10)) == [f"document {n}" for n in order]


def test_a_document_is_placed_among_all_and_ties_stand_in_order():
    search = VectorSearch(["a", "b", "c"], np.array([[1, 0], [0, 1], [0, 1]], np.float32))
    assert search.locate(np.array([0.0, 2.0]), "c").rank == 2
    assert search.locate(np.array([0.0, 2.0]), "a").rank == 3
    assert search.locate(np.array([0.0, 2.0]), "z") is None


# by a graph


def test_the_graph_finds_nearly_what_the_exact_search_finds():
    queries = clusters(50, seed=0).vectors
    search = clusters().with_graph(queries)
    assert 0.95 <= search.recall <= 1.0
    exact = clusters().nearest(queries[0], 5)
    assert search.nearest(queries[0], 5) == exact


def test_the_recall_is_measured_against_the_exact_search():
    search = clusters(100)

    class Half:
        """A graph that never finds a document of an odd place."""

        def search(self, query, number):
            order = np.argsort(-(search.vectors.astype(np.float32) @ query))
            return type("Matches", (), {"keys": order[order % 2 == 0][:number].astype(np.uint64)})

    rough = VectorSearch(search.documents, search.vectors, Half())
    queries = search.vectors[:20]
    wanted = [np.argsort(-(search.vectors.astype(np.float32) @ query))[:10] for query in queries]
    assert recall_at_10(rough, queries) == pytest.approx(np.mean([w % 2 == 0 for w in wanted]))
    assert recall_at_10(search, queries) == 1.0


def test_usearch_is_quiet_and_links_in_parts(monkeypatch, capfd):
    monkeypatch.setattr(nearest, "BLOCK", 1000)
    told = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clusters().with_graph(clusters(5).vectors, lambda *step: told.append(step))
    assert [done for _, done, _ in told] == [1000, 2000, 3000]
    assert capfd.readouterr() == ("", "")


# by words


def test_words_rank_as_the_evaluation_ranks_them():
    frame = pairs()
    documents = tuple(frame["document"])
    search = WordSearch(documents)
    for query in frame["query"][:20]:
        (scores,) = bm25_rows([query], documents)
        found = search.nearest(query, 10)
        assert [one.number for one in found] == pytest.approx(np.sort(scores)[::-1][: len(found)])
        best = bm25_nearest([query], documents, 1)[0, 0]
        assert found[0].number == pytest.approx(scores[best])


def test_only_documents_that_share_a_word_are_found_by_words():
    search = WordSearch(DOCUMENTS)
    assert texts(search.nearest("doors", 10)) == ["a red door"]
    assert search.nearest("giraffe", 10) == []
    assert search.locate("doors", "zebra") is None
    assert search.locate("red", "the red red wall").rank == 1


@pytest.mark.parametrize("documents", [["+++"], ["the"]])
def test_a_corpus_without_words_finds_nothing_by_words(documents):
    assert WordSearch(documents).nearest("red door", 10) == []


def test_a_query_without_words_finds_nothing_by_words():
    assert WordSearch(DOCUMENTS).nearest("+ the", 10) == []


# the model folder's own pairs


def own(folder, *lines):
    (folder.path / "pairs.csv").write_text("\n".join(["query,document,label", *lines]))
    return OwnPairs.of(folder)


def test_labels_are_found_by_query_and_the_documents_are_distinct(folder):
    found = own(folder, "red door,a red door,1", "Red  Door,a wall,0", "blue,a wall,1")
    assert found.documents == ("a red door", "a wall")
    assert found.judged(" RED door") == {"a red door": 1, "a wall": 0}
    assert found.judged("green") == {}


def test_of_two_labels_the_relevant_one_counts(folder):
    assert own(folder, "red,a door,1", "red,a door,0").judged("red") == {"a door": 1}


def test_a_folder_without_pairs_has_none(folder):
    assert OwnPairs.of(folder) == OwnPairs()


def test_pairs_that_are_too_large_are_not_read(folder, monkeypatch):
    monkeypatch.setattr(nearest, "LARGEST_OWN", 10)
    with pytest.raises(UserError, match="larger than 10 bytes"):
        own(folder, "red,a door,1")


# on disk


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return an index with a graph that no test changes, of what bare_folder writes."""
    path = tmp_path_factory.mktemp("kept")
    search = clusters().with_graph(clusters(20).vectors)
    index.write_index(path / "index", ModelFolder.open(bare_folder(path / "doors")), search)
    return path / "index"


@pytest.fixture
def written(tmp_path, kept):
    """Return an index with a graph, as it lies on disk."""
    return shutil.copytree(kept, tmp_path / "index")


def test_an_index_is_found_again_as_it_was_written(written, folder):
    found, search = index.open_index(written, folder), clusters()
    assert found.documents == tuple(search.documents)
    assert np.array_equal(found.vectors, search.vectors)
    assert found.recall > 0.9
    assert found.nearest(search.vectors[3], 5) == search.nearest(search.vectors[3], 5)
    assert not [path for path in written.parent.iterdir() if path.name.startswith(".")]


def test_a_small_index_is_exact_and_texts_survive(tmp_path, folder):
    documents = ["a red door", "two\nlines, a wall", "naïve 你好 blue\u2028 door", "<b>red</b>"]
    index.write_index(tmp_path / "i", folder, encode_corpus(WordTowers(), documents))
    found = index.open_index(tmp_path / "i", folder)
    assert (found.graph, found.recall) == (None, None)
    assert found.documents == tuple(documents)


def test_the_manifest_names_the_model_and_the_recall(written, folder):
    manifest = json.loads((written / "index.json").read_text())
    assert manifest["fingerprint"] == folder.fingerprint
    assert manifest["documents"] == 3000
    assert manifest["method"] == "usearch"
    assert 0.9 < manifest["recall@10"] <= 1


def test_an_index_of_another_model_is_refused(written, tmp_path):
    other = ModelFolder.open(bare_folder(tmp_path / "other", vocabulary_json=b'{"green": 1}'))
    with pytest.raises(UserError, match="another model's") as refused:
        index.open_index(written, other)
    assert other.fingerprint in str(refused.value)
    assert refused.value.hint().startswith("Build it again: python -m dssm_core index --model")


def damage(path: Path, name: str) -> None:
    content = bytearray((path / name).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (path / name).write_bytes(content)


@pytest.mark.parametrize("name", ["vectors.npy", "documents.jsonl", "graph.usearch"])
def test_a_damaged_file_is_refused_before_it_is_read(written, folder, name):
    damage(written, name)
    with pytest.raises(UserError, match="is damaged") as refused:
        index.open_index(written, folder)
    assert name in refused.value.received


@pytest.mark.parametrize("name", ["vectors.npy", "documents.jsonl", "graph.usearch", "index.json"])
def test_a_missing_file_is_refused(written, folder, name):
    (written / name).unlink()
    with pytest.raises(UserError, match="is damaged"):
        index.open_index(written, folder)


def restamp(path: Path, **changed: object) -> None:
    """Rewrite the manifest so that it agrees with files that were swapped."""
    manifest = json.loads((path / "index.json").read_text())
    manifest["files"] = {
        name: index._stamp(path / name) for name in manifest["files"] if (path / name).exists()
    }
    (path / "index.json").write_text(json.dumps({**manifest, **changed}))


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"\xff", b'{"format": 1', b"[" * 100_000, b'{"format": "1"}', b" " * 10**7],
    ids=lambda content: repr(content[:9]),
)
def test_a_manifest_that_is_none_is_refused(written, folder, content):
    (written / "index.json").write_bytes(content)
    with pytest.raises(UserError, match="is damaged"):
        index.open_index(written, folder)


def test_a_manifest_that_is_too_large_is_not_read(written, folder):
    content = (written / "index.json").read_bytes()
    (written / "index.json").write_bytes(content + b" " * 1_000_000)
    with pytest.raises(UserError, match="is damaged") as refused:
        index.open_index(written, folder)
    assert "larger than 1,000,000 bytes" in refused.value.received


def test_an_index_of_a_later_format_is_refused(written, folder):
    restamp(written, format=2)
    with pytest.raises(UserError, match="is damaged") as refused:
        index.open_index(written, folder)
    assert "format 2" in refused.value.received


def test_pickled_vectors_are_never_loaded(written, folder):
    np.save(written / "vectors.npy", np.array([print, 1], object), allow_pickle=True)
    restamp(written)
    with pytest.raises(UserError, match="is damaged"):
        index.open_index(written, folder)


@pytest.mark.parametrize("changed", [{"documents": 2999}, {"vector": 23}, {"documents": "3000"}])
def test_sizes_that_do_not_fit_are_refused(written, folder, changed):
    restamp(written, **changed)
    with pytest.raises(UserError, match="is damaged"):
        index.open_index(written, folder)


@pytest.mark.parametrize("changed", [{"documents": 3}, {"vector": 9}, {"documents": "4"}])
def test_sizes_that_do_not_fit_are_refused_where_no_graph_would_tell(tmp_path, folder, changed):
    path = tmp_path / "index"
    index.write_index(path, folder, encode_corpus(WordTowers(), DOCUMENTS))
    restamp(path, **changed)
    with pytest.raises(UserError, match="is damaged"):
        index.open_index(path, folder)


def test_numbers_of_another_kind_and_documents_of_another_number_are_refused(tmp_path, folder):
    path = tmp_path / "index"
    index.write_index(path, folder, encode_corpus(WordTowers(), DOCUMENTS))
    vectors, lines = np.load(path / "vectors.npy"), (path / "documents.jsonl").read_bytes()
    for values, written in (
        (vectors.astype(np.float32), lines),
        (vectors, lines + b'"one more"\n'),
        (vectors, lines[: lines.rindex(b"\n", 0, -1) + 1]),
    ):
        np.save(path / "vectors.npy", values)
        (path / "documents.jsonl").write_bytes(written)
        restamp(path)
        with pytest.raises(UserError, match="is damaged"):
            index.open_index(path, folder)


def test_a_graph_of_other_vectors_is_refused(written, folder, tmp_path):
    clusters(10).with_graph(clusters(5).vectors).graph.save(str(written / "graph.usearch"))
    restamp(written)
    with pytest.raises(UserError, match="is damaged") as refused:
        index.open_index(written, folder)
    assert "of other vectors" in refused.value.received


def test_documents_that_are_no_text_are_refused(written, folder):
    lines = "".join(f"{n}\n" for n in range(3000))
    (written / "documents.jsonl").write_text(lines)
    restamp(written)
    with pytest.raises(UserError, match="is damaged"):
        index.open_index(written, folder)


def test_an_index_is_replaced_whole(written, folder):
    index.write_index(written, folder, encode_corpus(WordTowers(), DOCUMENTS))
    assert len(index.open_index(written, folder).documents) == 4
    assert not (written / "graph.usearch").exists()


def test_what_is_no_index_is_never_written_over(tmp_path, folder):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mother.txt").write_text("Dear")
    with pytest.raises(UserError, match="something else here"):
        index.write_index(tmp_path / "letters", folder, clusters(5))
    assert (tmp_path / "letters" / "mother.txt").read_text() == "Dear"


def test_a_failed_write_leaves_the_old_index_and_no_rest(written, folder, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index, "_stamp", full)
    with pytest.raises(UserError, match="cannot be written"):
        index.write_index(written, folder, clusters(5))
    monkeypatch.undo()
    assert len(index.open_index(written, folder).documents) == 3000
    assert [path.name for path in written.parent.iterdir() if path.name.startswith(".")] == []


def test_an_index_that_cannot_take_its_place_leaves_the_old_one(written, folder, monkeypatch):
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name == ".index.new":
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(UserError, match="cannot be written"):
        index.write_index(written, folder, clusters(5))
    assert len(index.open_index(written, folder).documents) == 3000


def test_the_index_is_looked_for_by_fingerprint(tmp_path, folder, monkeypatch, written):
    monkeypatch.delenv("DSSM_INDEX", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert index.index_path("f1") == tmp_path / "cache" / "dssm-lens" / "indexes" / "f1"
    monkeypatch.setenv("DSSM_INDEX", str(tmp_path / "indexes"))
    assert index.index_path("f1") == tmp_path / "indexes" / "f1"
    monkeypatch.setenv("DSSM_INDEX", str(written))
    assert index.index_path("f1") == written
