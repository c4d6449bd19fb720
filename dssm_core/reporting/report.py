"""An inspection as one HTML file that can be mailed: no network, no script, light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from dssm_core import charts
from dssm_core.explain import Effects, TokenEffect
from dssm_core.inspection.causes import cause_name
from dssm_core.inspection.findings import MAX_CAUSES, Findings, pair_position
from dssm_core.quantities import format_number, format_term
from dssm_core.reporting import html
from dssm_core.scoring import Head
from dssm_core.words import ENGLISH, Translate, join_sentences, join_texts

INK = "currentColor"
"""Of the text inside charts: the page's own, light or dark."""

MOST_ERRORS, MOST_SLICES, MOST_VERDICTS, STEPS = 50, 25, 500, 10
MOST_CHARACTERS = 2_000
"""Of one text; the rest is told as a number."""


def report_html(findings: Findings, tr: Translate = ENGLISH) -> bytes:
    """Return the report of an inspection as one file, UTF-8, in a language."""
    parts = (_head, _confusion, _curves, _ranking, _slices, _errors, _verdicts)
    return html.page(
        tr("report.title", model=findings.inspection.model),
        "".join(part(findings, tr) for part in parts),
        tr("language.code"),
    )


def lead(findings: Findings, tr: Translate = ENGLISH) -> str:
    """Return the finding in two sentences."""
    missed, false = findings.rates.misses, findings.rates.false_alarms
    pairs = len(findings.inspection.frame)
    return tr("report.lead", wrong=missed + false, pairs=pairs, missed=missed, false=false)


def _head(findings: Findings, tr: Translate) -> str:
    frame, head = findings.inspection.frame, findings.inspection.head
    relevant = int((frame["label"] == 1).sum())
    pairs = tr(
        "report.pairs",
        number=len(frame),
        relevant=relevant,
        other=len(frame) - relevant,
        queries=frame["query"].nunique(),
        documents=frame["document"].nunique(),
    )
    rows = [
        (tr("report.data"), findings.data),
        (tr("chart.tip.pairs"), pairs),
        (tr("model"), findings.inspection.model),
        (tr("report.fingerprint"), findings.inspection.fingerprint),
        (tr("report.date"), findings.date),
        (tr("report.threshold"), _both(findings.cosine, head, tr)),
        (tr("report.best"), _both(findings.best, head, tr)),
        (
            tr("probability"),
            tr("report.sigmoid", scale=head.scale, bias=format_term(head.bias, "parameter")),
        ),
    ]
    notes = "".join(html.paragraph(note.text(tr), "note") for note in findings.notes)
    return html.paragraph(lead(findings, tr), "lead") + notes + html.facts(rows)


def _confusion(findings: Findings, tr: Translate) -> str:
    rates = findings.rates
    rows = [
        (tr("pair.relevant"), rates.hits, rates.misses),
        (tr("pair.not relevant"), rates.false_alarms, rates.rejections),
    ]
    named = html.table(
        tr("report.confusion.caption"),
        (tr("near.label"), tr("report.confusion.above"), tr("report.confusion.below")),
        rows,
    )
    unread = rates.unread
    said = tr("report.confusion.unread", number=unread) if unread else ""
    measures = [(tr(f"measure.{name}"), rate) for name, rate in rates.rates().items()]
    return html.section(
        tr("report.confusion"),
        named,
        html.paragraph(said, "quiet") if said else "",
        html.table(tr("report.rates"), (tr("report.measure"), tr("report.value")), measures),
    )


def _curves(findings: Findings, tr: Translate) -> str:
    frame, curve = findings.inspection.frame, findings.curve
    at: dict[str, Any] = {"cosine": findings.cosine, "probability": findings.probability}
    style: dict[str, Any] = {"ink": INK, "tr": tr}
    point = findings.rates.point(**at)
    drawn = [
        html.figure(
            tr("chart.distribution"),
            charts.distribution_chart(charts.cosine_bins(frame), **at, **style),
            tr("report.curves.shapes"),
        ),
        html.figure(
            tr("chart.precision recall"),
            charts.precision_recall_chart(
                curve, point, relevant=float((frame["label"] == 1).mean()), **style
            ),
            join_texts(tr("report.curves.diamond"), tr("chart.precision recall.ground")),
        ),
    ]
    if findings.area is not None:
        drawn.append(
            html.figure(
                tr("report.curves.roc"),
                charts.roc_chart(curve, point, area=findings.area, **style),
                join_texts(tr("report.curves.diamond"), tr("chart.roc.ground")),
            )
        )
    error = findings.calibration_error
    if error is not None:
        drawn.append(
            html.figure(
                tr("report.curves.calibration"),
                charts.reliability_chart(findings.calibration, error=error, **style),
                join_texts(tr("chart.reliability.reads"), tr("chart.reliability.points")),
            )
        )
    figures = ['<div class="charts">', *drawn, "</div>"]
    return html.section(tr("report.curves"), *figures, _numbers(findings, tr))


def _numbers(findings: Findings, tr: Translate) -> str:
    """Return the curves as tables, for those who cannot see them."""
    curve = findings.curve
    step = max(1, len(curve) // STEPS)
    columns = {
        "cosine": tr("cosine"),
        "probability": tr("probability"),
        "precision": tr("measure.precision"),
        "recall": tr("measure.recall"),
        "false_positive_rate": tr("measure.false positive rate"),
        "f1": tr("measure.F1"),
    }
    bins = [
        (
            tr("range", low=f"{row.start:.2f}", high=f"{row.end:.2f}"),
            *(row.probability, row.relevant, row.pairs),
        )
        for row in findings.calibration.itertuples()
    ]
    share, pairs = tr("chart.reliability.tip.share"), tr("chart.tip.pairs")
    return (
        f"<details><summary>{html.escape(tr('report.curves.numbers'))}</summary>"
        + html.table(
            tr("report.curves.caption"),
            list(columns.values()),
            (
                (f"{row[0]:.3f}", *map(float, row[1:]))
                for row in curve[list(columns)].iloc[::step].itertuples(index=False)
            ),
        )
        + html.table(
            tr("report.curves.calibration"),
            (tr("probability"), tr("report.mean"), share, pairs),
            bins,
        )
        + "</details>"
    )


def _ranking(findings: Findings, tr: Translate) -> str:
    if findings.ranking is None:
        return html.section(tr("report.ranking"), html.paragraph(tr("report.ranking.none")))
    rows = [
        (name, *(values[part] for part in ("mean", "low", "high")))
        for name, values in findings.ranking.items()
    ]
    columns = [tr("report.measure"), tr("report.mean"), tr("report.from"), tr("report.to")]
    return html.section(
        tr("report.ranking"), html.table(tr("report.ranking.caption"), columns, rows)
    )


def _slices(findings: Findings, tr: Translate) -> str:
    worst = findings.worst_slices(MOST_SLICES, tr)
    if worst.empty:
        return html.section(tr("inspect.slices"), html.paragraph(tr("report.slices.none")))
    overall = findings.rates.error_rate or 0.0
    rows = [
        (
            str(row["slice"]),
            int(row["pairs"]),
            int(row["errors"]),
            float(row["error_rate"]),
            tr("range", low=f"{row['low']:.3f}", high=f"{row['high']:.3f}"),
            float(row["auc"]),
        )
        for row in worst.to_dict("records")
    ]
    columns = [
        *(tr("chart.slices.tip.slice"), tr("chart.tip.pairs"), tr("report.slices.wrong")),
        *(tr("chart.slices.tip.share"), tr("report.slices.interval")),
        tr("chart.slices.tip.auc"),
    ]
    return html.section(
        tr("report.slices"),
        html.paragraph(tr("report.slices.about", overall=overall), "quiet"),
        html.table(tr("report.slices.caption", number=len(rows)), columns, rows),
        html.figure(
            tr("report.slices.figure"),
            charts.slices_chart(worst, overall=overall, ink=INK, tr=tr),
            join_texts(tr("report.slices.reading"), tr("chart.slices.few")),
        ),
    )


def _errors(findings: Findings, tr: Translate) -> str:
    if findings.errors.empty:
        return html.section(tr("inspect.errors"), html.paragraph(tr("report.errors.none")))
    searched = min(len(findings.errors), MAX_CAUSES)
    shown = findings.errors.head(MOST_ERRORS)
    items = [
        _error(number, line, row, findings, tr)
        for number, (line, row) in enumerate(
            zip(shown.index, shown.to_dict("records"), strict=True), 1
        )
    ]
    causes = [(cause_name(cause, tr), number) for cause, number in findings.causes.items()]
    about = join_texts(
        tr("report.errors.shown", shown=len(shown), number=len(findings.errors)),
        tr("report.errors.shaded", number=len(findings.effects)),
    )
    return html.section(
        tr("inspect.errors"),
        html.table(
            tr("report.causes", number=searched),
            (tr("inspect.column.cause"), tr("report.causes.number")),
            causes,
        ),
        html.paragraph(about),
        *items,
    )


def _error(number: int, line: Any, row: dict[Any, Any], findings: Findings, tr: Translate) -> str:
    scores = tr("report.error.unread")
    if row["cosine"] == row["cosine"]:
        scores = tr(
            "report.error.scores",
            cosine=row["cosine"],
            by=row["by"],
            probability=format_number(row["probability"], "probability"),
            rank=row["rank"],
            candidates=row["candidates"],
        )
    texts = [_text(tr(n), html.escape(_cut(row[n], tr))) for n in ("query", "document")]
    if number <= len(findings.effects):
        pair = findings.effects[number - 1]
        texts = [_text(tr(effects.side), _shaded(effects, tr)) for effects in pair]
    heading = tr(
        "report.error",
        number=number,
        kind=tr(f"kind.{row['error']}"),
        place=pair_position(line, row, tr),
        cause=cause_name(row["cause"], tr),
    )
    evidence = join_sentences(row["evidence"], tr)
    return (
        f"<article><h3>{html.escape(heading)}</h3>{html.paragraph(scores, 'quiet')}"
        f"{''.join(texts)}{html.paragraph(evidence, 'quiet')}</article>\n"
    )


def _text(name: str, content: str) -> str:
    return f'<p class="label">{name}</p><div class="text" dir="auto">{content}</div>'


def _shaded(effects: Effects, tr: Translate) -> str:
    """Return a text with each token shaded by its effect on the cosine."""
    highest = max((abs(token.cosine) for token in effects.tokens), default=0.0)
    parts, end = [], 0
    for token in effects.tokens:
        if token.end > MOST_CHARACTERS:
            break
        parts.append(html.escape(effects.text[end : token.start]))
        parts.append(_token(effects.text[token.start : token.end], token, highest))
        end = token.end
    return "".join(parts) + html.escape(_cut(effects.text[end:], tr, MOST_CHARACTERS - end))


def _token(word: str, token: TokenEffect, highest: float) -> str:
    shown = html.escape(word)
    if token.state in ("truncated", "skipped"):
        return f'<span class="unread">{shown}</span>'
    # at most half, so that the text is readable on every shade; what is slight is left alone
    shade = 0.5 * abs(token.cosine) / highest if highest > 0 else 0.0
    if shade < 0.05:
        return shown
    kind = "up" if token.cosine > 0 else "down"
    number = (
        f"<sup>{token.cosine:+.2f}</sup>".replace("-", "−") if abs(token.cosine) >= 0.005 else ""
    )
    return f'<span class="{kind}" style="--shade:{shade:.2f}">{shown}{number}</span>'


def _verdicts(findings: Findings, tr: Translate) -> str:
    verdicts = findings.verdicts
    if verdicts.empty:
        return ""
    counts = verdicts["verdict"].value_counts()
    told = tr("comma").join(f"{tr(f'judge.{v}')} {number:,}" for v, number in counts.items())
    shown = verdicts.tail(MOST_VERDICTS)
    is_cut = len(shown) < len(verdicts)
    about = join_texts(
        tr("report.verdicts.told", number=len(verdicts), told=told),
        tr("report.verdicts.cut", number=len(shown)) if is_cut else "",
    )
    names = {
        "verdict": tr("report.verdict"),
        "query": tr("query"),
        "document": tr("document"),
        "cause": tr("judge.cause"),
        "note": tr("judge.note"),
        "at": tr("report.verdict.at"),
    }
    told_rows = shown[list(names)].assign(
        verdict=[tr(f"judge.{verdict}") for verdict in shown["verdict"]],
        cause=[cause_name(cause, tr) for cause in shown["cause"]],
    )
    rows = [[_cut(cell, tr) for cell in row] for row in _rows(told_rows)]
    return html.section(
        tr("report.verdicts"),
        html.paragraph(about),
        html.table(tr("report.verdicts"), list(names.values()), rows),
    )


def _rows(frame: pd.DataFrame) -> Sequence[tuple[str, ...]]:
    return [tuple(map(str, row)) for row in frame.itertuples(index=False)]


def _cut(text: str, tr: Translate, most: int = MOST_CHARACTERS) -> str:
    rest = len(text) - max(0, most)
    return text if rest <= 0 else text[: max(0, most)] + tr("more", number=rest)


def _both(cosine: float, head: Head, tr: Translate) -> str:
    return tr(
        "report.both",
        cosine=format_number(cosine, "cosine"),
        probability=format_number(head.probability(cosine), "probability"),
    )
