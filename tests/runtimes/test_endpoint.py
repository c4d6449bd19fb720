"""An embeddings endpoint: asked where one said so, and not believed."""

from __future__ import annotations

import base64
import json
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from dssm_core.errors import UserError
from dssm_core.explain import effects
from dssm_core.runtimes import endpoint
from dssm_core.runtimes.encoder import EncoderTowers, is_alike
from dssm_core.runtimes.encoders import open_encoder
from dssm_core.scoring import Head
from tests.encoders import refusal

KEY = "sk-very-secret-123"
Answer = Callable[["Handler", dict[str, Any]], None]


def vector(text: str, width: int = 4) -> list[float]:
    """Return a vector that the words of a text add up to."""
    rows = [np.random.default_rng(zlib.crc32(w.encode())).normal(size=width) for w in text.split()]
    return np.sum(rows, axis=0).tolist()


def listed(texts: list[str], width: int = 4) -> list[dict[str, Any]]:
    return [{"index": i, "embedding": vector(text, width)} for i, text in enumerate(texts)]


class Handler(BaseHTTPRequestHandler):
    """Answers with its server's `answer`."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, dict(self.headers), body))
        self.server.answer(self, body)

    def log_message(self, *given: object) -> None:
        pass

    def say(self, content: object, status: int = 200, **headers: str) -> None:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(raw))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)


class Server(ThreadingHTTPServer):
    answer: Answer
    asked: list[tuple[str, dict[str, str], dict[str, Any]]]

    def handle_error(self, *given: object) -> None:
        pass  # whoever asked has hung up

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


def right(handler: Handler, body: dict[str, Any]) -> None:
    handler.say({"data": listed(body["input"])})


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], Server]]:
    servers = []

    def start(answer: Answer = right) -> Server:
        server = Server(("127.0.0.1", 0), Handler)
        server.answer, server.asked = answer, []
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def configure(tmp_path, monkeypatch) -> Callable[..., None]:
    def write(url: str, **settings: object) -> None:
        given = {"url": url, "model": "e5", **settings}
        lines = [f"{name} = {value_of(value)}" for name, value in given.items()]
        (tmp_path / "endpoints.toml").write_text("\n".join(["[mine]", *lines]))
        monkeypatch.setenv("DSSM_ENDPOINTS", str(tmp_path / "endpoints.toml"))

    return write


def value_of(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {value_of(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)


def refused() -> UserError:
    return refusal(lambda: open_encoder("endpoint:mine"))


def test_the_sides_have_their_own_prompts_and_fields(serve, configure):
    server = serve()
    configure(
        server.url,
        query_prompt="query: ",
        document_prompt="passage: ",
        query_extra={"input_type": "query"},
        document_extra={"input_type": "passage"},
        batch=2,
    )
    encoder = open_encoder("endpoint:mine")
    assert (encoder.facts.width, encoder.facts.max_length) == (4, None)
    towers = EncoderTowers(encoder)
    server.asked.clear()
    texts = ["red door ☂", "blue", "…", "wall"]
    encodings = towers.encode(texts, "query")
    assert [len(body["input"]) for _, _, body in server.asked] == [2, 1]
    assert {body["input_type"] for _, _, body in server.asked} == {"query"}
    assert {path for path, _, _ in server.asked} == {"/v1/embeddings"}
    assert encodings[0].vector == pytest.approx(vector("query: red door ☂"), rel=1e-6)
    states = [(t.text, t.state) for t in encodings[0].tokens]
    assert states == [("query: ", "prompt"), ("red", "seen"), ("door", "seen"), ("☂", "seen")]
    assert not encodings[2].is_readable
    assert not encodings[2].vector.any()
    assert encodings[0].attention is None
    towers.encode(["wall"], "document")
    assert server.asked[-1][2]["input"] == ["passage: wall"]
    assert server.asked[-1][2]["input_type"] == "passage"


def test_words_are_left_out_and_so_is_the_prompt(serve, configure):
    configure(serve().url, query_prompt="query: ")
    towers = EncoderTowers(open_encoder("endpoint:mine"))
    found = effects(towers, Head(5.0, 0.0), "red door", "red wall", "query")
    assert [token.state for token in found.tokens] == ["prompt", "seen", "seen"]
    assert all(token.cosine for token in found.tokens)


def test_the_order_is_put_right_and_base64_is_read(serve, configure):
    def shuffled(handler: Handler, body: dict[str, Any]) -> None:
        items = listed(body["input"])
        for item in items:
            raw = np.array(item["embedding"], "<f4").tobytes()
            item["embedding"] = base64.b64encode(raw).decode()
        handler.say({"data": items[::-1]})

    configure(serve(shuffled).url)
    texts = ["one", "two", "three"]
    found = EncoderTowers(open_encoder("endpoint:mine")).encode(texts, "document")
    for text, encoding in zip(texts, found, strict=True):
        assert encoding.vector == pytest.approx(vector(text), rel=1e-6)


def is_same(one, other):
    return one.fingerprint == other.fingerprint and is_alike(one.samples, other.samples.tolist())


def test_it_is_known_again_by_model_prompts_and_vectors(serve, configure):
    def noisy(handler: Handler, body: dict[str, Any]) -> None:
        items = listed(body["input"])
        items[0]["embedding"][0] += 1e-3
        handler.say({"data": items})

    def other(handler: Handler, body: dict[str, Any]) -> None:
        handler.say({"data": listed([text + " x" for text in body["input"]])})

    found = {}
    for name, answer, settings in (
        ("same", right, {}),
        ("noisy", noisy, {}),
        ("other vectors", other, {}),
        ("other model", right, {"model": "e6"}),
        ("other prompt", right, {"query_prompt": "q: "}),
        ("other fields", right, {"query_extra": {"input_type": "query"}}),
    ):
        configure(serve(answer).url, **settings)
        found[name] = open_encoder("endpoint:mine").facts
    assert is_same(found["same"], found.pop("noisy"))
    assert not any(is_same(one, other) for one, other in combinations(found.values(), 2))


def test_without_a_file_of_endpoints_there_are_none(monkeypatch):
    monkeypatch.delenv("DSSM_ENDPOINTS", raising=False)
    assert refused().key == "endpoint.off"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[mine", "endpoint.no settings"),
        ("\udcff", "endpoint.no settings"),
        ("mine = 1", "endpoint.unknown name"),
        ("[other]\nurl = 'http://localhost'", "endpoint.unknown name"),
    ],
)
def test_a_file_of_endpoints_that_lacks_this_one_is_refused(text, key, tmp_path, monkeypatch):
    path = tmp_path / "endpoints.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    monkeypatch.setenv("DSSM_ENDPOINTS", str(path))
    assert refused().key == key
    path.unlink()
    assert refused().key == "endpoint.no settings"


@pytest.mark.parametrize(
    ("url", "settings", "setting"),
    [
        ("ftp://127.0.0.1/v1", {}, "url"),
        ("file:///etc/passwd", {}, "url"),
        ("http://me:secret@127.0.0.1/v1", {}, "url"),
        ("http://127.0.0.1/v1?key=1", {}, "url"),
        ("http://127.0.0.1/v1#key=1", {}, "url"),
        ("http://127.0.0.1:99999/v1", {}, "url"),
        ("http://[::1/v1", {}, "url"),
        ("", {}, "url"),
        ("http://127.0.0.1/v1", {"model": ""}, "model"),
        ("http://127.0.0.1/v1", {"timeout": 0}, "timeout"),
        ("http://127.0.0.1/v1", {"timeout": "5"}, "timeout"),
        ("http://127.0.0.1/v1", {"batch": True}, "batch"),
        ("http://127.0.0.1/v1", {"batch": 100_000}, "batch"),
        ("http://127.0.0.1/v1", {"api_key": KEY}, "api_key"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_asked(url, settings, setting, configure):
    configure(url, **settings)
    error = refused()
    assert (error.key, error.values["setting"]) == ("endpoint.wrong setting", setting)
    assert KEY not in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1/v1", "https://example.com", "http://127.0.0.1.example.com/v1"]
)
def test_no_other_machine_is_asked_unless_its_name_is_allowed(url, configure, monkeypatch):
    asked = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        asked.append(address[0])
        raise ConnectionRefusedError("nobody")

    monkeypatch.setattr(socket, "create_connection", connect)
    for allowed in ("", "example.org"):
        configure(url, allow_host=allowed)
        assert refused().key == "endpoint.foreign host"
    assert asked == []
    host = endpoint.urlsplit(url).hostname
    configure(url, allow_host=host)
    assert refused().key == "endpoint.no answer"
    assert asked == [host]


def test_a_proxy_of_the_environment_is_not_used(serve, configure, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://192.0.2.1:9")
    configure(serve().url)
    assert open_encoder("endpoint:mine").facts.width == 4


def test_a_redirect_is_not_followed(serve, configure):
    elsewhere = serve()

    def redirect(handler: Handler, body: dict[str, Any]) -> None:
        handler.say(b"", 307, Location=f"{elsewhere.url}/embeddings")

    configure(serve(redirect).url)
    error = refused()
    assert (error.key, error.values["status"]) == ("endpoint.refused", 307)
    assert elsewhere.asked == []


def test_the_key_is_sent_and_never_shown(serve, configure, monkeypatch, caplog):
    def refuse(handler: Handler, body: dict[str, Any]) -> None:
        said = handler.headers["Authorization"]
        handler.say({"error": {"message": f"{'x' * 190} not known: {said}"}}, 401)

    monkeypatch.setenv("MINE_KEY", f" {KEY}\n")
    server = serve()
    configure(server.url, key_env="MINE_KEY")
    encoder = open_encoder("endpoint:mine")
    assert server.asked[-1][1]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(encoder)
    for answer in (refuse, lambda handler, body: handler.say({"detail": KEY})):
        server.answer = answer
        error = refused()
        assert KEY[:5] not in str(error)
        assert KEY not in str(error.__cause__)
    server.answer = lambda handler, body: handler.wfile.write(f"{KEY}\r\n\r\n".encode())
    assert KEY not in str(refused())
    for wrong in ("", "with\nline", "schlüssel"):
        monkeypatch.setenv("MINE_KEY", wrong)
        error = refused()
        assert error.key == "endpoint.no key"
        assert not wrong or wrong not in str(error)
    assert caplog.text == ""


def changed(**values: object) -> Answer:
    """Return an answer whose last embedding is changed."""

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        items = listed(body["input"])
        items[-1] |= values
        handler.say({"data": items})

    return answer


NAN = base64.b64encode(np.array([1, np.nan, 1, 1], "<f4").tobytes()).decode()


@pytest.mark.parametrize(
    ("answer", "key", "said"),
    [
        (lambda h, b: h.say(b"<!doctype html>", 200), "endpoint.page", "HTML"),
        (lambda h, b: h.say(b"\n <html>", 502), "endpoint.page", "502"),
        (lambda h, b: h.say({"error": {"message": "no model e5"}}, 404), "endpoint.refused", "no "),
        (lambda h, b: h.say({"error": "too busy"}, 200), "endpoint.refused", "too busy"),
        (lambda h, b: h.say({"detail": "bad"}, 422), "endpoint.refused", "bad"),
        (lambda h, b: h.say(b"", 500), "endpoint.refused", "500"),
        (lambda h, b: h.say(b"{", 200), "endpoint.other answer", "{"),
        (lambda h, b: h.say(b"[" * 99_999, 200), "endpoint.other answer", "["),
        (lambda h, b: h.say(b"\xff\xfe", 200), "endpoint.other answer", ""),
        (lambda h, b: h.say([1], 200), "endpoint.other answer", "1"),
        (lambda h, b: h.say({"data": {}}), "endpoint.other answer", "data"),
        (lambda h, b: h.say({"data": [1, 2, 3]}), "endpoint.other answer", "data"),
        (lambda h, b: h.say({"data": listed(b["input"][1:])}), "endpoint.other number", "2"),
        (lambda h, b: h.say({"data": listed([*b["input"], "x"])}), "endpoint.other number", "4"),
        (changed(index=0), "endpoint.order", "index"),
        (changed(index=3), "endpoint.order", "index"),
        (changed(index=None), "endpoint.order", "index"),
        (changed(index=2.0), "endpoint.order", "index"),
        (changed(index=[2]), "endpoint.order", "index"),
        (changed(embedding=[1.0, 2.0]), "encoder.two widths", "2 ≠ 4"),
        (changed(embedding=[1.0, float("nan"), 1.0, 1.0]), "encoder.not numbers", "finite"),
        (changed(embedding=[1.0, 1e300, 1.0, 1.0]), "encoder.not numbers", "finite"),
        (changed(embedding=[1.0, 10**400, 1.0, 1.0]), "encoder.not numbers", "finite"),
        (changed(embedding=[1.0, None, 1.0, 1.0]), "encoder.not numbers", "finite"),
        (changed(embedding=["1", "1", "1", "1"]), "encoder.not numbers", "finite"),
        (changed(embedding=[[1.0], [1.0, 2.0]]), "encoder.not numbers", "finite"),
        (changed(embedding=[[1.0, 1.0, 1.0, 1.0]]), "encoder.not numbers", "finite"),
        (changed(embedding=[]), "encoder.not numbers", "finite"),
        (changed(embedding=None), "encoder.not numbers", "finite"),
        (changed(embedding=NAN), "encoder.not numbers", "finite"),
        (changed(embedding="????"), "encoder.not numbers", "finite"),
        (changed(embedding="AAAA"), "encoder.not numbers", "finite"),
        (changed(embedding=""), "encoder.not numbers", "finite"),
        (lambda h, b: h.wfile.write(b"SSH-2.0-OpenSSH\r\n"), "endpoint.no answer", "SSH"),
        (lambda h, b: None, "endpoint.no answer", ""),
    ],
)
def test_a_wrong_answer_is_one_sentence(answer, key, said, serve, configure):
    configure(serve(answer).url)
    error = refused()
    assert error.key == key
    assert said in str(error)
    assert "\n" not in str(error)


def test_vectors_that_change_their_width_are_refused(serve, configure):
    server = serve()
    configure(server.url)
    towers = EncoderTowers(open_encoder("endpoint:mine"))
    server.answer = lambda h, b: h.say({"data": listed(b["input"], width=5)})
    assert refusal(lambda: towers.encode(["red"], "query")).key == "encoder.other shape"
    server.answer = lambda h, b: h.say({"data": listed(b["input"], 3 + len(server.asked) % 2)})
    server.asked.clear()
    assert refused().key == "encoder.two widths"


def test_an_answer_that_is_too_large_is_not_read_to_its_end(serve, configure, monkeypatch):
    def endless(handler: Handler, body: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b" " * 1000)

    monkeypatch.setattr(endpoint, "MAX_ANSWER", 10_000)
    configure(serve(endless).url)
    assert refused().key == "endpoint.large answer"


def test_nobody_there_is_said(configure):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    configure(f"http://127.0.0.1:{port}/v1")
    assert refused().key == "endpoint.no answer"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_hangs_is_left(scheme, configure):
    with socket.create_server(("127.0.0.1", 0)) as listener:  # connects, and says nothing
        configure(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/v1", timeout=0.1)
        assert refused().key == "endpoint.slow"


@pytest.mark.parametrize("head", [b"", b"HTTP/1.0 200 OK\r\n\r\n"])
def test_a_server_that_drips_is_left(head, serve, configure):
    over = threading.Event()

    def drip(handler: Handler, body: dict[str, Any]) -> None:
        handler.wfile.write(head)
        while not over.wait(0.01):
            handler.wfile.write(b" " if head else b"HTTP")

    configure(serve(drip).url, timeout=0.2)
    assert refused().key == "endpoint.slow"
    over.set()


def test_plain_http_where_tls_was_meant_is_said(serve, configure):
    configure(serve().url.replace("http:", "https:"))
    assert refused().key == "endpoint.no answer"
