"""`train`, and `card`, which measures again what it wrote."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dssm_core.commands.files import read_config, read_examples, read_text, with_given
from dssm_core.errors import UserError

HARD = {"epochs": 2, "batch": 256, "learning_rate": 7e-4, "negatives": 4, "average": True}
"""What differs in the training that --hard adds, chosen on debian-packages' validation pairs."""

POOL = 40_000
"""Documents that a shard's hard negatives are chosen from."""


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
    train.add_argument(
        "--family", default="lstm", help="lstm, lstm-plain, lstm-subclass, mlp, mlp-sampled"
    )
    train.add_argument("--start", type=Path, help="a model folder whose weights to start from")
    train.add_argument("--json", action="store_true", help="print one line of JSON for each epoch")
    train.set_defaults(command=_train)

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
    card.set_defaults(command=_card)


def _train(options: argparse.Namespace) -> None:
    from dssm_core.corpus.large import read_for_training
    from dssm_core.folder import ModelFolder
    from dssm_core.models.families import family
    from dssm_core.training import TrainingConfig, train

    if options.hard is not None and options.data:
        raise UserError("train.hard and data")
    given = read_config(options.config) if options.config else {}

    def log(value: Any) -> None:
        if not options.json:
            print(value, flush=True)

    def on_epoch(entry: dict[str, float]) -> None:
        if options.json:
            print(json.dumps(entry), flush=True)

    chosen = family(options.family)
    model = with_given(chosen.config, given.get("model", {}), "model")
    training = with_given(TrainingConfig(**chosen.training), given.get("training", {}), "training")
    hard = with_given(with_given(training, HARD, "hard"), given.get("hard", {}), "hard")
    notes = read_text(options.notes, "--notes") if options.notes else ""
    examples = read_examples(options.examples) if options.examples else ()
    start = ModelFolder.open(options.start) if options.start else None
    out = options.out.resolve()
    work, base, shards = (out.with_name(f".{out.name}.{part}") for part in ("data", "base", "hard"))
    pairs, data = read_for_training(options.pairs, options.data, work, log)
    if options.hard is not None:
        with options.pairs.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        mark = base / "pairs.sha256"
        if not _is_of(base, model, training, options.family) or not _holds(mark, content):
            shutil.rmtree(shards, ignore_errors=True)
            train(pairs, base, model, training, "", (), data, options.family, start, log, on_epoch)
            mark.write_text(content)
        start = ModelFolder.open(base)
        source = options.pairs if data is None else work / "pairs.csv"
        training, data = hard, shards
        _draw_hard(source, shards, start, options.hard, training.seed, log)
    train(
        *(pairs, options.out, model, training, notes, examples),
        *(data, options.family, start, log, on_epoch),
    )
    for made in (work, base, shards):
        shutil.rmtree(made, ignore_errors=True)


def _is_of(folder: Path, model: Any, training: Any, family: str) -> bool:
    """Return whether a killed run's first training was finished, and with the same choices."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    made = [config.get(key) for key in ("model", "training", "family")]
    return made == [asdict(model), asdict(training), family]


def _holds(file: Path, content: str) -> bool:
    """Return whether there is such a file, and it holds just that."""
    return file.is_file() and file.read_text("utf-8", "replace") == content


def _draw_hard(
    source: Path, out: Path, model: Any, number: int, seed: int, log: Callable[[str], None]
) -> None:
    """Prepare the negatives that a model folder itself ranks first."""
    from dssm_core.corpus.negatives import NegativesConfig, prepare_negatives
    from dssm_core.evaluation import cosine_nearest
    from dssm_core.runtimes.load import load_towers

    config = NegativesConfig(number, "model", seed, pool=POOL)
    prepare_negatives(
        source, out, config, cosine_nearest(load_towers(model)), log, model.fingerprint
    )


def _card(options: argparse.Namespace) -> None:
    from dssm_core.card import refresh_folder
    from dssm_core.folder import ModelFolder

    folder = ModelFolder.open(options.model)
    notes = options.notes or folder.path / "notes.md"
    examples = read_examples(options.examples) if options.examples else folder.examples
    given = options.notes or notes.exists()
    refresh_folder(folder, examples, read_text(notes, "--notes") if given else "")
    print(f"wrote {options.model / 'README.md'}")
