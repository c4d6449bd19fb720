"""A query's documents: on the curve from cosine to probability, and as ranked bars."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from dssm_core.charts.base import (
    AROUND,
    CHOSEN,
    COSINE,
    INK,
    PALETTE,
    QUIET,
    Chart,
    Drawing,
    drawable,
    frozen,
    headline,
    template,
    thawed,
    tip,
    tips,
)
from dssm_core.numeric import sigmoid
from dssm_core.quantities import format_number
from dssm_core.words import ENGLISH, Translate, join_texts

MAX_POINTS, MAX_NUMBERS, MAX_BARS = 2_000, 12, 200
"""What one chart draws: the best documents and the chosen one."""

ROOMY = 300
"""Height from which there is room for a second axis beside the random pairs."""

LETTER, LINE = 0.034, 0.09
"""Width of a digit in cosine and height of a line in probability, where the chart is small."""

FLOOR = "height * 0.76"
"""Where probability 0 stands in the score chart; the random pairs are below."""

SAME = alt.Key("position:Q")
"""Keeps the mark of a document when the data change, so that it moves to its new place."""

Threshold = tuple[float | None, float]
"""The threshold as (cosine, probability); no cosine where none reaches that probability."""


def probability_curve(scale: float, bias: float) -> pd.DataFrame:
    """Return the model's curve: 201 rows of cosine in [-1, 1] and probability in [0, 1]."""
    cosines = np.linspace(-1, 1, 201)
    return pd.DataFrame({"cosine": cosines, "probability": sigmoid(scale * cosines + bias)})


def background_bins(cosines: np.ndarray, bins: int = 40) -> pd.DataFrame:
    """Return a histogram of cosines: start, end, and share of all in [0, 1]."""
    known = np.clip(cosines[np.isfinite(cosines)], -1, 1)
    counts, edges = np.histogram(known, bins=bins, range=(-1, 1))
    share = counts / max(1, counts.sum())
    return pd.DataFrame({"start": edges[:-1], "end": edges[1:], "share": share})


def score_chart(
    frame: pd.DataFrame,
    *,
    curve: pd.DataFrame,
    background: pd.DataFrame,
    threshold: Threshold,
    selected: int | None = None,
    height: int = 380,
    ink: str = INK,
    tr: Translate = ENGLISH,
) -> Drawing:
    """Return cosine against probability: each document a point on the model's curve.

    Args:
        frame: one row a document.
        curve: as `probability_curve` returns.
        background: as `background_bins` returns.
        threshold: on both scales.
        selected: position of the chosen document.
        height: in pixels; on the page with title and axis, in a file without.
        ink: colour of the text inside the chart.
        tr: gives the texts.

    Frame columns: position, document, cosine, probability, rank, percentile; rows without a
    cosine are left out.

    Reads as: right is a higher cosine, up a higher probability; every document lies on the curve
    because probability is computed from cosine alone. The grey bars below show where the cosines
    of random pairs fall.
    """
    shown = _shown(frame, selected, MAX_POINTS).sort_values("chosen", kind="stable")
    title = headline(
        tr("chart.scores"),
        tr("chart.scores.reads"),
        tr("chart.scores.random"),
        _cut(frame, shown, tr),
        ink=ink,
    )
    given = frozen(curve), frozen(background), _has_percentile(shown), height
    rising = _is_rising(curve)
    return Drawing(
        _scores_template(*given, ink, tr),
        {
            "documents": shown,
            "numbers": _numbers(shown, rising),
            "threshold": _threshold_row(threshold, rising, tr),
        },
        {},
        {"title": title, "description": describe_scores(frame, threshold, tr)},
    )


def _is_rising(curve: pd.DataFrame) -> bool:
    return bool(curve.empty or curve["probability"].iloc[-1] >= curve["probability"].iloc[0])


@lru_cache(maxsize=64)
def _scores_template(
    curve_rows: Hashable,
    background_rows: Hashable,
    has_percentile: bool,
    height: int,
    ink: str,
    tr: Translate,
) -> str:
    """Return the template of `score_chart`: with data "documents", "numbers", "threshold"."""
    curve = thawed(curve_rows)
    rising = _is_rising(curve)
    scale = alt.Scale(domain=[-1, 1], clamp=True)
    x = alt.X(
        "cosine:Q", title=tr("chart.cosine"), scale=scale, axis=alt.Axis(grid=False, titlePadding=2)
    )
    upper = alt.Scale(domain=[0, 1], clamp=True, range=[alt.ExprRef(FLOOR), 0])
    axis = alt.Axis(orient="left", values=[0, 0.25, 0.5, 0.75, 1], format=".2f")
    y = alt.Y("probability:Q", title=tr("chart.probability"), scale=upper, axis=axis)
    line = alt.Chart(curve).mark_line(color=QUIET, strokeWidth=2, aria=False).encode(x, y)
    points = (
        alt.Chart(alt.NamedData("documents"))
        .mark_point(filled=True, opacity=0.9, stroke=ink, strokeWidth=1)
        .encode(
            x,
            y,
            SAME,
            color=_if_chosen(CHOSEN, COSINE),
            shape=_if_chosen("diamond", "circle"),
            size=_if_chosen(320, 130),
            **_tips(has_percentile, tr),
        )
        .add_params(_selection())
    )
    away: dict[str, Any] = {"align": "right", "dx": -9} if rising else {"align": "left", "dx": 9}
    numbers = alt.Chart(alt.NamedData("numbers")).encode(x, y, SAME, text="numbers:N")
    numbers = numbers.mark_text(dy=-8, fontWeight="bold", aria=False, color=ink, limit=80, **away)
    lines = _threshold_lines(x, y, rising, ink, tr)
    background = _random_pairs(thawed(background_rows), x, height >= ROOMY, tr)
    whole = alt.layer(background, alt.layer(line, *lines, points, numbers))
    return template(whole.resolve_scale(y="independent").properties(height=height, padding=AROUND))


def ranked_bars(
    frame: pd.DataFrame,
    *,
    threshold: Threshold,
    selected: int | None = None,
    second: pd.DataFrame | None = None,
    ink: str = INK,
    tr: Translate = ENGLISH,
) -> Drawing:
    """Return two bars a document, cosine beside probability, the best document first.

    Args:
        frame: one row a document.
        threshold: on both scales.
        selected: position of the chosen document.
        second: another model's cosine and probability by position, drawn as circles.
        ink: colour of the text inside the chart.
        tr: gives the texts.

    Frame columns: position, document, cosine, probability, rank, percentile; rows without a
    cosine are left out.

    Reads as: longer to the right is more alike; a bar that passes its upright stroke reaches the
    threshold.
    """
    shown = _shown(frame, selected, MAX_BARS)
    shown = shown.assign(cosine_at=threshold[0], probability_at=threshold[1])
    if second is not None:
        other = second.set_index("position")[["cosine", "probability"]].add_suffix("_second")
        shown = shown.join(other, on="position")
    title = headline(
        tr("chart.bars"),
        tr("chart.bars.reads"),
        tr("chart.bars.second") if second is not None else "",
        _cut(frame, shown, tr),
        ink=ink,
    )
    return Drawing(
        _bars_template(_has_percentile(shown), second is not None, ink, tr),
        {"documents": shown},
        {},
        {"title": title, "description": describe_scores(frame, threshold, tr)},
    )


@lru_cache(maxsize=64)
def _bars_template(has_percentile: bool, has_second: bool, ink: str, tr: Translate) -> str:
    """Return the template of `ranked_bars`, with data "documents"."""
    rows = alt.Scale(padding=0)
    y = alt.Y("row:O", title=tr("chart.bars.rows"), scale=rows, axis=None)
    base = alt.Chart(alt.NamedData("documents")).encode(y, SAME, **_tips(has_percentile, tr))
    # a click anywhere in a row chooses its document, however short its bars
    row = (
        base.mark_bar(height={"band": 0.96}, cornerRadius=4, aria=False, fill=QUIET)
        .encode(
            x=alt.value(0),
            x2=alt.value("width"),
            fillOpacity=_if_chosen(0.16, 0),
            stroke=_if_chosen(QUIET, "transparent"),
        )
        .add_params(_selection())
    )
    fits = alt.ExprRef("width - 12")
    labels = base.mark_text(align="left", dy=-8, fontSize=12, color=ink, limit=fits)
    left, right = ["6", "width / 2 - 50"], ["width / 2 + 6", "width - 48"]
    cosines = _bars(base, "cosine", [-1, 0, 1], left, has_second, ink, tr("chart.cosine"))
    probabilities = _bars(
        base, "probability", [0, 0.5, 1], right, has_second, ink, tr("chart.probability")
    )
    labels = labels.encode(x=alt.value(6), text="label:N")
    whole = alt.layer(row, cosines, probabilities, labels).resolve_scale(x="independent")
    return template(whole.properties(height=alt.Step(34), padding=AROUND))


def describe_scores(frame: pd.DataFrame, threshold: Threshold, tr: Translate = ENGLISH) -> str:
    """Return the finding of the score charts in a few short sentences."""
    known = _known(frame)
    unread = len(frame) - len(known)
    if known.empty:
        return tr("finding.none")
    best = known.iloc[0]
    alike = int((known["rank"] == best["rank"]).sum()) - 1
    return join_texts(
        tr(
            "chart.scores.shared" if alike else "chart.scores.best",
            best=int(best["position"]),
            cosine=best["cosine"],
            probability=format_number(best["probability"], "probability"),
            alike=alike,
        ),
        tr(
            "chart.scores.above",
            above=int((known["probability"] >= threshold[1]).sum()),
            number=len(known),
            at=threshold[1],
        ),
        tr("chart.scores.unread", number=unread) if unread else "",
    )


def _known(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the documents that have a score, the best first, ties in the order given."""
    return frame[np.isfinite(frame["cosine"] + frame["probability"])].sort_values(
        ["rank", "position"]
    )


def _shown(frame: pd.DataFrame, selected: int | None, most: int) -> pd.DataFrame:
    """Return what is drawn, the best documents and the chosen one, in the order they were given.

    In that order a chart whose data change moves each mark to its document's new place.
    """
    known = _known(frame)
    known["chosen"] = known["position"] == selected
    shown = known[known["chosen"] | (np.arange(len(known)) < most)].copy()
    shown["document"] = drawable(shown["document"], 300)
    short = [text[:40] + "…" * (len(text) > 40) for text in shown["document"]]
    shown["row"] = np.arange(len(shown))
    shown["label"] = [f"{p} · {text}" for p, text in zip(shown["position"], short, strict=True)]
    shown["cosine_text"] = [format_number(value, "cosine") for value in shown["cosine"]]
    shown["probability_text"] = [format_number(p, "probability") for p in shown["probability"]]
    return shown.sort_values("position")


def _numbers(shown: pd.DataFrame, rising: bool) -> pd.DataFrame:
    """Return the numbers of points; those that would be printed over each other share a label.

    One row a point all the same, as a chart whose number of rows changes is drawn anew.
    """
    first = shown.sort_values(["chosen", "rank"], ascending=[False, True]).head(MAX_NUMBERS)
    labels: list[dict[Any, Any]] = []
    silent: list[dict[Any, Any]] = []
    for row in first.sort_values(["cosine", "position"], ascending=rising).to_dict("records"):
        label = row | {"numbers": str(row["position"])}
        # a label may reach over several: each that it swallows makes it longer
        while near := next((one for one in labels if _overlap(one, label)), None):
            labels.remove(near)
            silent.append(label | {"numbers": ""})
            label = near | {"numbers": f"{near['numbers']}, {label['numbers']}"}
        labels.append(label)
    return pd.DataFrame(labels + silent, columns=["position", "cosine", "probability", "numbers"])


def _overlap(one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    """Return whether two labels, each on the same side of its point, would touch."""
    if abs(one["probability"] - other["probability"]) > LINE:
        return False
    reach = LETTER * (1 + max(len(one["numbers"]), len(other["numbers"])))
    return bool(abs(one["cosine"] - other["cosine"]) < reach)


def _bars(
    base: alt.Chart,
    name: str,
    ticks: list[float],
    ends: list[str],
    has_second: bool,
    ink: str,
    title: str,
) -> Chart:
    """Return a panel of bars, their numbers right of it, and the threshold on each row."""
    scale = alt.Scale(domain=[ticks[0], 1], clamp=True, range=[alt.ExprRef(end) for end in ends])
    axis = alt.Axis(orient="top", values=ticks, format="~g", ticks=False, titlePadding=2)
    bars = base.mark_bar(color=PALETTE[name], height=11, yOffset=8)
    bars = bars.encode(alt.X(f"{name}:Q", title=title, scale=scale, axis=axis))
    end = alt.value(alt.ExprRef(f"{ends[1]} + 42"))
    numbers = base.mark_text(align="right", dy=8, fontSize=11, color=ink)
    numbers = numbers.encode(x=end, text=f"{name}_text:N")
    stroke = base.mark_tick(color=ink, orient="vertical", thickness=2, height=17, yOffset=8)
    layers = [bars, numbers, stroke.encode(x=alt.X(f"{name}_at:Q", title=title))]
    if has_second:
        circle = base.mark_point(shape="circle", size=70, strokeWidth=2, color=ink, yOffset=8)
        layers.append(circle.encode(x=alt.X(f"{name}_second:Q", title=title)))
    return alt.layer(*layers)


def _random_pairs(background: pd.DataFrame, x: alt.X, has_axis: bool, tr: Translate) -> alt.Chart:
    """Return the histogram of random pairs, in a strip below the curve."""
    top = max([*background["share"], 0.001])
    lower = alt.Scale(domain=[0, top], range=[alt.ExprRef("height"), alt.ExprRef("height * 0.84")])
    axis = alt.Axis(orient="left", values=[0, top], format=".0%", grid=False) if has_axis else None
    told = tips(
        tip("cosine", "cosine", tr("chart.scores.random.from")),
        tip("end", "cosine", tr("chart.tip.to")),
        tip("share", "percent", tr("chart.scores.random.share")),
    )
    bins = background.rename(columns={"start": "cosine"}).assign(floor=0.0)
    y = alt.Y("share:Q", title=tr("chart.share"), scale=lower, axis=axis)
    bars = alt.Chart(bins).mark_bar(color=QUIET, opacity=0.6)
    result: alt.Chart = bars.encode(x, y, x2="end:Q", y2="floor:Q", **told)
    return result


def _threshold_row(threshold: Threshold, rising: bool, tr: Translate) -> pd.DataFrame:
    """Return the threshold, its two labels, and how high the upright one's label stands."""
    cosine, probability = threshold
    # at the end where the curve is not, nor the line across
    is_low = ((cosine or 0) < 0) == rising if 0.1 < probability < 0.9 else probability > 0.5
    return pd.DataFrame(
        {
            "position": [0],
            "cosine": pd.Series([cosine], dtype=float),
            "probability": [probability],
            "upright": [tr("chart.at.cosine", n=format_number(cosine, "cosine"))],
            "across": [tr("chart.at.probability", n=format_number(probability, "probability"))],
            "height": [0.05 if is_low else 0.96],
        }
    )


def _threshold_lines(x: alt.X, y: alt.Y, rising: bool, ink: str, tr: Translate) -> list[alt.Chart]:
    """Return the threshold across and up, each with its number where the curve is not."""
    base = alt.Chart(alt.NamedData("threshold")).encode(SAME)
    known = base.transform_filter("isValid(datum.cosine)")
    aside = y.copy()
    aside.shorthand = "height:Q"
    style: dict[str, Any] = {"color": ink, "strokeDash": [4, 3], "strokeWidth": 1.5}
    across = tips(tip("probability", "cosine", tr("threshold")))
    upright = tips(tip("cosine", "cosine", tr("chart.tip.threshold.cosine")))
    side: dict[str, Any] = {"align": "left", "dx": 4} if rising else {"align": "right", "dx": -4}
    beside = alt.ExprRef("datum.cosine < 0 ? 'left' : 'right'")
    above = alt.ExprRef("datum.probability < 0.9 ? -7 : 9")
    apart = alt.ExprRef("datum.cosine < 0 ? 4 : -4")
    return [
        base.mark_rule(**style).encode(y, **across),
        base.mark_text(color=ink, dy=above, **side).encode(
            y, x=alt.value(0 if rising else "width"), text="across:N", description="across:N"
        ),
        known.mark_rule(**style, aria=False).encode(x, **upright),
        known.mark_text(color=ink, align=beside, dx=apart, aria=False).encode(
            x, aside, text="upright:N"
        ),
    ]


def _if_chosen(then: Any, otherwise: Any) -> Any:
    return alt.condition("datum.chosen", alt.value(then), alt.value(otherwise))


def _selection() -> alt.Parameter:
    # only what stands for a document can be chosen, and not the curve or the random pairs; a
    # filter's `datum` is nothing in the interpreter that Streamlit runs, hence event.item
    of_document = "event.item && event.item.datum && isValid(event.item.datum.position)"
    return alt.selection_point(name="document", fields=["position"], on=f"click[{of_document}]")


def _has_percentile(shown: pd.DataFrame) -> bool:
    return bool(shown["percentile"].notna().any())


def _tips(has_percentile: bool, tr: Translate) -> dict[str, Any]:
    numbers = [
        alt.Tooltip("position:Q", format="d", title="#"),
        alt.Tooltip("document:N", title=tr("document")),
        tip("cosine", "cosine", tr("cosine")),
        tip("probability", "probability", tr("probability")),
        alt.Tooltip("rank:Q", format="d", title=tr("rank")),
        tip("percentile", "percentile", tr("chart.tip.percentile")),
    ]
    return tips(*(numbers if has_percentile else numbers[:-1]))


def _cut(frame: pd.DataFrame, shown: pd.DataFrame, tr: Translate) -> str:
    known = len(_known(frame))
    is_cut = len(shown) < known
    return tr("chart.scores.cut", shown=len(shown), number=known) if is_cut else ""
