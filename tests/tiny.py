"""Small stand-ins that tests share: fake towers, a folder without a model, a tiny trained one."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import fcntl
import functools
import io
import itertools
import json
import shutil
import signal
import tempfile
import warnings
import zipfile
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dssm_core.text import Token, read
from dssm_core.towers import Encoding, Side

TOPICS = {
    "music": "guitar piano drum violin melody concert orchestra singer",
    "garden": "flower seed soil rake tomato watering lawn greenhouse",
    "kitchen": "oven knife recipe flour pepper saucepan baking stew",
    "sea": "boat anchor harbour sail tide lighthouse fishing wave",
    "sky": "planet telescope comet orbit galaxy moonlight eclipse star",
    "office": "printer meeting desk invoice calendar folder payroll memo",
    "sport": "football goal referee stadium sprint trophy racket marathon",
    "health": "doctor nurse bandage fever clinic vaccine surgery pulse",
}

SIZES: dict[str, dict[str, Any]] = {
    "model": {
        "query_length": 6,
        "document_length": 12,
        "vocabulary": 400,
        "embedding": 12,
        "units": 8,
        "hidden": 16,
        "vector": 12,
        "attention": 6,
        "lexical": 64,
    },
    "training": {"epochs": 3, "batch": 32, "learning_rate": 0.02, "patience": 0},
}
"""A --config of a model that trains in seconds and is far better than chance."""


def quiet(line: str) -> None:
    """Say nothing: a log that no test reads."""


def run_apart(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end in a thread of its own: Playwright's loop runs in that of the tests."""
    with ThreadPoolExecutor() as threads:
        return threads.submit(asyncio.run, coroutine).result()


def pairs(number: int = 300, seed: int = 1) -> pd.DataFrame:
    """Return pairs of a topic's words: query of two, document of four to seven, split 8:1:1."""
    rng = np.random.default_rng(seed)
    topics = [words.split() for words in TOPICS.values()]
    rows = []
    for i in range(number):
        words = rng.permutation(topics[i % len(topics)])
        document = [*words[1 : 4 + rng.integers(4)], "item", f"no{i}"]
        split = {8: "validation", 9: "test"}.get(i // len(topics) % 10, "train")
        rows.append([" ".join(words[:2]), " ".join(document), 1, split])
    return pd.DataFrame(rows, columns=["query", "document", "label", "split"])


@functools.cache
def scratch() -> Path:
    """Return a folder that lives as long as the test run."""
    path = Path(tempfile.mkdtemp(prefix="dssm-tests-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


SHARED: list[Path] = []
"""A folder that all processes of the test run share, once conftest.py has named it."""


@contextlib.contextmanager
def made_once(name: str) -> Iterator[Path]:
    """Give a path that all processes of the test run share, to one of them at a time.

    Whoever comes first makes what belongs there; the others find it.
    """
    folder = SHARED[0] if SHARED else scratch()
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder / name


@functools.cache
def pairs_file() -> Path:
    """Return a CSV file of `pairs`."""
    path = scratch() / "pairs.csv"
    pairs().to_csv(path, index=False)
    return path


@functools.cache
def trained() -> Path:
    """Return a model folder that `python -m dssm_core train` wrote, seconds on first use."""
    from dssm_core.__main__ import main

    config = scratch() / "config.json"
    config.write_text(json.dumps(SIZES))
    with made_once("tiny") as out:
        if out.exists():  # `train` writes it whole or not at all
            return out
        arguments = ["--pairs", f"{pairs_file()}", "--config", f"{config}", "--out", f"{out}"]
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            # Keras 3.15 saving under NumPy 2
            warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
            assert main(["train", *arguments]) == 0
    return out


def bare_folder(path: Path, **changed: bytes | None) -> Path:
    """Write a model folder that opens but holds no model, with some files changed (None: absent).

    Args:
        path: where.
        changed: contents by name, dots written as underscores.
    """
    files: dict[str, bytes | None] = {
        "config.json": json.dumps(CONFIG).encode(),
        "vocabulary.json": b'{"red": 3, "door": 1}',
        "metrics.json": b"{}",
        "examples.jsonl": json.dumps(EXAMPLE).encode() + b"\n",
        "random_pairs.npy": npy(np.array([0.4, -0.2, 0.0, 0.2], np.float32)),
        "model.keras": archive(["metadata.json", "config.json", "model.weights.h5"]),
    }
    files |= {name: changed.pop(name.replace(".", "_"), files[name]) for name in [*files]}
    assert not changed, changed
    path.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if content is not None:
            (path / name).write_bytes(content)
    return path


CONFIG: dict[str, Any] = {
    "format": 1,
    "family": "lstm",
    "model": {"vocabulary": 400},
    "head": {"scale": 4.0, "bias": -1.0},
    "text": {"rows": 400, "query_length": 4, "document_length": 8},
}

EXAMPLE = {
    "title": "A door",
    "note": "Two documents.",
    "query": "red door",
    "documents": ["a red door", "a blue wall"],
}


_SIDE: dict[str, Any] = {
    "pairs": 40,
    "times": {"attention": {"mean": 0.98, "low": 0.9, "high": 1.06}},
    "deletion": {"attention": [0.8, 0.5, 0.4], "random": [0.8, 0.6, 0.5]},
    "insertion": {"attention": [0.0, 0.5, 0.6], "random": [0.0, 0.3, 0.4]},
}
FAITHFULNESS: dict[str, Any] = {
    "seed": 3,
    "pairs": 50,
    "least": 0.25,
    "times": {
        "attention": {"mean": 1.94, "low": 1.5, "high": 2.4},
        "effect": {"mean": 3.42, "low": 3.0, "high": 3.9},
    },
    "sides": {"query": _SIDE, "document": {**_SIDE, "pairs": 41, "times": {}}},
}
"""How well explanations do, as a model folder holds it, less the fingerprint."""


def npy(values: np.ndarray, allow_pickle: bool = False) -> bytes:
    """Return an array as the bytes of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=allow_pickle)
    return buffer.getvalue()


def archive(names: Sequence[str], content: bytes = b"{}") -> bytes:
    """Return a zip archive of files by these names, the same bytes at any time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name in names:
            target.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


class WordTowers:
    """Towers that count words: a text's vector says how often each of `words` is in it.

    Attention falls evenly on the tokens read. `calls` records what each call was asked for.
    """

    has_attention = True

    def __init__(
        self,
        words: str = "red blue door wall",
        scale: float = 4.0,
        bias: float = -1.0,
        lengths: Mapping[Side, int] | None = None,
    ) -> None:
        self.words, self.scale, self.bias = words.split(), scale, bias
        self.lengths = lengths or {"query": 4, "document": 8}
        self.calls: list[tuple[Side, list[str]]] = []

    def encode(self, texts: Sequence[str], side: Side) -> list[Encoding]:
        """Encode texts in order."""
        self.calls.append((side, list(texts)))
        return [
            self._encoding(text, tuple(read(text, self.words, self.lengths[side])))
            for text in texts
        ]

    def _encoding(self, text: str, tokens: tuple[Token, ...]) -> Encoding:
        known = [token.text for token in tokens if token.is_read]
        vector = np.array([known.count(word) for word in self.words], np.float32)
        weights = np.array([token.is_read / max(1, len(known)) for token in tokens], np.float32)
        return Encoding(text, tokens, vector, weights)

    def encoded(self) -> list[str]:
        """Return all texts that were encoded, in order."""
        return list(itertools.chain.from_iterable(texts for _, texts in self.calls))


AWKWARD = {
    "symbols": "+ = 🙂 → €",
    "unknown": "zzyzx qwrtp",
    "long": "word " * 20_000,
    "one word": "a" * 100_000,
    "mixed": "naïve Привет 你好 สวัสดี ½ ①",
    "control": "a\x07b\x1bc",
    "script": "<script>alert(1)</script>",
    "markdown": "# head **bold** [link](javascript:alert(1)) $x^2$",
    "formula": '=HYPERLINK("http://example.invalid")',
    "bidi": "abc\u202edef",
}


@contextlib.contextmanager
def cpu_limit(seconds: float = 60.0) -> Iterator[None]:
    """Fail what takes longer on the processor, however busy the machine is with other things."""

    def stop(*_: object) -> None:
        raise AssertionError(f"not over after {seconds:.0f} s of this process's own work")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
