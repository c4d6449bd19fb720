"""Encoders of other people give what their own libraries give, and show what they read."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise

import numpy as np
import pytest

from dssm_core.errors import UserError
from dssm_core.explain import decomposition, effects, interactions
from dssm_core.explain.effects import without
from dssm_core.runtimes.encoder import EncoderTowers
from dssm_core.runtimes.encoders import open_encoder
from dssm_core.runtimes.pooling import Pooling, dense
from dssm_core.scoring import Head, cosine
from dssm_core.text import ADDED_STATES, READ_STATES, normalise
from tests.runtimes.encoders import ENCODERS, NAMES, TEXTS, towers
from tests.tiny import cpu_limit

SIDES = ("query", "document")
CUT = ["bert-mean", "distilbert", "model2vec", "model2vec-bare", "onnx", "roberta", "xlm-roberta"]
"""Those that do not read the whole of the last text."""
ATTENTIVE = [name for name in NAMES if towers(name).has_attention]


def vector(encoder: EncoderTowers, text: str) -> np.ndarray:
    return encoder.encode([text], "query")[0].vector


# vectors


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", NAMES)
def test_vectors_are_those_of_the_library(name, side):
    wanted = json.loads((ENCODERS / name / "vectors.json").read_text())[side]
    empty, *found = [encoding.vector for encoding in towers(name).encode(TEXTS, side)]
    assert not empty.any()  # here, what has no word is not read
    np.testing.assert_allclose(found, wanted[1:], rtol=0, atol=1e-5)


SUMMED = ["bert-mean", "bert-mean_sqrt_len_tokens", "static", "model2vec"]


@pytest.mark.parametrize("name", SUMMED)
def test_what_each_token_adds_sums_to_the_vector_and_each_pair_of_words_to_the_cosine(name):
    encoder = towers(name)
    one, other = TEXTS[1], TEXTS[2]
    shares = encoder.shares(one, "query")
    assert shares is not None
    whole, wanted = shares.sum(0), vector(encoder, one)
    np.testing.assert_allclose(
        whole / np.linalg.norm(whole), wanted / np.linalg.norm(wanted), atol=1e-5
    )
    found = decomposition(encoder, one, other)
    assert found is not None
    both = [encoder.encode([t], s)[0].vector for t, s in zip((one, other), SIDES, strict=True)]
    assert found.cosine == pytest.approx(cosine(*both), abs=1e-5)
    assert found.special + found.pairs["interaction"].sum() == pytest.approx(found.cosine, abs=1e-9)
    has_special = any(t.state in ADDED_STATES for t in encoder.encode([one], "query")[0].tokens)
    assert (abs(found.special) > 1e-6) == has_special
    agreement = found.agreement(interactions(encoder, one, other))
    assert agreement is None or -1 <= agreement <= 1


@pytest.mark.parametrize("name", ["bert-max", "bert-cls", "bert-two-modes", "bert-dense-tanh"])
def test_a_vector_that_is_no_sum_is_not_taken_apart(name):
    assert decomposition(towers(name), TEXTS[1], TEXTS[2]) is None


def test_the_fixtures_tell_the_encoders_apart():
    vectors = [vector(towers(name), TEXTS[2])[:16] for name in NAMES]
    alike = {
        frozenset((NAMES[i], NAMES[j]))
        for i, one in enumerate(vectors)
        for j, other in enumerate(vectors[:i])
        if np.allclose(one, other, atol=1e-3)
    }
    assert alike == {frozenset(("bert-mean", "onnx"))}  # a model and its export


@pytest.mark.parametrize("width", [3, 4])
def test_a_dense_layer_may_be_gone_past(width):
    random = np.random.default_rng(1)
    kernel, past = random.normal(size=(2, width, 3)).astype(np.float32)
    weights = {"linear.weight": kernel, "linear.bias": np.arange(width), "residual.weight": past}
    step = dense({"use_residual": True}, weights)
    for one in random.normal(size=(5, 3)):
        around = one if width == 3 else past @ one
        wanted = np.tanh(kernel @ one + np.arange(width)) + around
        np.testing.assert_allclose(step(one[None])[0], wanted, rtol=1e-5)


def test_an_onnx_file_opens_by_itself_with_the_modules_of_its_folder():
    encoder = EncoderTowers(open_encoder(str(ENCODERS / "onnx" / "onnx" / "model.onnx")))
    np.testing.assert_array_equal(vector(encoder, TEXTS[2]), vector(towers("onnx"), TEXTS[2]))
    assert encoder.embedder.facts.attention == ""


def test_a_bare_folder_of_transformers_is_pooled_by_the_mean(tmp_path):
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(ENCODERS / "bert-mean" / name, tmp_path)
    encoder = EncoderTowers(open_encoder(str(tmp_path)))
    found, wanted = (vector(one, TEXTS[2]) for one in (encoder, towers("bert-mean")))
    np.testing.assert_allclose(found / np.linalg.norm(found), wanted, rtol=0, atol=1e-6)
    assert encoder.embedder.facts.format == "transformers"


def test_other_prompts_give_other_vectors_and_none_those_without():
    prompted = towers("prompt-in")
    assert prompted.prompts == {"query": "search query: ", "document": "passage: "}
    bare = prompted.with_prompts({"query": "", "document": ""})
    spoken = bare.encode(["passage: " + TEXTS[1]], "query")[0].vector
    np.testing.assert_allclose(spoken, prompted.encode(TEXTS[1:2], "document")[0].vector, atol=1e-6)
    assert not np.allclose(vector(prompted, TEXTS[1]), vector(bare, TEXTS[1]), atol=1e-3)


@pytest.mark.parametrize(
    ("config", "prompts"),
    [
        ({}, ("", "")),
        ({"prompts": None}, ("", "")),
        ({"prompts": {"query": "q", "passage": "p"}}, ("q", "p")),
        ({"prompts": {"query": "q", "document": "", "corpus": "c"}}, ("q", "c")),
        ({"prompts": {"all": "a"}, "default_prompt_name": "all"}, ("a", "a")),
        (
            {"prompts": {"all": "a", "query": "", "document": ""}, "default_prompt_name": "all"},
            ("", ""),
        ),
    ],
)
def test_each_side_has_its_own_prompt_or_else_the_one_for_all(tmp_path, config, prompts):
    folder = shutil.copytree(ENCODERS / "static", tmp_path / "static")
    (folder / "config_sentence_transformers.json").write_text(json.dumps(config))
    found = open_encoder(str(folder)).facts.prompts
    assert (found["query"], found["document"]) == prompts


def test_the_facts_say_what_is_applied():
    facts = towers("bert-dense-tanh").embedder.facts
    assert facts.modules == (
        "Transformer: bert, 2 layers",
        "Pooling: mean",
        "Dense 16 → 20, Tanh",
        "LayerNorm",
    )
    assert (facts.width, facts.max_length, facts.attention) == (20, 24, "last layer")
    assert "|" in towers("router").embedder.facts.modules
    assert towers("mpnet").embedder.facts.max_length == 200
    assert towers("old-style").embedder.facts.max_length == 20


def test_the_fingerprint_changes_with_a_weight(tmp_path):
    folder = shutil.copytree(ENCODERS / "static", tmp_path / "static")
    before = open_encoder(str(folder)).facts.fingerprint
    assert before == towers("static").embedder.facts.fingerprint
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-4] ^= 1
    weights.write_bytes(content)
    assert open_encoder(str(folder)).facts.fingerprint != before


# attention


@pytest.mark.parametrize("name", ATTENTIVE)
def test_attention_sums_to_one_over_what_is_in_the_vector(name):
    for encoding in towers(name).encode(TEXTS[1:], "query"):
        assert encoding.attention.sum() == pytest.approx(1, abs=1e-5)
        for token, weight in zip(encoding.tokens, encoding.attention, strict=True):
            assert (weight > 0) == (token.state not in ("truncated", "skipped"))


def test_attention_is_that_of_the_last_layer():
    encoder = towers("bert-mean")
    told = json.loads((ENCODERS / "bert-mean" / "attention.json").read_text())
    encodings = encoder.encode(TEXTS, "document")
    for text, encoding, row in zip(TEXTS[1:], encodings[1:], told[1:], strict=True):
        reading = encoder.embedder.read(text, "", "document")
        assert list(reading.ids) == row["ids"]
        by_piece = np.mean(row["mean"], axis=0)  # over the positions whose mean is the vector
        by_token = np.zeros(len(reading.tokens))
        np.add.at(by_token, reading.owners, by_piece)
        np.testing.assert_allclose(encoding.attention, by_token, rtol=0, atol=1e-6)


def test_attention_is_that_behind_the_position_that_is_the_vector():
    rows = np.random.default_rng(0).dirichlet(np.ones(4), 4)[None]
    mask = np.array([[False, True, True, False]])
    for modes, position in ((("cls",), 1), (("lasttoken",), 2)):
        np.testing.assert_array_equal(Pooling(modes).weights(rows, mask)[0], rows[0, position])
    mean = Pooling(("mean", "cls")).weights(rows, mask)[0]
    np.testing.assert_allclose(mean, rows[0, 1:3].mean(0), rtol=1e-6)


def test_a_table_and_an_onnx_file_have_no_attention():
    for name in ("static", "model2vec", "onnx", "router"):
        assert towers(name).encode(TEXTS[1:2], "document")[0].attention is None


# tokens


@pytest.mark.parametrize("name", CUT)
def test_truncated_tokens_are_those_that_change_nothing(name):
    encoder = towers(name)
    text = TEXTS[-1]
    tokens = encoder.encode([text], "query")[0].tokens
    cut = [token for token in tokens if token.state == "truncated"]
    assert cut
    assert all(token.end <= cut[0].start for token in tokens if token.is_read)
    same = text[: cut[0].start] + "another end of the text"
    np.testing.assert_allclose(vector(encoder, same), vector(encoder, text), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", CUT)
def test_each_token_that_is_read_changes_the_vector(name):
    encoder = towers(name)
    whole = encoder.encode([TEXTS[3] + TEXTS[-1]], "query")[0]
    end = next(token.start for token in whole.tokens if token.state == "truncated")
    text = whole.text[:end]  # else another word would come in where one is left out
    for token in encoder.encode([text], "query")[0].tokens:
        without = text[: token.start] + text[token.end :]
        if token.is_read:
            assert not np.allclose(vector(encoder, without), vector(encoder, text), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_word_of_several_pieces_is_one_token(name):
    tokens = towers(name).encode(["say unbelievable"], "query")[0].tokens
    (word,) = [token for token in tokens if token.text == "unbelievable"]
    assert (word.start, word.end, word.state) == (4, 16, "pieces")
    assert "un" in word.pieces.replace(" ", "")
    assert " " in word.pieces


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", NAMES)
def test_tokens_stand_where_their_offsets_say_with_a_prompt_or_without(name, side):
    encoder = towers(name)
    for text in TEXTS:
        reading = encoder.embedder.read(text, encoder.prompts[side], side)
        assert reading.sent == encoder.prompts[side] + text
        assert len(reading.owners) == len(reading.ids)
        assert set(reading.owners) <= set(range(len(reading.tokens)))
        position = 0
        for token in reading.tokens:
            if token.state not in ("special", "prompt"):
                assert position <= token.start < token.end <= len(text)
                word = text[token.start : token.end]
                assert word == word.strip()
                assert token.text in (normalise(word), word)
                position = token.end
        left = "".join(
            text[token.start : token.end]
            for token in reading.tokens
            if token.state not in ("special", "prompt")
        )
        letters = [letter for letter in text if letter.isalnum()]
        assert [letter for letter in left if letter.isalnum()] == letters


def test_special_tokens_and_the_prompt_have_states_of_their_own():
    first, prompt, *words, last = towers("prompt-in").encode(["a text"], "query")[0].tokens
    assert (first.text, first.state) == ("[CLS]", "special")
    assert (last.text, last.start, last.end, last.state) == ("[SEP]", 6, 6, "special")
    assert (prompt.text, prompt.start, prompt.end, prompt.state) == (
        "search query: ",
        0,
        0,
        "prompt",
    )
    assert [(word.text, word.start, word.state) for word in words] == [
        ("a", 0, "seen"),
        ("text", 2, "seen"),
    ]


def test_a_prompt_without_a_space_shares_its_last_piece_with_no_other_token():
    encoder = towers("xlm-roberta-prompt")
    tokens = encoder.encode(["a text"], "document")[0].tokens
    assert [(t.start, t.end) for t in tokens if t.is_read] == [(0, 1), (2, 6)]


def test_unknown_words_are_marked_and_model2vec_leaves_them_out():
    state = {
        name: towers(name).encode(["a ☃ text"], "query")[0].tokens[1 + (name[0] != "m")].state
        for name in ("bert-mean", "xlm-roberta", "model2vec-bare")
    }
    assert state == {"bert-mean": "unknown", "xlm-roberta": "unknown", "model2vec-bare": "skipped"}
    nothing = towers("model2vec-bare").encode(["☃"], "query")[0]
    assert not nothing.vector.any()


def test_offsets_stay_those_of_the_text_where_lower_case_is_longer():
    encoding = towers("old-style").encode(["İSTANBUL Ağ"], "query")[0]
    assert [(t.start, t.end) for t in encoding.tokens if t.state in READ_STATES] == [
        (0, 8),
        (9, 11),
    ]


@pytest.mark.parametrize("name", ["xlm-roberta", "roberta", "bert-mean", "static"])
def test_a_text_of_spaces_is_not_read(name):
    encoding = towers(name).encode([" \t\n "], "query")[0]
    assert not encoding.is_readable
    assert not encoding.vector.any()


LONG = [" ", "\n a", "x", "🎉", "\u0301"]
"""Parts of which one text after the other is slow where a search starts anew at each."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["xlm-roberta", "roberta", "bert-mean", "static"])
def test_a_long_text_of_every_kind_is_read_in_time_that_grows_with_it(name):
    embedder = towers(name).embedder
    with cpu_limit(10):
        embedder.read("".join(part * 20_000 for part in LONG), "", "query")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["xlm-roberta", "roberta", "bert-mean", "static"])
@pytest.mark.parametrize("part", LONG)
def test_a_text_of_any_length_is_read_in_time_that_grows_with_it(name, part):
    embedder = towers(name).embedder
    with cpu_limit(20):
        embedder.read(part * 100_000, "", "query")


def test_a_length_that_leaves_no_room_for_a_text_is_refused(tmp_path):
    folder = shutil.copytree(ENCODERS / "bert-mean", tmp_path / "short")

    def first(length: int) -> list[bool]:
        settings = json.dumps({"max_seq_length": length})
        (folder / "sentence_bert_config.json").write_text(settings)
        encoding = EncoderTowers(open_encoder(str(folder))).encode(["a text"], "query")[0]
        return [token.is_read for token in encoding.tokens]

    assert first(3) == [False, True, False, False]
    for length in (1, 2):
        with pytest.raises(UserError):
            first(length)


@pytest.mark.parametrize("name", CUT)
def test_a_word_that_is_read_in_part_is_two_tokens_and_its_rest_never_comes_in(name):
    encoder = towers(name)
    texts = ["say " * number + "unbelievable" for number in range(40)]
    parted = [
        (encoding, inside, outside)
        for encoding in encoder.encode(texts, "query")
        for inside, outside in pairwise(encoding.tokens)
        if inside.end == outside.start and outside.state == "truncated"
    ]
    assert parted or name.startswith("model2vec"), "which cuts after characters"
    for encoding, inside, outside in parted:
        assert inside.is_read
        assert inside.text + outside.text in ("say", "unbelievable")
        assert without(encoding.text, encoding.tokens, []) == encoding.text[: inside.end]
        read = encoder.encode([encoding.text[: inside.end]], "query")[0]
        np.testing.assert_allclose(read.vector, encoding.vector, rtol=0, atol=1e-6)


def test_a_prompt_is_weighed_against_the_words_that_are_read_with_it():
    encoder = towers("bert-mean").with_prompts({"query": "say say ", "document": ""})
    long = " ".join(TEXTS[1:])
    tokens = encoder.encode([long], "query")[0].tokens
    read = without(long, tokens, [])
    assert len(read) < len(long)
    found, wanted = (effects(encoder, Head(4, 0), text, TEXTS[1], "query") for text in (long, read))
    prompt = next(number for number, token in enumerate(tokens) if token.state == "prompt")
    assert found.tokens[prompt].cosine == pytest.approx(wanted.tokens[prompt].cosine, abs=1e-6)
