"""An encoder behind an OpenAI-compatible /v1/embeddings: texts leave the program, if one says so.

Off unless the environment variable DSSM_ENDPOINTS names a TOML file. Where texts go stands in that
file alone, never in a page, a link or a model folder; those name a table of it at most:

    [mine]                                  # endpoint:mine
    url = "http://127.0.0.1:8000/v1"        # /embeddings is added
    model = "e5-small"
    key_env = "MINE_KEY"                    # the variable that holds the key
    query_prompt = "query: "
    document_prompt = "passage: "
    query_extra = { input_type = "query" }  # put into the body, as document_extra is
    timeout = 30                            # seconds, of a whole request
    batch = 32                              # texts of a request
    allow_host = "gpu.example.com"          # a host that is allowed beside this machine

What comes back is not believed: number, order, width and values are checked.

Source: OpenAI's API reference, "Create embeddings".
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import ipaddress
import json
import os
import socket
import ssl
import threading
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from dssm_core.errors import UserError
from dssm_core.runtimes.encoder import Facts, Reading, identify, read_words
from dssm_core.towers import Side

MAX_ANSWER = 64_000_000
"""Bytes of an answer: some 3,000,000 numbers."""
MOST = {"timeout": 3600, "batch": 2048}
"""The highest values of settings."""


@dataclass(frozen=True)
class Settings:
    """One table of the file that DSSM_ENDPOINTS names; see the module."""

    url: str = ""
    model: str = ""
    key_env: str = ""
    query_prompt: str = ""
    document_prompt: str = ""
    query_extra: dict[str, Any] = field(default_factory=dict)
    document_extra: dict[str, Any] = field(default_factory=dict)
    timeout: float = 30.0
    batch: int = 32
    allow_host: str = ""

    @property
    def prompts(self) -> dict[Side, str]:
        """In front of queries and documents."""
        return {"query": self.query_prompt, "document": self.document_prompt}

    @property
    def extras(self) -> dict[Side, dict[str, Any]]:
        """What the body of a request for queries and for documents holds besides."""
        return {"query": self.query_extra, "document": self.document_extra}


@dataclass(frozen=True)
class Address:
    """Where a request goes."""

    host: str
    port: int
    path: str
    is_encrypted: bool


@dataclass(frozen=True)
class EndpointEncoder:
    """An endpoint, as `Embedder`.

    Attributes:
        facts: what is known of it.
        batch: texts of a request.
        client: asks it.
    """

    facts: Facts
    batch: int
    client: Client

    def read(self, text: str, prompt: str, side: Side) -> Reading:
        """Return a text as it is sent."""
        return read_words(text, prompt)

    def embed(self, readings: Sequence[Reading], side: Side) -> tuple[np.ndarray, None]:
        """Return vectors."""
        return self.client.vectors([reading.sent for reading in readings], side), None


def open_endpoint(name: str) -> EndpointEncoder:
    """Open an endpoint: read its settings, and ask it for a few vectors.

    Args:
        name: of its table in the file that DSSM_ENDPOINTS names.

    Raises:
        UserError: if it is not configured, not allowed, or does not answer as it should.
    """
    settings = read_settings(name)
    client = Client(name, settings, address_of(name, settings))
    sides = json.dumps([settings.prompts, settings.extras], sort_keys=True, default=str)
    digits, samples = identify(client.vectors, name, settings.model, sides)
    facts = Facts(
        *(name, "endpoint", digits, samples.shape[1], (settings.model,)),
        prompts=settings.prompts,
        samples=samples,
    )
    return EndpointEncoder(facts, settings.batch, client)


def read_settings(name: str) -> Settings:
    """Return an endpoint's settings.

    Raises:
        UserError: if there are none, or one is not known, missing, or of another kind.
    """
    tables = _tables()
    table = tables.get(name)
    if not isinstance(table, dict):
        raise UserError("endpoint.unknown name", ", ".join(tables), name=name)
    usual = Settings()
    kinds = {f.name: type(getattr(usual, f.name)) for f in fields(Settings)}
    for setting, value in table.items():
        kind = kinds.get(setting)
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise UserError("endpoint.wrong setting", name=name, setting=setting)
    settings = Settings(**table)
    for setting in ("url", "model"):
        if not getattr(settings, setting):
            raise UserError("endpoint.wrong setting", name=name, setting=setting)
    for setting, most in MOST.items():
        if not 0 < getattr(settings, setting) <= most:
            raise UserError("endpoint.wrong setting", name=name, setting=setting)
    return settings


def _tables() -> dict[str, Any]:
    path = os.environ.get("DSSM_ENDPOINTS", "")
    if not path:
        raise UserError("endpoint.off")
    try:
        return tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError("endpoint.no settings", str(error), file=path) from None


def address_of(name: str, settings: Settings) -> Address:
    """Return where an endpoint is.

    Raises:
        UserError: if its url is none, or is of another machine that is not allowed.
    """
    try:
        url = urlsplit(settings.url)
        host, is_encrypted = url.hostname or "", url.scheme == "https"
        port = url.port or (443 if is_encrypted else 80)
    except ValueError:
        raise UserError("endpoint.wrong setting", name=name, setting="url") from None
    is_whole = host and url.scheme in ("http", "https")
    if not is_whole or url.username is not None or url.query or url.fragment:
        raise UserError("endpoint.wrong setting", name=name, setting="url")
    if not _is_loopback(host) and host != settings.allow_host.lower():
        raise UserError("endpoint.foreign host", host, name=name)
    return Address(host, port, url.path.rstrip("/") + "/embeddings", is_encrypted)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Client:
    """Asks an endpoint; each request has its own connection, so that threads may share this."""

    name: str
    settings: Settings
    address: Address

    def vectors(self, texts: Sequence[str], side: Side) -> np.ndarray:
        """Return the vectors of texts, prompts included, float32 [N, E].

        Raises:
            UserError: if there is no answer in time, or it is something else.
        """
        extra = self.settings.extras[side]
        body = {**extra, "model": self.settings.model, "input": list(texts)}
        key = self._key()
        status, content = self._post(json.dumps(body, default=str).encode(), key)
        return self._checked(self._items(status, content, key), len(texts))

    def _key(self) -> str:
        """Return the key; read for each request, so that nothing that is shown can hold it."""
        variable = self.settings.key_env
        key = os.environ.get(variable, "").strip() if variable else ""
        if variable and not (key and key.isascii() and key.isprintable()):
            raise UserError("endpoint.no key", name=self.name, variable=variable)
        return key

    def _post(self, body: bytes, key: str) -> tuple[int, bytes]:
        """Send a body; return the status and the content of the answer."""
        deadline = time.monotonic() + self.settings.timeout
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        try:
            with _connection(self.address, deadline) as connection:
                connection.request("POST", self.address.path, body, headers)
                with connection.getresponse() as response:
                    status, content = response.status, response.read(MAX_ANSWER + 1)
        except (OSError, http.client.HTTPException) as error:
            self._check_time(deadline)
            raise UserError(
                "endpoint.no answer", _quoted(str(error), key), name=self.name
            ) from None
        self._check_time(deadline)  # without a length, a cut answer looks whole
        if len(content) > MAX_ANSWER:
            raise UserError("endpoint.large answer", name=self.name, most=MAX_ANSWER)
        return status, content

    def _check_time(self, deadline: float) -> None:
        if time.monotonic() >= deadline:
            raise UserError("endpoint.slow", name=self.name, seconds=f"{self.settings.timeout:g}")

    def _items(self, status: int, content: bytes, key: str) -> list[dict[str, Any]]:
        """Return an answer's list of embeddings."""
        text = content.decode("utf-8", "replace")
        if text.lstrip("\ufeff \r\n\t").startswith("<"):
            raise UserError("endpoint.page", name=self.name, status=status)
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            answer = None
        values = answer if isinstance(answer, dict) else {}
        error = values.get("error")
        said = str(error.get("message", error) if isinstance(error, dict) else error or "")
        if status != 200 or said:
            shown = _quoted(said or text, key)
            raise UserError("endpoint.refused", shown, name=self.name, status=status)
        items = values.get("data")
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise UserError("endpoint.other answer", _quoted(text, key), name=self.name)
        return items

    def _checked(self, items: Sequence[dict[str, Any]], number: int) -> np.ndarray:
        """Return the vectors of a list of embeddings in the order of the texts."""
        if len(items) != number:
            raise UserError(
                "endpoint.other number", f"{len(items):,}", name=self.name, number=number
            )
        placed = {item["index"]: item for item in items if type(item.get("index")) is int}
        if set(placed) != set(range(number)):
            raise UserError("endpoint.order", name=self.name)
        try:
            vectors = [_vector(placed[i].get("embedding")) for i in range(number)]
        except (ValueError, OverflowError):
            raise UserError("encoder.not numbers", name=self.name) from None
        widths = sorted({len(vector) for vector in vectors})
        if len(widths) > 1:
            raise UserError("encoder.two widths", " ≠ ".join(map(str, widths)), name=self.name)
        return np.stack(vectors)


@contextlib.contextmanager
def _connection(address: Address, deadline: float) -> Iterator[http.client.HTTPConnection]:
    """Connect, and hang up at the deadline, whatever is going on then.

    A socket's own timeout starts again with each byte. So a timer shuts the line down, through a
    second handle on it: TLS takes the first.

    Raises:
        OSError: if nobody is there.
    """
    left = max(deadline - time.monotonic(), 0.001)
    line = socket.create_connection((address.host, address.port), left)
    with line.dup() as handle:
        timer = threading.Timer(deadline - time.monotonic(), _hang_up, [handle])
        timer.daemon = True
        timer.start()
        try:
            if address.is_encrypted:
                context = ssl.create_default_context()
                line = context.wrap_socket(line, server_hostname=address.host)
            connection = http.client.HTTPConnection(address.host, address.port)
            connection.sock = line
            yield connection
        finally:
            timer.cancel()
            line.close()


def _hang_up(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _vector(stored: object) -> np.ndarray:
    """Return an embedding, a list of numbers or base64 of float32, as float32 [E].

    Raises:
        ValueError: if it is none.
    """
    if isinstance(stored, str):
        vector = np.frombuffer(base64.b64decode(stored, validate=True), "<f4")
    else:
        vector = np.array(stored)
    if vector.ndim != 1 or not vector.size or vector.dtype.kind not in "fiu":
        raise ValueError
    with np.errstate(over="ignore"):  # what is too large is infinite then, so refused later
        return vector.astype(np.float32)


def _quoted(text: str, key: str) -> str:
    """Return the start of what somebody else wrote as one line, less the key, which it may hold."""
    whole = text.replace(key, "…") if key else text
    return " ".join(whole[:1000].split())
