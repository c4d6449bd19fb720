"""HTML in texts: found, so that its cost can be told, and taken out."""

from __future__ import annotations

import html

import regex

_INLINE = (
    "a|abbr|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|ins|kbd|mark|q|s|samp|small|span|"
    "strike|strong|sub|sup|time|tt|u|var|wbr"
)
_BLOCK = (
    "address|article|aside|blockquote|body|br|button|caption|center|col|colgroup|dd|details|"
    "div|dl|dt|embed|fieldset|figcaption|figure|footer|form|h[1-6r]|head|header|html|iframe|"
    "img|input|label|legend|li|link|main|meta|nav|object|ol|option|p|param|picture|pre|script|"
    "section|select|source|style|summary|svg|table|tbody|td|textarea|tfoot|th|thead|title|tr|"
    "ul|video|audio"
)

# A name of HTML's own, so that std::vector<int> has no tag; no < inside, so that a text of many <
# is gone through once.
_A_TAG = rf"<(?:/?(?P<name>{_INLINE}|{_BLOCK})(?=[\s/>])|!--|!doctype)[^<>]*>"
_AN_ENTITY = r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
_TAG = regex.compile(_A_TAG, regex.IGNORECASE)
_ENTITY = regex.compile(_AN_ENTITY)
_MARKUP = regex.compile(f"{_A_TAG}|{_AN_ENTITY}", regex.IGNORECASE)


def markup_spans(text: str) -> list[tuple[int, int]]:
    """Return where a text has tags and entities of HTML, in order.

    Example:
        >>> markup_spans("<b>red</b> &amp; x < y, vector<int>")
        [(0, 3), (6, 10), (11, 16)]
    """
    found = _MARKUP.finditer(text)
    return [m.span() for m in found if m[0][0] == "<" or html.unescape(m[0]) != m[0]]


def strip_markup(text: str) -> str:
    """Return a text without tags, with what its entities stand for, as a browser shows it.

    Tags that were written as entities are taken out, too. A text without HTML stays as it is.

    Example:
        >>> strip_markup("&lt;p&gt;Use <b>mount</b>&nbsp;to&#8217;s</p>")
        'Use mount to’s'
    """
    if not markup_spans(text):
        return text
    untagged = _TAG.sub(_space, text)
    shown = _ENTITY.sub(lambda match: html.unescape(match[0]), untagged)
    return " ".join(_TAG.sub(_space, shown).split())


def _space(tag: regex.Match[str]) -> str:
    """Return what a browser puts in a tag's place: nothing inside a line, else a break."""
    return "" if (tag["name"] or "").lower() in _INLINE.split("|") else " "
