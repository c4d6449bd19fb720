"""Work beside the page: what is no longer wanted ends."""

from __future__ import annotations

import threading

from streamlit.testing.v1 import AppTest

from dssm_core.ui.common.work import Job, Progress


def test_a_job_that_is_stopped_ends_when_it_next_tells_how_far_it_is() -> None:
    stopped, steps = threading.Event(), list[int]()

    def work(report: Progress) -> str:
        for step in range(1_000):
            steps.append(step)
            report(step, 1_000)
            stopped.wait(60)
        return "all"

    job = Job(work, "inspect.no causes").start()
    job.stop()
    stopped.set()
    assert job.wait(60)
    assert (job.value, job.error) == (None, None)
    assert len(steps) < 1_000


def test_what_is_replaced_is_dropped() -> None:
    def page() -> None:
        import streamlit as st

        from dssm_core.ui.common.work import cached

        key = st.session_state.get("key", 1)
        dropped = st.session_state.setdefault("dropped", [])
        cached("slot", key, lambda: f"value {key}", dropped.append)

    app = AppTest.from_function(page, default_timeout=60).run()
    assert app.run().session_state["dropped"] == []
    app.session_state["key"] = 2
    assert app.run().session_state["dropped"] == ["value 1"]
