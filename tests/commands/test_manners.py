"""How each command behaves towards its terminal and its neighbours, as a process of its own."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from dssm_core.__main__ import main, parser
from dssm_core.files import claimed
from dssm_core.repro.cases import Case, write_cases
from dssm_core.scoring import Scorer
from tests import ROOT, tiny
from tests.encoders import labelled_pairs, static_folder
from tests.project.parsers import choices

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="signals and permissions are others elsewhere"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


class Example(NamedTuple):
    """A call of a command.

    Attributes:
        arguments: {at} is where its input is, {out} where it writes.
        middle: a function that is called in the middle of its work.
        json: the file of its JSON, "-" for standard output; "" if it has none.
    """

    arguments: str
    middle: str
    json: str = "-"


WRITE, ENCODE = "dssm_core.files:_sync", "dssm_core.towers:TextTowers.encode"
PAIRS = "--pairs {at}/naïve.csv"

EXAMPLES = {
    "adopt": Example("{at}/static --pairs {at}/numbers.csv --out {out}/ï", WRITE, ""),
    "prompts": Example(
        "--model {at}/prompted --pairs {at}/numbers.csv --json",
        "dssm_core.runtimes.encoder:EncoderTowers.encode",
    ),
    "carry": Example(
        f"--model {{at}}/tiny --against {{at}}/tiny --cosine 0.5 {PAIRS} --json", ENCODE
    ),
    "probes": Example(f"--model {{at}}/tiny {PAIRS} --json {{out}}/p.json", WRITE, "p.json"),
    "prepare": Example("{at}/naïve.csv --negatives 2 --out {out}/ï --json", WRITE),
    "train": Example(
        "--pairs {at}/train.csv --config {at}/config.json --out {out}/ï --json", WRITE
    ),
    "card": Example("--model {out}/tiny", WRITE, ""),
    "faithfulness": Example("--model {out}/tiny --sample 60", WRITE, ""),
    "evaluate": Example(f"--model {{at}}/tiny {PAIRS} --run {{out}}/ï --json", WRITE),
    "robustness": Example("--model {at}/tiny --pairs {at}/tiny/pairs.csv --json", ENCODE),
    "score": Example("--model {at}/tiny --query oven --docs {at}/docs.txt --json", ENCODE),
    "systems": Example("--json", "dssm_core.models.systems:_layers"),
    "toy": Example("--json", "dssm_core.models.toy:toy_data"),
    "index": Example("--model {at}/tiny --corpus {at}/docs.txt --out {out}/ï --json", WRITE),
    "encode": Example("{at}/docs.txt --model {at}/tiny --out {out}/ï --json", WRITE),
    "inspect run": Example(
        f"--model {{at}}/tiny {PAIRS} --out {{out}}/ï.html --json {{out}}/ï.json", WRITE, "ï.json"
    ),
    "inspect replay": Example(
        "{at}/cases.jsonl --model {at}/tiny --json {out}/o.json", WRITE, "o.json"
    ),
}


def leaves() -> dict[str, Any]:
    """Return the parser of each command that does something."""
    found = {}
    for name, command in choices(parser()).items():
        inner = choices(command)
        found |= {f"{name} {part}": one for part, one in inner.items()} or {name: command}
    return found


every = pytest.mark.parametrize("name", EXAMPLES)
with_json = pytest.mark.parametrize("name", [n for n, e in EXAMPLES.items() if e.json])
that_keep_a_folder = pytest.mark.parametrize(
    "name", [name for name, command in leaves().items() if command.get_default("writes")]
)


def test_each_command_has_its_example():
    assert set(EXAMPLES) == set(leaves())
    options = {name: {*command._option_string_actions} for name, command in leaves().items()}
    assert {name for name in options if "--json" in options[name]} == {
        name for name, example in EXAMPLES.items() if example.json
    }


def words_beside(query: str) -> str:
    """Return all words of a query's topic: enough for every explanation to be measured."""
    return next(words for words in tiny.TOPICS.values() if query.split()[0] in words.split())


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of what the examples read."""
    at = tmp_path_factory.mktemp("at")
    shutil.copytree(tiny.trained(), at / "tiny")
    (at / "config.json").write_text(json.dumps(tiny.SIZES))
    (at / "docs.txt").write_text("oven – knife\nnaïve 你好 👍\n", "utf-8")
    pairs = tiny.pairs(160)
    pairs.to_csv(at / "train.csv", index=False)
    every_word = pairs["query"].map(lambda query: f"{query} " + words_beside(query))
    pairs.assign(document=every_word).to_csv(at / "tiny" / "pairs.csv", index=False)
    pairs = pairs.head(40).assign(document=lambda found: found["document"] + " naïve 你好 👍")
    wrong = pairs.assign(document=[*pairs["document"][3:], *pairs["document"][:3]], label=0)
    pd.concat([pairs, wrong]).drop(columns="split").to_csv(at / "naïve.csv", index=False)
    labelled_pairs().to_csv(at / "numbers.csv", index=False)
    static_folder(at / "static")
    given = ["--pairs", f"{at}/numbers.csv", "--out", f"{at}/prompted", "--query-prompt", "find : "]
    assert main(["adopt", f"{at}/static", *given]) == 0
    scorer = Scorer(at / "tiny")
    case = Case.of(scorer, "oven knife", ["oven recipe naïve", "boat anchor"], [1, 0])
    (at / "cases.jsonl").write_bytes(write_cases([case]))
    return at


@pytest.fixture
def out(at, tmp_path) -> Path:
    """Return where examples write, with the model folder that some of them change."""
    shutil.copytree(at / "tiny", tmp_path / "out" / "tiny")
    return tmp_path / "out"


def filled(arguments: str, at: Path, out: Path) -> list[str]:
    return [part.format(at=at, out=out) for part in arguments.split()]


def given(name: str, at: Path, out: Path) -> list[str]:
    return [*name.split(), *filled(EXAMPLES[name].arguments, at, out)]


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return that of a person who has set nothing, and whose output is kept back as usual."""
    ours = ("PYTHON", "TF_", "DSSM_", "XDG_", "LC_", "KERAS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONPATH": str(ROOT), "HOME": str(home), **more}


def run(
    arguments: Sequence[str],
    home: Path,
    code: str = "",
    env: dict[str, str] | None = None,
    **more: Any,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a folder that is not the program's; `code` stands for the program."""
    program = ["-c", code] if code else ["-m", "dssm_core"]
    kept = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": home, **more}
    command = [sys.executable, *program, *arguments]
    return subprocess.run(command, env=environment(home, **(env or {})), timeout=600, **kept)


ASIDE = r"[\w\\]+\.csv: |\d+/\d+ shards of "
"""How a line begins that says how pairs were read, or how far the work is where JSON is printed."""


def said(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    """Return the lines of standard error that are about trouble."""
    lines = done.stderr.decode().splitlines()
    return [line for line in lines if not re.match(ASIDE, line)]


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


# Ctrl-C


@pytest.fixture(autouse=True)
def _heeds_ctrl_c() -> Iterator[None]:
    """Under `nohup` and in some CI a process is born deaf to Ctrl-C, and so are its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


INTERRUPTED = """
import ctypes, os, signal, sys, threading
from importlib import import_module
from dssm_core.__main__ import script

module, name = sys.argv[1].split(":")
*places, name = name.split(".")
place = import_module(module)
for inner in places:
    place = getattr(place, inner)
work = getattr(place, name)

def interrupted(*given, **named):
    os.kill(os.getpid(), signal.SIGINT)
    return work(*given, **named)

def stuck(*given, **named):
    threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT]).start()
    lock = ctypes.create_string_buffer(64)
    for _ in range(2):  # the second waits for ever, in native code
        ctypes.CDLL(None).pthread_mutex_lock(lock)

def twice(*given, **named):
    import dssm_core.terminal
    dssm_core.terminal.PATIENCE = 3600.0  # the first is waited for; the second must end it
    threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
    stuck()

class Lost:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)

def imported(*given, **named):
    exec("interrupted()")  # as the machinery of dataclasses is, where modules are imported

def lost(*given, **named):
    Lost()
    return work(*given, **named)

setattr(place, name, globals()[sys.argv[2]])
del sys.argv[1:3]
script()
"""
"""A command that Ctrl-C comes to in the middle of its work."""


@every
def test_ctrl_c_is_one_line_and_130_and_leaves_nothing_half_written(name, at, out, tmp_path):
    before = files(out)
    given_it = (EXAMPLES[name].middle, "interrupted", *given(name, at, out))
    done = run(given_it, tmp_path, INTERRUPTED)
    assert said(done) == [f"{name.split()[0]}: stopped"]
    assert done.returncode == 130
    assert files(out) == before


@pytest.mark.parametrize(
    ("name", "how"), [("score", "stuck"), ("inspect run", "stuck"), ("score", "lost")]
)
def test_ctrl_c_ends_what_python_alone_could_not(name, how, at, out, tmp_path):
    """Native code that waits for ever, a file half-written; an exception that Python drops."""
    before = files(out)
    done = run((EXAMPLES[name].middle, how, *given(name, at, out)), tmp_path, INTERRUPTED)
    assert said(done) == [f"{name.split()[0]}: stopped"]
    assert done.returncode == 130
    assert files(out) == before


def test_ctrl_c_in_the_middle_of_an_import_is_130_too(at, out, tmp_path):
    """And not the death by signal that Python makes of it, although it was caught."""
    done = run((ENCODE, "imported", *given("score", at, out)), tmp_path, INTERRUPTED)
    assert (done.returncode, said(done)) == (130, ["score: stopped"])


def test_a_second_ctrl_c_does_not_wait(at, out, tmp_path):
    done = run((ENCODE, "twice", *given("score", at, out)), tmp_path, INTERRUPTED)
    assert (done.returncode, said(done)) == (130, ["score: stopped"])


def test_ctrl_c_is_left_to_those_who_have_it_ignored(at, out, tmp_path):
    code = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{INTERRUPTED}"
    done = run((ENCODE, "interrupted", *given("score", at, out)), tmp_path, code)
    assert (done.returncode, said(done)) == (0, [])


# | head


@every
def test_a_reader_that_goes_away_ends_a_command_quietly(name, at, out, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    plain = given(name, at, out)
    if EXAMPLES[name].json == "-":
        plain.remove("--json")
    done = run(plain, tmp_path, stdout=writer)
    os.close(writer)
    assert said(done) == []
    assert done.returncode == 141


@pytest.mark.parametrize("arguments", ["--help", "fly", "score --query q --docs absent"])
def test_nobody_reads_the_help_or_the_trouble_either(arguments, tmp_path):
    """As in `2>&1 | head`; Python exits with 120 where it cannot say that it could not say it."""
    reader, writer = os.pipe()
    os.close(reader)
    done = run(arguments.split(), tmp_path, stdout=writer, stderr=writer)
    os.close(writer)
    assert done.returncode in (1, 2, 141)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk is always full")
def test_a_full_disk_behind_standard_output_is_a_sentence(at, out, tmp_path):
    with open("/dev/full", "wb") as full:
        done = run(given("systems", at, out), tmp_path, stdout=full)
    assert done.returncode == 1
    (line,) = said(done)
    assert line.startswith("systems: ")
    assert "No space left" in line


# a terminal without UTF-8, a home and a working folder that cannot be written

HOSTILE = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}

BOUND = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)  # without CAP_DAC_OVERRIDE root is bound by modes, too
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


class Ran(NamedTuple):
    done: subprocess.CompletedProcess[bytes]
    out: Path


@pytest.fixture(scope="module")
def ran(at: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Ran]]:
    """Run an example where nothing is as it should be, once for all that is asked about it."""
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o555)

    @functools.cache
    def ran(name: str) -> Ran:
        out = tmp_path_factory.mktemp("out")
        shutil.copytree(at / "tiny", out / "tiny")
        return Ran(run(["-m", "dssm_core", *given(name, at, out)], home, BOUND, HOSTILE), out)

    tried = run(["-c", "open('x', 'w')"], home, BOUND)
    assert b"PermissionError" in tried.stderr, "or it is no such folder"
    yield ran
    assert list(home.iterdir()) == []
    home.chmod(0o755)


@every
def test_a_home_and_a_working_folder_that_cannot_be_written_are_no_trouble(name, ran):
    assert ran(name).done.returncode == 0, ran(name).done.stderr


@every
def test_a_terminal_without_utf8_gets_escapes_and_no_exception(name, ran):
    done = ran(name).done
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).isascii()


@every
def test_nothing_but_what_was_read_and_how_far_it_is_comes_on_standard_error(name, ran):
    assert said(ran(name).done) == []


def strictly(text: str | bytes) -> Any:
    """Parse JSON as the standard has it."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@with_json
def test_json_is_strict(name, ran):
    found = ran(name)
    file = EXAMPLES[name].json
    if file == "-":
        text = found.done.stdout
        assert strictly(text) if name not in ("train", "toy") else map(strictly, text.splitlines())
    else:
        assert strictly((found.out / file).read_bytes())


def test_what_a_terminal_lacks_is_escaped_so_that_json_stays_the_same(ran, at):
    results = json.loads(ran("score").done.stdout)["results"]
    documents = (at / "docs.txt").read_text("utf-8").splitlines()
    assert [result["document"] for result in results] == documents


def test_documents_on_standard_input_are_utf8_whatever_the_terminal_is(at, tmp_path):
    text = "\ufeffnaïve 你好 oven\n"
    arguments = ["score", "--model", f"{at}/tiny", "--query", "oven", "--docs", "-", "--json"]
    done = run(arguments, tmp_path, env=HOSTILE, input=text.encode())
    (result,) = json.loads(done.stdout)["results"]
    assert result["document"] == "naïve 你好 oven"


FEW = {  # no number to be had: of one class, of one query, of nothing on one side of the threshold
    "carry": "--model {at}/tiny --against {at}/tiny --cosine 1 --pairs {out}/few.csv --json",
    "evaluate": "--model {at}/tiny --pairs {out}/few.csv --json",
    "robustness": "--model {at}/tiny --pairs {out}/few.csv --json",
    "probes": "--model {at}/tiny --pairs {out}/few.csv --json {out}/j",
    "inspect run": "--model {at}/tiny --pairs {out}/few.csv --threshold 0.5 --json {out}/j",
    "index": "--model {at}/tiny --corpus {out}/few.csv --out {out}/i --json",
}


@pytest.mark.parametrize("name", FEW)
def test_json_is_strict_where_there_is_no_number(name, at, out, capsys, monkeypatch):
    monkeypatch.setenv("DSSM_STORE", f"{out}/verdicts.sqlite3")
    (out / "few.csv").write_text("query,document,label\noven,oven knife,1\n")
    assert main([*name.split(), *filled(FEW[name], at, out)]) in (0, 1)
    printed = capsys.readouterr().out
    if (out / "j").exists():
        strictly((out / "j").read_text())
    elif printed:
        strictly(printed)


def test_commands_have_one_way_to_write_json():
    for path in (ROOT / "dssm_core" / "commands").glob("*.py"):
        if path.name != "output.py":
            assert not re.search(r"json\.dumps?\(|to_json\(", path.read_text("utf-8")), path.name


# two at once

KEEPS = {"evaluate": f"--model {{at}}/tiny {PAIRS} --work {{out}}/ï"}
"""Arguments that name the folder which a command keeps, where its example names none."""


@that_keep_a_folder
def test_a_folder_that_another_process_writes_is_refused(name, at, out, tmp_path, refused):
    named = KEEPS.get(name, EXAMPLES[name].arguments)
    folder = named.split("{out}/")[-1].split()[0]
    before = files(out)
    with claimed(out / folder):
        line = refused(*name.split(), *filled(named, at, out))
    assert "Another process is writing" in line
    assert f"{out / folder}" in line
    assert files(out) == before


def test_of_two_trainings_to_one_folder_the_second_is_refused_and_the_first_undisturbed(
    at, tmp_path
):
    long = {**tiny.SIZES, "training": {**tiny.SIZES["training"], "epochs": 60}}
    (tmp_path / "long.json").write_text(json.dumps(long))
    first = ["train", "--pairs", f"{at}/train.csv", "--out", f"{tmp_path}/m"]
    command = [sys.executable, "-m", "dssm_core", *first, "--config", f"{tmp_path}/long.json"]
    with subprocess.Popen(
        command, env=environment(tmp_path), cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            if line.startswith("epoch 1/60"):
                break
        process.send_signal(signal.SIGSTOP)  # or it would be through before the second has begun
        second = run([*first, "--config", f"{at}/config.json"], tmp_path)
        process.send_signal(signal.SIGCONT)
        assert second.returncode == 1
        (line,) = said(second)
        assert line.startswith("train: Another process is writing")
        assert any(line.startswith("epoch ") for line in process.stdout), "it goes on"
        process.kill()
    assert run([*first, "--config", f"{at}/config.json"], tmp_path).returncode == 0
    assert len(pd.read_csv(tmp_path / "m" / "history.csv")) == 3
    assert [path.name for path in tmp_path.glob(".m*")] == []
