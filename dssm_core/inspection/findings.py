"""A whole inspection in one value: what the report shows and the command prints.

Nothing here is drawn or printed; `Findings.to_dict` is what --json writes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dssm_core.evaluation import auc
from dssm_core.explain import Effects, effects
from dssm_core.inspection import measure, slices
from dssm_core.inspection.causes import find_causes
from dssm_core.inspection.score_pairs import Inspection, Progress
from dssm_core.scoring import Head, Scorer
from dssm_core.towers import can_encode_any
from dssm_core.words import ENGLISH, Sentence, Translate, join_sentences

MAX_CAUSES = 500
"""Errors, the worst, whose cause is looked for."""

MAX_EFFECTS = 10
"""Errors, the worst, of which every token's effect is worked out."""

ERROR_COLUMNS = ("query", "document", "label", "cosine", "probability", "rank", "candidates")


@dataclass(frozen=True)
class Findings:
    """Where a model is wrong on labelled pairs, and because of what.

    Attributes:
        data: name of the file of pairs.
        date: when, as text.
        notes: what a reader must know of the data or the model, a sentence each.
        inspection: the pairs, scored.
        cosine: the threshold.
        probability: the same on the other scale.
        rates: counts and rates at the threshold.
        curve: as `measure.curve` returns.
        best: the threshold of the best F1, a cosine.
        area: under the ROC curve, in [0, 1]; None unless both labels are there.
        calibration: the reliability table.
        calibration_error: expected, in [0, 1]; None where no pair has a score.
        ranking: as `measure.ranking` returns.
        slices: of each column, as `measure.slice_table` returns.
        errors: the wrong pairs, worst first, as `measure.errors` returns, with cause and
            evidence for `words.tell` ("" beyond the worst 500).
        effects: of the worst 10 errors, those of the query's and of the document's tokens.
        verdicts: the verdicts on these pairs, as `Store.verdicts` returns.
    """

    data: str
    date: str
    notes: tuple[Sentence, ...]
    inspection: Inspection
    cosine: float
    probability: float
    rates: measure.Rates
    curve: pd.DataFrame
    best: float
    area: float | None
    calibration: pd.DataFrame
    calibration_error: float | None
    ranking: dict[str, dict[str, float]] | None
    slices: dict[str, pd.DataFrame]
    errors: pd.DataFrame
    effects: tuple[tuple[Effects, Effects], ...]
    verdicts: pd.DataFrame

    @property
    def causes(self) -> dict[str, int]:
        """How many of the worst 500 errors have each cause, the most first."""
        counts = self.errors["cause"].head(MAX_CAUSES).value_counts()
        return {str(cause): int(number) for cause, number in counts.items()}

    def worst_slices(self, most: int, tr: Translate = ENGLISH) -> pd.DataFrame:
        """Return the worst slices of all columns, called "column: slice" in a language."""
        tables = [table.assign(column=column) for column, table in self.slices.items()]
        if not tables:
            return pd.DataFrame()
        whole = pd.concat(tables, ignore_index=True)
        order = whole.sort_values(["few", "low", "pairs"], ascending=[True, False, False])
        worst = order.head(most).reset_index(drop=True)
        frame = self.inspection.frame
        names = {c: slices.slice_names(frame, c, tr) for c in worst["column"].unique()}
        worst["slice"] = [
            tr("report.slice", column=slices.column_name(c, tr), name=names[c][name])
            for c, name in zip(worst.pop("column"), worst["slice"], strict=True)
        ]
        return worst

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, in English; None where a number does not exist."""
        frame, head = self.inspection.frame, self.inspection.head
        worst = self.errors.head(MAX_CAUSES)
        worst = worst.assign(evidence=[join_sentences(one, ENGLISH) for one in worst["evidence"]])
        columns = [*ERROR_COLUMNS, "error", "by", "cause", "evidence"]
        result: dict[str, Any] = _plain(
            {
                "data": self.data,
                "date": self.date,
                "notes": [note.text(ENGLISH) for note in self.notes],
                "model": self.inspection.model,
                "fingerprint": self.inspection.fingerprint,
                "head": {"scale": head.scale, "bias": head.bias},
                "threshold": {"cosine": self.cosine, "probability": self.probability},
                "best_f1": {"cosine": self.best, "probability": head.probability(self.best)},
                "pairs": _counts(frame),
                "confusion": self.rates.counts(),
                "rates": self.rates.rates(),
                "area_under_roc": self.area,
                "curve": self.curve.to_dict("records"),
                "calibration": {
                    "error": self.calibration_error,
                    "table": self.calibration.to_dict("records"),
                },
                "ranking": self.ranking,
                "slices": {name: table.to_dict("records") for name, table in self.slices.items()},
                "causes": self.causes,
                "errors": {
                    "number": len(self.errors),
                    "worst": [
                        {"line": line, **row}
                        for line, row in zip(
                            worst.index, worst[columns].to_dict("records"), strict=True
                        )
                    ],
                },
                "verdicts": self.verdicts.to_dict("records"),
            }
        )
        return result


def find(
    inspection: Inspection,
    scorer: Scorer,
    cosine: float,
    *,
    data: str,
    date: str,
    notes: Sequence[Sentence] = (),
    verdicts: pd.DataFrame | None = None,
    progress: Progress | None = None,
) -> Findings:
    """Work out everything that a report of an inspection says.

    Args:
        inspection: pairs, scored.
        scorer: the model that scored them.
        cosine: the threshold.
        data: name of the file of pairs.
        date: when, as text.
        notes: what a reader must know, a sentence each.
        verdicts: as `Store.verdicts` returns; those on other pairs are left out.
        progress: called with (done, total) errors; may raise to cancel.
    """
    frame = inspection.frame
    errors = measure.errors(frame, cosine)
    worst = errors.head(MAX_CAUSES)
    causes = find_causes(inspection, worst, scorer, cosine, progress)
    # assigned and not joined, as the file may have columns of these names
    errors = errors.assign(**causes.reindex(errors.index, fill_value=""))
    labels = frame["label"].to_numpy()
    curve, calibration = measure.curve(frame), measure.calibration(frame)
    return Findings(
        data,
        date,
        tuple(notes),
        inspection,
        cosine,
        inspection.head.probability(cosine),
        measure.Rates.at(frame, cosine),
        curve,
        measure.suggest_threshold(curve, frame, None),
        auc(frame["cosine"].to_numpy(), labels) if 0 < labels.sum() < len(labels) else None,
        calibration,
        measure.calibration_error(calibration) if len(calibration) else None,
        measure.ranking(frame),
        {
            column: measure.slice_table(frame, slices.sliced(frame, column), cosine)
            for column in slices.slice_columns(frame)
        },
        errors,
        tuple(_both_effects(scorer, inspection.head, errors.head(MAX_EFFECTS))),
        _on_these_pairs(verdicts, frame),
    )


def _both_effects(
    scorer: Scorer, head: Head, pairs: pd.DataFrame
) -> Iterator[tuple[Effects, Effects]]:
    """Yield of each pair the effects of the query's words, and of the document's, if it can be."""
    if not can_encode_any(scorer.cache):
        return
    for query, document in zip(pairs["query"], pairs["document"], strict=True):
        yield (
            effects(scorer.cache, head, query, document, "query"),
            effects(scorer.cache, head, query, document, "document"),
        )


def pair_position(line: Any, row: Mapping[Any, Any], tr: Translate = ENGLISH) -> str:
    """Return where a pair stands in its file; one that was drawn stands nowhere.

    Args:
        line: the pair, a value of the frame's index.
        row: what else is known of it; where rows hold several pairs, "line" has its line.
        tr: gives the text.
    """
    if row.get("assumed") == "yes":
        return tr("report.error.assumed", line=line)
    if "line" in row:
        return tr("report.error.pair", number=line, line=row["line"])
    return tr("report.error.line", line=line)


def _on_these_pairs(verdicts: pd.DataFrame | None, frame: pd.DataFrame) -> pd.DataFrame:
    if verdicts is None or verdicts.empty:
        return pd.DataFrame(columns=["query", "document", "verdict", "cause", "note", "at"])
    pairs = pd.MultiIndex.from_frame(frame[["query", "document"]].astype(object))
    judged = pd.MultiIndex.from_frame(verdicts[["query", "document"]].astype(object))
    return verdicts[judged.isin(pairs)]


def _counts(frame: pd.DataFrame) -> dict[str, int]:
    return {
        "number": len(frame),
        "relevant": int((frame["label"] == 1).sum()),
        "queries": int(frame["query"].nunique()),
        "documents": int(frame["document"].nunique()),
    }


def _plain(value: Any) -> Any:
    """Return a value that JSON holds: NumPy's numbers as Python's, None for what is no number."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
