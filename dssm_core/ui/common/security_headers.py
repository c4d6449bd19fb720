"""What stands before the page's server: it tells browsers what the page may do, and who may ask.

Source: docs.streamlit.io, "st.App"; www.w3.org/TR/CSP3; owasp.org, "HTTP Headers Cheat Sheet".
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from dssm_core.words import ENGLISH

INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
ADDRESS_SCRIPT = (
    "history.replaceState(history.state, '', "
    "document.currentScript.dataset.address || location.pathname)"
)
"""A script of our own: it puts the address that stands in its attribute into the bar."""

LANGUAGE_SCRIPT = "document.documentElement.lang = document.currentScript.dataset.language"
"""Another: it says which language the page is in, for screen readers and the choice of fonts."""

LINK_SCRIPT = """(() => {
  if (window.dssmLinks) return
  window.dssmLinks = true
  const numbered = "[aria-label^='#: '], [data-document]"
  const number = e => e.dataset.document || e.getAttribute("aria-label").match(/[0-9]+/)[0]
  addEventListener("pointerover", event => {
    const over = event.target.closest?.(numbered)
    for (const e of document.querySelectorAll(numbered))
      e.classList.toggle("dssm-lit", !!over && number(e) === number(over))
  })
  const typing = is => document.body.classList.toggle("dssm-typing", is)
  addEventListener("input", event => {
    if (event.target.closest?.(".st-key-compare-query, .st-key-compare-lines")) typing(true)
  })
  addEventListener("focusout", () => typing(false))
  addEventListener("keydown", event => {
    if (event.key === "Enter" && (event.ctrlKey || event.target.tagName === "INPUT")) typing(false)
  })
})()"""
"""The last: it lights a document in all charts at once, and dims results while text is typed."""


def policy(index: str) -> str:
    """Return the Content-Security-Policy under which Streamlit and our charts work, and no more.

    Args:
        index: Streamlit's own HTML, whose inline scripts are let in by their hash, as are ours.
    """
    inline = [*INLINE.findall(index), ADDRESS_SCRIPT, LANGUAGE_SCRIPT, LINK_SCRIPT]
    hashes = [hashlib.sha256(script.encode()).digest() for script in inline]
    scripts = " ".join(f"'sha256-{base64.b64encode(found).decode()}'" for found in hashes)
    rules = {
        "default-src": "'self'",
        # Graphviz, which draws the layers, is WebAssembly; Vega runs without eval
        "script-src": f"'self' 'wasm-unsafe-eval' {scripts}",
        "style-src": "'self' 'unsafe-inline'",  # React and Vega write style attributes
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-src": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def headers() -> dict[str, str]:
    """Return the headers of every answer."""
    index = (Path(st.__file__).parent / "static" / "index.html").read_text("utf-8")
    return {
        "Content-Security-Policy": policy(index),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",  # the address holds query and documents
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }


CHART = {"ArrowVegaLiteChart", "loadVegaEmbed", "embed", "vega-interpreter"}
"""What Streamlit's front end calls the parts of it that draw a chart."""


def early() -> str:
    """Return a header by which a browser fetches what draws a chart while the page still starts.

    Streamlit asks for each part when it first meets an element of that kind, and for what that
    part needs later still; a chart then waits for a chain of them (docs/performance.md).
    """
    listed = Path(st.__file__).parent / "static" / "manifest.json"
    parts = json.loads(listed.read_text("utf-8")) if listed.is_file() else {}
    waiting = [key for key, part in parts.items() if part.get("name") in CHART]
    found: dict[str, str] = {}
    while waiting:
        if (key := waiting.pop()) not in found:
            found[key] = f'<./{parts[key]["file"]}>; rel="modulepreload"; crossorigin'
            waiting += parts[key].get("imports", [])
    return ", ".join(found.values())


def is_own(origin: str | None, host: str | None) -> bool:
    """Return whether a connection comes from the page itself.

    Streamlit asks a server on the Internet for this machine's address before it refuses a foreign
    page, and answers nobody meanwhile; so the foreign page is refused before Streamlit sees it.

    Args:
        origin: the page that asks; None where no browser does.
        host: the address that it asks.
    """
    allowed = st.get_option("server.corsAllowedOrigins")
    return origin is None or urlsplit(origin).netloc == host or origin in allowed


def is_served(host: str | None) -> bool:
    """Return whether an address that is asked for is in `server.allowedHosts`.

    Streamlit itself looks only where a WebSocket is opened, and answers all else to any name.

    Args:
        host: the header, which may have a port; None where there is none.
    """
    allowed = [one.strip().lower().rstrip(".") for one in st.get_option("server.allowedHosts")]
    try:
        name = (urlsplit(f"//{host or ''}").hostname or "").rstrip(".")
    except ValueError:
        return False
    return not allowed or any(
        one == "*" or name == one.strip("[]") or (one[:2] == "*." and name.endswith(one[1:]))
        for one in allowed
    )


METRICS = "/_stcore/metrics"
"""How many sessions there are, and what they hold: for nobody, unless DSSM_METRICS is set."""


def _refusal(scope: Scope) -> ASGIApp | None:
    """Return what answers in the place of the page; None where the page does."""
    asked = Headers(scope=scope)
    if scope["type"] == "websocket":
        is_let_in = is_served(asked.get("host")) and is_own(asked.get("origin"), asked.get("host"))
        return None if is_let_in else WebSocketClose(1008, "foreign origin")
    if not is_served(asked.get("host")):
        return PlainTextResponse(ENGLISH("served.other host"), 421)
    if scope["path"].endswith(METRICS) and not os.environ.get("DSSM_METRICS"):
        return PlainTextResponse(ENGLISH("served.no metrics"), 404)
    return None


class Gate:
    """Middleware that adds headers, and refuses foreign pages and names that are not served."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.headers, self.early = headers(), early()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer.update(self.headers)
                if answer.get("content-type", "").startswith("text/html"):
                    answer["Link"] = self.early
            await send(message)

        refusal = _refusal(scope) if scope["type"] in ("http", "websocket") else None
        await (refusal or self.app)(scope, receive, send_more)


@asynccontextmanager
async def opened(app: Any) -> AsyncIterator[None]:
    """Show the page in the person's browser, as `streamlit run` does where it has no `st.App`.

    Meanwhile the first page is imported, which takes as long as the browser does to ask for it.
    """
    threading.Thread(target=import_module, args=["dssm_core.ui.compare.page"], daemon=True).start()
    if not st.get_option("server.headless"):
        webbrowser.open(f"http://localhost:{st.get_option('server.port')}")
    yield


MIDDLEWARE = [Middleware(Gate)]
