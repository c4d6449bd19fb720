"""`adopt`, `prompts`, `carry` and `probes`: what one wants to know of somebody else's encoder."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dssm_core.commands.files import add_model, add_reading, read_labelled, read_text
from dssm_core.commands.output import json_text
from dssm_core.errors import UserError

WORSE = 3
"""Exit status where a probe is worse than the baseline."""

if TYPE_CHECKING:
    from dssm_core.commands.files import Commands
    from dssm_core.towers import Side


def add(commands: Commands) -> None:
    """Add these commands to the parser's."""
    _add_adopt(commands)
    _add_prompts(commands)
    _add_carry(commands)
    _add_probes(commands)


def _add_adopt(commands: Commands) -> None:
    adopt = commands.add_parser(
        "adopt",
        help="make a model folder that refers to another encoder, such as all-MiniLM-L6-v2",
        description="Opens an encoder, checks that it is loaded right, fits a probability to your "
        "labelled pairs, and writes a model folder that refers to it. Exits with 1 where the "
        "checks find that the scores are not to be trusted.",
    )
    adopt.add_argument(
        "encoder",
        help="a sentence-transformers, transformers or model2vec folder; an .onnx file; a file of "
        "vectors; endpoint:NAME; function:NAME",
    )
    adopt.add_argument("--pairs", type=Path, required=True, help="a file of labelled pairs")
    adopt.add_argument("--out", type=Path, required=True, help="the model folder to write")
    adopt.add_argument("--query-prompt", help="put in front of queries (the encoder's own)")
    adopt.add_argument("--document-prompt", help="put in front of documents (the encoder's own)")
    adopt.add_argument(
        "--tokenizer", type=Path, help="folder with the tokenizer.json of an .onnx file"
    )
    adopt.add_argument(
        "--no-onnx",
        action="store_true",
        help="compute a folder's weights in NumPy, with attention, although it has an ONNX file",
    )
    adopt.add_argument(
        "--known",
        type=Path,
        help='known vectors to recompute, JSONL: {"text", "vector"[, "side"]}',
    )
    adopt.add_argument("--seed", type=int, default=0, help="random seed of every draw (0)")
    add_reading(adopt)
    adopt.set_defaults(command=_adopt, writes="out")


def _add_prompts(commands: Commands) -> None:
    prompts = commands.add_parser(
        "prompts", help="measure what a wrong prompt costs: own, none, swapped, same on both sides"
    )
    prompts.add_argument("--model", type=Path, required=True, help="an adopted model folder")
    prompts.add_argument("--pairs", type=Path, required=True, help="labelled pairs")
    prompts.add_argument("--seed", type=int, default=0, help="random seed of the intervals (0)")
    prompts.add_argument("--json", action="store_true", help="print JSON")
    add_reading(prompts)
    prompts.set_defaults(command=_prompts)


def _add_carry(commands: Commands) -> None:
    carry = commands.add_parser(
        "carry", help="carry a threshold over to another model, and say what the old number does"
    )
    carry.add_argument("--model", type=Path, required=True, help="the model that it is of")
    carry.add_argument("--against", type=Path, required=True, help="the model to carry it to")
    carry.add_argument("--cosine", type=float, required=True, help="the threshold")
    carry.add_argument(
        "--pairs", type=Path, required=True, help="labelled pairs, the same for both"
    )
    carry.add_argument(
        "--negatives",
        type=int,
        default=0,
        metavar="N",
        help="if all pairs are labelled 1: add N random documents to each query as not relevant",
    )
    carry.add_argument(
        "--cost",
        type=float,
        default=1.0,
        help="how many missed pairs a false alarm is as bad as, for the least cost (1)",
    )
    carry.add_argument("--seed", type=int, default=0, help="random seed of --negatives (0)")
    carry.add_argument("--json", action="store_true", help="print JSON")
    add_reading(carry)
    carry.set_defaults(command=_carry)


def _add_probes(commands: Commands) -> None:
    probes = commands.add_parser(
        "probes",
        help="how often a negation, a number, a date or swapped names go unnoticed",
        epilog=f"Exit status: {WORSE} if a probe is worse than --baseline, 1 for trouble.",
    )
    add_model(probes)
    probes.add_argument("--pairs", type=Path, required=True, help="labelled pairs")
    probes.add_argument("--seed", type=int, default=0, help="random seed of the draw (0)")
    probes.add_argument("--json", type=Path, help="write the figures here, a baseline for later")
    probes.add_argument(
        "--baseline", type=Path, help=f"figures to compare with: exit status {WORSE} if worse"
    )
    add_reading(probes)
    probes.set_defaults(command=_probes)


def _adopt(options: argparse.Namespace) -> int:
    from dssm_core.adoption import Adoption, adopt

    given: dict[Side, str | None] = {
        "query": options.query_prompt,
        "document": options.document_prompt,
    }
    findings = adopt(
        Adoption(
            options.encoder,
            read_labelled(options.pairs, options)[0],
            options.out,
            {
                **({"tokenizer": str(options.tokenizer.resolve())} if options.tokenizer else {}),
                **({"onnx": False} if options.no_onnx else {}),
            },
            {side: prompt for side, prompt in given.items() if prompt is not None},
            options.known,
            options.seed,
        ),
        progress=_progress,
    )
    return int(any(finding.level == "error" for finding in findings))


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} of {total:,} texts encoded", end="", file=sys.stderr, flush=True)


def _prompts(options: argparse.Namespace) -> None:
    from dssm_core.adoption import audit_prompts
    from dssm_core.folder import ModelFolder
    from dssm_core.runtimes.load import load_towers
    from dssm_core.towers import PromptedTowers

    towers = load_towers(ModelFolder.open(options.model))
    if not isinstance(towers, PromptedTowers):
        raise UserError("adopt.no prompts")
    audit = audit_prompts(towers, read_labelled(options.pairs, options)[0], options.seed)
    if options.json:
        print(json_text(audit.to_dict("records")))
        return
    print(f"{'prompts':20} {'MRR@10':7} {'95 % interval':15} {'p':7} random pairs 5/50/95 %")
    for row in audit.to_dict("records"):
        p = "" if row["name"] == "own" else f"{row['p']:.4f}"
        random = " / ".join(f"{row[f'random {step} %']:.3f}" for step in (5, 50, 95))
        interval = f"[{row['low']:.3f}, {row['high']:.3f}]"
        print(f"{row['name']:20} {row['MRR@10']:.3f}   {interval:15} {p:7} {random}")


def _carry(options: argparse.Namespace) -> None:
    from dssm_core.inspection.carry import carry_threshold
    from dssm_core.inspection.score_pairs import inspect_pairs, sample_negatives
    from dssm_core.scoring import Scorer

    pairs, _ = read_labelled(options.pairs, options)
    if options.negatives and (pairs["label"] == 1).all():
        pairs = sample_negatives(pairs, options.negatives, options.seed)
    scorers = Scorer(options.model), Scorer(options.against)
    one, other = (inspect_pairs(scorer, pairs) for scorer in scorers)
    backgrounds = scorers[0].folder.random_pairs, scorers[1].folder.random_pairs
    table = carry_threshold(one, other, options.cosine, backgrounds, options.cost)
    if options.json:
        print(json_text(table.to_dict("records")))
        return
    print(f"{'':12} {'cosine':>8} {'precision':>10} {'recall':>8} {'F1':>8} {'errors':>8}")
    for row in table.to_dict("records"):
        numbers = [f"{row[name]:.3f}" for name in ("cosine", "precision", "recall", "f1")]
        errors = "" if row["errors"] != row["errors"] else f"{row['errors']:,.0f}"
        cells = zip((*numbers, errors), (8, 10, 8, 8, 8), strict=True)
        print(f"{row['rule']:12}", *(f"{cell:>{width}}" for cell, width in cells))


def _probes(options: argparse.Namespace) -> int:
    from dssm_core.evaluation.probes import probe, worse_than
    from dssm_core.files import write_whole
    from dssm_core.folder import ModelFolder
    from dssm_core.runtimes.load import load_towers

    baseline = _baseline(options.baseline) if options.baseline else None
    towers = load_towers(ModelFolder.open(options.model))
    figures = probe(towers, read_labelled(options.pairs, options)[0], options.seed)
    null = figures["null"]
    print(
        f"{null['cases']:,} edits that keep the meaning move the cosine down by "
        f"{null['median']:.3f} (median); 95 % of them by at most {null['limit']:.3f}"
    )
    for row in figures["probes"]:
        if row["rate"] is None:
            print(f"{row['name']:9} {row['cases']:,} cases: too few")
            continue
        print(
            f"{row['name']:9} {row['missed']:,} of {row['cases']:,} go unnoticed: "
            f"{row['rate']:.1%} [{row['low']:.1%}, {row['high']:.1%}], median {row['median']:.3f}"
        )
    if options.json:
        write_whole(options.json, json_text(figures).encode())
    worse = worse_than(figures, baseline) if baseline is not None else []
    if worse:
        print(f"worse than {options.baseline}: {', '.join(worse)}")
    return WORSE if worse else 0


def _baseline(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(read_text(path, "--baseline"))
    except (ValueError, RecursionError) as error:
        raise UserError("probes.damaged baseline", str(error)) from None
    if not isinstance(values, dict):
        raise UserError("probes.damaged baseline", type(values).__name__)
    return values
