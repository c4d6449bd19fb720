"""The page Inspect: labelled pairs, where the model is wrong on them, and why.

List and reason stand side by side, first; what concerns all pairs stands below.
"""

from __future__ import annotations

import streamlit as st

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.paths import new_models
from dssm_core.store import Store, default_path, open_store
from dssm_core.ui.common import components, state, theme
from dssm_core.ui.common.language import tr
from dssm_core.ui.common.models import wait_for_model
from dssm_core.ui.inspect import address, load, overview, slices, threshold
from dssm_core.ui.inspect.compare_models import show_second_model
from dssm_core.ui.inspect.errors import show_errors
from dssm_core.ui.inspect.prompts import show_prompts
from dssm_core.ui.inspect.report import show_report


def render() -> None:
    """Show the page; whatever fails becomes a message, and what was judged stays."""
    st.html(theme.SHEET)
    components.show_title(tr("inspect.title"), tr("inspect.intro"))
    live = None
    with components.failures_shown("the page"):
        folders, _ = state.model_folders()
        if not folders:
            raise UserError("page.no models", str(new_models()))
        address.open_link(folders)
        folder, source = load.show_load(folders)
        live = state.live_model(folder)
        if live.error:
            components.show_error(live.error)
        elif live.scorer is None:
            wait_for_model(live, tr("inspect.waiting"))
        elif source is not None:
            scored = load.score(live.scorer, source)
            if scored is not None:
                _show(scored, folders)
    if live:
        live.start()


def _show(scored: load.ScoredPairs, folders: dict[str, ModelFolder]) -> None:
    cosine = threshold.current(scored)
    overview.show_finding(scored, cosine)
    store = _store()
    show_errors(scored, cosine, slices.chosen(scored), store)
    slices.show_slices(scored, cosine)
    overview.show_overview(scored, cosine)
    st.header(tr("inspect.second"), anchor=False)
    show_second_model(scored.inspection, folders, cosine)
    show_prompts(scored)
    show_report(scored, cosine, store)


def _store() -> Store:
    """Open the store; one that cannot be used is named, and nothing can be judged."""
    try:
        return open_store()
    except UserError as error:
        components.show_error(error)
        return Store(default_path(), read_only=True)
