"""Charts as inline SVG, drawn without browser or network."""

from __future__ import annotations

import logging
from typing import Any

from dssm_core.charts.base import Chart, Drawing

FRAME = "#7A7F8788"
"""Grids and frames, to be seen on light and on dark."""


def plain_svg(chart: Chart | Drawing, width: int = 350) -> str:
    """Return a chart as inline SVG without title, in the text colour of the page it stands in.

    What only waits for clicks is left out.

    Args:
        chart: one layered view, made with ink "currentColor".
        width: of the whole, axes included, in pixels.
    """
    whole = chart.to_dict()
    specification = {k: value for k, value in whole.items() if k not in ("title", "params")}
    specification |= {
        "layer": [layer for layer in whole["layer"] if not _is_invisible(layer)],
        "width": width,
        "autosize": {"type": "fit", "contains": "padding"},
        "padding": 2,
        "background": None,
    }
    ink = {"labelColor": "currentColor", "titleColor": "currentColor"}
    lines = {"gridColor": FRAME, "domainColor": FRAME, "tickColor": FRAME}
    specification["config"] = {
        **specification.get("config", {}),
        "axis": {**ink, **lines},
        "legend": ink,
        "view": {"stroke": FRAME},
    }
    return _draw(specification)


def _is_invisible(layer: dict[str, Any]) -> bool:
    mark = layer.get("mark")
    return isinstance(mark, dict) and mark.get("opacity") == 0


def _draw(specification: dict[str, Any]) -> str:
    try:
        import vl_convert

        return str(vl_convert.vegalite_to_svg(specification))
    except Exception:  # a picture that cannot be drawn must not cost the numbers
        logging.getLogger(__name__).exception("drawing a chart")
        return ""
