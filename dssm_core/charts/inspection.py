"""Labelled pairs as a whole: how cosines part them, where to cut, and which slice is bad."""

from __future__ import annotations

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
    drawable,
    headline,
    tip,
    tips,
)
from dssm_core.charts.curve import curve_chart
from dssm_core.quantities import format_number
from dssm_core.words import ENGLISH, Translate

LABELS = ["relevant", "not relevant"]
MOST_SLICES = 12
"""Slices that one chart draws, the worst ones."""


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
    found = pd.concat(parts, ignore_index=True)
    return found[found.groupby("label")["pairs"].transform("sum") > 0].reset_index(drop=True)


def distribution_chart(
    bins: pd.DataFrame,
    *,
    cosine: float,
    probability: float,
    ink: str = INK,
    tr: Translate = ENGLISH,
) -> Chart:
    """Return where the cosines of relevant and other pairs fall, and the threshold between them.

    Frame columns: start, end, label, pairs, share; as `cosine_bins` returns.

    Reads as: the less the two shapes overlap, the better the model tells pairs apart; what a shape
    has on the other shape's side of the dashed line is wrong.

    Args:
        bins: both histograms.
        cosine: the threshold.
        probability: the same on the other scale.
        ink: colour of the text inside the chart.
        say: says its texts.
    """
    low = min([*bins["start"], cosine]) if len(bins) else -1.0
    high = max([*bins["end"], cosine]) if len(bins) else 1.0
    x = alt.X("start:Q").scale(domain=[low, high], nice=False).title(tr("chart.cosine"))
    told = {label: tr(f"pair.{label}") for label in LABELS}
    shown = bins.assign(floor=0.0, label=bins["label"].map(told))
    labels = list(told.values())
    base = alt.Chart(shown).encode(
        color=alt.Color("label:N")
        .scale(domain=labels, range=[COSINE, PROBABILITY])
        .legend(orient="top", title=None, symbolType="stroke", symbolStrokeWidth=3),
        **tips(
            alt.Tooltip("label:N", title=tr("near.label")),
            tip("start", "cosine", tr("chart.tip.cosine from")),
            tip("end", "cosine", tr("chart.tip.to")),
            tip("pairs", "count", tr("chart.tip.pairs")),
            tip("share", "percent", tr("chart.distribution.tip.share")),
        ),
    )
    top = max([*bins["share"], 0.01]) * 1.08
    y = alt.Y("share:Q").stack(None).scale(domain=[0, top], nice=False)
    y = y.title(tr("chart.distribution.share")).axis(format=".0%", tickCount=4)
    bars = base.mark_bar(opacity=0.4, binSpacing=0).encode(x, y, x2="end:Q", y2="floor:Q")
    # the outline tells the two apart without colour
    outline = base.mark_line(interpolate="step-after", strokeWidth=2).encode(
        x, y, strokeDash=alt.StrokeDash("label:N").scale(domain=labels, range=[[1, 0], [4, 3]])
    )
    at = pd.DataFrame({"start": [cosine]})
    rule = alt.Chart(at).mark_rule(color=ink, strokeDash=[6, 3], strokeWidth=1.5, aria=False)
    right = cosine < (low + high) / 2
    side: dict[str, Any] = {"align": "left", "dx": 5} if right else {"align": "right", "dx": -5}
    text = tr("chart.at.cosine", n=format_number(cosine, "cosine"))
    label = alt.Chart(at).mark_text(text=text, description=text, color=ink, **side)
    return alt.layer(bars, outline, rule.encode(x), label.encode(x, y=alt.value(8))).properties(
        title=headline(
            tr("chart.distribution"),
            tr("chart.distribution.reads"),
            ink=ink,
        ),
        height=330,
        padding=AROUND,
        description=_tell_distribution(bins, cosine, probability, tr),
    )


def precision_recall_chart(
    curve: pd.DataFrame,
    point: pd.DataFrame,
    *,
    relevant: float,
    ink: str = INK,
    tr: Translate = ENGLISH,
) -> Chart:
    """Return precision against recall over all thresholds; a click chooses one.

    Frame columns: cosine, probability, precision, recall; rows with a NaN are left out.

    Reads as: up and right is better; the grey line is what calling every pair relevant would give.

    Args:
        curve: one row a threshold.
        point: the current threshold, as `measure.Rates.point` returns.
        relevant: share of all pairs that are relevant, in [0, 1].
        ink: colour of the text inside the chart.
        say: says its texts.
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
            "chart.precision recall.told",
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
) -> Chart:
    """Return recall against the rate of false positives over all thresholds; a click chooses one.

    Frame columns: cosine, probability, recall, false_positive_rate; rows with a NaN are left out.

    Reads as: up and left is better; on the grey diagonal the model knows nothing.

    Args:
        curve: one row a threshold.
        point: the current threshold, as `measure.Rates.point` returns.
        area: under the curve, in [0, 1].
        ink: colour of the text inside the chart.
        say: says its texts.
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
            "chart.roc.told",
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
        say: says its texts.
    """
    ends = pd.DataFrame({"probability": [0.0, 1.0], "relevant": [0.0, 1.0]})
    unit = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("probability:Q").scale(unit).title(tr("chart.reliability.mean"))
    y = alt.Y("relevant:Q").scale(unit).title(tr("chart.reliability.share"))
    base = alt.Chart(table).encode(
        x,
        y,
        **tips(
            tip("start", "cosine", tr("chart.reliability.tip.from")),
            tip("end", "cosine", tr("chart.tip.to")),
            tip(
                "probability",
                "probability",
                tr("chart.reliability.tip.mean"),
            ),
            tip(
                "relevant",
                "percent",
                tr("chart.reliability.tip.share"),
            ),
            tip("pairs", "count", tr("chart.tip.pairs")),
        ),
    )
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
        description=tr("chart.reliability.told", error=error, number=int(table["pairs"].sum())),
    )


def slices_chart(
    table: pd.DataFrame,
    *,
    overall: float,
    selected: str | None = None,
    ink: str = INK,
    tr: Translate = ENGLISH,
) -> Chart:
    """Return the share of wrong pairs of each slice with its interval, worst first.

    Frame columns: slice, pairs, errors, error_rate, low, high, auc, few.

    Reads as: further right is worse; where an interval passes the dashed line, the slice may well
    be as good as the whole. Hollow points: under ten pairs.

    Args:
        table: one row a slice, worst first.
        overall: share of all pairs that are wrong, in [0, 1].
        selected: the chosen slice.
        ink: colour of the text inside the chart.
        say: says its texts.
    """
    shown = table.head(MOST_SLICES).copy()
    shown["row"] = np.arange(len(shown))
    shown["chosen"] = shown["slice"] == selected
    names = drawable(shown.pop("slice").astype(str), 60)
    shown["label"] = [
        tr("chart.slices.row", name=name, errors=errors, pairs=pairs)
        for name, errors, pairs in zip(names, shown["errors"], shown["pairs"], strict=True)
    ]
    shown["auc_text"] = [
        tr("none") if np.isnan(auc) else format_number(auc, "metric") for auc in shown["auc"]
    ]
    shown = shown.drop(columns="auc")
    top = min(1.0, max([*shown["high"], overall, 0.01]) * 1.05)
    x = alt.X("error_rate:Q").scale(domain=[0, top], nice=False)
    x = x.title(tr("chart.slices.share")).axis(orient="top", grid=False, tickCount=5)
    y = alt.Y("row:O").scale(domain=shown["row"].tolist(), padding=0).axis(None)
    base = alt.Chart(shown).encode(
        y,
        **tips(
            alt.Tooltip("label:N", title=tr("chart.slices.tip.slice")),
            tip("error_rate", "percent", tr("chart.slices.tip.share")),
            tip("low", "percent", tr("chart.tip.from")),
            tip("high", "percent", tr("chart.tip.to")),
            alt.Tooltip("auc_text:N", title=tr("chart.slices.tip.auc")),
        ),
    )
    # a click anywhere in a row chooses its slice
    of_slice = "event.item && event.item.datum && isValid(event.item.datum.row)"
    row = (
        base.mark_bar(height={"band": 0.96}, cornerRadius=4, aria=False, fill=QUIET)
        .encode(
            x=alt.value(0),
            x2=alt.value("width"),
            fillOpacity=alt.condition("datum.chosen", alt.value(0.16), alt.value(0)),
            stroke=alt.condition("datum.chosen", alt.value(QUIET), alt.value("transparent")),
        )
        .add_params(alt.selection_point(name="slice", fields=["row"], on=f"click[{of_slice}]"))
    )
    intervals = base.mark_rule(color=PROBABILITY, strokeWidth=3, opacity=0.55, yOffset=9)
    points = base.mark_point(size=90, strokeWidth=2, color=PROBABILITY, yOffset=9, opacity=1)
    fill = alt.condition("datum.few", alt.value("transparent"), alt.value(PROBABILITY))
    labels = base.mark_text(
        align="left", dy=-8, fontSize=12, color=ink, limit=alt.ExprRef("width - 12")
    )
    average = alt.Chart(pd.DataFrame({"error_rate": [overall]}))
    told = tr("chart.slices.none")
    if len(shown):
        told = tr("chart.slices.told", number=len(table), worst=shown.iloc[0]["label"])
    is_cut = len(shown) < len(table)
    cut = tr("chart.slices.cut", shown=len(shown), number=len(table)) if is_cut else ""
    return alt.layer(
        average.mark_rule(color=QUIET, strokeDash=[4, 3], aria=False).encode(x),
        row,
        intervals.encode(alt.X("low:Q"), x2="high:Q"),
        points.encode(x, fill=fill),
        labels.encode(x=alt.value(6), text="label:N"),
    ).properties(
        title=headline(
            tr("chart.slices"),
            tr("chart.slices.reads"),
            tr("chart.slices.few"),
            cut,
            ink=ink,
        ),
        height=alt.Step(42),
        padding=AROUND,
        description=told,
    )


def _tell_distribution(bins: pd.DataFrame, cosine: float, probability: float, tr: Translate) -> str:
    above = bins[bins["start"] >= cosine].groupby("label")["share"].sum()
    told = tr("comma").join(
        tr(f"chart.distribution.of.{label}", share=above.get(label, 0.0))
        for label in LABELS
        if label in set(bins["label"])
    )
    if not told:
        return tr("chart.distribution.none")
    return tr(
        "chart.distribution.told",
        cosine=cosine,
        probability=format_number(probability, "probability"),
        told=told,
    )
