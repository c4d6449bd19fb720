"""The main page: one query against its documents, with every number and every weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from dssm_core import charts
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.scoring import Scores
from dssm_core.ui import parts, state
from dssm_core.ui.words import LANGUAGES, language, say

MOST_DOCUMENTS = 200

Documents = list[tuple[int, str]]
"""The documents with the number of the line or row that each stands in."""


def render() -> None:
    """Show the page."""
    folders, broken = state.model_folders()
    _open_link(folders)
    _show_head()
    for trouble in broken:
        parts.show_error(trouble)
    if not folders:
        st.error(parts.plain(say("no models", path=state.MODELS)))
        return
    asked, answer = st.columns([2, 3], gap="large")
    try:
        with asked:
            folder = _pick_model(folders)
            _pick_example(folder.examples)
            query, documents = _inputs()
        with answer:
            scores = _scores(folder, query, documents)
            if scores is None:
                return
            _show_notes(scores, documents)
            drawn = _show_charts(folder, scores)
        _show_detail(folder, scores, drawn)
    except UserError as error:
        parts.show_error(error)


def _show_head() -> None:
    st.html(parts.STYLE)
    title, choice = st.columns([5, 1], vertical_alignment="bottom")
    title.title(say("title"), anchor=False)
    choice.selectbox(
        say("language"),
        list(LANGUAGES),
        format_func=lambda key: LANGUAGES[key],
        index=list(LANGUAGES).index(language()),
        key="page.language",
    )
    st.markdown(say("intro"))


def _open_link(folders: dict[str, ModelFolder]) -> None:
    """Restore what the link holds, once a session."""
    packed = st.query_params.get("view")
    if packed is None or st.session_state.get("compare.link") == packed:
        return
    st.session_state["compare.link"] = packed
    try:
        view = state.unpack(packed)
    except UserError as error:
        parts.show_error(error)
        return
    if view.model in folders:
        st.session_state["compare.model"] = view.model
    st.session_state["compare.query"] = view.query
    _put_documents(list(view.documents))
    st.session_state["compare.threshold"] = view.threshold
    st.session_state["compare.selected"] = view.selected
    st.session_state["compare.example"] = None


def _put_documents(documents: list[str]) -> None:
    """Fill both ways of entry; a document of several lines needs the table."""
    lines = any("\n" in document or "\r" in document for document in documents)
    st.session_state["compare.entry"] = "table" if lines else "lines"
    st.session_state["compare.lines"] = "\n".join(" ".join(d.split()) for d in documents)
    _put_rows(documents)


def _put_rows(documents: list[str]) -> None:
    st.session_state["compare.rows"] = pd.DataFrame({"document": pd.Series(documents, dtype=str)})
    # a data_editor keeps edits under its key: a new table needs a new one
    st.session_state["compare.rows.version"] = st.session_state.get("compare.rows.version", 0) + 1


def _pick_model(folders: dict[str, ModelFolder]) -> ModelFolder:
    default = "debian-packages" if "debian-packages" in folders else next(iter(folders))
    if st.session_state.get("compare.model") not in folders:
        st.session_state["compare.model"] = default
    name = st.selectbox(say("model"), list(folders), key="compare.model", help=say("model.help"))
    return folders[name]


def _pick_example(examples: list[dict[str, Any]]) -> None:
    def fill() -> None:
        number = st.session_state["compare.example"]
        if number is not None:
            example = examples[number]
            st.session_state["compare.query"] = example["query"]
            _put_documents(list(example["documents"]))
            ranks = [result["rank"] for result in example["scores"]["results"]]
            st.session_state["compare.selected"] = ranks.index(1) + 1 if 1 in ranks else 1

    if "compare.query" not in st.session_state and examples:
        st.session_state["compare.example"] = 0
        fill()
    if st.session_state.get("compare.example") not in (None, *range(len(examples))):
        st.session_state["compare.example"] = None
    number = st.selectbox(
        say("example"),
        range(len(examples)),
        format_func=lambda i: f"{examples[i]['title']}: {examples[i]['query']}",
        key="compare.example",
        placeholder=say("own"),
        on_change=fill,
        help=say("example.help"),
    )
    if number is not None:
        st.caption(parts.plain(str(examples[number]["note"])))


def _inputs() -> tuple[str, Documents]:
    st.session_state.setdefault("compare.lines", "")
    st.session_state.setdefault("compare.entry", "lines")
    if "compare.rows" not in st.session_state:
        _put_rows([])
    query = st.text_input(
        say("query"), key="compare.query", help=say("query.help"), on_change=_leave_example
    )
    st.segmented_control(
        say("entry"),
        ["lines", "table"],
        format_func=lambda entry: say(f"entry.{entry}"),
        key="compare.entry",
        required=True,
        on_change=_change_entry,
    )
    if st.session_state["compare.entry"] == "lines":
        text = st.text_area(
            say("documents"),
            key="compare.lines",
            height=180,
            help=say("documents.help"),
            on_change=_leave_example,
        )
        documents = list(enumerate(text.splitlines(), 1))
    else:
        table = st.data_editor(
            st.session_state["compare.rows"],
            key=f"compare.table.{st.session_state['compare.rows.version']}",
            num_rows="dynamic",
            on_change=_leave_example,
            hide_index=True,
            column_config={
                "document": st.column_config.TextColumn(
                    say("documents.table"), help=say("documents.help"), width="large"
                )
            },
        )
        st.session_state["compare.edited"] = [str(d or "") for d in table["document"]]
        documents = list(enumerate(st.session_state["compare.edited"], 1))
    return query, [(line, text) for line, text in documents if text.strip()]


def _leave_example() -> None:
    """Stop naming an example whose texts were edited."""
    st.session_state["compare.example"] = None


def _change_entry() -> None:
    """Carry the documents over from one way of entry to the other."""
    if st.session_state["compare.entry"] == "table":
        _put_rows([line for line in st.session_state["compare.lines"].splitlines() if line.strip()])
    else:
        edited = st.session_state.get("compare.edited", [])
        st.session_state["compare.lines"] = "\n".join(" ".join(d.split()) for d in edited)


def _scores(folder: ModelFolder, query: str, documents: Documents) -> Scores | None:
    """Return the stored scores of an untouched example, else live ones, else None and say why."""
    live = state.live_model(folder)
    texts = [text for _, text in documents]
    stored = next(
        (e for e in folder.examples if e["query"] == query and e["documents"] == texts), None
    )
    if live.error:
        parts.show_error(live.error)
    elif not live.is_done:
        _show_loading(live, "loading" if stored else "waiting")
    else:
        st.caption(f":material/check_circle: {say('ready')}")
    if stored:
        return Scores.from_dict(stored["scores"])
    if not query.strip():
        st.warning(say("error.query"))
        return None
    if not texts:
        st.warning(say("error.documents"))
        return None
    if len(texts) > MOST_DOCUMENTS:
        st.warning(say("error.many", found=len(texts), most=MOST_DOCUMENTS))
    if live.scorer is None:
        return None
    return _score_live(live.scorer.score, query, texts[:MOST_DOCUMENTS])


@st.fragment(run_every=1.0)
def _show_loading(live: state.LiveModel, message: str) -> None:
    if live.is_done:
        st.rerun()
    st.caption(f":material/hourglass_top: {say(message)}")


def _score_live(score: Callable[..., Scores], query: str, texts: list[str]) -> Scores:
    place = st.empty()

    def progress(done: int, total: int) -> None:
        place.progress(done / total, say("scoring", done=done, total=total))

    scores = score(query, texts, progress)
    place.empty()
    return scores


def _show_notes(scores: Scores, documents: Documents) -> None:
    """Say what the model did not read, or read twice, with the line it stands in."""
    lines = [line for line, _ in documents]
    read = [any(t.state in ("seen", "letters") for t in r.tokens) for r in scores.results]
    query_tokens = [t for t in scores.query.tokens if t.state in ("seen", "letters")]
    if not query_tokens:
        st.warning(say("error.query.unread"))
    elif all(token.state == "letters" for token in query_tokens):
        st.warning(say("note.letters.all"))
    unread = [str(line) for line, is_read in zip(lines, read, strict=False) if not is_read]
    if unread and query_tokens:
        st.warning(say("note.unread", which=", ".join(unread)))
    places: dict[str, list[str]] = {}
    for line, text in documents[: len(scores.results)]:
        places.setdefault(text, []).append(str(line))
    twice = [" = ".join(found) for found in places.values() if len(found) > 1]
    if twice:
        st.info(say("note.duplicate", which=", ".join(twice)))
    named = {say("the query"): scores.query.tokens} | {
        say("document n", n=line): r.tokens for line, r in zip(lines, scores.results, strict=False)
    }
    for kind in ("truncated", "letters"):
        found = [name for name, tokens in named.items() if any(t.state == kind for t in tokens)]
        if found:
            st.caption(say(f"note.{kind}", which=", ".join(found)))


def _show_charts(folder: ModelFolder, scores: Scores) -> list[charts.Chart]:
    """Show threshold and charts; return them for the download."""
    frame = scores.frame()
    if not 1 <= st.session_state.get("compare.selected", 1) <= len(frame):
        st.session_state["compare.selected"] = 1
    st.session_state.setdefault("compare.selected", 1)
    st.session_state.setdefault("compare.threshold", 0.5)
    selected = st.session_state["compare.selected"]
    threshold = _pick_threshold(scores)
    drawn: list[charts.Chart] = [
        charts.score_chart(
            frame,
            curve=charts.probability_curve(scores.head.scale, scores.head.bias),
            background=charts.background_bins(folder.random_pairs),
            threshold=threshold,
            selected=selected,
            ink=parts.ink(),
        ),
        charts.ranked_bars(frame, threshold=threshold, selected=selected, ink=parts.ink()),
    ]
    for number, chart in enumerate(drawn):
        _show_chart(chart, f"compare.chart.{number}")
    return drawn


def _show_detail(folder: ModelFolder, scores: Scores, drawn: list[charts.Chart]) -> None:
    """Show one document's chain and attention, then the table and what can be taken away."""
    st.header(say("chain"), anchor=False)
    selected = st.selectbox(
        say("selected"),
        range(1, len(scores.results) + 1),
        format_func=lambda n: f"{n} · {scores.results[n - 1].document[:80]}",
        key="compare.selected",
    )
    parts.show_chain(scores.results[selected - 1], scores.head, len(scores.results))
    st.header(say("attention"), anchor=False)
    tokens = _show_attention(scores, selected)
    st.header(say("table"), anchor=False)
    _show_table(scores.frame())
    _show_share(folder, scores, selected, drawn, tokens)


def _pick_threshold(scores: Scores) -> charts.Threshold:
    probability = st.slider(
        say("threshold"), 0.01, 0.99, step=0.01, key="compare.threshold", help=say("threshold.help")
    )
    cosine = scores.head.cosine_at(probability)
    low, high = scores.head.reachable
    if cosine is None:
        st.caption(say("threshold.never", probability=probability, low=low, high=high))
    else:
        st.caption(say("threshold.same", probability=probability, cosine=cosine))
    return cosine, probability


def _show_chart(chart: charts.Chart, key: str) -> None:
    def select() -> None:
        points = st.session_state[key]["selection"].get("document", [])
        if points:
            st.session_state["compare.selected"] = int(points[0]["position"])

    st.altair_chart(chart, width="stretch", key=key, on_select=select, selection_mode="document")


def _show_attention(scores: Scores, selected: int) -> pd.DataFrame:
    result = scores.results[selected - 1]
    tokens = scores.token_frame()
    tokens = tokens[tokens["position"].isin([0, selected])]
    tokens = tokens[tokens["index"] < parts.MOST_TOKENS]
    has_attention = tokens["attention"].notna().any()
    st.caption(say("attention.note" if has_attention else "attention.none"))
    parts.show_tokens({say("query"): scores.query, say("document n", n=selected): result})
    if has_attention:
        with st.expander(say("attention.chart"), expanded=False):
            st.altair_chart(
                charts.attention_heatmap(tokens, ink=parts.ink()),
                width="stretch",
                key="compare.chart.attention",
            )
    return tokens


def _show_table(frame: pd.DataFrame) -> None:
    number = st.column_config.NumberColumn
    st.dataframe(
        frame,
        hide_index=True,
        width="stretch",
        column_config={
            "position": number("#", width="small"),
            "document": st.column_config.TextColumn(say("document"), width="large"),
            "cosine": number(say("cosine"), help=say("cosine.help"), format="%.4f"),
            "logit": number(say("logit"), help=say("logit.help"), format="%.3f"),
            "probability": number(say("probability"), help=say("probability.help"), format="%.4f"),
            "rank": number(say("rank"), help=say("rank.help"), format="%d"),
            "percentile": number(say("percentile"), help=say("percentile.help"), format="%.1f"),
        },
    )


def _show_share(
    folder: ModelFolder,
    scores: Scores,
    selected: int,
    drawn: list[charts.Chart],
    tokens: pd.DataFrame,
) -> None:
    st.header(say("share"), anchor=False)
    texts = tuple(result.document for result in scores.results)
    threshold = st.session_state["compare.threshold"]
    packed = state.pack(state.View(folder.name, scores.query.text, texts, threshold, selected))
    if packed is None:
        st.caption(say("share.long"))
    else:
        st.caption(say("share.note"))
        address = (st.context.url or "").split("?")[0]
        st.code(f"{address}?view={packed}", language=None, wrap_lines=True)

    def html() -> bytes:
        shown = scores.results[selected - 1]
        highest = float(tokens["attention"].max()) if tokens["attention"].notna().any() else 0.0
        sections = [
            (say("query"), parts.token_html(scores.query.text, scores.query.tokens, highest)),
            *[("", parts.chart_svg(chart)) for chart in drawn],
            (say("table"), parts.table_html(scores.frame())),
            (say("attention"), parts.token_html(shown.document, shown.tokens, highest)),
            ("", parts.legend_html()),
        ]
        return parts.page_html(f"DSSM Lens · {folder.name}", sections)

    with st.container(horizontal=True):
        st.download_button(
            say("csv"),
            lambda: parts.safe_csv(scores.frame()),
            file_name="dssm-lens.csv",
            mime="text/csv",
            on_click="ignore",
            icon=":material/table:",
        )
        st.download_button(
            say("html"),
            html,
            file_name="dssm-lens.html",
            mime="text/html",
            on_click="ignore",
            icon=":material/description:",
        )
