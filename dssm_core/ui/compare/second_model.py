"""A second model beside the first, for the same query and documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from dssm_core import charts
from dssm_core.folder import ModelFolder
from dssm_core.scoring import Scores
from dssm_core.towers import ScoredToken
from dssm_core.ui.common import drawings, theme
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.common.models import pick_second, second_scorer
from dssm_core.ui.compare.result import ResultView

KEY = "compare.second"
"""Session key of the second model's name."""

FAR = 0.5
"""Share of words that one model alone does not know, from which it is a doubtful partner."""


def chosen(folders: Mapping[str, ModelFolder], first: str) -> ModelFolder | None:
    """Return the second model's folder; None where none is picked, or it has become the first."""
    name: str | None = st.session_state.get(KEY)
    if name is not None and (name == first or name not in folders):
        st.session_state[KEY] = name = None
    return folders[name] if name is not None else None


def pick(folders: Mapping[str, ModelFolder], first: str) -> None:
    """Show the picker of the second model where there is one."""
    others = [name for name in folders if name != first]
    if others:
        pick_second(others, KEY, tr("second.help"), is_labelled=False)


def score(folder: ModelFolder | None, query: str, documents: Sequence[str]) -> Scores | None:
    """Return the second model's scores; None while there are none, with what it waits for shown."""
    scorer = second_scorer(folder, tr("waiting")) if folder else None
    return scorer.score(query, documents) if scorer else None


def warning(first: Scores, second: Scores) -> str:
    """Return why the second model is a doubtful partner for these texts; "" where it is not."""
    unknown = [_unknown(scores) for scores in (first, second)]
    if abs(unknown[0] - unknown[1]) < FAR:
        return ""
    worse = first.model if unknown[0] > unknown[1] else second.model
    return tr("second.far", name=worse, share=max(unknown), other=min(unknown))


def _unknown(scores: Scores) -> float:
    """Return the share of a query's and its documents' words that the model does not know."""
    texts: list[Sequence[ScoredToken]] = [scores.query.tokens, *(r.tokens for r in scores.results)]
    states = [t.state for tokens in texts for t in tokens if t.state not in ("special", "prompt")]
    new = sum(state in ("letters", "unknown", "skipped") for state in states)
    return new / max(1, len(states))


def show_second(view: ResultView) -> None:
    """Show how the second model ranks the documents, beside the first."""
    if view.second is None:
        return
    st.header(tr("second"), anchor=False)
    mine, other = view.frame, view.second.frame()
    both = pd.concat([mine.assign(model=view.folder.name), other.assign(model=view.second.model)])
    chart = charts.slope_chart(both, ink=theme.ink(), tr=translator())
    drawings.show_chart(chart, "compare.slope")
