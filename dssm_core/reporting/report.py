"""An inspection as one HTML file that can be mailed: no network, no script, light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from dssm_core.charts import inspection as pictures
from dssm_core.charts.base import in_words
from dssm_core.explain import Effects, TokenEffect
from dssm_core.inspection.causes import cause_name
from dssm_core.inspection.findings import MOST_CAUSES, Findings, place
from dssm_core.reporting import html
from dssm_core.scoring import Head
from dssm_core.words import ENGLISH, Say, in_a_row, tell

INK = "currentColor"
"""Of the text inside charts: the page's own, light or dark."""

MOST_ERRORS, MOST_SLICES, MOST_VERDICTS, STEPS = 50, 25, 500, 10
MOST_CHARACTERS = 2_000
"""Of one text; the rest is told as a number."""


def report_html(findings: Findings, say: Say = ENGLISH) -> bytes:
    """Return the report of an inspection as one file, UTF-8, in a language."""
    parts = (_head, _confusion, _curves, _ranking, _slices, _errors, _verdicts)
    return html.page(
        say("report.title", model=findings.inspection.model),
        "".join(part(findings, say) for part in parts),
        say("language.code"),
    )


def lead(findings: Findings, say: Say = ENGLISH) -> str:
    """Return the finding in two sentences."""
    missed, false = findings.counts["false negative"], findings.counts["false positive"]
    pairs = len(findings.inspection.frame)
    return say("report.lead", wrong=missed + false, pairs=pairs, missed=missed, false=false)


def _head(findings: Findings, say: Say) -> str:
    frame, head = findings.inspection.frame, findings.inspection.head
    relevant = int((frame["label"] == 1).sum())
    pairs = say(
        "report.pairs",
        number=len(frame),
        relevant=relevant,
        other=len(frame) - relevant,
        queries=frame["query"].nunique(),
        documents=frame["document"].nunique(),
    )
    rows = [
        (say("report.data"), findings.data),
        (say("chart.tip.pairs"), pairs),
        (say("model"), findings.inspection.model),
        (say("report.fingerprint"), findings.inspection.fingerprint),
        (say("report.date"), findings.date),
        (say("report.threshold"), _both(findings.cosine, head, say)),
        (say("report.best"), _both(findings.best, head, say)),
        (say("probability"), say("report.sigmoid", scale=head.scale, bias=_signed(head.bias))),
    ]
    notes = "".join(html.paragraph(note.told(say), "note") for note in findings.notes)
    return html.paragraph(lead(findings, say), "lead") + notes + html.facts(rows)


def _confusion(findings: Findings, say: Say) -> str:
    counts = findings.counts
    rows = [
        (say("pair.relevant"), counts["true positive"], counts["false negative"]),
        (say("pair.not relevant"), counts["false positive"], counts["true negative"]),
    ]
    named = html.table(
        say("report.confusion.caption"),
        (say("near.label"), say("report.confusion.above"), say("report.confusion.below")),
        rows,
    )
    unread = counts["no score"]
    said = say("report.confusion.unread", number=unread) if unread else ""
    rates = [(say(f"measure.{name}"), rate) for name, rate in findings.rates.items()]
    return html.section(
        say("report.confusion"),
        named,
        html.paragraph(said, "quiet") if said else "",
        html.table(say("report.rates"), (say("report.measure"), say("report.value")), rates),
    )


def _curves(findings: Findings, say: Say) -> str:
    frame, curve = findings.inspection.frame, findings.curve
    at: dict[str, Any] = {"cosine": findings.cosine, "probability": findings.probability}
    style: dict[str, Any] = {"ink": INK, "say": say}
    point = pictures.operating_point(findings.counts, **at)
    drawn = [
        html.figure(
            say("chart.distribution"),
            pictures.distribution_chart(pictures.cosine_bins(frame), **at, **style),
            say("report.curves.shapes"),
        ),
        html.figure(
            say("chart.precision recall"),
            pictures.precision_recall_chart(
                curve, point, relevant=float((frame["label"] == 1).mean()), **style
            ),
            in_a_row(say("report.curves.diamond"), say("chart.precision recall.ground")),
        ),
    ]
    if findings.area is not None:
        drawn.append(
            html.figure(
                say("report.curves.roc"),
                pictures.roc_chart(curve, point, area=findings.area, **style),
                in_a_row(say("report.curves.diamond"), say("chart.roc.ground")),
            )
        )
    error = findings.calibration_error
    if error is not None:
        drawn.append(
            html.figure(
                say("report.curves.calibration"),
                pictures.reliability_chart(findings.calibration, error=error, **style),
                in_a_row(say("chart.reliability.reads"), say("chart.reliability.points")),
            )
        )
    charts = ['<div class="charts">', *drawn, "</div>"]
    return html.section(say("report.curves"), *charts, _numbers(findings, say))


def _numbers(findings: Findings, say: Say) -> str:
    """Return the curves as tables, for those who cannot see them."""
    curve = findings.curve
    step = max(1, len(curve) // STEPS)
    columns = {
        "cosine": say("cosine"),
        "probability": say("probability"),
        "precision": say("measure.precision"),
        "recall": say("measure.recall"),
        "false_positive_rate": say("measure.false positive rate"),
        "f1": say("measure.F1"),
    }
    bins = [
        (
            say("range", low=f"{row.start:.2f}", high=f"{row.end:.2f}"),
            *(row.probability, row.relevant, row.pairs),
        )
        for row in findings.calibration.itertuples()
    ]
    share, pairs = say("chart.reliability.tip.share"), say("chart.tip.pairs")
    return (
        f"<details><summary>{html.escape(say('report.curves.numbers'))}</summary>"
        + html.table(
            say("report.curves.caption"),
            list(columns.values()),
            (
                (f"{row[0]:.3f}", *map(float, row[1:]))
                for row in curve[list(columns)].iloc[::step].itertuples(index=False)
            ),
        )
        + html.table(
            say("report.curves.calibration"),
            (say("probability"), say("report.mean"), share, pairs),
            bins,
        )
        + "</details>"
    )


def _ranking(findings: Findings, say: Say) -> str:
    if findings.ranking is None:
        return html.section(say("report.ranking"), html.paragraph(say("report.ranking.none")))
    rows = [
        (name, *(values[part] for part in ("mean", "low", "high")))
        for name, values in findings.ranking.items()
    ]
    columns = [say("report.measure"), say("report.mean"), say("report.from"), say("report.to")]
    return html.section(
        say("report.ranking"), html.table(say("report.ranking.caption"), columns, rows)
    )


def _slices(findings: Findings, say: Say) -> str:
    worst = findings.worst_slices(MOST_SLICES, say)
    if worst.empty:
        return html.section(say("inspect.slices"), html.paragraph(say("report.slices.none")))
    overall = findings.rates["error rate"] or 0.0
    rows = [
        (
            str(row.slice),
            int(row.pairs),
            int(row.errors),
            float(row.error_rate),
            say("range", low=f"{row.low:.3f}", high=f"{row.high:.3f}"),
            float(row.auc),
        )
        for row in worst.itertuples()
    ]
    columns = [
        *(say("chart.slices.tip.slice"), say("chart.tip.pairs"), say("report.slices.wrong")),
        *(say("chart.slices.tip.share"), say("report.slices.interval")),
        say("chart.slices.tip.auc"),
    ]
    return html.section(
        say("report.slices"),
        html.paragraph(say("report.slices.about", overall=overall), "quiet"),
        html.table(say("report.slices.caption", number=len(rows)), columns, rows),
        html.figure(
            say("report.slices.figure"),
            pictures.slices_chart(worst, overall=overall, ink=INK, say=say),
            in_a_row(say("report.slices.reading"), say("chart.slices.few")),
        ),
    )


def _errors(findings: Findings, say: Say) -> str:
    if findings.errors.empty:
        return html.section(say("inspect.errors"), html.paragraph(say("report.errors.none")))
    searched = min(len(findings.errors), MOST_CAUSES)
    shown = findings.errors.head(MOST_ERRORS)
    items = [
        _error(number, line, row, findings, say)
        for number, (line, row) in enumerate(
            zip(shown.index, shown.to_dict("records"), strict=True), 1
        )
    ]
    causes = [(cause_name(cause, say), number) for cause, number in findings.causes.items()]
    about = in_a_row(
        say("report.errors.shown", shown=len(shown), number=len(findings.errors)),
        say("report.errors.shaded", number=len(findings.effects)),
    )
    return html.section(
        say("inspect.errors"),
        html.table(
            say("report.causes", number=searched),
            (say("inspect.column.cause"), say("report.causes.number")),
            causes,
        ),
        html.paragraph(about),
        *items,
    )


def _error(number: int, line: Any, row: dict[str, Any], findings: Findings, say: Say) -> str:
    scores = say("report.error.unread")
    if row["cosine"] == row["cosine"]:
        scores = say(
            "report.error.scores",
            cosine=row["cosine"],
            by=row["by"],
            probability=in_words(row["probability"]),
            rank=row["rank"],
            candidates=row["candidates"],
        )
    texts = [_text(say(n), html.escape(_cut(row[n], say))) for n in ("query", "document")]
    if number <= len(findings.effects):
        pair = findings.effects[number - 1]
        texts = [_text(say(effects.side), _shaded(effects, say)) for effects in pair]
    heading = say(
        "report.error",
        number=number,
        kind=say(f"kind.{row['error']}"),
        place=place(line, row, say),
        cause=cause_name(row["cause"], say),
    )
    return (
        f"<article><h3>{html.escape(heading)}</h3>{html.paragraph(scores, 'quiet')}"
        f"{''.join(texts)}{html.paragraph(tell(row['evidence'], say), 'quiet')}</article>\n"
    )


def _text(name: str, content: str) -> str:
    return f'<p class="label">{name}</p><div class="text" dir="auto">{content}</div>'


def _shaded(effects: Effects, say: Say) -> str:
    """Return a text with each token shaded by its effect on the cosine."""
    highest = max((abs(token.cosine) for token in effects.tokens), default=0.0)
    parts, end = [], 0
    for token in effects.tokens:
        if token.end > MOST_CHARACTERS:
            break
        parts.append(html.escape(effects.text[end : token.start]))
        parts.append(_token(effects.text[token.start : token.end], token, highest))
        end = token.end
    return "".join(parts) + html.escape(_cut(effects.text[end:], say, MOST_CHARACTERS - end))


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


def _verdicts(findings: Findings, say: Say) -> str:
    verdicts = findings.verdicts
    if verdicts.empty:
        return ""
    counts = verdicts["verdict"].value_counts()
    told = say("comma").join(f"{say(f'judge.{v}')} {number:,}" for v, number in counts.items())
    shown = verdicts.tail(MOST_VERDICTS)
    is_cut = len(shown) < len(verdicts)
    about = in_a_row(
        say("report.verdicts.told", number=len(verdicts), told=told),
        say("report.verdicts.cut", number=len(shown)) if is_cut else "",
    )
    names = {
        "verdict": say("report.verdict"),
        "query": say("query"),
        "document": say("document"),
        "cause": say("judge.cause"),
        "note": say("judge.note"),
        "at": say("report.verdict.at"),
    }
    told_rows = shown[list(names)].assign(
        verdict=[say(f"judge.{verdict}") for verdict in shown["verdict"]],
        cause=[cause_name(cause, say) for cause in shown["cause"]],
    )
    rows = [[_cut(cell, say) for cell in row] for row in _rows(told_rows)]
    return html.section(
        say("report.verdicts"),
        html.paragraph(about),
        html.table(say("report.verdicts"), list(names.values()), rows),
    )


def _rows(frame: pd.DataFrame) -> Sequence[tuple[str, ...]]:
    return [tuple(map(str, row)) for row in frame.itertuples(index=False)]


def _cut(text: str, say: Say, most: int = MOST_CHARACTERS) -> str:
    rest = len(text) - max(0, most)
    return text if rest <= 0 else text[: max(0, most)] + say("more", number=rest)


def _both(cosine: float, head: Head, say: Say) -> str:
    return say(
        "report.both",
        cosine=f"{cosine:.4f}".replace("-", "−"),
        probability=in_words(head.probability(cosine)),
    )


def _signed(number: float) -> str:
    return f"{'−' if number < 0 else '+'} {abs(number):.3f}"
