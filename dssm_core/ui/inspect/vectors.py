"""What lies near a pair in the loaded set: a list, and a map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from dssm_core.charts.vector_map import vector_map
from dssm_core.inspection import measure
from dssm_core.inspection.neighbours import (
    VectorMap,
    map_vectors,
    nearest,
    point_values,
    slice_values,
    standing,
)
from dssm_core.inspection.score_pairs import Inspection
from dssm_core.inspection.slices import SAID, TRAIT_WORDS, column_name, slice_columns, slice_of
from dssm_core.towers import Side
from dssm_core.ui.common import components
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.inspect.selected_pair import LINE, Chosen
from dssm_core.words import join_texts

NEAR = 10
"""Near texts listed."""
MOST_LISTED = 500
"""Pairs listed of those chosen on the map."""

KINDS: dict[str, tuple[Side, Side]] = {
    "near.qd": ("query", "document"),
    "near.dq": ("document", "query"),
    "near.dd": ("document", "document"),
    "near.qq": ("query", "query"),
}
"""Whose vector, and among which, by the words that say so."""


def show_near(chosen: Chosen) -> None:
    """List the vectors of the set nearest to the pair's query or document."""
    kind = st.segmented_control(
        tr("near.kind"),
        list(KINDS),
        format_func=tr,
        default="near.qd",
        key="inspect.near",
        required=True,
        persist_state="session",
    )
    of, among = KINDS[kind or "near.qd"]
    found = nearest(chosen.inspection, chosen.line, of, among, NEAR)
    if found.empty:
        components.show_message("note", tr("near.none"))
        return
    components.show_quiet(_near_finding(chosen, found, of, among))
    words = {1.0: tr("pair.relevant"), 0.0: tr("pair.not relevant")}
    labels = [words.get(label, tr("rivals.unlabelled")) for label in found["label"]]
    is_this, this = (found["line"] == chosen.line) & (of != among), f" · {tr('near.this')}"
    shown = pd.DataFrame(
        {
            "cosine": found["cosine"],
            "label": [
                label + this if is_own else label
                for label, is_own in zip(labels, is_this, strict=True)
            ],
            "text": found["text"].str.slice(0, 500),
            "line": found["line"],
        }
    )
    _pick_row(
        shown,
        f"inspect.near.{kind}.{chosen.key}",
        {
            **_narrow(),
            "text": st.column_config.TextColumn(
                tr("document") if among == "document" else tr("query"), width=700
            ),
        },
        tr("near.alt"),
    )
    components.show_quiet(tr("near.open"))


def _near_finding(chosen: Chosen, found: pd.DataFrame, of: Side, among: Side) -> str:
    """Say where the pair's own text comes, and whether near ones have the other label."""
    told = []
    if of != among and (stands := standing(chosen.inspection, chosen.line, of)):
        told.append(tr("near.own", place=stands[0], number=stands[1]))
    opposite = int((found["label"] == 1 - chosen.label).sum())
    told.append(tr("near.opposite", number=opposite, most=len(found)))
    return join_texts(*told)


def show_map(chosen: Chosen) -> None:
    """Draw all vectors of the set in two dimensions, and list the pairs of the chosen points."""
    colours = ["error", "label", *slice_columns(chosen.inspection.frame)]
    colour = st.selectbox(
        tr("map.colour"),
        colours,
        format_func=_colour,
        key="inspect.map.colour",
        persist_state="session",
    )
    found = _map(chosen)
    if found.frame.empty:
        components.show_message("note", tr("near.none"))
        return
    values = _values(chosen, colour or "error")
    inspection = chosen.inspection
    wrong = tr("map.wrong")
    told = point_values(inspection, found.frame, values, wrong, translator())
    points = found.frame.assign(value=told)
    place = inspection.frame.index.get_loc(chosen.line)
    rows = {"query": inspection.query_row[place], "document": inspection.document_row[place]}
    points["chosen"] = points["row"] == points["side"].map(rows)
    chart = vector_map(
        points,
        share=found.share,
        total=found.total,
        colour=_colour(colour or "error"),
        order=[tr("pair.relevant"), tr("pair.not relevant"), tr("map.right"), wrong],
        ink=components.ink(),
        tr=translator(),
    )
    picked = st.altair_chart(
        chart,
        width="stretch",
        key=f"inspect.map.{chosen.key}.{colour}",
        on_select="rerun",
        selection_mode=["area", "point"],
    )
    notes = [tr("map.note", share=sum(found.share))]
    if found.unreadable:
        notes.append(tr("map.unreadable", number=found.unreadable))
    components.show_quiet(join_texts(*notes))
    selection = picked["selection"] if picked else {}
    _show_pairs(chosen, picked_points(points, selection))


def _colour(name: str) -> str:
    """Return what people call that by which the map is coloured."""
    words = {"label": "map.label", "error": "map.error"}
    return tr(words[name]) if name in words else column_name(name, translator())


def _map(chosen: Chosen) -> VectorMap:
    """Return the map of the set, made once while the set is loaded."""
    inspection = chosen.inspection
    kept: tuple[Inspection, VectorMap] | None = st.session_state.get("inspect.map")
    found = kept[1] if kept and kept[0] is inspection else None
    if found is None or (found.is_thinned and chosen.line not in set(found.frame["line"])):
        with st.spinner(tr("map.wait")):
            found = map_vectors(inspection, keep=chosen.line)
        st.session_state["inspect.map"] = inspection, found
    return found


def _values(chosen: Chosen, colour: str) -> pd.Series:
    """Return the word of each pair that colour and shape show."""
    frame = chosen.inspection.frame
    if colour == "label":
        labels = {1: tr("pair.relevant"), 0: tr("pair.not relevant")}
        return frame["label"].map(labels).astype(object)
    if colour == "error":
        wrong = frame.index.isin(measure.errors(frame, chosen.threshold).index)
        words = [tr("map.right"), tr("map.wrong")]
        return pd.Series([words[int(is_wrong)] for is_wrong in wrong], frame.index)
    traits = {words: trait for trait, words in TRAIT_WORDS.items()}
    column = traits.get(colour, colour)
    values = slice_of(frame, column, translator()) if column in SAID else frame[column]
    return slice_values(values, tr=translator())


def picked_points(points: pd.DataFrame, selection: Any) -> pd.DataFrame:
    """Return the points that a click or a frame chose on the map.

    Args:
        points: as they were drawn.
        selection: what Streamlit says of the parameters "point" and "area".
    """
    clicked = {str(item.get("point")) for item in selection.get("point") or []}
    names = [f"{s} {r}" for s, r in zip(points["side"], points["row"], strict=True)]
    is_picked = pd.Series(names, index=points.index).isin(clicked)
    area = selection.get("area") or {}
    if "x" in area and "y" in area:
        is_picked |= points["x"].between(*sorted(area["x"])) & points["y"].between(
            *sorted(area["y"])
        )
    return points[is_picked]


def _show_pairs(chosen: Chosen, picked: pd.DataFrame) -> None:
    """List the pairs of the chosen points; choosing one opens it."""
    if picked.empty:
        components.show_quiet(tr("map.pick"))
        return
    inspection = chosen.inspection
    rows = {side: picked["row"][picked["side"] == side] for side in ("query", "document")}
    has_query = pd.Series(inspection.query_row).isin(rows["query"]).to_numpy()
    has_document = pd.Series(inspection.document_row).isin(rows["document"]).to_numpy()
    found = inspection.frame[has_query | has_document]
    components.show_quiet(tr("map.picked", points=len(picked), pairs=len(found)))
    words = {1: tr("pair.relevant"), 0: tr("pair.not relevant")}
    found = found.head(MOST_LISTED)
    shown = pd.DataFrame(
        {
            "cosine": found["cosine"],
            "label": found["label"].map(words),
            "query": found["query"].str.slice(0, 300),
            "text": found["document"].str.slice(0, 300),
            "line": found.index,
        }
    )
    _pick_row(
        shown,
        f"inspect.map.pairs.{chosen.key}",
        {
            **_narrow(),
            "query": st.column_config.TextColumn(tr("query"), width=300),
            "text": st.column_config.TextColumn(tr("document"), width=430),
        },
        tr("map.pairs.alt"),
    )


def _narrow() -> dict[str, Any]:
    """Return how the columns of numbers and labels are shown."""
    return {
        "cosine": st.column_config.NumberColumn(tr("cosine"), format="%.4f", width=80),
        "label": st.column_config.TextColumn(tr("near.label"), width=150),
        "line": st.column_config.NumberColumn(tr("pair.column.line"), format="%d", width=70),
    }


def _pick_row(shown: pd.DataFrame, key: str, columns: dict[str, Any], alt: str) -> None:
    """Show a table; choosing a row makes its line the pair that is looked at."""
    lines = shown["line"].tolist()
    st.dataframe(
        shown,
        key=key,
        hide_index=True,
        on_select=open_row(key, lines),
        selection_mode="single-row",
        column_config=columns,
        alt=alt,
    )


def open_row(key: str, lines: list[Any]) -> Callable[[], None]:
    """Return what a table calls when a row is chosen: its line becomes the pair looked at."""

    def select() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        if rows and rows[0] < len(lines):
            st.session_state[LINE] = lines[rows[0]]

    return select
