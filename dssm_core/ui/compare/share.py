"""The link that restores what is on screen, and the two downloads of it."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from dssm_core.ui.common import components, state
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.common.security_headers import ADDRESS_SCRIPT
from dssm_core.ui.compare import downloads
from dssm_core.ui.compare.inputs import Asked
from dssm_core.ui.compare.result import Shown


def keep(model: str, asked: Asked) -> None:
    """Put what was typed into the address bar before it is scored, which may take long."""
    chosen = st.session_state.get("compare.selected") or 1
    selected = min(chosen, max(1, len(asked.documents)))
    threshold = st.session_state.get("compare.threshold", 0.5)
    _keep_address(state.pack(state.View(model, asked.query, asked.documents, threshold, selected)))


def show(shown: Shown) -> None:
    """Show the link and the downloads, and keep the address bar in step with the link."""
    st.header(tr("share"), anchor=False)
    scores = shown.scores
    texts = tuple(result.document for result in scores.results)
    packed = state.pack(
        state.View(shown.folder.name, scores.query.text, texts, shown.threshold[1], shown.selected)
    )
    if packed:
        components.show_quiet(tr("share.note"))
        st.code(
            f"{(st.context.url or '').split('?')[0].rstrip('/')}/?view={packed}",
            language=None,
            wrap_lines=True,
        )
    else:
        components.show_message("note", tr("share.long"))
    with st.container(horizontal=True):
        st.download_button(
            tr("csv"),
            lambda: downloads.safe_csv(_table(shown)),
            file_name="dssm-lens.csv",
            mime="text/csv",
            on_click="ignore",
            icon=":material/table:",
        )
        st.download_button(
            tr("html"),
            _page(shown),
            file_name="dssm-lens.html",
            mime="text/html",
            on_click="ignore",
            icon=":material/description:",
        )
    _keep_address(packed)


def _table(shown: Shown) -> pd.DataFrame:
    """Return one row a document that stands for itself: model and query with it."""
    frame = shown.frame.copy()
    frame["threshold"] = shown.threshold[1]
    frame.insert(0, "query", shown.scores.query.text)
    frame.insert(0, "model", shown.folder.name)
    return frame


def _heading(name: str) -> str:
    return "#" if name == "position" else tr(name)


def _page(shown: Shown) -> Callable[[], bytes]:
    """Return what writes the page; its words are chosen here, where the language is known."""
    lead = f'<p class="dssm-lead">{components.escape(shown.finding())}</p>'
    notes = "".join(f"<p>{components.escape(note)}</p>" for note in shown.notes)
    about = f'<p class="dssm-quiet">{components.escape(tr("attention.note"))}</p>'
    query = tr("report.slice", column=tr("query"), name=shown.scores.query.text)
    chain = tr("report.slice", column=tr("chain"), name=tr("document n", n=shown.selected))
    sections = [
        (chain, shown.chain_html()),
        (tr("attention"), about + shown.texts_html() + components.legend_html()),
        (tr("table"), downloads.table_html(shown.ranked().rename(columns=_heading))),
    ]
    title, spoken, tell = f"DSSM Lens · {shown.folder.name}", tr("language.code"), translator()

    def write() -> bytes:
        drawn = (shown.score_chart(tr=tell), shown.ranked_bars(tr=tell))
        pictures = "".join(map(downloads.chart_svg, drawn))
        return downloads.page_html(title, spoken, [(query, lead + pictures + notes), *sections])

    return write


def _keep_address(packed: str | None) -> None:
    """Put the link into the address bar once text was typed, so that a reload does not lose it.

    By script, because st.query_params adds an entry to the browser's history with every change.
    """
    typed = packed is not None and st.session_state.get("compare.chosen") is None
    address = f"?view={packed}" if typed else ""  # base64url: safe in an attribute
    st.html(
        f'<script data-address="{address}">{ADDRESS_SCRIPT}</script>',
        unsafe_allow_javascript=True,
    )
