"""Why a score is what it is: what tokens add, and how two models rank."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from dssm_core.charts.base import COSINE, INK, PROBABILITY, QUIET, Chart, headline


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
            title=headline(title, "Left out in turn: what the cosine loses."),
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
        title=headline("Ranks by the two models", "A level line: both rank the document alike."),
        height=300,
        description=f"The largest change of rank between the two models is {most}.",
    )
