"""Whatever comes in: no exception but UserError, no hang, bounded memory.

Some 500 inputs as a rule; DSSM_FUZZ=10000 asks for that many (docs/reliability.md). Each input is
made by a seed, told when it fails, so that it can be made again: `DSSM_FUZZ_SEED=123`.
"""

from __future__ import annotations

import base64
import contextlib
import faulthandler
import gzip
import io
import json
import os
import random
import string
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dssm_core.__main__ import main
from dssm_core.card import faithfulness_table, trust_sentence
from dssm_core.corpus import pairs as pairs_of
from dssm_core.corpus.checks import doubts
from dssm_core.corpus.pairs import read_pairs, stream_pairs
from dssm_core.errors import UserError
from dssm_core.folder import FAITHFULNESS, LARGEST, ModelFolder
from dssm_core.inspection.compare import load_snapshot
from dssm_core.repro.cases import read_cases
from dssm_core.runtimes.load import RUNTIMES
from dssm_core.store import Store
from dssm_core.text import hash_pieces, read, segment
from dssm_core.ui.common import state
from dssm_core.words import ENGLISH
from tests import tiny
from tests.tiny import AWKWARD, WordTowers, bare_folder, cpu_limit

INPUTS = int(os.environ.get("DSSM_FUZZ", "500"))
FIRST = int(os.environ.get("DSSM_FUZZ_SEED", "0"))
LONGEST = 60.0
"""Seconds of its own work that one input may take; as a rule it is a few milliseconds."""
HANGS = 900.0
"""Seconds after which an input that does not even answer a signal ends the run."""

BITS = [
    *AWKWARD.values(),
    *("", " ", "\n", "\r\n", "\t", "\0", '"', '""', ",", ";", "{", "}", "[", "]", ":", "\\"),
    *("query", "document", "label", "split", "train", "1", "0", "-1", "1e999", "NaN", "null"),
    *("\ufeff", "\u2028", "\u200b", "\u0301" * 50, "\ud800", "\U0010ffff", "ﷺ", "ſ", "İ", "ß" * 30),
    *("1" * 5000, "a1" * 3000, "-" * 3000, "'" * 3000, "a'" * 3000, "🏳️‍🌈" * 300, "เ" * 3000),
    *("https://example.invalid/" + "a/" * 500, "a@b.c" * 500, "$x^2$", "<b>", "=1+1", "../../etc"),
]
KINDS: dict[str, Callable[[random.Random, Path], None]] = {}


def kind(function: Callable[[random.Random, Path], None]) -> Callable[[random.Random, Path], None]:
    """Add a way to feed the program one input."""
    KINDS[function.__name__] = function
    return function


@contextlib.contextmanager
def only_trouble() -> Iterator[None]:
    """Let the one exception pass that a person is told of."""
    with contextlib.suppress(UserError):
        yield


# what is put in


def text(rng: random.Random) -> str:
    """Return awkward bits and characters of any kind, in a row."""
    parts = []
    for _ in range(rng.randrange(1, 12)):
        if rng.random() < 0.5:
            parts.append(rng.choice(BITS))
        else:
            most = rng.choice([0x7F, 0x2FF, 0xFFFF, 0x10FFFF])
            parts.append("".join(chr(rng.randrange(most)) for _ in range(rng.randrange(40))))
    return "".join(parts)


def value(rng: random.Random, depth: int = 3) -> Any:
    """Return any JSON value."""
    leaf = [None, True, -1, 0, 1, 2**31, 10**400, 0.5, float("nan"), float("inf"), text(rng)[:50]]
    if depth == 0 or rng.random() < 0.5:
        return rng.choice(leaf)
    inner = [value(rng, depth - 1) for _ in range(rng.randrange(4))]
    return inner if rng.random() < 0.5 else {text(rng)[:20]: item for item in inner}


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Return bytes with a few places cut, doubled, replaced, or turned by a bit."""
    found = bytearray(content)
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(found) + 1)
        end = min(len(found), at + rng.randrange(1, 30))
        new = rng.choice([b"", found[at:end] * 2, rng.randbytes(end - at), b"\0" * 8, b"9" * 30])
        found[at:end] = new
        if found and rng.random() < 0.5:
            found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def altered(values: Any, rng: random.Random) -> Any:
    """Return a JSON value with one place in it, however deep, replaced by another value."""
    if isinstance(values, dict) and values and rng.random() < 0.8:
        key = rng.choice(list(values))
        return {**values, key: altered(values[key], rng)}
    if isinstance(values, list) and values and rng.random() < 0.8:
        place = rng.randrange(len(values))
        return [*values[:place], altered(values[place], rng), *values[place + 1 :]]
    return value(rng)


def table(rng: random.Random) -> tuple[str, bytes]:
    """Return the name and content of a file of pairs that is nearly right."""
    columns = rng.sample(["query", "document", "label", "split", "q", "text", "", "a b"], 4)
    rows = [[text(rng)[: rng.choice([5, 60, 9_000])] for _ in columns] for _ in range(4)]
    ending = rng.choice(["csv", "tsv", "jsonl", "txt", "csv.gz", "jsonl.gz"])
    if "jsonl" in ending:
        lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]
        lines.insert(rng.randrange(5), json.dumps(value(rng)))
    else:
        separator = "\t" if ending == "tsv" else ","
        quoted = [
            ['"' + cell.replace('"', '""') + '"' if rng.random() < 0.9 else cell for cell in row]
            for row in rows
        ]
        lines = [separator.join(row) for row in [columns, *quoted]]
    content = "\n".join(lines).encode("utf-8", "surrogatepass" if rng.random() < 0.1 else "replace")
    if rng.random() < 0.4:
        content = mutated(content, rng)
    if ending.endswith("gz"):
        content = gzip.compress(content, 1)
        content = mutated(content, rng) if rng.random() < 0.3 else content
    return f"f.{ending}", content


# where it goes


@kind
def words(rng: random.Random, at: Path) -> None:
    given = text(rng)
    tokens = segment(given)
    assert all(0 <= t.start < t.end <= len(given) for t in tokens)
    read_tokens = read(given, {"red"}, rng.randrange(1, 9), rng.random() < 0.5)
    hash_pieces([t.text for t in read_tokens if t.is_read], 50, {"red"})


@kind
def pairs(rng: random.Random, at: Path) -> None:
    name, content = table(rng)
    with only_trouble():
        assert len(read_pairs(content, name))
    path = at / name
    path.write_bytes(content)
    with only_trouble():
        list(stream_pairs(path))


@kind
def columns(rng: random.Random, at: Path) -> None:
    name, content = table(rng)
    with only_trouble():
        doubts(*pairs_of.read(content, name))


@kind
def links(rng: random.Random, at: Path) -> None:
    view = {"model": "m", "query": "q", "documents": ["a", "b"], "threshold": 0.5, "selected": 1}
    content = zlib.compress(json.dumps(altered(view, rng)).encode())
    packed = base64.urlsafe_b64encode(content).decode()
    if rng.random() < 0.5:
        packed = mutated(packed.encode(), rng).decode("latin-1")
    with only_trouble():
        assert isinstance(state.unpack(packed), state.View)


@kind
def folders(rng: random.Random, at: Path) -> None:
    path = bare_folder(at / "m")
    (path / FAITHFULNESS).unlink(missing_ok=True)
    fingerprint = ModelFolder.open(path).fingerprint
    (path / FAITHFULNESS).write_text(json.dumps({**tiny.FAITHFULNESS, "fingerprint": fingerprint}))
    name = rng.choice([*LARGEST, *[FAITHFULNESS] * 3])
    file = path / name
    if name.endswith("json") and rng.random() < 0.6:
        file.write_text(json.dumps(altered(json.loads(file.read_text()), rng)))
    else:
        file.write_bytes(mutated(file.read_bytes(), rng))
    with only_trouble():
        folder = ModelFolder.open(path)
        for part in ("vocabulary", "metrics", "random_pairs", "examples", "scale", "bias"):
            getattr(folder, part)
        trust_sentence(folder, ENGLISH)
        if folder.faithfulness:
            faithfulness_table(folder.faithfulness)


@kind
def files(rng: random.Random, at: Path) -> None:
    case = {"query": "q", "documents": [{"document": "d", "label": 1, "verdict": None}]}
    case["documents"][0] |= {"cosine": 0.5, "probability": 0.5, "rank": 1}
    with only_trouble():
        read_cases(json.dumps(altered(case, rng)).encode())
    with only_trouble():
        load_snapshot(io.BytesIO(mutated(b"PK\x05\x06" + b"\0" * 18, rng)))
    path = at / "v.sqlite3"
    if not path.exists():
        Store(path).judge("q", "d", "unsure")
    damaged = at / "damaged.sqlite3"
    damaged.write_bytes(mutated(path.read_bytes(), rng))
    with only_trouble():
        Store(damaged).verdicts()
    for left in at.glob("damaged*"):
        left.unlink()


@kind
def commands(rng: random.Random, at: Path) -> None:
    path = bare_folder(at / "m")
    name, content = table(rng)
    (at / name).write_bytes(content)
    (at / "given.json").write_text(json.dumps(altered({"model": {"units": 8}}, rng)))
    (at / "given.jsonl").write_bytes(mutated(b'{"query": "q", "documents": []}\n', rng))
    raw = text(rng).encode("utf-8", "ignore")[:500]
    typed = os.fsdecode((mutated(raw, rng) if rng.random() < 0.3 else raw).replace(b"\0", b""))
    given = ["--model", rng.choice([str(path), typed])]
    source, number = rng.choice([str(at / name), typed]), rng.choice(["-1", "0", "3", "1e9", typed])
    command = rng.choice(
        [
            ["score", *given, "--query", typed, "--docs", source],
            ["evaluate", *given, "--pairs", source, "--seed", number],
            ["evaluate", *given, "--qrels", source, "--corpus", source, "--queries", source],
            ["robustness", *given, "--pairs", source, "--json"],
            ["inspect", "run", *given, "--pairs", source, "--negatives", number],
            ["inspect", "replay", str(at / "given.jsonl"), *given, "--tolerance", number],
            ["index", *given, "--corpus", source, "--out", str(at / "index")],
            ["prepare", source, "--negatives", number, "--out", str(at / "data")],
            ["train", "--pairs", typed, "--config", str(at / "given.json"), "--out", str(at / "t")],
            ["card", *given, "--examples", str(at / "given.jsonl")],
            ["faithfulness", *given, "--sample", number],
            [typed, number],
        ]
    )
    output = io.TextIOWrapper(io.BytesIO(), "utf-8")  # strict, as a terminal is
    errors = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace")
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            status = main(command)
        except SystemExit as stopped:  # argparse: a usage error, or a number that is none
            status = stopped.code
    assert status in (0, 1, 2, 3), command
    errors.seek(0)
    assert "Traceback" not in errors.read()


# the runs


@pytest.fixture
def no_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    """Towers that count words, so that a command is a matter of milliseconds."""
    monkeypatch.setitem(RUNTIMES, "numpy", lambda folder: WordTowers())
    monkeypatch.setenv("DSSM_STORE", "/nonexistent/verdicts.sqlite3")


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("no_keras")
def test_any_input_is_taken_or_refused_with_a_reason(name, tmp_path):
    for seed in range(FIRST, FIRST + -(-INPUTS // len(KINDS))):
        faulthandler.dump_traceback_later(HANGS, exit=True)  # where a hang hangs
        try:
            with cpu_limit(LONGEST):
                KINDS[name](random.Random(f"{name} {seed}"), tmp_path)
        except Exception as error:
            error.add_note(f"input {seed} of {name}: DSSM_FUZZ_SEED={seed}")
            raise
        finally:
            faulthandler.cancel_dump_traceback_later()


@given(st.text(alphabet=st.characters(), max_size=300), st.integers(1, 9))
@settings(max_examples=max(60, INPUTS // 10), deadline=None)
def test_hypothesis_finds_no_text_that_cannot_be_read(given_text, length):
    tokens = read(given_text, {"a"}, length)
    assert sum(t.is_read for t in tokens) <= length


@given(st.binary(max_size=400), st.sampled_from(["f.csv", "f.tsv", "f.jsonl", "f", "f.csv.gz"]))
@settings(max_examples=max(60, INPUTS // 10), deadline=None)
def test_hypothesis_finds_no_bytes_that_are_neither_table_nor_trouble(content, name):
    with only_trouble():
        read_pairs(content, name)


@pytest.mark.slow
def test_no_pattern_backtracks():
    """A pattern that looks again from each character would take hours for so long a text."""
    for bit in [*string.punctuation, "a", "1", "é", "你", "🙂", "a'", "1.", "\u0301", "a-", "ßs"]:
        with cpu_limit():
            segment(bit * 300_000)
