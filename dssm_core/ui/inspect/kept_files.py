"""Files that were loaded, kept on the server for a reload or a second tab, for a while.

A file is given back to the browser that brought it alone: who has the address has not the file.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

import streamlit as st

MAX_FILES, MAX_BYTES, MAX_AGE = 20, 200_000_000, 12 * 3600.0
"""What is kept of all visitors together, and for how many seconds."""

COOKIE = "_streamlit_xsrf"
"""Streamlit's own cookie, by which a browser is known again."""


@dataclass(frozen=True)
class KeptFile:
    """A file of a visitor.

    Attributes:
        name: of the file.
        content: its bytes.
        browser: the cookie of the browser that brought it.
        since: when, in seconds of the clock that never goes back.
    """

    name: str
    content: bytes
    browser: str
    since: float


class KeptFiles:
    """Files by token, the oldest given up first."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, KeptFile] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, name: str, content: bytes, browser: str) -> str:
        """Keep a file; return its token, or "" where it is too large or no browser is known."""
        if not browser or len(content) > MAX_BYTES:
            return ""
        token = secrets.token_urlsafe(12)
        with self._lock:
            self._files[token] = KeptFile(name, content, browser, time.monotonic())
            self._give_up_old()
        return token

    def get(self, token: str, browser: str) -> KeptFile | None:
        """Return a file to the browser that brought it; None to any other, and once it is gone."""
        with self._lock:
            self._give_up_old()
            file = self._files.get(token)
        is_own = file is not None and secrets.compare_digest(
            file.browser.encode(), browser.encode("utf-8", "replace")
        )
        return file if is_own else None

    def _give_up_old(self) -> None:
        now = time.monotonic()
        while self._files:
            size = sum(len(file.content) for file in self._files.values())
            oldest = next(iter(self._files.values()))
            is_old = now - oldest.since > MAX_AGE
            if not is_old and len(self._files) <= MAX_FILES and size <= MAX_BYTES:
                return
            self._files.popitem(last=False)


@st.cache_resource(show_spinner=False)
def kept_files() -> KeptFiles:
    """Return the one store of this server."""
    return KeptFiles()


def this_browser() -> str:
    """Return by what this browser is known again; "" where it sends no cookie that can be read."""
    return unmasked(str(st.context.cookies.get(COOKIE, "")))


def unmasked(cookie: str) -> str:
    """Return the token in Streamlit's cookie, which is masked anew with each answer.

    As Tornado writes it: "2|mask|token XOR mask|time", in hexadecimal digits.

    Example:
        >>> unmasked("2|01ff0000|0300000001|1"), unmasked("what else")
        ('02ff000000', '')
    """
    parts = cookie.strip("\"'").split("|")
    try:
        version, mask, masked, _ = parts
        key, token = bytes.fromhex(mask), bytes.fromhex(masked)
    except ValueError:
        return ""
    if version != "2" or not key or not token:
        return ""
    return bytes(byte ^ key[i % len(key)] for i, byte in enumerate(token)).hex()
