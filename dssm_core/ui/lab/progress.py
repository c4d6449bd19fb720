"""Runs as they go on: progress bars, curves, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import streamlit as st

from dssm_core import charts
from dssm_core.errors import UserError
from dssm_core.ui.common import components, drawings
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.lab.runs import Task


class Measure(NamedTuple):
    """What is drawn of runs.

    Attributes:
        name: a column of `Task.frame`.
        is_share: whether it lies in [0, 1], all of which is then drawn.
        rival: name and value of what the runs are compared with.
    """

    name: str
    is_share: bool = False
    rival: tuple[str, float] | None = None


def watch(runs: Sequence[Task], key: str, measures: Sequence[Measure]) -> None:
    """Show runs while they go on, refreshed each second until all are over.

    Args:
        runs: at least one.
        key: of the widgets, as `page.what`.
        measures: a chart each.
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
                components.show_quiet(tr("lab.warm"), is_wait=True)
            return
        for measure, column in zip(measures, st.columns(len(measures)), strict=True):
            chart = charts.history_chart(
                frame,
                measure=measure.name,
                title=tr(f"lab.measure.{measure.name}"),
                reads_as=tr(f"lab.reads.{measure.name}"),
                is_share=measure.is_share,
                rival=measure.rival,
                tr=translator(),
            )
            with column:
                drawings.show_chart(chart, f"{key}.{measure.name}")

    show()


def _show_bar(run: Task) -> None:
    done = len(run.history)
    st.progress(min(1.0, done / run.epochs), _said(run, done))
    if run.error:
        components.show_error(UserError("lab.failed run", run.error))


def _said(run: Task, done: int) -> str:
    """Return how far a run is: what is left of it, that it measures or is stopped."""
    values = {"run": run.name, "done": done, "total": run.epochs}
    if run.is_stopped:
        return tr("lab.stopped", **values)
    if run.error:
        return tr("lab.failed", **values)
    if not run.is_over and done == run.epochs:
        return tr("lab.measuring", **values)
    if run.is_over or done < 2:  # the first epoch holds the compilation, and says nothing
        return tr("lab.progress", **values)
    later = [entry["seconds"] for entry in run.history[1:] if "seconds" in entry]
    if not later:
        return tr("lab.progress", **values)
    left = sum(later) / len(later) * (run.epochs - done)
    return tr("lab.progress.left", **values, seconds=max(1, round(left)))
