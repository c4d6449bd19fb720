"""`score` and `evaluate`: one query, and a file of them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dssm_core.commands.files import read_lines
from dssm_core.errors import UserError


def add(commands: Any) -> None:
    """Add these commands to the parser's."""
    evaluate = commands.add_parser("evaluate", help="measure a model and BM25 on a file of pairs")
    evaluate.add_argument("--model", type=Path, required=True, help="a model folder")
    evaluate.add_argument(
        "--pairs", type=Path, required=True, help="each row's candidates: all documents of the file"
    )
    evaluate.add_argument("--seed", type=int, default=0, help="of bootstrap and sampled negatives")
    evaluate.add_argument("--json", action="store_true", help="print JSON")
    evaluate.set_defaults(command=_evaluate)

    score = commands.add_parser("score", help="score documents against a query")
    score.add_argument("--model", type=Path, required=True, help="a model folder")
    score.add_argument("--query", required=True, help="the query's text")
    score.add_argument(
        "--docs", type=Path, required=True, help="text file, one document a line; - reads stdin"
    )
    score.add_argument("--json", action="store_true", help="print JSON")
    score.set_defaults(command=_score)


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


def _score(options: argparse.Namespace) -> None:
    from dssm_core.scoring import Scorer

    try:
        options.query.encode()
    except UnicodeEncodeError:
        raise UserError("--query is not UTF-8", repr(options.query)) from None
    documents = read_lines(options.docs)
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
