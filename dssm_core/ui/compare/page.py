"""The main page: one query against its documents, with every number and every weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.paths import new_models
from dssm_core.scoring import Scorer, Scores
from dssm_core.towers import PART_CHARACTERS
from dssm_core.ui.common import components, state
from dssm_core.ui.common.adopt import offer_encoder
from dssm_core.ui.common.language import tr
from dssm_core.ui.common.models import wait_for_model
from dssm_core.ui.common.theme import SHEET
from dssm_core.ui.common.work import resume, scored
from dssm_core.ui.compare import (
    candidates,
    effects,
    inputs,
    notes,
    result,
    second_model,
    share,
)


def render() -> None:
    """Show the page; whatever fails becomes a message, and what was typed stays."""
    with state.turn():
        _render()


def _render() -> None:
    st.html(SHEET)
    _show_head()
    live = None
    with components.failures_shown("the page"):
        folders, broken = state.model_folders()
        inputs.open_link(folders)
        _show_broken(broken)
        if not folders:
            raise UserError("page.no models", str(new_models()))
        folder, request, stored, status = _show_inputs(folders)
        live = state.live_model(folder)
        with status:
            _show_status(live, stored)
        share.keep(folder.name, request)
        candidates.show(folder, live, request)
        scores = _answer(live, request, stored)
        if scores:
            for warning in notes.warnings(scores, request):
                components.show_message("warning", warning)
            view = result.show(folder, scores, notes.notes(scores, request))
            # there before the live model is: what stands below must not move when it comes
            why, second = st.container(), st.container()
            share.show(view)
            if live.scorer:
                with why:
                    effects.show_effects(view, live.scorer)
                with second:
                    second_model.show_second(view, folders)
    if live:
        live.start()


def _show_head() -> None:
    components.show_title(tr("title"))
    components.show_quiet(tr("intro"))


def _show_broken(broken: Sequence[UserError]) -> None:
    """Show what is wrong with the link, and with model folders that cannot be used."""
    if trouble := st.session_state.get("compare.trouble"):
        components.show_error(trouble)
    if broken:
        with st.expander(tr("broken", number=len(broken)), icon=":material/error:"):
            for error in broken:
                components.show_error(error)


def _show_inputs(
    folders: dict[str, ModelFolder],
) -> tuple[ModelFolder, inputs.ScoreRequest, Scores | None, DeltaGenerator]:
    """Show the inputs; return what was put in, its stored scores, and where the status goes."""
    left, right = st.columns([5, 7], gap="medium")
    with left:
        first, second = st.columns([3, 2])
        with second:
            folder = inputs.pick_model(folders)
        with first:
            examples = inputs.pick_example(folder)
        inputs.show_note(examples)
        query = inputs.type_query()
        offer_encoder()
    with right:
        lines = inputs.type_documents()
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(tr("score"), key="compare.score", on_click=resume, args=("compare",))
            candidates.show_button()
            inputs.pick_entry()
            status = st.container(width="stretch")
    request = inputs.ScoreRequest.of(query, lines)
    return folder, request, _stored(request, examples), status


def _stored(request: inputs.ScoreRequest, examples: Sequence[dict[str, Any]]) -> Scores | None:
    """Return the stored scores of an untouched example; None for any other text."""
    for example in examples:
        same = example["query"] == request.query and example["documents"] == [*request.documents]
        if same and isinstance(example.get("scores"), dict):
            return Scores.from_dict(example["scores"])
    return None


def _show_status(live: state.LiveModel, stored: Scores | None) -> None:
    if live.error:
        components.show_quiet(tr("stored" if stored else "failed"))
    elif live.scorer is None:
        wait_for_model(live, tr("loading" if stored else "waiting"))
    else:
        components.show_quiet(tr("ready"))


def _answer(
    live: state.LiveModel, request: inputs.ScoreRequest, stored: Scores | None
) -> Scores | None:
    """Return live scores, or stored ones while there is no live model, or None and say why."""
    # in every run: what stands below keeps its position, and with it the keyboard's focus
    container = st.empty()
    if live.error:
        components.show_error(live.error)
    if trouble := request.trouble():
        components.show_message("warning", trouble)
        return None
    if live.scorer is None:
        return stored
    return _score(live.scorer, request.query, request.documents[: inputs.MAX_DOCUMENTS], container)


def _score(
    scorer: Scorer, query: str, texts: Sequence[str], container: DeltaGenerator
) -> Scores | None:
    """Score texts; where that takes long, a bar shows how far it is, and Stop ends it."""

    return scored(
        "compare",
        (scorer.folder.fingerprint, query, *texts),
        lambda progress: scorer.score(query, texts, progress),
        progress="scoring",
        stopped="stopped",
        patience=0.0 if sum(map(len, texts)) > 2 * PART_CHARACTERS else 0.4,
        container=container,
    )
