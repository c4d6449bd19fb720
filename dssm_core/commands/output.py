"""What commands print: lines for people, or JSON, the standard's, without NaN and Infinity."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from functools import partial
from typing import IO, Any


def log_of(options: argparse.Namespace, file: IO[str] | None = None) -> Callable[[str], None]:
    """Return what is called with each line for people, who do not read --json.

    Args:
        options: those of the command.
        file: where the lines go; standard output without it.
    """
    return silent if options.json else partial(print, file=file, flush=True)


def silent(said: object) -> None:
    """Say nothing, in the place of what prints lines for people."""


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
