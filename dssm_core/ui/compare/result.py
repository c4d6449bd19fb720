"""What the page shows of scores: charts, chain, attention, table; one choice moves them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
import streamlit as st

from dssm_core import charts
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.scoring import Scores, scales
from dssm_core.ui.common import components, theme
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.common.tables import Column, pick_table
from dssm_core.ui.compare.second_scale import SecondScale
from dssm_core.words import ENGLISH, Translate

MAX_BARS = 20
"""Documents in the ranked bars, which would else be taller than the screen."""

MAX_TOKENS = 80
"""Tokens of a text in the heat map."""


@dataclass(frozen=True)
class ResultView:
    """What is on screen.

    Attributes:
        folder: the model folder.
        scores: the scores.
        frame: the same, one row a document, in the order given.
        threshold: on both scales.
        selected: position of the chosen document.
        notes: remarks on what was not read.
        scale: what stands beside the cosine.
    """

    folder: ModelFolder
    scores: Scores
    frame: pd.DataFrame
    threshold: charts.Threshold
    selected: int
    notes: Sequence[str]
    scale: SecondScale

    def drawn(self) -> pd.DataFrame:
        """Return the frame as charts draw it, with the second scale as "probability"."""
        return self.scale.drawn(self.frame)

    def ranked(self) -> pd.DataFrame:
        """Return the frame in order of rank, documents without a score last."""
        return self.frame.sort_values(["rank", "position"]).reset_index(drop=True)

    def finding(self) -> str:
        """Return what the scores say, in a sentence or two."""
        known = self.drawn().dropna(subset=["rank"]).sort_values(["rank", "position"])
        if known.empty:
            return tr("finding.none")
        best, say = known.iloc[0], self.scale.words(translator())
        values = {"best": int(best["position"]), "probability": best["probability"]}
        above = int((known["probability"] >= self.threshold[1]).sum())
        if not above:
            return say("finding.none matches", **values)
        return say("finding", **values, above=above, number=len(known))

    def chain_html(self) -> str:
        """Return the chosen document's score chain."""
        chosen = self.scores.results[self.selected - 1]
        return components.chain_html(chosen, self.scores.head, len(self.frame), self.threshold[1])

    def attention_note(self) -> str:
        """Return what the weights are, of which only our own models pool by them."""
        query, chosen = self.scores.query, self.scores.results[self.selected - 1]
        if all(token.attention is None for token in query.tokens + chosen.tokens):
            return tr("attention.none")
        return tr("attention.last layer" if self.folder.is_adopted else "attention.note")

    def length_note(self) -> str:
        """Return where the chosen document stands among random ones of its length; "" unknown."""
        chosen = self.scores.results[self.selected - 1]
        words = sum(token.is_read or token.state == "truncated" for token in chosen.tokens)
        bands = self.folder.length_bands
        if chosen.cosine is None or not bands:
            return ""
        band = next((band for band in bands if words <= band.last), bands[-1])
        return tr(
            "percentile.length",
            share=band.share_below(chosen.cosine),
            first=band.first,
            last=band.last,
            low=float(band.quantiles[5]),
            high=float(band.quantiles[95]),
        )

    def texts_html(self) -> str:
        """Return query and chosen document as shaded tokens, on one scale, with their legend."""
        query, chosen = self.scores.query, self.scores.results[self.selected - 1]
        highest = components.highest_weight(query.tokens, chosen.tokens)
        name = f"{tr('document')} {self.selected}"
        return (
            components.token_html(tr("query"), query.text, query.tokens, highest)
            + components.token_html(name, chosen.document, chosen.tokens, highest)
            + components.legend_html(query.tokens, chosen.tokens)
        )

    def score_chart(self, ink: str = charts.INK, tr: Translate = ENGLISH) -> charts.Drawing:
        """Return the chart of cosine against probability."""
        return charts.score_chart(
            self.drawn(),
            curve=self.scale.curve(),
            background=charts.background_bins(self.scale.background),
            threshold=self.threshold,
            selected=self.selected,
            ink=ink,
            tr=self.scale.words(tr),
        )

    def ranked_bars(self, ink: str = charts.INK, tr: Translate = ENGLISH) -> charts.Drawing:
        """Return the chart of documents by rank."""
        drawn = self.drawn().sort_values(["rank", "position"])
        first = drawn.head(MAX_BARS)
        is_more = (drawn["position"] == self.selected) & ~drawn["position"].isin(first["position"])
        return charts.ranked_bars(
            pd.concat([first, drawn[is_more]]),
            threshold=self.threshold,
            selected=self.selected,
            ink=ink,
            tr=self.scale.words(tr),
        )


def show(folder: ModelFolder, scores: Scores, notes: Sequence[str]) -> ResultView:
    """Show scores from the finding down to the table, and return what is shown."""
    frame = scores.frame()
    selected = _selected(frame)
    finding, slider = st.columns([7, 5], gap="medium", vertical_alignment="center")
    scale = SecondScale(scores.head, _background(folder))
    with slider:
        threshold = _pick_threshold(scale)
    view = ResultView(folder, scores, frame, threshold, selected, notes, scale)
    with finding:
        components.show_lead(view.finding())
        components.show_quiet(tr("choose"))
    _show_charts(view)
    components.show_notes(notes)
    _show_chain(view)
    _show_attention(view)
    _show_table(view)
    return view


def _background(folder: ModelFolder) -> np.ndarray:
    try:
        return folder.random_pairs
    except UserError:  # the scorer shows it
        return np.zeros(0)


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


def _pick_threshold(scale: SecondScale) -> charts.Threshold:
    say = scale.words(translator())
    key = "compare.threshold" if scale.head.is_fitted else "compare.threshold.share"
    st.session_state.setdefault(key, 0.5 if scale.head.is_fitted else 0.99)
    value = st.slider(
        say("threshold"),
        0.01,
        0.99,
        step=0.01,
        key=key,
        help=say("threshold.help"),
        persist_state="session",
    )
    cosine = scale.cosine_at(value)
    low, high = scale.head.reachable
    text = "threshold.never" if cosine is None else "threshold.same"
    components.show_quiet(say(text, probability=value, cosine=cosine, low=low, high=high))
    return cosine, value


def _show_charts(view: ResultView) -> None:
    draws = (view.score_chart, view.ranked_bars)
    for number, (column, draw) in enumerate(zip(st.columns([7, 6]), draws, strict=True)):
        with column:
            components.pick_chart(
                draw(theme.ink(), translator()),
                f"compare.chart.{number}.{view.selected}",
                "document",
                lambda point: _select(int(point["position"])),
            )
    if len(view.frame) > MAX_BARS:
        components.show_quiet(tr("bars.cut", most=MAX_BARS))


def _select(position: int) -> None:
    st.session_state["compare.selected"] = position


def _show_chain(view: ResultView) -> None:
    st.header(tr("chain" if view.scores.head.is_fitted else "share.chain"), anchor=False)
    results = view.scores.results
    st.selectbox(
        tr("selected"),
        range(1, len(results) + 1),
        format_func=lambda n: f"{n} · {' '.join(results[n - 1].document[:160].split())}",
        key="compare.selected",
    )
    st.html(view.chain_html())
    if view.scores.head.is_fitted:
        components.show_head(view.scores.head)
    else:
        components.show_quiet(tr("share.no head"))
    if note := view.length_note():
        components.show_quiet(note)
    _show_ruler(results[view.selected - 1].cosine)


def _show_ruler(cosine: float | None) -> None:
    """Show one value on the scales that engines and libraries print."""
    if cosine is None:
        return
    with st.expander(tr("ruler")):
        components.show_quiet(tr("ruler.about"))
        st.html(components.ruler_html(scales(cosine)))


def _show_attention(view: ResultView) -> None:
    st.header(tr("attention"), anchor=False)
    query, chosen = view.scores.query, view.scores.results[view.selected - 1]
    has_attention = any(t.attention is not None for t in query.tokens + chosen.tokens)
    components.show_quiet(view.attention_note())
    text, *rest = st.columns(2, gap="medium") if has_attention else [st.container()]
    text.html(view.texts_html())
    for chart in rest:
        with chart:
            heatmap = charts.attention_heatmap(
                _tokens(view), per_line=4, ink=theme.ink(), tr=translator()
            )
            components.show_chart(heatmap, "compare.heatmap")
            if max(len(query.tokens), len(chosen.tokens)) > MAX_TOKENS:
                components.show_quiet(tr("attention.cut", number=MAX_TOKENS))


def _tokens(view: ResultView) -> pd.DataFrame:
    """Return the first tokens of the query (position 0) and of the chosen document."""
    query, chosen = view.scores.query, view.scores.results[view.selected - 1]
    frame = replace(
        view.scores,
        query=replace(query, tokens=query.tokens[:MAX_TOKENS]),
        results=(replace(chosen, tokens=chosen.tokens[:MAX_TOKENS]),),
    ).token_frame()
    return frame.assign(position=frame["position"] * view.selected)


def _show_table(view: ResultView) -> None:
    st.header(tr("table"), anchor=False)
    ranked = view.ranked()
    positions = ranked["position"].tolist()
    columns = {"position": Column("#", "count", "small"), "document": _column("document", "large")}
    numbers = ("cosine", "logit", "probability") if view.scores.head.is_fitted else ("cosine",)
    columns |= {name: _column(name) for name in numbers}
    columns |= {"rank": _column("rank", quantity="count"), "percentile": _column("percentile")}
    pick_table(
        ranked[list(columns)],
        columns,
        tr("table.alt"),
        key=f"compare.table.{hash(tuple(positions))}",
        row=positions.index(view.selected),
        on_pick=lambda row: _select(int(positions[row])),
    )


def _column(
    name: str, width: Literal["large"] | None = None, quantity: str | None = None
) -> Column:
    if name == "document":
        return Column(tr(name), width=width)
    return Column(tr(name), quantity or name, width, tr(f"{name}.help"))
