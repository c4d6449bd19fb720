"""Labelled pairs as a whole: how cosines part them, where to cut, and which slice is bad."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from dssm_core.charts.base import (
    CHOSEN,
    COSINE,
    INK,
    PROBABILITY,
    QUIET,
    Chart,
    drawable,
    headline,
    in_words,
)

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
    bins: pd.DataFrame, *, cosine: float, probability: float, ink: str = INK
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
    """
    low = min([*bins["start"], cosine]) if len(bins) else -1.0
    high = max([*bins["end"], cosine]) if len(bins) else 1.0
    x = alt.X("start:Q").scale(domain=[low, high], nice=False).title("cosine (−1 to 1)")
    base = alt.Chart(bins.assign(floor=0.0)).encode(
        color=alt.Color("label:N")
        .scale(domain=LABELS, range=[COSINE, PROBABILITY])
        .legend(orient="top", title=None, symbolType="stroke", symbolStrokeWidth=3),
        tooltip=[
            alt.Tooltip("label:N"),
            alt.Tooltip("start:Q", format=".3f", title="cosine from"),
            alt.Tooltip("end:Q", format=".3f", title="to"),
            alt.Tooltip("pairs:Q", format=",d"),
            alt.Tooltip("share:Q", format=".1%", title="share of its label"),
        ],
    )
    top = max([*bins["share"], 0.01]) * 1.08
    y = alt.Y("share:Q").stack(None).scale(domain=[0, top], nice=False)
    y = y.title("share of the label's pairs").axis(format=".0%", tickCount=4)
    bars = base.mark_bar(opacity=0.4, binSpacing=0).encode(x, y, x2="end:Q", y2="floor:Q")
    # the outline tells the two apart without colour
    outline = base.mark_line(interpolate="step-after", strokeWidth=2).encode(
        x, y, strokeDash=alt.StrokeDash("label:N").scale(domain=LABELS, range=[[1, 0], [4, 3]])
    )
    at = pd.DataFrame({"start": [cosine]})
    rule = alt.Chart(at).mark_rule(color=ink, strokeDash=[6, 3], strokeWidth=1.5).encode(x)
    right = cosine < (low + high) / 2
    side: dict[str, Any] = {"align": "left", "dx": 5} if right else {"align": "right", "dx": -5}
    text = f"cosine {cosine:.3f}".replace("-", "−")
    label = alt.Chart(at).mark_text(text=text, color=ink, **side).encode(x, y=alt.value(8))
    return alt.layer(bars, outline, rule, label).properties(
        title=headline(
            "Cosine of relevant and other pairs",
            "The less the shapes overlap, the better. Dashed: the threshold.",
            ink=ink,
        ),
        height=330,
        description=_tell_distribution(bins, cosine, probability),
    )


def operating_point(counts: dict[str, int], *, cosine: float, probability: float) -> pd.DataFrame:
    """Return the threshold as one row of a curve: cosine, probability, precision, recall, rate.

    Args:
        counts: of true and false positives and negatives.
        cosine: the threshold.
        probability: the same on the other scale.
    """
    hits, false = counts["true positive"], counts["false positive"]
    missed, right = counts["false negative"], counts["true negative"]
    return pd.DataFrame(
        {
            "cosine": [cosine],
            "probability": [probability],
            "precision": [hits / (hits + false) if hits + false else 1.0],
            "recall": [hits / max(1, hits + missed)],
            "false_positive_rate": [false / max(1, false + right)],
        }
    )


def precision_recall_chart(
    curve: pd.DataFrame, point: pd.DataFrame, *, relevant: float, ink: str = INK
) -> Chart:
    """Return precision against recall over all thresholds; a click chooses one.

    Frame columns: cosine, probability, precision, recall; rows with a NaN are left out.

    Reads as: up and right is better; the grey line is what calling every pair relevant would give.

    Args:
        curve: one row a threshold.
        point: the current threshold, as `operating_point` returns.
        relevant: share of all pairs that are relevant, in [0, 1].
        ink: colour of the text inside the chart.
    """
    now = point.iloc[0]
    floor = pd.DataFrame({"recall": [0.0, 1.0], "precision": [relevant, relevant]})
    return _curve_chart(
        curve,
        point,
        floor,
        x=("recall", "recall (0 to 1)"),
        y=("precision", "precision (0 to 1)"),
        title=headline(
            "Precision and recall",
            "Click to set the threshold. Diamond: the current one.",
            "Grey: calling every pair relevant.",
            ink=ink,
        ),
        description=(
            f"At cosine {now['cosine']:.3f}, probability {in_words(now['probability'])}, precision "
            f"is {now['precision']:.3f} and recall {now['recall']:.3f}."
        ),
        ink=ink,
    )


def roc_chart(curve: pd.DataFrame, point: pd.DataFrame, *, area: float, ink: str = INK) -> Chart:
    """Return recall against the rate of false positives over all thresholds; a click chooses one.

    Frame columns: cosine, probability, recall, false_positive_rate; rows with a NaN are left out.

    Reads as: up and left is better; on the grey diagonal the model knows nothing.

    Args:
        curve: one row a threshold.
        point: the current threshold, as `operating_point` returns.
        area: under the curve, in [0, 1].
        ink: colour of the text inside the chart.
    """
    now = point.iloc[0]
    ends = pd.DataFrame({"false_positive_rate": [0.0, 1.0], "recall": [0.0, 1.0]})
    return _curve_chart(
        curve,
        point,
        ends,
        x=("false_positive_rate", "false positive rate (0 to 1)"),
        y=("recall", "recall (0 to 1)"),
        title=headline(
            f"ROC curve, area {area:.3f}",
            "Click to set the threshold. Diamond: the current one.",
            "Grey: a model that knows nothing.",
            ink=ink,
        ),
        description=(
            f"The area under the ROC curve is {area:.3f}; at cosine {now['cosine']:.3f} recall is "
            f"{now['recall']:.3f} at a false positive rate of {now['false_positive_rate']:.3f}."
        ),
        ink=ink,
    )


def reliability_chart(table: pd.DataFrame, *, error: float, ink: str = INK) -> Chart:
    """Return how often pairs are relevant against the probability that the model gives them.

    Frame columns: start, end, probability, relevant, pairs; one row a bin.

    Reads as: on the grey diagonal a probability means what it says; below it the model is too
    sure, above it too shy.

    Args:
        table: the reliability table.
        error: the expected calibration error, in [0, 1].
        ink: colour of the text inside the chart.
    """
    ends = pd.DataFrame({"probability": [0.0, 1.0], "relevant": [0.0, 1.0]})
    unit = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("probability:Q").scale(unit).title("mean probability of the bin (0 to 1)")
    y = alt.Y("relevant:Q").scale(unit).title("share that is relevant (0 to 1)")
    base = alt.Chart(table).encode(
        x,
        y,
        tooltip=[
            alt.Tooltip("start:Q", format=".2f", title="probability from"),
            alt.Tooltip("end:Q", format=".2f", title="to"),
            alt.Tooltip("probability:Q", format=".3f", title="mean"),
            alt.Tooltip("relevant:Q", format=".1%", title="share relevant"),
            alt.Tooltip("pairs:Q", format=",d"),
        ],
    )
    shown = table.assign(ideal=table["probability"])
    gaps = alt.Chart(shown).mark_rule(color=PROBABILITY, strokeWidth=2).encode(x, y, y2="ideal:Q")
    points = base.mark_point(filled=True, opacity=0.9, color=COSINE).encode(
        size=alt.Size("pairs:Q").scale(type="sqrt", range=[40, 320]).legend(None)
    )
    return alt.layer(
        alt.Chart(ends).mark_line(color=QUIET, strokeDash=[4, 3]).encode(x, y),
        gaps,
        base.mark_line(color=COSINE, strokeWidth=1.5),
        points,
    ).properties(
        title=headline(
            f"Calibration, error {error:.3f}",
            "On the grey line a probability means what it says.",
            "Larger points: more pairs. Below: too sure.",
            ink=ink,
        ),
        height=330,
        description=(
            f"The expected calibration error is {error:.3f} over "
            f"{int(table['pairs'].sum()):,} pairs."
        ),
    )


def slices_chart(
    table: pd.DataFrame, *, overall: float, selected: str | None = None, ink: str = INK
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
    """
    shown = table.head(MOST_SLICES).copy()
    shown["row"] = np.arange(len(shown))
    shown["chosen"] = shown["slice"] == selected
    names = drawable(shown.pop("slice").astype(str), 60)
    shown["label"] = [
        f"{name} · {errors:,} of {pairs:,} wrong"
        for name, errors, pairs in zip(names, shown["errors"], shown["pairs"], strict=True)
    ]
    shown["auc_text"] = ["none" if np.isnan(value) else f"{value:.3f}" for value in shown["auc"]]
    shown = shown.drop(columns="auc")
    top = min(1.0, max([*shown["high"], overall, 0.01]) * 1.05)
    x = alt.X("error_rate:Q").scale(domain=[0, top], nice=False)
    x = x.title("share of pairs that are wrong (0 to 1), 95 % interval").axis(
        orient="top", grid=False, tickCount=5
    )
    y = alt.Y("row:O").scale(domain=shown["row"].tolist(), padding=0).axis(None)
    base = alt.Chart(shown).encode(
        y,
        tooltip=[
            alt.Tooltip("label:N", title="slice"),
            alt.Tooltip("error_rate:Q", format=".1%", title="share wrong"),
            alt.Tooltip("low:Q", format=".1%", title="from"),
            alt.Tooltip("high:Q", format=".1%", title="to"),
            alt.Tooltip("auc_text:N", title="area under ROC"),
        ],
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
    worst = shown.iloc[0] if len(shown) else None
    told = f"the worst is {worst['label']}" if worst is not None else "there are none"
    cut = f"The worst {len(shown)} of {len(table)}." if len(shown) < len(table) else ""
    return alt.layer(
        average.mark_rule(color=QUIET, strokeDash=[4, 3]).encode(x),
        row,
        intervals.encode(alt.X("low:Q"), x2="high:Q"),
        points.encode(x, fill=fill),
        labels.encode(x=alt.value(6), text="label:N"),
    ).properties(
        title=headline(
            "Wrong pairs by slice, worst first",
            "Click a row to see its errors only. Dashed: all pairs.",
            "Hollow: under ten pairs.",
            cut,
            ink=ink,
        ),
        height=alt.Step(42),
        description=f"Of {len(table)} slices {told}.",
    )


def _curve_chart(
    curve: pd.DataFrame,
    point: pd.DataFrame,
    ground: pd.DataFrame,
    *,
    x: tuple[str, str],
    y: tuple[str, str],
    title: alt.TitleParams,
    description: str,
    ink: str,
) -> Chart:
    """Return a curve over thresholds with the current one, each point of it open to a click."""
    names = ["cosine", "probability", x[0], y[0]]
    shown = curve[names].dropna()
    unit = alt.Scale(domain=[0, 1], nice=False)
    across = alt.X(f"{x[0]}:Q").scale(unit).title(x[1])
    up = alt.Y(f"{y[0]}:Q").scale(unit).title(y[1])
    tooltip = [alt.Tooltip(f"{n}:Q", format=".3f", title=n.replace("_", " ")) for n in names]
    base = alt.Chart(shown).encode(across, up, tooltip=tooltip)
    near = alt.selection_point(
        name="threshold", fields=["cosine"], nearest=True, on="click", empty=False
    )
    return alt.layer(
        alt.Chart(ground).mark_line(color=QUIET, strokeDash=[4, 3]).encode(across, up),
        base.mark_line(color=COSINE, strokeWidth=2).encode(order=alt.Order("cosine:Q")),
        base.mark_point(filled=True, size=60, opacity=0, aria=False).add_params(near),
        alt.Chart(point[names])
        .mark_point(filled=True, shape="diamond", size=260, color=CHOSEN, stroke=ink, opacity=1)
        .encode(across, up, tooltip=tooltip),
    ).properties(title=title, height=330, description=description)


def _tell_distribution(bins: pd.DataFrame, cosine: float, probability: float) -> str:
    above = bins[bins["start"] >= cosine].groupby("label")["share"].sum()
    told = " and ".join(
        f"{above.get(label, 0.0):.0%} of the {label}"
        for label in LABELS
        if label in set(bins["label"])
    )
    return (
        f"Above cosine {cosine:.3f}, probability {in_words(probability)}, lie about "
        f"{told or 'none of the'} pairs."
    )
