"""HTML in what commands read: counted, and taken out where --strip-html is given."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable

from dssm_core.words import Sentence


def add_strip(parser: argparse._ActionsContainer) -> None:
    """Add --strip-html."""
    parser.add_argument(
        "--strip-html",
        action="store_true",
        help="take tags of HTML out of the texts, and put characters for its entities",
    )


def without_html(texts: Iterable[str]) -> list[str]:
    """Return texts as a browser shows them."""
    from dssm_core.corpus.markup import strip_markup

    return [strip_markup(text) for text in texts]


def html_said(texts: Collection[str]) -> Sentence:
    """Return how many of some texts have HTML, and how to take it out."""
    from dssm_core.corpus.markup import markup_spans

    return html_counted(sum(bool(markup_spans(text)) for text in texts), len(texts))


def html_counted(number: int, texts: int) -> Sentence:
    """Return the same where they were counted elsewhere."""
    return Sentence("collection.html", {"number": number, "texts": texts})
