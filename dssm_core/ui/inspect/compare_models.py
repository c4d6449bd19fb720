"""Two models on the same pairs: what was fixed, what broke, and which ranks moved."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dssm_core import charts
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.inspection import compare, measure
from dssm_core.inspection.score_pairs import Inspection, inspect_pairs
from dssm_core.quantities import format_number
from dssm_core.scoring import Scorer
from dssm_core.ui.common import components, state
from dssm_core.ui.common.jobs import wait_for_model
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.inspect.selected_pair import LINE
from dssm_core.words import join_texts

SNAPSHOT = "(snapshot)"
"""What stands in the picker for a saved inspection; no folder can be called so by `train`."""
MOST_ROWS = 1_000
"""Pairs listed, those that changed most."""
MOST_QUERIES = 200
"""Queries offered for the slope chart, those whose ranks moved most."""
MOST_LINES = 40
"""Documents in the slope chart."""

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
    chosen = st.selectbox(
        tr("second.pick"),
        [*others, SNAPSHOT],
        index=None,
        format_func=lambda name: tr("two.snapshot") if name == SNAPSHOT else name,
        key="inspect.second",
        placeholder=tr("none"),
        help=tr("two.help"),
        persist_state="session",
    )
    other: Inspection | None = None
    if chosen == SNAPSHOT:
        other = _uploaded()
    elif chosen is not None and chosen in folders:
        other = _inspected(inspection, folders[chosen])
    if other is not None:
        _show_both(inspection, other, threshold)


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
    kept = st.session_state.get("inspect.second.loaded")
    if kept and kept[0] == given.file_id:
        result: Inspection | None = kept[1]
        return result
    try:
        found = compare.load_snapshot(given)
    except UserError as error:
        components.show_error(error)
        return None
    st.session_state["inspect.second.loaded"] = given.file_id, found
    return found


def _inspected(inspection: Inspection, folder: ModelFolder) -> Inspection | None:
    """Return the same pairs as another model scores them; None while it is not there yet."""
    kept = st.session_state.get("inspect.second.kept")
    if kept and kept[0] is inspection and kept[1] == folder.fingerprint:
        result: Inspection | None = kept[2]
        return result
    live = state.live_model(folder)
    live.start()
    if live.error:
        components.show_error(live.error)
        return None
    if live.scorer is None:
        wait_for_model(live, tr("two.loading"))
        return None
    found = _score(inspection, live.scorer)
    if found is not None:
        st.session_state["inspect.second.kept"] = inspection, folder.fingerprint, found
    return found


def _score(inspection: Inspection, scorer: Scorer) -> Inspection | None:
    """Score the pairs with a bar that tells how far it is, and a button that stops it."""
    wanted = scorer.folder.fingerprint

    def stop() -> None:
        st.session_state["inspect.second.stopped"] = wanted

    def go_on() -> None:
        st.session_state.pop("inspect.second.stopped", None)

    if st.session_state.get("inspect.second.stopped") == wanted:
        components.show_message("note", tr("two.stopped"))
        st.button(tr("two.go"), key="inspect.second.go", on_click=go_on)
        return None
    place = st.empty()
    with place.container():
        bar = st.progress(0.0)
        st.button(tr("stop"), key="inspect.second.stop", on_click=stop)

    def tell(done: int, total: int) -> None:
        bar.progress(min(1.0, done / total), tr("two.scoring", done=done, total=total))

    found = inspect_pairs(scorer, inspection.frame[["query", "document", "label"]], tell)
    place.empty()
    return found


def _show_both(one: Inspection, other: Inspection, threshold: float) -> None:
    names = one.model, other.model
    if names[0] == names[1]:
        names = f"{one.model} · {one.fingerprint[:6]}", f"{other.model} · {other.fingerprint[:6]}"
    if names[0] == names[1]:
        names = tr("two.now"), tr("two.then")
    at = _pick_threshold(one, other, threshold, names)
    changes = _changes(one, other, threshold, at)
    _show_finding(changes, names)
    _show_slopes(changes, names)
    _show_table(changes, names)


def _pick_threshold(
    one: Inspection, other: Inspection, threshold: float, names: tuple[str, str]
) -> float:
    """Return the second model's threshold, a cosine, and say both."""
    kinds = {"same": "two.same probability", "best": "two.best"}
    kind = st.segmented_control(
        tr("two.threshold"),
        list(kinds),
        format_func=lambda name: tr(kinds[name]),
        default="same",
        key="inspect.second.threshold",
        required=True,
        help=tr("two.threshold.help"),
        persist_state="session",
    )
    probability = one.head.probability(threshold)
    if kind == "best":
        at = measure.suggest_threshold(measure.curve(other.frame), other.frame, None)
    else:
        found = other.head.cosine_at(probability)
        if found is None:
            components.show_message("warning", tr("two.never", name=names[1]), f"{probability:.4f}")
        # out of reach: it predicts nothing, or all, as its own probabilities do
        end = 1.0 if probability > other.head.reachable[1] else -1.0
        at = end if found is None else found
    components.show_quiet(
        tr(
            "two.at",
            one=names[0],
            other=names[1],
            cosine_one=threshold,
            cosine_other=at,
            probability_one=format_number(probability, "probability"),
            probability_other=format_number(other.head.probability(at), "probability"),
        )
    )
    return at


def _changes(one: Inspection, other: Inspection, threshold: float, at: float) -> pd.DataFrame:
    """Return what changed, worked out once for the same two and the same thresholds."""
    kept = st.session_state.get("inspect.second.changes")
    if kept and kept[0] is one and kept[1] is other and kept[2] == (threshold, at):
        result: pd.DataFrame = kept[3]
        return result
    found = compare.compare_inspections(one, other, threshold, at)
    st.session_state["inspect.second.changes"] = one, other, (threshold, at), found
    return found


def _show_finding(changes: pd.DataFrame, names: tuple[str, str]) -> None:
    found = compare.summary(changes)
    components.show_lead(
        tr(
            "two.finding",
            name=names[1],
            fixed=found["fixed"],
            broken=found["broken"],
            same=found["same"],
        )
    )
    p_value = _p(found["p_value"])
    key = "two.real" if found["p_value"] < 0.05 else "two.chance"
    told = [
        tr("two.wrong", one=found["wrong"]["one"], other=found["wrong"]["other"]),
        tr(key, p=p_value),
    ]
    if ranking := found["ranking"]:
        told.append(
            tr(
                "two.ranking",
                queries=ranking["queries"],
                one=ranking["MRR@10"]["one"],
                other=ranking["MRR@10"]["other"],
                p=_p(ranking["p_value"]),
            )
        )
    components.show_quiet(join_texts(*told))


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _show_slopes(changes: pd.DataFrame, names: tuple[str, str]) -> None:
    """Draw the ranks of one query's documents by both models."""
    known = changes.dropna(subset=["rank_one", "rank_other"])
    sizes = known.groupby("query", sort=False)["rank_one"].transform("size")
    known = known[sizes > 1]
    if known.empty:
        components.show_quiet(tr("two.no lists"))
        return
    moved = (known["rank_one"] - known["rank_other"]).abs()
    most = moved.groupby(known["query"]).max().sort_values(ascending=False, kind="stable")
    query = st.selectbox(
        tr("two.query"),
        most.index[:MOST_QUERIES].tolist(),
        format_func=lambda text: f"{int(most[text])} · {' '.join(str(text)[:160].split())}",
        key="inspect.second.query",
        help=tr("two.query.help"),
    )
    mine = known[known["query"] == query].sort_values("rank_one", kind="stable")
    best = mine[["rank_one", "rank_other"]].min(axis=1).sort_values(kind="stable")
    mine = mine.loc[mine.index.isin(best.index[:MOST_LINES])]
    sides = [
        pd.DataFrame(
            {
                "model": name,
                "position": range(1, len(mine) + 1),
                "document": mine["document"],
                "rank": mine[f"rank_{which}"],
                "cosine": mine[f"cosine_{which}"],
                "probability": mine[f"probability_{which}"],
            }
        )
        for which, name in zip(("one", "other"), names, strict=True)
    ]
    st.altair_chart(
        charts.slope_chart(
            pd.concat(sides, ignore_index=True), ink=components.ink(), tr=translator()
        ),
        width="stretch",
        key="inspect.second.slope",
    )


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
    if len(shown) > MOST_ROWS:
        components.show_quiet(tr("two.cut", most=MOST_ROWS, number=len(shown)))
        shown = shown.head(MOST_ROWS)
    if shown.empty:
        components.show_message("note", tr("two.none"))
        return
    labels = {1: tr("pair.relevant"), 0: tr("pair.not relevant")}
    table = pd.DataFrame(
        {
            "changed": [tr(CHANGES[changed]) for changed in shown["changed"]],
            "label": shown["label"].map(labels),
            "query": shown["query"].str.slice(0, 300),
            "document": shown["document"].str.slice(0, 300),
            "probability_one": shown["probability_one"],
            "probability_other": shown["probability_other"],
            "moved": shown["moved"],
            "line": shown.index,
        }
    )
    number = st.column_config.NumberColumn
    picked = st.dataframe(
        table,
        key=f"inspect.second.table.{kind}",
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "changed": st.column_config.TextColumn(tr("two.changed"), width="small"),
            "label": st.column_config.TextColumn(tr("near.label"), width="small"),
            "query": st.column_config.TextColumn(tr("query")),
            "document": st.column_config.TextColumn(tr("document"), width="medium"),
            "probability_one": number(f"{tr('probability')} · {names[0]}", format="%.4f"),
            "probability_other": number(f"{tr('probability')} · {names[1]}", format="%.4f"),
            "moved": number(tr("two.moved"), format="%+.4f"),
            "line": number(tr("pair.column.line"), width="small"),
        },
        alt=tr("two.alt"),
    )
    rows = picked["selection"]["rows"] if picked else []
    if rows and rows[0] < len(shown):
        _show_one(shown.iloc[rows[0]], names)
    else:
        components.show_quiet(tr("two.pick"))


def _show_one(row: pd.Series, names: tuple[str, str]) -> None:
    """Show every number of one pair by both models."""

    def open_pair() -> None:
        st.session_state[LINE] = row.name

    with st.container(border=True):
        st.html(
            components.token_html(tr("query"), row["query"], (), 0.0)
            + components.token_html(tr("document"), row["document"], (), 0.0)
        )
        numbers: dict[str, list[Any]] = {tr("edit.number"): []}
        numbers |= {name: [] for name in names}
        verdicts = {"relevant": tr("pair.relevant"), "not relevant": tr("pair.not relevant")}
        for field, form in (("cosine", "{:.4f}"), ("probability", "{:.4f}"), ("rank", "{:.0f}")):
            numbers[tr("edit.number")].append(tr(field))
            for which, name in zip(("one", "other"), names, strict=True):
                value = row[f"{field}_{which}"]
                numbers[name].append("" if pd.isna(value) else form.format(value))
        numbers[tr("edit.number")].append(tr("two.verdict"))
        for which, name in zip(("one", "other"), names, strict=True):
            numbers[name].append(verdicts[row[f"verdict_{which}"]])
        st.dataframe(pd.DataFrame(numbers), hide_index=True, alt=tr("two.one.alt"))
        st.button(tr("two.open"), key="inspect.second.open", on_click=open_pair)
