"""Which model a page uses, which second one beside it, and what is shown while they load."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.paths import model_roots, new_models
from dssm_core.scoring import Scorer
from dssm_core.ui.common import components, state
from dssm_core.ui.common.language import tr

CHOSEN, VISIT = "model.chosen", "model.visit"
"""Session keys of the name of the model in use, and of which page shows its picker since when."""

DEFAULT = "debian-packages"

TRAINED_HERE = "lab"
"""Name of the empty file in the folder of a model that the page trained, and may replace."""


def check_name(name: str) -> None:
    """Check that a new model may have a name.

    Raises:
        UserError: if it cannot be one, or is that of a model that the page did not train.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", name):
        raise UserError("lab.wrong name", name=name)
    own = new_models() / name
    others = (root / name for root in model_roots() if root != own.parent)
    is_replaceable = (own / TRAINED_HERE).exists() or not own.exists()
    if not is_replaceable or any(other.exists() for other in others):
        raise UserError("lab.taken name", name=name)


def chosen_model(folders: Mapping[str, ModelFolder]) -> str:
    """Return the name of the model in use on all pages, at first the main sample."""
    name: str | None = st.session_state.get(CHOSEN)
    if name is None or name not in folders:
        name = DEFAULT if DEFAULT in folders else next(iter(folders))
        st.session_state[CHOSEN] = name
    return name


def choose_model(name: str) -> None:
    """Make a model the one in use; the pickers show it from their next painting on."""
    st.session_state[CHOSEN] = name
    _, number = st.session_state.get(VISIT, ("", 0))
    st.session_state[VISIT] = "", number  # as if the page were visited anew


def pick_model(folders: Mapping[str, ModelFolder], page: str) -> ModelFolder:
    """Show the model picker.

    Args:
        folders: usable model folders by name.
        page: which page shows it, as "compare".
    """
    # Streamlit gives a picker another identity on each page, where it starts with the first option
    # or, on the way back, with what that page showed last, which counts as a choice. So the choice
    # is kept under a key of our own, and each visit of a page has a picker that nobody touched.
    last, number = st.session_state.get(VISIT, ("", 0))
    if last != page:
        number += 1
        st.session_state[VISIT] = page, number
    key = f"{page}.model.{number}"

    def change() -> None:
        st.session_state[CHOSEN] = st.session_state[key]

    names = list(folders)
    st.selectbox(
        tr("model"),
        names,
        names.index(chosen_model(folders)),
        key=key,
        help=tr("model.help"),
        on_change=change,
    )
    return folders[chosen_model(folders)]


def pick_second(
    names: Sequence[str],
    key: str,
    help: str,
    format_func: Callable[[str], str] = str,
    is_labelled: bool = True,
) -> str | None:
    """Offer a second model, or what else can be compared with; return what is picked."""
    return st.selectbox(
        tr("second.pick"),
        names,
        index=None,
        format_func=format_func,
        key=key,
        placeholder=tr("none") if is_labelled else tr("second.pick"),
        help=help,
        label_visibility="visible" if is_labelled else "collapsed",
        persist_state="session",
    )


def second_scorer(folder: ModelFolder, waiting: str) -> Scorer | None:
    """Return the second model; None, and show why, while it is not loaded or cannot be.

    Args:
        folder: its folder.
        waiting: what to show while it loads.
    """
    live = state.live_model(folder)
    live.start()
    if live.error:
        components.show_error(live.error)
    elif live.scorer is None:
        wait_for_model(live, waiting)
    return live.scorer


@st.fragment(run_every=1.0)
def wait_for_model(live: state.LiveModel, message: str) -> None:
    """Say that a model is loading; paint the page anew when it is there, or is not to be had."""
    if live.is_done:
        st.rerun()
    components.show_quiet(message, is_wait=True)
