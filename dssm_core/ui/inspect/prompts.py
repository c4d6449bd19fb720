"""What a wrong prompt would cost on the loaded pairs, for an encoder that has prompts."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dssm_core.towers import PromptedTowers
from dssm_core.ui.common import components
from dssm_core.ui.common.language import tr
from dssm_core.ui.common.tables import Column, show_table
from dssm_core.ui.common.work import Job, wait_for
from dssm_core.ui.inspect.load import ScoredPairs

RUN = "inspect.prompts.run"
"""Session key of the audit: of which pairs and model it is, and the work."""

NUMBERS = {
    "MRR@10": ("MRR@10", "metric"),
    "low": ("prompts.low", "metric"),
    "high": ("prompts.high", "metric"),
    "p": ("prompts.p", "metric"),
    "random 5 %": ("prompts.random 5", "cosine"),
    "random 95 %": ("prompts.random 95", "cosine"),
}
"""Columns of the table: name, or key of the name, and quantity."""


def show_prompts(scored: ScoredPairs) -> None:
    """Offer to measure the combinations of prompts; nothing for a model without prompts."""
    towers = scored.scorer.cache.towers
    if not isinstance(towers, PromptedTowers) or not any(towers.prompts.values()):
        return
    st.header(tr("prompts"), anchor=False)
    components.show_quiet(tr("prompts.about"))
    key, job = st.session_state.get(RUN, ("", None))
    if key != scored.key or job is None:
        st.button(tr("prompts.start"), key="inspect.prompts", on_click=_start, args=(scored,))
    elif not job.is_done:
        wait_for(job, "prompts.running")
    elif job.error:
        components.show_error(job.error)
    else:
        _show_table(job.value)


def _start(scored: ScoredPairs) -> None:
    from dssm_core.adoption import audit_prompts

    towers = scored.scorer.cache.towers
    assert isinstance(towers, PromptedTowers)
    pairs = scored.frame[["query", "document", "label"]]
    job = Job(lambda progress: audit_prompts(towers, pairs, progress=progress), "prompts.failed")
    st.session_state[RUN] = scored.key, job.start()


def _show_table(audit: pd.DataFrame) -> None:
    shown = audit.assign(name=[tr(f"prompts.{name}") for name in audit["name"]])
    columns = {
        "name": Column(tr("prompts.name")),
        "query": Column(tr("adopt.query prompt")),
        "document": Column(tr("adopt.document prompt")),
        **{
            name: Column(label if label == name else tr(label), quantity)
            for name, (label, quantity) in NUMBERS.items()
        },
    }
    show_table(shown[list(columns)], columns, tr("prompts.alt"), key="inspect.prompts.table")
