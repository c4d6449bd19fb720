"""No text of a table, a link or a model folder takes more than its length of work.

The work is counted (calls, comparisons, what a parser is given), not timed. Beside
tests/test_text.py (runs and clusters in `segment`) and tests/project/test_hostile.py (sizes).
"""

from __future__ import annotations

import ast
import json
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dssm_core.archive import check_archive
from dssm_core.corpus import lists, names
from dssm_core.corpus.reading import Choices, read_table, roles_of
from dssm_core.inspection.rules import _names_lacking
from dssm_core.inspection.token_features import words_of
from dssm_core.text import Token
from dssm_core.ui.inspect.changes import changed_words
from tests.examples import examples
from tests.tiny import WordTowers, cpu_limit


def calls(work: Callable[[], object]) -> int:
    """Return how many functions are called, in Python or C; a generator's next item is a call."""
    count = 0

    def look(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


class Compared(str):
    """A text that counts how often one like it is compared."""

    count = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Compared.count += 1
        return str.__eq__(self, other)


# names of columns, and keys of objects in cells


@pytest.mark.parametrize(
    "find", [lambda c: names.named(c, "document", c), lambda c: names.sides(c, c)]
)
def test_names_are_not_compared_with_one_another(find):
    columns = [Compared(f"k{i}") for i in range(2_000)]
    Compared.count = 0
    find(columns)
    assert Compared.count < 10 * len(columns)


@pytest.mark.parametrize(
    "name",
    ["ab" * 150_000 + "!", "a1" * 150_000 + "é", "_" * 300_000, "1" * 300_000, "İ" * 300_000],
)
def test_a_long_name_is_no_usual_one_and_is_not_gone_through(name, monkeypatch):
    split: list[int] = []
    monkeypatch.setattr(names.re, "split", lambda _, text: split.append(len(text)) or [text])
    with cpu_limit():  # a pattern that looks for the last letter takes hours
        roles_of(read_table(f"{name}\tdocument\na b\tb c\n".encode(), "f.tsv"), Choices())
    assert max(split) <= names.LONGEST_NAME


SIDE = re.compile(r"(.*[^\W\d].*?)[\W_]?([12ab])", re.IGNORECASE)


@given(st.text("aB12_- é²", max_size=9))
@examples(500)
def test_the_end_of_a_name_is_found_as_a_pattern_finds_it(name):
    match = SIDE.fullmatch(name.casefold())
    assert names._side(name) == ((match[1], match[2]) if match else None)


# lists in cells


def test_json_is_not_parsed_again_and_a_long_list_of_pythons_not_at_all(monkeypatch):
    given: list[str] = []

    parse_all = ast.literal_eval
    monkeypatch.setattr(lists.ast, "literal_eval", lambda c: given.append(c) or parse_all(c))
    assert not lists.are_lists(["[" + "[]," * 50_000 + "[]]"])
    assert not lists.are_lists(["[" + "[]," * 50_000 + "['a']]"])
    assert given == []
    assert lists.are_lists(["['a', 'b']"])
    assert given == ["['a', 'b']"]


@pytest.mark.parametrize(
    "cell",
    [
        lambda n: json.dumps({f"k{i}": ["a"] for i in range(n)}),
        lambda n: json.dumps([{f"k{i}": "a"} for i in range(n)]),
        lambda n: json.dumps([{f"k{i}": "a" for i in range(n)}]),
    ],
    ids=["columns", "rows", "one row"],
)
def test_a_list_of_many_keys_takes_no_square_of_them(cell, monkeypatch):
    made = json.loads

    def counted(text: str) -> object:
        def keys(pairs: list) -> dict:
            return {Compared(key): value for key, value in pairs}

        return made(text, object_pairs_hook=keys)

    monkeypatch.setattr(lists.json, "loads", counted)
    found = []
    for n in (500, 2_000):
        Compared.count = 0
        lists.label_key([cell(n)])
        found.append(Compared.count)
    assert found[1] <= 6 * found[0] + 1_000


# words compared with words


def test_a_text_of_few_words_again_and_again_is_compared_word_by_word():
    def tokens(words: list[str]) -> list[Token]:
        return [Token(word, 0, 1) for word in words]

    old, new = tokens(["a"] * 400), tokens(["a", "b"] * 200)
    assert calls(lambda: list(changed_words(old, new))) < 50_000


def test_names_are_not_compared_with_each_word_of_the_other_text():
    long = " ".join(f"w{i}" for i in range(5_000))
    towers = WordTowers(lengths={"query": 64, "document": 64})
    query = " ".join(f"x Name{i}" for i in range(30))
    texts = (query, long, "x Nameless x Mozart", "a name less, and mozarts")
    one, other, near, nearer = (
        words_of(encoding, frozenset()) for encoding in towers.encode(texts, "document")
    )
    assert len(_names_lacking(one, other)) > 20
    assert calls(lambda: _names_lacking(one, other)) < 60_000
    assert [w.text for w in _names_lacking(near, other)] == ["nameless", "mozart"]
    assert _names_lacking(near, nearer) == []


# model folders


def layer(**config: object) -> dict:
    module = "keras.layers"
    return {"module": module, "class_name": "Dense", "config": config, "registered_name": None}


def archive(path: Path, config: object, weights: Callable[[h5py.File], object]) -> Path:
    """Write an archive with a configuration, and weights that are written so."""
    with h5py.File(path / "w.h5", "w") as file:
        weights(file)
    with zipfile.ZipFile(path / "m.keras", "w") as target:
        target.writestr("config.json", json.dumps(config))
        target.write(path / "w.h5", "model.weights.h5")
    return path / "m.keras"


def test_layers_in_layers_are_gone_through_once(tmp_path):
    found = []
    for depth in (10, 100):
        inner = layer(units=1, note={f"k{i}": {"n": 1} for i in range(2_000)})
        for _ in range(depth):
            inner = layer(units=1, inner=inner)
        path = archive(tmp_path, inner, lambda file: None)
        found.append(calls(lambda path=path: check_archive(path)))
    assert found[1] < 2 * found[0]


def test_an_array_in_parts_larger_than_itself_is_refused_unread(tmp_path):
    def packed(chunks: tuple[int, int] | None) -> Path:
        kept = {"chunks": chunks, "compression": "gzip"} if chunks else {}
        most = (None, None) if chunks else None
        return archive(
            tmp_path,
            layer(units=1),
            lambda file: file.create_dataset("layers/a", (40, 12), "f4", maxshape=most, **kept),
        )

    for chunks in (None, (40, 12), (8, 12)):
        check_archive(packed(chunks))
    with pytest.raises(ValueError, match=r"layers/a is packed in parts of \(4096, 4096\)"):
        check_archive(packed((4096, 4096)))
