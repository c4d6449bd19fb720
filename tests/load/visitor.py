"""A visitor of the page: one session on Streamlit's own WebSocket, as a browser holds it.

Source: `streamlit/web/server/starlette/starlette_websocket.py` and the page's own script of
Streamlit 1.67 (`getSessionTokens`, `sendRerunBackMsg`, `handleAutoRerun`).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import pyarrow as pa
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLsResponse
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NumberInput_pb2 import NumberInput
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from dssm_core.ui.common.state import View, unpack

MARK = re.compile(rb"zq[a-y]{4}qz")
"""What a visitor's mark looks like: a word that no text has by chance."""

FIELDS = "text_input", "text_area", "number_input", "file_uploader"

LINK = re.compile(rb"[?&]view=([\w-]+)")


class VisitError(Exception):
    """What a person in front of the browser would call broken."""


def mark(number: int) -> str:
    """Return the word that a visitor puts into all its texts.

    Example:
        >>> mark(27)
        'zqaabcqz'
    """
    digits = [number // 25**place % 25 for place in (3, 2, 1, 0)]
    return f"zq{''.join(chr(ord('a') + digit) for digit in digits)}qz"


@dataclass(frozen=True)
class Answer:
    """What the page shows after an edit.

    Attributes:
        seconds: from the edit to the end of the run that shows it.
        view: model, query and documents that the page says it shows.
        table: one row a document, as the page's table has it.
    """

    seconds: float
    view: View
    table: pd.DataFrame


Fits = Callable[[Answer], bool]


class Visitor:
    """One session.

    Args:
        socket: an open connection to the page.
        address: of the page.
        token: what the page's requests prove by that they are the page's.
        name: the mark that this visitor puts into its texts.
        link: what follows the question mark of the address that was opened.
        page: what follows its slash; "" for the first page.

    Attributes:
        marks: all marks that came in a message, which must be this visitor's own.
        troubles: error messages and exceptions that came.
        messages: how many messages came.
        size: of how many bytes.
        is_running: whether the page is at work.
    """

    def __init__(
        self,
        socket: ClientConnection,
        address: str,
        token: str,
        name: str,
        link: str = "",
        page: str = "",
    ) -> None:
        self._address, self._token = address, token
        self._places: FileURLsResponse | None = None
        self.name, self.marks, self.troubles = name, set[str](), list[str]()
        self.messages, self.size = 0, 0
        self._socket, self._link, self._path = socket, link, page
        self._elements: dict[tuple[int, ...], tuple[Element, str]] = {}
        self._states: dict[str, WidgetState] = {}
        self._kept: dict[str, tuple[int, ForwardMsg]] = {}
        self._repeated: dict[str, asyncio.Task[None]] = {}
        self._page, self._runs, self._oldest, self.is_running = "", 0, 2, True
        self._changed = asyncio.Condition()
        self._lost: BaseException | None = None
        self._reader = asyncio.create_task(self._read())

    async def close(self) -> None:
        """Leave, as by closing the tab."""
        for task in (self._reader, *self._repeated.values()):
            task.cancel()
        await self._socket.close()

    async def opened(self, seconds: float = 240.0) -> Answer:
        """Wait for what the page shows when it is opened."""
        return await self._wait(seconds, lambda answer: True)

    async def ready(self, seconds: float = 240.0) -> None:
        """Wait until the model is loaded: until the page asks for nothing more by itself."""
        async with self._changed:
            await self._until(lambda: not self._repeated and not self.is_running, seconds)

    async def ask(self, label: str, text: str, fits: Fits, seconds: float = 240.0) -> Answer:
        """Type a text into a field, leave the field, and wait for the answer.

        Args:
            label: of the field, as it is read on the page.
            text: what is to stand there.
            fits: whether an answer is the one to this.
            seconds: how long to wait.

        Raises:
            VisitError: if the page shows an error, is lost, or does not answer.
        """
        started = time.monotonic()
        await self.type(label, text)
        answer = await self._wait(seconds, fits)
        return replace(answer, seconds=time.monotonic() - started)

    async def type(self, label: str, text: str | float) -> None:
        """Type a text or a number into a field and leave the field, which starts a run."""
        element, fragment = self._field(label)
        state = first_state(element)
        assert state is not None
        if isinstance(text, str):
            state.string_value = text
        else:
            state.double_value = text
        self._states[state.id] = state
        self.is_running = True
        await self._rerun(fragment)

    async def upload(self, label: str, name: str, content: bytes) -> None:
        """Load a file into a field, which starts a run."""
        element, fragment = self._field(label)
        message = BackMsg()
        message.file_urls_request.request_id = name
        message.file_urls_request.file_names.append(name)
        await self._socket.send(message.SerializeToString())
        await self.until(lambda: self._places is not None)
        assert self._places is not None
        (place,), self._places = self._places.file_urls, None
        await asyncio.to_thread(self._put, place.upload_url, name, content)
        state = WidgetState(id=element.file_uploader.id)
        info = state.file_uploader_state_value.uploaded_file_info.add()
        info.name, info.size, info.file_id = name, len(content), place.file_id
        info.file_urls.CopyFrom(place)
        self._states[state.id] = state
        self.is_running = True
        await self._rerun(fragment)

    def _put(self, path: str, name: str, content: bytes) -> None:
        head = f'--{name}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
        body = f"{head}\r\n".encode() + content + f"\r\n--{name}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={name}",
            "Cookie": f"_streamlit_xsrf={self._token}",
            "X-Xsrftoken": self._token,
        }
        request = urllib.request.Request(f"{self._address}{path}", body, headers, method="PUT")
        with urllib.request.urlopen(request, timeout=60):
            pass

    def link(self) -> str:
        """Return what stands in the address bar after the question mark."""
        scripts = (e.html.body for e, _ in self._of_kind("html") if "data-address" in e.html.body)
        found = [re.search(r'data-address="\??([^"]*)"', script) for script in scripts]
        return next((one[1] for one in reversed(found) if one), "")

    def shows(self, kind: str) -> bool:
        """Return whether an element of a kind, such as "dataframe", has been painted."""
        return any(self._of_kind(kind))

    async def until(self, is_so: Callable[[], bool], seconds: float = 240.0) -> None:
        """Wait until something is so."""
        async with self._changed:
            await self._until(is_so, seconds)

    # what comes

    async def _read(self) -> None:
        try:
            async for content in self._socket:
                assert isinstance(content, bytes)
                self._look(content)
                async with self._changed:
                    await self._take(ForwardMsg.FromString(content))
                    self._changed.notify_all()
            raise VisitError("the connection was closed")
        except (ConnectionClosed, VisitError, ValueError, KeyError, AssertionError) as error:
            self._lost = error
            async with self._changed:
                self._changed.notify_all()

    def _look(self, content: bytes) -> None:
        """Look for marks in a message's bytes, and in the link that it may hold."""
        texts = [content]
        for packed in LINK.findall(content):
            with contextlib.suppress(Exception):
                texts.append(repr(unpack(packed.decode())).encode())
        self.marks |= {m.decode() for text in texts for m in MARK.findall(text)}
        self.messages += 1
        self.size += len(content)

    async def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "ref_hash":
            original = self._kept[message.ref_hash][1]
            whole = ForwardMsg()
            whole.CopyFrom(original)
            whole.metadata.CopyFrom(message.metadata)
            message, kind = whole, whole.WhichOneof("type")
            self._kept[whole.hash] = self._runs, original
        elif message.metadata.cacheable and message.hash:
            self._kept[message.hash] = self._runs, message
        if kind == "new_session":
            self._start(message)
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._paint(message)
        elif kind == "file_urls_response":
            self._places = message.file_urls_response
        elif kind == "navigation":  # says it of the first run, too
            self._page = message.navigation.page_script_hash
        elif kind == "auto_rerun":
            self._repeat(message.auto_rerun.fragment_id, message.auto_rerun.interval)
        elif kind == "stop_auto_rerun":
            self._stop(message.stop_auto_rerun.fragment_ids)
        elif kind == "script_finished":
            self.is_running = False
            kept = self._kept.items()
            self._kept = {h: one for h, one in kept if self._runs - one[0] <= self._oldest + 1}
            if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                shown = {widget_id(element) for element, _ in self._elements.values()}
                self._states = {i: state for i, state in self._states.items() if i in shown}
            elif message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                self.troubles.append("the script does not compile")

    def _start(self, message: ForwardMsg) -> None:
        """Begin a run: forget what it will paint anew."""
        fragments = {*message.metadata.run.fragment_ids}
        self._page = message.new_session.page_script_hash
        self._oldest = message.new_session.config.max_cached_message_age
        self._runs, self.is_running = self._runs + (not fragments), True
        if not fragments:
            self._stop([*self._repeated])
        self._elements = {
            path: (element, fragment)
            for path, (element, fragment) in self._elements.items()
            if fragments and fragment not in fragments
        }

    def _paint(self, message: ForwardMsg) -> None:
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        self._elements[tuple(message.metadata.delta_path)] = element, message.delta.fragment_id
        if kind == "exception":
            self.troubles.append(f"{element.exception.type}: {element.exception.message}")
        elif kind == "html" and 'role="alert"' in element.html.body:
            self.troubles.append(re.sub(r"<[^>]*>", "", element.html.body))
        elif state := first_state(element):
            proto = getattr(element, kind)
            if proto.set_value or state.id not in self._states:
                self._states[state.id] = state

    # what goes

    async def _rerun(self, fragment: str = "", is_repeated: bool = False) -> None:
        message = BackMsg()
        asked = message.rerun_script
        asked.query_string, asked.page_script_hash = self._link, self._page
        asked.page_name = self._path
        asked.fragment_id, asked.is_auto_rerun = fragment, is_repeated
        asked.widget_states.widgets.extend(self._states.values())
        asked.cached_message_hashes.extend(self._kept)
        asked.context_info.locale, asked.context_info.timezone = "en-US", "UTC"
        asked.context_info.color_scheme = "light"
        await self._socket.send(message.SerializeToString())

    def _repeat(self, fragment: str, seconds: float) -> None:
        async def go_on() -> None:
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await asyncio.sleep(seconds)
                    await self._rerun(fragment, is_repeated=True)

        if fragment not in self._repeated:
            self._repeated[fragment] = asyncio.create_task(go_on())

    def _stop(self, fragments: Any) -> None:
        for fragment in fragments:
            if task := self._repeated.pop(fragment, None):
                task.cancel()

    # what is seen

    def _of_kind(self, *kinds: str) -> Iterator[tuple[Any, str]]:
        for element, fragment in self._elements.values():
            if element.WhichOneof("type") in kinds:
                yield element, fragment

    def _field(self, label: str) -> tuple[Element, str]:
        for element, fragment in self._of_kind(*FIELDS):
            if getattr(element, element.WhichOneof("type")).label == label:
                return element, fragment
        raise VisitError(f"no field {label!r}")

    def _answer(self) -> Answer | None:
        """Return what is shown; None while it is not whole."""
        if self.is_running:
            return None
        links = [LINK.search(e.code.code_text.encode()) for e, _ in self._of_kind("code")]
        tables = [read_table(e.dataframe.arrow_data.data) for e, _ in self._of_kind("dataframe")]
        shown = [table for table in tables if {"document", "cosine", "rank"} <= {*table.columns}]
        packed = next((link[1] for link in links if link), None)
        return Answer(0.0, unpack(packed.decode()), shown[0]) if shown and packed else None

    async def _wait(self, seconds: float, fits: Fits) -> Answer:
        found: Answer | None = None

        def is_there() -> bool:
            nonlocal found
            found = self._answer()
            return found is not None and fits(found)

        async with self._changed:
            await self._until(is_there, seconds)
        assert found is not None
        return found

    async def _until(self, is_so: Callable[[], bool], seconds: float) -> None:
        """Wait, with `_changed` held, until something is so; trouble and loss end it."""

        def is_over() -> bool:
            return self._lost is not None or bool(self.troubles) or is_so()

        try:
            await asyncio.wait_for(self._changed.wait_for(is_over), seconds)
        except TimeoutError:
            state = "running" if self.is_running else "at rest"
            shown = f"{len(self._elements)} elements, {state}"
            raise VisitError(f"no answer after {seconds:.0f} s: {shown}") from None
        if self._lost is not None:
            raise VisitError(f"connection lost: {self._lost}")
        if self.troubles:
            raise VisitError(self.troubles[-1])


def widget_id(element: Element) -> str | None:
    """Return the id of what a person can change; None for all else."""
    return getattr(getattr(element, element.WhichOneof("type")), "id", None)


def first_state(element: Element) -> WidgetState | None:
    """Return what a browser takes for a widget's value when it is painted first."""
    kind = element.WhichOneof("type")
    proto = getattr(element, kind)
    if kind in ("text_input", "text_area"):
        text = proto.value if proto.set_value else proto.default
        return WidgetState(id=proto.id, string_value=text)
    if kind == "number_input":
        number = proto.value if proto.set_value else proto.default
        if proto.data_type == NumberInput.INT:
            return WidgetState(id=proto.id, int_value=int(number))
        return WidgetState(id=proto.id, double_value=number)
    if kind == "selectbox":
        default = proto.options[proto.default] if proto.HasField("default") else None
        chosen = proto.raw_value if proto.set_value else default
        return WidgetState(id=proto.id, string_value=chosen)
    if kind == "slider":
        state = WidgetState(id=proto.id)
        state.double_array_value.data.extend(proto.value if proto.set_value else proto.default)
        return state
    if kind == "button_group":
        state = WidgetState(id=proto.id)
        defaults = [proto.options[place].content for place in proto.default]
        state.string_array_value.data.extend(proto.raw_values if proto.set_value else defaults)
        return state
    return None


def read_table(content: bytes) -> pd.DataFrame:
    """Return a table as Streamlit sends it."""
    return pa.ipc.open_stream(content).read_pandas()


async def visit(address: str, name: str, link: str = "", page: str = "") -> Visitor:
    """Open a page, as a browser does that is given its address, and perhaps a link's query."""

    def token() -> str:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=30) as answer:
            found = re.search(r"_streamlit_xsrf=([^;]+)", answer.headers.get("Set-Cookie", ""))
        return found[1] if found else "PLACEHOLDER_AUTH_TOKEN"

    xsrf = await asyncio.to_thread(token)
    socket = await connect(
        f"{address.replace('http', 'ws', 1)}/_stcore/stream",
        origin=address,  # type: ignore[arg-type]
        subprotocols=["streamlit", xsrf],  # type: ignore[list-item]
        additional_headers={"Cookie": f"_streamlit_xsrf={xsrf}"},
        max_size=None,
        compression=None,
        open_timeout=60,
    )
    visitor = Visitor(socket, address, xsrf, name, link, page)
    await visitor._rerun()
    return visitor
