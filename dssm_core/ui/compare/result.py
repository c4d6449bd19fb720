"""What the page shows of scores: charts, chain, attention, table; one choice moves them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import streamlit as st

from dssm_core import charts
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.scoring import Scores
from dssm_core.ui.common import components
from dssm_core.ui.common.language import tr, translator
from dssm_core.words import ENGLISH, Translate

MOST_BARS = 20
"""Documents in the ranked bars, which would else be taller than the screen."""

MOST_CELLS = 80
"""Tokens of a text in the heat map."""


@dataclass(frozen=True)
class Shown:
    """What is on screen.

    Attributes:
        folder: the model folder.
        scores: the scores.
        frame: the same, one row a document, in the order given.
        threshold: on both scales.
        selected: position of the chosen document.
        notes: remarks on what was not read.
    """

    folder: ModelFolder
    scores: Scores
    frame: pd.DataFrame
    threshold: charts.Threshold
    selected: int
    notes: Sequence[str]

    def ranked(self) -> pd.DataFrame:
        """Return the frame in order of rank, documents without a score last."""
        return self.frame.sort_values(["rank", "position"]).reset_index(drop=True)

    def finding(self) -> str:
        """Return what the scores say, in a sentence or two."""
        known = self.ranked().dropna(subset=["rank"])
        if known.empty:
            return tr("finding.none")
        best = known.iloc[0]
        return tr(
            "finding",
            best=int(best["position"]),
            probability=best["probability"],
            above=int((known["probability"] >= self.threshold[1]).sum()),
            number=len(known),
        )

    def chain_html(self) -> str:
        """Return the chosen document's score chain."""
        chosen = self.scores.results[self.selected - 1]
        return components.chain_html(chosen, self.scores.head, len(self.frame), self.threshold[1])

    def texts_html(self) -> str:
        """Return query and chosen document as shaded tokens, on one scale."""
        query, chosen = self.scores.query, self.scores.results[self.selected - 1]
        highest = components.highest_weight(query.tokens, chosen.tokens)
        name = f"{tr('document')} {self.selected}"
        return components.token_html(
            tr("query"), query.text, query.tokens, highest
        ) + components.token_html(name, chosen.document, chosen.tokens, highest)

    def score_chart(self, ink: str = charts.INK, tr: Translate = ENGLISH) -> charts.Drawing:
        """Return the chart of cosine against probability."""
        try:
            background = self.folder.random_pairs
        except UserError:  # the scorer tells
            background = np.zeros(0)
        head = self.scores.head
        return charts.score_chart(
            self.frame,
            curve=charts.probability_curve(head.scale, head.bias),
            background=charts.background_bins(background),
            threshold=self.threshold,
            selected=self.selected,
            ink=ink,
            tr=tr,
        )

    def ranked_bars(self, ink: str = charts.INK, tr: Translate = ENGLISH) -> charts.Drawing:
        """Return the chart of documents by rank."""
        first = self.ranked().head(MOST_BARS)
        is_more = (self.frame["position"] == self.selected) & ~self.frame["position"].isin(
            first["position"]
        )
        return charts.ranked_bars(
            pd.concat([first, self.frame[is_more]]),
            threshold=self.threshold,
            selected=self.selected,
            ink=ink,
            tr=tr,
        )


def show(folder: ModelFolder, scores: Scores, notes: Sequence[str]) -> Shown:
    """Show scores from the finding down to the table, and return what is shown."""
    frame = scores.frame()
    selected = _selected(frame)
    finding, slider = st.columns([7, 5], gap="medium", vertical_alignment="center")
    with slider:
        threshold = _pick_threshold(scores)
    shown = Shown(folder, scores, frame, threshold, selected, notes)
    with finding:
        components.show_lead(shown.finding())
        components.show_quiet(tr("choose"))
    _show_charts(shown)
    components.show_notes(notes)
    _show_chain(shown)
    _show_attention(shown)
    _show_table(shown)
    return shown


def _selected(frame: pd.DataFrame) -> int:
    """Return the position of the chosen document; the best one until a person chooses."""
    chosen: int | None = st.session_state.get("compare.selected")
    offered = st.session_state.get("compare.offered")
    if chosen is None or chosen == offered or not 1 <= chosen <= len(frame):
        chosen = int(frame.sort_values(["rank", "position"])["position"].iloc[0])
        st.session_state["compare.offered"] = chosen
    # also where it is unchanged: the picker is below, and Streamlit forgets what is not painted
    st.session_state["compare.selected"] = chosen
    return chosen


def _pick_threshold(scores: Scores) -> charts.Threshold:
    st.session_state.setdefault("compare.threshold", 0.5)
    probability = st.slider(
        tr("threshold"),
        0.01,
        0.99,
        step=0.01,
        key="compare.threshold",
        help=tr("threshold.help"),
        persist_state="session",
    )
    cosine = scores.head.cosine_at(probability)
    low, high = scores.head.reachable
    key = "threshold.never" if cosine is None else "threshold.same"
    components.show_quiet(tr(key, probability=probability, cosine=cosine, low=low, high=high))
    return cosine, probability


def _show_charts(shown: Shown) -> None:
    draws = (shown.score_chart, shown.ranked_bars)
    for number, (column, draw) in enumerate(zip(st.columns([7, 6]), draws, strict=True)):
        # a new key with each choice: a chart keeps its own, and does not tell of a second click
        key = f"compare.chart.{number}.{shown.selected}"

        def select(key: str = key) -> None:
            points = st.session_state[key]["selection"].get("document", [])
            if points:
                st.session_state["compare.selected"] = int(points[0]["position"])

        with column:
            chart = draw(components.ink(), translator())
            components.show_chart(chart, key, on_select=select, selection_mode="document")
    if len(shown.frame) > MOST_BARS:
        components.show_quiet(tr("bars.cut", most=MOST_BARS))


def _show_chain(shown: Shown) -> None:
    st.header(tr("chain"), anchor=False)
    results = shown.scores.results
    st.selectbox(
        tr("selected"),
        range(1, len(results) + 1),
        format_func=lambda n: f"{n} · {' '.join(results[n - 1].document[:160].split())}",
        key="compare.selected",
    )
    st.html(shown.chain_html())
    components.show_head(shown.scores.head)


def _show_attention(shown: Shown) -> None:
    st.header(tr("attention"), anchor=False)
    query, chosen = shown.scores.query, shown.scores.results[shown.selected - 1]
    has_attention = any(t.attention is not None for t in query.tokens + chosen.tokens)
    components.show_quiet(tr("attention.note" if has_attention else "attention.none"))
    text, *rest = st.columns(2, gap="medium") if has_attention else [st.container()]
    text.html(shown.texts_html() + components.legend_html())
    for chart in rest:
        with chart:
            heatmap = charts.attention_heatmap(
                _tokens(shown), per_line=4, ink=components.ink(), tr=translator()
            )
            components.show_chart(heatmap, "compare.heatmap")
            if max(len(query.tokens), len(chosen.tokens)) > MOST_CELLS:
                components.show_quiet(tr("attention.cut", number=MOST_CELLS))


def _tokens(shown: Shown) -> pd.DataFrame:
    """Return the first tokens of the query (position 0) and of the chosen document."""
    query, chosen = shown.scores.query, shown.scores.results[shown.selected - 1]
    frame = replace(
        shown.scores,
        query=replace(query, tokens=query.tokens[:MOST_CELLS]),
        results=(replace(chosen, tokens=chosen.tokens[:MOST_CELLS]),),
    ).token_frame()
    return frame.assign(position=frame["position"] * shown.selected)


def _show_table(shown: Shown) -> None:
    st.header(tr("table"), anchor=False)
    ranked = shown.ranked()
    positions = ranked["position"].tolist()
    row = positions.index(shown.selected)
    key = f"compare.table.{shown.selected}.{row}"  # a new table, so that it marks the chosen row

    def select() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        if rows:
            st.session_state["compare.selected"] = int(positions[rows[0]])

    number = st.column_config.NumberColumn
    st.dataframe(
        ranked.assign(document=ranked["document"].str.slice(0, 500)),
        key=key,
        hide_index=True,
        on_select=select,
        selection_mode="single-row",
        selection_default={"selection": {"rows": [row]}},
        column_config={
            "position": number("#", width="small"),
            "document": st.column_config.TextColumn(tr("document"), width="large"),
            "cosine": number(tr("cosine"), help=tr("cosine.help"), format="%.4f"),
            "logit": number(tr("logit"), help=tr("logit.help"), format="%.3f"),
            "probability": number(tr("probability"), help=tr("probability.help"), format="%.4f"),
            "rank": number(tr("rank"), help=tr("rank.help"), format="%d"),
            "percentile": number(tr("percentile"), help=tr("percentile.help"), format="%.1f"),
        },
        alt=tr("table.alt"),
    )
