"""HTML in texts: told from what only looks like it, and taken out as a browser would."""

from __future__ import annotations

import pytest

from dssm_core.corpus.markup import markup_spans, strip_markup
from tests import ROOT

CASE = ROOT / "tests" / "fixtures" / "cases" / "17-html.txt"


def test_all_ways_to_write_a_sentence_in_html_become_the_sentence():
    lines = CASE.read_text("utf-8").splitlines()
    assert {strip_markup(line) for line in lines[:3]} == {"Use mount to attach a drive."}
    assert strip_markup(lines[3]) == "Use mount to attach a drive."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<p>A clock for <b>chess</b> games&#8217; end.</p>", "A clock for chess games’ end."),
        ("<td>red</td><td>door</td>", "red door"),
        ("un<b>believ</b>able<br/>wall", "unbelievable wall"),
        ("<!-- a note --><IMG SRC='x.png'>door", "door"),
        ("R&amp;D &lt; 5&nbsp;%", "R&D < 5 %"),
        ("&#x27;a&#39; &hearts;", "'a' ♥"),
    ],
)
def test_tags_go_and_entities_become_what_they_stand_for(text, shown):
    assert strip_markup(text) == shown


@pytest.mark.parametrize(
    "text",
    ["std::vector<int> a;", "x < y  and y > z", "AT&T; R&D", "<3 you", "a&nosuch; b", "if a<b", ""],
)
def test_what_only_looks_like_html_stays_as_it_is(text):
    assert markup_spans(text) == []
    assert strip_markup(text) == text


@pytest.mark.parametrize("part", ["<a ", "<", "&amp", "<!--", "<a href='", "</"])
def test_html_that_never_ends_is_gone_through(part):
    assert markup_spans(part * 20_000) == []


def test_an_entity_inside_a_tag_is_part_of_the_tag():
    text = '<a href="?a=1&amp;b=2">Use</a>'
    assert [text[a:b] for a, b in markup_spans(text)] == ['<a href="?a=1&amp;b=2">', "</a>"]
