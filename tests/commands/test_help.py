"""What a command says of itself, and how it ends when it is stopped."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dssm_core.__main__ import main
from tests.project.parsers import commands

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saving under NumPy 2."""

COMMANDS = tuple(commands())


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)], ids=str)
def test_help_says_what_each_option_is_for(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: python -m dssm_core")
    for name in COMMANDS if not command else ():
        assert re.search(rf"\n    {name}\s", text)
    for line in text.splitlines():
        if line.startswith("  --") and len(line.split()) <= 2:
            following = text.split(line)[1].splitlines()[1]
            assert following.startswith(" " * 10), f"{line} has no help"


@pytest.mark.parametrize("arguments", [["fly"], ["score", "--model", "m"], ["train", "--fast"]])
def test_a_command_that_does_not_exist_shows_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: python -m dssm_core" in capsys.readouterr().err


def test_without_a_command_the_page_is_opened_with_the_settings_beside_its_file(monkeypatch):
    started = []
    monkeypatch.setattr("runpy.run_module", lambda name, **_: started.append((name, sys.argv)))
    monkeypatch.setattr("sys.argv", ["dssm-lens"])
    assert main([]) == 0
    ((name, arguments),) = started
    assert (name, arguments[:2]) == ("streamlit", ["streamlit", "run"])
    assert (Path(arguments[2]).parent / ".streamlit" / "config.toml").is_file()


def test_the_usage_names_the_command_that_was_typed(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["/usr/bin/dssm-lens"])
    with pytest.raises(SystemExit):
        main(["score", "--help"])
    assert capsys.readouterr().out.startswith("usage: dssm-lens score")


def test_the_commands_that_people_were_promised_are_there():
    assert {"prepare", "train", "evaluate", "score"} <= set(COMMANDS)


def test_help_needs_no_tensorflow():
    code = (
        "import sys; from dssm_core.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print('keras' in sys.modules, 'pandas' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.endswith("False False\n")


# being stopped


def test_an_interrupted_command_says_so_and_exits_130(run, monkeypatch, tmp_path):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "mkdir", stop)
    status, _, errors = run("prepare", "notebook-toy", "--out", tmp_path / "toy")
    assert (status, errors) == (130, "prepare: stopped\n")


@pytest.mark.slow
def test_a_reader_that_stops_reading_is_no_trouble(tmp_path):
    code = "import sys; from dssm_core.__main__ import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "prepare", "notebook-toy", "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141
