"""What is inspected: a model, a file of labelled pairs, and the scores of the one for the other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass
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
from dssm_core.ui.common.adopt import offer_encoder
from dssm_core.ui.common.language import tr
from dssm_core.ui.common.models import pick_model
from dssm_core.ui.common.work import cached, scored
from dssm_core.ui.inspect.kept_files import kept_files, this_browser
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

UPLOAD = "inspect.upload"
"""Session key of the loaded file."""

Made = TypeVar("Made")


@dataclass(frozen=True)
class Source:
    """A file of pairs.

    Attributes:
        name: of the file.
        content: its bytes, or where it lies.
        key: another for other content.
        token: by which the server finds a loaded file again; "" where it does not.
    """

    name: str
    content: bytes | Path
    key: str
    token: str = ""


@dataclass(frozen=True)
class PairsSource:
    """Pairs, ready to be scored.

    Attributes:
        pairs: as `read_pairs` returns them, and perhaps drawn ones.
        key: another for other pairs.
        name: of the file that they are from.
    """

    pairs: pd.DataFrame
    key: str
    name: str


@dataclass(frozen=True)
class ScoredPairs:
    """Scored pairs and the model that scored them.

    Attributes:
        inspection: the pairs with their scores.
        scorer: the model.
        key: another for other pairs or another model.
        name: of the file that the pairs are from.
    """

    inspection: Inspection
    scorer: Scorer
    key: str
    name: str

    @property
    def frame(self) -> pd.DataFrame:
        """One row a pair."""
        return self.inspection.frame

    def cached(self, slot: str, of: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` makes of these pairs, made anew where `of` is another."""
        return cached(f"inspect.{slot}", (self.key, of), make)


def show_load(folders: dict[str, ModelFolder]) -> tuple[ModelFolder, PairsSource | None]:
    """Show what model and pairs are inspected, and let both be changed.

    Returns:
        The model folder, and the pairs; None where they cannot be used, which the page then says.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width=260):
            folder = pick_model(folders, "inspect")
        offer_encoder()
        with st.popover(tr("inspect.own"), icon=":material/upload_file:"):
            _show_upload()
        upload: Source | None = st.session_state.get(UPLOAD)
        if upload:
            st.button(tr("inspect.back"), key="inspect.back", on_click=_forget)
        negatives = st.container(width=230)
    try:
        return folder, _load(upload or _own(folder), bool(upload), negatives)
    except UserError as error:
        components.show_error(error)
        return folder, None


def score(scorer: Scorer, source: PairsSource) -> ScoredPairs | None:
    """Score the pairs with progress and a Stop button, once; None once it was stopped."""
    key = f"{source.key} {scorer.folder.fingerprint}"
    inspection = scored(
        "inspect",
        key,
        lambda progress: inspect_pairs(scorer, source.pairs, progress),
        progress="inspect.scoring",
        stopped="inspect.stopped",
        go_on="inspect.go on",
    )
    return None if inspection is None else ScoredPairs(inspection, scorer, key, source.name)


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
    take(given.name, content, kept_files().keep(given.name, content, this_browser()))


def take(name: str, content: bytes, token: str) -> None:
    """Take a file for the pairs to inspect.

    Args:
        name: of the file.
        content: its bytes.
        token: by which the server finds it again; "" where it does not.
    """
    key = hashlib.sha256(content + name.encode("utf-8", "replace")).hexdigest()[:16]
    st.session_state[UPLOAD] = Source(name, content, key, token)


def _forget() -> None:
    st.session_state.pop(UPLOAD, None)


def _own(folder: ModelFolder) -> Source:
    path = folder.path / "pairs.csv"
    try:
        status = path.stat()
    except OSError:
        raise UserError("page.no pairs", str(path), name=folder.name) from None
    return Source(path.name, path, f"{path} {status.st_mtime_ns} {status.st_size}")


def _load(source: Source, is_upload: bool, negatives: Any) -> PairsSource:
    table = cached(
        "inspect.table", source.key, lambda: columns.read_table(source.content, source.name)
    )
    roles = _map(table, source.key) if is_upload else columns.guess_roles(table)
    key = f"{source.key} {roles}"
    pairs = cached("inspect.pairs", key, lambda: columns.to_pairs(table, roles))
    doubts = cached("inspect.doubts", key, lambda: columns.doubts(pairs))
    number, relevant = len(pairs), int(pairs["label"].sum())
    if number > relevant:
        text = tr("inspect.source", name=source.name, number=number, relevant=relevant)
    else:
        text = tr("inspect.source.relevant", name=source.name, number=number)
        st.session_state.setdefault("inspect.assumed", ASSUMED)
        with negatives:
            each = st.number_input(
                tr("inspect.assumed"), 0, 20, key="inspect.assumed", persist_state="session"
            )
        if each:
            pairs = cached("inspect.drawn", (key, each), lambda: sample_negatives(pairs, each))
            assumed = tr("inspect.source.assumed", each=each, number=len(pairs) - number)
            text = join_texts(text, assumed)
            key, doubts = f"{key} {each}", {k: v for k, v in doubts.items() if k != "one label"}
    components.show_quiet(text)
    for doubt, example in doubts.items():
        components.show_message("warning", tr(DOUBTS[doubt]), example)
    return PairsSource(pairs, key, source.name)


def _map(table: columns.Table, key: str) -> columns.Roles:
    """Show which column is what, guessed, and return what a person makes of it."""
    guess = cached("inspect.guess", key, lambda: columns.guess_roles(table))

    def pick(column: Any, name: str, label: str, options: list[str], chosen: str | None) -> Any:
        index = options.index(chosen) if chosen in options else None
        return column.selectbox(label, options, index, key=f"inspect.role.{name}.{key}")

    boxes = st.columns(3)
    every = list(table.columns)
    query = pick(boxes[0], "query", tr("inspect.role.query"), every, guess.query)
    document = pick(boxes[1], "document", tr("inspect.role.document"), every, guess.document)
    label = boxes[2].selectbox(
        tr("inspect.role.label"),
        every,
        every.index(guess.label) if guess.label in every else None,
        key=f"inspect.role.label.{key}",
        placeholder=tr("inspect.role.label.none"),
    )
    relevant, irrelevant = cached(
        "inspect.labels", (key, label), lambda: columns.guess_labels(table, label)
    )
    if relevant is not None or irrelevant is not None:
        left, right, _ = st.columns(3)
        values = table.values(str(label))
        key = f"{key}.{label}"
        relevant = pick(left, "yes", tr("inspect.role.yes"), values, relevant)
        irrelevant = pick(right, "no", tr("inspect.role.no"), values, irrelevant)
    return columns.Roles(query, document, label, relevant, irrelevant)
