"""The charts: pure functions from DataFrames to Altair charts.

Axes and titles take the page's theme; text inside a chart takes the ink that the page gives. Each
chart carries its finding as a sentence in `description`, for those who cannot see it.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

COSINE, PROBABILITY, CHOSEN, QUIET = "#0072B2", "#D55E00", "#CC79A7", "#7A7F87"
"""Okabe and Ito's palette, for colour-blind readers too, and a grey that reads on both themes."""

INK = "#1B2430"
"""Text inside a chart on a light page."""

MOST_LABELS = 30
"""Points that carry their number; past that numbers would cover each other."""

Chart = alt.LayerChart | alt.FacetChart

Threshold = tuple[float | None, float]
"""The threshold as (cosine, probability); no cosine where none reaches that probability."""


def probability_curve(scale: float, bias: float) -> pd.DataFrame:
    """Return the model's curve: 201 rows of cosine in [-1, 1] and probability in [0, 1]."""
    cosines = np.linspace(-1, 1, 201)
    return pd.DataFrame(
        {"cosine": cosines, "probability": 1 / (1 + np.exp(-(scale * cosines + bias)))}
    )


def background_bins(cosines: np.ndarray, bins: int = 40) -> pd.DataFrame:
    """Return a histogram of cosines: start, end, and share of all in [0, 1]."""
    counts, edges = np.histogram(cosines, bins=bins, range=(-1, 1))
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

    Frame columns: position, document, cosine, probability, rank, percentile; rows without a
    cosine are left out.

    Reads as: right is a higher cosine, up a higher probability; every document lies on the curve
    because probability is computed from cosine alone. The grey bars show where the cosines of
    random pairs fall.

    Args:
        frame: one row a document.
        curve: as `probability_curve` returns.
        background: as `background_bins` returns.
        threshold: on both scales.
        selected: position of the chosen document.
        ink: colour of the text inside the chart.
    """
    shown = _shown(frame, selected)
    x = alt.X("cosine:Q").scale(domain=[-1, 1]).title("cosine (−1 to 1)")
    y = alt.Y("probability:Q").scale(domain=[0, 1]).title("probability (0 to 1)")
    tallest = max(float(background["share"].max() or 0), 0.001) if len(background) else 1.0
    random_pairs = (
        alt.Chart(background.assign(floor=0.0))
        .mark_bar(color=QUIET, opacity=0.35)
        .encode(
            alt.X("start:Q").scale(domain=[-1, 1]).title("cosine (−1 to 1)"),
            alt.X2("end:Q"),
            alt.Y("share:Q").scale(domain=[0, 4 * tallest]).axis(None),
            alt.Y2("floor:Q"),
            tooltip=[
                alt.Tooltip("start:Q", format=".2f", title="random pairs from cosine"),
                alt.Tooltip("end:Q", format=".2f", title="to"),
                alt.Tooltip("share:Q", format=".1%", title="share of them"),
            ],
        )
    )
    line = alt.Chart(curve).mark_line(color=QUIET, strokeWidth=2).encode(x, y)
    chosen = alt.condition("datum.chosen", alt.value(CHOSEN), alt.value(COSINE))
    points = (
        alt.Chart(shown)
        .mark_point(filled=True, opacity=0.9, stroke="white", strokeWidth=1)
        .encode(
            x,
            y,
            color=chosen,
            shape=alt.condition("datum.chosen", alt.value("diamond"), alt.value("circle")),
            size=alt.condition("datum.chosen", alt.value(320), alt.value(130)),
            tooltip=_tooltip(),
        )
        .add_params(_selection())
    )
    numbers = (
        alt.Chart(shown.head(MOST_LABELS))
        .mark_text(align="right", dx=-10, dy=-8, fontWeight="bold", color=ink)
        .encode(x, y, text="position:O")
    )
    lines = [line, *_threshold_lines(threshold), points, numbers]
    return (
        alt.layer(random_pairs, alt.layer(*lines))
        .resolve_scale(y="independent")
        .properties(
            title=_title(
                "Cosine and probability of each document",
                "Numbered points: the documents. Grey bars: random pairs.",
            ),
            height=340,
            description=describe_scores(frame, threshold),
        )
    )


def ranked_bars(
    frame: pd.DataFrame, *, threshold: Threshold, selected: int | None = None, ink: str = INK
) -> Chart:
    """Return a pair of bars a document, cosine over probability, best document first.

    Frame columns: position, document, cosine, probability, rank, percentile; rows without a
    cosine are left out.

    Reads as: longer to the right is more alike; the dashed lines are the threshold.

    Args:
        frame: one row a document.
        threshold: on both scales.
        selected: position of the chosen document.
        ink: colour of the text inside the chart.
    """
    shown = _shown(frame, selected).sort_values(["rank", "position"])
    order = shown["label"].tolist()
    long = shown.melt(
        ["position", "label", "document", "rank", "percentile", "chosen"],
        ["cosine", "probability"],
        var_name="measure",
    )
    long["text"] = [f"{m[0]} {v:.3f}" for m, v in zip(long["measure"], long["value"], strict=True)]
    long["measure"] = long["measure"].map(
        {"cosine": "cosine (c)", "probability": "probability (p)"}
    )
    long["margin"] = 1.04
    measures = ["cosine (c)", "probability (p)"]
    y = (
        alt.Y("label:N")
        .sort(order)
        .title(None)
        .axis(labelLimit=130, ticks=False, domain=False)
        .scale(paddingInner=0.25)
    )
    offset = alt.YOffset("measure:N").sort(measures)
    bars = (
        alt.Chart(long)
        .mark_bar()
        .encode(
            alt.X("value:Q")
            .scale(domain=[-1, 1.4], nice=False)
            .axis(values=[-1, -0.5, 0, 0.5, 1])
            .title("cosine −1 to 1, probability 0 to 1"),
            y,
            offset,
            color=alt.Color("measure:N")
            .scale(domain=measures, range=[COSINE, PROBABILITY])
            .legend(orient="top", title=None),
            opacity=alt.condition("datum.chosen", alt.value(1), alt.value(0.55)),
            tooltip=_tooltip("value", "measure"),
        )
        .add_params(_selection())
    )
    numbers = (
        alt.Chart(long)
        .mark_text(align="left", fontSize=11, color=ink)
        .encode(alt.X("margin:Q"), y, offset, text="text:N")
    )
    rules = [
        alt.Chart(pd.DataFrame({"value": [value]}))
        .mark_rule(color=colour, strokeDash=[4, 3], strokeWidth=1.5)
        .encode(
            x="value:Q", tooltip=[alt.Tooltip("value:Q", format=".3f", title=f"{name} threshold")]
        )
        for name, value, colour in zip(
            ("cosine", "probability"), threshold, (COSINE, PROBABILITY), strict=True
        )
        if value is not None
    ]
    return alt.layer(bars, numbers, *rules).properties(
        title=_title("Documents by rank", "Dashed: the threshold on each scale."),
        height=alt.Step(17),
        description=describe_scores(frame, threshold),
    )


def attention_heatmap(
    tokens: pd.DataFrame, *, highest: float | None = None, per_line: int = 8, ink: str = INK
) -> Chart:
    """Return the attention weight of every token, in reading order, lines of a few tokens.

    Frame columns: position (0 is the query), index, text, state, attention.

    Reads as: a stronger colour is more weight; a text's weights sum to 1. ~ marks a word read by
    its letters only, × one that was not read.

    Args:
        tokens: one row a token of one or more texts.
        highest: weight of the darkest shade; the largest there is without it.
        per_line: tokens in a line.
        ink: colour of the text inside the chart.
    """
    shown = tokens.reset_index(drop=True).copy()
    shown["column"] = shown["index"] % per_line
    shown["line"] = [
        ("query" if p == 0 else f"document {p}")
        + ("" if i < per_line else f" · {i // per_line + 1}")
        for p, i in zip(shown["position"], shown["index"], strict=True)
    ]
    marks = shown["state"].map({"seen": "", "letters": "~", "truncated": "×", "skipped": "×"})
    shown["word"] = marks.astype(str) + shown["text"].astype(str).str.slice(0, 11)
    shown["attention"] = shown["attention"].astype(float)
    shown["weight"] = [
        "not read" if np.isnan(w) or s in ("truncated", "skipped") else f"{w:.2f}"
        for w, s in zip(shown["attention"], shown["state"], strict=True)
    ]
    top = highest or float(shown["attention"].max() if shown["attention"].notna().any() else 1.0)
    order = list(dict.fromkeys(shown["line"]))
    base = alt.Chart(shown).encode(
        alt.X("column:O").axis(None).title(f"token, {per_line} a line"),
        alt.Y("line:N").sort(order).title(None).axis(ticks=False, domain=False, labelLimit=110),
    )
    # shaded at most half, so that the theme's own text colour is readable on every cell
    cells = base.mark_rect(color=COSINE, stroke=QUIET, strokeWidth=0.5, cornerRadius=3).encode(
        opacity=alt.Opacity("attention:Q")
        .scale(domain=[0, top or 1.0], range=[0, 0.5])
        .legend(orient="top", title="attention weight (0 to 1)", format=".2f"),
        tooltip=[
            alt.Tooltip("text:N", title="token"),
            alt.Tooltip("attention:Q", format=".3f", title="attention weight"),
            alt.Tooltip("state:N", title="state"),
        ],
    )
    words = base.mark_text(fontSize=11, dy=-5, limit=90, color=ink).encode(text="word:N")
    weights = base.mark_text(fontSize=9, dy=8, color=ink).encode(text="weight:N")
    return alt.layer(cells, words, weights).properties(
        title=_title(
            "Attention weights",
            "Stronger colour is more weight. ~ by its letters only, × not read.",
        ),
        height=alt.Step(34),
        description=describe_attention(tokens),
    )


def describe_scores(frame: pd.DataFrame, threshold: Threshold) -> str:
    """Return the finding of the score charts in a sentence or two."""
    known = frame.dropna(subset=["cosine"])
    if known.empty:
        return "No document has a score."
    best = known.sort_values(["rank", "position"]).iloc[0]
    above = int((known["probability"] >= threshold[1]).sum())
    return (
        f"Document {int(best['position'])} has the highest cosine, {best['cosine']:.3f}, and "
        f"probability {best['probability']:.3f}. {above} of {len(known)} documents reach the "
        f"threshold of {threshold[1]:.2f}."
    )


def describe_attention(tokens: pd.DataFrame) -> str:
    """Return the tokens with the most weight of each text, in a sentence a text."""
    sentences = []
    for position, part in tokens.dropna(subset=["attention"]).groupby("position"):
        top = part[part["attention"] > 0].nlargest(3, "attention")
        words = ", ".join(
            f"{text} {weight:.2f}"
            for text, weight in zip(top["text"], top["attention"], strict=True)
        )
        name = "the query" if position == 0 else f"document {position}"
        sentences.append(
            f"In {name} most weight is on {words}." if words else f"{name}: no weight."
        )
    return " ".join(sentences) or "There are no attention weights."


def _shown(frame: pd.DataFrame, selected: int | None) -> pd.DataFrame:
    shown = frame.dropna(subset=["cosine", "probability"]).copy()
    texts = shown["document"].astype(str).str.replace(r"\s+", " ", regex=True)
    short = [text if len(text) <= 26 else text[:25] + "…" for text in texts]
    shown["document"] = texts.str.slice(0, 300)
    shown["label"] = [f"{p} · {t}" for p, t in zip(shown["position"], short, strict=True)]
    shown["chosen"] = shown["position"] == selected
    return shown


def _title(text: str, reads_as: str) -> alt.TitleParams:
    return alt.Title(text, subtitle=reads_as, subtitleColor=QUIET)


def _selection() -> alt.Parameter:
    return alt.selection_point(name="document", fields=["position"], on="click")


def _tooltip(value: str = "cosine", kind: str | None = None) -> list[Any]:
    numbers = (
        [alt.Tooltip(f"{kind}:N"), alt.Tooltip(f"{value}:Q", format=".4f")]
        if kind
        else [alt.Tooltip("cosine:Q", format=".4f"), alt.Tooltip("probability:Q", format=".4f")]
    )
    return [
        alt.Tooltip("document:N"),
        *numbers,
        alt.Tooltip("rank:Q"),
        alt.Tooltip("percentile:Q", format=".1f", title="percentile of random pairs"),
    ]


def _threshold_lines(threshold: Threshold) -> list[alt.Chart]:
    style: dict[str, Any] = {"color": PROBABILITY, "strokeDash": [4, 3], "strokeWidth": 1.5}
    across, up = pd.DataFrame({"value": [threshold[1]]}), pd.DataFrame({"value": [threshold[0]]})
    lines = [
        alt.Chart(across)
        .mark_rule(**style)
        .encode(
            alt.Y("value:Q").scale(domain=[0, 1]).title("probability (0 to 1)"),
            tooltip=[alt.Tooltip("value:Q", format=".3f", title="threshold, probability")],
        )
    ]
    if threshold[0] is not None:
        lines.append(
            alt.Chart(up)
            .mark_rule(**style)
            .encode(
                alt.X("value:Q").scale(domain=[-1, 1]).title("cosine (−1 to 1)"),
                tooltip=[alt.Tooltip("value:Q", format=".3f", title="threshold, cosine")],
            )
        )
    return lines


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
