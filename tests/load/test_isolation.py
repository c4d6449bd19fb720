"""Sessions side by side on the real page: each is sent its own texts, and no other's.

Beside `python -m tests.load.crowd`, which does the same with fifty of them for five minutes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from textwrap import dedent, indent

import pytest

from tests.load.people import QUERY, Record, Typist, count_wrong, stay
from tests.load.serving import Server, serving
from tests.load.visitor import mark, visit
from tests.tiny import WordTowers, run_apart

pytestmark = pytest.mark.slow

TEXTS = [
    ("red door", "A red door in a blue wall, and a red wall behind it."),
    ("blue wall", "A wall of blue stones without a door."),
    ("red or blue", "Red paint for a door."),
]
LEAKS = {
    "a cache that forgets its key": """
        @st.cache_data
        def kept(_text):
            return _text
        st.text(kept(text))
    """,
    "a value that outlives the run": """
        before = vars(st).setdefault("before", [])
        st.text(before[:1])
        before.append(text)
    """,
    "a link": """
        from dssm_core.ui.common.state import View, pack
        before = vars(st).setdefault("links", [])
        before.append(pack(View("m", text, ("d",), 0.5, 1)))
        st.code(f"http://localhost/?view={before[0]}")
    """,
}
"""Ways of code to send one session's text to another."""


async def crowd(server: Server, number: int, edits: int) -> tuple[Record, int, int]:
    """Let visitors come and go; return what happened, and the threads before and after."""
    first = await visit(server.address, mark(0))
    await first.ready(240)
    await first.close()
    record, before, until = Record(), server.threads(), time.monotonic() + 600
    await asyncio.gather(
        *(
            stay(server.address, Typist(i, TEXTS), record, edits, until, 0.2)
            for i in range(1, number + 1)
        )
    )
    ended = time.monotonic() + 300
    while server.sessions() and time.monotonic() < ended:
        await asyncio.sleep(0.2)
    return record, before, server.threads()


def test_no_session_is_sent_the_text_of_another(models):
    with serving(words=0, DSSM_MODELS=f"{models}") as server:
        record, before, after = run_apart(crowd(server, 3, 4))
        assert record.errors == []
        assert record.strangers == set()
        assert len(record.answers) == 12, "each with its visitor's texts in the table and the link"
        assert count_wrong(record.answers, WordTowers()) == 0
        assert server.models() == ["doors"], "once for all"
        assert server.errors() == []
        said = server.log.read_text("utf-8", "replace")
        assert [i for i in range(4) if mark(i) in said] == [], "no text is logged"
        assert server.sessions() == 0
        assert after <= before + 2, "threads end with their sessions"


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a page that leaks in the way that is typed into it."""
    code = ["import streamlit as st", f'text = st.text_input("{QUERY}")']
    for way, leak in LEAKS.items():
        code += [f"if {way!r} in text:", indent(dedent(leak), "    ")]
    path = tmp_path_factory.mktemp("leaky") / "page.py"
    path.write_text("\n".join(code))
    with serving(path) as server:
        yield server


@pytest.mark.parametrize("way", LEAKS)
def test_a_leak_is_seen(leaky, way):
    async def look() -> set[str]:
        found: set[str] = set()
        for number in (1, 2):
            visitor = await visit(leaky.address, mark(number))
            try:
                await visitor.ready()
                await visitor.type(QUERY, f"{way} {mark(number)}")
                await visitor.ready()
            finally:
                await visitor.close()
            found |= visitor.marks - {mark(number)}
        return found

    assert run_apart(look()) == {mark(1)}
