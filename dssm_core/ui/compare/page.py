"""The main page: one query against its documents, with every number and every weight."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.paths import new_models
from dssm_core.scoring import Scorer, Scores
from dssm_core.ui.common import components, state
from dssm_core.ui.common.jobs import wait_for_model
from dssm_core.ui.common.language import tr
from dssm_core.ui.common.style import SHEET
from dssm_core.ui.compare import candidates, effects, inputs, notes, result, share

PART = 20_000
"""Characters scored between two looks at the Stop button."""


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
        folder, asked, stored, place = _show_inputs(folders)
        live = state.live_model(folder)
        with place:
            _show_status(live, stored)
        share.keep(folder.name, asked)
        candidates.show(folder, live, asked)
        scores = _answer(live, asked, stored)
        if scores:
            for warning in notes.warnings(scores, asked):
                components.show_message("warning", warning)
            shown = result.show(folder, scores, notes.notes(scores, asked))
            # there before the live model is: what stands below must not move when it comes
            effects_place, second_place = st.container(), st.container()
            share.show(shown)
            if live.scorer:
                with effects_place:
                    effects.show_effects(shown, live.scorer)
                with second_place:
                    effects.show_second(shown, folders)
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
) -> tuple[ModelFolder, inputs.Asked, Scores | None, DeltaGenerator]:
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
    with right:
        lines = inputs.type_documents()
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(tr("score"), key="compare.score", on_click=_go_on)
            candidates.show_button()
            inputs.pick_entry()
            place = st.container(width="stretch")
    asked = inputs.Asked.of(query, lines)
    return folder, asked, _stored(asked, examples), place


def _go_on() -> None:
    st.session_state.pop("compare.stopped", None)


def _stored(asked: inputs.Asked, examples: Sequence[dict[str, Any]]) -> Scores | None:
    """Return the stored scores of an untouched example; None for any other text."""
    for example in examples:
        same = example["query"] == asked.query and example["documents"] == [*asked.documents]
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


def _answer(live: state.LiveModel, asked: inputs.Asked, stored: Scores | None) -> Scores | None:
    """Return live scores, or stored ones while there is no live model, or None and say why."""
    # in every run: what stands below keeps its place, and with it the keyboard's focus
    place = st.empty()
    if live.error:
        components.show_error(live.error)
    if trouble := asked.trouble():
        components.show_message("warning", trouble)
        return None
    if live.scorer is None:
        return stored
    return _score(live.scorer, asked.query, asked.documents[: inputs.MOST_DOCUMENTS], place)


def _score(
    scorer: Scorer, query: str, texts: Sequence[str], place: DeltaGenerator
) -> Scores | None:
    """Score in parts, so that long work shows in a place how far it is, and can be stopped."""
    wanted = (scorer.folder.fingerprint, query, *texts)
    kept = st.session_state.get("compare.kept")
    if kept and kept[0] == wanted:
        result: Scores | None = kept[1]
        return result
    if st.session_state.get("compare.stopped") == wanted:
        components.show_message("note", tr("stopped"))
        return None

    def stop() -> None:
        st.session_state["compare.stopped"] = wanted

    bar = None
    started, is_long = time.monotonic(), sum(map(len, texts)) > 2 * PART
    for done, part in _in_parts(texts):
        if bar is None and (is_long or time.monotonic() - started > 0.4):
            with place.container():
                bar = st.progress(0.0)
                st.button(tr("stop"), key="compare.stop", on_click=stop)
        if bar:
            bar.progress(done / len(texts), tr("scoring", done=done, total=len(texts)))
        scorer.score(query, part)  # fills the cache
    scores = scorer.score(query, texts)
    place.empty()
    st.session_state["compare.kept"] = wanted, scores
    return scores


def _in_parts(texts: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield runs of texts of about PART characters, with how many came before."""
    part: list[str] = []
    for number, text in enumerate(texts):
        if part and sum(map(len, part)) + len(text) > PART:
            yield number - len(part), part
            part = []
        part.append(text)
    yield len(texts) - len(part), part
