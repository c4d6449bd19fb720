"""A curve over all thresholds, on which a click chooses one."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import altair as alt
import pandas as pd

from dssm_core.charts.base import AROUND, CHOSEN, COSINE, QUIET, Drawing, Tip, rows, template, tips
from dssm_core.words import Translate


def curve_chart(
    curve: pd.DataFrame,
    point: pd.DataFrame,
    ground: pd.DataFrame,
    *,
    x: tuple[str, str],
    y: tuple[str, str],
    title: dict[str, Any],
    description: str,
    ink: str,
    tr: Translate,
) -> Drawing:
    """Return a curve over thresholds with the current one, each point of it open to a click.

    Args:
        curve: one row a threshold; rows without a cosine, x or y are left out.
        point: the current threshold, as one row.
        ground: the line that no model should be below.
        x: column across, and its axis title.
        y: column up, and its axis title.
        title: of the chart.
        description: its finding.
        ink: colour of the edge of the current threshold.
        tr: gives the other texts.
    """
    names = ["cosine", "probability", x[0], y[0]]
    needed = ["cosine", x[0], y[0]]
    now, shown = point[names].dropna(subset=needed), curve[names].dropna(subset=needed)
    return Drawing(
        _template(x, y, bool(len(now)), ink, tr),
        {"curve": rows(shown), "ground": rows(ground), "now": rows(now)},
        {},
        {"title": title, "description": description},
    )


@lru_cache(maxsize=16)
def _template(
    x: tuple[str, str], y: tuple[str, str], has_point: bool, ink: str, tr: Translate
) -> str:
    """Return the template of `curve_chart`, with data "curve", "ground" and "now"."""
    from_0_to_1 = alt.Scale(domain=[0, 1], nice=False)
    across = alt.X(f"{x[0]}:Q").scale(from_0_to_1).title(x[1])
    up = alt.Y(f"{y[0]}:Q").scale(from_0_to_1).title(y[1])
    told = tips(
        Tip("cosine", tr("cosine"), "cosine"),
        Tip("probability", tr("probability"), "probability"),
        *(Tip(name, title, "metric") for name, title in (x, y)),
    )
    base = alt.Chart(alt.NamedData("curve")).encode(across, up, **told)
    near = alt.selection_point(
        name="threshold", fields=["cosine"], nearest=True, on="click", empty=False
    )
    ground = alt.Chart(alt.NamedData("ground"))
    layers = [
        ground.mark_line(color=QUIET, strokeDash=[4, 3], aria=False).encode(across, up),
        base.mark_line(color=COSINE, strokeWidth=2).encode(order=alt.Order("cosine:Q")),
        base.mark_point(filled=True, size=60, opacity=0, aria=False).add_params(near),
    ]
    if has_point:  # a layer with nothing in it would be an image without a name
        diamond = alt.Chart(alt.NamedData("now")).mark_point(
            filled=True, shape="diamond", size=260, color=CHOSEN, stroke=ink, opacity=1
        )
        layers.append(diamond.encode(across, up, **told))
    return template(alt.layer(*layers).properties(height=330, padding=AROUND))
