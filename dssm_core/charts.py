"""The charts: pure functions from DataFrames to Altair charts.

Each is one layered view, as Streamlit fits nothing else to a narrow screen: panels are made by
giving each scale its share of the view. Axes and titles take the page's theme; text inside a chart
takes the ink that the page gives. Texts of the user are data only, never part of an expression.
Each chart carries its finding in `description`, for those who cannot see it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

COSINE, PROBABILITY, CHOSEN, QUIET = "#0072B2", "#D55E00", "#CC79A7", "#7A7F87"
PALETTE = {"cosine": COSINE, "probability": PROBABILITY, "chosen": CHOSEN, "quiet": QUIET}
"""Okabe and Ito's colours, for colour-blind readers too, and a grey that shows on both themes."""

INK = "#1B2430"
"""Text inside a chart on a light page."""

MOST_POINTS, MOST_NUMBERS, MOST_BARS, MOST_TOKENS = 2_000, 12, 200, 2_000
"""What one chart draws: the best documents and the chosen one; the first tokens."""

FLOOR = "height * 0.76"
"""Where probability 0 stands in the score chart; the random pairs are below."""

_UNDRAWABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")

Chart = alt.LayerChart | alt.FacetChart

Threshold = tuple[float | None, float]
"""The threshold as (cosine, probability); no cosine where none reaches that probability."""


def probability_curve(scale: float, bias: float) -> pd.DataFrame:
    """Return the model's curve: 201 rows of cosine in [-1, 1] and probability in [0, 1]."""
    cosines = np.linspace(-1, 1, 201)
    probabilities = (1 + np.tanh((scale * cosines + bias) / 2)) / 2  # sigmoid without overflow
    return pd.DataFrame({"cosine": cosines, "probability": probabilities})


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
) -> Chart:
    """Return cosine against probability: each document a point on the model's curve.

    Args:
        frame: one row a document.
        curve: as `probability_curve` returns.
        background: as `background_bins` returns.
        threshold: on both scales.
        selected: position of the chosen document.
        ink: colour of the text inside the chart.

    Frame columns: position, document, cosine, probability, rank, percentile; rows without a
    cosine are left out.

    Reads as: right is a higher cosine, up a higher probability; every document lies on the curve
    because probability is computed from cosine alone. The grey bars below show where the cosines
    of random pairs fall.
    """
    shown = _shown(frame, selected, MOST_POINTS).sort_values("chosen", kind="stable")
    rising = curve.empty or curve["probability"].iloc[-1] >= curve["probability"].iloc[0]
    scale = alt.Scale(domain=[-1, 1], clamp=True)
    x = alt.X("cosine:Q", title="cosine (−1 to 1)", scale=scale, axis=alt.Axis(grid=False))
    upper = alt.Scale(domain=[0, 1], clamp=True, range=[alt.ExprRef(FLOOR), 0])
    axis = alt.Axis(orient="left", values=[0, 0.25, 0.5, 0.75, 1], format=".2f")
    y = alt.Y("probability:Q", title="probability (0 to 1)", scale=upper, axis=axis)
    line = alt.Chart(curve).mark_line(color=QUIET, strokeWidth=2).encode(x, y)
    points = (
        alt.Chart(shown)
        .mark_point(filled=True, opacity=0.9, stroke=ink, strokeWidth=1)
        .encode(
            x,
            y,
            color=_if_chosen(CHOSEN, COSINE),
            shape=_if_chosen("diamond", "circle"),
            size=_if_chosen(320, 130),
            tooltip=_tooltip(shown),
        )
        .add_params(_selection())
    )
    away: dict[str, Any] = {"align": "right", "dx": -9} if rising else {"align": "left", "dx": 9}
    numbers = alt.Chart(_numbers(shown)).encode(x, y, text="numbers:N")
    numbers = numbers.mark_text(dy=-8, fontWeight="bold", color=ink, limit=80, **away)
    lines = _threshold_lines(threshold, x, y, rising, ink)
    return (
        alt.layer(_random_pairs(background, x), alt.layer(line, *lines, points, numbers))
        .resolve_scale(y="independent")
        .properties(
            title=_title(
                "Cosine and probability of each document",
                "Numbered points: the documents. Dashed: the threshold.",
                "Grey bars below: cosines of random pairs.",
                _cut(frame, shown),
                ink=ink,
            ),
            height=380,
            description=describe_scores(frame, threshold),
        )
    )


def ranked_bars(
    frame: pd.DataFrame, *, threshold: Threshold, selected: int | None = None, ink: str = INK
) -> Chart:
    """Return two bars a document, cosine beside probability, the best document first.

    Args:
        frame: one row a document.
        threshold: on both scales.
        selected: position of the chosen document.
        ink: colour of the text inside the chart.

    Frame columns: position, document, cosine, probability, rank, percentile; rows without a
    cosine are left out.

    Reads as: longer to the right is more alike; a bar that passes its upright stroke reaches the
    threshold.
    """
    shown = _shown(frame, selected, MOST_BARS)
    rows = alt.Scale(domain=shown["position"].tolist(), padding=0)
    y = alt.Y("position:O", title="document, by rank", scale=rows, axis=None)
    base = alt.Chart(shown).encode(y, tooltip=_tooltip(shown))
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
    cosines = _bars(base, "cosine", [-1, 0, 1], left, threshold[0], ink)
    probabilities = _bars(base, "probability", [0, 0.5, 1], right, threshold[1], ink)
    title = _title(
        "Documents by rank", "Upright strokes: the threshold.", _cut(frame, shown), ink=ink
    )
    return (
        alt.layer(row, cosines, probabilities, labels.encode(x=alt.value(6), text="label:N"))
        .resolve_scale(x="independent")
        .properties(title=title, height=alt.Step(40), description=describe_scores(frame, threshold))
    )


def attention_heatmap(
    tokens: pd.DataFrame, *, highest: float | None = None, per_line: int = 12, ink: str = INK
) -> Chart:
    """Return the attention weight of every token, in reading order, wrapped into lines.

    Args:
        tokens: one row a token of one or more texts.
        highest: weight of the strongest shade; the largest there is without it.
        per_line: most tokens in a line; fewer where the screen is narrow.
        ink: colour of the text inside the chart.

    Frame columns: position (0 is the query), index, text, state, attention.

    Reads as: a stronger colour is more weight; a text's weights sum to 1. A dashed cell and ~ mark
    a word read by its letters only, a grey cell and × one that was not read.
    """
    shown = _cells(tokens.head(MOST_TOKENS))
    top = highest or float(np.nanmax([*shown["attention"], 0.0])) or 1.0
    # the width is known to the browser only, so it is the browser that wraps
    fitting = f"clamp(floor(width / 52), 2, {max(2, int(per_line))})"
    heading = "slice(datum.label, -4) == ' · 1' ? slice(datum.label, 0, -4) : ''"
    axis = alt.Axis(ticks=False, domain=False, labelExpr=heading)
    in_order: Any = alt.EncodingSortField("sequence", op="min")
    tooltip = [
        alt.Tooltip("text:N", title="token"),
        alt.Tooltip("weight:N", title="attention weight"),
        alt.Tooltip("state:N"),
    ]
    base = (
        alt.Chart(shown)
        .transform_calculate(
            column="datum.index % tokens_a_line",
            line="datum.name + ' · ' + (1 + floor(datum.index / tokens_a_line))",
        )
        .encode(
            alt.X("column:O", title="token, in reading order", axis=None),
            alt.Y("line:N", title=None, sort=in_order, axis=axis),
            tooltip=tooltip,
        )
    )
    # shaded at most half, so that the ink is readable on every cell
    blues = ["rgba(0,114,178,0)", "rgba(0,114,178,0.5)"]
    scale = alt.Scale(domain=[0, top], range=blues, clamp=True)
    legend = alt.Legend(
        orient="top", titleOrient="left", format=".2f", values=[0, top], gradientLength=80
    )
    shade = alt.Color("attention:Q", title="attention weight (0 to 1)", scale=scale, legend=legend)
    quiet: dict[str, Any] = {"cornerRadius": 3, "stroke": QUIET}
    cells = base.mark_rect(strokeWidth=0.5, **quiet).encode(shade)
    quiet["aria"] = False  # a layer that happens to be empty would be an image without a name
    by_letters = base.transform_filter("datum.mark == '~'").mark_rect(
        fillOpacity=0, strokeDash=[4, 3], strokeWidth=2, **quiet
    )
    unread = base.transform_filter("datum.mark == '×'").mark_rect(
        fill=QUIET, fillOpacity=0.3, **quiet
    )
    text: dict[str, Any] = {"limit": alt.ExprRef("bandwidth('x') - 4"), "color": ink}
    words = base.mark_text(fontSize=11, dy=-6, **text).encode(text="word:N")
    numbers = base.mark_text(fontSize=10, dy=8, **text).encode(text="short:N")
    return (
        alt.layer(cells, by_letters, unread, words, numbers)
        .add_params(alt.param(name="tokens_a_line", expr=fitting))
        .properties(
            title=_title(
                "Attention weights",
                "Stronger colour: more weight.",
                "Dashed ~: read by its letters only. Grey ×: not read.",
                f"The first {MOST_TOKENS:,} tokens." if len(tokens) > MOST_TOKENS else "",
                ink=ink,
            ),
            height=alt.Step(36),
            description=describe_attention(tokens),
        )
    )


def describe_scores(frame: pd.DataFrame, threshold: Threshold) -> str:
    """Return the finding of the score charts in a few short sentences."""
    known = _known(frame)
    unread = len(frame) - len(known)
    rest = f" {unread} without a score." if unread else ""
    if known.empty:
        return "No document has a score."
    best = known.iloc[0]
    alike = int((known["rank"] == best["rank"]).sum()) - 1
    shared = f" (shared by {alike} more)" if alike else ""
    above = int((known["probability"] >= threshold[1]).sum())
    return (
        f"Document {int(best['position'])} has the highest cosine, {best['cosine']:.3f}{shared}, "
        f"and probability {_in_words(best['probability'])}. {above} of {len(known)} documents "
        f"reach the threshold of {threshold[1]:.2f}.{rest}"
    )


def describe_attention(tokens: pd.DataFrame) -> str:
    """Return the tokens with the most weight of each of the first five texts."""
    sentences = []
    texts = list(tokens.dropna(subset=["attention"]).groupby("position"))
    for position, part in texts[:5]:
        top = part[part["attention"] > 0].nlargest(3, "attention")
        words = ", ".join(
            f"{text} {weight:.2f}"
            for text, weight in zip(_drawable(top["text"], 20), top["attention"], strict=True)
        )
        name = "the query" if position == 0 else f"document {position}"
        sentences.append(
            f"In {name} most weight is on {words}." if words else f"In {name} there is no weight."
        )
    if len(texts) > 5:
        sentences.append(f"And {len(texts) - 5} more texts.")
    return " ".join(sentences) or "There are no attention weights."


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
    shown["document"] = _drawable(shown["document"], 300)
    short = [text[:40] + "…" * (len(text) > 40) for text in shown["document"]]
    shown["label"] = [f"{p} · {text}" for p, text in zip(shown["position"], short, strict=True)]
    shown["cosine_text"] = [f"{value:.3f}".replace("-", "−") for value in shown["cosine"]]
    shown["probability_text"] = shown["probability"].map(_in_words)
    return shown


def _cells(tokens: pd.DataFrame) -> pd.DataFrame:
    """Return the tokens with the name of their text, their mark, and the words in their cell."""
    shown = tokens.assign(
        sequence=np.arange(len(tokens)),
        text=_drawable(tokens["text"], 40),
        name=["document " + str(p) if p else "query" for p in tokens["position"]],
        mark=["" if s == "seen" else "~" if s == "letters" else "×" for s in tokens["state"]],
    )
    is_read = (shown["mark"] != "×") & shown["attention"].notna()
    shown["word"] = shown["mark"] + shown["text"]
    shown["short"] = shown["attention"].map("{:.2f}".format).where(is_read, "")
    shown["weight"] = shown["attention"].map("{:.3f}".format).where(is_read, "none")
    return shown


def _drawable(texts: Iterable[str], most: int) -> list[str]:
    """Return texts cut short, without what XML cannot hold: it ends the process of vl-convert."""
    return [_UNDRAWABLE.sub(" ", text[:most]) for text in texts]


def _numbers(shown: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of points and their places; points too near each other share one."""
    first = shown.sort_values(["chosen", "rank"], ascending=[False, True]).head(MOST_NUMBERS)
    groups: list[dict[str, Any]] = []
    for row in first.sort_values(["cosine", "position"]).to_dict("records"):
        near = groups and row["cosine"] - groups[-1]["cosine"] < 0.04
        if near and abs(row["probability"] - groups[-1]["probability"]) < 0.045:
            groups[-1]["numbers"] += f", {row['position']}"
        else:
            groups.append({**row, "numbers": str(row["position"])})
    return pd.DataFrame(groups, columns=["cosine", "probability", "numbers"])


def _bars(
    base: alt.Chart, name: str, ticks: list[float], ends: list[str], at: float | None, ink: str
) -> Chart:
    """Return a panel of bars, their numbers right of it, and the threshold on each row."""
    scale = alt.Scale(domain=[ticks[0], 1], clamp=True, range=[alt.ExprRef(end) for end in ends])
    axis = alt.Axis(orient="top", values=ticks, format="~g", ticks=False, titlePadding=4)
    title = f"{name} ({ticks[0]:g} to 1)".replace("-", "−")
    bars = base.mark_bar(color=PALETTE[name], height=13, yOffset=9)
    bars = bars.encode(alt.X(f"{name}:Q", title=title, scale=scale, axis=axis))
    end = alt.value(alt.ExprRef(f"{ends[1]} + 48"))
    numbers = base.mark_text(align="right", dy=9, fontSize=11, color=ink)
    numbers = numbers.encode(x=end, text=f"{name}_text:N")
    if at is None:
        return alt.layer(bars, numbers)
    stroke = base.mark_tick(color=ink, orient="vertical", thickness=2, height=19, yOffset=9)
    return alt.layer(bars, numbers, stroke.encode(x=alt.datum(at, type="quantitative")))


def _random_pairs(background: pd.DataFrame, x: alt.X) -> alt.Chart:
    """Return the histogram of random pairs, in a strip below the curve."""
    top = max([*background["share"], 0.001])
    lower = alt.Scale(domain=[0, top], range=[alt.ExprRef("height"), alt.ExprRef("height * 0.84")])
    axis = alt.Axis(orient="left", values=[0, top], format=".0%", grid=False)
    tooltip = [
        alt.Tooltip("cosine:Q", format=".2f", title="random pairs from cosine"),
        alt.Tooltip("end:Q", format=".2f", title="to"),
        alt.Tooltip("share:Q", format=".1%", title="share of them"),
    ]
    bins = background.rename(columns={"start": "cosine"}).assign(floor=0.0)
    y = alt.Y("share:Q", title="share", scale=lower, axis=axis)
    bars = alt.Chart(bins).mark_bar(color=QUIET, opacity=0.6)
    return bars.encode(x, y, x2="end:Q", y2="floor:Q", tooltip=tooltip)


def _threshold_lines(
    threshold: Threshold, x: alt.X, y: alt.Y, rising: bool, ink: str
) -> list[alt.Chart]:
    """Return the threshold across and up, each with its number where the curve is not."""
    cosine, probability = threshold
    side = {"align": "left", "dx": 4} if rising else {"align": "right", "dx": -4}
    style = {**side, "dy": -7 if probability < 0.9 else 9}
    text = f"probability {probability:.2f}"
    across = pd.DataFrame({"probability": [probability]})
    lines = _line(across, y, text, {"x": alt.value(0 if rising else "width")}, ink, style)
    if cosine is None:
        return lines
    is_right = cosine < 0
    style = {"align": "left", "dx": 4} if is_right else {"align": "right", "dx": -4}
    text = f"cosine {cosine:.3f}".replace("-", "−")
    # at the end where the curve is not, nor the line across
    low = is_right == rising if 0.1 < probability < 0.9 else probability > 0.5
    place = alt.value(alt.ExprRef(f"{FLOOR} - 8") if low else 8)
    return lines + _line(pd.DataFrame({"cosine": [cosine]}), x, text, {"y": place}, ink, style)


def _line(
    at: pd.DataFrame, axis: alt.X | alt.Y, text: str, place: dict[str, Any], ink: str, style: Any
) -> list[alt.Chart]:
    name = at.columns[0]
    tooltip = alt.Tooltip(f"{name}:Q", format=".3f", title=f"{name} threshold")
    base = alt.Chart(at).encode(axis)
    rule = base.mark_rule(color=PROBABILITY, strokeDash=[4, 3], strokeWidth=1.5)
    label = base.mark_text(text=text, color=ink, **style)
    return [rule.encode(tooltip=tooltip), label.encode(**place)]


def _if_chosen(then: Any, otherwise: Any) -> Any:
    return alt.condition("datum.chosen", alt.value(then), alt.value(otherwise))


def _selection() -> alt.Parameter:
    # only what stands for a document can be chosen, and not the curve or the random pairs; a
    # filter's `datum` is nothing in the interpreter that Streamlit runs, hence event.item
    of_document = "event.item && event.item.datum && isValid(event.item.datum.position)"
    return alt.selection_point(name="document", fields=["position"], on=f"click[{of_document}]")


def _tooltip(shown: pd.DataFrame) -> list[alt.Tooltip]:
    numbers = [
        alt.Tooltip("document:N"),
        alt.Tooltip("cosine:Q", format=".4f"),
        alt.Tooltip("probability:Q", format=".4f"),
        alt.Tooltip("rank:Q", format="d"),
        alt.Tooltip("percentile:Q", format=".1f", title="percentile of random pairs"),
    ]
    return numbers if shown["percentile"].notna().any() else numbers[:-1]


def _in_words(probability: float) -> str:
    """Return three decimals, but never a 0 or 1 that is there by rounding only."""
    if 0.0005 <= probability < 0.9995:
        return f"{probability:.3f}"
    return "<0.001" if probability < 0.5 else ">0.999"


def _title(text: str, *reads_as: str, ink: str = QUIET) -> alt.TitleParams:
    lines = [line for line in reads_as if line]
    return alt.Title(text, subtitle=lines, subtitleColor=ink)


def _cut(frame: pd.DataFrame, shown: pd.DataFrame) -> str:
    known = len(_known(frame))
    return f"The best {len(shown):,} of {known:,} documents." if len(shown) < known else ""


def history_chart(frame: pd.DataFrame, *, measure: str, title: str, reads_as: str) -> Chart:
    """Return one measure of training runs by epoch, a line a run.

    Frame columns: run, epoch (from 1), and the measure; rows without it are left out.

    Reads as: further right is later in training; each line is one run.

    Args:
        frame: one row an epoch of a run.
        measure: the column to draw.
        title: of the chart and its y axis, with the range in brackets.
        reads_as: one sentence below the title.
    """
    shown = frame[["run", "epoch", measure]].dropna().rename(columns={measure: "value"})
    base = alt.Chart(shown).encode(
        alt.X("epoch:O").title("epoch (from 1)").axis(labelAngle=0),
        alt.Y("value:Q").scale(zero=False).title(title),
        alt.Color("run:N")
        .scale(range=[COSINE, PROBABILITY, CHOSEN, QUIET])
        .legend(orient="top", title=None),
        strokeDash=alt.StrokeDash("run:N").legend(None),
        tooltip=["run:N", "epoch:O", alt.Tooltip("value:Q", format=".4f", title=title)],
    )
    last = ", ".join(
        f"{run} {part['value'].iloc[-1]:.3f}" for run, part in shown.groupby("run", sort=False)
    )
    return alt.layer(
        base.mark_line(strokeWidth=2), base.mark_point(filled=True, size=60)
    ).properties(
        title=_title(title, reads_as),
        height=240,
        description=f"{title} at the last epoch: {last or 'no epoch yet'}.",
    )


def vectors_chart(query: tuple[float, float], document: tuple[float, float]) -> Chart:
    """Return two 2-D vectors as arrows from the origin, each scaled to the longer one.

    Reads as: the smaller the angle between the arrows, the nearer the cosine is to 1; their
    lengths do not matter to it.

    Args:
        query: its two entries.
        document: its two entries.
    """
    longest = max(float(np.hypot(*query)), float(np.hypot(*document))) or 1.0
    frame = pd.DataFrame(
        [
            {
                "vector": name,
                "x": x / longest,
                "y": y / longest,
                "zero": 0.0,
                "entries": f"({x:g}, {y:g})",
            }
            for name, (x, y) in (("query", query), ("document", document))
        ]
    )
    colour = (
        alt.Color("vector:N")
        .scale(domain=["query", "document"], range=[COSINE, PROBABILITY])
        .legend(orient="top", title=None)
    )
    tooltip = ["vector:N", "entries:N"]
    base = alt.Chart(frame).encode(
        alt.X("x:Q").scale(domain=[-1.1, 1.1]).title("first entry ÷ longer length (−1 to 1)"),
        alt.Y("y:Q").scale(domain=[-1.1, 1.1]).title("second entry ÷ longer length (−1 to 1)"),
        color=colour,
        tooltip=tooltip,
    )
    lines = base.mark_rule(strokeWidth=3).encode(x2="zero:Q", y2="zero:Q")
    heads = base.mark_point(filled=True, size=180).encode(
        shape=alt.Shape("vector:N")
        .scale(domain=["query", "document"], range=["circle", "square"])
        .legend(None)
    )
    return alt.layer(lines, heads).properties(
        title=_title("The two vectors", "Only the angle between them matters to the cosine."),
        width=300,
        height=300,  # as wide as high, or the angle would be false
        description=f"Query {frame['entries'][0]} and document {frame['entries'][1]}.",
    )


def effects_chart(
    frame: pd.DataFrame, *, title: str = "What each token adds", reach: float = 0.0, ink: str = INK
) -> Chart:
    """Return what each token adds to the cosine, with its attention weight beside it.

    Frame columns: side, index, text, state, attention, cosine, probability; tokens that were not
    read are left out.

    Reads as: bars to the right hold the score up, bars to the left hold it down; a diamond is the
    token's attention weight, on the scale above.

    Args:
        frame: one row a token of one text, as `Effects.frame` gives it.
        title: of the chart.
        reach: the axis reaches at least so far, to compare two charts.
        ink: colour of the text inside the chart.
    """
    shown = frame[frame["state"].isin(["seen", "letters"])].copy()
    shown["label"] = [f"{i + 1} · {t}" for i, t in zip(shown["index"], shown["text"], strict=True)]
    shown["sign"] = np.where(shown["cosine"] < 0, "holds it down", "holds it up")
    largest = max(float(shown["cosine"].abs().max()) if len(shown) else 0.0, reach, 0.01) * 1.1
    y = (
        alt.Y("label:N")
        .sort(shown["label"].tolist())
        .title(None)
        .axis(ticks=False, labelLimit=130, labelOverlap=False)
    )
    tooltip = [
        alt.Tooltip("text:N", title="token"),
        alt.Tooltip("cosine:Q", format="+.4f", title="effect on the cosine"),
        alt.Tooltip("probability:Q", format="+.4f", title="effect on the probability"),
        alt.Tooltip("attention:Q", format=".3f", title="attention weight"),
    ]
    bars = (
        alt.Chart(shown)
        .mark_bar()
        .encode(
            alt.X("cosine:Q")
            .scale(domain=[-largest, largest])
            .title("effect on the cosine (could be −2 to 2)"),
            y,
            color=alt.Color("sign:N")
            .scale(domain=["holds it up", "holds it down"], range=[COSINE, PROBABILITY])
            .legend(orient="top", title=None),
            tooltip=tooltip,
        )
    )
    weights = (
        alt.Chart(shown.dropna(subset=["attention"]))
        .mark_point(shape="diamond", filled=True, size=70, color=ink, opacity=0.9)
        .encode(
            alt.X("attention:Q")
            .scale(domain=[-1, 1])
            .axis(orient="top", values=[0, 0.25, 0.5, 0.75, 1])
            .title("◆ attention weight (0 to 1)"),
            y,
            tooltip=tooltip,
        )
    )
    layers = [bars, weights] if shown["attention"].notna().any() else [bars]
    strongest = shown.reindex(shown["cosine"].abs().sort_values(ascending=False).index).head(3)
    told = ", ".join(
        f"{text} {effect:+.3f}"
        for text, effect in zip(strongest["text"], strongest["cosine"], strict=True)
    )
    return (
        alt.layer(*layers)
        .resolve_scale(x="independent")
        .properties(
            title=_title(title, "Left out in turn: what the cosine loses."),
            height=alt.Step(18),
            description=f"The largest effects on the cosine: {told or 'there are none'}.",
        )
    )


def slope_chart(frame: pd.DataFrame, *, ink: str = INK) -> Chart:
    """Return the documents' ranks by two models, a line a document.

    Frame columns: model, position, document, rank, cosine, probability; documents without a rank
    are left out.

    Reads as: a level line is a document that both models rank alike; the steeper a line, the more
    they disagree.

    Args:
        frame: one row a document and model, two models.
        ink: colour of the text inside the chart.
    """
    shown = frame.dropna(subset=["rank"]).copy()
    models = list(dict.fromkeys(frame["model"]))
    wide = shown.pivot_table(index="position", columns="model", values="rank").reindex(
        columns=models
    )
    moved = (wide.max(axis=1) - wide.min(axis=1)).fillna(0) if len(wide.columns) else wide
    shown["moved"] = [float(moved.get(p, 0)) for p in shown["position"]]
    shown["change"] = np.where(shown["moved"] > 0, "moved", "same rank")
    shown["document"] = shown["document"].astype(str).str.slice(0, 200)
    base = alt.Chart(shown).encode(
        alt.X("model:N").sort(models).title("model").axis(labelAngle=0),
        alt.Y("rank:Q")
        .scale(reverse=True, nice=False, zero=False)
        .title("rank (1 is best)")
        .axis(tickMinStep=1),
        detail="position:N",
        color=alt.Color("change:N")
        .scale(domain=["moved", "same rank"], range=[PROBABILITY, QUIET])
        .legend(orient="top", title=None),
        tooltip=[
            "position:Q",
            "document:N",
            "model:N",
            "rank:Q",
            alt.Tooltip("cosine:Q", format=".4f"),
            alt.Tooltip("probability:Q", format=".4f"),
        ],
    )
    dash = alt.StrokeDash("change:N").scale(domain=["moved", "same rank"], range=[[1, 0], [4, 3]])
    numbers = base.mark_text(dx=14, color=ink).encode(text="position:O", color=alt.value(ink))
    most = int(moved.max()) if len(moved) else 0
    return alt.layer(
        base.mark_line(strokeWidth=2).encode(strokeDash=dash.legend(None)),
        base.mark_point(filled=True, size=70),
        numbers,
    ).properties(
        title=_title("Ranks by the two models", "A level line: both rank the document alike."),
        height=300,
        description=f"The largest change of rank between the two models is {most}.",
    )
