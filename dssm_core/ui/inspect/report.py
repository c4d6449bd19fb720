"""The whole inspection as one file to mail: built when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import streamlit as st

from dssm_core.inspection import findings
from dssm_core.reporting.report import report_html
from dssm_core.store import Store
from dssm_core.ui.common import components
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.inspect.load import ScoredPairs
from dssm_core.words import Sentence, Translate


def show_report(scored: ScoredPairs, threshold: float, store: Store) -> None:
    """Offer the report of an inspection.

    Args:
        scored: the scored pairs.
        threshold: a cosine.
        store: where verdicts are kept.
    """
    st.header(tr("inspect.report"), anchor=False)
    components.show_quiet(tr("inspect.report.note"))
    frame = scored.frame
    assumed = int((frame["assumed"] == "yes").sum()) if "assumed" in frame else 0
    # in words now, for what builds the file runs outside the session
    data = tr("inspect.report.data", number=len(frame), name=scored.name)
    notes = [Sentence("inspect.report.assumed", {"number": assumed})] if assumed else []
    text = translator()
    st.download_button(
        tr("inspect.report.take"),
        lambda: report_bytes(scored, threshold, store, data, notes, text),
        f"{Path(scored.name).stem}-{scored.inspection.model}.html",
        "text/html",
        key="inspect.report",
        on_click="ignore",
        icon=":material/description:",
    )


def report_bytes(
    scored: ScoredPairs,
    threshold: float,
    store: Store,
    data: str,
    notes: Sequence[Sentence],
    tr: Translate,
) -> bytes:
    """Return the report as the content of a file."""
    result = findings.find(
        scored.inspection,
        scored.scorer,
        threshold,
        data=data,
        date=date.today().isoformat(),
        notes=notes,
        verdicts=store.verdicts(),
    )
    return report_html(result, tr)
