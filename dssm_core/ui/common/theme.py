"""The colours and the one style sheet of the pages: for what Streamlit has no element for.

Neutral colours are mixed from `currentColor`, so that each rule suits the light and the dark theme;
those with a meaning come from the charts, so that blue is one thing on the whole page.
"""

from __future__ import annotations

import streamlit as st

from dssm_core import charts

RELEVANT, IRRELEVANT = "#009E73", "#D55E00"
"""Frames of documents that are labelled; Okabe and Ito's, as the charts' are."""

ERROR, WARNING, NOTE = "#D13438", "#C27C0E", "#7A7F87"


def ink() -> str:
    """Return the colour of text inside charts that suits the page's theme."""
    return "#E8EDF2" if st.context.theme.type == "dark" else charts.INK


def tint(colour: str, opacity: float) -> str:
    """Return a colour for the background of a word.

    Args:
        colour: as "#RRGGBB".
        opacity: in [0, 1]; below about 0.5 text is readable on it in both themes.

    Example:
        >>> tint("#0072B2", 0.5)
        'rgba(0,114,178,0.500)'
    """
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:.3f})"


MARKS = """
.dssm-text {line-height: 1.85; overflow-wrap: anywhere; white-space: pre-wrap; margin: 0}
.dssm-t {border-radius: .25rem; padding: .14rem .22rem; box-decoration-break: clone;
  -webkit-box-decoration-break: clone}
.dssm-letters {text-decoration: underline dotted 2px; text-underline-offset: .22rem}
.dssm-pieces {border-bottom: 1px solid currentColor}
.dssm-unknown {text-decoration: underline wavy 1px; text-underline-offset: .22rem}
.dssm-prompt, .dssm-special {font-family: monospace; font-size: .8em; margin-right: .2rem;
  outline: 1px solid color-mix(in srgb, currentColor 40%, transparent); outline-offset: -1px}
.dssm-truncated {text-decoration: line-through}
.dssm-skipped {outline: 1px dashed currentColor; outline-offset: -1px}
.dssm-truncated, .dssm-skipped, .dssm-rest {
  background: color-mix(in srgb, currentColor 9%, transparent)}
.dssm-t sup {font-size: .64rem; padding-left: .12rem; font-variant-numeric: tabular-nums;
  line-height: 0}
.dssm-label {font-weight: 600; font-size: .9rem; margin: 0 0 .3rem}
div + div > .dssm-label {margin-top: .9rem}
.dssm-legend {display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; font-size: .85rem;
  margin-top: .9rem; line-height: 1.9}
.dssm-ruler {border-collapse: collapse; font-size: .9rem}
.dssm-ruler th, .dssm-ruler td {text-align: start; font-weight: 400;
  padding: .25rem 1.2rem .25rem 0}
.dssm-ruler thead th {font-weight: 600}
.dssm-ruler .number {font-variant-numeric: tabular-nums; text-align: end}
.dssm-hidden {position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap}
"""

CHAIN = """
.dssm-chain {display: flex; flex-wrap: wrap; gap: .6rem}
.dssm-chain > div {flex: 1 1 9rem; padding: .7rem .9rem; border-radius: .5rem; position: relative;
  border: 1px solid color-mix(in srgb, currentColor 18%, transparent)}
.dssm-chain > .step {margin-left: .9rem}
.dssm-chain > .step::before {content: "→"; position: absolute; left: -1.3rem; top: 2rem;
  font-size: 1.1rem}
.dssm-chain > .apart {flex-basis: 7rem;
  background: color-mix(in srgb, currentColor 5%, transparent)}
.dssm-chain .name {font-size: .875rem; font-weight: 600}
.dssm-chain .number {font-size: 1.6rem; line-height: 1.35; font-variant-numeric: tabular-nums}
.dssm-chain .how {font-size: .875rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere}
.dssm-chain .about {font-size: .8rem; line-height: 1.45; margin-top: .3rem}
.dssm-narrow .dssm-chain > .apart {flex-basis: 38%}
@media (max-width: 40rem) {.dssm-brief .dssm-chain > .step::before {display: none}}
.dssm-brief .dssm-chain {gap: .5rem; margin-bottom: .6rem}
.dssm-brief .dssm-chain > div {flex: 1 1 6.5rem; padding: .3rem .6rem}
.dssm-brief .dssm-chain > .first + .step {flex-grow: 3}
.dssm-brief .dssm-chain > .step::before {top: .75rem; left: -1.15rem}
.dssm-brief .number {font-size: 1.15rem; line-height: 1.3}
.dssm-brief .how {font-size: .75rem; line-height: 1.3}
.dssm-brief .about, .dssm-brief .how + .how {display: none}
.dssm-brief .dssm-label, .dssm-brief div > .dssm-text {display: inline}
.dssm-brief .dssm-label {margin: 0 .6rem 0 0}
.dssm-brief > div + div {margin-top: .5rem}
@media (max-width: 40rem) {.dssm-chain > div {flex-basis: 38%}
  .dssm-chain > .step, .dssm-chain > .first {flex-basis: 100%; margin-left: 0}
  .dssm-chain > .step::before {content: "↓"; left: .9rem; top: -1.05rem}
}
"""

MESSAGES = f"""
.dssm-message {{border-radius: .5rem; padding: .65rem .9rem; border-left: 4px solid;
  line-height: 1.5; overflow-wrap: anywhere; font-size: .95rem}}
.dssm-message code {{font-size: .85em; white-space: pre-wrap; color: inherit;
  background: color-mix(in srgb, currentColor 10%, transparent); border-radius: .2rem;
  padding: 0 .25rem}}
.dssm-error {{border-color: {ERROR}; background: color-mix(in srgb, {ERROR} 12%, transparent)}}
.dssm-warning {{border-color: {WARNING};
  background: color-mix(in srgb, {WARNING} 13%, transparent)}}
.dssm-note {{border-color: {NOTE}; background: color-mix(in srgb, {NOTE} 10%, transparent);
  font-size: .875rem}}
.dssm-quiet {{font-size: .9rem; line-height: 1.5; margin: 0}}
.dssm-wait::before {{content: ""; display: inline-block; width: .8em; height: .8em;
  margin-right: .5em; border-radius: 50%; vertical-align: -.05em; border: 2px solid currentColor;
  border-right-color: transparent; animation: dssm-turn 1s linear infinite}}
@keyframes dssm-turn {{to {{transform: rotate(1turn)}}}}
@media (prefers-reduced-motion: reduce) {{.dssm-wait::before {{animation: none}}}}
.dssm-lead {{font-size: 1.1rem; font-weight: 600; line-height: 1.4; margin: 0}}
.dssm-reason {{font-weight: 600; line-height: 1.5; margin: 0; overflow-wrap: anywhere}}
.dssm-before {{display: none}}
.dssm-typing .dssm-before {{display: block}}
.dssm-typing .st-key-compare-result, .dssm-typing .st-key-compare-bars {{opacity: .35}}
"""

COUNTS = f"""
.dssm-counts {{display: flex; flex-wrap: wrap; gap: .6rem}}
.dssm-counts > div {{flex: 1 1 9rem; padding: .55rem .8rem; border-radius: .5rem;
  border: 1px solid color-mix(in srgb, currentColor 18%, transparent)}}
.dssm-counts > .wrong {{border-color: {ERROR};
  background: color-mix(in srgb, {ERROR} 8%, transparent)}}
.dssm-counts .name {{font-size: .875rem; font-weight: 600}}
.dssm-counts .number {{font-size: 1.45rem; line-height: 1.35; font-variant-numeric: tabular-nums}}
.dssm-counts .about {{font-size: .8rem; line-height: 1.4}}
@media (max-width: 40rem) {{.dssm-counts > div {{flex-basis: 38%}}}}
"""

CANDIDATES = f"""
.dssm-candidate {{margin: -.6rem 0 .35rem 1.75rem; font-size: .9rem; line-height: 1.45}}
.dssm-candidate .text {{overflow-wrap: anywhere; display: -webkit-box; -webkit-box-orient: vertical;
  -webkit-line-clamp: 3; overflow: hidden}}
.dssm-candidate .marks {{display: flex; flex-wrap: wrap; gap: .15rem .5rem; font-size: .8rem;
  margin-top: .15rem}}
.dssm-candidate .marks span {{border-radius: .25rem; padding: 0 .4rem;
  border: 1px solid color-mix(in srgb, currentColor 30%, transparent)}}
.dssm-candidate .marks .relevant {{font-weight: 600; border-color: {RELEVANT}; border-width: 2px}}
.dssm-candidate .marks .irrelevant {{
  font-weight: 600; border-color: {IRRELEVANT}; border-width: 2px}}
.dssm-candidate .marks .both {{background: color-mix(in srgb, currentColor 10%, transparent)}}
"""

CHARTS = """
.dssm-lit {filter: drop-shadow(0 0 3px currentColor) brightness(1.15)}
[data-testid="stVegaLiteChart"] svg path, [data-testid="stVegaLiteChart"] svg text {
  transition: transform .3s ease, d .3s ease}
@media (prefers-reduced-motion: reduce) {
  [data-testid="stVegaLiteChart"] svg path, [data-testid="stVegaLiteChart"] svg text {
    transition: none}
}
"""

PAGE = """
[data-testid="stMainBlockContainer"] {max-width: 116rem; padding: 3.9rem 2.2rem 4rem}
[data-testid="stBaseButton-primary"], [data-testid="stBaseButton-primary"]:hover {
  background: #005A8F; border-color: #005A8F; color: #FFFFFF}
[data-testid="stColumn"]:has(> * > * > .st-key-inspect-list) {align-self: stretch}
[data-testid="stColumn"]:has(> * > * > .st-key-inspect-list) > * {height: 100%}
@media (min-width: 40rem) {
  [data-testid="stColumn"] > * > :has(> .st-key-inspect-list) {position: sticky; top: 4rem}
}
[data-testid="stTopNavLink"]:focus-visible, summary:focus-visible {
  outline: 2px solid currentColor; outline-offset: 2px}
.st-key-page-head h1 {font-size: 1.35rem; padding: 0}
.st-key-compare-inputs label {min-height: 0}
@media (max-width: 40rem) {
  [data-testid="stMainBlockContainer"] {padding-left: 1rem; padding-right: 1rem}
}
"""

SHEET = f"<style>{MARKS}{CHAIN}{MESSAGES}{COUNTS}{CANDIDATES}{CHARTS}{PAGE}</style>"
"""For the pages themselves."""
