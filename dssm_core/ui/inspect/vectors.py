"""What lies near a pair in the loaded set: a list, and a map."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dssm_core import charts
from dssm_core.inspection import measure
from dssm_core.inspection.neighbours import (
    VectorMap,
    map_vectors,
    nearest,
    point_values,
    slice_values,
    standing,
)
from dssm_core.inspection.slices import SAID, TRAIT_WORDS, column_name, slice_columns, slice_of
from dssm_core.towers import Side
from dssm_core.ui.common import components, drawings, theme
from dssm_core.ui.common.language import tr, translator
from dssm_core.ui.common.tables import Column, pick_table
from dssm_core.ui.common.work import cached
from dssm_core.ui.inspect.selected_pair import LINE, SelectedPair
from dssm_core.words import join_texts

MAX_NEAR = 10
"""Near texts listed."""
MAX_LISTED = 500
"""Pairs listed of those chosen on the map."""

KINDS: dict[str, tuple[Side, Side]] = {
    "near.qd": ("query", "document"),
    "near.dq": ("document", "query"),
    "near.dd": ("document", "document"),
    "near.qq": ("query", "query"),
}
"""Whose vector, and among which, by the words that say so."""


def show_near(pair: SelectedPair) -> None:
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
    rows = nearest(pair.inspection, pair.line, of, among, MAX_NEAR)
    if rows.empty:
        components.show_message("note", tr("near.none"))
        return
    components.show_quiet(_near_finding(pair, rows, of, among))
    words = {1.0: tr("pair.relevant"), 0.0: tr("pair.not relevant")}
    labels = [words.get(label, tr("rivals.unlabelled")) for label in rows["label"]]
    is_own = (rows["line"] == pair.line) & (of != among)
    labels = [
        f"{label} · {tr('near.this')}" if own else label
        for label, own in zip(labels, is_own, strict=True)
    ]
    table = rows[["cosine", "text", "line"]].assign(label=labels)
    _pick_pair(
        table,
        {
            "cosine": Column(tr("cosine"), "cosine", 80),
            "label": Column(tr("near.label"), width=150),
            "text": Column(tr("document") if among == "document" else tr("query"), width=700),
            "line": Column(tr("pair.column.line"), width=70),
        },
        tr("near.alt"),
        f"inspect.near.{kind}.{pair.key}",
    )
    components.show_quiet(tr("near.open"))


def _near_finding(pair: SelectedPair, rows: pd.DataFrame, of: Side, among: Side) -> str:
    """Return the rank of the pair's own text, and whether near ones have the other label."""
    sentences = []
    if of != among and (rank := standing(pair.inspection, pair.line, of)):
        sentences.append(tr("near.own", place=rank[0], number=rank[1]))
    opposite = int((rows["label"] == 1 - pair.label).sum())
    sentences.append(tr("near.opposite", number=opposite, most=len(rows)))
    return join_texts(*sentences)


def show_map(pair: SelectedPair) -> None:
    """Draw all vectors of the set in two dimensions, and list the pairs of the chosen points."""
    colour: str = st.selectbox(
        tr("map.colour"),
        ["error", "label", *slice_columns(pair.inspection.frame)],
        format_func=_colour,
        key="inspect.map.colour",
        persist_state="session",
    )
    result = _map(pair)
    if result.frame.empty:
        components.show_message("note", tr("near.none"))
        return
    points = _points(pair, result, colour)
    chart = charts.vector_map(
        points,
        share=result.share,
        total=result.total,
        colour=_colour(colour),
        order=[*map(tr, ("pair.relevant", "pair.not relevant", "map.right", "map.wrong"))],
        ink=theme.ink(),
        tr=translator(),
    )
    event = drawings.show_chart(
        chart,
        f"inspect.map.{pair.key}.{colour}",
        on_select="rerun",
        selection_mode=["area", "point"],
    )
    notes = [tr("map.note", share=sum(result.share))]
    if result.unreadable:
        notes.append(tr("map.unreadable", number=result.unreadable))
    components.show_quiet(join_texts(*notes))
    _show_pairs(pair, picked_points(points, event["selection"] if event else {}))


def _points(pair: SelectedPair, result: VectorMap, colour: str) -> pd.DataFrame:
    """Return a map's points with what colours them, and whether they are the pair's texts."""
    inspection = pair.inspection
    words = point_values(
        inspection, result.frame, _values(pair, colour), tr("map.wrong"), translator()
    )
    points = result.frame.assign(value=words)
    index = inspection.frame.index.get_loc(pair.line)
    rows = {"query": inspection.query_row[index], "document": inspection.document_row[index]}
    points["chosen"] = points["row"] == points["side"].map(rows)
    return points


def _colour(name: str) -> str:
    """Return what people call that by which the map is coloured."""
    words = {"label": "map.label", "error": "map.error"}
    return tr(words[name]) if name in words else column_name(name, translator())


def _map(pair: SelectedPair) -> VectorMap:
    """Return the map of the set; a thinned one is made anew where it lacks the pair."""
    inspection = pair.inspection

    def cached_map(line: Any) -> VectorMap:
        with st.spinner(tr("map.wait")):
            return cached(
                "inspect.map", (inspection, line), lambda: map_vectors(inspection, keep=line)
            )

    line = st.session_state.get("inspect.map.line")
    if line not in inspection.frame.index:
        line = pair.line
    result = cached_map(line)
    if result.is_thinned and pair.line not in set(result.frame["line"]):
        line = pair.line
        result = cached_map(line)
    st.session_state["inspect.map.line"] = line
    return result


def _values(pair: SelectedPair, colour: str) -> pd.Series:
    """Return the word of each pair that colour and shape show."""
    frame = pair.inspection.frame
    if colour == "label":
        labels = {1: tr("pair.relevant"), 0: tr("pair.not relevant")}
        return frame["label"].map(labels).astype(object)
    if colour == "error":
        wrong = frame.index.isin(measure.errors(frame, pair.threshold).index)
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


def _show_pairs(pair: SelectedPair, picked: pd.DataFrame) -> None:
    """List the pairs of the chosen points; choosing one opens it."""
    if picked.empty:
        components.show_quiet(tr("map.pick"))
        return
    inspection = pair.inspection
    rows = {side: picked["row"][picked["side"] == side] for side in ("query", "document")}
    has_query = pd.Series(inspection.query_row).isin(rows["query"]).to_numpy()
    has_document = pd.Series(inspection.document_row).isin(rows["document"]).to_numpy()
    pairs = inspection.frame[has_query | has_document]
    components.show_quiet(tr("map.picked", number=len(picked), pairs=len(pairs)))
    if len(pairs) > MAX_LISTED:
        components.show_quiet(tr("map.cut", most=MAX_LISTED))
    words = {1: tr("pair.relevant"), 0: tr("pair.not relevant")}
    pairs = pairs.head(MAX_LISTED)
    _pick_pair(
        pairs[["cosine", "query", "document"]].assign(
            label=pairs["label"].map(words), line=pairs.index
        ),
        {
            "cosine": Column(tr("cosine"), "cosine", 80),
            "label": Column(tr("near.label"), width=150),
            "query": Column(tr("query"), width=300),
            "document": Column(tr("document"), width=430),
            "line": Column(tr("pair.column.line"), width=70),
        },
        tr("map.pairs.alt"),
        f"inspect.map.pairs.{pair.key}",
    )


def _pick_pair(frame: pd.DataFrame, columns: dict[str, Column], alt: str, key: str) -> None:
    """Show pairs; a picked row's line becomes the selected pair."""
    lines = frame["line"].tolist()

    def pick(row: int) -> None:
        st.session_state[LINE] = lines[row]

    pick_table(frame[list(columns)], columns, alt, key=key, row=None, on_pick=pick)
