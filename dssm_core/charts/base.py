"""What all charts share: colours, words, and texts made safe to draw."""

from __future__ import annotations

import json
import math
import re
import textwrap
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import altair as alt
import pandas as pd

from dssm_core.quantities import QUANTITIES

COSINE, PROBABILITY, CHOSEN, QUIET = "#0072B2", "#D55E00", "#CC79A7", "#7A7F87"
ATTENTION = "#E69F00"
PALETTE = {"cosine": COSINE, "probability": PROBABILITY, "chosen": CHOSEN, "quiet": QUIET}
"""Okabe and Ito's colours, for colour-blind readers too, and a grey that shows on both themes.

Each has one meaning on all pages; what raises or lowers a cosine is blue or grey, as it is cosine.
"""

INK = "#1B2430"
"""Text inside a chart on a light page."""

WIDEST = 56
"""Letters that a phone shows of a line below a chart's title; Chinese ends with a sentence."""

AROUND = {"left": 4, "top": 4, "right": 4, "bottom": 16}
"""Pixels around a chart: Vega counts Chinese letters lower than they are, and the page clips."""

_UNDRAWABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")


Row = dict[str, Any]
"""What a chart draws of one thing, by column: plain values, None where there is none."""


@dataclass(frozen=True)
class Drawing:
    """A chart that is made at every edit: a template, and what is put into it.

    Altair takes some 100 ms to make a layered chart, and to fill in one that was made takes 1.

    Attributes:
        template: an Altair chart's specification as JSON; its data are named.
        data: the rows of what the template names.
        slots: JSON texts that stand for "@name" in the template.
        more: title, description and the like.
    """

    template: str
    data: Mapping[str, Sequence[Row]]
    slots: Mapping[str, str]
    more: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the Vega-Lite specification."""
        text = self.template
        for name, value in self.slots.items():
            text = text.replace(f'"@{name}"', value)
        specification: dict[str, Any] = json.loads(text)
        datasets = {**specification.get("datasets", {}), **self.data}
        return {**specification, "datasets": datasets, **self.more}


Chart = alt.LayerChart | alt.FacetChart


def drawable(texts: Iterable[str], most: int) -> list[str]:
    """Return texts cut short, without what XML cannot hold: it ends the process of vl-convert."""
    return [_UNDRAWABLE.sub(" ", text[:most]) for text in texts]


def rows(frame: pd.DataFrame) -> list[Row]:
    """Return a frame's rows, of which Python computes sooner than pandas where they are few."""
    columns = [[_plain(value) for value in values.tolist()] for _, values in frame.items()]
    names = list(map(str, frame.columns))
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: None for a number that is none."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def template(chart: Chart) -> str:
    """Return a chart as the template of a `Drawing`."""
    return json.dumps(chart.to_dict())


def frozen(frame: pd.DataFrame) -> Hashable:
    """Return a frame as something that a cache can be asked for; `thawed` gives it back."""
    return tuple(frame.columns), tuple(frame.itertuples(index=False, name=None))


def thawed(rows: Any) -> pd.DataFrame:
    """Return the frame that `frozen` was given."""
    return pd.DataFrame(list(rows[1]), columns=list(rows[0]))


def headline(text: str, *reads_as: str, ink: str = QUIET) -> dict[str, Any]:
    """Return a chart's title with lines below it that say how to read it."""
    parts = [part for line in reads_as for part in re.split("(?<=。)", line)]
    lines = [line for part in parts for line in textwrap.wrap(part, WIDEST)]
    # a plain dict: alt.Title takes 0.8 ms
    return {"text": text, "subtitle": lines, "subtitleColor": ink, "offset": 6}


class Tip(NamedTuple):
    """A line of a tooltip.

    Attributes:
        field: the column.
        title: what it is.
        quantity: a key of QUANTITIES for a number, None for a text.
    """

    field: str
    title: str
    quantity: str | None = None


def tips(*of: Tip) -> dict[str, Any]:
    """Return a mark's tooltip, and the same for a screen reader, as arguments of `encode`.

    Expressions, because a format of Vega's writes 0.9999 as 1.000, and nothing as "null".

    Args:
        of: the lines in order.
    """
    lines = [(json.dumps(line.title, ensure_ascii=False), _written(line)) for line in of]
    shown = ", ".join(f"{title}: {value}" for title, value in lines)
    spoken = " + '; ' + ".join(f"{title} + ': ' + {value}" for title, value in lines)
    return {
        "tooltip": alt.value(alt.ExprRef(f"{{{shown}}}")),
        "description": alt.value(alt.ExprRef(spoken)),
    }


def _written(line: Tip) -> str:
    """Return the Vega expression of what a line says; names of columns are quoted, never run."""
    value = f"datum[{json.dumps(line.field)}]"
    if line.quantity is None:
        return value
    quantity = QUANTITIES[line.quantity]
    written = f"format({value}, {json.dumps(quantity.d3)})"
    if quantity.is_open:
        low, high = (quantity.text(end) for end in (0.0, 1.0))
        least = 10.0**-quantity.decimals
        written = f"{value} < {least} ? '{low}' : {value} > {1 - least} ? '{high}' : {written}"
    return f"(isValid({value}) ? {written} : '{quantity.text(None)}')"
