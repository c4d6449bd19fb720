"""Opens an encoder of the person's own from the page: what the command `adopt` does.

Offered only where the page is served to this machine alone and may write, for it opens a path.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dssm_core.corpus.opening import ENDINGS
from dssm_core.corpus.pairs import read_pairs
from dssm_core.corpus.reading import OWN
from dssm_core.errors import UserError
from dssm_core.paths import new_models, sample_model
from dssm_core.store import is_read_only
from dssm_core.ui.common import components, models
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.common.work import Job, Progress, wait_for

if TYPE_CHECKING:
    from dssm_core.adoption import Finding

SAMPLE = 400
"""Pairs of the sample that an encoder is adopted with where no file is given."""

RUN, FINDINGS = "adopt.run", "adopt.findings"
"""Session keys of the run in progress, and of what the last one found, with the model's name."""

LOCAL = {"127.0.0.1", "localhost", "::1"}


@dataclass
class Run:
    """An adoption in the background.

    Attributes:
        name: of the model folder that it writes.
        job: the work.
        stopped: set to end it at the next text.
    """

    name: str
    job: Job[list[Finding]]
    stopped: threading.Event = field(default_factory=threading.Event)


def offer_encoder() -> None:
    """Show a button that opens an encoder; its form, or how far it is, or what it found."""
    is_local = st.get_option("server.address") in LOCAL
    if not is_local or is_read_only():
        return
    run: Run | None = st.session_state.get(RUN)
    if run is not None and run.job.is_done:
        _finish(run)
        run = None
    with st.popover(tr("adopt.open"), icon=":material/add:"), components.failures_shown("adopt"):
        if run is not None:
            wait_for(run.job, "adopt.running", name=run.name)
            st.button(tr("stop"), key="adopt.stop", on_click=run.stopped.set)
        else:
            _show_findings()
            _show_form()


def _finish(run: Run) -> None:
    """Put a finished run's model in use, and remember what it found."""
    del st.session_state[RUN]
    st.session_state[FINDINGS] = run.name, run.job.error or run.job.value
    if run.job.error is None:
        models.choose_model(run.name)
        st.rerun()


def _show_findings() -> None:
    name, found = st.session_state.get(FINDINGS, ("", None))
    if isinstance(found, UserError):
        components.show_error(found)
    elif found is not None:
        components.show_quiet(tr("adopt.done", name=name))
        for finding in found:
            kind = {"note": "note", "warning": "warning"}.get(finding.level, "error")
            components.show_message(kind, finding.sentence.text(translator()))  # type: ignore[arg-type]


def _show_form() -> None:
    components.show_quiet(tr("adopt.about"))
    with st.form("adopt", border=False):
        reference = st.text_input(
            tr("adopt.reference"),
            key="adopt.reference",
            persist_state="session",
            help=tr("adopt.reference.help"),
        )
        left, right = st.columns(2)
        query = left.text_input(
            tr("adopt.query prompt"),
            key="adopt.query",
            persist_state="session",
            help=tr("adopt.prompt.help"),
        )
        document = right.text_input(
            tr("adopt.document prompt"),
            key="adopt.document",
            persist_state="session",
            help=tr("adopt.prompt.help"),
        )
        given = st.file_uploader(tr("adopt.pairs"), type=ENDINGS, help=tr("adopt.pairs.help"))
        name = st.text_input(
            tr("adopt.name"), "my-encoder", key="adopt.name", persist_state="session"
        )
        is_asked = st.form_submit_button(tr("adopt.start"), type="primary")
    if is_asked:
        if not reference.strip():
            raise UserError("encoder.none here", reference)
        models.check_name(name)
        pairs = read_pairs(given.getvalue(), given.name) if given else _sample()
        st.session_state[RUN] = _start(reference.strip(), pairs, name, (query, document))
        st.rerun()


def _sample() -> pd.DataFrame:
    return read_pairs(sample_model() / "pairs.csv", choices=OWN).head(SAMPLE)


def _start(reference: str, pairs: pd.DataFrame, name: str, prompts: tuple[str, str]) -> Run:
    from dssm_core.adoption import Adoption, adopt

    query, document = prompts
    given = {"query": query, "document": document}
    wanted = Adoption(
        os.path.expanduser(reference),
        pairs,
        new_models() / name,
        prompts={side: text for side, text in given.items() if text},  # type: ignore[misc]
    )
    stopped = threading.Event()

    def work(progress: Progress) -> list[Finding]:
        def report(done: int, total: int) -> None:
            if stopped.is_set():
                raise UserError("adopt.stopped")
            progress(done, total)

        return adopt(wanted, log=lambda line: None, progress=report)

    return Run(name, Job(work, "adopt.failed", name=name).start(), stopped)
