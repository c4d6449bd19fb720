"""A page that is reloaded, or that loses its connection, in the middle of scoring."""

from __future__ import annotations

import asyncio

import pytest

from tests.load.people import LINES, QUERY
from tests.load.serving import Server, serving
from tests.load.visitor import mark, visit
from tests.tiny import run_apart

pytestmark = pytest.mark.slow

DOCUMENTS = ["a red door", "a blue wall", "a red wall"]


async def reload(server: Server) -> None:
    first = await visit(server.address, mark(1))
    await first.ready()
    await first.ask(LINES, "\n".join(DOCUMENTS), lambda a: [*a.view.documents] == DOCUMENTS)
    before = first.link()
    await first.type(QUERY, "red wall")
    await first.until(lambda: first.link() not in ("", before))
    link = first.link()
    assert first.is_running
    assert not first.shows("dataframe"), "it is still being scored"
    await first.close()
    again = await visit(server.address, mark(1), link)
    answer = await again.opened()
    assert (answer.view.query, [*answer.view.documents]) == ("red wall", DOCUMENTS)
    assert answer.table.sort_values("rank")["document"].iloc[0] == "a red wall"
    await again.close()
    for _ in range(3_000):
        if server.sessions() == 0:
            break
        await asyncio.sleep(0.1)


def test_a_reload_while_it_scores_loses_nothing_that_was_typed(models):
    with serving(words=0.5, DSSM_MODELS=f"{models}") as server:
        run_apart(reload(server))
        assert server.sessions() == 0
        assert server.errors() == []
