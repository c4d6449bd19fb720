"""The link that restores what is on screen, and the two downloads of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st
from markupsafe import Markup

from dssm_core.charts import Drawing
from dssm_core.folder import ModelFolder
from dssm_core.quantities import plain_number
from dssm_core.reporting.html import Figure, Table, render
from dssm_core.reporting.sheets import safe_csv
from dssm_core.ui.common import components, state, theme
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.compare.inputs import ScoreRequest
from dssm_core.ui.compare.result import SECOND, ResultView
from dssm_core.ui.compare.second_scale import threshold_field
from dssm_core.words import Translate, join_texts


def keep(folder: ModelFolder, second: ModelFolder | None, request: ScoreRequest) -> None:
    """Put what was typed into the address bar before it is scored, which may take long."""
    chosen = st.session_state.get("compare.selected") or 1
    selected = min(chosen, max(1, len(request.documents)))
    key, first = threshold_field(folder.has_head)
    threshold = st.session_state.get(key, first)
    typed = request.query, request.documents
    other = second.name if second else ""
    _keep_address(state.pack(state.View(folder.name, *typed, threshold, selected, other)))


def show(view: ResultView) -> None:
    """Show the link and the downloads, and keep the address bar in step with the link."""
    st.header(tr("share"), anchor=False)
    scores = view.scores
    texts = tuple(result.document for result in scores.results)
    shown = view.folder.name, scores.query.text, texts, view.threshold[1], view.selected
    packed = state.pack(state.View(*shown, view.second.model if view.second else ""))
    if packed:
        components.show_link(packed, tr("share.note"), "/")
    else:
        components.show_message("note", tr("share.long"))
    with st.container(horizontal=True):
        st.download_button(
            tr("csv"),
            lambda: table_csv(_table(view)),
            file_name="dssm-lens.csv",
            mime="text/csv",
            on_click="ignore",
            icon=":material/table:",
        )
        st.download_button(
            tr("html"),
            page_writer(view),
            file_name="dssm-lens.html",
            mime="text/html",
            on_click="ignore",
            icon=":material/description:",
        )
    _keep_address(packed)


def table_csv(frame: pd.DataFrame) -> bytes:
    """Return the table as CSV, its numbers rounded as on the page but plain, for programs."""
    written: dict[str, Any] = {
        name: [plain_number(value, _quantity(name)) for value in frame[name]]
        for name in map(str, frame.columns)
        if _quantity(name)
    }
    return safe_csv(frame.assign(**written))


def _table(view: ResultView) -> pd.DataFrame:
    """Return one row a document that stands for itself: model and query with it."""
    frame = view.frame.copy()
    frame["threshold"] = view.threshold[1]
    frame.insert(0, "query", view.scores.query.text)
    frame.insert(0, "model", view.folder.name)
    return _with_second(frame, view)


def _with_second(frame: pd.DataFrame, view: ResultView) -> pd.DataFrame:
    """Return the frame with the second model's numbers in columns of their own."""
    if view.second is None:
        return frame
    suffix = f" · {view.second.model}"
    other = view.second.frame().set_index("position")[[*SECOND]].add_suffix(suffix)
    return frame.join(other, on="position")


def page_writer(view: ResultView) -> Callable[[], bytes]:
    """Return what writes the page; its words are chosen here, where the language is known."""
    text = translator()
    values = {
        "title": f"DSSM Lens · {view.folder.name}",
        "query": tr("report.slice", column=tr("query"), name=view.scores.query.text),
        "finding": view.findings,
        "notes": view.notes,
        "document": tr("report.slice", column=tr("chain"), name=tr("document n", n=view.selected)),
        "chain": Markup(view.chain_html),
        "attention": view.attention_note(),
        "texts": Markup(view.texts_html),
        "marks": Markup(theme.MARKS + theme.CHAIN),
    }

    def write() -> bytes:
        drawn = (draw("currentColor", text) for draw in (view.score_chart, view.ranked_bars))
        figures = [_figure(drawing) for drawing in drawn]
        ranked = _with_second(view.ranked, view)
        columns = [(_heading(name, text), _quantity(name)) for name in map(str, ranked.columns)]
        numbers = Table(text("table.alt"), columns, list(ranked.itertuples(index=False)))
        return render("scores.html.j2", text, charts=figures, numbers=numbers, **values)

    return write


def _heading(column: str, tr: Translate) -> str:
    """Return a column's heading, with the model's name where it is the second one's."""
    if column == "position":
        return "#"
    name, *model = column.split(" · ", 1)
    return " · ".join([tr(name), *model])


def _quantity(column: str) -> str:
    """Return by which quantity a column's numbers are written; "" for texts."""
    column = column.split(" · ")[0]
    quantities = {"position": "count", "rank": "count", "threshold": "probability"}
    numbers = ("cosine", "logit", "probability", "percentile")
    return quantities.get(column, column if column in numbers else "")


def _figure(chart: Drawing) -> Figure:
    """Return a chart with how to read it; its finding stands above."""
    title = chart.more["title"]
    reading = join_texts(*title["subtitle"])
    return Figure.of(title["text"], chart, reading, width=760)._replace(caption=reading)


def _keep_address(packed: str | None) -> None:
    """Put the link into the address bar once text was typed, so that a reload does not lose it."""
    typed = packed is not None and st.session_state.get("compare.chosen") is None
    components.keep_address(packed if typed else None)
