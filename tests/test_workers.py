"""Processes that work together: what they tell each other, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dssm_core.errors import UserError
from dssm_core.workers import ALONE, ROOM, run_together
from tests import ROOT, together

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spawning")]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


def test_totals_are_the_same_sums_on_all(tmp_path):
    run_together(partial(together.add, tmp_path), 3)
    long = [np.random.default_rng(rank).normal(size=ROOM // 4 + 5) for rank in range(3)]
    for rank in range(3):
        found = np.load(tmp_path / f"{rank}.npz")
        assert np.allclose(found["long"], np.sum(long, axis=0), atol=1e-5)
        assert found["whole"].tolist() == [[6, -3]]
        assert str(found["told"]) == "深度 of 0"
        assert float(found["first"]) == 7.5
    assert (np.load(tmp_path / "0.npz")["long"] == np.load(tmp_path / "2.npz")["long"]).all()


def test_one_alone_is_its_own_total():
    values = np.array([1.5, 2.0])
    assert (ALONE.total(values) == values).all()
    assert (ALONE.from_first(values) == values).all()
    assert ALONE.text_from_first("深度") == "深度"
    ALONE.wait()


@pytest.mark.parametrize(
    ("trouble", "kind", "text"),
    [
        ("killed", UserError, r"^Worker 2 of 2 ended .*-9.*goes on after the last whole epoch"),
        ("sizes", UserError, r"^The batch is too small .*\b3\b.* 4 or more"),
        ("disk", OSError, "No space left on device: 'x.npz'"),
    ],
)
def test_the_trouble_of_one_ends_all_in_one_sentence(trouble, kind, text, capfd):
    with pytest.raises(kind, match=text):
        run_together(partial(together.refuse, trouble), 2)
    assert capfd.readouterr().err == ""


def test_when_the_one_that_started_them_is_killed_they_end(tmp_path):
    code = (
        "import sys; from functools import partial; from pathlib import Path;"
        "from dssm_core.workers import run_together; from tests import together;"
        "run_together(partial(together.hang, Path(sys.argv[1])), 2)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT) as process:
        wait_for(lambda: len([p for p in tmp_path.glob("*.pid") if p.read_text()]) == 2)
        pids = [int(path.read_text()) for path in tmp_path.glob("*.pid")]
        assert all(map(is_running, pids))
        os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: not any(map(is_running, pids)))


def wait_for(condition) -> None:
    for _ in range(3_000):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to be")
