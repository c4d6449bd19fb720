"""Pages that are one file, by templates: no script, no request, only what is given.

The templates lie in `templates/`, with the one style sheet. Every value is escaped where it is put
in, but for Markup: what was escaped before, and charts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import markupsafe

from dssm_core.charts import Chart, Drawing
from dssm_core.charts.svg import plain_svg
from dssm_core.quantities import format_number
from dssm_core.words import Translate, join_texts


class Table(NamedTuple):
    """A table, the first cell of each row its heading.

    Attributes:
        caption: plain text.
        columns: the heading of each, and the quantity by which its numbers are written, as
            `format_number` has it; "" for texts.
        rows: a cell a column: a text, or a number, None for none.
    """

    caption: str
    columns: Sequence[tuple[str, str]]
    rows: Iterable[Sequence[Any]]


class Figure(NamedTuple):
    """A chart with its finding in words.

    Attributes:
        heading: plain text.
        finding: what the chart shows, plain text.
        caption: the finding and how to read it, plain text.
        svg: the chart.
    """

    heading: str
    finding: str
    caption: str
    svg: markupsafe.Markup

    @classmethod
    def of(cls, heading: str, chart: Chart | Drawing, reading: str, width: int = 350) -> Figure:
        """Draw a chart that was made with ink "currentColor", its description the finding."""
        drawn = chart.more["description"] if isinstance(chart, Drawing) else chart.description
        finding = str(drawn)
        svg = markupsafe.Markup(plain_svg(chart, width))
        return cls(heading, finding, join_texts(finding, reading), svg)


def escape(text: str) -> str:
    r"""Return a text as HTML that shows it as it is, control characters as their pictures.

    Example:
        >>> escape("<b>\x07")
        '&lt;b&gt;␇'
    """
    return str(markupsafe.escape(_visible(text)))


def render(template: str, tr: Translate, **values: Any) -> bytes:
    """Return a whole file, UTF-8.

    Args:
        template: its name in the folder of templates; it extends page.html.j2.
        tr: gives the texts.
        values: what it names, with the title of the page.
    """
    return _TEMPLATES.get_template(template).render(values, tr=tr).encode("utf-8", "replace")


def _visible(value: Any) -> Any:
    """Return a text with pictures of its control characters; Markup and others as they are."""
    if not isinstance(value, str) or isinstance(value, markupsafe.Markup):
        return value
    return _CONTROLS.sub(_picture, value)


_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def _picture(control: re.Match[str]) -> str:
    code = ord(control[0])
    return chr(0x2400 + code) if code < 32 else "\ufffd"


_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    finalize=_visible,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["number"] = format_number
_TEMPLATES.globals["zip"] = zip
