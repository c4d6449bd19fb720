"""The threshold of the page Inspect: one cosine, moved on either scale, by a rule or on a curve."""

from __future__ import annotations

import streamlit as st

from dssm_core.inspection import measure
from dssm_core.scoring import Head, Scorer
from dssm_core.ui.common.language import tr
from dssm_core.ui.inspect.load import ScoredPairs

STEP = 0.001
"""Of the slider on probability."""

THRESHOLD = "inspect.threshold"
"""Session key of the threshold: fingerprint of the model that it is for, and the exact cosine."""

COSINE, PROBABILITY = "inspect.cosine", "inspect.probability"
"""The widgets that show it, rounded."""

MOVES = "inspect.moves"
"""Session key of how often it was set: a chart under a new key reports a second click, too."""


def current(scored: ScoredPairs) -> float:
    """Return the cosine to cut at; at first that of probability 0.5, or else of the best F1."""
    model = scored.inspection.fingerprint
    of, cosine = st.session_state.get(THRESHOLD, ("", 0.0))
    if of != model:
        half = scored.inspection.head.cosine_at(0.5)
        cosine = half
        if half is None:
            cosine = measure.suggest_threshold(scored.curve, scored.frame, None)
        put(scored.scorer, cosine)
    return float(cosine)


def put(scorer: Scorer, cosine: float) -> None:
    """Set the threshold for a model, and the widgets that show it."""
    head = scorer.head
    st.session_state[THRESHOLD] = scorer.folder.fingerprint, cosine
    st.session_state[COSINE] = round(min(1.0, max(-1.0, cosine)), 3)
    low, high = slider_ends(head)
    if head.is_fitted:
        st.session_state[PROBABILITY] = round(min(high, max(low, head.probability(cosine))), 3)
    st.session_state[MOVES] = st.session_state.get(MOVES, 0) + 1


def slider_ends(head: Head) -> tuple[float, float]:
    """Return the ends of the slider: what the model can say, on its steps; alike without a head."""
    if not head.is_fitted:
        return 0.0, 0.0
    low, high = head.reachable
    return round(max(low, STEP) + STEP / 2, 3), round(min(high, 1 - STEP) - STEP / 2, 3)


def show_threshold(scored: ScoredPairs) -> None:
    """Show the threshold on both scales, to be moved on either, and suggestions."""
    shown = {COSINE, PROBABILITY} if scored.inspection.head.is_fitted else {COSINE}
    if not shown <= set(st.session_state):
        put(scored.scorer, st.session_state[THRESHOLD][1])  # back from another page
    slider, number, rules = st.columns([5, 3, 3], vertical_alignment="bottom")
    with slider:
        _show_slider(scored)
    number.number_input(
        tr("inspect.cosine"),
        -1.0,
        1.0,
        step=0.01,
        format="%.3f",
        key=COSINE,
        on_change=lambda: put(scored.scorer, float(st.session_state[COSINE])),
    )
    with rules, st.popover(tr("inspect.rules"), width="stretch"):
        _show_rules(scored)


def _show_slider(scored: ScoredPairs) -> None:
    head = scored.inspection.head

    def move() -> None:
        cosine = head.cosine_at(st.session_state[PROBABILITY])
        if cosine is not None:
            # not by `put`, which would push the slider from under the hand by its rounding
            st.session_state[THRESHOLD] = scored.inspection.fingerprint, cosine
            st.session_state[COSINE] = round(cosine, 3)

    low, high = slider_ends(head)
    if low < high:
        st.slider(
            tr("inspect.probability"),
            low,
            high,
            step=STEP,
            format="%.3f",
            key=PROBABILITY,
            on_change=move,
            help=tr("inspect.probability.help"),
        )


def _show_rules(scored: ScoredPairs) -> None:
    def suggest(cost: float | None) -> None:
        put(scored.scorer, measure.suggest_threshold(scored.curve, scored.frame, cost))

    st.button(
        tr("inspect.best"),
        key="inspect.best",
        help=tr("inspect.best.help"),
        on_click=suggest,
        args=(None,),
    )
    cost = st.number_input(
        tr("inspect.cost"),
        0.01,
        1000.0,
        1.0,
        step=1.0,
        format="%g",
        key="inspect.cost",
        width=240,
        persist_state="session",
    )
    st.button(
        tr("inspect.least"),
        key="inspect.least",
        help=tr("inspect.least.help"),
        on_click=suggest,
        args=(cost,),
    )
