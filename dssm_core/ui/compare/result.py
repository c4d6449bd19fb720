"""What the page shows of scores: curve, bars, numbers, words, table; one choice moves them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dssm_core import charts
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.scoring import Scores, scales
from dssm_core.ui.common import components, drawings, theme
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.common.tables import Column, pick_table
from dssm_core.ui.compare.second_scale import SecondScale, threshold_field
from dssm_core.words import ENGLISH, Translate, join_texts

CURVE = 226
"""Height of the curve with title and axis: at 1280 by 720 pixels all down to the sentence on the
attention weights is in sight."""

SECOND = {"cosine": "cosine", "probability": "probability", "rank": "count"}
"""What is shown of a second model, with the quantity that it is."""

PICKS = "compare.picks"
"""Session key of how often a document was chosen: charts have another key after each choice."""


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
        second: the second model's scores of the same texts, if one was chosen.
    """

    folder: ModelFolder
    scores: Scores
    frame: pd.DataFrame
    threshold: charts.Threshold
    selected: int
    notes: Sequence[str]
    scale: SecondScale
    second: Scores | None = None

    @cached_property
    def drawn(self) -> pd.DataFrame:
        """Return the frame as charts draw it, with the second scale as "probability"."""
        return self.scale.drawn(self.frame)

    @cached_property
    def ranked(self) -> pd.DataFrame:
        """Return the frame in order of rank, documents without a score last."""
        return self.frame.sort_values(["rank", "position"]).reset_index(drop=True)

    def finding(self) -> str:
        """Return what the scores say, in a sentence or two."""
        known = charts.Documents.of(self.drawn).known
        if not known:
            return tr("finding.none")
        best, say = known[0], self.scale.words(translator())
        values = {"best": best["position"], "probability": best["probability"]}
        above = sum(row["probability"] >= self.threshold[1] for row in known)
        if not above:
            return say("finding.none matches", **values)
        return say("finding", **values, above=above, number=len(known))

    @cached_property
    def findings(self) -> str:
        """Return what the scores say, and where the second model puts another document first."""
        first = self.scores.results.first
        if self.second is None or first is None:
            return self.finding()
        other = self.second.results.first
        if other is None:
            return join_texts(self.finding(), tr("second.none", name=self.second.model))
        key = "second.same" if first == other else "second.other"
        return join_texts(self.finding(), tr(key, name=self.second.model, first=other))

    @cached_property
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

    @cached_property
    def texts_html(self) -> str:
        """Return query and chosen document as tokens shaded by attention, with their legend."""
        query, chosen = self.scores.query, self.scores.results[self.selected - 1]
        name = f"{tr('document')} {self.selected}"
        return (
            components.token_html(tr("query"), query.text, query.tokens)
            + components.token_html(name, chosen.document, chosen.tokens)
            + components.legend_html(query.tokens, chosen.tokens)
        )

    def strongest(self) -> str:
        """Return the words with the most attention, in a sentence a text; "" without attention."""
        chosen = self.scores.results[self.selected - 1]
        names = tr("the query"), tr("document n", n=self.selected)
        tokens = self.scores.query.tokens, chosen.tokens
        return charts.describe_attention(dict(zip(names, tokens, strict=True)), translator())

    def score_chart(
        self, ink: str = charts.INK, tr: Translate = ENGLISH, height: int = 380
    ) -> charts.Drawing:
        """Return the chart of cosine against probability."""
        return charts.score_chart(
            self.drawn,
            curve=self.scale.curve(),
            background=charts.background_bins(self.scale.background),
            threshold=self.threshold,
            selected=self.selected,
            height=height,
            ink=ink,
            tr=self.scale.words(tr),
        )

    def ranked_bars(self, ink: str = charts.INK, tr: Translate = ENGLISH) -> charts.Drawing:
        """Return the chart of documents by rank."""
        return charts.ranked_bars(
            self.drawn,
            threshold=self.threshold,
            selected=self.selected,
            second=self._second_drawn(),
            ink=ink,
            tr=self.scale.words(tr),
        )

    def _second_drawn(self) -> pd.DataFrame | None:
        """Return the second model's numbers; no probability beside a share of random pairs."""
        if self.second is None:
            return None
        frame = self.second.frame()
        return frame if self.scale.head.is_fitted else frame.assign(probability=np.nan)


def show(
    folder: ModelFolder,
    scores: Scores,
    notes: Sequence[str],
    second: Scores | None,
    bars: DeltaGenerator,
    pick_other: Callable[[], None],
) -> tuple[ResultView, DeltaGenerator]:
    """Show scores on one screen: finding, curve, numbers and words.

    Args:
        folder: the model folder.
        scores: its scores.
        notes: remarks on what was not read.
        second: the second model's scores.
        bars: where the ranked documents stand, beside what was typed.
        pick_other: shows the picker of the second model.

    Returns:
        What is shown, and where the reason for it goes.
    """
    frame = scores.frame()
    scale = SecondScale(scores.head, _background(folder))
    finding, slider = st.columns([8, 4], gap="medium", vertical_alignment="center")
    with slider:
        threshold = _pick_threshold(scale)
    view = ResultView(folder, scores, frame, threshold, _selected(frame), notes, scale, second)
    with finding.container(gap="xxsmall"):
        components.show_lead(view.findings)
        reason = st.empty()
        if threshold[0] is None:
            components.show_quiet(_same_threshold(scale, threshold))
    picks = st.session_state.get(PICKS, 0)
    _show_chart(view.score_chart(theme.ink(), translator(), CURVE), f"compare.curve.{picks}")
    with bars:
        _show_chart(view.ranked_bars(theme.ink(), translator()), f"compare.bars.{picks}")
    chosen, other = st.columns([8, 4], gap="small")
    with chosen:
        _pick_document(scores)
    with other:
        pick_other()
    st.html(f'<div class="dssm-brief">{view.chain_html}{view.texts_html}</div>')
    return view, reason


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
    key, first = threshold_field(scale.head.is_fitted)
    st.session_state.setdefault(key, first)
    value = st.slider(
        say("threshold"),
        0.01,
        0.99,
        step=0.01,
        key=key,
        help=say("threshold.help"),
        persist_state="session",
    )
    return scale.cosine_at(value), value


def _same_threshold(scale: SecondScale, threshold: charts.Threshold) -> str:
    """Return the threshold on both scales, or that no cosine reaches it."""
    cosine, value = threshold
    low, high = scale.head.reachable
    key = "threshold.never" if cosine is None else "threshold.same"
    say = scale.words(translator())
    return say(key, probability=value, cosine=cosine, low=low, high=high)


def _show_chart(drawing: charts.Drawing, key: str) -> None:
    """Show a chart of which a click chooses a document, and whose points move to new data."""
    drawings.pick_chart(
        drawing, key, "document", lambda point: _select(int(point["position"])), is_moving=True
    )


def _select(position: int) -> None:
    st.session_state["compare.selected"] = position
    _count_pick()


def _count_pick() -> None:
    # Vega keeps what was clicked under a chart's key and does not report a second click on it
    st.session_state[PICKS] = st.session_state.get(PICKS, 0) + 1


def _pick_document(scores: Scores) -> None:
    st.selectbox(
        tr("selected"),
        range(1, len(scores.results) + 1),
        format_func=lambda n: f"{n} · {' '.join(scores.results[n - 1].document[:160].split())}",
        key="compare.selected",
        on_change=_count_pick,
        label_visibility="collapsed",
    )


def show_details(view: ResultView) -> None:
    """Show what the numbers mean, on other scales and among random pairs."""
    cosine = view.scores.results[view.selected - 1].cosine

    def show_meaning() -> None:
        head = view.scores.head
        components.show_quiet(_same_threshold(view.scale, view.threshold))
        names = ("cosine", "logit", "probability") if head.is_fitted else ("cosine",)
        for name in (*names, "rank", "percentile"):
            components.show_quiet(tr("details.line", name=tr(name), help=tr(f"{name}.help")))
        if head.is_fitted:
            components.show_quiet(components.head_reach(head))
        else:
            components.show_quiet(tr("share.no head"))
        if note := view.length_note():
            components.show_quiet(note)
        components.show_quiet(view.attention_note())

    components.show_folded(tr("details"), "compare.details", show_meaning)
    if cosine is not None:
        components.show_folded(tr("ruler"), "compare.ruler", lambda: _show_ruler(cosine))


def _show_ruler(cosine: float) -> None:
    """Show one value on the scales that engines and libraries print."""
    components.show_quiet(tr("ruler.about"))
    st.html(components.ruler_html(scales(cosine)))


def show_table(view: ResultView) -> None:
    """Show every number of every document; the second model's beside them."""
    st.header(tr("table"), anchor=False)
    ranked = view.ranked.copy()
    positions = ranked["position"].tolist()
    columns = {"position": Column("#", "count", "small"), "document": _column("document", "large")}
    numbers = ("cosine", "logit", "probability") if view.scores.head.is_fitted else ("cosine",)
    columns |= {name: _column(name) for name in numbers}
    columns |= {"rank": _column("rank", quantity="count"), "percentile": _column("percentile")}
    if view.second is not None:
        other = view.second.frame().set_index("position").reindex(positions)
        for name, quantity in SECOND.items():
            ranked[f"{name} 2"] = other[name].to_numpy()
            columns[f"{name} 2"] = Column(f"{tr(name)} · {view.second.model}", quantity)
        columns["document"] = _column("document", "medium")
    pick_table(
        ranked[list(columns)],
        columns,
        tr("table.alt"),
        key=f"compare.table.{hash((view.second is None, *positions))}",
        row=positions.index(view.selected),
        on_pick=lambda row: _select(int(positions[row])),
    )


def _column(
    name: str, width: Literal["medium", "large"] | None = None, quantity: str | None = None
) -> Column:
    if name == "document":
        return Column(tr(name), width=width)
    return Column(tr(name), quantity or name, width, tr(f"{name}.help"))
