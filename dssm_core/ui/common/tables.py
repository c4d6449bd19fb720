"""The pages' tables: numbers as everywhere on the page, and rows that a click anywhere picks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import pandas as pd
import streamlit as st

from dssm_core.quantities import format_number

MAX_CELL = 300
"""Characters of a text in a cell."""

Selection = dict[str, list[Any]]
"""What Streamlit says of a table: picked rows, and the cell that was clicked, as [row, column]."""


@dataclass(frozen=True)
class Column:
    """How a column is shown.

    Attributes:
        label: its heading.
        quantity: of its numbers, a key of `QUANTITIES`; "" for texts and line numbers.
        width: "small", "medium", "large" or pixels.
        help: an explanation behind the heading.
    """

    label: str
    quantity: str = ""
    width: Literal["small", "medium", "large"] | int | None = None
    help: str | None = None

    def config(self) -> Any:
        """Return the column as Streamlit wants it."""
        # of no kind: a NumberColumn's format would hide how the Styler writes its numbers
        return st.column_config.Column(self.label, width=self.width, help=self.help)


def show_table(frame: pd.DataFrame, columns: Mapping[str, Column], alt: str, **more: Any) -> None:
    """Show a table.

    Args:
        frame: rows in order.
        columns: how its columns are shown.
        alt: name of the table for those who cannot see it.
        more: as for `st.dataframe`.
    """
    st.dataframe(
        _styled(frame, columns),
        hide_index=True,
        column_config={name: column.config() for name, column in columns.items()},
        alt=alt,
        **more,
    )


def _styled(frame: pd.DataFrame, columns: Mapping[str, Column]) -> Any:
    """Return a frame that sorts by its numbers and shows them as `format_number` writes them."""
    texts = {str(name): _cut(values) for name, values in frame.items() if is_text(values)}
    formats: dict[Hashable, Any] = {
        name: partial(format_number, quantity=column.quantity)
        for name, column in columns.items()
        if column.quantity
    }
    return frame.assign(**texts).reset_index(drop=True).style.format(formats)


def _cut(texts: pd.Series) -> pd.Series:
    """Return texts, of long ones the beginning and an ellipsis."""
    return texts.where(texts.str.len() <= MAX_CELL, texts.str.slice(0, MAX_CELL - 1) + "…")


def is_text(values: pd.Series) -> bool:
    """Return whether a column holds texts."""
    return pd.api.types.infer_dtype(values, skipna=True) == "string"


def pick_table(
    frame: pd.DataFrame,
    columns: Mapping[str, Column],
    alt: str,
    *,
    key: str,
    row: int | None,
    on_pick: Callable[[int], None],
    **more: Any,
) -> None:
    """Show a table of which a click anywhere in a row, or an arrow key, picks the row.

    Args:
        frame: rows in order.
        columns: how its columns are shown.
        alt: name of the table for those who cannot see it.
        key: of the widget; another for other rows.
        row: position of the row that is picked now; None: none is.
        on_pick: called before the next run with the position of another row.
        more: as for `st.dataframe`.
    """
    # A cell is what a click on text selects, and a row what its box does: only both together are
    # the whole row. The table keeps its key, and with it the place it was scrolled to and the
    # focus of the keyboard; so a row that was picked elsewhere is marked through its state.
    shown: Any = st.session_state.get(key)
    if shown is not None:
        wanted, selection = synced(shown["selection"], row), shown["selection"]
        if (wanted["rows"], wanted["cells"]) != (selection["rows"], _cells(selection)):
            st.session_state[key] = {"selection": wanted}

    number = len(frame)  # a session keeps what is called for each key, so not the table with it

    def select() -> None:
        selection = st.session_state[key]["selection"]
        index = picked_row(selection, row, st.session_state.get(f"{key}.cells"))
        st.session_state[f"{key}.cells"] = _cells(selection)
        if index is not None and index < number:
            on_pick(index)

    show_table(
        frame,
        columns,
        alt,
        key=key,
        on_select=select,
        # "required", so that a click on the box of the picked row does not take its mark away
        selection_mode=["single-cell", "single-row" if row is None else "single-row-required"],
        selection_default={"selection": {"rows": [] if row is None else [row]}},
        **more,
    )


def picked_row(
    selection: Mapping[str, Any], row: int | None, before: Sequence[Any] | None = None
) -> int | None:
    """Return the row that a person picked.

    A clicked cell leaves the ticked box, and a ticked box leaves the clicked cell, so that what
    changed tells which of the two it was. Under quick keys the browser still ticks an older box.

    Args:
        selection: what Streamlit says of the table.
        row: the row that was picked before.
        before: the clicked cells when it last said something.

    Example:
        >>> picked_row({"rows": [2], "cells": [(5, "query")]}, 2)
        5
        >>> picked_row({"rows": [7], "cells": [(5, "query")]}, 5, [[5, "query"]])
        7
    """
    rows, cells = selection.get("rows") or [], _cells(selection)
    if cells and (cells != list(before or []) or rows in ([], [row])):
        return int(cells[0][0])
    return int(rows[0]) if rows else row


def synced(selection: Mapping[str, Any], row: int | None) -> Selection:
    """Return the selection that marks a row, with the clicked cell if it is one of the row."""
    cells = [cell for cell in _cells(selection) if cell[0] == row]
    return {"rows": [] if row is None else [row], "columns": [], "cells": cells}


def _cells(selection: Mapping[str, Any]) -> list[list[Any]]:
    return [list(cell) for cell in selection.get("cells") or []]
