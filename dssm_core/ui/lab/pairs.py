"""Which pairs the Lab trains on: those of a model folder, or a file of the person's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dssm_core.corpus import reading
from dssm_core.corpus.opening import ENDINGS
from dssm_core.corpus.pairs import read, read_pairs
from dssm_core.ui.common import components, models, state
from dssm_core.ui.common.language import tr, translator

OWN = "own file"
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
            [*names, OWN],
            names.index(first) if first else 0,
            format_func=lambda name: tr("lab.pairs.own") if name == OWN else name,
            key="lab.pairs",
            width=260,
        )
        number = st.selectbox(tr("lab.pairs"), SIZES, index=1, key="lab.n", width=120)
    if name != OWN:
        components.show_quiet(tr("lab.pairs.held out", name=name))
        return _read(str(folders[name].path / "pairs.csv")).head(number)
    pairs = _own()
    return None if pairs is None else pairs.head(number)


@st.cache_data(show_spinner=False)
def _read(path: str) -> pd.DataFrame:
    return read_pairs(Path(path), choices=reading.OWN)[NEEDED]


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
    pairs, reading = read(given.getvalue(), given.name)
    components.show_quiet(reading.sentence().text(translator()))
    return pairs[NEEDED]
