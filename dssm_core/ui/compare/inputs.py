"""What a person puts in: model, example, query, documents; kept whatever else is clicked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.ui.common import components, models, state
from dssm_core.ui.common.language import tr
from dssm_core.ui.compare.second_scale import threshold_field

MAX_DOCUMENTS = 200
MAX_TEXT = 100_000
"""Characters of a query or document."""


@dataclass(frozen=True)
class ScoreRequest:
    """What is to be scored.

    Attributes:
        query: the query.
        documents: the documents that are not empty, all of them.
        lines: line or row of each document, from 1.
        empty: lines or rows with nothing in them, save the last.
    """

    query: str
    documents: tuple[str, ...]
    lines: tuple[int, ...]
    empty: tuple[int, ...]

    @classmethod
    def of(cls, query: str, lines: Sequence[str]) -> ScoreRequest:
        """Number the lines and set the empty ones apart.

        Example:
            >>> ScoreRequest.of("q", ["a", "", "b", ""])
            ScoreRequest(query='q', documents=('a', 'b'), lines=(1, 3), empty=(2,))
        """
        filled = [(n, line) for n, line in enumerate(lines, 1) if line.strip()]
        numbers = tuple(n for n, _ in filled)
        empty = sorted({*range(1, max(numbers, default=0))}.difference(numbers))
        return cls(query, tuple(line for _, line in filled), numbers, tuple(empty))

    def name(self, position: int) -> str:
        """Return what to call a document, by position from 1, with its line where they differ."""
        line = self.lines[position - 1]
        if line == position:
            return tr("document n", n=position)
        return tr("document n line", n=position, line=line)

    def trouble(self) -> str | None:
        """Return why this cannot be scored, naming the field and the way out; None if it can."""
        if not self.query.strip():
            return tr("error.query")
        if not self.documents:
            return tr("error.documents")
        texts = [self.query, *self.documents[:MAX_DOCUMENTS]]
        for position, text in enumerate(texts):
            if len(text) > MAX_TEXT:
                which = self.name(position) if position else tr("the query")
                which = which[0].upper() + which[1:]
                return tr("error.long", which=which, found=len(text), most=MAX_TEXT)
        return None


def open_link(folders: Mapping[str, ModelFolder]) -> None:
    """Restore what the link holds when the page is opened; say so, for as long, if it cannot."""
    if "compare.link" in st.session_state:
        return
    st.session_state["compare.link"] = packed = st.query_params.get("view")
    if packed is None:
        return
    try:
        view = state.unpack(packed)
    except UserError as error:
        st.session_state["compare.trouble"] = error
        return
    if view.model in folders:
        models.choose_model(view.model)
        key, _ = threshold_field(folders[view.model].has_head)
        st.session_state[key] = view.threshold
    else:
        st.session_state["compare.trouble"] = UserError("page.no such model", view.model)
    st.session_state["compare.query"] = view.query
    _put_documents(view.documents)
    st.session_state["compare.selected"] = view.selected
    st.session_state["compare.second"] = view.second if view.second in folders else None
    st.session_state["compare.offered"] = None
    _choose(None)


def pick_model(folders: Mapping[str, ModelFolder]) -> ModelFolder:
    """Show the model picker; a new model brings its own example if no text was typed."""
    folder = models.pick_model(folders, "compare")
    if st.session_state.setdefault("compare.shown model", folder.name) != folder.name:
        if st.session_state.get("compare.chosen") is not None:
            st.session_state.pop("compare.query", None)
        st.session_state["compare.shown model"] = folder.name
    return folder


def pick_example(folder: ModelFolder) -> list[dict[str, Any]]:
    """Show the example picker; return the folder's examples."""
    try:
        file = folder.path / "examples.jsonl"
        examples, names = _examples(str(folder.path), file.stat().st_mtime_ns)
    except UserError as error:
        components.show_error(error)
        examples, names = [], []

    if "compare.query" not in st.session_state:
        _fill(examples, 0 if examples else None)
        _choose(0 if examples else None)
    elif chosen_example(examples) is None:
        # also where a browser sent an old text once more, and then the example's: a false edit
        for number in _shown_examples(examples)[:1]:
            _choose(number)
    # A new key with each edit, and never a value set from here: a browser that has not heard of
    # the value yet would send the old one back, which reads as a choice and overwrites the text.
    key = f"compare.example.{st.session_state['compare.example.version']}"

    def change() -> None:
        st.session_state.pop("compare.trouble", None)
        _fill(examples, st.session_state[key])

    st.selectbox(
        tr("example"),
        range(len(examples)),
        index=chosen_example(examples),
        format_func=names.__getitem__,
        key=key,
        placeholder=tr("own") if examples else tr("no examples"),
        on_change=change,
        help=tr("example.help"),
        persist_state="session",
    )
    return examples


@st.cache_resource(max_entries=16, show_spinner=False)
def _examples(path: str, changed: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a folder's examples and their names, not to be changed: one copy for all sessions.

    Streamlit keeps every picker that a session has ever seen, so one for each edit.
    """
    examples = ModelFolder.open(Path(path)).examples
    return examples, [f"{example['title']}: {example['query']}" for example in examples]


def _fill(examples: Sequence[dict[str, Any]], number: int | None) -> None:
    """Take an example's texts for one's own; None keeps what is there."""
    st.session_state["compare.chosen"] = number
    if number is not None:
        st.session_state.pop("compare.before", None)
        st.session_state["compare.query"] = examples[number]["query"]
        _put_documents(examples[number]["documents"])
        st.session_state.pop("compare.selected", None)


def chosen_example(examples: Sequence[dict[str, Any]]) -> int | None:
    """Return the number of the example on screen; None once its text was edited."""
    number: int | None = st.session_state.get("compare.chosen")
    return number if number is not None and number < len(examples) else None


def _shown_examples(examples: Sequence[dict[str, Any]]) -> list[int]:
    """Return the examples whose text is in the boxes; a table is known once it is painted."""
    if st.session_state.get("compare.entry") != "lines":
        return []
    query, lines = st.session_state["compare.query"], st.session_state.get("compare.lines", "")
    documents = [line for line in lines.replace("\r", "").split("\n") if line.strip()]
    return [
        number
        for number, example in enumerate(examples)
        if example["query"] == query and [*example["documents"]] == documents
    ]


def show_note(examples: Sequence[dict[str, Any]]) -> None:
    """Show what to look at in the chosen example; below what is typed, which it must not move."""
    number = chosen_example(examples)
    if number is not None:
        components.show_quiet(examples[number]["note"])


def type_query() -> str:
    """Show the query box."""
    st.session_state.setdefault("compare.query", "")
    return st.text_input(
        tr("query"),
        key="compare.query",
        help=tr("query.help"),
        on_change=_edited,
        persist_state="session",
    )


def type_documents() -> list[str]:
    """Show the documents in one of the two ways of entry; return their lines or rows."""
    st.session_state.setdefault("compare.lines", "")
    st.session_state.setdefault("compare.entry", "lines")
    if st.session_state["compare.entry"] == "table":
        return _type_rows()
    text = st.text_area(
        tr("documents"),
        key="compare.lines",
        height=104,
        help=tr("documents.help", most=MAX_DOCUMENTS),
        on_change=_edited,
        persist_state="session",
    )
    return text.replace("\r", "").split("\n")


def pick_entry() -> None:
    """Show the choice between the two ways of entry."""
    st.segmented_control(
        tr("entry"),
        ["lines", "table"],
        format_func=lambda entry: tr(f"entry.{entry}"),
        key="compare.entry",
        required=True,
        on_change=_change_entry,
        label_visibility="collapsed",
        persist_state="session",
    )


def _type_rows() -> list[str]:
    version = st.session_state.get("compare.rows.version", 0)
    if f"compare.rows.{version}" not in st.session_state:  # back from another page, or new
        _put_rows(st.session_state.get("compare.edited", []))
        version = st.session_state["compare.rows.version"]
    table = st.data_editor(
        st.session_state["compare.rows"],
        key=f"compare.rows.{version}",
        num_rows="dynamic",
        hide_index=True,
        height=150,
        column_config={
            "document": st.column_config.TextColumn(
                tr("documents.table"),
                help=tr("documents.help", most=MAX_DOCUMENTS),
                width="large",
            )
        },
        on_change=_edited,
        alt=tr("documents.table"),
    )
    rows = ["" if pd.isna(cell) else str(cell) for cell in table["document"]]
    st.session_state["compare.edited"] = rows
    return rows


def fill_documents(documents: Sequence[str]) -> None:
    """Put documents in place of those that are there, which `swap_documents` brings back."""
    st.session_state["compare.before"] = _snapshot()
    _put_documents(documents)
    _forget_example()


def swap_documents() -> None:
    """Bring back what was there before the last fill or swap, and keep what is there now."""
    before = st.session_state["compare.before"]
    st.session_state["compare.before"] = _snapshot()
    rows = before.pop("compare.edited")
    st.session_state.update(before)
    _put_rows(rows)
    _forget_example()


def _snapshot() -> dict[str, Any]:
    keys = ("compare.entry", "compare.lines", "compare.joined", "compare.edited")
    return {key: st.session_state.get(key, [] if key == "compare.edited" else "") for key in keys}


def _forget_example() -> None:
    _edited()
    st.session_state.pop("compare.selected", None)


def _edited() -> None:
    """Forget what held for the text before it was edited."""
    _choose(None)
    st.session_state.pop("compare.trouble", None)


def _choose(number: int | None) -> None:
    """Set the example picker from outside, as a new picker."""
    st.session_state["compare.chosen"] = number
    version = st.session_state.get("compare.example.version", 0)
    st.session_state["compare.example.version"] = version + 1


def _put_documents(documents: Sequence[str]) -> None:
    """Fill both ways of entry; a document of several lines needs the table."""
    has_lines = any("\n" in document or "\r" in document for document in documents)
    st.session_state["compare.entry"] = "table" if has_lines else "lines"
    _put_lines(documents)
    _put_rows(documents)


def _put_lines(documents: Sequence[str]) -> None:
    joined = "\n".join(" ".join(d.splitlines()) if "\n" in d or "\r" in d else d for d in documents)
    st.session_state["compare.lines"] = st.session_state["compare.joined"] = joined


def _put_rows(documents: Sequence[str]) -> None:
    rows = list(documents)
    st.session_state["compare.edited"] = rows
    st.session_state["compare.rows"] = pd.DataFrame({"document": pd.Series(rows, dtype=str)})
    # a data_editor keeps edits under its key: a new table needs a new one
    st.session_state["compare.rows.version"] = st.session_state.get("compare.rows.version", 0) + 1


def _change_entry() -> None:
    """Carry the documents over to the other way of entry; line breaks survive a round trip."""
    lines = st.session_state.get("compare.lines", "")
    if st.session_state["compare.entry"] == "lines":
        _put_lines(st.session_state.get("compare.edited", []))
    elif lines != st.session_state.get("compare.joined"):
        _put_rows([line for line in lines.split("\n") if line.strip()])
