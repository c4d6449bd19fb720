"""How a loaded file is read: as it was found, and as a person changes it."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from dssm_core.corpus.formats import SEPARATORS
from dssm_core.corpus.labels import MAX_VALUES, Values
from dssm_core.corpus.opening import NAMES, Source
from dssm_core.corpus.reading import (
    Choices,
    Table,
    interpret,
    label_cells,
    read_table,
    roles_of,
)
from dssm_core.corpus.roles import NO_LABEL, Roles
from dssm_core.corpus.sheets import sheet_names
from dssm_core.errors import UserError
from dssm_core.ui.common.language import tr
from dssm_core.ui.common.work import cached


def content_key(content: bytes, name: str) -> str:
    """Return what tells a loaded file from one of other content or another name."""
    return hashlib.sha256(content + name.encode("utf-8", "replace")).hexdigest()[:16]


def choose_reading(page: str, content: bytes | Path, name: str, key: str) -> tuple[Table, Choices]:
    """Show how a file is read, and let a person change it.

    Args:
        page: what the keys of the widgets start with, as "inspect".
        content: the file's bytes, or where it lies.
        name: of the file.
        key: another for other content.

    Returns:
        Its rows, and what the person says of them.

    Raises:
        UserError: if it is no table.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        choices = _choose_format(page, content, name, key)
        table = cached(f"{page}.table", (key, choices), lambda: read_table(content, name, choices))
        return table, _choose_roles(page, table, choices, key)


def _choose_format(page: str, content: bytes | Path, name: str, key: str) -> Choices:
    """Let a person say what the file's bytes mean, where what was found is wrong."""
    found = tr("reading.ask.guessed")
    sheets = cached(f"{page}.sheets", key, lambda: sheet_names(Source(name, content)))
    encoding = separator = sheet = None
    with st.popover(tr("reading.ask"), icon=":material/tune:"):
        if sheets:
            sheet = st.selectbox(
                tr("reading.ask.sheet"),
                sheets,
                None,
                key=f"{page}.role.sheet.{key}",
                placeholder=found,
            )
        else:
            encoding = st.selectbox(
                tr("reading.ask.encoding"),
                list(dict.fromkeys(NAMES.values())),
                None,
                key=f"{page}.role.encoding.{key}",
                placeholder=found,
            )
            separator = st.selectbox(
                tr("reading.ask.separator"),
                list(SEPARATORS),
                None,
                format_func=lambda character: tr(f"reading.{SEPARATORS[character]}"),
                key=f"{page}.role.separator.{key}",
                placeholder=found,
            )
        header = st.selectbox(
            tr("reading.ask.header"),
            [True, False],
            None,
            format_func=lambda is_header: tr(
                "reading.ask.header.yes" if is_header else "reading.ask.header.no"
            ),
            key=f"{page}.role.header.{key}",
            placeholder=found,
        )
        strips = st.checkbox(tr("reading.ask.html"), key=f"{page}.role.html.{key}")
    return Choices(
        encoding=encoding, separator=separator, header=header, sheet=sheet, strip_html=strips
    )


def _choose_roles(page: str, table: Table, choices: Choices, key: str) -> Choices:
    """Show which column is what, guessed, and return what a person makes of it."""
    guess = cached(f"{page}.guess", (key, choices), lambda: roles_of(table, choices))
    every = list(table.columns)
    key = f"{key}.{_mark([*every, choices.sheet or ''])}"

    def pick(role: str, chosen: str | None, placeholder: str | None = None) -> Any:
        name = f"{page}.role.{role}.{key}"
        st.session_state.setdefault(name, chosen if chosen in every else None)  # a link may set it
        return st.selectbox(
            tr(f"reading.role.{role}"), every, None, key=name, placeholder=placeholder
        )

    query = pick("query", guess.query)
    document = pick("document", guess.document)
    inner, _ = label_cells(table, guess)
    label = pick("label", guess.label, inner or tr("reading.role.label.none"))
    no_label = NO_LABEL if guess.label else None  # then there may be labels in lists
    choices = replace(choices, query=query, document=document, label=label or no_label)
    roles = cached(f"{page}.roles", (key, choices), lambda: roles_of(table, choices))
    column, _ = label_cells(table, roles)
    return (
        choices
        if column is None
        else _choose_labels(page, table, choices, roles, f"{key}.{column}")
    )


def _choose_labels(page: str, table: Table, choices: Choices, roles: Roles, key: str) -> Choices:
    """Let a person say which labels mean relevant, or from which grade on."""
    values = cached(
        f"{page}.values",
        (key, choices),
        lambda: Values(label_cells(table, roles)[1], table.name),
    )
    try:
        labels = interpret(table, choices).labels
    except UserError:
        labels = None
    is_graded = values.are_numbers and len(values.kept) > 2
    if is_graded:
        name = f"{page}.role.cut.{key}"
        known = labels.least if labels else None
        st.session_state.setdefault(name, None if known is None else float(known))
        least = st.number_input(
            tr("reading.role.cut"),
            value=None,
            step=1.0 if values.are_grades else None,
            format="%g",
            key=name,
        )
        return choices if least is None else replace(choices, min_grade=least)
    every = list(values.kept.values())
    if len(every) > MAX_VALUES:
        return choices
    guess = [value for value in labels.relevant if value in every] if labels else []
    name = f"{page}.role.relevant.{key}.{_mark(every)}"
    st.session_state.setdefault(name, guess)
    relevant = st.multiselect(tr("reading.role.relevant"), every, key=name)
    is_guess = not relevant or relevant == guess  # a label that means neither is then refused
    return choices if is_guess else replace(choices, relevant=tuple(relevant))


def _mark(options: list[str]) -> str:
    """Return what tells a widget with these options from one with others, in any process."""
    return f"{zlib.crc32(repr(options).encode()):08x}"
