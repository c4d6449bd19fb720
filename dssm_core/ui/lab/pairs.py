"""Which pairs the Lab trains on: those of a model folder, or a file of the person's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dssm_core.corpus.opening import ENDINGS
from dssm_core.corpus.pairs import read_pairs, to_pairs
from dssm_core.corpus.reading import OWN, interpret
from dssm_core.ui.common import components, models, state
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.common.reading import choose_reading, content_key
from dssm_core.ui.common.work import cached

OWN_FILE = "own file"
"""What the picker calls a file of the person's own; no model folder has a blank in its name."""

SIZES = (500, 1000, 2000)
NEEDED = ["query", "document", "label"]


def pick_pairs() -> pd.DataFrame | None:
    """Let a person choose pairs; return them, or None while a file is still to be given."""
    folders, _ = state.model_folders()
    names = [name for name in folders if (folders[name].path / "pairs.csv").exists()]
    chosen = models.chosen_model(folders) if folders else ""
    first = next((n for n in (chosen, models.DEFAULT) if n in names), None)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            tr("lab.pairs.of"),
            [*names, OWN_FILE],
            names.index(first) if first else 0,
            format_func=lambda name: tr("lab.pairs.own") if name == OWN_FILE else name,
            key="lab.pairs",
            width=260,
        )
        number = st.selectbox(tr("lab.pairs"), SIZES, index=1, key="lab.n", width=120)
    if name != OWN_FILE:
        components.show_quiet(tr("lab.pairs.held out", name=name))
        return _read(str(folders[name].path / "pairs.csv")).head(number)
    pairs = _own()
    return None if pairs is None else pairs.head(number)


@st.cache_data(show_spinner=False)
def _read(path: str) -> pd.DataFrame:
    return read_pairs(Path(path), choices=OWN)[NEEDED]


def _own() -> pd.DataFrame | None:
    components.show_quiet(tr("inspect.upload.about"))
    given: Any = st.file_uploader(
        tr("lab.pairs.own"),
        type=ENDINGS,
        key="lab.file",
        label_visibility="collapsed",
    )
    if given is None:
        return None
    content = given.getvalue()
    key = content_key(content, given.name)
    table, choices = choose_reading("lab", content, given.name, key)
    pairs, reading = cached(
        "lab.read", (key, choices), lambda: to_pairs(table, interpret(table, choices))
    )
    components.show_quiet(reading.sentence().text(translator()))
    return pairs[NEEDED]
