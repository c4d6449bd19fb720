"""All pairs at once: one threshold on both scales, what it gets wrong, and four charts of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from dssm_core import charts
from dssm_core.evaluation import auc
from dssm_core.inspection import measure
from dssm_core.scoring import Head
from dssm_core.ui.common import components
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.inspect.load import Bench
from dssm_core.words import join_texts

SHEET = """<style>
.dssm-counts {display: flex; flex-wrap: wrap; gap: .6rem}
.dssm-counts > div {flex: 1 1 9rem; padding: .55rem .8rem; border-radius: .5rem;
  border: 1px solid color-mix(in srgb, currentColor 18%, transparent)}
.dssm-counts > .wrong {border-color: #d13438;
  background: color-mix(in srgb, #d13438 8%, transparent)}
.dssm-counts .name {font-size: .875rem; font-weight: 600}
.dssm-counts .number {font-size: 1.45rem; line-height: 1.35; font-variant-numeric: tabular-nums}
.dssm-counts .about {font-size: .8rem; line-height: 1.4}
@media (max-width: 40rem) {.dssm-counts > div {flex-basis: 38%}}
</style>"""

STEP = 0.001
"""Of the slider on probability."""

COUNTS = ("true positive", "false negative", "false positive", "true negative")

COSINE, PROBABILITY = "inspect.cosine", "inspect.probability"
"""The widgets that show the threshold, rounded; the session keeps it exactly under THRESHOLD."""

THRESHOLD = "inspect.threshold"


def show_overview(bench: Bench) -> float:
    """Show the pairs as a whole; return the threshold, a cosine."""
    curve = bench.kept("curve", (), lambda: measure.curve(bench.frame))
    cosine = _threshold(bench)
    rates = measure.Rates.at(bench.frame, cosine)
    components.show_lead(_finding(rates))
    left, right = st.columns([7, 5], gap="large")
    with left:
        _show_counts(rates)
    with right:
        _show_threshold(bench, curve)
    if bench.inspection.head.scale <= 0:
        components.show_head(bench.inspection.head)
    _show_charts(bench, curve, rates, cosine)
    _show_ranking(bench)
    return cosine


def _threshold(bench: Bench) -> float:
    """Return the cosine to cut at; at first that of probability 0.5, or else of the best F1."""
    model = bench.inspection.fingerprint
    if st.session_state.get(f"{THRESHOLD}.model") != model:
        st.session_state[f"{THRESHOLD}.model"] = model
        curve = measure.curve(bench.frame)
        half = bench.inspection.head.cosine_at(0.5)
        best = measure.suggest_threshold(curve, bench.frame, None) if half is None else half
        _put(best, bench.inspection.head)
    return float(st.session_state[THRESHOLD])


def _put(cosine: float, head: Head) -> None:
    """Set the threshold, and the widgets that show it."""
    st.session_state[THRESHOLD] = cosine
    st.session_state[COSINE] = round(min(1.0, max(-1.0, cosine)), 4)
    low, high = _ends(head)
    st.session_state[PROBABILITY] = round(min(high, max(low, head.probability(cosine))), 3)
    # a chart keeps what was clicked under its key: with a new one it tells of the next click, too
    st.session_state["inspect.moves"] = st.session_state.get("inspect.moves", 0) + 1


def _ends(head: Head) -> tuple[float, float]:
    """Return the ends of the slider: what the model can say, on its steps."""
    low, high = head.reachable
    return round(max(low, STEP) + STEP / 2, 3), round(min(high, 1 - STEP) - STEP / 2, 3)


def _finding(rates: measure.Rates) -> str:
    return tr(
        "inspect.finding",
        wrong=rates.errors,
        number=rates.pairs,
        share=rates.error_rate,
        precision=rates.precision,
        recall=rates.recall,
        f1=rates.f1,
    )


def _show_counts(rates: measure.Rates) -> None:
    counts = rates.counts()
    items = [
        (tr(f"kind.{key}"), f"{counts[key]:,}", tr(f"kind.{key}.about"), key.startswith("false"))
        for key in COUNTS
    ]
    if unread := counts["no score"]:
        items.append((tr("inspect.unread"), f"{unread:,}", tr("inspect.unread.about"), False))
    _show_numbers(items)


def _show_numbers(items: list[tuple[str, str, str, bool]]) -> None:
    """Show numbers with their names and meanings; those of errors stand out."""
    inner = "".join(
        f'<div role="listitem"{" class=wrong" if is_wrong else ""}>'
        f'<div class="name">{components.escape(name)}</div>'
        f'<div class="number">{components.escape(number)}</div>'
        f'<div class="about">{components.escape(about)}</div></div>'
        for name, number, about, is_wrong in items
    )
    st.html(f'<div class="dssm-counts" role="list">{inner}</div>')


def _show_threshold(bench: Bench, curve: pd.DataFrame) -> None:
    """Show the threshold on both scales, to be moved on either, and suggestions."""
    head = bench.inspection.head
    if COSINE not in st.session_state or PROBABILITY not in st.session_state:
        _put(st.session_state[THRESHOLD], head)  # back from another page

    def from_probability() -> None:
        cosine = head.cosine_at(st.session_state[PROBABILITY])
        if cosine is not None:
            st.session_state[THRESHOLD] = cosine
            st.session_state[COSINE] = round(cosine, 4)

    def from_cosine() -> None:
        _put(float(st.session_state[COSINE]), head)

    def suggest(cost: float | None) -> None:
        _put(measure.suggest_threshold(curve, bench.frame, cost), head)

    low, high = _ends(head)
    slider, number = st.columns([3, 2], vertical_alignment="bottom")
    if low < high:
        slider.slider(
            tr("inspect.probability"),
            low,
            high,
            step=STEP,
            format="%.3f",
            key=PROBABILITY,
            on_change=from_probability,
            help=tr("inspect.probability.help"),
        )
    number.number_input(
        tr("inspect.cosine"),
        -1.0,
        1.0,
        step=0.01,
        format="%.4f",
        key=COSINE,
        on_change=from_cosine,
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
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


def _show_charts(bench: Bench, curve: pd.DataFrame, rates: measure.Rates, cosine: float) -> None:
    frame, head = bench.frame, bench.inspection.head
    bins = bench.kept("bins", (), lambda: charts.cosine_bins(frame))
    at: dict[str, Any] = {"cosine": cosine, "probability": head.probability(cosine)}
    style: dict[str, Any] = {"ink": components.ink(), "tr": translator()}
    places = [*st.columns(2, gap="medium"), *st.columns(2, gap="medium")]
    with places[0]:
        chart = charts.distribution_chart(bins, **at, **style)
        st.altair_chart(chart, width="stretch", key="inspect.distribution")
    if frame["label"].nunique() < 2 or curve.empty:
        with places[1]:
            components.show_message("note", tr("inspect.one label"))
        return
    labels = frame["label"].to_numpy()
    area = bench.kept("area", (), lambda: auc(frame["cosine"].to_numpy(), labels))
    table = bench.kept("calibration", (), lambda: measure.calibration(frame))
    point = rates.point(**at)
    with places[1]:
        relevant = float(labels.mean())
        chart = charts.precision_recall_chart(curve, point, relevant=relevant, **style)
        _show_curve("precision", chart, head)
    with places[2]:
        _show_curve("roc", charts.roc_chart(curve, point, area=area, **style), head)
    with places[3]:
        error = measure.calibration_error(table)
        chart = charts.reliability_chart(table, error=error, **style)
        st.altair_chart(chart, width="stretch", key="inspect.reliability")


def _show_curve(name: str, chart: charts.Chart, head: Head) -> None:
    key = f"inspect.{name}.{st.session_state.get('inspect.moves', 0)}"
    select: Callable[[], Any] = lambda: _choose(key, head)  # noqa: E731
    st.altair_chart(chart, width="stretch", key=key, on_select=select, selection_mode="threshold")


def _choose(key: str, head: Head) -> None:
    points = st.session_state[key]["selection"].get("threshold", [])
    if points:
        _put(float(points[0]["cosine"]), head)


def _show_ranking(bench: Bench) -> None:
    """Show how well each query's own documents are ranked, where it has several."""
    found = bench.kept("ranking", (), lambda: measure.ranking(bench.frame))
    if found is None:
        return
    about = {
        "MRR@10": tr("inspect.mrr"),
        "recall@1": tr("inspect.recall"),
        "nDCG@10": tr("inspect.ndcg"),
    }
    st.header(tr("inspect.ranking"), anchor=False)
    components.show_quiet(tr("inspect.ranking.about"))
    _show_numbers(
        [
            (
                metric,
                f"{values['mean']:.3f}",
                join_texts(
                    tr("inspect.interval", low=values["low"], high=values["high"]), about[metric]
                ),
                False,
            )
            for metric, values in found.items()
        ]
    )
