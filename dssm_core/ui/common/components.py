"""The pieces of a page: messages, shaded tokens, the score chain.

User text reaches the page in four ways only: as a widget's value, as data of a chart or table,
through `escape`, and through `unformatted` where Streamlit reads Markdown, as in labels and toasts.
None of them reads HTML or Markdown.
"""

from __future__ import annotations

import logging
import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal, get_args

import streamlit as st

from dssm_core.charts.base import ATTENTION
from dssm_core.errors import UserError
from dssm_core.quantities import format_number, format_term
from dssm_core.reporting.html import escape as escape
from dssm_core.scoring import Head, ScoredDocument
from dssm_core.text import ADDED_STATES, VECTOR_STATES, State
from dssm_core.towers import ScoredToken
from dssm_core.ui.common import theme
from dssm_core.ui.common.language import language, tr, translator
from dssm_core.ui.common.security_headers import (
    ADDRESS_SCRIPT,
    LANGUAGE_SCRIPT,
    LINK_SCRIPT,
)
from dssm_core.words import LANGUAGES, join_texts

Kind = Literal["error", "warning", "note"]

MAX_TOKENS = 300
"""Tokens of one text that are drawn; of the rest its number of characters is given."""

MANY_TOKENS, EXCERPT = 60, 8
"""A text of more tokens is folded; and of how many words its excerpt is."""

MAX_GAP = 400
"""Characters between two tokens that are drawn."""


def unformatted(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line.

    Example:
        >>> unformatted("a *b* $c$")
        'a \\\\*b\\\\* \\\\$c\\\\$'
    """
    escaped = re.sub(f"([{re.escape(string.punctuation)}])", r"\\\1", " ".join(text.split()))
    return escaped.replace(":", ":\N{WORD JOINER}")  # which no name of an emoji has in it


def show_title(title: str, about: str = "", beside: Callable[[], None] | None = None) -> None:
    """Show a page's title in one line with what it is about and the language switch.

    Args:
        title: of the page.
        about: a sentence beside the title.
        beside: shows what stands before the language switch.
    """
    with st.container(horizontal=True, vertical_alignment="center", key="page-head"):
        st.title(title, anchor=False, width="content")
        with st.container(width="stretch"):
            show_quiet(about)
        if beside:
            beside()
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
        st.html(
            f'<script data-language="{tr("language.code")}">{LANGUAGE_SCRIPT}</script>',
            width="content",
            unsafe_allow_javascript=True,
        )


def message_html(kind: Kind, text: str, received: str = "", hint: str = "") -> str:
    """Return a message: what is wrong, what was received, the way out; all of it plain text."""
    name = "" if kind == "note" else f"<strong>{escape(tr(kind))}.</strong> "
    code = f"<code>{escape(received)}</code>"
    shown = f" {escape(tr('found'))} {code}{escape(tr('full stop'))}" if received else ""
    role = "alert" if kind == "error" else "status"
    return (
        f'<div class="dssm-message dssm-{kind}" role="{role}">{name}{escape(text)}'
        f"{shown} {escape(hint)}</div>"
    )


def show_message(kind: Kind, text: str, received: str = "", hint: str = "") -> None:
    """Show a message."""
    st.html(message_html(kind, text, received, hint))


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


def show_folded(label: str, key: str, show: Callable[[], None]) -> None:
    """Show what opens on a click, and is made only then: closed, it costs an edit nothing.

    Args:
        label: what a person clicks.
        key: of the element.
        show: shows what is inside.
    """
    with st.expander(label, key=key, on_change="rerun") as inside:
        if inside.open:
            show()


def show_lead(text: str) -> None:
    """Show the finding, larger than the rest."""
    st.html(f'<p class="dssm-lead">{escape(text)}</p>')


def show_quiet(text: str, *, is_wait: bool = False) -> None:
    """Show a sentence of explanation, or of what is being waited for."""
    kind = ' dssm-wait" role="status' if is_wait else ""
    st.html(f'<p class="dssm-quiet{kind}">{escape(text)}</p>')


def keep_address(packed: str | None) -> None:
    """Put a link into the address bar; None takes it out.

    By script, because st.query_params adds an entry to the browser's history with every change.
    """
    address = f"?view={packed}" if packed else ""  # base64url: safe in an attribute
    st.html(
        f'<script data-address="{address}">{ADDRESS_SCRIPT}</script><script>{LINK_SCRIPT}</script>',
        unsafe_allow_javascript=True,
    )


def show_link(packed: str, about: str, end: str = "") -> None:
    """Show a link, to be copied.

    Args:
        packed: what it restores, as `state.packed` returns it.
        about: what it carries.
        end: of the page's address, where that is a folder's.
    """
    with st.expander(tr("share.link"), icon=":material/link:"):
        show_quiet(about)
        address = (st.context.url or "").split("?")[0].rstrip("/")
        st.code(f"{address}{end}?view={packed}", language=None, wrap_lines=True)


def show_hidden(text: str) -> None:
    """Say something to a screen reader alone."""
    st.html(f'<p class="dssm-hidden" role="status">{escape(text)}</p>')


def show_reason(text: str) -> None:
    """Show the sentence that says why."""
    st.html(f'<p class="dssm-reason">{escape(text)}</p>')


def listed(items: Iterable[str], most: int = 12) -> str:
    """Return items in a sentence, the first few by name and the others as a number.

    Example:
        >>> listed(["a", "b"])
        'a, b'
    """
    names = list(items)
    rest = [tr("others", number=len(names) - most)] if len(names) > most else []
    return tr("comma").join([*names[:most], *rest])


def token_html(heading: str, text: str, tokens: Sequence[ScoredToken]) -> str:
    """Return a text as escaped HTML, each token shaded by its attention weight and marked.

    The darkest shade is the text's own largest weight: weights of a text sum to 1, so those of a
    long one are all small. Of a long text its strongest words stand first, and the rest is folded.

    Args:
        heading: what text this is.
        text: the whole text; what stands between tokens is kept.
        tokens: its tokens with their offsets, in reading order.
    """
    highest = max((token.attention or 0.0 for token in tokens), default=0.0)
    parts, end = [], 0
    for token in tokens[:MAX_TOKENS]:
        parts.append(_gap(text[end : token.start]))
        word = token.text if token.state in ADDED_STATES else text[token.start : token.end]
        parts.append(_token_html(word, token, highest))
        end = token.end
    rest = text[end:]
    if len(tokens) > MAX_TOKENS:
        parts.append(f'<span class="dssm-rest">{escape(tr("more", number=len(rest)))}</span>')
    else:
        parts.append(_gap(rest))
    whole = f'<p class="dssm-text" dir="auto">{"".join(parts)}</p>'
    if len(tokens) > MANY_TOKENS:
        excerpt = _excerpt_html(text, tokens, highest)
        more = escape(tr("text.whole", number=len(tokens)))
        whole = f"{excerpt}<details><summary>{more}</summary>{whole}</details>"
    return f'<div><p class="dssm-label">{escape(heading)}</p>{whole}</div>'


def _excerpt_html(text: str, tokens: Sequence[ScoredToken], highest: float) -> str:
    """Return the words with the largest weights, or without weights the first ones."""
    read = [n for n, token in enumerate(tokens[:MAX_TOKENS]) if token.is_read]
    if highest:
        read.sort(key=lambda n: -(tokens[n].attention or 0.0))
    words = [
        _token_html(text[tokens[n].start : tokens[n].end], tokens[n], highest)
        for n in sorted(read[:EXCERPT])
    ]
    between = " … " if highest else " "
    return f'<p class="dssm-text" dir="auto">{between.join(words)} …</p>'


def _gap(text: str) -> str:
    rest = len(text) - MAX_GAP
    if rest <= 0:
        return escape(text)
    more = f'<span class="dssm-rest">{escape(tr("more", number=rest))}</span>'
    return escape(text[:MAX_GAP]) + more


def _token_html(word: str, token: ScoredToken, highest: float) -> str:
    """Return one token; a low weight is only in its title and for screen readers."""
    weight = token.attention if token.state in VECTOR_STATES else None
    about = [] if weight is None else [tr("weight", weight=weight)]
    about += [] if token.state == "seen" else [tr(f"mark.{token.state}")]
    about += [token.pieces] if token.pieces else []
    # at most half, so that the theme's text colour is readable on every shade
    shade = 0.5 * min(1.0, weight / highest) if weight and highest > 0 else 0.0
    style = f' style="background: {theme.tint(ATTENTION, shade)}"' if shade else ""
    is_high = weight is not None and weight > 0 and weight >= 0.1 * highest
    number = f"<sup>{format_number(weight, 'weight')}</sup>" if is_high else ""
    title = escape(tr("comma").join(about))
    hidden = "" if number and token.state == "seen" else f" ({title})"
    return (
        f'<span class="dssm-t dssm-{token.state}"{style} title="{title}">'
        f"{escape(word)}{number}"
        + (f'<span class="dssm-hidden">{hidden}</span>' if about and hidden else "")
        + "</span>"
    )


def legend_html(*texts: Sequence[ScoredToken]) -> str:
    """Return the legend of the marks that are on tokens of these texts; "" without any."""
    marks = {token.state for tokens in texts for token in tokens}
    if marks <= {"seen"}:
        return ""
    word = escape(tr("legend.word"))
    items = "".join(
        f'<div role="listitem"><span class="dssm-t dssm-{state}" aria-hidden="true">{word}</span> '
        f"{escape(tr(f'mark.{state}'))}</div>"
        for state in get_args(State)
        if state in marks
    )
    return f'<div class="dssm-legend" role="list" aria-label="{escape(tr("legend"))}">{items}</div>'


def chain_html(result: ScoredDocument, head: Head, documents: int, threshold: float) -> str:
    """Return a document's numbers in order, each with how it comes from the one before."""
    if result.cosine is None:
        return f'<p class="dssm-quiet">{escape(tr("nothing"))}</p>'
    items = [_link("first", "cosine", format_number(result.cosine, "cosine"))]
    if result.logit is not None and result.probability is not None:
        logit = format_number(result.logit, "logit")
        probability = format_number(result.probability, "probability")
        verdict = _verdict(result.probability, threshold)
        items.append(_link("step", "logit", logit, _product(result.cosine, head)))
        items.append(_link("step", "probability", probability, f"= sigmoid({logit})", verdict))
    items.append(_link("apart", "rank", tr("rank.of", rank=result.rank, number=documents)))
    if result.percentile is not None:
        items.append(_link("apart", "percentile", format_number(result.percentile, "percentile")))
    return f'<div class="dssm-chain" role="list">{"".join(items)}</div>'


def ruler_html(values: Mapping[str, float]) -> str:
    """Return one cosine on several scales, as `scoring.scales` gives them, as a table."""
    rows = "".join(
        f'<tr><th scope="row">{escape(tr(f"ruler.{name}"))}</th>'
        f'<td class="number">{format_number(value, "cosine")}</td>'
        f"<td>{escape(tr(f'ruler.{name}.help'))}</td></tr>"
        for name, value in values.items()
    )
    names = (tr("ruler.scale"), tr("ruler.value"), tr("ruler.reads"))
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    return f'<table class="dssm-ruler"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _product(cosine: float, head: Head) -> str:
    bias = format_term(head.bias, "parameter")
    return tr("chain.product", scale=head.scale, cosine=cosine, bias=bias)


def _link(kind: str, name: str, number: str, *how: str) -> str:
    """Return one number with its name, how it was worked out, and what it means."""
    worked = "".join(f'<div class="how">{escape(line)}</div>' for line in how)
    about = escape(tr(f"{name}.help"))
    return (
        f'<div class="{kind}" role="listitem" title="{about}">'
        f'<div class="name">{escape(tr(name))}</div>'
        f'<div class="number">{escape(number)}</div>{worked}'
        f'<div class="about">{about}</div></div>'
    )


def _verdict(probability: float, threshold: float) -> str:
    key = "above" if probability >= threshold else "below"
    return tr(key, threshold=threshold)


def show_head(head: Head) -> None:
    """Say what probabilities the model can give, and whether they rank as cosines do."""
    show_head_trouble(head)
    show_quiet(head_reach(head))


def show_head_trouble(head: Head) -> None:
    """Say where a model's probabilities are of no use."""
    if head.scale < 0:
        show_message("error", tr("backwards", scale=head.scale))
    elif head.scale == 0:
        show_message("error", tr("flat"))


def head_reach(head: Head) -> str:
    """Return between what the model's probabilities lie, and that they rank as cosines do."""
    low, high = (format_number(end, "probability") for end in head.reachable)
    alike = [tr("alike")] if head.scale > 0 else []
    return join_texts(*alike, tr("reach", low=low, high=high))
