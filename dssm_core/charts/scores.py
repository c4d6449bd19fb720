"""A query's documents on the curve from cosine to probability."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
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
    QUIET,
    Drawing,
    Row,
    Tip,
    frozen,
    headline,
    template,
    thawed,
    tips,
)
from dssm_core.charts.documents import (
    SAME,
    Documents,
    Threshold,
    document_tips,
    if_chosen,
    percentiles,
    selection,
)
from dssm_core.numeric import sigmoid
from dssm_core.quantities import format_number
from dssm_core.words import ENGLISH, Translate

MAX_POINTS, MAX_NUMBERS = 2_000, 12
"""What the chart draws: the best documents and the chosen one."""

ROOMY = 300
"""Height from which there is room for a second axis beside the random pairs."""

LETTER, LINE = 0.034, 0.18
"""Width of a digit in cosine and height of a line in probability, where the chart is small."""

FLOOR = "height * 0.76"
"""Where probability 0 stands in the score chart; the random pairs are below."""


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
    documents = Documents.of(frame)
    # the chosen one last, above the others
    shown = sorted(documents.shown(selected, MAX_POINTS), key=lambda row: bool(row["chosen"]))
    title = headline(
        tr("chart.scores"),
        tr("chart.scores.reads"),
        tr("chart.scores.random"),
        documents.cut_note(MAX_POINTS, tr),
        ink=ink,
    )
    given = frozen(curve), frozen(background), percentiles(shown), height
    rising = _is_rising(curve)
    return Drawing(
        _scores_template(*given, ink, tr),
        {
            "documents": shown,
            "numbers": _numbers(shown, rising),
            "threshold": [_threshold_row(threshold, rising, tr)],
        },
        {},
        {"title": title, "description": documents.describe(threshold, tr)},
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
            color=if_chosen(CHOSEN, COSINE),
            shape=if_chosen("diamond", "circle"),
            size=if_chosen(320, 130),
            **document_tips(has_percentile, tr),
        )
        .add_params(selection())
    )
    away: dict[str, Any] = {"align": "right", "dx": -9} if rising else {"align": "left", "dx": 9}
    numbers = alt.Chart(alt.NamedData("numbers")).encode(x, y, SAME, text="numbers:N")
    numbers = numbers.mark_text(dy=-8, fontWeight="bold", aria=False, color=ink, limit=80, **away)
    lines = _threshold_lines(x, y, rising, ink, tr)
    background = _random_pairs(thawed(background_rows), x, height >= ROOMY, tr)
    whole = alt.layer(background, alt.layer(line, *lines, points, numbers))
    return template(whole.resolve_scale(y="independent").properties(height=height, padding=AROUND))


def _numbers(shown: Sequence[Row], rising: bool) -> list[Row]:
    """Return the numbers of points; those that would be printed over each other share a label.

    One row a point all the same, as a chart whose number of rows changes is drawn anew.
    """
    first = sorted(shown, key=lambda row: (not row["chosen"], row["rank"]))[:MAX_NUMBERS]
    labels: list[Row] = []
    silent: list[Row] = []
    way = 1 if rising else -1
    for row in sorted(first, key=lambda row: (way * row["cosine"], way * row["position"])):
        label = {name: row[name] for name in ("position", "cosine", "probability")}
        label["numbers"] = str(row["position"])
        # a label may reach over several, the nearest first: each makes it longer
        while near := next((one for one in reversed(labels) if _overlap(one, label)), None):
            labels.remove(near)
            silent.append(label | {"numbers": ""})
            label = near | {"numbers": f"{near['numbers']}, {label['numbers']}"}
        labels.append(label)
    return labels + silent


def _overlap(one: Row, other: Row) -> bool:
    """Return whether two labels would touch: each reaches from its point to where the first is."""
    if abs(one["probability"] - other["probability"]) > LINE:
        return False
    reach = LETTER * (1 + len(other["numbers"]))
    return bool(abs(one["cosine"] - other["cosine"]) < reach)


def _random_pairs(background: pd.DataFrame, x: alt.X, has_axis: bool, tr: Translate) -> alt.Chart:
    """Return the histogram of random pairs, in a strip below the curve."""
    top = max([*background["share"], 0.001])
    lower = alt.Scale(domain=[0, top], range=[alt.ExprRef("height"), alt.ExprRef("height * 0.84")])
    axis = alt.Axis(orient="left", values=[0, top], format=".0%", grid=False) if has_axis else None
    told = tips(
        Tip("cosine", tr("chart.scores.random.from"), "cosine"),
        Tip("end", tr("chart.tip.to"), "cosine"),
        Tip("share", tr("chart.scores.random.share"), "percent"),
    )
    bins = background.rename(columns={"start": "cosine"}).assign(floor=0.0)
    y = alt.Y("share:Q", title=tr("chart.share"), scale=lower, axis=axis)
    bars = alt.Chart(bins).mark_bar(color=QUIET, opacity=0.6)
    result: alt.Chart = bars.encode(x, y, x2="end:Q", y2="floor:Q", **told)
    return result


def _threshold_row(threshold: Threshold, rising: bool, tr: Translate) -> Row:
    """Return the threshold, its two labels, and how high the upright one's label stands."""
    cosine, probability = threshold
    # at the end where the curve is not, nor the line across
    is_low = ((cosine or 0) < 0) == rising if 0.1 < probability < 0.9 else probability > 0.5
    return {
        "position": 0,
        "cosine": cosine,
        "probability": probability,
        "upright": tr("chart.at.cosine", n=format_number(cosine, "cosine")),
        "across": tr("chart.at.probability", n=format_number(probability, "probability")),
        "height": 0.05 if is_low else 0.96,
    }


def _threshold_lines(x: alt.X, y: alt.Y, rising: bool, ink: str, tr: Translate) -> list[alt.Chart]:
    """Return the threshold across and up, each with its number where the curve is not."""
    base = alt.Chart(alt.NamedData("threshold")).encode(SAME)
    known = base.transform_filter("isValid(datum.cosine)")
    aside = y.copy()
    aside.shorthand = "height:Q"
    style: dict[str, Any] = {"color": ink, "strokeDash": [4, 3], "strokeWidth": 1.5}
    across = tips(Tip("probability", tr("threshold"), "probability"))
    upright = tips(Tip("cosine", tr("chart.tip.threshold.cosine"), "cosine"))
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
