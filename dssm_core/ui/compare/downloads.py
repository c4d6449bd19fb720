"""What can be taken away: numbers as CSV, and the page as one HTML file that asks for nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from dssm_core.charts.svg import chart_svg as chart_svg
from dssm_core.quantities import format_number, plain_number
from dssm_core.reporting.sheets import safe_csv as safe_csv
from dssm_core.ui.common.components import escape
from dssm_core.ui.common.theme import DOWNLOAD

NUMBERS = {
    **{name: name for name in ("cosine", "logit", "probability", "percentile")},
    **{"position": "count", "rank": "count", "threshold": "probability"},
}
"""The columns of the result's table that hold numbers, and the quantity of each."""


def numbers_csv(frame: pd.DataFrame) -> bytes:
    """Return a table as CSV, its numbers rounded as on the page but plain, for programs to read."""
    return safe_csv(_written(frame, plain_number))


def as_shown(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its numbers as the page writes them, which are texts."""
    return _written(frame, format_number)


def _written(frame: pd.DataFrame, write: Callable[[float, str], Any]) -> pd.DataFrame:
    written = {
        name: [write(value, quantity) for value in frame[name]]
        for name, quantity in NUMBERS.items()
        if name in frame
    }
    return frame.assign(**written)


def page_html(title: str, language: str, sections: Sequence[tuple[str, str]]) -> bytes:
    """Return one self-contained HTML file: no script, no request, only what is given.

    Args:
        title: of the file, plain text.
        language: of its words, such as "en".
        sections: heading (plain text) and content (HTML) in order.
    """
    body = "".join(f"<h2>{escape(heading)}</h2>{content}" for heading, content in sections)
    return f"""<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(title)}</title>{DOWNLOAD}</head>
<body><h1>{escape(title)}</h1>{body}</body></html>""".encode("utf-8", "replace")


def table_html(frame: pd.DataFrame) -> str:
    """Return a frame as an HTML table, its texts escaped and whole."""
    head = "".join(f"<th>{escape(str(name))}</th>" for name in frame.columns)
    rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in frame.itertuples(index=False))
    return f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div>'


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return f"<td>{escape(value)}</td>"
    number = "" if pd.isna(value) else f"{value:.4f}".removesuffix(".0000")
    return f'<td class="number">{number}</td>'
