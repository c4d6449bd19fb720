"""What is inspected: a model, a file of labelled pairs, and the scores of the one for the other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from dssm_core.corpus import columns
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.inspection.score_pairs import Inspection, inspect_pairs, sample_negatives
from dssm_core.scoring import Scorer
from dssm_core.ui.common import components
from dssm_core.ui.common.language import tr
from dssm_core.ui.compare import inputs
from dssm_core.words import join_texts

ENDINGS = ["csv", "tsv", "tab", "jsonl", "ndjson", "gz"]
ASSUMED = 4
"""Documents assumed not relevant to each query of a file that labels all pairs relevant."""

DOUBTS: dict[columns.Doubt, str] = {
    "ids": "inspect.doubt.ids",
    "one label": "inspect.doubt.one label",
    "same text": "inspect.doubt.same text",
    "contradiction": "inspect.doubt.contradiction",
}

Made = TypeVar("Made")


@dataclass(frozen=True)
class Source:
    """A file of pairs.

    Attributes:
        name: of the file.
        content: its bytes, or where it lies.
        key: another for other content.
    """

    name: str
    content: bytes | Path
    key: str


@dataclass(frozen=True)
class Loaded:
    """Pairs, ready to be scored.

    Attributes:
        pairs: as `read_pairs` returns them, and perhaps drawn ones.
        key: another for other pairs.
    """

    pairs: pd.DataFrame
    key: str


@dataclass(frozen=True)
class Bench:
    """Scored pairs and the model that scored them.

    Attributes:
        inspection: the pairs with their scores.
        scorer: the model.
        key: another for other pairs or another model.
    """

    inspection: Inspection
    scorer: Scorer
    key: str

    @property
    def frame(self) -> pd.DataFrame:
        """One row a pair."""
        return self.inspection.frame

    def kept(self, slot: str, of: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` makes of these pairs, made anew only where something else is asked."""
        return kept(slot, (self.key, of), make)


def kept(slot: str, key: Hashable, make: Callable[[], Made]) -> Made:
    """Return what a slot of the session keeps under a key; made where it keeps something else."""
    name = f"inspect.kept.{slot}"
    found: tuple[Hashable, Made] | None = st.session_state.get(name)
    if found is None or found[0] != key:
        found = key, make()
        st.session_state[name] = found
    return found[1]


def show_load(folders: dict[str, ModelFolder]) -> tuple[ModelFolder, Loaded | None]:
    """Show what model and pairs are inspected, and let both be changed.

    Returns:
        The model folder, and the pairs; None where they cannot be used, which the page then says.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width=260):
            folder = inputs.pick_model(folders)
        with st.popover(tr("inspect.own"), icon=":material/upload_file:"):
            _show_upload()
        upload: Source | None = st.session_state.get("inspect.upload")
        if upload:
            st.button(tr("inspect.back"), key="inspect.back", on_click=_forget)
        negatives = st.container(width=230)
    try:
        return folder, _load(upload or _own(folder), bool(upload), negatives)
    except UserError as error:
        components.show_error(error)
        return folder, None


def score(scorer: Scorer, loaded: Loaded) -> Bench | None:
    """Score the pairs with progress and a Stop button, once; None once it was stopped."""
    key = f"{loaded.key} {scorer.folder.fingerprint}"
    found: Bench | None = st.session_state.get("inspect.bench")
    if found and found.key == key:
        return replace(found, scorer=scorer)
    if st.session_state.get("inspect.stopped") == key:
        components.show_message("note", tr("inspect.stopped"))
        st.button(tr("inspect.go on"), key="inspect.resume", on_click=_resume)
        return None

    def stop() -> None:
        st.session_state["inspect.stopped"] = key

    place = st.empty()
    with place.container():
        bar = st.progress(0.0, tr("inspect.starting"))
        st.button(tr("stop"), key="inspect.stop", on_click=stop)

    def progress(done: int, total: int) -> None:  # a click stops the run at the next call
        text = tr("inspect.scoring", done=done, total=total)
        bar.progress(min(1.0, done / max(1, total)), text)

    bench = Bench(inspect_pairs(scorer, loaded.pairs, progress), scorer, key)
    place.empty()
    st.session_state["inspect.bench"] = bench
    return bench


def _show_upload() -> None:
    components.show_quiet(tr("inspect.upload.about"))
    st.file_uploader(
        tr("inspect.upload"),
        type=ENDINGS,
        key="inspect.file",
        on_change=_take,
        label_visibility="collapsed",
    )


def _take() -> None:
    given: Any = st.session_state.get("inspect.file")
    if given is None:  # taken out of the uploader
        _forget()
        return
    content = given.getvalue()
    key = hashlib.sha256(content + given.name.encode("utf-8", "replace")).hexdigest()[:16]
    st.session_state["inspect.upload"] = Source(given.name, content, key)


def _forget() -> None:
    st.session_state.pop("inspect.upload", None)


def _resume() -> None:
    st.session_state.pop("inspect.stopped", None)


def _own(folder: ModelFolder) -> Source:
    path = folder.path / "pairs.csv"
    try:
        status = path.stat()
    except OSError:
        raise UserError("page.no pairs", str(path), name=folder.name) from None
    return Source(path.name, path, f"{path} {status.st_mtime_ns} {status.st_size}")


def _load(source: Source, is_upload: bool, negatives: Any) -> Loaded:
    table = kept("table", source.key, lambda: columns.read_table(source.content, source.name))
    roles = _map(table, source.key) if is_upload else columns.guess_roles(table)
    key = f"{source.key} {roles}"
    pairs = kept("pairs", key, lambda: columns.to_pairs(table, roles))
    doubts = kept("doubts", key, lambda: columns.doubts(pairs))
    number, relevant = len(pairs), int(pairs["label"].sum())
    if number > relevant:
        told = tr("inspect.source", name=source.name, number=number, relevant=relevant)
    else:
        told = tr("inspect.source.relevant", name=source.name, number=number)
        st.session_state.setdefault("inspect.assumed", ASSUMED)
        with negatives:
            each = st.number_input(
                tr("inspect.assumed"), 0, 20, key="inspect.assumed", persist_state="session"
            )
        if each:
            pairs = kept("drawn", (key, each), lambda: sample_negatives(pairs, each))
            assumed = tr("inspect.source.assumed", each=each, number=len(pairs) - number)
            told = join_texts(told, assumed)
            key, doubts = f"{key} {each}", {k: v for k, v in doubts.items() if k != "one label"}
    components.show_quiet(told)
    for doubt, example in doubts.items():
        components.show_message("warning", tr(DOUBTS[doubt]), example)
    return Loaded(pairs, key)


def _map(table: columns.Table, key: str) -> columns.Roles:
    """Show which column is what, guessed, and return what a person makes of it."""
    guess = kept("guess", key, lambda: columns.guess_roles(table))

    def pick(place: Any, name: str, label: str, options: list[str], chosen: str | None) -> Any:
        index = options.index(chosen) if chosen in options else None
        return place.selectbox(label, options, index, key=f"inspect.role.{name}.{key}")

    places = st.columns(3)
    every = list(table.columns)
    query = pick(places[0], "query", tr("inspect.role.query"), every, guess.query)
    document = pick(places[1], "document", tr("inspect.role.document"), every, guess.document)
    label = places[2].selectbox(
        tr("inspect.role.label"),
        every,
        every.index(guess.label) if guess.label in every else None,
        key=f"inspect.role.label.{key}",
        placeholder=tr("inspect.role.label.none"),
    )
    relevant, irrelevant = kept("labels", (key, label), lambda: columns.guess_labels(table, label))
    if relevant is not None or irrelevant is not None:
        left, right, _ = st.columns(3)
        values = table.values(str(label))
        key = f"{key}.{label}"
        relevant = pick(left, "yes", tr("inspect.role.yes"), values, relevant)
        irrelevant = pick(right, "no", tr("inspect.role.no"), values, irrelevant)
    return columns.Roles(query, document, label, relevant, irrelevant)
