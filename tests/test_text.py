"""Text to words with offsets and states, and words to hashed pieces."""

from __future__ import annotations

import itertools
import json
import unicodedata

import numpy as np
import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from dssm_core import text
from dssm_core.text import LONGEST_WORD, PIECES, UNSEEN, hash_pieces, normalise, read, segment
from tests import ROOT
from tests.examples import examples

GOLDEN = json.loads((ROOT / "tests" / "golden" / "hash_pieces.json").read_text("utf-8"))

AWKWARD = [
    *("e\u0301", "ﬃ", "ﷺ", "👩‍👩‍👧", "🇨🇭", "👍🏽", "한국어", "\u1112\u1161\u11ab", "ไทย", "שלום"),
    *("مرحبا", "深度", "カﾞー", "が\u3099", "々", "\u200b", "\u200d", "\ufeff", "\u202e", "\u00ad"),
    *("\0", "\r\n", "\u2028", "½", "²", "İ", "ß", "¸", "don't", "a_b", "3.14", "C++", "<b>"),
    *("**x**", "\ud800", "𝔘", "x" * 41),
]
TEXTS = st.lists(
    st.sampled_from(AWKWARD) | st.text(st.characters(), max_size=4) | st.sampled_from(" \t.,-"),
    max_size=12,
).map("".join)


def words(text: str) -> list[str]:
    return [token.text for token in segment(text) if token.state != "skipped"]


@given(TEXTS)
@examples(300)
def test_every_token_is_a_span_of_the_original_text(text):
    end = 0
    for token in segment(text):
        assert end <= token.start < token.end <= len(text), "in reading order, none overlaps"
        span = text[token.start : token.end]
        assert token.text == (span if token.state == "skipped" else normalise(span))
        end = token.end


@given(TEXTS)
@examples(300)
@example("¸e")  # to Unicode a word that starts with a symbol
@example("日本語テキスト")
@example("¸\u200de\u0301")  # the same, with a joiner between
def test_no_letter_and_no_digit_goes_unread(text):
    covered = {i for token in segment(text) for i in range(token.start, token.end)}
    for i, character in enumerate(text):
        if unicodedata.category(character)[0] in "LN" and normalise(character):
            assert i in covered, f"{character!r} at {i}"


@given(TEXTS)
@examples(100)
def test_a_token_means_the_same_word_when_it_is_segmented_again(text):
    for token in segment(text):
        assert normalise(token.text) == token.text or token.state == "skipped"


def test_words_are_lower_case_and_nfkc_with_offsets_of_the_original():
    text = "ＦＵＬＬ ﬁne Straße soft\u00adware"
    assert [(t.text, text[t.start : t.end]) for t in segment(text)] == [
        ("full", "ＦＵＬＬ"),
        ("fine", "ﬁne"),
        ("straße", "Straße"),
        ("software", "soft\u00adware"),
    ]


def test_composed_and_decomposed_letters_are_the_same_word():
    assert words("caf\u00e9") == words("cafe\u0301") == ["caf\u00e9"]


def test_chinese_and_japanese_are_read_character_by_character():
    assert words("深度学习 model 東京タワー") == [*"深度学习", "model", *"東京タワー"]


def test_korean_and_arabic_are_read_word_by_word():
    assert words("한국어 단어, مرحبا") == ["한국어", "단어", "مرحبا"]


def test_a_run_over_twenty_letters_is_read_in_parts_of_twenty():
    run = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk"
    parts = words(run)
    assert "".join(parts) == run.lower()
    assert [len(part) for part in parts] == [20, 20, len(run) - 40]


def test_punctuation_falls_away_and_words_keep_their_inner_marks():
    assert words("Don't panic -- it’s 3.14 (really)!") == [
        "don't",
        "panic",
        "it's",
        "3.14",
        "really",
    ]


def test_emoji_and_symbols_are_marked_as_skipped():
    tokens = segment("C++ → 👍 ok")
    assert [(t.text, t.state) for t in tokens] == [
        ("c", "letters"),
        ("+", "skipped"),
        ("+", "skipped"),
        ("→", "skipped"),
        ("👍", "skipped"),
        ("ok", "letters"),
    ]
    assert [t.is_read for t in tokens] == [True, False, False, False, False, True]


CASES = ROOT / "tests" / "fixtures" / "cases"


def lines(name: str) -> list[str]:
    return (CASES / name).read_text("utf-8").rstrip("\n").split("\n")


def test_an_emoji_sequence_is_one_unread_symbol_and_selectors_are_no_words():
    chess = ["chess", "engine"]
    assert [words(line) for line in lines("18-emoji.txt")] == [chess, chess, chess, [], [], chess]
    found = [[t.text for t in segment(line)] for line in lines("18-emoji.txt")]
    assert found[1] == [*chess, "❤️"]
    assert found[3:] == [["❤️"], ["👩‍💻"], ["1️⃣", *chess]]
    family = next(line for line in lines("18-scripts.txt") if line.startswith("👩"))
    assert [t.text for t in segment(family)] == ["👩‍👩‍👧‍👦", "🏳️‍🌈"]
    england = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
    assert [t.text for t in segment(f"{england} 👍🏽 ©")] == [england, "👍🏽", "©"]


INVISIBLE = "\ufe0f \ufe00 \u200d \u200c \u00ad \u200b \u2060 \ufeff \u202e \u2066 \u180b \u034f"


@pytest.mark.parametrize("mark", INVISIBLE.split(" "), ids=lambda c: f"U+{ord(c):04X}")
def test_what_nobody_sees_is_no_word_and_splits_none(mark):
    assert words(f"{mark} ch{mark}ess {mark}engine{mark} {mark}{mark}") == ["chess", "engine"]


def test_a_space_of_no_width_parts_words_of_scripts_without_spaces():
    whole, parted = words("ភាសាខ្មែរ"), words("ភាសា\u200bខ្មែរ")
    assert parted == whole == [*words("ភាសា"), *words("ខ្មែរ")]


def test_apostrophes_and_full_width_forms_are_read_alike():
    assert words("don’t") == words("don‘t") == words("don＇t") == ["don't"]
    wide = next(line for line in lines("18-scripts.txt") if line.startswith("Ｃｈ"))
    assert words(wide) == ["chess", "engine", "123"]


def test_scripts_without_spaces_are_read_to_their_end():
    thai, japanese = lines("18-scripts.txt")[:2]
    assert "".join(words(thai)) == normalise(thai)
    assert words(japanese) == list(japanese)


@pytest.mark.parametrize(
    ("text", "read", "unread"),
    [
        ("C++ C# .NET node.js", ["c", "c", "net", "node.js"], "++#."),
        ("strtok_r() std::vector<int>", ["strtok_r", "std", "vector", "int"], "<>"),
        ("getElementById a.b.c", ["getelementbyid", "a.b.c"], ""),
        ("-3 a-b 5% R&D", ["3", "a", "b", "5", "r", "d"], "-%&"),
        ("x ≠ y ¬x !x x<y −5", ["x", "y", "x", "x", "x", "y", "5"], "≠¬!<−"),
        ("Stop! Wait... no - 1.5", ["stop", "wait", "no", "1.5"], ""),
    ],
)
def test_signs_that_change_a_meaning_are_shown_as_not_read(text, read, unread):
    assert words(text) == read
    assert "".join(t.text for t in segment(text) if t.state == "skipped") == unread


@pytest.mark.parametrize("text", ["", " \t\r\n", "...", "\u200b\ufeff", "\0\x01"])
def test_nothing_readable_gives_no_tokens(text):
    assert segment(text) == []


def test_states_say_what_was_seen_read_by_letters_and_cut_off():
    tokens = read("red 👍 rouge door after end", {"red", "door", "end"}, 3)
    assert [(t.text, t.state) for t in tokens] == [
        ("red", "seen"),
        ("👍", "skipped"),  # takes no room
        ("rouge", "letters"),
        ("door", "seen"),
        ("after", "truncated"),
        ("end", "truncated"),
    ]


@given(TEXTS, st.integers(0, 5))
@examples(100)
def test_the_model_never_reads_more_words_than_it_has_room_for(text, length):
    tokens = read(text, {"x"}, length)
    assert sum(t.is_read for t in tokens) == min(length, len(words(text)))
    assert [t.text for t in tokens] == [t.text for t in segment(text)]


@pytest.mark.parametrize(
    ("text", "number"),
    [("word " * 20_000, 20_000), ("x" * 100_000, 5_000), ("字" * 100_000, 100_000)],
    ids=["words", "one run", "Chinese"],
)
def test_a_hundred_thousand_characters_are_read_to_their_end(text, number):
    tokens = segment(text)
    assert len(tokens) == number
    assert tokens[-1].end == len(text.rstrip())


# word hashing, against the paper's recipe spelt out with Python's own integers


def slow_mix(value: int) -> int:
    value = (value + 0x9E3779B97F4A7C15) % 2**64
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB % 2**64
    return value ^ (value >> 31)


def slow_pieces(word: str, rows: int) -> list[int]:
    marked = f"#{word[:20]}#"
    whole = 0
    for letter in marked:
        whole = slow_mix(whole ^ ord(letter))
    trigrams = [
        slow_mix((ord(a) << 42) | (ord(b) << 21) | ord(c))
        for a, b, c in zip(marked, marked[1:], marked[2:], strict=False)
    ]
    row = [2 + value % (rows - 2) for value in [whole, *trigrams]]
    return row + [0] * (21 - len(row))


WORDS = TEXTS.map(words).filter(len)


@given(WORDS, st.integers(3, 100_000))
@examples(150)
@example(["a", "ab", "x" * 19, "x" * 20, "\U0010ffff"], 3)
def test_pieces_are_the_word_and_its_letter_trigrams(found, rows):
    expected = [slow_pieces(word, rows) for word in found]
    assert hash_pieces(found, rows).tolist() == expected


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["word"])
def test_pieces_are_what_they_were_when_the_shipped_models_were_trained(case):
    assert hash_pieces([case["word"]], case["rows"])[0].tolist() == case["pieces"]


@given(WORDS, st.integers(3, 1000))
@examples(50)
def test_rows_0_and_1_are_kept_for_padding_and_unseen_words(found, rows):
    pieces = hash_pieces(found, rows)
    assert pieces.dtype == np.int32
    assert pieces.shape == (len(found), PIECES)
    for word, row in zip(found, pieces, strict=True):
        used = 1 + min(20, len(word))
        assert (row[:used] >= 2).all()
        assert (row[:used] < rows).all()
        assert (row[used:] == 0).all()


def test_an_unseen_word_is_read_by_its_letters_alone():
    known = hash_pieces(["door", "dour"], 500)
    pieces = hash_pieces(["door", "dour"], 500, {"door": 4})
    assert (pieces[0] == known[0]).all()
    assert pieces[1, 0] == UNSEEN
    assert (pieces[1, 1:] == known[1, 1:]).all()


def test_words_that_share_letters_share_pieces():
    first, second, other = hash_pieces(["library", "libraries", "moon"], 30_000)
    assert set(first) & set(second) - {0} == set(slow_pieces("librar", 30_000)[1:6])
    assert not set(first) & set(other) - {0}


def test_words_spread_over_the_table_as_evenly_as_chance():
    rows, number = 30_000, 20_000
    column = hash_pieces([f"word{i}" for i in range(number)], rows)[:, 0]
    expected = rows * (1 - np.exp(-number / rows))  # occupied by balls thrown at random
    assert len(set(column)) == pytest.approx(expected, rel=0.01)


def test_no_words_give_no_rows():
    assert hash_pieces([], 100).shape == (0, PIECES)


def test_a_table_too_small_for_its_kept_rows_is_refused():
    with pytest.raises(ValueError, match="at least 3 rows, not 2"):
        hash_pieces(["a"], 2)


ENDLESS = {
    "marks of two classes": "a" + "\u0301" * 5_000 + "\u0316" * 5_000,
    "halves of flags": "\U0001f1e6" * 10_000,
    "halves of flags and marks": ("\U0001f1e6" * 31 + "\u0301") * 300,
    "joiners": "a\u200d" * 5_000,
    "selectors": "a" + "\ufe0f" * 9_999,
    "tags": "🏴" + "\U000e0061" * 9_999,
    "soft hyphens": "a" + "\u00ad" * 9_999,
    "spacing marks": "க" + "\u0bbe" * 9_999,
    "leading consonants": "\u1100" * 10_000,
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_takes_the_square_of_a_length_is_given_short_stretches(name, monkeypatch):
    """What normal forms, and boundaries that look back, are given does not grow with the text."""
    given: list[str] = []
    monkeypatch.setattr(text, "normalise", lambda word: given.append(word) or word)
    tokens = segment(ENDLESS[name])
    assert max((len(word) for word in given), default=0) <= text.MAX_SPAN
    assert all(token.end - token.start <= text.MAX_SPAN for token in tokens)
    clinging = regex.compile(r"(?V1)[\p{RI}||\p{M}||\p{Cf}||\p{Word_Break=Extend}]+")
    for first, last in text._stretches(ENDLESS[name]):
        runs = clinging.findall(ENDLESS[name][first:last])
        assert max(map(len, runs), default=0) <= 2 * text.MAX_RUN


def test_flags_and_long_clusters_of_real_scripts_stay_whole():
    flags = "🇨🇭🇩🇪" * 40
    assert [t.start for t in segment(flags)] == list(range(0, len(flags), 2)), "a flag is one"
    assert [t.text for t in segment("नमस्ते e\u0301\u0323")] == ["नमस्ते", "ẹ\u0301"]


# texts of ASCII alone have a faster way


def otherwise(text: str) -> list:
    """Return a text's tokens by the way of all texts, which a character that is not ASCII takes."""
    *tokens, last = segment(f"{text}\n é")
    assert last.text == "é"
    return tokens


def test_ascii_alone_is_segmented_as_it_is_beside_other_characters():
    """Every text of up to three characters of all kinds, between letters and by itself."""
    kinds = "aB1_:.',;-!=#$ \n\x00/"
    for size in range(4):
        for characters in itertools.product(kinds, repeat=size):
            found = "".join(characters)
            assert segment(found) == otherwise(found), found
            assert segment(f"x{found}2") == otherwise(f"x{found}2"), found


@given(st.text(st.characters(max_codepoint=127), max_size=60))
@examples(300)
def test_any_text_of_ascii_is_segmented_as_it_is_beside_other_characters(text):
    assert segment(text) == otherwise(text)


def test_words_are_hashed_once_while_they_are_remembered(monkeypatch):
    hashed: list[str] = []
    hash_all = text.hash_pieces

    def counted(words, rows, vocabulary):
        hashed.extend(words)
        return hash_all(words, rows, vocabulary)

    monkeypatch.setattr(text, "hash_pieces", counted)
    monkeypatch.setattr(text, "HASHED", 4)
    reader = text.Reader({"red": 3}, 100)
    for words in (["red", "door"], ["door", "wall", "red"], ["a", "b"], ["red"], list("cdefgh")):
        right = hash_all(words, 100, {"red": 3})
        assert reader.numbers(words).tolist() == right.tolist()
        assert len(reader._hashes) <= 4
    assert hashed == ["red", "door", "wall", "a", "b", "red", *"cdefgh"]


@pytest.mark.parametrize(
    "word",
    ["தொலைத்தொடர்புத்துறையினர்", "अन्तर्राष्ट्रीयकरणात्मकतावादियों", "e\u0301" * 30, "ﷺ" * 3, "각" * 21],
)
def test_no_letter_of_a_long_word_goes_unread(word):
    tokens = segment(word)
    assert "".join(token.text for token in tokens) == normalise(word)
    assert all(len(token.text) <= LONGEST_WORD for token in tokens)
    assert [token.start for token in tokens[1:]] == [token.end for token in tokens[:-1]]
    starts = [match.start() for match in regex.finditer(r"\X", word)]
    assert {token.start for token in tokens} <= set(starts)
