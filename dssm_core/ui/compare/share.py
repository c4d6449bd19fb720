"""The link that restores what is on screen, and the two downloads of it."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from dssm_core.ui.common import components, state
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.common.security_headers import ADDRESS_SCRIPT
from dssm_core.ui.compare import downloads
from dssm_core.ui.compare.inputs import ScoreRequest
from dssm_core.ui.compare.result import ResultView


def keep(model: str, request: ScoreRequest) -> None:
    """Put what was typed into the address bar before it is scored, which may take long."""
    chosen = st.session_state.get("compare.selected") or 1
    selected = min(chosen, max(1, len(request.documents)))
    threshold = st.session_state.get("compare.threshold", 0.5)
    _keep_address(
        state.pack(state.View(model, request.query, request.documents, threshold, selected))
    )


def show(view: ResultView) -> None:
    """Show the link and the downloads, and keep the address bar in step with the link."""
    st.header(tr("share"), anchor=False)
    scores = view.scores
    texts = tuple(result.document for result in scores.results)
    packed = state.pack(
        state.View(view.folder.name, scores.query.text, texts, view.threshold[1], view.selected)
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
            lambda: downloads.numbers_csv(_table(view)),
            file_name="dssm-lens.csv",
            mime="text/csv",
            on_click="ignore",
            icon=":material/table:",
        )
        st.download_button(
            tr("html"),
            _page(view),
            file_name="dssm-lens.html",
            mime="text/html",
            on_click="ignore",
            icon=":material/description:",
        )
    _keep_address(packed)


def _table(view: ResultView) -> pd.DataFrame:
    """Return one row a document that stands for itself: model and query with it."""
    frame = view.frame.copy()
    frame["threshold"] = view.threshold[1]
    frame.insert(0, "query", view.scores.query.text)
    frame.insert(0, "model", view.folder.name)
    return frame


def _heading(name: str) -> str:
    return "#" if name == "position" else tr(name)


def _page(view: ResultView) -> Callable[[], bytes]:
    """Return what writes the page; its words are chosen here, where the language is known."""
    lead = f'<p class="dssm-lead">{components.escape(view.finding())}</p>'
    notes = "".join(f"<p>{components.escape(note)}</p>" for note in view.notes)
    about = f'<p class="dssm-quiet">{components.escape(tr("attention.note"))}</p>'
    table = downloads.as_shown(view.ranked()).rename(columns=_heading)
    query = tr("report.slice", column=tr("query"), name=view.scores.query.text)
    chain = tr("report.slice", column=tr("chain"), name=tr("document n", n=view.selected))
    sections = [
        (chain, view.chain_html()),
        (tr("attention"), about + view.texts_html() + components.legend_html()),
        (
            tr("table"),
            downloads.table_html(table),
        ),
    ]
    title, code, text = f"DSSM Lens · {view.folder.name}", tr("language.code"), translator()

    def write() -> bytes:
        drawn = (view.score_chart(tr=text), view.ranked_bars(tr=text))
        pictures = "".join(map(downloads.chart_svg, drawn))
        return downloads.page_html(title, code, [(query, lead + pictures + notes), *sections])

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
