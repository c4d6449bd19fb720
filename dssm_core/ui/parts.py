"""The pieces of a page: shaded tokens, the score chain, messages, downloads.

User text reaches the page in three ways only: as a widget's value, as data of a chart or table, and
through `html.escape`.
"""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from dssm_core import charts
from dssm_core.errors import UserError
from dssm_core.scoring import Head, ScoredDocument, ScoredText, ScoredToken
from dssm_core.ui.words import say

MOST_TOKENS = 300
"""Tokens of one text that are drawn; past them only their number is told."""

STYLE = """
<style>
.stMainBlockContainer {padding-top: 3.75rem}
[data-testid="stCaptionContainer"] {opacity: .8}
.dssm-text {line-height: 2.1; overflow-wrap: anywhere; font-size: 1rem}
.dssm-text .t {border-radius: .25rem; padding: .12rem .2rem; white-space: pre-wrap}
.dssm-text .letters {text-decoration: underline dotted; text-underline-offset: .2rem}
.dssm-text .truncated {text-decoration: line-through}
.dssm-text .skipped {outline: 1px dashed currentColor}
.dssm-text sup {font-size: .62rem; font-variant-numeric: tabular-nums}
.dssm-legend {font-size: .8rem; line-height: 1.9}
.dssm-legend .t {margin-right: .3rem}
.dssm-legend span + span {margin-left: .9rem}
</style>
"""


def show_error(error: UserError) -> None:
    """Show trouble as plain text: whatever Markdown its found part holds is escaped."""
    st.error(plain(str(error)), icon=":material/error:")


def ink() -> str:
    """Return the colour of text inside charts that suits the page's theme."""
    return "#E8EDF2" if st.context.theme.type == "dark" else charts.INK


def plain(text: str) -> str:
    r"""Return Markdown that shows a text as it is.

    Example:
        >>> plain("*a* <b>")
        '\\*a\\* \\<b\\>'
    """
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~:$&])", r"\\\1", text)


def token_html(text: str, tokens: Sequence[ScoredToken], highest: float) -> str:
    """Return a text as escaped HTML, each token shaded by its attention weight and marked.

    Args:
        text: the whole text, whatever stands between tokens included.
        tokens: its tokens with their offsets.
        highest: weight of the darkest shade.
    """
    parts, end = [], 0
    for token in tokens[:MOST_TOKENS]:
        parts.append(html.escape(text[end : token.start]))
        parts.append(_token(text[token.start : token.end], token, highest))
        end = token.end
    rest = len(tokens) - MOST_TOKENS
    tail = say("more", number=rest) if rest > 0 else text[end : end + 200]
    parts.append(html.escape(tail))
    return f'<div class="dssm-text">{"".join(parts)}</div>'


def _token(word: str, token: ScoredToken, highest: float) -> str:
    about = say(f"mark.{token.state}")
    weight = token.attention if token.state in ("seen", "letters") else None
    if weight is None:
        return (
            f'<span class="t {token.state}" title="{html.escape(about)}">{html.escape(word)}</span>'
        )
    # at most half, so that the theme's text colour is readable on every shade
    shade = 0.5 * weight / highest if highest > 0 else 0
    number = f"<sup>{weight:.2f}</sup>" if weight >= 0.1 * highest else ""
    return (
        f'<span class="t {token.state}" style="background: rgba(0,114,178,{shade:.3f})" '
        f'title="{weight:.3f} · {html.escape(about)}">{html.escape(word)}{number}</span>'
    )


def legend_html() -> str:
    """Return the legend of the marks."""
    states = ("seen", "letters", "truncated", "skipped")
    shown = "".join(
        f'<span><span class="t {state}">abc</span>{html.escape(say(f"mark.{state}"))}</span>'
        for state in states
    )
    return f'<div class="dssm-text dssm-legend">{shown}</div>'


def show_tokens(texts: Mapping[str, ScoredText | ScoredDocument]) -> None:
    """Show texts by heading, shaded on one common scale, with the legend below."""
    weights = [t.attention or 0.0 for text in texts.values() for t in text.tokens]
    highest = max(weights, default=0.0)
    for heading, text in texts.items():
        content = text.text if isinstance(text, ScoredText) else text.document
        st.markdown(f"**{heading}**")
        if any(token.state in ("seen", "letters") for token in text.tokens):
            st.html(token_html(content, text.tokens, highest))
        else:
            st.caption(say("nothing"))
    st.html(legend_html())


def show_chain(result: ScoredDocument, head: Head, documents: int) -> None:
    """Show a document's numbers, each with how it comes from the one before."""
    if result.cosine is None or result.logit is None or result.probability is None:
        st.info(say("nothing"))
        return
    with st.container(horizontal=True, gap="small"):
        st.metric(say("cosine"), f"{result.cosine:.3f}", help=say("cosine.help"), border=True)
        st.metric(
            f"{say('logit')} = {head.scale:.2f} × {result.cosine:.3f} "
            f"{'−' if head.bias < 0 else '+'} {abs(head.bias):.2f}",
            f"{result.logit:.3f}",
            help=say("logit.help"),
            border=True,
        )
        st.metric(
            f"{say('probability')} = sigmoid({result.logit:.3f})",
            f"{result.probability:.3f}",
            help=say("probability.help"),
            border=True,
        )
        st.metric(say("rank"), f"{result.rank} / {documents}", help=say("rank.help"), border=True)
        if result.percentile is not None:
            st.metric(
                say("percentile"),
                f"{result.percentile:.1f}",
                help=say("percentile.help"),
                border=True,
            )
    low, high = head.reachable
    st.caption(say("reach", low=low, high=high))
    if head.scale > 0:
        st.caption(say("alike"))
    elif head.scale < 0:
        st.error(say("backwards", scale=head.scale), icon=":material/warning:")
    else:
        st.error(say("flat"), icon=":material/warning:")


def safe_csv(frame: pd.DataFrame) -> bytes:
    """Return a CSV whose cells no spreadsheet takes for a formula, UTF-8 with BOM."""
    safe = frame.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = [_no_formula(cell) for cell in safe[column]]
    return ("\ufeff" + safe.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)).encode("utf-8")


def _no_formula(cell: Any) -> Any:
    if isinstance(cell, str) and cell.lstrip().startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + cell
    return cell


def page_html(title: str, sections: Sequence[tuple[str, str]]) -> bytes:
    """Return one self-contained HTML file: no script, no request, only what is given.

    Args:
        title: of the file, plain text.
        sections: heading (plain text) and content (HTML) in order.
    """
    body = "".join(f"<h2>{html.escape(heading)}</h2>{content}" for heading, content in sections)
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
img-src data:">
<title>{html.escape(title)}</title>{STYLE}<style>
body {{font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
color: #1b2430; background: #fff}}
table {{border-collapse: collapse}} td, th {{border-bottom: 1px solid #ccd; padding: .3rem .6rem;
text-align: left; vertical-align: top}} svg {{max-width: 100%; height: auto}}
</style></head><body><h1>{html.escape(title)}</h1>{body}</body></html>""".encode()


def chart_svg(chart: alt.TopLevelMixin, width: int = 640) -> str:
    """Return a chart as inline SVG, drawn here, without a browser or a network."""
    import vl_convert

    specification = chart.to_dict()
    specification["width"] = width
    return str(vl_convert.vegalite_to_svg(specification))


def table_html(frame: pd.DataFrame) -> str:
    """Return a frame as an HTML table, its texts escaped."""
    return str(frame.to_html(index=False, escape=True, border=0, float_format="{:.4f}".format))
