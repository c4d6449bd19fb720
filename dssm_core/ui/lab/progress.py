"""Runs as they go on: progress bars, curves, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dssm_core import charts
from dssm_core.errors import UserError
from dssm_core.ui.common import components
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.lab.runs import Task


def watch(runs: Sequence[Task], key: str, measures: Sequence[str]) -> None:
    """Show runs while they go on, refreshed each second until all are over.

    Args:
        runs: at least one.
        key: of the widgets, as `page.what`.
        measures: columns of `Task.frame` to draw, a chart each.
    """
    is_over = all(run.is_over for run in runs)

    @st.fragment(run_every=None if is_over else 1.0)
    def show() -> None:
        if not is_over and all(run.is_over for run in runs):
            st.rerun()
        for run in runs:
            _show_bar(run)
        frame = pd.concat([run.frame() for run in runs])
        if frame.empty:
            if not is_over:
                components.show_quiet(tr("lab.warm"))
            return
        for measure, column in zip(measures, st.columns(len(measures)), strict=True):
            chart = charts.history_chart(
                frame,
                measure=measure,
                title=tr(f"lab.measure.{measure}"),
                reads_as=tr(f"lab.reads.{measure}"),
                tr=translator(),
            )
            with column:
                components.show_chart(chart, f"{key}.{measure}")

    show()


def _show_bar(run: Task) -> None:
    done = len(run.history)
    text = tr("lab.progress", run=run.name, done=done, total=run.epochs)
    st.progress(min(1.0, done / run.epochs), text)
    if run.is_stopped:
        components.show_quiet(tr("lab.stopped"))
    elif run.error:
        components.show_error(UserError("lab.failed run", run.error))
