"""The main page, a workbench: what was typed on the left, what it scores and why on the right."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
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
from dssm_core.ui.common.components import escape
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
    live = None
    with components.failures_shown("the page"):
        components.show_title(tr("title"), tr("intro"), beside=offer_encoder)
        folders, broken = state.model_folders()
        inputs.open_link(folders)
        _show_broken(broken)
        if not folders:
            raise UserError("page.no models", str(new_models()))
        left, right = st.columns([4, 7], gap="medium")
        with left.container(gap="xsmall", key="compare-inputs"):
            folder, request, examples = _show_inputs(folders)
            waits, bars = st.container(), st.container(key="compare-bars")
            inputs.show_note(examples)
        stored = _stored(request, examples)
        live, other = state.live_model(folder), second_model.chosen(folders, folder.name)
        with waits:
            _show_status(live, stored)
        share.keep(folder, other, request)
        with right.container(gap="xsmall", key="compare-result"):
            candidates.show(folder, live, request)
            scores = _answer(live, request, stored)
            if scores:
                view, reason = _show_result(folders, folder, other, scores, request, bars)
        if scores:
            # there before the live model is: what stands below must not move when it comes
            why, second = st.container(gap="small"), st.container()
            result.show_table(view)
            result.show_details(view)
            share.show(view)
            if live.scorer:
                with why:
                    effects.show_reason(view, live.scorer, reason)
                with second:
                    second_model.show_second(view)
    if live:
        live.start()


def _show_result(
    folders: dict[str, ModelFolder],
    folder: ModelFolder,
    other: ModelFolder | None,
    scores: Scores,
    request: inputs.ScoreRequest,
    bars: DeltaGenerator,
) -> tuple[result.ResultView, DeltaGenerator]:
    """Show the scores; return what is shown, and where the reason for them goes."""
    components.show_head_trouble(scores.head)
    for warning in notes.warnings(scores, request):
        components.show_message("warning", warning)
    texts = [scored.document for scored in scores.results]
    second = second_model.score(other, scores.query.text, texts)
    if second and (doubt := second_model.warning(scores, second)):
        components.show_message("warning", doubt)
    remarks = notes.notes(scores, request)
    pick_other = partial(second_model.pick, folders, folder.name)
    view, reason = result.show(folder, scores, remarks, second, bars, pick_other)
    if strongest := view.strongest():
        components.show_quiet(strongest)
    if remarks:
        with st.expander(tr("notes", number=len(remarks))):
            components.show_notes(remarks)
    return view, reason


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
) -> tuple[ModelFolder, inputs.ScoreRequest, list[dict[str, Any]]]:
    """Show the inputs; return the model, what was typed, and the model's examples."""
    first, second = st.columns(2, gap="small")
    with first:
        folder = inputs.pick_model(folders)
    with second:
        examples = inputs.pick_example(folder)
    query = inputs.type_query()
    lines = inputs.type_documents()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            tr("score"), key="compare.score", type="primary", on_click=resume, args=("compare",)
        )
        candidates.show_button()
        inputs.pick_entry()
    st.html(f'<p class="dssm-quiet dssm-before" role="status">{escape(tr("typing"))}</p>')
    return folder, inputs.ScoreRequest.of(query, lines), examples


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
        components.show_hidden(tr("ready"))


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
