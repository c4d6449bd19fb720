"""The Lab: the notebook's systems to look into, train and break."""

from __future__ import annotations

import streamlit as st

from dssm_core.ui.common import components, theme
from dssm_core.ui.common.language import tr
from dssm_core.ui.lab import backwards, dot_explorer, systems, train


def render() -> None:
    """Show the page."""
    st.html(theme.SHEET)
    components.show_title(tr("lab.title"), tr("lab.intro"))
    tabs = st.tabs([tr(f"lab.{name}") for name in ("systems", "train", "dot", "backwards")])
    # the first tab last: building the systems takes seconds, and the others need not wait
    for tab, show in reversed(
        list(zip(tabs, (systems.show, train.show, dot_explorer.show, backwards.show), strict=True))
    ):
        with tab, components.failures_shown("a tab of the Lab"):
            show()
