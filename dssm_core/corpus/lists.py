"""Lists of documents in one cell, as JSON or as Python writes them, perhaps with their labels."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from dssm_core.corpus.names import named

TITLE = "title"
LONGEST_PYTHON = 100_000
"""Characters of a list as Python writes it: parsing takes fifty times as long as that of JSON, and
nobody else's turn comes meanwhile."""


class Item(NamedTuple):
    """One document of a list.

    Attributes:
        text: its title and text.
        label: what the list says of it; "" where it says nothing.
    """

    text: str
    label: str = ""


def are_lists(cells: Sequence[str]) -> bool:
    """Whether all cells that are not empty are lists of documents."""
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(_list(cell) is not None for cell in filled)


def label_key(cells: Iterable[str]) -> str | None:
    """Return what lists of documents call the label of each; None where they have none.

    Example:
        >>> label_key(['[{"text": "a", "is_selected": 1}]']), label_key(['[{"text": "a"}]'])
        ('is_selected', None)
    """
    keys: dict[str, None] = {}
    for cell in cells:
        for item in _list(cell) or []:
            if isinstance(item, dict):
                scalars = [k for k, v in item.items() if isinstance(v, (bool, int, float, str))]
                keys.update(dict.fromkeys(scalars))
    texts = {key for key in (named(list(keys), "document", keys), TITLE) if key}
    return named(list(keys), "label", [key for key in keys if key not in texts])


def items_of(cell: str, label: str | None = None) -> list[Item]:
    """Return the documents of a list in a cell that are not empty.

    1. A list of texts, or of objects with a text, perhaps a title, and perhaps a label.
    2. An object of lists, one of texts and one of labels, as MS MARCO's `passages`.

    Args:
        cell: the list; empty for none.
        label: what the objects call the label.

    Example:
        >>> [item.text for item in items_of('["a", {"title": "b", "text": "c"}]')]
        ['a', 'b c']
        >>> items_of('{"is_selected": [0, 1], "passage_text": ["a", "b"]}', "is_selected")
        [Item(text='a', label='0'), Item(text='b', label='1')]
    """
    found = [Item(_text(item).strip(), _label(item, label)) for item in _list(cell) or []]
    return [item for item in found if item.text]


def _list(cell: str) -> list[Any] | None:
    """Return texts or objects; None where a cell is no list of such."""
    cell = cell.strip()
    if cell[:1] + cell[-1:] not in ("[]", "{}"):
        return None
    items = _parsed(cell)
    if _is_object(items):
        items = _rows(items)
    if isinstance(items, list) and all(isinstance(i, str) or _is_object(i) for i in items):
        return items
    return None


def _is_object(item: Any) -> bool:
    """Whether a value is an object as JSON has it; Python's may have other keys than texts."""
    return isinstance(item, dict) and all(isinstance(key, str) for key in item)


def _parsed(cell: str) -> Any:
    """Return the value that a cell is as JSON, or else as Python writes it; None if neither."""
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        if len(cell) > LONGEST_PYTHON:
            return None
    try:
        return ast.literal_eval(cell)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _rows(columns: dict[str, Any]) -> list[Any] | None:
    """Return the objects that an object of lists holds; None where it is another."""
    lists = list(columns.values())
    if not lists or not all(isinstance(values, list) for values in lists):
        return None
    if len({len(values) for values in lists}) != 1 or _body(columns) is None:
        return None
    return [dict(zip(columns, values, strict=True)) for values in zip(*lists, strict=True)]


def _body(item: dict[str, Any]) -> str | None:
    """Return which key has the text."""
    names = [name for name in item if name != TITLE]
    return named(names, "document", names)


def _text(item: Any) -> str:
    if isinstance(item, str):
        return item
    body = _body(item)
    return f"{item.get(TITLE) or ''} {(item[body] if body else None) or ''}".strip()


def _label(item: Any, key: str | None) -> str:
    if key is None or not isinstance(item, dict) or item.get(key) is None:
        return ""
    value = item[key]
    return value if isinstance(value, str) else json.dumps(value)
