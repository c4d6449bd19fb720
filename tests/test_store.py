"""Verdicts in their file: what stands, what survives, and what is told when it cannot be kept."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest

from dssm_core import store as module
from dssm_core.errors import UserError
from dssm_core.store import COLUMNS, VERDICTS, Store, default_path, open_store

AWKWARD = [
    "'); DROP TABLE verdict; --",
    '" OR 1=1 --',
    "🙂 naïve 你好 \u202e",
    "two\nlines\ttab",
    "nul\0inside",
    "",
    "x" * 100_000,
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "verdicts.sqlite"


def standing(store: Store) -> list[tuple[str, str, str]]:
    frame = store.verdicts()
    return list(frame[["query", "document", "verdict"]].itertuples(index=False, name=None))


# what stands


def test_the_latest_verdict_on_a_pair_wins(path):
    store = Store(path)
    store.judge("q", "a", "relevant")
    store.judge("q", "b", "unsure")
    store.judge("q", "a", "not relevant")
    assert standing(store) == [("q", "b", "unsure"), ("q", "a", "not relevant")]


def test_undo_takes_back_one_verdict_at_a_time_until_there_is_none(path):
    store = Store(path)
    first = store.judge("q", "a", "relevant", note="sure")
    second = store.judge("q", "a", "bad data", cause="torn")
    taken = store.undo(second)
    assert (taken["document"], taken["verdict"], taken["cause"]) == ("a", "bad data", "torn")
    assert standing(store) == [("q", "a", "relevant")]
    assert (store.undo(second), store.last()) == (None, first)
    assert store.undo(first)["note"] == "sure"
    assert standing(store) == []
    assert store.undo(first) is None
    assert (store.undo(99), store.last()) == (None, None)
    store.judge("q", "a", "unsure")
    assert standing(store) == [("q", "a", "unsure")]


def test_everything_about_a_verdict_comes_back_after_the_file_is_opened_again(path):
    number = Store(path).judge("q", "d", "bad data", "truncated", "a note", "doors", "abc123")
    (row,) = Store(path).verdicts().to_dict("records")
    at = row.pop("at")
    assert list(row.values()) == ["q", "d", "bad data", "truncated", "a note", "doors", "abc123"]
    assert abs(pd.Timestamp(at) - pd.Timestamp.now("UTC")) < pd.Timedelta(minutes=1)
    Store(path).undo(number)
    assert standing(Store(path)) == []


def test_a_clock_going_back_changes_neither_order_nor_undo(path, monkeypatch):
    store = Store(path)
    for year, verdict in ((2030, "relevant"), (2020, "unsure"), (1990, "not relevant")):
        monkeypatch.setattr(module, "_now", lambda year=year: f"{year}-01-01T00:00:00+00:00")
        number = store.judge("q", "d", verdict)
    assert standing(store) == [("q", "d", "not relevant")]
    assert store.undo(number)["at"].startswith("1990")
    assert standing(store) == [("q", "d", "unsure")]


@pytest.mark.parametrize("text", AWKWARD)
def test_any_text_is_stored_as_the_text_it_is(path, text):
    store = Store(path)
    store.judge("before", "d", "relevant")
    store.judge(text, text, "unsure", text, text, text, text)
    store.add_case({"query": text, "documents": [text]})
    row = Store(path).verdicts().iloc[1]
    assert [row[column] for column in COLUMNS if column not in ("verdict", "at")] == [text] * 6
    assert standing(store)[0] == ("before", "d", "relevant")
    assert store.cases() == [{"query": text, "documents": [text]}]


def test_texts_that_differ_by_case_or_white_space_are_other_pairs(path):
    store = Store(path)
    store.judge("q", "d", "relevant")
    store.judge("Q", "d", "unsure")
    store.judge("q", "d ", "bad data")
    assert len(standing(store)) == 3


def test_a_word_that_is_no_verdict_is_refused(path):
    with pytest.raises(
        UserError, match=r"There is no such verdict .*good.* relevant, not relevant"
    ):
        Store(path).judge("q", "d", "good")
    assert standing(Store(path)) == []


# many at once


def test_an_export_comes_back_whole(path, tmp_path):
    store = Store(path)
    for i, verdict in enumerate(VERDICTS):
        store.judge("q", f"d{i}", verdict, note=f"n{i}", model="m", fingerprint="f")
    other = Store(tmp_path / "other.sqlite")
    assert other.add_verdicts(store.verdicts()) == len(VERDICTS)
    pd.testing.assert_frame_equal(other.verdicts(), store.verdicts())


def test_an_import_is_taken_whole_or_not_at_all_and_names_the_row(path):
    store = Store(path)
    store.judge("q", "d", "relevant")
    rows = pd.DataFrame({"query": "r", "document": ["a", "b", "c"], "verdict": "unsure"})
    wrong = rows.assign(verdict=["unsure", "perhaps", "unsure"])
    with pytest.raises(UserError, match=r"no such verdict in row 2 \(found: perhaps\)"):
        store.add_verdicts(wrong)
    with pytest.raises(UserError, match="no such verdict in row 3"):
        store.add_verdicts(rows.assign(verdict=["unsure", "unsure", None]))
    with pytest.raises(UserError, match='no column "document"'):
        store.add_verdicts(rows.drop(columns="document"))
    assert standing(store) == [("q", "d", "relevant")]
    assert store.add_verdicts(rows.assign(note=["x", None, "y"])) == 3
    assert list(store.verdicts()["note"]) == ["", "x", "", "y"]


def test_an_import_that_fails_halfway_leaves_nothing_of_itself(path):
    store = Store(path)
    store.judge("q", "d", "relevant")
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON verdict WHEN NEW.document = 'c' "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
    database.close()
    rows = pd.DataFrame({"query": "r", "document": ["a", "b", "c"], "verdict": "unsure"})
    with pytest.raises(UserError, match=r"full.*nothing that was stored is lost"):
        store.add_verdicts(rows)
    assert standing(store) == [("q", "d", "relevant")]


def test_repro_cases_come_back_in_order(path):
    cases = [{"query": f"q{i}", "scores": [0.1, None], "nested": {"a": [1]}} for i in range(3)]
    for case in cases:
        Store(path).add_case(case)
    assert Store(path).cases() == cases


# several at once, and kills


def test_tabs_that_open_and_write_at_once_lose_nothing(path):
    failed: list[BaseException] = []
    barrier = threading.Barrier(4)

    def tab(name: int) -> None:
        try:
            barrier.wait()
            store = Store(path)  # all open a file that is not there yet
            for i in range(15):
                store.judge(f"tab {name}", f"d{i}", "relevant")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=tab, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    expected = {(f"tab {name}", f"d{i}", "relevant") for name in range(4) for i in range(15)}
    assert len(standing(Store(path))) == 60
    assert set(standing(Store(path))) == expected


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_store_waits_for_a_file_that_another_process_is_writing(path, there, lock):
    if there:
        Store(path).judge("q", "before", "relevant")
    path.parent.mkdir(exist_ok=True)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute(f"BEGIN {lock}")
    release = threading.Timer(0.3, other.rollback)
    release.start()
    Store(path).judge("q", "d", "relevant")
    release.join()
    other.close()
    assert standing(Store(path))[-1] == ("q", "d", "relevant")


def test_one_tab_sees_at_once_what_another_wrote(path):
    one, other = Store(path), Store(path)
    number = one.judge("q", "d", "relevant")
    assert standing(other) == [("q", "d", "relevant")]
    other.undo(number)
    assert standing(one) == []


@pytest.mark.slow
def test_a_kill_in_the_middle_of_writing_keeps_all_that_was_acknowledged(path):
    script = (
        "import itertools, pathlib, sys\n"
        "from dssm_core.store import Store\n"
        "store = Store(pathlib.Path(sys.argv[1]))\n"
        "for i in itertools.count():\n"
        "    store.judge('q', f'd{i}', 'relevant', note='x' * 5000)\n"
        "    print(i, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, f"{path}"], stdout=subprocess.PIPE, text=True
    ) as process:
        acknowledged = [int(process.stdout.readline()) for _ in range(30)]
        process.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in process.stdout.read().split("\n")[:-1]]
    kept = [document for _, document, _ in standing(Store(path))]
    assert kept[: len(acknowledged)] == [f"d{i}" for i in acknowledged]
    assert len(kept) <= len(acknowledged) + 1  # one may be on disk that was not told yet
    Store(path).judge("q", "after", "unsure")
    assert standing(Store(path))[-1] == ("q", "after", "unsure")


# what cannot be kept


def test_a_read_only_store_tells_of_a_write_that_another_process_left_unfinished(path, tmp_path):
    Store(path).judge("q", "d", "relevant")
    writing = sqlite3.connect(path)
    writing.execute("PRAGMA cache_size = 1")  # what is written does not wait for the end
    insert = f"INSERT INTO verdict ({', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    writing.executemany(insert, [("q", "e", "relevant", "", "x" * 4000, "", "", "")] * 50)
    killed = tmp_path / "killed"
    shutil.copytree(path.parent, killed)
    writing.close()
    with pytest.raises(UserError, match="Start once without DSSM_READ_ONLY"):
        Store(killed / path.name, read_only=True).verdicts()
    assert standing(Store(killed / path.name)) == [("q", "d", "relevant")]
    assert standing(Store(killed / path.name, read_only=True)) == [("q", "d", "relevant")]


def test_a_read_only_store_shows_what_is_there_and_keeps_nothing(path):
    Store(path).judge("q", "d", "relevant")
    Store(path).add_case({"query": "q"})
    demo = Store(path, read_only=True)
    rows = pd.DataFrame({"query": ["r"], "document": ["a"], "verdict": ["unsure"]})
    for change in (
        lambda: demo.judge("q", "e", "relevant"),
        lambda: demo.undo(1),
        lambda: demo.add_verdicts(rows),
        lambda: demo.add_case({}),
    ):
        with pytest.raises(UserError, match="read-only demo"):
            change()
    assert standing(demo) == [("q", "d", "relevant")]
    assert demo.cases() == [{"query": "q"}]


def test_a_read_only_store_makes_no_file(path):
    demo = Store(path, read_only=True)
    assert standing(demo) == []
    assert list(demo.verdicts().columns) == list(COLUMNS)
    assert (demo.cases(), demo.last()) == ([], None)
    assert not path.parent.exists()


def test_a_read_only_store_makes_no_file_beside_one_that_is_there(path, monkeypatch):
    Store(path).judge("q", "d", "relevant")
    before, beside, real = set(path.parent.iterdir()), set(), sqlite3.connect

    class Watched(sqlite3.Connection):
        def close(self) -> None:
            beside.update(path.parent.iterdir())
            super().close()

    monkeypatch.setattr(
        module.sqlite3, "connect", lambda *a, **choices: real(*a, **choices, factory=Watched)
    )
    assert standing(Store(path, read_only=True)) == [("q", "d", "relevant")]
    assert beside == before


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_that_is_no_database_is_told_and_left_alone(path, read_only):
    path.parent.mkdir()
    path.write_text("query,document,verdict\n" * 100)
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"verdicts\.sqlite cannot be used.*Move the file away"):
        Store(path, read_only).verdicts()
    assert path.read_bytes() == before


def test_a_damaged_file_is_told(path):
    store = Store(path)
    documents = [f"d{i} {'x' * 200}" for i in range(200)]
    store.add_verdicts(pd.DataFrame({"query": "q", "document": documents, "verdict": "unsure"}))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\x55" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"cannot be used.*malformed.*Move the file away"):
        Store(path).verdicts()


@pytest.mark.parametrize("place", ["a folder", "under a file"])
def test_a_place_that_cannot_hold_a_file_is_told(tmp_path, place):
    (tmp_path / "file").write_text("x")
    path = tmp_path if place == "a folder" else tmp_path / "file" / "v.sqlite"
    with pytest.raises(UserError, match="cannot be used"):
        Store(path)


def test_a_full_disk_is_told_and_earlier_verdicts_stay(path, monkeypatch):
    store, real = Store(path), sqlite3.connect
    store.judge("q", "d", "relevant")
    pages = path.stat().st_size // 4096 + 20

    def small(*arguments, **choices):
        database = real(*arguments, **choices)
        database.execute(f"PRAGMA max_page_count = {pages}")
        return database

    monkeypatch.setattr(module.sqlite3, "connect", small)
    store.judge("q", "e", "relevant")  # there is still room
    for change in (
        lambda: store.judge("q", "big", "relevant", note="x" * 1_000_000),
        lambda: store.add_case({"note": "x" * 1_000_000}),
    ):
        with pytest.raises(
            UserError, match=r"disk is full.*Free some space: nothing that was stored"
        ):
            change()
    assert standing(store) == [("q", "d", "relevant"), ("q", "e", "relevant")]
    monkeypatch.undo()
    store.judge("q", "big", "relevant", note="x" * 1_000_000)
    assert len(standing(store)) == 3
    assert store.cases() == []


def test_a_file_that_another_process_holds_is_told(path, monkeypatch):
    store, real = Store(path), sqlite3.connect
    holder = real(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(
        module.sqlite3, "connect", lambda *a, **choices: real(*a, **{**choices, "timeout": 0.05})
    )
    with pytest.raises(UserError, match=r"locked.*Another process uses it"):
        store.judge("q", "d", "relevant")
    assert standing(store) == []  # reading goes on
    holder.close()
    store.judge("q", "d", "relevant")
    assert standing(store) == [("q", "d", "relevant")]


@pytest.mark.parametrize("name", ["what? #1 100%.sqlite", "naïve 你好.sqlite"])
def test_the_file_may_have_any_name(tmp_path, name):
    Store(tmp_path / name).judge("q", "d", "relevant")
    assert (tmp_path / name).is_file()
    assert standing(Store(tmp_path / name, read_only=True)) == [("q", "d", "relevant")]


# which file


def test_the_file_is_the_one_that_the_environment_names(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", f"{tmp_path}")
    monkeypatch.delenv("DSSM_STORE", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    own = tmp_path / ".local" / "share" / "dssm-lens" / "verdicts.sqlite3"
    assert default_path() == own
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert default_path() == own
    monkeypatch.setenv("XDG_DATA_HOME", f"{tmp_path / 'data'}")
    assert default_path() == tmp_path / "data" / "dssm-lens" / "verdicts.sqlite3"
    monkeypatch.setenv("DSSM_STORE", "~/mine.sqlite3")
    assert default_path() == tmp_path / "mine.sqlite3"


@pytest.mark.parametrize(
    ("value", "read_only"), [(None, False), ("0", False), ("1", True), ("Yes", True)]
)
def test_the_environment_makes_the_store_read_only(path, monkeypatch, value, read_only):
    monkeypatch.setenv("DSSM_STORE", f"{path}")
    monkeypatch.delenv("DSSM_READ_ONLY", raising=False)
    if value is not None:
        monkeypatch.setenv("DSSM_READ_ONLY", value)
    store = open_store()
    assert (store.path, store.read_only, path.exists()) == (path, read_only, not read_only)
