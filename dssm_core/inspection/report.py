"""An inspection as one HTML file that can be mailed: no network, no script, light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from dssm_core.charts import inspection as pictures
from dssm_core.charts.base import in_words
from dssm_core.explain import Effects, TokenEffect
from dssm_core.inspection import html
from dssm_core.inspection.findings import MOST_CAUSES, Findings, place
from dssm_core.inspection.rules import tell
from dssm_core.scoring import Head
from dssm_core.words import ENGLISH

INK = "currentColor"
"""Of the text inside charts: the page's own, light or dark."""

MOST_ERRORS, MOST_SLICES, MOST_VERDICTS, STEPS = 50, 25, 500, 10
MOST_CHARACTERS = 2_000
"""Of one text; the rest is told as a number."""


def report_html(findings: Findings) -> bytes:
    """Return the report of an inspection as one file, UTF-8."""
    body = "".join(
        [
            _head(findings),
            _confusion(findings),
            _curves(findings),
            _ranking(findings),
            _slices(findings),
            _errors(findings),
            _verdicts(findings),
        ]
    )
    return html.page(f"Inspection of {findings.inspection.model}", body)


def lead(findings: Findings) -> str:
    """Return the finding in two sentences."""
    counts, pairs = findings.counts, len(findings.inspection.frame)
    wrong = counts["false positive"] + counts["false negative"]
    return (
        f"At the threshold {wrong:,} of {pairs:,} pairs are wrong: {counts['false negative']:,} "
        f"relevant ones below it and {counts['false positive']:,} others at or above it."
    )


def _head(findings: Findings) -> str:
    frame, head = findings.inspection.frame, findings.inspection.head
    relevant = int((frame["label"] == 1).sum())
    rows = [
        ("data", findings.data),
        (
            "pairs",
            f"{len(frame):,}: {relevant:,} relevant, {len(frame) - relevant:,} not; "
            f"{frame['query'].nunique():,} queries, {frame['document'].nunique():,} documents",
        ),
        ("model", findings.inspection.model),
        ("fingerprint", findings.inspection.fingerprint),
        ("date", findings.date),
        ("threshold", _both(findings.cosine, head)),
        ("best F1 at", _both(findings.best, head)),
        ("probability", f"sigmoid({head.scale:.3f} × cosine {_signed(head.bias)})"),
    ]
    notes = "".join(html.paragraph(note, "note") for note in findings.notes)
    return html.paragraph(lead(findings), "lead") + notes + html.facts(rows)


def _confusion(findings: Findings) -> str:
    counts = findings.counts
    rows = [
        ("relevant", counts["true positive"], counts["false negative"]),
        ("not relevant", counts["false positive"], counts["true negative"]),
    ]
    named = html.table(
        "Pairs by label and by what the model says",
        ("label", "at or above the threshold", "below it"),
        rows,
    )
    unread = counts["no score"]
    said = f"Counted as below: {unread:,} pairs of which the model reads nothing." if unread else ""
    return html.section(
        "Right and wrong",
        named,
        html.paragraph(said, "quiet") if said else "",
        html.table("At the threshold", ("measure", "value"), findings.rates.items()),
    )


def _curves(findings: Findings) -> str:
    frame, curve = findings.inspection.frame, findings.curve
    at: dict[str, Any] = {"cosine": findings.cosine, "probability": findings.probability}
    point = pictures.operating_point(findings.counts, **at)
    drawn = [
        html.figure(
            "Cosine of relevant and other pairs",
            pictures.distribution_chart(pictures.cosine_bins(frame), **at, ink=INK),
            "The less the two shapes overlap, the better; the upright line is the threshold.",
        ),
        html.figure(
            "Precision and recall",
            pictures.precision_recall_chart(
                curve, point, relevant=float((frame["label"] == 1).mean()), ink=INK
            ),
            "Diamond: the threshold. Grey: calling every pair relevant.",
        ),
    ]
    if findings.area is not None:
        drawn.append(
            html.figure(
                "ROC curve",
                pictures.roc_chart(curve, point, area=findings.area, ink=INK),
                "Diamond: the threshold. Grey: a model that knows nothing.",
            )
        )
    error = findings.calibration_error
    if error is not None:
        drawn.append(
            html.figure(
                "Calibration",
                pictures.reliability_chart(findings.calibration, error=error, ink=INK),
                "On the grey line a probability means what it says; below it the model is too "
                "sure. Larger points: more pairs.",
            )
        )
    return html.section(
        "Over all thresholds", '<div class="charts">', *drawn, "</div>", _numbers(findings)
    )


def _numbers(findings: Findings) -> str:
    """Return the curves as tables, for those who cannot see them."""
    curve = findings.curve
    step = max(1, len(curve) // STEPS)
    columns = ["cosine", "probability", "precision", "recall", "false_positive_rate", "f1"]
    bins = [
        (f"{row.start:.2f} to {row.end:.2f}", row.probability, row.relevant, row.pairs)
        for row in findings.calibration.itertuples()
    ]
    return (
        "<details><summary>The curves in numbers</summary>"
        + html.table(
            "Every so many thresholds",
            [name.replace("_", " ") for name in columns],
            (
                (f"{row[0]:.3f}", *map(float, row[1:]))
                for row in curve[columns].iloc[::step].itertuples(index=False)
            ),
        )
        + html.table(
            "Calibration",
            ("probability", "mean", "share that is relevant", "pairs"),
            bins,
        )
        + "</details>"
    )


def _ranking(findings: Findings) -> str:
    if findings.ranking is None:
        none = "No query has both a relevant and another document, so there is nothing to rank."
        return html.section("Ranking", html.paragraph(none))
    rows = [
        (name, *(values[part] for part in ("mean", "low", "high")))
        for name, values in findings.ranking.items()
    ]
    caption = "Each query's documents in the data, ranked by cosine; 95 % intervals"
    return html.section("Ranking", html.table(caption, ("measure", "mean", "from", "to"), rows))


def _slices(findings: Findings) -> str:
    worst = findings.worst_slices(MOST_SLICES)
    if worst.empty:
        return html.section("Slices", html.paragraph("All pairs are alike: nothing to slice by."))
    overall = findings.rates["error rate"] or 0.0
    rows = [
        (
            str(row.slice),
            int(row.pairs),
            int(row.errors),
            float(row.error_rate),
            f"{row.low:.3f} to {row.high:.3f}",
            float(row.auc),
        )
        for row in worst.itertuples()
    ]
    return html.section(
        "Slices, worst first",
        html.paragraph(
            f"Of all pairs, {overall:.1%} are wrong. A slice stands by the lower end of the 95 % "
            "interval of its share, those under ten pairs last.",
            "quiet",
        ),
        html.table(
            f"The worst {len(rows)} slices",
            ("slice", "pairs", "wrong", "share wrong", "95 % interval", "area under ROC"),
            rows,
        ),
        html.figure(
            "Share of wrong pairs",
            pictures.slices_chart(worst, overall=overall, ink=INK),
            "Bars: 95 % intervals. The upright line: all pairs. Hollow: under ten pairs.",
        ),
    )


def _errors(findings: Findings) -> str:
    if findings.errors.empty:
        return html.section("Errors", html.paragraph("No pair is wrong at this threshold."))
    searched = min(len(findings.errors), MOST_CAUSES)
    shown = findings.errors.head(MOST_ERRORS)
    items = [
        _error(number, line, row, findings)
        for number, (line, row) in enumerate(
            zip(shown.index, shown.to_dict("records"), strict=True), 1
        )
    ]
    effects = (
        f"Of the first {len(findings.effects)}, words are shaded by their effect: blue ones hold "
        "the cosine up, orange and underlined ones hold it down; the small numbers say by how "
        "much. Struck out: not read."
    )
    return html.section(
        "Errors, worst first",
        html.table(
            f"Causes of the worst {searched:,} errors", ("cause", "errors"), findings.causes.items()
        ),
        html.paragraph(f"The worst {len(shown):,} of {len(findings.errors):,} errors. {effects}"),
        *items,
    )


def _error(number: int, line: Any, row: dict[str, Any], findings: Findings) -> str:
    scores = "No score: the model reads nothing of it."
    if row["cosine"] == row["cosine"]:
        scores = (
            f"Cosine {row['cosine']:.3f}, {row['by']:.3f} from the threshold; probability "
            f"{in_words(row['probability'])}; rank {row['rank']:.0f} of {row['candidates']}."
        )
    texts = [_text(name, html.escape(_cut(row[name]))) for name in ("query", "document")]
    if number <= len(findings.effects):
        pair = findings.effects[number - 1]
        texts = [_text(effects.side, _shaded(effects)) for effects in pair]
    heading = f"{number}. {row['error']}, {place(line, row)}: {row['cause']}"
    return (
        f"<article><h3>{html.escape(heading)}</h3>{html.paragraph(scores, 'quiet')}"
        f"{''.join(texts)}{html.paragraph(tell(row['evidence'], ENGLISH), 'quiet')}</article>\n"
    )


def _text(name: str, content: str) -> str:
    return f'<p class="label">{name}</p><div class="text" dir="auto">{content}</div>'


def _shaded(effects: Effects) -> str:
    """Return a text with each token shaded by its effect on the cosine."""
    highest = max((abs(token.cosine) for token in effects.tokens), default=0.0)
    parts, end = [], 0
    for token in effects.tokens:
        if token.end > MOST_CHARACTERS:
            break
        parts.append(html.escape(effects.text[end : token.start]))
        parts.append(_token(effects.text[token.start : token.end], token, highest))
        end = token.end
    return "".join(parts) + html.escape(_cut(effects.text[end:], MOST_CHARACTERS - end))


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


def _verdicts(findings: Findings) -> str:
    verdicts = findings.verdicts
    if verdicts.empty:
        return ""
    counts = verdicts["verdict"].value_counts()
    told = ", ".join(f"{number:,} {verdict}" for verdict, number in counts.items())
    columns = ["verdict", "query", "document", "cause", "note", "at"]
    shown = verdicts[columns].tail(MOST_VERDICTS)
    rest = f" The latest {len(shown):,} of them:" if len(shown) < len(verdicts) else ""
    return html.section(
        "Verdicts",
        html.paragraph(f"People judged {len(verdicts):,} of these pairs: {told}.{rest}"),
        html.table("Verdicts", columns, [[_cut(cell) for cell in row] for row in _rows(shown)]),
    )


def _rows(frame: pd.DataFrame) -> Sequence[tuple[str, ...]]:
    return [tuple(map(str, row)) for row in frame.itertuples(index=False)]


def _cut(text: str, most: int = MOST_CHARACTERS) -> str:
    rest = len(text) - max(0, most)
    return text if rest <= 0 else f"{text[: max(0, most)]}… ({rest:,} more characters)"


def _both(cosine: float, head: Head) -> str:
    return f"cosine {cosine:.4f}, probability {in_words(head.probability(cosine))}".replace(
        "cosine -", "cosine −"
    )


def _signed(number: float) -> str:
    return f"{'−' if number < 0 else '+'} {abs(number):.3f}"
