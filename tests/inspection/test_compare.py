"""Two inspections joined by hand, their tests against scipy's, and snapshots that survive."""

from __future__ import annotations

import io
import json
import math
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dssm_core.errors import UserError
from dssm_core.inspection.compare import (
    compare_inspections,
    load_snapshot,
    save_snapshot,
    summary,
)
from dssm_core.inspection.score_pairs import Inspection, inspect_pairs
from dssm_core.numeric import sigmoid
from dssm_core.scoring import Head, Scorer
from tests.tiny import WordTowers, bare_folder

NAN = math.nan


def inspection(rows: list[tuple[str, str, int, float]], scale: float = 4.0) -> Inspection:
    """Return an inspection with these cosines, and vectors that stand for nothing."""
    frame = pd.DataFrame(rows, columns=["query", "document", "label", "cosine"])
    frame["cosine"] = frame["cosine"].astype(float)
    frame["probability"] = [sigmoid(scale * c) if c == c else NAN for c in frame["cosine"]]
    frame.index = pd.RangeIndex(2, len(frame) + 2, name="line")
    none = np.zeros((0, 1), np.float32)
    rows_of = np.zeros(len(frame), int)
    return Inspection("m", "f", Head(scale, 0.0), frame, none, none, rows_of, rows_of)


ONE = inspection(
    [
        ("a", "x", 1, 0.9),  # stays right
        ("a", "y", 0, 0.6),  # is fixed
        ("a", "z", 0, 0.1),  # breaks
        ("b", "x", 1, 0.2),  # is fixed by much
        ("b", "y", 1, NAN),  # is fixed out of nothing
        ("c", "only here", 1, 0.5),
        ("a", "x", 0, 0.9),  # listed twice, the other way round
    ]
)
OTHER = inspection(
    [
        ("b", "y", 1, 0.4),
        ("b", "x", 0, 0.8),  # a label that is not believed
        ("a", "z", 0, 0.35),
        ("a", "y", 0, 0.25),
        ("a", "x", 1, 0.7),
        ("d", "only there", 1, 0.5),
    ]
)


# comparing


def test_shared_pairs_are_joined_with_what_changed_first():
    found = compare_inspections(ONE, OTHER, 0.5, 0.3)
    assert list(found.index) == [6, 5, 4, 3, 2]
    assert found["changed"].tolist() == ["fixed", "fixed", "broken", "fixed", "same"]
    assert found["document"].tolist() == ["y", "x", "z", "y", "x"]
    assert found["label"].tolist() == [1, 1, 0, 0, 1]
    assert found["cosine_one"].tolist() == pytest.approx([NAN, 0.2, 0.1, 0.6, 0.9], nan_ok=True)
    assert found["cosine_other"].tolist() == [0.4, 0.8, 0.35, 0.25, 0.7]
    assert found["moved"].iloc[1] == pytest.approx(sigmoid(3.2) - sigmoid(0.8))
    predicted = {"one": [0, 0, 0, 1, 1], "other": [1, 1, 1, 0, 1]}
    for which, values in predicted.items():
        verdicts = ["relevant" if value else "not relevant" for value in values]
        assert found[f"verdict_{which}"].tolist() == verdicts


def test_ranks_are_counted_among_the_shared_pairs():
    found = compare_inspections(ONE, OTHER, 0.5, 0.3).sort_index()
    assert found["rank_one"].tolist() == pytest.approx([1, 2, 3, 1, NAN], nan_ok=True)
    assert found["rank_other"].tolist() == [1, 3, 2, 1, 2]


def test_the_same_inspection_has_changed_nowhere():
    found = compare_inspections(ONE, ONE, 0.5, 0.5)
    assert set(found["changed"]) == {"same"}
    assert (found["moved"].dropna() == 0).all()
    counted = summary(found)
    assert (counted["fixed"], counted["broken"], counted["p_value"]) == (0, 0, 1.0)
    assert counted["ranking"]["p_value"] == 1.0


def test_inspections_without_a_common_pair_are_refused():
    with pytest.raises(UserError, match="in common"):
        compare_inspections(ONE, inspection([("e", "x", 1, 0.5)]), 0.5, 0.5)


def test_the_columns_have_these_names():
    pairs = [f"{n}_{w}" for w in ("one", "other") for n in ("cosine", "probability", "rank")]
    verdicts = ["verdict_one", "verdict_other"]
    found = compare_inspections(ONE, OTHER, 0.5, 0.3)
    assert set(found.columns) == {
        *("query", "document", "label", "changed", "moved"),
        *pairs,
        *verdicts,
    }


# the summary


def test_the_summary_counts_and_is_plain_values():
    found = summary(compare_inspections(ONE, OTHER, 0.5, 0.3))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["pairs"] == 5
    assert (found["fixed"], found["broken"], found["same"]) == (3, 1, 1)
    assert found["wrong"] == {"one": 3, "other": 1}
    # four changes: 3 to 1 or more uneven, of 16 equally likely ways
    assert found["p_value"] == pytest.approx((1 + 4 + 4 + 1) / 16)


def test_the_ranking_is_that_of_queries_with_both_labels():
    found = summary(compare_inspections(ONE, OTHER, 0.5, 0.3))["ranking"]
    assert found["queries"] == 1, "all documents of b are relevant"
    assert found["MRR@10"] == {"one": 1.0, "other": 1.0}
    alone = [("a", "x", 1, 0.5), ("b", "y", 0, 0.5)]
    changes = compare_inspections(inspection(alone), inspection(alone), 0.4, 0.4)
    assert summary(changes)["ranking"] is None


def test_a_model_that_ranks_better_everywhere_is_found_better():
    good, bad = [], []
    for q in range(40):
        for d in range(4):
            good.append((f"q{q}", f"d{d}", int(d == 0), 0.9 if d == 0 else 0.1))
            bad.append((f"q{q}", f"d{d}", int(d == 0), 0.1 if d == 0 else 0.9))
    found = summary(compare_inspections(inspection(bad), inspection(good), 0.5, 0.5))
    assert found["fixed"] == 160
    assert found["p_value"] < 1e-6
    assert found["ranking"]["MRR@10"] == {"one": 0.25, "other": 1.0}
    assert found["ranking"]["p_value"] < 0.001


# snapshots


@pytest.fixture
def scored(tmp_path) -> Inspection:
    scorer = Scorer(bare_folder(tmp_path / "doors"), WordTowers())
    rows = [("red door", "a red\ndoor, “shut”", 1), ("👍", "wall", 0), ("红门", "=1+1", 1)]
    pairs = pd.DataFrame(rows, columns=["query", "document", "label"])
    pairs.index = pd.Index([2, 5, 9], name="line")
    return inspect_pairs(scorer, pairs.assign(shop=["x", "", "z"]))


def same(one: Inspection, other: Inspection) -> None:
    pd.testing.assert_frame_equal(one.frame, other.frame)
    assert (one.model, one.fingerprint, one.head) == (other.model, other.fingerprint, other.head)
    for name in ("queries", "documents", "query_row", "document_row"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype


def test_a_snapshot_gives_back_what_was_saved(scored, tmp_path):
    path = tmp_path / "new folder" / "one.zip"
    save_snapshot(scored, path)
    same(load_snapshot(path), scored)
    assert [file.name for file in path.parent.iterdir()] == ["one.zip"]


def test_a_snapshot_whose_lines_are_called_as_a_column_is_compared(scored, tmp_path):
    path = tmp_path / "one.zip"
    save_snapshot(replace(scored, frame=scored.frame.rename_axis("query")), path)
    assert len(compare_inspections(load_snapshot(path), scored, 0.5, 0.5))
    assert len(compare_inspections(scored, load_snapshot(path), 0.5, 0.5))


def test_a_snapshot_can_be_an_open_file(scored):
    buffer = io.BytesIO()
    save_snapshot(scored, buffer)
    buffer.seek(0)
    same(load_snapshot(buffer), scored)


def test_a_snapshot_compares_like_the_inspection_it_was(scored, tmp_path):
    save_snapshot(scored, tmp_path / "one.zip")
    found = compare_inspections(load_snapshot(tmp_path / "one.zip"), scored, 0.5, 0.5)
    assert set(found["changed"]) == {"same"}


def test_an_empty_inspection_survives(scored, tmp_path):
    none = scored.query_row[:0]
    empty = replace(scored, frame=scored.frame.iloc[:0], query_row=none, document_row=none)
    save_snapshot(empty, tmp_path / "one.zip")
    assert len(load_snapshot(tmp_path / "one.zip").frame) == 0


def test_a_snapshot_that_cannot_be_written_leaves_the_old_one(scored, tmp_path, monkeypatch):
    path = tmp_path / "one.zip"
    save_snapshot(scored, path)
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(UserError, match="No space left"):
        save_snapshot(scored, path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert len(list(tmp_path.glob("*.zip*"))) + len(list(tmp_path.glob(".one*"))) == 1


def test_no_byte_can_be_lost_or_changed_unnoticed(scored, tmp_path):
    path = tmp_path / "one.zip"
    save_snapshot(scored, path)
    whole = path.read_bytes()
    for end in range(0, len(whole), 97):
        path.write_bytes(whole[:end])
        with pytest.raises(UserError, match=r"one\.zip is not a usable snapshot"):
            load_snapshot(path)
    for place in range(0, len(whole), 61):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            found = load_snapshot(path)
        except UserError:
            continue
        same(found, scored)  # a byte that tells nothing, such as a date


@pytest.mark.parametrize("content", [None, b"", b"PK", b"query,document\na,b\n"])
def test_what_is_no_snapshot_is_refused(tmp_path, content):
    path = tmp_path / "pairs.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"pairs\.csv is not a usable snapshot"):
        load_snapshot(path)


def rewritten(scored: Inspection, path: Path, **changed: object) -> None:
    """Save a snapshot with other fields of the inspection, or other `entries` of the file."""
    entries = changed.pop("entries", {})
    save_snapshot(replace(scored, **changed), path)  # type: ignore[arg-type]
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()} | entries
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def pickled() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([object()]), allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: {"query_row": s.query_row + 9}, "rows"),
        (lambda s: {"query_row": s.query_row[:2]}, "rows"),
        (lambda s: {"document_row": s.document_row - 1}, "rows"),
        (lambda s: {"document_row": s.document_row.astype(float)}, "rows"),
        (lambda s: {"queries": s.queries[:, :2]}, "vectors"),
        (lambda s: {"queries": s.queries * np.float32(np.nan)}, "vectors"),
        (lambda s: {"documents": s.documents.astype(np.float64)}, "vectors"),
        (lambda s: {"frame": s.frame.drop(columns="margin")}, "columns"),
        (lambda s: {"frame": s.frame.assign(cosine=2.0)}, "cosine"),
        (lambda s: {"frame": s.frame.assign(cosine="0.5")}, "numbers"),
        (lambda s: {"frame": s.frame.assign(label=2)}, "label"),
        (lambda s: {"frame": s.frame.assign(query=5)}, "texts"),
        (lambda s: {"frame": s.frame.set_axis([1, 1, 2])}, "index"),
        (lambda s: {"frame": s.frame.set_axis(["a", "b", "c"])}, "index"),
        (lambda s: {"head": Head(1e40, 0.0)}, "inspection.json"),
        (lambda s: {"model": 5}, "inspection.json"),
        (lambda s: {"entries": {"inspection.json": b"[]"}}, "format"),
        (lambda s: {"entries": {"inspection.json": b'{"format": 99}'}}, "format"),
        (lambda s: {"entries": {"inspection.json": b'{"format": 1}'}}, "KeyError"),
        (lambda s: {"entries": {"inspection.json": b"{" * 10_000}}, "JSONDecodeError"),
        (lambda s: {"entries": {"queries.npy": pickled()}}, "pickle"),
        (lambda s: {"entries": {"pairs.parquet": b"PAR1"}}, "Arrow"),
        (lambda s: {"entries": {"../evil": b""}}, "just"),
    ],
)
def test_a_snapshot_of_parts_that_do_not_fit_is_refused(scored, tmp_path, change, said):
    path = tmp_path / "one.zip"
    rewritten(scored, path)
    same(load_snapshot(path), scored)
    rewritten(scored, path, **change(scored))
    with pytest.raises(UserError, match=said):
        load_snapshot(path)
