"""What commands read: models, text, configurations, examples; trouble names the option."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dssm_core.commands.html import add_strip
from dssm_core.errors import UserError
from dssm_core.paths import sample_model

if TYPE_CHECKING:
    import pandas as pd
    from _typeshed import DataclassInstance

    from dssm_core.corpus.checks import Finding
    from dssm_core.corpus.reading import Choices

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

Sizes = TypeVar("Sizes", bound="DataclassInstance")


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add --model, which is the sample model where it is left out."""
    path = sample_model()
    parser.add_argument(
        "--model", type=Path, default=path, help=f"a model folder (the sample {path.name})"
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a file of pairs is read; what is left out is guessed."""
    group = parser.add_argument_group("how the file of pairs is read")
    group.add_argument("--query-column", metavar="NAME", help="column of the queries")
    group.add_argument("--document-column", metavar="NAME", help="column of the documents")
    group.add_argument(
        "--label-column", metavar="NAME", help="column of the labels; none: all are relevant"
    )
    group.add_argument(
        "--relevant", nargs="+", metavar="VALUE", help="labels that mean relevant, others do not"
    )
    group.add_argument(
        "--min-grade",
        type=_grade,
        metavar="G",
        help="least grade that means relevant (of --qrels 1; nDCG keeps all grades)",
    )
    group.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether the first row has the names of the columns",
    )
    group.add_argument("--encoding", metavar="NAME", help="of the text, such as Windows-1252")
    group.add_argument(
        "--separator", metavar="C", help="between cells: comma, tab, semicolon, bar, or a character"
    )
    group.add_argument(
        "--sheet", metavar="NAME", help="of a workbook; else the first that has a table"
    )
    add_strip(group)


def _grade(text: str) -> float:
    grade = float(text)
    if not math.isfinite(grade):
        raise ValueError(text)
    return grade


def choices_of(options: argparse.Namespace) -> Choices:
    """Return what the options of `add_reading` say."""
    from dssm_core.corpus.formats import SEPARATORS
    from dssm_core.corpus.reading import Choices

    names = {name: character for character, name in SEPARATORS.items()}
    return Choices(
        options.query_column,
        options.document_column,
        options.label_column,
        tuple(options.relevant) if options.relevant else None,
        options.min_grade,
        options.header,
        options.encoding,
        names.get(options.separator, options.separator),
        options.sheet,
        options.strip_html,
    )


def read_labelled(path: Path, options: argparse.Namespace) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a file's pairs and, as plain values, how it was read; print that and its doubts."""
    from dssm_core.corpus.checks import doubts
    from dssm_core.corpus.pairs import read
    from dssm_core.words import ENGLISH

    pairs, reading = read(path, choices=choices_of(options))
    print(f"{path.name}: {reading.sentence().text(ENGLISH)}", file=sys.stderr)
    return pairs, {**reading.to_dict(), "doubts": say_doubts(path, doubts(pairs, reading))}


def say_doubts(path: Path, found: Sequence[Finding]) -> list[dict[str, Any]]:
    """Print what is doubtful in a file, and return it as plain values."""
    from dssm_core.words import ENGLISH

    told = []
    for finding in found:
        text = finding.sentence.text(ENGLISH)
        print(f"{path.name}: {text}", file=sys.stderr)
        told.append({"kind": finding.kind, "rows": list(finding.rows), "text": text})
    return told


def read_text(path: Path, option: str) -> str:
    """Return a text file's content, or standard input's for -."""
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text("utf-8-sig")
    except OSError as error:
        raise UserError("option.unreadable", f"{path}: {error}", option=option) from None
    except UnicodeDecodeError as error:
        raise UserError("option.not UTF-8", str(error), option=option, path=str(path)) from None


def read_lines(path: Path, option: str) -> list[str]:
    """Return the lines of an option's file that are not blank, each of which is a text.

    Raises:
        UserError: if it cannot be read, has no such line, or is a table by its name.
    """
    from dssm_core.corpus.text_stream import TABLES

    if path.suffix.lower() in TABLES:
        raise UserError("option.table", path.name, option=option)
    text = read_text(path, option)
    lines = [line for line in text.split("\n") if line.strip()]  # splitlines cuts at U+2028, too
    if not lines:
        raise UserError("file.no documents", name=str(path))
    return lines


def read_config(path: Path) -> dict[str, dict[str, Any]]:
    """Return the fields that --config gives, of "model", "training" and "hard"."""
    try:
        values = json.loads(read_text(path, "--config"))
    except (ValueError, RecursionError) as error:
        raise UserError("config.not JSON", f"{path}: {error}") from None
    if not isinstance(values, dict) or not set(values) <= {"model", "training", "hard"}:
        raise UserError(
            "config.unknown part",
            ", ".join(map(str, values)) if isinstance(values, dict) else repr(values),
        )
    for name, value in values.items():
        if not isinstance(value, dict):
            raise UserError("config.wrong part", repr(value), part=name)
    return values


def read_examples(path: Path) -> list[dict[str, Any]]:
    """Return the examples of --examples."""
    from dssm_core import folder

    return folder.read_examples(read_text(path, "--examples"), str(path))


def with_given(config: Sizes, given: dict[str, Any], what: str) -> Sizes:
    """Return a config with the given fields changed.

    Raises:
        UserError: naming the field that is unknown or has a wrong value.
    """
    known = asdict(config)
    for name, value in given.items():
        if name not in known:
            names = ", ".join(field.name for field in fields(config))
            raise UserError("config.unknown field", name, part=what, names=names)
        is_real = known[name] is None or isinstance(known[name], float)
        kinds = (int, float) if is_real else type(known[name])
        is_switch = isinstance(known[name], bool)
        if not isinstance(value, kinds) or isinstance(value, bool) != is_switch:
            raise UserError("config.wrong kind", repr(value), part=what, name=name)
    try:
        return replace(config, **given)
    except (TypeError, ValueError) as error:
        raise UserError("config.impossible", str(error), part=what) from None


def terminal_progress(what: str) -> Callable[[int, int], None] | None:
    """Return a function that writes progress to standard error; None unless that is a terminal."""
    if not sys.stderr.isatty():
        return None

    def progress(done: int, total: int) -> None:
        end = "\n" if done >= total else ""
        print(f"\r{done:,} of {total:,} {what}", end=end, file=sys.stderr, flush=True)

    return progress
