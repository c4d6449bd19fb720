"""Tables, links and texts made on purpose are refused in bounded time and memory.

Beside tests/ui/compare/test_links.py.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
import resource
import string
import subprocess
import sys
import zlib
from dataclasses import asdict

import pytest

from dssm_core.corpus import opening, records
from dssm_core.corpus.pairs import read_pairs, stream_pairs
from dssm_core.corpus.reading import Choices, read_table, roles_of
from dssm_core.errors import UserError
from dssm_core.folder import LARGEST
from dssm_core.towers import EncodingCache
from dssm_core.ui.common import state
from tests import ROOT
from tests.project.hostile import measured
from tests.tiny import EXAMPLE, WordTowers, bare_folder, cpu_limit

# tables


def test_many_short_lines_in_a_small_gzip_are_refused_before_they_are_cut():
    content = gzip.compress(b"query,document\n" + b"a,b\n" * 3_000_000)
    assert len(content) < 50_000
    for read in (read_pairs, read_table):
        found, calls, megabytes = measured(lambda read=read: read(content, "bomb.csv.gz"))
        assert "bomb.csv.gz has over 2,000,000 lines" in found
        assert calls < 10_000
        assert megabytes < 1.1 * opening.MAX_BYTES / 1e6


@pytest.mark.parametrize("is_packed", [True, False], ids=["gzip", "plain"])
def test_a_file_of_too_many_bytes_is_refused_in_little_memory(monkeypatch, is_packed):
    monkeypatch.setattr(opening, "MAX_BYTES", 1 << 20)
    content = b"query,document\na," + b"b" * (60 << 20) + b"\n"
    given = gzip.compress(content, 1) if is_packed else content
    for read in (read_pairs, read_table):
        found, _, megabytes = measured(lambda read=read: read(given, "f.csv"))
        assert "f.csv is larger than 1 MiB" in found
        assert megabytes < 8


def test_many_lines_of_json_are_refused_before_they_are_parsed():
    content = gzip.compress(b"{}\n" * 3_000_000)
    found, calls, megabytes = measured(lambda: read_table(content, "bomb.jsonl.gz"))
    assert "over 2,000,000 lines" in found
    assert calls < 10_000
    assert megabytes < 1.1 * opening.MAX_BYTES / 1e6


@pytest.mark.parametrize("read", [read_pairs, read_table])
@pytest.mark.parametrize("name", ["wide.csv", "wide.tsv"])
def test_a_header_of_a_million_columns_is_refused_at_once(read, name):
    separator = b"\t" if name.endswith("tsv") else b","
    content = b"query" + separator * 1_000_000 + b"document\n"
    found, calls, _ = measured(lambda: read(content, name))
    assert f"{name} has over 1,000 columns" in found
    assert calls < 10_000


@pytest.mark.slow
def test_a_stream_with_a_million_columns_is_refused_at_once(tmp_path):
    wide = {"query": "a", "document": "b", **dict.fromkeys(map(str, range(5_000)), "")}
    for name, content in (("w.csv", "query," * 500_000 + "\n"), ("w.jsonl", json.dumps(wide))):
        path = tmp_path / name
        path.write_text(content)
        found, calls, _ = measured(lambda path=path: next(stream_pairs(path)))
        assert "over 1,000 columns" in found
        assert calls < 50_000


def test_lines_of_json_with_a_key_each_do_not_make_a_square():
    lines = (json.dumps({f"k{i}": "v"}) for i in range(10_000))
    content = "\n".join(lines).encode()
    found, calls, _ = measured(lambda: read_table(content, "keys.jsonl"))
    assert "over 1,000 columns" in found
    assert calls < 2_000_000


def test_a_table_of_too_many_cells_is_refused(monkeypatch):
    monkeypatch.setattr(records, "MAX_CELLS", 1_000)
    rows = "\n".join(",".join("ab" * 10) for _ in range(60))
    header = ",".join(f"c{i}" for i in range(20))
    with pytest.raises(UserError, match="over 1,000 cells"):
        read_table(f"{header}\n{rows}".encode(), "cells.csv")


@pytest.mark.parametrize(
    "cell", ["1" * 300_000 + " x", "a1" * 150_000 + "é?", "-" * 300_000 + "!", "a" * 300_000 + "?"]
)
def test_a_long_cell_is_looked_at_once(cell):
    content = f"one,two\n{cell},b\n{cell},c\n".encode()
    with cpu_limit():  # looked at again from each character, it would take hours
        roles_of(read_table(content, "long.csv"), Choices())


def test_formulas_and_markup_in_a_table_stay_text():
    content = b"query,document\n\"=cmd|'/c calc'!A1\",<script>alert(1)</script>\n"
    (row,) = read_pairs(content, "f.csv").to_dict("records")
    assert row["query"] == "=cmd|'/c calc'!A1"
    assert row["document"] == "<script>alert(1)</script>"


# links


def test_a_link_that_is_longer_than_a_link_may_be_is_not_unpacked():
    def link(letters: int) -> str:
        text = "".join(random.Random(0).choices(string.ascii_letters, k=letters))
        view = {"model": "m", "query": text, "documents": ["d"], "threshold": 0.5}
        content = json.dumps({**view, "selected": 1, "second": ""}).encode()
        return base64.urlsafe_b64encode(zlib.compress(content)).decode().rstrip("=")

    assert len(link(7_000)) < 8_000 < len(link(9_000))
    assert len(state.unpack(link(7_000)).query) == 7_000
    with pytest.raises(UserError, match="too long"):
        state.unpack(link(9_000))


def test_a_link_that_unpacks_to_gigabytes_is_refused_in_little_memory():
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"a" * 1_000_000) for _ in range(5)) + packer.flush()
    link = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    assert len(link) <= state.MAX_LINK
    found, calls, megabytes = measured(lambda: state.unpack(link))
    assert "too large" in found
    assert calls < 10_000
    assert megabytes < 20


def test_every_link_that_is_made_can_be_read():
    def view(letters: int) -> state.View:
        return state.View("m", "a" * letters, ("d",), 0.5, 1)

    most = state.MAX_SHARED - len(json.dumps(asdict(view(0))))
    link = state.pack(view(most))
    assert link
    assert state.unpack(link) == view(most)
    assert state.pack(view(most + 1)) is None


@pytest.mark.parametrize(
    "values",
    [
        {"threshold": float("nan")},
        {"threshold": "1" * 5_000},
        {"selected": float("inf")},
        {"selected": "9" * 5_000},
        {"documents": [["a"]]},
        {"documents": {"a": "b"}},
        {"query": None},
        {"model": {}},
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_link_of_the_wrong_kinds_is_refused(values):
    good = {"model": "m", "query": "q", "documents": ["a"], "threshold": 0.5, "selected": 1}

    def link(**changed: object) -> str:
        content = json.dumps({**good, "second": "", **changed}).encode()
        return base64.urlsafe_b64encode(zlib.compress(content)).decode()

    assert state.unpack(link()).query == "q", "or it is refused for another reason"
    with pytest.raises(UserError, match="This link cannot be read"):
        state.unpack(link(**values))


# texts that are typed


def test_long_texts_do_not_fill_the_memory_that_all_sessions_share():
    towers = WordTowers()
    cache = EncodingCache(towers, max_tokens=2_000)
    texts = [f"{number} " + "a " * 900 for number in range(40)]
    for text in texts:
        assert cache.encode([text], "document")[0].text == text
    cache.encode(["a " * 3_000], "document")  # too long to keep at all, and answered all the same
    towers.calls.clear()
    short = [f"a {number}" for number in range(100)]
    cache.encode([texts[-1], *short], "document")
    cache.encode([texts[0], *short], "document")
    cache.encode(short, "document")
    assert towers.encoded() == [texts[-1], *short, texts[0]], "the shorter ones are kept"


# all of it under a limit that the system keeps


@pytest.mark.slow
def test_hostile_files_are_refused_by_a_process_that_may_not_take_much_memory(tmp_path):
    """The same refusals where memory beyond 3 GB of addresses is not given."""
    tables = {
        "lines.csv.gz": gzip.compress(b"query,document\n" + b"a,b\n" * 20_000_000, 1),
        "wide.csv": b"," * 2_000_000,
        "deep.jsonl": b'{"a":' * 200_000,
    }
    for name, content in tables.items():
        (tmp_path / name).write_bytes(content)
    bare_folder(tmp_path / "m", examples_jsonl=(json.dumps(EXAMPLE) + "\n").encode() * 10_000)
    assert LARGEST["examples.jsonl"] > (tmp_path / "m" / "examples.jsonl").stat().st_size
    code = """
import sys
from pathlib import Path
from dssm_core.corpus.reading import read_table
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
for name in sys.argv[2:]:
    try:
        read_table(Path(sys.argv[1], name))
    except UserError as error:
        print(error)
print(len(ModelFolder.open(Path(sys.argv[1], "m")).examples))
"""
    found = subprocess.run(
        [sys.executable, "-c", code, f"{tmp_path}", *tables],
        capture_output=True,
        text=True,
        timeout=600,
        env={"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30)),
    )
    lines = found.stdout.splitlines()
    assert found.returncode == 0, found.stderr
    assert "over 2,000,000 lines" in lines[0]
    assert "over 1,000 columns" in lines[1]
    assert "not JSON" in lines[2]
    assert lines[3] == "10000"
