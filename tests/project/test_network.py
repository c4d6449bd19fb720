"""Nothing leaves the machine: no part of the program opens a connection, the page's tests aside.

Each runs in a process of its own in which every way out of the machine raises and is written down.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests import ROOT
from tests.servers import free_port
from tests.tiny import bare_folder

pytestmark = pytest.mark.slow

GUARD = """
import socket, sys
from tests import ROOT
tried = []

def is_out(address):
    return isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost", "")

def guarded(name, place):
    real = getattr(socket.socket, name)
    def call(self, *given):
        if is_out(given[place]):
            tried.append(f"{name} {given[place]}")
            raise OSError(f"no way out to {given[place]}")
        return real(self, *given)
    setattr(socket.socket, name, call)

for name, place in (("connect", 0), ("connect_ex", 0), ("sendto", -1)):
    guarded(name, place)

def looked_up(host, *given, **named):
    if host not in (None, "", "127.0.0.1", "::1", "localhost", b"localhost"):
        tried.append(f"look-up {host}")
        raise socket.gaierror(f"no look-up of {host}")
    return real_look_up(host, *given, **named)

real_look_up, socket.getaddrinfo = socket.getaddrinfo, looked_up
for name in ("gethostbyname", "gethostbyname_ex"):
    setattr(socket, name, lambda host, *_: looked_up(host))
"""
"""Python's own way out; what native code would open is seen by the audit hook below."""

AUDIT = """
def audit(event, given):
    if event == "socket.connect" and is_out(given[1]):
        tried.append(f"{event} {given[1]}")
sys.addaudithook(audit)
"""

END = """
print("TRIED", tried)
"""


def tried(code: str, *arguments: object, env: dict[str, str] | None = None) -> str:
    """Run code in a process that cannot connect; return what it prints of its attempts."""
    import os

    found = subprocess.run(
        [sys.executable, "-c", f"{GUARD}{AUDIT}{code}{END}", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()[-1]


def test_a_connection_that_is_tried_is_seen():
    code = """
import urllib.request
for address in ("http://192.0.2.1/", "http://example.invalid/"):
    try:
        urllib.request.urlopen(address, timeout=5)
    except OSError:
        pass
"""
    found = tried(code)
    assert "192.0.2.1" in found
    assert "example.invalid" in found


def test_importing_every_module_connects_to_nothing():
    code = """
import importlib, pkgutil
import dssm_core
for module in pkgutil.walk_packages(dssm_core.__path__, "dssm_core."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
assert "tensorflow" in sys.modules and "streamlit" in sys.modules
"""
    assert tried(code) == "TRIED []"


@pytest.fixture
def environment(models, tmp_path) -> dict[str, str]:
    return {
        "DSSM_MODELS": f"{models}",
        "DSSM_STORE": f"{tmp_path / 'verdicts.sqlite3'}",
        "XDG_CACHE_HOME": f"{tmp_path / 'cache'}",
    }


def test_the_page_connects_to_nothing(environment):
    code = """
from streamlit.testing.v1 import AppTest
from dssm_core.ui.common import state
from tests.pages import Ready, sound

state.live_model = Ready
app = AppTest.from_file("streamlit_app.py", default_timeout=120).run()
app.text_input(key="compare.query").set_value("blue wall").run()
assert sound(app).get("vega_lite_chart")
"""
    assert tried(code, env=environment) == "TRIED []"


SERVER = """
import os, threading
from streamlit.web.cli import main
from tests.servers import page_command, wait_for_page

port = int(sys.argv.pop())

def knock(origin):
    with socket.create_connection(("127.0.0.1", port)) as line:
        asked = [
            "GET /_stcore/stream HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
            f"Origin: {origin}",
        ]
        line.sendall("\\r\\n".join([*asked, "", ""]).encode())
        return line.recv(4096).split()[1].decode()

def visit():
    try:
        wait_for_page(port)
        answers = knock(f"http://127.0.0.1:{port}"), knock("http://example.invalid")
        print("TRIED", tried, *answers, flush=True)
    finally:
        os._exit(0)

threading.Thread(target=visit).start()
sys.argv = page_command(port)[2:]
main()
"""
"""The page as it is started; it and a page of somebody else's connect to it."""


@pytest.mark.parametrize("where", ["here", "in the container"])
def test_the_server_connects_to_nothing_even_when_a_foreign_page_asks(environment, where):
    port = free_port()
    if where == "in the container":
        text = (ROOT / "Dockerfile").read_text()
        environment |= dict(re.findall(r"(STREAMLIT_\w+)=(\S+)", text))
    assert tried(SERVER, port, env=environment) == "TRIED [] 101 403"


def test_commands_connect_to_nothing(tmp_path, environment):
    folder = bare_folder(tmp_path / "m")
    rows = [("red door", f"a red door {i}", i % 2) for i in range(12)]
    rows += [("blue wall", f"a blue wall {i}", (i + 1) % 2) for i in range(12)]
    lines = ["query,document,label", *(f"{q},{d},{label}" for q, d, label in rows)]
    (tmp_path / "pairs.csv").write_text("\n".join(lines))
    (tmp_path / "docs.txt").write_text("a red door\na wall\n")
    at, given = f"{tmp_path}", ["--model", f"{folder}"]
    pairs = ["--pairs", f"{at}/pairs.csv"]
    commands = [
        ["score", *given, "--query", "red", "--docs", f"{at}/docs.txt", "--json"],
        ["evaluate", *given, *pairs, "--fuse", "bm25"],
        ["robustness", *given, *pairs],
        ["inspect", "run", *given, *pairs, "--out", f"{at}/r.html", "--json", f"{at}/r.json"],
        ["index", *given, "--corpus", f"{at}/docs.txt", "--out", f"{at}/index"],
        ["prepare", f"{at}/pairs.csv", "--negatives", "2", "--out", f"{at}/data"],
        ["prepare", "notebook-toy", "--out", f"{at}/toy"],
    ]
    code = """
import json
from dssm_core.__main__ import main
from dssm_core.runtimes.load import RUNTIMES
from tests.tiny import WordTowers

RUNTIMES["numpy"] = lambda folder: WordTowers()
for command in json.loads(sys.argv[1]):
    assert main(command) == 0, command
"""
    assert tried(code, json.dumps(commands), env=environment) == "TRIED []"
    assert (tmp_path / "r.html").is_file()


def test_nothing_is_told_to_streamlits_makers():
    import tomllib

    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["browser"]["gatherUsageStats"] is False
    assert config["server"]["showEmailPrompt"] is False
    assert config["client"]["showErrorLinks"] is False
