"""Tables: what a click picks, and numbers as they are written everywhere."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dssm_core.ui.common import tables
from dssm_core.ui.common.tables import MAX_CELL, picked_row, synced
from tests.pages import sound


@pytest.mark.parametrize(
    ("rows", "cells", "row", "before", "after"),
    [
        ([], [], None, [], None),  # nothing was clicked
        ([], [(4, "a")], None, [], 4),  # a text, while no row was picked
        ([3], [], None, [], 3),  # a box, while no row was picked
        ([3], [(4, "a")], 3, [[3, "a"]], 4),  # a text of another row: its old box is still ticked
        ([5], [(4, "a")], 4, [[4, "a"]], 5),  # the box of another row: the cell is still clicked
        ([0], [(5, "a")], 4, [[4, "a"]], 5),  # a quick key: the browser has not heard of row 4 yet
        ([3], [(3, "b")], 3, [[3, "a"]], 3),  # a text of the same row
        ([3], [(4, "a")], 3, [[4, "a"]], 4),  # a text again, after a row was picked elsewhere
        ([], [], 3, [], 3),  # a click on its own box
    ],
)
def test_the_row_of_the_last_click_is_picked(
    rows: list[int], cells: list[Any], row: int | None, before: list[Any], after: int | None
) -> None:
    assert picked_row({"rows": rows, "cells": cells}, row, before) == after


def test_a_row_that_was_picked_elsewhere_is_marked_and_the_old_cell_is_not() -> None:
    assert synced({"rows": [1], "cells": [(1, "a")]}, 2) == {
        "rows": [2],
        "columns": [],
        "cells": [],
    }
    clicked = synced({"rows": [1], "cells": [(2, "a")]}, 2)
    assert clicked == {"rows": [2], "columns": [], "cells": [[2, "a"]]}


def table() -> None:
    import pandas as pd
    import streamlit as st

    from dssm_core.ui.common.tables import Column, pick_table

    def pick(row: int) -> None:
        st.session_state["row"] = row

    pick_table(
        pd.DataFrame({"text": ["x" * 999, "b"], "cosine": [-0.12345, float("nan")]}, index=[7, 8]),
        {"text": Column("Text"), "cosine": Column("Cosine", "cosine")},
        "A table",
        key="table",
        row=st.session_state.setdefault("row", 1),
        on_pick=pick,
    )


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_function(table, default_timeout=120).run()


def test_numbers_are_sent_as_numbers_and_as_they_are_written(app: AppTest) -> None:
    sent = app.dataframe[0]
    assert sent.value["cosine"].tolist()[0] == -0.12345
    written = sent.proto.arrow_data.styler.display_values
    assert "−0.123" in str(_read(written)["cosine"].tolist())
    assert _read(written)["cosine"].tolist()[1] == "–"


def test_a_long_text_is_cut_and_says_so(app: AppTest) -> None:
    assert app.dataframe[0].value["text"].tolist() == ["x" * (MAX_CELL - 1) + "…", "b"]


def test_a_text_that_fits_and_an_empty_cell_stay_as_they_are() -> None:
    texts = pd.Series(["x" * MAX_CELL, None, ""])
    assert tables._cut(texts).tolist()[::2] == ["x" * MAX_CELL, ""]
    assert tables._cut(texts).isna().tolist() == [False, True, False]


def test_the_picked_row_is_marked_and_stays_so_when_another_cell_was_clicked(app: AppTest) -> None:
    assert app.session_state["table"]["selection"]["rows"] == [1]
    app.session_state["row"] = 0
    sound(app.run())
    assert app.session_state["table"]["selection"]["rows"] == [0]


def _read(content: bytes) -> pd.DataFrame:
    import io

    import pyarrow as pa

    frame: pd.DataFrame = pa.ipc.open_stream(io.BytesIO(content)).read_pandas()
    return frame
