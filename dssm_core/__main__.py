"""`python -m dssm_core`: prepare, train, evaluate, score. Thin: each command calls one function."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from dssm_core.errors import UserError

CORPORA = ("debian-packages", "cedict", "notebook-toy")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0; 1 for trouble that a person can put right, told on standard error; 130 if interrupted.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except UserError as error:
        print(f"{options.name}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # a disk or a file that cannot be written, which it names
        print(f"{options.name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{options.name}: stopped", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dssm_core",
        description="Train, measure and question two-tower text matchers. "
        "The page is started with: streamlit run streamlit_app.py",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="name")

    prepare = commands.add_parser(
        "prepare", help="build a sample corpus, or draw the negatives of a file of pairs"
    )
    prepare.add_argument(
        "source", help=f"{', '.join(CORPORA)}; or a file of pairs, to draw negatives for"
    )
    prepare.add_argument("--out", type=Path, required=True, help="folder to write into")
    prepare.add_argument("--packages", type=Path, help="debian: a Packages file, where no apt is")
    prepare.add_argument("--translation", type=Path, help="debian: its Translation-en file")
    prepare.add_argument("--cedict", type=Path, help="cedict: the data file, where no npm is")
    prepare.add_argument("--negatives", type=int, default=10, help="drawn to each relevant pair")
    prepare.add_argument(
        "--strategy", default="random", help="random, frequency, bm25 or model: how they are drawn"
    )
    prepare.add_argument("--model", type=Path, help="the model folder of the strategy model")
    prepare.add_argument("--seed", type=int, default=0, help="of the draw")
    prepare.add_argument("--epochs", type=int, default=1, help="so many independent draws")
    prepare.add_argument("--pool", type=int, default=20_000, help="documents a shard draws from")
    prepare.set_defaults(command=_prepare)

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
    train.add_argument("--family", default="lstm", help="lstm, lstm-plain, lstm-subclass or mlp")
    train.add_argument("--start", type=Path, help="a model folder whose weights to start from")
    train.add_argument("--json", action="store_true", help="print a line of JSON an epoch")
    train.set_defaults(command=_train)

    evaluate = commands.add_parser("evaluate", help="measure a model and BM25 on a file of pairs")
    evaluate.add_argument("--model", type=Path, required=True, help="a model folder")
    evaluate.add_argument(
        "--pairs", type=Path, required=True, help="each row's candidates: all documents of the file"
    )
    evaluate.add_argument("--seed", type=int, default=0, help="of bootstrap and sampled negatives")
    evaluate.add_argument("--json", action="store_true", help="print JSON")
    evaluate.set_defaults(command=_evaluate)

    systems = commands.add_parser("systems", help="list the notebook's systems, layer by layer")
    systems.add_argument("--json", action="store_true", help="print JSON")
    systems.set_defaults(command=_systems)

    toy = commands.add_parser("toy", help="fit the notebook's LSTMModel on its toy data, predict")
    toy.add_argument("--seed", type=int, default=0, help="of weights and order")
    toy.add_argument("--json", action="store_true", help="print JSON")
    toy.set_defaults(command=_toy)

    card = commands.add_parser("card", help="measure a model folder again and rewrite its card")
    card.add_argument("--model", type=Path, required=True, help="the model folder")
    card.add_argument("--notes", type=Path, help="Markdown for the top; kept as it is without")
    card.add_argument("--examples", type=Path, help="JSONL as for train; rescored without")
    card.set_defaults(command=_card)

    score = commands.add_parser("score", help="score documents against a query")
    score.add_argument("--model", type=Path, required=True, help="a model folder")
    score.add_argument("--query", required=True, help="the query's text")
    score.add_argument(
        "--docs", type=Path, required=True, help="text file, one document a line; - reads stdin"
    )
    score.add_argument("--json", action="store_true", help="print JSON")
    score.set_defaults(command=_score)
    return parser


def _prepare(options: argparse.Namespace) -> None:
    from dssm_core.corpus import samples

    if options.source == "debian-packages":
        report = samples.prepare_debian_packages(options.out, options.packages, options.translation)
    elif options.source == "cedict":
        report = samples.prepare_cedict(options.out, options.cedict)
    elif options.source == "notebook-toy":
        options.out.mkdir(parents=True, exist_ok=True)
        samples.notebook_toy().to_csv(options.out / "pairs.csv", index=False)
        print(f"wrote {options.out / 'pairs.csv'}")
        return
    else:
        _prepare_negatives(options)
        return
    print("\n".join(report.lines()))


def _prepare_negatives(options: argparse.Namespace) -> None:
    from dssm_core.corpus.negatives import NegativesConfig, Rank, prepare_negatives
    from dssm_core.evaluation import bm25_nearest, cosine_nearest
    from dssm_core.folder import ModelFolder

    source = Path(options.source)
    if not source.is_file():
        raise UserError(
            "There is no such corpus or file", options.source, f"Corpora: {', '.join(CORPORA)}."
        )
    nearest: Rank | None = None
    ranker = ""
    if options.strategy == "bm25":
        nearest = bm25_nearest
    elif options.strategy == "model":
        if not options.model:
            raise UserError("The strategy model needs a model", hint="Add --model FOLDER.")
        folder = ModelFolder.open(options.model)
        nearest, ranker = cosine_nearest(folder.load_towers()), folder.fingerprint
    config = NegativesConfig(
        options.negatives, options.strategy, options.seed, options.epochs, pool=options.pool
    )
    manifest = prepare_negatives(source, options.out, config, nearest, print, ranker)
    print(
        f"{manifest['pairs']:,} pairs, {manifest['documents']:,} documents, "
        f"{len(manifest['shards'])} shards in {options.out}"
    )


def _train(options: argparse.Namespace) -> None:
    from dssm_core.corpus.pairs import read_pairs
    from dssm_core.folder import ModelFolder
    from dssm_core.models.families import family
    from dssm_core.training import TrainingConfig, train

    given = _read_config(options.config) if options.config else {}

    def say(value: Any) -> None:
        if not options.json:
            print(value, flush=True)

    def on_epoch(entry: dict[str, float]) -> None:
        if options.json:
            print(json.dumps(entry), flush=True)

    train(
        read_pairs(options.pairs),
        options.out,
        _with(family(options.family).config, given.get("model", {}), "model"),
        _with(TrainingConfig(), given.get("training", {}), "training"),
        _read_text(options.notes, "--notes") if options.notes else "",
        _read_examples(options.examples) if options.examples else (),
        options.data,
        options.family,
        ModelFolder.open(options.start) if options.start else None,
        say,
        on_epoch,
    )


def _systems(options: argparse.Namespace) -> None:
    from dssm_core.models.systems import describe_systems

    systems = describe_systems()
    if options.json:
        print(json.dumps(systems))
        return
    for system in systems:
        print(f"{system['name']}: {system['title']} ({system['parameters']:,} parameters)")
        for layer in system["layers"]:
            inputs = ", ".join(layer["inputs"])
            print(
                f"  {layer['name']:18} {layer['kind']:14} {layer['shape']:18} "
                f"{layer['parameters']:>9,}  {inputs}"
            )


def _toy(options: argparse.Namespace) -> None:
    from dssm_core.models.lstm import run_toy

    frame = run_toy(options.seed)
    rows = {"scale": frame.attrs["scale"], "bias": frame.attrs["bias"]}
    if options.json:
        print(json.dumps({**rows, "rows": frame.to_dict("records")}))
        return
    print(frame.to_string(index=False))
    print(f"probability = sigmoid({rows['scale']:.4f} * cosine + {rows['bias']:.4f})")


def _evaluate(options: argparse.Namespace) -> None:
    from dssm_core.card import metrics_table, significance
    from dssm_core.corpus.pairs import read_pairs
    from dssm_core.evaluation import evaluate_towers
    from dssm_core.folder import ModelFolder

    pairs = read_pairs(options.pairs)
    metrics = evaluate_towers(ModelFolder.open(options.model).load_towers(), pairs, options.seed)
    if options.json:
        print(json.dumps(metrics, indent=2, allow_nan=False))
        return
    print(f"{metrics['queries']:,} queries, each against {metrics['documents']:,} documents\n")
    print(metrics_table(metrics) + significance(metrics))
    print(f"Expected calibration error, 1:10: {metrics['calibration']['error']:.4f}")


def _card(options: argparse.Namespace) -> None:
    from dssm_core.card import refresh_folder
    from dssm_core.folder import ModelFolder

    folder = ModelFolder.open(options.model)
    notes = options.notes or folder.path / "notes.md"
    examples = _read_examples(options.examples) if options.examples else folder.examples
    given = options.notes or notes.exists()
    refresh_folder(folder, examples, _read_text(notes, "--notes") if given else "")
    print(f"wrote {options.model / 'README.md'}")


def _score(options: argparse.Namespace) -> None:
    from dssm_core.scoring import Scorer

    try:
        options.query.encode()
    except UnicodeEncodeError:
        raise UserError("--query is not UTF-8", repr(options.query)) from None
    documents = _read_lines(options.docs)
    scores = Scorer(options.model).score(options.query, documents)
    if options.json:
        print(json.dumps(scores.to_dict(), ensure_ascii=False, indent=2, allow_nan=False))
        return
    print(f"query: {options.query}\n       {_tokens(scores.query.tokens)}\n")
    for position, result in enumerate(scores.results, 1):
        print(f"{position}. {result.document}")
        if result.cosine is None:
            print("   nothing here that the model reads: no score\n")
            continue
        print(
            f"   rank {result.rank}  cosine {result.cosine:+.3f}  logit {result.logit:+.3f}  "
            f"probability {result.probability:.3f}  percentile {result.percentile:.1f}"
        )
        print(f"   {_tokens(result.tokens)}\n")


def _tokens(tokens: Sequence[Any]) -> str:
    """Return tokens with weights; ~ marks one read by its letters only, - one not read."""
    marks = {"seen": "", "letters": "~", "truncated": "-", "skipped": "-"}
    return " ".join(
        f"{marks[t.state]}{t.text}" + ("" if t.attention is None else f"({t.attention:.2f})")
        for t in tokens
    )


def _read_lines(path: Path) -> list[str]:
    text = _read_text(path, "--docs")
    lines = [line for line in text.split("\n") if line.strip()]  # splitlines cuts at U+2028, too
    if not lines:
        raise UserError(f"{path} holds no documents", hint="Write one a line.")
    return lines


def _read_text(path: Path, option: str) -> str:
    """Return a text file's content, or standard input's for -."""
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text("utf-8-sig")
    except OSError as error:
        raise UserError(f"{option} cannot be read", str(path), str(error)) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{option}: {path} is not UTF-8", str(error), "Save it as UTF-8.") from None


def _read_config(path: Path) -> dict[str, dict[str, Any]]:
    try:
        values = json.loads(_read_text(path, "--config"))
    except (ValueError, RecursionError) as error:
        raise UserError("--config is not JSON", str(path), str(error)) from None
    if not isinstance(values, dict) or not set(values) <= {"model", "training"}:
        raise UserError(
            "--config holds something else", str(path), 'It may hold "model" and "training".'
        )
    for name, value in values.items():
        if not isinstance(value, dict):
            raise UserError(f'--config: "{name}" is of the wrong kind', repr(value))
    return values


def _read_examples(path: Path) -> list[dict[str, Any]]:
    from dssm_core.folder import read_examples

    return read_examples(_read_text(path, "--examples"), str(path))


def _with(config: Any, given: dict[str, Any], what: str) -> Any:
    """Return a config with the given fields changed; a wrong name or value is told plainly."""
    known = asdict(config)
    for name, value in given.items():
        if name not in known:
            names = ", ".join(field.name for field in fields(config))
            raise UserError(f'--config: "{what}" has no "{name}"', hint=f"It has {names}.")
        is_real = known[name] is None or isinstance(known[name], float)
        kinds = (int, float) if is_real else type(known[name])
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise UserError(f'--config: "{what}"."{name}" is of the wrong kind', repr(value))
    try:
        return replace(config, **given)
    except (TypeError, ValueError) as error:
        raise UserError(f'--config: "{what}" cannot be', str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
