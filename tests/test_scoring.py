"""Every number on the page, by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.numeric import sigmoid
from dssm_core.scoring import Head, Scorer, Scores, cosine, cosines, scales, score
from dssm_core.text import Token
from dssm_core.towers import Candidates, Encoding
from tests.examples import examples
from tests.tiny import WordTowers, bare_folder

BACKGROUND = np.array([0.9, -0.5, 0.0, 0.2])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
HEADS = st.builds(Head, st.floats(-50, 50), st.floats(-20, 20))


def encoding(*vector: float, text: str = "x", state: str = "seen") -> Encoding:
    token = Token(text, 0, len(text), state)
    return Encoding(text, (token,), np.array(vector, np.float32), np.array([1.0], np.float32))


def scored(cosines: list[float], head: Head = Head(4.0, -1.0)) -> Scores:  # noqa: B008
    """Score unit vectors that stand at these cosines from the query."""
    documents = [encoding(c, math.sqrt(1 - c * c), text=f"d{i}") for i, c in enumerate(cosines)]
    return score(encoding(1, 0, text="q"), documents, head, BACKGROUND, "m")


# the head


def test_the_score_chain_by_hand():
    head = Head(4.0, -1.0)
    assert head.logit(0.5) == 1.0
    assert head.probability(0.5) == pytest.approx(0.7310585786300049)  # 1 / (1 + 1 / e)
    assert head.probability(0.25) == 0.5
    assert head.reachable == pytest.approx((0.0066928509242848554, 0.9525741268224334))


def test_a_negative_scale_turns_the_reachable_range_round():
    low, high = Head(-4.0, 1.0).reachable
    assert (low, high) == pytest.approx((sigmoid(-3.0), sigmoid(5.0)))
    assert low < high
    assert Head(-4.0, 1.0).probability(1.0) == low


@given(HEADS, st.floats(-1, 1))
def test_the_cosine_of_a_probability_gives_that_probability_back(head, value):
    probability = head.probability(value)
    found = head.cosine_at(probability)
    if found is not None:
        assert head.probability(found) == pytest.approx(probability, rel=1e-6)
    elif abs(value) < 0.99 and abs(head.scale) > 0.01 and 1e-9 < probability < 1 - 1e-9:
        pytest.fail("a cosine reaches it")


@given(HEADS, st.floats(0, 1))
def test_a_threshold_out_of_reach_has_no_cosine(head, probability):
    low, high = head.reachable
    if not low <= probability <= high:
        found = head.cosine_at(probability)
        assert found is None or abs(found) == pytest.approx(1)


@pytest.mark.parametrize("probability", [0.0, 1.0, 0.999])
def test_certainty_has_no_cosine(probability):
    assert Head(4.0, -1.0).cosine_at(probability) is None
    assert Head(0.0, -1.0).cosine_at(0.5) is None


# cosine


@given(st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=3))
def test_a_vector_against_itself_is_exactly_one_and_never_above(values):
    vector = np.array(values, np.float32)
    found = cosine(vector, vector)
    assert found <= 1
    if np.abs(vector).max() > 1e-3:
        assert found == pytest.approx(1, abs=1e-12)


def test_a_zero_vector_has_cosine_zero():
    assert cosine(np.zeros(2), np.array([1.0, 2.0])) == 0.0


@given(st.integers(1, 70), st.integers(1, 40), st.randoms(use_true_random=False))
@examples(50)
def test_many_cosines_are_each_ones_own_and_equal_documents_are_equal(width, number, random):
    query, *vectors = np.random.default_rng(random.getrandbits(32)).normal(size=(1 + number, width))
    documents = [vector.astype(np.float32) for vector in (*vectors, np.zeros(width), *vectors)]
    found = cosines(query, documents)
    assert found.tolist() == [cosine(query, document) for document in documents]
    wide = [document.astype(np.float64) for document in documents]
    norms = [np.linalg.norm(query) * np.linalg.norm(document) or 1 for document in wide]
    assert found == pytest.approx([query @ d / n for d, n in zip(wide, norms, strict=True)])


def test_the_cosine_of_a_three_four_five_triangle():
    assert cosine(np.array([5.0, 0.0]), np.array([3.0, 4.0])) == pytest.approx(0.6)
    assert cosine(np.array([5.0, 0.0]), np.array([-3.0, 4.0])) == pytest.approx(-0.6)


# scores


def test_results_stand_in_the_order_given_and_rank_by_cosine():
    results = scored([0.0, 1.0, -1.0, 0.6]).results
    assert [r.document for r in results] == ["d0", "d1", "d2", "d3"]
    assert [r.rank for r in results] == [3, 1, 4, 2]
    assert [r.cosine for r in results] == pytest.approx([0.0, 1.0, -1.0, 0.6], abs=1e-7)
    assert results[3].logit == pytest.approx(1.4, abs=1e-6)
    assert results[3].probability == pytest.approx(1 / (1 + math.exp(-1.4)))


def test_equal_cosines_share_a_rank_and_the_next_one_is_skipped():
    assert [r.rank for r in scored([1.0, 0.0, 1.0, -1.0, 0.0]).results] == [1, 3, 1, 5, 3]


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.6, 0.8, 1.0]), max_size=8))
def test_a_rank_is_one_more_than_the_documents_above(cosines):
    results = scored(cosines).results
    for result in results:
        assert result.rank == 1 + sum(other.cosine > result.cosine for other in results)


def test_ranks_go_by_cosine_even_where_the_scale_is_negative():
    results = scored([1.0, 0.0], Head(-4.0, 0.0)).results
    assert [r.rank for r in results] == [1, 2]
    assert results[0].probability < results[1].probability


def test_the_percentile_counts_the_random_pairs_below():
    percentiles = [r.percentile for r in scored([1.0, 0.1, -1.0, 0.6]).results]
    assert percentiles == [100.0, 50.0, 0.0, 75.0]  # of -0.5, 0, 0.2, 0.9


def test_a_cosine_equal_to_a_random_pair_is_not_above_it():
    documents = [encoding(1, 0)]
    found = score(encoding(1, 0), documents, Head(1, 0), np.array([1.0, 0.0]), "m")
    assert found.results[0].percentile == 50.0


def test_without_random_pairs_there_is_no_percentile():
    found = score(encoding(1, 0), [encoding(1, 0)], Head(1, 0), np.array([]), "m")
    assert found.results[0].percentile is None
    assert found.results[0].rank == 1


def test_an_unreadable_document_has_no_numbers_and_takes_no_rank():
    documents = [encoding(0, 0, text="👍", state="skipped"), encoding(-1, 0, text="d")]
    found = score(encoding(1, 0), documents, Head(4, 0), BACKGROUND, "m")
    nothing, readable = found.results
    assert [nothing.cosine, nothing.logit, nothing.probability] == [None, None, None]
    assert [nothing.rank, nothing.percentile] == [None, None]
    assert nothing.tokens[0].state == "skipped"
    assert readable.rank == 1
    assert json.loads(json.dumps(found.to_dict()))["results"][0]["cosine"] is None


def test_unreadable_documents_between_others_leave_them_their_own_numbers():
    nothing = encoding(0, 0, text="👍", state="skipped")
    documents = [nothing, encoding(-1, 0, text="a"), nothing, encoding(1, 0, text="b")]
    found = score(encoding(1, 0), documents, Head(4, 0), BACKGROUND, "m")
    assert [r.cosine for r in found.results] == [None, -1.0, None, 1.0]
    assert [r.rank for r in found.results] == [None, 2, None, 1]


def test_an_unreadable_query_leaves_every_document_without_numbers():
    query = Encoding("", (), np.zeros(2), None)
    found = score(query, [encoding(1, 0)], Head(4, 0), BACKGROUND, "m")
    assert found.results[0].cosine is None
    assert found.query.tokens == ()


def test_a_model_without_attention_gives_none_for_each_token():
    plain = Encoding("x", (Token("x", 0, 1, "seen"),), np.ones(2), None)
    found = score(plain, [plain], Head(1, 0), BACKGROUND, "m")
    assert found.query.tokens[0].attention is None


def test_the_frame_holds_a_row_a_document():
    found = scored([0.6, 1.0])
    frame = found.frame()
    assert frame["position"].tolist() == [1, 2]
    assert frame["rank"].tolist() == [2.0, 1.0]
    assert found.results.first == 2


def test_the_frame_of_nothing_has_its_columns():
    found = score(Encoding("", (), np.zeros(2), None), [], Head(1, 0), BACKGROUND, "m")
    assert found.frame().columns.tolist()[:3] == ["position", "document", "cosine"]
    assert found.results.first is None


def test_an_object_is_made_of_a_document_only_when_it_is_asked_for(monkeypatch):
    made: list[str] = []

    def counted(encoding: Encoding) -> tuple:
        made.append(encoding.text)
        return ()

    monkeypatch.setattr(Encoding, "scored_tokens", property(counted))
    found = scored([0.6, 1.0, 0.0, -0.6])
    made.remove("q")
    assert found.frame()["rank"].tolist() == [2, 1, 3, 4]
    assert (len(found.results), made) == (4, [])
    assert [found.results[1].rank, found.results[-3].rank] == [1, 1]
    assert made == ["d1"], "made once, and no other"
    assert [r.document for r in found.results[2:]] == ["d2", "d3"]
    assert found.results == tuple(found.results) != found.results[1:]
    with pytest.raises(IndexError):
        found.results[4]


@given(st.lists(st.none() | st.floats(-1, 1), max_size=6), HEADS)
def test_columns_and_objects_have_the_numbers_of_one_document_alone(values, head):
    """To 1e-6 of what `Head` and a loop over the random pairs say."""
    documents = [
        encoding(c or 0, math.sqrt(1 - c * c) if c is not None else 0, text=f"d{i}")
        if c is not None
        else encoding(0, 0, text=f"d{i}", state="skipped")
        for i, c in enumerate(values)
    ]
    found = score(encoding(1, 0), documents, head, BACKGROUND, "m")
    frame = found.frame()
    assert frame["document"].tolist() == [r.document for r in found.results]
    for i, result in enumerate(found.results):
        shown = frame.iloc[i][["cosine", "logit", "probability", "rank", "percentile"]]
        numbers = [result.cosine, result.logit, result.probability, result.rank, result.percentile]
        assert [None if math.isnan(n) else n for n in shown] == numbers
        if values[i] is None:
            assert numbers == [None] * 5
        else:
            alone = cosine(np.array([1.0, 0.0]), documents[i].vector)
            assert result.cosine == alone
            assert result.logit == pytest.approx(head.logit(alone), abs=1e-9)
            assert result.probability == pytest.approx(head.probability(alone), abs=1e-9)
            assert result.percentile == 100 * sum(b < alone for b in BACKGROUND) / 4


# stored scores


def stored() -> dict:
    documents = [encoding(0.6, 0.8, text="d"), encoding(0, 0, text="👍", state="skipped")]
    found = score(encoding(1, 0, text="q"), documents, Head(4.0, -1.0), BACKGROUND, "m")
    return json.loads(json.dumps(found.to_dict()))


def test_scores_come_back_from_json_as_they_were():
    found = scored([0.6, -1.0, 0.6])
    assert Scores.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    assert Scores.from_dict(stored()).to_dict() == Scores.from_dict(stored()).to_dict()


def use(values: object) -> None:
    """Read stored scores and do with them what a page does, if they are accepted."""
    try:
        found = Scores.from_dict(values)
    except UserError:
        return
    found.frame()
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))
    for token in found.query.tokens:
        assert isinstance(found.query.text[token.start : token.end], str)
    for result in found.results:
        if result.cosine is not None:
            assert (
                f"{result.cosine:.3f} {result.logit:.3f} {result.probability:.3f} {result.rank:d}"
            )
        assert result.document.strip() is not None


@given(JSON)
@settings(deadline=None)
@example([])
@example({"model": "m", "head": 1, "query": 2, "results": 3})
def test_any_json_is_refused_or_usable(values):
    use(values)


def places(values: object, path: tuple = ()) -> list[tuple]:
    """Return the path of every value inside a JSON value."""
    inner = values.items() if isinstance(values, dict) else enumerate(values)
    found = []
    for key, value in inner:
        found.append((*path, key))
        if isinstance(value, (dict, list)):
            found += places(value, (*path, key))
    return found


@pytest.mark.slow
@given(st.data(), JSON | st.just(10**400))
@settings(max_examples=300, deadline=None)
def test_stored_scores_with_any_one_value_damaged_are_refused_or_usable(data, value):
    values = stored()
    *path, last = data.draw(st.sampled_from(places(values)))
    inner = values
    for key in path:
        inner = inner[key]
    if data.draw(st.booleans()):
        inner[last] = value
    else:
        del inner[last]
    use(values)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("results", 0, "cosine"), "0.6"),
        (("results", 0, "cosine"), None),
        (("results", 0, "probability"), float("nan")),
        (("results", 0, "document"), 5),
        (("results", 0, "rank"), 1.5),
        (("results", 0, "extra"), 1),
        (("model",), 5),
        (("query", "text"), None),
        (("query", "tokens", 0, "start"), "0"),
        (("query", "tokens", 0, "state"), "unheard of"),
        (("head", "scale"), float("inf")),
    ],
    ids=str,
)
def test_a_value_of_the_wrong_kind_is_refused(path, value):
    values = stored()
    inner = values
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(UserError, match="stored scores are damaged"):
        Scores.from_dict(values)


# the scorer


def test_the_scorer_needs_no_keras_where_it_is_given_towers(tmp_path):
    scorer = Scorer(bare_folder(tmp_path / "m"), WordTowers())
    found = scorer.score("red door", ["blue wall", "a red door", "door", "👍", ""])
    assert found.model == "m"
    assert found.head == Head(4.0, -1.0)
    assert [r.rank for r in found.results] == [3, 1, 2, None, None]
    assert found.results[1].cosine == pytest.approx(1)
    assert found.results[2].cosine == pytest.approx(math.sqrt(0.5))
    assert found.results[2].percentile == 100.0
    assert [(t.text, t.state) for t in found.query.tokens] == [("red", "seen"), ("door", "seen")]


def test_the_scorer_encodes_a_document_that_is_there_twice_once(tmp_path):
    towers = WordTowers()
    found = Scorer(bare_folder(tmp_path / "m"), towers).score("red", ["door", "door", "red"])
    assert [r.document for r in found.results] == ["door", "door", "red"]
    assert towers.encoded() == ["red", "door", "red"]


def test_a_new_query_against_documents_at_hand_encodes_nothing_but_itself(tmp_path, monkeypatch):
    towers, stacked = WordTowers(), []
    scorer = Scorer(bare_folder(tmp_path / "m"), towers)
    of = Candidates.of
    monkeypatch.setattr(Candidates, "of", lambda found: stacked.append(len(found)) or of(found))
    documents = ["door", "red door", "wall"]
    first = scorer.score("red", documents)
    again = scorer.score("door", list(documents))
    assert (towers.encoded(), stacked) == (["red", *documents, "door"], [3])
    assert [first.results[1].rank, again.results[0].rank] == [1, 1]
    scorer.score("door", documents[::-1])
    assert stacked == [3, 3], "another order is another list"


def test_the_scorer_takes_an_open_folder_too(tmp_path):
    folder = ModelFolder.open(bare_folder(tmp_path / "m"))
    assert Scorer(folder, WordTowers()).score("red", []).results == ()


def test_too_many_documents_are_refused_before_any_is_encoded(tmp_path):
    towers = WordTowers()
    scorer = Scorer(bare_folder(tmp_path / "m"), towers)
    with pytest.raises(UserError, match=r"at most 10,000 .*10,001"):
        scorer.score("red", ["door"] * 10_001)
    assert towers.calls == []
    assert len(scorer.score("red", ["door"] * 10_000).results) == 10_000


def test_text_that_looks_like_code_or_is_very_long_is_scored_as_text(tmp_path):
    scorer = Scorer(bare_folder(tmp_path / "m"), WordTowers())
    found = scorer.score(
        "<script>red</script>", ["**red** | `door`", "red " * 25_000, "\0\x1b[31m"]
    )
    assert [t.text for t in found.query.tokens if t.state == "seen"] == ["red"]
    assert sum(t.state == "truncated" for t in found.results[1].tokens) == 25_000 - 8
    assert json.dumps(found.to_dict(), allow_nan=False)


@given(st.floats(-1, 1))
def test_a_cosine_is_one_value_on_every_scale(value):
    one, other = np.array([1.0, 0.0]), np.array([value, math.sqrt(1 - value**2)])
    found = scales(value)
    assert found["l2"] == pytest.approx(float(np.linalg.norm(one - other)), abs=1e-6)
    assert found["l2 squared"] == pytest.approx(found["l2"] ** 2, abs=1e-9)
    assert found["distance"] == 1 - found["cosine"]
    assert 0 <= found["shifted"] <= 1
