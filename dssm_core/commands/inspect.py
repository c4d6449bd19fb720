"""`inspect run` and `inspect replay`: the inspection bench without a browser."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dssm_core.commands.files import (
    add_model,
    add_reading,
    read_labelled,
    say_doubts,
    terminal_progress,
)
from dssm_core.commands.output import json_text
from dssm_core.errors import UserError
from dssm_core.words import LANGUAGES

if TYPE_CHECKING:
    import pandas as pd

    from dssm_core.commands.files import Commands
    from dssm_core.inspection.findings import Findings
    from dssm_core.inspection.score_pairs import Inspection
    from dssm_core.words import Sentence

BROKE = 3
"""Exit status where a case broke."""

SHOWN = 5
"""Slices, and errors, that `run` prints."""


def add(commands: Commands) -> None:
    """Add these commands to the parser's."""
    inspect = commands.add_parser(
        "inspect", help="show where a model is wrong on labelled pairs; replay repro cases"
    )
    nested = inspect.add_subparsers(required=True, metavar="COMMAND", dest="nested")
    _add_run(nested)
    _add_replay(nested)


def _add_run(nested: Commands) -> None:
    run = nested.add_parser("run", help="inspect labelled pairs, write a report")
    add_model(run)
    run.add_argument(
        "--pairs",
        type=Path,
        required=True,
        help="labelled pairs: CSV, TSV, JSON, JSONL, Parquet, XLSX",
    )
    add_reading(run)
    run.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="lowest probability of a relevant pair (default: where F1 is highest)",
    )
    run.add_argument(
        "--negatives",
        type=int,
        default=0,
        metavar="N",
        help="if all pairs are labelled 1: add N random documents to each query as not relevant",
    )
    run.add_argument("--seed", type=int, default=0, help="random seed of --negatives (0)")
    run.add_argument("--out", type=Path, help="write the report here, one HTML file")
    run.add_argument(
        "--language",
        choices=tuple(LANGUAGES),
        default="en",
        help="language of the report (en)",
    )
    run.add_argument("--json", type=Path, help="write all numbers here, as JSON")
    run.set_defaults(command=_run)


def _add_replay(nested: Commands) -> None:
    replay = nested.add_parser(
        "replay",
        help="score repro cases with a model and print what broke",
        epilog=f"Exit status: 0 if nothing broke, {BROKE} if something did, 1 for trouble.",
    )
    replay.add_argument("cases", type=Path, help="JSONL file of cases, as the page saves it")
    replay.add_argument("--model", type=Path, required=True, help="a model folder")
    replay.add_argument("--json", type=Path, help="write the outcomes here, as JSON")
    replay.add_argument("--junit", type=Path, help="write them here, as JUnit XML")
    replay.add_argument(
        "--tolerance",
        type=float,
        default=0.01,
        help="how far a cosine may move before it counts as drifted (0.01)",
    )
    replay.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="judge this model's scores by this probability instead of each case's own",
    )
    replay.set_defaults(command=_replay)


def _run(options: argparse.Namespace) -> None:
    from datetime import datetime

    from dssm_core.files import write_whole
    from dssm_core.inspection.findings import find
    from dssm_core.inspection.score_pairs import inspect_pairs
    from dssm_core.inspection.unread import unread
    from dssm_core.reporting.report import report_html
    from dssm_core.scoring import Scorer
    from dssm_core.words import translator_for

    _check_writable(options.out, options.json)
    _check_probability(options.threshold)
    given, reading = read_labelled(options.pairs, options)
    pairs, notes = _with_negatives(given, options)
    scorer = Scorer(options.model)
    inspection = inspect_pairs(scorer, pairs, terminal_progress("texts"))
    reading["doubts"] += say_doubts(options.pairs, unread(inspection.frame))
    verdicts, path = _verdicts()
    findings = find(
        inspection,
        scorer,
        _cosine(options.threshold, inspection),
        data=options.pairs.name,
        date=datetime.now().astimezone().isoformat(sep=" ", timespec="minutes"),
        notes=notes,
        verdicts=verdicts,
        progress=terminal_progress("errors"),
    )
    if options.json:
        content = json_text({**findings.to_dict(), "reading": reading})
        write_whole(options.json, f"{content}\n".encode())
    if options.out:
        write_whole(options.out, report_html(findings, translator_for(options.language)))
    _print_findings(findings, options.threshold is None)
    if len(findings.verdicts):
        print(f"\n{len(findings.verdicts):,} verdicts on these pairs, from {path}")
    for written in (options.out, options.json):
        if written:
            print(f"wrote {written}")


def _replay(options: argparse.Namespace) -> int:
    from dssm_core.files import write_whole
    from dssm_core.repro.cases import read_cases
    from dssm_core.repro.replay import replay
    from dssm_core.scoring import Scorer

    _check_writable(options.json, options.junit)
    _check_probability(options.threshold)
    if not options.tolerance >= 0:
        raise UserError("inspect.tolerance", f"{options.tolerance}")
    cases = read_cases(options.cases)
    outcomes = replay(
        cases,
        Scorer(options.model),
        options.tolerance,
        options.threshold,
        terminal_progress("cases"),
    )
    if options.json:
        write_whole(options.json, f"{json_text(outcomes.to_dict())}\n".encode())
    if options.junit:
        write_whole(options.junit, f"{outcomes.as_junit()}\n".encode())
    print(outcomes.as_text())
    return BROKE if outcomes.is_broken else 0


def _check_writable(*paths: Path | None) -> None:
    """Refuse what cannot be written before minutes are spent on it."""
    for path in paths:
        if path and (path.is_dir() or not path.resolve().parent.is_dir()):
            raise UserError("file.not writable", name=str(path))


def _check_probability(value: float | None) -> None:
    if value is not None and not 0 < value < 1:
        raise UserError("inspect.threshold", f"{value}")


def _with_negatives(
    pairs: pd.DataFrame, options: argparse.Namespace
) -> tuple[pd.DataFrame, list[Sentence]]:
    """Return the pairs with assumed negatives if asked for, and what a reader must know."""
    from dssm_core.inspection.score_pairs import sample_negatives
    from dssm_core.words import Sentence

    if options.negatives < 0:
        raise UserError("inspect.negatives", f"{options.negatives}")
    if not (pairs["label"] == 1).all():
        if options.negatives:
            raise UserError("inspect.own negatives", name=options.pairs.name)
        return pairs, []
    if options.negatives:
        drawn = sample_negatives(pairs, options.negatives, options.seed)
        numbers = {
            "pairs": len(pairs),
            "drawn": len(drawn) - len(pairs),
            "each": options.negatives,
            "seed": options.seed,
        }
        return drawn, [Sentence("report.negatives", numbers)]
    if options.threshold is None:
        raise UserError("inspect.all relevant", name=options.pairs.name)
    return pairs, [Sentence("report.all relevant")]


def _cosine(probability: float | None, inspection: Inspection) -> float:
    """Return the threshold: that of a probability, or the best F1's."""
    from dssm_core.inspection import measure

    if probability is None:
        return measure.suggest_threshold(measure.curve(inspection.frame), inspection.frame, None)
    cosine = inspection.head.cosine_at(probability)
    if cosine is None:
        low, high = inspection.head.reachable
        raise UserError(
            "inspect.unreachable threshold",
            f"{probability}",
            model=inspection.model,
            low=low,
            high=high,
        )
    return cosine


def _verdicts() -> tuple[pd.DataFrame, Path]:
    """Return the verdicts of the user's store, which is left alone, and where it is."""
    from dssm_core.store import Store, default_path

    path = default_path()
    return Store(path, read_only=True).verdicts(), path


def _print_findings(findings: Findings, is_best: bool) -> None:
    from dssm_core.inspection.findings import pair_position
    from dssm_core.quantities import format_number
    from dssm_core.reporting.report import lead
    from dssm_core.repro.replay import short
    from dssm_core.words import ENGLISH, join_sentences

    inspection = findings.inspection
    chosen = ", the best F1 of these pairs; --threshold sets another" if is_best else ""
    print(f"{inspection.model} {inspection.fingerprint} on {findings.data}")
    for note in findings.notes:
        print(note.text(ENGLISH))
    probability = format_number(findings.probability, "probability")
    print(f"threshold: cosine {findings.cosine:.4f}, probability {probability}{chosen}")
    print(lead(findings))
    rates = findings.rates.rates().items()
    print(", ".join(f"{name} {format_number(value, 'metric')}" for name, value in rates))
    for name, value in (findings.ranking or {}).items():
        mean, low, high = (format_number(value[key], "metric") for key in ("mean", "low", "high"))
        print(f"{name} {mean} ({low} to {high})")
    print(f"area under ROC {format_number(findings.area, 'metric')}", end=", ")
    print(f"calibration error {format_number(findings.calibration_error, 'metric')}")
    print("\nworst slices:")
    for _, group in findings.worst_slices(SHOWN).iterrows():
        print(f"  {short(group['slice'], 60)}: {group['errors']:,} of {group['pairs']:,} wrong")
    print("\ncauses:")
    for cause, number in findings.causes.items():
        print(f"  {number:,} {cause}")
    print("\nworst errors:")
    for line, row in findings.errors.head(SHOWN).iterrows():
        position = pair_position(line, row.to_dict())
        cosine = f"cosine {format_number(row['cosine'], 'cosine')}"
        print(f"  {row['error']}, {row['cause']}, {cosine}, {position}")
        print(f"    query: {short(row['query'])}\n    document: {short(row['document'])}")
        print(f"    {short(join_sentences(row['evidence'], ENGLISH), 200)}")
