"""`train`, and `card`, which measures again what it wrote."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from dssm_core.commands.files import read_config, read_examples, read_text, with_given


def add(commands: Any) -> None:
    """Add these commands to the parser's."""
    train = commands.add_parser("train", help="train on a file of pairs, write a model folder")
    train.add_argument(
        "--pairs",
        type=Path,
        required=True,
        help="CSV, TSV, JSONL: query,document[,label][,split]",
    )
    train.add_argument("--out", type=Path, required=True, help="the model folder to write")
    train.add_argument(
        "--config", type=Path, help='JSON: {"model": {...}, "training": {...}}, any of their fields'
    )
    train.add_argument("--notes", type=Path, help="Markdown to put at the top of the model card")
    train.add_argument(
        "--examples", type=Path, help="JSONL of title, note, query, documents for the first screen"
    )
    train.add_argument(
        "--data", type=Path, help="train on the shards that `prepare PAIRS --negatives` wrote here"
    )
    train.add_argument(
        "--family", default="lstm", help="lstm, lstm-plain, lstm-subclass, mlp, mlp-sampled"
    )
    train.add_argument("--start", type=Path, help="a model folder whose weights to start from")
    train.add_argument("--json", action="store_true", help="print a line of JSON an epoch")
    train.set_defaults(command=_train)

    card = commands.add_parser("card", help="measure a model folder again and rewrite its card")
    card.add_argument("--model", type=Path, required=True, help="the model folder")
    card.add_argument("--notes", type=Path, help="Markdown for the top; kept as it is without")
    card.add_argument("--examples", type=Path, help="JSONL as for train; rescored without")
    card.set_defaults(command=_card)


def _train(options: argparse.Namespace) -> None:
    from dssm_core.corpus.large import read_for_training
    from dssm_core.folder import ModelFolder
    from dssm_core.models.families import family
    from dssm_core.training import TrainingConfig, train

    given = read_config(options.config) if options.config else {}

    def say(value: Any) -> None:
        if not options.json:
            print(value, flush=True)

    def on_epoch(entry: dict[str, float]) -> None:
        if options.json:
            print(json.dumps(entry), flush=True)

    chosen = family(options.family)
    model = with_given(chosen.config, given.get("model", {}), "model")
    training = with_given(TrainingConfig(**chosen.training), given.get("training", {}), "training")
    notes = read_text(options.notes, "--notes") if options.notes else ""
    examples = read_examples(options.examples) if options.examples else ()
    out = options.out.resolve()
    work = out.with_name(f".{out.name}.data")  # of a file too large to read whole
    pairs, data = read_for_training(options.pairs, options.data, work, say)
    train(
        *(pairs, options.out, model, training, notes, examples),
        data,
        options.family,
        ModelFolder.open(options.start) if options.start else None,
        say,
        on_epoch,
    )
    shutil.rmtree(work, ignore_errors=True)


def _card(options: argparse.Namespace) -> None:
    from dssm_core.card import refresh_folder
    from dssm_core.folder import ModelFolder

    folder = ModelFolder.open(options.model)
    notes = options.notes or folder.path / "notes.md"
    examples = read_examples(options.examples) if options.examples else folder.examples
    given = options.notes or notes.exists()
    refresh_folder(folder, examples, read_text(notes, "--notes") if given else "")
    print(f"wrote {options.model / 'README.md'}")
