"""Two models on the same pairs: what was fixed, what broke, and which ranks moved."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from dssm_core import charts
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.inspection import compare
from dssm_core.inspection.carry import RULES, carry_threshold
from dssm_core.inspection.rank_moves import moved_queries, ranks_of
from dssm_core.inspection.score_pairs import Inspection, inspect_pairs
from dssm_core.quantities import format_number
from dssm_core.ui.common import components, drawings, theme
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.common.models import pick_second, second_scorer
from dssm_core.ui.common.tables import Column, pick_table, show_table
from dssm_core.ui.common.work import cached, scored
from dssm_core.ui.inspect.selected_pair import LINE
from dssm_core.words import join_texts

SNAPSHOT = "(snapshot)"
"""What stands in the picker for a saved inspection; no folder can be called so by `train`."""
MAX_ROWS = 1_000
"""Pairs listed, those that changed most."""
MAX_QUERIES = 200
"""Queries offered for the slope chart, those whose ranks moved most."""
MAX_LINES = 40
"""Documents in the slope chart."""

NUMBERS = {"cosine": "cosine", "probability": "probability", "rank": "count"}
"""What is shown of one pair by each model, with the quantity that it is."""

PICKED = "inspect.second.picked"
"""Session key of the line of the pair that is picked in the table."""

CARRIED = {
    "cosine": ("cosine", "cosine"),
    "precision": ("carry.col.precision", "metric"),
    "recall": ("carry.col.recall", "metric"),
    "f1": ("carry.f1", "metric"),
    "errors": ("carry.errors", "count"),
}
"""Columns of the table of carried thresholds: name and quantity."""

CHANGES = {"all": "two.all", "fixed": "two.fixed", "broken": "two.broken", "same": "two.same"}


def show_second_model(
    inspection: Inspection, folders: Mapping[str, ModelFolder], threshold: float
) -> None:
    """Offer a second model or a saved inspection, and show what it changes.

    Args:
        inspection: the loaded set, by the model in use.
        folders: usable model folders by name.
        threshold: cosine of the model in use.
    """
    _show_save(inspection)
    others = [name for name, f in folders.items() if f.fingerprint != inspection.fingerprint]
    chosen = pick_second(
        [*others, SNAPSHOT],
        "inspect.second",
        tr("two.help"),
        lambda name: tr("two.snapshot") if name == SNAPSHOT else name,
    )
    other: Inspection | None = None
    if chosen == SNAPSHOT:
        other = _uploaded()
    elif chosen is not None and chosen in folders:
        other = _inspected(inspection, folders[chosen])
    if other is not None:
        backgrounds = (
            _background(folders, inspection.model),
            _background(folders, None if chosen == SNAPSHOT else chosen),
        )
        _show_both(inspection, other, threshold, backgrounds)


def _background(folders: Mapping[str, ModelFolder], name: str | None) -> np.ndarray:
    """Return the cosines of a model's random pairs; none of a snapshot, which has not got them."""
    return folders[name].random_pairs if name and name in folders else np.zeros(0)


def snapshot_bytes(inspection: Inspection) -> bytes:
    """Return an inspection as the content of a file."""
    file = io.BytesIO()
    compare.save_snapshot(inspection, file)
    return file.getvalue()


def _show_save(inspection: Inspection) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            tr("two.save"),
            lambda: snapshot_bytes(inspection),
            f"{inspection.model}-{inspection.fingerprint[:8]}.snapshot.zip",
            "application/zip",
            key="inspect.snapshot",
            on_click="ignore",
            icon=":material/save:",
        )
        with st.container():
            components.show_quiet(tr("two.save.note"))


def _uploaded() -> Inspection | None:
    given = st.file_uploader(tr("two.upload"), type=["zip"], key="inspect.second.file")
    if given is None:
        return None
    try:
        return cached(
            "inspect.second.snapshot", given.file_id, lambda: compare.load_snapshot(given)
        )
    except UserError as error:
        components.show_error(error)
        return None


def _inspected(inspection: Inspection, folder: ModelFolder) -> Inspection | None:
    """Return the same pairs as another model scores them; None while it is not there yet."""
    scorer = second_scorer(folder, tr("two.loading"))
    if scorer is None:
        return None
    pairs = inspection.frame[["query", "document", "label"]]
    return scored(
        "inspect.second",
        (inspection, folder.fingerprint),
        lambda progress: inspect_pairs(scorer, pairs, progress),
        progress="two.scoring",
        stopped="two.stopped",
        go_on="two.go",
    )


def _show_both(
    one: Inspection,
    other: Inspection,
    threshold: float,
    backgrounds: tuple[np.ndarray, np.ndarray],
) -> None:
    names = one.model, other.model
    if names[0] == names[1]:
        names = f"{one.model} · {one.fingerprint[:6]}", f"{other.model} · {other.fingerprint[:6]}"
    if names[0] == names[1]:
        names = tr("two.now"), tr("two.then")
    table = cached(
        "inspect.second.carried",
        (one, other, threshold),
        lambda: carry_threshold(one, other, threshold, backgrounds),
    )
    at = _pick_threshold(one, other, threshold, names, table)
    changes = cached(
        "inspect.second.changes",
        (one, other, threshold, at),
        lambda: compare.compare_inspections(one, other, threshold, at),
    )
    _show_finding(changes, names)
    _show_slopes(changes, names)
    _show_table(changes, names)


def _pick_threshold(
    one: Inspection,
    other: Inspection,
    threshold: float,
    names: tuple[str, str],
    table: pd.DataFrame,
) -> float:
    """Return the second model's threshold, a cosine, and say both, and what each rule would do."""
    offered = [rule for rule in RULES if rule not in ("number", "cost")]
    rule = st.segmented_control(
        tr("two.threshold"),
        offered,
        format_func=lambda name: tr(f"carry.{name}"),
        default=offered[0] if one.head.is_fitted and other.head.is_fitted else "precision",
        key="inspect.second.threshold",
        required=True,
        help=tr("two.threshold.help"),
        persist_state="session",
    )
    at = float(table.set_index("rule")["cosine"][rule])
    if math.isnan(at):
        components.show_message("warning", tr(f"carry.{rule}.none", name=names[1]))
        # out of reach: it predicts equal texts alone, or all, as its own probabilities do
        is_above = one.head.probability(threshold) > other.head.reachable[1]
        at = -1.0 if rule == "probability" and not is_above else 1.0
    components.show_quiet(
        tr(
            "two.at",
            one=names[0],
            other=names[1],
            cosine_one=threshold,
            cosine_other=at,
            probability_one=format_number(one.head.probability(threshold), "probability"),
            probability_other=format_number(other.head.probability(at), "probability"),
        )
    )
    with st.expander(tr("carry.title", name=components.unformatted(names[0]))):
        components.show_quiet(tr("carry.about", one=names[0], other=names[1], cosine=threshold))
        shown = table.assign(rule=[tr(f"carry.{name}", name=names[0]) for name in table["rule"]])
        columns = {"rule": Column(tr("carry.rule"), width="large")}
        columns |= {name: Column(tr(label), q) for name, (label, q) in CARRIED.items()}
        show_table(shown, columns, tr("carry.alt"), key="inspect.second.carry")
    return at


def _show_finding(changes: pd.DataFrame, names: tuple[str, str]) -> None:
    result = compare.summary(changes)
    components.show_lead(
        tr(
            "two.finding",
            name=names[1],
            fixed=result["fixed"],
            broken=result["broken"],
            same=result["same"],
        )
    )
    p_value = _p(result["p_value"])
    key = "two.real" if result["p_value"] < 0.05 else "two.chance"
    sentences = [
        tr("two.wrong", one=result["wrong"]["one"], other=result["wrong"]["other"]),
        tr(key, p=p_value),
    ]
    if ranking := result["ranking"]:
        sentences.append(
            tr(
                "two.ranking",
                queries=ranking["queries"],
                one=ranking["MRR@10"]["one"],
                other=ranking["MRR@10"]["other"],
                p=_p(ranking["p_value"]),
            )
        )
    components.show_quiet(join_texts(*sentences))


def _p(value: float) -> str:
    text = format_number(value, "p")
    return text if text[0] in "<>" else f"= {text}"


def _show_slopes(changes: pd.DataFrame, names: tuple[str, str]) -> None:
    """Draw the ranks of one query's documents by both models."""
    most = moved_queries(changes)
    if most.empty:
        components.show_quiet(tr("two.no lists"))
        return
    query = st.selectbox(
        tr("two.query"),
        most.index[:MAX_QUERIES].tolist(),
        format_func=lambda text: f"{int(most[text])} · {' '.join(str(text)[:160].split())}",
        key="inspect.second.query",
        help=tr("two.query.help"),
    )
    of_query = changes[changes["query"] == query]
    number = len(of_query.dropna(subset=["rank_one", "rank_other"]))
    if number > MAX_LINES:
        components.show_quiet(tr("two.lines", most=MAX_LINES, number=number))
    ranks = ranks_of(changes, query, names, MAX_LINES)
    chart = charts.slope_chart(ranks, ink=theme.ink(), tr=translator())
    drawings.show_chart(chart, "inspect.second.slope")


def _show_table(changes: pd.DataFrame, names: tuple[str, str]) -> None:
    kind = st.segmented_control(
        tr("two.which"),
        list(CHANGES),
        format_func=lambda name: tr(CHANGES[name]),
        default="all",
        key="inspect.second.kind",
        required=True,
        persist_state="session",
    )
    shown = changes if kind in ("all", None) else changes[changes["changed"] == kind]
    if len(shown) > MAX_ROWS:
        components.show_quiet(tr("two.cut", most=MAX_ROWS, number=len(shown)))
        shown = shown.head(MAX_ROWS)
    if shown.empty:
        components.show_message("note", tr("two.none"))
        return
    lines = shown.index.tolist()
    picked = st.session_state.get(PICKED)

    def pick(row: int) -> None:
        st.session_state[PICKED] = lines[row]

    pick_table(
        _table(shown),
        _columns(names),
        tr("two.alt"),
        key=f"inspect.second.table.{hash(tuple(lines))}",
        row=lines.index(picked) if picked in lines else None,
        on_pick=pick,
    )
    if picked in lines:
        _show_one(shown.loc[picked], names)
    else:
        components.show_quiet(tr("two.pick"))


def _table(shown: pd.DataFrame) -> pd.DataFrame:
    labels = {1: tr("pair.relevant"), 0: tr("pair.not relevant")}
    return pd.DataFrame(
        {
            "changed": [tr(CHANGES[changed]) for changed in shown["changed"]],
            "label": shown["label"].map(labels),
            "query": shown["query"],
            "document": shown["document"],
            "probability_one": shown["probability_one"],
            "probability_other": shown["probability_other"],
            "moved": shown["moved"],
            "line": shown.index,
        }
    )


def _columns(names: tuple[str, str]) -> dict[str, Column]:
    return {
        "changed": Column(tr("two.changed"), width="small"),
        "label": Column(tr("near.label"), width="small"),
        "query": Column(tr("query")),
        "document": Column(tr("document"), width="medium"),
        "probability_one": Column(f"{tr('probability')} · {names[0]}", "probability"),
        "probability_other": Column(f"{tr('probability')} · {names[1]}", "probability"),
        "moved": Column(tr("two.moved"), "effect"),
        "line": Column(tr("pair.column.line"), width="small"),
    }


def _show_one(row: pd.Series, names: tuple[str, str]) -> None:
    """Show every number of one pair by both models."""

    def open_pair() -> None:
        st.session_state[LINE] = row.name

    with st.container(border=True):
        st.html(
            components.token_html(tr("query"), row["query"], ())
            + components.token_html(tr("document"), row["document"], ())
        )
        verdicts = {"relevant": tr("pair.relevant"), "not relevant": tr("pair.not relevant")}
        numbers: dict[str, list[str]] = {tr("edit.number"): [*map(tr, NUMBERS), tr("two.verdict")]}
        for side, name in zip(("one", "other"), names, strict=True):
            texts = [
                format_number(row[f"{field}_{side}"], quantity)
                for field, quantity in NUMBERS.items()
            ]
            numbers[name] = [*texts, verdicts[row[f"verdict_{side}"]]]
        show_table(
            pd.DataFrame(numbers), {name: Column(name) for name in numbers}, tr("two.one.alt")
        )
        st.button(tr("two.open"), key="inspect.second.open", on_click=open_pair)
