"""Pieces of a page that is one file: no script, no request, only what is given."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from dssm_core.charts import Chart
from dssm_core.charts.svg import plain_svg
from dssm_core.words import join_texts

STYLE = """
:root {color-scheme: light dark; --ink: #1b2430; --paper: #fff; --line: #d5dce4; --soft: #f3f5f8}
@media (prefers-color-scheme: dark) {
  :root {--ink: #e8edf2; --paper: #12161c; --line: #39424e; --soft: #1c222b}}
* {box-sizing: border-box}
body {font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 0 auto; padding: 1.5rem 1rem;
  color: var(--ink); background: var(--paper); overflow-wrap: anywhere}
h1 {font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem}
h2 {font-size: 1.25rem; margin: 2.2rem 0 .6rem}
h3 {font-size: 1rem; margin: 0 0 .4rem}
p {margin: .5rem 0; max-width: 46rem}
.lead {font-size: 1.1rem; font-weight: 600}
.note {border-left: 4px solid #c27c0e; padding: .5rem .8rem; background: var(--soft)}
.quiet {font-size: .9rem}
dl.facts {display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0}
dl.facts dt {font-weight: 600} dl.facts dd {margin: 0}
.scroll {overflow-x: auto}
table {border-collapse: collapse; font-size: .9rem}
caption {text-align: left; font-weight: 600; padding-bottom: .3rem}
table {overflow-wrap: break-word} .scroll {margin: .8rem 0}
td, th {border-bottom: 1px solid var(--line); padding: .35rem .7rem .35rem 0; text-align: left;
  vertical-align: top; min-width: 3.5rem; max-width: 28rem}
tbody th {min-width: 8rem}
.number {text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums}
.charts {display: grid; grid-template-columns: repeat(auto-fit, minmax(min(21rem, 100%), 1fr));
  gap: 1.5rem}
figure {margin: 0} figcaption {font-size: .9rem}
svg {max-width: 100%; height: auto; display: block}
article {border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem; margin: .8rem 0;
  break-inside: avoid}
.text {white-space: pre-wrap; margin: .2rem 0 .6rem; line-height: 1.9}
.label {font-weight: 600; font-size: .85rem; margin: .4rem 0 0}
.up {background: rgba(0, 114, 178, var(--shade)); border-radius: .25rem; padding: .1rem .2rem}
.down {background: rgba(213, 94, 0, var(--shade)); border-radius: .25rem; padding: .1rem .2rem;
  text-decoration: underline dashed; text-underline-offset: .25rem}
td, th, dd, .text {unicode-bidi: isolate}
.unread {text-decoration: line-through}
sup {font-size: .65rem; line-height: 0; padding-left: .1rem; font-variant-numeric: tabular-nums}
"""

RIGHT = ' class="number"'


def escape(text: str) -> str:
    r"""Return a text as HTML that shows it as it is, control characters as their pictures.

    Example:
        >>> escape("<b>\x07")
        '&lt;b&gt;␇'
    """
    return html.escape("".join(_visible(character) for character in text))


def _visible(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs"):
        return character
    return chr(0x2400 + ord(character)) if ord(character) < 32 else "\ufffd"


def page(title: str, body: str, language: str = "en") -> bytes:
    """Return a whole file.

    Args:
        title: plain text.
        body: HTML.
        language: its code, as HTML has it.
    """
    return f"""<!doctype html>
<html lang="{escape(language)}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>{escape(title)}</title><style>{STYLE}</style></head>
<body><main><h1>{escape(title)}</h1>
{body}</main></body></html>
""".encode("utf-8", "replace")


def section(heading: str, *content: str) -> str:
    """Return a section: heading as plain text, content as HTML."""
    return f"<section><h2>{escape(heading)}</h2>\n{''.join(content)}</section>\n"


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph of plain text; kind: "", "lead", "note" or "quiet"."""
    return f'<p class="{kind}">{escape(text)}</p>\n' if kind else f"<p>{escape(text)}</p>\n"


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Return names with what they are, plain text."""
    return "".join(
        ['<dl class="facts">']
        + [f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows]
        + ["</dl>\n"]
    )


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table, the first cell of each row its heading.

    Args:
        caption: plain text.
        columns: headings, plain text.
        rows: cells: text as it is, whole numbers with commas, others with three decimals, None
            as a dash.
    """
    cells = list(rows)
    is_text = [all(isinstance(cell, str) for cell in column) for column in zip(*cells, strict=True)]
    head = "".join(
        f'<th scope="col"{"" if left else RIGHT}>{escape(name)}</th>'
        for name, left in zip(columns, is_text or [True] * len(columns), strict=True)
    )
    body = "".join(
        f'<tr><th scope="row">{escape(str(first))}</th>{"".join(map(_cell, others))}</tr>\n'
        for first, *others in cells
    )
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>\n"
        f"<tbody>{body}</tbody></table></div>\n"
    )


def _cell(value: str | float | None) -> str:
    if isinstance(value, str):
        return f"<td>{escape(value)}</td>"
    if value is None or value != value:
        return f"<td{RIGHT}>–</td>"
    shown = f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
    return f"<td{RIGHT}>{shown}</td>"


def figure(heading: str, chart: Chart, reading: str) -> str:
    """Return a chart with its finding in words.

    Args:
        heading: plain text.
        chart: made with ink "currentColor", its description the finding.
        reading: how to read it, plain text.
    """
    finding = str(chart.description)
    return (
        f'<figure><h3>{escape(heading)}</h3><div role="img" aria-label="{escape(finding)}">'
        f"{plain_svg(chart)}</div><figcaption>{escape(join_texts(finding, reading))}</figcaption>"
        "</figure>\n"
    )
