"""What every answer of the page's server says, and whom it lets in."""

from __future__ import annotations

import base64
import hashlib
import importlib
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import streamlit as st

from dssm_core.ui.common import security_headers
from tests import ROOT
from tests.pages import first_paint
from tests.servers import free_port, page_command, running
from tests.tiny import run_apart

HERE = [(b"host", b"127.0.0.1:8501")]


def answers(scope: dict[str, Any], kind: str = "text/html") -> tuple[list[dict[str, Any]], bool]:
    """Ask the gate; return what it sends, and whether the page behind it was reached."""
    sent: list[dict[str, Any]] = []
    reached = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope)
        if scope["type"] == "http":
            own = [(b"x-content-type-options", b"sniff"), (b"etag", b"1")]
            own.append((b"content-type", kind.encode()))
            await send({"type": "http.response.start", "status": 200, "headers": own})
            await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        sent.append(message)

    run_apart(security_headers.Gate(behind)(scope, None, send))  # type: ignore[arg-type]
    return sent, bool(reached)


def knock(**headers: str) -> bool:
    """Return whether a WebSocket connection with these headers reaches the page."""
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    sent, reached = answers({"type": "websocket", "path": "/", "headers": given})
    assert reached or sent[0]["type"] == "websocket.close"
    return reached


def test_an_answer_has_each_header_once_and_keeps_the_pages_own():
    sent, _ = answers({"type": "http", "path": "/", "headers": HERE})
    names = [name.decode() for name, _ in sent[0]["headers"]]
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    assert len(names) == len(set(names))
    assert found["etag"] == "1"
    assert found["x-content-type-options"] == "nosniff"
    assert found["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in found["content-security-policy"]


def test_the_page_is_sent_with_what_draws_a_chart_and_nothing_else_is():
    def link(kind: str) -> str:
        sent, _ = answers({"type": "http", "path": "/", "headers": HERE}, kind)
        found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return found.get("link", "")

    assert link("application/javascript") == ""
    files = re.findall(r"<\./([^>]+)>", link("text/html; charset=utf-8"))
    assert len(files) == len(set(files)) > 10
    static = Path(st.__file__).parent / "static"
    assert all((static / file).is_file() for file in files)
    charts = next(file for file in files if "/ArrowVegaLiteChart" in file)
    needed = re.findall(r'from"\./([^"]+)"', (static / charts).read_text("utf-8"))
    assert {f"static/js/{name}" for name in needed} <= set(files)


def test_a_streamlit_without_a_list_of_its_parts_is_served_without_it(tmp_path, monkeypatch):
    monkeypatch.setattr(security_headers.st, "__file__", str(tmp_path / "__init__.py"))
    assert security_headers.early() == ""


@pytest.mark.parametrize("origin", ["http://example.invalid", "null", "http://127.0.0.1:1", ""])
def test_another_page_may_not_connect(origin):
    assert not knock(origin=origin, host="127.0.0.1:8501")


def test_the_page_itself_may_connect_and_so_may_a_program():
    assert knock(origin="http://127.0.0.1:8501", host="127.0.0.1:8501")
    assert knock(host="127.0.0.1:8501")


def test_an_origin_that_the_settings_allow_may_connect(monkeypatch):
    origin = "https://lens.example.com"
    assert not knock(origin=origin, host="127.0.0.1:8501")
    options = {"server.corsAllowedOrigins": [origin], "server.allowedHosts": []}
    monkeypatch.setattr(security_headers.st, "get_option", options.get)
    assert knock(origin=origin, host="127.0.0.1:8501")


def status(path: str = "/", **headers: str) -> int:
    """Return the status of an answer, and see that it has our headers, whatever it is."""
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    sent, reached = answers({"type": "http", "path": path, "method": "GET", "headers": given})
    assert reached is (sent[0]["status"] == 200)
    assert b"content-security-policy" in {name for name, _ in sent[0]["headers"]}
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    "host", ["example.invalid", "example.invalid:8501", "127.0.0.1.example.invalid", "", "[", "a@b"]
)
def test_a_name_that_the_settings_do_not_allow_is_answered_nothing(host):
    assert status(host=host) == 421
    assert status("/static/index.html", host=host) == 421
    assert not knock(host=host, origin=f"http://{host}")
    assert status() == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8501", "localhost.", "127.0.0.1:80"])
def test_a_name_that_the_settings_allow_is_answered(host):
    assert status(host=host) == 200
    assert knock(host=host)


@pytest.mark.parametrize(
    ("allowed", "host", "is_allowed"),
    [
        ([], "any.example.com", True),
        (["*"], "any.example.com", True),
        (["*.example.com"], "lens.example.com:443", True),
        (["*.example.com"], "example.com", False),
        (["*.example.com"], "badexample.com", False),
        (["Lens.example.com"], "lens.example.com", True),
        (["[::1]"], "[::1]:8501", True),
        (["a"], "ab", False),
    ],
)
def test_names_are_compared_as_streamlit_compares_them(monkeypatch, allowed, host, is_allowed):
    from streamlit.web.server.starlette import starlette_websocket

    monkeypatch.setattr(security_headers.st, "get_option", lambda _: allowed)
    assert security_headers.is_served(host) is is_allowed
    if allowed != ["[::1]"]:  # which Streamlit takes for another name than it is
        monkeypatch.setattr(starlette_websocket.config, "get_option", lambda _: allowed)
        assert starlette_websocket.is_host_allowed(host) is is_allowed


def test_what_streamlit_counts_is_told_to_nobody_who_was_not_meant_to_have_it(monkeypatch):
    for path in ("/_stcore/metrics", "/base/_stcore/metrics"):
        monkeypatch.delenv("DSSM_METRICS", raising=False)
        assert status(path, host="localhost") == 404
        monkeypatch.setenv("DSSM_METRICS", "1")
        assert status(path, host="localhost") == 200


def test_no_script_is_let_in_but_streamlits_own_and_ours():
    index = "<script>one()</script><script src='x.js'></script><script>two()\n</script>"
    rules = dict(rule.split(" ", 1) for rule in security_headers.policy(index).split("; "))
    hashes = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in (
            "one()",
            "two()\n",
            security_headers.ADDRESS_SCRIPT,
            security_headers.LANGUAGE_SCRIPT,
            security_headers.LINK_SCRIPT,
        )
    ]
    given = ["'self'", "'wasm-unsafe-eval'", *(f"'sha256-{one}'" for one in hashes)]
    assert rules["script-src"].split() == given
    assert rules["default-src"] == "'self'"
    loose = {"style-src": ["'unsafe-inline'"]}
    for name, rule in rules.items():
        assert [word for word in rule.split() if "unsafe-" in word and "wasm" not in word] == (
            loose.get(name, [])
        )
        assert "*" not in rule
        assert "http" not in rule


def test_the_page_is_served_through_the_gate(monkeypatch):
    from streamlit.web.server.app_discovery import discover_asgi_app

    path = ROOT / "streamlit_app.py"
    assert discover_asgi_app(path).import_string == "streamlit_app:app"
    monkeypatch.syspath_prepend(path.parent)
    monkeypatch.setattr("streamlit.config._main_script_path", None)  # what st.App sets
    app = importlib.import_module("streamlit_app").app
    assert Path(app.script_path) == path
    assert [one.cls for one in app._user_middleware] == [security_headers.Gate]


@pytest.mark.parametrize("headless", [True, False])
def test_a_browser_is_opened_unless_there_is_none(monkeypatch, headless):
    opened = []
    options = {"server.headless": headless, "server.port": 8502}
    monkeypatch.setattr(security_headers.st, "get_option", options.get)
    monkeypatch.setattr(security_headers.webbrowser, "open", opened.append)

    async def start() -> None:
        async with security_headers.opened(None):
            pass

    run_apart(start())
    assert opened == ([] if headless else ["http://localhost:8502"])


@pytest.fixture(scope="module")
def address():
    """Return where the page answers, started as the README starts it."""
    port = free_port()
    server = subprocess.Popen(page_command(port), cwd=ROOT)
    with running(server, port) as address:
        yield address


def asked(address: str, path: str, **headers: str) -> int:
    try:
        request = urllib.request.Request(f"{address}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/", "/inspect", "/_stcore/health", "/_stcore/host-config"])
def test_the_server_answers_its_own_names_and_no_other(address, path):
    assert asked(address, path) == 200
    assert asked(address, path, Host="example.invalid") == 421


@pytest.mark.slow
def test_the_server_tells_nobody_what_it_counts(address):
    assert asked(address, "/_stcore/metrics") == 404
    assert asked(address, "/_stcore/metrics/") == 404


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="one address of this machine is all it has")
def test_the_server_listens_on_127_0_0_1_alone(address):
    port = int(address.rsplit(":", 1)[1])
    socket.create_connection(("127.0.0.1", port), 10).close()
    with pytest.raises(ConnectionRefusedError):  # this machine, too, by another address
        socket.create_connection(("127.0.0.2", port), 10)


@pytest.mark.slow
def test_the_page_behind_a_password_shows_strangers_a_button_and_sends_the_headers(tmp_path):
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    secrets, code = (
        dedent(block)
        for block in re.findall(r"^   ```\n(.*?)^   ```$", text, re.DOTALL | re.MULTILINE)
    )
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(secrets)
    (tmp_path / "private_app.py").write_text(code)
    port = free_port()
    server = subprocess.Popen(
        [*page_command(port, "private_app.py"), "--server.address", "127.0.0.1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}"},
    )
    with running(server, port) as address:
        with urllib.request.urlopen(f"{address}/", timeout=60) as answer:
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        elements = [message.delta.new_element for message in first_paint(port)]
    kinds = {element.WhichOneof("type") for element in elements} - {None}
    assert kinds == {"button"}
    assert any(element.button.label == "Log in" for element in elements)
