"""All pairs at once: one threshold on both scales, what it gets wrong, and four charts of it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dssm_core import charts
from dssm_core.evaluation import auc
from dssm_core.inspection import measure
from dssm_core.quantities import format_number
from dssm_core.scoring import Scorer
from dssm_core.ui.common import components, drawings, theme
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.inspect import threshold
from dssm_core.ui.inspect.load import ScoredPairs
from dssm_core.words import join_texts

COUNTS = ("true positive", "false negative", "false positive", "true negative")


def show_finding(scored: ScoredPairs, cosine: float) -> None:
    """Show what the threshold gets wrong, in a sentence, and let the threshold be moved.

    Args:
        scored: the pairs.
        cosine: the threshold.
    """
    finding, right = st.columns([5, 7], gap="large", vertical_alignment="bottom")
    with finding:
        components.show_lead(_finding(measure.Rates.at(scored.frame, cosine)))
    with right:
        threshold.show_threshold(scored)
    if not scored.inspection.head.is_fitted:
        components.show_quiet(tr("share.no head"))
    elif scored.inspection.head.scale <= 0:
        components.show_head(scored.inspection.head)


def show_overview(scored: ScoredPairs, cosine: float) -> None:
    """Show the pairs as a whole: counts, curves, and the ranking within queries."""
    st.header(tr("inspect.overview"), anchor=False)
    rates = measure.Rates.at(scored.frame, cosine)
    _show_counts(rates)
    _show_charts(scored, rates, cosine)
    _show_ranking(scored)


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
        (
            tr(f"kind.{key}"),
            format_number(counts[key], "count"),
            tr(f"kind.{key}.about"),
            key.startswith("false"),
        )
        for key in COUNTS
    ]
    if unread := counts["no score"]:
        items.append(
            (
                tr("inspect.unread"),
                format_number(unread, "count"),
                tr("inspect.unread.about"),
                False,
            )
        )
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


def _show_charts(scored: ScoredPairs, rates: measure.Rates, cosine: float) -> None:
    frame, curve, head = scored.frame, scored.curve, scored.inspection.head
    bins = scored.inspection.once("bins", lambda: charts.cosine_bins(frame))
    at: dict[str, Any] = {"cosine": cosine, "probability": head.probability(cosine)}
    style: dict[str, Any] = {"ink": theme.ink(), "tr": translator()}
    columns = [*st.columns(2, gap="medium"), *st.columns(2, gap="medium")]
    with columns[0]:
        chart = charts.distribution_chart(bins, charts.shares_above(frame, cosine), **at, **style)
        drawings.show_chart(chart, "inspect.distribution")
    if frame["label"].nunique() < 2 or curve.empty:
        with columns[1]:
            components.show_message("note", tr("inspect.one label"))
        return
    labels = frame["label"].to_numpy()
    area = scored.inspection.once("area", lambda: auc(frame["cosine"].to_numpy(), labels))
    point = rates.point(**at)
    with columns[1]:
        relevant = float(labels.mean())
        chart = charts.precision_recall_chart(curve, point, relevant=relevant, **style)
        _show_curve("precision", chart, scored.scorer)
    with columns[2]:
        _show_curve("roc", charts.roc_chart(curve, point, area=area, **style), scored.scorer)
    if not head.is_fitted:
        return
    with columns[3]:
        table = scored.inspection.once("calibration", lambda: measure.calibration(frame))
        error = measure.calibration_error(table)
        reliability = scored.cached(
            "reliability",
            tuple(style.values()),
            lambda: charts.reliability_chart(table, error=error, **style),
        )
        drawings.show_chart(reliability, "inspect.reliability")


def _show_curve(name: str, chart: charts.Drawing, scorer: Scorer) -> None:
    # the session keeps what is called under each key: the model, and not the pairs
    key = f"inspect.{name}.{st.session_state.get(threshold.MOVES, 0)}"
    drawings.pick_chart(
        chart, key, "threshold", lambda point: threshold.put(scorer, float(point["cosine"]))
    )


def _show_ranking(scored: ScoredPairs) -> None:
    """Show how well each query's own documents are ranked, where it has several."""
    ranking = scored.inspection.once("ranking", lambda: measure.ranking(scored.frame))
    if ranking is None:
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
                format_number(values["mean"], "metric"),
                join_texts(
                    tr("inspect.interval", low=values["low"], high=values["high"]), about[metric]
                ),
                False,
            )
            for metric, values in ranking.items()
        ]
    )
