"""A file's further columns, whatever they are called, and rows that share a line."""

import json

import pandas as pd
import pytest

from dssm_core.corpus.checks import doubts
from dssm_core.corpus.pairs import OURS, free_names, read, read_pairs, stream
from dssm_core.corpus.splitting import split_pairs
from dssm_core.errors import UserError
from dssm_core.inspection.score_pairs import NUMBERS, TRAITS, inspect_pairs, sample_negatives
from dssm_core.scoring import Scorer
from dssm_core.words import ENGLISH
from tests.tiny import WordTowers, bare_folder

ROWS = [("a red door", "red doors", 1), ("a cat", "dogs", 0), ("a bird", "birds", 1)]


@pytest.fixture
def scorer(tmp_path):
    return Scorer(bare_folder(tmp_path / "doors"), WordTowers())


def rows(**cells: str) -> list[dict[str, object]]:
    return [
        {"query": query, "document": document, "label": label, **cells}
        for query, document, label in ROWS
    ]


@pytest.mark.parametrize(
    "name", sorted({*OURS, *NUMBERS, *TRAITS} - {"query", "document", "label"})
)
def test_a_column_may_be_called_as_one_of_ours(scorer, name):
    given = pd.DataFrame(ROWS, columns=["question", "answer", "relevant"])
    given = given.assign(**{name: "Line 4", f"{name} (file)": "yes"})
    pairs, reading = read(given.to_csv(index=False).encode(), "pairs.csv")
    assert doubts(pairs, reading) is not None
    frame = inspect_pairs(scorer, sample_negatives(pairs, 1)).frame
    assert frame.columns.is_unique
    assert frame["label"].tolist()[:3] == [1, 0, 1]
    own = frame.iloc[:3].astype(str)
    kept = [column for column in own if (own[column] == "Line 4").all()]
    assert len(kept) == 1
    assert kept[0].startswith(name)
    assert kept[0] not in {*OURS, *NUMBERS, *TRAITS}


def test_a_name_is_free_once_no_other_column_has_it():
    assert free_names(["line", "line (file)", "x"], ["line"]) == [
        "line (file) (file)",
        "line (file)",
        "x",
    ]


def test_rows_on_one_line_are_numbered(scorer, tmp_path):
    text = json.dumps([*rows(split="train"), *rows(split="train")])
    pairs, reading = read(text.encode(), "pairs.json")
    assert pairs.index.tolist() == [1, 2, 3, 4, 5, 6]
    assert inspect_pairs(scorer, pairs).frame.index.is_unique
    said = [finding.sentence.text(ENGLISH) for finding in doubts(pairs, reading)]
    assert any("line 4 repeats the pair of line 1" in text for text in said)
    (file := tmp_path / "pairs.json").write_text(text)
    assert [(pair.line, pair.number) for pair in stream(file)] == [(n, n) for n in range(1, 7)]


def test_an_unknown_split_is_told_with_its_line_where_rows_hold_several_pairs():
    lines = [
        {"query": "a", "positives": ["b", "c", "d"], "split": "train"},
        {"query": "e", "positives": ["f"], "split": "dev"},
    ]
    pairs = read_pairs("\n".join(map(json.dumps, lines)).encode(), "pairs.jsonl")
    with pytest.raises(UserError, match="line 2"):
        split_pairs(pairs)


def test_a_list_in_an_object_is_read_with_its_lines():
    text = json.dumps({"data": rows()}, indent=1)
    pairs = read_pairs(text.encode(), "pairs.json")
    starts = [n for n, line in enumerate(text.splitlines(), 1) if line == "  {"]
    assert pairs.index.tolist() == starts
    assert pairs["query"].tolist() == [query for query, _, _ in ROWS]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (json.dumps(rows()) + "\n" + json.dumps(rows()), "line 1 of pairs.json has more"),
        (json.dumps(rows()) + "]", "line 1 of pairs.json has more"),
        (json.dumps({"data": rows()}) + "\n{}", "line 1 of pairs.json is not JSON"),
        ('{"data": [\n{"query": "a", "document": "b", "label": 1},\n"oops"]}', "line 3"),
    ],
)
def test_no_row_of_json_is_left_out_silently(text, said):
    with pytest.raises(UserError, match=said):
        read_pairs(text.encode(), "pairs.json")
