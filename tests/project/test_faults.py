"""Faults from outside, each by a real process or a real file system: old or new, never half.

Beside test_store.py (kill during a verdict, full disk, corrupt file, clock), test_negatives.py and
test_training.py (exceptions during prepare and training): here the kernel kills.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pytest

from dssm_core.errors import UserError
from dssm_core.folder import LARGEST, ModelFolder, write_folder
from dssm_core.inspection.compare import load_snapshot
from dssm_core.runtimes.load import load_towers
from dssm_core.search.index import open_index, write_index
from dssm_core.search.nearest import VectorSearch
from dssm_core.store import Store
from dssm_core.ui.common import state
from tests import ROOT, tiny
from tests.tiny import bare_folder

pytestmark = pytest.mark.slow


def started(code: str, *arguments: object, **env: str) -> subprocess.Popen[str]:
    """Start a process of ours that says when it is under way."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **env},
    )


def killed(process: subprocess.Popen[str], after: str, seconds: float = 0.0) -> list[str]:
    """Kill a process some time after a line of it; return the lines that it had said."""
    said = []
    with process:
        for line in process.stdout:
            said.append(line.rstrip("\n"))
            if line.startswith(after):
                break
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read().splitlines()
    assert process.returncode == -signal.SIGKILL, said
    return said


# kill -9


SAVE = """
import itertools, sys
from pathlib import Path
from dssm_core.folder import write_folder
out, size = Path(sys.argv[1]), int(sys.argv[2])
for i in itertools.count(1):
    content = f"{i:09}".encode() * size
    write_folder(out, {name: content for name in ("a", "b", "c")})
    if i == 3:
        print("under way", flush=True)
"""


@pytest.mark.parametrize("seconds", [0.0, 0.011, 0.023, 0.037])
def test_a_kill_while_a_folder_is_saved_again_and_again_leaves_a_whole_one(tmp_path, seconds):
    out = tmp_path / "m"
    killed(started(SAVE, out, 20_000), "under way", seconds)
    beside = tmp_path / ".m.old"
    assert out.exists() or sys.platform != "linux"
    found = out if out.exists() else beside  # where folders cannot be swapped in one step
    contents = {path.name: path.read_bytes() for path in found.iterdir()}
    assert set(contents) == {"a", "b", "c"}
    assert len(set(contents.values())) == 1, "one version, not two"
    assert len(contents["a"]) == 9 * 20_000
    write_folder(out, {"a": b"new", "b": b"new", "c": b"new"})
    assert {path.read_bytes() for path in out.iterdir()} == {b"new"}
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_kill_between_the_two_renames_of_a_save_loses_no_folder(tmp_path):
    code = """
import os, sys
from pathlib import Path
from dssm_core import files
from dssm_core.folder import write_folder
files._exchange = lambda one, other: False
out = Path(sys.argv[1])
write_folder(out, {"a": b"old"})
(out / "mine.csv").write_text("precious")
real = Path.rename
def rename(path, target):
    if path.name == ".m.new":
        os.kill(os.getpid(), 9)
    return real(path, target)
Path.rename = rename
write_folder(out, {"a": b"new"})
"""
    with started(code, tmp_path / "m") as process:
        process.communicate(timeout=600)
    assert process.returncode == -signal.SIGKILL
    write_folder(tmp_path / "m", {"a": b"newer"})
    assert (tmp_path / "m" / "a").read_bytes() == b"newer"
    assert (tmp_path / "m" / "mine.csv").read_text() == "precious"


PREPARE = """
import sys, time
from pathlib import Path
from dssm_core.corpus.negatives import NegativesConfig, prepare_negatives
def log(line):
    print(line, flush=True)
    time.sleep(float(sys.argv[3]))
prepare_negatives(Path(sys.argv[1]), Path(sys.argv[2]), NegativesConfig(2, shard=20), log=log)
print("finished")
"""


def shards(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("epoch-*/*.parquet"))}


def test_a_kill_during_prepare_is_made_good_by_running_it_again(tmp_path):
    pairs, whole, cut = tiny.pairs_file(), tmp_path / "whole", tmp_path / "cut"
    for out in (whole, cut):
        if out == cut:
            said = killed(started(PREPARE, pairs, out, 0.02), "epoch 1/1: 4/")
            done = shards(out)
            assert 4 <= len(done) < len(shards(whole))
            assert not (out / "manifest.json").exists(), "half a run does not pass for a whole one"
            assert "finished" not in said
        with started(PREPARE, pairs, out, 0) as process:
            assert "finished" in process.communicate(timeout=600)[0]
    assert shards(cut) == shards(whole)
    assert (cut / "manifest.json").read_bytes() == (whole / "manifest.json").read_bytes()


TRAIN = """
import sys, warnings
warnings.simplefilter("ignore")
from dssm_core.__main__ import main
sys.exit(main(["train", *sys.argv[1:]]))
"""


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_kill_during_training_leaves_the_old_model_and_the_next_run_goes_on(tmp_path, capsys):
    from dssm_core.__main__ import main

    out, config = tmp_path / "m", tmp_path / "config.json"
    shutil.copytree(tiny.trained(), out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    config.write_text(json.dumps(tiny.SIZES))
    given = ["--pairs", f"{tiny.pairs_file()}", "--config", f"{config}", "--out", f"{out}"]
    said = killed(started(TRAIN, *given), "epoch 1/")
    assert not any(line.startswith("wrote") for line in said)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    capsys.readouterr()
    assert main(["train", *given]) == 0
    output = capsys.readouterr().out
    assert "resumed after epoch" in output
    assert "epoch 1/" not in output
    assert len(pd.read_csv(out / "history.csv")) == 3
    assert load_towers(ModelFolder.open(out)).encode(["guitar"], "query")[0].is_readable
    assert not list(tmp_path.glob(".m*"))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_kill_while_an_epoch_is_being_kept_loses_no_more_than_that_epoch(
    tmp_path, run, monkeypatch
):
    from dssm_core.training import trainer

    config, kept = tmp_path / "config.json", []
    config.write_text(json.dumps(tiny.SIZES))
    given = ("train", "--pairs", tiny.pairs_file(), "--config", config, "--out", tmp_path / "m")
    save = trainer.np.savez

    def half(file: IO[bytes], **arrays: Any) -> None:
        kept.append(file.name)
        save(file, **arrays)
        if len(kept) == 2:
            file.truncate(file.tell() // 2)
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(trainer.np, "savez", half)
        assert run(*given)[0] != 0
    assert len(kept) == 2
    status, said, _ = run(*given)
    assert status == 0
    assert "resumed after epoch 1" in said


HARD = {**tiny.SIZES, "hard": {"epochs": 1, "batch": 16}}


def train_hard(at: Path) -> list[str]:
    """Return the arguments of a training with hard negatives, whose files are all in one place."""
    given = ("--pairs", at / "pairs.csv", "--config", at / "config.json", "--out", at / "m")
    return ["train", *map(str, given), "--hard", "3"]


@pytest.fixture(scope="module")
def killed_hard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what is left of such a training that was killed in its second part."""
    at = tmp_path_factory.mktemp("hard")
    shutil.copy(tiny.pairs_file(), at / "pairs.csv")
    long = {**HARD, "hard": {"epochs": 60, "batch": 16}}
    (at / "config.json").write_text(json.dumps(long))
    said = killed(started(TRAIN, *train_hard(at)[1:]), "epoch 1/1: 1/1 shards")
    assert any(line.startswith("epoch 3/3: loss") for line in said)
    assert not (at / "m").exists()
    (at / "config.json").write_text(json.dumps(HARD))
    return at


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_kill_after_hard_negatives_were_drawn_keeps_them_and_the_first_training(
    killed_hard, tmp_path, run
):
    at = shutil.copytree(killed_hard, tmp_path / "copy")
    status, said, _ = run(*train_hard(at))
    assert status == 0
    assert "epoch 3/3" not in said
    assert "1/1 shards" not in said
    assert ModelFolder.open(at / "m").config["training"]["epochs"] == 1
    assert {path.name for path in at.iterdir()} == {"m", "pairs.csv", "config.json"}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_what_a_killed_training_left_is_not_taken_for_that_of_other_pairs(
    killed_hard, tmp_path, run
):
    at = shutil.copytree(killed_hard, tmp_path / "copy")
    pairs = at / "pairs.csv"
    pairs.write_bytes(pairs.read_bytes().replace(b"guitar", b"banjo"))
    status, said, _ = run(*train_hard(at))
    assert status == 0
    assert "epoch 3/3: loss" in said
    assert "1/1 shards" in said
    assert "banjo" in ModelFolder.open(at / "m").vocabulary


def test_a_kill_during_an_index_or_a_snapshot_leaves_the_old_one(tmp_path):
    import numpy as np

    folder = ModelFolder.open(bare_folder(tmp_path / "m"))
    path = tmp_path / "index"
    write_index(path, folder, VectorSearch(("a", "b"), np.eye(2, dtype=np.float32)))
    code = """
import os, sys
from pathlib import Path
import numpy as np
from dssm_core.folder import ModelFolder
from dssm_core.inspection.compare import save_snapshot
from dssm_core.inspection.score_pairs import inspect_pairs
from dssm_core.search import index
from dssm_core.scoring import Scorer
from dssm_core.corpus.pairs import read_pairs
from tests.tiny import WordTowers
at, what = Path(sys.argv[1]), sys.argv[2]
folder = ModelFolder.open(at / "m")
die = lambda *given, **named: os.kill(os.getpid(), 9)
if what == "index":
    index.json.dumps = die
    search = index.VectorSearch(("c",), np.ones((1, 2), np.float32))
    index.write_index(at / "index", folder, search)
pairs = read_pairs(b"query,document\\nred,a red door\\n", "p.csv")
inspection = inspect_pairs(Scorer(folder, WordTowers()), pairs)
save_snapshot(inspection, at / "s.zip")
os.replace = die
save_snapshot(inspection, at / "s.zip")
"""
    for what in ("index", "snapshot"):
        with started(code, tmp_path, what) as process:
            process.communicate(timeout=600)
        assert process.returncode == -signal.SIGKILL
    assert open_index(path, folder).documents == ("a", "b")
    assert len(load_snapshot(tmp_path / "s.zip").frame) == 1


# a place that cannot be written


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """Return a folder that nobody may write into, root neither where the system allows it."""
    path = tmp_path / "fixed"
    path.mkdir()
    path.chmod(0o555)
    if os.geteuid() == 0:  # root may write anywhere but where there is no place to write to
        path = Path("/proc/self")
    yield path
    (tmp_path / "fixed").chmod(0o755)


def test_nothing_that_is_written_fails_otherwise_than_by_saying_where(read_only, tmp_path, capsys):
    from dssm_core.__main__ import main

    (tmp_path / "docs.txt").write_text("a red door\n")
    with pytest.raises(UserError, match="cannot be written"):
        write_folder(read_only / "m", {"a": b"1"})
    with pytest.raises(UserError, match="cannot be used"):
        Store(read_only / "v.sqlite3").judge("q", "d", "unsure")
    for command in (
        ["prepare", f"{tiny.pairs_file()}", "--negatives", "2", "--out", f"{read_only}/data"],
        ["prepare", "notebook-toy", "--out", f"{read_only}/toy"],
    ):
        assert main(command) == 1
        said = capsys.readouterr().err
        assert said.splitlines()[-1].startswith("prepare: ")
        assert "Traceback" not in said


# a model folder that changes under the page


@pytest.mark.skipif(sys.platform != "linux", reason="folders are swapped in two steps elsewhere")
def test_a_model_swapped_while_it_is_used_is_never_away(tmp_path):
    """A reader that opens the folder all the time, as pages do, while it is written anew."""
    out, stop = tmp_path / "m", threading.Event()
    files = {}
    for name, count in (("old", 3), ("new", 5)):
        path = bare_folder(tmp_path / name, vocabulary_json=b'{"red": %d}' % count)
        content = {file.name: file.read_bytes() for file in path.iterdir()}
        config = json.loads(content["config.json"])
        config["head"]["bias"] = -float(count)
        files[name] = {**content, "config.json": json.dumps(config).encode()}
    write_folder(out, files["old"])
    seen: list[tuple[float, int]] = []
    failed: list[BaseException] = []

    def look() -> None:
        while not stop.is_set():
            try:
                folder = ModelFolder.open(out)
                seen.append((-folder.bias, folder.vocabulary["red"]))
            except BaseException as error:
                failed.append(error)
                return

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for i in range(60):
        write_folder(out, files["new" if i % 2 else "old"])
    stop.set()
    for reader in readers:
        reader.join()
    assert failed == []
    assert {bias for bias, _ in seen} | {count for _, count in seen} <= {3, 5}
    # opened before a swap, read after it: of two models, which loading refuses by the head
    assert sum(bias == count for bias, count in seen) > 0.5 * len(seen)


def test_a_scorer_goes_on_when_its_folder_is_gone_and_a_new_folder_is_a_new_model(tmp_path):
    from dssm_core.scoring import Scorer
    from tests.tiny import WordTowers

    path = bare_folder(tmp_path / "m")
    scorer = Scorer(ModelFolder.open(path), WordTowers())
    before = scorer.score("red door", ["a red door"]).results[0].cosine
    first = state.live_model(ModelFolder.open(path))
    shutil.rmtree(path)
    assert scorer.score("red door", ["a red door"]).results[0].cosine == before
    bare_folder(path)
    os.utime(path / "model.keras", ns=(1, 1))  # written anew, by a clock that went back
    assert state.live_model(ModelFolder.open(path)) is not first
    assert set(LARGEST) <= {file.name for file in path.iterdir()}


# two processes, one store


JUDGE = """
import sys
from pathlib import Path
from dssm_core.store import Store
store = Store(Path(sys.argv[1]))
print("open", flush=True)
for i in range(int(sys.argv[3])):
    store.judge(sys.argv[2], f"d{i}", "relevant")
print("finished")
"""


def test_two_processes_on_one_store_lose_nothing(tmp_path):
    path = tmp_path / "v.sqlite3"
    processes = [started(JUDGE, path, name, 25) for name in ("one", "other")]
    for process in processes:
        with process:
            output, errors = process.communicate(timeout=600)
        assert "finished" in output, errors
    frame = Store(path).verdicts()
    assert sorted(frame.groupby("query").size().items()) == [("one", 25), ("other", 25)]


def test_one_process_killed_in_the_middle_does_not_lock_the_other_out(tmp_path):
    path = tmp_path / "v.sqlite3"
    killed(started(JUDGE, path, "one", 100_000), "open", 0.1)
    store = Store(path)
    store.judge("other", "d", "unsure")
    assert list(store.verdicts()["query"])[-1] == "other"


# the clock


@pytest.mark.parametrize("change", [-86_400 * 365, 86_400 * 365], ids=["back", "ahead"])
def test_a_clock_that_jumps_moves_no_result(tmp_path, monkeypatch, change):
    real: Callable[[], float] = time.time
    store = Store(tmp_path / "v.sqlite3")
    store.judge("q", "d", "relevant")
    monkeypatch.setattr(time, "time", lambda: real() + change)
    store.judge("q", "d", "unsure")
    assert store.verdicts()["verdict"].tolist() == ["unsure"]
    folder = ModelFolder.open(bare_folder(tmp_path / "m"))
    other = ModelFolder.open(bare_folder(tmp_path / "n"))
    for file in other.path.iterdir():
        os.utime(file, (0, 0))
    assert folder.fingerprint == other.fingerprint, "by content, not by time"
