"""`train`; `card` and `faithfulness`, which measure what it wrote, and keep it in the folder."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dssm_core.commands.files import (
    add_reading,
    choices_of,
    read_config,
    read_examples,
    read_lines,
    read_text,
    terminal_progress,
    with_given,
)
from dssm_core.commands.output import json_text, log_of, silent
from dssm_core.errors import UserError
from dssm_core.families import FAMILIES, family

if TYPE_CHECKING:
    import pandas as pd

    from dssm_core.commands.files import Commands
    from dssm_core.paths import WorkFolders
    from dssm_core.training import Hard, Plan
    from dssm_core.training.teacher import Teacher
    from dssm_core.workers import Workers


def add(commands: Commands) -> None:
    """Add these commands to the parser's."""
    _add_train(commands)
    _add_card(commands)
    _add_faithfulness(commands)


def _add_train(commands: Commands) -> None:
    train = commands.add_parser("train", help="train on a file of pairs, write a model folder")
    train.add_argument(
        "--pairs",
        type=Path,
        required=True,
        help="pairs: CSV, TSV, JSON, JSONL, Parquet, perhaps with a column split",
    )
    add_reading(train)
    train.add_argument("--out", type=Path, required=True, help="the model folder to write")
    train.add_argument(
        "--config",
        type=Path,
        help='JSON: {"model": {...}, "training": {...}, "hard": {...}}, any of their fields',
    )
    train.add_argument("--notes", type=Path, help="Markdown to put at the top of the model card")
    train.add_argument(
        "--examples", type=Path, help="JSONL of title, note, query, documents for the first screen"
    )
    train.add_argument(
        "--data",
        type=Path,
        help="folder of prepared negatives, written by `prepare PAIRS --negatives`",
    )
    train.add_argument(
        "--hard",
        type=int,
        metavar="N",
        help="then train again, against N documents of each query that the model ranks highest",
    )
    train.add_argument("--family", default="lstm", help=", ".join(FAMILIES))
    train.add_argument("--start", type=Path, help="a model folder whose weights to start from")
    train.add_argument(
        "--teacher",
        metavar="ENCODER",
        help="an encoder, as `adopt` takes it: the model learns how near it puts texts",
    )
    train.add_argument(
        "--texts", type=Path, help="texts without labels, one a line, for the teacher to read, too"
    )
    train.add_argument(
        "--json",
        action="store_true",
        help="print a line of JSON for how the pairs are read, and one for each epoch",
    )
    train.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="train by N processes of this machine; by those of several machines, set TF_CONFIG",
    )
    # processes of one TF_CONFIG share the folder, into which the first of them writes
    train.set_defaults(command=_train, writes=None if os.environ.get("TF_CONFIG") else "out")


def _add_card(commands: Commands) -> None:
    card = commands.add_parser("card", help="measure a model folder again and rewrite its card")
    card.add_argument("--model", type=Path, required=True, help="the model folder")
    card.add_argument(
        "--notes", type=Path, help="Markdown for the top of the card (default: its present text)"
    )
    card.add_argument(
        "--examples",
        type=Path,
        help="JSONL, as for train (default: the present examples, scored again)",
    )
    card.set_defaults(command=_card, writes="model")


def _add_faithfulness(commands: Commands) -> None:
    faithfulness = commands.add_parser(
        "faithfulness",
        help="which of attention, effect and interaction finds the words that matter",
        description="Removes words of held-out pairs in the order of each explanation, and sees "
        "how much faster the cosine falls than in random order. Writes the figures into the model "
        "folder, where its card and the page show them.",
    )
    faithfulness.add_argument("--model", type=Path, required=True, help="the model folder")
    faithfulness.add_argument("--sample", type=int, default=500, help="pairs to draw (500)")
    faithfulness.add_argument("--seed", type=int, default=0, help="random seed of the draw (0)")
    faithfulness.set_defaults(command=_faithfulness, writes="model")


def _train(options: argparse.Namespace) -> None:
    from dssm_core.paths import WorkFolders

    _check_together(options)
    folders = WorkFolders.beside(options.out)
    if options.workers is not None:
        _train_together(options, folders)
    else:
        _train_here(options, folders)
    folders.remove()


def _check_together(options: argparse.Namespace) -> None:
    """Refuse options that do not go together.

    Raises:
        UserError: if so.
    """
    has_workers, has_cluster = options.workers is not None, bool(os.environ.get("TF_CONFIG"))
    if options.hard is not None and options.data:
        raise UserError("train.hard and data")
    if has_workers and options.workers < 1:
        raise UserError("workers.below 1", str(options.workers))
    if has_workers and has_cluster:
        raise UserError("workers.two ways")
    if options.hard is not None and (has_workers or has_cluster):
        raise UserError("workers.hard")
    if options.teacher and (has_workers or has_cluster):
        raise UserError("workers.teacher")
    if options.texts and not options.teacher:
        raise UserError("train.texts without teacher")


def _train_here(options: argparse.Namespace, folders: WorkFolders) -> None:
    """Train in this process; with those of other machines, if TF_CONFIG names them."""
    from dssm_core.corpus.large import is_large
    from dssm_core.training import train, train_hard, workers_of_environment

    workers = workers_of_environment()
    plan, hard = _plan(options)
    if workers.number > 1 and options.data is None and is_large(options.pairs):
        raise UserError("workers.large", name=options.pairs.name)
    log = log_of(options) if workers.is_first else silent
    pairs, data = _read_pairs(options, folders, log)
    plan = replace(plan, pairs=pairs, data=data)
    if hard is None:
        train(plan, log, _on_epoch(options), workers)
    else:
        train_hard(plan, options.pairs, hard, log, _on_epoch(options), choices_of(options))


def _train_together(options: argparse.Namespace, folders: WorkFolders) -> None:
    """Train in processes of this machine, for which the pairs are read once."""
    from dssm_core.workers import run_together

    read = _read_pairs(options, folders, log_of(options))
    run_together(partial(_work, options, *read), options.workers)


def _work(
    options: argparse.Namespace, pairs: pd.DataFrame, data: Path | None, workers: Workers
) -> None:
    """Do one process's part of a training."""
    from dssm_core.training import train

    plan, _ = _plan(options)
    train(replace(plan, pairs=pairs, data=data), log_of(options), _on_epoch(options), workers)


def _read_pairs(
    options: argparse.Namespace, folders: WorkFolders, log: Callable[[str], None]
) -> tuple[pd.DataFrame, Path | None]:
    from dssm_core.corpus.large import read_for_training
    from dssm_core.corpus.reading import open_table

    if options.json:
        reading = open_table(options.pairs, choices_of(options))[1]
        print(json_text({"reading": reading.to_dict()}, indent=None), flush=True)
    given = options.pairs, options.data, folders.large
    return read_for_training(*given, log, choices_of(options))


def _on_epoch(options: argparse.Namespace) -> Callable[[dict[str, float]], None]:
    """Return what is called with each epoch's entry of the history."""
    return _print_json if options.json else silent


def _print_json(entry: dict[str, float]) -> None:
    print(json_text(entry, indent=None), flush=True)


def _plan(options: argparse.Namespace) -> tuple[Plan, Hard | None]:
    """Return the training that the options ask for, without its pairs, and that of --hard."""
    import pandas as pd

    from dssm_core.folder import ModelFolder
    from dssm_core.training import Hard, Plan, TrainingConfig
    from dssm_core.training.hard import CHOICES

    given = read_config(options.config) if options.config else {}
    chosen = family(options.family)
    sizes = with_given(chosen.config, given.get("model", {}), "model")
    training = with_given(TrainingConfig(**chosen.training), given.get("training", {}), "training")
    second = with_given(with_given(training, CHOICES, "hard"), given.get("hard", {}), "hard")
    plan = Plan(
        pd.DataFrame(),
        options.out,
        sizes,
        training,
        options.family,
        start=ModelFolder.open(options.start) if options.start else None,
        teacher=_teacher(options),
        notes=read_text(options.notes, "--notes") if options.notes else "",
        examples=read_examples(options.examples) if options.examples else (),
    )
    return plan, None if options.hard is None else Hard(options.hard, second)


def _teacher(options: argparse.Namespace) -> Teacher | None:
    """Return the encoder that --teacher names, with the texts of --texts."""
    from dssm_core.paths import WorkFolders
    from dssm_core.training.teacher import Teacher

    if not options.teacher:
        return None
    texts = read_lines(options.texts, "--texts") if options.texts else []
    return Teacher.open(options.teacher, WorkFolders.beside(options.out).teacher, texts)


def _card(options: argparse.Namespace) -> None:
    from dssm_core.card import refresh_folder
    from dssm_core.folder import ModelFolder

    folder = ModelFolder.open(options.model)
    notes = options.notes or folder.path / "notes.md"
    examples = read_examples(options.examples) if options.examples else folder.examples
    given = options.notes or notes.exists()
    refresh_folder(folder, examples, read_text(notes, "--notes") if given else "")
    print(f"wrote {options.model / 'README.md'}")


def _faithfulness(options: argparse.Namespace) -> None:
    from dssm_core.card import faithfulness_table, store_faithfulness
    from dssm_core.corpus.pairs import read_pairs
    from dssm_core.corpus.reading import OWN
    from dssm_core.evaluation.faithfulness import measure_faithfulness
    from dssm_core.folder import FAITHFULNESS, ModelFolder
    from dssm_core.runtimes.load import load_towers

    folder = ModelFolder.open(options.model)
    pairs = read_pairs(folder.path / "pairs.csv", choices=OWN)
    towers, background = load_towers(folder), folder.random_pairs
    found = measure_faithfulness(
        towers, pairs, background, options.seed, options.sample, terminal_progress("pairs")
    )
    store_faithfulness(folder, found)
    print(faithfulness_table(found))
    print(f"wrote {folder.path / FAITHFULNESS}")
