"""Labelled pairs as a whole: how cosines part them, where to cut, and which slice is bad."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from dssm_core.charts.base import (
    AROUND,
    COSINE,
    INK,
    PROBABILITY,
    QUIET,
    Chart,
    Drawing,
    Tip,
    headline,
    rows,
    template,
    tips,
)
from dssm_core.charts.curve import curve_chart
from dssm_core.quantities import format_number
from dssm_core.words import ENGLISH, Translate

LABELS = ["relevant", "not relevant"]


def cosine_bins(frame: pd.DataFrame, bins: int = 40) -> pd.DataFrame:
    """Return the histograms of cosine of relevant and other pairs.

    Args:
        frame: N pairs, columns label and cosine; those without a cosine are left out.
        bins: of equal width, over the range that the cosines take.

    Returns:
        One row a bin and label that has pairs: start, end, label ("relevant", "not relevant"),
        pairs, and share of the label's pairs in [0, 1].
    """
    known = frame[np.isfinite(frame["cosine"])]
    cosines = known["cosine"].to_numpy(float)
    low = np.floor(cosines.min() * 10) / 10 if len(cosines) else -1.0
    high = np.ceil(cosines.max() * 10) / 10 if len(cosines) else 1.0
    edges = np.linspace(low, max(high, low + 0.1), bins + 1)
    parts = []
    for name, label in zip(LABELS, (1, 0), strict=True):
        counts, _ = np.histogram(cosines[known["label"] == label], edges)
        parts.append(
            pd.DataFrame(
                {
                    "start": edges[:-1],
                    "end": edges[1:],
                    "label": name,
                    "pairs": counts,
                    "share": counts / max(1, counts.sum()),
                }
            )
        )
    histograms = pd.concat(parts, ignore_index=True)
    has_pairs = histograms.groupby("label")["pairs"].transform("sum") > 0
    return histograms[has_pairs].reset_index(drop=True)


def shares_above(frame: pd.DataFrame, cosine: float) -> dict[str, float]:
    """Return the share of each label's scored pairs that have at least a cosine.

    Args:
        frame: N pairs, columns label and cosine; those without a cosine are left out.
        cosine: the least.
    """
    known = frame[np.isfinite(frame["cosine"])]
    is_above = known["cosine"] >= cosine
    return {
        name: float(is_above[is_labelled].mean())
        for name, label in zip(LABELS, (1, 0), strict=True)
        if (is_labelled := known["label"] == label).any()
    }


def distribution_chart(
    bins: pd.DataFrame,
    above: Mapping[str, float],
    *,
    cosine: float,
    probability: float,
    ink: str = INK,
    tr: Translate = ENGLISH,
) -> Drawing:
    """Return where the cosines of relevant and other pairs fall, and the threshold between them.

    Frame columns: start, end, label, pairs, share; as `cosine_bins` returns.

    Reads as: the less the two shapes overlap, the better the model tells pairs apart; what a shape
    has on the other shape's side of the dashed line is wrong.

    Args:
        bins: both histograms.
        above: as `shares_above` returns.
        cosine: the threshold.
        probability: the same on the other scale.
        ink: colour of the text inside the chart.
        tr: gives the texts.
    """
    low = min([*bins["start"], cosine]) if len(bins) else -1.0
    high = max([*bins["end"], cosine]) if len(bins) else 1.0
    names = {label: tr(f"pair.{label}") for label in LABELS}
    text = tr("chart.at.cosine", n=format_number(cosine, "cosine"))
    return Drawing(
        _distribution_template(cosine < (low + high) / 2, ink, tr),
        {
            "bins": rows(bins.assign(floor=0.0, label=bins["label"].map(names))),
            "threshold": [{"start": cosine, "text": text}],
        },
        {
            "low": str(low),
            "high": str(high),
            "top": str(max([*bins["share"], 0.01]) * 1.08),
        },
        {
            "title": headline(tr("chart.distribution"), tr("chart.distribution.reads"), ink=ink),
            "description": _tell_distribution(above, cosine, probability, tr),
        },
    )


@lru_cache(maxsize=16)
def _distribution_template(to_right: bool, ink: str, tr: Translate) -> str:
    """Return the template of `distribution_chart`, with data "bins" and "threshold"."""
    ends: list[Any] = ["@low", "@high"]
    x = alt.X("start:Q").scale(domain=ends, nice=False).title(tr("chart.cosine"))
    layers = [*_histograms(x, tr), *_threshold_mark(x, to_right, ink)]
    return template(alt.layer(*layers).properties(height=330, padding=AROUND))


def _histograms(x: alt.X, tr: Translate) -> list[alt.Chart]:
    labels = [tr(f"pair.{label}") for label in LABELS]
    base = alt.Chart(alt.NamedData("bins")).encode(
        color=alt.Color("label:N")
        .scale(domain=labels, range=[COSINE, PROBABILITY])
        .legend(orient="top", title=None, symbolType="stroke", symbolStrokeWidth=3),
        **tips(
            Tip("label", tr("near.label")),
            Tip("start", tr("chart.tip.cosine from"), "cosine"),
            Tip("end", tr("chart.tip.to"), "cosine"),
            Tip("pairs", tr("chart.tip.pairs"), "count"),
            Tip("share", tr("chart.distribution.tip.share"), "percent"),
        ),
    )
    ends: list[Any] = [0, "@top"]
    y = alt.Y("share:Q").stack(None).scale(domain=ends, nice=False)
    y = y.title(tr("chart.distribution.share")).axis(format=".0%", tickCount=4)
    # the outline tells the two apart without colour
    dash = alt.StrokeDash("label:N").scale(domain=labels, range=[[1, 0], [4, 3]])
    return [
        base.mark_bar(opacity=0.4, binSpacing=0).encode(x, y, x2="end:Q", y2="floor:Q"),
        base.mark_line(interpolate="step-after", strokeWidth=2).encode(x, y, strokeDash=dash),
    ]


def _threshold_mark(x: alt.X, to_right: bool, ink: str) -> list[alt.Chart]:
    """Return a dashed line at the threshold, and its number on the side with more room."""
    base = alt.Chart(alt.NamedData("threshold")).encode(x)
    side: dict[str, Any] = {"align": "left", "dx": 5} if to_right else {"align": "right", "dx": -5}
    return [
        base.mark_rule(color=ink, strokeDash=[6, 3], strokeWidth=1.5, aria=False),
        base.mark_text(color=ink, **side).encode(
            y=alt.value(8), text="text:N", description="text:N"
        ),
    ]


def precision_recall_chart(
    curve: pd.DataFrame,
    point: pd.DataFrame,
    *,
    relevant: float,
    ink: str = INK,
    tr: Translate = ENGLISH,
) -> Drawing:
    """Return precision against recall over all thresholds; a click chooses one.

    Frame columns: cosine, probability, precision, recall; rows with a NaN are left out.

    Reads as: up and right is better; the grey line is what calling every pair relevant would give.

    Args:
        curve: one row a threshold.
        point: the current threshold, as `measure.Rates.point` returns.
        relevant: share of all pairs that are relevant, in [0, 1].
        ink: colour of the text inside the chart.
        tr: gives the texts.
    """
    now = point.iloc[0]
    floor = pd.DataFrame({"recall": [0.0, 1.0], "precision": [relevant, relevant]})
    return curve_chart(
        curve,
        point,
        floor,
        x=("recall", tr("chart.recall")),
        y=("precision", tr("chart.precision")),
        title=headline(
            tr("chart.precision recall"),
            tr("chart.curve.reads"),
            tr("chart.precision recall.ground"),
            ink=ink,
        ),
        description=tr(
            "chart.precision recall.finding",
            cosine=now["cosine"],
            probability=format_number(now["probability"], "probability"),
            precision=now["precision"],
            recall=now["recall"],
        ),
        ink=ink,
        tr=tr,
    )


def roc_chart(
    curve: pd.DataFrame,
    point: pd.DataFrame,
    *,
    area: float,
    ink: str = INK,
    tr: Translate = ENGLISH,
) -> Drawing:
    """Return recall against the rate of false positives over all thresholds; a click chooses one.

    Frame columns: cosine, probability, recall, false_positive_rate; rows with a NaN are left out.

    Reads as: up and left is better; on the grey diagonal the model knows nothing.

    Args:
        curve: one row a threshold.
        point: the current threshold, as `measure.Rates.point` returns.
        area: under the curve, in [0, 1].
        ink: colour of the text inside the chart.
        tr: gives the texts.
    """
    now = point.iloc[0]
    ends = pd.DataFrame({"false_positive_rate": [0.0, 1.0], "recall": [0.0, 1.0]})
    return curve_chart(
        curve,
        point,
        ends,
        x=("false_positive_rate", tr("chart.false_positive_rate")),
        y=("recall", tr("chart.recall")),
        title=headline(
            tr("chart.roc", area=area), tr("chart.curve.reads"), tr("chart.roc.ground"), ink=ink
        ),
        description=tr(
            "chart.roc.finding",
            area=area,
            cosine=now["cosine"],
            recall=now["recall"],
            rate=now["false_positive_rate"],
        ),
        ink=ink,
        tr=tr,
    )


def reliability_chart(
    table: pd.DataFrame, *, error: float, ink: str = INK, tr: Translate = ENGLISH
) -> Chart:
    """Return how often pairs are relevant against the probability that the model gives them.

    Frame columns: start, end, probability, relevant, pairs; one row a bin.

    Reads as: on the grey diagonal a probability means what it says; below it the model is too
    sure, above it too shy.

    Args:
        table: the reliability table.
        error: the expected calibration error, in [0, 1].
        ink: colour of the text inside the chart.
        tr: gives the texts.
    """
    ends = pd.DataFrame({"probability": [0.0, 1.0], "relevant": [0.0, 1.0]})
    from_0_to_1 = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("probability:Q").scale(from_0_to_1).title(tr("chart.reliability.mean"))
    y = alt.Y("relevant:Q").scale(from_0_to_1).title(tr("chart.reliability.share"))
    columns = (
        ("start", "cosine", "chart.reliability.tip.from"),
        ("end", "cosine", "chart.tip.to"),
        ("probability", "probability", "chart.reliability.tip.mean"),
        ("relevant", "percent", "chart.reliability.tip.share"),
        ("pairs", "count", "chart.tip.pairs"),
    )
    tooltip = [Tip(column, tr(key), quantity) for column, quantity, key in columns]
    base = alt.Chart(table).encode(x, y, **tips(*tooltip))
    shown = table.assign(ideal=table["probability"])
    gaps = alt.Chart(shown).mark_rule(color=PROBABILITY, strokeWidth=2, aria=False)
    gaps = gaps.encode(x, y, y2="ideal:Q")
    points = base.mark_point(filled=True, opacity=0.9, color=COSINE).encode(
        size=alt.Size("pairs:Q").scale(type="sqrt", range=[40, 320]).legend(None)
    )
    return alt.layer(
        alt.Chart(ends).mark_line(color=QUIET, strokeDash=[4, 3], aria=False).encode(x, y),
        gaps,
        base.mark_line(color=COSINE, strokeWidth=1.5),
        points,
    ).properties(
        title=headline(
            tr("chart.reliability", error=error),
            tr("chart.reliability.reads"),
            tr("chart.reliability.points"),
            ink=ink,
        ),
        height=330,
        padding=AROUND,
        description=tr("chart.reliability.finding", error=error, number=int(table["pairs"].sum())),
    )


def _tell_distribution(
    above: Mapping[str, float], cosine: float, probability: float, tr: Translate
) -> str:
    shares = tr("comma").join(
        tr(f"chart.distribution.of.{label}", share=share) for label, share in above.items()
    )
    if not shares:
        return tr("chart.distribution.none")
    return tr(
        "chart.distribution.finding",
        cosine=cosine,
        probability=format_number(probability, "probability"),
        shares=shares,
    )
