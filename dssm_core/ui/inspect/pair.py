"""One pair: what the model read, every number, the verdict, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from dssm_core import charts, explain
from dssm_core.inspection import measure
from dssm_core.inspection.causes import NO_CAUSE, cause_name
from dssm_core.inspection.findings import pair_position
from dssm_core.inspection.score_pairs import NUMBERS, TRAITS, Inspection
from dssm_core.inspection.slices import column_name, value_name
from dssm_core.quantities import format_number
from dssm_core.scoring import Scorer
from dssm_core.store import Store
from dssm_core.towers import can_encode_any
from dssm_core.ui.common import components
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.compare import effects
from dssm_core.ui.inspect.rivals import show_rivals
from dssm_core.ui.inspect.selected_pair import LINE, SelectedPair
from dssm_core.ui.inspect.vectors import show_map, show_near
from dssm_core.ui.inspect.verdicts import show_verdicts
from dssm_core.ui.inspect.whatif import show_whatif
from dssm_core.words import Sentence, join_sentences

MAX_VALUE = 60
"""Characters shown of a value of the file's own columns."""


@dataclass(frozen=True)
class Cause:
    """Why the model is wrong about a pair, as far as a rule can tell.

    Attributes:
        name: one of `CAUSES`.
        evidence: what shows it.
    """

    name: str
    evidence: Sequence[Sentence]

    def told(self) -> str:
        """Return it in a sentence or two, whole."""
        evidence = join_sentences(self.evidence, translator())
        if self.name == NO_CAUSE:
            return evidence
        return tr("pair.because", cause=cause_name(self.name, translator()), evidence=evidence)


def show_pair(
    inspection: Inspection,
    line: Any,
    scorer: Scorer,
    threshold: float,
    store: Store,
    queue: Sequence[Any] | None = None,
    cause: Cause | None = None,
) -> None:
    """Show a pair, why it is wrong, what a person says of it, and why it scores as it does.

    Args:
        inspection: the loaded set.
        line: the pair, a value of the frame's index.
        scorer: the model.
        threshold: a cosine.
        store: where verdicts are kept.
        queue: lines to judge, in order; the errors at the threshold, worst first, without it.
        cause: of the error, as the rules suspect it; None where it is not known, or no error.

    Raises:
        UserError: if the set has no such line.
    """
    pair = SelectedPair.of(inspection, line, scorer, threshold)
    if queue is None:
        queue = measure.errors(inspection.frame, threshold).index.tolist()
    components.show_lead(_finding(pair))
    if cause is not None:
        components.show_reason(cause.told())
    components.show_quiet(_about(pair))
    query, scored = pair.scores.query, pair.scored
    chain = components.chain_html(scored, scorer.head, pair.candidates, pair.at)
    st.html(f'<div class="dssm-brief">{chain}</div>')
    texts, verdict = st.columns([7, 6], gap="medium")
    with texts:
        st.html(
            components.token_html(tr("query"), query.text, query.tokens)
            + components.token_html(tr("document"), scored.document, scored.tokens)
            + components.legend_html(query.tokens, scored.tokens)
        )
        if can_encode_any(scorer.cache) and scored.cosine is not None:
            pairs = explain.interactions(scorer.cache, pair.query, pair.document)
            components.show_quiet(charts.describe_interactions(pairs, translator()))
    with verdict.container(gap="xsmall"):
        show_verdicts(pair, store, queue, cause.name if cause else "")
    _show_why(pair)


def _finding(pair: SelectedPair) -> str:
    """Return whether the model agrees with the label, in a sentence."""
    cosine, probability = pair.scored.cosine, pair.scored.probability
    if cosine is None:
        return tr("pair.unread.wrong" if pair.label else "pair.unread")
    key = {
        (1, 1): "pair.hit",
        (1, 0): "pair.missed",
        (0, 1): "pair.false",
        (0, 0): "pair.rejected",
    }[pair.label, int(pair.verdict or 0)]
    said, at = (format_number(number, "probability") for number in (probability, pair.at))
    if said == at:  # no probability, or two that are written alike
        numbers = (format_number(number, "cosine") for number in (cosine, pair.threshold))
        return tr(f"{key}.cosine", **dict(zip(("cosine", "at"), numbers, strict=True)))
    return tr(key, probability=said, at=at)


def _about(pair: SelectedPair) -> str:
    """Return where the pair stands, and what the file says of it besides."""
    ours = {"query", "document", "label", "line", *NUMBERS, *TRAITS}
    row = pair.inspection.frame.loc[pair.line].to_dict()
    values = [
        (name, value_name(name, str(row[name]), translator())) for name in row if name not in ours
    ]
    own = [
        tr("report.slice", column=column_name(name, translator()), name=value[:MAX_VALUE])
        for name, value in values
        if value
    ]
    return components.listed([pair_position(pair.line, row, translator()), *own])


@st.fragment
def _show_why(pair: SelectedPair) -> None:
    """Show one of the explanations; in a fragment, so that choosing another redraws no more."""
    views: dict[str, tuple[str, Callable[[SelectedPair], None]]] = {
        "effects": ("pair.effects", _show_effects),
        "meetings": ("pair.meetings", _show_meetings),
        "rivals": ("pair.rivals", show_rivals),
        "edit": ("pair.edit", show_whatif),
        "near": ("pair.near", show_near),
        "map": ("pair.map", show_map),
    }
    view = st.segmented_control(
        tr("pair.why"),
        list(views),
        format_func=lambda name: tr(views[name][0]),
        default="effects",
        key="inspect.view",
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    with components.failures_shown("why"):
        views[view or "effects"][1](pair)
    # a row or point pair here is another pair: the whole page must turn to it
    if st.session_state.get(LINE, pair.line) != pair.line:
        st.rerun()


def _show_effects(pair: SelectedPair) -> None:
    titles = (tr("query"), tr("document"))
    effects.show_pair_effects(
        pair.scorer, pair.query, pair.scored, titles, f"inspect.effects.{pair.key}"
    )


def _show_meetings(pair: SelectedPair) -> None:
    if not can_encode_any(pair.scorer.cache):
        components.show_message("note", tr("effects.no encoder"))
        return
    pairs = explain.interactions(pair.scorer.cache, pair.query, pair.document)
    effects.show_interactions(pairs, f"inspect.{pair.key}")
    effects.show_decomposition(pair.scorer, pair.query, pair.document, pairs, f"inspect.{pair.key}")
