"""The link of Compare: what it restores, and what is done with a damaged one."""

from __future__ import annotations

import json
import re
import zlib
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from dssm_core.adoption import Adoption, adopt
from dssm_core.errors import UserError
from dssm_core.ui.common import state
from tests.encoders import labelled_pairs, static_folder
from tests.pages import numbers, run_until, shown_text, sound
from tests.tiny import quiet

VIEW = state.View("doors", "blue wall", ("red", "a\nwall"), 0.25, 2)


def test_a_link_restores_query_documents_threshold_and_selection(page: Any) -> None:
    app = page(view=state.pack(VIEW))
    sound(app)
    assert app.text_input(key="compare.query").value == "blue wall"
    assert numbers(app)["document"].tolist() == ["red", "a\nwall"]
    assert app.slider(key="compare.threshold").value == 0.25
    assert app.selectbox(key="compare.selected").value == 2


def test_a_link_to_a_model_that_is_not_here_says_so_and_keeps_the_text(page: Any) -> None:
    app = page(view=state.pack(state.View("gone", "blue wall", ("red",), 0.25, 1)))
    assert "names a model that is not here" in shown_text(app)
    assert app.text_input(key="compare.query").value == "blue wall"


@pytest.mark.slow
def test_the_trouble_with_a_link_stays_until_text_is_edited(page: Any) -> None:
    app = page(view="x")
    app.selectbox(key="compare.selected").set_value(2).run()
    assert "This link cannot be read" in shown_text(app)
    app.text_input(key="compare.query").set_value("blue").run()
    assert "This link cannot be read" not in shown_text(app)


def test_the_address_bar_holds_what_was_typed_so_that_a_reload_keeps_it(page: Any) -> None:
    def script(app: AppTest) -> str:
        return next(e.proto.body for e in app.get("html") if "data-address" in e.proto.body)

    app = page()
    assert "?view=" not in script(app)
    app.text_input(key="compare.query").set_value("blue").run()
    found = re.search(r'data-address="\?view=([\w-]+)"', script(app))
    assert found
    assert state.unpack(found[1]).query == "blue"


def test_a_link_comes_back_as_it_went() -> None:
    packed = state.pack(VIEW)
    assert packed is not None
    assert state.unpack(packed) == VIEW


def test_a_text_too_long_for_a_link_gets_none() -> None:
    long = "".join(chr(0x4E00 + i * 7919 % 20_000) for i in range(10_000))
    assert state.pack(state.View("m", long, (), 0.5, 1)) is None


def packed(values: Any) -> str:
    return urlsafe_b64encode(zlib.compress(json.dumps(values).encode())).decode()


GOOD = {
    **{"model": "m", "query": "q", "documents": ["a"], "second": ""},
    **{"threshold": 0.5, "selected": 1},
}


def test_the_link_that_the_hostile_ones_are_made_of_is_good_itself() -> None:
    assert state.unpack(packed(GOOD)).query == "q"


DAMAGED = [
    "",
    "x",
    "!!!!",
    packed([]),
    packed({"query": "a"}),
    packed({**GOOD, "query": 1}),
    packed({**GOOD, "documents": "ab"}),
    packed({**GOOD, "threshold": 1.5}),
    packed({**GOOD, "selected": 9}),
    packed("a" * 3_000_000)[:8000],
    packed(["a" * 3_000_000]),
    packed({**GOOD, "query": "\ud800"}),
    packed({**GOOD, "second": None}),
    packed({**GOOD, "threshold": 1e999}),
    "A" * 9000,
]


@pytest.mark.parametrize("link", DAMAGED)
def test_a_damaged_or_hostile_link_is_refused(link: str) -> None:
    with pytest.raises(UserError) as caught:
        state.unpack(link)
    assert caught.value.key == "page.wrong link"


@pytest.mark.parametrize("link", ["", "x", packed(["a" * 3_000_000])])
def test_a_refused_link_gets_a_message_and_the_first_example(page: Any, link: str) -> None:
    app = page(view=link)
    sound(app)
    assert "This link cannot be read" in shown_text(app)
    assert app.text_input(key="compare.query").value == "red door"


@given(st.text(max_size=200))
def test_no_link_raises_anything_but_a_message(link: str) -> None:
    with pytest.raises(UserError):
        state.unpack(link)


def test_a_link_restores_the_threshold_of_a_model_without_a_probability(
    page: Any, models: Path
) -> None:
    pairs = labelled_pairs().head(2)
    adopt(Adoption(str(static_folder(models.parent / "static")), pairs, models / "m"), quiet)
    link = state.pack(state.View("m", "red1", ("red1 blue2", "green1"), 0.6, 1))
    app = page(state.live_model, view=link)
    run_until(app, lambda: any(s.key == "compare.threshold.share" for s in app.slider))
    assert app.slider(key="compare.threshold.share").value == 0.6
    assert "compare.threshold" not in app.session_state
    scripts = [e.proto.body for e in app.get("html") if "data-address" in e.proto.body]
    (kept,) = {
        state.unpack(found).threshold for found in re.findall(r"view=([\w-]+)", "".join(scripts))
    }
    assert kept == 0.6
