"""Documents in lists, with and without labels of their own: read whole and streamed alike."""

from __future__ import annotations

import json

import pytest

from dssm_core.corpus.lists import items_of
from dssm_core.corpus.pairs import read, stream_checked
from dssm_core.corpus.reading import Choices
from dssm_core.errors import UserError
from dssm_core.words import ENGLISH

MS_MARCO = {
    "query_id": 19699,
    "query": "what is a door",
    "passages": {
        "is_selected": [0, 1],
        "passage_text": ["A wall is of brick.", "A door opens a wall."],
        "url": ["http://a.example", "http://b.example"],
    },
}
RERANK = {
    "query": "what is a door",
    "documents": [
        {"id": "d7", "text": "A wall is of brick.", "label": "no"},
        {"id": "d8", "title": "Door", "text": "It opens a wall.", "label": "yes"},
    ],
}
PLAIN = {"query": "what is a door", "positives": ["A door opens a wall."], "negatives": ["Brick."]}


def pairs_of(tmp_path, item, name="f.jsonl", choices=None):
    path = tmp_path / name
    path.write_text("".join(json.dumps(item) + "\n" for _ in range(2)))
    pairs, reading = read(path, choices=choices)
    streamed = [(p.line, p.document, p.label) for p in stream_checked(path, choices)]
    assert streamed == list(
        zip(pairs["line"].astype(int), pairs.document, pairs.label, strict=True)
    )
    return pairs, reading


@pytest.mark.parametrize(
    ("item", "documents", "said"),
    [
        (MS_MARCO, ["A wall is of brick.", "A door opens a wall."], "passages.is_selected"),
        (RERANK, ["A wall is of brick.", "Door It opens a wall."], "documents.label"),
    ],
)
def test_labels_in_a_list_are_those_of_its_documents(tmp_path, item, documents, said):
    pairs, reading = pairs_of(tmp_path, item)
    assert pairs["document"].tolist() == documents * 2
    assert pairs["label"].tolist() == [0, 1] * 2
    assert f"relevant where “{said}” is" in reading.sentence().text(ENGLISH)
    turned = Choices(relevant=("0" if item is MS_MARCO else "no",))
    assert pairs_of(tmp_path, item, choices=turned)[0]["label"].tolist() == [1, 0] * 2


def test_lists_without_labels_are_positives_and_negatives(tmp_path):
    pairs, _ = pairs_of(tmp_path, PLAIN)
    assert pairs["label"].tolist() == [1, 0] * 2


@pytest.mark.parametrize("label", ["no", "yes", None])
def test_a_row_with_negatives_may_have_a_label_of_its_own(tmp_path, label):
    rows = [{"query": "a", "document": "b c", "label": "yes", "negatives": ["d e"]}]
    rows.append({"query": "f", "document": "g h", "label": label, "negatives": ["i j", "k l"]})
    path = tmp_path / "f.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    own = {"no": [0], "yes": [1], None: []}[label]
    assert read(path)[0]["label"].tolist() == [1, 0, *own, 0, 0]
    assert [pair.label for pair in stream_checked(path)] == [1, 0, *own, 0, 0]


def test_beside_negatives_a_number_may_be_a_margin_and_is_no_label(tmp_path):
    row = {"query": "a", "document": "b c", "label": 3.7, "negative": "d e"}
    path = tmp_path / "f.jsonl"
    path.write_text(json.dumps(row) + "\n" + json.dumps({**row, "label": -1.2}) + "\n")
    assert read(path)[0]["label"].tolist() == [1, 0, 1, 0]


def test_labels_in_a_list_go_with_a_column_of_negatives(tmp_path):
    pairs, _ = pairs_of(tmp_path, {**RERANK, "negatives": ["Brick."]})
    assert pairs["label"].tolist() == [0, 1, 0] * 2


def test_a_label_in_a_list_that_means_nothing_is_refused_by_its_line(tmp_path):
    broken = json.loads(json.dumps(RERANK))
    broken["documents"][0]["label"] = "perhaps"
    path = tmp_path / "f.jsonl"
    path.write_text(json.dumps(RERANK) + "\n" + json.dumps(broken) + "\n")
    with pytest.raises(UserError, match=r"f\.jsonl"):
        read(path)


@pytest.mark.parametrize(
    "cell",
    [
        *("", "[]", "{}", "{'a': 1}", "[1, 2]", "no list", "[[["),
        *("{{}}", "{{1}}", "{[1]: 2}", "{1: ['a']}", "{(): [1]}", "[{1: 'a'}]"),
    ],
)
def test_what_is_no_list_of_texts_has_no_items(cell):
    assert items_of(cell) == []
