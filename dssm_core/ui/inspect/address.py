"""The address of what Inspect shows: a reload, a second tab and a colleague find it again.

What an address holds is not to be trusted: each value is checked, and one that this page does not
know is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import streamlit as st

from dssm_core.corpus.labels import MAX_VALUES
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.ui.common import components, models, state
from dssm_core.ui.common.language import tr
from dssm_core.ui.inspect import load, slices, threshold
from dssm_core.ui.inspect.kept_files import kept_files, this_browser

LINE_WANTED = "inspect.line.wanted"
"""Session key of the line that an address asks for, until the pairs are there."""

OPENED, TROUBLE, PACKED = "inspect.link", "inspect.link.trouble", "inspect.link.packed"
"""Session keys: whether the address was read, why it could not be, and the present one."""

SECOND = "inspect.second"
ROLE = "inspect.role."

MAX_TEXT = 2_000
"""Characters of one value."""

Role = str | float | list[str]
"""What one of the widgets says that tell how a loaded file is read."""


@dataclass(frozen=True)
class InspectView:
    """What an address restores.

    Attributes:
        model: name of the model folder.
        fingerprint: of the model that the threshold is for.
        threshold: a cosine.
        line: of the chosen pair.
        column: by which pairs are sliced; "" for none.
        slice: the chosen slice; "" for none.
        second: name of the second model's folder; "" for none.
        file: token of a loaded file; "" for the model's own pairs.
        roles: how a loaded file is read, by the widgets that say so.
    """

    model: str
    fingerprint: str
    threshold: float
    line: int
    column: str = ""
    slice: str = ""
    second: str = ""
    file: str = ""
    roles: Mapping[str, Role] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> InspectView:
        """Read what `asdict` gave.

        Raises:
            ValueError, KeyError, TypeError: if a value is missing or of the wrong kind.
        """
        names = ("model", "fingerprint", "column", "slice", "second", "file")
        texts = {name: _text(values[name]) for name in names}
        cosine, line = float(values["threshold"]), int(values["line"])
        if not (-1 <= cosine <= 1 and 0 <= line < 2**53):
            raise ValueError("numbers out of range")
        roles = {_text(name): _role(name, value) for name, value in dict(values["roles"]).items()}
        if len(roles) > 20:
            raise ValueError("too many roles")
        return cls(threshold=cosine, line=line, roles=roles, **texts)


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError("a text expected")
    value.encode("utf-8")
    return value


def _role(name: str, value: object) -> Role:
    """Return a widget's value, if it is of the kind that the widget gives."""
    if not name.startswith(ROLE):
        raise ValueError("a role expected")
    match name.removeprefix(ROLE).split(".")[0], value:
        case "relevant", list() if len(value) <= MAX_VALUES:
            return [_text(label) for label in value]
        case "cut", float() if math.isfinite(value):
            return value
        case "header" | "html", bool():
            return value
        case "query" | "document" | "label" | "encoding" | "separator" | "sheet", str():
            return _text(value)
    raise ValueError("a role of another kind")


def open_link(folders: Mapping[str, ModelFolder]) -> None:
    """Restore what the address holds when the page is opened; say so, for as long, if it cannot."""
    if OPENED not in st.session_state:
        st.session_state[OPENED] = packed = st.query_params.get("view")
        if packed is not None:
            try:
                _restore(state.unpacked(packed, InspectView.of), folders)
            except UserError as error:
                st.session_state[TROUBLE] = error
    if trouble := st.session_state.get(TROUBLE):
        components.show_error(trouble)


def _restore(view: InspectView, folders: Mapping[str, ModelFolder]) -> None:
    if view.model not in folders:
        raise UserError("page.no such model", view.model)
    models.choose_model(view.model)
    if view.file:
        file = kept_files().get(view.file, this_browser())
        if file is None:  # what else the link holds is for its pairs
            raise UserError("page.no such file")
        load.take(file.name, file.content, view.file)
        st.session_state.update(view.roles)
    st.session_state[threshold.THRESHOLD] = view.fingerprint, view.threshold
    st.session_state[slices.COLUMN] = view.column or None
    st.session_state[slices.NAME] = view.slice or None
    st.session_state[LINE_WANTED] = view.line
    if view.second and view.second not in folders:
        st.session_state[TROUBLE] = UserError("page.no such model", view.second)
    elif view.second:
        st.session_state[SECOND] = view.second


def keep(scored: load.ScoredPairs, line: Any) -> None:
    """Put what is shown into the address bar, by script, so that the history stays short."""
    upload: load.Source | None = st.session_state.get(load.UPLOAD)
    values: dict[str, Any] = {str(name): value for name, value in st.session_state.items()}
    _, cosine = values[threshold.THRESHOLD]
    second = values.get(SECOND)
    roles = {
        name: value
        for name, value in sorted(values.items())
        if upload and name.startswith(ROLE) and upload.key in name and value is not None
    }
    view = InspectView(
        scored.inspection.model,
        scored.inspection.fingerprint,
        cosine,
        0 if line is None else int(line),
        values.get(slices.COLUMN) or "",
        values.get(slices.NAME) or "",
        second if isinstance(second, str) else "",
        upload.token if upload else "",
        roles,
    )
    st.session_state[PACKED] = state.packed(asdict(view))
    components.keep_address(st.session_state[PACKED])


def show_link() -> None:
    """Show the address, to be copied, and what it does not carry."""
    packed = st.session_state.get(PACKED)
    if packed is None:
        return
    upload: load.Source | None = st.session_state.get(load.UPLOAD)
    components.show_link(packed, tr("inspect.link.file" if upload else "inspect.link"))
