"""An inspection as one HTML file that can be mailed: no network, no script, light and dark."""

from __future__ import annotations

from typing import Any, NamedTuple

from dssm_core import charts
from dssm_core.explain import Effects, TokenEffect
from dssm_core.inspection.causes import cause_name
from dssm_core.inspection.findings import MAX_CAUSES, Findings, pair_position
from dssm_core.quantities import format_number, format_term
from dssm_core.reporting.html import Figure, Table, render
from dssm_core.scoring import Head
from dssm_core.words import ENGLISH, Translate, join_sentences, join_texts

INK = "currentColor"
"""Of the text inside charts: the page's own, light or dark."""

MOST_ERRORS, MOST_SLICES, MOST_VERDICTS, STEPS = 50, 25, 500, 10
MOST_CHARACTERS = 2_000
"""Of one text; the rest is told as a number."""


class Piece(NamedTuple):
    """A piece of a text.

    Attributes:
        text: as it stands there.
        kind: "plain", "up" or "down" by its effect on the cosine, or "unread".
        shade: in [0, 0.5], for the effect.
        effect: the number, "" where it is slight.
    """

    text: str
    kind: str = "plain"
    shade: float = 0.0
    effect: str = ""


class Error(NamedTuple):
    """A wrong pair in words; `texts` are the query and the document, by name, in pieces."""

    heading: str
    scores: str
    texts: list[tuple[str, list[Piece]]]
    evidence: str


def report_html(findings: Findings, tr: Translate = ENGLISH) -> bytes:
    """Return the report of an inspection as one file, UTF-8, in a language."""
    shown = min(len(findings.errors), MOST_ERRORS)
    return render(
        "report.html.j2",
        tr,
        title=tr("report.title", model=findings.inspection.model),
        findings=findings,
        lead=lead(findings, tr),
        about=_about(findings, tr),
        confusion=_confusion(findings, tr),
        measures=_measures(findings, tr),
        charts=_charts(findings, tr),
        curves=_curves(findings, tr),
        ranking=_ranking(findings, tr),
        slices=_slices(findings, tr),
        causes=_causes(findings, tr),
        errors_about=join_texts(
            tr("report.errors.shown", shown=shown, number=len(findings.errors)),
            tr("report.errors.shaded", number=len(findings.effects)),
        ),
        errors=_errors(findings, tr),
        verdicts=_verdicts(findings, tr),
    )


def lead(findings: Findings, tr: Translate = ENGLISH) -> str:
    """Return the finding in two sentences."""
    missed, false = findings.rates.misses, findings.rates.false_alarms
    pairs = len(findings.inspection.frame)
    return tr("report.lead", wrong=missed + false, pairs=pairs, missed=missed, false=false)


def _about(findings: Findings, tr: Translate) -> list[tuple[str, str]]:
    """Return what was inspected, with which model, and where the threshold is."""
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
    sigmoid = tr("report.sigmoid", scale=head.scale, bias=format_term(head.bias, "parameter"))
    return [
        (tr("report.data"), findings.data),
        (tr("chart.tip.pairs"), pairs),
        (tr("model"), findings.inspection.model),
        (tr("report.fingerprint"), findings.inspection.fingerprint),
        (tr("report.date"), findings.date),
        (tr("report.threshold"), _both(findings.cosine, head, tr)),
        (tr("report.best"), _both(findings.best, head, tr)),
        (tr("probability"), sigmoid),
    ]


def _confusion(findings: Findings, tr: Translate) -> Table:
    rates = findings.rates
    columns = [
        (tr("near.label"), ""),
        (tr("report.confusion.above"), "count"),
        (tr("report.confusion.below"), "count"),
    ]
    rows = [
        (tr("pair.relevant"), rates.hits, rates.misses),
        (tr("pair.not relevant"), rates.false_alarms, rates.rejections),
    ]
    return Table(tr("report.confusion.caption"), columns, rows)


def _measures(findings: Findings, tr: Translate) -> Table:
    columns = [(tr("report.measure"), ""), (tr("report.value"), "metric")]
    rows = [(tr(f"measure.{name}"), rate) for name, rate in findings.rates.rates().items()]
    return Table(tr("report.rates"), columns, rows)


def _charts(findings: Findings, tr: Translate) -> list[Figure]:
    frame, curve = findings.inspection.frame, findings.curve
    at: dict[str, Any] = {"cosine": findings.cosine, "probability": findings.probability}
    style: dict[str, Any] = {"ink": INK, "tr": tr}
    point = findings.rates.point(**at)
    drawn = [
        Figure.of(
            tr("chart.distribution"),
            charts.distribution_chart(
                charts.cosine_bins(frame),
                charts.shares_above(frame, findings.cosine),
                **at,
                **style,
            ),
            tr("report.curves.shapes"),
        ),
        Figure.of(
            tr("chart.precision recall"),
            charts.precision_recall_chart(
                curve, point, relevant=float((frame["label"] == 1).mean()), **style
            ),
            join_texts(tr("report.curves.diamond"), tr("chart.precision recall.ground")),
        ),
    ]
    if findings.area is not None:
        drawn.append(
            Figure.of(
                tr("report.curves.roc"),
                charts.roc_chart(curve, point, area=findings.area, **style),
                join_texts(tr("report.curves.diamond"), tr("chart.roc.ground")),
            )
        )
    error = findings.calibration_error
    if error is not None:
        drawn.append(
            Figure.of(
                tr("report.curves.calibration"),
                charts.reliability_chart(findings.calibration, error=error, **style),
                join_texts(tr("chart.reliability.reads"), tr("chart.reliability.points")),
            )
        )
    return drawn


def _curves(findings: Findings, tr: Translate) -> list[Table]:
    """Return the curves as tables, for those who cannot see them."""
    curve = findings.curve
    step = max(1, len(curve) // STEPS)
    columns = {
        "cosine": (tr("cosine"), "cosine"),
        "probability": (tr("probability"), "probability"),
        "precision": (tr("measure.precision"), "metric"),
        "recall": (tr("measure.recall"), "metric"),
        "false_positive_rate": (tr("measure.false positive rate"), "metric"),
        "f1": (tr("measure.F1"), "metric"),
    }
    rows = curve[list(columns)].iloc[::step].itertuples(index=False)
    bins = [
        (
            tr("range", low=f"{row.start:.2f}", high=f"{row.end:.2f}"),
            *(row.probability, row.relevant, row.pairs),
        )
        for row in findings.calibration.itertuples()
    ]
    calibration = [
        (tr("probability"), ""),
        (tr("report.mean"), "probability"),
        (tr("chart.reliability.tip.share"), "metric"),
        (tr("chart.tip.pairs"), "count"),
    ]
    return [
        Table(tr("report.curves.caption"), list(columns.values()), list(rows)),
        Table(tr("report.curves.calibration"), calibration, bins),
    ]


def _ranking(findings: Findings, tr: Translate) -> Table | None:
    """Return the ranking's measures with their intervals; None where nothing is ranked."""
    if findings.ranking is None:
        return None
    rows = [
        (name, *(values[part] for part in ("mean", "low", "high")))
        for name, values in findings.ranking.items()
    ]
    numbers = [(tr(f"report.{name}"), "metric") for name in ("mean", "from", "to")]
    return Table(tr("report.ranking.caption"), [(tr("report.measure"), ""), *numbers], rows)


def _slices(findings: Findings, tr: Translate) -> tuple[Table, Figure] | None:
    """Return the worst slices as numbers and as a chart; None where there are none."""
    worst = findings.worst_slices(MOST_SLICES, tr)
    if worst.empty:
        return None
    overall = findings.rates.error_rate or 0.0
    rows = [
        (
            str(row["slice"]),
            *(row["pairs"], row["errors"], row["error_rate"]),
            tr("range", **{end: format_number(row[end], "metric") for end in ("low", "high")}),
            row["auc"],
        )
        for row in worst.to_dict("records")
    ]
    columns = [
        (tr("chart.slices.tip.slice"), ""),
        (tr("chart.tip.pairs"), "count"),
        (tr("report.slices.wrong"), "count"),
        (tr("chart.slices.tip.share"), "metric"),
        (tr("report.slices.interval"), ""),
        (tr("chart.slices.tip.auc"), "metric"),
    ]
    chart = Figure.of(
        tr("report.slices.figure"),
        charts.slices_chart(worst, overall=overall, ink=INK, tr=tr),
        join_texts(tr("report.slices.reading"), tr("chart.slices.few")),
    )
    return Table(tr("report.slices.caption", number=len(rows)), columns, rows), chart


def _causes(findings: Findings, tr: Translate) -> Table:
    searched = min(len(findings.errors), MAX_CAUSES)
    columns = [(tr("inspect.column.cause"), ""), (tr("report.causes.number"), "count")]
    rows = [(cause_name(cause, tr), number) for cause, number in findings.causes.items()]
    return Table(tr("report.causes", number=searched), columns, rows)


def _errors(findings: Findings, tr: Translate) -> list[Error]:
    shown = findings.errors.head(MOST_ERRORS)
    rows = zip(shown.index, shown.to_dict("records"), strict=True)
    return [_error(number, line, row, findings, tr) for number, (line, row) in enumerate(rows, 1)]


def _error(number: int, line: Any, row: dict[Any, Any], findings: Findings, tr: Translate) -> Error:
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
    texts = [(tr(name), [Piece(_cut(row[name], tr))]) for name in ("query", "document")]
    if number <= len(findings.effects):
        pair = findings.effects[number - 1]
        texts = [(tr(effects.side), _pieces(effects, tr)) for effects in pair]
    heading = tr(
        "report.error",
        number=number,
        kind=tr(f"kind.{row['error']}"),
        place=pair_position(line, row, tr),
        cause=cause_name(row["cause"], tr),
    )
    return Error(heading, scores, texts, join_sentences(row["evidence"], tr))


def _pieces(effects: Effects, tr: Translate) -> list[Piece]:
    """Return a text with each token shaded by its effect on the cosine."""
    highest = max((abs(token.cosine) for token in effects.tokens), default=0.0)
    pieces, end = [], 0
    for token in effects.tokens:
        if token.end > MOST_CHARACTERS:
            break
        pieces.append(Piece(effects.text[end : token.start]))
        word = token.text if token.state == "prompt" else effects.text[token.start : token.end]
        pieces.append(_piece(word, token, highest))
        end = token.end
    return [*pieces, Piece(_cut(effects.text[end:], tr, MOST_CHARACTERS - end))]


def _piece(word: str, token: TokenEffect, highest: float) -> Piece:
    if token.state in ("truncated", "skipped"):
        return Piece(word, "unread")
    # at most half, so that the text is readable on every shade; what is slight is left alone
    shade = 0.5 * abs(token.cosine) / highest if highest > 0 else 0.0
    if shade < 0.05:
        return Piece(word)
    effect = format_number(token.cosine, "effect") if abs(token.cosine) >= 0.0005 else ""
    return Piece(word, "up" if token.cosine > 0 else "down", round(shade, 2), effect)


def _verdicts(findings: Findings, tr: Translate) -> tuple[str, Table] | None:
    """Return how many verdicts there are of each kind, and the last of them; None without any."""
    verdicts = findings.verdicts
    if verdicts.empty:
        return None
    counts = verdicts["verdict"].value_counts()
    told = tr("comma").join(
        f"{tr(f'judge.{verdict}')} {format_number(number, 'count')}"
        for verdict, number in counts.items()
    )
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
    rows = [[_cut(str(cell), tr) for cell in row] for row in told_rows.itertuples(index=False)]
    return about, Table(tr("report.verdicts"), [(name, "") for name in names.values()], rows)


def _cut(text: str, tr: Translate, most: int = MOST_CHARACTERS) -> str:
    rest = len(text) - max(0, most)
    return text if rest <= 0 else text[: max(0, most)] + tr("more", number=rest)


def _both(cosine: float, head: Head, tr: Translate) -> str:
    return tr(
        "report.both",
        cosine=format_number(cosine, "cosine"),
        probability=format_number(head.probability(cosine), "probability"),
    )
