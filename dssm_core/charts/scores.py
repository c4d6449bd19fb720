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
    PROBABILITY,
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

FLOOR = "height * 0.76"
"""Where probability 0 stands in the score chart; the random pairs are below."""

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
    given = frozen(curve), frozen(background), threshold, _has_percentile(shown)
    return Drawing(
        _scores_template(*given, ink, tr),
        {"documents": shown, "numbers": _numbers(shown)},
        {},
        {"title": title, "description": describe_scores(frame, threshold, tr)},
    )


@lru_cache(maxsize=64)
def _scores_template(
    curve_rows: Hashable,
    background_rows: Hashable,
    threshold: Threshold,
    has_percentile: bool,
    ink: str,
    tr: Translate,
) -> str:
    """Return the template of `score_chart`, with data "documents" and "numbers"."""
    curve = thawed(curve_rows)
    rising = curve.empty or curve["probability"].iloc[-1] >= curve["probability"].iloc[0]
    scale = alt.Scale(domain=[-1, 1], clamp=True)
    x = alt.X("cosine:Q", title=tr("chart.cosine"), scale=scale, axis=alt.Axis(grid=False))
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
            color=_if_chosen(CHOSEN, COSINE),
            shape=_if_chosen("diamond", "circle"),
            size=_if_chosen(320, 130),
            **_tips(has_percentile, tr),
        )
        .add_params(_selection())
    )
    away: dict[str, Any] = {"align": "right", "dx": -9} if rising else {"align": "left", "dx": 9}
    numbers = alt.Chart(alt.NamedData("numbers")).encode(
        x, y, text="numbers:N", description="numbers:N"
    )
    numbers = numbers.mark_text(dy=-8, fontWeight="bold", color=ink, limit=80, **away)
    lines = _threshold_lines(threshold, x, y, rising, ink, tr)
    background = _random_pairs(thawed(background_rows), x, tr)
    whole = alt.layer(background, alt.layer(line, *lines, points, numbers))
    return template(whole.resolve_scale(y="independent").properties(height=380, padding=AROUND))


def ranked_bars(
    frame: pd.DataFrame,
    *,
    threshold: Threshold,
    selected: int | None = None,
    ink: str = INK,
    tr: Translate = ENGLISH,
) -> Drawing:
    """Return two bars a document, cosine beside probability, the best document first.

    Args:
        frame: one row a document.
        threshold: on both scales.
        selected: position of the chosen document.
        ink: colour of the text inside the chart.
        tr: gives the texts.

    Frame columns: position, document, cosine, probability, rank, percentile; rows without a
    cosine are left out.

    Reads as: longer to the right is more alike; a bar that passes its upright stroke reaches the
    threshold.
    """
    shown = _shown(frame, selected, MAX_BARS)
    title = headline(tr("chart.bars"), tr("chart.bars.reads"), _cut(frame, shown, tr), ink=ink)
    return Drawing(
        _bars_template(threshold, _has_percentile(shown), ink, tr),
        {"documents": shown},
        {"rows": ", ".join(map(str, shown["position"]))},
        {"title": title, "description": describe_scores(frame, threshold, tr)},
    )


@lru_cache(maxsize=64)
def _bars_template(threshold: Threshold, has_percentile: bool, ink: str, tr: Translate) -> str:
    """Return the template of `ranked_bars`, with data "documents" and the positions "rows"."""
    rows = alt.Scale(domain=["@rows"], padding=0)
    y = alt.Y("position:O", title=tr("chart.bars.rows"), scale=rows, axis=None)
    base = alt.Chart(alt.NamedData("documents")).encode(y, **_tips(has_percentile, tr))
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
    labels = base.mark_text(align="left", dy=-9, fontSize=12, color=ink, limit=fits)
    left, right = ["6", "width / 2 - 58"], ["width / 2 + 6", "width - 56"]
    cosines = _bars(base, "cosine", [-1, 0, 1], left, threshold[0], ink, tr("chart.cosine"))
    probabilities = _bars(
        base, "probability", [0, 0.5, 1], right, threshold[1], ink, tr("chart.probability")
    )
    labels = labels.encode(x=alt.value(6), text="label:N")
    whole = alt.layer(row, cosines, probabilities, labels).resolve_scale(x="independent")
    return template(whole.properties(height=alt.Step(40), padding=AROUND))


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
    """Return what is drawn, the best documents and the chosen one, with their labels."""
    known = _known(frame)
    known["chosen"] = known["position"] == selected
    shown = known[known["chosen"] | (np.arange(len(known)) < most)].copy()
    shown["document"] = drawable(shown["document"], 300)
    short = [text[:40] + "…" * (len(text) > 40) for text in shown["document"]]
    shown["label"] = [f"{p} · {text}" for p, text in zip(shown["position"], short, strict=True)]
    shown["cosine_text"] = [format_number(value, "cosine") for value in shown["cosine"]]
    shown["probability_text"] = [format_number(p, "probability") for p in shown["probability"]]
    return shown


def _numbers(shown: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of points and their positions; points too near each other share one."""
    first = shown.sort_values(["chosen", "rank"], ascending=[False, True]).head(MAX_NUMBERS)
    groups: list[dict[Any, Any]] = []
    for row in first.sort_values(["cosine", "position"]).to_dict("records"):
        near = groups and row["cosine"] - groups[-1]["cosine"] < 0.04
        if near and abs(row["probability"] - groups[-1]["probability"]) < 0.045:
            groups[-1]["numbers"] += f", {row['position']}"
        else:
            groups.append(row | {"numbers": str(row["position"])})
    return pd.DataFrame(groups, columns=["cosine", "probability", "numbers"])


def _bars(
    base: alt.Chart,
    name: str,
    ticks: list[float],
    ends: list[str],
    at: float | None,
    ink: str,
    title: str,
) -> Chart:
    """Return a panel of bars, their numbers right of it, and the threshold on each row."""
    scale = alt.Scale(domain=[ticks[0], 1], clamp=True, range=[alt.ExprRef(end) for end in ends])
    axis = alt.Axis(orient="top", values=ticks, format="~g", ticks=False, titlePadding=4)
    bars = base.mark_bar(color=PALETTE[name], height=13, yOffset=9)
    bars = bars.encode(alt.X(f"{name}:Q", title=title, scale=scale, axis=axis))
    end = alt.value(alt.ExprRef(f"{ends[1]} + 48"))
    numbers = base.mark_text(align="right", dy=9, fontSize=11, color=ink)
    numbers = numbers.encode(x=end, text=f"{name}_text:N")
    if at is None:
        return alt.layer(bars, numbers)
    stroke = base.mark_tick(color=ink, orient="vertical", thickness=2, height=19, yOffset=9)
    return alt.layer(bars, numbers, stroke.encode(x=alt.datum(at, type="quantitative")))


def _random_pairs(background: pd.DataFrame, x: alt.X, tr: Translate) -> alt.Chart:
    """Return the histogram of random pairs, in a strip below the curve."""
    top = max([*background["share"], 0.001])
    lower = alt.Scale(domain=[0, top], range=[alt.ExprRef("height"), alt.ExprRef("height * 0.84")])
    axis = alt.Axis(orient="left", values=[0, top], format=".0%", grid=False)
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


def _threshold_lines(
    threshold: Threshold, x: alt.X, y: alt.Y, rising: bool, ink: str, tr: Translate
) -> list[alt.Chart]:
    """Return the threshold across and up, each with its number where the curve is not."""
    cosine, probability = threshold
    side = {"align": "left", "dx": 4} if rising else {"align": "right", "dx": -4}
    style = {**side, "dy": -7 if probability < 0.9 else 9}
    text = tr("chart.at.probability", n=format_number(probability, "probability"))
    across = pd.DataFrame({"probability": [probability]})
    at_edge = {"x": alt.value(0 if rising else "width")}
    lines = _line(across, y, tr("threshold"), text, at_edge, ink, style)
    if cosine is None:
        return lines
    is_right = cosine < 0
    style = {"align": "left", "dx": 4} if is_right else {"align": "right", "dx": -4}
    text = tr("chart.at.cosine", n=format_number(cosine, "cosine"))
    # at the end where the curve is not, nor the line across
    low = is_right == rising if 0.1 < probability < 0.9 else probability > 0.5
    at_edge = {"y": alt.value(alt.ExprRef(f"{FLOOR} - 8") if low else 8)}
    up, name = pd.DataFrame({"cosine": [cosine]}), tr("chart.tip.threshold.cosine")
    return lines + _line(up, x, name, text, at_edge, ink, style)


def _line(
    at: pd.DataFrame,
    axis: alt.X | alt.Y,
    name: str,
    text: str,
    at_edge: dict[str, Any],
    ink: str,
    style: Any,
) -> list[alt.Chart]:
    told = tips(tip(at.columns[0], "cosine", name))
    base = alt.Chart(at).encode(axis)
    rule = base.mark_rule(color=PROBABILITY, strokeDash=[4, 3], strokeWidth=1.5)
    label = base.mark_text(text=text, description=text, color=ink, **style)
    return [rule.encode(**told), label.encode(**at_edge)]


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
