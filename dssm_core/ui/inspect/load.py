"""What is inspected: a model, a file of labelled pairs, and the scores of the one for the other."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dssm_core.corpus.checks import Finding, doubts
from dssm_core.corpus.opening import ENDINGS
from dssm_core.corpus.pairs import to_pairs
from dssm_core.corpus.reading import OWN, Choices, Reading, Table, interpret, read_table
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.inspection import measure
from dssm_core.inspection.score_pairs import Inspection, inspect_pairs, sample_negatives
from dssm_core.inspection.unread import unread
from dssm_core.scoring import Scorer
from dssm_core.ui.common import components
from dssm_core.ui.common.adopt import offer_encoder
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.common.models import pick_model
from dssm_core.ui.common.reading import choose_reading, content_key
from dssm_core.ui.common.work import Progress, Shared, cached, scored
from dssm_core.ui.inspect.kept_files import kept_files, this_browser
from dssm_core.words import join_texts

ASSUMED = 4
"""Documents assumed not relevant to each query of a file that labels all pairs relevant."""
ROWS = 200
"""Rows of a doubt that are shown."""

UPLOAD = "inspect.upload"
"""Session key of the loaded file."""

IS_OPEN = "inspect.own"
"""Session key of whether the box that a file is loaded in is open."""

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
class _ReadPairs:
    """Pairs of a file, how it was read, and what looks wrong in them."""

    pairs: pd.DataFrame
    reading: Reading
    doubts: tuple[Finding, ...]


@dataclass(frozen=True)
class PairsSource:
    """Pairs, ready to be scored.

    Attributes:
        pairs: as `read_pairs` returns them, and perhaps drawn ones.
        key: another for other pairs.
        name: of the file that they are from.
        is_own: whether the file is the model's, and not a visitor's.
        doubts: what looks wrong in them.
        panel: where that is shown.
    """

    pairs: pd.DataFrame
    key: str
    name: str
    is_own: bool
    doubts: tuple[Finding, ...]
    panel: DeltaGenerator


# a model's own pairs are the same for all visitors
_OWN_PAIRS, _OWN_SCORES = Shared[_ReadPairs](), Shared[Inspection]()


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

    @property
    def curve(self) -> pd.DataFrame:
        """What each threshold would get right and wrong."""
        return self.inspection.once("curve", lambda: measure.curve(self.frame))

    def cached(
        self,
        slot: str,
        of: Hashable,
        make: Callable[[], Made],
        drop: Callable[[Made], None] | None = None,
    ) -> Made:
        """Return what `make` makes of these pairs, made anew where `of` is another."""
        return cached(f"inspect.{slot}", (self.key, of), make, drop)


def show_load(folders: dict[str, ModelFolder]) -> tuple[ModelFolder, PairsSource | None]:
    """Show what model and pairs are inspected, and let both be changed.

    Returns:
        The model folder, and the pairs; None where they cannot be used, which the page then says.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width=260):
            folder = pick_model(folders, "inspect")
        offer_encoder()
        label = tr("inspect.own")
        with st.popover(label, icon=":material/upload_file:", key=IS_OPEN, on_change="rerun"):
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

    def make(progress: Progress) -> Inspection:
        return inspect_pairs(scorer, source.pairs, progress)

    inspection = scored(
        "inspect",
        key,
        (lambda progress: _OWN_SCORES.get(key, make, progress)) if source.is_own else make,
        progress="inspect.scoring",
        stopped="inspect.stopped",
        go_on="inspect.go on",
    )
    if inspection is None:
        return None
    frame = inspection.frame
    if more := inspection.once("unread", lambda: unread(frame)):
        _show_doubts((*source.doubts, *more), source.pairs, source.panel)
    return ScoredPairs(inspection, scorer, key, source.name)


def _show_upload() -> None:
    components.show_quiet(join_texts(tr("inspect.upload.about"), tr("inspect.upload.slices")))
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
    st.session_state[IS_OPEN] = False  # what the file led to lies under it
    content = given.getvalue()
    take(given.name, content, kept_files().keep(given.name, content, this_browser()))


def take(name: str, content: bytes, token: str) -> None:
    """Take a file for the pairs to inspect.

    Args:
        name: of the file.
        content: its bytes.
        token: by which the server finds it again; "" where it does not.
    """
    key = content_key(content, name)
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
    def make(_: Progress) -> _ReadPairs:
        return _read(read_table(source.content, source.name, OWN), OWN)

    if is_upload:
        table, choices = choose_reading("inspect", source.content, source.name, source.key)
        key = f"{source.key} {choices}"
        read = cached("inspect.pairs", key, lambda: _read(table, choices))
        components.show_quiet(read.reading.sentence().text(translator()))
    else:
        key = source.key
        read = cached("inspect.pairs", key, lambda: _OWN_PAIRS.get(key, make, _nothing))
    pairs, found = read.pairs, read.doubts
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
            key = f"{key} {each}"
            found = tuple(one for one in found if one.kind != "one label")
    components.show_quiet(text)
    panel = st.empty()
    _show_doubts(found, read.pairs, panel)
    return PairsSource(pairs, key, source.name, not is_upload, found, panel)


def _read(table: Table, choices: Choices) -> _ReadPairs:
    pairs, reading = to_pairs(table, interpret(table, choices))
    return _ReadPairs(pairs, reading, tuple(doubts(pairs, reading)))


def _nothing(done: int, total: int) -> None:
    """Show nothing: a file is read in a moment."""


def _show_doubts(found: tuple[Finding, ...], pairs: pd.DataFrame, panel: DeltaGenerator) -> None:
    """Show what looks wrong in one panel, each with its rows."""
    if not found:
        return
    with panel.expander(tr("inspect.doubts", number=len(found)), icon=":material/warning:"):
        for finding in found:
            components.show_message("warning", finding.sentence.text(translator()))
            if finding.rows:
                with st.popover(tr("inspect.doubts.rows")):
                    rows = pairs.loc[list(finding.rows[:ROWS])]
                    st.dataframe(rows, alt=tr("inspect.doubts.rows"))
