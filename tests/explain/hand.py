"""What the towers that count words give, worked out by hand."""

from __future__ import annotations

import math


def cosine(query: str, document: str) -> float:
    """Count words by hand, as WordTowers does."""
    words = ["red", "blue", "door", "wall"]
    one, other = ([text.split().count(w) for w in words] for text in (query, document))
    norms = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / norms if norms else 0.0
