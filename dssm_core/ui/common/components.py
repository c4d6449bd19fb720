"""The pieces of a page: messages, shaded tokens, the score chain.

User text reaches the page in three ways only: as a widget's value, as data of a chart or table, and
through `escape`. None of them reads HTML or Markdown.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import streamlit as st

from dssm_core import charts
from dssm_core.errors import UserError
from dssm_core.quantities import format_number, format_term
from dssm_core.reporting.html import escape as escape
from dssm_core.scoring import Head, ScoredDocument
from dssm_core.towers import ScoredToken
from dssm_core.ui.common.language import language, tr, translator
from dssm_core.words import LANGUAGES, join_texts

Kind = Literal["error", "warning", "note"]

MOST_TOKENS = 300
"""Tokens of one text that are drawn; what follows is told as a number of characters."""

LONGEST_GAP = 400
"""Characters between two tokens that are drawn."""


def ink() -> str:
    """Return the colour of text inside charts that suits the page's theme."""
    return "#E8EDF2" if st.context.theme.type == "dark" else charts.INK


def show_title(title: str) -> None:
    """Show a page's title with the language switch beside it."""
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.title(title, anchor=False, width="content")
        st.segmented_control(
            tr("language"),
            list(LANGUAGES),
            format_func=lambda key: LANGUAGES[key],
            default=language(),
            key="page.language",
            required=True,
            label_visibility="collapsed",
            persist_state="session",
        )


def message_html(kind: Kind, text: str, found: str = "", hint: str = "") -> str:
    """Return a message: what is wrong, what was found, the way out; all of it plain text."""
    name = "" if kind == "note" else f"<strong>{escape(tr(kind))}.</strong> "
    received = f" {escape(tr('found'))} <code>{escape(found)}</code>" if found else ""
    role = "alert" if kind == "error" else "status"
    return (
        f'<div class="dssm-message dssm-{kind}" role="{role}">{name}{escape(text)}'
        f"{received} {escape(hint)}</div>"
    )


def show_message(kind: Kind, text: str, found: str = "", hint: str = "") -> None:
    """Show a message."""
    st.html(message_html(kind, text, found, hint))


def show_error(error: UserError) -> None:
    """Show trouble that a person can put right."""
    show_message("error", error.what(translator()), error.received, error.hint(translator()))


@contextmanager
def failures_shown(painting: str) -> Iterator[None]:
    """Show what fails as a message: no traceback reaches the page, and its log has the rest.

    Args:
        painting: what is painted, for the log.
    """
    try:
        yield
    except UserError as error:
        show_error(error)
    except Exception:
        logging.getLogger(__name__).exception("painting %s", painting)
        show_message("error", tr("crash"))


def show_notes(notes: Sequence[str]) -> None:
    """Show lesser remarks as one list; nothing where there are none."""
    if notes:
        items = "".join(f'<div role="listitem">{escape(note)}</div>' for note in notes)
        st.html(f'<div class="dssm-message dssm-note" role="list">{items}</div>')


def show_lead(text: str) -> None:
    """Show the finding, larger than the rest."""
    st.html(f'<p class="dssm-lead">{escape(text)}</p>')


def show_chart(chart: charts.Drawing, key: str, **more: Any) -> None:
    """Show a chart that is drawn anew at every edit.

    Args:
        chart: the chart.
        key: of the element.
        more: as for `st.vega_lite_chart`.
    """
    specification = chart.to_dict()
    del specification["config"]  # Altair's sizes; the page has its own
    st.vega_lite_chart(specification, width="stretch", key=key, **more)


def show_quiet(text: str, *, is_wait: bool = False) -> None:
    """Show a sentence of explanation, or of what is being waited for."""
    kind = ' dssm-wait" role="status' if is_wait else ""
    st.html(f'<p class="dssm-quiet{kind}">{escape(text)}</p>')


def listed(items: Iterable[str], most: int = 12) -> str:
    """Return items in a sentence, the first few by name and the others as a number.

    Example:
        >>> listed(["a", "b"])
        'a, b'
    """
    names = list(items)
    rest = [tr("others", number=len(names) - most)] if len(names) > most else []
    return tr("comma").join([*names[:most], *rest])


def highest_weight(*texts: Sequence[ScoredToken]) -> float:
    """Return the largest attention weight of some texts, the darkest shade; 0 without any."""
    return max((token.attention or 0.0 for tokens in texts for token in tokens), default=0.0)


def token_html(heading: str, text: str, tokens: Sequence[ScoredToken], highest: float) -> str:
    """Return a text as escaped HTML, each token shaded by its attention weight and marked.

    Args:
        heading: what text this is.
        text: the whole text; what stands between tokens is kept.
        tokens: its tokens with their offsets, in reading order.
        highest: weight of the darkest shade.
    """
    parts, end = [], 0
    for token in tokens[:MOST_TOKENS]:
        parts.append(_gap(text[end : token.start]))
        parts.append(_token_html(text[token.start : token.end], token, highest))
        end = token.end
    rest = text[end:]
    if len(tokens) > MOST_TOKENS:
        parts.append(f'<span class="dssm-rest">{escape(tr("more", number=len(rest)))}</span>')
    else:
        parts.append(_gap(rest))
    return (
        f'<p class="dssm-label">{escape(heading)}</p>'
        f'<p class="dssm-text" dir="auto">{"".join(parts)}</p>'
    )


def _gap(text: str) -> str:
    rest = len(text) - LONGEST_GAP
    if rest <= 0:
        return escape(text)
    more = f'<span class="dssm-rest">{escape(tr("more", number=rest))}</span>'
    return escape(text[:LONGEST_GAP]) + more


def _token_html(word: str, token: ScoredToken, highest: float) -> str:
    """Return one token; its weight is drawn where it is worth seeing, and told in any case."""
    is_read = token.is_read
    weight = token.attention if is_read else None
    about = [] if weight is None else [tr("weight", weight=weight)]
    about += [] if token.state == "seen" else [tr(f"mark.{token.state}")]
    # at most half, so that the theme's text colour is readable on every shade
    shade = 0.5 * min(1.0, weight / highest) if weight and highest > 0 else 0.0
    style = f' style="background: rgba(0,114,178,{shade:.3f})"' if shade else ""
    number = (
        f"<sup>{format_number(weight, 'weight')}</sup>"
        if weight and weight >= 0.1 * highest
        else ""
    )
    words = escape(tr("comma").join(about))
    told = "" if number and token.state == "seen" else f" ({words})"
    return (
        f'<span class="dssm-t dssm-{token.state}"{style} title="{words}">'
        f"{escape(word)}{number}"
        + (f'<span class="dssm-hidden">{told}</span>' if about and told else "")
        + "</span>"
    )


def legend_html() -> str:
    """Return the legend of the marks."""
    word = escape(tr("legend.word"))
    items = "".join(
        f'<div role="listitem"><span class="dssm-t dssm-{state}" aria-hidden="true">{word}</span> '
        f"{escape(tr(f'mark.{state}'))}</div>"
        for state in ("seen", "letters", "truncated", "skipped")
    )
    return f'<div class="dssm-legend" role="list" aria-label="{escape(tr("legend"))}">{items}</div>'


def chain_html(result: ScoredDocument, head: Head, documents: int, threshold: float) -> str:
    """Return a document's numbers in order, each with how it comes from the one before."""
    if result.cosine is None or result.logit is None or result.probability is None:
        return f'<p class="dssm-quiet">{escape(tr("nothing"))}</p>'
    product = tr(
        "chain.product",
        scale=head.scale,
        cosine=result.cosine,
        bias=format_term(head.bias, "parameter"),
    )
    verdict = _verdict(result.probability, threshold)
    squashed = f"= sigmoid({format_number(result.logit, 'logit')}) {verdict}"
    rank = tr("rank.of", rank=result.rank, number=documents)
    items = [
        _link("first", "cosine", format_number(result.cosine, "cosine")),
        _link("step", "logit", format_number(result.logit, "logit"), product),
        _link("step", "probability", format_number(result.probability, "probability"), squashed),
        _link("apart", "rank", rank),
    ]
    if result.percentile is not None:
        items.append(_link("apart", "percentile", format_number(result.percentile, "percentile")))
    return f'<div class="dssm-chain" role="list">{"".join(items)}</div>'


def _link(kind: str, name: str, number: str, how: str = "") -> str:
    """Return one number with its name, how it was worked out, and what it means."""
    worked = f'<div class="how">{escape(how)}</div>' if how else ""
    return (
        f'<div class="{kind}" role="listitem"><div class="name">{escape(tr(name))}</div>'
        f'<div class="number">{escape(number)}</div>{worked}'
        f'<div class="about">{escape(tr(f"{name}.help"))}</div></div>'
    )


def _verdict(probability: float, threshold: float) -> str:
    key = "above" if probability >= threshold else "below"
    return f"· {tr(key, threshold=threshold)}"


def show_head(head: Head) -> None:
    """Say what probabilities the model can give, and whether they rank as cosines do."""
    if head.scale < 0:
        show_message("error", tr("backwards", scale=head.scale))
    elif head.scale == 0:
        show_message("error", tr("flat"))
    low, high = (format_number(probability, "probability") for probability in head.reachable)
    alike = [tr("alike")] if head.scale > 0 else []
    show_quiet(join_texts(*alike, tr("reach", low=low, high=high)))
