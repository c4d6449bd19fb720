"""An encoder is opened from the page: its form, its trouble, and where it is not offered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dssm_core.folder import ModelFolder
from dssm_core.ui.common import adopt
from tests.encoders import labelled_pairs, static_folder
from tests.pages import APP, run_until, shown_text, sound
from tests.tiny import bare_folder


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], AppTest]:
    bare_folder(tmp_path / "models/debian-packages")
    monkeypatch.setenv("DSSM_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr("dssm_core.ui.common.adopt._sample", labelled_pairs)
    st.cache_resource.clear()
    return lambda: AppTest.from_file(APP, default_timeout=120).run()


def fill(app: AppTest, reference: str, name: str) -> AppTest:
    app.text_input(key="adopt.reference").set_value(reference)
    app.text_input(key="adopt.name").set_value(name)
    button = next(b for b in app.button if b.label == "Open the encoder")
    return button.click().run()


@pytest.mark.slow
def test_an_encoder_is_opened_and_then_in_use(page, tmp_path):
    app = fill(page(), str(static_folder(tmp_path / "static")), "mine")
    run_until(app, lambda: "mine is open and in use" in shown_text(app))
    sound(app)
    assert ModelFolder.open(tmp_path / "models/mine").is_adopted
    assert "mine is open and in use" in shown_text(app)
    model = next(box for box in app.selectbox if box.label == "Model")
    assert model.value == "mine"


@pytest.mark.parametrize(
    ("reference", "name", "said"),
    [
        ("", "mine", "There is no encoder here"),
        ("/nothing/here", "mine", "There is no encoder here"),
        ("{tmp}", "mine", "config.json is missing"),
        ("{tmp}", "../mine", "small letters"),
        ("{tmp}", "debian-packages", "already a model called debian-packages"),
        ("endpoint:none", "mine", "endpoint"),
    ],
)
def test_what_cannot_be_opened_is_said_and_stays_typed(
    page, tmp_path, monkeypatch, reference, name, said
):
    monkeypatch.delenv("DSSM_ENDPOINTS", raising=False)
    reference = reference.format(tmp=tmp_path)
    before = sorted((tmp_path / "models").rglob("*"))
    app = fill(page(), reference, name)
    run_until(app, lambda: said in shown_text(app))
    assert app.text_input(key="adopt.reference").value == reference
    assert sorted((tmp_path / "models").rglob("*")) == before


def test_an_adoption_that_is_stopped_ends_before_the_next_text(monkeypatch):
    began, clicked = threading.Event(), threading.Event()

    def two_texts(wanted, log, progress):
        progress(0, 2)
        began.set()
        clicked.wait(60)
        progress(1, 2)

    monkeypatch.setattr("dssm_core.adoption.adopt", two_texts)
    run = adopt._start("anything", labelled_pairs(2), "mine", ("", ""))
    assert began.wait(60)
    run.stopped.set()
    clicked.set()
    assert run.job.wait(60)
    assert run.job.error.key == "adopt.stopped"


def test_a_page_that_may_not_write_offers_none(page, monkeypatch):
    monkeypatch.setenv("DSSM_READ_ONLY", "1")
    assert not any(field.key == "adopt.reference" for field in page().text_input)


def test_a_page_that_others_reach_offers_none(page, monkeypatch):
    real = st.get_option
    monkeypatch.setattr(
        st, "get_option", lambda name: "0.0.0.0" if name == "server.address" else real(name)
    )
    assert not any(field.key == "adopt.reference" for field in page().text_input)
