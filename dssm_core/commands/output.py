"""The JSON that commands print and write: the standard's, which has no NaN and no Infinity."""

from __future__ import annotations

import json
import math
from typing import Any


def json_text(values: Any, indent: int | None = 2) -> str:
    """Return values as JSON; a number that is not finite becomes null.

    Example:
        >>> json_text({"p": float("nan"), "words": ("é", 1.5)}, indent=None)
        '{"p": null, "words": ["é", 1.5]}'
    """
    return json.dumps(_finite(values), indent=indent, ensure_ascii=False, allow_nan=False)


def _finite(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: _finite(value) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [_finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values
